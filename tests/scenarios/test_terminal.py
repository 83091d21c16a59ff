"""The terminal: `imbridge run` as a person and a program use it, in a folder of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from bridge.cli import main; main()", "run")
# Where it is set, every start compiles every module anew.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "LEANCLOUD_", "SLACK_", "IMBRIDGE_")


@dataclass(frozen=True)
class Ran:
    """What came of one run."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Terminal = Callable[..., Awaitable[Ran]]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Runs the program with these words in one empty folder."""

    async def run(*words: str) -> Ran:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(UNWANTED)}
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            *words,
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        ran = Ran(process.returncode or 0, out.decode(), err.decode())
        holds_no_key(tmp_path, ran)
        return ran

    return run


def holds_no_key(folder: Path, ran: Ran) -> None:
    """Neither what is printed nor what is logged holds one of this folder's keys."""
    for key in json.loads((folder / "var" / "realtime-keys.json").read_text()).values():
        assert key not in ran.out + ran.err


async def test_one_run_remembers_what_another_did_and_each_says_how_it_ended(terminal: Terminal) -> None:
    made = await terminal("conv", "create", "Game Room", "--member", "tom", "--attr", "level=3")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("Created the normal conversation Game Room.\n  Id  ")

    shown = await terminal("--json", "conv", "show", "Game Room")
    assert shown.code == 0
    assert shown.json.keys() == {"ok", "command", "data", "text"}
    assert (shown.json["ok"], shown.json["command"]) == (True, "conv show")
    data = shown.json["data"]
    assert (data["name"], data["m"], data["level"]) == ("Game Room", ["tom"], 3)
    assert data["objectId"] in made.out

    refused = await terminal("--json", "conv", "show", "Game Rom")
    assert (refused.code, refused.err) == (1, "")
    assert refused.json == {
        "ok": False,
        "command": "conv show",
        "error": {
            "code": "not_found",
            "message": "There is no conversation Game Rom.",
            "hint": "Did you mean Game Room?",
        },
    }

    misread = await terminal("--json", "conv", "shw", "Game Room")
    assert misread.code == 2
    assert misread.json["ok"] is False
    assert misread.json["command"] == ""
    assert misread.json["error"]["hint"] == "Did you mean conv show?"


async def test_an_error_for_people_is_on_standard_error_alone(terminal: Terminal) -> None:
    ran = await terminal("conv", "show", "Nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "There is no conversation Nowhere." in ran.err


async def test_words_keep_the_boundaries_that_the_shell_gave_them(terminal: Terminal) -> None:
    await terminal("conv", "create", "Lobby")
    text = "two  spaces, “quotes”, it's -31.2\n--from nobody"
    sent = await terminal("--json", "send", "Lobby", "--from", "tom", text)
    assert sent.code == 0, sent
    assert sent.json["data"].keys() >= {"msg-id", "timestamp"}
    read = await terminal("--json", "history", "Lobby")
    (row,) = read.json["data"]
    assert json.loads(row["data"])["_lctext"] == text
    assert row.keys() >= {"msg-id", "timestamp", "from", "to", "data"}
    assert (row["from"], row["msg-id"]) == ("tom", sent.json["data"]["msg-id"])


async def test_one_word_that_is_no_command_is_a_whole_line(terminal: Terminal) -> None:
    await terminal('conv create "Game Room" --system')
    told = await terminal("--json", "notify “Game Room” hello  there --to tom,jerry --from boss")
    assert told.json["command"] == "notify"
    assert [part.keys() for part in told.json["data"]["parts"]] == [{"state", "msg-id", "timestamp"}]
    inbox = await terminal("--json", 'history "Game Room" --client jerry')
    assert [json.loads(row["data"])["_lctext"] for row in inbox.json["data"]] == ["hello  there"]
    listed = await terminal("--json", "delivery", "list", "--limit", "5")
    (delivery,) = listed.json["data"]
    assert (delivery["state"], delivery["act"]) == ("sent", "notify")


async def test_bytes_that_are_no_text_are_refused(terminal: Terminal) -> None:
    ran = await terminal("--json", "conv", "create", "caf\udce9")
    assert (ran.code, ran.json["error"]["message"]) == (2, "The line is no UTF-8 text.")


async def test_options_of_its_own_stand_before_the_command_and_others_belong_to_it(
    terminal: Terminal,
) -> None:
    ran = await terminal("conv", "list", "--json")
    assert ran.code == 2
    assert "conv list has no option --json." in ran.err
    acted = await terminal("--json", "--as", "night-shift", "conv", "list")
    assert acted.json["data"] == []


async def test_a_file_of_client_ids_is_read_where_the_terminal_is(terminal: Terminal, tmp_path: Path) -> None:
    users = [f"u{number}" for number in range(45)]
    (tmp_path / "users.csv").write_text("\n".join(["client_id", *users, "u0"]))
    (tmp_path / "app.yaml").write_text("realtime: {sender: boss}\nlists: {ours: users.csv}\n")
    await terminal("conv", "create", "News", "--system")
    told = await terminal("--json", "notify", "News", "hi", "--to-file", "users.csv")
    assert len(told.json["data"]["parts"]) == 3
    assert len({part["msg-id"] for part in told.json["data"]["parts"]}) == 3
    assert "u0, u1, u2, u3, u4, … (45)" in told.json["text"]
    listed = await terminal("--json", "notify", "News", "hi", "--to-list", "ours")
    assert len(listed.json["data"]["parts"]) == 3
    (tmp_path / "users.csv").write_text("tom\n" + "x" * 65)
    wrong = await terminal("--json", "notify", "News", "hi", "--to-file", "users.csv")
    assert (wrong.code, wrong.json["error"]["code"]) == (1, "bad_file")
    assert "By line: 2:" in wrong.json["error"]["message"]
    gone = await terminal("--json", "notify", "News", "hi", "--to-file", "nowhere.csv")
    assert "nowhere.csv can't be read: No such file" in gone.json["error"]["message"]


async def test_broken_settings_are_listed_with_their_places(terminal: Terminal, tmp_path: Path) -> None:
    await terminal("help")
    (tmp_path / "app.yaml").write_text("realtme: {}\nslack: {locale: [1]}\n")
    ran = await terminal("--json", "conv", "list")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "configuration"
    assert (
        "app.yaml:1 realtme: unknown key 'realtme'; did you mean 'realtime'?" in ran.json["error"]["message"]
    )
    assert "app.yaml:2 slack.locale" in ran.json["error"]["message"]
