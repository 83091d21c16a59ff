"""What a delivery's quota means for it before it starts: it fits, takes some minutes, or can't be carried out today."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from bridge.errors import Failed, Refused
from bridge.invocation import Invocation, Place, Trigger
from bridge.phrases import phrase
from bridge.realtime.pacing import Left
from bridge.reply import Hint, Reply

Say: TypeAlias = Callable[[Place, Reply], Awaitable[None]]
"""Says something in a place, now. Raises Failed where that can't be."""

LONGEST_MINUTES = 30
"""What a response_url lasts: where the bot can't post, nobody would hear of the rest."""
WATCHED = frozenset({Trigger.SLASH, Trigger.BUTTON, Trigger.FORM, Trigger.MENTION})


def minutes(left: Left, calls: int) -> int:
    """How many minutes have to begin before the last of these calls may be made; 0 when they fit into this one."""
    if left.minute_total is None or left.per_minute is None:
        return 0
    return max(0, -(-(calls - left.per_minute) // left.minute_total))


def refuse_beyond_the_day(left: Left, calls: int) -> None:
    """Refused: more calls than the service takes today; a single one is the service's own to refuse."""
    if left.per_day is not None and calls > max(1, left.per_day):
        raise Refused(
            phrase(
                "It takes {calls} calls, and the service takes {left} more of this kind today; nothing of it went out.",
                calls=calls,
                left=left.per_day,
            ),
            code="quota",
        )


def foretold(reply: Reply, calls: int, wait: int) -> Reply:
    """The reply on a delivery, saying how long the quota makes it take."""
    hint = phrase(
        "Its {calls} calls are more than the quota allows at once: it takes about {count} minute.",
        plural="Its {calls} calls are more than the quota allows at once: it takes about {count} minutes.",
        calls=calls,
        count=wait,
    )
    return replace(reply, parts=(*reply.parts, Hint(hint)))


async def refuse_unheard(invocation: Invocation, wait: int, say: Say | None) -> None:
    """Refused: it may outlast the ways to answer, and the bot can't post where it was asked."""
    if wait < LONGEST_MINUTES or say is None or invocation.trigger not in WATCHED:
        return
    try:
        await say(
            invocation.place,
            Reply(
                phrase(
                    "A delivery begins that takes about {count} minute; its result comes here.",
                    plural="A delivery begins that takes about {count} minutes; its result comes here.",
                    count=wait,
                )
            ),
        )
    except Failed as error:
        raise Refused(
            phrase(
                "It would take about {count} minute, and I can't post here: nobody would hear how it ends.",
                plural="It would take about {count} minutes, and I can't post here: nobody would hear how it ends.",
                count=wait,
            ),
            hint=phrase("Invite me first."),
            code="invite_first",
        ) from error
