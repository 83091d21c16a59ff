"""Modals between the stand-in and a bare Bolt app: triggers, submissions and their answers, stacks and hashes."""

import json
from typing import Any

import pytest
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.playground.model import View
from tests.unit.playground.stage import JERRY, NEWS, TOM, Installed

Body = dict[str, Any]


def plain(text: str) -> Body:
    return {"type": "plain_text", "text": text}


MODAL: Body = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Send"),
    "submit": plain("Send"),
    "private_metadata": "m",
    "blocks": [
        {
            "type": "input",
            "block_id": "text",
            "label": plain("Text"),
            "element": {"type": "plain_text_input", "action_id": "typed", "max_length": 20},
        }
    ],
}


async def opened(installed: Installed, modal: Body = MODAL) -> View:
    """The modal as it stands before Tom."""

    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=modal)
        await ack()

    assert (await installed.workspace.command(TOM, "news", "/im send")).error is None
    (view,) = installed.workspace.stack(TOM)
    return view


async def test_a_submitted_modal_brings_its_values_and_closes(installed: Installed) -> None:
    bodies: list[Body] = []

    @installed.bolt.view("form")
    async def submitted(ack: AsyncAck, body: Body) -> None:
        bodies.append(body)
        await ack()

    view = await opened(installed)
    await installed.workspace.submit(TOM, view, {"typed": "周六有晚会！"})
    assert bodies[0]["view"]["state"]["values"]["text"]["typed"]["value"] == "周六有晚会！"
    assert bodies[0]["view"]["private_metadata"] == "m"
    assert installed.workspace.stack(TOM) == []


async def test_slacks_client_keeps_incomplete_modals_from_being_submitted(installed: Installed) -> None:
    view = await opened(installed)
    with pytest.raises(ValueError, match="required fields: typed"):
        await installed.workspace.submit(TOM, view)
    with pytest.raises(ValueError, match="does not take 21 characters"):
        await installed.workspace.submit(TOM, view, {"typed": "x" * 21})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"response_action": "errors", "errors": {"text": "too short"}}, None),
        ({"response_action": "errors", "errors": {"elsewhere": "x"}}, "invalid_errors"),
        ({"response_action": "update", "view": {**MODAL, "title": plain("x" * 25)}}, "invalid_arguments"),
        ({"response_action": "explode"}, "invalid_response_action"),
    ],
)
async def test_a_submission_is_answered_with_errors_or_refused(
    installed: Installed, answer: Body, error: str | None
) -> None:
    @installed.bolt.view("form")
    async def submitted(ack: AsyncAck) -> None:
        await ack(**answer)

    if answer["response_action"] == "explode":
        installed.bolt.middleware(_answer_raw(answer))
    view = await opened(installed)
    outcome = await installed.workspace.submit(TOM, view, {"typed": "hello"})
    (still_open,) = installed.workspace.stack(TOM)
    assert outcome.error == still_open.notice == error
    assert still_open.errors == ({} if error else {"text": "too short"})


def _answer_raw(answer: Body) -> Any:
    """A middleware that answers submissions with what Bolt itself would not let through."""

    async def middleware(body: Body, next: Any) -> BoltResponse:
        if body.get("type") == "view_submission":
            return BoltResponse(
                status=200, body=json.dumps(answer), headers={"content-type": "application/json"}
            )
        return await next()  # type: ignore[no-any-return]

    return middleware


async def test_modals_stack_three_deep_and_can_be_updated_and_cleared(installed: Installed) -> None:
    answers: list[Body] = [
        {"response_action": "push", "view": MODAL},
        {"response_action": "push", "view": MODAL},
        {"response_action": "push", "view": MODAL},
        {"response_action": "update", "view": {**MODAL, "title": plain("Again")}},
        {"response_action": "clear"},
    ]

    @installed.bolt.view("form")
    async def submitted(ack: AsyncAck) -> None:
        await ack(**answers.pop(0))

    await opened(installed)
    errors, depths = [], []
    while answers:
        top = installed.workspace.stack(TOM)[-1]
        errors.append((await installed.workspace.submit(TOM, top, {"typed": "hello"})).error)
        depths.append(len(installed.workspace.stack(TOM)))
        if len(answers) == 1:
            assert installed.workspace.stack(TOM)[-1].body["title"]["text"] == "Again"
    assert errors == [None, None, "push_limit_reached", None, None]
    assert depths == [2, 3, 3, 3, 0]


async def test_a_trigger_opens_one_modal_within_three_seconds(installed: Installed) -> None:
    errors: list[str] = []

    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        for shift_ms, trigger in ((0, body["trigger_id"]), (0, body["trigger_id"]), (0, "1.2.3")):
            installed.workspace.shift_ms += shift_ms
            try:
                await client.views_open(trigger_id=trigger, view=MODAL)
            except SlackApiError as error:
                errors.append(error.response["error"])
        await ack()

    outcome = await installed.workspace.command(TOM, "news", "/im send")
    assert errors == ["exchanged_trigger_id", "invalid_trigger_id"]

    assert outcome.trigger is not None
    outcome.trigger.used = False
    installed.workspace.expire(outcome.trigger)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await installed.client.views_open(trigger_id=outcome.trigger.id, view=MODAL)


async def test_a_view_is_updated_only_while_its_hash_holds(installed: Installed) -> None:
    view = await opened(installed)
    await installed.client.views_update(
        view_id=view.id, hash=view.hash, view={**MODAL, "title": plain("Two")}
    )
    assert installed.workspace.views[view.id].body["title"]["text"] == "Two"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await installed.client.views_update(view_id=view.id, hash=view.hash, view=MODAL)


async def test_an_invalid_view_is_pointed_at(installed: Installed) -> None:
    broken = {**MODAL, "title": plain("x" * 25)}
    with pytest.raises(SlackApiError) as caught:
        await installed.client.views_publish(user_id=TOM, view=broken)
    assert caught.value.response["error"] == "invalid_arguments"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]


async def test_a_closed_modal_is_told_of_where_it_asked(installed: Installed) -> None:
    bodies: list[Body] = []

    @installed.bolt.view_closed("form")
    async def closed(ack: AsyncAck, body: Body) -> None:
        bodies.append(body)
        await ack()

    view = await opened(installed, {**MODAL, "notify_on_close": True})
    await installed.workspace.close(TOM, view)
    assert bodies[0]["type"] == "view_closed"
    assert installed.workspace.stack(TOM) == []


async def test_a_modal_on_a_modal_is_opened_by_the_trigger_of_a_press_in_it(installed: Installed) -> None:
    @installed.bolt.action("more")
    async def pressed(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await client.views_push(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    more = {"type": "button", "action_id": "more", "text": plain("More")}
    view = await opened(installed, {**MODAL, "blocks": [{"type": "actions", "elements": [more]}]})
    await installed.workspace.press_in_view(TOM, view, "more")
    below, above = installed.workspace.stack(TOM)
    assert (above.previous_id, above.root_id) == (below.id, below.id)


async def test_an_external_id_names_one_view(installed: Installed) -> None:
    named = {**MODAL, "external_id": "mine"}
    view = await opened(installed, named)
    await installed.client.views_update(external_id="mine", view={**named, "title": plain("Two")})
    assert installed.workspace.views[view.id].body["title"]["text"] == "Two"
    home = {"type": "home", "blocks": [], "external_id": "mine"}
    with pytest.raises(SlackApiError, match="duplicate_external_id"):
        await installed.client.views_publish(user_id=TOM, view=home)
    with pytest.raises(SlackApiError, match="not_found"):
        await installed.client.views_update(external_id="other", view=MODAL)


async def test_a_channel_chosen_in_a_modal_comes_with_a_response_url(installed: Installed) -> None:
    @installed.bolt.view("form")
    async def submitted(ack: AsyncAck, body: Body) -> None:
        await ack()
        (chosen,) = body["response_urls"]
        assert chosen["channel_id"] == NEWS
        await AsyncWebhookClient(chosen["response_url"]).send(text="here", response_type="in_channel")

    menu = {"type": "channels_select", "action_id": "where", "response_url_enabled": True}
    where = {"type": "input", "label": plain("Where"), "element": menu}
    view = await opened(installed, {**MODAL, "blocks": [where]})
    outcome = await installed.workspace.submit(TOM, view, {"where": NEWS})
    assert outcome.error is None
    assert [m.text for m in installed.workspace.visible(NEWS, JERRY)] == ["here"]
