"""One message for what nobody waits for: how far it has come, and in the end, in the same place, its result."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeAlias

from bridge.errors import BridgeError
from bridge.invocation import Place
from bridge.reply import Reply

log = logging.getLogger(__name__)

AFTER_SECONDS = 5.0
"""What ends sooner is told by its result alone."""
EVERY_SECONDS = 2.0
"""All messages together change this often: Slack takes some fifty changes a minute from one app."""
ON_ITS_WAY_SECONDS = 3.0
"""How long a result waits for progress that is being posted, so that it can take its place."""

Show: TypeAlias = Callable[[Place, Reply, str | None], Awaitable[str | None]]
"""Posts progress, or puts it in the place of an earlier message; gives what the message is known by, None: nothing."""
Post: TypeAlias = Callable[[Place, Reply, str], Awaitable[None]]
"""Says something in a place, of its own accord, and never twice under the same key."""


class Keep(Protocol):
    """As `Post`, in the place of an earlier message of ours (`standing`) as long as Slack lets that be changed."""

    async def __call__(self, place: Place, reply: Reply, key: str, *, standing: str | None = None) -> None:
        """Durable when this returns."""


class Watch(Protocol):
    """What somebody who carries something out tells of it."""

    async def tell(self, reply: Reply) -> None:
        """Show how far it has come, once it has taken a while; nothing goes wrong where that can't be."""

    async def give(self, reply: Reply, key: str) -> None:
        """Keep the result until it is posted, never twice under the same key."""


Watching: TypeAlias = Callable[[Place], AbstractAsyncContextManager[Watch]]
"""Watches over something until the block ends; its result belongs into the place."""


class Watches:
    """Watches over deliveries and fires of this process; they take turns."""

    def __init__(
        self,
        keep: Keep,
        show: Show,
        after_seconds: float = AFTER_SECONDS,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self.keep = keep
        self.show = show
        self.after_seconds = after_seconds
        self._every = every_seconds
        self._one = asyncio.Lock()
        self._next = 0.0

    @asynccontextmanager
    async def over(self, place: Place) -> AsyncIterator[Watch]:
        """As `Watching`."""
        shown = _Shown(self, place)
        try:
            yield shown
        finally:
            await shown.close()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until another message may change."""
        loop = asyncio.get_running_loop()
        async with self._one:
            await asyncio.sleep(self._next - loop.time())
            self._next = loop.time() + self._every
            yield


class _Shown:
    """A watch whose progress is one message."""

    def __init__(self, watches: Watches, place: Place) -> None:
        self._watches = watches
        self._place = place
        self._news = asyncio.Event()
        self._told: Reply | None = None
        self._standing: str | None = None
        self._on_its_way: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._due = asyncio.get_running_loop().time() + watches.after_seconds

    async def tell(self, reply: Reply) -> None:
        self._told = reply
        self._news.set()
        if self._following is None and self._place.channel:
            self._following = asyncio.create_task(self._follow())

    async def give(self, reply: Reply, key: str) -> None:
        await self.close()
        await self._watches.keep(self._place, reply, key, standing=self._standing)

    async def close(self) -> None:
        """Show nothing more; what is on its way is waited for a while: it would stand there for ever."""
        if self._following is None:
            return
        self._following.cancel()
        await asyncio.wait({self._following})
        if self._on_its_way is not None:
            await asyncio.wait({self._on_its_way}, timeout=ON_ITS_WAY_SECONDS)
            self._on_its_way.cancel()

    async def _follow(self) -> None:
        await asyncio.sleep(self._due - asyncio.get_running_loop().time())
        while True:
            await self._news.wait()
            async with self._watches.turn():
                self._news.clear()
                self._on_its_way = asyncio.create_task(self._post())
                await asyncio.shield(self._on_its_way)
            if self._standing is None:
                # It can't be posted here, or stands where it can't be found again.
                return

    async def _post(self) -> None:
        if self._told is None:
            return
        try:
            self._standing = await self._watches.show(self._place, self._told, self._standing)
        except BridgeError as error:
            log.info("progress could not be shown in %s: %s", self._place.channel, error.message)
        except Exception:
            log.exception("progress could not be shown in %s", self._place.channel)


def unwatched(post: Post) -> Watching:
    """Where no progress is shown: the result is all that is told."""

    @asynccontextmanager
    async def over(place: Place) -> AsyncIterator[Watch]:
        yield _Untold(post, place)

    return over


class _Untold:
    def __init__(self, post: Post, place: Place) -> None:
        self._post = post
        self._place = place

    async def tell(self, reply: Reply) -> None:
        pass

    async def give(self, reply: Reply, key: str) -> None:
        await self._post(self._place, reply, key)
