"""May this actor run this command, here, with these arguments? Pure; unsure means no."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.commands import Command, Effect
from bridge.invocation import Invocation, Trigger
from bridge.phrases import Code, Phrase, phrase

log = logging.getLogger(__name__)


class Policy(StrEnum):
    """What decides: `open` asks nobody; `closed`, without rules, lets be read what is no message's content."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may run, and why, in words for the one who asked."""

    allowed: bool
    why: Phrase


# A person at the terminal holds the secrets already; a schedule of app.yaml was written by one who does.
TRUSTED = frozenset({Trigger.TERMINAL, Trigger.SCHEDULE})
HARMLESS = frozenset({Effect.NONE, Effect.READS})


def decide(
    policy: Policy, command: Command, invocation: Invocation, arguments: Mapping[str, Any]
) -> Decision:
    """The decision for one invocation; a check that throws denies."""
    try:
        return _decide(policy, command, invocation, arguments)
    except Exception:
        log.exception("an access check failed, so it denies")
        return Decision(False, phrase("Access could not be checked, so it is denied."))


def _decide(
    policy: Policy, command: Command, invocation: Invocation, arguments: Mapping[str, Any]
) -> Decision:
    if policy is Policy.OPEN:
        return Decision(True, phrase("Access is open to everyone."))
    if invocation.trigger in TRUSTED:
        return Decision(True, phrase("It came from a place that holds the keys."))
    if command.effect in HARMLESS:
        return Decision(True, phrase("It reads nothing private and changes nothing."))
    return Decision(
        False,
        phrase(
            "{command} is not allowed here: no access is set in {file}.",
            command=Code(command.name),
            file=Code("app.yaml"),
        ),
    )
