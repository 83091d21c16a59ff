"""What SQLite cannot say in SQL: patterns, sameness of arrays and objects, distances."""

import json
import math
from collections.abc import Callable

from bridge.server.documents import fingerprint
from bridge.server.regex import matcher


def _matches(pattern: str, options: str, text: object) -> int | None:
    return int(matcher(pattern, options).search(text)) if isinstance(text, str) else None


def _fingerprint(text: object) -> str | None:
    return fingerprint(json.loads(text)) if isinstance(text, str) else None


def _radians_between(
    latitude: float | None, longitude: float | None, to_latitude: float, to_longitude: float
) -> float | None:
    """By the haversine formula."""
    if latitude is None or longitude is None:
        return None
    first, second = math.radians(latitude), math.radians(to_latitude)
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin(math.radians(to_longitude - longitude) / 2) ** 2
    return 2 * math.asin(math.sqrt(min(1.0, half)))


FUNCTIONS: dict[str, Callable[..., str | bytes | int | float | None]] = {
    "rt_matches": _matches,
    "rt_fingerprint": _fingerprint,
    "rt_radians_between": _radians_between,
}
