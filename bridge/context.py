"""All that a handler is given to act with; it reaches nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeAlias

from bridge.invocation import Invocation
from bridge.reply import Reply

if TYPE_CHECKING:
    from bridge.approvals import Approvals
    from bridge.audiences import Audiences
    from bridge.authority import Authority
    from bridge.clock import Clock
    from bridge.commands import Registry
    from bridge.conversations import Conversations
    from bridge.database.audit import AuditLog
    from bridge.delivery import Deliveries
    from bridge.freezing import Freezer
    from bridge.realtime.client import RealtimeClient
    from bridge.schedule import Schedules

Tell: TypeAlias = Callable[[Reply], Awaitable[None]]
"""Shows how far a long command has come; each call replaces what the last one showed."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a message is sent with when nothing else is said: its sender, and text as typed or as a plain string.

    `people` are those of Slack who have a client id of their own in the app, by user id.
    """

    sender: str | None = None
    typed: bool = True
    people: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process."""

    realtime: "RealtimeClient"
    conversations: "Conversations"
    deliveries: "Deliveries"
    schedules: "Schedules"
    audiences: "Audiences"
    registry: "Registry"
    authority: "Authority"
    approvals: "Approvals"
    freezer: "Freezer"
    audit: "AuditLog"
    defaults: Defaults
    clock: "Clock"


@dataclass(frozen=True, slots=True)
class Context(Services):
    """The services as one invocation sees them."""

    invocation: Invocation
    tell: Tell

    @classmethod
    def of(cls, services: Services, invocation: Invocation, tell: Tell) -> "Context":
        given = {name: getattr(services, name) for name in _SERVICES}
        return cls(**given, invocation=invocation, tell=tell)


_SERVICES = tuple(each.name for each in fields(Services))
