"""Messages: say something in a conversation as any user."""

from typing import Annotated

from bridge.announcement import announce
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.ledger import Act, Options
from bridge.phrases import Code, phrase
from bridge.realtime.models import Kind
from bridge.reply import Reply
from bridge.values import ClientId, ConversationRef, Text
from handlers.composing import Composing, Saying, plan

EVERYONE = "all"
MENTIONS_AT_MOST = 20
"""Reference 1.9."""


@command(
    "send",
    Effect.REACHES,
    "send lobby Hello everyone! --from tom",
    "send lobby --image https://example.com/map.png --from tom",
    "send lobby --location 31.23,121.47 --from tom",
)
async def send(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    composing: Composing,
    mention: Annotated[tuple[ClientId, ...], Help("who is mentioned, or all")] = (),
    transient: Annotated[bool, Help("only for those online now; not kept")] = False,
) -> Reply:
    """Send a message to a conversation as any user."""
    found = await ctx.conversations.resolve(conv)
    if found.kind is Kind.SYSTEM:
        raise Refused(
            phrase(
                "{name} is a system conversation: it speaks to chosen users, to subscribers or to everyone.",
                name=Code(found.name or found.id),
            ),
            hint=phrase(
                "Use {notify}, {publish} or {broadcast}.",
                notify=Code("notify"),
                publish=Code("publish"),
                broadcast=Code("broadcast"),
            ),
            code="wrong_kind",
        )
    everyone = EVERYONE in mention
    mentions = () if everyone else mention
    if len(mentions) > MENTIONS_AT_MOST:
        raise Refused(
            phrase("A message mentions at most {most} users.", most=MENTIONS_AT_MOST),
            hint=phrase("Use {option}", option=Code("--mention all")),
        )
    options = Options(transient=transient, mention_all=everyone, mentions=mentions)
    saying = Saying(Act.SEND, found, text, options)
    return announce(await ctx.deliveries.carry_out(plan(ctx, saying, composing), ctx.invocation, ctx.tell))


COMMANDS = (send,)
