"""A class being queried: where its keys are in the statement, who asks, and how much the query may still cost."""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, String, bindparam

from bridge.server.access import Access
from bridge.server.columns import OptionalTime, TextColumn, TimeColumn
from bridge.server.documents import check_class_name, key_path
from bridge.server.errors import BAD_ARGUMENT
from bridge.server.tables import objects
from bridge.server.values import Condition, SqlValue, document_value

MAX_CONDITIONS = 300
MAX_NESTING = 20
MAX_LISTED = 5000


@dataclass
class Budget:
    """What is left of a query's allowance: conditions and listed values together."""

    conditions: int = MAX_CONDITIONS
    listed: int = MAX_LISTED

    def spend(self, conditions: int = 1, listed: int = 0) -> None:
        """Takes so much of it; code 1 when the query asks for too much."""
        self.conditions -= conditions
        self.listed -= listed
        if self.conditions < 0 or self.listed < 0:
            raise BAD_ARGUMENT(
                f"a query has at most {MAX_CONDITIONS} conditions and {MAX_LISTED} listed values"
            )


@dataclass
class Scope:
    """A class being queried: its name, the table (or an alias of it) in the statement, and who asks."""

    class_name: str
    dialect: str
    access: Access
    table: Any = objects
    depth: int = 0
    budget: Budget = field(default_factory=Budget)
    nearest: list[ColumnElement[Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def bound(self, text: str) -> BindParameter[str]:
        """A text under a name that tells its place, so that the same statement can be run for another one."""
        self.texts.append(text)
        return bindparam(place(len(self.texts) - 1), text, String)

    def value(self, key: str) -> SqlValue:
        """The value under a key of the class, dots included; code 105 for what is no key."""
        columns = self.table.c
        match key:
            case "objectId":
                return TextColumn(columns.id, self.dialect)
            case "createdAt":
                return TimeColumn(columns.created_at, self.dialect)
            case "updatedAt":
                return TimeColumn(columns.updated_at, self.dialect)
            case "lm" if self.class_name == "_Conversation":
                return OptionalTime(columns.last_message_at, self.dialect)
            case _:
                return document_value(columns.document, key_path(key), self.dialect)

    def readable(self) -> Condition:
        """The objects that the caller may read, by their ACLs."""
        return self.access.readable(self.table.c.document, self.dialect)

    def deeper(self) -> "Scope":
        """The same class, one level of nesting further in."""
        if self.depth >= MAX_NESTING:
            raise BAD_ARGUMENT(f"a query nests at most {MAX_NESTING} deep")
        return replace(self, depth=self.depth + 1)

    def other(self, class_name: str) -> "Scope":
        """Another class, for a subquery, in an alias of its own."""
        self.access.may_query(class_name)
        inner = replace(self.deeper(), class_name=check_class_name(class_name), table=objects.alias())
        return replace(inner, nearest=[])


def place(index: int) -> str:
    """The name of the parameter that stands for a statement's text of this number."""
    return f"text_{index}"
