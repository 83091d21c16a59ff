"""Who may run what; unsure means no."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NoReturn

import pytest

import handlers
from bridge.access import decide
from bridge.commands import Command, Effect, Registry
from bridge.grammar import split
from bridge.invocation import Actor, Invocation, Place, Standing, Trigger
from bridge.parse import understand
from bridge.policy import EVERYTHING, OPEN, UNSET, Asked, Decision, Found, Policy, Role, Rule, Verdict
from bridge.values import Reading

REGISTRY = Registry.of(handlers.COMMANDS)
COMMANDS = REGISTRY.commands
SLACK = [each for each in Standing if each is not Standing.KEEPER]
EVERY_MEMBERS = {
    Effect.NONE: Verdict.ALLOWED,
    Effect.ANSWERS: Verdict.ALLOWED,
    Effect.STOPS: Verdict.ALLOWED,
    Effect.RESUMES: Verdict.APPROVE,
}
"""What no rule decides."""


def asked(
    command: Command,
    actor: Actor,
    trigger: Trigger = Trigger.SLASH,
    channel: str = "C1",
    arguments: Mapping[str, Any] | None = None,
) -> Asked:
    return Asked(command, Invocation("1", "r", actor, Place("T1", channel), trigger, 0), arguments or {})


def person(standing: Standing) -> Actor:
    return Actor("U1", standing=standing)


def test_open_access_allows_everything() -> None:
    for command, standing, trigger in product(COMMANDS.values(), Standing, Trigger):
        assert decide(OPEN, asked(command, person(standing), trigger)).verdict is Verdict.ALLOWED


def test_without_access_members_read_and_confirm_the_rest() -> None:
    for command, trigger in product(COMMANDS.values(), Trigger):
        verdict = decide(UNSET, asked(command, person(Standing.MEMBER), trigger)).verdict
        expected = {**EVERY_MEMBERS, Effect.READS: Verdict.ALLOWED}.get(command.effect, Verdict.CONFIRM)
        assert verdict is expected, command.name


def test_without_access_whoever_is_no_member_or_may_be_none_is_denied() -> None:
    strangers = [each for each in SLACK if each is not Standing.MEMBER]
    for command, standing in product(COMMANDS.values(), strangers):
        verdict = decide(UNSET, asked(command, person(standing))).verdict
        known = Verdict.DENIED if standing is not Standing.UNKNOWN else EVERY_MEMBERS.get(command.effect)
        assert verdict is (known or Verdict.DENIED), (command.name, standing)


@pytest.mark.parametrize("policy", [UNSET, Policy()], ids=["absent", "no rules"])
def test_who_holds_the_keys_may_run_everything(policy: Policy) -> None:
    for command in COMMANDS.values():
        assert decide(policy, asked(command, person(Standing.KEEPER))).verdict is Verdict.ALLOWED


def test_what_reaches_people_says_so() -> None:
    reaching = {name for name, command in COMMANDS.items() if command.effect is Effect.REACHES}
    assert {"send", "notify", "publish", "broadcast", "schedule run"} <= reaching


# A table of actors, commands, places and triggers, against rules that a person can check by eye

TABLE = Policy(
    rules=(
        Rule("figures", frozenset({"reads"})),
        Rule("no-buttons", frozenset({"conv"}), Verdict.DENIED, triggers=frozenset({Trigger.BUTTON})),
        Rule("support", frozenset({"send", "notify"}), who=("support",), places=frozenset({"C1"})),
        Rule("news", frozenset({"broadcast"}), Verdict.CONFIRM, who=("marketing",)),
        Rule("conversations", frozenset({"conv", "member"}), who=("marketing", "support")),
    ),
    roles={
        "support": Role(users=frozenset({"U7"}), groups=frozenset({"S1"})),
        "marketing": Role(channels=frozenset({"C9"})),
    },
)
OUT = frozenset({"S1", "C9"})
ACTORS = {
    "nobody": Actor("U1", standing=Standing.MEMBER, outside=OUT),
    "support by id": Actor("U7", standing=Standing.MEMBER, outside=OUT),
    "support by group": Actor(
        "U1", standing=Standing.MEMBER, inside=frozenset({"S1"}), outside=frozenset({"C9"})
    ),
    "marketing": Actor("U1", standing=Standing.MEMBER, inside=frozenset({"C9"}), outside=frozenset({"S1"})),
    "guest": Actor("U1", standing=Standing.GUEST, inside=frozenset({"S1", "C9"})),
    "guest by id": Actor("U7", standing=Standing.GUEST, outside=OUT),
    "foreigner by id": Actor("U7", standing=Standing.FOREIGN, outside=OUT),
    "who left": Actor("U7", standing=Standing.GONE, inside=OUT),
}
MEMBERS = {"nobody", "support by id", "support by group", "marketing"}
SUPPORT = {"support by id", "support by group", "guest by id", "foreigner by id"}


def may(who: str, command: Command, channel: str, trigger: Trigger) -> Verdict:
    """What the rules of the table say, read by eye."""
    if command.effect in EVERY_MEMBERS:
        return EVERY_MEMBERS[command.effect] if who in MEMBERS | SUPPORT else Verdict.DENIED
    if command.effect is Effect.READS and who in MEMBERS:
        return Verdict.ALLOWED
    if command.name.startswith("conv ") and trigger is Trigger.BUTTON:
        return Verdict.DENIED
    if command.name in ("send", "notify") and who in SUPPORT and channel == "C1":
        return Verdict.ALLOWED
    if command.name == "broadcast" and who == "marketing":
        return Verdict.CONFIRM
    if command.name.startswith(("conv ", "member ")) and who in SUPPORT | {"marketing"}:
        return Verdict.ALLOWED
    return Verdict.DENIED


@pytest.mark.parametrize("who", ACTORS)
def test_everybody_is_denied_whatever_no_rule_allows(who: str) -> None:
    for command, channel, trigger in product(COMMANDS.values(), ("C1", "C2"), Trigger):
        verdict = decide(TABLE, asked(command, ACTORS[who], trigger, channel)).verdict
        assert verdict is may(who, command, channel, trigger), (command.name, channel, trigger)


# Unsure means no


NOTHING = Found()


def of_line(line: str, policy: Policy, actor: Actor, found: Found = NOTHING) -> Verdict:
    understood = understand(split(line), REGISTRY, Reading(0, "UTC"))
    invocation = Invocation("1", "r", actor, Place("T1", "C1"), Trigger.SLASH, 0)
    return decide(policy, Asked(understood.command, invocation, understood.arguments, found)).verdict


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (Verdict.ALLOWED, Verdict.ALLOWED),
        (Verdict.CONFIRM, Verdict.DENIED),
        (Verdict.APPROVE, Verdict.DENIED),
        (Verdict.DENIED, Verdict.DENIED),
    ],
)
def test_where_nobody_knows_whether_a_rule_fits_only_one_that_allows_is_passed_over(
    first: Verdict, verdict: Verdict
) -> None:
    everything = frozenset({EVERYTHING})
    rules = (Rule("first", everything, first, who=("support",)), Rule("second", everything))
    policy = Policy(rules, TABLE.roles)
    assert of_line("stats", policy, Actor("U1", standing=Standing.MEMBER)) is verdict
    assert (
        of_line("stats", Policy(rules[:1], TABLE.roles), Actor("U1", standing=Standing.MEMBER))
        is Verdict.DENIED
    )


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("history lobby", Verdict.ALLOWED),
        ("history secret", Verdict.DENIED),
        ("history lost", Verdict.DENIED),
        ("history --all", Verdict.DENIED),
        ("history --client tom", Verdict.DENIED),
    ],
)
def test_a_conversation_that_is_refused_is_refused_to_whatever_may_show_it(
    line: str, verdict: Verdict
) -> None:
    refusing = Rule("secret", frozenset({EVERYTHING}), Verdict.DENIED, conversations=frozenset({"secret"}))
    policy = Policy((refusing, Rule("rest", frozenset({EVERYTHING}))))
    found = Found({"lobby": "c1", "secret": "c2"})
    assert of_line(line, policy, person(Standing.MEMBER), found) is verdict


def test_help_shows_what_is_refused_with_some_arguments_only() -> None:
    """And hides what could never fit: a broadcast has no users to count."""
    refusing = Rule("ceo", frozenset({EVERYTHING}), Verdict.DENIED, senders=frozenset({"ceo"}))
    counting = Rule("few", frozenset({"notify", "broadcast"}), clients=20)
    policy = Policy((refusing, counting))
    invocation = Invocation("1", "r", person(Standing.MEMBER), Place("T1", "C1"), Trigger.SLASH, 0)
    some = {
        name: decide(policy, Asked(COMMANDS[name], invocation, None)).verdict
        for name in ("notify", "broadcast")
    }
    assert some == {"notify": Verdict.ALLOWED, "broadcast": Verdict.DENIED}


# An error in a check denies


class Broken:
    """Whatever is done with it goes wrong."""

    def fail(self, *_: object) -> NoReturn:
        raise RuntimeError("broken")

    __bool__ = __contains__ = __eq__ = __ge__ = __getattr__ = __hash__ = __iter__ = __len__ = __or__ = fail
    __rand__ = __and__ = __rsub__ = fail


FITTING = Rule(
    "all",
    frozenset({"notify"}),
    who=("a",),
    conversations=frozenset({"news"}),
    senders=frozenset({"boss"}),
    clients=3,
    without=frozenset({"push"}),
    places=frozenset({"C1"}),
    triggers=frozenset({Trigger.SLASH}),
)


ROLE = Role(groups=frozenset({"S1"}))


def notified(**changed: Any) -> Decision:
    """The decision about a notification, with one of its facts changed."""
    understood = understand(split("notify news hi --to tom"), REGISTRY, Reading(0, "UTC"))
    actor = Actor("U1", standing=Standing.MEMBER, inside=frozenset({"S1"}))
    actor = replace(actor, **{key: value for key, value in changed.items() if hasattr(actor, key)})
    place = changed.get("place", Place("T1", "C1"))
    invocation = Invocation("1", "r", actor, place, Trigger.SLASH, 0)
    found = changed.get("found", Found({"news": "c1"}))
    arguments = changed.get("arguments", understood.arguments)
    policy = Policy((changed.get("rule", FITTING),), {"a": changed.get("role", ROLE)}, "boss")
    return decide(policy, Asked(understood.command, invocation, arguments, found))


def test_what_fits_every_condition_is_allowed() -> None:
    assert notified().verdict is Verdict.ALLOWED


@pytest.mark.parametrize(
    "field", ["run", "verdict", "who", "conversations", "senders", "clients", "without", "places", "triggers"]
)
def test_a_condition_that_throws_denies(field: str, caplog: pytest.LogCaptureFixture) -> None:
    broken: dict[str, Any] = {field: Broken()}
    assert notified(rule=replace(FITTING, **broken)).verdict is Verdict.DENIED
    assert "an access check failed, so it denies" in caplog.text


@pytest.mark.parametrize("field", ["users", "groups", "channels"])
def test_a_role_that_throws_denies(field: str) -> None:
    broken: dict[str, Any] = {field: Broken()}
    assert notified(role=replace(ROLE, **broken)).verdict is Verdict.DENIED


@pytest.mark.parametrize("fact", ["inside", "place", "found", "arguments"])
def test_a_fact_that_throws_denies(fact: str) -> None:
    assert notified(**{fact: Broken()}).verdict is Verdict.DENIED


@pytest.mark.parametrize(
    "changed",
    [
        {"inside": frozenset()},
        {"standing": Standing.GUEST},
        {"standing": Standing.UNKNOWN},
        {"place": Place("T1", "C2")},
        {"found": Found()},
        {"found": Found({"news": "c1"}), "rule": replace(FITTING, conversations=frozenset({"lobby"}))},
        {"rule": replace(FITTING, senders=frozenset({"ceo"}))},
        {"rule": replace(FITTING, who=("nobody",))},
        {"rule": replace(FITTING, triggers=frozenset({Trigger.SCHEDULE}))},
    ],
    ids=str,
)
def test_a_single_condition_that_does_not_hold_denies(changed: dict[str, Any]) -> None:
    assert notified(**changed).verdict is Verdict.DENIED


# Drills


@pytest.mark.parametrize(
    ("done", "verdict"),
    [(None, Verdict.DENIED), (9_000, Verdict.ALLOWED), (4_000, Verdict.DENIED)],
    ids=["never", "lately", "long ago"],
)
def test_a_rule_may_want_a_drill_first(done: int | None, verdict: Verdict) -> None:
    policy = Policy((Rule("tried", frozenset({EVERYTHING}), drilled=5_000),))
    broadcast = COMMANDS["broadcast"]
    invocation = Invocation("1", "r", person(Standing.MEMBER), Place("T1", "C1"), Trigger.SLASH, 10_000)
    request = Asked(broadcast, invocation, {"conv": "news", "text": "hi"}, Found(drilled=done))
    assert decide(policy, request).verdict is verdict
    assert decide(policy, replace(request, command=COMMANDS["conv list"])).verdict is Verdict.ALLOWED
