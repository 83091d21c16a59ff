"""Dialogues about conversations: who creates, finds, changes and deletes them, and who is in them."""

import pytest

from tests.scenarios.office import Office


async def test_a_normal_conversation_is_created_with_members_attributes_and_a_creator(office: Office) -> None:
    await office.says(
        "mia", "#ops", "/im conv create “Game Room” --member tom --member jerry --creator tom --attr level=3"
    )
    heard = await office.heard("Created the normal conversation Game Room.")
    row = await office.conversation("Game Room")
    assert row["objectId"] in heard.shown
    assert (row["m"], row["c"], row["level"]) == (["tom", "jerry"], "tom", 3)


async def test_system_and_transient_conversations_are_what_they_are_called(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    await office.heard("Created the system conversation News.")
    await office.says("mia", "#ops", "/im conv create Lobby --transient")
    await office.heard("Created the transient conversation Lobby.")
    assert (await office.conversation("News"))["sys"] is True
    assert (await office.conversation("Lobby"))["tr"] is True


async def test_a_unique_conversation_is_created_once(office: Office) -> None:
    for _ in range(2):
        await office.says("mia", "#ops", "/im conv create Duo --unique --member tom --member jerry")
    assert (await office.conversation("Duo"))["unique"] is True


async def test_conversations_are_listed_by_kind_name_member_and_query(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom --attr level=3")
    await office.says("mia", "#ops", "/im conv create Lounge --member jerry")
    await office.says("mia", "#ops", "/im conv create News --system")
    for narrowed, found in (
        ("", {"Lobby", "Lounge", "News"}),
        ("--kind system", {"News"}),
        ("--kind transient", set()),
        ("--name L", {"Lobby", "Lounge"}),
        ("--name Lo --member tom", {"Lobby"}),
        ("""--where '{"level": {"$gt": 2}}'""", {"Lobby"}),
        ("""--where '{"name": "Lobby"}' --name ounge""", set()),
        (r"--name \Eo", set()),
        ("--limit 1 --skip 2", {"News"}),
    ):
        said = await office.says("mia", "#ops", f"/im conv list {narrowed}")
        assert {name for name in ("Lobby", "Lounge", "News") if name in said} == found, narrowed


async def test_a_full_page_says_how_to_see_more(office: Office) -> None:
    for name in ("One", "Two"):
        await office.says("mia", "#ops", f"/im conv create {name}")
    assert "Next page" in await office.says("mia", "#ops", "/im conv list --limit 1")
    assert "--skip" not in await office.says("mia", "#ops", "/im conv list --limit 3")


async def test_everything_known_of_a_conversation_is_shown(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom --member jerry --creator tom")
    await office.says("mia", "#ops", "/im conv set Lobby --attr mood=calm")
    await office.says("mia", "#ops", "/im send Lobby hello --from tom")
    await office.says("mia", "#ops", "/im mute add Lobby jerry")
    await office.says("mia", "#ops", "/im conv show Lobby")
    await office.heard(
        "Lobby, a normal conversation",
        *("Creator: tom", "Members: tom, jerry", "Muted by: jerry", "System: no", "Transient: no"),
        *("Last message: ", "mood: calm"),
    )


async def test_a_transient_conversation_shows_who_is_there(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Room --transient")
    phone = await office.online("tom")
    office.control.server.presence.join(phone, await office.id_of("Room"))
    await office.says("mia", "#ops", "/im conv show Room")
    await office.heard("Room, a transient conversation", "Transient: yes", "Online: 1")
    await office.says("mia", "#ops", "/im member list Room")
    await office.heard("Room has 1 member.", "tom")


async def test_a_conversation_is_renamed_its_attributes_set_and_taken_away(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --attr mood=calm --attr level=1")
    await office.says("mia", "#ops", '/im conv set Lobby --name "Main Hall" --attr level=2 --unset mood')
    await office.heard("Changed Main Hall.")
    row = await office.conversation("Main Hall")
    assert row["level"] == 2
    assert "mood" not in row


async def test_a_deleted_conversation_is_gone(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby")
    await office.says("mia", "#ops", "/im conv delete Lobby")
    await office.heard("Deleted Lobby.")
    assert (await office.asks("GET", "/1.2/rtm/all-conversations"))["results"] == []


async def test_members_come_and_go(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom")
    await office.says("mia", "#ops", "/im member add Lobby jerry spike")
    await office.heard("Added jerry, spike to Lobby.")
    await office.says("mia", "#ops", "/im member remove Lobby tom")
    await office.heard("Took tom out of Lobby.")
    await office.says("mia", "#ops", "/im member list Lobby")
    await office.heard("Lobby has 2 members.", "jerry\nspike")
    assert (await office.conversation("Lobby"))["m"] == ["jerry", "spike"]


async def test_members_mute_and_unmute(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom --member jerry")
    await office.says("mia", "#ops", "/im mute add Lobby tom,jerry")
    await office.heard("tom, jerry: no offline push for Lobby any more.")
    await office.says("mia", "#ops", "/im mute remove Lobby tom")
    await office.heard("tom: offline push for Lobby again.")
    await office.says("mia", "#ops", "/im mute list Lobby")
    await office.heard("Lobby is muted by 1 member.", "jerry")
    assert (await office.conversation("Lobby"))["mu"] == ["jerry"]


@pytest.mark.parametrize("line", ["member remove Lobby tom,nobody", "mute add Lobby tom,nobody"])
async def test_who_is_no_member_is_named_and_the_others_stay_as_they_are(office: Office, line: str) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom")
    async with office.unchanged():
        await office.says("mia", "#ops", f"/im {line}")
        await office.heard("nobody is not in Lobby; nothing was changed.", "member list", to_all=False)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("member add News tom", "subscriber add"),
        ("member remove News tom", "subscriber remove"),
        ("member list News", "subscriber list"),
        ("subscriber add Lobby tom", "member add"),
        ("subscriber remove Lobby tom", "member remove"),
        ("subscriber list Lobby", "member list"),
        ("subscriber count Room", "member list"),
        ("mute add News tom", "conv list --kind normal"),
        ("mute list Room", "conv list --kind normal"),
        ("broadcasts list Lobby", "history"),
        ("send News hi --from tom", "notify, publish or broadcast"),
        ("notify Lobby hi --to tom", "send"),
        ("publish Room hi", "send"),
        ("broadcast Lobby hi", "send"),
    ],
)
async def test_a_conversation_of_another_kind_is_refused_with_the_command_that_fits(
    office: Office, line: str, instead: str
) -> None:
    for name in ("Lobby", "Room --transient", "News --system"):
        await office.says("mia", "#ops", f"/im conv create {name}")
    async with office.unchanged():
        await office.says("mia", "#ops", f"/im {line}")
        await office.heard(instead, to_all=False)
