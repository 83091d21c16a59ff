"""A database of the version before, with what was in it, is brought up to date; and what was dumped can be restored."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from bridge.audit import Entry, Stage
from bridge.cron import Fire, Schedule
from bridge.database.audit import AuditLog
from bridge.database.engine import MIGRATIONS, Database, address_of
from bridge.database.ledger import Ledger
from bridge.database.look import Tables, look
from bridge.database.posts import Letter, PostStore
from bridge.database.requests import Requests
from bridge.database.schedules import ScheduleStore
from bridge.database.tables import metadata
from bridge.errors import BadConfiguration
from bridge.ledger import Act, Outcome, PartKey, Reason, State
from tests.contract.bridge.making import NOON, Clock, invocation, plan
from tests.contract.bridge.replica import HERE

SCRIPTS = ScriptDirectory(str(MIGRATIONS))
NEWEST = SCRIPTS.get_revision("head")
BEFORE = str(NEWEST.down_revision)
SENT = Outcome(State.SENT, Reason.ANSWERED, msg_id="m1", timestamp=NOON + 5)
PARTY = Schedule("party", "0 10 * * sat", "Asia/Shanghai", "broadcast news 周六有晚会！", HERE, owner="U1")

Result = TypeVar("Result")
Rows = Mapping[str, Counter[tuple[tuple[str, object], ...]]]
"""What is in each table, but for numbers that the database gives by itself."""


def counted(table: Table) -> set[str]:
    """Columns whose values the database gives by itself."""
    return {column.name for column in table.columns if column.autoincrement is True and column.name == "id"}


def rows_of(connection: Connection) -> Rows:
    """Everything in our tables, of whatever version they are."""
    there = inspect(connection)
    found: dict[str, Counter[tuple[tuple[str, object], ...]]] = {}
    for name, table in metadata.tables.items():
        if not there.has_table(name):
            continue
        columns = {each["name"] for each in there.get_columns(name)} - counted(table)
        wanted = select(*(column for column in table.columns if column.name in columns))
        found[name] = Counter(
            tuple(sorted((str(key), value) for key, value in row._mapping.items()))
            for row in connection.execute(wanted)
        )
    return found


async def on(url: str, work: Callable[[Connection], Result]) -> Result:
    """One transaction that brings no table up to date."""
    engine = create_async_engine(address_of(url))
    async with engine.begin() as connection:
        done = await connection.run_sync(work)
    await engine.dispose()
    return done


async def filled(url: str, clock: Clock) -> None:
    """A database of this version in which somebody has worked, and more is to be done."""
    database = await Database.open(url)
    ledger = Ledger(database, "gone", clock)
    await ledger.plan(plan("d1"), invocation("sent"))
    assert await ledger.begin(PartKey("d1", 0))
    assert await ledger.settle(PartKey("d1", 0), SENT)
    await ledger.told("d1")
    await ledger.plan(plan("d2", act=Act.NOTIFY, clients=45), invocation("planned"))
    schedules = ScheduleStore(database, "gone", clock)
    assert await schedules.add(PARTY)
    assert await schedules.claim(Fire("party", NOON + 1))
    await PostStore(database, "gone", clock).keep(Letter("k1", HERE, "周六有晚会！"))
    assert await Requests(database, clock).claim("r1")
    await database.close()


def older(rows: Rows) -> Callable[[Connection], None]:
    """Makes the tables of the version before, and puts rows into them as far as it had a place for them."""

    def made(connection: Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        command.upgrade(config, BEFORE)
        there = MetaData()
        there.reflect(connection)
        for table in metadata.sorted_tables:
            old = there.tables.get(table.name)
            if old is None or not rows[table.name]:
                continue
            connection.execute(old.delete())
            kept = [{k: v for k, v in row if k in old.columns} for row in rows[table.name].elements()]
            connection.execute(insert(table), kept)

    return made


@pytest.fixture
async def before(database_url: str, tmp_path: Path, clock: Clock) -> Rows:
    """At `database_url`, a database of the version before; gives what is in it."""
    now = f"sqlite:///{tmp_path}/now.db"
    await filled(now, clock)
    Path(address_of(database_url).database or "").parent.mkdir(exist_ok=True)
    await on(database_url, older(await on(now, rows_of)))
    assert (await look(database_url)).tables is Tables.OLDER
    return await on(database_url, rows_of)


def kept(old: Rows, new: Rows) -> bool:
    """Whether everything is still there, with what it said; columns that came since say nothing yet."""
    for name, rows in old.items():
        columns = {key for row in rows for key, _ in row}
        now = Counter(
            tuple((key, value) for key, value in row if key in columns) for row in new[name].elements()
        )
        if rows - now:
            return False
    return True


async def works(url: str, clock: Clock) -> None:
    """What was begun before goes on, what was done is not done again, and what is new can be used."""
    database = await Database.open(url)
    ledger = Ledger(database, "new", clock)
    sent, planned = await ledger.show("d1"), await ledger.show("d2")
    assert sent is not None
    assert planned is not None
    assert (sent.state, sent.parts[0].msg_id, sent.plan) == (State.SENT, "m1", plan("d1"))
    assert [len(part.clients) for part in planned.parts] == [20, 20, 5]
    again = await ledger.plan(plan("d9"), invocation("sent"))
    assert (again.delivery.id, again.fresh) == ("d1", False)
    assert await ledger.take_over(()) == ("d2",)
    assert await ledger.begin(PartKey("d2", 0))
    assert await ledger.settle(PartKey("d2", 0), SENT)

    schedules = ScheduleStore(database, "new", clock)
    assert await schedules.all() == await schedules.all() != ()
    assert (await schedules.all())[0].schedule == PARTY
    assert not await schedules.claim(Fire("party", NOON + 1))
    assert [left.fire for left in await schedules.take_over(())] == [Fire("party", NOON + 1)]

    letters = PostStore(database, "new", clock)
    assert [letter.text for letter in await letters.take(())] == ["周六有晚会！"]
    assert not await Requests(database, clock).claim("r1")
    audit = AuditLog(database, "new", clock)
    await audit.first(Entry.of(invocation(), Stage.ANSWERED, clock()))
    assert (await audit.verify()).ok
    await audit.finish()
    await database.close()


async def test_a_database_of_the_version_before_is_brought_up_to_date_with_all_that_is_in_it(
    before: Rows, database_url: str, clock: Clock
) -> None:
    assert before["imbridge_deliveries"].total() == 2
    await works(database_url, clock)


async def test_an_upgrade_changes_nothing_of_what_was_there(before: Rows, database_url: str) -> None:
    await (await Database.open(database_url)).close()
    assert (await look(database_url)).tables is Tables.CURRENT
    assert kept(before, await on(database_url, rows_of))


async def test_replicas_that_start_at_once_upgrade_it_once(
    before: Rows, database_url: str, clock: Clock
) -> None:
    for each in await asyncio.gather(*(Database.open(database_url) for _ in range(4))):
        await each.close()
    assert kept(before, await on(database_url, rows_of))
    await works(database_url, clock)


async def test_an_upgrade_that_fails_leaves_the_version_before(before: Rows, database_url: str) -> None:
    """Something is in the way of the newest version's last table, or column."""
    put, taken = in_the_way(before)
    await on(database_url, lambda connection: connection.execute(text(put)))
    with pytest.raises(BadConfiguration, match="cannot be opened"):
        await Database.open(database_url)
    await on(database_url, lambda connection: connection.execute(text(taken)))
    assert (await look(database_url)).tables is Tables.OLDER
    assert await on(database_url, rows_of) == before


def in_the_way(old: Rows) -> tuple[str, str]:
    """Statements that put something where the newest version wants to, and that take it away again."""
    for name, table in reversed(metadata.tables.items()):
        if name not in old:
            return f"CREATE TABLE {name} (id INTEGER)", f"DROP TABLE {name}"
        known = {key for row in old[name] for key, _ in row} | counted(table)
        for column in table.columns.keys() if old[name] else ():
            if column not in known:
                alter = f"ALTER TABLE {name}"
                return f"{alter} ADD COLUMN {column} INTEGER", f"{alter} DROP COLUMN {column}"
    pytest.skip("the newest version adds neither a table nor a column to one that has rows here")


# Dumps, as docs/deploying.md has them


Copy = Callable[[], Awaitable[str]]


async def finished(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def tools(server: Any) -> Sequence[str]:
    """pg_dump and pg_restore: those of this very server, else whatever the machine has."""
    module = __import__(type(server).__module__.partition(".")[0])
    newest_first = sorted(Path(str(module.__file__)).parent.glob("pginstall*/bin"), reverse=True)
    places = ":".join(map(str, newest_first))
    found = [shutil.which(name, path=places) or shutil.which(name) for name in ("pg_dump", "pg_restore")]
    if None in found:
        pytest.skip("needs pg_dump and pg_restore")
    return [str(each) for each in found]


@pytest.fixture
def copied(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Copy:
    """Dumps the database as it stands, and restores it beside: gives the new one's address."""

    async def sqlite() -> str:
        with (
            closing(sqlite3.connect(str(address_of(database_url).database))) as here,
            closing(sqlite3.connect(tmp_path / "backup.db")) as there,
        ):
            here.backup(there)
        shutil.copyfile(tmp_path / "backup.db", tmp_path / "restored.db")
        return f"sqlite:///{tmp_path}/restored.db"

    async def postgres() -> str:
        server = request.getfixturevalue("postgres_server")
        pg_dump, pg_restore = tools(server)
        dump, empty = str(tmp_path / "backup.dump"), f"restored_{address_of(database_url).database}"
        server.psql(f"CREATE DATABASE {empty};")
        request.addfinalizer(lambda: server.psql(f"DROP DATABASE {empty} WITH (FORCE);"))
        url = str(server.get_uri(database=empty))
        await finished(pg_dump, "--format=custom", f"--file={dump}", database_url)
        await finished(pg_restore, "--exit-on-error", f"--dbname={url}", dump)
        return url

    return sqlite if database_url.startswith("sqlite") else postgres


async def test_what_was_dumped_at_work_is_restored_and_goes_on(
    database_url: str, clock: Clock, copied: Copy
) -> None:
    await filled(database_url, clock)
    working = await Database.open(database_url)
    await AuditLog(working, "gone", clock).first(Entry.of(invocation(), Stage.ANSWERED, clock()))
    restored = await copied()
    assert await on(restored, rows_of) == await on(database_url, rows_of)
    await working.close()
    await works(restored, clock)


async def test_the_way_back_from_an_upgrade_is_the_dump_made_before_it(
    before: Rows, database_url: str, clock: Clock, copied: Copy
) -> None:
    restored = await copied()
    await works(database_url, clock)
    assert (await look(restored)).tables is Tables.OLDER
    assert await on(restored, rows_of) == before
    await works(restored, clock)
