"""The Slack app's manifest, from what the bridge does: paste it at api.slack.com to make the app."""

from collections.abc import Collection, Mapping
from typing import Literal

from bridge.config_access import AccessSettings

SCOPES: Mapping[str, str] = {
    "commands": "the slash command",
    "chat:write": "results that come later than the acknowledgement, and those of schedules",
    "chat:write.public": "the same in public channels that the bot was not invited to",
    "files:write": "exports, and results that are too long for a message",
    "users:read": "the author's language, time zone, and whether they are a guest",
}
"""Each bot scope, and what it is for."""
OF_GROUPS: Mapping[str, str] = {"usergroups:read": "who is in the user groups of access rules"}
OF_CHANNELS: Mapping[str, str] = {
    "channels:read": "who is in the public channels of access rules",
    "groups:read": "who is in the private ones",
}
"""Beside them, where roles of the settings have user groups or channels."""


def scopes(access: Literal["open"] | AccessSettings | None) -> tuple[str, ...]:
    """The scopes of a deployment: no more than it uses."""
    roles = access.roles.values() if isinstance(access, AccessSettings) else ()
    groups = OF_GROUPS if any(role.groups for role in roles) else {}
    channels = OF_CHANNELS if any(role.channels for role in roles) else {}
    return (*SCOPES, *groups, *channels)


def manifest(command: str, url: str | None, wanted: Collection[str]) -> dict[str, object]:
    """The manifest for a slash command such as `/im`, with the bot scopes `wanted`.

    `url` is where Slack reaches us, None means Socket Mode.
    """
    endpoint = None if url is None else f"{url.rstrip('/')}/slack/events"
    slash: dict[str, object] = {
        "command": command,
        "description": "Run the app's messaging",
        "usage_hint": "help",
        "should_escape": True,
    }
    interactivity: dict[str, object] = {"is_enabled": True}
    if endpoint is not None:
        slash["url"] = endpoint
        interactivity["request_url"] = endpoint
    return {
        "display_information": {
            "name": "imbridge",
            "description": "Run your app's in-app messaging from Slack",
        },
        "features": {
            "bot_user": {"display_name": "imbridge", "always_online": True},
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": list(wanted)}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": endpoint is None,
            "token_rotation_enabled": False,
        },
    }
