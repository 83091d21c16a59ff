"""What a query string asks of a class: `where`, `order`, `limit`, `skip`, `keys`, `include`, `count`."""

from dataclasses import dataclass

from bridge.server.documents import key_path
from bridge.server.errors import BAD_ARGUMENT
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.objects import DEFAULT_LIMIT, Query
from bridge.server.rows import OWN_KEYS

MAX_LIMIT = 1000
MAX_KEYS = 200


def page(parameters: Parameters, class_name: str, kind: int | None = None) -> Query:
    """The query; a limit out of range counts as 100, but 0 is one when only the count is wanted."""
    limit = parameters.integer("limit")
    if limit is None or not (1 <= limit <= MAX_LIMIT or (limit == 0 and parameters.boolean("count"))):
        limit = DEFAULT_LIMIT
    skip = parameters.integer("skip") or 0
    if skip < 0:
        raise BAD_ARGUMENT("'skip' cannot be negative")
    where = parameters.json_object("where") or {}
    return Query(class_name, where, parameters.text("order"), limit, skip, kind)


@dataclass(frozen=True)
class Projection:
    """Which keys of an object a caller wants to see; own keys are always among them."""

    wanted: tuple[tuple[str, ...], ...] = ()
    unwanted: tuple[tuple[str, ...], ...] = ()

    def apply(self, row: JsonObject) -> JsonObject:
        """The object with these keys alone."""
        shown = row
        if self.wanted:
            shown = {key: row[key] for key in OWN_KEYS if key in row}
            for path in self.wanted:
                _copy(row, shown, path)
        for path in self.unwanted:
            shown = _without(shown, path)
        return shown


def projection(parameters: Parameters) -> Projection:
    """`keys=a,b.c` asks for these keys, `keys=-a` for all but these."""
    keys = split_keys(parameters, "keys")
    return Projection(
        tuple(tuple(key_path(key)) for key in keys if not key.startswith("-")),
        tuple(tuple(key_path(key[1:])) for key in keys if key.startswith("-") and key[1:] not in OWN_KEYS),
    )


def split_keys(parameters: Parameters, name: str) -> list[str]:
    """A comma-separated list of keys."""
    keys = [key.strip() for key in (parameters.text(name) or "").split(",") if key.strip()]
    if len(keys) > MAX_KEYS:
        raise BAD_ARGUMENT(f"'{name}' names at most {MAX_KEYS} keys")
    return keys


def _copy(source: JsonObject, target: JsonObject, path: tuple[str, ...]) -> None:
    key, *rest = path
    if key not in source:
        return
    value: Json = source[key]
    if not rest:
        target[key] = value
    elif isinstance(value, dict):
        below = target.get(key)
        if below is value:
            return
        inner: JsonObject = below if isinstance(below, dict) else {}
        _copy(value, inner, tuple(rest))
        target[key] = inner


def _without(row: JsonObject, path: tuple[str, ...]) -> JsonObject:
    key, *rest = path
    if key not in row:
        return row
    if not rest:
        return {name: value for name, value in row.items() if name != key}
    below = row[key]
    return {**row, key: _without(below, tuple(rest))} if isinstance(below, dict) else row
