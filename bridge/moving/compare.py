"""Whether a row of an export is the same here, asked over REST as any program would."""

from collections.abc import Mapping
from typing import Any

from bridge.moving.folder import SILENCES
from bridge.realtime import wire
from bridge.realtime.client import RealtimeClient
from bridge.realtime.errors import RealtimeError
from bridge.realtime.history import Everything, HistoryRange, InThread, Source
from bridge.realtime.models import Kind, Ref

Row = Mapping[str, Any]

_HIDDEN = frozenset({"password", "createdAt", "updatedAt", "lm"})
"""What REST never shows, and what is compared as a time."""


class Mismatch(Exception):
    """The row is not here, or is another; says which and how."""


async def compare(client: RealtimeClient, table: str, row: Row) -> None:
    """Returns when the row of the export is here as it was, or has been changed here later."""
    try:
        match table:
            case "messages" | "broadcasts":  # a broadcast may have been withdrawn here; its message stays
                await _message(client, Everything(), row)
            case "threads":
                service = Ref(str(row["to"] if row.get("to") else row["conv-id"]), Kind.SYSTEM)
                await _message(client, InThread(service, str(row["subscriber"])), row)
            case "subscriptions":
                await _subscription(client, row)
            case "silences" | "blacklists":
                await _listed(client, table, row)
            case _:
                await _object(client, table, row)
    except RealtimeError as error:
        raise Mismatch(f"{_shown(row)} could not be read: {error}") from error


def _shown(row: Row) -> str:
    return next((str(row[key]) for key in ("objectId", "msg-id", "conv_id") if key in row), "a row")


async def _object(client: RealtimeClient, table: str, row: Row) -> None:
    page = await client.scan(table, where={"objectId": row["objectId"]}, limit=1)
    if not page.items:
        raise Mismatch(f"{row['objectId']} is not here")
    here = page.items[0]
    before, now = wire.instant(row.get("updatedAt")), wire.instant(here.get("updatedAt"))
    if before is not None and now is not None and now > before:
        return
    if wire.instant(row["createdAt"]) != wire.instant(here.get("createdAt")):
        raise Mismatch(f"{row['objectId']} has another 'createdAt'")
    if (wire.instant(row.get("lm")) or 0) > (wire.instant(here.get("lm")) or 0):
        raise Mismatch(f"{row['objectId']} has an older 'lm'")
    for key in sorted((row.keys() | here.keys()) - _HIDDEN):
        if _plain(key, row.get(key)) != _plain(key, here.get(key)):
            raise Mismatch(f"{row['objectId']} has another {key!r}")


def _plain(key: str, value: object) -> object:
    """A value without what is only a way of writing it."""
    if key in ("m", "mu") and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return list(dict.fromkeys(value))
    if isinstance(value, list):
        return [_plain("", one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("__type") == "Date":
        return wire.instant(value)
    kept = ("__type", "className", "objectId") if value.get("__type") == "Pointer" else tuple(value)
    return {name: _plain("", value.get(name)) for name in kept}


async def _message(client: RealtimeClient, source: Source, row: Row) -> None:
    timestamp, msg_id = int(row["timestamp"]), str(row["msg-id"])
    span = HistoryRange(timestamp=timestamp, msgid=msg_id, include_start=True, limit=1)
    found = [one for one in await client.history(source, span) if one.msg_id == msg_id]
    if not found:
        raise Mismatch(f"{msg_id} is not here")
    _same(found[0].raw, row)


def _same(here: Row, row: Row) -> None:
    expected = {
        "timestamp": row["timestamp"],
        "from": row.get("from") or "",
        "to": row.get("to") or row.get("conv-id"),
        "data": row.get("data", ""),
        "bin": row.get("bin") is True,
        "from-ip": row.get("from-ip"),
    }
    for key, value in expected.items():
        if isinstance(value, str | bool | int | None) and here.get(key) != value:
            raise Mismatch(f"{row['msg-id']} has another {key!r}")


async def _subscription(client: RealtimeClient, row: Row) -> None:
    async for one in client.iterate_subscriptions(str(row["subscriber"])):
        if one.conversation_id == row["conv_id"]:
            return
    raise Mismatch(f"{row['subscriber']} does not subscribe to {row['conv_id']} here")


async def _listed(client: RealtimeClient, table: str, row: Row) -> None:
    conversation = await client.conversation(str(row["conv_id"]))
    if conversation is None:
        raise Mismatch(f"{row['conv_id']} is not here")
    cursor: str | None = None
    while True:
        read = client.silenced if table == SILENCES else client.blocked
        page = await read(conversation, limit=1000, cursor=cursor)
        if row["client_id"] in page.items:
            return
        cursor = page.next
        if cursor is None:
            raise Mismatch(f"{row['client_id']} is not among the {table} of {row['conv_id']}")
