"""A served workspace, and a bare Bolt app installed there."""

from collections.abc import AsyncIterator

import httpx
import pytest
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.playground.model import App
from bridge.playground.workspace import Workspace
from tests.unit.playground.stage import SCOPES, Deadline, Installed, furnish, serving


@pytest.fixture
async def installed() -> AsyncIterator[Installed]:
    """The app takes requests at `/slack/events` in process; its own calls go over a real socket."""
    deadline = Deadline()
    handlers: list[AsyncSlackRequestHandler] = []

    async def events(request: Request) -> Response:
        return await handlers[0].handle(request)

    web = Starlette(routes=[Route("/slack/events", events, methods=["POST"])])
    app = App(request_url="http://app.test/slack/events", scopes=SCOPES)
    transport = httpx.ASGITransport(web)
    workspace = Workspace(app=app, transport=transport, wait=deadline.wait)
    async with serving(workspace.asgi) as base_url, workspace:
        workspace.base_url = base_url
        client = AsyncWebClient(app.bot_token, base_url=f"{base_url}/api/")
        bolt = AsyncApp(signing_secret=app.signing_secret, client=client, process_before_response=True)
        handlers.append(AsyncSlackRequestHandler(bolt))
        yield Installed(furnish(workspace), bolt, client, deadline)
