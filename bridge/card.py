"""The card that asks for somebody's word: exactly what will happen, and what speaks for and against it."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.announcement import ACTS, STATES, audience, opening
from bridge.ledger import Act, Delivery, Plan
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.policy import Decision
from bridge.proposals import Proposal
from bridge.realtime.models import Stats
from bridge.realtime.pacing import Left
from bridge.reply import Button, Buttons, Fields, Hint, Json, Paragraph, Part, Quote, Reply, Table, Tone


@dataclass(frozen=True, slots=True)
class Near:
    """Something else that goes out at about the same time (UTC ms), or did."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about an announcement beside itself; None where it could not be learned."""

    left: Left
    stats: Stats | None = None
    subscribers: int | None = None
    same: tuple[Delivery, ...] = ()
    near: tuple[Near, ...] = ()


def announcement_card(proposal: Proposal, delivery: Delivery, facts: Facts, decision: Decision) -> Reply:
    """The card of an announcement, with the whole of its text."""
    plan = delivery.plan
    parts: list[Part] = [
        Quote(plan.text),
        Fields(tuple(_rows(plan, facts))),
        *_warnings(facts),
        *_wanted(proposal, decision, tried=plan.act is not Act.SEND),
    ]
    data = {"delivery": delivery.id, "state": delivery.state.value, **_data(proposal)}
    return Reply(
        phrase("Proposed: “{text}”", text=opening(plan.text)), tuple(parts), data=data, tone=Tone.TOLD
    )


def command_card(proposal: Proposal, decision: Decision, held: Plan | None, facts: Facts | None) -> Reply:
    """The card of a command that is run as typed; `held` is what one kept for later will say."""
    parts: list[Part] = [Quote(proposal.line)]
    if held is not None and facts is not None:
        parts += [Paragraph(phrase("What it will say:")), Quote(held.text), Fields(tuple(_rows(held, facts)))]
        parts += _warnings(facts)
    parts += _wanted(proposal, decision, tried=False)
    return Reply(
        phrase("Proposed: {command}", command=Code(proposal.command)),
        tuple(parts),
        data=_data(proposal),
        tone=Tone.TOLD,
        # What only its author has to confirm is nobody else's to read yet.
        private=proposal.role is None,
    )


def expired(proposal: Proposal) -> Reply:
    """What is told once nobody has said anything in time."""
    return Reply(
        phrase("Expired: nobody gave their word in time."),
        (Quote(proposal.line), Fields(((phrase("Proposal"), Code(proposal.id)),))),
        data=outcome_data(proposal),
        tone=Tone.TOLD,
        command=proposal.command,
    )


def cost(calls: int, left: Left) -> Phrase:
    """What so many calls take of what is left, in words."""
    if left.per_minute is None:
        return phrase("{count} call, no limit", plural="{count} calls, no limit", count=calls)
    return phrase(
        "{count} call of {left} left this minute",
        plural="{count} calls of {left} left this minute",
        count=calls,
        left=left.per_minute,
    )


def outcome_data(proposal: Proposal) -> Json:
    """What programs read of a settled proposal."""
    return {"proposal": proposal.id, "state": proposal.state.value, "by": proposal.who}


def _data(proposal: Proposal) -> dict[str, Json]:
    return {"proposal": proposal.id, "until": proposal.until, "role": proposal.role}


def _rows(plan: Plan, facts: Facts) -> Iterator[tuple[Phrase, Value]]:
    yield phrase("What"), ACTS[plan.act]
    yield phrase("To"), _reached(plan, facts)
    yield phrase("Conversation"), phrase("{name} ({id})", name=plan.name, id=Code(plan.conversation))
    yield phrase("From"), plan.sender
    yield phrase("Push"), _push(plan)
    if plan.options.valid_till is not None:
        yield phrase("Valid until"), Moment(plan.options.valid_till)
    if plan.options.transient:
        yield phrase("Kept"), phrase("no: only who is online now gets it")
    if plan.options.mention_all or plan.options.mentions:
        yield phrase("Mentioned"), ", ".join(plan.options.mentions) or phrase("everyone")
    yield phrase("Quota"), cost(len(plan.calls()), facts.left)


def _reached(plan: Plan, facts: Facts) -> Value:
    """Whom it reaches, counted; nothing counts the users of an app but who is online and who was today."""
    if plan.act is Act.BROADCAST:
        if facts.stats is None:
            return phrase("everyone; how many that are could not be counted")
        return phrase(
            "everyone: {online} online now, {today} were today",
            online=facts.stats.online_user_count,
            today=facts.stats.user_count_today,
        )
    if plan.act is Act.PUBLISH:
        if facts.subscribers is None:
            return phrase("all subscribers; how many could not be counted")
        return phrase("{count} subscriber", plural="{count} subscribers", count=facts.subscribers)
    return audience(plan)


def _push(plan: Plan) -> Value:
    if plan.push is None:
        return phrase("none")
    alert = plan.push.get("alert")
    return alert if isinstance(alert, str) and len(plan.push) == 1 else Code(str(dict(plan.push)))


def _warnings(facts: Facts) -> Iterator[Part]:
    for each in facts.same:
        yield Paragraph(
            phrase(
                "The same text, at {moment}: {state}, delivery {id}.",
                moment=Moment(each.at),
                state=STATES[each.state],
                id=Code(each.id),
            )
        )
    if facts.near:
        columns = (phrase("Near that time"), phrase("Text"))
        yield Table(columns, tuple((Moment(each.at), opening(each.text)) for each in facts.near))


def _wanted(proposal: Proposal, decision: Decision, *, tried: bool) -> Iterator[Part]:
    yield Paragraph(decision.why)
    yield Hint(phrase("It waits until {moment}.", moment=Moment(proposal.until)))
    label = phrase("Confirm") if proposal.role is None else phrase("Approve")
    buttons = [
        Button(label, f"approve {proposal.id}", danger=proposal.announces, settles=True),
        Button(phrase("Reject"), f"reject {proposal.id}", settles=True),
    ]
    if tried:
        buttons.append(Button(phrase("Send to me first"), f"preview {proposal.id}"))
    yield Buttons(tuple(buttons))
