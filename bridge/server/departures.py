"""Callers that give up while their request is read or answered: nothing to be done for them, and no fault of ours."""

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class Departures:
    """Ends a request whose caller is gone: one that was not read whole has changed nothing, one that was is done."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def reply(message: Message) -> None:
            try:
                await send(message)
            except OSError as problem:  # the server program's way to say that nobody is there any more
                raise ClientDisconnect from problem

        try:
            await self.app(scope, receive, reply)
        except ClientDisconnect:
            log.info("%s %s: the caller went away", scope.get("method"), scope.get("path"))
