"""The service's nouns as frozen values; each keeps the row it came from in `raw`, under the service's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from bridge.realtime import content, wire
from bridge.realtime.content import Content
from bridge.realtime.wire import Row

T = TypeVar("T")

BUILT_IN = frozenset(
    (
        "objectId",
        "name",
        "c",
        "m",
        "mu",
        "lm",
        "tr",
        "sys",
        "unique",
        "uniqueId",
        "createdAt",
        "updatedAt",
        "ACL",
    )
)
"""The columns of `_Conversation` that have a meaning of their own; every other one is a custom attribute."""


class Kind(StrEnum):
    """The kinds of conversation that are stored."""

    NORMAL = "normal"
    TRANSIENT = "transient"
    """A chatroom."""
    SYSTEM = "system"
    """A service conversation."""


class Target(Protocol):
    """What a call needs to know of a conversation: a `Conversation`, or a `Ref` where only these two are known."""

    @property
    def id(self) -> str:
        """The `objectId`."""
        ...

    @property
    def kind(self) -> Kind:
        """The kind, which decides the path."""
        ...


@dataclass(frozen=True, slots=True)
class Ref:
    """A conversation of which only the id and the kind are known."""

    id: str
    kind: Kind = Kind.NORMAL


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of `_Conversation`; times are UTC ms."""

    id: str
    kind: Kind
    name: str | None = None
    creator: str | None = None
    members: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    last_message_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None
    attributes: Row = field(default_factory=dict)
    """Every column that is not built in; what client SDKs set is in there as one object, `attr`."""
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Conversation:
        """Read a row; `Unreadable` without an `objectId`."""
        row = wire.as_row(value)
        kind = (
            Kind.SYSTEM
            if row.get("sys") is True
            else Kind.TRANSIENT
            if row.get("tr") is True
            else Kind.NORMAL
        )
        return cls(
            id=wire.text(row, "objectId"),
            kind=kind,
            name=wire.optional_text(row, "name"),
            creator=wire.optional_text(row, "c"),
            members=_clients(row.get("m")),
            muted=_clients(row.get("mu")),
            last_message_at=wire.instant(row.get("lm")),
            created_at=wire.instant(row.get("createdAt")),
            updated_at=wire.instant(row.get("updatedAt")),
            attributes={key: column for key, column in row.items() if key not in BUILT_IN},
            raw=row,
        )


@dataclass(frozen=True, slots=True)
class NewConversation:
    """What to create; `members` and `unique` are for normal conversations only."""

    name: str | None = None
    kind: Kind = Kind.NORMAL
    members: tuple[str, ...] = ()
    unique: bool = False
    creator: str | None = None
    attributes: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Updated:
    """The answer to a change of an object; `updated_at` is UTC ms."""

    object_id: str | None
    updated_at: int | None
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Updated:
        """Read the answer; both fields may be missing, the change has been made all the same."""
        row = wire.as_row(value)
        return cls(wire.optional_text(row, "objectId"), wire.instant(row.get("updatedAt")), row)


@dataclass(frozen=True, slots=True)
class Sent:
    """The service has taken a message; `timestamp` is UTC ms and, with the id, the message's key."""

    msg_id: str
    timestamp: int
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Sent:
        """Read the answer, bare or wrapped in `result`: the documentation and its clients disagree."""
        row = wire.as_row(value)
        if "msg-id" not in row and "result" in row:
            row = wire.as_row(row["result"])
        return cls(wire.text(row, "msg-id"), wire.integer(row, "timestamp"), row)


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What the service asks for to change a message: its id, time (UTC ms) and sender."""

    msg_id: str
    timestamp: int
    from_client: str


@dataclass(frozen=True, slots=True)
class Message:
    """A row of history; times are UTC ms."""

    msg_id: str
    timestamp: int
    from_client: str
    conversation_id: str
    """From `to`: the row's `conv-id` need not be the `objectId`."""
    data: object
    """As it came: text, or (seen in the field) an already decoded object; base64 when `binary`."""
    binary: bool = False
    ack_at: int | None = None
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @property
    def content(self) -> Content:
        """What the message says, read anew at each call."""
        return (
            content.Plain(self.data)
            if self.binary and isinstance(self.data, str)
            else content.decode(self.data)
        )

    @property
    def key(self) -> MessageKey:
        """What is needed to edit, recall or delete it."""
        return MessageKey(self.msg_id, self.timestamp, self.from_client)

    @classmethod
    def of(cls, value: object) -> Message:
        """Read a row of history; `Unreadable` without an id or a time."""
        row = wire.as_row(value)
        return cls(
            msg_id=wire.text(row, "msg-id"),
            timestamp=wire.integer(row, "timestamp"),
            from_client=wire.optional_text(row, "from") or "",
            conversation_id=wire.optional_text(row, "to") or wire.optional_text(row, "conv-id") or "",
            data=row.get("data", ""),
            binary=row.get("bin") is True,
            ack_at=wire.optional_integer(row, "ack-at"),
            raw=row,
        )


@dataclass(frozen=True, slots=True)
class UpstreamMessage:
    """A row of `_SysMessage`: what a client sent up to a service conversation; times are UTC ms."""

    msg_id: str
    timestamp: int
    from_client: str
    conversation_id: str | None
    data: object
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @property
    def content(self) -> Content:
        """What the message says, read anew at each call."""
        return content.decode(self.data)

    @classmethod
    def of(cls, value: object) -> UpstreamMessage:
        """Read a row of the class."""
        row = wire.as_row(value)
        pointer = row.get("conv")
        return cls(
            msg_id=wire.text(row, "msgId"),
            timestamp=wire.integer(row, "timestamp"),
            from_client=wire.optional_text(row, "from") or "",
            conversation_id=wire.optional_text(pointer, "objectId") if isinstance(pointer, Mapping) else None,
            data=row.get("data", ""),
            raw=row,
        )


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast that can still be delivered; `valid_till` is UTC ms."""

    message: Message
    valid_till: int | None

    @property
    def raw(self) -> Row:
        """The row as the service gave it."""
        return self.message.raw

    @classmethod
    def of(cls, value: object) -> Broadcast:
        """Read a row of the list, a history row with `valid_till` beside it."""
        return cls(Message.of(value), wire.optional_integer(wire.as_row(value), "valid_till"))


@dataclass(frozen=True, slots=True)
class Subscription:
    """A client's subscription to a service conversation, since `timestamp` (UTC ms)."""

    subscriber: str
    conversation_id: str
    timestamp: int
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Subscription:
        """Read a row of either list of subscriptions."""
        row = wire.as_row(value)
        return cls(
            wire.text(row, "subscriber"), wire.text(row, "conv_id"), wire.integer(row, "timestamp"), row
        )


@dataclass(frozen=True, slots=True)
class Stats:
    """The app's users: online now, and seen today."""

    online_user_count: int
    user_count_today: int
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> Stats:
        """Read the answer, wrapped in `result` or bare."""
        row = wire.as_row(value)
        row = wire.as_row(row.get("result", row))
        return cls(wire.integer(row, "online_user_count"), wire.integer(row, "user_count_today"), row)


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """The role that a member has in a conversation: Owner, Manager or Member."""

    id: str
    client_id: str
    role: str
    raw: Row = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, value: object) -> MemberInfo:
        """Read a row of the list."""
        row = wire.as_row(value)
        return cls(wire.text(row, "objectId"), wire.text(row, "clientId"), wire.text(row, "role"), row)


@dataclass(frozen=True, slots=True)
class LoginSignature:
    """What a client needs to log in where login signatures are on; `timestamp` is UTC ms."""

    client_id: str
    timestamp: int
    signature: str = field(repr=False)
    nonce: str = field(repr=False)

    @classmethod
    def of(cls, value: object) -> LoginSignature:
        """Read the answer."""
        row = wire.as_row(value)
        return cls(
            client_id=wire.text(row, "client_id"),
            timestamp=wire.integer(row, "timestamp"),
            signature=wire.text(row, "signature"),
            nonce=wire.text(row, "nonce"),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the cursor of the next part (None: this was the last)."""

    items: tuple[T, ...]
    next: str | None = None


def _clients(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
