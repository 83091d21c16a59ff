"""Dialogues about reading: pages that turn, cards that lead on, help that runs, answers for one alone."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.playground.blocks import refuse_message
from bridge.playground.model import Message
from bridge.slack.answer import Deadlines
from tests.scenarios.office import OPS, PEOPLE, Office, Setup, opened

MIA, BEN, _ = PEOPLE.values()


@pytest.fixture
async def lobby(office: Office) -> Office:
    """An office with a conversation of two and a system conversation."""
    await office.says("mia", "#ops", "/im conv create Lobby --member tom --member jerry")
    await office.says("mia", "#ops", "/im conv create News --system")
    return office


async def told(office: Office, count: int, text: str = "m{number}") -> None:
    """So many messages of Tom's, none at the same moment as another."""
    path = f"/1.2/rtm/conversations/{await office.id_of('Lobby')}/messages"
    for number in range(count):
        await office.asks("POST", path, from_client="tom", message=text.format(number=number))
        await asyncio.sleep(0.002)


def rows(message: Message) -> list[list[str]]:
    """The cells of a message's table as text, without its header."""
    (table,) = [block for block in message.blocks or () if block["type"] == "table"]
    return [["".join(texts(cell)) for cell in row] for row in table["rows"][1:]]


def texts(value: Any) -> list[str]:
    """All text in a piece of a message."""
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if isinstance(value.get("text"), str) else []
    return own + [text for each in value.values() for text in texts(each)]


def labels(message: Message) -> list[str]:
    """What a message's buttons say."""
    return [each["text"]["text"] for _, each in message.elements if each["type"] == "button"]


# -- Pages -------------------------------------------------------------------------------------------------------------


async def test_history_turns_to_older_and_newer_pages_in_its_place(lobby: Office) -> None:
    await told(lobby, 7)
    await lobby.says("mia", "#ops", "/im history Lobby --limit 3")
    first = await lobby.heard("3 messages")
    assert [row[2] for row in rows(first)] == ["m6", "m5", "m4"]
    assert labels(first) == ["Older", "Export CSV"]
    await lobby.presses("mia", first, "Older")
    second = await lobby.heard("3 messages")
    assert second.ts == first.ts
    assert [row[2] for row in rows(second)] == ["m3", "m2", "m1"]
    assert labels(second) == ["Newer", "Older", "Export CSV"]
    await lobby.presses("mia", second, "Older")
    last = await lobby.heard("1 message")
    assert [row[2] for row in rows(last)] == ["m0"]
    assert labels(last) == ["Newer", "Export CSV"]
    await lobby.presses("mia", last, "Newer")
    again = await lobby.heard("3 messages")
    assert [row[2] for row in rows(again)] == ["m1", "m2", "m3"]
    assert labels(again) == ["Newer", "Older", "Export CSV"]


async def test_a_page_of_history_is_exported_as_it_was_asked_for(lobby: Office) -> None:
    await told(lobby, 3)
    await lobby.says("mia", "#ops", "/im history Lobby --limit 2")
    page = await lobby.heard("2 messages")
    await lobby.presses("mia", page, "Export CSV")
    uploaded = await lobby.workspace.heard(lambda message: bool(message.files))
    content = lobby.workspace.files[uploaded.files[0]["id"]]["content"].decode()
    assert [line.split(",")[3] for line in content.splitlines()[1:]] == ["m2", "m1"]


async def test_a_thousand_long_messages_are_read_page_by_page_and_none_is_lost(lobby: Office) -> None:
    await told(lobby, 60, "👩‍🚀 &<>שלום " * 60 + "{number}")
    await lobby.says("mia", "#ops", "/im history Lobby --limit 1000")
    page = await lobby.heard("60 messages", "of them.")
    seen: list[str] = []
    while True:
        assert refuse_message(list(page.blocks)) is None
        seen += [row[3] for row in rows(page)]
        if "Older" not in labels(page):
            break
        await lobby.presses("mia", page, "Older")
        page = await lobby.heard("message")
    assert len(seen) == len(set(seen)) == 60


async def test_lists_turn_to_the_next_page_and_back(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im conv list --kind all --limit 1")
    first = await lobby.heard("1 conversation")
    assert labels(first) == ["Next page"]
    await lobby.presses("mia", first, "Next page")
    second = await lobby.heard("1 conversation")
    assert rows(second) != rows(first)
    assert labels(second) == ["Previous page", "Next page"]
    await lobby.presses("mia", second, "Previous page")
    assert rows(await lobby.heard("1 conversation")) == rows(first)


async def test_deliveries_are_paged(lobby: Office) -> None:
    for text in ("one", "two", "three"):
        await lobby.says("mia", "#ops", f"/im broadcast News {text}")
    await lobby.says("mia", "#ops", "/im delivery list --limit 2 --state sent")
    first = await lobby.heard("2 deliveries")
    assert [row[3] for row in rows(first)] == ["three", "two"]
    await lobby.presses("mia", first, "Next page")
    assert [row[3] for row in rows(await lobby.heard("1 delivery"))] == ["one"]


# -- Cards and kinds ---------------------------------------------------------------------------------------------------


async def test_a_conversations_card_leads_to_what_can_be_done_with_it(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im conv show News")
    card = await lobby.heard("News, a system conversation")
    assert labels(card)[:2] == ["Broadcast", "Tell subscribers"]
    await lobby.presses("mia", card, "Broadcast")
    (modal,) = lobby.workspace.stack(MIA)
    assert await lobby.id_of("News") in json.dumps(modal.body)
    await lobby.says("mia", "#ops", "/im conv show Lobby")
    card = await lobby.heard("Lobby, a normal conversation")
    await lobby.presses("mia", card, "Its members")
    await lobby.heard("tom", "jerry")


async def test_each_kind_of_message_is_read_for_what_it_is(lobby: Office) -> None:
    for content in (
        "--image https://files.example/a%20cat.png look",
        "--file https://files.example/report.pdf",
        "--location 31.23,121.47 here",
    ):
        await lobby.says("mia", "#ops", f"/im send Lobby {content} --from tom")
    await lobby.says("mia", "#ops", "/im history Lobby")
    page = await lobby.heard("3 messages")
    said = json.dumps(page.blocks)
    assert "https://files.example/a%20cat.png" in said
    assert "files.example)" in said, "the host is in sight"
    assert "report.pdf (files.example)" in said
    assert "https://www.openstreetmap.org/?mlat=31.23&mlon=121.47" in said
    assert '"image"' not in said, "Slack fetches nothing that a stranger has chosen"


# -- Help --------------------------------------------------------------------------------------------------------------


async def test_an_example_that_only_reads_runs_and_one_that_acts_is_filled_in(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im help conv list")
    helped = await lobby.heard("conv list: List conversations.", to_all=False)
    await lobby.presses("mia", helped, "conv list --kind system")
    await lobby.heard("1 conversation", "News")
    await lobby.says("mia", "#ops", "/im help conv create")
    helped = await lobby.heard("conv create:", to_all=False)
    async with lobby.unchanged():
        await lobby.presses("mia", helped, "Fill in: conv create News --system")
    (modal,) = lobby.workspace.stack(MIA)
    assert "News" in json.dumps(modal.body)


async def test_help_tells_of_quiet(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im help")
    await lobby.heard("--quiet", to_all=False)


# -- For one alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["conv list --quiet", "conv list －－quiet", "broadcast News hi --quiet"])
async def test_a_quiet_answer_is_for_whoever_asked_alone(lobby: Office, line: str) -> None:
    await lobby.says("mia", "#ops", f"/im {line}")
    await lobby.heard("News", to_all=False)
    assert "hi" not in " ".join(message.shown for message in lobby.workspace.visible(OPS, BEN))


async def test_the_pages_of_a_quiet_answer_are_quiet_too(lobby: Office) -> None:
    await told(lobby, 2)
    await lobby.says("mia", "#ops", "/im history Lobby --limit 1 --quiet")
    page = await lobby.heard("m1", to_all=False)
    await lobby.presses("mia", page, "Older")
    await lobby.heard("m0", to_all=False)


async def test_a_quiet_answer_that_comes_late_is_seen_by_nobody_else(tmp_path: Path) -> None:
    hurry = Deadlines(ack_after=0, progress_after=0)
    async with opened(tmp_path, Setup(deadlines=hurry)) as office:
        await office.says("mia", "#ops", "/im conv list --quiet")
        await office.inbound.drain()
        await office.heard("There is no such conversation.", to_all=False)
        assert [message.shown for message in office.workspace.visible(OPS, BEN)] == []


async def test_quiet_hides_nothing_from_whoever_has_a_say_in_it(tmp_path: Path) -> None:
    rules = {
        "roles": {"leads": {"users": [BEN]}},
        "rules": [
            {"name": "all", "run": ["reads", "conv"]},
            {"name": "tell", "run": "broadcast", "approve": {"role": "leads", "within": "1h"}},
        ],
    }
    async with opened(tmp_path, Setup(access=rules)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", "/im broadcast News hi --quiet")
        await office.heard("Proposed: “hi”")


# -- In threads --------------------------------------------------------------------------------------------------------


async def test_what_was_pressed_in_a_thread_is_answered_there(lobby: Office) -> None:
    await told(lobby, 3)
    await lobby.says("mia", "#ops", "/im history Lobby --limit 1")
    page = await lobby.heard("1 message")
    root = (await lobby.workspace.say(MIA, OPS, "look at this")).message
    assert root is not None
    below = lobby.workspace.post(
        Message(
            OPS,
            lobby.workspace.new_ts(),
            lobby.workspace.app.user_id,
            "",
            blocks=page.blocks,
            thread_ts=root.ts,
        )
    )
    since = lobby.workspace.position
    await lobby.presses("mia", below, "Export CSV")
    answered = await lobby.workspace.heard(lambda message: "1 message" in message.shown, since=since)
    assert answered.thread_ts == root.ts


async def test_a_mention_in_a_thread_is_a_command_answered_there(lobby: Office) -> None:
    root = (await lobby.workspace.say(MIA, OPS, "who is there?")).message
    assert root is not None
    since = lobby.workspace.position
    bot = lobby.workspace.app.name
    await lobby.workspace.say(BEN, OPS, f"@{bot} conv list", thread=root.ts)
    answered = await lobby.workspace.heard(lambda message: "2 conversations" in message.shown, since=since)
    assert (answered.thread_ts, answered.ephemeral_to) == (root.ts, None)


async def test_a_mention_in_passing_is_told_what_there_is(lobby: Office) -> None:
    since = lobby.workspace.position
    await lobby.workspace.say(BEN, OPS, f"thanks @{lobby.workspace.app.name}!")
    helped = await lobby.workspace.heard(
        lambda message: "These are the commands." in message.shown, since=since
    )
    assert helped.ephemeral_to == BEN
    async with lobby.unchanged():
        await lobby.workspace.say(BEN, OPS, f"@{lobby.workspace.app.name}: brodcast News hi")
        await lobby.workspace.heard(lambda message: "Did you mean broadcast?" in message.shown, since=since)
