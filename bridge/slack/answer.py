"""One invocation's answer after its acknowledgement: progress first, then the result in its place."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.errors import PASSING, BridgeError, Uncertain
from bridge.invocation import Place
from bridge.phrases import Code, phrase
from bridge.reply import Failure, Reply, Tone
from bridge.slack.asker import Asker
from bridge.slack.outbound import Outbound, Posted

log = logging.getLogger(__name__)


class Keep(Protocol):
    """Keeps a reply that can't be posted now until it can, never twice under the same key."""

    async def __call__(self, place: Place, reply: Reply, key: str, *, again: bool = False) -> None:
        """`again`: it may stand there already."""


WORKING = Reply(phrase("Still working on it …"), tone=Tone.WORKING)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds from the start of a command.

    Slack waits 3 for the acknowledgement; without a result, progress must stand in the channel within 20.
    """

    ack_after: float = 1.5
    progress_after: float = 15.0
    progress_every: float = 2.0


def our_fault(name: str) -> Reply:
    """What is told of a fault of ours; the rest is in the log under this name."""
    hint = phrase("Give this error id to whoever runs it: {id}", id=Code(name))
    return Reply.of_failure(
        Failure("internal", phrase("Something went wrong in imbridge itself."), hint, name)
    )


class Answer:
    """What one person is told in one place; `tell` is what a handler reports its progress to."""

    def __init__(  # noqa: PLR0913 - what is said, where, to whom, when, and what if not
        self,
        name: str,
        outbound: Outbound,
        place: Place,
        asker: Asker,
        deadlines: Deadlines,
        keep: Keep | None = None,
    ) -> None:
        self.name = name
        self.place = place
        self.asker = asker
        self._outbound = outbound
        self._deadlines = deadlines
        self._keep = keep
        self._news = asyncio.Event()
        self._told: Reply | None = None
        self._posted: Posted | None = None
        self._progress_due: float | None = asyncio.get_running_loop().time() + deadlines.progress_after

    def in_language(self, locale: str | None) -> None:
        """From here on, speak to the asker in this locale."""
        self.asker = replace(self.asker, locale=locale)

    async def tell(self, reply: Reply) -> None:
        """Keep the latest progress, shown once the acknowledgement is out; what is private stays untold."""
        if not reply.private:
            self._told = reply
            self._news.set()

    async def follow(self, work: "asyncio.Task[Reply]") -> None:
        """Show progress until the work is done, then its result; what can't be posted is logged."""
        await self._show_progress(work)
        reply = await work
        try:
            await self._give(reply)
        except Exception:
            log.exception("%s: the result could not be shown", self.name)
            await self._give(our_fault(self.name))

    async def _give(self, reply: Reply) -> None:
        try:
            if self._posted is None:
                await self._outbound.post(self.place, reply, self.asker)
            else:
                await self._outbound.update(self._posted, reply)
        except BridgeError as error:
            log.error("%s: the result could not be posted: %s", self.name, error.message)
            uncertain = isinstance(error, Uncertain)
            if self._keep is not None and not reply.private and (uncertain or error.code in PASSING):
                await self._keep(
                    self.place, reply, f"answer:{self.name}:{self.place.channel}", again=uncertain
                )

    async def _show_progress(self, work: "asyncio.Task[Reply]") -> None:
        while await self._is_time(work):
            reply, self._told = self._told or WORKING, None
            self._news.clear()
            try:
                if self._posted is None:
                    self._posted = await self._outbound.post(self.place, reply, self.asker, progress=True)
                else:
                    self._posted = await self._outbound.update(self._posted, reply, progress=True)
            except BridgeError as error:
                log.info("%s: progress could not be posted: %s", self.name, error.message)
            except Exception:
                log.exception("%s: progress could not be shown", self.name)
            await asyncio.wait({work}, timeout=self._deadlines.progress_every)

    async def _is_time(self, work: "asyncio.Task[Reply]") -> bool:
        """Wait for news or for the moment when something must be shown; False: the work is done."""
        news = asyncio.create_task(self._news.wait())
        await asyncio.wait({work, news}, timeout=self._time_left(), return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        self._progress_due = None
        return not work.done()

    def _time_left(self) -> float | None:
        if self._progress_due is None:
            return None
        return max(0.0, self._progress_due - asyncio.get_running_loop().time())
