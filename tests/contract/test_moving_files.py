"""Files of moved messages: fetched from public addresses alone, and served so that they harm nobody."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.moving.downloads import Downloads, NotHad, Rules, is_public
from tests.contract.moving_ends import arrive, empty_server, move_out
from tests.contract.moving_stage import (
    PICTURE,
    Source,
    source_app,
)
from tests.contract.service import Service


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Source]:
    async with source_app(tmp_path, 200) as source:
        yield source


@pytest.fixture
async def target(pair: tuple[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    async with empty_server(pair[0], tmp_path) as target:
        yield target


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
            with pytest.raises(NotHad, match=r"private address|cannot be used"):
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
