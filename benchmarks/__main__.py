"""Measures everything but what takes long, which `python -m benchmarks server` does; keeps the figures in `build/`."""

import sys
from pathlib import Path

from benchmarks import commands, fanout, history, notify, report, schedules, sends, start
from bridge.listen import run

BRIDGE = (start.measure, commands.measure, notify.measure, schedules.measure, sends.measure)
SERVER = (sends.measure, fanout.measure, history.measure)


async def measure(server: bool) -> None:
    """Every subject, one after the other: two at once would measure each other."""
    kept = Path("build/bench-server.json" if server else "build/bench.json")
    seen = report.machine()
    tables = []
    for subject in SERVER if server else BRIDGE:
        for table in await subject():
            print(table.text(), end="\n\n", flush=True)
            tables.append(table)
    report.keep(kept, tables, seen)
    print(f"On {seen}. Kept in {kept}.")


if __name__ == "__main__":
    run(measure(server=sys.argv[1:] == ["server"]))
