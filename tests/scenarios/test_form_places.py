"""Dialogues about where forms come from and where their results go: channels, threads, shortcuts, drills."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.playground.model import App, Channel, Message, User, View
from bridge.playground.suggestions import suggest
from bridge.playground.workspace import Workspace
from bridge.slack.drafts import CHANNEL, COMMAND
from bridge.slack.forms import PICK_CONVERSATION
from bridge.slack.openings import COMPOSE, SEND
from bridge.slack.render import FILL_ACTION
from tests.scenarios.filling import block, changes, drawn, form, is_closed, picks, says, submits, text_of
from tests.scenarios.office import OPS, PEOPLE, Office, Setup, opened
from tests.scenarios.processes import of_slack, serve, slack
from tests.scenarios.slack_stage import BUSY
from tests.unit.playground.stage import NEWS, SCOPES, TOM

BEN, MIA = PEOPLE["ben"], PEOPLE["mia"]


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await says(office, "mia", "#ops", "/im conv create News --system")
    return office


# -- Where the result goes ---------------------------------------------------------------------------------------------


async def test_where_the_bot_is_not_the_result_comes_as_it_does_for_a_command(news: Office) -> None:
    den = Channel("C0DEN00001", "den", "private", frozenset({MIA}))
    news.workspace.add_channel(den)
    await says(news, "mia", "#den", "/im broadcast News")
    await submits(news, "mia", {"arg.text": "hi"})
    message = await news.heard("Sent: “hi”")
    assert message.channel == den.id


async def test_a_message_is_sent_to_the_app_and_the_result_stands_in_its_thread(news: Office) -> None:
    said = (await news.workspace.say(BEN, "ops", "The *party* is at 8 & free <here>")).message
    assert said is not None
    reply = (await news.workspace.say(BEN, "ops", "Bring a hat!", thread=said.ts)).message
    assert reply is not None
    await news.workspace.shortcut(MIA, SEND, reply)
    await drawn(news, "mia")
    await changes(news, "mia", COMMAND, "broadcast")
    await submits(news, "mia", {PICK_CONVERSATION: await picks(news, "mia", "News")})
    message = await news.heard("Sent: “Bring a hat!”")
    assert (message.channel, message.thread_ts) == (OPS, said.ts)
    await news.workspace.shortcut(MIA, SEND, said)
    view = await drawn(news, "mia")
    assert block(view, "arg.text")["element"]["initial_value"] == "The *party* is at 8 & free <here>"


async def test_the_composer_opens_anywhere_and_asks_where_its_result_goes(news: Office) -> None:
    await news.workspace.shortcut(MIA, COMPOSE)
    view = await drawn(news, "mia")
    offered = [each["value"] for each in block(view, COMMAND)["element"]["options"]]
    assert offered == ["send", "notify", "publish", "broadcast"]
    await changes(news, "mia", COMMAND, "publish")
    values = {CHANNEL: OPS, PICK_CONVERSATION: await picks(news, "mia", "News"), "arg.text": "hi"}
    await submits(news, "mia", values)
    message = await news.heard("hi", "News")
    assert message.channel == OPS


async def test_a_shortcut_that_slack_lets_expire_does_nothing(news: Office) -> None:
    news.workspace.fail("views.open", status=200, error="expired_trigger_id")
    outcome = await news.workspace.shortcut(MIA, COMPOSE)
    await news.inbound.drain()
    assert outcome.error is None
    assert is_closed(news, "mia")


async def shown_form(workspace: Workspace) -> View:
    """Tom's form, as soon as it is open."""
    if workspace.stack(TOM):
        return workspace.stack(TOM)[-1]
    change = await workspace.changed(lambda each: each.kind == "view")
    assert change.view is not None
    return change.view


async def test_a_form_of_a_drill_says_so_and_reaches_nobody(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(
        "{drill: true, access: open, slack: {locale: en-US}, realtime: {sender: boss}}"
    )
    installed = App(scopes=SCOPES, commands=frozenset({"/im", "/im-drill"}))
    async with slack(installed) as workspace, serve(tmp_path, of_slack(workspace)) as serving:
        workspace.app = replace(workspace.app, request_url=f"{serving.url}/slack/events")
        workspace.add_user(User(TOM, "tom", locale="en-US"))
        for command in ("/im", "/im-drill"):
            await workspace.command(TOM, NEWS, f"{command} conv create news --system")
            await workspace.heard(lambda each: "Created" in each.shown, NEWS)
        await workspace.command(TOM, NEWS, "/im-drill broadcast news hi --form")
        (view,) = workspace.stack(TOM)
        assert "This is a drill: nobody of the app notices." in text_of(view)
        assert view.body["callback_id"] == "drill.imbridge.form"
        offered = await suggest(workspace, TOM, view, ("arg.conv", PICK_CONVERSATION), "")
        assert len(offered["options"]) == 1
        outcome = await workspace.submit(TOM, view)
        assert outcome.error is None
        message = await workspace.heard(lambda each: "Sent: “hi”" in each.shown, NEWS)
        assert "DRILL" in message.shown
        assert "no messages" in (await workspace.command(TOM, NEWS, "/im history news")).text
        helped = (await workspace.command(TOM, NEWS, "/im-drill help broadcast")).message
        assert helped is not None
        fill = next(each["action_id"] for _, each in helped.elements if "form" in each["action_id"])
        await workspace.press(TOM, helped, fill)
        opened_view = await shown_form(workspace)
        assert opened_view.body["callback_id"] == "drill.imbridge.form"


# -- Twice, and from elsewhere -----------------------------------------------------------------------------------------


async def test_a_form_that_is_delivered_again_acts_once(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    await submits(news, "mia", {"arg.text": "hi"})
    await news.workspace.redeliver()
    await news.inbound.drain()
    assert await news.texts("News") == ["hi"]


@pytest.mark.parametrize(
    "metadata", ["", "{}", "null", '["broadcast"]', '["nothing", "C1", null, null, false]']
)
async def test_a_form_of_another_shape_is_refused(news: Office, metadata: str) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    view = form(news, "mia")
    spoilt = news.workspace.put_view(
        View(**{**vars(view), "body": {**view.body, "private_metadata": metadata}})
    )
    async with news.unchanged():
        outcome = await news.workspace.submit(MIA, spoilt, {"arg.text": "hi"})
        assert outcome.error == "http_client_error"


async def test_a_button_can_open_the_form_of_its_line(news: Office) -> None:
    button = {
        "type": "button",
        "action_id": FILL_ACTION,
        "text": {"type": "plain_text", "text": "Broadcast"},
        "value": "broadcast News hi",
    }
    ts = news.workspace.new_ts()
    bot = news.workspace.app.user_id
    message = news.workspace.post(Message(OPS, ts, bot, "", ({"type": "actions", "elements": [button]},)))
    await news.workspace.press(MIA, message, FILL_ACTION)
    await drawn(news, "mia")
    await submits(news, "mia", {})
    assert await news.texts("News") == ["hi"]


async def test_a_slow_command_posts_its_result_once_the_form_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(deadlines=BUSY)) as office:
        await office.workspace.command(MIA, "ops", "/im conv create News --form")
        await asyncio.wait_for(office.inbound.drain(), 5)
        await submits(office, "mia", {})
        assert is_closed(office, "mia")
        await office.heard("Created the normal conversation News.")
