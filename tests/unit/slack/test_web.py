"""Calls to Slack: what is tried again, what never is, and how a failure is told."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from bridge.errors import Failed, Uncertain
from bridge.playground.workspace import Workspace
from bridge.reply import File
from bridge.slack.web import SlackWeb
from tests.unit.playground.stage import NEWS, SCOPES, SECRET, TOM, furnish, grant, serving

HELLO = {"channel": NEWS, "text": "hello"}


class Waits(list[float]):
    """Written down instead of slept through."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    workspace = Workspace()
    async with serving(workspace.asgi) as workspace.base_url, workspace:
        grant(furnish(workspace), *SCOPES)
        yield workspace


@pytest.fixture
async def web(workspace: Workspace, waits: Waits) -> AsyncIterator[SlackWeb]:
    web = SlackWeb(workspace.app.bot_token, f"{workspace.base_url}/api/", sleep=waits.sleep)
    yield web
    await web.close()


def posts(workspace: Workspace) -> int:
    return sum("postMessage" in each.target for each in workspace.exchanges)


async def test_a_refusal_carries_slacks_own_name(web: SlackWeb) -> None:
    with pytest.raises(Failed) as refusal:
        await web.call("chat.postMessage", {"channel": SECRET, "text": "hello"})
    assert refusal.value.code == "channel_not_found"


async def test_a_limited_call_goes_on_when_slack_says(
    web: SlackWeb, workspace: Workspace, waits: Waits
) -> None:
    workspace.fail("chat.postMessage", status=429, retry_after=30, times=2)
    await web.call("chat.postMessage", HELLO)
    assert waits == [30.0, 30.0]
    assert [message.text for message in workspace.visible(NEWS, TOM)] == ["hello"]


async def test_a_limit_that_does_not_end_is_told(web: SlackWeb, workspace: Workspace, waits: Waits) -> None:
    workspace.fail("chat.postMessage", status=429, retry_after=50, times=9)
    with pytest.raises(Failed) as refusal:
        await web.call("chat.postMessage", HELLO)
    assert refusal.value.code == "ratelimited"
    assert waits == [50.0, 50.0]


@pytest.mark.parametrize(
    "fault", [{"status": 500, "acts": True}, {"status": 503}, {"status": 200, "error": "internal_error"}]
)
async def test_what_may_have_acted_is_in_doubt_and_sent_once(
    fault: dict[str, int | str], web: SlackWeb, workspace: Workspace
) -> None:
    workspace.fail("chat.postMessage", **fault)
    with pytest.raises(Uncertain):
        await web.call("chat.postMessage", HELLO)
    assert posts(workspace) == 1


async def test_a_connection_that_breaks_off_leaves_doubt_and_is_not_tried_again(waits: Waits) -> None:
    taken: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        web = SlackWeb("xoxb-1", f"http://127.0.0.1:{port}/api/", sleep=waits.sleep)
        with pytest.raises(Uncertain):
            await web.call("chat.postMessage", HELLO)
        with pytest.raises(Uncertain):
            await web.respond(f"http://127.0.0.1:{port}/commands/1", {"text": "hello"})
        await web.close()
    assert len(taken) == 2


async def test_a_refused_connection_is_tried_again_and_then_told(waits: Waits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    web = SlackWeb("xoxb-1", f"http://127.0.0.1:{port}/api/", sleep=waits.sleep)
    with pytest.raises(Failed) as refusal:
        await web.call("chat.postMessage", HELLO)
    assert refusal.value.code == "not_reached"
    assert waits == [1, 2]
    await web.close()


async def test_a_response_url_that_says_no_with_status_200_has_said_no(
    web: SlackWeb, workspace: Workspace
) -> None:
    url = workspace.late_answers.issue("commands", TOM, NEWS)
    with pytest.raises(Failed) as refusal:
        await web.respond(workspace.late_answers.address(url), {"blocks": [{"type": "nonsense"}]})
    assert refusal.value.code == "invalid_blocks"


async def test_a_response_url_that_is_used_up_is_told(web: SlackWeb, workspace: Workspace) -> None:
    url = workspace.late_answers.issue("commands", TOM, NEWS)
    workspace.expire(url)
    with pytest.raises(Failed) as refusal:
        await web.respond(workspace.late_answers.address(url), {"text": "hello"})
    assert refusal.value.code == "expired_url"


async def test_an_empty_file_and_half_characters_can_be_shared(web: SlackWeb, workspace: Workspace) -> None:
    await web.upload(File("empty.txt", ""), NEWS)
    await web.upload(File("odd.txt", "a\ud800b"), NEWS)
    assert [file["content"] for file in workspace.files.values()] == [b"\n", b"a?b"]


async def test_a_token_is_in_no_error_and_no_log(
    web: SlackWeb, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.fail("chat.postMessage", status=429, retry_after=1)
    workspace.fail("chat.postMessage", status=200, error="not_in_channel")
    with pytest.raises(Failed) as refusal:
        await web.call("chat.postMessage", HELLO)
    assert "xoxb" not in f"{refusal.value!r} {refusal.value} {refusal.value.message} {caplog.text}"
