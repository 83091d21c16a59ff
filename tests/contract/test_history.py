"""REST 1.2, parameter group H: the worked cases, limits, bounds and paging of history."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.server import history as reading
from bridge.server.app import Server
from bridge.server.history import Bound, Page
from bridge.server.settings import UNLIMITED, ServerSettings
from bridge.server.store import Draft, Reach, Stored, insert_messages
from bridge.server.tables import messages
from tests.contract.messaging import RTM, history, make, send, subscribe
from tests.contract.service import APP_ID, MASTER_KEY, Service, running

ID1, ID2, ID3 = "AAAAAAAAAAAAAAAAAAAAA1", "BBBBBBBBBBBBBBBBBBBBB2", "CCCCCCCCCCCCCCCCCCCCC3"


async def plant(service: Service, conv_id: str, rows: Sequence[tuple[str, int]], sender: str = "tom") -> None:
    """Puts messages with chosen ids and times into a normal conversation."""
    async with service.server.engine.write() as connection:
        await connection.run_sync(insert_messages, [stored(conv_id, *row, sender) for row in rows], 0)


def stored(conv_id: str, msg_id: str, timestamp: int, sender: str = "tom") -> Stored:
    return Stored(Draft(reach=Reach.NORMAL, conv_id=conv_id, sender=sender, data=msg_id), msg_id, timestamp)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [ID2]),
        ({"include_start": "true"}, [ID3, ID2]),
        ({"include_stop": "true"}, [ID2, ID1]),
        ({"include_start": "true", "include_stop": "true"}, [ID3, ID2, ID1]),
    ],
)
@pytest.mark.parametrize("ids", [True, False], ids=["by message", "by time"])
async def test_the_worked_cases_newest_first(
    service: Service, query: Any, found: list[str], ids: bool
) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(ID1, 1000), (ID2, 2000), (ID3, 3000)])
    ends: dict[str, Any] = {"timestamp": 3000, "till_timestamp": 1000}
    if ids:
        ends |= {"msgid": ID3, "till_msgid": ID1}
    assert [row["msg-id"] for row in await history(service, conv_id, **ends, **query)] == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [ID2]),
        ({"include_start": "true"}, [ID1, ID2]),
        ({"include_stop": "true"}, [ID2, ID3]),
        ({"include_start": "true", "include_stop": "true"}, [ID1, ID2, ID3]),
    ],
)
@pytest.mark.parametrize("ids", [True, False], ids=["by message", "by time"])
async def test_the_worked_cases_oldest_first(
    service: Service, query: Any, found: list[str], ids: bool
) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(ID1, 1000), (ID2, 2000), (ID3, 3000)])
    ends: dict[str, Any] = {"timestamp": 1000, "till_timestamp": 3000, "reversed": "true"}
    if ids:
        ends |= {"msgid": ID1, "till_msgid": ID3}
    assert [row["msg-id"] for row in await history(service, conv_id, **ends, **query)] == found


async def test_without_bounds_history_begins_at_the_newest_and_reversed_at_the_oldest(
    service: Service,
) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(ID1, 1000), (ID2, 2000), (ID3, 3000)])
    assert [row["msg-id"] for row in await history(service, conv_id, limit=2)] == [ID3, ID2]
    assert [row["msg-id"] for row in await history(service, conv_id, limit=2, reversed="true")] == [ID1, ID2]


async def test_a_start_on_the_wrong_side_of_the_end_finds_nothing(service: Service) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(ID1, 1000), (ID2, 2000), (ID3, 3000)])
    assert await history(service, conv_id, timestamp=1000, till_timestamp=3000) == []
    assert await history(service, conv_id, timestamp=3000, till_timestamp=1000, reversed="true") == []


async def test_the_numbers_and_booleans_of_the_python_sdk_are_understood(service: Service) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(ID1, 1000), (ID2, 2000), (ID3, 3000)])
    query = {"convid": conv_id, "limit": "2", "reversed": "True", "max_ts": "1000"}
    rows = await service.ok("GET", "/1.1/rtm/messages/history", params=query)
    assert [row["msg-id"] for row in rows] == [ID2, ID3]


async def test_a_page_has_100_messages_unless_told_otherwise_and_1000_at_most(service: Service) -> None:
    conv_id = await make(service)
    await plant(service, conv_id, [(f"{n:022d}", 1000 + n // 3) for n in range(1100)])
    assert len(await history(service, conv_id)) == 100
    assert len(await history(service, conv_id, limit=1000)) == 1000
    assert len(await history(service, conv_id, limit=5000)) == 1000


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"timestamp": "yesterday"},
        {"timestamp": str(2**63)},
        {"msgid": ID1},
        {"till_msgid": ID1},
        {"reversed": "perhaps"},
    ],
)
async def test_a_bad_parameter_is_refused(service: Service, query: dict[str, str]) -> None:
    conv_id = await make(service)
    assert await service.refused("GET", f"{RTM}/conversations/{conv_id}/messages", params=query) == 1
    assert await service.refused("GET", f"{RTM}/messages", params=query) == 1


async def test_history_of_a_client_is_what_it_sent_in_conversations_and_chatrooms(service: Service) -> None:
    normal, room, system = (
        await make(service),
        await make(service, "chatroom"),
        await make(service, "service"),
    )
    await send(service, normal, "1")
    await send(service, room, "2", "chatroom")
    await send(service, system, "3", "service", to_clients=["a"])
    await send(service, normal, "4", from_client="jerry")
    rows = await service.ok("GET", f"{RTM}/clients/tom/messages", params={"reversed": "true"})
    assert [row["data"] for row in rows] == ["1", "2"]
    old = await service.ok("GET", "/1.1/rtm/messages/history", params={"from": "tom"})
    assert [row["data"] for row in old] == ["2", "1"]


async def test_history_of_the_app_holds_every_message_once(service: Service) -> None:
    normal, room, system = (
        await make(service),
        await make(service, "chatroom"),
        await make(service, "service"),
    )
    await send(service, normal, "1")
    await send(service, room, "2", "chatroom")
    await send(service, system, "3", "service", to_clients=["a", "b"])
    news = {"from_client": "tom", "message": "4"}
    await service.ok("POST", f"{RTM}/service-conversations/{system}/broadcasts", json=news)
    await service.ok(
        "POST", f"{RTM}/broadcasts", json={"from_client": "tom", "message": "5", "conv_id": system}
    )
    rows = await service.ok("GET", f"{RTM}/messages")
    assert [(row["data"], row["to"]) for row in rows] == [
        ("5", system),
        ("4", system),
        ("3", system),
        ("2", room),
        ("1", normal),
    ]


async def test_a_service_thread_is_what_was_sent_to_the_client_and_to_subscribers_since_it_is_one(
    service: Service,
) -> None:
    conv_id = await make(service, "service")
    news = f"{RTM}/service-conversations/{conv_id}/broadcasts"
    await service.ok("POST", news, json={"from_client": "tom", "message": "too early"})
    await send(service, conv_id, "named", "service", to_clients=["a", "b"])
    service.clock.advance(1)
    await subscribe(service, conv_id, "a")
    await service.ok("POST", news, json={"from_client": "tom", "message": "for subscribers"})
    await service.ok(
        "POST", f"{RTM}/broadcasts", json={"from_client": "tom", "message": "for all", "conv_id": conv_id}
    )
    await send(service, conv_id, "named again", "service", to_clients=["a"])
    path = f"{RTM}/service-conversations/{conv_id}/subscribers"
    rows = await service.ok("GET", f"{path}/a/messages")
    assert [row["data"] for row in rows] == ["named again", "for subscribers", "named"]
    digest = hashlib.md5(f"{conv_id}:a".encode(), usedforsecurity=False).hexdigest()
    assert {(row["conv-id"], row["to"]) for row in rows} == {(digest, conv_id)}
    assert await service.ok("GET", "/1.1/rtm/messages/history", params={"convid": digest}) == rows
    assert [row["data"] for row in await service.ok("GET", f"{path}/b/messages")] == ["named"]
    assert await service.ok("GET", f"{path}/nobody/messages") == []
    whole = await service.ok(
        "GET", "/1.1/rtm/messages/history", params={"convid": conv_id, "reversed": "True"}
    )
    assert [row["data"] for row in whole] == [
        "too early",
        "named",
        "for subscribers",
        "for all",
        "named again",
    ]


async def test_a_thread_is_read_page_by_page_across_both_of_its_sources(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a")
    for n in range(7):
        if n % 2:
            await send(service, conv_id, str(n), "service", to_clients=["a"])
        else:
            body = {"from_client": "tom", "message": str(n)}
            await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
    read: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    path = f"{RTM}/service-conversations/{conv_id}/subscribers/a/messages"
    while rows := await service.ok("GET", path, params=query):
        read += [row["data"] for row in rows]
        query |= {"timestamp": rows[-1]["timestamp"], "msgid": rows[-1]["msg-id"]}
    assert read == ["6", "5", "4", "3", "2", "1", "0"]


async def test_history_outlives_its_conversation_for_the_app_and_the_sender(service: Service) -> None:
    conv_id = await make(service)
    await send(service, conv_id)
    await service.ok("DELETE", f"{RTM}/conversations/{conv_id}")
    assert len(await service.ok("GET", f"{RTM}/messages")) == 1
    assert len(await service.ok("GET", f"{RTM}/clients/tom/messages")) == 1
    assert await service.refused("GET", f"{RTM}/conversations/{conv_id}/messages") == 4303


async def test_history_that_is_signed_accepts_its_signature_and_no_other(tmp_path: Path) -> None:
    async with running(f"sqlite:///{tmp_path}/signed.db", "inprocess") as service:
        service.server.settings = ServerSettings(
            **{**_fields(service.server.settings), "sign_history": True},
        )
        conv_id, now = await make(service), service.clock()
        signed = f"{APP_ID}:tom:{conv_id}:n0nce:{now}"
        signature = hmac.new(MASTER_KEY.encode(), signed.encode(), hashlib.sha1).hexdigest()
        query = {"client_id": "tom", "nonce": "n0nce", "signature_ts": now, "signature": signature}
        path = f"{RTM}/conversations/{conv_id}/messages"
        assert await service.ok("GET", path, params=query) == []
        assert await service.refused("GET", path) == 4102
        assert await service.refused("GET", path, params={**query, "client_id": "jerry"}) == 4102
        service.clock.advance(6 * 3_600_000 + 1)
        assert await service.refused("GET", path, params=query) == 4102


def _fields(settings_: ServerSettings) -> dict[str, Any]:
    return {name: getattr(settings_, name) for name in settings_.__dataclass_fields__}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    url = f"sqlite:///{tmp_path}/paging.db"
    server = await Server.start(ServerSettings("app", "key", "master", url, plan=UNLIMITED))
    yield server
    await server.close()


_ids = st.text("-09AZ_az", min_size=3, max_size=3).map(lambda text: text.ljust(22, "0"))
_rows = st.lists(st.tuples(_ids, st.integers(1, 6)), unique_by=lambda row: row[0], max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows, limit=st.integers(1, 7), oldest_first=st.booleans())
async def test_pages_put_together_are_the_whole_without_gap_or_repeat(
    server: Server, rows: list[tuple[str, int]], limit: int, oldest_first: bool
) -> None:
    async with server.engine.write() as connection:
        await connection.execute(messages.delete())
        if rows:
            await connection.run_sync(insert_messages, [stored("conv", *row) for row in rows], 0)
    read: list[tuple[int, str]] = []
    start: Bound | None = None
    async with server.engine.read() as connection:
        while True:
            page = Page(start=start, oldest_first=oldest_first, limit=limit)
            found = await reading.of_conversation(connection, "conv", Reach.NORMAL, page)
            assert len(found) <= limit
            if not found:
                break
            read += [(entry.timestamp, entry.msg_id) for entry in found]
            start = Bound(found[-1].timestamp, found[-1].msg_id, inclusive=False)
    assert read == sorted(((timestamp, msg_id) for msg_id, timestamp in rows), reverse=not oldest_first)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=_rows,
    ends=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    ids=st.tuples(st.none() | _ids, st.none() | _ids),
    included=st.tuples(st.booleans(), st.booleans()),
    oldest_first=st.booleans(),
)
async def test_a_range_holds_what_lies_between_its_ends_and_nothing_else(
    server: Server,
    rows: list[tuple[str, int]],
    ends: tuple[int, int],
    ids: tuple[str | None, str | None],
    included: tuple[bool, bool],
    oldest_first: bool,
) -> None:
    async with server.engine.write() as connection:
        await connection.execute(messages.delete())
        if rows:
            await connection.run_sync(insert_messages, [stored("conv", *row) for row in rows], 0)
    older, newer = (
        Bound(end, msg_id, inclusive) for end, msg_id, inclusive in zip(ends, ids, included, strict=True)
    )
    start, stop = (older, newer) if oldest_first else (newer, older)
    async with server.engine.read() as connection:
        page = Page(start, stop, oldest_first, 1000)
        found = await reading.of_conversation(connection, "conv", Reach.NORMAL, page)

    def after(row: tuple[str, int], bound: Bound) -> bool:
        here, there = (row[1], row[0]), (bound.timestamp, bound.msg_id)
        if bound.msg_id is None:
            return row[1] >= bound.timestamp if bound.inclusive else row[1] > bound.timestamp
        return here >= there if bound.inclusive else here > there

    def before(row: tuple[str, int], bound: Bound) -> bool:
        return not after(row, Bound(bound.timestamp, bound.msg_id, not bound.inclusive))

    wanted = sorted((row[1], row[0]) for row in rows if after(row, older) and before(row, newer))
    assert [(entry.timestamp, entry.msg_id) for entry in found] == (wanted if oldest_first else wanted[::-1])
