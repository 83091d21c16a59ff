"""What the bridge is compared with, each on the same server program: `python -m benchmarks.peers NAME API_URL`."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.processes import Process, made, serving
from benchmarks.slack import COMMAND, SECRET, TOKEN
from bridge.listen import bind, listening, run, told_to_stop
from bridge.server.wire.socket import SERVING

ECHO = b"heard"
"""What every peer answers."""


def bolt(api_url: str) -> ASGIApp:
    """slack-bolt alone, answering within the request: what a bot costs that does nothing."""
    client = AsyncWebClient(TOKEN, base_url=api_url)
    app = AsyncApp(client=client, signing_secret=SECRET, process_before_response=True)

    async def echo(ack: Any, body: dict[str, Any]) -> None:
        await ack(f"{ECHO.decode()} {body['text']}")

    app.command(COMMAND)(echo)
    return cast(ASGIApp, AsyncSlackRequestHandler(app, path="/slack/events"))


def floor(_: str) -> ASGIApp:
    """ASGI and Slack's signature, nothing else: what any Python server pays."""
    verifier = SignatureVerifier(SECRET)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        given = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = 200 if verifier.is_valid_request(body, given) else 401
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(ECHO))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": ECHO})

    return answer


def echo(_: str) -> ASGIApp:
    """ASGI and JSON, nothing else: the body is read and answered."""

    async def answer(_: Scope, receive: Receive, send: Send) -> None:
        heard = json.loads((await receive())["body"])
        body = json.dumps({"msg-id": ECHO.decode(), "timestamp": len(heard), "result": heard}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


PEERS: dict[str, Callable[[str], ASGIApp]] = {"bolt": bolt, "floor": floor, "echo": echo}


@asynccontextmanager
async def peer(name: str, folder: Path, api_url: str = "") -> AsyncIterator[Process]:
    """A peer in a process of its own until the block ends; `folder` is made, and keeps what it says."""
    command = [sys.executable, "-m", "benchmarks.peers", name, api_url]
    async with serving(command, made(folder)) as process:
        yield process


async def serve(name: str, api_url: str) -> None:
    """Serve one peer until told to stop."""
    front = bind("127.0.0.1", 0)
    async with listening(PEERS[name](api_url), front, **SERVING):
        print(f"listening on {front.url}", flush=True)
        await told_to_stop()


if __name__ == "__main__":
    run(serve(*sys.argv[1:3]))
