"""The audit's chain: whatever is done to its rows is found and named, but for bodies that are let go."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audit import (
    COLUMNS,
    LONGEST_SOUGHT,
    Broken,
    Entry,
    Head,
    How,
    Row,
    Stage,
    beginning,
    digest_of_body,
    link,
    verified,
)
from bridge.invocation import Actor, Consent, Invocation, Place, Trigger

NOON = 1_800_000_000_000
SOME = settings(max_examples=50, deadline=None)
words = st.text(max_size=3)
lists = st.lists(words, max_size=3).map(tuple)
entries = st.builds(
    Entry,
    invocation=words,
    stage=st.sampled_from(Stage).map(str),
    at=st.integers(0, 2**53),
    actor=words,
    place=st.builds(Place, words, words),
    trigger=st.sampled_from(Trigger).map(str),
    body=st.text(st.characters(codec=None), max_size=30),
    command=words,
    rule=words,
    verdict=words,
    consent=words,
    outcome=words,
    delivery=words,
    msg_ids=lists,
    conversation=words,
    clients=lists,
)


def chained(recorded: Sequence[Entry], chain: str = "one") -> list[Row]:
    """The rows of a chain, each with a salt of its own."""
    rows: list[Row] = []
    head = beginning(chain)
    for entry in recorded:
        rows.append(link(head, chain, entry, f"{len(rows):064x}"))
        head = Head(rows[-1].number, rows[-1].hash)
    return rows


def end(rows: Sequence[Row]) -> Head:
    return Head(rows[-1].number, rows[-1].hash)


chains = st.lists(entries, min_size=3, max_size=4).map(chained)


def verdict(rows: Sequence[Row], head: Head) -> tuple[int, How] | None:
    """The first broken row of the chain called `one`, and how."""
    broken = verified("one", rows, head)
    return None if broken is None else (broken.number, broken.how)


def entry(body: str = "conv list") -> Entry:
    return Entry("i1", Stage.ASKED, NOON, "U1", Place("T1", "C1"), Trigger.SLASH, body)


@SOME
@given(chains)
def test_a_chain_as_it_was_written_verifies(rows: list[Row]) -> None:
    assert verdict(rows, end(rows)) is None


@SOME
@given(chains, st.sets(st.integers(0, 3)))
def test_it_still_verifies_once_bodies_are_deleted(rows: list[Row], gone: set[int]) -> None:
    left = [replace(row, body=None, salt=None) if at in gone else row for at, row in enumerate(rows)]
    assert verdict(left, end(rows)) is None


@SOME
@given(chains, st.data())
def test_a_column_that_was_changed_is_found_in_its_row(rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(COLUMNS))
    now: str | int
    now = data.draw(st.integers(0, 2**53)) if column == "at" else data.draw(words)
    was = rows[at]
    assert set(was.content) == set(COLUMNS)
    meddled = [*rows]
    meddled[at] = replace(was, content={**was.content, column: now})
    expected = None if now == was.content[column] else (at + 1, How.CHANGED)
    assert verdict(meddled, end(rows)) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"body": "conv delete lobby"},
        {"body": ""},
        {"body": None},
        {"salt": None},
        {"salt": "0" * 64},
        {"body_digest": "0" * 64},
        {"hash": "0" * 64},
        {"chain": "two"},
    ],
)
def test_whatever_else_of_a_row_was_changed_is_found_too(change: dict[str, Any]) -> None:
    rows = chained([entry(), entry(), entry()])
    rows[1] = replace(rows[1], **change)
    assert verdict(rows, end(rows)) == (2, How.CHANGED)


def test_another_body_is_found_even_with_a_digest_of_its_own() -> None:
    rows = chained([entry(), entry(), entry()])
    salt = "5" * 64
    forged = replace(rows[1], body="help", salt=salt, body_digest=digest_of_body(salt, "help"))
    assert verdict([rows[0], forged, rows[2]], end(rows)) == (2, How.CHANGED)


@SOME
@given(chains, entries, st.data())
def test_a_row_written_anew_with_a_hash_of_its_own_is_found_by_what_follows(
    rows: list[Row], other: Entry, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    before = end(rows[:at]) if at else beginning("one")
    forged = link(before, "one", other, "f" * 64)
    # The row behind it says so; of the last one, the head does.
    named = min(at + 2, len(rows))
    assert verdict([*rows[:at], forged, *rows[at + 1 :]], end(rows)) == (named, How.CHANGED)


@SOME
@given(chains, st.data())
def test_a_row_that_was_taken_out_is_named(rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    assert verdict([*rows[:at], *rows[at + 1 :]], end(rows)) == (at + 1, How.MISSING)


@SOME
@given(chains, st.data())
def test_a_row_that_was_taken_out_is_found_though_the_others_close_ranks(
    rows: list[Row], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 2))
    closed = [replace(row, number=row.number - 1) for row in rows[at + 1 :]]
    assert verdict([*rows[:at], *closed], end(rows)) == (at + 1, How.CHANGED)


@SOME
@given(chains, st.data())
def test_rows_in_each_others_place_are_found(rows: list[Row], data: st.DataObject) -> None:
    one = data.draw(st.integers(0, len(rows) - 2))
    other = data.draw(st.integers(one + 1, len(rows) - 1))
    swapped = [*rows]
    swapped[one], swapped[other] = (
        replace(rows[other], number=rows[one].number),
        replace(rows[one], number=rows[other].number),
    )
    assert verdict(swapped, end(rows)) == (one + 1, How.CHANGED)


@SOME
@given(chains, entries, st.data())
def test_a_row_that_was_put_in_is_found(rows: list[Row], other: Entry, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(rows) - 1))
    put_in = link(end(rows[:at]), "one", other, "f" * 64)
    moved = [replace(row, number=row.number + 1) for row in rows[at:]]
    assert verdict([*rows[:at], put_in, *moved], end(rows)) == (at + 2, How.CHANGED)
    assert verdict([*rows[:at], put_in, *rows[at:]], end(rows)) == (at + 1, How.DISORDER)


@SOME
@given(chains, st.data())
def test_the_first_rows_that_are_gone_are_named(rows: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(rows)))
    assert verdict(rows[at:], end(rows)) == (1, How.MISSING)


@SOME
@given(chains, st.data())
def test_the_last_rows_that_are_gone_are_named_by_the_head_alone(
    rows: list[Row], data: st.DataObject
) -> None:
    left = data.draw(st.integers(1, len(rows) - 1))
    assert verdict(rows[:left], end(rows)) == (left + 1, How.MISSING)
    assert verdict(rows[:left], end(rows[:left])) is None


@SOME
@given(chains)
def test_rows_behind_the_end_are_found(rows: list[Row]) -> None:
    assert verdict(rows, end(rows[:-1])) == (len(rows), How.BEYOND)
    assert verified("one", rows, None) == Broken("one", 1, How.BEYOND)


@SOME
@given(chains)
def test_the_rows_of_one_chain_are_no_other(rows: list[Row]) -> None:
    stolen = [replace(row, chain="two") for row in rows]
    assert verified("two", stolen, end(rows)) == Broken("two", 1, How.CHANGED)


def test_a_broken_row_says_which_it_is_and_how() -> None:
    assert str(Broken("one", 7, How.CHANGED)) == (
        "chain one, row 7: changed, it, or the row before it, is not what was written"
    )


def test_what_stands_in_two_columns_is_never_taken_for_one() -> None:
    one = replace(entry(), rule="ab", verdict="c", msg_ids=("1", "2"))
    other = replace(entry(), rule="a", verdict="bc", msg_ids=("1,2",))
    hashes = {link(beginning("one"), "one", each, "0" * 64).hash for each in (one, other)}
    assert len(hashes) == 2


def test_the_same_entry_has_another_hash_in_any_other_place() -> None:
    head = beginning("one")
    places = ((head, "one"), (head, "two"), (Head(1, head.hash), "one"), (beginning("two"), "one"))
    assert len({link(at, chain, entry(), "0" * 64).hash for at, chain in places}) == len(places)


def test_a_short_text_can_t_be_told_from_what_is_left_of_it() -> None:
    digests = {link(beginning("one"), "one", entry("freeze"), salt * 64).body_digest for salt in "01"}
    assert len(digests) == 2


@SOME
@given(entries)
def test_an_entry_is_read_as_it_was_recorded(recorded: Entry) -> None:
    row = link(beginning("one"), "one", recorded, "0" * 64)
    found = row.entry
    assert found == replace(
        recorded, **{name: getattr(found, name) for name in ("body", *unstorable(recorded))}
    )


def unstorable(recorded: Entry) -> list[str]:
    """The fields that hold what no database keeps."""
    return [each.name for each in fields(Entry) if "\\x00" in repr(getattr(recorded, each.name))]


def test_what_no_database_keeps_is_replaced_and_what_no_index_takes_is_cut() -> None:
    hostile = replace(entry("a\x00b\ud800c"), conversation="x" * 9000, outcome="\x00")
    row = link(beginning("one"), "one", hostile, "0" * 64)
    assert row.body == "a\N{REPLACEMENT CHARACTER}b?c"
    assert row.content["conversation"] == "x" * LONGEST_SOUGHT
    assert row.content["outcome"] == "\N{REPLACEMENT CHARACTER}"


def test_an_entry_takes_from_the_invocation_what_that_says() -> None:
    said = Invocation(
        *("i1", "trigger-1", Actor("U1"), Place("T1", "C1"), Trigger.BUTTON, NOON, "conv delete lobby"),
        consent=Consent("U2", "leads"),
    )
    assert Entry.of(said, Stage.ANSWERED, NOON + 5) == Entry(
        *("i1", "answered", NOON + 5, "U1", Place("T1", "C1"), "button", "conv delete lobby"), consent="U2"
    )
    assert Entry.of(replace(said, line="", words=("conv", "list")), Stage.ASKED, NOON).body == "conv list"
