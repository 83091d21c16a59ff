"""Imports everything once and forks a fresh life at each word, so that two hundred starts take seconds.

`python -m tests.crash.nursery WHAT [ARGUMENT...]`: for each line on standard input a new process begins, and its id is
printed; for `bury`, the last one is waited for and how it ended is printed. A life's own output goes to `output.txt`.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

OUTPUT = Path("output.txt")


def bridge(lease_ms: str, settle_ms: str, take_over_seconds: str) -> Callable[[], None]:
    """`imbridge serve` by the app.yaml of this folder, as patient as told."""
    import alembic.command
    import apscheduler.schedulers.asyncio  # noqa: F401
    import asyncpg  # noqa: F401

    from bridge import app, config
    from bridge.delivery import Pace
    from bridge.listen import run
    from bridge.lookup import Patience

    pace = Pace(take_over_seconds=float(take_over_seconds), patience=Patience(settle_ms=int(settle_ms)))
    tempo = app.Tempo(pace, int(lease_ms))
    return lambda: run(app.serve(config.load(None), tempo))


KINDS: dict[str, Callable[..., Callable[[], None]]] = {"bridge": bridge}


def live(life: Callable[[], None]) -> None:
    """One life, from its first breath to its last; never returns."""
    with OUTPUT.open("ab", buffering=0) as into:
        os.dup2(into.fileno(), 1)
        os.dup2(into.fileno(), 2)
    os.close(0)
    try:
        life()
    finally:
        os._exit(1)


def main() -> None:
    """Bear and bury as told, one life at a time."""
    life = KINDS[sys.argv[1]](*sys.argv[2:])
    child = 0
    for line in sys.stdin:
        if line == "bury\n":
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the protocol
            continue
        child = os.fork()
        if child == 0:
            live(life)
        print(child, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
