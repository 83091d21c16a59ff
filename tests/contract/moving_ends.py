"""The two ends of a move, as tests call them: out of the rich app, and into an empty server."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from bridge.moving.downloads import Rules
from bridge.moving.export import Summary, export
from bridge.moving.inward import Outcome, Target, move_in
from bridge.realtime.client import Credentials, Endpoint, RealtimeClient
from bridge.server.app import Server
from bridge.server.settings import UNLIMITED, ServerSettings
from tests.contract.moving_stage import Source
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, Clock, Service

HERE = Rules(private_addresses=True)
PUBLIC_URL = "http://im.test"


@contextlib.asynccontextmanager
async def empty_server(database_url: str, folder: Path) -> AsyncIterator[Service]:
    """An empty server that serves files."""
    settings = ServerSettings(
        APP_ID, APP_KEY, MASTER_KEY, database_url, plan=UNLIMITED, files_folder=folder / "served"
    )
    server = await Server.start(settings)
    transport = httpx.ASGITransport(server.asgi)
    async with httpx.AsyncClient(base_url=PUBLIC_URL, transport=transport) as http:
        yield Service(server, http, Clock(), PUBLIC_URL)
    await server.close()


async def move_out(source: Source, path: Path, rules: Rules = HERE) -> Summary:
    async with source.client() as client:
        return await export(path, APP_ID, client, rules)


def client_of(service: Service) -> RealtimeClient:
    """The server's client, as the bridge has it."""
    inside = Endpoint(PUBLIC_URL, httpx.ASGITransport(service.server.asgi))
    return RealtimeClient(inside, Credentials(APP_ID, APP_KEY, MASTER_KEY))


async def arrive(path: Path, service: Service, said: list[str] | None = None, seed: int = 7) -> Outcome:
    client = client_of(service)
    folder = service.server.settings.files_folder
    assert folder is not None
    target = Target(service.server.engine, client, folder, PUBLIC_URL)
    heard = said if said is not None else list[str]()
    return await move_in(path, target, heard.append, seed)
