"""What the bridge keeps, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from tests.contract.bridge.desk import Desk
from tests.contract.bridge.making import Clock
from tests.contract.bridge.replica import Make, Replica


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/var/bridge.db"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with its tables."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that moves by hand."""
    return Clock()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> Ledger:
    """The ledger of a process called `one`."""
    return Ledger(database, "one", clock)


@pytest.fixture
def desk(ledger: Ledger, clock: Clock) -> Desk:
    """Deliveries of the process called `one` over a scripted service."""
    return Desk(ledger, clock)


@pytest.fixture(autouse=True)
async def no_task_is_left_behind() -> AsyncIterator[None]:
    """Whatever a test has started is over when it ends."""
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def replica(database: Database) -> AsyncIterator[Make]:
    made: list[Replica] = []

    def make(name: str = "one", ahead: int = 0) -> Replica:
        made.append(Replica(database, name, ahead))
        return made[-1]

    yield make
    for each in made:
        await each.schedules.close()
