"""Mutes: members that get no offline push for a conversation."""

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.phrases import phrase
from bridge.realtime.models import Kind
from bridge.reply import Quote, Reply
from bridge.values import ClientId, ConversationRef
from handlers.kinds import of_kind, title_of
from handlers.members import refuse_strangers


@command("mute add", Effect.CHANGES, "mute add lobby tom")
async def add(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Spare members the offline push of a conversation."""
    found = await of_kind(ctx, conv, Kind.NORMAL, {})
    refuse_strangers(found, ids)
    updated = await ctx.realtime.mute(found, ids)
    return Reply(
        phrase("{ids}: no offline push for {name} any more.", ids=", ".join(ids), name=title_of(found)),
        data=updated.raw,
    )


@command("mute remove", Effect.CHANGES, "mute remove lobby tom")
async def remove(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Let members get the offline push of a conversation again."""
    found = await of_kind(ctx, conv, Kind.NORMAL, {})
    updated = await ctx.realtime.unmute(found, ids)
    return Reply(
        phrase("{ids}: offline push for {name} again.", ids=", ".join(ids), name=title_of(found)),
        data=updated.raw,
    )


@command("mute list", Effect.READS, "mute list lobby")
async def list_(ctx: Context, conv: ConversationRef) -> Reply:
    """List the members that get no offline push for a conversation."""
    found = await of_kind(ctx, conv, Kind.NORMAL, {})
    ids = await ctx.realtime.muted(found)
    return Reply(
        phrase(
            "{name} is muted by {count} member.",
            plural="{name} is muted by {count} members.",
            name=title_of(found),
            count=len(ids),
        ),
        (Quote("\n".join(ids)),) if ids else (),
        data=list(ids),
    )


COMMANDS = (add, remove, list_)
