"""Instants on the wire: UTC milliseconds inside, ISO 8601 text with milliseconds outside."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?\Z")
_MILLISECOND = timedelta(milliseconds=1)


def iso(milliseconds: int) -> str:
    """The instant as the service writes it, e.g. `2015-06-29T08:55:00.045Z`."""
    return (EPOCH + milliseconds * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """The instant that ISO 8601 text means, UTC where it names no zone; ValueError when it means none."""
    if not text.isascii() or not _ISO.match(text):
        raise ValueError(f"'{text[:40]}' is not an ISO 8601 date")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // _MILLISECOND
