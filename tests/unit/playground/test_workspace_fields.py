"""Fields of forms between the stand-in and a bare Bolt app: menus that ask the app, files, what is kept and cleared."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bridge.playground.described import exchange_bodies, exchange_json
from bridge.playground.model import Shortcut, SlackError, View
from bridge.playground.suggestions import suggest
from tests.unit.playground.stage import NEWS, TOM, Installed

Body = dict[str, Any]


def plain(text: str) -> Body:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Body:
    return {"text": plain(value.title()), "value": value}


def field(kind: str, **more: Any) -> Body:
    element = {"type": kind, "action_id": kind, **more}
    return {"type": "input", "block_id": kind, "label": plain(kind), "element": element, "optional": True}


MODAL: Body = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Form"),
    "submit": plain("Send"),
    "notify_on_close": True,
    "blocks": [
        field("external_select"),
        field("file_input"),
        field("conversations_select", default_to_current_conversation=True),
        field("plain_text_input"),
    ],
}
PLACE = ("external_select", "external_select")


async def opened(installed: Installed) -> View:
    """The form before Tom, who was in #news."""

    @installed.bolt.shortcut("open")
    async def listener(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    await installed.workspace.shortcut(TOM, "open", channel=NEWS)
    (view,) = installed.workspace.stack(TOM)
    return view


def offering(bolt: AsyncApp, answer: Body) -> list[Body]:
    asked: list[Body] = []

    @bolt.options("external_select")
    async def listener(ack: AsyncAck, body: Body) -> None:
        asked.append(body)
        await ack(**answer)

    return asked


async def test_a_menu_offers_what_the_app_answers_and_takes_nothing_else(installed: Installed) -> None:
    asked = offering(installed.bolt, {"options": [option("squid"), option("tuna")]})
    view, workspace = await opened(installed), installed.workspace
    with pytest.raises(LookupError, match="'squid' is not offered"):
        workspace.fill(view, [(*PLACE, "squid")])

    offered = await suggest(workspace, TOM, view, PLACE, "s")

    assert [each["value"] for each in offered["options"]] == ["squid", "tuna"]
    payload = asked[0]
    assert (payload["type"], payload["value"], payload["action_id"]) == ("block_suggestion", "s", PLACE[1])
    assert payload["view"]["id"] == view.id
    assert "trigger_id" not in payload
    filled = workspace.fill(view, [(*PLACE, "squid"), ("gone", "gone", "x")])
    assert filled.inputs["external_select"]["external_select"]["selected_option"] == option("squid")


@pytest.mark.parametrize(
    "answer",
    [
        {"options": [{"text": plain("x" * 76), "value": "x"}]},
        {"options": [option(str(number)) for number in range(101)]},
        {"option_groups": [{"label": plain("none"), "options": []}]},
    ],
)
async def test_options_that_slack_would_refuse_are_refused(installed: Installed, answer: Body) -> None:
    offering(installed.bolt, answer)
    view = await opened(installed)
    with pytest.raises(SlackError, match="invalid_options"):
        await suggest(installed.workspace, TOM, view, PLACE, "s")
    with pytest.raises(LookupError):
        await suggest(installed.workspace, TOM, view, ("plain_text_input", "nothing"), "s")


async def test_a_form_begins_where_its_user_was_and_brings_the_files_that_were_put_into_it(
    installed: Installed,
) -> None:
    submitted: list[Body] = []

    @installed.bolt.view("form")
    async def listener(ack: AsyncAck, view: Body) -> None:
        submitted.append(view["state"]["values"])
        await ack()

    view, workspace = await opened(installed), installed.workspace
    file = workspace.add_file("list.csv", 3, TOM, "text/csv", b"tom")
    workspace.fill(view, [("file_input", "file_input", [file["id"]])])
    await workspace.submit(TOM, view)

    (values,) = submitted
    chosen = values["conversations_select"]["conversations_select"]["selected_conversation"]
    assert chosen == NEWS
    (brought,) = values["file_input"]["file_input"]["files"]
    assert (brought["id"], brought["name"], brought["size"]) == (file["id"], "list.csv", 3)


async def test_closing_the_whole_stack_says_so(installed: Installed) -> None:
    closed: list[bool] = []

    @installed.bolt.view_closed("form")
    async def listener(ack: AsyncAck, body: Body) -> None:
        closed.append(body["is_cleared"])
        await ack()

    view = await opened(installed)
    await installed.workspace.close(TOM, view, cleared=True)
    assert closed == [True]


async def test_the_raw_view_names_what_flows_and_blanks_what_lets_somebody_in(installed: Installed) -> None:
    await opened(installed)
    workspace = installed.workspace
    shown = [(exchange_json(each)["what"], exchange_bodies(workspace, each)) for each in workspace.exchanges]
    assert [what for what, _ in shown if what != "auth.test"] == ["shortcut open", "views.open"]
    app = workspace.app
    everything = str(shown)
    secrets = (app.bot_token, app.app_token, app.signing_secret, app.verification_token)
    assert [secret for secret in secrets if secret in everything] == []
    assert "X-Slack-Signature': '…'" in everything


def test_a_shortcut_is_read_from_a_manifest() -> None:
    entry = {"name": "Send", "type": "message", "callback_id": "send", "description": "Sends it"}
    assert Shortcut.of(entry) == Shortcut("send", "Send", "message", "Sends it")
