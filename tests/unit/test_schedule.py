"""When schedules fire: weekdays by name, clock changes in several zones, and an independent reckoning."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alarms import MISSED_COUNTED, Due, look
from bridge.cron import Cron, Known, Once, Schedule, fires_after, parse_when
from bridge.errors import NotUnderstood
from bridge.invocation import Place
from bridge.phrases import plain

NOWHERE = Place("T1", "C1")
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def made(when: str, zone: str = "UTC", expires: int | None = None) -> Schedule:
    return Schedule("party", when, zone, "stats", NOWHERE, expires=expires)


def ms(text: str) -> int:
    """UTC ms of an ISO time with its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def fires(when: str, zone: str, after: str, count: int) -> list[str]:
    """The next fires in the zone's own time."""
    coming = islice(fires_after(made(when, zone), ms(after)), count)
    return [
        datetime.fromtimestamp(each / 1000, ZoneInfo(zone)).isoformat(timespec="minutes") for each in coming
    ]


# Reading WHEN


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0 10 * * sat", Cron("0 10 * * 6")),
        ("0 10 * * SAT", Cron("0 10 * * 6")),
        ("0 10 * * mon-fri", Cron("0 10 * * 1,2,3,4,5")),
        ("0 10 * * sat-mon", Cron("0 10 * * 6,0,1")),
        ("*/5 * * * tue,thu", Cron("*/5 * * * 2,4")),
        ("0 9 * * fri#2", Cron("0 9 * * 5#2")),
        ("0 9 * * fril", Cron("0 9 * * 5l")),
        ("  0   9 1 jan *  ", Cron("0 9 1 jan *")),
        ("2026-12-31T23:55", Once(datetime(2026, 12, 31, 23, 55))),  # noqa: DTZ001
        ("2026-12-31 23:55:30", Once(datetime(2026, 12, 31, 23, 55, 30))),  # noqa: DTZ001
    ],
)
def test_what_is_understood(typed: str, read: Cron | Once) -> None:
    assert parse_when(typed) == read


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("0 10 * * 6", "0 10 * * sat"),
        ("0 10 * * 0", "0 10 * * sun"),
        ("0 10 * * 7", "0 10 * * sun"),
        ("0 10 * * 1-5", "0 10 * * mon-fri"),
        ("0 10 * * 1,3", "0 10 * * mon,wed"),
        ("0 10 * * 6#2", "0 10 * * sat#2"),
    ],
)
def test_a_numbered_weekday_is_refused_with_what_to_write(typed: str, instead: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse_when(typed)
    assert "named, not numbered" in plain(refused.value.message)
    assert refused.value.hint is not None
    assert f"Write {instead}," in plain(refused.value.hint)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("61 * * * *", "61 is no minute"),
        ("0 24 * * *", "24 is no hour"),
        ("0 0 30 2 *", "30 is no day-of-month"),
        ("0 0 * foo *", "foo is no month"),
        ("0 0 * * someday", "someday names no weekdays"),
        ("0 0 * * sat#6", "sat#6 names no weekdays"),
        ("0 0 * * mon-fri/2", "mon-fri/2 names no weekdays"),
        ("0 0 * * 1-5/2", "1-5/2 names no weekdays"),
        ("0 0 * * 8", "8 names no weekdays"),
        ("0 10 * *", "neither a date and time nor five cron fields"),
        ("0 0 10 * * sat", "neither a date and time nor five cron fields"),
        ("", "neither a date and time nor five cron fields"),
        ("@daily", "neither a date and time nor five cron fields"),
        ("2026-02-30T10:00", "2026-02-30T10:00 is no date and time"),
        ("2026-12-31T23:55Z", "no local date and time"),
        ("2026-12-31T23:55+08:00", "no local date and time"),
    ],
)
def test_what_is_not_understood_says_which_part_is_wrong(typed: str, wrong: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse_when(typed)
    assert wrong in plain(refused.value.message)


# Clock changes


def test_a_zone_without_clock_changes_fires_every_saturday_at_ten() -> None:
    assert fires("0 10 * * sat", "Asia/Shanghai", "2026-03-27T00:00+00:00", 3) == [
        "2026-03-28T10:00+08:00",
        "2026-04-04T10:00+08:00",
        "2026-04-11T10:00+08:00",
    ]


def test_a_skipped_time_fires_at_the_next_minute_that_exists() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00+01:00", 3) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_a_skipped_half_hour_is_a_gap_as_well() -> None:
    assert fires("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00+10:30", 2) == [
        "2026-10-03T02:15+10:30",
        "2026-10-04T02:30+11:00",
    ]


def test_a_repeated_time_fires_once_the_first_time() -> None:
    assert fires("30 1 * * *", "America/New_York", "2026-10-31T12:00-04:00", 2) == [
        "2026-11-01T01:30-04:00",
        "2026-11-02T01:30-05:00",
    ]


def test_a_repeated_half_hour_fires_once() -> None:
    assert fires("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00+11:00", 2) == [
        "2026-04-05T01:45+11:00",
        "2026-04-06T01:45+10:30",
    ]


def test_asked_in_the_second_of_two_equal_hours_the_first_does_not_come_back() -> None:
    assert fires("30 1 * * *", "America/New_York", "2026-11-01T01:10-05:00", 1) == ["2026-11-02T01:30-05:00"]


def test_skipped_times_that_fall_together_are_one_fire() -> None:
    assert fires("*/15 * * * *", "Europe/Berlin", "2026-03-29T01:40+01:00", 3) == [
        "2026-03-29T01:45+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:15+02:00",
    ]


def test_a_whole_day_that_never_was_fires_at_the_next_one() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    assert fires("0 10 30 12 *", "Pacific/Apia", "2011-12-01T00:00+00:00", 1) == ["2011-12-31T00:00+14:00"]


def test_one_date_fires_once_even_when_the_clock_skips_it() -> None:
    assert fires("2026-03-29T02:30", "Europe/Berlin", "2026-01-01T00:00+00:00", 5) == [
        "2026-03-29T03:00+02:00"
    ]
    assert fires("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00+00:00", 5) == []


def test_nothing_fires_after_the_expiry() -> None:
    until = ms("2026-01-03T00:00+00:00")
    coming = fires_after(made("0 0 * * *", expires=until), ms("2026-01-01T12:00+00:00"))
    assert list(coming) == [ms("2026-01-02T00:00+00:00"), until]


# Against an independent reckoning: walk the minutes of real time and look at the wall clock


def offset(at: datetime, zone: ZoneInfo) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def walked(
    minutes: set[int], hours: set[int], days: set[int], zone: ZoneInfo, start: datetime
) -> Iterator[int]:
    """Fires from `start` on, by looking at each minute of the wall clock that comes or is passed over."""
    seen: set[datetime] = set()
    at, wall = start, start.astimezone(zone).replace(tzinfo=None)
    # What the wall clock has shown shortly before is not shown for the first time when it is set back.
    for back in range(1, 26 * 60):
        seen.add((start - timedelta(minutes=back)).astimezone(zone).replace(tzinfo=None))
    while True:
        following = at + timedelta(minutes=1)
        shows = following.astimezone(zone).replace(tzinfo=None)
        passed = [
            wall + timedelta(minutes=step) for step in range(1, int((shows - wall) / timedelta(minutes=1)))
        ]
        new = [each for each in (*passed, shows) if each not in seen]
        if any(each.minute in minutes and each.hour in hours and each.weekday() in days for each in new):
            yield round(following.timestamp() * 1000)
        seen.update(new)
        at, wall = following, shows


CHANGES = [
    ("Europe/Berlin", "2026-03-29T00:30+00:00"),
    ("Europe/Berlin", "2026-10-25T00:30+00:00"),
    ("America/New_York", "2026-03-08T06:30+00:00"),
    ("America/New_York", "2026-11-01T05:30+00:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T14:30+00:00"),
    ("Asia/Shanghai", "2026-06-01T00:00+00:00"),
    ("Africa/Casablanca", "2026-02-15T01:30+00:00"),
    ("America/Santiago", "2026-09-06T03:30+00:00"),
    ("Africa/Cairo", "2026-04-23T21:30+00:00"),
]


@settings(max_examples=50, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    before=st.integers(0, 20 * 60),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hours=st.one_of(st.just(set(range(24))), st.sets(st.integers(0, 4), min_size=1, max_size=3)),
    days=st.one_of(st.just(set(range(7))), st.sets(st.integers(0, 6), min_size=1, max_size=3)),
)
def test_fires_are_those_of_somebody_who_watches_the_wall_clock(
    change: tuple[str, str], before: int, minutes: set[int], hours: set[int], days: set[int]
) -> None:
    zone = ZoneInfo(change[0])
    start = datetime.fromisoformat(change[1]).astimezone(UTC) - timedelta(minutes=before)
    until = round((start + timedelta(hours=40)).timestamp() * 1000)
    named = "*" if len(days) == 7 else ",".join(NAMES[day] for day in sorted(days))
    hour_field = "*" if len(hours) == 24 else ",".join(map(str, sorted(hours)))
    when = f"{','.join(map(str, sorted(minutes)))} {hour_field} * * {named}"

    def within(coming: Iterator[int]) -> list[int]:
        found = []
        for each in coming:
            if each > until:
                break
            found.append(each)
        return found

    seen = []
    for each in walked(minutes, hours, days, zone, start):
        if each > until:
            break
        seen.append(each)
        if len(seen) > 5000:
            break
    assert within(fires_after(made(when, change[0]), round(start.timestamp() * 1000))) == seen


# What is due


def test_nothing_is_due_before_its_time() -> None:
    known = Known(made("0 10 * * *"), ms("2026-01-01T10:00+00:00"))
    assert look(known, ms("2026-01-02T09:59+00:00")) == (None, ms("2026-01-02T10:00+00:00"))


def test_of_several_missed_fires_the_newest_counts_for_all() -> None:
    known = Known(made("0 10 * * *"), ms("2026-01-01T10:00+00:00"))
    come = look(known, ms("2026-01-04T11:00+00:00"))
    assert come == (Due(ms("2026-01-04T10:00+00:00"), 3), ms("2026-01-05T10:00+00:00"))


def test_a_single_date_has_nothing_after_it() -> None:
    known = Known(made("2026-01-02T10:00"), 0)
    assert look(known, ms("2026-01-02T10:00+00:00")) == (Due(ms("2026-01-02T10:00+00:00"), 1), None)
    assert look(Known(known.schedule, ms("2026-01-02T10:00+00:00")), ms("2026-01-03T10:00+00:00")) == (
        None,
        None,
    )


def test_a_long_outage_is_counted_to_a_thousand_and_its_newest_fire_is_still_found() -> None:
    known = Known(made("* * * * *"), ms("2026-01-01T10:00+00:00"))
    come = look(known, ms("2026-07-01T10:00:30+00:00"))
    assert come == (Due(ms("2026-07-01T10:00+00:00"), MISSED_COUNTED), ms("2026-07-01T10:01+00:00"))


def test_after_a_long_outage_the_newest_fire_may_be_long_ago() -> None:
    known = Known(made("* * * jan *"), ms("2026-01-01T10:00+00:00"))
    come, following = look(known, ms("2026-07-01T10:00:30+00:00"))
    assert come is not None
    assert (come.newest, following) == (ms("2026-01-31T23:59+00:00"), ms("2027-01-01T00:00+00:00"))
