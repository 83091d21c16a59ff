"""Dialogues about messages: said in a conversation, changed, taken back, read again."""

import json

import pytest

from bridge.playground.model import Message
from bridge.server.presence import Kick, Patch
from tests.scenarios.office import Office

FILE = "https://files.example/map.png"


@pytest.fixture
async def lobby(office: Office) -> Office:
    """An office with a conversation of two and a system conversation."""
    await office.says("mia", "#ops", "/im conv create Lobby --member tom --member jerry")
    await office.says("mia", "#ops", "/im conv create News --system")
    return office


async def data(office: Office, name: str = "Lobby") -> dict[str, object]:
    """The newest message of a conversation, as it went over the wire."""
    found = json.loads((await office.rows(name))[-1]["data"])
    found.get("_lcattrs", {}).pop("delivery", None)
    return dict(found)


async def newest(office: Office, name: str = "Lobby") -> str:
    """The id of the newest message."""
    return str((await office.rows(name))[-1]["msg-id"])


async def test_a_text_is_said_as_any_user_exactly_as_typed(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im send Lobby --from tom Hello,  it's “me” & <you> — -31.2 -abc")
    heard = await lobby.heard("Sent: “", "To: Lobby", "From: tom")
    (row,) = await lobby.rows("Lobby")
    assert row["from"] == "tom"
    assert await lobby.texts("Lobby") == ["Hello,  it's “me” & <you> — -31.2 -abc"]
    assert row["msg-id"] in heard.shown


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (
            "hi --attr mood=calm --attr n=3",
            {"_lctype": -1, "_lctext": "hi", "_lcattrs": {"mood": "calm", "n": 3}},
        ),
        (f"a map --image {FILE}", {"_lctype": -2, "_lctext": "a map"}),
        (f"--audio {FILE}", {"_lctype": -3}),
        (f"--video {FILE}", {"_lctype": -4}),
        ("--location 31.2,-121.5", {"_lctype": -5, "_lcloc": {"longitude": -121.5, "latitude": 31.2}}),
        (f"--file {FILE}", {"_lctype": -6}),
        ("""--json '{"_lctype": 7, "gift": "rose"}'""", {"_lctype": 7, "gift": "rose"}),
    ],
)
async def test_every_kind_of_message_is_sent(lobby: Office, options: str, sent: dict[str, object]) -> None:
    await lobby.says("mia", "#ops", f"/im send Lobby {options} --from tom")
    await lobby.heard("Sent: “")
    found = await data(lobby)
    assert {key: found[key] for key in sent} == sent
    if found["_lctype"] in (-2, -3, -4, -6):
        assert found["_lcfile"] == {**found["_lcfile"], "url": FILE}  # type: ignore[dict-item]


async def test_a_plain_string_and_json_without_a_type_are_sent_as_they_are(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im send Lobby --raw just text --from tom")
    await lobby.says("mia", "#ops", """/im send Lobby --json '{"gift":"rose"}' --from tom""")
    assert [row["data"] for row in await lobby.rows("Lobby")] == ["just text", '{"gift":"rose"}']


async def test_a_transient_message_is_sent_and_not_kept(lobby: Office) -> None:
    phone = await lobby.online("jerry")
    await lobby.says("mia", "#ops", "/im send Lobby tom is typing --from tom --transient")
    await lobby.heard("Sent: “tom is typing”")
    event = await anext(aiter(phone))
    assert getattr(event, "transient", False) is True
    assert await lobby.rows("Lobby") == []


@pytest.mark.parametrize(
    ("option", "pushed"),
    [
        ("--push 'Come in!'", {"alert": "Come in!"}),
        ("""--push '{"alert":"x","badge":1}'""", {"alert": "x", "badge": 1}),
    ],
)
async def test_push_data_reaches_those_who_are_offline(
    lobby: Office, option: str, pushed: dict[str, object]
) -> None:
    await lobby.says("mia", "#ops", f"/im send Lobby hi --from tom {option}")
    await lobby.heard("Sent: “hi”")
    assert await lobby.pushes() == [pushed]


async def test_mentions_go_to_some_or_to_all(lobby: Office) -> None:
    phone = await lobby.online("jerry")
    events = aiter(phone)
    await lobby.says("mia", "#ops", "/im send Lobby hi --from tom --mention jerry,spike")
    assert getattr(await anext(events), "mentions", ()) == ("jerry", "spike")
    await lobby.says("mia", "#ops", "/im send Lobby hi --from tom --mention all")
    assert getattr(await anext(events), "mention_all", False) is True


# -- Changed, recalled, deleted ----------------------------------------------------------------------------------------


async def test_a_message_is_edited_on_the_phones_too_and_keeps_what_it_carries(lobby: Office) -> None:
    await lobby.says("mia", "#ops", f"/im send Lobby old map --image {FILE} --attr n=1 --from tom")
    phone = await lobby.online("jerry")
    await lobby.says("mia", "#ops", f"/im message edit Lobby {await newest(lobby)} new map")
    await lobby.heard("Changed it to “new map”.")
    event = await anext(aiter(phone))
    assert isinstance(event, Patch)
    found = await data(lobby)
    assert (found["_lctext"], found["_lctype"], found["_lcattrs"]) == ("new map", -2, {"n": 1})


async def test_a_message_is_recalled_and_then_can_not_be_edited(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im send Lobby oops --from tom")
    msg_id = await newest(lobby)
    await lobby.says("mia", "#ops", f"/im message recall Lobby {msg_id}")
    await lobby.heard("Recalled “oops”.")
    assert (await data(lobby))["_lctype"] == -127
    async with lobby.unchanged():
        await lobby.says("mia", "#ops", f"/im message edit Lobby {msg_id} again")
        await lobby.heard("recalled", to_all=False)


async def test_a_message_is_deleted_from_history(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im send Lobby oops --from tom")
    await lobby.says("mia", "#ops", f"/im message delete Lobby {await newest(lobby)}")
    await lobby.heard("Deleted the service's copy of “oops”.", "Devices that have it keep it.")
    assert await lobby.rows("Lobby") == []


async def send_elsewhere(office: Office, text: str = "hi", sender: str = "tom", name: str = "Lobby") -> str:
    """A message that the bridge knows nothing of."""
    path = f"/1.2/rtm/conversations/{await office.id_of(name)}/messages"
    sent = await office.asks("POST", path, from_client=sender, message=text)
    return str(sent["msg-id"])


@pytest.mark.parametrize("what", ["recall", "edit", "delete"])
async def test_what_another_program_sent_is_found_in_history(lobby: Office, what: str) -> None:
    msg_id = await send_elsewhere(lobby)
    await send_elsewhere(lobby, "later")
    await lobby.says("mia", "#ops", f"/im message {what} Lobby {msg_id}{' hello' if what == 'edit' else ''}")
    await lobby.heard({"recall": "Recalled “hi”.", "edit": "“hello”", "delete": "“hi”"}[what])
    texts = await lobby.texts("Lobby")
    assert (
        texts
        == {"recall": ['{"_lctype":-127}', "later"], "edit": ["hello", "later"], "delete": ["later"]}[what]
    )


async def test_what_is_known_need_not_be_looked_for(lobby: Office) -> None:
    msg_id = await send_elsewhere(lobby)
    (row,) = await lobby.rows("Lobby")
    lobby.line.asked.clear()
    await lobby.says("mia", "#ops", f"/im message recall Lobby {msg_id} --from tom --at {row['timestamp']}")
    await lobby.heard(f"Recalled {msg_id}.")
    assert [call.partition(" ")[0] for call in lobby.line.asked] == ["GET", "PUT"]


async def test_a_wrong_sender_changes_nothing(lobby: Office) -> None:
    msg_id = await send_elsewhere(lobby)
    async with lobby.unchanged():
        await lobby.says("mia", "#ops", f"/im message recall Lobby {msg_id} --from jerry")
        await lobby.heard("it was sent by somebody else", to_all=False)


async def test_an_unknown_message_is_asked_for_by_exactly_what_is_missing(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im message recall Lobby nosuchid")
    await lobby.heard("nosuchid is not among", "--from ID --at WHEN", to_all=False)
    await lobby.says("mia", "#ops", "/im message recall Lobby nosuchid --from tom")
    told = await lobby.heard("--at WHEN", to_all=False)
    assert "--from" not in told.shown
    await lobby.says("mia", "#ops", "/im message recall News nosuchid --at 2026-01-01T00:00 --from boss")
    await lobby.heard("went to chosen users", "--to ID,...", to_all=False)


async def test_a_notification_is_changed_for_those_who_got_it(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im notify News your order --to tom,jerry")
    msg_id = await newest(lobby, "News")
    await lobby.says("mia", "#ops", f"/im message edit News {msg_id} your parcel")
    assert await lobby.inbox("tom", "News") == await lobby.inbox("jerry", "News") == ["your parcel"]
    await lobby.says("mia", "#ops", f"/im message delete News {msg_id} --to tom")
    assert (await lobby.inbox("tom", "News"), await lobby.inbox("jerry", "News")) == ([], ["your parcel"])
    await lobby.says("mia", "#ops", f"/im message recall News {msg_id}")
    await lobby.heard("did not get the message: tom", to_all=False)
    await lobby.says("mia", "#ops", f"/im message recall News {msg_id} --to jerry")
    await lobby.heard("Recalled “your order”.")


async def test_a_notification_of_another_program_needs_its_receivers(lobby: Office) -> None:
    path = f"/1.2/rtm/service-conversations/{await lobby.id_of('News')}/messages"
    sent = await lobby.asks("POST", path, from_client="boss", message="hi", to_clients=["tom"])
    async with lobby.unchanged():
        await lobby.says("mia", "#ops", f"/im message recall News {sent['msg-id']}")
        await lobby.heard("If it went to chosen users", "--to ID,...", to_all=False)
    await lobby.says("mia", "#ops", f"/im message recall News {sent['msg-id']} --to tom")
    await lobby.heard("Recalled “hi”.")


async def test_a_message_to_subscribers_is_recalled_for_all_and_deleted_one_by_one(lobby: Office) -> None:
    for user in ("tom", "jerry"):
        await lobby.says("mia", "#ops", f"/im subscriber add News {user}")
    await lobby.says("mia", "#ops", "/im publish News the season begins")
    msg_id = await newest(lobby, "News")
    await lobby.says("mia", "#ops", f"/im message delete News {msg_id}")
    await lobby.heard("--to ID,...", to_all=False)
    await lobby.says("mia", "#ops", f"/im message delete News {msg_id} --to tom")
    assert (await lobby.inbox("tom", "News"), await lobby.inbox("jerry", "News")) == (
        [],
        ["the season begins"],
    )
    await lobby.says("mia", "#ops", f"/im message recall News {msg_id}")
    assert await lobby.inbox("jerry", "News") == ['{"_lctype":-127}']


async def test_copies_that_were_deleted_before_an_error_are_named(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im notify News hi --to tom,jerry,spike")
    msg_id = await newest(lobby, "News")
    lobby.inject("refuse", "*/subscribers/jerry/*")
    await lobby.says("mia", "#ops", f"/im message delete News {msg_id}")
    await lobby.heard("Deleted for tom; it ended at jerry", to_all=False)


# -- Read again --------------------------------------------------------------------------------------------------------


async def test_history_is_read_by_conversation_by_user_and_of_the_whole_app(lobby: Office) -> None:
    await lobby.says("mia", "#ops", "/im conv create Lounge --member jerry")
    await lobby.says("mia", "#ops", "/im send Lobby one --from tom")
    await lobby.says("mia", "#ops", "/im send Lounge two --from jerry")
    await lobby.says("mia", "#ops", "/im notify News three --to tom")
    for line, found in (
        ("history Lobby", {"one"}),
        ("history --client jerry", {"two"}),
        ("history --all", {"one", "two", "three"}),
        ("history News --client tom", {"three"}),
    ):
        said = await lobby.says("mia", "#ops", f"/im {line}")
        assert {word for word in ("one", "two", "three") if word in said.splitlines()} == found, line


async def test_history_is_limited_turned_round_and_paged(lobby: Office) -> None:
    for number in range(5):
        await send_elsewhere(lobby, f"m{number}")

    async def read(options: str) -> list[str]:
        said = await lobby.says("mia", "#ops", f"/im history Lobby {options}")
        return [line for line in said.splitlines() if line.startswith("m") and line[1:].isdigit()]

    assert await read("") == ["m4", "m3", "m2", "m1", "m0"]
    assert await read("--limit 2") == ["m4", "m3"]
    assert await read("--limit 2 --reversed") == ["m0", "m1"]
    rows = await lobby.rows("Lobby")
    assert await read(f"--before {rows[2]['timestamp']}") == [
        f"m{at}" for at in (1, 0) if rows[at]["timestamp"] < rows[2]["timestamp"]
    ]


async def test_history_beyond_a_page_reads_on(lobby: Office) -> None:
    for number in range(1005):
        await send_elsewhere(lobby, f"m{number}")
    lobby.line.asked.clear()
    assert "1003 messages" in await lobby.says("mia", "#ops", "/im history Lobby --limit 1003")
    assert len([call for call in lobby.line.asked if call.endswith("/messages")]) == 2


async def test_history_becomes_a_file_that_no_spreadsheet_runs(lobby: Office) -> None:
    await send_elsewhere(lobby, "=1+1")
    await lobby.says("mia", "#ops", "/im history Lobby --csv")

    def has_file(message: Message) -> bool:
        return bool(message.files)

    uploaded = await lobby.workspace.heard(has_file)
    content = lobby.workspace.files[uploaded.files[0]["id"]]["content"].decode()
    assert content.splitlines()[0] == "time,from,conversation,message,msg-id,timestamp"
    assert ",'=1+1," in content


async def test_a_kicked_user_is_told_why(lobby: Office) -> None:
    phone = await lobby.online("tom")
    await lobby.says("mia", "#ops", '/im client kick tom --reason "come back later"')
    await lobby.heard("Ended every session of tom.")
    event = await anext(aiter(phone))
    assert isinstance(event, Kick)
    assert event.reason == "come back later"
