"""Users of the app, as far as messaging needs them: signing up, logging in, session tokens."""

import base64
import hashlib
import hmac
import secrets
from asyncio import to_thread
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server.access import MASTER, Access
from bridge.server.auth import require_app
from bridge.server.errors import (
    FORBIDDEN,
    PASSWORD_MISMATCH,
    PASSWORD_MISSING,
    USER_NOT_FOUND,
    USERNAME_MISSING,
    USERNAME_TAKEN,
)
from bridge.server.http import JsonObject, Parameters, answer, location, query_parameters, read_body
from bridge.server.objects import Objects, Query
from bridge.server.paths import Route
from bridge.server.rows import Ref, new_object_id

if TYPE_CHECKING:
    from bridge.server.app import Server

USER = "_User"
_PREFIX = "scrypt:"
_SCRYPT_COST = 2**14
_OLD_ROUNDS = 512


def without_secrets(class_name: str, row: JsonObject, access: Access) -> JsonObject:
    """The row as this caller may see it: nobody sees a password, only the master key a session token."""
    if class_name != USER:
        return row
    hidden = {"password"} if access.master else {"password", "salt", "sessionToken"}
    return {key: value for key, value in row.items() if key not in hidden}


def own_view(user: JsonObject) -> JsonObject:
    """A user as it sees itself, session token included; the app's own functions get the same."""
    return {key: value for key, value in user.items() if key not in ("password", "salt")}


async def check_user(
    connection: AsyncConnection, objects: Objects, changes: JsonObject, user_id: str | None
) -> JsonObject:
    """The changes of a user as they are stored, the password hashed; code 202 when another has the name."""
    username, password = changes.get("username"), changes.get("password")
    if isinstance(username, str):
        same = await objects.find(connection, Query(USER, {"username": username}, limit=2), MASTER)
        if any(one["objectId"] != user_id for one in same):
            raise USERNAME_TAKEN(f"'{username[:64]}'")
    if isinstance(password, str):
        changes = {**changes, "password": await to_thread(hash_password, password)}
    return changes


def hash_password(password: str) -> str:
    """The password as it is stored."""
    salt = secrets.token_bytes(16)
    return _PREFIX + base64.b64encode(salt + _scrypt(password, salt)).decode()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1, dklen=32)


def password_matches(password: str, user: JsonObject) -> bool:
    """Whether this is the user's password, as it is stored here or as the service's console exports it."""
    stored, salt = user.get("password"), user.get("salt")
    if not isinstance(stored, str):
        return False
    if stored.startswith(_PREFIX):
        raw = base64.b64decode(stored.removeprefix(_PREFIX))
        return hmac.compare_digest(_scrypt(password, raw[:16]), raw[16:])
    if not isinstance(salt, str):
        return False
    return hmac.compare_digest(_salted_sha512(password, salt), "".join(stored.split()).encode())


def _salted_sha512(password: str, salt: str) -> bytes:
    """The service's hash, in base64: SHA-512 of the salt and the password, and 512 rounds of SHA-512 over that."""
    digest = hashlib.sha512(salt.encode() + password.encode()).digest()
    for _ in range(_OLD_ROUNDS):
        digest = hashlib.sha512(digest).digest()
    return base64.b64encode(digest)


async def sign_up(request: Request) -> Response:
    """Makes a user who may change itself, and logs it in."""
    require_app(request)
    server: Server = request.app.state.server
    body = await read_body(request)
    fields = Parameters(body)
    if not fields.text("username"):
        raise USERNAME_MISSING("a user has a 'username'")
    if not fields.text("password"):
        raise PASSWORD_MISSING("a user has a 'password'")
    user_id = new_object_id(server.clock())
    acl: JsonObject = {"*": {"read": True}, user_id: {"read": True, "write": True}}
    async with server.engine.write() as connection:
        columns = await check_user(connection, server.objects, {"ACL": acl, **body}, None)
        columns["sessionToken"] = new_session_token()
        row = await server.objects.create(connection, USER, columns, {"objectId": user_id})
    shown = {key: row[key] for key in ("objectId", "createdAt", "sessionToken", "username")}
    return answer(shown, 201, {"Location": location(request, USER, user_id)})


async def log_in(request: Request) -> Response:
    """The user with its session token; code 210 for a wrong password, 211 for an unknown name."""
    require_app(request)
    server: Server = request.app.state.server
    given = query_parameters(request) if request.method == "GET" else Parameters(await read_body(request))
    username, password = given.required_text("username"), given.required_text("password")
    async with server.engine.read() as connection:
        user = await _find(connection, server.objects, "username", username)
    if user is None:
        raise USER_NOT_FOUND(f"no user '{username[:64]}'")
    if not await to_thread(password_matches, password, user):
        raise PASSWORD_MISMATCH("wrong password")
    if not isinstance(user.get("sessionToken"), str):
        user = await _renew_token(server, str(user["objectId"]))
    return answer(own_view(user))


async def me(request: Request) -> Response:
    """The user of a session token, in the header or the query."""
    require_app(request)
    server: Server = request.app.state.server
    token = query_parameters(request).text("session_token") or request.headers.get("x-lc-session")
    async with server.engine.read() as connection:
        user = await _find(connection, server.objects, "sessionToken", token) if token else None
    if user is None:
        raise USER_NOT_FOUND("the session token is of nobody")
    return answer(own_view(user))


async def refresh_token(request: Request) -> Response:
    """A new session token for a user; the old one is worth nothing any more."""
    caller = require_app(request)
    server: Server = request.app.state.server
    ref = Ref(USER, request.path_params["id"])
    async with server.engine.read() as connection:
        access = await server.storage.access_of(connection, caller)
    if not access.master and ref.object_id not in access.names:
        raise FORBIDDEN("only the user itself may do so")
    return answer(own_view(await _renew_token(server, ref.object_id)))


async def _find(connection: AsyncConnection, objects: Objects, key: str, value: str) -> JsonObject | None:
    users = await objects.find(connection, Query(USER, {key: value}, limit=1), MASTER)
    return users[0] if users else None


async def _renew_token(server: "Server", user_id: str) -> JsonObject:
    change: JsonObject = {"sessionToken": new_session_token()}
    async with server.engine.write() as connection:
        return await server.objects.update(connection, Ref(USER, user_id), change, MASTER)


def new_session_token() -> str:
    """25 characters, as the service's own."""
    return secrets.token_hex(13)[:25]


routes = [
    Route("/1.1/users", sign_up, methods=["POST"]),
    Route("/1.1/login", log_in, methods=["GET", "POST"]),
    Route("/1.1/users/me", me, methods=["GET"]),
    Route("/1.1/users/{id}/refreshSessionToken", refresh_token, methods=["PUT"]),
]
