"""The pipeline that every invocation takes: parse, authorize, record, act, answer."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Protocol

from bridge.access import Decision, Verdict
from bridge.commands import Effect
from bridge.context import Context, Services, Tell
from bridge.errors import DENIED, BridgeError, NotUnderstood, Refused
from bridge.explain import explain
from bridge.invocation import Invocation
from bridge.metrics import Metrics
from bridge.parse import Understood, line_of, understand
from bridge.phrases import Code, phrase
from bridge.reply import Failure, Reply
from bridge.values import Reading

log = logging.getLogger(__name__)
# A delivery records its own request together with its intent, in one transaction.
CLAIMED_HERE = frozenset({Effect.CHANGES, Effect.DESTROYS})


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
        try:
            understood = self._understand(invocation)
            name = understood.command.name
            understood = await self._authorized(understood, invocation)
            context = Context.of(self._services, invocation, tell)
            reply = await understood.command.call(context, understood.arguments)
        except NotUnderstood as error:
            name = error.command
            reply = Reply.of_error(error)
        except Exception as error:  # noqa: BLE001 - the one place where anything becomes a reply
            reply = self._failed(error, invocation, name)
        outcome = reply.failure.code if reply.failure else reply.tone.value
        self._metrics.commands.labels(name, invocation.trigger, outcome).inc()
        self._metrics.seconds.labels(name).observe(perf_counter() - started)
        log.info("%s %s by %s: %s", invocation.id, name or "?", invocation.actor.id, outcome)
        return reply.named(name)

    def _understand(self, invocation: Invocation) -> Understood:
        registry = self._services.registry
        reading = Reading(invocation.at, invocation.actor.zone or "UTC")
        return understand(line_of(invocation, registry), registry, reading)

    async def _authorized(self, understood: Understood, invocation: Invocation) -> Understood:
        """The command as it was decided about. Refused: it may not be run, or this request has acted before."""
        understood, decision = await self._services.authority.decide(understood, invocation)
        _refuse_unless_allowed(decision, understood.command.name)
        if understood.command.effect in CLAIMED_HERE and not await self._requests.claim(invocation.request):
            raise Refused(phrase("This request was carried out already."), code="repeated")
        return understood

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


def _refuse_unless_allowed(decision: Decision, name: str) -> None:
    match decision.verdict:
        case Verdict.ALLOWED:
            return
        case Verdict.CONFIRM | Verdict.APPROVE:
            raise Refused(decision.why, hint=phrase("That can't be given yet."), code=DENIED)
        case Verdict.DENIED:
            nearest = min(decision.near, key=lambda each: len(each.misses), default=None)
            hint = (
                phrase("The rule {rule} asks for: {needed}.", rule=Code(nearest.rule), needed=nearest.needed)
                if nearest
                else phrase("See more with {why}.", why=Code(f"why {name}"))
            )
            raise Refused(decision.why, hint=hint, code=DENIED)


Dispatch = Callable[[Invocation, Tell], Awaitable[Reply]]
