"""Plain columns, asked the same questions as values inside documents: `objectId` and the times of an object."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, false, func, literal, true

from bridge.server.engine import SQLITE
from bridge.server.http import Json
from bridge.server.values import (
    COMPARISONS,
    Comparison,
    Condition,
    Kind,
    SqlValue,
    postgresql_matches,
    sqlite_matches,
)


class PlainColumn:
    """A column with nothing inside it; what it answers, each sort of column adds."""

    def __init__(self, column: ColumnElement[Any], dialect: str) -> None:
        self._column = column
        self._dialect = dialect

    def is_kind(self, kind: Kind) -> Condition:
        """Never."""
        return false()

    def present(self) -> Condition:
        """Not NULL."""
        return self._column.is_not(None)

    def text(self) -> ColumnElement[str]:
        """None."""
        return literal(None)

    def boolean(self, wanted: bool) -> Condition:
        """Never."""
        return false()

    def number(self) -> ColumnElement[Any]:
        """None."""
        return literal(None)

    def compares(self, comparison: Comparison, number: float) -> Condition:
        """Never."""
        return false()

    def date(self, comparison: Comparison, moment: int) -> Condition:
        """Never."""
        return false()

    def same(self, value: Json) -> Condition:
        """Never."""
        return false()

    def child(self, key: str) -> SqlValue:
        """Nothing."""
        return PlainColumn(literal(None), self._dialect)

    def any_element(self, test: Callable[[SqlValue], Condition]) -> Condition:
        """Never."""
        return false()

    def length(self) -> ColumnElement[int]:
        """None."""
        return literal(None)

    def matches(self, pattern: str, options: str) -> Condition:
        """Never."""
        return false()

    def identity(self) -> list[ColumnElement[Any]]:
        """Equal to nothing."""
        return [literal(None)] * (2 if self._dialect == SQLITE else 1)

    def sort_keys(self) -> list[ColumnElement[Any]]:
        """The column itself."""
        return [self._column]


class TextColumn(PlainColumn):
    """`objectId`: a string, never absent."""

    def is_kind(self, kind: Kind) -> Condition:
        """A string."""
        return true() if kind == "string" else false()

    def text(self) -> ColumnElement[str]:
        """The column itself."""
        return self._column

    def matches(self, pattern: str, options: str) -> Condition:
        """The pattern occurs in it."""
        if self._dialect == SQLITE:
            return sqlite_matches(self._column, pattern, options)
        return postgresql_matches(self._column, pattern, options)

    def identity(self) -> list[ColumnElement[Any]]:
        """As the identity of a string inside a document."""
        if self._dialect == SQLITE:
            return [literal("text"), self._column]
        return [func.to_jsonb(self._column)]


class TimeColumn(PlainColumn):
    """`createdAt` and `updatedAt`: UTC milliseconds that queries know as Dates."""

    def date(self, comparison: Comparison, moment: int) -> Condition:
        """On that side of the moment."""
        return COMPARISONS[comparison](self._column, literal(moment))


class OptionalTime(TimeColumn):
    """`lm`: a time that may be absent, which sorts before every other on both databases."""

    def date(self, comparison: Comparison, moment: int) -> Condition:
        """On that side of the moment; an absent time is on none."""
        return func.coalesce(super().date(comparison, moment), false())

    def sort_keys(self) -> list[ColumnElement[Any]]:
        """The time, or one before all times."""
        return [func.coalesce(self._column, literal(-1))]
