"""Each contract test runs on both databases, in process and over a socket.

Each database with one transport by default, all four pairs with `CONTRACT_MATRIX=full`.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bridge.server.tables import metadata
from tests.contract.service import Service, running

PAIRS = ["sqlite-inprocess", "postgres-socket"]
if os.environ.get("CONTRACT_MATRIX") == "full":
    PAIRS += ["sqlite-socket", "postgres-inprocess"]


@pytest.fixture(scope="session")
def contract_database(postgres_server: Any) -> str:
    """One PostgreSQL database for all contract tests: emptying it is ten times as fast as making another."""
    postgres_server.psql("CREATE DATABASE contract;")
    return str(postgres_server.get_uri(database="contract"))


async def empty(url: str) -> None:
    """Deletes every row of the server's tables."""
    connection = await asyncpg.connect(url)
    present = {row["tablename"] for row in await connection.fetch("SELECT tablename FROM pg_tables")}
    for table in metadata.tables:
        if table in present:
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    await connection.close()


@pytest.fixture(params=PAIRS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URL of an empty database, and a transport."""
    database, transport = request.param.split("-")
    if database == "sqlite":
        return f"sqlite:///{tmp_path}/realtime.db", transport
    url = str(request.getfixturevalue("contract_database"))
    await empty(url)
    return url, transport


@pytest.fixture
async def service(pair: tuple[str, str]) -> AsyncIterator[Service]:
    """The service with no rate limits; use `running(*pair, plan=...)` for others."""
    async with running(*pair) as service:
        yield service


@pytest.fixture
async def socket_service(pair: tuple[str, str]) -> AsyncIterator[Service]:
    """The service behind a real port, on each database: what WebSocket clients connect to."""
    async with running(pair[0], "socket") as service:
        yield service
