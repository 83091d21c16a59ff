"""Help: what there is, and how each command is typed.

The same commands give the same reply, made once: whoever shows it can then know it again.
"""

from functools import cache

from typing import Annotated

from bridge.commands import Command, Effect, Help, command, did_you_mean
from bridge.context import Context
from bridge.errors import NotUnderstood
from bridge.grammar import split
from bridge.phrases import Code, Phrase, phrase
from bridge.reply import Fields, Hint, Paragraph, Part, Quote, Reply, Table
from bridge.values import Text


@command("help", Effect.NONE, "help", "help conv create")
async def help_(ctx: Context, about: Annotated[Text | None, Help("which one", "COMMAND")] = None) -> Reply:
    """Say what there is and how it is typed."""
    if about is None:
        return _overview(tuple(ctx.registry.commands.values()))
    name = " ".join(about.lower().split())
    found = ctx.registry.commands.get(name)
    if found is not None:
        return _one(found)
    group = tuple(each for each in ctx.registry.commands.values() if each.name.startswith(f"{name} "))
    if group:
        return _overview(group)
    ctx.registry.find(split(about))
    raise NotUnderstood(
        phrase("There is no command {name}.", name=Code(name)), hint=did_you_mean(name.split()[0])
    )


@cache
def _overview(commands: tuple[Command, ...]) -> Reply:
    rows = tuple((Code(each.name), Phrase(each.summary)) for each in commands)
    return Reply(
        phrase("These are the commands."),
        (
            Table((phrase("Command"), phrase("What it does")), rows),
            Hint(phrase("More on one of them: {example}", example=Code("help conv create"))),
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


def _title(found: Command) -> Phrase:
    return phrase("{command}: {summary}", command=Code(found.name), summary=Phrase(found.summary))


COMMANDS = (help_,)
