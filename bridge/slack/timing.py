"""When what a form says goes out: at once, at a time, or every week; and how that is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from bridge.cron import Schedule, fires_after
from bridge.invocation import Place
from bridge.phrases import Moment, Phrase, phrase
from bridge.slack import elements
from bridge.slack.elements import State, given, said
from bridge.slack.labels import WEEKDAYS
from bridge.slack.render import Reader
from bridge.slack.runs import Block, Run, runs

MODE, AT, DAYS, CLOCK, ZONE, FIRES = (
    f"form.{name}" for name in ("timing", "at", "days", "clock", "zone", "fires")
)
NOW, ONCE, WEEKLY = "now", "once", "weekly"
PICK_ZONE = "imbridge.zone"
FIRES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """`at` is UTC milliseconds; `days` are cron's names, none for every day; `clock` is HH:MM; `zone` an IANA name."""

    mode: str = NOW
    at: int | None = None
    days: tuple[str, ...] = ()
    clock: str = ""
    zone: str = "UTC"

    @classmethod
    def of(cls, state: State, zone: str) -> "Timing":
        """What stands in a form; `zone` where none is chosen."""
        moments = [int(each) * 1000 for each in given(state, AT) if each.isdecimal() and len(each) <= 11]
        chosen = next(iter(given(state, ZONE)), zone)
        mode = next(iter(given(state, MODE)), NOW)
        return cls(
            mode if mode in (NOW, ONCE, WEEKLY) else NOW,
            next(iter(moments), None),
            tuple(day for day in WEEKDAYS if day in given(state, DAYS)),
            next(iter(given(state, CLOCK)), ""),
            chosen if chosen in zones() else "UTC",
        )

    @property
    def when(self) -> str | None:
        """As `schedule add` takes it; None: it goes out at once, or something is missing yet."""
        if self.mode == ONCE and self.at is not None:
            wall = datetime.fromtimestamp(self.at / 1000, UTC).astimezone(ZoneInfo(self.zone))
            return wall.replace(tzinfo=None).isoformat(timespec="seconds" if wall.second else "minutes")
        hour, colon, minute = self.clock.partition(":")
        if self.mode == WEEKLY and colon and hour.isdecimal() and minute.isdecimal():
            return f"{int(minute)} {int(hour)} * * {','.join(self.days) or '*'}"
        return None

    @property
    def block(self) -> str:
        """Where an error about its time is said."""
        return {ONCE: AT, WEEKLY: CLOCK}.get(self.mode, MODE)

    def fires(self, now: int) -> tuple[int, ...]:
        """The next times, UTC ms."""
        if self.when is None:
            return ()
        return tuple(islice(fires_after(Schedule("", self.when, self.zone, "", Place()), now), FIRES_SHOWN))


@cache
def zones() -> frozenset[str]:
    """Every IANA zone there is."""
    return frozenset(available_timezones())


def zones_like(text: str) -> list[str]:
    """Those whose name holds this, spaces for underscores, the shortest first."""
    wanted = text.strip().lower().replace(" ", "_")
    return sorted((each for each in zones() if wanted in each.lower()), key=lambda each: (len(each), each))


def timing_blocks(timing: Timing, now: int, reader: Reader) -> Iterator[Block]:
    """The question, and what it needs: a date and time, or weekdays and a time, with the zone and the next times."""

    def words(asked: Phrase) -> str:
        return said(asked, reader.translate)

    modes = [
        (NOW, words(phrase("Now"))),
        (ONCE, words(phrase("At a time"))),
        (WEEKLY, words(phrase("Every week"))),
    ]
    asked = elements.radio(MODE, modes, timing.mode)
    yield elements.entry(MODE, words(phrase("When it goes out")), asked, optional=False, told=True)
    if timing.mode == NOW:
        return
    if timing.mode == ONCE:
        picker: Block = {"type": "datetimepicker", "action_id": AT}
        if timing.at is not None:
            picker["initial_date_time"] = timing.at // 1000
        yield elements.entry(AT, words(phrase("Date and time")), picker, optional=False, told=True)
    else:
        days = [elements.option(each, words(name)) for each, name in WEEKDAYS.items()]
        ticks = elements.checkboxes(DAYS, days, timing.days)
        yield elements.entry(
            DAYS, words(phrase("Days (none ticked: every day)")), ticks, optional=True, told=True
        )
        clock: Block = {"type": "timepicker", "action_id": CLOCK}
        if timing.clock:
            clock["initial_time"] = timing.clock
        yield elements.entry(CLOCK, words(phrase("Time")), clock, optional=False, told=True)
    zone = elements.picker(PICK_ZONE, words(phrase("Type part of a city")), (timing.zone, timing.zone))
    yield elements.entry(ZONE, words(phrase("Time zone")), zone, optional=False, told=True)
    yield _next(timing, now, reader)


def _next(timing: Timing, now: int, reader: Reader) -> Block:
    if timing.when is None:
        return elements.note(said(phrase("The next times are shown here."), reader.translate), FIRES)
    coming = timing.fires(now)
    if not coming:
        return elements.note(said(phrase("This time has passed or never comes."), reader.translate), FIRES)
    told = [
        phrase("Goes out {when} ({local} in {zone})", when=Moment(coming[0]), **_local(coming[0], timing))
    ]
    told += [
        phrase("then {when} ({local} in {zone})", when=Moment(at), **_local(at, timing)) for at in coming[1:]
    ]
    line = [each for sentence in told for each in (*runs(sentence, reader.translate), Run("\n"))]
    shown = [each.element() for each in line[:-1]]
    return {
        "type": "rich_text",
        "block_id": FIRES,
        "elements": [{"type": "rich_text_section", "elements": list(shown)}],
    }


def _local(at: int, timing: Timing) -> dict[str, str]:
    shown = datetime.fromtimestamp(at / 1000, ZoneInfo(timing.zone)).strftime("%Y-%m-%d %H:%M")
    return {"local": shown, "zone": timing.zone}
