"""JSON as the service writes it: strict reading of whatever arrives, compact writing of what is sent."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn, TypeAlias

Row: TypeAlias = Mapping[str, object]

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Unreadable(ValueError):
    """What arrived is not what the documentation promises; says what was missing, never the content."""


def loads(data: bytes | str) -> object:
    """Read JSON; half characters become U+FFFD so that every text can be encoded again. Raises `Unreadable`."""
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    try:
        value: object = _READER.decode(raw.decode("utf-8", "replace"))
        return _mended(value) if _SURROGATE_ESCAPE.search(raw) else value
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def dumps(value: object) -> str:
    """Compact JSON with characters as they are: the service counts bytes, and `\\uXXXX` doubles Chinese text."""
    return _WRITER.encode(value)


def byte_length(text: str) -> int:
    """The length in UTF-8 bytes, the service's unit."""
    return len(text.encode("utf-8", "surrogatepass"))


def as_row(value: object) -> dict[str, object]:
    """The value as a JSON object, or `Unreadable`."""
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def as_list(value: object) -> list[object]:
    """A bare array, or the one under `results` or `result`: the documentation has all three."""
    if isinstance(value, dict):
        value = value.get("results", value.get("result"))
    if not isinstance(value, list):
        raise Unreadable("not a list")
    return value


def as_texts(value: object) -> tuple[str, ...]:
    """The strings of an array (bare or wrapped); anything else in it is `Unreadable`."""
    items = as_list(value)
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise Unreadable("a list of ids holds something else")
    return texts


def text(row: Row, key: str) -> str:
    """A string that must be there."""
    value = row.get(key)
    if not isinstance(value, str):
        raise Unreadable(f"no text under {key!r}")
    return value


def optional_text(row: Row, key: str) -> str | None:
    """A string that may be absent; another type counts as absent."""
    value = row.get(key)
    return value if isinstance(value, str) else None


def integer(row: Row, key: str) -> int:
    """A whole number that must be there (`1.5e12` is one, `true` is not)."""
    value = optional_integer(row, key)
    if value is None:
        raise Unreadable(f"no number under {key!r}")
    return value


def optional_integer(row: Row, key: str) -> int | None:
    """A whole number that may be absent; another type counts as absent."""
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def instant(value: object) -> int | None:
    """UTC ms of an ISO 8601 text or of `{"__type": "Date", "iso": ...}`; None for anything else."""
    if isinstance(value, dict):
        value = value.get("iso")
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Unreadable("a number is too large")
    return number


# Made once: `json` makes a new one for each text where anything but its defaults is wanted.
_READER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _mended(value: object) -> object:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_LONE_SURROGATE.sub("\ufffd", key): _mended(item) for key, item in value.items()}
    return value
