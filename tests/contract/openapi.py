"""An OpenAPI 3.1 description of the REST side, made from the route table: what the fuzzer works from.

Paths, methods and path parameters are the routes' own; what bodies and queries hold is said here by kinds of calls, and
everything else is allowed beside it, since that is what has to be refused well.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from bridge.server.app import ROUTES

Schema: TypeAlias = dict[str, Any]

NORMAL, CHATROOM, SERVICE = ("0" * 23 + digit for digit in "123")
"""Ids of conversations that the fuzzed server has."""

CLASSES = ("_Conversation", "_User", "_SysMessage", "_Installation", "Thing")
HELD_BACK = ("/files/", "/1.1/date", "/healthz", "/v1/route")
"""Calls that take nothing from anybody, or say no JSON."""

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
IDS: Schema = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 22}
OBJECT: Schema = {"type": "object"}
CLIENT: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
CONVERSATION: Schema = {"anyOf": [{"enum": [NORMAL, CHATROOM, SERVICE]}, TEXT]}
CLASS: Schema = {"anyOf": [{"enum": [*CLASSES]}, TEXT]}

VALUE: Schema = {
    "anyOf": [
        ANYTHING,
        {"type": "object", "required": ["__type"], "properties": {
            "__type": {"enum": ["Date", "Pointer", "File", "GeoPoint", "Bytes", "Relation", "Object"]},
            "iso": {"anyOf": [{"const": "2026-01-12T00:00:00.000Z"}, TEXT]},
            "className": CLASS, "objectId": TEXT, "base64": TEXT,
            "latitude": {"type": "number"}, "longitude": {"type": "number"},
        }},
    ]
}  # fmt: skip

CHANGE: Schema = {
    "anyOf": [
        VALUE,
        {"type": "object", "required": ["__op"], "properties": {
            "__op": {"enum": [
                "Increment", "Decrement", "Add", "AddUnique", "Remove", "Delete", "BitAnd", "BitOr", "BitXor",
                "AddRelation", "RemoveRelation", "Batch",
            ]},
            "amount": {"type": "number"}, "value": NUMBER, "objects": {"type": "array", "items": VALUE},
            "ops": {"type": "array", "items": OBJECT},
        }},
    ]
}  # fmt: skip

COLUMNS: Schema = {
    "type": "object",
    "properties": {
        "name": CHANGE, "m": CHANGE, "mu": CHANGE, "unique": FLAG, "sys": FLAG, "tr": FLAG, "attr": CHANGE,
        "attr.k": CHANGE, "ACL": {"anyOf": [ANYTHING, {"const": {"*": {"read": True}}}]}, "objectId": TEXT,
        "createdAt": ANYTHING, "lm": VALUE, "username": TEXT, "password": TEXT, "email": TEXT,
    },
    "additionalProperties": CHANGE,
}  # fmt: skip

OPERATORS: dict[str, Schema] = {
    **dict.fromkeys(("$ne", "$lt", "$lte", "$gt", "$gte", "$regex", "$within", "$nearSphere"), VALUE),
    **{name: {"type": "array", "items": VALUE} for name in ("$in", "$nin", "$all")},
    "$size": NUMBER, "$exists": FLAG, "$options": TEXT, "$maxDistanceInKilometers": {"type": "number"},
    "$select": OBJECT, "$dontSelect": OBJECT, "$inQuery": OBJECT, "$notInQuery": OBJECT,
}  # fmt: skip

CONDITION: Schema = {
    "anyOf": [VALUE, {"type": "object", "properties": OPERATORS, "additionalProperties": False}]
}
WHERE: Schema = {
    "type": "object",
    "properties": {
        "m": CONDITION, "name": CONDITION, "attr.k": CONDITION, "createdAt": CONDITION, "objectId": CONDITION,
        "lm": CONDITION, "$or": {"type": "array", "items": {"type": "object", "additionalProperties": CONDITION}},
        "$and": {"type": "array", "items": OBJECT},
    },
    "additionalProperties": CONDITION,
}  # fmt: skip

SEND: Schema = {
    "from_client": CLIENT, "from_peer": CLIENT, "conv_id": CONVERSATION, "message": {"type": "string", "minLength": 1},
    "to_clients": IDS, "to_peers": IDS, "transient": FLAG, "no_sync": FLAG, "push_data": {"anyOf": [OBJECT, TEXT]},
    "push": {"anyOf": [OBJECT, TEXT]}, "priority": {"enum": ["high", "Normal", "low", "urgent"]}, "mention_all": FLAG,
    "mention_client_ids": IDS, "valid_till": NUMBER, "timestamp": NUMBER, "msg_id": TEXT, "recall": FLAG,
}  # fmt: skip
LISTS: Schema = {
    "client_ids": IDS, "peers": IDS, "client_id": CLIENT, "conv_id": CONVERSATION, "ttl": NUMBER, "reason": TEXT,
    "clientId": CLIENT, "role": {"enum": ["Member", "Manager", "Owner", "King"]},
}  # fmt: skip
LOGS: Schema = {
    "to": CONVERSATION, "conv-id": TEXT, "msg-id": TEXT, "timestamp": NUMBER, "from": CLIENT, "data": TEXT,
}  # fmt: skip
REQUESTS: Schema = {
    "requests": {"type": "array", "items": {"type": "object", "properties": {
        "method": {"enum": ["POST", "PUT", "DELETE", "GET", "PATCH"]},
        "path": {"anyOf": [{"enum": [f"/1.1/classes/{name}" for name in CLASSES]}, TEXT]},
        "body": COLUMNS,
    }}},
}  # fmt: skip
ACCOUNT: Schema = {"username": TEXT, "password": TEXT, "session_token": TEXT}

HISTORY: Schema = {
    "timestamp": NUMBER, "max_ts": NUMBER, "msgid": TEXT, "till_timestamp": NUMBER, "till_msgid": TEXT,
    "include_start": FLAG, "include_stop": FLAG, "reversed": FLAG, "limit": NUMBER, "convid": CONVERSATION,
    "from": CLIENT, "from_client": CLIENT,
}  # fmt: skip
SEARCH: Schema = {
    "where": WHERE, "order": TEXT, "keys": TEXT, "include": TEXT, "limit": NUMBER, "skip": NUMBER, "count": NUMBER,
    "fetchWhenSave": FLAG, "cursor": TEXT, "scan_key": TEXT,
}  # fmt: skip
CURSORS: Schema = {
    "limit": NUMBER, "skip": NUMBER, "next": TEXT, "client_id": CLIENT, "conv_id": CONVERSATION, "timestamp": NUMBER,
    "direction": TEXT, "role": TEXT, "gid": CONVERSATION, "mid": TEXT, "client_ids": TEXT, "session_token": TEXT,
    "notification_type": TEXT,
}  # fmt: skip

BODIES: list[tuple[str, Schema]] = [
    (r"/batch$", {"type": "object", "properties": REQUESTS}),
    (r"/messages/logs$", {"type": "object", "properties": LOGS}),
    (
        r"/messages|/patch/message$|/broadcasts?$|/broadcast/subscriber$",
        {"type": "object", "properties": SEND},
    ),
    (r"/login$|/sign$|/users$", {"type": "object", "properties": ACCOUNT}),
    (r"^/1.1/classes|^/1.1/(users|roles|installations)", COLUMNS),
    (r"/(conversations|chatrooms|service-conversations)(/\{id\})?$", COLUMNS),
    (r"", {"type": "object", "properties": LISTS}),
]
QUERIES: list[tuple[str, Schema]] = [
    (r"/messages(/history|/logs|/\{mid\})?$", HISTORY),
    (r"/classes|/users|/roles|/installations|/(all-|service-)?conversations$|/chatrooms$", SEARCH),
    (r"/login$", ACCOUNT),
    (r"", CURSORS),
]
PLACES: dict[str, Schema] = {"id": CONVERSATION, "conv": CONVERSATION, "class": CLASS, "mid": TEXT}
KINDS = {"conversations": NORMAL, "chatrooms": CHATROOM, "service-conversations": SERVICE}
NEEDED = (
    "from_client",
    "from_peer",
    "message",
    "conv_id",
    "client_ids",
    "client_id",
    "clientId",
    "role",
    "requests",
)
"""Fields without which a call is refused before anything else is looked at."""


def described(*, wide: bool) -> Schema:
    """The description; in a wide one, anything may stand where something definite belongs."""
    paths: dict[str, Any] = {}
    for method, path in calls():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, wide)
    info = {"title": "The messaging server", "version": "1.2"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def calls() -> Iterator[tuple[str, str]]:
    """Method and path template of every call."""
    for route in ROUTES:
        if not route.path.startswith(HELD_BACK):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, re.sub(r":\w+\}", "}", route.path)


def _operation(method: str, path: str, wide: bool) -> Schema:
    operation: Schema = {
        "operationId": f"{method} {path}",
        "parameters": [*_places(path, wide), *_query(path, wide)],
        "responses": {"default": {"description": "JSON"}},
    }
    if method != "GET":
        body = first(BODIES, path)
        shown = (
            _widened(body)
            if wide
            else {**body, "required": [one for one in NEEDED if one in body["properties"]]}
        )
        operation["requestBody"] = {"content": {"application/json": {"schema": shown}}}
    return operation


def _widened(body: Mapping[str, Any]) -> Schema:
    fields = {name: {"anyOf": [schema, ANYTHING]} for name, schema in body["properties"].items()}
    return {"anyOf": [{**body, "properties": fields}, ANYTHING]}


def _places(path: str, wide: bool) -> Iterator[Schema]:
    kind = next((own for name, own in KINDS.items() if f"/{name}/{{id}}" in path), NORMAL)
    definite = {"id": {"const": kind}, "conv": {"const": kind}, "class": {"enum": [*CLASSES]}}
    for name in re.findall(r"\{(\w+)\}", path):
        schema = PLACES.get(name, CLIENT)
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schema if wide else definite.get(name, schema),
        }


def _query(path: str, wide: bool) -> Iterator[Schema]:
    for name, schema in first(QUERIES, path).items():
        shown = {"anyOf": [schema, TEXT]} if wide else schema
        said = {"content": {"application/json": {"schema": shown}}} if schema is WHERE else {"schema": shown}
        yield {"name": name, "in": "query", **said}


def first(choices: list[tuple[str, Schema]], path: str) -> Mapping[str, Any]:
    """What the path's calls are given."""
    return next(schema for pattern, schema in choices if re.search(pattern, path))
