"""The manifest asks for what the bridge does, and for nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.config import AppSettings
from bridge.slack.manifest import EVENTS, OF_CHANNELS, OF_GROUPS, SCOPES, manifest, scopes
from bridge.slack.openings import COMPOSE, SEND

SLACK = Path(__file__).parents[3] / "bridge" / "slack"
NEEDED_BY = {
    "chat.postMessage": {"chat:write", "chat:write.public"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.delete": {"chat:write"},
    "files.info": {"files:read"},
    "files_upload_v2": {"files:write"},
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "usergroups.list": {"usergroups:read"},
    "conversations.members": {"channels:read", "groups:read"},
    "views.open": set[str](),
    "views.publish": set[str](),
    "views.update": set[str](),
    "auth.test": set[str](),
    "apps.connections.open": set[str](),
}
NEEDED_FOR = {"app_home_opened": set[str](), "app_mention": {"app_mentions:read"}}
"""The scopes that Slack asks for its events."""


def called() -> set[str]:
    """Every Web API method that the Slack edge names."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SLACK.glob("*.py"))
    dotted = re.findall(
        r'"((?:chat|files|users|usergroups|auth|apps|conversations|views)\.[a-zA-Z.]+)"', text
    )
    return {each for each in dotted if each != "files.upload"} | set(re.findall(r"files_upload_v2", text))


def test_its_scopes_are_those_of_the_methods_that_are_called() -> None:
    assert called() <= NEEDED_BY.keys()
    needed = set[str]().union(*(NEEDED_BY[method] for method in called()), *NEEDED_FOR.values())
    assert {*SCOPES, *OF_GROUPS, *OF_CHANNELS} == needed | {"commands"}


@pytest.mark.parametrize(
    ("role", "more"),
    [
        ({"users": ["U0MIA00001"]}, {}),
        ({"groups": ["S0TEAM0001"]}, OF_GROUPS),
        ({"channels": ["C0TEAM0001"]}, OF_CHANNELS),
    ],
)
def test_scopes_that_only_access_rules_need_come_with_the_rules(
    role: Mapping[str, list[str]], more: Mapping[str, str]
) -> None:
    settings = AppSettings.model_validate({"access": {"roles": {"team": role}}})
    assert set(scopes(settings.access)) == {*SCOPES, *more}
    assert set(scopes("open")) == set(scopes(None)) == set(SCOPES)


def test_its_events_are_those_that_are_read_and_its_home_is_shown() -> None:
    made: Any = manifest(["/im"], None, SCOPES)
    told = made["settings"]["event_subscriptions"]["bot_events"]
    assert set(told) == NEEDED_FOR.keys() == EVENTS.keys()
    assert made["features"]["app_home"]["home_tab_enabled"] is True
    assert made["features"]["app_home"]["messages_tab_enabled"] is True, "answers to its buttons come there"


def test_over_http_every_address_is_the_one_door() -> None:
    made = manifest(["/im"], "https://im.example/", SCOPES)
    text = str(made)
    assert text.count("https://im.example/slack/events") == 4
    assert "'socket_mode_enabled': False" in text


def test_without_an_address_it_is_socket_mode() -> None:
    made = manifest(["/chat", "/chat-drill"], None, SCOPES)
    assert "'socket_mode_enabled': True" in str(made)
    assert "request_url" not in str(made)
    assert "'/chat'" in str(made)


@pytest.mark.parametrize("url", [None, "https://im.example"])
def test_its_shortcuts_are_those_that_are_answered(url: str | None) -> None:
    made: Any = manifest(["/im"], url, SCOPES)
    shortcuts = made["features"]["shortcuts"]
    assert {each["callback_id"]: each["type"] for each in shortcuts} == {COMPOSE: "global", SEND: "message"}
    assert all(1 <= len(each["name"]) <= 24 and 1 <= len(each["description"]) <= 150 for each in shortcuts)
    interactivity = made["settings"]["interactivity"]
    assert interactivity["is_enabled"] is True
    assert ("message_menu_options_url" in interactivity) is (url is not None)


def test_the_page_on_setting_slack_up_names_every_scope_and_what_it_is_for() -> None:
    page = (SLACK.parents[1] / "docs" / "slack-setup.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z_:.]+)` \| (.+) \|$", page, re.MULTILINE))
    assert told == {**SCOPES, **OF_GROUPS, **OF_CHANNELS}


@pytest.mark.parametrize(
    "why", [*SCOPES.values(), *OF_GROUPS.values(), *OF_CHANNELS.values(), *EVENTS.values()]
)
def test_every_scope_says_what_it_is_for(why: str) -> None:
    assert why
