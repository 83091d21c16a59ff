"""Who may run what; unsure means no."""

from types import MappingProxyType

import pytest

import handlers
from bridge.access import Policy, decide
from bridge.commands import Command, Effect, Registry
from bridge.invocation import Actor, Invocation, Place, Trigger

COMMANDS = Registry.of(handlers.COMMANDS).commands
READABLE = {Effect.NONE, Effect.READS}


def asked(trigger: Trigger) -> Invocation:
    return Invocation("1", "r", Actor("U1"), Place("T1", "C1"), trigger, 0)


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("command", COMMANDS.values(), ids=str)
def test_open_access_allows_everything(command: Command, trigger: Trigger) -> None:
    assert decide(Policy.OPEN, command, asked(trigger), {}).allowed


@pytest.mark.parametrize("trigger", [Trigger.SLASH, Trigger.BUTTON, Trigger.FORM])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=str)
def test_without_access_only_what_is_harmless_may_be_run_from_slack(
    command: Command, trigger: Trigger
) -> None:
    assert decide(Policy.CLOSED, command, asked(trigger), {}).allowed == (command.effect in READABLE)


@pytest.mark.parametrize("trigger", [Trigger.TERMINAL, Trigger.SCHEDULE])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=str)
def test_who_holds_the_keys_may_run_everything(command: Command, trigger: Trigger) -> None:
    assert decide(Policy.CLOSED, command, asked(trigger), {}).allowed


def test_a_check_that_throws_denies() -> None:
    broken: Command = None  # type: ignore[assignment]
    decision = decide(Policy.CLOSED, broken, asked(Trigger.SLASH), MappingProxyType({}))
    assert not decision.allowed


def test_what_reaches_people_says_so() -> None:
    reaching = {name for name, command in COMMANDS.items() if command.effect is Effect.REACHES}
    assert {"send", "notify", "publish", "broadcast", "schedule run"} <= reaching
