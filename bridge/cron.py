"""When schedules fire: cron with named weekdays, or one local date and time, in an IANA zone; pure.

A time that a clock change skips fires at the next minute that exists; one that it repeats fires once, the first
time. Two skipped times that fall on the same minute are one fire.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bridge.errors import NotUnderstood
from bridge.invocation import Consent, Place
from bridge.phrases import Code, phrase

GRACE_MS = 600_000
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = {
    "minute": phrase("minute"),
    "hour": phrase("hour"),
    "day-of-month": phrase("day-of-month"),
    "month": phrase("month"),
    "day-of-week": phrase("day-of-week"),
}
"""As cronsim calls them, in the order in which they stand."""
EXAMPLE = "0 10 * * sat"
LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?")
STARTS_LIKE_A_DATE = re.compile(r"\d{4}-\d")


@dataclass(frozen=True, slots=True)
class Once:
    """One moment of the wall clock."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Cron:
    """Minutes of the wall clock; `expression` has its weekdays as digits, as cronsim reads them."""

    expression: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time, a command line, a channel.

    `when` is as its author wrote it, wall-clock time in `zone`. Later than `grace_ms` it asks instead of running.
    `owner` is who added it in Slack; empty for those of app.yaml. It fires no more after `expires`, UTC ms.
    `consent` was given when it was added, and serves each of its fires.
    """

    name: str
    when: str
    zone: str
    line: str
    place: Place
    grace_ms: int = GRACE_MS
    owner: str = ""
    paused: bool = False
    expires: int | None = None
    consent: Consent | None = None


class FireState(StrEnum):
    """Where a fire has got to.

    claimed ──► done
    asking ──► asked ──► claimed (a person says so) | skipped
    claimed ──► asked (that person may not run it)
    skipped (before its time)
    """

    CLAIMED = "claimed"
    DONE = "done"
    ASKING = "asking"
    ASKED = "asked"
    SKIPPED = "skipped"


class Fire(NamedTuple):
    """One occurrence of a schedule; `instant` is UTC milliseconds."""

    schedule: str
    instant: int

    @property
    def request(self) -> str:
        """The key under which what it does is done once."""
        return f"fire:{self.schedule}:{self.instant}"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A fire whose process ended; `acted` says that its command had begun to act."""

    fire: Fire
    state: FireState
    acted: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A schedule, and until when (UTC ms) its fires are dealt with."""

    schedule: Schedule
    done_until: int


def parse_when(text: str) -> Cron | Once:
    """Read WHEN. NotUnderstood says which part is wrong and what to write instead."""
    words = text.split()
    if STARTS_LIKE_A_DATE.match(text.strip()):
        return _once(" ".join(words))
    if len(words) != len(FIELDS):
        raise NotUnderstood(
            phrase("{when} is neither a date and time nor five cron fields.", when=Code(text)),
            hint=phrase(
                "Write {cron} (minute, hour, day, month, weekday) or {date}.",
                cron=Code(EXAMPLE),
                date=Code("2026-12-31T23:55"),
            ),
            code="bad_when",
        )
    expression = " ".join([*words[:4], _weekdays(text, words[4])])
    try:
        CronSim(expression, datetime(2000, 1, 1))  # noqa: DTZ001 - the wall clock has no zone
    except CronSimError as error:
        raise _bad_field(text, words, str(error)) from None
    return Cron(expression)


def fires_after(schedule: Schedule, after: int) -> Iterator[int]:
    """The instants at which it fires, in UTC ms, each later than `after` and than the one before."""
    zone = ZoneInfo(schedule.zone)
    last = after
    local = datetime.fromtimestamp(after // 1000, UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    for wall in _walls(_parsed(schedule.when), local):
        instant = _instant(wall, zone)
        if schedule.expires is not None and instant > schedule.expires:
            return
        if instant > last:
            yield instant
            last = instant


@lru_cache(maxsize=1024)
def _parsed(when: str) -> Cron | Once:
    return parse_when(when)


def _walls(when: Cron | Once, after: datetime) -> Iterator[datetime]:
    match when:
        case Once(at):
            yield at
        case Cron(expression):
            yield from CronSim(expression, after)


def _instant(wall: datetime, zone: ZoneInfo) -> int:
    """UTC ms of a wall-clock time: its first occurrence, or the first minute after the gap that it falls into."""
    before = wall.replace(tzinfo=zone).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) != wall:
        before = _end_of_gap(wall, zone)
    return int(before.timestamp()) * 1000


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    # In a gap, the offset after the change gives an instant before it, and the other way round (PEP 495).
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def _once(text: str) -> Once:
    if LOCAL_TIME.fullmatch(text):
        try:
            return Once(datetime.fromisoformat(text))
        except ValueError as error:
            raise NotUnderstood(
                phrase("{when} is no date and time: {reason}.", when=Code(text), reason=str(error)),
                code="bad_when",
            ) from None
    raise NotUnderstood(
        phrase("{when} is no local date and time.", when=Code(text)),
        hint=phrase("Write {date}; the zone stands beside it.", date=Code("2026-12-31T23:55")),
        code="bad_when",
    )


def _weekdays(when: str, field: str) -> str:
    """The weekday field with digits for names. NotUnderstood: digits, which mean different days in different crons."""
    if field == "*":
        return field
    numbered = [_numbered(term) for term in field.lower().split(",")]
    if None in numbered:
        raise _bad_weekday(when, field)
    return ",".join(term for term in numbered if term)


def _numbered(term: str) -> str | None:
    """One weekday, a range, the nth or the last of a month, as cronsim reads it; None: it is none of these."""
    start, dash, end = term.partition("-")
    if dash and start in WEEKDAYS and end in WEEKDAYS:
        first, last = WEEKDAYS.index(start), WEEKDAYS.index(end)
        return ",".join(str(day % 7) for day in range(first, last + 1 if last >= first else last + 8))
    name, suffix = term[:3], term[3:]
    if name in WEEKDAYS and re.fullmatch(r"|l|#[1-5]", suffix):
        return f"{WEEKDAYS.index(name)}{suffix}"
    return None


def _bad_weekday(when: str, field: str) -> NotUnderstood:
    named = re.sub(r"(?<!#)\b[0-7]\b", lambda digit: WEEKDAYS[int(digit.group()) % 7], field.lower())
    if named != field.lower() and None not in map(_numbered, named.split(",")):
        return NotUnderstood(
            phrase("Weekdays are named, not numbered: {field}.", field=Code(field)),
            hint=phrase(
                "Write {named}, if you count from Sunday as crontab does.",
                named=Code(f"{' '.join(when.split()[:4])} {named}"),
            ),
            code="bad_when",
        )
    return NotUnderstood(
        phrase("{field} names no weekdays.", field=Code(field)),
        hint=phrase(
            "Write {day}, {range}, {list}, {second} for the second of a month, {last} for the last, or {any}.",
            day=Code("sat"),
            range=Code("mon-fri"),
            list=Code("tue,thu"),
            second=Code("sat#2"),
            last=Code("fril"),
            any=Code("*"),
        ),
        code="bad_when",
    )


def _bad_field(when: str, words: list[str], error: str) -> NotUnderstood:
    name = error.removeprefix("Bad ")
    value = words[list(FIELDS).index(name)] if name in FIELDS else when
    return NotUnderstood(
        phrase("{value} is no {field} that can come.", value=Code(value), field=FIELDS.get(name, name)),
        hint=phrase(
            "The fields are minute, hour, day, month and weekday, as in {example}.", example=Code(EXAMPLE)
        ),
        code="bad_when",
    )
