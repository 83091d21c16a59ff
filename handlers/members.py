"""Members: add, remove, list."""

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.phrases import Code, phrase
from bridge.realtime.models import Conversation, Kind
from bridge.reply import Quote, Reply
from bridge.values import ClientId, ConversationRef


@command("member add", Effect.CHANGES, "member add lobby tom jerry")
async def add(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Add members to a normal conversation."""
    found = await _normal(ctx, conv, ids)
    updated = await ctx.realtime.add_members(found, ids)
    return Reply(
        phrase("Added {ids} to {name}.", ids=", ".join(ids), name=Code(found.name or found.id)),
        data=updated.raw,
    )


@command("member remove", Effect.CHANGES, "member remove lobby jerry")
async def remove(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Take members out of a normal conversation."""
    found = await _normal(ctx, conv, ids)
    strangers = [each for each in ids if each not in found.members]
    if strangers:
        raise Refused(
            phrase(
                "{ids} is not in {name}; nobody was taken out.",
                ids=", ".join(strangers),
                name=Code(found.name or found.id),
            ),
            hint=phrase("See who is with {command}.", command=Code(f"member list {found.id}")),
            code="not_found",
        )
    updated = await ctx.realtime.remove_members(found, ids)
    return Reply(
        phrase("Took {ids} out of {name}.", ids=", ".join(ids), name=Code(found.name or found.id)),
        data=updated.raw,
    )


@command("member list", Effect.READS, "member list lobby")
async def list_(ctx: Context, conv: ConversationRef) -> Reply:
    """List the members of a conversation; of a transient one, some of those in it now."""
    found = await ctx.conversations.resolve(conv)
    if found.kind is Kind.SYSTEM:
        raise Refused(
            phrase("A system conversation has subscribers, not members."),
            hint=phrase("Type {command}", command=Code(f"subscriber list {found.id}")),
            code="wrong_kind",
        )
    ids = await ctx.realtime.members(found)
    return Reply(
        phrase(
            "{name} has {count} member.",
            plural="{name} has {count} members.",
            name=Code(found.name or found.id),
            count=len(ids),
        ),
        (Quote("\n".join(ids)),) if ids else (),
        data=list(ids),
    )


async def _normal(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Conversation:
    if not ids:
        raise NotUnderstood(phrase("It needs at least one client id."), code="missing_argument")
    found = await ctx.conversations.resolve(conv)
    if found.kind is not Kind.NORMAL:
        raise Refused(
            phrase(
                "{name} is a {kind} conversation; only a normal one has members to add or take out.",
                name=Code(found.name or found.id),
                kind=found.kind.value,
            ),
            hint=phrase("Users follow a system conversation by {command}.", command=Code("subscriber add"))
            if found.kind is Kind.SYSTEM
            else phrase("In a transient conversation are those who are online in it."),
            code="wrong_kind",
        )
    return found


COMMANDS = (add, remove, list_)
