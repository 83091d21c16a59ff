"""Group commit: concurrent sends share transactions, and nobody's fault, or absence, is anybody else's."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from bridge.server.errors import ServiceError
from bridge.server.presence import Direct
from bridge.server.push import Pushes
from bridge.server.store import Draft, Reach
from bridge.server.writer import Writer
from tests.contract.messaging import RTM, arrives, history, make, online, send
from tests.contract.service import Service


def draft(conv_id: str, text: str = "hello", **fields: Any) -> Draft:
    return Draft(reach=Reach.NORMAL, conv_id=conv_id, sender="tom", data=text, **fields)


async def test_concurrent_sends_share_a_few_transactions(service: Service) -> None:
    conv_id = await make(service)
    commits = 0

    def committed(_: object) -> None:
        nonlocal commits
        commits += 1

    engine = service.server.engine.writer
    event.listen(engine, "commit", committed)
    stored = await asyncio.gather(*(service.server.messages.send(draft(conv_id, str(n))) for n in range(200)))
    event.remove(engine, "commit", committed)
    assert commits <= 3
    assert len(await history(service, conv_id, limit=1000)) == 200
    rows = await history(service, conv_id, limit=1000, reversed="true")
    assert [row["data"] for row in rows] == [str(n) for n in range(200)]
    assert len({one.msg_id for one in stored}) == 200


async def test_a_row_that_fails_takes_none_of_its_neighbours_along(service: Service) -> None:
    conv_id = await make(service)
    taken = await service.server.messages.send(draft(conv_id, "first"))

    class Poisoned(Writer):
        def _stored(self, one: Draft, *others: Any) -> Any:
            made = super()._stored(one, *others)
            return made if one.data != "2" else type(made)(made.draft, taken.msg_id, made.timestamp)

    server = service.server
    writer = Poisoned(server.engine, server.clock, server.quotas, server.presence, Pushes(None))
    outcomes = await asyncio.gather(
        *(writer.write(draft(conv_id, str(n))) for n in range(5)), return_exceptions=True
    )
    assert [isinstance(one, IntegrityError) for one in outcomes] == [False, False, True, False, False]
    rows = await history(service, conv_id, reversed="true")
    assert [row["data"] for row in rows] == ["first", "0", "1", "3", "4"]


async def test_a_refused_message_does_not_refuse_its_neighbours(service: Service) -> None:
    conv_id, room = await make(service), await make(service, "chatroom")
    sends = [draft(conv_id, "a"), draft("5f00", "b"), draft(room, "c"), draft(conv_id, "d")]
    outcomes = await asyncio.gather(*map(service.server.messages.send, sends), return_exceptions=True)
    assert [one.code if isinstance(one, ServiceError) else None for one in outcomes] == [
        None,
        4401,
        4314,
        None,
    ]
    assert [row["data"] for row in await history(service, conv_id, reversed="true")] == ["a", "d"]


async def test_a_commit_that_fails_is_not_tried_again(service: Service) -> None:
    """What a failed commit has done is unknown: writing the message again could send it twice."""
    conv_id = await make(service)
    attempts = 0

    def fail(_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise OSError("the disk is gone")

    engine = service.server.engine.writer
    event.listen(engine, "commit", fail)
    sends = (service.server.messages.send(draft(conv_id, str(n))) for n in range(3))
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    event.remove(engine, "commit", fail)
    assert [isinstance(one, OSError) for one in outcomes] == [True, True, True]
    assert attempts == 1


async def test_a_caller_that_goes_away_leaves_its_message_sent_and_delivered(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    jerry = await online(service, "jerry")
    caller = asyncio.create_task(service.server.messages.send(draft(conv_id)))
    neighbour = asyncio.create_task(service.server.messages.send(draft(conv_id, "neighbour")))
    await asyncio.sleep(0)
    caller.cancel()
    await neighbour
    events = [await arrives(jerry), await arrives(jerry)]
    assert {one.data for one in events if isinstance(one, Direct)} == {"hello", "neighbour"}
    assert len(await history(service, conv_id)) == 2


async def test_closing_waits_for_what_was_begun(service: Service) -> None:
    conv_id = await make(service)
    sends = [asyncio.create_task(service.server.messages.send(draft(conv_id, str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await service.server.messages.close()
    assert not service.server.messages._tasks
    await asyncio.gather(*sends)
    assert len(await service.ok("GET", f"{RTM}/messages")) == 50


@pytest.mark.parametrize("members", [0, 500])
async def test_a_message_to_a_large_conversation_is_stored_once(service: Service, members: int) -> None:
    conv_id = await make(service, m=[f"c{n}" for n in range(members)])
    await service.server.messages.send(draft(conv_id))
    assert len(await service.ok("GET", f"{RTM}/messages")) == 1


async def test_concurrent_sends_all_arrive_once_and_in_an_order_that_every_reader_sees(
    service: Service,
) -> None:
    conv_id = await make(service, m=["jerry"])
    jerry = await online(service, "jerry")
    sent = await asyncio.gather(*(send(service, conv_id, str(n)) for n in range(60)))
    rows = await history(service, conv_id, reversed="true")
    assert {row["msg-id"] for row in rows} == {one["msg-id"] for one in sent}
    heard = {event.msg_id for event in [await arrives(jerry) for _ in range(60)] if isinstance(event, Direct)}
    assert heard == {row["msg-id"] for row in rows}
