"""`POST /1.1/batch`: several calls in one request and one transaction, each done or refused by itself."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server.access import Access
from bridge.server.auth import require_app
from bridge.server.classes import ALIASES, created, found, updated
from bridge.server.errors import BAD_ARGUMENT, BAD_JSON, METHOD_NOT_ALLOWED, PATH_NOT_FOUND, ServiceError
from bridge.server.http import Json, JsonObject, Parameters, answer, check_text, location, read_body
from bridge.server.paths import Route
from bridge.server.rows import Ref

if TYPE_CHECKING:
    from bridge.server.app import Server

MAX_REQUESTS = 5000


async def batch(request: Request) -> Response:
    """Runs the requests in order; what one changes, the next finds, and a refused one leaves nothing behind."""
    caller = require_app(request)
    server: Server = request.app.state.server
    requests = (await read_body(request)).get("requests")
    if not isinstance(requests, list) or len(requests) > MAX_REQUESTS:
        raise BAD_ARGUMENT(f"'requests' is an array of at most {MAX_REQUESTS} requests")
    results: list[Json] = []
    async with server.engine.write() as connection:
        access = await server.storage.access_of(connection, caller)
        for one in requests:
            try:
                async with connection.begin_nested():
                    results.append({"success": await _run(request, connection, access, one)})
            except ServiceError as problem:
                results.append({"error": {**problem.body()}})
    return answer(results)


async def _run(request: Request, connection: AsyncConnection, access: Access, one: Json) -> JsonObject:
    if not isinstance(one, dict):
        raise BAD_JSON("a request of a batch is an object")
    fields = Parameters(one)
    method, url = fields.required_text("method").upper(), urlsplit(fields.required_text("path"))
    body = fields.json_object("body") or {}
    given = {**dict(parse_qsl(url.query, keep_blank_values=True)), **(fields.json_object("params") or {})}
    class_name, object_id = _target(url.path)
    parameters, ref = Parameters(given), Ref(class_name, object_id or "")
    server: Server = request.app.state.server
    match method:
        case "POST" if object_id is None:
            row = await server.storage.create(connection, access, class_name, body)
            made = created(row, parameters)
            return {**made, "location": location(request, class_name, str(row["objectId"]))}
        case "GET" if object_id is None:
            return await found(server, connection, access, class_name, parameters)
        case "GET":
            return await server.storage.get(connection, access, ref) or {}
        case "PUT":
            where = parameters.json_object("where")
            return updated(
                await server.storage.update(connection, access, ref, body, where), body, parameters
            )
        case "DELETE":
            await server.storage.delete(connection, access, ref, parameters.json_object("where"))
            return {}
        case _:
            raise METHOD_NOT_ALLOWED(f"{method[:16]} in a batch")


def _target(path: str) -> tuple[str, str | None]:
    """The class, and the object when there is one, that a path below `/1.1` names."""
    match [check_text(unquote(part), "'path'") for part in path.strip("/").split("/")]:
        case ["1.1", "classes", class_name]:
            return class_name, None
        case ["1.1", "classes", class_name, object_id]:
            return class_name, object_id
        case ["1.1", alias] if alias in ALIASES:
            return ALIASES[alias], None
        case ["1.1", alias, object_id] if alias in ALIASES:
            return ALIASES[alias], object_id
        case _:
            raise PATH_NOT_FOUND("a batch is about objects under /1.1/classes")


routes = [Route("/1.1/batch", batch, methods=["POST"])]
