"""The Slack app's manifest, from what the bridge does: paste it at api.slack.com to make the app."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from bridge.config_access import AccessSettings
from bridge.slack.arrivals import HOME_OPENED, MENTION
from bridge.slack.openings import COMPOSE, SEND

SCOPES: Mapping[str, str] = {
    "commands": "the slash command",
    "app_mentions:read": "commands in threads, behind the bot's name",
    "chat:write": "results that come later than the acknowledgement, and those of schedules",
    "chat:write.public": "the same in public channels that the bot was not invited to",
    "files:read": "lists of users that are uploaded for `notify --to-file`",
    "files:write": "exports, and results that are too long for a message",
    "users:read": "the author's language, time zone, and whether they are a guest",
}
"""Each bot scope, and what it is for."""
EVENTS: Mapping[str, str] = {
    HOME_OPENED: "to show the Home to whoever opens it",
    MENTION: "to answer in threads, where slash commands can't be typed",
}
"""Each event that Slack tells us, and what it is for."""
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


SHORTCUTS: tuple[Mapping[str, str], ...] = (
    {
        "name": "Write to the app...",
        "type": "global",
        "callback_id": COMPOSE,
        "description": "Send a message to the app's users",
    },
    {
        "name": "Send to the app...",
        "type": "message",
        "callback_id": SEND,
        "description": "Send this message to the app's users",
    },
)
"""What people find in Slack's own menus; a name has at most 24 characters."""


def manifest(commands: Sequence[str], url: str | None, wanted: Collection[str]) -> dict[str, object]:
    """The manifest for slash commands such as `/im` and `/im-drill`, with the bot scopes `wanted`.

    `url` is where Slack reaches us, None means Socket Mode.
    """
    endpoint = None if url is None else f"{url.rstrip('/')}/slack/events"
    interactivity: dict[str, object] = {"is_enabled": True}
    events: dict[str, object] = {"bot_events": list(EVENTS)}
    if endpoint is not None:
        interactivity["request_url"] = endpoint
        events["request_url"] = endpoint
        # Where menus that search as somebody types are answered.
        interactivity["message_menu_options_url"] = endpoint
    return {
        "display_information": {
            "name": "imbridge",
            "description": "Run your app's in-app messaging from Slack",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                # Where the answers to its buttons come.
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "imbridge", "always_online": True},
            "shortcuts": [dict(each) for each in SHORTCUTS],
            "slash_commands": [_slash(command, endpoint) for command in commands],
        },
        "oauth_config": {"scopes": {"bot": list(wanted)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": endpoint is None,
            "token_rotation_enabled": False,
        },
    }


def _slash(command: str, endpoint: str | None) -> dict[str, object]:
    slash: dict[str, object] = {
        "command": command,
        "description": "Run the app's messaging",
        "usage_hint": "help",
        "should_escape": True,
    }
    return slash if endpoint is None else {**slash, "url": endpoint}
