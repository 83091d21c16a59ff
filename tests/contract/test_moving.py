"""Moving out and in: an export of the service's API, and what it is in our own server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from bridge.moving.export import export
from bridge.moving.folder import Stopped
from bridge.server.engine import Engine
from tests.contract.messaging import send
from tests.contract.moving_ends import HERE, arrive, empty_server, move_out
from tests.contract.moving_stage import (
    MESSAGES,
    Source,
    everything,
    imbridge,
    keys_of,
    loaded,
    out_of_order,
    source_app,
    too_many,
)
from tests.contract.service import Service


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Source]:
    async with source_app(tmp_path) as source:
        yield source


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Source]:
    async with source_app(tmp_path, 200) as source:
        yield source


@pytest.fixture
async def target(pair: tuple[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    async with empty_server(pair[0], tmp_path) as target:
        yield target


async def test_everything_that_rest_shows_is_the_same_after_the_move(
    source: Source, target: Service, tmp_path: Path
) -> None:
    summary = await move_out(source, tmp_path / "out")
    assert summary.counts["messages"] == MESSAGES + 1 + 7 + 4 + 2
    outcome = await arrive(tmp_path / "out", target)
    assert outcome.differences == []
    before, after = await everything(source.service), await everything(target)
    times = [row["timestamp"] for row in before["messages"]]
    assert len(set(times)) < len(times), "the source has no equal timestamps, so nothing was tested of them"
    for part, shown in before.items():
        assert after[part] == shown, part
    again = await arrive(tmp_path / "out", target)
    assert again.ok
    assert all((one.tally.added, one.tally.changed) == (0, 0) for one in again.counts.values())
    assert await everything(target) == after


async def test_what_was_moved_counts_as_read_and_what_comes_later_does_not(
    small: Source, target: Service, tmp_path: Path
) -> None:
    await move_out(small, tmp_path / "out")
    await arrive(tmp_path / "out", target)
    group = next(row for row in (await everything(target))["_Conversation"] if row["name"] == "normal")
    for client in ("mary", "c01"):
        assert await target.ok("GET", f"/1.2/rtm/clients/{client}/unread-count") == {"count": 0}
    await send(target, group["objectId"], "new here")
    assert await target.ok("GET", "/1.2/rtm/clients/mary/unread-count") == {"count": 1}


@pytest.mark.parametrize("at", [2, 8, 15, 40])
async def test_an_export_that_is_killed_goes_on_without_duplicates_or_gaps(
    source: Source, tmp_path: Path, at: int
) -> None:
    out, words = tmp_path / "out", ("export", str(tmp_path / "out"), "--allow-private-addresses")
    process = await imbridge(*words, url=source.url, folder=tmp_path)

    def kill(number: int, _: str) -> Response | None:
        if number == at and process.returncode is None:
            process.kill()
        return None

    source.gate.seen.clear()
    source.gate.on_request = kill
    await process.communicate()
    assert process.returncode == -9
    assert not (out / "manifest.json").exists()
    for cut_off in out.glob("*.jsonl.part"):
        cut_off.write_bytes(cut_off.read_bytes() + b'{"msg-id":"a write that was cut o')
    group = next(
        row for row in (await everything(source.service))["_Conversation"] if row["name"] == "normal"
    )
    await send(source.service, group["objectId"], "while it was dead")
    process = await imbridge(*words, url=source.url, folder=tmp_path)
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    for what in ("who got an individual message without subscribing", "conversations that a client refuses"):
        assert f"\n  {what}: " in said.decode().partition("Never had:")[2]
    assert wrong == b"", "it is quiet where nobody watches"
    wanted = {(row["timestamp"], row["msg-id"]) for row in (await everything(source.service))["messages"]}
    found = keys_of(out / "messages.jsonl")
    assert len(found) == len(set(found))
    assert set(found) == wanted


async def test_a_later_export_picks_up_what_is_newer(small: Source, tmp_path: Path) -> None:
    first = await move_out(small, tmp_path / "out")
    group = next(row for row in (await everything(small.service))["_Conversation"] if row["name"] == "normal")
    small.service.clock.advance(3_600_000)
    await asyncio.gather(*(send(small.service, group["objectId"], f"later {n}") for n in range(50)))
    small.service.clock.advance(3_600_000)
    for round_ in range(2):
        later = await move_out(small, tmp_path / "out")
        assert later.counts["messages"] == first.counts["messages"] + 50, round_
        found = keys_of(tmp_path / "out" / "messages.jsonl")
        assert len(set(found)) == len(found) == later.counts["messages"]


@pytest.mark.parametrize("answer", [too_many, out_of_order])
async def test_a_short_fault_is_ridden_out_and_a_long_one_stops_it_until_it_is_run_again(
    small: Source, target: Service, tmp_path: Path, answer: Any
) -> None:
    hits: list[int] = []

    def fail(number: int, path: str) -> Response | None:
        if path.endswith("/rtm/messages") and len(hits) < 2:
            hits.append(number)
            return answer()  # type: ignore[no-any-return]
        return None

    small.gate.on_request = fail
    await move_out(small, tmp_path / "ridden-out")
    assert len(hits) == 2
    begun = len(small.gate.seen)
    small.gate.on_request = lambda number, _: answer() if number > begun + 6 else None
    with pytest.raises(Stopped, match="run the same command again"):
        await move_out(small, tmp_path / "out")
    with pytest.raises(Stopped, match="has not ended"):
        await arrive(tmp_path / "out", target)
    small.gate.on_request = lambda _number, _path: None
    await move_out(small, tmp_path / "out")
    assert sorted(keys_of(tmp_path / "out" / "messages.jsonl")) == sorted(
        keys_of(tmp_path / "ridden-out" / "messages.jsonl")
    )


async def test_what_the_service_refuses_is_had_another_way_or_said_to_be_missing(
    small: Source, target: Service, tmp_path: Path
) -> None:
    def refuse(_: int, path: str) -> Response | None:
        if "/scan/" in path or path == "/1.2/rtm/messages":
            return JSONResponse({"code": 403, "error": "not allowed"}, 403)
        if path.endswith(("-silenceds", "blacklists")):
            return JSONResponse({"code": 404, "error": "no such path"}, 404)
        return None

    whole = await move_out(small, tmp_path / "whole")
    small.gate.on_request = refuse
    summary = await move_out(small, tmp_path / "out")
    assert {
        "silences",
        "blacklists",
        "the history of the whole app",
        "scan of _Conversation",
    } <= summary.missing.keys()
    assert small.gate.seen.count("/1.2/rtm/messages") >= 1
    assert sum(path.endswith("blacklists") for path in small.gate.seen) < 30
    assert summary.counts["messages"] == whole.counts["messages"]
    assert summary.counts["_Conversation"] == whole.counts["_Conversation"]
    assert (await arrive(tmp_path / "out", target)).ok


async def test_an_import_that_is_killed_is_run_again(
    source: Source, pair: tuple[str, str], tmp_path: Path
) -> None:
    await move_out(source, tmp_path / "out")
    words = ("import", str(tmp_path / "out"), "--database-url", pair[0])
    engine = Engine(pair[0])
    for enough in (500, 1500):
        process = await imbridge(*words, folder=tmp_path)
        while process.returncode is None and await loaded(engine) < enough:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        process.kill()
        await process.communicate()
        assert process.returncode == -9
        assert enough <= await loaded(engine) < MESSAGES
    await engine.close()
    process = await imbridge(*words, folder=tmp_path)
    said, wrong = await process.communicate()
    assert process.returncode == 0, (said + wrong).decode()
    assert b"Everything in the export is here." in said


async def test_a_loss_is_found_by_the_counts_and_a_change_by_the_sample(
    small: Source, target: Service, tmp_path: Path
) -> None:
    await move_out(small, tmp_path / "out")
    file = tmp_path / "out" / "silences.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert (await arrive(tmp_path / "out", target)).differences == [
        "silences: 15 were exported, 14 are in the folder"
    ]
    row = json.loads((tmp_path / "out" / "_ConversationMemberInfo.jsonl").read_text())
    async with target.server.engine.write() as connection:
        change = f"UPDATE rt_objects SET document = '{{}}' WHERE id = '{row['objectId']}'"  # noqa: S608
        await connection.exec_driver_sql(change)
    differences = (await arrive(tmp_path / "out", target)).differences
    assert f"_ConversationMemberInfo.jsonl: {row['objectId']} has another 'cid'" in differences


async def test_a_folder_of_something_else_is_not_written_into(small: Source, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(Stopped, match=r"diary\.txt"):
        await move_out(small, tmp_path / "mine")
    await move_out(small, tmp_path / "out")
    async with small.client() as client:
        with pytest.raises(Stopped, match="of app"):
            await export(tmp_path / "out", "another-app", client, HERE)
