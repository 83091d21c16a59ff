"""May this actor run this command, here, with these arguments? Pure; unsure means no.

Rules are read in order and the first that fits decides; where none fits, the answer is no. A rule fits when each of its
conditions holds. Where nobody could say whether one does (Slack is silent, a conversation is not found), a rule that
allows is passed over, and any other rule denies.
"""

import logging
from collections.abc import Mapping

from bridge.commands import Command, Effect
from bridge.conditions import CONDITIONS
from bridge.invocation import Actor, Invocation, Standing, Trigger
from bridge.phrases import Code, Phrase, phrase
from bridge.policy import (
    ANYONE,
    HOUR_MS,
    Approval,
    Asked,
    Decision,
    Near,
    Policy,
    Rule,
    Verdict,
    holds,
)
from bridge.values import duration_text

log = logging.getLogger(__name__)

STRICTNESS = tuple(Verdict)
FREELY = Decision(Verdict.ALLOWED, phrase("Access is open to everyone."))


HARMLESS: Mapping[Effect, Decision] = {
    Effect.NONE: Decision(Verdict.ALLOWED, phrase("It reads nothing and changes nothing.")),
    Effect.STOPS: Decision(Verdict.ALLOWED, phrase("Every member may stop what is under way.")),
    Effect.ANSWERS: Decision(Verdict.ALLOWED, phrase("The question itself says who may answer it.")),
    Effect.RESUMES: Decision(
        Verdict.APPROVE, phrase("It takes a second member's word."), approval=Approval(ANYONE, HOUR_MS)
    ),
}
"""What is decided for every member, whatever the rules say."""


def is_given(decision: Decision, invocation: Invocation) -> bool:
    """Whether nobody's word is wanted any more; a button says what it does, so pressing it confirms that."""
    consent = invocation.consent
    match decision.verdict:
        case Verdict.ALLOWED:
            return True
        case Verdict.CONFIRM:
            return consent is not None or invocation.trigger is Trigger.BUTTON
        case Verdict.APPROVE:
            return consent is not None and consent.role == _wanted(decision)
        case Verdict.DENIED:
            return False


def may_answer(policy: Policy, author: str, role: str | None, actor: Actor) -> Phrase | None:
    """Why somebody may not say yes to what `author` proposes; None: they may. `role` None asks the author."""
    try:
        return _may_answer(policy, author, role, actor)
    except Exception:
        log.exception("an access check failed, so it denies")
        return unchecked().why


def _may_answer(policy: Policy, author: str, role: str | None, actor: Actor) -> Phrase | None:
    if actor.standing is Standing.KEEPER:
        return None
    if role is None:
        return None if actor.id == author else phrase("Only {author} can confirm it.", author=Code(author))
    if actor.id == author:
        return phrase("Somebody else has to approve it: it is your own.")
    if role == ANYONE:
        needed = phrase("It takes a member of the workspace.")
        return None if actor.standing is Standing.MEMBER else needed
    found = policy.roles.get(role)
    if found is None or holds(found, actor) is not True:
        return phrase("It takes somebody of the role {role}.", role=Code(role))
    if actor.standing is Standing.MEMBER or actor.id in found.users:
        return None
    return phrase("It takes somebody who is a member, or in the role by user id.")


def _wanted(decision: Decision) -> str | None:
    return decision.approval.role if decision.approval else None


def decide(policy: Policy, asked: Asked) -> Decision:
    """The decision for one command line; a check that throws denies."""
    try:
        return _decide(policy, asked)
    except Exception:
        log.exception("an access check failed, so it denies")
        return unchecked()


def unchecked() -> Decision:
    """What is decided where something went wrong on the way."""
    return Decision(Verdict.DENIED, phrase("Access could not be checked, so it is denied."))


def stricter(one: Decision, other: Decision) -> Decision:
    """Of two decisions that must both be kept, the one that asks for more."""
    return max(one, other, key=lambda each: STRICTNESS.index(each.verdict))


def _decide(policy: Policy, asked: Asked) -> Decision:
    actor, command = asked.actor, asked.command
    if actor.standing is Standing.KEEPER:
        return Decision(Verdict.ALLOWED, phrase("It came from a place that holds the keys."))
    if policy.open:
        return FREELY
    if actor.standing is Standing.GONE:
        return Decision(Verdict.DENIED, phrase("{who} is no longer in the workspace.", who=_who_is(actor)))
    if command.effect in HARMLESS:
        return _of_every_member(policy, asked)
    near: list[Near] = []
    for rule in policy.rules:
        if not rule.covers(command):
            continue
        misses = tuple(miss for condition in CONDITIONS if (miss := condition(policy, rule, asked)))
        if not misses and not (asked.arguments is None and _is_avoidable(rule)):
            return _of_rule(rule, command)
        if misses and rule.verdict is not Verdict.ALLOWED and all(miss.unsure for miss in misses):
            why = phrase("Nobody could say whether the rule {rule} fits, so it denies.", rule=Code(rule.name))
            return Decision(Verdict.DENIED, why, rule.name, near=(Near(rule.name, misses),))
        if misses and rule.verdict is not Verdict.DENIED:
            near.append(Near(rule.name, misses))
    return Decision(Verdict.DENIED, _no_rule(asked), near=tuple(near))


def _of_every_member(policy: Policy, asked: Asked) -> Decision:
    actor = asked.actor
    if actor.standing in (Standing.GUEST, Standing.FOREIGN) and actor.id not in policy.named:
        why = phrase(
            "Guests and people of other organisations may run nothing here unless {file} names them.",
            file=Code("app.yaml"),
        )
        return Decision(Verdict.DENIED, why)
    return HARMLESS[asked.command.effect]


def _of_rule(rule: Rule, command: Command) -> Decision:
    named, ran = Code(rule.name), Code(command.name)
    if rule.verdict is Verdict.APPROVE and rule.approval is not None:
        why = phrase(
            "The rule {rule} wants {command} approved by somebody else, of the role {role}, within {time}.",
            rule=named,
            command=ran,
            role=Code(rule.approval.role),
            time=duration_text(rule.approval.within),
        )
        return Decision(Verdict.APPROVE, why, rule.name, rule.approval)
    why = {
        Verdict.ALLOWED: phrase("The rule {rule} allows {command}.", rule=named, command=ran),
        Verdict.CONFIRM: phrase(
            "The rule {rule} wants {command} confirmed by its author.", rule=named, command=ran
        ),
        Verdict.DENIED: phrase("The rule {rule} refuses {command}.", rule=named, command=ran),
    }[rule.verdict]
    return Decision(rule.verdict, why, rule.name)


def _is_avoidable(rule: Rule) -> bool:
    """Whether other arguments escape a rule that refuses."""
    return rule.verdict is Verdict.DENIED and rule.is_about_arguments


def _no_rule(asked: Asked) -> Phrase:
    if asked.invocation.trigger is Trigger.SCHEDULE:
        return phrase(
            "No rule lets {who}, whose schedule this is, run {command} here.",
            who=_who_is(asked.actor),
            command=Code(asked.command.name),
        )
    return phrase("No rule lets you run {command} here.", command=Code(asked.command.name))


def _who_is(actor: Actor) -> Code:
    return Code(actor.name or actor.id)
