"""Quotas: what the plan still allows, by our own count."""

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.phrases import Phrase, Value, phrase
from bridge.realtime.limits import Family
from bridge.reply import Hint, Reply, Table

SAID: dict[Family, Phrase] = {
    Family.MESSAGES: phrase("send, notify; their edits and recalls"),
    Family.SUBSCRIPTIONS: phrase("publish; its edits and recalls"),
    Family.BROADCASTS: phrase("broadcast; its edits"),
}


@command("quota", Effect.READS, "quota")
async def quota(ctx: Context) -> Reply:
    """Show what is left of the service's limits."""
    left = {family: await ctx.realtime.pacer.left(family) for family in Family}
    columns = (phrase("Calls"), phrase("Left this minute"), phrase("Left today"), phrase("Next one fits in"))
    rows = tuple(
        (
            SAID[family],
            _shown(each.per_minute),
            _shown(each.per_day),
            phrase("{seconds} s", seconds=-(-each.wait_ms // 1000)),
        )
        for family, each in left.items()
    )
    return Reply(
        phrase("What is left, by imbridge's own count."),
        (
            Table(columns, rows),
            Hint(
                phrase(
                    "The service tells nobody its count: what others send for this app is missing here, until a 429"
                    " corrects it."
                )
            ),
        ),
        data={
            family.value: {
                "per_minute": each.per_minute,
                "per_day": each.per_day,
                "wait_ms": each.wait_ms,
            }
            for family, each in left.items()
        },
    )


def _shown(number: int | None) -> Value:
    return phrase("no limit") if number is None else number


COMMANDS = (quota,)
