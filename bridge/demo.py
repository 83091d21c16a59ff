"""Assembles the playground: the road of `serve`, with a strict stand-in for Slack and the phones of three users."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import click
from starlette.applications import Starlette
from starlette.routing import Mount, Route

import handlers
from bridge import app, messaging
from bridge.clock import now_ms
from bridge.config import STATE_FOLDER, AppSettings, RealtimeSettings
from bridge.figures import figures
from bridge.listen import bind, listening, told_to_stop
from bridge.playground import seed
from bridge.playground.device import Service
from bridge.playground.model import App, Shortcut
from bridge.playground.phones import Phones
from bridge.playground.site import playground
from bridge.playground.workspace import Workspace
from bridge.server.push import Push, recorded
from bridge.slack.door import SlackDoor
from bridge.slack.manifest import SHORTCUTS

REQUEST_URL = "http://bridge/slack/events"
"""Where the stand-in sends Slack's requests; nothing resolves it."""
SCOPES = frozenset({"commands", "chat:write", "chat:write.public", "files:read", "files:write", "users:read"})
FOLDER = STATE_FOLDER / "demo"


async def demo(settings: AppSettings) -> None:
    """Serve the playground until told to stop; of the settings, only where it answers counts."""
    settings = settings.model_copy(update={"realtime": RealtimeSettings()})
    app.start_logs(settings, FOLDER, logging.WARNING)
    async with AsyncExitStack() as parts:
        shortcuts = tuple(Shortcut.of(each) for each in SHORTCUTS)
        installed = App(request_url=REQUEST_URL, scopes=SCOPES, shortcuts=shortcuts)
        front = bind(settings.host, settings.port)
        requests = Starlette()
        workspace = Workspace(app=installed, team=seed.TEAM, transport=messaging.within(requests))
        await parts.enter_async_context(workspace)
        workspace.base_url = f"{front.url}/slack"
        seed.furnish(workspace)

        world = await _world(settings, installed, f"{workspace.base_url}/api/")
        slack = await parts.enter_async_context(app.to_slack(world))
        core = await parts.enter_async_context(app.bridge(world, app.Chat.of(slack), FOLDER))
        inbound = await parts.enter_async_context(app.from_slack(world, slack, core))
        requests.routes.append(Route("/slack/events", SlackDoor(inbound.app, installed.signing_secret)))

        phones = await parts.enter_async_context(_phones(core))
        routes = [
            *figures(core.services, core.metrics),
            Mount("/slack", workspace.asgi),
            *playground(workspace, phones, handlers.COMMANDS, world.realtime.aliases),
        ]
        await parts.enter_async_context(listening(Starlette(routes=routes), front))
        await parts.enter_async_context(app.on_duty(world, core))
        click.echo(f"imbridge is playing at {front.url}")
        await told_to_stop()


async def _world(settings: AppSettings, installed: App, api_url: str) -> AppSettings:
    """The demo's settings; its conversations are made first, because their ids are part of them."""
    told = seed.settings(now_ms())
    place: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "database_url": settings.database_url,
    }
    unseeded = AppSettings.model_validate({**told, **place, "schedules": ()})
    identity = messaging.identify(unseeded, FOLDER)
    url = messaging.database_url(unseeded, FOLDER / "realtime.db")
    async with (
        messaging.embedded(unseeded, identity, url) as server,
        messaging.connect(unseeded, identity, server) as realtime,
    ):
        told["realtime"]["aliases"] = await seed.seed(realtime)
    told["slack"] |= {"bot_token": installed.bot_token, "api_url": api_url, "team": seed.TEAM.id}
    return AppSettings.model_validate({**told, **place})


@asynccontextmanager
async def _phones(core: app.Bridge) -> AsyncIterator[Phones]:
    """The players' phones, switched on until the block ends."""
    server = core.server
    assert server is not None  # noqa: S101 - the demo always has the embedded one

    async def pushes(since: int) -> Sequence[Push]:
        async with server.engine.read() as connection:
            return await recorded(connection, since)

    service = Service(server.asgi, server.settings.app_id)
    phones = Phones(seed.PLAYERS, core.services.realtime, service, pushes)
    await phones.start()
    try:
        yield phones
    finally:
        await phones.aclose()
