"""Sentences as data: an English template and its values, translated and escaped only at an edge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from string import Formatter
from types import MappingProxyType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, shown in the reader's zone. `at` is UTC milliseconds."""

    at: int


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be typed or copied as it stands: a command, an id."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address to go to, of http or https, and what is read for it."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence: `template` names its `values` in braces; `plural` is chosen by the value `count`.

    Templates are the keys of the gettext catalogues, so they are literals; values are escaped by edges.
    """

    template: str
    plural: str | None = None
    values: "MappingProxyType[str, Value]" = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        return plain(self)


Value: TypeAlias = str | int | float | Moment | Code | Link | Phrase
"""What a phrase can carry."""

Translate = Callable[[str, str | None, int], str]
"""(template, plural, count) → the template in the reader's language."""


def phrase(template: str, /, *, plural: str | None = None, **values: Value) -> Phrase:
    """A phrase from a literal template; Babel finds templates by this function's name."""
    return Phrase(template, plural, MappingProxyType(values))


def english(template: str, plural: str | None, count: int) -> str:
    """The translation that needs no catalogue."""
    return plural if plural is not None and count != 1 else template


def segments(words: Phrase, translate: Translate = english) -> Iterator[tuple[str, Value | None]]:
    """The phrase in order: (trusted text, None) or ("", foreign value). KeyError: a value is missing."""
    count = words.values.get("count", 1)
    template = translate(words.template, words.plural, count if isinstance(count, int) else 1)
    for literal, name, _, _ in Formatter().parse(template):
        if literal:
            yield literal, None
        if name is not None:
            yield "", words.values[name]


def plain(words: Phrase, translate: Translate = english, moment: Callable[[int], str] | None = None) -> str:
    """The phrase as unformatted text. `moment` puts UTC milliseconds into words; absent, ISO 8601 in UTC."""
    shown = moment or iso_utc
    return "".join(
        text if value is None else _plain_value(value, translate, shown)
        for text, value in segments(words, translate)
    )


def _plain_value(value: Value, translate: Translate, moment: Callable[[int], str]) -> str:
    match value:
        case Phrase():
            return plain(value, translate, moment)
        case Moment(at):
            return moment(at)
        case Code(text):
            return text
        case Link(url, text):
            return f"{text} {url}"
        case _:
            return str(value)


def iso_utc(at: int) -> str:
    """UTC milliseconds as ISO 8601 with milliseconds and a Z."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
