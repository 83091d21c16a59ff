"""The playground on a free port: the real messaging server and phones, beside a small app that answers as told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

import handlers
from bridge.playground import seed
from bridge.playground.device import Service
from bridge.playground.model import App
from bridge.playground.phones import Phones
from bridge.playground.site import playground
from bridge.playground.workspace import Workspace
from bridge.realtime.client import Credentials, Endpoint, RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.models import Kind, Ref
from bridge.server.app import Server
from bridge.server.push import Push, recorded
from bridge.server.settings import UNLIMITED, ServerSettings
from tests.browser import surfaces
from tests.browser.surfaces import SHORTCUTS
from tests.unit.playground.stage import SCOPES, Deadline, serving

DANGER = {
    "title": {"type": "plain_text", "text": "Delete"},
    "text": {"type": "plain_text", "text": "This can't be undone."},
    "confirm": {"type": "plain_text", "text": "Delete it"},
    "deny": {"type": "plain_text", "text": "Go back"},
    "style": "danger",
}


@dataclass
class Stage:
    """A playground that is being served."""

    url: str
    workspace: Workspace
    phones: Phones
    realtime: RealtimeClient
    server: Server
    aliases: dict[str, str]
    bolt: AsyncApp
    deadline: Deadline = field(default_factory=Deadline)
    pressed: list[str] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def news(self) -> Ref:
        return Ref(self.aliases["news"], Kind.SYSTEM)


@asynccontextmanager
async def messaging(folder: Path) -> AsyncIterator[tuple[Server, RealtimeClient]]:
    """The messaging server on a fresh database, and a client of it."""
    server = await Server.start(
        ServerSettings("app", "key", "master", f"sqlite:///{folder / 'realtime.db'}", plan=UNLIMITED)
    )
    transport = httpx.ASGITransport(server.asgi)
    async with Endpoint("http://embedded", transport) as service:
        try:
            yield server, RealtimeClient(service, Credentials("app", "key", "master"))
        finally:
            await server.close()


def phones_of(server: Server, realtime: RealtimeClient) -> Phones:
    """The players' phones, reading pushes where the server keeps them."""

    async def pushes(since: int) -> Sequence[Push]:
        async with server.engine.read() as connection:
            return await recorded(connection, since)

    return Phones(seed.PLAYERS, realtime, Service(server.asgi, server.settings.app_id), pushes)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Everything, seeded and served."""
    async with AsyncExitStack() as parts:
        server, realtime = await parts.enter_async_context(messaging(folder))
        aliases = await seed.seed(realtime)
        phones = phones_of(server, realtime)
        await phones.start()
        parts.push_async_callback(phones.aclose)
        installed: list[AsyncSlackRequestHandler] = []

        async def events(request: Request) -> Response:
            return await installed[0].handle(request)

        deadline = Deadline()
        web = Starlette(routes=[Route("/slack/events", events, methods=["POST"])])
        app = App(request_url="http://app.test/slack/events", scopes=SCOPES, shortcuts=SHORTCUTS)
        workspace = Workspace(app=app, team=seed.TEAM, transport=httpx.ASGITransport(web), wait=deadline.wait)
        await parts.enter_async_context(workspace)
        seed.furnish(workspace)
        site = Starlette(
            routes=[
                Mount("/slack", workspace.asgi),
                *playground(workspace, phones, handlers.COMMANDS, aliases),
            ]
        )
        url = await parts.enter_async_context(serving(site))
        workspace.base_url = f"{url}/slack"
        client = AsyncWebClient(app.bot_token, base_url=f"{url}/slack/api/")
        bolt = AsyncApp(signing_secret=app.signing_secret, client=client, process_before_response=True)
        stage = Stage(url, workspace, phones, realtime, server, aliases, bolt, deadline)
        parts.callback(stage.release.set)
        _install(bolt, stage)
        surfaces.install(bolt, stage.submitted)
        installed.append(AsyncSlackRequestHandler(bolt))
        yield stage


def _install(bolt: AsyncApp, stage: Stage) -> None:
    @bolt.command("/im")
    async def command(ack: AsyncAck, command: dict[str, str]) -> None:
        words = command.get("text", "")
        if words.startswith("broadcast news "):
            text = words.removeprefix("broadcast news ")
            await stage.realtime.broadcast(stage.news, seed.NEWS_SENDER, Text(text))
            await ack(response_type="in_channel", text=f"Sent: {text}", blocks=_sent(text))
        elif words == "slow":
            await stage.release.wait()
            await ack("at last")
        elif words == "broken":
            await ack(text="x", blocks=[{"type": "nonsense"}])
        else:
            await ack(f"There is no command {words}.")

    @bolt.action({"type": "block_actions", "action_id": "imbridge.run.0"})
    @bolt.action({"type": "block_actions", "action_id": "imbridge.run.1"})
    async def pressed(ack: AsyncAck, respond: AsyncRespond, action: dict[str, str]) -> None:
        stage.pressed.append(action["value"])
        await ack()
        await respond(text=f"done: {action['value']}", replace_original=False, response_type="in_channel")


def _sent(text: str) -> list[dict[str, Any]]:
    title = {"type": "text", "text": f"Sent: “{text}”", "style": {"bold": True}}
    return [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [title]}]},
        {
            "type": "actions",
            "elements": [
                _button("Show", "imbridge.run.0", "broadcasts list news"),
                {
                    **_button("Delete", "imbridge.run.1", "broadcasts delete"),
                    "style": "danger",
                    "confirm": DANGER,
                },
            ],
        },
    ]


def _button(label: str, action: str, line: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": label},
        "value": line,
    }
