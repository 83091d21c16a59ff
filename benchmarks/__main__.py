"""Measures everything, prints the tables, and keeps the figures in `build/bench.json`."""

from pathlib import Path

from benchmarks import commands, notify, report, schedules, start
from bridge.listen import run

KEPT = Path("build/bench.json")
SUBJECTS = (start.measure, commands.measure, notify.measure, schedules.measure)


async def measure() -> None:
    """Every subject, one after the other: two at once would measure each other."""
    seen = report.machine()
    tables = []
    for subject in SUBJECTS:
        for table in await subject():
            print(table.text(), end="\n\n", flush=True)
            tables.append(table)
    report.keep(KEPT, tables, seen)
    print(f"On {seen}. Kept in {KEPT}.")


if __name__ == "__main__":
    run(measure())
