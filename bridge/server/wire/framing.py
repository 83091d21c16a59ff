"""Frames and commands: what a client sends as protobuf, base64 or JSON is the same `Command` inside; no I/O is here."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from bridge.server.errors import ServiceError
from bridge.server.http import Json, JsonObject, check_text, parse_json, to_json
from bridge.server.wire.schema import COMMANDS, JSON_MESSAGE, OPERATIONS, GenericCommand

Frame: TypeAlias = str | bytes

_ENVELOPE = {
    "app_id": ("appId", str),
    "peer_id": ("peerId", str),
    "i": ("i", int),
    "installation_id": ("installationId", str),
    "priority": ("priority", int),
    "service": ("service", int),
    "server_ts": ("serverTs", int),
    "notification_type": ("notificationType", int),
}
_WIRE_NAMES = {wire for wire, _ in _ENVELOPE.values()} | {"cmd", "op", "clientTs"}
_MAX_INT32 = 2**31

FRAME_BYTES = 5 * 1024
"""What a frame carries at most."""

_SUB_MESSAGES = {
    cmd: GenericCommand.DESCRIPTOR.fields_by_name[f"{cmd}Message"]
    for cmd in COMMANDS
    if f"{cmd}Message" in GenericCommand.DESCRIPTOR.fields_by_name
}


class Malformed(ValueError):
    """A frame that cannot be decoded; `i` where at least that could be read."""

    def __init__(self, why: str, i: int | None = None) -> None:
        super().__init__(why)
        self.i = i


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its envelope, and the fields of its sub-message by their names on the wire.

    Times are UTC milliseconds. JSON attributes are real JSON in `body`, and bytes are base64 text.
    """

    cmd: str
    op: str | None = None
    i: int | None = None
    app_id: str | None = None
    peer_id: str | None = None
    installation_id: str | None = None
    priority: int | None = None
    service: int | None = None
    server_ts: int | None = None
    notification_type: int | None = None
    body: Mapping[str, Json] = field(default_factory=dict)

    def reply(self, op: str | None, body: Mapping[str, Json] | None = None) -> "Command":
        """The answer to this command: same kind, same `i`."""
        return Command(cmd=self.cmd, op=op, i=self.i, service=self.service, body=body or {})

    def failed(self, error: ServiceError) -> "Command":
        """The answer that refuses this command; a message is refused by its acknowledgement."""
        if self.cmd == "direct":
            refusal: JsonObject = {"code": error.code, "reason": error.reason, **_app_code(error)}
            return Command(
                cmd="ack", i=self.i, body=refusal | ({"appMsg": error.detail} if error.detail else {})
            )
        return Command(cmd="error", i=self.i, body=error_body(error))


def error_body(error: ServiceError) -> JsonObject:
    """The fields of an `error` command."""
    body: JsonObject = {"code": error.code, "reason": error.reason, **_app_code(error)}
    return body | {"detail": error.detail} if error.detail else body


def _app_code(error: ServiceError) -> JsonObject:
    return {} if error.app_code is None else {"appCode": error.app_code}


class Framing(Protocol):
    """How commands travel on one connection; a frame longer than `longest` carries more than 5 KB."""

    longest: int

    def __hash__(self) -> int:
        """By identity: framings key caches."""

    def decode(self, frame: Frame) -> Command:
        """The command in a frame; Malformed when there is none."""

    def pack(self, command: Command) -> Any:
        """The greater part of `frame`, the same for every connection that a command is sent to."""

    def frame(self, packed: Any, peer_id: str | None = None) -> Frame:
        """A packed command as a frame, addressed to one of several clients on a connection."""


class Protobuf:
    """Binary frames."""

    longest = FRAME_BYTES

    def decode(self, frame: Frame) -> Command:
        """The command in a binary frame."""
        if isinstance(frame, str):
            raise Malformed("a binary frame is expected")
        return _read_message(frame)

    def pack(self, command: Command) -> bytes:
        """The command's bytes."""
        return _write_message(command)

    def frame(self, packed: bytes, peer_id: str | None = None) -> Frame:
        """Fields stand in any order: an address is simply added at the end."""
        return packed if peer_id is None else packed + _address(peer_id)


class Base64:
    """The same bytes as base64 text."""

    longest = (FRAME_BYTES + 2) // 3 * 4

    def decode(self, frame: Frame) -> Command:
        """The command in a text frame."""
        try:
            raw = base64.b64decode(frame, validate=True)
        except (binascii.Error, ValueError) as problem:
            raise Malformed("a frame of base64 is expected") from problem
        return _read_message(raw)

    def pack(self, command: Command) -> bytes:
        """The command's bytes."""
        return _write_message(command)

    def frame(self, packed: bytes, peer_id: str | None = None) -> Frame:
        """The bytes as text."""
        return base64.b64encode(packed if peer_id is None else packed + _address(peer_id)).decode()


class JsonText:
    """One flat JSON object a frame, operations hyphenated, a heartbeat `{}`."""

    longest = FRAME_BYTES

    def decode(self, frame: Frame) -> Command:
        """The command in a text frame."""
        try:
            value = parse_json(frame, "frame")
        except ServiceError as problem:
            raise Malformed(str(problem), _serial_of(frame)) from problem
        if not isinstance(value, dict):
            raise Malformed("a JSON object is expected")
        serial = _serial(value.get("i"))
        cmd, op = value.get("cmd", "echo" if not value else None), value.get("op")
        operation = op.replace("-", "_") if isinstance(op, str) else None
        if not isinstance(cmd, str) or cmd not in COMMANDS:
            raise Malformed("unknown 'cmd'", serial)
        if op is not None and operation not in OPERATIONS:
            raise Malformed("unknown 'op'", serial)
        envelope = _envelope({name: value.get(wire) for name, (wire, _) in _ENVELOPE.items()}, serial)
        body = {key: item for key, item in value.items() if key not in _WIRE_NAMES}
        return Command(cmd=cmd, op=operation, body=body, **envelope)

    def pack(self, command: Command) -> JsonObject:
        """The object."""
        if command.cmd == "echo" and command.i is None:
            return {}
        packed: JsonObject = {"cmd": command.cmd}
        if command.op is not None:
            packed["op"] = command.op.replace("_", "-")
        for name, (wire, _) in _ENVELOPE.items():
            value = getattr(command, name)
            if value is not None:
                packed[wire] = value
        return packed | dict(command.body)

    def frame(self, packed: JsonObject, peer_id: str | None = None) -> Frame:
        """The object as text."""
        return to_json(packed if peer_id is None else {**packed, "peerId": peer_id})


def _serial(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_INT32
    return cast(int, value) if fits else None


def _serial_of(frame: Frame) -> int | None:
    """The `i` of a frame that is JSON, but holds what no database can keep."""
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return _serial(value.get("i")) if isinstance(value, dict) else None


def _envelope(found: Mapping[str, object], serial: int | None) -> dict[str, Any]:
    """The envelope's fields that are there, each of its type."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        wire, kind = _ENVELOPE[name]
        if value is None:
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Malformed(f"'{wire}' is of the wrong type", serial)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise Malformed(f"'{wire}' is out of range", serial)
        kept[name] = _kept_text(value, wire, serial) if isinstance(value, str) else value
    if kept.get("i") != serial:
        raise Malformed("'i' is out of range")
    return kept


def _kept_text(text: str, what: str, serial: int | None) -> str:
    try:
        return check_text(text, f"'{what}'")
    except ServiceError as problem:
        raise Malformed(str(problem), serial) from problem


# ---------------------------------------------------------------------------------------------------------------------
# Protobuf
# ---------------------------------------------------------------------------------------------------------------------


def _address(peer_id: str) -> bytes:
    return GenericCommand(peerId=peer_id).SerializeToString()


def _read_message(raw: bytes) -> Command:
    message = GenericCommand()
    try:
        message.ParseFromString(raw)
    except (DecodeError, ValueError) as problem:
        raise Malformed("the frame is no GenericCommand") from problem
    fields = {descriptor.name: (descriptor, value) for descriptor, value in message.ListFields()}
    serial = cast(int, fields["i"][1]) if "i" in fields else None
    if "cmd" not in fields:
        raise Malformed("unknown 'cmd'", serial)
    descriptor, number = fields["cmd"]
    cmd = _enum_name(descriptor, number)
    op = _enum_name(*fields["op"]) if "op" in fields else None
    envelope = _envelope(
        {name: fields[wire][1] for name, (wire, _) in _ENVELOPE.items() if wire in fields}, serial
    )
    body = fields.get(f"{cmd}Message")
    return Command(cmd=cmd, op=op, body={} if body is None else _fields_of(body[1], serial), **envelope)


def _enum_name(descriptor: Any, number: int) -> str:
    return cast(str, descriptor.enum_type.values_by_number[number].name)


def _fields_of(message: Message, serial: int | None) -> JsonObject:
    found: JsonObject = {}
    for descriptor, value in message.ListFields():
        read = _reader(descriptor, serial)
        found[descriptor.name] = [read(item) for item in value] if descriptor.is_repeated else read(value)
    return found


def _reader(descriptor: Any, serial: int | None) -> Callable[[Any], Json]:
    """What turns a value of this field into JSON."""
    if descriptor.type == FieldDescriptor.TYPE_ENUM:
        return lambda value: _enum_name(descriptor, value)
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    if descriptor.type == FieldDescriptor.TYPE_STRING:
        return lambda value: _text(value, descriptor.name, serial)
    if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
        return lambda value: cast(Json, value)
    if descriptor.message_type.name == JSON_MESSAGE:
        return lambda value: _json(value, descriptor.name, serial)
    return lambda value: _fields_of(value, serial)


def _text(value: object, name: str, serial: int | None) -> str:
    if not isinstance(value, str):  # what is no UTF-8 comes as bytes
        raise Malformed(f"'{name}' is no UTF-8", serial)
    return _kept_text(value, name, serial)


def _json(message: Any, name: str, serial: int | None) -> Json:
    text = _text(message.data, name, serial)
    try:
        return parse_json(text, f"'{name}'") if text else None
    except ServiceError as problem:
        raise Malformed(str(problem), serial) from problem


def _write_message(command: Command) -> bytes:
    arguments: dict[str, Any] = {
        wire: value for name, (wire, _) in _ENVELOPE.items() if (value := getattr(command, name)) is not None
    }
    if command.op is not None:
        arguments["op"] = command.op
    below = _SUB_MESSAGES.get(command.cmd)
    if below is not None:
        # Present even when it is empty: the JavaScript SDK reads into it without looking.
        arguments[below.name] = _arguments(below.message_type, command.body)
    return GenericCommand(cmd=command.cmd, **arguments).SerializeToString()


def _arguments(descriptor: Any, body: Mapping[str, Json]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, value in body.items():
        inner = descriptor.fields_by_name.get(name)
        if inner is None or value is None:
            continue
        if inner.is_repeated:
            arguments[name] = [_argument(inner, item) for item in cast(Iterable[Json], value)]
        else:
            arguments[name] = _argument(inner, value)
    return arguments


def _argument(descriptor: Any, value: Json) -> Any:
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64decode(cast(str, value))
    if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
        return value
    if descriptor.message_type.name == JSON_MESSAGE:
        return {"data": to_json(value)}
    return _arguments(descriptor.message_type, cast(Mapping[str, Json], value))


# ---------------------------------------------------------------------------------------------------------------------
# Sub-protocols
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubProtocol:
    """What was agreed on in the handshake; version 1 gets offline messages, later ones counters."""

    NAMES: ClassVar[re.Pattern[str]] = re.compile(
        r"lc\.(protobuf2?|proto2base64|protobase64|json)\.([1-9])\Z"
    )

    name: str
    framing: Framing
    version: int


_FRAMINGS: dict[str, Framing] = {
    "protobuf2": Protobuf(),
    "protobuf": Protobuf(),
    "proto2base64": Base64(),
    "protobase64": Base64(),
    "json": JsonText(),
}


def negotiate(offered: Iterable[str]) -> SubProtocol | None:
    """The first of the offered sub-protocols that is understood."""
    for name in offered:
        if found := SubProtocol.NAMES.match(name):
            return SubProtocol(name, _FRAMINGS[found[1]], int(found[2]))
    return None
