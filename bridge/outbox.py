"""What is said where nobody waits for it: kept until it can be said, in order, and said once wherever that is known."""

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from bridge.clock import Clock, now_ms
from bridge.database.posts import Letter, PostState
from bridge.errors import PASSING, BridgeError, Uncertain
from bridge.invocation import Place
from bridge.reply import Reply

if TYPE_CHECKING:
    from bridge.database.posts import PostStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often what is due again, and what other processes have left, is looked for."""
FIRST_PAUSE_MS = 2_000
LONGEST_PAUSE_MS = 60_000


class Poster(Protocol):
    """Writes replies down, and posts what was written."""

    def write(self, reply: Reply, standing: str | None = None) -> str:
        """The reply as it is kept; its place is that of the message `standing`, where that can be changed."""
        ...

    async def post(self, place: Place, letter: str, *, again: bool) -> None:
        """Post it; `again`: an earlier try may have arrived, and readers are told. Raises Failed or Uncertain."""
        ...


class Outbox:
    """Takes replies at any time and posts them when that is possible."""

    def __init__(
        self,
        store: "PostStore",
        poster: Poster,
        clock: Clock = now_ms,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._poster = poster
        self._clock = clock
        self._look_seconds = look_seconds
        self._news = asyncio.Event()
        self._posting: dict[str, asyncio.Task[None]] = {}

    async def post(
        self, place: Place, reply: Reply, key: str, *, again: bool = False, standing: str | None = None
    ) -> None:
        """Keep a reply to be posted: durable when this returns, and never twice under one key.

        `again`: it may stand there already; `standing`: it takes the place of this message of ours.
        """
        await self._store.keep(Letter(key, place, self._poster.write(reply, standing), again))
        self._news.set()

    async def work(self) -> None:
        """Until canceled: post what is due, one at a time in each channel."""
        try:
            await self._store.forget()
            while True:
                self._news.clear()
                try:
                    for letter in await self._store.take(self._posting.keys()):
                        self._begin(letter)
                except Exception:
                    log.exception("the outbox could not be read; trying again")
                await self._until_news()
        finally:
            tasks = list(self._posting.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _begin(self, letter: Letter) -> None:
        task = asyncio.create_task(self._deliver(letter))
        self._posting[letter.place.channel] = task
        task.add_done_callback(lambda _: self._ended(letter.place.channel))

    def _ended(self, channel: str) -> None:
        del self._posting[channel]
        self._news.set()

    async def _until_news(self) -> None:
        try:
            async with asyncio.timeout(self._look_seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _deliver(self, letter: Letter) -> None:
        try:
            await self._poster.post(letter.place, letter.text, again=letter.again)
        except Uncertain:
            await self._later(letter, again=True)
        except BridgeError as refusal:
            if refusal.code in PASSING:
                await self._later(letter, again=letter.again)
            else:
                log.error("%s can't be posted in %s: %s", letter.key, letter.place.channel, refusal.message)
                await self._store.settle(letter, PostState.DROPPED)
        except Exception:
            log.exception("%s can't be posted", letter.key)
            await self._store.settle(letter, PostState.DROPPED)
        else:
            await self._store.settle(letter, PostState.POSTED)

    async def _later(self, letter: Letter, *, again: bool) -> None:
        pause = min(FIRST_PAUSE_MS << min(letter.tries, 10), LONGEST_PAUSE_MS)
        log.warning("%s could not be posted; trying again in %d s", letter.key, pause // 1000)
        await self._store.settle(letter, PostState.WAITING, again=again, due=self._clock() + pause)
