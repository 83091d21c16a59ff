"""Reading requests and writing answers: hostile bytes in, typed values or a clear error out."""

import json
import re
from collections.abc import Mapping
from typing import TypeAlias, cast
from urllib.parse import parse_qsl, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.server.errors import (
    BAD_ARGUMENT,
    BAD_JSON,
    BODY_TOO_LARGE,
    ServiceError,
)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

MAX_BODY_BYTES = 20 * 1024 * 1024
"""The documented bound of a batch; every other request is far below it."""

MAX_DEPTH = 100
"""Nesting that the database and our own walks can bear."""

_UNSAFE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_INTEGER = re.compile(r"[+-]?\d{1,19}\Z")
_TRUE = frozenset({"true", "True", "TRUE", "1"})
_FALSE = frozenset({"false", "False", "FALSE", "0", ""})


def parse_json(text: str | bytes, what: str = "request body") -> Json:
    """Parses hostile JSON; code 107 for what is not JSON or what no database can keep (NUL, half characters, depth)."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = cast(Json, _READER.decode(decoded))
    except (ValueError, RecursionError) as problem:
        raise BAD_JSON(f"{what} is not valid JSON") from problem
    if (
        "\x00" in decoded
        or _UNSAFE_ESCAPE.search(decoded)
        or decoded.count("[") + decoded.count("{") > MAX_DEPTH
    ):
        _check_tree(value, what)
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def _integer(digits: str) -> int | float:
    # As in the service: what does not fit in 64 bits is a double.
    if len(digits) < 19:
        return int(digits)
    value = int(digits[:32])
    return value if len(digits) <= 32 and -(2**63) <= value < 2**63 else _finite(digits)


# Made once: `json` makes a new one for each text where anything but its defaults is wanted.
_READER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, parse_int=_integer)
_OWN_READER = json.JSONDecoder(parse_int=_integer)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _check_tree(root: Json, what: str) -> None:
    level: list[Json] = [root]
    for _ in range(MAX_DEPTH):
        below: list[Json] = []
        for node in level:
            if isinstance(node, str):
                check_text(node, what)
            elif isinstance(node, list):
                below.extend(node)
            elif isinstance(node, dict):
                below.extend(node)
                below.extend(node.values())
        if not below:
            return
        level = below
    raise BAD_JSON(f"{what} is nested deeper than {MAX_DEPTH} levels")


def check_text(text: str, what: str) -> str:
    """Gives the text back when every database can keep it, else code 107."""
    if "\x00" in text:
        raise BAD_JSON(f"{what} holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise BAD_JSON(f"{what} holds half a character (an unpaired surrogate)") from problem
    return text


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BODY_TOO_LARGE(f"at most {limit} bytes")
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> JsonObject:
    """The JSON object in the body; nothing and `null` (DELETE carries them) count as `{}`, the rest is code 107."""
    raw = await _read(request.receive, limit)
    if not raw.strip():
        return {}
    value = parse_json(raw)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BAD_JSON("request body has to be a JSON object")
    return value


class Parameters:
    """Typed access to a query string or a body; a wrong type is code 1 and names the parameter.

    Numbers and booleans may arrive as text: the Python SDK sends `True`, and limits as strings.
    """

    def __init__(self, values: Mapping[str, Json]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Json:
        """The value as it came; `None` when absent."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string, or `None` when absent."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value if value is None else check_text(value, f"'{name}'")
        raise BAD_ARGUMENT(f"'{name}' has to be a string")

    def required_text(self, name: str) -> str:
        """A string that has to be there and may not be empty."""
        value = self.text(name)
        if not value:
            raise BAD_ARGUMENT(f"'{name}' is required")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number that fits in 64 bits, also written as text; `None` when absent or empty."""
        value = self._values.get(name)
        if isinstance(value, str):
            if not value:
                return None
            number = int(value) if value.isascii() and _INTEGER.match(value) else None
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif value is None:
            return None
        else:
            number = None
        if number is None or not -(2**63) <= number < 2**63:
            raise BAD_ARGUMENT(f"'{name}' has to be a whole number")
        return number

    def boolean(self, name: str, default: bool = False) -> bool:
        """A boolean, also written `True`, `true` or `1`; the default when absent."""
        value = self._values.get(name)
        if value is None:
            return default
        text = str(value)
        if isinstance(value, bool | int | str) and (text in _TRUE or text in _FALSE):
            return text in _TRUE
        raise BAD_ARGUMENT(f"'{name}' has to be true or false")

    def json(self, name: str) -> Json:
        """A JSON value, also written as JSON text (code 107 when it is none); `None` when absent or empty."""
        value = self._values.get(name)
        if isinstance(value, str):
            return parse_json(value, f"'{name}'") if value else None
        return value

    def json_object(self, name: str) -> JsonObject | None:
        """A JSON object, also written as JSON text; `None` when absent."""
        value = self.json(name)
        if value is None or isinstance(value, dict):
            return value
        raise BAD_JSON(f"'{name}' has to be a JSON object")

    def texts(self, name: str) -> list[str] | None:
        """A list of strings (in a query string: its JSON text, or one bare value); `None` when absent."""
        value = self._values.get(name)
        if isinstance(value, str):
            value = parse_json(value, f"'{name}'") if value.lstrip().startswith("[") else [value]
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return [check_text(cast(str, item), f"'{name}'") for item in value]
        raise BAD_ARGUMENT(f"'{name}' has to be a list of strings")


def query_parameters(request: Request) -> Parameters:
    """The query string of a request; a repeated name keeps its last value."""
    return Parameters(dict(request.query_params))


def from_json(text: str) -> Json:
    """A JSON text of our own, numbers as `parse_json` reads them: PostgreSQL writes a large double in full."""
    return cast(Json, _OWN_READER.decode(text))


def to_json(value: Json) -> str:
    """Compact JSON text, characters as they are."""
    return _WRITER.encode(value)


def answer(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(to_json(value), status, headers, "application/json; charset=utf-8")


def location(request: Request, class_name: str, object_id: str) -> str:
    """The URL of a new object, for the `Location` header."""
    return f"{request.url.scheme}://{request.url.netloc}/1.1/classes/{class_name}/{object_id}"


def failure(error: ServiceError) -> Response:
    """The answer to a refused request: `code` and `error`."""
    return answer({**error.body()}, error.status)


class BrowserForm:
    """Unwraps the `text/plain` POST of browsers that cannot send headers: `_method` and the keys ride in its body."""

    _HEADERS = (("_ApplicationId", b"x-lc-id"), ("_SessionToken", b"x-lc-session"))

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and self._is_plain_text(scope):
            try:
                body = await read_body(Request(scope, receive))
                scope, receive = self._unwrap(scope, body)
            except ServiceError as problem:
                await failure(problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    @staticmethod
    def _is_plain_text(scope: Scope) -> bool:
        return any(
            name == b"content-type" and value.startswith(b"text/plain") for name, value in scope["headers"]
        )

    def _unwrap(self, scope: Scope, body: JsonObject) -> tuple[Scope, Receive]:
        fields = Parameters(body)
        replaced = (b"content-type", b"content-length")
        headers = [(name, value) for name, value in scope["headers"] if name not in replaced]
        for key, header in self._HEADERS:
            if text := fields.text(key):
                headers.append((header, text.encode()))
        if master := fields.text("_MasterKey"):
            headers.append((b"x-lc-key", f"{master},master".encode()))
        elif app := fields.text("_ApplicationKey"):
            headers.append((b"x-lc-key", app.encode()))
        method = (fields.text("_method") or "POST").upper()
        payload = {name: value for name, value in body.items() if not name.startswith("_")}
        query = scope["query_string"]
        if method == "GET":
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
            pairs += [
                (name, value if isinstance(value, str) else to_json(value)) for name, value in payload.items()
            ]
            query = urlencode(pairs).encode()
        sent = to_json(payload).encode()
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(sent)).encode())]

        async def receive() -> Message:
            return {"type": "http.request", "body": sent, "more_body": False}

        return {**scope, "method": method, "headers": headers, "query_string": query}, receive
