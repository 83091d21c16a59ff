"""May this actor run this command, here, with these arguments? Pure; unsure means no.

Rules are read in order and the first that fits decides; where none fits, the answer is no. A rule fits when each of its
conditions holds. Where nobody could say whether one does (Slack is silent, a conversation is not found), a rule that
allows is passed over, and any other rule denies.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any, TypeAlias

from bridge.commands import Command, Effect
from bridge.invocation import Actor, Invocation, Standing, Trigger
from bridge.phrases import Code, Phrase, phrase
from bridge.values import ConversationRef, duration_text

log = logging.getLogger(__name__)

EVERYTHING = "everything"
"""Stands in a rule's `run` for every command."""


class Verdict(StrEnum):
    """What is decided; `confirm` and `approve` ask a person first, its author or a second one."""

    ALLOWED = "allowed"
    CONFIRM = "confirm"
    APPROVE = "approve"
    DENIED = "denied"


STRICTNESS = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Role:
    """People by user id, and whoever is in one of these user groups or channels."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has to approve, and for how long they can be waited for, in milliseconds."""

    role: str
    within: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, each left open by an empty value, and the verdict for what fits them all.

    `run` are names of commands, their first words, effects, or `everything`; `who` are roles. `conversations` are as
    people type them, `senders` and `clients` client ids and how many, `without` options that must not be there.
    """

    name: str
    run: frozenset[str]
    verdict: Verdict = Verdict.ALLOWED
    who: tuple[str, ...] = ()
    conversations: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    clients: int | None = None
    without: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    triggers: frozenset[Trigger] = frozenset()
    approval: Approval | None = None

    def covers(self, command: Command) -> bool:
        """Whether it speaks of the command at all."""
        group = command.name.partition(" ")[0]
        return not self.run.isdisjoint({command.name, group, command.effect.value, EVERYTHING})

    @property
    def is_about_arguments(self) -> bool:
        return bool(self.conversations or self.senders or self.without or self.clients is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """All that decides. `sender` speaks where `--from` is absent; `open` asks nobody and looks nobody up."""

    rules: tuple[Rule, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    sender: str | None = None
    open: bool = False

    @property
    def named(self) -> frozenset[str]:
        """Whoever is named by user id, in the workspace or not."""
        return frozenset[str]().union(*(role.users for role in self.roles.values()))


OPEN = Policy(open=True)
UNSET = Policy(
    rules=(
        Rule("readable (built in)", frozenset({Effect.READS.value})),
        Rule("confirmed (built in)", frozenset({EVERYTHING}), Verdict.CONFIRM),
    )
)
"""Without `access`: conversations and figures are readable, everything else is confirmed by its author."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked up: conversations as typed → ids, and named lists → how many users; absent: not found."""

    conversations: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be decided. `arguments` None: whether any would do, as help wants to know."""

    command: Command
    invocation: Invocation
    arguments: Mapping[str, Any] | None
    found: Found = Found()

    @property
    def actor(self) -> Actor:
        return self.invocation.actor

    def takes(self, option: str) -> bool:
        return option in self.command.options

    def given(self, option: str) -> Any:
        """An option's value; None where it is absent, or no option of this command."""
        known = self.command.options.get(option)
        return None if known is None or self.arguments is None else self.arguments.get(known.name)


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition that does not hold, or of which nobody could say; `needed` would make it hold."""

    needed: Phrase
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """A rule that would have let it through, with what it needs for that."""

    rule: str
    misses: tuple[Miss, ...]

    @property
    def needed(self) -> Phrase:
        return reduce(_and, [_unsure(each) if each.unsure else each.needed for each in self.misses])


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, why, and the rule that it comes from, if one decided; `near` are others that came close."""

    verdict: Verdict
    why: Phrase
    rule: str | None = None
    approval: Approval | None = None
    near: tuple[Near, ...] = ()


FREELY = Decision(Verdict.ALLOWED, phrase("Access is open to everyone."))


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


def holds(role: Role, actor: Actor) -> bool | None:
    """Whether the actor is of the role; None: nobody could say."""
    circles = role.groups | role.channels
    if actor.id in role.users or actor.inside & circles:
        return True
    return False if circles <= actor.outside else None


def _decide(policy: Policy, asked: Asked) -> Decision:
    actor, command = asked.actor, asked.command
    if actor.standing is Standing.KEEPER:
        return Decision(Verdict.ALLOWED, phrase("It came from a place that holds the keys."))
    if policy.open:
        return FREELY
    if actor.standing is Standing.GONE:
        return Decision(Verdict.DENIED, phrase("{who} is no longer in the workspace.", who=_who_is(actor)))
    if command.effect is Effect.NONE:
        return _harmless(policy, actor)
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


def _harmless(policy: Policy, actor: Actor) -> Decision:
    if actor.standing in (Standing.GUEST, Standing.FOREIGN) and actor.id not in policy.named:
        why = phrase(
            "Guests and people of other organisations may run nothing here unless {file} names them.",
            file=Code("app.yaml"),
        )
        return Decision(Verdict.DENIED, why)
    return Decision(Verdict.ALLOWED, phrase("It reads nothing and changes nothing."))


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


# Conditions: each says what is missing for a rule to fit, or None.


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
    _place,
    _trigger,
)


def _either(names: tuple[str, ...] | frozenset[str] | frozenset[Trigger]) -> Code:
    return Code(" | ".join(sorted(names)))


def _and(one: Phrase, other: Phrase) -> Phrase:
    return phrase("{one}, {other}", one=one, other=other)


def _unsure(miss: Miss) -> Phrase:
    return phrase("{needed} (nobody could say)", needed=miss.needed)
