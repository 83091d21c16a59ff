"""The texts that objects are looked up by, kept in an index of their own: a query for one is a range scan."""

import hashlib
from collections.abc import Iterable

from bridge.server.http import Json, JsonObject

ENTRY_KEYS = frozenset(
    {
        ("_Conversation", "m"),
        ("_Conversation", "name"),
        ("_Conversation", "c"),
        ("_ConversationMemberInfo", "cid"),
        ("_Installation", "channels"),
        ("_Installation", "installationId"),
        ("_Role", "name"),
        ("_User", "sessionToken"),
        ("_User", "username"),
    }
)
"""Class and column; a column of texts has one entry for each."""

MEMBER_SET = "m="
"""The key under which a unique conversation is found by its complete list of members."""

_LONGEST = 64


def entry_value(text: str) -> str:
    """The text as an entry; a long one by its digest, which is longer than any text kept as it is."""
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def member_set(members: Iterable[str]) -> str:
    """What two lists of members have in common when they hold the same clients, and only then."""
    joined = "".join(f"{len(member)}:{member}" for member in sorted(set(members)))
    return hashlib.sha256(joined.encode()).hexdigest()


def entries_of(class_name: str, document: JsonObject) -> set[tuple[str, str]]:
    """Key and value of every entry that the object has."""
    found = {
        (key, entry_value(text))
        for entry_class, key in ENTRY_KEYS
        if entry_class == class_name
        for text in _texts(document.get(key))
    }
    if class_name == "_Conversation" and document.get("unique") is True:
        found.add((MEMBER_SET, member_set(_texts(document.get("m")))))
    return found


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
