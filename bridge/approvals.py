"""Puts to people what may not go out without their word, and carries out exactly that once it is given."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from bridge.access import is_given
from bridge.announcement import Announcement, announce
from bridge.background import Background
from bridge.card import announcement_card, command_card, expired
from bridge.clock import Clock
from bridge.context import Tell
from bridge.errors import DENIED, Refused
from bridge.freezing import Freezer, refusal
from bridge.grammar import split
from bridge.identifiers import new_delivery_id, new_invocation_id
from bridge.invocation import Actor, Consent, Invocation, Place, Standing
from bridge.ledger import Act, Plan
from bridge.parse import Understood, understand
from bridge.phrases import Code, phrase
from bridge.policy import HOUR_MS
from bridge.proposals import Proposal, ProposalState, digest_of_command, digest_of_plan
from bridge.reply import Fields, Reply
from bridge.values import Reading

if TYPE_CHECKING:
    from bridge.authority import Authority, Decided
    from bridge.commands import Registry
    from bridge.database.ledger import Ledger
    from bridge.database.proposals import ProposalStore
    from bridge.delivery import Deliveries

log = logging.getLogger(__name__)

Dispatch: TypeAlias = Callable[[Invocation, Tell], Awaitable[Reply]]
Find: TypeAlias = Callable[[str], Awaitable[Actor]]
"""Who somebody is by now, by Slack user id."""
Post: TypeAlias = Callable[[Place, Reply, str], Awaitable[None]]
"""Says something in a place, of its own accord, and never twice under the same key."""

LOOK_SECONDS = 10.0
"""How often it is looked for what nobody has answered in time."""
STATES = {
    ProposalState.OPEN: phrase("open"),
    ProposalState.GIVEN: phrase("approved"),
    ProposalState.REJECTED: phrase("rejected"),
    ProposalState.EXPIRED: phrase("expired"),
    ProposalState.VOID: phrase("void"),
}
"""What people call the states of a proposal."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """Proposals of all replicas, and the words given to them. `window_ms` is how long a broadcast counts down."""

    store: "ProposalStore"
    ledger: "Ledger"
    deliveries: "Deliveries"
    authority: "Authority"
    registry: "Registry"
    background: Background
    freezer: Freezer
    dispatch: Dispatch
    find: Find
    post: Post
    clock: Clock
    window_ms: int

    def due(self, plan: Plan) -> int:
        """When what somebody has given their word for goes out, UTC ms: everyone sees it coming."""
        return self.clock() + self.window_ms if plan.act is Act.BROADCAST and self.window_ms else 0

    async def propose(self, asked: "Decided", made: Announcement, invocation: Invocation) -> Reply:
        """Keep an announcement until somebody gives their word for it; gives its card."""
        plan = made.plan
        proposal = self._proposal(asked, invocation, plan.id, digest_of_plan(plan))
        planned = await self.ledger.propose(plan, invocation, proposal)
        if not planned.fresh:
            return announce(planned.delivery)
        log.info("%s proposed by %s: %s", plan.id, invocation.actor.id, asked.understood.command.name)
        facts = await self.background.of(plan)
        card = announcement_card(proposal, planned.delivery, facts, asked.decision)
        return replace(card, parts=(*card.parts[:2], *made.parts, *card.parts[2:]))

    async def propose_command(self, asked: "Decided", held: Plan | None, invocation: Invocation) -> Reply:
        """Keep a command until somebody gives their word for it; gives its card. `held` is what it keeps for later."""
        pinned = await self.authority.pinned(asked.understood)
        digest = digest_of_command(pinned.command.name, pinned.arguments)
        proposal = self._proposal(asked, invocation, new_delivery_id(), digest)
        first = await self.store.add(proposal, invocation.request)
        if first != proposal.id:
            raise Refused(phrase("This request was carried out already."), code="repeated")
        log.info("%s proposed by %s: %s", proposal.id, invocation.actor.id, pinned.command.name)
        facts = await self.background.of(held) if held else None
        return command_card(proposal, asked.decision, held, facts)

    async def approve(self, proposal: str, invocation: Invocation, tell: Tell) -> Reply:
        """Carry out what was proposed, if this is the word that it waits for. Refused: it is not, and why."""
        found = await self._open(proposal)
        if reason := self.authority.may_answer(found, invocation.actor):
            raise Refused(reason, code=DENIED)
        if found.announces and (frozen := await self.freezer.now()):
            raise refusal(frozen)
        asked = await self._as_author(found, invocation.actor)
        await self._void_unless_same(found, asked)
        if found.announces:
            return await self._release(found, invocation, tell)
        if not await self.store.settle(found.id, ProposalState.GIVEN, invocation.actor.id):
            raise await self._settled(found.id)
        log.info("%s given by %s", found.id, invocation.actor.id)
        reply = await self.dispatch(asked, tell)
        if invocation.place != found.place:
            await self._tell_there(found, reply)
        return reply

    async def reject(self, proposal: str, actor: Actor) -> Proposal:
        """Have it come to nothing: its author may, and whoever could approve it. Refused: may not, or it is settled."""
        found = await self.asked(proposal, actor)
        if not await self._drop(found, ProposalState.REJECTED, actor.id):
            raise await self._settled(found.id)
        log.info("%s rejected by %s", found.id, actor.id)
        return replace(found, state=ProposalState.REJECTED, who=actor.id)

    async def asked(self, proposal: str, actor: Actor) -> Proposal:
        """An open one that is this person's business: their own, or theirs to approve. Refused: it is not."""
        found = await self._open(proposal)
        reason = self.authority.may_answer(found, actor)
        if reason and actor.id != found.author:
            raise Refused(reason, code=DENIED)
        return found

    async def show(self, proposal: str) -> Proposal:
        """One proposal. Refused: there is none of this id."""
        found = await self.store.show(proposal)
        if found is None:
            raise Refused(
                phrase("There is no proposal {id}.", id=Code(proposal)),
                hint=phrase("See those that wait with {command}.", command=Code("approvals")),
                code="not_found",
            )
        return found

    async def waiting(self) -> tuple[Proposal, ...]:
        """What waits for somebody's word."""
        now = self.clock()
        return tuple(each for each in await self.store.waiting() if each.until > now)

    async def watch(self) -> None:
        """Until canceled: end what nobody has answered in time, and say so where it was proposed."""
        while True:
            try:
                for each in await self.store.waiting():
                    if each.until <= self.clock() and await self._drop(each, ProposalState.EXPIRED, ""):
                        told = replace(each, state=ProposalState.EXPIRED)
                        await self.post(each.place, expired(told), f"proposal:{each.id}:expired")
            except Exception:
                log.exception("what waits for somebody's word could not be read; trying again")
            await asyncio.sleep(LOOK_SECONDS)

    def _proposal(self, asked: "Decided", invocation: Invocation, name: str, digest: str) -> Proposal:
        command, approval = asked.understood.command, asked.decision.approval
        now = self.clock()
        return Proposal(
            id=name,
            line=invocation.line,
            command=command.name,
            announces=command.announces,
            digest=digest,
            author=invocation.actor.id,
            zone=invocation.actor.zone,
            place=invocation.place,
            trigger=invocation.trigger,
            at=invocation.at,
            until=now + (approval.within if approval else HOUR_MS),
            rule=asked.decision.rule,
            role=approval.role if approval else None,
        )

    async def _open(self, proposal: str) -> Proposal:
        found = await self.show(proposal)
        if found.state is ProposalState.OPEN and found.until <= self.clock():
            await self._drop(found, ProposalState.EXPIRED, "")
            raise await self._settled(proposal)
        if found.state is not ProposalState.OPEN:
            raise await self._settled(proposal)
        return found

    async def _settled(self, proposal: str) -> Refused:
        found = await self.show(proposal)
        told = phrase("Nobody's word is wanted any more: it is {state}.", state=STATES[found.state])
        if found.who:
            told = phrase(
                "Nobody's word is wanted any more: it is {state}, by {who}.",
                state=STATES[found.state],
                who=Code(found.who),
            )
        return Refused(told, code="nothing_to_decide")

    async def _as_author(self, proposal: Proposal, giver: Actor) -> Invocation:
        """The proposal asked anew by its author, as they are by now, with the word that was given."""
        # Whoever holds the keys answers for it: nobody can be looked up from there.
        author = (
            Actor(proposal.author, standing=Standing.KEEPER)
            if giver.standing is Standing.KEEPER
            else await self.find(proposal.author)
        )
        return Invocation(
            id=new_invocation_id(),
            request=f"proposal:{proposal.id}",
            actor=replace(author, zone=proposal.zone),
            place=proposal.place,
            trigger=proposal.trigger,
            at=proposal.at,
            line=proposal.line,
            consent=Consent(giver.id, proposal.role),
        )

    async def _void_unless_same(self, proposal: Proposal, asked: Invocation) -> None:
        """Refused: its author may no longer do it, or it is no longer what was shown."""
        reading = Reading(asked.at, asked.actor.zone or "UTC")
        understood = understand(split(asked.line), self.registry, reading)
        decision = (await self.authority.decide(understood, asked)).decision
        why = None if is_given(decision, asked) else decision.why
        if why is None and await self._digest(proposal, understood) != proposal.digest:
            why = phrase("It is no longer what was shown.")
        if why is not None:
            await self._drop(proposal, ProposalState.VOID, "")
            raise Refused(
                phrase("It can't be approved any more. {why}", why=why),
                hint=phrase("Propose it anew."),
                code="void",
            )

    async def _digest(self, proposal: Proposal, understood: Understood) -> str:
        if not proposal.announces:
            pinned = await self.authority.pinned(understood)
            return digest_of_command(pinned.command.name, pinned.arguments)
        delivery = await self.deliveries.show(proposal.id)
        if delivery is None or (delivery.plan.options.valid_till or self.clock() + 1) <= self.clock():
            return ""
        return digest_of_plan(delivery.plan)

    async def _release(self, proposal: Proposal, invocation: Invocation, tell: Tell) -> Reply:
        delivery = await self.deliveries.show(proposal.id)
        if delivery is None:
            raise LookupError(f"proposal {proposal.id} has no delivery")
        at_once = invocation.actor.standing is Standing.KEEPER
        due = 0 if at_once else self.due(delivery.plan)
        elsewhere = invocation.place != proposal.place

        async def told(reply: Reply) -> None:
            await tell(reply)
            if elsewhere:
                await self.post(proposal.place, reply, f"proposal:{proposal.id}:begun")

        released = await self.deliveries.release(proposal.id, invocation.actor.id, due, told)
        if released is None:
            raise await self._settled(proposal.id)
        log.info("%s given by %s", proposal.id, invocation.actor.id)
        reply = _witnessed(announce(released), proposal, invocation.actor)
        if elsewhere:
            await self._tell_there(proposal, reply)
        return reply

    async def _tell_there(self, proposal: Proposal, reply: Reply) -> None:
        key = reply.key_in(proposal.place.channel, f"proposal:{proposal.id}:done")
        await self.post(proposal.place, replace(reply, private=False), key)

    async def _drop(self, proposal: Proposal, state: ProposalState, who: str) -> bool:
        if proposal.announces:
            return await self.ledger.drop(proposal.id, state, who)
        return await self.store.settle(proposal.id, state, who)


def _witnessed(reply: Reply, proposal: Proposal, giver: Actor) -> Reply:
    """The reply, saying whose word it rests on."""
    if giver.id == proposal.author:
        return reply
    row = (phrase("Proposed by {author}, approved by", author=Code(proposal.author)), Code(giver.id))
    return replace(reply, parts=(*reply.parts, Fields((row,))))
