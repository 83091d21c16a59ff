"""Keeps what waits for a person's word: the first word counts, on whichever replica it is given."""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection, Row, insert, select, update

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database
from bridge.database.requests import claim
from bridge.database.tables import proposals
from bridge.invocation import Place, Trigger
from bridge.proposals import Proposal, ProposalState

NEWEST = 100


def keep(connection: Connection, proposal: Proposal) -> None:
    """Keep a new proposal in the caller's transaction."""
    connection.execute(insert(proposals), [_row(proposal)])


def settle(connection: Connection, proposal: str, state: ProposalState, who: str, at: int) -> bool:
    """Settle an open proposal in the caller's transaction; False: there is none, or it is settled."""
    settled = update(proposals).where(
        proposals.c.id == proposal, proposals.c.state == ProposalState.OPEN.value
    )
    return connection.execute(settled.values(state=state.value, who=who, settled_at=at)).rowcount > 0


class ProposalStore:
    """The proposals of all replicas."""

    def __init__(self, database: Database, clock: Clock = now_ms) -> None:
        self._database = database
        self._clock = clock

    async def add(self, proposal: Proposal, request: str) -> str:
        """Keep one that reaches nobody; gives the id under which this request proposed first."""

        def added(connection: Connection) -> str:
            holder = claim(connection, [(request, proposal.id)], self._clock())[request]
            if holder == proposal.id:
                keep(connection, proposal)
            return holder

        return await self._database.write(added)

    async def show(self, proposal: str) -> Proposal | None:
        """One proposal as it stands."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(proposals).where(proposals.c.id == proposal))).first()
        return None if row is None else _proposal(row)

    async def waiting(self) -> tuple[Proposal, ...]:
        """The open ones, the oldest first."""
        query = select(proposals).where(proposals.c.state == ProposalState.OPEN.value)
        async with self._database.read() as connection:
            rows = (
                await connection.execute(query.order_by(proposals.c.at, proposals.c.id).limit(NEWEST))
            ).all()
        return tuple(map(_proposal, rows))

    async def settle(self, proposal: str, state: ProposalState, who: str) -> bool:
        """Settle an open one that reaches nobody; False: it is settled."""
        now = self._clock()
        return await self._database.write(lambda connection: settle(connection, proposal, state, who, now))


def _row(proposal: Proposal) -> Mapping[str, object]:
    row = asdict(proposal)
    place = row.pop("place")
    return {
        **row,
        **place,
        "trigger": proposal.trigger.value,
        "state": proposal.state.value,
        "settled_at": None,
    }


def _proposal(row: Row[tuple[object, ...]]) -> Proposal:
    return Proposal(
        id=row.id,
        line=row.line,
        command=row.command,
        announces=row.announces,
        digest=row.digest,
        author=row.author,
        zone=row.zone,
        place=Place(row.team, row.channel),
        trigger=Trigger(row.trigger),
        at=row.at,
        until=row.until,
        rule=row.rule,
        role=row.role,
        state=ProposalState(row.state),
        who=row.who,
    )
