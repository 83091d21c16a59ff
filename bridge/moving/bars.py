"""Progress on standard error: a bar for each step where a person watches, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Advance = Callable[[int], None]


@contextmanager
def step(label: str, length: int) -> Iterator[Advance]:
    """A bar until the block ends; what it yields moves it on."""
    shown = click.progressbar(
        length=max(length, 1), label=f"{label:<16}", file=sys.stderr, hidden=not sys.stderr.isatty(), width=30
    )
    with shown as bar:
        yield bar.update
