"""Members: add, remove, list."""

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.phrases import Code, phrase
from bridge.realtime.models import Conversation, Kind
from bridge.reply import Quote, Reply
from bridge.values import ClientId, ConversationRef
from handlers.kinds import of_kind, title_of


@command("member add", Effect.CHANGES, "member add lobby tom jerry")
async def add(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Add members to a normal conversation."""
    found = await of_kind(ctx, conv, Kind.NORMAL, {Kind.SYSTEM: "subscriber add"})
    updated = await ctx.realtime.add_members(found, ids)
    return Reply(phrase("Added {ids} to {name}.", ids=", ".join(ids), name=title_of(found)), data=updated.raw)


@command("member remove", Effect.CHANGES, "member remove lobby jerry")
async def remove(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Take members out of a normal conversation."""
    found = await of_kind(ctx, conv, Kind.NORMAL, {Kind.SYSTEM: "subscriber remove"})
    refuse_strangers(found, ids)
    updated = await ctx.realtime.remove_members(found, ids)
    return Reply(
        phrase("Took {ids} out of {name}.", ids=", ".join(ids), name=title_of(found)), data=updated.raw
    )


@command("member list", Effect.READS, "member list lobby")
async def list_(ctx: Context, conv: ConversationRef) -> Reply:
    """List the members of a conversation; of a transient one, some of those in it now."""
    found = await ctx.conversations.resolve(conv)
    if found.kind is Kind.SYSTEM:
        raise Refused(
            phrase("{name} is a system conversation: it has subscribers, not members.", name=title_of(found)),
            hint=phrase("Type {command}", command=Code(f"subscriber list {found.id}")),
            code="wrong_kind",
        )
    ids = await ctx.realtime.members(found)
    return Reply(
        phrase(
            "{name} has {count} member.",
            plural="{name} has {count} members.",
            name=title_of(found),
            count=len(ids),
        ),
        (Quote("\n".join(ids)),) if ids else (),
        data=list(ids),
    )


def refuse_strangers(found: Conversation, ids: tuple[ClientId, ...]) -> None:
    """Refused: some of these are no members, so nothing is done for the others either."""
    strangers = [each for each in ids if each not in found.members]
    if strangers:
        raise Refused(
            phrase(
                "{ids} is not in {name}; nothing was changed.",
                plural="{ids} are not in {name}; nothing was changed.",
                ids=", ".join(strangers),
                name=title_of(found),
                count=len(strangers),
            ),
            hint=phrase("See who is with {command}.", command=Code(f"member list {found.id}")),
            code="not_found",
        )


COMMANDS = (add, remove, list_)
