"""The emergency stop: everything that reaches people, for all replicas, at once."""

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.phrases import Code, phrase
from bridge.reply import Hint, Reply


@command("freeze", Effect.STOPS, "freeze")
async def freeze(ctx: Context) -> Reply:
    """Stop every send and every schedule at once."""
    who = ctx.invocation.actor.id
    stopped = await ctx.freezer.freeze(who)
    return Reply(
        phrase(
            "Frozen: nothing goes out any more; {count} call that was planned will not be made.",
            plural="Frozen: nothing goes out any more; {count} calls that were planned will not be made.",
            count=stopped,
        ),
        (Hint(phrase("What was already being sent ends by itself: one call of each delivery at most.")),),
        data={"frozen": True, "by": who, "stopped": stopped},
    )


@command("unfreeze", Effect.RESUMES, "unfreeze")
async def unfreeze(ctx: Context) -> Reply:
    """Let things go out again; it takes two people, or one at the terminal."""
    who = ctx.invocation.actor.id
    if not await ctx.freezer.unfreeze(who):
        raise Refused(phrase("Nothing is frozen."), code="not_frozen")
    return Reply(
        phrase("Not frozen any more: things may go out again."),
        (
            Hint(
                phrase(
                    "What was stopped stays canceled: see it with {command}.",
                    command=Code("delivery list --state canceled"),
                )
            ),
        ),
        data={"frozen": False, "by": who},
    )


COMMANDS = (freeze, unfreeze)
