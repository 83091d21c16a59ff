"""Clients: the app's users, whether they are there and what they follow; and the app's figures."""

from typing import Annotated

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.realtime.models import Subscription
from bridge.realtime.protocol import KICK_REASON_LENGTH
from bridge.reply import Fields, Hint, Part, Reply, Table
from bridge.values import ClientId

SUBSCRIPTIONS_SHOWN = 100


@command("client show", Effect.READS, "client show tom")
async def show(ctx: Context, id: ClientId) -> Reply:
    """Show whether a user is online, what is unread, and what they subscribe to."""
    online = id in await ctx.realtime.online((id,))
    unread = await ctx.realtime.unread_count(id)
    subscriptions = [each async for each in ctx.realtime.iterate_subscriptions(id)]
    rows: tuple[tuple[Phrase, Value], ...] = (
        (phrase("Online"), phrase("yes") if online else phrase("no")),
        (phrase("Unread messages"), unread),
        (phrase("Subscriptions"), len(subscriptions)),
    )
    parts: list[Part] = [Fields(rows)]
    if subscriptions:
        parts.append(await _table(ctx, subscriptions[:SUBSCRIPTIONS_SHOWN]))
    return Reply(
        phrase("{id} is {state}.", id=id, state=phrase("online") if online else phrase("offline")),
        tuple(parts),
        data={
            "client_id": id,
            "online": online,
            "unread": unread,
            "subscriptions": [each.raw for each in subscriptions],
        },
    )


async def _table(ctx: Context, subscriptions: list[Subscription]) -> Table:
    ids = [each.conversation_id for each in subscriptions]
    found = await ctx.realtime.find_conversations({"objectId": {"$in": ids}}, limit=len(ids))
    names = {each.id: each.name for each in found}
    return Table(
        (phrase("Conversation"), phrase("Since"), phrase("Id")),
        tuple(
            (names.get(each.conversation_id) or "", Moment(each.timestamp), Code(each.conversation_id))
            for each in subscriptions
        ),
    )


@command("client kick", Effect.DESTROYS, "client kick tom", 'client kick tom --reason "come back later"')
async def kick(
    ctx: Context,
    id: ClientId,
    *,
    reason: Annotated[str | None, Help("what the user is told, at most 20 characters", "TEXT")] = None,
) -> Reply:
    """End a user's sessions on all devices."""
    if reason is not None and len(reason) > KICK_REASON_LENGTH:
        raise Refused(
            phrase(
                "The reason has {length} characters; the service takes {most}.",
                length=len(reason),
                most=KICK_REASON_LENGTH,
            ),
            hint=phrase("Shorten it by {over} characters.", over=len(reason) - KICK_REASON_LENGTH),
            code="too_long",
        )
    await ctx.realtime.kick(id, reason)
    data = {"client_id": id} if reason is None else {"client_id": id, "reason": reason}
    return Reply(
        phrase("Ended every session of {id}.", id=id),
        (Hint(phrase("Nothing keeps them from logging in again.")),),
        data=data,
    )


@command("stats", Effect.READS, "stats")
async def stats(ctx: Context) -> Reply:
    """Show how many users are online, and were today."""
    found = await ctx.realtime.stats()
    rows: tuple[tuple[Phrase, Value], ...] = (
        (phrase("Online now"), found.online_user_count),
        (phrase("Today"), found.user_count_today),
    )
    return Reply(
        phrase("{count} user is online.", plural="{count} users are online.", count=found.online_user_count),
        (Fields(rows),),
        data=found.raw,
    )


COMMANDS = (show, kick, stats)
