"""Calls that would be right but for one value at or beyond a boundary: every field of every call in turn."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.contract.openapi import (
    BODIES,
    COLUMNS,
    KINDS,
    NORMAL,
    QUERIES,
    SERVICE,
    first,
)

RIGHT: dict[str, Any] = {
    "from_client": "tom",
    "from_peer": "tom",
    "message": "hello",
    "conv_id": SERVICE,
    "to_clients": ["jerry"],
    "client_ids": ["jerry"],
    "client_id": "jerry",
    "peers": ["jerry"],
    "ttl": 60,
    "clientId": "jerry",
    "role": "Member",
    "timestamp": 1,
    "msg_id": "x",
    "to": NORMAL,
    "msg-id": "x",
    "data": "x",
    "username": "tom",
    "password": "secret",
    "convid": NORMAL,
    "gid": NORMAL,
    "mid": "x",
    "session_token": "x",
}

HOSTILE = [
    "null", "true", "false", "0", "-1", "1.5", "-0.0", "1e308", "1e999", "NaN", "Infinity",
    "9223372036854775808", "-9223372036854775809", "9007199254740993", "9223372036854775807", '""', '" "',
    r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udc00\ud800"', r'"\u202e"', "[]", "{}", "[[]]", "[null]",
    r'["\ud800"]', r'["\u0000"]', '[""]', "[1]", '[{"a":1}]',
    '{"":1}', '{"$":1}', '{"a.b":1}',
    r'{"\u0000":1}', r'{"\ud800":1}', '{"__op":"Nope"}', '{"__op":7}', '{"__op":"Batch"}',
    '{"__op":"Increment"}', '{"__op":"Increment","amount":"1"}', '{"__op":"Increment","amount":1e308}',
    '{"__op":"Add","objects":{}}', '{"__op":"BitAnd","value":1.5}', '{"__op":"Delete","x":[]}',
    '{"__type":"Date"}', '{"__type":"Date","iso":"9999-99-99T99:99:99Z"}',
    '{"__type":"Date","iso":"0000-01-01T00:00:00Z"}', '{"__type":"Pointer"}',
    '{"__type":"Pointer","className":"","objectId":[]}', '{"__type":"Bytes","base64":"%"}',
    '{"__type":"GeoPoint","latitude":91,"longitude":1e308}', '{"__type":"Relation"}', '{"__type":"Nope"}',
    '{"__type":[]}', '{"$in":1}', '{"$regex":"("}', '{"$regex":"(a+)+$","$options":"q"}', '{"$size":-1}',
    '{"$exists":"x"}', '{"$nope":1}', '{"$inQuery":{}}', '{"$select":{"query":1}}', '{"$nearSphere":1}',
    '{"$within":{"$box":[]}}', '{"$or":{}}', '{"$or":[1]}', '{"a":{"$in":[[]]}}', '{"objectId":{"$gt":{}}}',
    '{"createdAt":{"$lt":"x"}}', '{"m":{"$all":1}}', '{"a":{"$ne":{"$ne":1}}}',
    str(10**400), f'"{"x" * 6000}"', f'["{"y" * 65}"]', "[" * 101 + "]" * 101, '{"a":' * 101 + "1" + "}" * 101,
]  # fmt: skip
"""JSON texts, some of which are none."""


@dataclass(frozen=True)
class Attempt:
    """One call: a path that is filled in, a query, and the text of a body."""

    method: str
    path: str
    query: dict[str, str]
    body: str | None


def right(method: str, path: str) -> Attempt:
    """The call as it should be."""
    kind = next((own for name, own in KINDS.items() if f"/{name}/{{id}}" in path), NORMAL)
    filled = re.sub(
        r"\{(\w+)\}", lambda found: {"class": "Thing", "id": kind, "conv": kind}.get(found[1], "x"), path
    )
    query = {name: str(RIGHT[name]) for name in first(QUERIES, path) if name in RIGHT}
    return Attempt(method, filled, query, None if method == "GET" else json.dumps(_right_body(path)))


def _right_body(path: str) -> dict[str, Any]:
    shape = first(BODIES, path)
    if shape is COLUMNS:
        return {"name": "x"}
    if "requests" in shape["properties"]:
        return {"requests": [{"method": "POST", "path": "/1.1/classes/Thing", "body": {"name": "x"}}]}
    return {name: RIGHT[name] for name in shape["properties"] if name in RIGHT}


def attempts(method: str, path: str) -> Iterator[Attempt]:
    """The call with each hostile value in each of its places."""
    call = right(method, path)
    yield call
    for value in HOSTILE:
        for name in first(QUERIES, path):
            bare = value[1:-1] if value.startswith('"') and "\\" not in value else value
            yield replace(call, query={**call.query, name: bare})
        if method != "GET":
            yield replace(call, body=value)
            body = _right_body(path)
            for name in first(BODIES, path)["properties"]:
                yield replace(call, body=_with(body, name, value))
            if "requests" in body:
                inner = _with({"name": "x"}, "name", value)
                yield replace(
                    call, body=f'{{"requests":[{_with({"method": "PUT", "path": "x"}, "body", inner)}]}}'
                )


def _with(body: dict[str, Any], name: str, value: str) -> str:
    """The text of an object in which one field has this text as its value."""
    fields = {key: json.dumps(one) for key, one in body.items()} | {name: value}
    return "{" + ",".join(f"{json.dumps(key)}:{text}" for key, text in fields.items()) + "}"
