"""Connections to PostgreSQL that end while nobody uses them: the next call makes another, and nobody notices."""

import asyncio

import asyncpg
import pytest

from bridge.server import engine
from tests.contract.messaging import history, make, send
from tests.contract.service import Service, running

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def end_all_others(url: str) -> None:
    """Ends every other connection to the database, and returns when the last is gone."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    async with asyncio.timeout(10):
        while await connection.fetchval(f"SELECT count(*) {OTHERS} AND query NOT LIKE '%pg_notify%'"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await connection.close()


@pytest.mark.parametrize("idle", [5.0, 0.0], ids=["used a moment ago", "idle for long"])
async def test_calls_after_the_database_ended_every_connection_are_answered(
    contract_database: str, monkeypatch: pytest.MonkeyPatch, idle: float
) -> None:
    monkeypatch.setattr(engine, "IDLE_SECONDS", idle)
    async with running(contract_database, "inprocess") as service:
        conv_id = await make(service)
        await together(service, conv_id)
        await end_all_others(contract_database)
        await together(service, conv_id)
        assert len(await history(service, conv_id, limit=1000)) == 16


async def together(service: Service, conv_id: str) -> None:
    """Several calls at once, each of which needs a connection."""
    calls = [send(service, conv_id, str(number)) for number in range(8)]
    await asyncio.gather(*calls, *(history(service, conv_id) for _ in range(8)))
