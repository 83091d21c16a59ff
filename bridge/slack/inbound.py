"""Slack's requests as invocations: read, dispatched once, acknowledged in time, answered after it."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bridge.clock import Clock, now_ms
from bridge.config import SlackSettings
from bridge.dispatch import Dispatch
from bridge.errors import BridgeError, Refused
from bridge.invocation import Invocation, Standing, Trigger
from bridge.phrases import phrase
from bridge.reply import Reply
from bridge.slack.acknowledgement import Acknowledgements
from bridge.slack.answer import Answer, Deadlines, Keep, our_fault
from bridge.slack.arrivals import Arrival, read, teams
from bridge.slack.asker import Asker
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)

Result = TypeVar("Result")

REMEMBERED = 10_000
"""Requests; far more than Slack could deliver again within the five minutes for which a signature holds."""
JSON: dict[str, str | Sequence[str]] = {"content-type": "application/json;charset=utf-8"}
SHOW_COMMAND = {"response_type": "in_channel"}
"""Acknowledges without a result; everyone sees what was typed."""


@dataclass(frozen=True, slots=True)
class Slack:
    """Slack as this edge reaches it."""

    web: SlackWeb
    outbound: Outbound
    people: People
    keep: Keep | None = None
    """Where a result goes that can't be posted now."""


class Inbound(AsyncMiddleware):
    """Answers one workspace's commands and buttons; what else comes from there goes on to the listeners of `app`.

    It stands before bolt's authorization and listeners: their look-ups, matching and argument injection would cost
    more than all the rest, and neither is needed to answer a command.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        slack: Slack,
        settings: SlackSettings,
        *,
        deadlines: Deadlines | None = None,
        clock: Clock = now_ms,
    ) -> None:
        self._dispatch = dispatch
        self._slack = slack
        self._command = settings.command
        self._team = settings.team
        self._deadlines = deadlines or Deadlines()
        self._clock = clock
        self._acknowledgements = Acknowledgements()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[object]] = set()
        self.app = self._build()

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],
    ) -> BoltResponse | None:
        """Bolt's middleware: our answer to a command or a button, or whatever comes after us."""
        arrival = read(req.body, self._command, _carrier(req), self._clock())
        if arrival is None:
            return _nothing() if await self._is_foreign(teams(req.body)) else await next()
        if not self._is_new(arrival.request):
            log.info("delivered again and left alone: a request of %s", arrival.user)
            return _nothing()
        return await self._answered(arrival)

    async def drain(self, within: float = 8.0) -> None:
        """Let what was begun end, results and all, then stop what has not ended `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            log.warning("stopped with %d answers under way", len(self._tasks))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answered(self, arrival: Arrival) -> BoltResponse:
        name = secrets.token_hex(4)
        asker = Asker(arrival.user, None, arrival.response_url)
        answer = Answer(name, self._slack.outbound, arrival.place, asker, self._deadlines, self._slack.keep)
        work = self._keep(self._work(name, arrival, answer))
        acknowledged = False
        try:
            if arrival.trigger is Trigger.SLASH:
                await asyncio.wait({work}, timeout=self._deadlines.ack_after)
                if work.done():
                    response = self._acknowledged(answer, work.result())
                    acknowledged = True
                    return response
                return BoltResponse(status=200, body=SHOW_COMMAND)
            return _nothing()
        finally:
            if not acknowledged:
                self._keep(answer.follow(work))

    async def _work(self, name: str, arrival: Arrival, answer: Answer) -> Reply:
        try:
            foreign = await self._is_foreign(arrival.teams)
            if foreign and not self._slack.people.is_named(arrival.user):
                raise Refused(phrase("This bot serves another workspace."), code="foreign_team")
            actor = await self._slack.people.actor(arrival.user, arrival.name)
            if foreign:
                actor = replace(actor, standing=Standing.FOREIGN)
            answer.in_language(actor.locale)
            invocation = Invocation(
                id=name,
                request=arrival.request,
                actor=actor,
                place=arrival.place,
                trigger=arrival.trigger,
                at=arrival.at,
                line=arrival.line,
            )
            return await self._dispatch(invocation, answer.tell)
        except BridgeError as error:
            return Reply.of_error(error)
        except Exception:
            log.exception("%s failed", name)
            return our_fault(name)

    def _acknowledged(self, answer: Answer, reply: Reply) -> BoltResponse:
        outbound = self._slack.outbound
        reader = outbound.reader(answer.asker)
        try:
            ready = self._acknowledgements.of(reply, reader)
        except Exception:
            log.exception("%s: the result could not be shown", answer.name)
            ready = self._acknowledgements.of(our_fault(answer.name), reader)
        if ready.files:
            self._keep(outbound.share(answer.place, ready.files, answer.asker, private=reply.private))
        return BoltResponse(status=200, body=ready.body, headers=JSON)

    async def _is_foreign(self, named: frozenset[str]) -> bool:
        """Whether a payload names a team other than the one served. Raises where that one can't be known."""
        if self._team is None and named:
            self._team = (await self._slack.outbound.identity()).team
        return any(each != self._team for each in named)

    def _is_new(self, request: str) -> bool:
        if request in self._seen:
            return False
        self._seen[request] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _keep(self, coroutine: Coroutine[None, None, Result]) -> "asyncio.Task[Result]":
        """Run it as ours: referenced until it ends, and waited for by `drain`."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an answer broke off", exc_info=error)

    def _build(self) -> AsyncApp:
        web, outbound = self._slack.web, self._slack.outbound

        async def authorize() -> AuthorizeResult:
            """For the listeners behind us: the one installation there is. Bolt fills arguments in by name, self too."""
            identity = await outbound.identity()
            team, user = identity.team, identity.user
            return AuthorizeResult(enterprise_id=None, team_id=team, bot_user_id=user, bot_token=web.token)

        # Bolt's warnings quote whole requests, response_urls included.
        logger = logging.getLogger("bridge.slack.bolt")
        logger.setLevel(logging.ERROR)
        return AsyncApp(
            name="imbridge",
            logger=logger,
            client=AsyncWebClient(base_url=web.base_url, retry_handlers=[]),
            authorize=authorize,
            before_authorize=self,
            process_before_response=True,
            # Verified in bridge.slack.door, on the raw bytes and before anything reads them.
            request_verification_enabled=False,
            ssl_check_enabled=False,
            ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
        )


def _carrier(request: AsyncBoltRequest) -> str:
    """What tells a request without a trigger id from others: its signature, or else nothing does."""
    return request.headers.get("x-slack-signature", [""])[0] or secrets.token_hex(16)


def _nothing() -> BoltResponse:
    return BoltResponse(status=200, body="")
