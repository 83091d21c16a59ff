"""A secret comes from its variable, a file or a command; whatever is wrong with a source is said without the secret."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.config import SECRETS, examine, load
from bridge.errors import BadConfiguration
from bridge.sources import LARGEST, Sources

PLANTED = "xoxb-planted-secret"


def read(environment: Mapping[str, str], seconds: float = 10) -> tuple[dict[str, str], list[str]]:
    found, problems = Sources(environment, ("SLACK_BOT_TOKEN", "OTHER"), seconds).read()
    return found, [str(each) for each in problems]


def test_the_variable_itself_is_one_source() -> None:
    assert read({"SLACK_BOT_TOKEN": f" {PLANTED}\n", "OTHER": ""}) == ({"SLACK_BOT_TOKEN": PLANTED}, [])


def test_a_mounted_file_is_another_and_its_line_break_is_none_of_the_secrets(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{PLANTED}\n")
    assert read({"SLACK_BOT_TOKEN_FILE": str(file)}) == ({"SLACK_BOT_TOKEN": PLANTED}, [])


def test_a_command_is_the_third_and_no_shell_reads_it(tmp_path: Path) -> None:
    command = f"printf '%s' '{PLANTED}'"
    assert read({"SLACK_BOT_TOKEN_COMMAND": command, "PATH": os.environ["PATH"]})[0] == {
        "SLACK_BOT_TOKEN": PLANTED
    }
    made = tmp_path / "made"
    said, _ = read({"SLACK_BOT_TOKEN_COMMAND": f"echo $HOME; touch {made}"})
    assert said == {"SLACK_BOT_TOKEN": f"$HOME; touch {made}"}
    assert not made.exists()


def test_a_command_sees_what_it_may_need_and_none_of_our_secrets() -> None:
    around = {**os.environ, "VAULT_ADDR": "https://vault.example", "OTHER": "another-secret"}
    command = """sh -c 'printf %s "$VAULT_ADDR[$OTHER]"'"""
    assert read({**around, "SLACK_BOT_TOKEN_COMMAND": command})[0]["SLACK_BOT_TOKEN"] == (
        "https://vault.example[]"
    )


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        (
            {"SLACK_BOT_TOKEN": PLANTED, "SLACK_BOT_TOKEN_FILE": "/x"},
            "SLACK_BOT_TOKEN_FILE: is set beside SLACK_BOT_TOKEN: keep one of them",
        ),
        (
            {"SLACK_BOT_TOKEN_FILE": "{folder}/secret", "SLACK_BOT_TOKEN_COMMAND": "true"},
            "SLACK_BOT_TOKEN_COMMAND: is set beside SLACK_BOT_TOKEN_FILE: keep one of them",
        ),
        (
            {"SLACK_BOT_TOKEN_FILE": "{folder}/none"},
            "SLACK_BOT_TOKEN_FILE: {folder}/none cannot be read: No such file or directory",
        ),
        ({"SLACK_BOT_TOKEN_FILE": "{folder}"}, "SLACK_BOT_TOKEN_FILE: {folder} is no file"),
        ({"SLACK_BOT_TOKEN_FILE": "/dev/zero"}, "SLACK_BOT_TOKEN_FILE: /dev/zero is no file"),
        ({"SLACK_BOT_TOKEN_FILE": "{folder}/empty"}, "SLACK_BOT_TOKEN_FILE: {folder}/empty is empty"),
        (
            {"SLACK_BOT_TOKEN_FILE": "{folder}/large"},
            f"SLACK_BOT_TOKEN_FILE: {{folder}}/large is larger than {LARGEST} bytes: that is no secret",
        ),
        ({"SLACK_BOT_TOKEN_FILE": "{folder}/bytes"}, "SLACK_BOT_TOKEN_FILE: {folder}/bytes is no UTF-8 text"),
        (
            {"SLACK_BOT_TOKEN_FILE": "{folder}/lines"},
            "SLACK_BOT_TOKEN_FILE: {folder}/lines holds line breaks or other characters that no secret has",
        ),
        (
            {"SLACK_BOT_TOKEN_COMMAND": "sh -c 'echo xoxb-planted-secret; exit 3'"},
            "SLACK_BOT_TOKEN_COMMAND: sh failed with 3; run it by hand to see why",
        ),
        (
            {"SLACK_BOT_TOKEN_COMMAND": "no-such-program at all"},
            "SLACK_BOT_TOKEN_COMMAND: no-such-program cannot be run: No such file or directory",
        ),
        (
            {"SLACK_BOT_TOKEN_COMMAND": "echo 'half"},
            "SLACK_BOT_TOKEN_COMMAND: is no command line: No closing quotation",
        ),
        ({"SLACK_BOT_TOKEN_COMMAND": "true"}, "SLACK_BOT_TOKEN_COMMAND: what it prints is empty"),
        (
            {"SLACK_BOT_TOKEN_COMMAND": "yes xoxb-planted-secret"},
            f"SLACK_BOT_TOKEN_COMMAND: what it prints is larger than {LARGEST} bytes: that is no secret",
        ),
    ],
)
def test_each_way_to_have_no_secret_is_named_by_its_variable(
    environment: dict[str, str], problem: str, tmp_path: Path
) -> None:
    contents = {
        "secret": PLANTED.encode(),
        "empty": b" \n",
        "large": PLANTED.encode() * LARGEST,
        "bytes": b"\xff\xfe",
        "lines": b"one\ntwo",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    there = {name: value.replace("{folder}", str(tmp_path)) for name, value in environment.items()}
    _, problems = read({"PATH": os.environ["PATH"], **there})
    assert problems == [problem.replace("{folder}", str(tmp_path))]
    assert PLANTED not in problems[0]


def test_a_command_that_does_not_end_is_ended_with_all_that_it_began() -> None:
    began = time.monotonic()
    _, problems = read({**os.environ, "SLACK_BOT_TOKEN_COMMAND": "sh -c 'sleep 60; true'"}, seconds=0.2)
    assert problems == ["SLACK_BOT_TOKEN_COMMAND: sh did not end within 0.2 s"]
    assert time.monotonic() - began < 10


def test_every_problem_of_every_source_stops_the_start_beside_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text("slak: {}\n")
    environment = {f"{name}_FILE": f"{tmp_path}/{name}" for name in SECRETS}
    with pytest.raises(BadConfiguration) as caught:
        load(file, environment)
    assert {each.place for each in caught.value.problems} == {*environment, f"{file}:1 slak"}


def test_every_secret_may_come_from_a_file_and_shows_in_no_representation(tmp_path: Path) -> None:
    environment = {}
    for name in SECRETS:
        (tmp_path / name).write_text("postgresql://u:planted-NAME@db/x".replace("NAME", name.lower()) + "\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    settings = load(None, environment)
    assert settings.slack.bot_token is not None
    assert settings.slack.bot_token.get_secret_value().endswith("planted-slack_bot_token@db/x")
    assert "planted" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_key_that_no_header_can_carry_is_named_before_anything_starts() -> None:
    examined = examine(None, {"LEANCLOUD_MASTER_KEY": "pläntéd secret"})
    assert [str(each) for each in examined.problems] == [
        "LEANCLOUD_MASTER_KEY: holds characters that no token and no key has"
    ]
