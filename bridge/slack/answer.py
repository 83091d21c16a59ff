"""One invocation's answer after its acknowledgement: progress first, then the result in its place."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.errors import PASSING, BridgeError, Uncertain
from bridge.invocation import Place
from bridge.ledger import State
from bridge.phrases import Code, phrase
from bridge.reply import Failure, Reply, Tone
from bridge.slack.asker import Asker
from bridge.slack.outbound import Outbound, Posted

log = logging.getLogger(__name__)


class Keep(Protocol):
    """Keeps a reply that can't be posted now until it can, never twice under the same key."""

    async def __call__(
        self, place: Place, reply: Reply, key: str, *, again: bool = False, standing: str | None = None
    ) -> None:
        """`again`: it may stand there already; `standing`: it takes the place of this message of ours."""


WORKING = Reply(phrase("Still working on it …"), tone=Tone.WORKING)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds from the start of a command.

    Slack waits 3 for the acknowledgement; without a result, progress must stand in the channel within 20.
    """

    ack_after: float = 1.5
    progress_after: float = 15.0
    progress_every: float = 2.0


def is_for_others(reply: Reply) -> bool:
    """Whether others have a say in it, and so must see it: they may approve it, or still stop it."""
    data = reply.data if isinstance(reply.data, Mapping) else {}
    return bool(data.get("role")) or data.get("state") == State.PLANNED.value


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
        if not reply.private and (not self.asker.alone or is_for_others(reply)):
            self._told = reply
            self._news.set()

    async def follow(self, work: "asyncio.Task[Reply | None]") -> None:
        """Show progress until the work is done, then its result, if it has one; what can't be posted is logged."""
        await self._show_progress(work)
        reply = await work
        if reply is None:
            return
        try:
            await self._give(reply)
        except Exception:
            log.exception("%s: the result could not be shown", self.name)
            await self._give(our_fault(self.name))

    async def _give(self, reply: Reply) -> None:
        standing = self._posted or (None if reply.private else self._question())
        if self._keep is not None and reply.key and reply.tone is Tone.DOUBT and self._posted_ts:
            # A question outlives this process: whoever asks it again asks under the same key.
            key = reply.key_in(self.place.channel, self.name)
            await self._keep(self.place, reply, key, standing=self._posted_ts)
            return
        try:
            if standing is None:
                await self._outbound.post(self.place, reply, self.asker)
            else:
                await self._outbound.update(standing, reply)
        except BridgeError as error:
            log.error("%s: the result could not be posted: %s", self.name, error.message)
            uncertain = isinstance(error, Uncertain)
            if self._keep is not None and not reply.private and (uncertain or error.code in PASSING):
                key = reply.key_in(self.place.channel, f"answer:{self.name}:{self.place.channel}")
                await self._keep(self.place, reply, key, again=uncertain, standing=self._posted_ts)

    @property
    def _posted_ts(self) -> str | None:
        """The message in the channel that shows its progress."""
        return self._posted.ts if self._posted else None

    def _question(self) -> Posted | None:
        """The message that was answered; its buttons go when the answer takes its place."""
        question = self.asker.question
        return Posted(self.place, self.asker, question) if question else None

    async def _show_progress(self, work: "asyncio.Task[Reply | None]") -> None:
        while await self._is_time(work):
            reply, self._told = self._told or replace(WORKING, private=self.asker.alone), None
            self._news.clear()
            try:
                standing = self._posted or self._question()
                if standing is None:
                    self._posted = await self._outbound.post(self.place, reply, self.asker, progress=True)
                else:
                    self._posted = await self._outbound.update(standing, reply, progress=True)
            except BridgeError as error:
                log.info("%s: progress could not be posted: %s", self.name, error.message)
            except Exception:
                log.exception("%s: progress could not be shown", self.name)
            await asyncio.wait({work}, timeout=self._deadlines.progress_every)

    async def _is_time(self, work: "asyncio.Task[Reply | None]") -> bool:
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
