"""How parts change their state: whole groups of changes in one transaction, each only where it may be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, exists, insert, select, update

from bridge.database.engine import ForMany
from bridge.database.switches import is_frozen
from bridge.database.tables import changes, deliveries, parts
from bridge.ledger import LEAST_SETTLED_FIRST, QUESTIONS, Outcome, PartKey, Reason, State, may_become


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to change a part. `owner` is the lease that must hold it, where that matters."""

    key: PartKey
    outcome: Outcome
    who: str
    owner: str | None = None
    answers: bool = False
    """Only where a person has been asked."""

    def fits(self, held: "Held") -> bool:
        """Whether it may be made of a part that stands so."""
        asked = held.state is State.UNKNOWN and held.reason in QUESTIONS
        return (
            may_become(held.state, self.outcome.state)
            and self.owner in (None, held.lease)
            and (asked or not self.answers)
        )


class Held(NamedTuple):
    """How a part stands, and who holds it."""

    state: State
    reason: Reason
    lease: str


def apply(connection: Connection, moves: Sequence[Move], lease: str, now: int) -> Sequence[bool]:
    """Make the changes that may be made, in order; says which were. `lease` holds the parts from then on.

    While everything is frozen, what was about to be sent is canceled instead.
    """
    # The switch first, then the parts: the order in which whoever freezes takes them.
    frozen = any(move.outcome.state is State.SENDING for move in moves) and is_frozen(connection)
    held = _states(connection, {move.key for move in moves})
    accepted: list[Move] = []
    answers: list[bool] = []
    for move in moves:
        moved = move.key in held and move.fits(held[move.key])
        if moved and frozen and move.outcome.state is State.SENDING:
            stopped = replace(move, outcome=Outcome(State.CANCELED, Reason.FROZEN))
            held[move.key] = Held(State.CANCELED, Reason.FROZEN, lease)
            accepted.append(stopped)
            moved = False
        elif moved:
            held[move.key] = Held(move.outcome.state, move.outcome.reason, lease)
            accepted.append(move)
        answers.append(moved)
    write(connection, accepted, lease, now)
    return answers


def write(connection: Connection, moves: Sequence[Move], lease: str, now: int) -> None:
    """Make changes of which it is known that they may be made."""
    if moves:
        _MOVE(connection, [_moved_row(move, now, lease) for move in moves])
        _CHANGE(connection, [_change_row(move, now) for move in moves])
        _sum_up(connection, {move.key.delivery for move in moves})


_MOVE = ForMany(
    update(parts)
    .where(parts.c.delivery == bindparam("of_delivery"), parts.c.number == bindparam("of_number"))
    .values(
        state=bindparam("to_state"),
        reason=bindparam("to_reason"),
        words=bindparam("to_words"),
        msg_id=bindparam("to_msg_id"),
        timestamp=bindparam("to_timestamp"),
        at=bindparam("to_at"),
        lease=bindparam("to_lease"),
    ),
    (),
)
_CHANGE = ForMany(insert(changes), ("delivery", "part", "state", "at", "who", "reason", "words"))
_WINDOW = (
    select(parts.c.number, parts.c.state, parts.c.reason, parts.c.lease)
    .where(
        parts.c.delivery == bindparam("of_delivery"),
        parts.c.number.between(bindparam("first"), bindparam("last")),
    )
    .order_by(parts.c.number)
    .with_for_update()
)


# A look into the index for each state, where the least of all parts would be read from every one of them.
_LEAST = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_delivery"))
    .values(
        state=case(
            *(
                (
                    exists().where(parts.c.delivery == deliveries.c.id, parts.c.state == state.value),
                    state.value,
                )
                for state in LEAST_SETTLED_FIRST
            ),
            else_=deliveries.c.state,
        )
    )
)


def _states(connection: Connection, keys: Iterable[PartKey]) -> dict[PartKey, Held]:
    """How parts stand, locked until the transaction ends (in one order, so that nobody deadlocks).

    Those of one delivery are asked for as one window: what moves together mostly stands together.
    """
    windows: dict[str, list[int]] = {}
    for delivery, number in keys:
        windows.setdefault(delivery, []).append(number)
    held = {}
    for delivery, numbers in sorted(windows.items()):
        window = {"of_delivery": delivery, "first": min(numbers), "last": max(numbers)}
        for number, state, reason, lease in connection.execute(_WINDOW, window):
            held[PartKey(delivery, number)] = Held(State(state), Reason(reason), lease)
    return held


def _sum_up(connection: Connection, ids: Iterable[str]) -> None:
    """Write the least settled state of their parts into deliveries."""
    for delivery in sorted(ids):
        connection.execute(_LEAST, {"of_delivery": delivery})


def _moved_row(move: Move, now: int, lease: str) -> Mapping[str, object]:
    return {
        "of_delivery": move.key.delivery,
        "of_number": move.key.number,
        "to_state": move.outcome.state.value,
        "to_reason": move.outcome.reason.value,
        "to_words": move.outcome.words,
        "to_msg_id": move.outcome.msg_id,
        "to_timestamp": move.outcome.timestamp,
        "to_at": now,
        "to_lease": lease,
    }


def _change_row(move: Move, now: int) -> Mapping[str, object]:
    return {
        "delivery": move.key.delivery,
        "part": move.key.number,
        "state": move.outcome.state.value,
        "at": now,
        "who": move.who,
        "reason": move.outcome.reason.value,
        "words": move.outcome.words,
    }
