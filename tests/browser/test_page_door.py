"""The page's own door: open to the page on this machine, closed to every other site."""

import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.playground import seed
from bridge.playground.deeds import BODY_BYTES
from tests.browser.stage import Stage

SAY = {"user": seed.LIN, "channel": seed.OPS, "text": "hello"}


async def post(stage: Stage, name: str, body: Any, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=stage.url) as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await http.post(
            f"/playground/{name}", content=content, headers={"Origin": stage.url, **headers}
        )


async def test_the_page_comes_with_a_strict_policy(stage: Stage) -> None:
    async with httpx.AsyncClient(base_url=stage.url) as http:
        for path in ("/", "/js/main.js", "/css/base.css", "/art/imbridge.svg"):
            answer = await http.get(path)
            assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.status_code == 200
        assert (await http.get("/nothing-here")).status_code == 404
        page = (await http.get("/")).text
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::1", ""])
async def test_another_name_for_this_machine_is_refused(stage: Stage, host: str) -> None:
    async with httpx.AsyncClient(base_url=stage.url) as http:
        assert (await http.get("/", headers={"Host": host})).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_site_can_neither_act_nor_listen(stage: Stage, origin: str) -> None:
    assert (await post(stage, "say", SAY, Origin=origin)).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{stage.url.replace('http', 'ws')}/playground/feed", origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    assert all(message.text != "hello" for message in stage.workspace.messages.values())


async def test_the_feed_begins_with_everything_and_goes_on_with_each_change(stage: Stage) -> None:
    feed = f"{stage.url.replace('http', 'ws')}/playground/feed"
    async with connect(feed, origin=stage.url) as socket:  # type: ignore[arg-type]
        first = json.loads(await socket.recv())
        assert first["event"] == "everything"
        assert {phone["client"] for phone in first["phones"]} == set(seed.EVERYONE)
        assert "broadcast" in {command["name"] for command in first["commands"]}
        assert first["aliases"] == stage.aliases

        assert (await post(stage, "say", SAY)).json() == {"error": None}
        told = json.loads(await socket.recv())
        assert told["event"] == "message"
        assert told["message"]["text"] == "hello"

        stage.workspace.delete(stage.workspace.messages[told["message"]["channel"], told["message"]["ts"]])
        assert json.loads(await socket.recv())["event"] == "gone"


async def test_what_makes_no_sense_is_refused_with_its_reason(stage: Stage) -> None:
    answers = {
        "no json": await post(stage, "say", b"{"),
        "no object": await post(stage, "say", []),
        "a field missing": await post(stage, "say", {**SAY, "text": ""}),
        "no such channel": await post(stage, "say", {**SAY, "channel": "C0"}),
        "no such message": await post(stage, "press", {**SAY, "ts": "1", "block": "b", "action": "a"}),
        "no such phone": await post(stage, "phone", {"client": "nobody", "online": True}),
        "too long": await post(stage, "say", {**SAY, "text": "x" * BODY_BYTES}),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "no json": 422,
        "no object": 422,
        "a field missing": 422,
        "no such channel": 404,
        "no such message": 404,
        "no such phone": 404,
        "too long": 413,
    }
    assert answers["a field missing"].json() == {"error": "text is missing"}


async def test_what_the_service_refuses_is_told_in_its_words(stage: Stage) -> None:
    body = {"client": "tom", "conversation": stage.aliases["crew"], "text": "x" * 6000}
    answer = await post(stage, "chat", body)
    assert answer.status_code == 502
    assert answer.json() == {"error": "FRAME_TOO_LONG"}


async def test_nobody_fills_in_a_form_that_is_somebody_elses(stage: Stage) -> None:
    await stage.workspace.shortcut(seed.LIN, "compose")
    (view,) = stage.workspace.stack(seed.LIN)
    body = {"user": seed.SAM, "view": view.id}
    for act in ("view-press", "view-submit", "view-close"):
        assert (await post(stage, act, {**body, "block": "more", "action": "preview"})).status_code == 404
    assert (await post(stage, "view-submit", {**body, "user": seed.LIN, "values": "x"})).status_code == 422
    assert stage.workspace.stack(seed.LIN) == [view]
    assert (await post(stage, "upload?user=nobody&name=x", b"x")).status_code == 404


async def test_a_shared_file_is_handed_out_as_text_to_save(stage: Stage) -> None:
    stage.workspace.files["F1"] = {"id": "F1", "content": b"<script>alert(1)</script>"}
    stage.workspace.files["F2"] = {"id": "F2", "content": None}
    async with httpx.AsyncClient(base_url=stage.url) as http:
        answer = await http.get("/playground/files/F1")
        assert answer.content == b"<script>alert(1)</script>"
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"] == "attachment"
        assert (await http.get("/playground/files/F2")).status_code == 404
