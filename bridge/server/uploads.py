"""Files that apps upload: their bytes go into the files folder, what is known of them is a `_File` object.

The SDKs ask for a place (`fileTokens`), put the bytes there, and say how it went (`fileCallback`); other programs post
the bytes to `/1.1/files/NAME`.
"""

import asyncio
import errno
import hashlib
import hmac
import mimetypes
import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.server.access import MASTER
from bridge.server.auth import require_app, require_permission
from bridge.server.errors import (
    BAD_ARGUMENT,
    BODY_TOO_LARGE,
    CLASS_NOT_FOUND,
    DUPLICATE_VALUE,
    FORBIDDEN,
    PATH_NOT_FOUND,
)
from bridge.server.http import BrowserForm, JsonObject, Parameters, answer, location, read_body
from bridge.server.paths import Route
from bridge.server.rows import Ref, new_object_id
from bridge.server.seals import seal, unseal
from bridge.server.settings import ServerSettings

if TYPE_CHECKING:
    from bridge.server.app import Server

FILE = "_File"
LARGEST_BYTES = 100 * 1024 * 1024
NAME_BYTES = 120
PLACE_MS = 3_600_000
"""How long the bytes may take to arrive at the place that was asked for."""

PROVIDER, BUCKET = "s3", "files"
"""What SDKs are told: to put the bytes, as they are, to the address that they get."""

_PURPOSE = "upload"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


class Place(NamedTuple):
    """Where a file's bytes are: in the folder of a name that cannot be guessed, made of the object's id."""

    object_id: str
    name: str

    def folder(self, server: "Server") -> Path:
        """The folder that holds this file alone; code 404 where no files are kept."""
        return _folder(server, self.object_id)

    def key(self, settings: ServerSettings) -> str:
        """The path of the file below the files folder, and in its address below `/files`."""
        return f"{_secret(settings, self.object_id)}/{self.name}"


def _secret(settings: ServerSettings, object_id: str) -> str:
    return hmac.new(settings.master_key.encode(), f"file:{object_id}".encode(), hashlib.sha256).hexdigest()


def _folder(server: "Server", object_id: str) -> Path:
    if server.settings.files_folder is None:
        raise PATH_NOT_FOUND("this server keeps no files")
    return server.settings.files_folder / _secret(server.settings, object_id)


def safe_name(name: str, mime_type: str | None) -> str:
    """The name as a file may have it, with an ending that says what it is."""
    cleaned = _UNSAFE.sub("_", name.rpartition("/")[2]).strip(". ") or "file"
    stem, dot, ending = cleaned.rpartition(".")
    if not dot:
        stem, ending = cleaned, (mimetypes.guess_extension(mime_type or "") or "").lstrip(".")
    ending = _cut(ending, 16)
    stem = _cut(stem, NAME_BYTES - len(ending.encode()) - 1) or "file"
    return f"{stem}.{ending}" if ending else stem


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


async def post_bytes(request: Request) -> Response:
    """POST /files/{name}: the bytes of a file, whose type is the request's own."""
    await _require_right(request)
    server = _server(request)
    name = request.path_params["name"]
    mime_type = request.headers.get("content-type", "").partition(";")[0].strip().lower() or _guess(name)
    place = Place(new_object_id(server.clock()), safe_name(name, mime_type))
    size = await _receive(request, place)
    columns: JsonObject = {"name": name, "mime_type": mime_type, "metaData": {"size": size}}
    try:
        row = await _create(request, place, columns)
    except BaseException:
        await _forget(place.folder(server))
        raise
    shown: JsonObject = {key: row[key] for key in ("objectId", "createdAt", "name", "url", "mime_type")}
    where = {"Location": location(request, FILE, place.object_id)}
    return answer({**shown, "size": size, "bucket": BUCKET}, 201, where)


async def give_place(request: Request) -> Response:
    """POST /fileTokens: a `_File` object for `name`, and where its bytes are to be put."""
    await _require_right(request)
    server, fields = _server(request), Parameters(await read_body(request))
    name = fields.text("name") or "file"
    mime_type = fields.text("mime_type") or _guess(name)
    columns: JsonObject = {"name": name, "mime_type": mime_type}
    columns["metaData"] = fields.json_object("metaData") or {}
    if (acl := fields.json_object("ACL")) is not None:
        columns["ACL"] = acl
    place = Place(new_object_id(server.clock()), safe_name(name, mime_type))
    place.folder(server)  # where no files are kept, no object is made
    row = await _create(request, place, columns)
    token = seal(server.settings, _PURPOSE, [*place, server.clock() + PLACE_MS])
    shown: JsonObject = {key: value for key, value in row.items() if key not in ("ACL", "updatedAt")}
    upload: JsonObject = {"token": token, "upload_url": f"{_origin(request)}/1.1/uploads/{token}"}
    where = {"Location": location(request, FILE, place.object_id)}
    return answer({**shown, **upload, "provider": PROVIDER, "bucket": BUCKET}, 201, where)


async def put_bytes(request: Request) -> Response:
    """PUT /uploads/{token}: the bytes, once; whoever has the address may put them there."""
    place = _place(request, request.path_params["token"])
    async with _server(request).engine.read() as connection:
        if await _server(request).objects.get(connection, Ref(FILE, place.object_id), MASTER) is None:
            raise CLASS_NOT_FOUND("the file is not wanted any more")
    if await asyncio.to_thread(place.folder(_server(request)).exists):
        raise DUPLICATE_VALUE("the bytes of this file are here already")
    await _receive(request, place)
    return answer({})


async def conclude(request: Request) -> Response:
    """POST /fileCallback: how it went; a file whose bytes did not arrive is forgotten."""
    require_app(request)
    server = _server(request)
    fields = Parameters(await read_body(request))
    place = _place(request, fields.required_text("token"))
    if not fields.boolean("result", default=True):
        async with server.engine.write() as connection:
            if await server.objects.get(connection, Ref(FILE, place.object_id), MASTER) is not None:
                await server.objects.delete(connection, Ref(FILE, place.object_id), MASTER)
        await _forget(place.folder(server))
    return answer({})


async def remove(request: Request) -> Response:
    """DELETE /files/{id}: the object and its bytes."""
    caller, server = require_app(request), _server(request)
    object_id = request.path_params["id"]
    async with server.engine.write() as connection:
        access = await server.storage.access_of(connection, caller)
        await server.storage.delete(connection, access, Ref(FILE, object_id))
    if server.settings.files_folder is not None:
        await _forget(_folder(server, object_id))
    return answer({})


def _place(request: Request, token: str) -> Place:
    """The place that a token of ours is for (403 for any other text), while there is time."""
    server = _server(request)
    match unseal(server.settings, _PURPOSE, token):
        case [str(object_id), str(name), int(till)] if till > server.clock():
            return Place(object_id, name)
        case _:
            raise FORBIDDEN("the token is none of ours, or its time is over")


async def _require_right(request: Request) -> None:
    caller, server = require_app(request), _server(request)
    async with server.engine.read() as connection:
        require_permission(await server.storage.access_of(connection, caller), FILE, "create")


async def _create(request: Request, place: Place, columns: JsonObject) -> JsonObject:
    server = _server(request)
    key = place.key(server.settings)
    whole: JsonObject = {**columns, "key": key, "url": f"{_origin(request)}/files/{quote(key)}"}
    async with server.engine.write() as connection:
        return await server.objects.create(connection, FILE, whole, {"objectId": place.object_id})


async def _receive(request: Request, place: Place) -> int:
    """Puts the bytes of the request in their place, all of them or none; gives how many there are."""
    target = place.folder(_server(request))
    making = target.parent / ".uploads" / secrets.token_hex(12)
    try:
        size = await _write(request, making / place.name)
        await asyncio.to_thread(_install, making, target)
    except BaseException:
        await _forget(making)
        raise
    return size


async def _write(request: Request, path: Path) -> int:
    await asyncio.to_thread(path.parent.mkdir, parents=True)
    size = 0
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST_BYTES:
                raise BODY_TOO_LARGE(f"a file has at most {LARGEST_BYTES} bytes")
            await asyncio.to_thread(file.write, chunk)
    if not size:
        raise BAD_ARGUMENT("a file has one byte at least")
    return size


def _install(making: Path, target: Path) -> None:
    """Gives the folder its name; where there is one already, nobody's bytes are replaced."""
    try:
        making.rename(target)
    except OSError as problem:
        if problem.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise DUPLICATE_VALUE("the bytes of this file are here already") from problem
        raise


async def _forget(folder: Path) -> None:
    if await asyncio.to_thread(folder.exists):
        await asyncio.to_thread(shutil.rmtree, folder)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _origin(request: Request) -> str:
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    scheme = "https" if (forwarded or request.url.scheme) == "https" else "http"
    return f"{scheme}://{request.headers.get('host', request.url.netloc)}"


def _server(request: Request) -> "Server":
    server: Server = request.app.state.server
    return server


class Forms(BrowserForm):
    """Leaves uploads alone: there `text/plain` is the type of a file, and no browser's form."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/1.1/files/"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


routes = [
    Route("/1.1/files/{name}", post_bytes, methods=["POST"]),
    Route("/1.1/files/{id}", remove, methods=["DELETE"]),
    Route("/1.1/fileTokens", give_place, methods=["POST"]),
    Route("/1.1/fileCallback", conclude, methods=["POST"]),
    Route("/1.1/uploads/{token}", put_bytes, methods=["PUT"]),
]
