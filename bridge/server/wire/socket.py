"""One WebSocket connection: frames in, commands answered in order, events out; a slow or silent one is ended."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from bridge.server.errors import (
    APP_NOT_AVAILABLE,
    BAD_ARGUMENT,
    IM_INTERNAL,
    INVALID_CLIENT,
    INVALID_ORIGIN,
    LOGIN_TIMEOUT,
    MESSAGE_TOO_LONG,
    PATH_NOT_FOUND,
    READ_TIMEOUT,
    SESSION_CONFLICT,
    UNPARSEABLE,
    ErrorKind,
    ServiceError,
)
from bridge.server.http import failure
from bridge.server.presence import KICKED, Closing, Patch, Read
from bridge.server.wire import catching_up, operations, pushes, sessions
from bridge.server.wire.acknowledgements import Acknowledgements
from bridge.server.wire.allowance import Allowances
from bridge.server.wire.framing import Command, Framing, Malformed, error_body, negotiate
from bridge.server.wire.sessions import PATCHES, Leaving, Peer, Session

if TYPE_CHECKING:
    from bridge.server.app import Server

log = logging.getLogger(__name__)

SEND_SECONDS = 10
"""How long one frame may wait for a socket that does not read."""

SESSIONS = 32
"""Clients on one connection."""

GOING_AWAY = 1001
RESTARTING = 1012
TRY_AGAIN = 1013
"""Close codes of the WebSocket protocol itself: SDKs reconnect after both."""

SERVING: dict[str, Any] = {
    "ws_max_size": 64 * 1024,
    "ws_per_message_deflate": False,
    "ws_ping_interval": 60.0,
    "ws_ping_timeout": 30.0,
}
"""How uvicorn has to serve the sockets: small frames, no compressor for each, and pings that find the dead ones."""

_FATAL = frozenset({APP_NOT_AVAILABLE.code, INVALID_CLIENT.code})
"""A login that is refused with one of these ends the connection, and the SDK's attempts."""


class Sockets:
    """What the sockets of a server share."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        limited = server.settings.plan.ordinary_per_minute is not None
        self.allowances = Allowances(server.clock, limited)
        self.acknowledgements = Acknowledgements(server.engine, server.presence, server.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The socket's address: agrees on a sub-protocol and serves the connection until it ends."""
        await receive()  # the request to connect
        asked, origin = HTTPConnection(scope), Headers(scope=scope).get("origin")
        agreed = negotiate([*scope["subprotocols"], asked.query_params.get("subprotocol", "")])
        allowed = self._server.settings.web_origins
        if scope["path"] not in ("", "/"):
            await failure(PATH_NOT_FOUND())(scope, receive, send)
        elif agreed is None:
            await failure(BAD_ARGUMENT("no sub-protocol that is spoken here"))(scope, receive, send)
        else:
            chosen = agreed.name if agreed.name in scope["subprotocols"] else None
            await send({"type": "websocket.accept", "subprotocol": chosen, "headers": []})
            if allowed and origin is not None and origin not in allowed:
                refused = {"code": INVALID_ORIGIN.code, "reason": INVALID_ORIGIN.reason}
                await send({"type": "websocket.close", **refused})
                return
            peer = Peer(agreed.version, None if asked.client is None else asked.client.host)
            del asked
            # Kept as long as the connection is, and read by nobody: a browser's are a kilobyte or two.
            scope["headers"].clear()
            await Socket(self._server, agreed.framing, peer, receive, send).serve()

    async def close(self) -> None:
        """Writes down what clients have acknowledged."""
        await self.acknowledgements.close()


class _End(Exception):
    """The connection is over; without a code to close it with, it is gone already."""

    def __init__(self, closing: Closing | None) -> None:
        super().__init__("gone" if closing is None else closing.reason)
        self.closing = closing


class Socket:
    """A connection and the sessions on it."""

    __slots__ = (
        "_closing",
        "_framing",
        "_heard",
        "_patience",
        "_peer",
        "_receive",
        "_sending",
        "_server",
        "_sessions",
    )

    def __init__(self, server: "Server", framing: Framing, peer: Peer, receive: Receive, send: Send) -> None:
        self._server = server
        self._framing = framing
        self._peer = peer
        self._receive = receive
        self._sending = send
        self._sessions: dict[str, Session] = {}
        self._patience: asyncio.Timeout | None = None
        self._closing: Closing | None = None
        self._heard = False

    async def serve(self) -> None:
        """Answers what comes until either side ends the connection."""
        how = Leaving.LOST
        try:
            async with asyncio.timeout(self._server.settings.login_seconds) as self._patience:
                while True:
                    message = await self._receive()
                    if message["type"] == "websocket.disconnect":
                        how = Leaving.REPLACED if message.get("code") == RESTARTING else Leaving.LOST
                        return
                    await self._take(message)
        except TimeoutError:
            late = LOGIN_TIMEOUT if self._heard else READ_TIMEOUT
            self._closing = self._closing or _closing(late)
        except _End as end:
            self._closing = end.closing
        finally:
            self._patience = None
            if self._closing is not None and self._closing.code == GOING_AWAY:
                how = Leaving.REPLACED
            await self._leave(how)
        if self._closing is not None:
            await self._close(self._closing)

    # -----------------------------------------------------------------------------------------------------------------
    # In
    # -----------------------------------------------------------------------------------------------------------------

    async def _take(self, message: Mapping[str, Any]) -> None:
        raw: bytes | None = message.get("bytes")
        frame: str | bytes = message.get("text") or "" if raw is None else raw
        self._heard = True
        size, limit = len(frame.encode() if isinstance(frame, str) else frame), self._framing.longest
        if size > operations.HOPELESS * limit:
            raise _End(_closing(MESSAGE_TOO_LONG))
        try:
            command = self._framing.decode(frame)
        except Malformed as problem:
            await self._malformed(problem)
            return
        try:
            if size > limit:
                raise MESSAGE_TOO_LONG(f"a frame has at most 5 KB, this one has {size} bytes")
            await self._answer(command)
        except ServiceError as problem:
            await self._refuse(command, problem)

    async def _malformed(self, problem: Malformed) -> None:
        error = UNPARSEABLE(str(problem))
        await self._send(Command(cmd="error", i=problem.i, body=error_body(error)))
        if problem.i is None:
            raise _End(_closing(UNPARSEABLE))

    async def _refuse(self, command: Command, problem: ServiceError) -> None:
        error = operations.on_the_wire(problem)
        if command.i:
            await self._send(command.failed(error))
        else:
            log.debug("%s without an id was refused: %s", command.cmd, problem)
        if command.cmd == "session" and command.op == "open" and error.code in _FATAL:
            raise _End(Closing(error.code, error.reason))

    async def _answer(self, command: Command) -> None:
        if command.cmd == "echo":
            await self._send(command.reply(None))
        elif command.cmd == "login":
            self._wait(None)  # a device that only wants other services' pushes has no session
            await self._send(Command(cmd="loggedin", i=command.i))
        elif command.cmd == "session" and command.op == "open":
            await self._open(command)
        else:
            await self._run(sessions.require(self._session(command)), command)

    def _session(self, command: Command) -> Session | None:
        """Whose command it is: named where several clients share the connection, the first's otherwise."""
        if command.peer_id is not None:
            return self._sessions.get(command.peer_id)
        return next(iter(self._sessions.values()), None)

    async def _run(self, session: Session, command: Command) -> None:
        allowance = session.allowance
        if command.i and allowance is not None and not allowance.take(command.cmd, command.op):
            return
        if command.cmd == "session" and command.op == "close":
            await self._end_session(session, Leaving.LOGGED_OUT)
            await self._send(command.reply("closed"))
            return
        try:
            reply = await operations.run(session, command)
        except ServiceError:
            raise
        except Exception as problem:
            log.exception("%s %s of %s failed", command.cmd, command.op, session.client_id)
            raise IM_INTERNAL("see the server's log") from problem
        if reply is not None and command.i:
            await self._send(reply, session.client_id)

    # -----------------------------------------------------------------------------------------------------------------
    # Sessions
    # -----------------------------------------------------------------------------------------------------------------

    async def _open(self, command: Command) -> None:
        if len(self._sessions) >= SESSIONS:
            raise APP_NOT_AVAILABLE(f"a connection carries at most {SESSIONS} sessions")
        try:
            session = await sessions.open_session(self._server, self._peer, command)
        except ServiceError:
            raise
        except Exception as problem:
            log.exception("a session could not be opened")
            raise IM_INTERNAL("see the server's log") from problem
        before = self._sessions.get(session.client_id)
        if before is not None:
            await self._end_session(before, Leaving.REPLACED)
        self._sessions[session.client_id] = session
        self._wait(None)
        await self._send(sessions.opened(session, command))
        session.pump = asyncio.create_task(self._pump(session))

    async def _end_session(self, session: Session, how: Leaving) -> None:
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]
            if session.pump is not None and session.pump is not asyncio.current_task():
                session.pump.cancel()
            if not self._sessions:
                self._wait(self._server.settings.login_seconds)
        await sessions.leave(session, how)

    async def _leave(self, how: Leaving) -> None:
        for session in tuple(self._sessions.values()):
            try:
                await self._end_session(session, how)
            except Exception:
                log.exception("%s could not be taken offline properly", session.client_id)

    def _wait(self, seconds: float | None) -> None:
        """Gives the client so long to open a session."""
        if self._patience is not None:
            when = None if seconds is None else asyncio.get_running_loop().time() + seconds
            self._patience.reschedule(when)

    # -----------------------------------------------------------------------------------------------------------------
    # Out
    # -----------------------------------------------------------------------------------------------------------------

    async def _pump(self, session: Session) -> None:
        """Sends a session what it missed, then what happens, until it ends."""
        try:
            async for command in catching_up.missed(session):
                await self._send(command, self._address(session))
            async for event in session.connection:
                if not _understands(session, event):
                    continue
                packed = pushes.packed(self._framing, event)
                await self._write(self._framing.frame(packed, self._address(session)))
        except _End as end:
            self._stop(end.closing or Closing(TRY_AGAIN, "went away"))
            return
        except Exception:
            log.exception("events for %s cannot be sent", session.client_id)
            self._stop(Closing(TRY_AGAIN, IM_INTERNAL.reason))
            return
        await self._over(session, session.connection.closing)

    async def _over(self, session: Session, closing: Closing | None) -> None:
        """A session that was ended by the server: a kick ends it alone, all else the whole connection."""
        if closing is not None and closing.code == SESSION_CONFLICT.code:
            await self._end_session(session, Leaving.REPLACED)
        elif closing is not None and closing.code >= KICKED:
            await self._end_session(session, Leaving.LOGGED_OUT)
        elif closing is not None and closing.code == 0:
            self._stop(Closing(GOING_AWAY, closing.reason))
        else:
            self._stop(Closing(TRY_AGAIN, "too slow"))

    def _address(self, session: Session) -> str | None:
        return session.client_id if len(self._sessions) > 1 else session.address

    async def _send(self, command: Command, address: str | None = None) -> None:
        await self._write(self._framing.frame(self._framing.pack(command), address))

    async def _write(self, frame: str | bytes) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                kind = "text" if isinstance(frame, str) else "bytes"
                await self._sending({"type": "websocket.send", kind: frame})
        except TimeoutError:
            raise _End(Closing(TRY_AGAIN, "too slow")) from None
        except (OSError, RuntimeError):  # the server program's ways to say that the connection is closed
            raise _End(None) from None

    def _stop(self, closing: Closing) -> None:
        """Ends the connection from outside its reading task."""
        if self._closing is None:
            self._closing = closing
        self._wait(0)

    async def _close(self, closing: Closing) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._sending(
                    {"type": "websocket.close", "code": closing.code, "reason": closing.reason}
                )
        except (OSError, RuntimeError):
            log.debug("a socket was gone before it could be closed")


def _closing(kind: ErrorKind) -> Closing:
    return Closing(kind.code, kind.reason)


def _understands(session: Session, event: object) -> bool:
    if isinstance(event, Patch):
        return bool(session.features & PATCHES)
    return not (isinstance(event, Read) and session.version == 1)
