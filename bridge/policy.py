"""The nouns of access: who is who, what a rule asks for, what is asked and what was decided; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any

from bridge.commands import Command, Effect
from bridge.invocation import Actor, Invocation, Trigger
from bridge.phrases import Phrase, phrase

ANYONE = "*"
"""The role of an approval that every member can give."""
HOUR_MS = 3_600_000
EVERYTHING = "everything"
"""Stands in a rule's `run` for every command."""


class Verdict(StrEnum):
    """What is decided; `confirm` and `approve` ask a person first, its author or a second one."""

    ALLOWED = "allowed"
    CONFIRM = "confirm"
    APPROVE = "approve"
    DENIED = "denied"


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
    people type them, `senders` and `clients` client ids and how many, `without` options that must not be there,
    `drilled` within how many milliseconds who asks must have carried out the command in a drill.
    """

    name: str
    run: frozenset[str]
    verdict: Verdict = Verdict.ALLOWED
    who: tuple[str, ...] = ()
    conversations: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    clients: int | None = None
    without: frozenset[str] = frozenset()
    drilled: int | None = None
    places: frozenset[str] = frozenset()
    triggers: frozenset[Trigger] = frozenset()
    approval: Approval | None = None

    def covers(self, command: Command) -> bool:
        """Whether it speaks of the command at all."""
        group = command.name.partition(" ")[0]
        return not self.run.isdisjoint({command.name, group, command.effect.value, EVERYTHING})

    @property
    def is_about_arguments(self) -> bool:
        return bool(
            self.conversations
            or self.senders
            or self.without
            or self.clients is not None
            or self.drilled is not None
        )


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
    """What was looked up: conversations as typed → ids, and named lists → how many users; absent: not found.

    `drilled` is when who asks last carried out the command in a drill, UTC ms; None: never, or not looked up.
    """

    conversations: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, int] = field(default_factory=dict)
    drilled: int | None = None


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


def holds(role: Role, actor: Actor) -> bool | None:
    """Whether the actor is of the role; None: nobody could say."""
    circles = role.groups | role.channels
    if actor.id in role.users or actor.inside & circles:
        return True
    return False if circles <= actor.outside else None


def _and(one: Phrase, other: Phrase) -> Phrase:
    return phrase("{one}, {other}", one=one, other=other)


def _unsure(miss: Miss) -> Phrase:
    return phrase("{needed} (nobody could say)", needed=miss.needed)
