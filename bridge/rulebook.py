"""Makes the policy of what app.yaml says, refuses what it can't mean, and runs the rules' examples."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from bridge.access import decide
from bridge.commands import Effect, Registry
from bridge.config import AppSettings
from bridge.config_access import AccessSettings, ExampleSettings, RuleSettings
from bridge.document import Keys
from bridge.errors import BadConfiguration, NotUnderstood, Problem
from bridge.grammar import split
from bridge.invocation import Actor, Invocation, Place, Standing
from bridge.parse import understand
from bridge.phrases import plain
from bridge.policy import (
    EVERYTHING,
    OPEN,
    UNSET,
    Approval,
    Asked,
    Decision,
    Found,
    Policy,
    Role,
    Rule,
    Verdict,
)
from bridge.values import ConversationRef, Reading

STANDINGS = {"member": Standing.MEMBER, "guest": Standing.GUEST, "foreign": Standing.FOREIGN}
NOBODY = "U0NOBODY"
"""Somebody whom no role names."""
ELSEWHERE = "C0ELSEWHERE"
"""The channel of examples that name none."""


def policy_of(settings: AppSettings, registry: Registry) -> Policy:
    """The policy that the settings describe. BadConfiguration: rules that can't be meant, or wrong examples."""
    if settings.access is None:
        return UNSET
    if not isinstance(settings.access, AccessSettings):
        return OPEN
    problems = tuple(_mistakes(settings, settings.access, registry))
    if problems:
        raise BadConfiguration(problems)
    policy = _policy(settings, settings.access)
    problems = tuple(_Examples(settings, policy, registry).failures(settings.access))
    if problems:
        raise BadConfiguration(problems)
    return policy


def _policy(settings: AppSettings, access: AccessSettings) -> Policy:
    roles = {name: Role(each.users, each.groups, each.channels) for name, each in access.roles.items()}
    return Policy(tuple(map(_rule, access.rules)), roles, settings.realtime.sender)


def _rule(written: RuleSettings) -> Rule:
    return Rule(
        name=written.name,
        run=frozenset(written.run),
        verdict=_verdict(written),
        who=written.who,
        conversations=written.conversations,
        senders=written.from_,
        clients=written.clients,
        without=written.without,
        drilled=written.drilled,
        places=written.in_,
        triggers=written.by,
        approval=Approval(written.approve.role, written.approve.within) if written.approve else None,
    )


def _verdict(written: RuleSettings) -> Verdict:
    if written.refuse:
        return Verdict.DENIED
    if written.approve:
        return Verdict.APPROVE
    return Verdict.CONFIRM if written.confirm else Verdict.ALLOWED


def _mistakes(settings: AppSettings, access: AccessSettings, registry: Registry) -> Iterator[Problem]:
    """Names that nothing has: of roles, of commands, of options, and of rules that are there twice."""
    runnable = {*registry.commands, *registry.groups, *(each.value for each in Effect), EVERYTHING}
    options = {word for each in registry.commands.values() for word in each.options}
    seen: set[str] = set()
    for index, rule in enumerate(access.rules):
        at: Keys = ("access", "rules", index)
        if rule.name in seen:
            yield Problem(settings.place((*at, "name")), f"{rule.name!r} is there twice")
        seen.add(rule.name)
        if rule.drilled is not None and not settings.drill:
            yield Problem(settings.place((*at, "drilled")), "there are no drills: write drill: true")
        named: list[tuple[Keys, Collection[str], Collection[str], str]] = [
            (("run",), rule.run, runnable, "is no command, group or effect"),
            (("who",), rule.who, access.roles, "is no role"),
            (("without",), sorted(rule.without), options, "is no option"),
            (("approve", "role"), [rule.approve.role] if rule.approve else [], access.roles, "is no role"),
        ]
        for key, words, known, problem in named:
            for word in words:
                if word not in known:
                    yield Problem(settings.place((*at, *key)), f"{word!r} {problem}{_nearest(word, known)}")


def _nearest(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


class _Examples:
    """Runs examples against the whole of the rules, with aliases and lists as the settings have them."""

    def __init__(self, settings: AppSettings, policy: Policy, registry: Registry) -> None:
        self._settings = settings
        self._policy = policy
        self._registry = registry

    def failures(self, access: AccessSettings) -> Iterator[Problem]:
        """Each example that comes out otherwise than it says."""
        for index, rule in enumerate(access.rules):
            for key, examples in (("allow", rule.allow), ("deny", rule.deny)):
                for number, example in enumerate(examples):
                    wrong = self._wrong(rule, example, denies=key == "deny")
                    if wrong is not None:
                        at: Keys = ("access", "rules", index, key, number)
                        yield Problem(self._settings.place(at), wrong)

    def _wrong(self, rule: RuleSettings, example: ExampleSettings, *, denies: bool) -> str | None:
        """What its rule says must be decided by that rule; the other way, by whichever."""
        unknown = [
            each
            for each in example.who
            if not (each in self._policy.roles or each in STANDINGS or _is_user(each))
        ]
        if unknown:
            known = ", ".join((*self._policy.roles, *STANDINGS))
            return f"{unknown[0]!r} is no role and no user id; there are: {known}"
        actor = self._actor(example.who)
        place = Place("", example.in_ or ELSEWHERE)
        invocation = Invocation("example", "example", actor, place, example.by, 0, example.line)
        try:
            decision = self._decision(invocation)
        except NotUnderstood as error:
            hint = f" {plain(error.hint)}" if error.hint else ""
            return f"{example.line!r} is no command line: {plain(error.message)}{hint}"
        denied = decision.verdict is Verdict.DENIED
        own = bool(rule.refuse) is denies and decision.rule != rule.name
        if denied is denies and not own:
            return None
        expected = "denied" if denies else "let through"
        by = f", by the rule {rule.name}" if own else ""
        return f"{example.line!r} should be {expected}{by}; but: {plain(decision.why)}"

    def _decision(self, invocation: Invocation) -> Decision:
        understood = understand(split(invocation.line), self._registry, Reading(0, "UTC"))
        arguments = understood.arguments
        typed = [
            arguments[each.name]
            for each in understood.command.parameters
            if each.kind is ConversationRef and each.name in arguments
        ]
        named = {ref for rule in self._policy.rules for ref in rule.conversations}
        aliases = self._settings.realtime.aliases
        conversations = {ref: aliases.get(ref, ref) for ref in (*typed, *named)}
        return decide(
            self._policy,
            # Whoever an example speaks of has done the drill.
            Asked(
                understood.command, invocation, arguments, Found(conversations, self._lists(), invocation.at)
            ),
        )

    def _lists(self) -> Mapping[str, int]:
        return {
            name: len({each.strip() for each in listed})
            for name, listed in self._settings.lists.items()
            if not isinstance(listed, str)
        }

    def _actor(self, who: Collection[str]) -> Actor:
        """Somebody of these roles and no other; a member unless said otherwise."""
        everywhere = [role.groups | role.channels for role in self._policy.roles.values()]
        roles = [self._policy.roles[name] for name in who if name in self._policy.roles]
        inside = frozenset(min(role.groups | role.channels) for role in roles if role.groups | role.channels)
        users = [each for each in who if _is_user(each)]
        users += [min(role.users) for role in roles if not role.groups | role.channels]
        return Actor(
            next(iter(users), NOBODY),
            standing=next((STANDINGS[each] for each in who if each in STANDINGS), Standing.MEMBER),
            inside=inside,
            outside=frozenset[str]().union(*everywhere) - inside,
        )


def _is_user(word: str) -> bool:
    return word[:1] in ("U", "W") and word.isalnum() and word.isupper()
