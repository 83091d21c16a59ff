"""Moving in what was not exported by us: the console's archive, hostile lines, and rows made by hand."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.moving.folder import Stopped
from tests.contract.moving_ends import arrive, empty_server
from tests.contract.moving_stage import (
    everything,
)
from tests.contract.service import Service


@pytest.fixture
async def target(pair: tuple[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    async with empty_server(pair[0], tmp_path) as target:
        yield target


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


DAY = "2025-01-01T00:00:00.000Z"


def handmade(folder: Path, messages: list[dict[str, Any]], threads: list[dict[str, Any]]) -> Path:
    """An export of one group and one service with 25 subscribers, c00 to c24."""
    conversations: list[dict[str, Any]] = [
        {"objectId": "group", "m": ["tom", "mary"], "createdAt": DAY, "updatedAt": DAY},
        {"objectId": "news", "sys": True, "createdAt": DAY, "updatedAt": DAY},
    ]
    subscribers = [{"conv_id": "news", "subscriber": f"c{n:02}", "timestamp": 1000} for n in range(25)]
    tables = {
        "_Conversation": conversations,
        "subscriptions": subscribers,
        "messages": messages,
        "threads": threads,
    }
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    counts = {name: len(rows) for name, rows in tables.items()}
    manifest = {"format": 1, "counts": counts, "newest_message_at": 9000, "threads_read_till": 5000}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def said_in(conv_id: str, msg_id: str, timestamp: int, data: str = "x", **more: Any) -> dict[str, Any]:
    key = {"msg-id": msg_id, "timestamp": timestamp, "to": conv_id, "conv-id": conv_id}
    return {**key, "from": "tom", "data": data, "bin": False, "from-ip": None, **more}


async def thread(service: Service, client: str) -> list[str]:
    path = f"/1.2/rtm/service-conversations/news/subscribers/{client}/messages"
    return [row["msg-id"] for row in await service.ok("GET", path)]


async def test_whom_a_service_message_was_for_is_told_from_the_threads(
    target: Service, tmp_path: Path
) -> None:
    md5 = hashlib.md5(b"news:c03", usedforsecurity=False).hexdigest()
    to_all = said_in("news", "to-all", 2000)
    messages = [
        to_all,
        said_in("news", "late", 8000),
        said_in("news", "to-two", 3000),
        said_in("news", "named", 4000, **{"conv-id": md5}),
        said_in("news", "to-a-stranger", 4500),
    ]
    readers = [f"c{n:02}" for n in range(25)]
    threads = [{**to_all, "subscriber": one} for one in readers if one != "c07"]
    threads += [{**messages[1], "subscriber": one} for one in readers if one != "c08"]
    threads += [{**messages[2], "subscriber": one} for one in ("c01", "c02")]
    for _ in range(2):
        assert (await arrive(handmade(tmp_path / "out", messages, threads), target)).ok
        assert await thread(target, "c01") == ["late", "to-two", "to-all"]
        assert await thread(target, "c03") == ["late", "named", "to-all"]
        assert await thread(target, "c07") == ["late"], "c07 had deleted it"
        assert await thread(target, "c08") == ["late", "to-all"], "c08's thread was read before it came"
    everything_said = await target.ok("GET", "/1.1/rtm/messages/history", params={"convid": "news"})
    assert len(everything_said) == 5
    change = {"from_client": "tom", "message": "y", "timestamp": 2000}
    await target.ok("PUT", "/1.2/rtm/service-conversations/news/messages/to-all", json=change)
    two = {"from_client": "tom", "message": "y", "timestamp": 3000, "to_clients": ["c01", "c02"]}
    await target.ok("PUT", "/1.2/rtm/service-conversations/news/messages/to-two", json=two)


async def test_a_later_export_brings_texts_up_to_date_but_never_over_what_was_changed_here(
    target: Service, tmp_path: Path
) -> None:
    recalled = '{"_lctype":-127}'
    first = [said_in("group", name, at, "old") for at, name in enumerate(("edited", "recalled", "ours"), 1)]
    await arrive(handmade(tmp_path / "out", first, []), target)
    path = "/1.2/rtm/conversations/group/messages"
    mine = {"from_client": "tom", "message": "changed here", "timestamp": 3}
    await target.ok("PUT", f"{path}/ours", json=mine)
    texts = {"edited": "new", "recalled": recalled, "ours": "changed there"}
    second = [{**row, "data": texts[row["msg-id"]]} for row in first]
    outcome = await arrive(handmade(tmp_path / "out", second, []), target)
    assert outcome.differences == ["messages.jsonl: ours has another 'data'"]
    wanted = ["changed here", recalled, "new"]
    assert [row["data"] for row in await target.ok("GET", path)] == wanted
    third = [{**row, "data": "old" if row["msg-id"] == "recalled" else row["data"]} for row in second]
    await arrive(handmade(tmp_path / "out", third, []), target)
    assert [row["data"] for row in await target.ok("GET", path)] == wanted


async def test_what_cannot_be_moved_in_is_said(target: Service, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    (tmp_path / "torn.tar.gz").write_bytes(pack(tmp_path / "whole.tar.gz").read_bytes()[:150])
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "nothing").mkdir()
    for name in ("text", "torn.tar.gz", "bomb.jsonl.gz", "nothing", "absent"):
        with pytest.raises(Stopped):
            await arrive(tmp_path / name, target)
