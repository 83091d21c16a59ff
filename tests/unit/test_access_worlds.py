"""Any rules at all against a reading that knows everything: what is unknown is tried in every way it could be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import handlers
from bridge.access import STRICTNESS, decide
from bridge.commands import Effect, Registry
from bridge.grammar import split
from bridge.invocation import Actor, Invocation, Place, Standing, Trigger
from bridge.parse import understand
from bridge.policy import EVERYTHING, Approval, Asked, Found, Policy, Role, Rule, Verdict
from bridge.values import Reading

REGISTRY = Registry.of(handlers.COMMANDS)
SLACK = [each for each in Standing if each is not Standing.KEEPER]

LINES = (
    "help",
    "conv list",
    "conv show news",
    "history lobby",
    "history --all",
    "history --client tom",
    "send lobby hi --from tom",
    "notify news hi --to a",
    "notify news hi --to a,b,c,a --push x",
    "notify news hi --to-list vips",
    "notify news hi --to-file users.csv",
    "publish news hi --from boss",
    "broadcast news hi",
    "broadcast lobby hi --from tom --push x",
    "message edit lobby m1 hi",
    "message edit lobby m1 hi --from tom --to a,b",
    "client kick tom",
    "schedule run party",
    "delivery resolve d1 again",
)
CIRCLES = ("S1", "C9")
REFS = ("news", "lobby")
IDS = ("c1", "c2")
MEANT = {"news": "c1", "lobby": "c2"}


@dataclass(frozen=True)
class World:
    """One way in which everything could be."""

    standing: Standing
    inside: frozenset[str]
    ids: Mapping[str, str]
    about: frozenset[str]
    speaks: str
    reached: int


def subsets(items: tuple[str, ...]) -> Iterator[frozenset[str]]:
    sizes = range(len(items) + 1)
    return map(frozenset, chain.from_iterable(combinations(items, size) for size in sizes))


def worlds(policy: Policy, request: Asked) -> Iterator[World]:
    actor, command, given = request.actor, request.command, request.arguments or {}
    unknown = tuple(each for each in CIRCLES if each not in actor.inside | actor.outside)
    standings = [Standing.MEMBER, Standing.GUEST] if actor.standing is Standing.UNKNOWN else [actor.standing]
    known = request.found.conversations
    places = [dict(zip(REFS, ids, strict=True)) for ids in product(IDS, repeat=len(REFS))]
    places = [ids for ids in places if known.items() <= ids.items()]
    speaker = given.get("from_") or (policy.sender if command.effect is Effect.REACHES else None)
    if "from" not in command.options:
        speaker = None
    speakers = [speaker] if speaker else ["boss", "tom", "other"]
    count = len(set(given["to"])) if given.get("to") else request.found.lists.get(given.get("to_list", ""))
    if "to" not in command.options:
        count = 1_000_000
    counts = [count] if count else [1, 1_000]
    for standing, joined, ids, speaks, reached in product(
        standings, subsets(unknown), places, speakers, counts
    ):
        named = [frozenset({ids[given["conv"]]})] if "conv" in given else list(subsets(IDS))[1:]
        for about in named:
            yield World(standing, actor.inside | joined, ids, about, speaks, reached)


def known_verdict(policy: Policy, request: Asked, world: World) -> Verdict:
    """First rule that fits, every fact known."""
    command, user = request.command, request.actor.id
    if world.standing is Standing.GONE:
        return Verdict.DENIED
    for rule in policy.rules:
        roles = [policy.roles[name] for name in rule.who]
        mine = [role for role in roles if user in role.users or world.inside & (role.groups | role.channels)]
        invited = world.standing is Standing.MEMBER or any(user in role.users for role in roles)
        names = {command.name, command.name.split()[0], command.effect.value, EVERYTHING}
        reaches = command.effect is Effect.REACHES
        conv = any(each.name == "conv" for each in command.parameters)
        options = {each.word: each.name for each in command.parameters}
        given = request.arguments or {}
        fits = [
            rule.run & names,
            mine or not roles,
            invited or rule.verdict is Verdict.DENIED,
            not rule.conversations
            or (conv and world.about <= {world.ids[ref] for ref in rule.conversations}),
            not rule.senders or not (reaches or "from" in options) or world.speaks in rule.senders,
            rule.clients is None or not (reaches or "to" in options) or world.reached <= rule.clients,
            not any(options.get(word) in given for word in rule.without),
            not rule.places or request.invocation.place.channel in rule.places,
            not rule.triggers or request.invocation.trigger in rule.triggers,
        ]
        if all(fits):
            return rule.verdict
    return Verdict.DENIED


def some(*words: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(words), min_size=1, max_size=2)


CONDITIONS = {
    "who": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2, unique=True).map(tuple),
    "conversations": some(*REFS),
    "senders": some("boss", "tom"),
    "clients": st.sampled_from([1, 3]),
    "without": some("push", "to-list"),
    "places": some("C1", "C2"),
    "triggers": st.frozensets(st.sampled_from(Trigger), min_size=1, max_size=2),
}


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule of one or two conditions: with more, hardly any would ever fit."""
    names = draw(st.lists(st.sampled_from([*CONDITIONS, "who", "conversations"]), max_size=2, unique=True))
    conditions: dict[str, Any] = {name: draw(CONDITIONS[name]) for name in names}
    run = draw(st.sampled_from([EVERYTHING, EVERYTHING, "reaches people", "history", "notify", "broadcast"]))
    verdict = draw(st.sampled_from(Verdict))
    return Rule("rule", frozenset({run}), verdict, approval=Approval("a", 60_000), **conditions)


ROLES = st.sampled_from(
    [
        Role(users=frozenset({"U1"})),
        Role(users=frozenset({"U2"}), groups=frozenset({"S1"})),
        Role(groups=frozenset({"S1"})),
        Role(channels=frozenset({"C9"})),
    ]
)
POLICIES = st.builds(
    Policy,
    rules=st.lists(rules(), min_size=1, max_size=3).map(tuple),
    roles=st.fixed_dictionaries({"a": ROLES, "b": ROLES}),
    sender=st.sampled_from([None, "boss"]),
)


@st.composite
def people(draw: st.DrawFn) -> Actor:
    places = {circle: draw(st.sampled_from(["in", "out", "?"])) for circle in CIRCLES}
    return Actor(
        draw(st.sampled_from(["U1", "U3"])),
        standing=draw(st.sampled_from([Standing.MEMBER, Standing.MEMBER, *SLACK])),
        inside=frozenset(each for each, place in places.items() if place == "in"),
        outside=frozenset(each for each, place in places.items() if place == "out"),
    )


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    understood = understand(split(draw(st.sampled_from(LINES))), REGISTRY, Reading(0, "UTC"))
    found = Found(
        {ref: known for ref, known in MEANT.items() if draw(st.booleans())},
        {"vips": 2} if draw(st.booleans()) else {},
    )
    channel, trigger = draw(st.sampled_from(["C1", "C2"])), draw(st.sampled_from(Trigger))
    invocation = Invocation("1", "r", draw(people()), Place("T1", channel), trigger, 0)
    return Asked(understood.command, invocation, understood.arguments, found)


@settings(max_examples=500, deadline=None)
@given(POLICIES, requests())
def test_no_decision_is_laxer_than_in_any_world_that_could_be(policy: Policy, request: Asked) -> None:
    if request.command.effect is Effect.NONE:
        return
    verdict = decide(policy, request).verdict
    possible = {known_verdict(policy, request, world) for world in worlds(policy, request)}
    assert STRICTNESS.index(verdict) >= max(map(STRICTNESS.index, possible))
    if len(list(worlds(policy, request))) == 1:
        assert possible == {verdict}


@settings(max_examples=300, deadline=None)
@given(POLICIES, requests())
def test_help_hides_nothing_that_may_be_run(policy: Policy, request: Asked) -> None:
    if decide(policy, request).verdict is not Verdict.DENIED:
        assert decide(policy, replace(request, arguments=None)).verdict is not Verdict.DENIED


@settings(max_examples=500, deadline=None)
@given(st.data(), POLICIES, requests())
def test_no_order_of_rules_lets_somebody_broadcast_whom_no_rule_for_it_names(
    data: st.DataObject, policy: Policy, request: Asked
) -> None:
    """Rules that would let a broadcast through are for the role `a` alone, and this person is certainly not in it."""
    broadcast = understand(split("broadcast news hi"), REGISTRY, Reading(0, "UTC"))
    role = policy.roles["a"]
    named = [replace(each, who=("a",)) if each.covers(broadcast.command) else each for each in policy.rules]
    policy = Policy(tuple(data.draw(st.permutations(named))), policy.roles, policy.sender)
    actor = replace(request.actor, id="U9", inside=request.actor.inside - (role.groups | role.channels))
    request = Asked(
        broadcast.command, replace(request.invocation, actor=actor), broadcast.arguments, request.found
    )
    assert decide(policy, request).verdict is Verdict.DENIED
