"""The messaging service of one deployment: our own server or another's, the app's id and keys, and the way there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from bridge import keys
from bridge.config import STATE_FOLDER, AppSettings, service_problems
from bridge.errors import BadConfiguration
from bridge.plans import client_plan, server_hooks, server_plan
from bridge.realtime.client import Credentials, Endpoint, RealtimeClient, open_http
from bridge.realtime.pacing import Meter, Pacer
from bridge.server.app import Server
from bridge.server.settings import ServerSettings

DAY_MS = 86_400_000
EMBEDDED = "http://embedded"
"""The embedded server's address inside the process; nothing resolves it."""


@asynccontextmanager
async def embedded(settings: AppSettings, identity: keys.Keys, url: str) -> AsyncIterator[Server]:
    """Our own messaging server, answering until the block ends."""
    kept = settings.retention.history
    server = await Server.start(
        ServerSettings(
            app_id=identity.app_id,
            app_key=identity.app_key,
            master_key=identity.master_key,
            database_url=url,
            plan=server_plan(settings.realtime.plan),
            files_folder=STATE_FOLDER / "files",
            hooks=server_hooks(settings.realtime.hooks),
            history_days=None if kept is None else kept / DAY_MS,
        )
    )
    try:
        yield server
    finally:
        await server.close()


def identify(settings: AppSettings, folder: Path) -> keys.Keys:
    """The app's id and keys: from the environment, and what is absent for our own server from its own folder."""
    given = settings.realtime
    app_key = given.app_key.get_secret_value() if given.app_key else None
    master_key = given.master_key.get_secret_value() if given.master_key else None
    if given.app_id and master_key and (app_key or not settings.embedded):
        return keys.Keys(given.app_id, app_key or "", master_key)
    if not settings.embedded:
        raise BadConfiguration(service_problems(settings))
    kept = keys.kept(folder)
    return keys.Keys(given.app_id or kept.app_id, app_key or kept.app_key, master_key or kept.master_key)


@asynccontextmanager
async def connect(
    settings: AppSettings, identity: keys.Keys, server: Server | None, pacer: Pacer | None = None
) -> AsyncIterator[RealtimeClient]:
    """The client of the messaging service: the same whether it is in this process or far away."""
    if server is None:
        service = open_http(settings.realtime.api_server or EMBEDDED)
    else:
        service = Endpoint(EMBEDDED, within(server.asgi))
    credentials = Credentials(identity.app_id, identity.app_key, identity.master_key)
    async with service:
        yield RealtimeClient(service, credentials, pacer=pacer or Meter(client_plan(settings.realtime.plan)))


def within(application: ASGIApp) -> httpx.AsyncBaseTransport:
    """A way to an application in this process that fails as a remote one would."""
    return httpx.ASGITransport(application, raise_app_exceptions=False)


def database_url(settings: AppSettings, file: Path) -> str:
    """The database set for both halves, else a file of its own for each: SQLite has one writer at a time."""
    return settings.database_url.get_secret_value() if settings.database_url else f"sqlite:///{file}"
