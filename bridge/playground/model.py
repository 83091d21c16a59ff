"""The nouns of a Slack workspace, as the stand-in keeps them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias

Json: TypeAlias = dict[str, Any]
"""A JSON object whose fields Slack names; values are as different as its payloads."""


class SlackError(Exception):
    """Slack refuses with this error's name; `messages` point at faults, `extra` holds further fields of the answer."""

    ack: "Ack | None" = None
    """The app's answer, where that is what Slack refuses."""

    def __init__(self, error: str, messages: Iterable[str] = (), **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.messages = tuple(messages)
        self.extra = extra


@dataclass(frozen=True)
class Team:
    """The workspace that the app is installed in."""

    id: str = "T0TEAM0001"
    name: str = "Cartoon Messaging"
    domain: str = "cartoon"
    enterprise_id: str = ""
    enterprise_name: str = ""
    edit_window_ms: int | None = None
    """How long a message may be edited; None means always."""


@dataclass(frozen=True)
class Shortcut:
    """A shortcut that is registered for the app: for the whole workspace, or for a message."""

    callback_id: str
    name: str
    kind: Literal["global", "message"]
    description: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> Self:
        """As an app's manifest has it."""
        kind: Literal["global", "message"] = "message" if entry["type"] == "message" else "global"
        return cls(entry["callback_id"], entry["name"], kind, entry["description"])


@dataclass(frozen=True)
class App:
    """The installed app: its ids, its secrets (made for this stand-in alone) and the scopes it was granted."""

    request_url: str | None = None
    """Where it takes Slack's requests; None means Socket Mode."""
    id: str = "A0APP00001"
    bot_id: str = "B0BOT00001"
    user_id: str = "U0BOT00001"
    name: str = "imbridge"
    bot_token: str = "xoxb-playground-bot"  # noqa: S105
    app_token: str = "xapp-playground-app"  # noqa: S105
    signing_secret: str = "playground-signing-secret"  # noqa: S105
    verification_token: str = "playground-verification"  # noqa: S105
    scopes: frozenset[str] = frozenset({"commands", "chat:write"})
    commands: frozenset[str] = frozenset({"/im"})
    """The slash commands that are registered for the app."""
    shortcuts: tuple[Shortcut, ...] = ()


@dataclass(frozen=True)
class User:
    """A person, or the bot's own user; `team_id` differs for someone of a connected workspace."""

    id: str
    name: str
    real_name: str = ""
    team_id: str = "T0TEAM0001"
    locale: str = "zh-CN"
    tz: str = "Asia/Shanghai"
    tz_offset: int = 28_800
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_admin: bool = False
    is_bot: bool = False
    deleted: bool = False
    email: str = ""


@dataclass(frozen=True)
class Channel:
    """A public or private channel, or a direct message between two users."""

    id: str
    name: str
    kind: Literal["public", "private", "direct"] = "public"
    members: frozenset[str] = frozenset()
    archived: bool = False
    shared: bool = False
    """Slack Connect: members of another workspace are in it."""


@dataclass(frozen=True)
class UserGroup:
    """A user group such as @on-call."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    """One message as it stands; `ephemeral_to` is the one user who sees it, `notice` Slack's own error code."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    files: tuple[Json, ...] = ()
    thread_ts: str | None = None
    ephemeral_to: str | None = None
    metadata: Json | None = None
    edited: bool = False
    versions: int = 1
    notice: str | None = None
    inputs: Json = field(default_factory=dict)
    """What users have chosen in it so far: block_id → action_id → state."""

    @property
    def shown(self) -> str:
        """All text that a reader sees, line by line: the blocks where there are any, else the text."""
        return "\n".join(_readable(list(self.blocks))) if self.blocks else self.text

    @property
    def elements(self) -> list[tuple[str, Json]]:
        """The interactive elements, each with the id of its block."""
        return list(interactive(self.blocks))


@dataclass(frozen=True)
class View:
    """An open modal or a published Home tab; `stack` is the modal's place above the one that opened it."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    channel: str | None = None
    notice: str | None = None
    errors: Json = field(default_factory=dict)
    inputs: Json = field(default_factory=dict)

    @property
    def elements(self) -> list[tuple[str, Json]]:
        """The interactive elements, each with the id of its block."""
        return list(interactive(self.body["blocks"]))


@dataclass
class ResponseUrl:
    """An address for late answers: five posts within 30 minutes."""

    id: str
    kind: Literal["commands", "actions"]
    user: str
    channel: str
    born_ms: int
    uses: int = 0
    original: str | None = None
    """The ts of the message that `replace_original` and `delete_original` mean."""


@dataclass
class TriggerId:
    """A permission to open one modal within 3 seconds of the user's action."""

    id: str
    user: str
    channel: str | None
    born_ms: int
    used: bool = False
    view: str | None = None


@dataclass
class Exchange:
    """One request and its answer, either way, for a raw view; the bot's token is never in it."""

    number: int
    direction: Literal["to app", "from app"]
    target: str
    at_ms: int
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    answer: bytes = b""
    late: bool = False


@dataclass(frozen=True)
class Ack:
    """How the app answered a delivery; over Socket Mode a status of 200 and the acknowledgement's payload."""

    status: int
    content_type: str = ""
    body: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """What came of one action: the app's acknowledgement, or Slack's error code, and what the user then sees."""

    ack: Ack | None
    error: str | None = None
    message: Message | None = None
    response_url: ResponseUrl | None = None
    trigger: TriggerId | None = None
    attempts: int = 1

    @property
    def text(self) -> str:
        """All text that the user was shown at once."""
        return self.message.shown if self.message else ""


@dataclass(frozen=True)
class Change:
    """Something happened.

    `kind` is posted, updated, deleted, input, view, closed, channel, exchange, connection or gap.
    """

    number: int
    kind: str
    message: Message | None = None
    view: View | None = None
    exchange: Exchange | None = None
    channel: Channel | None = None


def interactive(blocks: tuple[Json, ...] | list[Json]) -> Iterator[tuple[str, Json]]:
    """The interactive elements of blocks, each with the id of its block."""
    for block in blocks:
        for key in ("elements", "accessory", "element", "child_blocks", "actions"):
            part = block.get(key)
            if key == "child_blocks":
                yield from interactive(part or [])
            elif block["type"] != "rich_text":
                for element in part if isinstance(part, list) else [part] if part else []:
                    if isinstance(element, dict) and "action_id" in element:
                        yield block["block_id"], element


def _readable(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _readable(each)
    elif isinstance(value, dict):
        if value.get("type") == "rich_text_section":
            yield "".join(_readable(value["elements"]))
            return
        for key, each in value.items():
            if not isinstance(each, str):
                yield from _readable(each)
            elif key in ("text", "title", "caption", "label", "alt_text"):
                yield each
