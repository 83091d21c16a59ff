"""Dialogues about the audit: what is recorded of a request, who can look it up, and how it is shown."""

import sqlite3
from pathlib import Path

from bridge.playground.model import Message
from tests.scenarios.office import OPS, PEOPLE, TEAM, Office, Setup, opened

MIA, BEN, _ = PEOPLE.values()


async def recorded(office: Office, folder: Path) -> list[sqlite3.Row]:
    """The rows of the audit in their order, but for its own."""
    # Whoever looks something up waits for what is being written.
    await office.says("mia", "#ops", "/im audit")
    connection = sqlite3.connect(folder / "imbridge.db")
    connection.row_factory = sqlite3.Row
    others = "SELECT * FROM imbridge_audit WHERE command != 'audit' ORDER BY number"
    rows = connection.execute(others).fetchall()
    connection.close()
    return rows


def told(folder: Path, statement: str) -> None:
    """Have the database do something, its triggers or not."""
    with sqlite3.connect(folder / "imbridge.db") as connection:
        connection.execute(statement)
    connection.close()


async def test_a_change_is_recorded_before_it_is_done_and_with_what_came_of_it(
    office: Office, tmp_path: Path
) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom")
    await office.heard("Lobby")
    asked, answered = await recorded(office, tmp_path)
    assert (asked["stage"], asked["outcome"]) == ("asked", "")
    assert (answered["stage"], answered["outcome"]) == ("answered", "done")
    for row in (asked, answered):
        assert (row["actor"], row["team"], row["channel"], row["trigger"]) == (MIA, TEAM, OPS, "slash")
        assert (row["command"], row["body"]) == ("conv create", "conv create Lobby --member tom")
        assert (row["verdict"], row["clients"]) == ("allowed", '["tom"]')


async def test_a_read_is_recorded_once_and_help_not_at_all(office: Office, tmp_path: Path) -> None:
    await office.says("mia", "#ops", "/im help")
    await office.says("mia", "#ops", "/im conv list")
    assert [(row["command"], row["stage"]) for row in await recorded(office, tmp_path)] == [
        ("conv list", "answered")
    ]
    assert "conv list" in (await office.heard("1 record", to_all=False)).shown


async def test_what_cannot_be_recorded_is_not_done(office: Office, tmp_path: Path) -> None:
    told(tmp_path, "ALTER TABLE imbridge_audit RENAME TO elsewhere")
    async with office.unchanged():
        await office.says("mia", "#ops", "/im conv create Lobby")
        await office.heard("Something went wrong in imbridge itself.", to_all=False)


async def test_a_delivery_is_found_by_its_message(office: Office, tmp_path: Path) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    await office.says("mia", "#ops", "/im notify News hello --to tom,jerry")
    await office.heard("hello")
    row = (await recorded(office, tmp_path))[-1]
    assert row["conversation"] == await office.id_of("News")
    assert row["msg_ids"].startswith('["')
    listed = await office.says("mia", "#ops", "/im delivery list")
    assert row["delivery"] in listed.splitlines()
    await office.says("mia", "#ops", "/im audit --client jerry")
    await office.heard("notify News hello --to tom,jerry", row["delivery"], to_all=False)


async def test_the_audit_is_searched_by_who_whom_where_and_when(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby --member tom")
    await office.says("ben", "#ops", "/im member add Lobby jerry")
    await office.says("ben", "#ops", "/im conv delete Lobby")
    for options, found in (
        (f"--actor {MIA} --until 0s --client tom", "2 records"),
        ("--client jerry", "2 records"),
        ("--conv Lobby", "4 records"),
        (f"--actor {BEN} --since 1h --limit 1", "1 record"),
        ("--until 1h", "Nothing of that kind was recorded."),
    ):
        await office.says("mia", "#ops", f"/im audit {options}")
        await office.heard(found, to_all=False)
    await office.says("mia", "#ops", "/im audit --limit 2")
    await office.heard("There may be more: --until ", to_all=False)


async def test_a_conversation_that_is_still_there_is_found_under_its_id_too(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby")
    await office.says("mia", "#ops", "/im member add Lobby jerry")
    await office.says("mia", "#ops", f"/im audit --conv {await office.id_of('Lobby')}")
    await office.heard("member add Lobby jerry", to_all=False)


async def test_what_cannot_be_looked_for_is_said(office: Office) -> None:
    for options, said in (
        ("--since 1h --until 2h", "--since must be earlier than --until."),
        ("--limit 0", "--limit goes from 1 to 100000."),
    ):
        await office.says("mia", "#ops", f"/im audit {options}")
        await office.heard(said, to_all=False)


async def test_the_audit_becomes_a_file_that_no_spreadsheet_runs(office: Office, tmp_path: Path) -> None:
    await office.says("mia", "#ops", "/im conv list --name =1+1")
    await office.says("mia", "#ops", "/im =1+1")
    await office.says("mia", "#ops", "/im audit --csv")

    def has_file(message: Message) -> bool:
        return bool(message.files)

    uploaded = await office.workspace.heard(has_file)
    lines = office.workspace.files[uploaded.files[0]["id"]]["content"].decode().splitlines()
    assert lines[0].startswith("time,at,actor,team,channel,trigger,stage,command,text,rule,")
    assert ",'=1+1," in lines[1]
    assert lines[2].endswith((await recorded(office, tmp_path))[0]["hash"])


async def test_a_text_that_is_deleted_is_said_to_be(office: Office, tmp_path: Path) -> None:
    await office.says("mia", "#ops", "/im conv list")
    # Whoever searches waits for what is still to be written.
    await office.says("mia", "#ops", "/im audit")
    await office.heard("1 record", "conv list", to_all=False)
    told(tmp_path, "UPDATE imbridge_audit SET body = NULL, salt = NULL")
    await office.says("mia", "#ops", "/im audit")
    await office.heard("conv list (its text is deleted)", to_all=False)


async def test_what_was_denied_is_recorded_with_the_rule_that_decided(tmp_path: Path) -> None:
    rules = {
        "rules": [
            {"name": "no-listing", "run": "conv list", "refuse": True},
            {"name": "looking", "run": "audit"},
        ]
    }
    async with opened(tmp_path, Setup(access=rules)) as office:
        await office.says("mia", "#ops", "/im conv list")
        await office.says("mia", "#ops", "/im conv lst")
        denied, misspelt = await recorded(office, tmp_path)
    assert (denied["verdict"], denied["rule"], denied["outcome"]) == ("denied", "no-listing", "denied")
    assert (misspelt["verdict"], misspelt["command"], misspelt["body"]) == ("", "", "conv lst")
