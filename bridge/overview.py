"""Asks the parts how things stand, for whoever scrapes the figures."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from bridge.clock import Clock, now_ms
from bridge.database import standing
from bridge.database.engine import Database
from bridge.database.standing import SETTLED, UNSETTLED, Standing
from bridge.ledger import State
from bridge.metrics import gauge
from bridge.realtime.limits import Family
from bridge.realtime.pacing import Pacer

if TYPE_CHECKING:
    from bridge.server.app import Server

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""A scraper waits for ten."""


class Overview:
    """The parts that are asked; `server` is None where the messaging service is elsewhere."""

    def __init__(
        self, database: Database, pacer: Pacer, server: "Server | None", clock: Clock = now_ms
    ) -> None:
        self._database = database
        self._pacer = pacer
        self._server = server
        self._clock = clock

    async def read(self) -> list[Metric]:
        """The figures by now; those that the database does not give in time are left out, and one says so."""
        found = list(self._of_this_process())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found += _shared(await standing.read(self._database, self._clock()))
                found += [await self._quota()]
        except Exception:
            log.exception("how things stand could not be read from the database")
            readable = 0
        else:
            readable = 1
        told = "Whether the database gave the figures that all replicas share; where 0, they are left out."
        return [*found, gauge("imbridge_database_readable", told, {(): readable})]

    def _of_this_process(self) -> Iterator[Metric]:
        ours = self._database
        engines = {ours.engine.sync_engine, ours.writer}
        if self._server is not None:
            engines.add(self._server.engine.sqlalchemy.sync_engine)
            presence = self._server.presence
            told = "Sessions of the app's users at our own server, in this process."
            yield gauge("imbridge_sessions", told, {(): len(presence.devices)})
        told = "Connections to the databases, by use: used, idle, and most, which is all there may be."
        yield gauge("imbridge_database_connections", told, standing.connections(*engines), "use")

    async def _quota(self) -> Metric:
        left = {family: await self._pacer.left(family) for family in Family}
        values: dict[tuple[str, ...], float] = {}
        for family, rest in left.items():
            for period, calls in (("minute", rest.per_minute), ("day", rest.per_day)):
                if calls is not None:
                    values[family.value, period] = calls
        told = "Calls that the plan still allows, by our own count; those without a limit are left out."
        return gauge("imbridge_quota_left", told, values, "family", "period")


def _shared(now: Standing) -> list[Metric]:
    return [
        gauge(
            "imbridge_deliveries",
            "Deliveries that are not settled, by state.",
            _counted(now, UNSETTLED),
            "state",
        ),
        gauge(
            "imbridge_deliveries_settled",
            "Settled deliveries that were planned within the last 24 hours, by state.",
            _counted(now, SETTLED),
            "state",
        ),
        gauge("imbridge_proposals", "Proposals that wait for somebody's word.", {(): now.proposals}),
        gauge("imbridge_outbox", "Posts that wait to be taken by Slack.", {(): now.posts}),
        gauge(
            "imbridge_outbox_seconds",
            "How long the oldest of them has waited.",
            {(): now.oldest_post_ms / 1000},
        ),
        gauge("imbridge_fires_missed", "Missed fires that somebody has to decide about.", {(): now.missed}),
        gauge(
            "imbridge_schedule_lag_seconds",
            "How long ago the oldest fire was due that is still carried out.",
            {(): now.behind_ms / 1000},
        ),
        gauge("imbridge_frozen", "Whether everything that reaches people is stopped.", {(): int(now.frozen)}),
    ]


def _counted(now: Standing, states: Iterable[State]) -> dict[tuple[str, ...], float]:
    return {(state.value,): now.deliveries[state] for state in states}
