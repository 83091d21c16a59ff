"""The manifest asks for what the bridge does, and for nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.config import AppSettings
from bridge.slack.manifest import OF_CHANNELS, OF_GROUPS, SCOPES, manifest, scopes

SLACK = Path(__file__).parents[3] / "bridge" / "slack"
NEEDED_BY = {
    "chat.postMessage": {"chat:write", "chat:write.public"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.delete": {"chat:write"},
    "files_upload_v2": {"files:write"},
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "usergroups.list": {"usergroups:read"},
    "conversations.members": {"channels:read", "groups:read"},
    "auth.test": set[str](),
    "apps.connections.open": set[str](),
}


def called() -> set[str]:
    """Every Web API method that the Slack edge names."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SLACK.glob("*.py"))
    dotted = re.findall(r'"((?:chat|files|users|usergroups|auth|apps|conversations)\.[a-zA-Z.]+)"', text)
    return {each for each in dotted if each != "files.upload"} | set(re.findall(r"files_upload_v2", text))


def test_its_scopes_are_those_of_the_methods_that_are_called() -> None:
    assert called() <= NEEDED_BY.keys()
    needed = set[str]().union(*(NEEDED_BY[method] for method in called()))
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


def test_over_http_every_address_is_the_one_door() -> None:
    made = manifest("/im", "https://im.example/", SCOPES)
    text = str(made)
    assert text.count("https://im.example/slack/events") == 2
    assert "'socket_mode_enabled': False" in text


def test_without_an_address_it_is_socket_mode() -> None:
    made = manifest("/chat", None, SCOPES)
    assert "'socket_mode_enabled': True" in str(made)
    assert "request_url" not in str(made)
    assert "'/chat'" in str(made)


@pytest.mark.parametrize("why", [*SCOPES.values(), *OF_GROUPS.values(), *OF_CHANNELS.values()])
def test_every_scope_says_what_it_is_for(why: str) -> None:
    assert why
