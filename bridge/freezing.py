"""Everything stopped: by whom, since when, and how it is told."""

from dataclasses import dataclass, replace
from typing import Protocol

from bridge.errors import Refused
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Hint, Reply

CODE = "frozen"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Who stopped everything, and when (UTC ms)."""

    who: str
    at: int


class Freezer(Protocol):
    """The switch, the same for all replicas."""

    @property
    def shown(self) -> Frozen | None:
        """How it stood when it was last looked at, seconds ago at most; for showing only."""
        ...

    async def now(self) -> Frozen | None:
        """How it stands."""
        ...

    async def freeze(self, who: str) -> int:
        """Stop everything; gives how many calls will not be made."""
        ...

    async def unfreeze(self, who: str) -> bool:
        """Let things go on; False: nothing was stopped."""
        ...

    async def watch(self) -> None:
        """Until canceled: keep what is shown up to date with the other replicas."""
        ...


def refusal(frozen: Frozen) -> Refused:
    """What is told to whoever would reach people meanwhile."""
    return Refused(
        phrase("Everything is frozen, by {who} since {moment}.", who=frozen.who, moment=Moment(frozen.at)),
        hint=phrase("Two people let it go on: {command}.", command=Code("unfreeze")),
        code=CODE,
    )


def marked(reply: Reply, frozen: Frozen | None) -> Reply:
    """The reply, saying so while everything is frozen, where it does not say so anyway."""
    if frozen is None or (reply.failure is not None and reply.failure.code == CODE):
        return reply
    hint = phrase("Frozen by {who} since {moment}.", who=frozen.who, moment=Moment(frozen.at))
    return replace(reply, parts=(*reply.parts, Hint(hint)))
