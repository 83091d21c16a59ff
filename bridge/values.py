"""The kinds of value that commands take, and how each is read from a word."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NewType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bridge.cron import parse_when
from bridge.errors import NotUnderstood
from bridge.grammar import EQUALS, fold
from bridge.phrases import Code, Phrase, phrase
from bridge.reply import Json

ConversationRef = NewType("ConversationRef", str)
"""CONV: an id, a unique name, or an alias."""
ClientId = NewType("ClientId", str)
"""A user of the app, 1 to 64 characters (reference 1.9)."""
MessageId = NewType("MessageId", str)
Text = NewType("Text", str)
"""The rest of the line as typed."""
CommandLine = NewType("CommandLine", str)
"""The rest of the line behind two dashes, itself a command."""
WholeLine = NewType("WholeLine", str)
"""The rest of the line, options and all, itself a command; where a command takes it, it takes nothing else."""
Until = NewType("Until", int)
"""A time ahead, UTC ms; a duration counts from now."""
Since = NewType("Since", int)
"""A time past, UTC ms; a duration counts back from now."""
When = NewType("When", str)
"""When a schedule fires, as typed: cron with named weekdays, or a date and time."""
Zone = NewType("Zone", str)
"""A time zone by its IANA name."""
JsonObject = NewType("JsonObject", dict[str, Any])
Url = NewType("Url", str)

CLIENT_ID_LENGTH = 64
"""Characters at most (reference 1.9)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """KEY=VALUE. `value` is JSON where the words are exactly that, else the words themselves."""

    key: str
    value: Json


@dataclass(frozen=True, slots=True)
class Coordinates:
    """LAT,LON in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a value depends on: now (UTC ms) and the author's zone (IANA)."""

    now: int
    zone: str


class Unreadable(ValueError):
    """A word is not of its kind; `wanted` says what would be."""

    def __init__(self, wanted: Phrase) -> None:
        super().__init__(wanted)
        self.wanted = wanted


Reader = Callable[[str, Reading], Any]
"""Raises Unreadable, or NotUnderstood where more can be said."""
QUOTES = {'"': '"', "“": "”", "”": "”", "„": "“”", "＂": "＂"}
"""What may begin a string of JSON, and what then ends it."""
UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION = re.compile(r"(?:\d+[smhdw])+")
MILLISECONDS = re.compile(r"\d{11,14}")


def duration_ms(text: str) -> int | None:
    """`90s`, `1h30m`, `2d` in milliseconds; None: it is no duration."""
    if not DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))


def duration_text(milliseconds: int) -> str:
    """The shortest words for whole seconds, as `duration_ms` reads them: `90s`, `10m`, `2h`."""
    unit = next(unit for unit in reversed(UNITS) if milliseconds % UNITS[unit] == 0)
    return f"{milliseconds // UNITS[unit]}{unit}"


def _instant(text: str, reading: Reading) -> int:
    if MILLISECONDS.fullmatch(text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        local = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(reading.zone))
        return int(local.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Unreadable(
            phrase(
                "a time such as {iso}, a duration such as {duration}, or milliseconds",
                iso=Code("2026-12-31T23:55"),
                duration=Code("2h"),
            )
        ) from None


def _until(text: str, reading: Reading) -> int:
    text = fold(text)
    ahead = duration_ms(text)
    return reading.now + ahead if ahead is not None else _instant(text, reading)


def _since(text: str, reading: Reading) -> int:
    text = fold(text)
    ago = duration_ms(text)
    return reading.now - ago if ago is not None else _instant(text, reading)


def _when(text: str, _: Reading) -> str:
    text = fold(text)
    parse_when(text)
    return text


def _zone(text: str, _: Reading) -> str:
    try:
        return ZoneInfo(fold(text)).key
    except (KeyError, ValueError, OSError):
        raise NotUnderstood(
            phrase("There is no time zone {name}.", name=Code(text)),
            hint=phrase("Write one like {example}.", example=Code("Asia/Shanghai")),
            code="bad_value",
        ) from None


def _client_id(text: str, _: Reading) -> str:
    if not 1 <= len(text) <= CLIENT_ID_LENGTH:
        raise Unreadable(phrase("a client id of 1 to {most} characters", most=CLIENT_ID_LENGTH))
    return text


def _integer(text: str, _: Reading) -> int:
    try:
        return int(fold(text))
    except ValueError:
        raise Unreadable(phrase("a whole number")) from None


def _json_object(text: str, _: Reading) -> Mapping[str, Any]:
    try:
        found = _loads(text)
        check_json(found)
    except (ValueError, RecursionError) as error:
        raise Unreadable(phrase("a JSON object; {reason}", reason=str(error))) from None
    if not isinstance(found, dict):
        raise Unreadable(phrase("a JSON object, such as {example}", example=Code('{"key": "value"}')))
    return found


def _loads(text: str) -> Any:
    """JSON, its quotes and signs as a phone or an input method may have made them. ValueError: it is none."""
    try:
        return json.loads(text)
    except ValueError as error:
        try:
            return json.loads(_straightened(text))
        except ValueError:
            raise error from None


def _straightened(text: str) -> str:
    """The text with plain quotes around its strings and plain signs between them; the strings stay as they are."""
    made: list[str] = []
    inside, escaped = "", False
    for each in text:
        if not inside:
            inside = QUOTES.get(each, "")
            made.append('"' if inside else fold(each))
        elif not escaped and each in inside:
            inside = ""
            made.append('"')
        else:
            made.append('\\"' if each == '"' and not escaped else each)
        escaped = bool(inside) and each == "\\" and not escaped
    return "".join(made)


def check_json(value: object) -> None:
    """ValueError: it holds what Python reads in JSON and nobody else takes, NaN or half a character."""
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def _attribute(text: str, _: Reading) -> Attribute:
    at = min((found for each in EQUALS if (found := text.find(each)) >= 0), default=0)
    key, value = text[:at], text[at + 1 :]
    if not key:
        raise Unreadable(
            phrase("{form}, such as {example}", form=Code("KEY=VALUE"), example=Code("topic=news"))
        )
    return Attribute(key, _json_or_text(value))


def _json_or_text(text: str) -> Json:
    """`3`, `true`, `{"a":1}` are JSON; `1.10` and `007` would lose characters as numbers, so they stay text."""
    try:
        found: Json = json.loads(text)
        check_json(found)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, int | float) and not isinstance(found, bool) and json.dumps(found) != text:
        return text
    return found


def _url(text: str, _: Reading) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        raise Unreadable(
            phrase("an address that begins with {http} or {https}", http="http://", https="https://")
        )
    return text


def _coordinates(text: str, _: Reading) -> Coordinates:
    latitude, _comma, longitude = fold(text).partition(",")
    try:
        found = Coordinates(float(latitude), float(longitude))
    except ValueError:
        found = Coordinates(float("nan"), float("nan"))
    # NaN is in no range, so what could not be read fails here too.
    if not (-90 <= found.latitude <= 90 and -180 <= found.longitude <= 180):
        raise Unreadable(phrase("latitude and longitude, such as {example}", example=Code("31.23,121.47")))
    return found


def _as_typed(text: str, _: Reading) -> str:
    return text


READERS: Mapping[Any, Reader] = {
    str: _as_typed,
    ConversationRef: _as_typed,
    MessageId: _as_typed,
    Text: _as_typed,
    CommandLine: _as_typed,
    WholeLine: _as_typed,
    ClientId: _client_id,
    int: _integer,
    Until: _until,
    Since: _since,
    When: _when,
    Zone: _zone,
    JsonObject: _json_object,
    Attribute: _attribute,
    Url: _url,
    Coordinates: _coordinates,
}
NOUNS: Mapping[Any, str] = {
    str: "NAME",
    ConversationRef: "CONV",
    MessageId: "MSGID",
    Text: "TEXT",
    CommandLine: "COMMAND",
    WholeLine: "COMMAND",
    ClientId: "ID",
    int: "N",
    Until: "WHEN",
    Since: "WHEN",
    When: "WHEN",
    Zone: "ZONE",
    JsonObject: "JSON",
    Attribute: "KEY=VALUE",
    Url: "URL",
    Coordinates: "LAT,LON",
}
"""How usage lines name each kind."""

SEVERAL_IN_A_WORD = frozenset({ClientId})
"""Kinds that hold no comma, so that one word may list several."""
