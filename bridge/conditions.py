"""What a rule can ask for: each condition says what is missing for the rule to fit, or None; pure."""

from collections.abc import Callable
from typing import TypeAlias

from bridge.commands import Effect
from bridge.invocation import Standing, Trigger
from bridge.phrases import Code, phrase
from bridge.policy import Asked, Miss, Policy, Rule, Verdict, holds
from bridge.values import ConversationRef, duration_text


def _person(policy: Policy, rule: Rule, asked: Asked) -> Miss | None:
    """Of one of the roles, and, for a rule that lets something through, of the workspace or named by user id."""
    actor, roles = asked.actor, [policy.roles[name] for name in rule.who]
    held = [holds(role, actor) for role in roles]
    if roles and True not in held:
        return Miss(phrase("the role {names}", names=_either(rule.who)), unsure=None in held)
    if rule.verdict is Verdict.DENIED or actor.standing is Standing.MEMBER:
        return None
    if any(actor.id in role.users for role in roles):
        return None
    needed = phrase("to be a member of the workspace, or in a role by user id")
    return Miss(needed, unsure=actor.standing is Standing.UNKNOWN)


def _conversation(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    if not rule.conversations:
        return None
    needed = phrase("one of the conversations {names}", names=_either(rule.conversations))
    places = [each.name for each in asked.command.parameters if each.kind is ConversationRef]
    if not places:
        return Miss(needed)
    if asked.arguments is None:
        return None
    typed = [asked.arguments[name] for name in places if name in asked.arguments]
    known = asked.found.conversations
    fitting = {known[each] for each in rule.conversations if each in known}
    if typed and all(each in known and known[each] in fitting for each in typed):
        return None
    # Where none is named it may be about any of them: the history of the whole app.
    unsure = not typed or any(each not in known for each in (*typed, *rule.conversations))
    return Miss(needed, unsure)


def _sender(policy: Policy, rule: Rule, asked: Asked) -> Miss | None:
    """Who speaks; a command that reaches people without `--from` speaks as nobody knows whom."""
    reaches = asked.command.effect is Effect.REACHES
    if not rule.senders or not (asked.takes("from") or reaches):
        return None
    needed = phrase("{option} {names}", option=Code("--from"), names=_either(rule.senders))
    if not asked.takes("from"):
        return Miss(needed, unsure=True)
    speaks = asked.given("from") or (policy.sender if reaches else None)
    if asked.arguments is None or speaks in rule.senders:
        return None
    return Miss(needed, unsure=speaks is None)


def _clients(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    """How many users are chosen; what reaches people without `--to` reaches nobody knows how many."""
    if rule.clients is None or not (asked.takes("to") or asked.command.effect is Effect.REACHES):
        return None
    needed = phrase(
        "{option} for at most {count} user",
        plural="{option} for at most {count} users",
        option=Code("--to"),
        count=rule.clients,
    )
    if not asked.takes("to"):
        return Miss(needed)
    if asked.arguments is None:
        return None
    chosen, listed = asked.given("to"), asked.given("to-list")
    count = len(set(chosen)) if chosen else asked.found.lists.get(listed) if listed else None
    return None if count is not None and count <= rule.clients else Miss(needed, unsure=count is None)


def _without(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    there = sorted(option for option in rule.without if asked.given(option) not in (None, False, ()))
    return (
        Miss(phrase("no {options}", options=Code(" ".join(f"--{each}" for each in there)))) if there else None
    )


def _drilled(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    """Tried where it reaches nobody, not too long ago; only what announces something can be."""
    if rule.drilled is None or not asked.command.announces or asked.arguments is None:
        return None
    done = asked.found.drilled
    if done is not None and asked.invocation.at - done <= rule.drilled:
        return None
    return Miss(phrase("to have done it in a drill within {time}", time=duration_text(rule.drilled)))


def _place(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    if not rule.places or asked.invocation.place.channel in rule.places:
        return None
    return Miss(phrase("the channel {names}", names=_either(rule.places)))


def _trigger(_: Policy, rule: Rule, asked: Asked) -> Miss | None:
    if not rule.triggers or asked.invocation.trigger in rule.triggers:
        return None
    return Miss(phrase("to be asked by {names}", names=_either(rule.triggers)))


Condition: TypeAlias = Callable[[Policy, Rule, Asked], Miss | None]
CONDITIONS: tuple[Condition, ...] = (
    _person,
    _conversation,
    _sender,
    _clients,
    _without,
    _drilled,
    _place,
    _trigger,
)


def _either(names: tuple[str, ...] | frozenset[str] | frozenset[Trigger]) -> Code:
    return Code(" | ".join(sorted(names)))
