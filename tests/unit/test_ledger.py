"""Deliveries in themselves: which change may follow which, and how settled a delivery is."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger import ALLOWED, LEAST_SETTLED_FIRST, Act, Part, Plan, State, may_become, settled_state
from bridge.realtime.models import Kind

FINAL = {State.SENT, State.REFUSED, State.CANCELED}


def plan(act: Act, *clients: str) -> Plan:
    return Plan("d1", act, "c1", Kind.SYSTEM, "news", "tom", "hello", "hello", audience=clients)


def test_every_state_has_its_place() -> None:
    assert set(ALLOWED) == set(State) == set(LEAST_SETTLED_FIRST)
    assert len(LEAST_SETTLED_FIRST) == len(State)


def test_what_may_have_reached_people_is_never_planned_again_by_a_detour() -> None:
    """From `unknown` only a person leads back to `planned`; from anything final nothing leads anywhere."""
    assert [state for state in FINAL if ALLOWED[state]] == []
    assert [state for state in State if may_become(state, State.SENDING)] == [State.PLANNED]
    assert [state for state in State if may_become(state, State.SENT)] == [State.SENDING, State.UNKNOWN]


def test_only_doubt_follows_itself_for_another_reason() -> None:
    assert [state for state in State if may_become(state, state)] == [State.UNKNOWN]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (State.SENDING, State.PLANNED, State.SENDING),
        (State.PLANNED, State.UNKNOWN, State.PLANNED),
        (State.UNKNOWN, State.REFUSED, State.UNKNOWN),
        (State.REFUSED, State.CANCELED, State.REFUSED),
        (State.CANCELED, State.SENT, State.CANCELED),
        (State.SENT, State.SENT, State.SENT),
    ],
)
def test_a_delivery_is_as_settled_as_its_least_settled_part(one: State, other: State, both: State) -> None:
    for first, second in itertools.permutations((one, other)):
        assert settled_state([Part(0, first), Part(1, second)]) is both


@given(st.lists(st.sampled_from([state for state in State if state is not State.SENT])))
def test_nothing_reads_as_sent_while_one_part_is_not(others: list[State]) -> None:
    parts = [Part(0, State.SENT), *(Part(number, state) for number, state in enumerate(others, 1))]
    assert (settled_state(parts) is State.SENT) is (not others)


def test_only_chosen_users_are_cut_into_calls_of_twenty() -> None:
    assert [len(call) for call in plan(Act.NOTIFY, *map(str, range(45))).calls()] == [20, 20, 5]
    assert [len(call) for call in plan(Act.NOTIFY, *map(str, range(40))).calls()] == [20, 20]
    assert plan(Act.BROADCAST).calls() == [()]
