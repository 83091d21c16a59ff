"""Slack's requests over Socket Mode, for where no public address is to be had."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.slack.arrivals import ENVELOPE
from bridge.slack.web import SlackWeb


@asynccontextmanager
async def socket_mode(app: AsyncApp, app_token: str) -> AsyncIterator[SocketModeClient]:
    """A connection to Slack for as long as the block runs, renewed by slack_sdk whenever it ends.

    Raises `Failed` where the token is refused or Slack can't be reached.
    """
    await _ask_first(app_token, app.client.base_url)
    handler = _Handler(app, app_token)
    try:
        await handler.connect_async()  # type: ignore[no-untyped-call]
        yield handler.client
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


class _Handler(AsyncSocketModeHandler):
    """bolt's own, which would not say in which envelope a request came."""

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        started = time.time()
        request = AsyncBoltRequest(mode="socket_mode", body=req.payload, headers={ENVELOPE: req.envelope_id})
        response = await self.app.async_dispatch(request)
        await send_async_response(client, req, response, started)


async def _ask_first(app_token: str, api_url: str) -> None:
    """Slack's SDK tries a refused token for ever, and the start would hang without a word."""
    web = SlackWeb(app_token, api_url)
    try:
        await web.call("apps.connections.open")
    finally:
        await web.close()
