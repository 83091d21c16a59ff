"""Files that apps upload: as the SDKs do it, and by one request."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.service import Service, running

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400


@pytest.fixture
async def keeping(pair: tuple[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    """A server that keeps files."""
    async with running(*pair, files_folder=tmp_path / "files") as service:
        yield service


async def download(service: Service, url: str) -> httpx.Response:
    return await service.http.get(urlsplit(url).path)


def bytes_kept(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


async def test_bytes_that_are_posted_are_served_and_described(keeping: Service, tmp_path: Path) -> None:
    headers = {"Content-Type": "image/png"}
    response = await keeping.call("POST", "/1.1/files/猫.png", key="app", content=PICTURE, headers=headers)
    assert response.status_code == 201, response.text
    made = response.json()
    assert (made["name"], made["size"], made["mime_type"]) == ("猫.png", len(PICTURE), "image/png")
    assert response.headers["location"].endswith(made["objectId"])
    served = await download(keeping, made["url"])
    assert (served.content, served.headers["content-type"]) == (PICTURE, "image/png")
    assert made["url"].startswith(keeping.base_url)
    row = await keeping.ok("GET", f"/1.1/files/{made['objectId']}", key="app")
    assert (row["url"], row["metaData"]) == (made["url"], {"size": len(PICTURE)})
    assert row == await keeping.ok("GET", f"/1.1/classes/_File/{made['objectId']}", key="app")
    assert len(bytes_kept(tmp_path / "files")) == 1


async def test_a_place_is_given_filled_once_and_concluded(keeping: Service) -> None:
    asked = {"name": "photo", "mime_type": "image/png", "metaData": {"owner": "tom"}, "ACL": None}
    place = await keeping.ok("POST", "/1.1/fileTokens", key="app", json=asked)
    assert (place["provider"], place["mime_type"], place["name"]) == ("s3", "image/png", "photo")
    assert place["url"].endswith(f"/files/{place['key']}")
    assert (await download(keeping, place["url"])).status_code == 404
    path, png = urlsplit(place["upload_url"]).path, {"Content-Type": "image/png"}
    put = await keeping.call("PUT", path, key=None, content=PICTURE, headers=png)
    assert put.status_code == 200
    assert await keeping.refused("PUT", path, key=None, content=b"other") == 137
    served = await download(keeping, place["url"])
    assert (served.content, served.headers["content-type"]) == (PICTURE, "image/png")
    done = {"token": place["token"], "result": True}
    assert await keeping.ok("POST", "/1.1/fileCallback", key="app", json=done) == {}
    row = await keeping.ok("GET", f"/1.1/files/{place['objectId']}", key="app")
    assert (row["url"], row["metaData"]) == (place["url"], {"owner": "tom"})


async def test_of_several_that_fill_a_place_at_once_one_does(keeping: Service, tmp_path: Path) -> None:
    place = await keeping.ok("POST", "/1.1/fileTokens", key="app", json={"name": "a.txt"})
    path, contents = urlsplit(place["upload_url"]).path, [bytes([number]) * 5000 for number in range(6)]
    puts = [keeping.call("PUT", path, key=None, content=content) for content in contents]
    answers = [answer.status_code for answer in await asyncio.gather(*puts)]
    assert sorted(answers) == [200, 400, 400, 400, 400, 400]
    served = await download(keeping, place["url"])
    assert served.content == contents[answers.index(200)]
    assert len(bytes_kept(tmp_path / "files")) == 1


async def test_a_file_that_did_not_arrive_is_forgotten(keeping: Service) -> None:
    place = await keeping.ok("POST", "/1.1/fileTokens", key="app", json={"name": "a.txt"})
    failed = {"token": place["token"], "result": False}
    for _ in range(2):
        assert await keeping.ok("POST", "/1.1/fileCallback", key="app", json=failed) == {}
    assert await keeping.ok("GET", f"/1.1/files/{place['objectId']}", key="app") == {}
    late = urlsplit(place["upload_url"]).path
    assert await keeping.refused("PUT", late, key=None, content=b"late") == 101


async def test_a_file_elsewhere_is_an_object_alone(keeping: Service) -> None:
    asked = {"name": "x", "url": "https://elsewhere.example/x", "metaData": {"__source": "external"}}
    made = await keeping.ok("POST", "/1.1/files", key="app", json=asked)
    row = await keeping.ok("GET", f"/1.1/files/{made['objectId']}", key="app")
    assert (row["name"], row["url"]) == ("x", asked["url"])


async def test_a_deleted_file_is_gone_with_its_bytes_and_nobody_elses(keeping: Service) -> None:
    made = await keeping.ok("POST", "/1.1/files/a.txt", key="app", content=b"first")
    key = (await keeping.ok("GET", f"/1.1/files/{made['objectId']}"))["key"]
    forged = await keeping.ok("POST", "/1.1/files", key="app", json={"name": "mine", "key": key})
    path = f"/1.1/files/{made['objectId']}"
    assert await keeping.refused("DELETE", path, key="app") == 403
    assert await keeping.ok("DELETE", f"/1.1/files/{forged['objectId']}") == {}
    assert (await download(keeping, made["url"])).content == b"first"
    assert await keeping.ok("DELETE", path) == {}
    assert (await download(keeping, made["url"])).status_code == 404
    assert await keeping.refused("DELETE", path) == 101


@pytest.mark.parametrize(
    ("name", "kind", "kept"),
    [
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        (".hidden", "text/html", "hidden.html"),
        ("..", "application/octet-stream", "file.bin"),
        ("a\\b:c*?.gif", "image/gif", "a_b_c_.gif"),
        ("长" * 200 + ".jpeg", "image/jpeg", "长" * 38 + ".jpeg"),
        ("plain", "no/such-type", "plain"),
    ],
)
async def test_a_name_cannot_lead_out_of_its_folder(
    keeping: Service, tmp_path: Path, name: str, kind: str, kept: str
) -> None:
    asked = {"name": name, "mime_type": kind}
    place = await keeping.ok("POST", "/1.1/fileTokens", key="app", json=asked)
    path = urlsplit(place["upload_url"]).path
    assert (await keeping.call("PUT", path, key=None, content=b"x")).status_code == 200
    (file,) = bytes_kept(tmp_path / "files")
    assert (file.name, file.parents[1]) == (kept, tmp_path / "files")
    assert place["name"] == name
    served = await download(keeping, place["url"])
    assert served.content == b"x"
    shown = served.headers["content-disposition"].partition(";")[0]
    assert shown == ("inline" if kind in ("image/gif", "image/jpeg") else "attachment")


async def test_what_is_wrong_is_refused_and_leaves_nothing(keeping: Service, tmp_path: Path) -> None:
    body: Any = {"name": "a.txt"}
    assert await keeping.refused("POST", "/1.1/files/a.txt", key=None, content=b"x") == 401
    assert await keeping.refused("POST", "/1.1/files/a.txt", key="app", content=b"") == 1
    assert await keeping.refused("POST", "/1.1/fileTokens", key=None, json=body) == 401
    wrong: list[Any] = [{"name": 7}, {"metaData": "x"}, {"metaData": []}, {"mime_type": {}}, {"ACL": "all"}]
    for bad in wrong:
        assert await keeping.refused("POST", "/1.1/fileTokens", key="app", json={**body, **bad}) in (1, 107)
    assert await keeping.refused("POST", "/1.1/fileTokens", key="app", json={"ACL": {"*": 1}}) == 123
    place = await keeping.ok("POST", "/1.1/fileTokens", key="app", json=body)
    token = place["token"]
    for stranger in ("nonsense", "a.b", token + "x", "ü"):
        assert await keeping.refused("PUT", f"/1.1/uploads/{stranger}", key=None, content=b"x") == 403
        assert await keeping.refused("POST", "/1.1/fileCallback", key="app", json={"token": stranger}) == 403
    assert await keeping.refused("POST", "/1.1/fileCallback", key="app", json={}) == 1
    keeping.clock.advance(3_600_001)
    assert await keeping.refused("PUT", f"/1.1/uploads/{token}", key=None, content=b"x") == 403
    assert bytes_kept(tmp_path / "files") == []


async def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(
    keeping: Service, tmp_path: Path
) -> None:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(101):
            yield bytes(1024 * 1024)

    response = await keeping.http.post(
        "/1.1/files/large.bin",
        content=much(),
        headers={**(await authorised(keeping)), "Content-Type": "application/octet-stream"},
    )
    assert (response.status_code, response.json()["code"]) == (413, 413)
    assert bytes_kept(tmp_path / "files") == []


async def authorised(service: Service) -> dict[str, str]:
    """The headers of a call with the app key."""
    response = await service.call("GET", "/1.1/date", key="app")
    return {name: response.request.headers[name] for name in ("X-LC-Id", "X-LC-Key")}


async def test_a_server_that_keeps_no_files_says_so(service: Service) -> None:
    assert await service.refused("POST", "/1.1/files/a.txt", key="app", content=b"x") == 404
    assert await service.refused("POST", "/1.1/fileTokens", key="app", json={"name": "a.txt"}) == 404
    assert (await service.ok("GET", "/1.1/files"))["results"] == []
