"""The fields that message calls share, with the documented bounds: what comes in, checked and typed."""

from collections.abc import Sequence

from bridge.server.errors import BAD_ARGUMENT, INVALID_CLIENT, MESSAGE_TOO_LONG
from bridge.server.http import Parameters, to_json

MESSAGE_BYTES = 5 * 1024
"""UTF-8 bytes of a message and its push data together."""

CLIENT_ID_CHARACTERS = 64
CLIENTS_A_CALL = 20
MENTIONS = 20
PRIORITIES = ("high", "normal", "low")


def check_client_id(client_id: str) -> str:
    """Gives the id back when it has 1 to 64 characters; its alphabet is not enforced."""
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS:
        raise INVALID_CLIENT(f"a client id has 1 to {CLIENT_ID_CHARACTERS} characters")
    return client_id


def client_id(fields: Parameters, name: str) -> str:
    """A client id that has to be there."""
    value = fields.text(name)
    if value is None:
        raise BAD_ARGUMENT(f"'{name}' is required")
    return check_client_id(value)


def client_ids(fields: Parameters, name: str, most: int | None = CLIENTS_A_CALL) -> tuple[str, ...]:
    """The client ids of a list that has to be there and hold one at least; repeated ones count once."""
    given = fields.texts(name)
    if not given:
        raise BAD_ARGUMENT(f"'{name}' is required: a list of client ids")
    ids = tuple(dict.fromkeys(check_client_id(one) for one in given))
    if most is not None and len(ids) > most:
        raise BAD_ARGUMENT(f"'{name}' holds {len(ids)} client ids, at most {most} are allowed")
    return ids


def mentions(fields: Parameters) -> tuple[str, ...]:
    """The client ids that a message mentions; none when absent."""
    if not fields.texts("mention_client_ids"):
        return ()
    return client_ids(fields, "mention_client_ids", MENTIONS)


def message_text(fields: Parameters, push: str | None = None) -> str:
    """The message, a string that together with its push data has at most 5 KB (code 4109)."""
    text = fields.required_text("message")
    size = len(text.encode()) + (len(push.encode()) if push else 0)
    if size > MESSAGE_BYTES:
        raise MESSAGE_TOO_LONG(
            f"message and push data have {size} bytes together, at most 5 KB ({MESSAGE_BYTES}) fit"
        )
    return text


def push_data(fields: Parameters, names: Sequence[str]) -> str | None:
    """Push data, an object or its JSON text, under the first of these names that is there; as compact JSON text."""
    for name in names:
        value = fields.json_object(name)
        if value:
            return to_json({**value})
    return None


def priority(fields: Parameters, default: str = "normal") -> str:
    """The priority in lower case."""
    value = (fields.text("priority") or default).lower()
    if value not in PRIORITIES:
        raise BAD_ARGUMENT(f"'priority' is one of {', '.join(PRIORITIES)}")
    return value


def instant(fields: Parameters, name: str) -> int:
    """UTC milliseconds that have to be there."""
    value = fields.integer(name)
    if value is None:
        raise BAD_ARGUMENT(f"'{name}' is required: UTC milliseconds")
    return value


def page_size(fields: Parameters, default: int, most: int) -> int:
    """The `limit` of a page: the default when absent, the maximum when above it."""
    limit = fields.integer("limit")
    if limit is None:
        return default
    if limit < 1:
        raise BAD_ARGUMENT("'limit' has to be at least 1")
    return min(limit, most)
