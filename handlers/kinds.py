"""Which kind of conversation a command works on, and what to type where it is of another kind."""

from collections.abc import Mapping

from bridge.context import Context
from bridge.conversations import CONVERSATION, KINDS
from bridge.errors import Refused
from bridge.phrases import Code, phrase
from bridge.realtime.models import Conversation, Kind
from bridge.values import ConversationRef


async def of_kind(
    ctx: Context, conv: ConversationRef, wanted: Kind, instead: Mapping[Kind, str]
) -> Conversation:
    """The conversation meant. Refused: it is of another kind; `instead` names the command for that one."""
    found = await ctx.conversations.resolve(conv)
    if found.kind is wanted:
        return found
    listing = Code(f"conv list --kind {wanted}")
    fitting = instead.get(found.kind)
    raise Refused(
        phrase(
            "{name} is a {kind} conversation; this needs a {wanted} conversation.",
            name=Code(found.name or found.id),
            kind=KINDS[found.kind],
            wanted=KINDS[wanted],
        ),
        hint=phrase(
            "Type {command}, or see those that fit with {listing}.",
            command=Code(f"{fitting} {found.id}"),
            listing=listing,
        )
        if fitting
        else phrase("See those that fit with {listing}.", listing=listing),
        code="wrong_kind",
        parameter=CONVERSATION,
    )


def title_of(conversation: Conversation) -> Code:
    """What a conversation is called: its name, or its id where it has none."""
    return Code(conversation.name or conversation.id)
