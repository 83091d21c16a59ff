"""The client reads the documentation's shapes, its contradictions included."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bridge.realtime.content import Custom, Plain
from bridge.realtime.errors import Unavailable
from bridge.realtime.history import Everything
from bridge.realtime.models import (
    Broadcast,
    Conversation,
    Kind,
    MessageKey,
    NewConversation,
    Page,
    Target,
    Updated,
)
from tests.unit.realtime.samples import NORMAL, SYSTEM, Scripted, message


async def test_a_conversation_is_read_with_its_attributes_and_its_row(scripted: Scripted) -> None:
    row: dict[str, Any] = {
        "objectId": "5eccba570d3a42c5fd4e25c3",
        "name": "news",
        "c": "tom",
        "m": ["a", "b"],
        "mu": ["b"],
        "lm": {"__type": "Date", "iso": "2026-01-01T00:00:01.000Z"},
        "attr": {"pinned": True},
        "colour": "red",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.500Z",
        "ACL": {"*": {"read": True}},
    }
    client, _ = scripted({"results": [row]})
    assert await client.conversation(row["objectId"]) == Conversation(
        id="5eccba570d3a42c5fd4e25c3",
        kind=Kind.NORMAL,
        name="news",
        creator="tom",
        members=("a", "b"),
        muted=("b",),
        last_message_at=1_767_225_601_000,
        created_at=1_767_225_600_000,
        updated_at=1_767_225_600_500,
        attributes={"attr": {"pinned": True}, "colour": "red"},
    )
    assert (await client.find_conversations())[0].raw == row


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"sys": True}, Kind.SYSTEM),
        ({"tr": True}, Kind.TRANSIENT),
        ({"sys": False, "tr": "yes"}, Kind.NORMAL),
    ],
)
async def test_the_kind_follows_from_the_marker_columns(
    scripted: Scripted, row: dict[str, object], kind: Kind
) -> None:
    client, _ = scripted({"results": [{"objectId": "C", **row}]})
    found: Target | None = await client.conversation("C")
    assert found is not None
    assert found.kind is kind


async def test_hostile_columns_count_as_absent(scripted: Scripted) -> None:
    row = {
        "objectId": "C",
        "name": 5,
        "m": ["a", 7],
        "mu": "b",
        "lm": "soon",
        "createdAt": {"iso": 3},
        "c": [],
    }
    client, _ = scripted({"results": [row]})
    assert await client.conversation("C") == Conversation("C", Kind.NORMAL, members=("a",))


async def test_there_may_be_no_such_conversation(scripted: Scripted) -> None:
    client, script = scripted({"results": []})
    assert await client.conversation("C") is None
    assert script.requests[0].url.params["where"] == '{"objectId":"C"}'


async def test_a_created_conversation_has_what_was_asked_for_and_its_id(scripted: Scripted) -> None:
    client, _ = scripted(httpx.Response(201, json={"objectId": "C", "createdAt": "2026-01-01T00:00:00.000Z"}))
    created = await client.create_conversation(NewConversation("n", Kind.SYSTEM, attributes={"k": 1}))
    assert (created.id, created.kind, created.name, created.attributes) == ("C", Kind.SYSTEM, "n", {"k": 1})
    assert created.raw["sys"] is True


async def test_a_unique_conversation_that_was_there_keeps_its_own_columns(scripted: Scripted) -> None:
    client, _ = scripted({"objectId": "C", "name": "old", "m": ["a", "b"], "unique": True, "uniqueId": "u"})
    created = await client.create_conversation(
        NewConversation("new", members=("b", "a"), unique=True, attributes={"k": 1})
    )
    assert (created.name, created.members, created.attributes) == ("old", ("a", "b"), {})


async def test_a_message_belongs_to_the_conversation_under_to(scripted: Scripted) -> None:
    client, _ = scripted([message(1), {**message(2), "to": None}, {**message(3), "data": {"_lctype": 9}}])
    first, second, third = await client.history(Everything())
    assert (first.conversation_id, second.conversation_id) == ("C", "another")
    assert (first.content, third.content) == (Plain("text 1"), Custom({"_lctype": 9}))
    assert first.key == MessageKey("m1", 1, "tom")
    assert first.raw == message(1)


async def test_a_binary_message_is_not_taken_for_a_typed_one(scripted: Scripted) -> None:
    client, _ = scripted([{**message(1), "bin": True, "data": '{"_lctype":-1}'}])
    assert (await client.history(Everything()))[0].content == Plain('{"_lctype":-1}')


@pytest.mark.parametrize(
    "wrapped", [lambda rows: rows, lambda rows: {"results": rows}, lambda rows: {"result": rows}]
)
async def test_broadcasts_are_read_in_any_of_the_three_shapes(
    scripted: Scripted, wrapped: Callable[[object], object]
) -> None:
    client, _ = scripted(wrapped([{**message(1), "valid_till": 99}, message(2)]))
    first, second = await client.broadcasts(SYSTEM)
    assert isinstance(first, Broadcast)
    assert (first.message.msg_id, first.valid_till, second.valid_till) == ("m1", 99, None)
    assert first.raw["valid_till"] == 99


async def test_figures_and_lists_of_clients_are_read_from_their_envelopes(scripted: Scripted) -> None:
    client, _ = scripted({"result": {"online_user_count": 5, "user_count_today": 9}})
    assert ((await client.stats()).online_user_count, (await client.stats()).user_count_today) == (5, 9)
    client, _ = scripted({"results": ["a"]})
    assert await client.online(["a", "b"]) == ("a",)
    client, _ = scripted({"client_ids": ["a"], "next": "n"}, {"client_ids": []})
    assert await client.silenced(NORMAL) == Page(("a",), "n")
    assert await client.blocked(SYSTEM) == Page((), None)
    client, _ = scripted({"updatedAt": "2026-01-01T00:00:00.000Z", "objectId": "C"}, {})
    assert await client.mute(NORMAL, ["a"]) == Updated("C", 1_767_225_600_000)
    assert await client.mute(NORMAL, ["a"]) == Updated(None, None)
    client, _ = scripted({"signature": "s3cret", "nonce": "n0nce", "client_id": "a", "timestamp": 1})
    signature = repr(await client.sign_client("t"))
    assert "s3cret" not in signature
    assert "n0nce" not in signature


@pytest.mark.parametrize(
    "rows", [[{"timestamp": 1}], [{"msg-id": "m"}], ["m"], {"results": {}}, "x", None, 5]
)
async def test_rows_that_cannot_be_what_they_should_make_a_read_unavailable(
    scripted: Scripted, rows: object
) -> None:
    client, _ = scripted(httpx.Response(200, json=rows))
    with pytest.raises(Unavailable):
        await client.history(Everything())
