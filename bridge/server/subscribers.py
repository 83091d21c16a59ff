"""Subscribers of service conversations."""

from collections.abc import Collection, Sequence

from sqlalchemy import Row, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server.auth import require_master
from bridge.server.engine import Engine
from bridge.server.errors import BAD_ARGUMENT, BLOCKED_BY_CONVERSATION, CONVERSATION_NOT_FOUND
from bridge.server.fields import client_id, instant, page_size
from bridge.server.http import Json, Parameters, answer, query_parameters, read_body
from bridge.server.paths import Route
from bridge.server.restrictions import Restriction, restricted
from bridge.server.rows import SERVICE
from bridge.server.store import remember_threads
from bridge.server.tables import subscriptions
from bridge.server.targets import require
from bridge.server.upserts import insert_into

PAGE = 50


async def subscribe(connection: AsyncConnection, conv_id: str, client: str, now: int) -> None:
    """Makes a client a subscriber; one that is already keeps its date. 4303, 4313, or 4548 when it is blocked."""
    await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
    if client in await restricted(connection, conv_id, Restriction.BLOCKED, [client]):
        raise BLOCKED_BY_CONVERSATION(f"'{client}' is on the blacklist of this conversation")
    await subscribe_row(connection, conv_id, client, now)


async def subscribe_row(connection: AsyncConnection, conv_id: str, client: str, now: int) -> None:
    """As `subscribe`, for a conversation that is known to be a service and a client that it lets in."""
    row = {"conv_id": conv_id, "client_id": client, "timestamp": now}
    await connection.execute(insert_into(connection, subscriptions).values(row).on_conflict_do_nothing())
    await connection.run_sync(remember_threads, [(conv_id, client)])


async def unsubscribe(connection: AsyncConnection, conv_id: str, client: str) -> None:
    """Ends a subscription; without one nothing happens. 4303, 4313."""
    await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
    await connection.execute(
        delete(subscriptions).where(subscriptions.c.conv_id == conv_id, subscriptions.c.client_id == client)
    )


async def among(engine: Engine, conv_id: str, clients: Sequence[str]) -> Collection[str]:
    """Which of these clients have subscribed."""
    query = select(subscriptions.c.client_id).where(
        subscriptions.c.conv_id == conv_id, subscriptions.c.client_id.in_(clients)
    )
    async with engine.read() as connection:
        return (await connection.execute(query)).scalars().all()


async def list_subscribers(connection: AsyncConnection, conv_id: str, fields: Parameters) -> list[Json]:
    """A page of subscribers by client id, after `client_id` when given."""
    await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
    query = select(subscriptions).where(subscriptions.c.conv_id == conv_id)
    if after := fields.text("client_id"):
        query = query.where(subscriptions.c.client_id > after)
    query = query.order_by(subscriptions.c.client_id).limit(page_size(fields, PAGE, PAGE))
    return [_render(row) for row in await connection.execute(query)]


async def count_subscribers(connection: AsyncConnection, conv_id: str) -> int:
    """How many subscribers a service conversation has."""
    await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
    query = select(func.count()).select_from(subscriptions).where(subscriptions.c.conv_id == conv_id)
    return int((await connection.execute(query)).scalar_one())


async def list_subscriptions(connection: AsyncConnection, client: str, fields: Parameters) -> list[Json]:
    """A page of a client's subscriptions by time, after the pair `timestamp` and `conv_id` when given.

    `direction` is `new` (oldest first) or `old` (newest first).
    """
    direction = fields.text("direction") or "new"
    if direction not in ("new", "old"):
        raise BAD_ARGUMENT("'direction' is 'new' or 'old'")
    order = (subscriptions.c.timestamp, subscriptions.c.conv_id)
    query = select(subscriptions).where(subscriptions.c.client_id == client)
    if conv_id := fields.text("conv_id"):
        cursor = tuple_(instant(fields, "timestamp"), conv_id)
        query = query.where(tuple_(*order) > cursor if direction == "new" else tuple_(*order) < cursor)
    query = query.order_by(*(order if direction == "new" else (column.desc() for column in order)))
    query = query.limit(page_size(fields, PAGE, PAGE))
    return [_render(row) for row in await connection.execute(query)]


def _render(row: "Row[tuple[str, str, int]]") -> Json:
    return {"timestamp": row.timestamp, "subscriber": row.client_id, "conv_id": row.conv_id}


async def add(request: Request) -> Response:
    """POST /service-conversations/{id}/subscribers."""
    require_master(request)
    server = request.app.state.server
    engine: Engine = server.engine
    client = client_id(Parameters(await read_body(request)), "client_id")
    async with engine.write() as connection:
        await subscribe(connection, request.path_params["id"], client, server.clock())
    return answer({})


async def remove(request: Request) -> Response:
    """DELETE /service-conversations/{id}/subscribers/{client}."""
    require_master(request)
    engine: Engine = request.app.state.server.engine
    async with engine.write() as connection:
        await unsubscribe(connection, request.path_params["id"], request.path_params["client"])
    return answer({})


async def find(request: Request) -> Response:
    """GET /service-conversations/{id}/subscribers."""
    require_master(request)
    engine: Engine = request.app.state.server.engine
    async with engine.read() as connection:
        return answer(
            await list_subscribers(connection, request.path_params["id"], query_parameters(request))
        )


async def count(request: Request) -> Response:
    """GET /service-conversations/{id}/subscribers/count."""
    require_master(request)
    engine: Engine = request.app.state.server.engine
    async with engine.read() as connection:
        return answer({"count": await count_subscribers(connection, request.path_params["id"])})


_SUBSCRIBERS = "/1.2/rtm/service-conversations/{id}/subscribers"
routes = [
    Route(_SUBSCRIBERS, add, methods=["POST"]),
    Route(_SUBSCRIBERS, find),
    Route(f"{_SUBSCRIBERS}/count", count),
    Route(f"{_SUBSCRIBERS}/{{client}}", remove, methods=["DELETE"]),
]
