"""A workspace with the real Slack edge installed, over HTTP or Socket Mode, and a dispatch that tests command."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from bridge.config import SlackSettings
from bridge.context import Tell
from bridge.invocation import Invocation
from bridge.phrases import english, phrase
from bridge.playground.model import App
from bridge.playground.workspace import Workspace
from bridge.reply import Reply
from bridge.slack.answer import Deadlines
from bridge.slack.door import SlackDoor
from bridge.slack.inbound import Inbound, Slack
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.socket import socket_mode
from bridge.slack.web import SlackWeb
from tests.unit.playground.stage import SCOPES, furnish, serving

PATIENT = Deadlines(ack_after=30, progress_after=60)
"""The result is awaited."""
BUSY = Deadlines(ack_after=0, progress_after=60, progress_every=0)
"""Nothing waits for the result, and only news is shown as progress."""
SILENT = Deadlines(ack_after=0, progress_after=0, progress_every=60)
"""Nothing waits for the result, and that work goes on is shown at once."""


@dataclass
class Dispatch:
    """Answers as told, and remembers what it was asked."""

    act: Callable[[Invocation, Tell], Awaitable[Reply]] | None = None
    asked: list[Invocation] = field(default_factory=list)

    async def __call__(self, invocation: Invocation, tell: Tell) -> Reply:
        self.asked.append(invocation)
        if self.act is not None:
            return await self.act(invocation, tell)
        return Reply(phrase("Done: {line}", line=invocation.line))


class Held:
    """A command that goes on until the test lets it end."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.tell: Tell | None = None
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, invocation: Invocation, tell: Tell) -> Reply:
        self.tell = tell
        self.begun.set()
        await self.go.wait()
        return self.reply


@dataclass
class Stage:
    """Everything that a scenario touches."""

    workspace: Workspace
    dispatch: Dispatch
    inbound: Inbound
    outbound: Outbound
    web: SlackWeb
    waits: list[float]


@asynccontextmanager
async def stage(
    deadlines: Deadlines = PATIENT,
    *,
    scopes: frozenset[str] = SCOPES,
    team: str | None = None,
    sockets: bool = False,
) -> AsyncIterator[Stage]:
    """The edge in a furnished workspace; whatever it would sleep for is only written down in `waits`."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    routes: list[Route] = []
    app = App(request_url=None if sockets else "http://app.test/slack/events", scopes=scopes)
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with AsyncExitStack() as stack:
        workspace = Workspace(app=app, transport=transport)
        workspace.base_url = await stack.enter_async_context(serving(workspace.asgi))
        await stack.enter_async_context(workspace)
        furnish(workspace)
        settings = SlackSettings(team=team, bot_token=SecretStr(app.bot_token))
        web = SlackWeb(app.bot_token, f"{workspace.base_url}/api/", sleep=sleep)
        stack.push_async_callback(web.close)
        outbound = Outbound(web, settings.locale, lambda locale: english, sleep=sleep)
        people = People(web, patience=0.5)
        stack.push_async_callback(people.close)
        dispatch = Dispatch()
        inbound = Inbound(dispatch, Slack(web, outbound, people), settings, deadlines=deadlines)
        stack.push_async_callback(inbound.drain)
        if sockets:
            await stack.enter_async_context(socket_mode(inbound.app, app.app_token))
        else:
            routes.append(Route("/slack/events", SlackDoor(inbound.app, app.signing_secret)))
            transport.app = Starlette(routes=routes)
        yield Stage(workspace, dispatch, inbound, outbound, web, waits)
