"""Announcements: to chosen users, to subscribers, to everyone."""

from typing import Annotated

from bridge.announcement import announce
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.ledger import Act, Options
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Reply
from bridge.values import ClientId, ConversationRef, Text, Until
from handlers.composing import Composing, Saying, plan

MONTH_MS = 31 * 86_400_000


@command(
    "notify",
    Effect.REACHES,
    "notify news Your refund has arrived. --to tom,jerry",
    "notify news 您的退款已到账。 --to tom",
)
async def notify(
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    to: Annotated[tuple[ClientId, ...], Help("whom it is for, any number")],
    composing: Composing,
) -> Reply:
    """Send a system message to chosen users."""
    audience = tuple(dict.fromkeys(to))
    if not audience:
        raise NotUnderstood(
            phrase("Whom is it for? {option} is empty.", option=Code("--to")), code="missing_argument"
        )
    found = await ctx.conversations.resolve_service(conv)
    saying = Saying(Act.NOTIFY, found, text, audience=audience)
    return announce(await ctx.deliveries.carry_out(plan(ctx, saying, composing), ctx.invocation, ctx.tell))


@command("publish", Effect.REACHES, "publish news The new season has begun.")
async def publish(
    ctx: Context, conv: ConversationRef, text: Text | None = None, *, composing: Composing
) -> Reply:
    """Send a message to all subscribers of a system conversation."""
    found = await ctx.conversations.resolve_service(conv)
    saying = Saying(Act.PUBLISH, found, text)
    return announce(await ctx.deliveries.carry_out(plan(ctx, saying, composing), ctx.invocation, ctx.tell))


@command(
    "broadcast",
    Effect.REACHES,
    "broadcast news 周六有晚会！",
    'broadcast news "Maintenance at 3:00" --valid-till 2h --push "Maintenance at 3:00"',
)
async def broadcast(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    valid_till: Annotated[Until | None, Help("until when those who were offline still get it")] = None,
    transient: Annotated[bool, Help("only for those online now; not kept")] = False,
    composing: Composing,
) -> Reply:
    """Send a message to every user of the app."""
    _refuse_bad_validity(ctx.clock(), valid_till)
    found = await ctx.conversations.resolve_service(conv)
    saying = Saying(Act.BROADCAST, found, text, Options(transient=transient, valid_till=valid_till))
    return announce(await ctx.deliveries.carry_out(plan(ctx, saying, composing), ctx.invocation, ctx.tell))


def _refuse_bad_validity(now: int, valid_till: int | None) -> None:
    if valid_till is None:
        return
    if valid_till <= now:
        raise Refused(
            phrase(
                "{option} is in the past: {moment}", option=Code("--valid-till"), moment=Moment(valid_till)
            ),
            hint=phrase("A duration counts from now: {example}", example=Code("--valid-till 2h")),
            code="in_the_past",
        )
    if valid_till > now + MONTH_MS:
        raise Refused(
            phrase(
                "{option} is more than a month ahead: {moment}",
                option=Code("--valid-till"),
                moment=Moment(valid_till),
            ),
            hint=phrase("The service keeps a broadcast for a month at most."),
            code="too_far",
        )


COMMANDS = (notify, publish, broadcast)
