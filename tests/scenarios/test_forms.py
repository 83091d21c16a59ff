"""Dialogues with forms: something is missing, the form is shown and filled in, and its result is heard."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bridge.playground.model import User
from bridge.playground.suggestions import suggest
from bridge.slack.drafts import COMMAND, FLAGS
from bridge.slack.forms import PICK_CONVERSATION
from bridge.slack.openings import COMPOSE
from tests.scenarios.filling import (
    block,
    drawn,
    errors,
    form,
    found,
    is_closed,
    picks,
    says,
    submits,
    text_of,
)
from tests.scenarios.office import PEOPLE, Office, Setup, opened

BEN, GUS, MIA = PEOPLE["ben"], PEOPLE["gus"], PEOPLE["mia"]


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await says(office, "mia", "#ops", "/im conv create News --system")
    return office


# -- Something is missing ----------------------------------------------------------------------------------------------


async def test_a_command_that_says_nothing_opens_its_form_and_what_is_filled_in_is_sent(news: Office) -> None:
    assert "broadcast needs CONV." in await says(news, "mia", "#ops", "/im broadcast")
    assert "Send a message to every user of the app." in text_of(form(news, "mia"))
    picked = await picks(news, "mia", "new")
    assert picked == await news.id_of("News")
    await submits(news, "mia", {PICK_CONVERSATION: picked, "arg.text": "周六有晚会！"})
    assert is_closed(news, "mia")
    await news.heard("Sent: “周六有晚会！”", "everyone, as News", "From: boss")
    assert await news.texts("News") == ["周六有晚会！"]


async def test_what_was_typed_stands_in_the_form_already(news: Office) -> None:
    await says(news, "mia", "#ops", "/im notify News “Your refund has arrived.” —push Refund")
    await submits(news, "mia", {"arg.to": "tom\njerry, spike"})
    await news.heard("Sent: “Your refund has arrived.”", "To: 3 users of News")
    assert await news.inbox("spike", "News") == ["Your refund has arrived."]
    assert {each["alert"] for each in await news.pushes()} == {"Refund"}


async def test_a_command_that_is_complete_is_never_hijacked(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News hi")
    await news.heard("Sent: “hi”")
    await says(news, "mia", "#ops", "/im broadcast Nowhere hi")
    await news.heard("There is no conversation Nowhere.", to_all=False)
    await says(news, "mia", "#ops", "/im broadcast News hi --valid-till soon")
    await news.heard("soon does not fit --valid-till", to_all=False)
    assert is_closed(news, "mia")


async def test_any_command_gives_its_form_when_it_is_asked_for(office: Office) -> None:
    assert await says(office, "mia", "#ops", "/im conv create “Game Room” --form") == ""
    values = {"arg.name": "Party Room", "arg.member": "tom\njerry", "arg.attr": "topic=games\nmood=wild one"}
    await submits(office, "mia", {**values, FLAGS: ["unique"]})
    await office.heard("Created the normal conversation Party Room.")
    row = await office.conversation("Party Room")
    assert (set(row["m"]), row["topic"], row["mood"]) == ({"tom", "jerry"}, "games", "wild one")


async def test_without_a_form_people_are_told_what_to_type(news: Office) -> None:
    news.workspace.fail("views.open", status=200, error="fatal_error")
    await says(news, "mia", "#ops", "/im broadcast")
    await news.heard("broadcast needs CONV.", to_all=False)
    news.workspace.fail("views.open", status=200, error="fatal_error")
    await says(news, "mia", "#ops", "/im broadcast --form")
    await news.heard("Slack did not open the form.", to_all=False)
    assert is_closed(news, "mia")


async def test_a_hostile_text_goes_out_exactly_as_it_was_filled_in(news: Office) -> None:
    text = '--to all "x" “y” <@U1> &amp; *b*\n  — --from evil\n\''
    await says(news, "mia", "#ops", "/im broadcast News")
    await submits(news, "mia", {"arg.text": text, "arg.push": '"--raw'})
    await news.heard("Sent: “")
    assert await news.texts("News") == [text]
    assert (await news.rows("News"))[0]["from"] == "boss"


# -- Errors at their fields --------------------------------------------------------------------------------------------


async def test_what_is_refused_is_said_at_its_field_and_nothing_is_lost(news: Office) -> None:
    await says(news, "mia", "#ops", "/im conv create Lobby")
    await says(news, "mia", "#ops", "/im notify Lobby hi")
    await submits(news, "mia", {"arg.to": "tom"})
    assert "Lobby is a normal conversation" in errors(news, "mia")["arg.conv"]
    await submits(news, "mia", {PICK_CONVERSATION: await picks(news, "mia", "news"), "arg.to": "x" * 65})
    assert "a client id of 1 to 64 characters" in errors(news, "mia")["arg.to"]
    await submits(news, "mia", {"arg.to": "", "arg.push": "{no"})
    assert list(errors(news, "mia")) == ["arg.to"]
    await submits(news, "mia", {"arg.to": "tom"})
    assert "begins like JSON and is none" in errors(news, "mia")["arg.push"]
    async with news.unchanged():
        await submits(news, "mia", {"arg.text": "晚" * 1_800, "arg.push": ""})
        assert "5 KB (5120 bytes)" in errors(news, "mia")["arg.text"]
    await submits(news, "mia", {"arg.text": "hi"})
    await news.heard("Sent: “hi”", "To: 1 user of News")
    assert is_closed(news, "mia")


async def test_an_error_speaks_the_language_of_whoever_filled_the_form_in(news: Office) -> None:
    news.workspace.add_user(User(BEN, "ben", locale="zh-CN"))
    await says(news, "ben", "#ops", "/im notify News 你好")
    assert "对话" in text_of(form(news, "ben"))
    await submits(news, "ben", {"arg.to": "x" * 65})
    assert "不适合" in errors(news, "ben")["arg.to"] or "客户端" in errors(news, "ben")["arg.to"]


async def test_words_that_no_line_can_hold_are_refused_at_their_field(office: Office) -> None:
    await says(office, "mia", "#ops", "/im conv create --form")
    await submits(office, "mia", {"arg.name": "a\" b' c” d» e’ f“ g＂ h‘ i＇ j"})
    assert "quotes of every kind" in errors(office, "mia")["arg.name"]


async def test_a_failure_about_no_field_is_told_to_its_author_alone(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    news.line.cut = "broadcast"
    await submits(news, "mia", {"arg.text": "hi"})
    assert is_closed(news, "mia")
    assert await news.texts("News") == []


# -- Who may -----------------------------------------------------------------------------------------------------------

RULES: Mapping[str, object] = {
    "roles": {"lead": {"users": [BEN]}},
    "rules": [
        {"name": "telling-all", "who": "lead", "run": "broadcast"},
        {"name": "creating", "who": "lead", "run": "changes"},
        {"name": "listing", "who": "lead", "run": "conv list"},
        {"name": "telling-few", "run": "notify", "without": "push"},
    ],
}


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Office]:
    """Ben leads: he alone creates, lists and broadcasts; everybody notifies."""
    async with opened(tmp_path, Setup(access=RULES)) as office:
        await says(office, "ben", "#ops", "/im conv create News --system")
        yield office


async def test_whoever_may_not_run_it_gets_the_refusal_instead_of_a_form(ruled: Office) -> None:
    await says(ruled, "mia", "#ops", "/im broadcast")
    await ruled.heard("No rule lets you run broadcast here.", to_all=False)
    await says(ruled, "mia", "#ops", "/im broadcast --form")
    await ruled.heard("No rule lets you run broadcast here.", to_all=False)
    assert is_closed(ruled, "mia")
    await says(ruled, "ben", "#ops", "/im broadcast")
    assert form(ruled, "ben").body["title"]["text"] == "broadcast"


async def test_who_may_not_list_conversations_finds_none_and_types_their_name(ruled: Office) -> None:
    await says(ruled, "mia", "#ops", "/im notify")
    view = form(ruled, "mia")
    assert block(view, "arg.conv")["element"]["type"] == "plain_text_input"
    await says(ruled, "ben", "#ops", "/im broadcast")
    (picked,) = (await found(ruled, "ben", "")).values()
    assert picked == await ruled.id_of("News")
    # Even where the menu still stands before somebody who has lost the right since.
    theirs = form(ruled, "ben")
    offered = await suggest(ruled.workspace, MIA, theirs, ("arg.conv", PICK_CONVERSATION), "")
    assert offered["options"] == []


async def test_access_is_checked_again_when_a_form_is_sent_off(ruled: Office) -> None:
    await says(ruled, "mia", "#ops", "/im notify News --to tom")
    async with ruled.unchanged():
        await submits(ruled, "mia", {"arg.text": "hi", "arg.push": "hi"})
    assert is_closed(ruled, "mia")
    await ruled.heard("No rule lets you run notify here.", to_all=False)


async def test_what_needs_a_word_gets_its_card_from_a_form_too(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=None)) as office:
        await says(office, "mia", "#ops", "/im conv create News --system")
        await office.presses("mia", await office.heard("conv create", to_all=False), "Confirm")
        await says(office, "mia", "#ops", "/im broadcast News")
        await submits(office, "mia", {"arg.text": "hi"})
        card = await office.heard("Proposed: “hi”")
        assert await office.texts("News") == []
        await office.presses("mia", card, "Confirm")
        assert await office.texts("News") == ["hi"]


async def test_every_form_is_audited_as_what_it_ran(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    await submits(news, "mia", {"arg.text": "hi there", "arg.valid_till": "6h"})
    told = await says(news, "mia", "#ops", "/im audit --limit 2")
    assert "broadcast News hi there --valid-till 6h" in told


async def test_the_composer_offers_what_its_reader_may_do(ruled: Office) -> None:
    await ruled.workspace.shortcut(MIA, COMPOSE)
    offered = block(await drawn(ruled, "mia"), COMMAND)["element"]["options"]
    assert [each["value"] for each in offered] == ["notify"]
    ruled.workspace.add_user(User(GUS, "gus", locale="en-US", is_restricted=True))
    await ruled.workspace.shortcut(GUS, COMPOSE)
    view = await drawn(ruled, "gus")
    assert "You may send nothing to the app from here." in text_of(view)
    assert "submit" not in view.body


# -- Pickers -----------------------------------------------------------------------------------------------------------


async def test_conversations_are_found_by_part_of_their_name_by_alias_and_by_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        for name in ("News", "Old news", "Lobby"):
            await says(office, "mia", "#ops", f'/im conv create "{name}"')
        await says(office, "mia", "#ops", "/im conv show --form")
        offered = await found(office, "mia", "NEWS")
        assert {label.partition(" · ")[0] for label in offered} == {"News", "Old news"}
        lobby = await office.id_of("Lobby")
        assert list((await found(office, "mia", lobby)).values()) == [lobby]
        assert await found(office, "mia", "nothing like it") == {}
        assert await found(office, "mia", r"\E.*") == {}


async def test_an_alias_is_offered_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        await says(first, "mia", "#ops", "/im conv create News --system")
        known = await first.id_of("News")
    async with opened(tmp_path, Setup(aliases={"daily": known})) as office:
        await says(office, "mia", "#ops", "/im broadcast")
        assert await found(office, "mia", "dai") == {f"daily → News · system · {known[-4:]}": known}


async def test_a_search_that_fails_offers_nothing_and_breaks_nothing(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast")
    news.line.cut = "all-conversations"
    assert await found(news, "mia", "new") == {}


async def test_a_list_of_the_settings_is_picked_from_a_menu(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(lists={"testers": ("tom", "spike")})) as office:
        await says(office, "mia", "#ops", "/im conv create News --system")
        await says(office, "mia", "#ops", "/im notify News hi")
        await submits(office, "mia", {"arg.to_list": "testers"})
        await office.heard("Sent: “hi”", "To: 2 users of News")


def uploaded(office: Office, content: bytes) -> str:
    """The id of a file that Mia puts into a form."""
    file = office.workspace.add_file("users.csv", len(content), MIA, "text/csv", content)
    file["channels"].append(office.workspace.direct(office.workspace.app.user_id, MIA).id)
    return str(file["id"])


async def test_a_file_that_is_put_into_the_form_names_the_recipients(news: Office) -> None:
    await says(news, "mia", "#ops", "/im notify News hi")
    await submits(news, "mia", {"arg.to_file": [uploaded(news, b"client_id\n" + b"x" * 65)]})
    assert "holds 1 entry that is no client id" in errors(news, "mia")["arg.to_file"]
    await submits(news, "mia", {"arg.to_file": [uploaded(news, b"client_id\ntom\nspike\n")]})
    await news.heard("Sent: “hi”", "To: 2 users of News")
    assert await news.inbox("spike", "News") == ["hi"]
