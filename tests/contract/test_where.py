"""`where`: every operator, on both databases, agrees with a small evaluator written from the same description."""

import json
import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.contract.service import Service

CLASS = "/1.1/classes/Thing"
DATE = {"__type": "Date", "iso": "2026-01-02T03:04:05.006Z"}
LATER = {"__type": "Date", "iso": "2026-06-01T00:00:00.000Z"}
POINTER = {"__type": "Pointer", "className": "Other", "objectId": "5eccba570d3a42c5fd4e25c3"}
ELSEWHERE = {"__type": "Pointer", "className": "Other", "objectId": "000000000000000000000000"}

SCALARS: list[Any] = [
    None, True, False, 0, 1, 2, -1, 1.5, 0.1, 2**53,
    "", "a", "A", "ab", "1", "true", "[\"a\"]", "b%", "b_", "été", "a\nb", "'\"\\",
]  # fmt: skip
VALUES: list[Any] = [
    *SCALARS, [], ["a"], ["a", "ab"], [1, "a", None], [[1], ["a"]], [True], [1.0],
    {}, {"k": 1}, {"k": "a", "l": [1]}, {"l": [1], "k": "a"},
    {"k": None}, DATE, LATER, [DATE], POINTER, ELSEWHERE, [POINTER, "a"],
]  # fmt: skip
ABSENT = object()
EXAMPLES = 500 if os.environ.get("CONTRACT_MATRIX") == "full" else 60


def documents() -> list[dict[str, Any]]:
    """Every value alone, and in pairs with its neighbours."""
    rows: list[dict[str, Any]] = [{"n": -1}]
    for index, value in enumerate(VALUES):
        rows.append({"n": index, "a": value, "b": VALUES[index - 1], "o": {"x": value}})
    return rows


def look_up(document: dict[str, Any], key: str) -> Any:
    node: Any = document
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return ABSENT
        node = node[part]
    return node


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def anyhow(value: Any, test: Any) -> bool:
    return value is not ABSENT and (test(value) or (isinstance(value, list) and any(map(test, value))))


def equal(value: Any, wanted: Any) -> bool:
    if wanted is None and value is ABSENT:
        return True
    return anyhow(value, lambda one: same(one, wanted))


def comparable(value: Any) -> Any:
    if isinstance(value, dict) and value.get("__type") == "Date":
        return ("date", value["iso"])
    if is_number(value):
        return ("number", value)
    return ("string", value.encode()) if isinstance(value, str) else (None, None)


def compare(value: Any, operator: str, operand: Any) -> bool:
    wanted_kind, wanted = comparable(operand)
    tests = {
        "$lt": lambda x: x < wanted,
        "$lte": lambda x: x <= wanted,
        "$gt": lambda x: x > wanted,
        "$gte": lambda x: x >= wanted,
    }
    return anyhow(
        value, lambda one: comparable(one)[0] == wanted_kind and tests[operator](comparable(one)[1])
    )


def meets_operator(value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "$ne":
            return not equal(value, operand)
        case "$in":
            return any(equal(value, wanted) for wanted in operand)
        case "$nin":
            return not any(equal(value, wanted) for wanted in operand)
        case "$all":
            return bool(operand) and all(equal(value, wanted) for wanted in operand)
        case "$size":
            return isinstance(value, list) and len(value) == operand
        case "$exists":
            return bool((value is not ABSENT) == operand)
        case "$regex":
            return anyhow(value, lambda one: isinstance(one, str) and bool(re.search(operand, one)))
        case _:
            return compare(value, operator, operand)


def meets(document: dict[str, Any], where: dict[str, Any]) -> bool:
    for key, test in where.items():
        if key == "$or":
            passed = any(meets(document, one) for one in test)
        elif key == "$and":
            passed = all(meets(document, one) for one in test)
        elif isinstance(test, dict) and any(name.startswith("$") for name in test):
            value = look_up(document, key)
            passed = all(meets_operator(value, operator, operand) for operator, operand in test.items())
        else:
            passed = equal(look_up(document, key), test)
        if not passed:
            return False
    return True


values = st.sampled_from(VALUES)
keys = st.sampled_from(["a", "b", "o.x", "a.k", "o.x.l", "o", "nothing"])
ordered = st.sampled_from([value for value in SCALARS if comparable(value)[0]] + [DATE, LATER])
operators = st.one_of(
    st.tuples(st.just("$ne"), values),
    st.tuples(st.sampled_from(["$lt", "$lte", "$gt", "$gte"]), ordered),
    st.tuples(st.sampled_from(["$in", "$nin", "$all"]), st.lists(values, max_size=4)),
    st.tuples(st.just("$size"), st.integers(0, 3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(
        st.just("$regex"), st.sampled_from(["^a", "b$", "A|1", "[0-9]", "b%", "\\.", "t.$", "a\\nb", "^$"])
    ),
)
leaves = st.dictionaries(
    keys,
    values | st.lists(operators, min_size=1, max_size=2, unique_by=lambda pair: pair[0]).map(dict),
    max_size=2,
)
wheres = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda leaf, name, parts: {**leaf, name: parts},
        leaves,
        st.sampled_from(["$or", "$and"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@pytest.fixture
async def things(service: Service) -> Service:
    requests = [{"method": "POST", "path": CLASS, "body": document} for document in documents()]
    made = await service.ok("POST", "/1.1/batch", json={"requests": requests})
    assert all("success" in one for one in made)
    return service


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wheres)
@example({"a": None})
@example({"a": {"$ne": None}})
@example({"a": {"$in": []}})
async def test_a_query_finds_what_the_evaluator_finds(things: Service, where: dict[str, Any]) -> None:
    found = await things.ok(
        "GET", CLASS, params={"where": json.dumps(where), "limit": 1000, "order": "n", "count": 1}
    )
    expected = [document["n"] for document in documents() if meets(document, where)]
    assert [row["n"] for row in found["results"]] == sorted(expected)
    assert found["count"] == len(expected)


WORDS = (
    "$or $and $in $regex $options $select $inQuery $nearSphere $within $box $size $all $relatedTo $nor "
    "__type iso className objectId latitude where query key a createdAt"
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["a", "$or", "objectId", "updatedAt", "a.b"]) | st.text(max_size=4),
        anything,
        max_size=3,
    )
)
async def test_no_query_at_all_is_a_fault_of_the_server(things: Service, where: dict[str, Any]) -> None:
    response = await things.call("GET", CLASS, params={"where": json.dumps(where)})
    assert response.status_code in (200, 400, 404), response.text
    if response.status_code != 200:
        assert response.json()["code"] in (1, 101, 103, 105, 106, 107, 111)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4) | st.sampled_from(["a", "a.k", "ACL", "n"]), anything, max_size=3
    ),
    st.booleans(),
)
async def test_no_save_at_all_is_a_fault_of_the_server(
    things: Service, body: dict[str, Any], new: bool
) -> None:
    if new:
        response = await things.call("POST", CLASS, json=body)
    else:
        found = await things.ok("GET", CLASS, params={"limit": 1})
        response = await things.call("PUT", f"{CLASS}/{found['results'][0]['objectId']}", json=body)
    assert response.status_code in (200, 201, 400), response.text


async def numbers(service: Service, where: dict[str, Any], **params: Any) -> list[int]:
    found = await service.ok("GET", CLASS, params={"where": json.dumps(where), "limit": 1000, **params})
    return [row["n"] for row in found["results"]]


async def test_times_and_ids_of_an_object_can_be_asked_for(things: Service) -> None:
    everything = (await things.ok("GET", CLASS, params={"limit": 1000}))["results"]
    first = everything[0]
    assert len(await numbers(things, {"objectId": first["objectId"]})) == 1
    assert len(await numbers(things, {"objectId": {"$in": [row["objectId"] for row in everything]}})) == len(
        everything
    )
    assert await numbers(things, {"objectId": {"$regex": "^\\Qnever\\E"}}) == []
    moment = {"__type": "Date", "iso": first["createdAt"]}
    assert len(await numbers(things, {"createdAt": {"$gte": moment}})) == len(everything)
    assert await numbers(things, {"createdAt": {"$lt": moment}}) == []
    assert await numbers(things, {"updatedAt": {"$exists": False}}) == []


async def test_a_subquery_selects_by_value_and_by_pointer(service: Service) -> None:
    town = await service.ok("POST", "/1.1/classes/Town", json={"name": "Berlin", "size": 3})
    pointer = {"__type": "Pointer", "className": "Town", "objectId": town["objectId"]}
    rows: list[dict[str, Any]] = [
        {"town": pointer, "label": "Berlin"},
        {"label": "Bonn"},
        {"labels": ["x", "Berlin"]},
    ]
    for number, columns in enumerate(rows):
        await service.ok("POST", CLASS, json={"n": number, **columns})
    big = {"className": "Town", "where": {"size": {"$gt": 2}}}
    assert await numbers(service, {"town": {"$inQuery": big}}) == [0]
    assert await numbers(service, {"town": {"$notInQuery": big}}) == [1, 2]
    select = {"query": big, "key": "name"}
    assert await numbers(service, {"label": {"$select": select}}) == [0]
    assert await numbers(service, {"label": {"$dontSelect": select}}) == [1, 2]
    assert await numbers(service, {"labels": {"$select": select}}) == [2]
    assert await numbers(service, {"town": pointer}) == [0]
    [row] = (await service.ok("GET", CLASS, params={"where": '{"n":0}', "include": "town"}))["results"]
    assert row["town"] == {**pointer, "__type": "Object", "name": "Berlin", "size": 3} | dict.fromkeys(
        ("createdAt", "updatedAt"), town["createdAt"]
    )


async def test_places_are_found_by_distance_and_in_boxes(service: Service) -> None:
    def point(latitude: float, longitude: float) -> dict[str, Any]:
        return {"__type": "GeoPoint", "latitude": latitude, "longitude": longitude}

    places = {
        "Berlin": (52.52, 13.405),
        "Potsdam": (52.39, 13.06),
        "Suva": (-18.14, 178.44),
        "Apia": (-13.83, -171.76),
    }
    for number, place in enumerate(places.values()):
        await service.ok("POST", CLASS, json={"n": number, "at": point(*place)})
    await service.ok("POST", CLASS, json={"n": 9, "at": "nowhere"})
    near_potsdam = {"$nearSphere": point(52.4, 13.0)}
    assert (await numbers(service, {"at": near_potsdam}))[:2] == [1, 0]
    within_20_km = {**near_potsdam, "$maxDistanceInKilometers": 20}
    assert await numbers(service, {"at": within_20_km}) == [1]
    across_the_date_line = {"at": {"$within": {"$box": [point(-20, 170), point(-10, -170)]}}}
    assert await numbers(service, across_the_date_line) == [2, 3]


async def test_the_order_of_mixed_values_is_the_same_on_every_database(things: Service) -> None:
    upwards = await numbers(things, {}, order="a,n")
    assert await numbers(things, {}, order="-a,-n") == upwards[::-1]
    kept = [documents()[number + 1].get("a") for number in upwards]
    only_numbers: list[Any] = [value for value in kept if is_number(value)]
    assert only_numbers == sorted(only_numbers)
    only_text = [value for value in kept if isinstance(value, str)]
    assert only_text == sorted(only_text, key=str.encode)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("{", 107),
        ("[]", 107),
        ('"a"', 107),
        ('{"a":{"$near":1}}', 1),
        ('{"$nor":[]}', 1),
        ('{"$or":{}}', 1),
        ('{"$or":[]}', 1),
        ('{"a":{"$in":1}}', 1),
        ('{"a":{"$size":"x"}}', 1),
        ('{"a":{"$regex":"("}}', 1),
        ('{"a":{"$options":"i"}}', 1),
        ('{"a":{"$lt":[]}}', 1),
        ('{"a b":1}', 105),
        ('{"a":{"__type":"Pointer"}}', 106),
        ('{"a":{"__type":"Date","iso":"x"}}', 111),
        ('{"a":{"$exists":"yes"}}', 1),
    ],
)
async def test_a_malformed_query_has_its_code(things: Service, where: str, code: int) -> None:
    assert await things.refused("GET", CLASS, params={"where": where}) == code


async def test_a_query_too_large_to_run_is_refused(things: Service) -> None:
    many: dict[str, Any] = {"$or": [{"a": [number + 10]} for number in range(290)]}
    assert await numbers(things, many) == []
    many = {"$or": [{"a": number} for number in range(400)]}
    assert await things.refused("GET", CLASS, params={"where": json.dumps(many)}) == 1
    deep: dict[str, Any] = {"a": 1}
    for _ in range(30):
        deep = {"$and": [deep]}
    assert await things.refused("GET", CLASS, params={"where": json.dumps(deep)}) == 1
