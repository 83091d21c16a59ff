"""Dialogues about announcements: to chosen users, to subscribers, to everyone; and what became of them."""

from pathlib import Path

import pytest

from bridge.context import Defaults
from bridge.realtime.limits import Plan
from bridge.server.presence import Direct
from tests.scenarios.office import Office, Setup, opened

DAY_MS = 86_400_000


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await office.says("mia", "#ops", "/im conv create News --system")
    return office


# -- To chosen users ---------------------------------------------------------------------------------------------------


async def test_chosen_users_get_a_system_message_and_nobody_else_does(news: Office) -> None:
    await news.says("mia", "#ops", "/im notify News 您的退款已到账。 --to tom，jerry")
    heard = await news.heard(
        "Sent: “您的退款已到账。”", "To: 2 users of News", "From: boss", "Users: tom, jerry"
    )
    assert heard.shown.startswith("Sent: “")
    assert await news.inbox("tom", "News") == await news.inbox("jerry", "News") == ["您的退款已到账。"]
    assert await news.inbox("spike", "News") == []


async def test_any_number_of_users_is_reached_twenty_a_call(news: Office) -> None:
    users = [f"u{number}" for number in range(45)]
    await news.says("mia", "#ops", f"/im notify News hi --to {','.join(users)}")
    await news.heard("Sent: “hi”", "To: 45 users of News", "u0, u1, u2, u3, u4, … (45)")
    assert len(await news.rows("News")) == 3
    for user in (users[0], users[19], users[20], users[44]):
        assert await news.inbox(user, "News") == ["hi"]


async def test_a_user_named_twice_is_reached_once(news: Office) -> None:
    await news.says("mia", "#ops", "/im notify News hi --to tom --to jerry,tom")
    await news.heard("To: 2 users of News", "There twice: 1")
    assert await news.inbox("tom", "News") == ["hi"]


async def test_the_service_itself_takes_twenty_users_a_call(news: Office) -> None:
    path = f"/1.2/rtm/service-conversations/{await news.id_of('News')}/messages"
    users = [f"u{number}" for number in range(21)]
    answer = await news.door.post(path, json={"from_client": "boss", "message": "hi", "to_clients": users})
    assert answer.status_code == 400


async def test_a_named_list_or_a_file_beside_the_settings_is_notified(tmp_path: Path) -> None:
    (tmp_path / "vips.csv").write_text("﻿name,client_id\nTom,tom\nJerry,jerry\n\nTom,tom\n", encoding="utf-8")
    lists: dict[str, tuple[str, ...] | str] = {
        "testers": ("spike", "butch", "spike"),
        "vips": str(tmp_path / "vips.csv"),
    }
    async with opened(tmp_path, Setup(lists=lists)) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", "/im notify News hi --to-list testers")
        await office.heard("To: 2 users of News", "Users: spike, butch", "There twice: 1")
        await office.says("mia", "#ops", "/im notify News hello --to-list vips")
        await office.heard("To: 2 users of News", "Users: tom, jerry", "There twice: 1")
        assert await office.inbox("butch", "News") == ["hi"]
        assert await office.inbox("jerry", "News") == ["hello"]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("", ["Whom is it for?", "--to ID,...", "--to-list NAME"]),
        ("--to ,", ["Whom is it for?"]),
        ("--to tom --to-list vips", ["Say it in one way", "--to --to-list"]),
        ("--to-list vipps", ["There is no list vipps.", "Did you mean vips?"]),
        (
            "--to-list broken",
            ["broken holds 2 entries that are no client ids; nobody got anything", "2: 'x", "3: ''"],
        ),
        ("--to-list gone", ["gone can't be read: No such file"]),
        ("--to-list none", ["names nobody"]),
        ("--to-list latin", ["is no UTF-8 text"]),
        ("--to-file vips.csv", ["vips.csv does not lead to Slack", "Upload it in this channel"]),
    ],
)
async def test_an_audience_that_can_not_be_used_reaches_nobody(
    tmp_path: Path, options: str, answer: list[str]
) -> None:
    (tmp_path / "broken.csv").write_text(f"client_id,name\n{'x' * 65},X\n,nobody\ntom,Tom\n")
    (tmp_path / "none.csv").write_text("client_id\n")
    (tmp_path / "latin.csv").write_bytes(b"caf\xe9\n")
    names = ("vips", "broken", "gone", "none", "latin")
    async with opened(tmp_path, Setup(lists={name: f"{tmp_path}/{name}.csv" for name in names})) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        async with office.unchanged():
            await office.says("mia", "#ops", f"/im notify News hi {options}")
            await office.heard(*answer, to_all=False)


# -- To subscribers, to everyone ---------------------------------------------------------------------------------------


async def test_all_subscribers_get_what_is_published(news: Office) -> None:
    await news.says("mia", "#ops", "/im subscriber add News tom")
    await news.says("mia", "#ops", """/im publish News The season begins. --push '{"alert": "New season"}'""")
    await news.heard("Sent: “The season begins.”", "To: all subscribers of News")
    assert await news.inbox("tom", "News") == ["The season begins."]
    assert await news.inbox("jerry", "News") == []
    assert await news.pushes() == [{"alert": "New season"}]


async def test_a_broadcast_reaches_who_is_online_and_who_comes_later(news: Office) -> None:
    tom = await news.online("tom")
    await news.says("mia", "#ops", "/im broadcast News 周六有晚会！ --valid-till 2h --push 周六")
    heard = await news.heard("Sent: “周六有晚会！”", "To: everyone, as News")
    jerry = await news.online("jerry")
    for phone in (tom, jerry):
        event = await anext(aiter(phone))
        assert isinstance(event, Direct)
        assert "周六有晚会！" in event.data
        assert event.msg_id in heard.shown
    (valid,) = await news.asks("GET", "/1.2/rtm/broadcasts", conv_id=await news.id_of("News"))
    assert abs(valid["valid_till"] - valid["timestamp"] - 7_200_000) < 60_000
    assert await news.pushes() == [{"alert": "周六"}]


async def test_a_sender_that_is_named_speaks_instead_of_the_one_that_is_set(news: Office) -> None:
    await news.says("mia", "#ops", "/im broadcast News hi --from duty")
    assert [row["from"] for row in await news.rows("News")] == ["duty"]


async def test_without_a_sender_an_announcement_asks_for_one(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(defaults=Defaults())) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        async with office.unchanged():
            await office.says("mia", "#ops", "/im broadcast News hi")
            await office.heard("Who speaks? --from ID is missing.", to_all=False)


# -- Broadcasts that went out ------------------------------------------------------------------------------------------


async def test_broadcasts_that_can_still_be_received_are_listed_changed_and_ended(news: Office) -> None:
    await news.says("mia", "#ops", "/im broadcast News party on saturday --valid-till 3h")
    (row,) = await news.rows("News")
    msg_id = row["msg-id"]
    await news.says("mia", "#ops", "/im broadcasts list News")
    await news.heard("1 broadcast of News can still be received.", "party on saturday", msg_id)

    await news.says("mia", "#ops", f"/im broadcasts edit News {msg_id} party on sunday")
    await news.heard("will get “party on sunday”", "Was: party on saturday", "can't recall a broadcast")
    event = await anext(aiter(await news.online("tom")))
    assert isinstance(event, Direct)
    assert "party on sunday" in event.data

    await news.says("mia", "#ops", f"/im broadcasts delete News {msg_id}")
    await news.heard("No further device will get it.", "can't recall a broadcast")
    await news.says("mia", "#ops", "/im broadcasts list News")
    await news.heard("No broadcast of News can still be received.")


@pytest.mark.parametrize("what", ["edit News {id} later", "delete News {id}"])
async def test_what_nobody_can_receive_any_more_can_not_be_changed(news: Office, what: str) -> None:
    await news.says("mia", "#ops", "/im broadcast News hi --valid-till 1h")
    (row,) = await news.rows("News")
    news.control.clock.shift_ms += 2 * 3_600_000
    async with news.unchanged():
        await news.says("mia", "#ops", f"/im broadcasts {what.format(id=row['msg-id'])}")
        await news.heard("no broadcast of News that a device could still receive", to_all=False)


@pytest.mark.parametrize("what", ["recall", "delete", "edit"])
async def test_a_broadcast_is_no_message_to_recall(news: Office, what: str) -> None:
    await news.says("mia", "#ops", "/im broadcast News hi")
    (row,) = await news.rows("News")
    async with news.unchanged():
        await news.says(
            "mia", "#ops", f"/im message {what} News {row['msg-id']} {'x' if what == 'edit' else ''}"
        )
        instead = "broadcasts edit" if what == "edit" else "broadcasts delete"
        await news.heard("it can't be recalled", instead, row["msg-id"], to_all=False)


async def test_a_broadcast_of_another_program_is_no_message_to_recall_either(news: Office) -> None:
    sent = await news.asks(
        "POST", "/1.2/rtm/broadcasts", from_client="x", conv_id=await news.id_of("News"), message="hi"
    )
    await news.says("mia", "#ops", f"/im message recall News {sent['msg-id']}")
    await news.heard("broadcasts delete", to_all=False)


# -- What became of them -----------------------------------------------------------------------------------------------


async def test_what_was_sent_is_in_the_ledger(news: Office) -> None:
    await news.says("mia", "#ops", "/im broadcast News first")
    await news.says("mia", "#ops", "/im notify News second --to tom")
    listed = await news.says("mia", "#ops", "/im delivery list --state sent")
    assert listed.index("second") < listed.index("first")
    delivery = listed.splitlines()[listed.splitlines().index("first") + 1]
    await news.says("mia", "#ops", f"/im delivery show {delivery}")
    await news.heard("Sent: “first”", "To: everyone, as News")
    await news.says("mia", "#ops", f"/im delivery cancel {delivery}")
    await news.heard("There is nothing left to stop: it is sent.", to_all=False)
    await news.says("mia", "#ops", f"/im delivery resolve {delivery} again")
    await news.heard("Nothing waits for a decision here", to_all=False)
    assert len(await news.rows("News")) == 2


@pytest.mark.parametrize(
    ("button", "state", "sent"),
    [("Send again", "Sent", 1), ("Give up", "Canceled", 0), ("It went out", "Sent", 0)],
)
async def test_what_got_no_answer_and_is_not_found_is_decided_by_a_person(
    news: Office, button: str, state: str, sent: int
) -> None:
    news.inject("fail-before", "/1.2/rtm/broadcasts", method="POST")
    await news.says("mia", "#ops", "/im broadcast News hi")
    question = await news.heard("Unknown: “hi”", "never repeated by machine", to_all=True)
    assert await news.rows("News") == []
    await news.presses("ben", question, button)
    await news.heard(f"{state}: “hi”")
    assert len(await news.rows("News")) == sent


async def test_what_got_no_answer_and_is_found_is_sent(news: Office) -> None:
    news.inject("fail-after", "/1.2/rtm/broadcasts", method="POST")
    await news.says("mia", "#ops", "/im broadcast News hi")
    await news.heard("Sent: “hi”")
    assert len(await news.rows("News")) == 1


async def test_what_is_left_of_the_quotas_is_our_own_count(tmp_path: Path) -> None:
    plan = Plan(None, None, 30, 1000, 10, 30)
    async with opened(tmp_path, Setup(plan=plan)) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", "/im broadcast News hi")
        said = await office.says("mia", "#ops", "/im quota")
        assert said.startswith("What is left, by imbridge's own count.")
        cells = said.splitlines()
        assert cells[cells.index("broadcast; its edits") :][1:4] == ["9", "29", "0 s"]
        assert cells[cells.index("send, notify; their edits and recalls") :][1:3] == ["no limit", "no limit"]
