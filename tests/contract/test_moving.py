"""Moving out and in: an export of the service's API, and what it is in our own server."""

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from bridge.moving.downloads import Downloads, NotHad, Rules, is_public
from bridge.moving.export import Summary, export
from bridge.moving.folder import Stopped
from bridge.moving.inward import Outcome, Target, move_in
from bridge.realtime.client import Credentials, RealtimeClient
from bridge.server.app import Server
from bridge.server.settings import UNLIMITED, ServerSettings
from tests.contract.messaging import send
from tests.contract.moving_stage import (
    MESSAGES,
    PICTURE,
    Source,
    everything,
    imbridge,
    keys_of,
    out_of_order,
    source_app,
    too_many,
)
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, Clock, Service

HERE = Rules(private_addresses=True)
PUBLIC_URL = "http://im.test"


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
    """An empty server that serves files."""
    settings = ServerSettings(
        APP_ID, APP_KEY, MASTER_KEY, pair[0], plan=UNLIMITED, files_folder=tmp_path / "served"
    )
    server = await Server.start(settings)
    transport = httpx.ASGITransport(server.asgi)
    async with httpx.AsyncClient(base_url=PUBLIC_URL, transport=transport) as http:
        yield Service(server, http, Clock(), PUBLIC_URL)
    await server.close()


async def move_out(source: Source, path: Path, rules: Rules = HERE) -> Summary:
    async with source.client() as client:
        return await export(path, APP_ID, client, rules)


async def arrive(path: Path, service: Service, said: list[str] | None = None, seed: int = 7) -> Outcome:
    client = RealtimeClient(service.http, Credentials(APP_ID, APP_KEY, MASTER_KEY))
    folder = service.server.settings.files_folder
    assert folder is not None
    target = Target(service.server.engine, client, folder, PUBLIC_URL)
    heard = said if said is not None else list[str]()
    return await move_in(path, target, heard.append, seed)


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


async def test_files_come_along_and_their_links_lead_to_them(
    small: Source, target: Service, tmp_path: Path
) -> None:
    summary = await move_out(small, tmp_path / "out")
    assert summary.counts["files"] == 4
    assert summary.counts["missing-files"] == 1
    missing = json.loads((tmp_path / "out" / "missing-files.jsonl").read_text())
    assert missing == {"url": f"{small.files_url}/gone.png", "why": "HTTP 404"}
    await arrive(tmp_path / "out", target)
    rows = await target.ok("GET", "/1.2/rtm/messages", params={"limit": 1000})
    links = [json.loads(row["data"])["_lcfile"]["url"] for row in rows if "_lcfile" in row["data"]]
    by_name = {link.rpartition("/")[2]: link for link in links}
    assert set(by_name) == {"picture.png", "nameless.png", "page.html", "gone.png"}
    assert by_name["gone.png"] == f"{small.files_url}/gone.png"
    picture = await target.http.get(by_name["picture.png"])
    assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/png")
    assert picture.headers["content-disposition"].startswith("inline")
    part = await target.http.get(by_name["nameless.png"], headers={"Range": "bytes=8-15"})
    assert (part.status_code, part.content) == (206, PICTURE[8:16])
    page = await target.http.get(by_name["page.html"])
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    assert page.headers["x-content-type-options"] == "nosniff"
    for path in (
        "/files/x/y",
        f"/files/{'0' * 64}/y",
        by_name["page.html"].replace("page.html", "..%2F..%2Fsource.db"),
    ):
        assert (await target.http.get(path)).status_code == 404


@pytest.mark.parametrize("at", [2, 8, 15])
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
    group = next(
        row for row in (await everything(source.service))["_Conversation"] if row["name"] == "normal"
    )
    await send(source.service, group["objectId"], "while it was dead")
    process = await imbridge(*words, url=source.url, folder=tmp_path)
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    assert b"Never had" in said
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
    for seconds in (2.0, 2.6):
        process = await imbridge(*words, folder=tmp_path)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            process.kill()
        await process.communicate()
    process = await imbridge(*words, folder=tmp_path)
    said, wrong = await process.communicate()
    assert process.returncode == 0, (said + wrong).decode()
    assert b"Everything in the export is here." in said


CONSOLE = {
    "_Conversation.0.jsonl": [
        '#filetype:JSON-streamable {"type":"Class","class":"_Conversation"}',
        (
            '{"objectId":"5eccba570d3a42c5fd4e25c3","name":"群","m":["a","b","a"],"unique":true,"uniqueId":"x","c":"a",'
            '"lm":{"__type":"Date","iso":"2026-03-01T08:00:00.123Z"},"createdAt":"2025-01-01T00:00:00.001Z",'
            '"updatedAt":"2026-03-01T08:00:00.000Z","ACL":{"*":{"read":true}}}'
        ),
    ],
    "Party.jsonl": [
        '{"objectId":"p1","createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"2025-01-01T00:00:00.000Z"}'
    ],
    "notes.txt": ["nothing"],
}


def pack(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, lines in CONSOLE.items():
            content = "\n".join(lines).encode()
            member = tarfile.TarInfo(f"export/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


async def test_the_consoles_archive_is_loaded_as_it_is(target: Service, tmp_path: Path) -> None:
    outcome = await arrive(pack(tmp_path / "console.tar.gz"), target)
    assert outcome.ok
    assert {label: count.here for label, count in outcome.counts.items()} == {
        "export/_Conversation.0.jsonl": 1,
        "export/Party.jsonl": 1,
    }
    row = await target.ok("GET", "/1.1/classes/_Conversation/5eccba570d3a42c5fd4e25c3")
    assert row == {**json.loads(CONSOLE["_Conversation.0.jsonl"][1]), "m": ["a", "b"]}
    change = {"name": "newer here"}
    await target.ok("PUT", "/1.1/classes/_Conversation/5eccba570d3a42c5fd4e25c3", json=change)
    assert (await arrive(tmp_path / "console.tar.gz", target)).ok
    row = await target.ok("GET", "/1.1/classes/_Conversation/5eccba570d3a42c5fd4e25c3")
    assert row["name"] == "newer here"


HOSTILE = [
    b"not json",
    b"[]",
    b'{"objectId":"x1"}',
    b'{"objectId":"../x","createdAt":"2025-01-01T00:00:00.000Z"}',
    b'{"objectId":"x2","createdAt":"yesterday"}',
    b'{"objectId":"x3","createdAt":"2025-01-01T00:00:00.000Z","name":5}',
    b'{"objectId":"x4","createdAt":"2025-01-01T00:00:00.000Z","a.b":5}',
    b'{"objectId":"x5","createdAt":"2025-01-01T00:00:00.000Z","k":"\\u0000"}',
    b'{"objectId":"x6","createdAt":"2025-01-01T00:00:00.000Z","k":"\xff"}',
    b'{"objectId":"x7","createdAt":"2025-01-01T00:00:00.000Z","k":' + b"[" * 5000 + b"]" * 5000 + b"}",
]
HOSTILE_MESSAGES = [
    b'{"msg-id":"m1"}',
    b'{"msg-id":"m2","timestamp":-1,"to":"good","data":"x"}',
    b'{"msg-id":"m3","timestamp":99999999999999999999,"to":"good","data":"x"}',
    b'{"msg-id":["m4"],"timestamp":1,"to":"good","data":"x"}',
    b'{"msg-id":"' + b"m" * 5000 + b'","timestamp":1,"to":"good","data":"x"}',
    b'{"msg-id":"m5","timestamp":1,"to":"good","data":"\\ud800"}',
]


async def test_every_malformed_line_is_named_and_the_others_are_loaded(
    target: Service, tmp_path: Path
) -> None:
    good = b'{"objectId":"good","name":"fine","createdAt":"2025-01-01T00:00:00.000Z"}'
    said: list[str] = []
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "_Conversation.jsonl").write_bytes(b"\n".join([*HOSTILE, good, b""]))
    message = b'{"msg-id":"m0","timestamp":5,"to":"good","from":"tom","data":{"_lctype":-1,"_lctext":"obj"}}'
    (folder / "messages.jsonl").write_bytes(b"\n".join([*HOSTILE_MESSAGES, message, b""]))
    outcome = await arrive(folder, target, said)
    assert not outcome.ok
    named = [line.split(": ")[0] for line in said]
    assert named == [f"_Conversation.jsonl:{n}" for n in range(1, len(HOSTILE) + 1)] + [
        f"messages.jsonl:{n}" for n in range(1, len(HOSTILE_MESSAGES) + 1)
    ]
    assert [row["objectId"] for row in (await everything(target))["_Conversation"]] == ["good"]
    history = await target.ok("GET", "/1.2/rtm/conversations/good/messages")
    assert [row["data"] for row in history] == ['{"_lctype":-1,"_lctext":"obj"}']
    assert outcome.differences == [
        f"_Conversation.jsonl: {len(HOSTILE)} malformed lines were left out",
        f"messages.jsonl: {len(HOSTILE_MESSAGES)} malformed lines were left out",
    ]


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


async def test_a_link_never_leads_into_the_exporters_network(small: Source, tmp_path: Path) -> None:
    port = small.files_url.rpartition(":")[2]
    links = [
        f"http://127.0.0.1:{port}/picture.png",
        f"http://localhost:{port}/picture.png",
        f"http://127.1:{port}/picture.png",
        f"http://2130706433:{port}/picture.png",
        f"http://[::ffff:127.0.0.1]:{port}/picture.png",
        f"http://[::1]:{port}/picture.png",
        "http://169.254.169.254/latest/meta-data",
    ]
    (tmp_path / "out").mkdir()
    async with Downloads(tmp_path / "out", Rules()) as downloads:
        for link in links:
            with pytest.raises(NotHad, match="private address|cannot be used"):
                await downloads.fetch(link)
        with pytest.raises(NotHad, match="no http"):
            await downloads.fetch("file:" + "//" + "/etc/passwd")
    assert list((tmp_path / "out" / "files").iterdir()) == []
    summary = await move_out(small, tmp_path / "whole", Rules())
    assert (summary.counts["files"], summary.counts["missing-files"]) == (0, 5)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("0.1.2.3", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_an_address_is_public_only_when_all_that_it_wraps_is(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_file_that_is_too_large_is_left_out(small: Source, tmp_path: Path) -> None:
    summary = await move_out(small, tmp_path / "out", Rules(private_addresses=True, most_bytes=100))
    assert summary.counts["missing-files"] == 4
    assert summary.counts["files"] == 1


async def test_a_folder_of_something_else_is_not_written_into(small: Source, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(Stopped, match=r"diary\.txt"):
        await move_out(small, tmp_path / "mine")
    await move_out(small, tmp_path / "out")
    async with small.client() as client:
        with pytest.raises(Stopped, match="of app"):
            await export(tmp_path / "out", "another-app", client, HERE)


async def test_what_cannot_be_moved_in_is_said(target: Service, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    (tmp_path / "torn.tar.gz").write_bytes(pack(tmp_path / "whole.tar.gz").read_bytes()[:150])
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "nothing").mkdir()
    for name in ("text", "torn.tar.gz", "bomb.jsonl.gz", "nothing", "absent"):
        with pytest.raises(Stopped):
            await arrive(tmp_path / name, target)
