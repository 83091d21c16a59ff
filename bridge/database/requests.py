"""Remembers which requests have acted, across restarts and replicas."""

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database, insert_new
from bridge.database.group import GroupCommit
from bridge.database.tables import requests


def claim(connection: Connection, wanted: Sequence[tuple[str, str]], at: int) -> Mapping[str, str]:
    """Claim request keys, each with a claimant; gives who holds each now: the first one ever."""
    rows = [{"key": key, "claimant": claimant, "at": at} for key, claimant in wanted]
    connection.execute(insert_new(connection, requests), rows)
    held = select(requests.c.key, requests.c.claimant).where(requests.c.key.in_({key for key, _ in wanted}))
    return {row.key: row.claimant for row in connection.execute(held)}


class Requests:
    """Requests that change something without reaching people; a delivery claims its own together with its plan."""

    def __init__(self, database: Database, clock: Clock = now_ms) -> None:
        self._clock = clock
        self._claim = GroupCommit(database, self._claim_all)

    async def claim(self, request: str) -> bool:
        """True: it is new, and now remembered. False: it has acted before, on this replica or another."""
        return await self._claim(request)

    def _claim_all(self, connection: Connection, keys: Sequence[str]) -> Sequence[bool]:
        wanted = [(key, secrets.token_hex(16)) for key in keys]
        holders = claim(connection, wanted, self._clock())
        return [holders[key] == claimant for key, claimant in wanted]
