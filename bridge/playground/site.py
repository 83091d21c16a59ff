"""The page's own door, for this machine only: its files, a live feed of workspace and phones, what people do there."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias
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
from bridge.locale import translation
from bridge.playground import model
from bridge.playground.model import Change, Exchange, Json
from bridge.playground.phones import Phones
from bridge.playground.state import SLACKBOT
from bridge.playground.workspace import Workspace
from bridge.realtime.errors import RealtimeError

PAGE = Path(__file__).parent / "page"
BODY_BYTES = 100_000
SHOWN_BYTES = 4_000
"""What the raw strip shows of a body."""
EXCHANGES = 40
LANGUAGES = ("en", "zh-CN")
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Act: TypeAlias = Callable[[Json], Awaitable[Json]]


def playground(
    workspace: Workspace, phones: Phones, commands: Iterable[Command], aliases: Mapping[str, str]
) -> list[BaseRoute]:
    """The routes of the page; they take every path that is left, so they come last.

    `commands` and `aliases` (word → conversation id) are what the composer completes.
    """
    site = Site(workspace, phones, commands, aliases)
    inner: list[BaseRoute] = [
        WebSocketRoute("/playground/feed", site.feed),
        Route("/playground/files/{id}", site.file),
        *(Route(f"/playground/{name}", _posted(act), methods=["POST"]) for name, act in site.actions.items()),
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
    """What the page can ask for and do."""

    def __init__(
        self, workspace: Workspace, phones: Phones, commands: Iterable[Command], aliases: Mapping[str, str]
    ) -> None:
        self._workspace = workspace
        self._phones = phones
        self._commands = [command_json(each) for each in commands]
        self._aliases = dict(aliases)
        self.actions: dict[str, Act] = {
            "say": self._say,
            "press": self._press,
            "phone": self._switch,
            "read": self._read,
            "chat": self._chat,
        }

    # -- The feed -----------------------------------------------------------------------------------------------

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

    # -- What people do -----------------------------------------------------------------------------------------

    async def _say(self, body: Json) -> Json:
        user, channel, text = _texts(body, "user", "channel", "text")
        if text.startswith("/"):
            outcome = await self._workspace.command(user, channel, text)
        else:
            outcome = await self._workspace.say(user, channel, text)
        return {"error": outcome.error}

    async def _press(self, body: Json) -> Json:
        user, channel, ts, block, action = _texts(body, "user", "channel", "ts", "block", "action")
        message = self._workspace.messages[channel, ts]
        outcome = await self._workspace.press(user, message, action, block_id=block)
        return {"error": outcome.error}

    async def _switch(self, body: Json) -> Json:
        (client,) = _texts(body, "client")
        await self._phones.switch(client, online=body.get("online") is True)
        return {}

    async def _read(self, body: Json) -> Json:
        self._phones.read(*_texts(body, "client", "conversation"))
        return {}

    async def _chat(self, body: Json) -> Json:
        await self._phones.say(*_texts(body, "client", "conversation", "text"))
        return {}


def _posted(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads a small JSON object, acts, and answers JSON; `error` says why nothing came of it."""

    async def endpoint(request: Request) -> Response:
        if int(request.headers.get("content-length") or BODY_BYTES + 1) > BODY_BYTES:
            return JSONResponse({"error": "too long"}, 413)
        try:
            body = json.loads(await request.body())
            return JSONResponse(await act(body if isinstance(body, dict) else {}))
        except LookupError:
            return JSONResponse({"error": "not there any more"}, 404)
        except RealtimeError as error:
            return JSONResponse({"error": error.reason}, 502)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)

    return endpoint


def _texts(body: Json, *names: str) -> tuple[str, ...]:
    """The named fields, all of them text. ValueError: one is not."""
    found = tuple(body.get(name) for name in names)
    for name, value in zip(names, found, strict=True):
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} is missing")
    return tuple(str(value) for value in found)


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


def command_json(command: Command) -> Json:
    """A command as the composer completes it."""
    return {
        "name": command.name,
        "usage": command.usage,
        "summary": _in_each_language(command.summary),
        "examples": list(command.examples),
        "parameters": [
            {
                "word": each.word,
                "noun": each.noun,
                "usage": each.usage,
                "help": _in_each_language(each.help),
                "option": each.option,
                "flag": each.flag,
                "many": each.many,
                "trailing": each.trailing,
                "choices": list(each.choices),
            }
            for each in command.parameters
        ],
    }


def _in_each_language(words: str) -> Json:
    """Words by the page's languages; none where there are none."""
    return {each: translation(each)(words, None, 1) for each in LANGUAGES} if words else {}


def user_json(user: model.User) -> Json:
    """Someone in the workspace; `person` can be acted as."""
    return {
        "id": user.id,
        "name": user.real_name or user.name,
        "handle": user.name,
        "tz": user.tz,
        "person": not user.is_bot and user.id != SLACKBOT,
    }


def channel_json(channel: model.Channel) -> Json:
    """A channel or direct message."""
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "members": sorted(channel.members),
    }


def message_json(message: model.Message) -> Json:
    """A message as it stands; `to` is the one who sees it, `notice` Slack's own error code."""
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": list(message.blocks),
        "files": list(message.files),
        "thread": message.thread_ts,
        "to": message.ephemeral_to,
        "notice": message.notice,
        "edited": message.edited,
    }


def exchange_json(exchange: Exchange) -> Json:
    """A request between Slack and the app, its bodies cut short."""
    return {
        "number": exchange.number,
        "direction": exchange.direction,
        "target": exchange.target,
        "at": exchange.at_ms,
        "status": exchange.status,
        "late": exchange.late,
        "body": exchange.body[:SHOWN_BYTES].decode(errors="replace"),
        "answer": exchange.answer[:SHOWN_BYTES].decode(errors="replace"),
    }
