"""Broadcasts: to everybody online at once, to every other device at its next login while they are valid."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.clock import Clock
from bridge.server.auth import require_master
from bridge.server.engine import Engine
from bridge.server.errors import BAD_ARGUMENT, CONVERSATION_NOT_FOUND, MESSAGE_NOT_FOUND
from bridge.server.fields import client_id, message_text, page_size, push_data
from bridge.server.history import ENTRY_COLUMNS, direct_of, entry_of, render
from bridge.server.http import Json, Parameters, answer, query_parameters, read_body
from bridge.server.messages import Messages
from bridge.server.paths import Route
from bridge.server.presence import Direct
from bridge.server.rows import SERVICE
from bridge.server.store import Draft, Reach, Stored
from bridge.server.tables import broadcasts, devices, messages
from bridge.server.targets import require
from bridge.server.upserts import insert_into

DAY_MS = 86_400_000
VALID_DAYS = 30
"""How long a broadcast waits for devices unless its sender says otherwise."""

LONGEST_MONTH_DAYS = 31
"""A month ahead is the most; callers count it by the calendar as well as in days."""

_DEVICES_A_STATEMENT = 500


class Broadcasts:
    """Which broadcasts each device still has to get."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def owed(self, client_id: str, device: str) -> list[Direct]:
        """Notes a login and gives the valid broadcasts that the device missed, oldest first.

        A device that was never here gets the newest alone.
        """
        return await self._engine.transact(partial(_note_login, (client_id, device), self._clock()))

    async def delivered(self, stored: Stored | Direct, reached: Sequence[tuple[str, str]]) -> None:
        """Notes that devices (client id and device) got a broadcast, so that their next login does not repeat it."""
        position = tuple_(stored.timestamp, stored.msg_id)
        ordered = sorted(set(reached))
        async with self._engine.write() as connection:
            for start in range(0, len(ordered), _DEVICES_A_STATEMENT):
                some = ordered[start : start + _DEVICES_A_STATEMENT]
                await connection.execute(
                    update(devices)
                    .where(
                        tuple_(devices.c.client_id, devices.c.device).in_(some),
                        tuple_(devices.c.broadcast_at, devices.c.broadcast_id) < position,
                    )
                    .values(broadcast_at=stored.timestamp, broadcast_id=stored.msg_id)
                )


def _note_login(who: tuple[str, str], now: int, connection: Connection) -> list[Direct]:
    mine = (devices.c.client_id == who[0], devices.c.device == who[1])
    row = connection.execute(select(devices).where(*mine).with_for_update()).one_or_none()
    seen = None if row is None else (int(row.broadcast_at), str(row.broadcast_id))
    owed = _valid(connection, now, seen)
    newest = (owed[-1].timestamp, owed[-1].msg_id) if owed else seen or (0, "")
    values = {"seen_at": now, "broadcast_at": newest[0], "broadcast_id": newest[1]}
    connection.execute(
        insert_into(connection, devices)
        .values(client_id=who[0], device=who[1], **values)
        .on_conflict_do_update(index_elements=["client_id", "device"], set_=values)
    )
    return owed


def _valid(connection: Connection, now: int, seen: tuple[int, str] | None) -> list[Direct]:
    order = (broadcasts.c.timestamp, broadcasts.c.msg_id)
    query = (
        select(*ENTRY_COLUMNS)
        .join_from(broadcasts, messages, broadcasts.c.msg_id == messages.c.msg_id)
        .where(broadcasts.c.valid_till > now)
    )
    if seen is None:
        query = query.order_by(*(column.desc() for column in order)).limit(1)
    else:
        query = query.where(tuple_(*order) > tuple_(*seen)).order_by(*order)
    return [direct_of(entry_of(row)) for row in connection.execute(query)]


def read_broadcast(fields: Parameters, now: int, sender: str) -> Draft:
    """A broadcast from a request; `sender` names the field of its client id, push data goes by both its names."""
    push = push_data(fields, ("push", "push_data"))
    valid_till = fields.integer("valid_till")
    if valid_till is None:
        valid_till = now + VALID_DAYS * DAY_MS
    if valid_till <= now:
        raise BAD_ARGUMENT("'valid_till' is in the past (it is in UTC milliseconds)")
    if valid_till > now + LONGEST_MONTH_DAYS * DAY_MS:
        raise BAD_ARGUMENT("'valid_till' is more than a month ahead (it is in UTC milliseconds)")
    return Draft(
        reach=Reach.EVERYONE,
        conv_id=fields.required_text("conv_id"),
        sender=client_id(fields, sender),
        data=message_text(fields, push),
        transient=fields.boolean("transient"),
        valid_till=valid_till,
        push=push,
    )


async def list_valid(connection: AsyncConnection, fields: Parameters, now: int) -> list[Json]:
    """The broadcasts of a service conversation that are still valid, newest first, each with its `valid_till`."""
    conv_id = fields.required_text("conv_id")
    await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
    skip = fields.integer("skip") or 0
    if skip < 0:
        raise BAD_ARGUMENT("'skip' has to be 0 or more")
    query = (
        select(*ENTRY_COLUMNS, broadcasts.c.valid_till)
        .join_from(broadcasts, messages, broadcasts.c.msg_id == messages.c.msg_id)
        .where(broadcasts.c.conv_id == conv_id, broadcasts.c.valid_till > now)
        .order_by(broadcasts.c.timestamp.desc(), broadcasts.c.msg_id.desc())
        .limit(page_size(fields, 100, 1000))
        .offset(skip)
    )
    return [
        {**render(entry_of(row)), "valid_till": row.valid_till} for row in await connection.execute(query)
    ]


async def withdraw(connection: AsyncConnection, msg_id: str) -> None:
    """Ends a broadcast (4404): devices that have it keep it, the others do not get it, history still shows it."""
    gone = await connection.execute(delete(broadcasts).where(broadcasts.c.msg_id == msg_id))
    if not gone.rowcount:
        raise MESSAGE_NOT_FOUND("no such broadcast")


async def create(request: Request) -> Response:
    """POST /broadcasts."""
    require_master(request)
    server = request.app.state.server
    service: Messages = server.messages
    fields = Parameters(await read_body(request))
    return sent(await service.send(read_broadcast(fields, server.clock(), "from_client")))


async def find(request: Request) -> Response:
    """GET /broadcasts."""
    require_master(request)
    server = request.app.state.server
    engine: Engine = server.engine
    async with engine.read() as connection:
        return answer(await list_valid(connection, query_parameters(request), server.clock()))


async def remove(request: Request) -> Response:
    """DELETE /broadcasts/{mid}."""
    require_master(request)
    engine: Engine = request.app.state.server.engine
    async with engine.write() as connection:
        await withdraw(connection, request.path_params["mid"])
    return answer({})


def sent(stored: Stored) -> Response:
    """The answer to a send, in both documented forms."""
    ids: dict[str, Json] = {"msg-id": stored.msg_id, "timestamp": stored.timestamp}
    return answer({**ids, "result": ids})


routes = [
    Route("/1.2/rtm/broadcasts", create, methods=["POST"]),
    Route("/1.2/rtm/broadcasts", find),
    Route("/1.2/rtm/broadcasts/{mid:path}", remove, methods=["DELETE"]),
]
