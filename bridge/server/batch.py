"""`POST /1.1/batch`: several saves in one request and one transaction, each done or refused by itself."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.server.access import Access
from bridge.server.auth import require_app
from bridge.server.classes import created, updated
from bridge.server.errors import BAD_ARGUMENT, BAD_JSON, PATH_NOT_FOUND, ServiceError
from bridge.server.http import Json, JsonObject, Parameters, answer, check_text, location, read_body
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
    method, path = fields.required_text("method").upper(), urlsplit(fields.required_text("path"))
    body = one.get("body")
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise BAD_JSON("the body of a request is an object")
    parameters = Parameters(dict(parse_qsl(path.query, keep_blank_values=True)))
    parts = [check_text(unquote(part), "'path'") for part in path.path.strip("/").split("/")]
    storage = request.app.state.server.storage
    match method, parts:
        case "POST", ["1.1", "classes", class_name]:
            row = await storage.create(connection, access, class_name, body)
            made = created(row, parameters)
            return {**made, "location": location(request, class_name, str(row["objectId"]))}
        case "PUT", ["1.1", "classes", class_name, object_id]:
            where = parameters.json_object("where")
            row = await storage.update(connection, access, Ref(class_name, object_id), body, where)
            return updated(row, body, parameters)
        case "DELETE", ["1.1", "classes", class_name, object_id]:
            await storage.delete(connection, access, Ref(class_name, object_id))
            return {}
        case "GET", ["1.1", "classes", class_name, object_id]:
            return await storage.get(connection, access, Ref(class_name, object_id)) or {}
        case _:
            raise PATH_NOT_FOUND("a batch makes, reads, changes and deletes objects under /1.1/classes")


routes = [Route("/1.1/batch", batch, methods=["POST"])]
