"""What several tests of the client are made of."""

from collections.abc import Callable
from typing import Any

from bridge.realtime.client import RealtimeClient
from bridge.realtime.models import Kind, Ref

Scripted = Callable[..., tuple[RealtimeClient, Any]]

NORMAL, ROOM, SYSTEM = Ref("C", Kind.NORMAL), Ref("C", Kind.TRANSIENT), Ref("C", Kind.SYSTEM)
SENT = {"msg-id": "M", "timestamp": 7}


def message(number: int, timestamp: int | None = None) -> dict[str, Any]:
    return {
        "msg-id": f"m{number}",
        "timestamp": number if timestamp is None else timestamp,
        "from": "tom",
        "to": "C",
        "conv-id": "another",
        "data": f"text {number}",
        "is-conv": True,
        "is-room": False,
        "bin": False,
        "from-ip": None,
    }
