"""The page's own door, for this machine only: its files, a live feed of workspace and phones, what people do there."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.commands import Command
from bridge.playground.deeds import Deeds, posted
from bridge.playground.described import (
    channel_json,
    command_json,
    exchange_bodies,
    exchange_json,
    message_json,
    shortcut_json,
    user_json,
    view_json,
)
from bridge.playground.model import Change, Json
from bridge.playground.phones import Phones
from bridge.playground.workspace import Workspace

PAGE = Path(__file__).parent / "page"
EXCHANGES = 60
"""How many requests the raw view begins with."""
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def playground(
    workspace: Workspace, phones: Phones, commands: Iterable[Command], aliases: Mapping[str, str]
) -> list[BaseRoute]:
    """The routes of the page; they take every path that is left, so they come last.

    `commands` and `aliases` (word → conversation id) are what the composer completes.
    """
    site, deeds = Site(workspace, phones, commands, aliases), Deeds(workspace, phones)
    acts = deeds.actions.items()
    inner: list[BaseRoute] = [
        WebSocketRoute("/playground/feed", site.feed),
        Route("/playground/files/{id}", site.file),
        Route("/playground/exchanges/{number:int}", site.exchange),
        Route("/playground/upload", deeds.upload, methods=["POST"]),
        *(Route(f"/playground/{name}", posted(act), methods=["POST"]) for name, act in acts),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    return [Mount("/", routes=inner, middleware=[Middleware(LocalDoor)])]


class LocalDoor:
    """Keeps other sites out: the host asked for is this machine, and what acts or listens comes from this very page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses with 403, or passes on and puts the page's headers on the answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not _is_ours(scope):
            refusal = PlainTextResponse("This page is for this machine only.", 403)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


class Site:
    """What the page is told."""

    def __init__(
        self, workspace: Workspace, phones: Phones, commands: Iterable[Command], aliases: Mapping[str, str]
    ) -> None:
        self._workspace = workspace
        self._phones = phones
        self._commands = [command_json(each) for each in commands]
        self._aliases = dict(aliases)

    async def feed(self, socket: WebSocket) -> None:
        """Everything as it is, then each change as it happens."""
        await socket.accept()
        with self._workspace.listening() as slack, self._phones.following() as mail:
            await socket.send_json(self.everything())
            work = (self._tell_slack(socket, slack), self._tell_phones(socket, mail), _closed(socket))
            tasks = [asyncio.create_task(each) for each in work]
            done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            if not isinstance(task.exception(), WebSocketDisconnect):
                task.result()

    async def _tell_slack(self, socket: WebSocket, changes: "asyncio.Queue[Change]") -> None:
        while True:
            told = self._change_json(await changes.get())
            if told:
                await socket.send_json(told)

    async def _tell_phones(self, socket: WebSocket, changes: "asyncio.Queue[Json]") -> None:
        while True:
            change = await changes.get()
            await socket.send_json(self.everything() if change["event"] == "gap" else change)

    def _change_json(self, change: Change) -> Json | None:
        if change.kind == "gap":
            return self.everything()
        if change.message and change.kind == "deleted":
            return {"event": "gone", "channel": change.message.channel, "ts": change.message.ts}
        if change.message:
            return {"event": "message", "message": message_json(change.message)}
        if change.exchange:
            return {"event": "exchange", "exchange": exchange_json(change.exchange)}
        if change.view and change.kind == "closed":
            return {"event": "closed", "id": change.view.id}
        if change.view:
            return {"event": "view", "view": view_json(change.view)}
        if change.channel:
            return {"event": "channel", "channel": channel_json(change.channel)}
        return None

    def everything(self) -> Json:
        """The whole of what the page shows."""
        workspace = self._workspace
        return {
            "event": "everything",
            "team": workspace.team.name,
            "bot": workspace.app.user_id,
            "users": [user_json(each) for each in workspace.users.values()],
            "channels": [channel_json(each) for each in workspace.channels.values()],
            "messages": [message_json(each) for each in workspace.messages.values()],
            "views": [view_json(each) for each in workspace.views.values()],
            "shortcuts": [shortcut_json(each) for each in workspace.app.shortcuts],
            "exchanges": [exchange_json(each) for each in list(workspace.exchanges)[-EXCHANGES:]],
            "phones": self._phones.json,
            "commands": self._commands,
            "slash": sorted(workspace.app.commands),
            "aliases": self._aliases,
        }

    async def file(self, request: Request) -> Response:
        """A file that the app shared, as plain text to save."""
        held = self._workspace.files.get(request.path_params["id"])
        if held is None or held["content"] is None:
            return PlainTextResponse("There is no such file.", 404)
        return Response(
            held["content"], media_type="text/plain", headers={"Content-Disposition": "attachment"}
        )

    async def exchange(self, request: Request) -> Response:
        """What one request and its answer said."""
        number = request.path_params["number"]
        for each in self._workspace.exchanges:
            if each.number == number:
                return JSONResponse(exchange_bodies(self._workspace, each))
        return JSONResponse({"error": "not there any more"}, 404)


async def _closed(socket: WebSocket) -> None:
    """Returns by WebSocketDisconnect when the page goes away; what it says meanwhile means nothing."""
    while True:
        await socket.receive_text()


def _is_ours(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if _hostname(f"//{host}") not in LOCAL:
        return False
    if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
        return True
    return headers.get("origin") in (f"http://{host}", f"https://{host}")


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending
