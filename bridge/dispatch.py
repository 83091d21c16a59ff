"""The pipeline that every invocation takes: parse, authorize, record, act, answer."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import Protocol

from bridge import freezing
from bridge.access import is_given
from bridge.announcement import Announcement, announce
from bridge.authority import Decided
from bridge.commands import Effect
from bridge.context import Context, Services, Tell
from bridge.errors import DENIED, BridgeError, NotUnderstood, Refused
from bridge.explain import explain
from bridge.invocation import Invocation, Trigger
from bridge.ledger import Plan
from bridge.metrics import Metrics
from bridge.parse import Understood, line_of, understand
from bridge.phrases import Code, phrase
from bridge.policy import Decision, Verdict
from bridge.recording import Recording
from bridge.reply import Failure, Reply
from bridge.values import Reading

log = logging.getLogger(__name__)
# An announcement records its own request together with its intent, in one transaction.
CLAIMED_HERE = frozenset({Effect.CHANGES, Effect.DESTROYS, Effect.REACHES, Effect.STOPS, Effect.RESUMES})


class Requests(Protocol):
    """The durable memory of requests that have acted."""

    async def claim(self, request: str) -> bool:
        """True: it is new, and now remembered. False: it has acted before, on this replica or another."""


class Dispatcher:
    """Runs invocations; one instance serves every door."""

    def __init__(self, services: Services, requests: Requests, metrics: Metrics) -> None:
        self._services = services
        self._requests = requests
        self._metrics = metrics

    async def __call__(self, invocation: Invocation, tell: Tell) -> Reply:
        """The reply to one invocation. Raises nothing but cancellation: what goes wrong becomes the reply."""
        name = ""
        started = perf_counter()
        context = Context.of(self._services, invocation, tell)
        recording = Recording(context.audit, invocation, context.clock)
        try:
            understood = self._understand(invocation)
            name = understood.command.name
            decided = await context.authority.decide(understood, invocation)
            recording.decided(decided)
            refuse_denied(decided.decision, name)
            reply = await self._carried_out(decided, context, recording)
        except NotUnderstood as error:
            name = error.command
            reply = Reply.of_error(error)
        except Exception as error:  # noqa: BLE001 - the one place where anything becomes a reply
            reply = self._failed(error, invocation, name)
        outcome = reply.failure.code if reply.failure else reply.tone.value
        recording.after(reply, outcome)
        self._metrics.commands.labels(name, invocation.trigger, outcome).inc()
        self._metrics.seconds.labels(name).observe(perf_counter() - started)
        log.info("%s %s by %s: %s", invocation.id, name or "?", invocation.actor.id, outcome)
        return freezing.marked(reply.named(reply.command or name), context.freezer.shown)

    def _understand(self, invocation: Invocation) -> Understood:
        registry = self._services.registry
        reading = Reading(invocation.at, invocation.actor.zone or "UTC")
        return understand(line_of(invocation, registry), registry, reading)

    async def _carried_out(self, decided: Decided, context: Context, recording: Recording) -> Reply:
        """What comes of a command that is not denied: it is done, or waits for somebody's word."""
        command, arguments = decided.understood
        invocation = context.invocation
        given = is_given(decided.decision, invocation)
        if command.effect is Effect.REACHES and (frozen := await context.freezer.now()):
            raise freezing.refusal(frozen)
        if command.announces:
            made = await command.call(context, arguments)
            assert isinstance(made, Announcement)  # noqa: S101 - its annotation says so
            await recording.before(made.plan.conversation)
            if not given:
                return await context.approvals.propose(decided, made, invocation)
            return await self._announced(decided.decision, made, context)
        await recording.before()
        if not given:
            held = await self._held(decided, context)
            return await context.approvals.propose_command(decided, held, invocation)
        if command.effect in CLAIMED_HERE and not await self._requests.claim(invocation.request):
            raise Refused(phrase("This request was carried out already."), code="repeated")
        reply = await command.call(context, arguments)
        assert isinstance(reply, Reply)  # noqa: S101 - as above
        return reply

    async def _announced(self, decision: Decision, made: Announcement, context: Context) -> Reply:
        invocation = context.invocation
        # What nobody had to give their word for was meant to go out at once; a schedule's time was known before.
        waits = decision.verdict is not Verdict.ALLOWED and invocation.trigger is not Trigger.SCHEDULE
        due = context.approvals.due(made.plan) if waits else 0
        reply = announce(await context.deliveries.carry_out(made.plan, invocation, context.tell, due))
        return replace(reply, parts=(*reply.parts, *made.parts))

    async def _held(self, decided: Decided, context: Context) -> Plan | None:
        """What a command that is kept for later will say, as far as can be told now."""
        later = replace(context, invocation=replace(context.invocation, trigger=Trigger.SCHEDULE))
        for each in context.authority.held(decided.understood, context.invocation):
            if each.command.announces:
                made = await each.command.call(later, each.arguments)
                return made.plan if isinstance(made, Announcement) else None
        return None

    def _failed(self, error: Exception, invocation: Invocation, name: str) -> Reply:
        known = error if isinstance(error, BridgeError) else explain(error)
        if known is not None:
            return Reply.of_error(known)
        fault = secrets.token_hex(4)
        log.error("%s %s failed with fault %s", invocation.id, name or "?", fault, exc_info=error)
        return Reply.of_failure(
            Failure(
                "internal",
                phrase("Something went wrong in imbridge itself."),
                phrase("Give this error id to whoever runs it: {id}", id=Code(fault)),
                fault,
            )
        )


def refuse_denied(decision: Decision, name: str) -> None:
    """Refused: the decision denies; with the rule that comes nearest."""
    if decision.verdict is not Verdict.DENIED:
        return
    nearest = min(decision.near, key=lambda each: len(each.misses), default=None)
    hint = (
        phrase("The rule {rule} asks for: {needed}.", rule=Code(nearest.rule), needed=nearest.needed)
        if nearest
        else phrase("See more with {why}.", why=Code(f"why {name}"))
    )
    raise Refused(decision.why, hint=hint, code=DENIED)


Dispatch = Callable[[Invocation, Tell], Awaitable[Reply]]
