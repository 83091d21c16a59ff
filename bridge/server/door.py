"""The HTTP door: from a request to its endpoint, and from a refusal to its answer, with no layers between."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from starlette.datastructures import URL
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from bridge.server.errors import IM_INTERNAL, INTERNAL, METHOD_NOT_ALLOWED, PATH_NOT_FOUND, ServiceError
from bridge.server.http import failure
from bridge.server.paths import with_whole_segments

log = logging.getLogger(__name__)

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_LOOKED_AT = 5
"""How many segments of a path say which routes can be meant."""


class Door:
    """Answers every request, whatever its endpoint raises; `state` is what endpoints find as `request.app.state`."""

    def __init__(self, routes: Sequence[Route], state: Any) -> None:
        self.state = state
        self._routes = [(route, route.path.split("/")[1:]) for route in routes]
        self._words = {word: word for _, pattern in self._routes for word in pattern if "{" not in word}
        self._candidates: dict[tuple[str, ...], Sequence[Route]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            response = await self._answer(scope, receive)
            await response(scope, receive, watch)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            kind = IM_INTERNAL if "/rtm/" in scope["path"] else INTERNAL
            await failure(kind())(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if "\x00" in scope["path"]:  # no name that a database can keep holds one
            return failure(PATH_NOT_FOUND())
        scope = with_whole_segments(scope)
        scope["app"] = self
        try:
            found = self._find(scope)
            return found if isinstance(found, Response) else await found(Request(scope, receive))
        except ServiceError as problem:
            return failure(problem)

    def _find(self, scope: Scope) -> Endpoint | Response:
        exists = False
        for route in self._may_be_meant(scope["path"]):
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                endpoint: Endpoint = found["endpoint"]
                return endpoint
            exists = exists or match is Match.PARTIAL
        return failure(METHOD_NOT_ALLOWED()) if exists else self._elsewhere(scope)

    def _elsewhere(self, scope: Scope) -> Response:
        """Where the same path is with a slash less or more at its end; code 404 where it is nowhere."""
        path = scope["path"]
        there = {**scope, "path": path.rstrip("/") if path.endswith("/") else f"{path}/"}
        if path != "/" and any(
            route.matches(there)[0] is not Match.NONE for route in self._may_be_meant(there["path"])
        ):
            return RedirectResponse(str(URL(scope=there)))
        return failure(PATH_NOT_FOUND())

    def _may_be_meant(self, path: str) -> Sequence[Route]:
        """The routes that fit the first segments of a path, in their order."""
        # Segments that no route knows by name are alike, so that strangers' paths don't fill the memory.
        words = self._words
        key = tuple([words.get(one, "") for one in path.split("/", _LOOKED_AT + 1)[1 : _LOOKED_AT + 1]])
        found = self._candidates.get(key)
        if found is None:
            found = [route for route, pattern in self._routes if _fits(pattern, key)]
            if found:
                self._candidates[key] = found
        return found


def _fits(pattern: Sequence[str], key: Sequence[str]) -> bool:
    if len(pattern) > len(key) and len(key) < _LOOKED_AT:
        return False
    for mine, given in zip(pattern, key, strict=False):
        if mine.endswith(":path}"):  # takes all that follows
            return True
        if mine != given and not mine.startswith("{"):
            return False
    return len(pattern) >= len(key)
