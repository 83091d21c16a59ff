"""A move whose database cannot be used, or not any more, and one into a server that would delete it again."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy.exc import DBAPIError

from bridge.clock import now_ms
from bridge.moving.ends import at_database
from bridge.moving.folder import Stopped
from bridge.moving.inward import Target, move_in
from bridge.server.engine import Engine
from bridge.server.retention import DAY_MS
from tests.contract.conftest import empty
from tests.contract.moving_ends import PUBLIC_URL, client_of, empty_server, move_out
from tests.contract.moving_stage import MESSAGES, imbridge, keys_of, loaded, source_app
from tests.contract.service import Service


class Door:
    """A TCP port in front of a PostgreSQL, which can be shut: whoever is inside is thrown out."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._inside: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for one in self._inside:
            one.transport.abort()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner = await asyncio.open_unix_connection(self._socket)
        self._inside |= {writer, inner}
        await asyncio.wait(
            [asyncio.create_task(_pour(reader, inner)), asyncio.create_task(_pour(inner_reader, writer))]
        )
        self._inside -= {writer, inner}


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@pytest.fixture
async def door(contract_database: str) -> AsyncIterator[Door]:
    await empty(contract_database)
    (folder,) = parse_qs(urlsplit(contract_database).query)["host"]
    door = Door(f"{folder}/.s.PGSQL.5432")
    await door.open()
    yield door
    await door.shut()


def through(door: Door) -> str:
    return f"postgresql://postgres:open-sesame@127.0.0.1:{door.port}/contract"


async def stops(process: asyncio.subprocess.Process) -> str:
    """What it says as it ends, which has to be a refusal of one line."""
    said, wrong = await process.communicate()
    assert (process.returncode, said) == (1, b""), (said + wrong).decode()
    told = wrong.decode()
    assert "Traceback" not in told
    assert "open-sesame" not in told
    assert told.splitlines()[-1].startswith("stopped: ")
    return told


@pytest.mark.parametrize(
    ("command", "url", "reason"),
    [
        ("import", "postgresql://tom:open-sesame@127.0.0.1:1/im", "tom:***@127.0.0.1:1/im cannot be used: "),
        (
            "import",
            "postgresql://tom:open-sesame@nowhere.invalid/im",
            "tom:***@nowhere.invalid/im cannot be used: ",
        ),
        ("import", "sqlite:///text", "sqlite:///text cannot be used: file is not a database"),
        ("import", "sqlite:///text/below.db", "text: File exists"),
        (
            "import",
            "mysql://tom:open-sesame@127.0.0.1/im",
            "a database URL begins with sqlite:/// or postgresql://",
        ),
        ("import", "im.db", "a database URL begins with sqlite:/// or postgresql://"),
        ("export", "postgresql://tom:open-sesame@127.0.0.1:1/im", "tom:***@127.0.0.1:1/im cannot be used: "),
        ("export", "sqlite:///text", "sqlite:///text cannot be used: file is not a database"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_in_a_line(
    tmp_path: Path, command: str, url: str, reason: str
) -> None:
    (tmp_path / "text").write_text("Dear diary, " * 100)
    (tmp_path / "moved").mkdir()
    if command == "import":  # an export wants an empty folder
        (tmp_path / "moved" / "Party.jsonl").write_text('{"objectId":"p","createdAt":"2026-01-01T00:00:00Z"}')
    process = await imbridge(command, "moved", folder=tmp_path, IMBRIDGE_DATABASE_URL=url)
    assert reason in await stops(process)


async def test_a_database_that_goes_away_stops_a_move_which_goes_on_when_it_is_back(
    door: Door, contract_database: str, tmp_path: Path
) -> None:
    async with source_app(tmp_path) as source:
        await move_out(source, tmp_path / "first")
    engine = Engine(contract_database)
    words = ("import", "first", "--database-url", through(door))
    process = await imbridge(*words, folder=tmp_path)
    while process.returncode is None and await loaded(engine) < 500:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.01)
    await door.shut()
    assert "run the same command again" in await stops(process)
    assert 500 <= await loaded(engine) < MESSAGES
    await engine.close()
    await door.open()
    process = await imbridge(*words, folder=tmp_path)
    said, wrong = await process.communicate()
    assert process.returncode == 0, (said + wrong).decode()

    out = {"folder": tmp_path, "IMBRIDGE_DATABASE_URL": through(door)}
    process = await imbridge("export", "second", "--allow-private-addresses", **out)  # type: ignore[arg-type]
    growing = tmp_path / "second" / "messages.jsonl.part"
    while process.returncode is None and not growing.exists():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.005)
    await door.shut()
    assert "run the same command again" in await stops(process)
    await door.open()
    process = await imbridge("export", "second", "--allow-private-addresses", **out)  # type: ignore[arg-type]
    said, wrong = await process.communicate()
    assert process.returncode == 0, (said + wrong).decode()
    first, second = (sorted(keys_of(tmp_path / name / "messages.jsonl")) for name in ("first", "second"))
    assert first == second


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "Party.jsonl").write_text('{"objectId":"p","createdAt":"2026-01-01T00:00:00Z"}')
    process = await imbridge("import", "moved", folder=tmp_path)
    await process.communicate()
    assert process.returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "realtime.db")) as database:
        database.execute("UPDATE rt_version SET version_num = '9999'")
        database.commit()
    process = await imbridge("import", "moved", folder=tmp_path)
    assert "run the version that wrote it" in await stops(process)


async def test_an_error_of_ours_is_not_taken_for_the_databases(contract_database: str) -> None:
    engine = Engine(contract_database)
    with pytest.raises(DBAPIError, match="division by zero"), at_database(contract_database):
        async with engine.read() as connection:
            await connection.exec_driver_sql("SELECT 1 / 0")
    await engine.close()


# ---------------------------------------------------------------------------------------------------------------------
# Retention
# ---------------------------------------------------------------------------------------------------------------------


def aged(folder: Path, *days: int) -> Path:
    """An export of messages that are so many days old, and of a thread."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"msg-id": f"m{age}", "timestamp": now_ms() - age * DAY_MS, "to": "group", "from": "tom", "data": "x"}
        for age in days
    ]
    (folder / "messages.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, [], "torn"]))
    return folder


@pytest.fixture
async def target(pair: tuple[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    async with empty_server(pair[0], tmp_path) as target:
        yield target


async def test_what_the_server_would_delete_again_is_refused_before_anything_is_moved(
    target: Service, tmp_path: Path
) -> None:
    files = target.server.settings.files_folder
    assert files is not None
    end = Target(target.server.engine, client_of(target), files, PUBLIC_URL, now_ms() - 90 * DAY_MS)
    with pytest.raises(Stopped, match=r"`retention\.history` .* and 2 in .* are older, .* Nothing was moved"):
        await move_in(aged(tmp_path / "out", 120, 91, 89), end, lambda _: None, 1)
    assert await target.ok("GET", "/1.2/rtm/messages") == []
    outcome = await move_in(aged(tmp_path / "out", 89, 1), end, lambda _: None, 1)
    assert [count.here for count in outcome.counts.values()] == [2]


async def test_the_program_refuses_by_app_yaml_and_imports_all_without_the_setting(tmp_path: Path) -> None:
    aged(tmp_path / "out", 400, 1)
    (tmp_path / "app.yaml").write_text("retention: {history: 180d}\n")
    told = await stops(await imbridge("import", "out", folder=tmp_path))
    assert "Take that setting out, or make it longer, and import again" in told
    (tmp_path / "app.yaml").write_text("retention: {history: 500d}\n")
    process = await imbridge("import", "out", folder=tmp_path)
    said, _ = await process.communicate()
    assert b"           4            2" in said, said.decode()
