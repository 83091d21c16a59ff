"""The one thing that enters: who asks for what, where, and how it came."""

from dataclasses import dataclass, field
from enum import StrEnum

TERMINAL = "terminal:"
"""How the id of an actor at the terminal begins."""


class Trigger(StrEnum):
    """How an invocation came about; access rules can tell them apart."""

    SLASH = "slash"
    MENTION = "mention"
    BUTTON = "button"
    FORM = "form"
    SCHEDULE = "schedule"
    TERMINAL = "terminal"


class Standing(StrEnum):
    """What someone is to the workspace that is served."""

    UNKNOWN = "unknown"
    """Slack has not said, or was not asked."""
    MEMBER = "member"
    GUEST = "guest"
    FOREIGN = "foreign"
    """Of another organisation or team, in a channel shared with it."""
    GONE = "gone"
    """Deactivated; their schedules may still be there."""
    KEEPER = "keeper"
    """No Slack user: whoever can type at the terminal or write app.yaml holds the keys already."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `id` is a Slack user id, `terminal:NAME` or `schedule:NAME` (of app.yaml); `zone` an IANA name.

    `inside` and `outside` are the user groups and channels that they certainly are in, and certainly are not; of any
    other nobody could say.
    """

    id: str
    name: str = ""
    locale: str | None = None
    zone: str | None = None
    standing: Standing = Standing.UNKNOWN
    inside: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where it was asked and the reply belongs: a channel of a Slack team; both empty at the terminal."""

    team: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """Somebody's word for exactly this: the author's own, or that of a second person of a role."""

    who: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line with its origin.

    `line` is the text as typed; `words` is set instead where a shell has split it, so that boundaries stay.
    `request` names what carried it (Slack's trigger id, a fire's key): the same one never acts twice.
    `at` is when it was asked, UTC milliseconds; `consent` was given to it since.
    """

    id: str
    request: str
    actor: Actor
    place: Place
    trigger: Trigger
    at: int
    line: str = ""
    words: tuple[str, ...] = field(default=())
    consent: Consent | None = None
