"""Fires in every IANA zone, over ten years, beside python-dateutil's: its recurrences and its own reading of zones.

`make zones` (`ZONES=all`) compares all of them, which takes minutes; otherwise a few zones are drawn, over two years.
There are no known differences: both are held to the rule that a time which a clock change skips fires at the next
minute that exists, and one that it repeats fires the first time alone.
"""

import os
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import takewhile
from typing import Any
from zoneinfo import available_timezones

import pytest
from dateutil import tz
from dateutil.rrule import DAILY, FR, HOURLY, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, YEARLY, rrule

from bridge.cron import Schedule, fires_after
from bridge.invocation import Place

ALL = os.environ.get("ZONES") == "all"
YEARS = 10 if ALL else 2
DRAWN = 6
ALWAYS = ("Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Asia/Shanghai")
"""Half-hour changes, changes at midnight, changes by the moon, and none."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026 + YEARS, 1, 1, tzinfo=UTC)

SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "0 10 * * sat": {"freq": WEEKLY, "byweekday": SA, "byhour": 10, "byminute": 0},
    "30 2 * * *": {"freq": DAILY, "byhour": 2, "byminute": 30},
    "0 0 * * *": {"freq": DAILY, "byhour": 0, "byminute": 0},
    "15 1,3 * * *": {"freq": DAILY, "byhour": (1, 3), "byminute": 15},
    "59 23 * * sun": {"freq": WEEKLY, "byweekday": SU, "byhour": 23, "byminute": 59},
    "*/20 2 * * sun,mon": {"freq": WEEKLY, "byweekday": (SU, MO), "byhour": 2, "byminute": (0, 20, 40)},
    "0 9 * * mon-fri": {"freq": WEEKLY, "byweekday": (MO, TU, WE, TH, FR), "byhour": 9, "byminute": 0},
    "45 0 1 * *": {"freq": MONTHLY, "bymonthday": 1, "byhour": 0, "byminute": 45},
    "0 12 31 * *": {"freq": MONTHLY, "bymonthday": 31, "byhour": 12, "byminute": 0},
    "30 8 * * fri#2": {"freq": MONTHLY, "byweekday": FR(2), "byhour": 8, "byminute": 30},
    "0 6 29 feb *": {"freq": YEARLY, "bymonth": 2, "bymonthday": 29, "byhour": 6, "byminute": 0},
    "30 * * mar,oct sun": {"freq": HOURLY, "bymonth": (3, 10), "byweekday": SU, "byminute": 30},
}


def zones() -> list[str]:
    """One name of each zone: aliases share their bytes."""
    data = files("tzdata.zoneinfo")
    by_content: dict[bytes, str] = {}
    for name in sorted(available_timezones()):
        found = data.joinpath(*name.split("/"))
        if found.is_file():
            by_content.setdefault(found.read_bytes(), name)
    every = sorted(by_content.values())
    if ALL:
        return every
    return sorted({*ALWAYS, *random.Random(2026).sample(every, DRAWN)})  # noqa: S311


def theirs(rule: Mapping[str, Any], name: str) -> list[int]:
    """By dateutil: its recurrence of wall-clock times, each as its first instant, or the first after its gap."""
    zone = tz.gettz(name)
    assert zone is not None
    start = datetime(BEGIN.year, 1, 1) - timedelta(days=2)  # noqa: DTZ001 - the wall clock has no zone
    walls = takewhile(
        lambda wall: wall < END.replace(tzinfo=None) + timedelta(days=2),
        rrule(dtstart=start, bysecond=0, **rule),
    )
    instants = {round(first(wall, zone).timestamp() * 1000) for wall in walls}
    return sorted(at for at in instants if ms(BEGIN) < at <= ms(END))


def first(wall: datetime, zone: Any) -> datetime:
    """The first instant of a wall-clock time, or of the next minute that there is."""
    while not tz.datetime_exists(wall, zone):
        wall += timedelta(minutes=1)
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def ours(when: str, name: str) -> Iterator[int]:
    schedule = Schedule("party", when, name, "stats", Place("T1", "C1"))
    return takewhile(lambda at: at <= ms(END), fires_after(schedule, ms(BEGIN)))


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


@pytest.mark.timeout(3600 if ALL else 120)
@pytest.mark.parametrize("name", zones())
def test_a_zone_fires_when_an_independent_library_says_so(name: str) -> None:
    for when, rule in SCHEDULES.items():
        assert list(ours(when, name)) == theirs(rule, name), f"{when} in {name}"


def test_every_zone_is_compared_when_all_are_asked_for() -> None:
    assert len(zones()) >= (300 if ALL else len(ALWAYS))
