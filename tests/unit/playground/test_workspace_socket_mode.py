"""Socket Mode between the stand-in and Slack's own client: the same payloads, acknowledged over a WebSocket."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.playground.model import App
from bridge.playground.workspace import Workspace
from tests.unit.playground.stage import NEWS, SCOPES, TOM, Deadline, Installed, furnish, serving


@pytest.fixture
async def socketed() -> AsyncIterator[Installed]:
    """A workspace whose app has no request URL, and a Bolt app that is not connected yet."""
    deadline = Deadline()
    workspace = Workspace(app=App(scopes=SCOPES), wait=deadline.wait)
    async with serving(workspace.asgi) as base_url, workspace:
        workspace.base_url = base_url
        client = AsyncWebClient(workspace.app.bot_token, base_url=f"{base_url}/api/")
        bolt = AsyncApp(client=client, process_before_response=True)
        yield Installed(furnish(workspace), bolt, client, deadline)


@pytest.fixture
async def connected(socketed: Installed) -> AsyncIterator[Installed]:
    """The same, connected by Bolt's aiohttp handler."""
    handler = AsyncSocketModeHandler(socketed.bolt, socketed.workspace.app.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await _until_connections(socketed.workspace, 1)
    yield socketed
    await handler.close_async()  # type: ignore[no-untyped-call]


async def _until_connections(workspace: Workspace, count: int) -> None:
    while len(workspace.sockets.connections) != count:
        await workspace.changed(lambda change: change.kind == "connection")


async def test_a_command_is_answered_over_the_socket(connected: Installed) -> None:
    @connected.bolt.command("/im")
    async def listener(ack: AsyncAck, command: dict[str, str], respond: AsyncRespond) -> None:
        await respond("on its way")
        await ack(response_type="in_channel", text=f"you typed {command['text']}")

    outcome = await connected.workspace.command(TOM, "news", "/im conv list")

    assert outcome.text == "you typed conv list"
    assert [m.text for m in connected.workspace.visible(NEWS, TOM)] == [
        "on its way",
        "/im conv list",
        "you typed conv list",
    ]


async def test_plain_text_blocks_and_silence_are_understood(connected: Installed) -> None:
    answers: list[Any] = ["plain", {"text": "x", "blocks": [{"type": "foo"}]}, ""]

    @connected.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack(answers.pop(0))

    assert (await connected.workspace.command(TOM, "news", "/im help")).text == "plain"
    assert (await connected.workspace.command(TOM, "news", "/im help")).error == "invalid_blocks"
    assert (await connected.workspace.command(TOM, "news", "/im help")).message is None


async def test_buttons_and_events_come_by_the_same_way(connected: Installed) -> None:
    seen: list[str] = []

    @connected.bolt.action("go")
    async def pressed(ack: AsyncAck, body: dict[str, Any]) -> None:
        seen.append(body["type"])
        await ack()

    @connected.bolt.event("app_mention")
    async def mentioned(event: dict[str, Any]) -> None:
        seen.append(event["type"])

    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    answer = await connected.client.chat_postMessage(
        channel=NEWS, text="x", blocks=[{"type": "actions", "elements": [button]}]
    )
    await connected.workspace.press(TOM, connected.workspace.messages[NEWS, answer["ts"]], "go")
    await connected.workspace.say(TOM, "news", "@imbridge help")
    assert seen == ["block_actions", "app_mention"]


async def test_without_a_connection_the_user_sees_a_failed_dispatch(socketed: Installed) -> None:
    assert (await socketed.workspace.command(TOM, "news", "/im help")).error == "dispatch_failed"


async def test_an_envelope_that_nobody_acknowledges_times_out(connected: Installed) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    @connected.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        reached.set()
        await go_on.wait()
        await ack("late")

    typing = asyncio.create_task(connected.workspace.command(TOM, "news", "/im help"))
    await reached.wait()
    connected.deadline.passed.set()
    assert (await typing).error == "operation_timeout"
    go_on.set()
    change = await connected.workspace.changed(lambda c: bool(c.exchange and c.exchange.status == 200))
    assert change.exchange is not None
    assert change.exchange.late


async def test_a_repeated_envelope_says_so(connected: Installed) -> None:
    seen: list[dict[str, Any]] = []

    @connected.bolt.event("app_mention")
    async def mentioned(body: dict[str, Any], request: Any) -> None:
        seen.append({"id": body["event_id"], "retry": request.headers.get("x-slack-retry-num", ["0"])[0]})

    await connected.workspace.say(TOM, "news", "@imbridge help")
    await connected.workspace.redeliver(attempt=1)
    assert len({entry["id"] for entry in seen}) == 1
    assert [entry["retry"] for entry in seen][1] == "1"


async def test_a_dismissed_app_connects_anew(connected: Installed) -> None:
    (before,) = connected.workspace.sockets.connections
    await connected.workspace.sockets.disconnect("refresh_requested")
    while before in (live := connected.workspace.sockets.connections) or not live:
        await connected.workspace.changed(lambda change: change.kind == "connection")
    assert len(connected.workspace.sockets.connections) == 1


async def test_each_payload_goes_to_one_of_several_connections(socketed: Installed) -> None:
    workspace = socketed.workspace
    async with aiohttp.ClientSession() as session:
        first, second = [await _link(workspace, session) for _ in range(2)]
        assert [(await socket.receive_json())["num_connections"] for socket in (first, second)] == [1, 2]
        counts: Counter[int] = Counter()
        readers = [
            asyncio.create_task(_acknowledge_all(socket, counts, n))
            for n, socket in enumerate((first, second))
        ]
        for _ in range(40):
            assert (await workspace.command(TOM, "news", "/im help")).text == "hello"
        assert sum(counts.values()) == 40
        assert set(counts) == {0, 1}
        for socket in (first, second):
            await socket.close()
        await asyncio.gather(*readers)


async def test_an_eleventh_connection_is_dismissed_and_a_ticket_is_good_for_one(socketed: Installed) -> None:
    workspace = socketed.workspace
    async with aiohttp.ClientSession() as session:
        sockets = [await _link(workspace, session) for _ in range(11)]
        assert (await sockets[9].receive_json())["type"] == "hello"
        farewell = await sockets[10].receive_json()
        assert (farewell["type"], farewell["reason"]) == ("disconnect", "too_many_websockets")
        for socket in sockets:
            await socket.close()
        url = workspace.sockets.open_connection()["url"]
        await (await session.ws_connect(url)).close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_a_connection_is_opened_with_the_app_level_token_only(socketed: Installed) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await socketed.client.apps_connections_open(app_token=socketed.workspace.app.bot_token)


async def test_a_connection_that_breaks_before_it_answers_is_a_failed_dispatch(socketed: Installed) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await _link(socketed.workspace, session)
        await socket.receive_json()
        typing = asyncio.create_task(socketed.workspace.command(TOM, "news", "/im help"))
        envelope = await socket.receive_json()
        assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
        assert envelope["payload"]["command"] == "/im"
        await socket.close()
        assert (await typing).error == "dispatch_failed"


async def _link(workspace: Workspace, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(workspace.sockets.open_connection()["url"])


async def _acknowledge_all(
    socket: aiohttp.ClientWebSocketResponse, counts: Counter[int], number: int
) -> None:
    async for message in socket:
        counts[number] += 1
        envelope_id = json.loads(message.data)["envelope_id"]
        await socket.send_json({"envelope_id": envelope_id, "payload": {"text": "hello"}})
