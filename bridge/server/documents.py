"""What an object of a storage class may hold: key names, typed values, ACLs, and when two values are the same."""

import json
import math
import re
from typing import TypeGuard

from bridge.server.errors import BAD_ACL, BAD_CLASS_NAME, BAD_INNER_KEY, BAD_KEY_NAME, BAD_POINTER, WRONG_TYPE
from bridge.server.http import Json, JsonObject
from bridge.server.times import iso, milliseconds

OBJECT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")
"""Ids are 24 hex digits where we make them; those of older or foreign data are kept as they are."""

_CLASS_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,127}\Z")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}\Z")
_MAX_PATH = 20
_INNER_KEY = re.compile(r"""[^"\\\x00-\x1f]{1,256}\Z""")

_COLUMN_TYPES: dict[str, dict[str, str]] = {
    "_Conversation": {
        "name": "string",
        "c": "string",
        "m": "strings",
        "mu": "strings",
        "lm": "date",
        "tr": "boolean",
        "sys": "boolean",
        "unique": "boolean",
        "uniqueId": "string",
        "attr": "object",
    },
    "_ConversationMemberInfo": {"cid": "string", "clientId": "string", "role": "string"},
    "_File": {
        "name": "string",
        "url": "string",
        "key": "string",
        "mime_type": "string",
        "metaData": "object",
    },
    "_Installation": {"installationId": "string", "deviceToken": "string", "channels": "strings"},
    "_User": {"username": "string", "password": "string", "sessionToken": "string"},
}


def check_class_name(name: str) -> str:
    """The name back, or code 103."""
    if not _CLASS_NAME.match(name):
        raise BAD_CLASS_NAME(f"'{name[:64]}'")
    return name


def key_path(key: str) -> list[str]:
    """`attr.k` as its parts; code 105 for what cannot be a column or a key inside one."""
    column, *inner = key.split(".")
    if len(inner) > _MAX_PATH or not _KEY.match(column) or not all(_INNER_KEY.match(part) for part in inner):
        raise BAD_KEY_NAME(f"'{key[:64]}'")
    return [column, *inner]


def check_column(class_name: str, key: str, value: Json) -> Json:
    """The value of a whole column as it is stored; codes 105, 106, 111, 121 and 123 for what cannot be."""
    if key == "ACL":
        return None if value is None else check_acl(value)
    wanted = _COLUMN_TYPES.get(class_name, {}).get(key)
    if wanted and value is not None and not _is_a(wanted, value):
        raise WRONG_TYPE(f"'{key}' of {class_name} has to be {_WORDS[wanted]}")
    return check_value(value, key)


_WORDS = {
    "string": "a string",
    "strings": "an array of strings",
    "date": "a Date",
    "boolean": "true or false",
    "object": "an object",
}


def _is_a(wanted: str, value: Json) -> bool:
    match wanted:
        case "string":
            return isinstance(value, str)
        case "strings":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "date":
            return isinstance(value, dict) and value.get("__type") == "Date"
        case "boolean":
            return isinstance(value, bool)
        case _:
            return isinstance(value, dict)


def check_value(value: Json, where: str) -> Json:
    """The value as it is stored, typed values in their one form; `where` names it in an error."""
    if isinstance(value, list):
        return [check_value(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    if "__type" in value:
        return _typed(value, where)
    for key in value:
        if key.startswith("$") or "." in key:
            raise BAD_INNER_KEY(f"'{key[:64]}' in '{where}'")
    return {key: check_value(item, where) for key, item in value.items()}


def _typed(value: JsonObject, where: str) -> JsonObject:
    match value.get("__type"):
        case "Date":
            return {"__type": "Date", "iso": iso(date_of(value, where))}
        case "Pointer":
            class_name, object_id = pointer_of(value, where)
            return {"__type": "Pointer", "className": class_name, "objectId": object_id}
        case "GeoPoint":
            latitude, longitude = point_of(value, where)
            return {"__type": "GeoPoint", "latitude": latitude, "longitude": longitude}
        case "Bytes" if isinstance(value.get("base64"), str):
            return {"__type": "Bytes", "base64": value["base64"]}
        case "Relation" if isinstance(name := value.get("className"), str):
            return {"__type": "Relation", "className": check_class_name(name)}
        case "File" | "Object":
            return value
        case _:
            raise WRONG_TYPE(f"'{where}' holds a malformed {str(value.get('__type'))[:32]}")


def date_of(value: Json, where: str) -> int:
    """UTC milliseconds of a `Date`, or code 111."""
    text = value.get("iso") if isinstance(value, dict) else None
    try:
        return milliseconds(text if isinstance(text, str) else "")
    except ValueError as problem:
        raise WRONG_TYPE(f"'{where}' holds a malformed Date") from problem


def pointer_of(value: Json, where: str) -> tuple[str, str]:
    """Class name and object id of a `Pointer`, or code 106."""
    if isinstance(value, dict) and value.get("__type") == "Pointer":
        class_name, object_id = value.get("className"), value.get("objectId")
        if (
            isinstance(class_name, str)
            and isinstance(object_id, str)
            and _CLASS_NAME.match(class_name)
            and OBJECT_ID.match(object_id)
        ):
            return class_name, object_id
    raise BAD_POINTER(f"'{where}'")


def point_of(value: Json, where: str) -> tuple[float, float]:
    """Latitude and longitude of a `GeoPoint`, or code 111."""
    if isinstance(value, dict) and value.get("__type") == "GeoPoint":
        latitude, longitude = value.get("latitude"), value.get("longitude")
        if is_number(latitude) and is_number(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180:
            return latitude, longitude
    raise WRONG_TYPE(f"'{where}' holds a malformed GeoPoint")


def is_number(value: Json) -> TypeGuard[int | float]:
    """True for a number; JSON's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_acl(value: Json) -> JsonObject:
    """An ACL: who may read and write, by user id, `role:NAME` or `*`; code 123 for any other shape."""
    if not isinstance(value, dict):
        raise BAD_ACL("an ACL is an object")
    for who, grants in value.items():
        if not who or not isinstance(grants, dict) or "." in who or who.startswith("$"):
            raise BAD_ACL(f"'{who[:64]}'")
        if not all(right in ("read", "write") and isinstance(given, bool) for right, given in grants.items()):
            raise BAD_ACL(f"'{who[:64]}' is granted something else than read and write")
    return value


def fingerprint(value: Json) -> str:
    """Text that is the same for values that are the same: numbers by value, objects whatever their order of keys."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer() and math.fabs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
