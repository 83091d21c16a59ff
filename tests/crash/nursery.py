"""Imports everything once and forks a fresh life at each word, so that two hundred starts take seconds.

`python -m tests.crash.nursery WHAT [ARGUMENT...]`: for each line on standard input a new process begins, and its id is
printed; for `bury`, the last one is waited for and how it ended is printed. A life's own output goes to `output.txt`.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.crash.processes import OUTPUT

LATE_IMPORTS = ("alembic.command", "apscheduler.schedulers.asyncio", "asyncpg")
"""What a life imports only once it runs."""


def bridge(lease_ms: str, settle_ms: str, ahead_ms: str = "0") -> Callable[[], None]:
    """`imbridge serve` by the app.yaml of this folder, as patient as told, its clock ahead of the others'."""
    from bridge import app, config
    from bridge.clock import now_ms
    from bridge.delivery import Pace
    from bridge.listen import run
    from bridge.lookup import Patience

    for name in LATE_IMPORTS:
        importlib.import_module(name)
    pace = Pace(take_over_seconds=0.2, patience=Patience(settle_ms=int(settle_ms)))
    timing = app.Timing(lambda: now_ms() + int(ahead_ms), pace, int(lease_ms))
    return lambda: run(app.serve(config.load(None), timing))


def server(port: str, database_url: str) -> Callable[[], None]:
    """`imbridge realtime` on this port and database."""
    from bridge import app, config
    from bridge.listen import run

    for name in LATE_IMPORTS:
        importlib.import_module(name)
    return lambda: run(app.realtime(config.load(None), "127.0.0.1", int(port), database_url))


KINDS: dict[str, Callable[..., Callable[[], None]]] = {"bridge": bridge, "server": server}


def live(life: Callable[[], None]) -> None:
    """One life, from its first breath to its last; never returns."""
    with Path(OUTPUT).open("ab", buffering=0) as into:
        os.dup2(into.fileno(), 1)
        os.dup2(into.fileno(), 2)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    try:
        life()
    except Exception:  # noqa: BLE001 - whatever it died of is told in its output
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def tell(word: int) -> None:
    """Answer whoever asked."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Bear and bury as told, one life at a time."""
    life = KINDS[sys.argv[1]](*sys.argv[2:])
    child = 0
    for line in sys.stdin:
        if line == "bury\n":
            tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            continue
        child = os.fork()
        if child == 0:
            live(life)
        tell(child)


if __name__ == "__main__":
    main()
