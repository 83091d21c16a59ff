"""The furniture of these tests: a workspace with people in it, a server on a free port, a deadline on command."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bridge.playground.model import Channel, User
from bridge.playground.workspace import Workspace

SCOPES = frozenset(
    {
        *(
            "commands",
            "chat:write",
            "users:read",
            "usergroups:read",
            "channels:read",
            "groups:read",
            "im:read",
        ),
        *("channels:join", "files:read", "files:write", "app_mentions:read"),
    }
)
TOM, JERRY, SPIKE = "U0TOM00001", "U0JERRY001", "U0SPIKE001"
NEWS, SECRET, LOUNGE = "C0NEWS0001", "C0SECRET01", "C0LOUNGE01"


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serves an ASGI app on a free port of 127.0.0.1; gives its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="websockets-sansio")
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Not `serve`: its main loop looks only ten times a second whether it is to end.
        await server.startup([listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.shutdown([listener])


class Deadline:
    """Stands for the 3 seconds: they pass when the test says so."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.passed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self.passed.wait()


def furnish(workspace: Workspace) -> Workspace:
    """Three people, a channel with the bot, a private and a public one without."""
    for user_id, name in ((TOM, "tom"), (JERRY, "jerry"), (SPIKE, "spike")):
        workspace.add_user(User(user_id, name))
    bot = workspace.app.user_id
    workspace.add_channel(Channel(NEWS, "news", members=frozenset({TOM, JERRY, bot})))
    workspace.add_channel(Channel(SECRET, "secret", "private", frozenset({TOM})))
    workspace.add_channel(Channel(LOUNGE, "lounge", members=frozenset({TOM, JERRY})))
    return workspace


class Installed:
    """A workspace, the Bolt app that is installed in it, and a client with the app's token."""

    def __init__(
        self, workspace: Workspace, bolt: AsyncApp, client: AsyncWebClient, deadline: Deadline
    ) -> None:
        self.workspace = workspace
        self.bolt = bolt
        self.client = client
        self.deadline = deadline


def grant(workspace: Workspace, *scopes: str) -> None:
    """Leave the app with exactly these scopes."""
    workspace.app = replace(workspace.app, scopes=frozenset(scopes))
