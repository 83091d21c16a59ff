"""Decides about a command line, once what the rules ask about has been looked up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from bridge.access import FREELY, decide, may_answer, stricter, unchecked
from bridge.audiences import Audiences
from bridge.commands import Command, Effect, Registry
from bridge.conversations import Conversations
from bridge.errors import BridgeError, NotUnderstood
from bridge.grammar import split
from bridge.invocation import Actor, Invocation, Standing, Trigger
from bridge.parse import Understood, understand
from bridge.phrases import Phrase
from bridge.policy import Asked, Decision, Found, Policy, Rule, Verdict
from bridge.proposals import Proposal
from bridge.realtime.errors import RealtimeError
from bridge.values import CommandLine, ConversationRef, Reading

log = logging.getLogger(__name__)

Drills: TypeAlias = Callable[[str, str], Awaitable[int | None]]
"""(Slack user id, command) → when they last carried it out in a drill, UTC ms."""

RIGHTS_KEPT = 1_000
"""People times places whose commands are remembered."""


class Decided(NamedTuple):
    """A decision, and the command that it is about: its conversations are those that were looked at."""

    understood: Understood
    decision: Decision


class Authority:
    """Answers what somebody may do somewhere; `policy` rules."""

    def __init__(
        self,
        policy: Policy,
        registry: Registry,
        conversations: Conversations,
        audiences: Audiences,
        drills: Drills | None = None,
    ) -> None:
        self._policy = policy
        self._drills = drills
        self._registry = registry
        self._conversations = conversations
        self._audiences = audiences
        self._all = tuple(registry.commands.values())
        self._of_rights = lru_cache(RIGHTS_KEPT)(self._allowed)

    async def decide(self, understood: Understood, invocation: Invocation) -> Decided:
        """The decision about a command. What goes wrong denies.

        NotUnderstood: it holds a command line that can't be read.
        """
        if self._policy.open:
            return Decided(understood, FREELY)
        try:
            decided = await self._decide(understood, invocation)
            for held in self.held(understood, invocation):
                later = await self._decide(held, replace(invocation, trigger=Trigger.SCHEDULE))
                decided = Decided(decided.understood, stricter(decided.decision, later.decision))
        except NotUnderstood:
            raise
        except Exception:
            log.exception("an access check failed, so it denies")
            return Decided(understood, unchecked())
        return decided

    def some(self, command: Command, invocation: Invocation) -> Decision:
        """The decision about a command with whichever arguments it likes best."""
        return decide(self._policy, Asked(command, invocation, None))

    def may_answer(self, proposal: Proposal, actor: Actor) -> Phrase | None:
        """Why somebody may not say yes to what is proposed; None: they may."""
        return may_answer(self._policy, proposal.author, proposal.role, actor)

    async def pinned(self, understood: Understood) -> Understood:
        """The command with its conversations by id. Refused: one of them is not to be found."""
        ids = {
            name: (await self._conversations.resolve(ConversationRef(ref))).id
            for name, ref in _conversations(understood)
        }
        return Understood(understood.command, {**understood.arguments, **ids})

    def runnable(self, invocation: Invocation) -> tuple[Command, ...]:
        """What may be run here with some arguments or others, perhaps once it is confirmed or approved."""
        if self._policy.open or invocation.actor.standing is Standing.KEEPER:
            return self._all
        # All that differs from one request to the next is left out, so that the same rights are found again.
        return self._of_rights(replace(invocation, id="", request="", at=0, line="", words=()))

    def _allowed(self, invocation: Invocation) -> tuple[Command, ...]:
        return tuple(each for each in self._all if self.some(each, invocation).verdict is not Verdict.DENIED)

    async def _decide(self, understood: Understood, invocation: Invocation) -> Decided:
        command, arguments = understood.command, understood.arguments
        rules = [rule for rule in self._policy.rules if rule.is_about_arguments and rule.covers(command)]
        if not rules:
            return Decided(understood, decide(self._policy, Asked(command, invocation, arguments)))
        at_best = self.some(command, invocation)
        if at_best.verdict is Verdict.DENIED:
            return Decided(understood, at_best)
        found = await self._look_up(rules, understood, invocation)
        decision = decide(self._policy, Asked(command, invocation, arguments, found))
        # Under the same name there may be another conversation by the time that the command is carried out.
        pinned = {name: found.conversations.get(ref, ref) for name, ref in _conversations(understood)}
        return Decided(Understood(command, {**arguments, **pinned}), decision)

    def held(self, understood: Understood, invocation: Invocation) -> Iterator[Understood]:
        """The command line that a command keeps for later, as `schedule add` does."""
        for each in understood.command.parameters:
            if each.kind is CommandLine and understood.command.effect is not Effect.NONE:
                line = split(understood.arguments[each.name])
                yield understand(line, self._registry, Reading(invocation.at, invocation.actor.zone or "UTC"))

    async def _look_up(self, rules: Iterable[Rule], understood: Understood, invocation: Invocation) -> Found:
        typed = {ref for _, ref in _conversations(understood)}
        named = {ref for rule in rules for ref in rule.conversations}
        wanted = sorted(typed | named) if typed and named else []
        ids = dict(zip(wanted, await asyncio.gather(*map(self._id, wanted)), strict=True))
        lists: Mapping[str, int] = {}
        listed = understood.arguments.get("to_list")
        if listed is not None and any(rule.clients is not None for rule in rules):
            lists = await self._size(listed)
        drilled = None
        if self._drills is not None and any(rule.drilled is not None for rule in rules):
            drilled = await self._drills(invocation.actor.id, understood.command.name)
        return Found({ref: known for ref, known in ids.items() if known is not None}, lists, drilled)

    async def _id(self, ref: str) -> str | None:
        try:
            return (await self._conversations.resolve(ConversationRef(ref))).id
        except (BridgeError, RealtimeError):
            return None

    async def _size(self, listed: str) -> Mapping[str, int]:
        try:
            return {listed: len((await self._audiences.named(listed)).clients)}
        except BridgeError:
            return {}


def _conversations(understood: Understood) -> Iterator[tuple[str, str]]:
    """(argument, conversation as typed) of each that is there."""
    for each in understood.command.parameters:
        if each.kind is ConversationRef and each.name in understood.arguments:
            yield each.name, understood.arguments[each.name]
