"""REST 1.1 of storage classes: objects made, read, changed, deleted, queried and scanned."""

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server.access import Access
from bridge.server.auth import require_app, require_master
from bridge.server.http import JsonObject, Parameters, answer, location, query_parameters, read_body
from bridge.server.includes import include
from bridge.server.paths import Route
from bridge.server.queries import page, projection, split_keys
from bridge.server.rows import Ref

if TYPE_CHECKING:
    from bridge.server.app import Server


def _server(request: Request) -> "Server":
    server: Server = request.app.state.server
    return server


def _ref(request: Request) -> Ref:
    return Ref(_class_name(request), request.path_params["id"])


def _class_name(request: Request) -> str:
    named = request.path_params.get("class")
    return ALIASES[request.url.path.split("/")[2]] if named is None else str(named)


ALIASES = {"users": "_User", "installations": "_Installation", "roles": "_Role", "files": "_File"}
"""Paths of their own that some classes of the platform have, `/1.1/users` and so on."""


def created(row: JsonObject, parameters: Parameters) -> JsonObject:
    """What the maker of an object is told: all of it when it asks for that."""
    if parameters.boolean("fetchWhenSave"):
        return row
    shown = ("objectId", "createdAt", *(("updatedAt", "uniqueId") if row.get("unique") is True else ()))
    return {key: row[key] for key in shown if key in row}


def updated(row: JsonObject, changes: JsonObject, parameters: Parameters) -> JsonObject:
    """What the changer of an object is told: the columns that it changed when it asks for that."""
    shown: JsonObject = {"objectId": row["objectId"], "updatedAt": row["updatedAt"]}
    if parameters.boolean("fetchWhenSave"):
        columns = {key.partition(".")[0] for key in changes}
        shown |= {key: value for key, value in row.items() if key in columns}
    return shown


async def create(request: Request) -> Response:
    """Makes an object."""
    caller, server, class_name = require_app(request), _server(request), _class_name(request)
    parameters, body = query_parameters(request), await read_body(request)
    async with server.engine.write() as connection:
        access = await server.storage.access_of(connection, caller)
        row = await server.storage.create(connection, access, class_name, body)
    where = location(request, class_name, str(row["objectId"]))
    return answer(created(row, parameters), 201, {"Location": where})


async def get(request: Request) -> Response:
    """One object; `{}` when there is none."""
    caller, server, ref = require_app(request), _server(request), _ref(request)
    parameters = query_parameters(request)
    shown, included = projection(parameters), split_keys(parameters, "include")
    async with server.engine.read() as connection:
        access = await server.storage.access_of(connection, caller)
        row = await server.storage.get(connection, access, ref)
        if row is not None:
            await include(connection, server.objects, [row], included, access)
    return answer({} if row is None else shown.apply(row))


async def find(request: Request) -> Response:
    """The objects that meet a query, and how many there are when that is asked."""
    caller, server = require_app(request), _server(request)
    class_name, parameters = _class_name(request), query_parameters(request)
    async with server.engine.read() as connection:
        access = await server.storage.access_of(connection, caller)
        return answer(await found(server, connection, access, class_name, parameters))


async def found(
    server: "Server", connection: AsyncConnection, access: Access, class_name: str, parameters: Parameters
) -> JsonObject:
    """The answer to a query."""
    query, shown = page(parameters, class_name), projection(parameters)
    rows = await server.storage.find(connection, access, query)
    await include(connection, server.objects, rows, split_keys(parameters, "include"), access)
    results: JsonObject = {"results": [shown.apply(row) for row in rows]}
    if parameters.boolean("count"):
        results["count"] = await server.storage.count(connection, access, query)
    return results


async def update(request: Request) -> Response:
    """Changes an object, on condition that it meets `where`."""
    caller, server, ref = require_app(request), _server(request), _ref(request)
    parameters, body = query_parameters(request), await read_body(request)
    where = parameters.json_object("where")
    async with server.engine.write() as connection:
        access = await server.storage.access_of(connection, caller)
        row = await server.storage.update(connection, access, ref, body, where)
    return answer(updated(row, body, parameters))


async def delete(request: Request) -> Response:
    """Removes an object, on condition that it meets `where`, or all of several, their ids joined by commas."""
    caller, server, ref = require_app(request), _server(request), _ref(request)
    where = query_parameters(request).json_object("where")
    async with server.engine.write() as connection:
        access = await server.storage.access_of(connection, caller)
        for object_id in ref.object_id.split(","):
            await server.storage.delete(connection, access, Ref(ref.class_name, object_id), where)
    return answer({})


async def scan(request: Request) -> Response:
    """A page of a whole class, for the master key; the cursor of the next page when there is one."""
    require_master(request)
    server, parameters = _server(request), query_parameters(request)
    query = page(parameters, request.path_params["class"])
    key, cursor = parameters.text("scan_key") or "objectId", parameters.text("cursor")
    async with server.engine.read() as connection:
        rows, following = await server.storage.scan(connection, query, key, cursor)
    shown = projection(parameters)
    page_of: JsonObject = {"results": [shown.apply(row) for row in rows]}
    return answer(page_of if following is None else {**page_of, "cursor": following})


def _routes(path: str) -> list[Route]:
    return [
        Route(path, create, methods=["POST"]),
        Route(path, find, methods=["GET"]),
        Route(f"{path}/{{id}}", get, methods=["GET"]),
        Route(f"{path}/{{id}}", update, methods=["PUT"]),
        Route(f"{path}/{{id}}", delete, methods=["DELETE"]),
    ]


routes = [
    Route("/1.1/scan/classes/{class}", scan, methods=["GET"]),
    *_routes("/1.1/classes/{class}"),
    *(route for path in ALIASES for route in _routes(f"/1.1/{path}")),
]
