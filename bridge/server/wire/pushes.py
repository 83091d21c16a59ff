"""Events as the commands that tell a client of them, packed once for all the sockets that they go to."""

from functools import lru_cache
from typing import Any

from bridge.server.http import Json, JsonObject, parse_json
from bridge.server.presence import Direct, Event, Kick, Notice, Patch, Read, Receipt
from bridge.server.times import iso
from bridge.server.wire.framing import Command, Framing

MESSAGING = 2
"""The service that pushes of messaging name: native SDKs drop those that do not."""

_PACKED = 256


@lru_cache(maxsize=_PACKED)
def packed(framing: Framing, event: Event) -> Any:
    """The event's command, packed; a broadcast to thousands of sockets is packed once."""
    return framing.pack(command_of(event))


def command_of(event: Event) -> Command:
    """The command that tells a client of an event."""
    match event:
        case Direct():
            return _push("direct", None, message(event), event.timestamp)
        case Patch():
            return _push("patch", "modify", {"patches": [patch_item(event)]}, event.patched_at)
        case Kick(code, reason):
            return Command(
                cmd="session", op="closed", service=MESSAGING, body={"code": code, "reason": reason}
            )
        case Notice():
            return _push("conv", event.op, _notice(event), event.at)
        case Receipt(conv_id, client_id, at, msg_id):
            receipt: JsonObject = {"cid": conv_id, "t": at, "from": client_id}
            return _push("rcp", None, receipt | ({"id": msg_id} if msg_id else {"read": True}), None)
        case Read(conv_id, at, unread):
            return _push(
                "unread", None, {"convs": [{"cid": conv_id, "unread": unread}], "notifTime": at}, None
            )


def _push(cmd: str, op: str | None, body: JsonObject, server_ts: int | None) -> Command:
    return Command(cmd=cmd, op=op, service=MESSAGING, server_ts=server_ts, body=body)


def message(event: Direct, offline: bool = False) -> JsonObject:
    """The fields of a delivered message."""
    body: JsonObject = {
        "id": event.msg_id,
        "cid": event.conv_id,
        "fromPeerId": event.sender,
        "timestamp": event.timestamp,
        "convType": event.conv_type,
        "binaryMsg" if event.bin else "msg": event.data,
    }
    optional: JsonObject = {
        "transient": event.transient,
        "offline": offline,
        "mentionAll": event.mention_all,
        "mentionPids": [*event.mentions],
        "patchTimestamp": event.patched_at,
    }
    return body | {key: value for key, value in optional.items() if value}


def patch_item(event: Patch) -> JsonObject:
    """The fields of a modified or recalled message."""
    item: JsonObject = {
        "cid": event.conv_id,
        "mid": event.msg_id,
        "timestamp": event.timestamp,
        "recall": event.recalled,
        "patchTimestamp": event.patched_at,
        "from": event.sender,
        "binaryMsg" if event.bin else "data": event.data,
    }
    if event.mention_all:
        item["mentionAll"] = True
    return item | {"mentionPids": [*event.mentions]} if event.mentions else item


def _notice(event: Notice) -> JsonObject:
    body: JsonObject = {"cid": event.conv_id, "initBy": event.initiator}
    if event.members:
        body["m"] = [*event.members]
    if event.at is not None:
        body["udate"] = iso(event.at)
    if event.op == "member_info_changed":
        body["info"] = _json(event.attributes)
    elif event.attributes is not None:
        body |= {"attrModified": _json(event.attributes), "attr": _json(event.values)}
    return body


def _json(text: str | None) -> Json:
    return parse_json(text or "{}")
