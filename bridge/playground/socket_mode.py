"""Socket Mode: WebSockets that carry envelopes to the app and acknowledgements back, up to ten at a time."""

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.playground.model import Json
from bridge.playground.state import State

CONNECTIONS = 10


class NoConnectionError(Exception):
    """No WebSocket of the app is open, or the one that was chosen closed before it answered."""


@dataclass(eq=False)
class Connection:
    """One WebSocket of the app and the envelopes whose acknowledgement is awaited on it."""

    socket: WebSocket
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)


class SocketMode:
    """Serves `/link/` and delivers each envelope to one connection, picked at random."""

    def __init__(self, state: State) -> None:
        self.connections: list[Connection] = []
        self.routes: list[BaseRoute] = [WebSocketRoute("/link/", self._serve)]
        self._state = state
        self._tickets: set[str] = set()

    def open_connection(self) -> Json:
        """`apps.connections.open`: an address that is good for one connection."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        base = self._state.base_url.replace("http", "ws", 1)
        return {"url": f"{base}/link/?ticket={ticket}&app_id={self._state.app.id}"}

    async def deliver(self, envelope: Json) -> Json:
        """Send an envelope and wait for its acknowledgement's payload. Raises `NoConnectionError`."""
        if not self.connections:
            raise NoConnectionError("no connection is open")
        connection = secrets.choice(self.connections)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope["envelope_id"]] = answer
        try:
            await connection.socket.send_text(json.dumps(envelope))
            return await answer
        finally:
            connection.waiting.pop(envelope["envelope_id"], None)

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection to go and connect anew, as Slack does every hour or so."""
        for connection in list(self.connections):
            await self._dismiss(connection.socket, reason)

    async def _dismiss(self, socket: WebSocket, reason: str) -> None:
        farewell = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-playground"}}
        await socket.send_text(json.dumps(farewell))

    async def _serve(self, socket: WebSocket) -> None:
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets:
            await socket.close(1008, "invalid ticket")
            return
        self._tickets.discard(ticket)
        await socket.accept()
        if len(self.connections) >= CONNECTIONS:
            await self._dismiss(socket, "too_many_websockets")
            await socket.close()
            return
        connection = Connection(socket)
        self.connections.append(connection)
        try:
            await socket.send_text(json.dumps(self._hello()))
            self._state.tell_connections()
            while True:
                self._acknowledged(connection, await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self.connections.remove(connection)
            for answer in connection.waiting.values():
                if not answer.done():
                    answer.set_exception(NoConnectionError("the connection closed"))
            self._state.tell_connections()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {
                "host": "applink-playground",
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
            "connection_info": {"app_id": self._state.app.id},
        }

    def _acknowledged(self, connection: Connection, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        answer = connection.waiting.get(message.get("envelope_id", "")) if isinstance(message, dict) else None
        if answer and not answer.done():
            answer.set_result(message.get("payload") or {})


def envelope(kind: str, payload: Json, *, answerable: bool, attempt: int, reason: str) -> Json:
    """One envelope around a payload; `attempt` and `reason` say that it was tried before."""
    return {
        "envelope_id": str(uuid4()),
        "type": kind,
        "payload": payload,
        "accepts_response_payload": answerable,
        "retry_attempt": attempt,
        "retry_reason": reason,
    }
