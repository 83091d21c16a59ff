"""What a save does to an object: the operators, by the examples of the API and for any value at all."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.errors import ServiceError
from bridge.server.operators import apply

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OPERATORS = "Increment Decrement Add AddUnique Remove Delete BitAnd BitOr BitXor AddRelation RemoveRelation Batch Nope"
changes = st.one_of(
    values,
    st.fixed_dictionaries(
        {"__op": st.sampled_from(OPERATORS.split())},
        optional={
            "amount": values,
            "value": values,
            "objects": values,
            "ops": st.lists(st.fixed_dictionaries({"__op": st.sampled_from(OPERATORS.split())}), max_size=2),
        },
    ),
)
keys = st.sampled_from(["a", "b", "a.b", "a.b.c", "ACL"]) | st.text(max_size=4)


def after(document: dict[str, Any], **changed: Any) -> Any:
    return apply("Thing", document, changed).document


@given(st.dictionaries(st.sampled_from("ab"), values, max_size=2), st.dictionaries(keys, changes, max_size=3))
def test_any_save_gives_a_document_that_can_be_kept_or_a_code(
    document: dict[str, Any], changed: dict[str, Any]
) -> None:
    before = copy.deepcopy(document)
    try:
        outcome = apply("Thing", document, changed)
    except ServiceError as refusal:
        assert refusal.code in (1, 105, 106, 111, 121, 123)  # noqa: PT017 - a refusal is one of two right answers
    else:
        json.dumps(outcome.document, allow_nan=False)
    assert document == before


@given(st.lists(st.text(max_size=2)), st.lists(st.text(max_size=2)))
def test_lists_gain_and_lose_as_sets_do(present: list[str], given_now: list[str]) -> None:
    added = after({"a": present}, a={"__op": "AddUnique", "objects": given_now})["a"]
    assert added[: len(present)] == present
    assert set(added) == set(present) | set(given_now)
    assert len(added) - len(present) == len(set(given_now) - set(present))
    removed = after({"a": present}, a={"__op": "Remove", "objects": given_now})["a"]
    assert removed == [item for item in present if item not in given_now]
    assert after({"a": present}, a={"__op": "Add", "objects": given_now})["a"] == present + given_now


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_numbers_are_added_and_bits_combined(start: int, amount: int) -> None:
    assert after({"a": start}, a={"__op": "Increment", "amount": amount}) == {"a": start + amount}
    assert after({"a": start}, a={"__op": "Decrement", "amount": amount}) == {"a": start - amount}
    assert after({"a": start}, a={"__op": "BitXor", "value": amount}) == {"a": start ^ amount}
    assert after({}, a={"__op": "Increment", "amount": amount}) == {"a": amount}


def test_true_is_not_one_when_lists_are_compared() -> None:
    assert after({"a": [True, 1]}, a={"__op": "Remove", "objects": [1]}) == {"a": [True]}
    assert after({"a": [1]}, a={"__op": "AddUnique", "objects": [1.0, True]}) == {"a": [1, True]}


def test_a_sum_too_large_for_an_integer_is_a_double_and_for_a_double_is_111() -> None:
    assert after({"a": 2**63 - 1}, a={"__op": "Increment", "amount": 1}) == {"a": float(2**63)}
    with pytest.raises(ServiceError, match="111"):
        after({"a": 1.7e308}, a={"__op": "Increment", "amount": 1.7e308})


def test_a_dotted_key_reaches_into_an_object_and_makes_what_is_missing() -> None:
    assert apply("Thing", {"a": {"b": 1}}, {"a.c.d": 2, "a.b": {"__op": "Delete"}}).document == {
        "a": {"c": {"d": 2}}
    }
    with pytest.raises(ServiceError, match="111"):
        apply("Thing", {"a": [1]}, {"a.b": 1})


def test_typed_values_are_kept_in_one_form() -> None:
    date = {"__type": "Date", "iso": "2026-01-01T08:00:00+08:00"}
    pointer = {"__type": "Pointer", "className": "A", "objectId": "1", "name": "x"}
    assert after({}, a=[date], b=pointer) == {
        "a": [{"__type": "Date", "iso": "2026-01-01T00:00:00.000Z"}],
        "b": {"__type": "Pointer", "className": "A", "objectId": "1"},
    }
