"""Deliveries and their states: what was meant, what was done, and which change may follow which.

    proposed ──► planned ──► sending ──► sent
        │         │ ▲ ▲       │  │  └──► refused    the service said no, or was certainly never reached
        │         │ │ └───────┘  └─────► unknown    the answer was lost, or the process ended
        │         │ │   certainly not      │
        │         │ │   sent: again        ├──► sent       found in the service, or a person says so
        │         │ └──────────────────────┤               a person says: again
        └─────────┴──► canceled ◄──────────┘               a person gives up

`sending` is committed before a call and the outcome after it, so a row that still reads `sending` when its
process is gone may have reached people: it becomes `unknown`, and no machine ever sends it again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bridge.invocation import Place
from bridge.realtime.models import Kind
from bridge.reply import Json

CLIENTS_PER_CALL = 20
"""REST 1.2, service conversations: `to_clients` holds at most 20."""


class State(StrEnum):
    """Where a part, and so its delivery, has got to."""

    PROPOSED = "proposed"
    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CANCELED = "canceled"


ALLOWED: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.PLANNED, State.CANCELED}),
    State.PLANNED: frozenset({State.SENDING, State.CANCELED}),
    State.SENDING: frozenset({State.SENT, State.REFUSED, State.UNKNOWN, State.PLANNED}),
    State.UNKNOWN: frozenset({State.UNKNOWN, State.SENT, State.PLANNED, State.CANCELED}),
    State.SENT: frozenset(),
    State.REFUSED: frozenset(),
    State.CANCELED: frozenset(),
}

LEAST_SETTLED_FIRST = (
    State.PROPOSED,
    State.SENDING,
    State.PLANNED,
    State.UNKNOWN,
    State.REFUSED,
    State.CANCELED,
    State.SENT,
)


class Act(StrEnum):
    """The four ways to reach people."""

    SEND = "send"
    NOTIFY = "notify"
    PUBLISH = "publish"
    BROADCAST = "broadcast"


class Reason(StrEnum):
    """Why a part changed its state; what the service itself said stands beside it as words."""

    ASKED = "asked"
    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    QUOTA_USED_UP = "quota_used_up"
    REJECTED = "rejected"
    ANSWER_LOST = "answer_lost"
    PROCESS_ENDED = "process_ended"
    SLEPT = "slept"
    """The process woke from a sleep that outlasted its lease, just before the call, and did not make it."""
    FAULT = "fault"
    FOUND = "found"
    RECOGNISED = "recognised"
    """Found by sender, text and time, because a plain string carries no delivery id."""
    NOT_FOUND = "not_found"
    NO_TRACE = "no_trace"
    """A transient message is kept nowhere: there is nothing to look for."""
    NOT_ASKED = "not_asked"
    """The service could not be asked for too long."""
    PERSON = "person"
    GIVEN = "given"
    """Confirmed by its author, or approved."""
    EXPIRED = "expired"
    """Nobody gave their word in time."""
    VOID = "void"
    """It was no longer what had been shown, or no longer its author's to do."""
    FROZEN = "frozen"


QUESTIONS = frozenset({Reason.NOT_FOUND, Reason.NO_TRACE, Reason.NOT_ASKED})
"""Why a part stays unknown until a person decides."""


class Answer(StrEnum):
    """What a person says of an unknown delivery."""

    SENT = "sent"
    AGAIN = "again"
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True)
class Options:
    """What a call says beside its message. `valid_till` is UTC milliseconds, for a broadcast."""

    transient: bool = False
    mention_all: bool = False
    mentions: tuple[str, ...] = ()
    valid_till: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be said to whom, complete before anything is done.

    `message` is the string of the wire and carries `id` where `typed`; `text` is what a person would read in it.
    `audience` is empty unless the act is `notify`; then it is cut into one part for each call.
    """

    id: str
    act: Act
    conversation: str
    kind: Kind
    name: str
    sender: str
    message: str
    text: str
    typed: bool = True
    push: Mapping[str, Json] | None = None
    options: Options = field(default_factory=Options)
    audience: tuple[str, ...] = ()

    def calls(self) -> Sequence[tuple[str, ...]]:
        """The clients of each call; a single call without clients unless chosen ones are notified."""
        if self.act is not Act.NOTIFY:
            return [()]
        return list(_cut(self.audience))


def _cut(clients: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(clients), CLIENTS_PER_CALL):
        yield clients[start : start + CLIENTS_PER_CALL]


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a delivery. `at` is when its state last changed, `timestamp` the service's own; both UTC ms."""

    number: int
    state: State
    clients: tuple[str, ...] = ()
    msg_id: str | None = None
    timestamp: int | None = None
    reason: Reason = Reason.ASKED
    words: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A plan and how far it has come. `at` is when it was planned, UTC ms; `actor` and `place` say who and where.

    Nothing of it goes out before `due`, UTC ms; 0 where nobody waits.
    """

    plan: Plan
    request: str
    actor: str
    place: Place
    at: int
    parts: tuple[Part, ...]
    due: int = 0

    @property
    def id(self) -> str:
        return self.plan.id

    @property
    def state(self) -> State:
        return settled_state(self.parts)

    def count(self, *states: State) -> int:
        """How many parts are in one of these states."""
        return sum(part.state in states for part in self.parts)

    @property
    def doubtful(self) -> tuple[Part, ...]:
        """The parts that may have gone out and are still to be looked for."""
        return tuple(
            part for part in self.parts if part.state is State.UNKNOWN and part.reason not in QUESTIONS
        )

    @property
    def questioned(self) -> tuple[Part, ...]:
        """The parts that may have gone out and wait for a person's word."""
        return tuple(part for part in self.parts if part.state is State.UNKNOWN and part.reason in QUESTIONS)


class PartKey(NamedTuple):
    """Names one part: its delivery's id and its number."""

    delivery: str
    number: int


class Planned(NamedTuple):
    """The delivery of a request; `fresh` is false where an earlier one has the same request key."""

    delivery: Delivery
    fresh: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a part: its next state and why, with the service's message id and time where it gave them."""

    state: State
    reason: Reason
    words: str = ""
    msg_id: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a delivery's story; `part` is None where it concerns all of them. `at` is UTC ms."""

    part: int | None
    state: State
    at: int
    who: str
    reason: Reason
    words: str = ""


def may_become(now: State, then: State) -> bool:
    """Whether a part may go from one state to the other."""
    return then in ALLOWED[now]


def settled_state(parts: Iterable[Part]) -> State:
    """The state of a delivery: that of its least settled part. ValueError: there are no parts."""
    there = {part.state for part in parts}
    return min(there, key=LEAST_SETTLED_FIRST.index)
