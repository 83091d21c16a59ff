"""Between the rows of the table of objects and the objects that callers see."""

import secrets
from types import SimpleNamespace
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import Row

from bridge.server.documents import OBJECT_ID, date_of
from bridge.server.errors import BAD_ARGUMENT, OBJECT_TOO_LARGE, READ_ONLY_KEY
from bridge.server.http import JsonObject, to_json
from bridge.server.times import iso, milliseconds

CONVERSATION = "_Conversation"
NORMAL, CHATROOM, SERVICE, TEMPORARY = 1, 2, 3, 4
"""Kinds of conversations, as stored and on the wire; temporary ones are no rows of `_Conversation`."""

MAX_OBJECT_BYTES = 16 * 1024 * 1024
OWN_KEYS = ("objectId", "createdAt", "updatedAt")
"""What the service itself keeps of every object."""


class Ref(NamedTuple):
    """One object: its class and its id."""

    class_name: str
    object_id: str


class Columns(TypedDict):
    """What is stored of an object beside its identity and times."""

    kind: int | None
    last_message_at: int | None
    document: JsonObject


def new_object_id(now: int) -> str:
    """24 hex digits: the second, then 64 random bits."""
    return f"{now // 1000 & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"


def refuse_own_keys(changes: JsonObject) -> None:
    """Code 117 for a save that names what the service keeps itself."""
    for key in OWN_KEYS:
        if key in changes:
            raise READ_ONLY_KEY(f"'{key}'")


def own_values(own: JsonObject, now: int) -> tuple[str, int, int]:
    """Id and times (UTC milliseconds) of a new object, those that an import brings along kept."""
    object_id = own.get("objectId", new_object_id(now))
    if not isinstance(object_id, str) or not OBJECT_ID.match(object_id):
        raise BAD_ARGUMENT("'objectId' is malformed")
    created = _instant(own, "createdAt", now)
    return object_id, created, _instant(own, "updatedAt", max(created, now))


def _instant(own: JsonObject, key: str, absent: int) -> int:
    value = own.get(key)
    if value is None:
        return absent
    try:
        return milliseconds(value) if isinstance(value, str) else date_of(value, key)
    except ValueError as problem:
        raise BAD_ARGUMENT(f"'{key}' is no date") from problem


def to_columns(class_name: str, document: JsonObject) -> Columns:
    """What to store of an object; code 116 when it is too large."""
    if len(to_json(document).encode()) > MAX_OBJECT_BYTES:
        raise OBJECT_TOO_LARGE(f"at most {MAX_OBJECT_BYTES} bytes")
    if class_name != CONVERSATION:
        return {"kind": None, "last_message_at": None, "document": document}
    kept = {key: value for key, value in document.items() if key != "lm"}
    moment = document.get("lm")
    return {
        "kind": SERVICE
        if document.get("sys") is True
        else CHATROOM
        if document.get("tr") is True
        else NORMAL,
        "last_message_at": None if moment is None else date_of(moment, "lm"),
        "document": kept,
    }


def stored_document(row: Row[Any] | SimpleNamespace) -> JsonObject:
    """The object's columns, `lm` among them."""
    document: JsonObject = dict(row.document)
    if row.last_message_at is not None:
        document["lm"] = {"__type": "Date", "iso": iso(row.last_message_at)}
    return document


def served(row: Row[Any] | SimpleNamespace) -> JsonObject:
    """The object as callers see it."""
    return with_own_keys(row.id, row.created_at, row.updated_at, stored_document(row))


def with_own_keys(object_id: str, created: int, updated: int, document: JsonObject) -> JsonObject:
    """The document with its id and times (UTC milliseconds)."""
    return {**document, "objectId": object_id, "createdAt": iso(created), "updatedAt": iso(updated)}
