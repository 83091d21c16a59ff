"""What one phone holds: conversations, their messages in order, and how many of them are unread."""

from dataclasses import dataclass, field

from bridge.playground.model import Json
from bridge.realtime.content import (
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Plain,
    Recalled,
    Text,
    Video,
)
from bridge.realtime.models import Conversation, Kind

KEPT = 60
"""Messages of one conversation that a phone remembers."""
_FIGURES = ("size", "duration", "width", "height")


@dataclass(frozen=True, slots=True)
class Mail:
    """A message on a phone; `timestamp` is UTC ms, `edited` that its text is no longer the first one."""

    msg_id: str
    conversation: str
    sender: str
    timestamp: int
    content: Content
    edited: bool = False

    @property
    def json(self) -> Json:
        """As the page shows it."""
        return {
            "id": self.msg_id,
            "conversation": self.conversation,
            "sender": self.sender,
            "at": self.timestamp,
            "edited": self.edited,
            "content": content_json(self.content),
        }


@dataclass(slots=True)
class Talk:
    """A conversation on a phone, with what came in it."""

    conversation: Conversation
    unread: int = 0
    mails: dict[str, Mail] = field(default_factory=dict)

    @property
    def ordered(self) -> list[Mail]:
        """Oldest first."""
        return sorted(self.mails.values(), key=lambda mail: (mail.timestamp, mail.msg_id))

    @property
    def json(self) -> Json:
        """What the page shows of it beside its messages."""
        conversation = self.conversation
        return {
            "id": conversation.id,
            "kind": conversation.kind.value,
            "name": conversation.name,
            "members": list(conversation.members),
            "unread": self.unread,
            "since": conversation.created_at or 0,
        }


class Inbox:
    """The conversations of one client of the app."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.talks: dict[str, Talk] = {}

    def know(self, conversation: Conversation) -> Talk:
        """Take a conversation in, or its newest name and members."""
        talk = self.talks.setdefault(conversation.id, Talk(conversation))
        talk.conversation = conversation
        return talk

    def forget(self, conversation_id: str) -> None:
        """Drop a conversation that the client is no longer in."""
        self.talks.pop(conversation_id, None)

    def take(self, mail: Mail, *, unread: bool) -> bool:
        """Put a message into its conversation, which is known; False where it is there already as it is."""
        talk = self.talks[mail.conversation]
        old = talk.mails.get(mail.msg_id)
        if old == mail:
            return False
        talk.mails[mail.msg_id] = mail
        if old is None and unread and mail.sender != self.client_id:
            talk.unread += 1
        for stale in talk.ordered[:-KEPT]:
            del talk.mails[stale.msg_id]
        return True

    @property
    def json(self) -> list[Json]:
        """Every conversation with its messages, oldest first."""
        return [
            {**talk.json, "messages": [mail.json for mail in talk.ordered]} for talk in self.talks.values()
        ]


def kind_of(conv_type: int) -> Kind:
    """The kind that the wire's number means: 1 normal, 2 chatroom, 3 service."""
    return {2: Kind.TRANSIENT, 3: Kind.SYSTEM}.get(conv_type, Kind.NORMAL)


def content_json(content: Content) -> Json:
    """What a message says, as the page shows it; `kind` tells how."""
    match content:
        case Plain(text) | Text(text):
            return {"kind": "text", "text": text}
        case Image() | Audio() | Video() | File():
            attachment = content.attachment
            figures = {name: attachment.metadata.get(name) for name in _FIGURES}
            return {
                "kind": type(content).__name__.lower(),
                "text": content.text,
                "url": attachment.url,
                "name": attachment.name or attachment.url.rpartition("/")[2],
                **{name: figure for name, figure in figures.items() if isinstance(figure, int | float)},
            }
        case Location():
            return {
                "kind": "location",
                "text": content.text,
                "latitude": content.latitude,
                "longitude": content.longitude,
            }
        case Recalled():
            return {"kind": "recalled", "text": ""}
        case Custom(body):
            return {"kind": "custom", "text": content.text, "body": body}
