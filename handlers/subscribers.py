"""Subscribers: who follows a system conversation."""

from typing import Annotated

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.phrases import Code, Moment, phrase
from bridge.realtime.models import Conversation, Kind, Subscription
from bridge.reply import Hint, Reply, Table
from bridge.values import ClientId, ConversationRef
from handlers.kinds import of_kind, title_of
from handlers.ranges import refuse_outside

MOST = 100_000


@command("subscriber add", Effect.CHANGES, "subscriber add news tom")
async def add(ctx: Context, conv: ConversationRef, id: ClientId) -> Reply:
    """Make a user a subscriber of a system conversation."""
    found = await _system(ctx, conv, "member add")
    await ctx.realtime.subscribe(found, id)
    return Reply(
        phrase("{id} subscribes to {name}.", id=id, name=title_of(found)),
        data={"subscriber": id, "conv_id": found.id},
    )


@command("subscriber remove", Effect.CHANGES, "subscriber remove news tom")
async def remove(ctx: Context, conv: ConversationRef, id: ClientId) -> Reply:
    """Make a user a subscriber of a system conversation no longer."""
    found = await _system(ctx, conv, "member remove")
    await ctx.realtime.unsubscribe(found, id)
    return Reply(
        phrase("{id} does not subscribe to {name} any more.", id=id, name=title_of(found)),
        data={"subscriber": id, "conv_id": found.id},
    )


@command("subscriber list", Effect.READS, "subscriber list news", "subscriber list news --limit 1000")
async def list_(
    ctx: Context,
    conv: ConversationRef,
    *,
    limit: Annotated[int, Help("how many, 100 unless said")] = 100,
) -> Reply:
    """List the subscribers of a system conversation."""
    refuse_outside("--limit", limit, 1, MOST)
    found = await _system(ctx, conv, "member list")
    listed: list[Subscription] = []
    async for each in ctx.realtime.iterate_subscribers(found):
        listed.append(each)
        if len(listed) == limit:
            break
    if not listed:
        return Reply(phrase("Nobody subscribes to {name}.", name=title_of(found)), data=[])
    table = Table(
        (phrase("User"), phrase("Since")), tuple((each.subscriber, Moment(each.timestamp)) for each in listed)
    )
    more = (Hint(phrase("There may be more: {option}", option=Code("--limit"))),)
    return Reply(
        phrase(
            "{count} subscriber of {name}",
            plural="{count} subscribers of {name}",
            count=len(listed),
            name=title_of(found),
        ),
        (table, *(more if len(listed) == limit else ())),
        data=[each.raw for each in listed],
    )


@command("subscriber count", Effect.READS, "subscriber count news")
async def count(ctx: Context, conv: ConversationRef) -> Reply:
    """Count the subscribers of a system conversation."""
    found = await _system(ctx, conv, "member list")
    number = await ctx.realtime.subscriber_count(found)
    return Reply(
        phrase(
            "{name} has {count} subscriber.",
            plural="{name} has {count} subscribers.",
            name=title_of(found),
            count=number,
        ),
        data={"count": number},
    )


async def _system(ctx: Context, conv: ConversationRef, instead: str) -> Conversation:
    of_transient = {Kind.TRANSIENT: instead} if instead == "member list" else {}
    return await of_kind(ctx, conv, Kind.SYSTEM, {Kind.NORMAL: instead, **of_transient})


COMMANDS = (add, remove, list_, count)
