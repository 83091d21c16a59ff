"""Slack's door: what is delivered again changes nothing, on whichever replica; what is strange is refused whole."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bridge.playground.courier import sign
from bridge.playground.workspace import Workspace
from bridge.slack.door import SlackDoor
from tests.crash.processes import lasting
from tests.scenarios.processes import Serving, of_slack, serve, slack
from tests.scenarios.slack_stage import Stage, stage
from tests.unit.playground.stage import NEWS, TOM, serving

KEYS = {
    "LEANCLOUD_APP_ID": "door-app",
    "LEANCLOUD_APP_KEY": "door-app-key",
    "LEANCLOUD_MASTER_KEY": "door-master-key",
}


def signed(secret: str, fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """A form as Slack sends it just now: body and headers."""
    body, now = urlencode(fields).encode(), str(int(time.time()))
    return body, {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": now,
        "x-slack-signature": sign(secret, now, body),
    }


# -- In one process --------------------------------------------------------------------------------------------------


async def test_an_event_is_handled_once_however_often_it_comes_and_again_where_it_failed() -> None:
    async with stage() as on:
        seen: list[str] = []

        @on.inbound.app.event("app_home_opened")
        async def home(event) -> None:  # type: ignore[no-untyped-def]
            seen.append(event["type"])
            if len(seen) == 1:
                raise ZeroDivisionError

        await on.workspace.open_home(TOM)
        answers = [await on.workspace.redeliver(attempt=attempt, fresh=True) for attempt in (1, 2, 3)]
        assert [each.status for each in answers] == [200, 200, 200]
        assert len(seen) == 2


async def test_a_signed_request_of_a_strange_shape_is_refused_and_nothing_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        for strange in (
            {"type": "block_actions", "actions": 7},
            {"type": "block_actions", "actions": [{"action_id": "imbridge.run.0"}], "user": "tom"},
            {"type": "view_submission", "team": {"id": "T0TEAM0001"}, "user": [1]},
        ):
            ack = await signed_interaction(on, strange)
            assert ack.status_code in (200, 400, 404)
        assert on.dispatch.asked == []
        assert not any(each.exc_info for each in caplog.records)


async def test_what_names_no_team_comes_from_elsewhere() -> None:
    async with stage() as on:
        seen: list[str] = []

        @on.inbound.app.view("any")
        async def submitted(ack) -> None:  # type: ignore[no-untyped-def]
            seen.append("view")
            await ack()

        view = {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "any"},
            "user": {"id": TOM},
        }
        assert (await signed_interaction(on, {**view, "trigger_id": "1"})).content == b""
        assert seen == []
        for _ in range(2):
            at_home = {**view, "team": {"id": on.workspace.team.id}, "trigger_id": "2"}
            assert (await signed_interaction(on, at_home)).status_code == 200
        assert seen == ["view"]


async def signed_interaction(on: Stage, payload: Mapping[str, object]) -> httpx.Response:
    """Whatever this is, Slack has signed it."""
    body, headers = signed(on.workspace.app.signing_secret, {"payload": json.dumps(payload)})
    routes = [Route("/", SlackDoor(on.inbound.app, on.workspace.app.signing_secret))]
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        return await client.post("/", content=body, headers=headers)


# -- On a socket -----------------------------------------------------------------------------------------------------

HEAD = b"POST /slack/events HTTP/1.1\r\nHost: im.example\r\nContent-Type: application/json\r\n"
CHUNK = b"10000\r\n" + b"x" * 65_536 + b"\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 2000000\r\n\r\n", b"413"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * 17, b"413"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK, b"408"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", b"408"),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (HEAD + b"Content-Length: -2\r\n\r\n{}", b"400"),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", b"401"),
    ],
    ids=["says too much", "sends too much", "sends slowly", "stops", "two lengths", "no length", "unsigned"],
)
async def test_a_sender_is_answered_however_it_sends_and_soon_let_go(sent: bytes, status: bytes) -> None:
    async with stage() as on:
        endpoint = SlackDoor(on.inbound.app, on.workspace.app.signing_secret, body_seconds=0.2)
        async with serving(Starlette(routes=[Route("/slack/events", endpoint)])) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(sent)
            async with asyncio.timeout(5):
                answered = await reader.readline()
                assert answered.split()[1] == status
                if status != b"401":
                    await reader.read()
            writer.close()
        assert on.dispatch.asked == []


async def test_one_who_hangs_up_in_the_middle_leaves_no_trace_but_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with stage() as on:
        endpoint = SlackDoor(on.inbound.app, on.workspace.app.signing_secret)
        async with serving(Starlette(routes=[Route("/slack/events", endpoint)])) as url:
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
            await writer.drain()
            writer.close()
            async with asyncio.timeout(5):
                while "broke off" not in caplog.text:  # noqa: ASYNC110 - a connection elsewhere
                    await asyncio.sleep(0.01)
    assert not any(each.exc_info for each in caplog.records)


# -- Two replicas on one database ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two replicas, the service that both act on, and Slack."""

    replicas: tuple[Serving, Serving]
    workspace: Workspace
    service: str
    http: httpx.AsyncClient

    async def deliver(self, to: Serving, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.http.post(f"{to.url}/slack/events", content=body, headers=headers)

    def command(self, text: str, trigger: str) -> tuple[bytes, dict[str, str]]:
        """A slash command of tom's."""
        fields = {"command": "/im", "text": text, "trigger_id": trigger, "user_id": TOM, "channel_id": NEWS}
        return signed(self.workspace.app.signing_secret, {**fields, "team_id": self.workspace.team.id})

    def press(self, line: str, trigger: str) -> tuple[bytes, dict[str, str]]:
        """A press of tom's on a button that runs a line."""
        payload = {
            "type": "block_actions",
            "team": {"id": self.workspace.team.id},
            "user": {"id": TOM, "team_id": self.workspace.team.id},
            "channel": {"id": NEWS},
            "trigger_id": trigger,
            "actions": [{"action_id": "imbridge.run.0", "value": line}],
        }
        return signed(self.workspace.app.signing_secret, {"payload": json.dumps(payload)})

    async def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        """What the service has there."""
        key = f"{KEYS['LEANCLOUD_MASTER_KEY']},master"
        headers = {"X-LC-Id": KEYS["LEANCLOUD_APP_ID"], "X-LC-Key": key}
        answer = await self.http.get(f"{self.service}/1.2/rtm/{path}", params=query, headers=headers)
        found = answer.json()
        return list(found if isinstance(found, list) else found["results"])

    async def names(self) -> list[str]:
        """The conversations that the service has."""
        return sorted(each["name"] for each in await self.rows("all-conversations", limit="1000"))


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as parts:
        homes = [tmp_path / name for name in ("server", "one", "other")]
        for home in homes:
            home.mkdir()
            (home / "app.yaml").write_text("access: open\nrealtime: {sender: boss}\n")
        service = await parts.enter_async_context(lasting(["realtime", "--port", "0"], homes[0], KEYS))
        workspace = await parts.enter_async_context(slack())
        given = {
            **KEYS,
            **of_slack(workspace),
            "LEANCLOUD_API_SERVER": service,
            "IMBRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/shared.db",
        }
        one = await parts.enter_async_context(serve(homes[1], given))
        other = await parts.enter_async_context(serve(homes[2], given))
        http = await parts.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        yield Pair((one, other), workspace, service, http)


async def test_what_one_replica_has_done_another_answers_and_leaves_alone(pair: Pair) -> None:
    one, other = pair.replicas
    for number, request in enumerate(
        (pair.command("conv create Typed --system", "1.1"), pair.press("conv create Pressed --system", "1.2"))
    ):
        for replica in (one, other, one, other):
            answer = await pair.deliver(replica, *request)
            assert answer.status_code == 200, (number, answer.text)
    await settled(pair, 2)
    assert await pair.names() == ["Pressed", "Typed"]
    anew = pair.command("conv create Typed --system", "1.1")
    assert (await pair.deliver(other, *anew)).status_code == 200
    assert await pair.names() == ["Pressed", "Typed"]


async def test_delivered_to_both_at_once_it_is_done_once(pair: Pair) -> None:
    for number in range(5):
        request = pair.command(f"conv create Room-{number} --system", f"2.{number}")
        answers = await asyncio.gather(
            *(pair.deliver(each, *request) for each in (*pair.replicas, *pair.replicas))
        )
        assert {each.status_code for each in answers} == {200}
    await settled(pair, 5)
    assert await pair.names() == [f"Room-{number}" for number in range(5)]


async def test_an_announcement_goes_out_once_however_many_replicas_are_told(pair: Pair) -> None:
    one, other = pair.replicas
    await pair.deliver(one, *pair.command("conv create News --system", "3.1"))
    request = pair.command("broadcast News Hello!", "3.2")
    for replica in (one, other, one, other):
        answer = await pair.deliver(replica, *request)
        assert answer.status_code == 200
    (news,) = await pair.rows("all-conversations")
    assert len(await pair.rows("broadcasts", conv_id=news["objectId"])) == 1


async def settled(pair: Pair, count: int) -> None:
    """A press is acknowledged before it is carried out."""
    async with asyncio.timeout(20):
        while len(await pair.names()) < count:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)
