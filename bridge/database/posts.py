"""Keeps what is to be said until it is said: one row for each post, its key never said twice."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, delete, func, not_, select, update

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database, insert_new
from bridge.database.group import GroupCommit
from bridge.database.leases import living
from bridge.database.tables import posts
from bridge.invocation import Place

REMEMBERED_MS = 7 * 86_400_000
"""A key that was said longer ago than this can't come again: whoever might repeat it has been taken over long since."""


class PostState(StrEnum):
    """waiting ──► posting ──► posted | waiting (not now) | dropped (never)"""

    WAITING = "waiting"
    POSTING = "posting"
    POSTED = "posted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing to say, as its poster wrote it; `again`: an earlier try may have arrived."""

    key: str
    place: Place
    text: str
    again: bool = False
    tries: int = 0


def keep(connection: Connection, letters: Sequence[Letter], at: int) -> None:
    """Keep letters in the caller's transaction; those whose key is known are left out."""
    rows = [
        {
            "key": letter.key,
            "team": letter.place.team,
            "channel": letter.place.channel,
            "letter": letter.text,
            "state": PostState.WAITING.value,
            "again": letter.again,
            "tries": 0,
            "due": at,
            "at": at,
            "lease": "",
        }
        for letter in letters
    ]
    connection.execute(insert_new(connection, posts), rows)


class PostStore:
    """The posts of all replicas; `lease` names this process."""

    def __init__(self, database: Database, lease: str, clock: Clock = now_ms) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock
        self._keep = GroupCommit(database, self._keep_all)

    async def keep(self, letter: Letter) -> None:
        """Durable when this returns; a letter whose key is known is left out."""
        await self._keep(letter)

    async def take(self, busy: Collection[str]) -> tuple[Letter, ...]:
        """Make ours the oldest letter of each channel that is due, but for `busy` channels; in the order of their time.

        One that a lapsed process was about to post may stand there already.
        """
        now = self._clock()
        lapsed = posts.c.lease.not_in(living(now))
        under_way = select(posts.c.channel).where(posts.c.state == PostState.POSTING.value)
        oldest = (
            select(func.min(posts.c.id))
            .where(posts.c.state == PostState.WAITING.value, posts.c.channel.not_in(under_way))
            .group_by(posts.c.channel)
        )
        query = (
            select(posts)
            .where(
                posts.c.id.in_(oldest),
                # Said again: another replica may have taken it since the oldest ones were looked up.
                posts.c.state == PostState.WAITING.value,
                posts.c.due <= now,
                posts.c.channel.not_in(list(busy)),
            )
            .order_by(posts.c.id)
            .with_for_update(skip_locked=True)
        )

        def taken(connection: Connection) -> Sequence[Row[tuple[object, ...]]]:
            connection.execute(
                update(posts)
                .where(posts.c.state == PostState.POSTING.value, lapsed)
                .values(state=PostState.WAITING.value, again=True)
            )
            rows = connection.execute(query).all()
            if rows:
                ours = update(posts).where(posts.c.id.in_([row.id for row in rows]))
                connection.execute(ours.values(state=PostState.POSTING.value, lease=self._lease))
            return rows

        rows = await self._database.write(taken)
        return tuple(
            Letter(row.key, Place(row.team, row.channel), row.letter, row.again, row.tries) for row in rows
        )

    async def settle(self, letter: Letter, state: PostState, *, again: bool = False, due: int = 0) -> None:
        """Write what came of a letter; one that goes on waiting is due at `due`, UTC ms."""
        ended = state in (PostState.POSTED, PostState.DROPPED)
        values = {"state": state.value, "again": again, "tries": letter.tries + 1, "due": due}
        if ended:
            values |= {"letter": "", "at": self._clock()}
        settled = update(posts).where(posts.c.key == letter.key).values(values)
        await self._database.write(lambda connection: connection.execute(settled))

    async def forget(self) -> None:
        """Forget what was said long ago."""
        waits = posts.c.state.in_([PostState.WAITING.value, PostState.POSTING.value])
        old = delete(posts).where(not_(waits), posts.c.at < self._clock() - REMEMBERED_MS)
        await self._database.write(lambda connection: connection.execute(old))

    async def finish(self) -> None:
        """Wait until everything asked for is durable."""
        await self._keep.finish()

    def _keep_all(self, connection: Connection, letters: Sequence[Letter]) -> Sequence[None]:
        keep(connection, letters, self._clock())
        return [None] * len(letters)
