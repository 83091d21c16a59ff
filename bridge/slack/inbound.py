"""Slack's requests as invocations: read, dispatched once, acknowledged in time, answered after it."""

import asyncio
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
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
from bridge.grammar import is_quiet, split
from bridge.invocation import Invocation, Standing, Trigger
from bridge.phrases import phrase
from bridge.reply import Reply
from bridge.slack.acknowledgement import Acknowledgements
from bridge.slack.answer import Answer, Deadlines, Keep, is_for_others, our_fault
from bridge.slack.arrivals import Arrival, Body, key, read, teams
from bridge.slack.asker import Asker
from bridge.slack.home import Homes
from bridge.slack.modals import Forms
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.render import DRILL_MARK
from bridge.slack.runs import Block
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)

Result = TypeVar("Result")

REMEMBERED = 10_000
"""Requests; far more than Slack could deliver again within the five minutes for which a signature holds."""
JSON: dict[str, str | Sequence[str]] = {"content-type": "application/json;charset=utf-8"}
CHALLENGE = "url_verification"
"""How Slack asks whether an address is ours; it names no team."""
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
    forms: Forms | None = None
    """What is filled in instead of typed."""
    homes: Homes | None = None
    """What is shown to whoever opens the app's Home."""
    drill: "Inbound | None" = None
    """Who answers the same commands against a service that reaches nobody."""


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
        self._mark = DRILL_MARK if slack.outbound.drill else ""
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
        try:
            request, named = key(req.body, req.headers), teams(req.body)
            arrival = self._read(req.body, request)
            drill = self._slack.drill
            if drill is not None and drill._is_its_own(req.body, request):
                return await drill.async_process(req=req, resp=resp, next=next)
        except (AttributeError, TypeError, ValueError):
            log.warning("a request of no shape that Slack's have")
            return BoltResponse(status=400, body={"error": "unreadable request"})
        if req.body.get("type") == CHALLENGE:
            return await next()
        if arrival is None and await self._is_foreign(named):
            return _nothing()
        forms = self._slack.forms
        if forms is not None and forms.is_search(req.body):
            # It acts on nothing, and the same letters typed again want the same answer.
            return _json(await forms.suggest(req.body, self._clock()))
        if not self._is_new(request):
            log.info("delivered again and left alone: a request of %s", arrival.user if arrival else "Slack")
            return _nothing()
        if arrival is not None:
            return await self._answered(arrival)
        return await self._beside(req.body, request) or await next()

    def _is_its_own(self, body: Body, request: str) -> bool:
        """Whether a request is for this world and no other."""
        forms = self._slack.forms
        return self._read(body, request) is not None or (forms is not None and forms.is_marked(body))

    def _read(self, body: Body, request: str) -> Arrival | None:
        return read(body, self._command, request, self._clock(), self._mark)

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

    async def _beside(self, body: Body, request: str) -> BoltResponse | None:
        """The answer to what belongs to forms and Homes; None: it belongs to neither."""
        forms, homes = self._slack.forms, self._slack.homes
        if forms is not None and forms.is_submission(body):
            return await self._submitted(forms, body, request)
        if forms is not None and forms.handles(body):
            forms.begin(body, self._clock(), self._keep)
            return _nothing()
        if homes is not None and homes.handles(body):
            homes.begin(body, self._keep)
            return _nothing()
        return None

    async def _submitted(self, forms: Forms, body: Body, request: str) -> BoltResponse:
        """A form that was sent off: back to it with what is wrong, or on as the command that it stands for."""
        try:
            found = await forms.submitted(body, request, self._clock())
        except (LookupError, TypeError, ValueError):
            log.warning("a form of no shape that ours have")
            return BoltResponse(status=400, body={"error": "unreadable request"})
        return await self._answered(found) if isinstance(found, Arrival) else _errors(found)

    async def _answered(self, arrival: Arrival) -> BoltResponse:
        name = secrets.token_hex(4)
        asker = Asker(
            arrival.user,
            None,
            arrival.response_url,
            arrival.replaces,
            arrival.thread,
            alone=is_quiet(split(arrival.line)),
        )
        answer = Answer(name, self._slack.outbound, arrival.place, asker, self._deadlines, self._slack.keep)
        work = self._keep(self._work(name, arrival, answer))
        if arrival.at_home and self._slack.homes is not None:
            self._keep(self._slack.homes.after(work, arrival.user, arrival.place.team))
        acknowledged = False
        try:
            if arrival.trigger in (Trigger.BUTTON, Trigger.MENTION):
                return _nothing()
            await asyncio.wait({work}, timeout=self._deadlines.ack_after)
            response = self._acknowledged(arrival, answer, work.result()) if work.done() else None
            acknowledged = response is not None
            if response is not None:
                return response
            shown = arrival.trigger is Trigger.SLASH and not asker.alone
            return BoltResponse(status=200, body=SHOW_COMMAND if shown else "")
        finally:
            if not acknowledged:
                self._keep(answer.follow(work))

    async def _work(self, name: str, arrival: Arrival, answer: Answer) -> Reply | None:
        """The reply to whom it is for; None: a form is open instead."""
        reply = await self._result(name, arrival, answer)
        if reply is None:
            return None
        if arrival.at_home:
            # Nobody else reads the direct message that it goes to.
            return replace(reply, private=False)
        return replace(reply, private=True) if answer.asker.alone and not is_for_others(reply) else reply

    async def _result(self, name: str, arrival: Arrival, answer: Answer) -> Reply | None:
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
            if self._slack.forms is not None and arrival.trigger is Trigger.SLASH:
                forms = self._slack.forms
                return await forms.carry(arrival, invocation, self._dispatch, answer.tell, self._keep)
            return await self._dispatch(invocation, answer.tell)
        except BridgeError as error:
            return Reply.of_error(error)
        except Exception:
            log.exception("%s failed", name)
            return our_fault(name)

    def _acknowledged(self, arrival: Arrival, answer: Answer, reply: Reply | None) -> BoltResponse | None:
        """What is answered to the request itself; None: its answer is to be posted."""
        if reply is None:
            return _nothing()
        outbound, forms = self._slack.outbound, self._slack.forms
        reader = outbound.reader(answer.asker)
        if arrival.draft is not None:
            errors = forms.errors(arrival, reply, reader) if forms else {}
            return _errors(errors) if errors else None
        try:
            ready = self._acknowledgements.of(reply, reader)
        except Exception:
            log.exception("%s: the result could not be shown", answer.name)
            ready = self._acknowledgements.of(our_fault(answer.name), reader)
        if ready.files:
            self._keep(outbound.share(answer.place, ready.files, answer.asker, private=reply.private))
        return BoltResponse(status=200, body=ready.body, headers=JSON)

    async def _is_foreign(self, named: frozenset[str]) -> bool:
        """Whether a payload names another team than the one served, or none. Raises where that can't be known."""
        if self._team is None and named:
            self._team = (await self._slack.outbound.identity()).team
        return not named or any(each != self._team for each in named)

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

        async def broke(error: Exception, request: AsyncBoltRequest) -> BoltResponse:
            """A listener failed: Slack may deliver its request again, and then it is tried again."""
            self._seen.pop(key(request.body, request.headers), None)
            log.error("a listener failed", exc_info=error)
            return BoltResponse(status=500, body="")

        # Bolt's warnings quote whole requests, response_urls included.
        logger = logging.getLogger("bridge.slack.bolt")
        logger.setLevel(logging.ERROR)
        app = AsyncApp(
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
        app.error(broke)
        return app


def _json(content: Block) -> BoltResponse:
    return BoltResponse(status=200, body=json.dumps(content, ensure_ascii=False), headers=JSON)


def _errors(found: Mapping[str, str]) -> BoltResponse:
    """Keeps a form open, and says at its inputs what is wrong."""
    return _json({"response_action": "errors", "errors": dict(found)})


def _nothing() -> BoltResponse:
    return BoltResponse(status=200, body="")
