"""Pages of a list: what one Slack message shows of it, and the buttons that turn to what comes before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.commands import Command
from bridge.context import Context
from bridge.errors import NotUnderstood
from bridge.grammar import OPTION, QUIET, is_quiet, split
from bridge.phrases import Code, Link, Phrase, Value, phrase, plain
from bridge.reply import Button, Buttons, Hint, Part
from bridge.writing import written

ROWS = 50
"""On one page: more than a screen holds."""
ROOM = 9_000
"""Characters of a page: no row of it is left out by Slack's limit for a table."""
CELL = 450
"""Characters of a cell that can be shown at most."""


def page(ctx: Context, rows: Sequence[tuple[Value, ...]]) -> int:
    """How many of the rows fit on a page, one at least if there is one; at the terminal there are no pages."""
    if not ctx.invocation.place.channel:
        return len(rows)
    room = ROOM
    for count, row in enumerate(rows[:ROWS]):
        room -= sum(map(_size, row))
        if room < 0:
            return max(1, count)
    return min(len(rows), ROWS)


def turn(
    ctx: Context, command: Command, label: Phrase, words: Mapping[str, Sequence[str]]
) -> tuple[Button, ...]:
    """The button that shows another page in the place of this one; none where no line says so."""
    try:
        line = written(command, words, ctx.registry)
    except NotUnderstood:
        return ()
    if is_quiet(split(ctx.invocation.line)):
        line = f"{line} {OPTION}{QUIET}"
    return (Button(label, line, settles=True),)


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a list is shown: from `skip`, `shown` of at most `limit` asked for; `full`: there may be more."""

    skip: int
    shown: int
    limit: int
    full: bool


def around(
    ctx: Context, command: Command, words: Mapping[str, Sequence[str]], span: Span
) -> tuple[Part, ...]:
    """What leads to the pages before and after, of a command that takes `--skip`."""
    after = span.skip + span.shown
    if not ctx.invocation.place.channel:
        more = phrase("There may be more: {option}", option=Code(f"--skip {after}"))
        return (Hint(more),) if span.full else ()
    before = str(max(0, span.skip - span.shown))
    back = turn(ctx, command, phrase("Previous page"), {**words, "skip": [before]}) if span.skip else ()
    on = turn(ctx, command, phrase("Next page"), {**words, "skip": [str(after)]}) if span.full else ()
    return (Buttons((*back, *on)),) if back or on else ()


def linked(url: str, name: str | None) -> Link:
    """A foreign address, read as its file's name and the host that keeps it: nobody follows it unawares."""
    try:
        parts = urlsplit(url)
        host, last = parts.hostname or "", parts.path.rpartition("/")[2]
    except ValueError:
        host = last = ""
    return Link(url, plain(phrase("{name} ({host})", name=name or last or "…", host=host)))


def _size(value: Value) -> int:
    """What a cell takes at most, its characters escaped."""
    shown = plain(phrase("{value}", value=value))[:CELL]
    marks = 4 * shown.count("&") + 3 * (shown.count("<") + shown.count(">"))
    return len(shown.encode("utf-16-le", "surrogatepass")) // 2 + marks
