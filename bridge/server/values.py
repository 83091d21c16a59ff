"""A JSON value inside a row, as SQL: the same questions to SQLite's JSON functions and to PostgreSQL's jsonb.

Answers are NULL where the value is absent; whoever negates has to make them definite first.
"""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt
from typing import Any, Literal, Protocol

from sqlalchemy import (
    ColumnElement,
    Numeric,
    String,
    and_,
    case,
    cast,
    collate,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from bridge.server.documents import fingerprint
from bridge.server.engine import SQLITE
from bridge.server.http import Json
from bridge.server.patterns import as_literal, parse
from bridge.server.regex import to_postgresql
from bridge.server.times import iso

Condition = ColumnElement[bool]
Kind = Literal["null", "boolean", "number", "string", "array", "object"]
Comparison = Literal["=", "<", "<=", ">", ">="]
COMPARISONS: dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "=": eq,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


class SqlValue(Protocol):
    """What a query may ask about a value."""

    def is_kind(self, kind: Kind) -> Condition:
        """Its JSON type."""

    def present(self) -> Condition:
        """It is there, null included."""

    def text(self) -> ColumnElement[str]:
        """Its characters; only meaningful for a string."""

    def boolean(self, wanted: bool) -> Condition:
        """It is this truth value."""

    def number(self) -> ColumnElement[Any]:
        """Its number, NULL for anything else."""

    def compares(self, comparison: Comparison, number: float) -> Condition:
        """It is a number on that side of the other."""

    def date(self, comparison: Comparison, moment: int) -> Condition:
        """It is a Date on that side of the moment, UTC milliseconds."""

    def same(self, value: Json) -> Condition:
        """It is this array or object."""

    def child(self, key: str) -> "SqlValue":
        """The value under a key of this object."""

    def any_element(self, test: Callable[["SqlValue"], Condition]) -> Condition:
        """It is an array with an element that passes the test."""

    def length(self) -> ColumnElement[int]:
        """How many elements it has, NULL for anything but an array."""

    def matches(self, pattern: str, options: str) -> Condition:
        """It is a string in which the pattern occurs."""

    def identity(self) -> list[ColumnElement[Any]]:
        """Columns that are equal for equal values."""

    def sort_keys(self) -> list[ColumnElement[Any]]:
        """Columns that sort mixed values: absent and null, numbers, strings and dates, the rest."""


def document_value(document: ColumnElement[Any], path: list[str], dialect: str) -> SqlValue:
    """The value at a path of a JSON document."""
    if dialect == SQLITE:
        return SqliteValue.at(document, path)
    node = document
    for part in path:
        node = node.op("->")(literal(part, String))
    return PostgresValue(node)


def sqlite_matches(text: ColumnElement[str], pattern: str, options: str) -> Condition:
    """The pattern occurs in the text; one that is plain text, as most are, is found without a call out of SQLite."""
    plain = as_literal(parse(pattern, options))
    if plain is None:
        return func.rt_matches(pattern, options, text) == literal(1)
    return _begins(text, plain.text) if plain.at_start else func.instr(text, plain.text) > literal(0)


def postgresql_matches(text: ColumnElement[str], pattern: str, options: str) -> Condition:
    """The pattern occurs in the text."""
    plain = as_literal(parse(pattern, options))
    if plain is None:
        return text.bool_op("~")(literal(to_postgresql(pattern, options)))
    return _begins(text, plain.text) if plain.at_start else func.strpos(text, plain.text) > literal(0)


def _begins(text: ColumnElement[str], start: str) -> Condition:
    return func.substr(text, 1, len(start)) == literal(start)


def _date(value: SqlValue, comparison: Comparison, moment: int) -> Condition:
    # Dates are stored in one form, so their texts compare as they do.
    compare = COMPARISONS[comparison]
    return and_(
        value.is_kind("object"),
        value.child("__type").text() == literal("Date"),
        compare(value.child("iso").text(), literal(iso(moment))),
    )


def _rank(value: SqlValue) -> ColumnElement[int]:
    return case(
        (value.is_kind("number"), literal(1)),
        (or_(value.is_kind("string"), value.is_kind("object")), literal(2)),
        (or_(value.is_kind("array"), value.is_kind("boolean")), literal(3)),
        else_=literal(0),
    )


_SQLITE_TYPES: dict[Kind, tuple[str, ...]] = {
    "null": ("null",),
    "boolean": ("true", "false"),
    "number": ("integer", "real"),
    "string": ("text",),
    "array": ("array",),
    "object": ("object",),
}


class SqliteValue:
    """A value as SQLite's JSON functions see it: its type and its extracted content."""

    def __init__(
        self, root: ColumnElement[Any], path: str, kind: ColumnElement[str], content: ColumnElement[Any]
    ) -> None:
        self._root = root
        self._path = path
        self._kind = kind
        self._content = content

    @classmethod
    def at(cls, root: ColumnElement[Any], path: list[str]) -> "SqliteValue":
        """The value at a path; keys are quoted, so digits and signs in them mean nothing."""
        return cls._at(root, "$" + "".join(f'."{part}"' for part in path))

    @classmethod
    def _at(cls, root: ColumnElement[Any], path: str) -> "SqliteValue":
        return cls(root, path, func.json_type(root, path, type_=String), func.json_extract(root, path))

    def is_kind(self, kind: Kind) -> Condition:
        return self._kind.in_(_SQLITE_TYPES[kind])

    def present(self) -> Condition:
        return self._kind.is_not(None)

    def text(self) -> ColumnElement[str]:
        return self._content

    def boolean(self, wanted: bool) -> Condition:
        return self._kind == ("true" if wanted else "false")

    def number(self) -> ColumnElement[Any]:
        return case((self.is_kind("number"), self._content))

    def compares(self, comparison: Comparison, number: float) -> Condition:
        return COMPARISONS[comparison](self.number(), literal(number))

    def date(self, comparison: Comparison, moment: int) -> Condition:
        return _date(self, comparison, moment)

    def same(self, value: Json) -> Condition:
        kind: Kind = "array" if isinstance(value, list) else "object"
        # SQLite may call a function before it looks at the other side of an AND; not so inside a CASE.
        return func.rt_fingerprint(case((self.is_kind(kind), self._content))) == fingerprint(value)

    def child(self, key: str) -> "SqliteValue":
        return self._at(self._root, f'{self._path}."{key}"')

    def any_element(self, test: Callable[[SqlValue], Condition]) -> Condition:
        # json_each walks an object's values as well, and gives a scalar as its own only row.
        array = case((self.is_kind("array"), self._root))
        each = func.json_each(array, self._path).table_valued("value", "type")
        content = each.c.value
        inside = case((each.c.type.in_(("array", "object")), content))
        element = SqliteValue(inside, "$", each.c.type, content)
        return select(literal(1)).select_from(each).where(test(element)).exists()

    def length(self) -> ColumnElement[int]:
        return case((self.is_kind("array"), func.json_array_length(self._root, self._path)))

    def matches(self, pattern: str, options: str) -> Condition:
        return and_(self.is_kind("string"), sqlite_matches(self._content, pattern, options))

    def identity(self) -> list[ColumnElement[Any]]:
        compound = self._kind.in_(("array", "object"))
        return [
            case((self.is_kind("number"), literal("number")), else_=self._kind),
            case((compound, func.rt_fingerprint(self._content)), else_=self._content),
        ]

    def sort_keys(self) -> list[ColumnElement[Any]]:
        text = case((self.is_kind("string"), self._content), else_=self.child("iso")._content)
        return [_rank(self), self.number(), text]


_HERE: ColumnElement[Any] = literal_column("'{}'::text[]")


class PostgresValue:
    """A value as a jsonb expression."""

    def __init__(self, node: ColumnElement[Any]) -> None:
        self._node = node

    def _is(self, comparison: Comparison, value: Json) -> Condition:
        return self._node.bool_op(comparison)(literal(value, JSONB))

    def is_kind(self, kind: Kind) -> Condition:
        return func.jsonb_typeof(self._node) == kind

    def present(self) -> Condition:
        return self._node.is_not(None)

    def text(self) -> ColumnElement[str]:
        return collate(self._node.op("#>>", return_type=String())(_HERE), "C")

    def boolean(self, wanted: bool) -> Condition:
        return self._is("=", wanted)

    def number(self) -> ColumnElement[Any]:
        return case((self.is_kind("number"), cast(self.text(), Numeric)))

    def compares(self, comparison: Comparison, number: float) -> Condition:
        # As jsonb, in decimal digits: a detour through binary fractions would change the number.
        return and_(self.is_kind("number"), self._is(comparison, number))

    def date(self, comparison: Comparison, moment: int) -> Condition:
        return _date(self, comparison, moment)

    def same(self, value: Json) -> Condition:
        return self._is("=", value)

    def child(self, key: str) -> "PostgresValue":
        return PostgresValue(self._node.op("->")(literal(key, String)))

    def any_element(self, test: Callable[[SqlValue], Condition]) -> Condition:
        array = case((self.is_kind("array"), self._node), else_=literal([], JSONB))
        each = func.jsonb_array_elements(array).table_valued(column("value", JSONB)).render_derived()
        return select(literal(1)).select_from(each).where(test(PostgresValue(each.c.value))).exists()

    def length(self) -> ColumnElement[int]:
        return case((self.is_kind("array"), func.jsonb_array_length(self._node)))

    def matches(self, pattern: str, options: str) -> Condition:
        return and_(self.is_kind("string"), postgresql_matches(self.text(), pattern, options))

    def identity(self) -> list[ColumnElement[Any]]:
        return [self._node]

    def sort_keys(self) -> list[ColumnElement[Any]]:
        text = case((self.is_kind("string"), self.text()), else_=self.child("iso").text())
        return [_rank(self), self.number(), text]
