"""The Web API's door: tokens, scopes, rate limits and the shape of every answer, as faithful as Slack's own."""

import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.playground import chat_methods, file_methods, lookup_methods, view_methods
from bridge.playground.faults import Fault, Faults
from bridge.playground.lookup_methods import needs_scope
from bridge.playground.model import Json, SlackError
from bridge.playground.state import State

Handler = Callable[[State, Json], Json]

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
POSTS_PER_SECOND = 1


@dataclass(frozen=True)
class Method:
    """One method: what it does, the scope it needs ("" for none) and its rate tier (0: one post a second a channel)."""

    handler: Handler
    scope: str
    tier: int


METHODS: dict[str, Method] = {
    "auth.test": Method(lookup_methods.auth_test, "", 4),
    "chat.delete": Method(chat_methods.chat_delete, "chat:write", 3),
    "chat.postEphemeral": Method(chat_methods.chat_post_ephemeral, "chat:write", 4),
    "chat.postMessage": Method(chat_methods.chat_post_message, "chat:write", 0),
    "chat.update": Method(chat_methods.chat_update, "chat:write", 3),
    "conversations.info": Method(lookup_methods.conversations_info, "", 3),
    "conversations.join": Method(lookup_methods.conversations_join, "channels:join", 3),
    "conversations.list": Method(lookup_methods.conversations_list, "", 2),
    "conversations.members": Method(lookup_methods.conversations_members, "", 4),
    "files.completeUploadExternal": Method(chat_methods.files_complete_upload_external, "files:write", 4),
    "files.getUploadURLExternal": Method(chat_methods.files_get_upload_url_external, "files:write", 4),
    "files.info": Method(file_methods.files_info, "files:read", 4),
    "usergroups.list": Method(lookup_methods.usergroups_list, "usergroups:read", 2),
    "usergroups.users.list": Method(lookup_methods.usergroups_users_list, "usergroups:read", 2),
    "users.info": Method(lookup_methods.users_info, "users:read", 4),
    "users.list": Method(lookup_methods.users_list, "users:read", 2),
    "views.open": Method(view_methods.views_open, "", 4),
    "views.publish": Method(view_methods.views_publish, "", 4),
    "views.push": Method(view_methods.views_push, "", 4),
    "views.update": Method(view_methods.views_update, "", 4),
}


class RateLimitedError(Exception):
    """Too many calls; `seconds` until the next is taken."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class RateLimits:
    """Slack's tiers per method and minute, and its one post a second in each channel; off until switched on."""

    def __init__(self) -> None:
        self.on = False
        self._calls: defaultdict[str, deque[int]] = defaultdict(deque)

    def spend(self, key: str, allowed: int, window_ms: int, now: int) -> None:
        """Count one call. Raises `RateLimitedError` when the window is full."""
        calls = self._calls[key]
        while calls and calls[0] <= now - window_ms:
            calls.popleft()
        if len(calls) >= allowed:
            raise RateLimitedError(max(1, -(-(calls[0] + window_ms - now) // 1000)))
        calls.append(now)


class WebApi:
    """Serves `/api/METHOD`, the upload address and the addresses of private files."""

    def __init__(self, state: State, faults: Faults, open_connection: Callable[[], Json]) -> None:
        self.limits = RateLimits()
        self._state = state
        self._faults = faults
        self._open_connection = open_connection
        self.routes: list[BaseRoute] = [
            Route("/api/{method}", self._call, methods=["GET", "POST"]),
            Route("/files/upload/v1/{ticket}", self._upload, methods=["POST"]),
            Route("/files-pri/{ticket}/{name}", self._download, methods=["GET"]),
            Route("/files-pri/{ticket}/download/{name}", self._download, methods=["GET"]),
        ]

    async def _call(self, request: Request) -> Response:
        name = request.path_params["method"]
        return await serve(self._state, self._faults, request, name, self._answer)

    async def _answer(self, request: Request, body: bytes) -> Response:
        name = request.path_params["method"]
        try:
            args, token = _arguments(request, body)
            self._authenticate(name, token)
            if name == "apps.connections.open":
                return JSONResponse({"ok": True, **self._open_connection()})
            method = METHODS[name]
            if method.scope:
                needs_scope(self._state, method.scope)
            self._limit(name, method.tier, args)
            answer = {"ok": True, **method.handler(self._state, args)}
        except RateLimitedError as limit:
            return JSONResponse(
                {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(limit.seconds)}
            )
        except SlackError as error:
            return JSONResponse(refusal_json(error))
        return JSONResponse(answer, headers={"x-oauth-scopes": ",".join(sorted(self._state.app.scopes))})

    def _authenticate(self, name: str, token: str) -> None:
        app = self._state.app
        if name not in METHODS and name != "apps.connections.open":
            raise SlackError("unknown_method", req_method=name)
        if not token:
            raise SlackError("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise SlackError("invalid_auth")
        wanted = app.app_token if name == "apps.connections.open" else app.bot_token
        if token != wanted:
            raise SlackError("not_allowed_token_type")

    def _limit(self, name: str, tier: int, args: Json) -> None:
        if not self.limits.on:
            return
        if tier:
            self.limits.spend(name, PER_MINUTE[tier], 60_000, self._state.now())
        else:
            self.limits.spend(f"{name} {args.get('channel')}", POSTS_PER_SECOND, 1_000, self._state.now())

    async def _upload(self, request: Request) -> Response:
        return await serve(self._state, self._faults, request, "upload", self._take_file)

    async def _take_file(self, request: Request, body: bytes) -> Response:
        file_id, _, secret = request.path_params["ticket"].partition("-")
        file = self._state.files.get(file_id)
        if file is None or file["secret"] != secret:
            return PlainTextResponse("not found", 404)
        if len(body) != file["size"]:
            return PlainTextResponse("length mismatch", 400)
        file["content"] = body
        return PlainTextResponse(f"OK - {len(body)}")

    async def _download(self, request: Request) -> Response:
        return await serve(self._state, self._faults, request, "files-pri", self._give_file)

    async def _give_file(self, request: Request, _: bytes) -> Response:
        return file_methods.private_content(self._state, request)


async def serve(
    state: State,
    faults: Faults,
    request: Request,
    target: str,
    answer: Callable[[Request, bytes], Awaitable[Response]],
) -> Response:
    """Record a request of the app, let the fault that waits for it happen, and answer."""
    try:
        body = await request.body()
    except ClientDisconnect:
        body = b""
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    shown = body.replace(state.app.bot_token.encode(), b"xoxb-").replace(
        state.app.app_token.encode(), b"xapp-"
    )
    entry = state.exchange("from app", f"{request.method} {request.url.path}", headers, shown)
    fault: Fault | None = faults.take(target)
    if fault is None:
        response = await answer(request, body)
    else:
        if fault.acts:
            await answer(request, body)
        response = await fault.answer()
    entry.status, entry.answer = response.status_code, bytes(response.body)
    state.record(entry)
    return response


def refusal_json(error: SlackError) -> Json:
    """`ok: false`, the error's name and, where there are faults to point at, Slack's two lists of them."""
    answer: Json = {"ok": False, "error": error.error, **error.extra}
    if error.messages:
        answer["errors"] = list(error.messages)
        answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in error.messages]}
    return answer


def _arguments(request: Request, body: bytes) -> tuple[Json, str]:
    """The call's arguments and its token, from the query, a form or JSON; a token in the URL is not taken."""
    args: Json = dict(request.query_params)
    args.pop("token", None)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if body and kind == "application/json":
        args |= _json_object(body)
    elif body and kind == "application/x-www-form-urlencoded":
        args |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    elif body:
        raise SlackError("invalid_post_type" if kind else "missing_post_type")
    if isinstance(args.get("files"), str):
        args["files"] = _decoded(args["files"])
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = args.pop("token", "")
    return args, bearer.strip() if scheme.lower() == "bearer" else str(token)


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return value


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
