"""The rules of REST 1.2 without any I/O: who asks, what a call looks like, what its answer means."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from bridge.realtime import wire
from bridge.realtime.errors import (
    Limit,
    NotSent,
    RateLimited,
    RealtimeError,
    Rejected,
    Unauthorized,
    Unavailable,
    Unknown,
)
from bridge.realtime.limits import Family
from bridge.realtime.models import Kind
from bridge.realtime.wire import Row, Unreadable

T = TypeVar("T")

RTM = "/1.2/rtm"
V1 = "/1.1"

KIND_PATH = {Kind.NORMAL: "conversations", Kind.TRANSIENT: "chatrooms", Kind.SYSTEM: "service-conversations"}

MESSAGE_BYTES = 5 * 1024
"""A message's body and its push together."""
PUSH_BYTES = 4096
CLIENTS_AT_ONCE = 20
"""Targets of one send, clients mentioned, clients asked whether they are online."""
MEMBERS = 500
CLIENT_ID_LENGTH = 64
KICK_REASON_LENGTH = 20
SILENCE_SECONDS = 86_400
PAGE = 1000

FRAME_TOO_LONG = 4109
CONVERSATION_FULL = 4304
KIND_REQUIRED = {Kind.SYSTEM: 4313, Kind.NORMAL: 4314, Kind.TRANSIENT: 4316}

_BAD_CREDENTIALS = frozenset({119, 401, 403, 4100})
_LIMITED = frozenset({429, 4116, 4318})
_LIMITED_BY_DAY = frozenset({140})
_UNSURE = frozenset({100, 124, 502, 503, 504, 511, 524, 4200, 4201, 4300, 4301, 4311})
"""Faults and timeouts inside the service: by the code alone, it may have acted all the same."""
_IM_CODES = range(4101, 5000)

_QUOTA_WORDS = re.compile(r"quota|配额|限额", re.IGNORECASE)
_DAILY_WORDS = re.compile(r"daily|per day|每日|每天|当日|当天|今日", re.IGNORECASE)
_HALF = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's id and keys; the keys show in no representation."""

    app_id: str
    app_key: str = field(default="", repr=False)
    master_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name, value in (
            ("app id", self.app_id),
            ("app key", self.app_key),
            ("master key", self.master_key),
        ):
            # Refused here, because a header that cannot be encoded would be quoted in the error.
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise ValueError(f"the {name} holds characters that no key has")

    def headers(self) -> dict[str, str]:
        """The two headers that say who asks; the master key is marked as such by `,master`."""
        key = f"{self.master_key},master" if self.master_key else self.app_key
        return {"X-LC-Id": self.app_id, "X-LC-Key": key}

    def redact(self, text: str) -> str:
        """The text without the keys, in case a server quotes what it was sent."""
        for key in (self.master_key, self.app_key):
            text = text.replace(key, "***") if key else text
        return text


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One documented call. Building it checks what the documentation limits and raises `Rejected`."""

    method: str
    segments: Sequence[str]
    """The path below `root`, a segment each, not yet percent-encoded."""
    decode: Callable[[object], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: Row | None = None
    family: Family | None = None
    """The quota that the call uses up."""
    acts: bool = True
    """Whether it changes anything; if so it is never made twice."""
    root: str = RTM
    payload: bytes | None = field(init=False, repr=False)
    """The body as UTF-8 JSON."""

    def __post_init__(self) -> None:
        for problem, code in _problems(self):
            raise Rejected(problem, request=self.request, code=code)
        try:
            payload = None if self.body is None else wire.dumps(self.body).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise Rejected("it holds something that JSON cannot say", request=self.request) from error
        object.__setattr__(self, "payload", payload)

    @property
    def path(self) -> str:
        """The path, every segment percent-encoded: ids may hold `/`, `+` and anything else."""
        return "/".join(
            [self.root, *(quote(segment, safe="", errors="replace") for segment in self.segments)]
        )

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.params, quote_via=quote)}" if self.params else self.path

    @property
    def request(self) -> str:
        """Method and path, for people and logs."""
        return f"{self.method} {self.path}"


class Caller(ABC):
    """What the nouns' methods need: somebody who makes a call."""

    @abstractmethod
    async def ask(self, call: Call[T]) -> T:
        """Make the call and give its decoded answer, or raise a `RealtimeError`."""


def read(segments: Sequence[str], decode: Callable[[object], T], **params: object) -> Call[T]:
    """A GET; parameters that are None are left out."""
    return Call("GET", segments, decode, params=query(params), acts=False)


def query(params: Mapping[str, object]) -> dict[str, str]:
    """Query parameters as the service reads them: JSON for objects, `true` and `false`, nothing for None."""
    return {
        key: value if isinstance(value, str) else wire.dumps(value) for key, value in given(params).items()
    }


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def nothing(_: object) -> None:
    """Decode an answer whose content is not documented: that it is a success is all there is to know."""


def count(value: object) -> int:
    """Decode `{"count": n}` or `{"result": n}`."""
    row = wire.as_row(value)
    return wire.integer(row, "count" if "count" in row else "result")


def require(kind: Kind, *allowed: Kind, request: str) -> None:
    """Refuse a call that the documentation has only for other kinds of conversation."""
    if kind not in allowed:
        wanted = " or ".join(allowed)
        raise Rejected(
            f"this is for a {wanted} conversation, not for a {kind} one",
            request=request,
            code=KIND_REQUIRED[allowed[0]],
        )


def interpret(call: Call[T], status: int, body: bytes, credentials: Credentials) -> T:
    """What the answer means: the decoded value, or the error that names the right reaction."""
    if not 200 <= status < 500:
        raise lost(call, _reason(_parsed(body), status, credentials), status=status)
    if status < 300:
        try:
            value = wire.loads(body) if body.strip() else {}
            if not (isinstance(value, dict) and "error" in value):
                return call.decode(value)
        except Unreadable as error:
            raise lost(call, f"the answer is unreadable: {error}", status=status) from error
    elif status < 400:
        raise lost(call, "the address answers with a redirect, which is not followed", status=status)
    raise _refusal(call, status, _parsed(body), credentials)


def lost(call: Call[T], reason: str, *, status: int | None = None, code: int | None = None) -> RealtimeError:
    """The error for a call that may have reached the service, without a usable answer."""
    kind = Unknown if call.acts else Unavailable
    return kind(reason, request=call.request, status=status, code=code)


def unsent(call: Call[T], reason: str) -> RealtimeError:
    """The error for a call that certainly did not reach the service."""
    return (NotSent if call.acts else Unavailable)(reason, request=call.request)


def _refusal(call: Call[T], status: int, value: object, credentials: Credentials) -> RealtimeError:
    code = _code(value)
    reason = _reason(value, status, credentials)
    if _is_limit(status, code, reason):
        daily = code in _LIMITED_BY_DAY or bool(_DAILY_WORDS.search(reason))
        wait = 3_600_000 if daily else 60_000 if call.family else 1_000
        limit = Limit(call.family, daily, wait)
        return RateLimited(reason, request=call.request, code=code, status=status, limit=limit)
    if code in _UNSURE:
        return lost(call, reason, status=status, code=code)
    barred = code in _BAD_CREDENTIALS or (status in (401, 403) and code not in _IM_CODES)
    return (Unauthorized if barred else Rejected)(reason, request=call.request, code=code, status=status)


def _is_limit(status: int, code: int | None, reason: str) -> bool:
    # The service's own SDK tests an exhausted daily quota as code 1, told from other code 1 errors by its text.
    spelled_out = code == 1 and _QUOTA_WORDS.search(reason) is not None
    return status == 429 or code in _LIMITED or code in _LIMITED_BY_DAY or spelled_out


def _parsed(body: bytes) -> object:
    try:
        return wire.loads(body)
    except Unreadable:
        return None


def _code(value: object) -> int | None:
    return wire.optional_integer(value, "code") if isinstance(value, dict) else None


def _reason(value: object, status: int, credentials: Credentials) -> str:
    words = [value.get(key) for key in ("error", "reason", "detail")] if isinstance(value, dict) else []
    said = next((word for word in words if isinstance(word, str) and word.strip()), f"HTTP {status}")
    return credentials.redact(_UNPRINTABLE.sub(" ", said).strip()[:300])


def _problems(call: Call[T]) -> Iterator[tuple[str, int | None]]:
    """What the documentation forbids in a call (REST 1.2, every other figure), with the service's code for it."""
    body = call.body or {}
    if any(segment in ("", ".", "..") for segment in call.segments):
        yield "an id is missing or is not an id", None
    yield from _bad_texts(
        [*call.segments, *call.params.values(), body.get("message"), body.get("from_client")]
    )
    for key, most in (
        ("to_clients", CLIENTS_AT_ONCE),
        ("mention_client_ids", CLIENTS_AT_ONCE),
        ("m", MEMBERS),
    ):
        yield from _bad_clients(body.get(key), most)
    yield from _bad_clients(body.get("client_ids"), MEMBERS if call.acts else CLIENTS_AT_ONCE)
    if (client_id := body.get("client_id", call.params.get("client_id"))) is not None:
        yield from _bad_clients([client_id], 1)
    limit = call.params.get("limit", "1")
    if not (limit.isdecimal() and 1 <= int(limit) <= PAGE):
        yield f"a page has 1 to {PAGE} entries, not {limit}", None
    if body.get("from_client") == "":
        yield "the sender is missing", None
    yield from _bad_sizes(body)


def _bad_texts(texts: Sequence[object]) -> Iterator[tuple[str, None]]:
    for text in texts:
        if isinstance(text, str) and not text.isascii() and _HALF.search(text):
            yield "a text holds half a character", None


def _bad_clients(clients: object, most: int) -> Iterator[tuple[str, int | None]]:
    if not isinstance(clients, Sequence):
        return
    if not clients:
        yield "no client id is given", None
    if len(clients) > most:
        yield (
            f"{len(clients)} client ids are given, at most {most} fit in one call",
            (CONVERSATION_FULL if most == MEMBERS else None),
        )
    for client in clients:
        if not 1 <= len(client) <= CLIENT_ID_LENGTH:
            yield f"a client id has 1 to {CLIENT_ID_LENGTH} characters, this one {len(client)}", None


def _bad_sizes(body: Row) -> Iterator[tuple[str, int | None]]:
    message, push = body.get("message"), body.get("push", body.get("push_data"))
    pushed = wire.byte_length(wire.dumps(push)) if push is not None else 0
    if pushed >= PUSH_BYTES:
        yield (
            f"the push is {pushed:,} bytes, the service takes less than 4 KB ({PUSH_BYTES:,})",
            FRAME_TOO_LONG,
        )
    total = pushed + (wire.byte_length(message) if isinstance(message, str) else 0)
    if total > MESSAGE_BYTES:
        counted = "message and push are" if pushed else "the message is"
        yield f"{counted} {total:,} bytes, the service takes at most 5 KB ({MESSAGE_BYTES:,})", FRAME_TOO_LONG
