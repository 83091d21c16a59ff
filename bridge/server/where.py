"""`where` as SQL: the query operators of the storage API, run by the database.

An error is code 1 (unknown operator, malformed operand, too much), 105 (key), 106 (pointer), 107 (a `where` that is no
object) or 111 (a malformed typed value).
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, and_, false, func, literal, not_, or_, select, true, tuple_

from bridge.server.columns import TextColumn, TimeColumn
from bridge.server.documents import date_of, is_number, point_of, pointer_of
from bridge.server.entries import ENTRY_KEYS, entry_value
from bridge.server.errors import BAD_ARGUMENT
from bridge.server.geo import RADIANS_PER_UNIT, distance, in_box, is_point
from bridge.server.http import Json, JsonObject
from bridge.server.patterns import PatternError, parse
from bridge.server.scope import Scope
from bridge.server.tables import entries, relations
from bridge.server.times import milliseconds
from bridge.server.values import COMPARISONS, Comparison, Condition, SqlValue


def condition(scope: Scope, where: JsonObject) -> Condition:
    """The rows that meet every part of `where`."""
    parts: list[Condition] = []
    for key, test in where.items():
        if key in ("$or", "$and"):
            parts.append(_combined(scope.deeper(), key, test))
        elif key == "$relatedTo":
            parts.append(_related(scope, test))
        elif key.startswith("$"):
            raise BAD_ARGUMENT(f"unknown operator '{key[:32]}'")
        else:
            parts.append(_column(scope, key, test))
    return and_(true(), *parts)


def looked_up(class_name: str, where: JsonObject) -> list[str] | None:
    """The texts that `where` binds, in order, when it looks up one text under each key: then its keys make its SQL."""
    texts: list[str] = []
    for key, test in where.items():
        if not isinstance(test, str):
            return None
        if key == "objectId":
            texts.append(test)
        elif (class_name, key) in ENTRY_KEYS:
            texts.append(entry_value(test))
        else:
            return None
    return texts


def is_narrow(class_name: str, where: JsonObject) -> bool:
    """An index leads to the few rows that can meet this `where`: no walk along the order of the answer is as short."""
    for key, test in where.items():
        if key == "objectId" or (class_name, key) in ENTRY_KEYS:
            if isinstance(test, str) or (
                isinstance(test, dict) and not test.keys().isdisjoint(("$in", "$all"))
            ):
                return True
        elif class_name == "_Conversation" and key in _KIND_FLAGS and test is True:
            return True
    return False


def _combined(scope: Scope, operator: str, tests: Json) -> Condition:
    scope.budget.spend()
    if not isinstance(tests, list) or not tests or not all(isinstance(test, dict) for test in tests):
        raise BAD_ARGUMENT(f"{operator} needs an array of objects")
    parts = [condition(scope, test) for test in tests if isinstance(test, dict)]
    return or_(false(), *parts) if operator == "$or" else and_(true(), *parts)


def _related(scope: Scope, test: Json) -> Condition:
    scope.budget.spend()
    key = test.get("key") if isinstance(test, dict) else None
    if not isinstance(test, dict) or not isinstance(key, str):
        raise BAD_ARGUMENT("$relatedTo needs 'object' and 'key'")
    owner_class, owner_id = pointer_of(test.get("object"), "$relatedTo")
    related = select(relations.c.target_id).where(
        relations.c.class_name == owner_class,
        relations.c.object_id == owner_id,
        relations.c.key == key,
        relations.c.target_class == scope.class_name,
    )
    return and_(scope.table.c.id.in_(related), _readable_owner(scope, owner_class, owner_id))


def _readable_owner(scope: Scope, class_name: str, object_id: str) -> Condition:
    owner = scope.other(class_name)
    return (
        select(literal(1))
        .select_from(owner.table)
        .where(
            owner.table.c.class_name == class_name,
            owner.table.c.id == object_id,
            owner.readable(),
        )
        .exists()
    )


def _is_operators(test: Json) -> bool:
    return isinstance(test, dict) and any(key.startswith("$") for key in test)


def _column(scope: Scope, key: str, test: Json) -> Condition:
    if not isinstance(test, dict) or not _is_operators(test):
        scope.budget.spend()
        return _equal(scope, key, test)
    parts: list[Condition] = []
    for operator, operand in test.items():
        scope.budget.spend()
        if operator in _MODIFIERS:
            if _MODIFIERS[operator] not in test:
                raise BAD_ARGUMENT(f"{operator} goes with {_MODIFIERS[operator]}")
            continue
        if operator not in _OPERATORS:
            raise BAD_ARGUMENT(f"unknown operator '{operator[:32]}'")
        parts.append(_OPERATORS[operator](scope, key, operand, test))
    return and_(*parts)


def _definite(test: Condition) -> Condition:
    """The same condition, false where the value is absent: only so can it be negated."""
    return func.coalesce(test, false())


def _any(value: SqlValue, test: Callable[[SqlValue], Condition]) -> Condition:
    """The value passes the test, or is an array with an element that does."""
    return or_(test(value), value.any_element(test))


def _equal(scope: Scope, key: str, wanted: Json) -> Condition:
    value = scope.value(key)
    if isinstance(value, TextColumn):
        return value.text() == scope.bound(wanted) if isinstance(wanted, str) else false()
    if isinstance(value, TimeColumn):
        return _is_time(value, wanted)
    if isinstance(wanted, str) and (scope.class_name, key) in ENTRY_KEYS:
        return _listed_under(scope, key, entries.c.value == scope.bound(entry_value(wanted)))
    if wanted is True and scope.class_name == "_Conversation" and key in _KIND_FLAGS:
        # The condition on the indexed column narrows the rows, the document decides.
        return and_(scope.table.c.kind.in_(_KIND_FLAGS[key]), _definite(value.boolean(True)))
    if wanted is None:
        return or_(not_(value.present()), _definite(_any(value, lambda one: one.is_kind("null"))))
    return _definite(_any(value, _equality(wanted, key)))


_KIND_FLAGS = {"sys": (3,), "tr": (2, 3)}


def _is_time(value: TimeColumn, wanted: Json) -> Condition:
    if wanted is None:
        return not_(value.present())
    moment = _moment(wanted)
    return false() if moment is None else value.date("=", moment)


def _moment(wanted: Json) -> int | None:
    """UTC milliseconds of a Date or of ISO text; None for anything else."""
    if isinstance(wanted, dict) and wanted.get("__type") == "Date":
        return date_of(wanted, "where")
    if isinstance(wanted, str):
        try:
            return milliseconds(wanted)
        except ValueError:
            return None
    return None


def _listed_under(scope: Scope, key: str, test: Condition) -> Condition:
    found = select(entries.c.object_id).where(
        entries.c.class_name == scope.class_name, entries.c.key == key, test
    )
    listed: Condition = scope.table.c.id.in_(found)
    return listed


def _equality(wanted: Json, key: str) -> Callable[[SqlValue], Condition]:
    """The test for one value, never for the elements of an array."""
    if isinstance(wanted, bool):
        return lambda one: one.boolean(wanted)
    if isinstance(wanted, str):
        return lambda one: and_(one.is_kind("string"), one.text() == literal(wanted))
    if is_number(wanted):
        return lambda one: one.compares("=", wanted)
    if isinstance(wanted, dict) and wanted.get("__type") == "Date":
        moment = date_of(wanted, key)
        return lambda one: one.date("=", moment)
    if isinstance(wanted, dict) and wanted.get("__type") == "Pointer":
        class_name, object_id = pointer_of(wanted, key)
        return lambda one: _points_to(one, class_name, one.child("objectId").text() == object_id)
    return lambda one: one.same(wanted)


def _points_to(value: SqlValue, class_name: str, object_id: Condition) -> Condition:
    return and_(
        value.is_kind("object"),
        value.child("__type").text() == literal("Pointer"),
        value.child("className").text() == literal(class_name),
        object_id,
    )


def _not_equal(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    return not_(_equal(scope, key, operand))


def _compare(comparison: Comparison) -> "_Operator":
    def compare(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
        value = scope.value(key)
        moment = _moment(operand) if isinstance(value, TimeColumn) else None
        if moment is not None:
            return value.date(comparison, moment)
        return _definite(_any(value, _comparison(comparison, operand, key)))

    return compare


def _comparison(comparison: Comparison, operand: Json, key: str) -> Callable[[SqlValue], Condition]:
    operate = COMPARISONS[comparison]
    if isinstance(operand, str):
        return lambda one: and_(one.is_kind("string"), operate(one.text(), literal(operand)))
    if is_number(operand):
        return lambda one: one.compares(comparison, operand)
    if isinstance(operand, dict) and operand.get("__type") == "Date":
        moment = date_of(operand, key)
        return lambda one: one.date(comparison, moment)
    raise BAD_ARGUMENT(f"'{key}' can be compared with numbers, strings and Dates only")


def _list(scope: Scope, operator: str, operand: Json) -> list[Json]:
    if not isinstance(operand, list):
        raise BAD_ARGUMENT(f"{operator} needs an array")
    scope.budget.spend(listed=len(operand))
    return operand


def _in(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    wanted = _list(scope, "$in", operand)
    texts = [text for text in wanted if isinstance(text, str)]
    rest = [value for value in wanted if not isinstance(value, str)]
    parts = [_equal(scope, key, value) for value in rest]
    scope.budget.spend(len(rest))
    value = scope.value(key)
    if isinstance(value, TextColumn):
        return value.text().in_(texts)
    if isinstance(value, TimeColumn):
        parts += [_is_time(value, text) for text in texts]
    elif texts and (scope.class_name, key) in ENTRY_KEYS:
        wanted_entries = sorted({entry_value(text) for text in texts})
        parts.append(_listed_under(scope, key, entries.c.value.in_(wanted_entries)))
    elif texts:
        parts.append(_definite(_any(value, lambda one: and_(one.is_kind("string"), one.text().in_(texts)))))
    return or_(false(), *parts)


def _not_in(scope: Scope, key: str, operand: Json, test: JsonObject) -> Condition:
    return not_(_in(scope, key, operand, test))


def _all(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    wanted = _list(scope, "$all", operand)
    scope.budget.spend(len(wanted))
    return and_(*(_equal(scope, key, value) for value in wanted)) if wanted else false()


def _size(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    if not isinstance(operand, int) or isinstance(operand, bool) or not 0 <= operand < 2**31:
        raise BAD_ARGUMENT("$size needs a count")
    return _definite(scope.value(key).length() == literal(operand))


def _exists(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    if not isinstance(operand, bool | int):
        raise BAD_ARGUMENT("$exists needs true or false")
    present = scope.value(key).present()
    return present if operand else not_(present)


def _regex(scope: Scope, key: str, operand: Json, test: JsonObject) -> Condition:
    options = test.get("$options", "")
    if not isinstance(operand, str) or not isinstance(options, str):
        raise BAD_ARGUMENT("$regex and $options are strings")
    try:
        parse(operand, options)
    except PatternError as problem:
        raise BAD_ARGUMENT(f"$regex: {problem}") from problem
    return _definite(_any(scope.value(key), lambda one: one.matches(operand, options)))


def _selected(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    query = operand.get("query") if isinstance(operand, dict) else None
    other_key = operand.get("key") if isinstance(operand, dict) else None
    if not isinstance(query, dict) or not isinstance(other_key, str):
        raise BAD_ARGUMENT("$select and $dontSelect need 'query' and 'key'")
    inner, rows = _subquery(scope, query)
    other = inner.value(other_key)
    wanted = rows.with_only_columns(*other.identity()).where(other.present())
    return _definite(_any(scope.value(key), lambda one: tuple_(*one.identity()).in_(wanted)))


def _not_selected(scope: Scope, key: str, operand: Json, test: JsonObject) -> Condition:
    return not_(_selected(scope, key, operand, test))


def _in_query(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    if not isinstance(operand, dict):
        raise BAD_ARGUMENT("$inQuery and $notInQuery need an object")
    inner, rows = _subquery(scope, operand)
    ids = rows.with_only_columns(inner.table.c.id)
    return _definite(
        _any(
            scope.value(key),
            lambda one: _points_to(one, inner.class_name, one.child("objectId").text().in_(ids)),
        ),
    )


def _not_in_query(scope: Scope, key: str, operand: Json, test: JsonObject) -> Condition:
    return not_(_in_query(scope, key, operand, test))


def _subquery(scope: Scope, query: JsonObject) -> tuple[Scope, Select[Any]]:
    class_name, where = query.get("className"), query.get("where", {})
    if not isinstance(class_name, str) or not isinstance(where, dict):
        raise BAD_ARGUMENT("a subquery needs 'className' and 'where'")
    inner = scope.other(class_name)
    rows = select(literal(1)).select_from(inner.table)
    rows = rows.where(inner.table.c.class_name == class_name, inner.readable(), condition(inner, where))
    return inner, rows


def _near(scope: Scope, key: str, operand: Json, test: JsonObject) -> Condition:
    value = scope.value(key)
    angle = distance(value, point_of(operand, key), scope.dialect)
    scope.nearest.append(angle)
    parts = [is_point(value)]
    for unit in RADIANS_PER_UNIT.keys() & test.keys():
        most = test[unit]
        if not is_number(most) or most < 0:
            raise BAD_ARGUMENT(f"{unit} needs a distance")
        parts.append(angle <= literal(most * RADIANS_PER_UNIT[unit]))
    return _definite(and_(*parts))


def _within(scope: Scope, key: str, operand: Json, _: JsonObject) -> Condition:
    corners = operand.get("$box") if isinstance(operand, dict) else None
    if not isinstance(corners, list) or len(corners) != 2:
        raise BAD_ARGUMENT("$within needs a $box of two GeoPoints")
    southwest, northeast = point_of(corners[0], key), point_of(corners[1], key)
    return _definite(in_box(scope.value(key), southwest, northeast))


_Operator = Callable[[Scope, str, Json, JsonObject], Condition]
_OPERATORS: dict[str, _Operator] = {
    "$ne": _not_equal,
    "$lt": _compare("<"),
    "$lte": _compare("<="),
    "$gt": _compare(">"),
    "$gte": _compare(">="),
    "$in": _in,
    "$nin": _not_in,
    "$all": _all,
    "$size": _size,
    "$exists": _exists,
    "$regex": _regex,
    "$select": _selected,
    "$dontSelect": _not_selected,
    "$inQuery": _in_query,
    "$notInQuery": _not_in_query,
    "$nearSphere": _near,
    "$within": _within,
}
_MODIFIERS = {"$options": "$regex", **dict.fromkeys(RADIANS_PER_UNIT, "$nearSphere")}
