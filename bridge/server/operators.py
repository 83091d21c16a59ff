"""What a save does to an object: plain values, `__op` values, dotted keys. No I/O.

The operators are those of the storage API's update calls; they work the same on create, where every column is absent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from bridge.server.documents import check_column, check_value, fingerprint, is_number, key_path, pointer_of
from bridge.server.errors import BAD_ARGUMENT, WRONG_TYPE
from bridge.server.http import Json, JsonObject


class _Absent:
    """A column that the object does not have."""


ABSENT = _Absent()
Current: TypeAlias = "Json | _Absent"


@dataclass(frozen=True)
class RelationChange:
    """A pointer to add to, or to remove from, a `Relation` column."""

    key: str
    add: bool
    class_name: str
    object_id: str


@dataclass
class Outcome:
    """The object after a save, and what the save does to its relations."""

    document: JsonObject
    relations: list[RelationChange] = field(default_factory=list)


def apply(class_name: str, document: JsonObject, changes: JsonObject) -> Outcome:
    """The object after the changes, in the order given; the document passed in stays as it was.

    Raises the storage codes: 1 malformed operator, 105 key name, 106 pointer, 111 wrong type, 121 inner key, 123 ACL.
    """
    outcome = Outcome(dict(document))
    for key, change in changes.items():
        path = key_path(key)
        current = _look_up(outcome.document, path)
        value = _changed(key, current, change, outcome.relations)
        if len(path) > 1:
            outcome.document = _place(outcome.document, path, value, key)
            value = outcome.document.get(path[0], ABSENT)
        if isinstance(value, _Absent):
            outcome.document.pop(path[0], None)
        else:
            outcome.document[path[0]] = check_column(class_name, path[0], value)
    return outcome


def _look_up(document: JsonObject, path: list[str]) -> Current:
    node: Json = document
    for part in path:
        if not isinstance(node, dict) or part not in node:
            return ABSENT
        node = node[part]
    return node


def _place(document: JsonObject, path: list[str], value: Current, key: str) -> JsonObject:
    """A copy of the document with the value at the path; the objects on the way are copied, or made where absent."""
    part, *rest = path
    copy = dict(document)
    if not rest:
        if isinstance(value, _Absent):
            copy.pop(part, None)
        else:
            copy[part] = value
        return copy
    below = copy.get(part)
    if below is None:
        if isinstance(value, _Absent):
            return copy
        below = {}
    if not isinstance(below, dict):
        raise WRONG_TYPE(f"'{key}': '{part}' is not an object")
    copy[part] = _place(below, rest, value, key)
    return copy


def _changed(key: str, current: Current, change: Json, relations: list[RelationChange]) -> Current:
    if not isinstance(change, dict) or "__op" not in change:
        return change
    operator = change["__op"]
    if operator == "Delete":
        return ABSENT
    if operator == "Batch":
        for step in _objects(key, change, "ops"):
            if not isinstance(step, dict) or "__op" not in step or step["__op"] == "Batch":
                raise BAD_ARGUMENT(f"'{key}': a Batch holds operators")
            current = _changed(key, current, step, relations)
        return current
    if operator in ("AddRelation", "RemoveRelation"):
        return _relate(key, current, change, relations)
    if isinstance(operator, str) and operator in _OPERATORS:
        return _OPERATORS[operator](key, current, change)
    raise BAD_ARGUMENT(f"'{key}': unknown operator {str(operator)[:32]}")


def _objects(key: str, change: JsonObject, name: str = "objects") -> list[Json]:
    objects = change.get(name)
    if not isinstance(objects, list):
        raise BAD_ARGUMENT(f"'{key}': {change['__op']} needs an array '{name}'")
    return objects


def _array(key: str, current: Current) -> list[Json]:
    if current is None or isinstance(current, _Absent):
        return []
    if not isinstance(current, list):
        raise WRONG_TYPE(f"'{key}' is not an array")
    return current


def _add(key: str, current: Current, change: JsonObject) -> Json:
    return [*_array(key, current), *(check_value(item, key) for item in _objects(key, change))]


def _add_unique(key: str, current: Current, change: JsonObject) -> Json:
    result = list(_array(key, current))
    seen = {fingerprint(item) for item in result}
    for item in _objects(key, change):
        value = check_value(item, key)
        mark = fingerprint(value)
        if mark not in seen:
            seen.add(mark)
            result.append(value)
    return result


def _remove(key: str, current: Current, change: JsonObject) -> Json:
    unwanted = {fingerprint(check_value(item, key)) for item in _objects(key, change)}
    return [item for item in _array(key, current) if fingerprint(item) not in unwanted]


def _increment(key: str, current: Current, change: JsonObject) -> Json:
    amount = change.get("amount")
    if not is_number(amount):
        raise BAD_ARGUMENT(f"'{key}': {change['__op']} needs a number 'amount'")
    start = 0 if current is None or isinstance(current, _Absent) else current
    if not is_number(start):
        raise WRONG_TYPE(f"'{key}' is not a number")
    result = start - amount if change["__op"] == "Decrement" else start + amount
    if isinstance(result, int) and not -(2**63) <= result < 2**63:
        result = float(result)
    if isinstance(result, float) and abs(result) == float("inf"):
        raise WRONG_TYPE(f"'{key}' would be out of range")
    return result


def _bits(key: str, current: Current, change: JsonObject) -> Json:
    value = change.get("value")
    start = 0 if current is None or isinstance(current, _Absent) else current
    if not isinstance(value, int) or isinstance(value, bool):
        raise BAD_ARGUMENT(f"'{key}': {change['__op']} needs a whole number 'value'")
    if not isinstance(start, int) or isinstance(start, bool):
        raise WRONG_TYPE(f"'{key}' is not a whole number")
    match change["__op"]:
        case "BitAnd":
            return start & value
        case "BitOr":
            return start | value
        case _:
            return start ^ value


def _relate(key: str, current: Current, change: JsonObject, relations: list[RelationChange]) -> Json:
    targets = [pointer_of(item, key) for item in _objects(key, change)]
    add = change["__op"] == "AddRelation"
    if not (current is None or isinstance(current, _Absent)) and not (
        isinstance(current, dict) and current.get("__type") == "Relation"
    ):
        raise WRONG_TYPE(f"'{key}' is not a Relation")
    relations.extend(RelationChange(key, add, class_name, object_id) for class_name, object_id in targets)
    if isinstance(current, dict):
        return current
    return {"__type": "Relation", "className": targets[0][0]} if targets else None


_OPERATORS: dict[str, Callable[[str, Current, JsonObject], Json]] = {
    "Add": _add,
    "AddUnique": _add_unique,
    "Remove": _remove,
    "Increment": _increment,
    "Decrement": _increment,
    "BitAnd": _bits,
    "BitOr": _bits,
    "BitXor": _bits,
}
