"""Buttons, menus, modals, shortcuts, the Home tab and events, between the stand-in and a bare Bolt app."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.playground.model import Message
from tests.unit.playground.stage import JERRY, LOUNGE, NEWS, SPIKE, TOM, Installed

Body = dict[str, Any]


def plain(text: str) -> Body:
    return {"type": "plain_text", "text": text}


BUTTONS: list[Body] = [
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {
                "type": "button",
                "action_id": "send",
                "text": plain("Send"),
                "value": "d-1",
                "style": "primary",
            },
            {
                "type": "static_select",
                "action_id": "when",
                "options": [{"text": plain(word), "value": word} for word in ("now", "later")],
            },
        ],
    }
]


async def posted(installed: Installed) -> Message:
    answer = await installed.client.chat_postMessage(channel=NEWS, text="sure?", blocks=BUTTONS)
    return installed.workspace.messages[NEWS, answer["ts"]]


async def test_a_pressed_button_reaches_the_app_with_its_value_and_the_state(installed: Installed) -> None:
    bodies: list[Body] = []

    @installed.bolt.action("when")
    async def chosen(ack: AsyncAck) -> None:
        await ack()

    @installed.bolt.action("send")
    async def pressed(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        bodies.append(body)
        await ack()
        await respond(text="sent")

    message = await posted(installed)
    await installed.workspace.press(TOM, message, "when", "later")
    outcome = await installed.workspace.press(TOM, message, "send")

    assert outcome.error is None
    (body,) = bodies
    assert (body["type"], body["user"]["id"]) == ("block_actions", TOM)
    assert body["actions"][0]["value"] == "d-1"
    assert body["actions"][0]["block_id"] == "decide"
    assert body["state"]["values"]["decide"]["when"]["selected_option"]["value"] == "later"
    assert body["message"]["ts"] == message.ts
    replaced = await installed.workspace.heard(lambda m: m.text == "sent", NEWS)
    assert (replaced.ts, replaced.blocks) == (message.ts, ())


async def test_a_response_to_a_button_can_stand_beside_the_message(installed: Installed) -> None:
    @installed.bolt.action("send")
    async def pressed(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond(text="only for you", replace_original=False)

    message = await posted(installed)
    await installed.workspace.press(TOM, message, "send")
    assert [m.text for m in installed.workspace.visible(NEWS, TOM)] == ["sure?", "only for you"]
    assert [m.text for m in installed.workspace.visible(NEWS, JERRY)] == ["sure?"]


async def test_an_ephemeral_message_is_not_sent_along_and_nobody_else_can_press_it(
    installed: Installed,
) -> None:
    bodies: list[Body] = []

    @installed.bolt.action("send")
    async def pressed(ack: AsyncAck, body: Body) -> None:
        bodies.append(body)
        await ack()

    answer = await installed.client.chat_postEphemeral(channel=NEWS, user=TOM, text="sure?", blocks=BUTTONS)
    message = installed.workspace.messages[NEWS, answer["message_ts"]]
    await installed.workspace.press(TOM, message, "send")
    assert bodies[0]["container"]["is_ephemeral"] is True
    assert "message" not in bodies[0]
    with pytest.raises(LookupError, match="does not see"):
        await installed.workspace.press(JERRY, message, "send")


async def test_only_what_is_offered_can_be_pressed_or_chosen(installed: Installed) -> None:
    message = await posted(installed)
    with pytest.raises(LookupError, match="no element 'nope'"):
        await installed.workspace.press(TOM, message, "nope")
    with pytest.raises(LookupError, match="'never' is not offered"):
        await installed.workspace.press(TOM, message, "when", "never")
    with pytest.raises(LookupError, match="is not in news"):
        await installed.workspace.press(SPIKE, message, "send")


async def test_a_button_that_nobody_answers_shows_the_user_an_error(installed: Installed) -> None:
    outcome = await installed.workspace.press(TOM, await posted(installed), "send")
    assert outcome.error == "http_client_error"
    assert outcome.message is not None
    assert outcome.message.ephemeral_to == TOM


async def test_shortcuts_come_with_a_trigger_and_their_message(installed: Installed) -> None:
    bodies: list[Body] = []

    @installed.bolt.shortcut("resend")
    async def picked(ack: AsyncAck, body: Body) -> None:
        bodies.append(body)
        await ack()

    message = await posted(installed)
    await installed.workspace.shortcut(TOM, "resend")
    await installed.workspace.shortcut(TOM, "resend", message)
    assert [body["type"] for body in bodies] == ["shortcut", "message_action"]
    assert all(body["trigger_id"] for body in bodies)
    assert bodies[1]["message"]["ts"] == message.ts


async def test_a_mention_reaches_the_app_only_where_the_bot_is(installed: Installed) -> None:
    heard: list[str] = []

    @installed.bolt.event("app_mention")
    async def mentioned(event: Body) -> None:
        heard.append(event["text"])

    await installed.workspace.say(TOM, "news", "@imbridge conv list & more")
    await installed.workspace.say(TOM, "news", "nothing for the bot")
    await installed.workspace.say(TOM, LOUNGE, "@imbridge are you here?")
    assert heard == [f"<@{installed.workspace.app.user_id}> conv list &amp; more"]


async def test_the_app_hears_who_joins_a_channel_that_it_is_in(installed: Installed) -> None:
    joined: list[str] = []

    @installed.bolt.event("member_joined_channel")
    async def join(event: Body) -> None:
        joined.append(event["user"])

    await installed.workspace.enter(SPIKE, "news")
    await installed.workspace.enter(SPIKE, "lounge")
    assert joined == [SPIKE]


async def test_an_event_comes_up_to_three_times_more_with_the_same_id(installed: Installed) -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    @installed.bolt.event("app_mention")
    async def mentioned(body: Body, request: Any) -> None:
        headers = request.headers
        seen.append(
            (
                body["event_id"],
                headers.get("x-slack-retry-num", [None])[0],
                headers.get("x-slack-retry-reason", [None])[0],
            )
        )
        raise RuntimeError("no")

    outcome = await installed.workspace.say(TOM, "news", "@imbridge help")
    assert (outcome.error, outcome.attempts) == ("http_service_error", 4)
    assert len({event_id for event_id, _, _ in seen}) == 1
    assert [(number, reason) for _, number, reason in seen] == [
        (None, None),
        ("1", "http_error"),
        ("2", "http_error"),
        ("3", "http_error"),
    ]


async def test_a_press_that_takes_over_three_seconds_is_a_timeout(installed: Installed) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    @installed.bolt.action("send")
    async def pressed(ack: AsyncAck) -> None:
        reached.set()
        await go_on.wait()
        await ack()

    message = await posted(installed)
    pressing = asyncio.create_task(installed.workspace.press(TOM, message, "send"))
    await reached.wait()
    installed.deadline.passed.set()
    assert (await pressing).error == "operation_timeout"
    go_on.set()


async def test_a_home_tab_is_published_over_an_older_one_only_while_its_hash_holds(
    installed: Installed,
) -> None:
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = (await installed.client.views_publish(user_id=TOM, view=home))["view"]
    second = (await installed.client.views_publish(user_id=TOM, view=home, hash=first["hash"]))["view"]
    assert second["id"] == first["id"]
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await installed.client.views_publish(user_id=TOM, view=home, hash=first["hash"])
    with pytest.raises(SlackApiError, match="user_not_found"):
        await installed.client.views_publish(user_id="U0NOBODY01", view=home)


async def test_a_home_tab_is_published_and_its_button_pressed(installed: Installed) -> None:
    pressed: list[Body] = []

    @installed.bolt.event("app_home_opened")
    async def opened(event: Body, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BUTTONS})

    @installed.bolt.action("send")
    async def press(ack: AsyncAck, body: Body) -> None:
        pressed.append(body)
        await ack()

    assert (await installed.workspace.open_home(TOM)).error is None
    await installed.workspace.press_in_view(TOM, installed.workspace.homes[TOM], "send")
    assert pressed[0]["container"]["type"] == "view"
    assert "response_url" not in pressed[0]
