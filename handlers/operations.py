"""Help: what somebody may run, and how each command is typed. Why: which rule decides about a command.

The same commands give the same reply, made once: whoever shows it can then know it again.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Annotated

from bridge.commands import Command, Effect, Help, command, did_you_mean
from bridge.context import Context
from bridge.errors import DENIED, NotUnderstood, Refused
from bridge.grammar import split
from bridge.parse import understand
from bridge.phrases import Code, Phrase, phrase
from bridge.policy import Decision, Near, Verdict
from bridge.reply import Button, Buttons, Fields, Hint, Paragraph, Part, Quote, Reply, Table
from bridge.values import Reading, Text, WholeLine

RIGHTS_KEPT = 200
READING = frozenset({Effect.NONE, Effect.READS, Effect.READS_MESSAGES})
FILLED = frozenset({Effect.CHANGES, Effect.REACHES})
QUIETLY = phrase("Any command takes {option}: its answer is for you alone.", option=Code("--quiet"))


@command("help", Effect.NONE, "help", "help conv create")
async def help_(ctx: Context, about: Annotated[Text | None, Help("which one", "COMMAND")] = None) -> Reply:
    """Say what there is and how it is typed."""
    runnable = ctx.authority.runnable(ctx.invocation)
    if about is None:
        return _overview(runnable)
    name = " ".join(about.lower().split())
    found = ctx.registry.commands.get(name)
    if found in runnable:
        return _one(found)
    group = tuple(each for each in runnable if each.name.startswith(f"{name} "))
    if group:
        return _overview(group)
    if found is not None or name in ctx.registry.groups:
        raise Refused(
            phrase("You may not run {command} here.", command=Code(name)),
            hint=phrase("See what would be needed with {why}.", why=Code(f"why {name}")) if found else None,
            code=DENIED,
        )
    ctx.registry.find(split(about))
    raise NotUnderstood(
        phrase("There is no command {name}.", name=Code(name)), hint=did_you_mean(name.split()[0])
    )


@command("why", Effect.NONE, "why broadcast", "why notify news Your refund has arrived. --to tom")
async def why(ctx: Context, about: Annotated[WholeLine, Help("what you would type")]) -> Reply:
    """Say which rule decides whether you may run a command here, and what would be needed."""
    line = split(about)
    asked, named = ctx.registry.find(line)
    if len(line.words) == named:
        return _reasons(asked, ctx.authority.some(asked, ctx.invocation), with_some=True)
    reading = Reading(ctx.invocation.at, ctx.invocation.actor.zone or "UTC")
    understood = understand(line, ctx.registry, reading)
    decided = await ctx.authority.decide(understood, ctx.invocation)
    return _reasons(asked, decided.decision, with_some=False)


def _reasons(asked: Command, decision: Decision, *, with_some: bool) -> Reply:
    titles = {
        Verdict.ALLOWED: phrase("You may run {command} here.", command=Code(asked.name)),
        Verdict.CONFIRM: phrase("You may run {command} here once you confirm it.", command=Code(asked.name)),
        Verdict.APPROVE: phrase("You may run {command} here once it is approved.", command=Code(asked.name)),
        Verdict.DENIED: phrase("You may not run {command} here.", command=Code(asked.name)),
    }
    parts: list[Part] = [Paragraph(decision.why)]
    if decision.verdict is Verdict.DENIED and decision.near:
        rows = tuple((Code(each.rule), each.needed) for each in decision.near)
        parts.append(Table((phrase("Rule"), phrase("What it asks for")), rows))
    if with_some and decision.rule is not None and decision.verdict is not Verdict.DENIED:
        parts.append(
            Hint(
                phrase(
                    "What follows the command counts too: type {why} with the whole of it.", why=Code("why")
                )
            )
        )
    return Reply(
        titles[decision.verdict],
        tuple(parts),
        data={
            "command": asked.name,
            "verdict": decision.verdict.value,
            "rule": decision.rule,
            "needed": list(_needed(decision.near)),
        },
        private=True,
    )


def _needed(near: tuple[Near, ...]) -> Iterator[dict[str, str]]:
    for each in near:
        yield {"rule": each.rule, "needed": str(each.needed)}


@lru_cache(RIGHTS_KEPT)
def _overview(commands: tuple[Command, ...]) -> Reply:
    rows = tuple((Code(each.name), Phrase(each.summary)) for each in commands)
    return Reply(
        phrase("These are the commands."),
        (
            Table((phrase("Command"), phrase("What it does")), rows),
            Hint(phrase("More on one of them: {example}", example=Code("help conv create"))),
            Hint(QUIETLY),
        ),
        data=[{"command": each.name, "usage": each.usage, "summary": each.summary} for each in commands],
        private=True,
    )


@cache
def _one(found: Command) -> Reply:
    parts: list[Part] = [Quote(found.usage)]
    described = tuple(
        (phrase("{name}", name=Code(each.usage)), Phrase(each.help)) for each in found.parameters if each.help
    )
    if described:
        parts.append(Fields(described))
    if found.examples:
        parts += [Paragraph(phrase("For example:")), Quote("\n".join(found.examples))]
        if buttons := tuple(_tries(found)):
            parts.append(Buttons(buttons))
    return Reply(
        _title(found),
        tuple(parts),
        data={
            "command": found.name,
            "usage": found.usage,
            "summary": found.summary,
            "examples": list(found.examples),
        },
        private=True,
    )


def _tries(found: Command) -> Iterator[Button]:
    """A button for each example: it runs what only reads, and fills in the form of what acts."""
    for example in found.examples:
        if found.effect in READING:
            yield Button(phrase("{line}", line=example), example)
        elif found.effect in FILLED and found.parameters:
            yield Button(phrase("Fill in: {line}", line=example), example, fills=True)


def _title(found: Command) -> Phrase:
    return phrase("{command}: {summary}", command=Code(found.name), summary=Phrase(found.summary))


COMMANDS = (help_, why)
