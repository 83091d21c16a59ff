"""How things stand, for whoever scrapes the figures: one query each, none of which reads more rows as years go by."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, QueuePool, Select, and_, func, or_, select

from bridge.cron import FireState
from bridge.database.engine import Database
from bridge.database.posts import PostState
from bridge.database.switches import standing as switch
from bridge.database.tables import deliveries, fires, posts, proposals
from bridge.ledger import State
from bridge.proposals import ProposalState

DAY_MS = 86_400_000
UNSETTLED = (State.PROPOSED, State.PLANNED, State.SENDING, State.UNKNOWN)
SETTLED = (State.SENT, State.REFUSED, State.CANCELED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database of all replicas holds by now.

    `deliveries` are all that are unsettled, and the settled ones of the last day. `behind_ms` is how long ago the
    oldest fire was due that is still carried out.
    """

    deliveries: Mapping[State, int]
    proposals: int
    posts: int
    oldest_post_ms: int
    missed: int
    behind_ms: int
    frozen: bool


async def read(database: Database, now: int) -> Standing:
    """All of it as it is at one moment; `now` is UTC ms."""
    async with database.read() as connection:
        return await connection.run_sync(_read, now)


def _read(connection: Connection, now: int) -> Standing:
    counted = {State(name): count for name, count in connection.execute(_deliveries(now))}
    waiting, oldest = connection.execute(_POSTS).one()
    under_way = connection.execute(_UNDER_WAY).scalar()
    return Standing(
        deliveries={state: counted.get(state, 0) for state in State},
        proposals=connection.execute(_PROPOSALS).scalar_one(),
        posts=waiting,
        oldest_post_ms=0 if oldest is None else max(0, now - oldest),
        missed=connection.execute(_MISSED).scalar_one(),
        behind_ms=0 if under_way is None else max(0, now - under_way),
        frozen=connection.execute(switch()).one().is_on,
    )


def connections(*engines: Engine) -> dict[tuple[str, ...], float]:
    """How many connections of these engines' pools are at work, lie ready, and may be opened at most."""
    pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
    return {
        ("used",): sum(pool.checkedout() for pool in pools),
        ("idle",): sum(pool.checkedin() for pool in pools),
        ("most",): sum(pool.size() + pool._max_overflow for pool in pools),
    }


def _deliveries(now: int) -> Select[str, int]:
    state = deliveries.c.state
    recent = and_(state.in_([each.value for each in SETTLED]), deliveries.c.at >= now - DAY_MS)
    wanted = or_(state.in_([each.value for each in UNSETTLED]), recent)
    return select(state, func.count()).where(wanted).group_by(state)


_POSTS = select(func.count(), func.min(posts.c.at)).where(
    posts.c.state.in_([PostState.WAITING.value, PostState.POSTING.value])
)
_PROPOSALS = select(func.count()).where(proposals.c.state == ProposalState.OPEN.value)
_MISSED = select(func.count()).where(fires.c.state.in_([FireState.ASKING.value, FireState.ASKED.value]))
_UNDER_WAY = select(func.min(fires.c.instant)).where(fires.c.state == FireState.CLAIMED.value)
