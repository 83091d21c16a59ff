"""The stand-in's Web API as slack_sdk's own client meets it over a socket."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bridge.playground.model import Channel, Message, UserGroup
from tests.unit.playground.stage import JERRY, LOUNGE, NEWS, SCOPES, SECRET, SPIKE, TOM, Installed, grant

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Saturday*"}}


async def refused(call: Awaitable[AsyncSlackResponse]) -> dict[str, Any]:
    """The body of the refusal that the call must meet."""
    with pytest.raises(SlackApiError) as caught:
        await call
    body = caught.value.response.data
    assert isinstance(body, dict)
    assert body["ok"] is False
    return body


async def test_auth_test_tells_whose_token_it_is(installed: Installed) -> None:
    answer = await installed.client.auth_test()
    assert answer["user_id"] == installed.workspace.app.user_id
    assert answer["team_id"] == installed.workspace.team.id


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-other", "invalid_auth"), ("xapp-playground-app", "not_allowed_token_type")],
)
async def test_a_token_that_is_no_good_is_refused(installed: Installed, token: str, error: str) -> None:
    client = AsyncWebClient(token, base_url=f"{installed.workspace.base_url}/api/")
    assert (await refused(client.chat_postMessage(channel=NEWS, text="x")))["error"] == error


async def test_a_missing_scope_is_named(installed: Installed) -> None:
    grant(installed.workspace, "commands", "chat:write")
    body = await refused(installed.client.users_info(user=TOM))
    assert (body["error"], body["needed"], body["provided"]) == (
        "missing_scope",
        "users:read",
        "chat:write,commands",
    )


async def test_an_unknown_method_is_refused(installed: Installed) -> None:
    body = await refused(installed.client.api_call("chat.shout"))
    assert (body["error"], body["req_method"]) == ("unknown_method", "chat.shout")


async def test_a_posted_message_is_heard_and_gets_ids_for_its_blocks(installed: Installed) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Send"}}
    answer = await installed.client.chat_postMessage(
        channel=NEWS, text="fallback", blocks=[SECTION, {"type": "actions", "elements": [button]}]
    )
    message = await installed.workspace.heard(lambda message: "Saturday" in message.shown, NEWS)
    assert answer["ts"] == message.ts
    assert message.shown == "*Saturday*\nSend"
    assert all(block["block_id"] for block in message.blocks)
    assert message.elements[0][1]["action_id"]


async def test_a_message_to_a_user_goes_to_the_direct_message_with_the_bot(installed: Installed) -> None:
    answer = await installed.client.chat_postMessage(channel=TOM, text="hello")
    channel = installed.workspace.channels[answer["channel"]]
    assert channel.kind == "direct"
    assert channel.members == {TOM, installed.workspace.app.user_id}


@pytest.mark.parametrize(
    ("where", "error"),
    [(SECRET, "channel_not_found"), (LOUNGE, "not_in_channel"), ("C0NOWHERE0", "channel_not_found")],
)
async def test_the_bot_posts_only_where_it_is(installed: Installed, where: str, error: str) -> None:
    assert (await refused(installed.client.chat_postMessage(channel=where, text="x")))["error"] == error


async def test_chat_write_public_opens_public_channels_only(installed: Installed) -> None:
    grant(installed.workspace, *SCOPES, "chat:write.public")
    await installed.client.chat_postMessage(channel=LOUNGE, text="x")
    body = await refused(installed.client.chat_postMessage(channel=SECRET, text="x"))
    assert body["error"] == "channel_not_found"


async def test_an_archived_channel_takes_no_message(installed: Installed) -> None:
    workspace = installed.workspace
    workspace.add_channel(replace(workspace.channels[NEWS], archived=True))
    assert (await refused(installed.client.chat_postMessage(channel=NEWS, text="x")))[
        "error"
    ] == "is_archived"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "blocks": "no json"}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"text": "x", "attachments": [{"blocks": [{"type": "foo"}]}]}, "invalid_attachments"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
        (
            {"text": "x", "metadata": {"event_type": "a", "event_payload": {"b": "c" * 4000}}},
            "metadata_too_large",
        ),
        ({"text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
    ],
)
async def test_content_that_slack_refuses(installed: Installed, content: dict[str, Any], error: str) -> None:
    call = installed.client.api_call("chat.postMessage", json={"channel": NEWS, **content})
    assert (await refused(call))["error"] == error
    assert installed.workspace.visible(NEWS, TOM) == []


async def test_refused_blocks_are_pointed_at(installed: Installed) -> None:
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    body = await refused(installed.client.chat_postMessage(channel=NEWS, text="x", blocks=[SECTION, long]))
    assert body["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]
    assert body["response_metadata"]["messages"] == [f"[ERROR] {body['errors'][0]}"]


async def test_text_over_forty_thousand_characters_is_cut_with_a_warning(installed: Installed) -> None:
    answer = await installed.client.chat_postMessage(channel=NEWS, text="x" * 40_001)
    assert len(installed.workspace.messages[NEWS, answer["ts"]].text) == 40_000
    assert answer["response_metadata"]["warnings"] == ["message_truncated"]


async def test_an_update_keeps_blocks_only_without_text(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    ts = (await client.chat_postMessage(channel=NEWS, text="a", blocks=[SECTION]))["ts"]

    await client.api_call("chat.update", json={"channel": NEWS, "ts": ts, "attachments": []})
    assert workspace.messages[NEWS, ts].blocks
    await client.chat_update(channel=NEWS, ts=ts, text="b")
    message = workspace.messages[NEWS, ts]
    assert (message.text, message.blocks, message.edited, message.versions) == ("b", (), True, 3)


async def test_what_an_update_refuses(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    ts = (await client.chat_postMessage(channel=NEWS, text="a"))["ts"]
    hidden = (await client.chat_postEphemeral(channel=NEWS, user=TOM, text="a"))["message_ts"]
    toms = workspace.post(Message(NEWS, workspace.new_ts(), TOM, "mine")).ts

    async def error(ts: str, text: str) -> str:
        return str((await refused(client.chat_update(channel=NEWS, ts=ts, text=text)))["error"])

    assert await error(hidden, "b") == "message_not_found"
    assert await error("1.000001", "b") == "message_not_found"
    assert await error(toms, "b") == "cant_update_message"
    assert await error(ts, "x" * 4_001) == "msg_too_long"
    workspace.team = replace(workspace.team, edit_window_ms=60_000)
    workspace.shift_ms += 120_000
    assert await error(ts, "b") == "edit_window_closed"
    assert workspace.messages[NEWS, ts].versions == 1


async def test_an_ephemeral_message_is_seen_by_one_member(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    await client.chat_postEphemeral(channel=NEWS, user=TOM, text="psst")
    assert [m.text for m in workspace.visible(NEWS, TOM)] == ["psst"]
    assert workspace.visible(NEWS, JERRY) == []
    body = await refused(client.chat_postEphemeral(channel=NEWS, user=SPIKE, text="psst"))
    assert body["error"] == "user_not_in_channel"


async def test_a_message_of_the_bot_can_be_deleted_and_no_other(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    ts = (await client.chat_postMessage(channel=NEWS, text="a"))["ts"]
    await client.chat_delete(channel=NEWS, ts=ts)
    toms = workspace.post(Message(NEWS, workspace.new_ts(), TOM, "mine")).ts
    assert (await refused(client.chat_delete(channel=NEWS, ts=ts)))["error"] == "message_not_found"
    assert (await refused(client.chat_delete(channel=NEWS, ts=toms)))["error"] == "cant_delete_message"


async def test_conversations_are_listed_in_pages_and_private_ones_hidden(installed: Installed) -> None:
    client = installed.client
    first = await client.conversations_list(limit=1, types="public_channel,private_channel")
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_list(limit=1, types="public_channel,private_channel", cursor=cursor)
    assert [c["name"] for c in first["channels"] + second["channels"]] == ["news", "lounge"]
    assert second["response_metadata"]["next_cursor"] == ""
    assert (await refused(client.conversations_info(channel=SECRET)))["error"] == "channel_not_found"
    members = await client.conversations_members(channel=NEWS)
    assert members["members"] == sorted([TOM, JERRY, installed.workspace.app.user_id])


async def test_the_bot_joins_public_channels(installed: Installed) -> None:
    answer = await installed.client.conversations_join(channel=LOUNGE)
    assert answer["channel"]["is_member"] is True
    again = await installed.client.conversations_join(channel=LOUNGE)
    assert again["warning"] == "already_in_channel"


async def test_users_and_groups_are_looked_up(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    workspace.groups["S0ONCALL01"] = UserGroup("S0ONCALL01", "on-call", "On call", (TOM, JERRY))
    tom = (await client.users_info(user=TOM, include_locale=True))["user"]
    assert (tom["tz"], tom["locale"], tom["is_restricted"]) == ("Asia/Shanghai", "zh-CN", False)
    assert "locale" not in (await client.users_info(user=TOM))["user"]
    assert (await refused(client.users_info(user="U0NOBODY01")))["error"] == "user_not_found"
    assert {user["id"] for user in (await client.users_list())["members"]} >= {TOM, JERRY, SPIKE}
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "on-call"
    assert (await client.usergroups_users_list(usergroup="S0ONCALL01"))["users"] == [TOM, JERRY]
    body = await refused(client.usergroups_users_list(usergroup="S0NONE0001"))
    assert body["error"] == "no_such_subteam"


async def test_a_file_is_uploaded_in_three_steps_and_shared(installed: Installed) -> None:
    await installed.client.files_upload_v2(
        content="from,text\nTom,hi\n", filename="history.csv", channel=NEWS, initial_comment="the history"
    )
    message = await installed.workspace.heard(lambda message: bool(message.files), NEWS)
    assert message.text == "the history"
    file = installed.workspace.files[message.files[0]["id"]]
    assert (file["name"], file["content"]) == ("history.csv", b"from,text\nTom,hi\n")


async def test_an_upload_of_another_length_is_refused(installed: Installed) -> None:
    answer = await installed.client.files_getUploadURLExternal(filename="a.csv", length=5)
    async with httpx.AsyncClient() as http:
        assert (await http.post(answer["upload_url"], content=b"four")).status_code == 400
    call = installed.client.files_completeUploadExternal(files=[{"id": answer["file_id"]}])
    assert (await refused(call))["error"] == "file_not_found"


async def test_the_next_call_can_be_rate_limited(installed: Installed) -> None:
    installed.workspace.fail("chat.postMessage", status=429, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await installed.client.chat_postMessage(channel=NEWS, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    assert installed.workspace.visible(NEWS, TOM) == []
    await installed.client.chat_postMessage(channel=NEWS, text="x")


async def test_a_call_can_act_and_lose_its_answer(installed: Installed) -> None:
    installed.workspace.fail("chat.postMessage", status=503, acts=True)
    with pytest.raises(SlackApiError):
        await installed.client.chat_postMessage(channel=NEWS, text="posted all the same")
    assert [m.text for m in installed.workspace.visible(NEWS, TOM)] == ["posted all the same"]


async def test_a_call_can_hang_until_it_is_released(installed: Installed) -> None:
    fault = installed.workspace.fail("chat.postMessage", status=200, error="fatal_error", hangs=True)
    call = asyncio.create_task(
        installed.client.api_call("chat.postMessage", json={"channel": NEWS, "text": "x"})
    )
    await installed.workspace.changed(lambda change: change.exchange is not None)
    assert not call.done()
    fault.release()
    assert (await refused(call))["error"] == "fatal_error"


async def test_rate_limits_are_slacks_when_switched_on(installed: Installed) -> None:
    client, workspace = installed.client, installed.workspace
    workspace.web_api.limits.on = True
    await client.chat_postMessage(channel=NEWS, text="1")
    assert (await refused(client.chat_postMessage(channel=NEWS, text="2")))["error"] == "ratelimited"
    await client.chat_postMessage(channel=TOM, text="another channel")
    workspace.shift_ms += 1_000
    await client.chat_postMessage(channel=NEWS, text="3")
    for _ in range(20):
        await client.conversations_list()
    assert (await refused(client.conversations_list()))["error"] == "ratelimited"
    workspace.shift_ms += 60_000
    await client.conversations_list()


async def test_every_request_is_recorded_without_the_token(installed: Installed) -> None:
    await installed.client.chat_postMessage(channel=NEWS, text="x")
    async with httpx.AsyncClient() as http:
        form = {"token": installed.workspace.app.bot_token, "channel": NEWS, "text": "by form"}
        await http.post(f"{installed.workspace.base_url}/api/chat.postMessage", data=form)
    targets = [entry.target for entry in installed.workspace.exchanges]
    assert targets == ["POST /api/chat.postMessage"] * 2
    assert all(entry.status == 200 for entry in installed.workspace.exchanges)
    assert installed.workspace.app.bot_token not in repr(installed.workspace.exchanges)
    assert [m.text for m in installed.workspace.visible(NEWS, TOM)] == ["x", "by form"]


async def test_a_private_channel_with_the_bot_is_like_any_other(installed: Installed) -> None:
    bot = installed.workspace.app.user_id
    installed.workspace.add_channel(Channel(SECRET, "secret", "private", frozenset({TOM, bot})))
    await installed.client.chat_postMessage(channel=SECRET, text="x")
    assert (await installed.client.conversations_info(channel=SECRET))["channel"]["is_private"] is True


async def test_an_uploaded_file_is_told_where_the_bot_is_and_kept_for_its_token(installed: Installed) -> None:
    workspace = installed.workspace
    hidden = workspace.upload(TOM, SECRET, "vips.csv", b"tom\n")
    assert (await refused(installed.client.files_info(file=hidden["id"])))["error"] == "file_not_found"
    told = (await installed.client.files_info(file=workspace.upload(TOM, NEWS, "贵宾.csv", b"tom\n")["id"]))[
        "file"
    ]
    assert (told["user"], told["channels"], told["mimetype"], told["size"]) == (TOM, [NEWS], "text/csv", 4)
    tokens = {"": 302, "xoxb-other": 302, workspace.app.bot_token: 200}
    async with httpx.AsyncClient() as client:
        for token, status in tokens.items():
            for url in (told["url_private"], told["url_private_download"]):
                shown = {"Authorization": f"Bearer {token}"} if token else {}
                answer = await client.get(url, headers=shown)
                assert (answer.status_code, answer.text == "tom\n") == (status, status == 200)
        grant(workspace, "commands", "chat:write")
        own = {"Authorization": f"Bearer {workspace.app.bot_token}"}
        assert (await client.get(told["url_private"], headers=own)).status_code == 302
    assert (await refused(installed.client.files_info(file=told["id"])))["needed"] == "files:read"


async def test_a_deleted_file_is_no_more(installed: Installed) -> None:
    file = installed.workspace.upload(TOM, NEWS, "vips.csv", b"tom\n")
    installed.workspace.files[file["id"]]["deleted"] = True
    assert (await refused(installed.client.files_info(file=file["id"])))["error"] == "file_deleted"
