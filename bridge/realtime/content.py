"""What a message says: one class for each kind of content, read from and written to the service's text.

REST 1.2, typed messages: the body of a message is always text; a typed one is a JSON object in it with `_lctype`,
and optionally `_lctext` and `_lcattrs`. The delivery that a message belongs to travels in `_lcattrs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from bridge.realtime import wire
from bridge.realtime.wire import Row

DELIVERY = "delivery"
"""The key in `_lcattrs` under which a message carries the id of its delivery."""

RECALLED_TYPE = -127


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a message points to: `_lcfile`."""

    url: str
    metadata: Row = field(default_factory=dict)
    """`name`, `size` (bytes), `format`, `width` and `height` (pixels), `duration` (seconds), and whatever else."""
    object_id: str | None = None

    @property
    def name(self) -> str | None:
        """The file's name, where it is known."""
        return wire.optional_text(self.metadata, "name")


@dataclass(frozen=True, slots=True)
class Plain:
    """Text as it is, without a type: it has no place for attributes."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """`_lctype` -1."""

    lctype: ClassVar[int] = -1
    text: str
    attributes: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Filed:
    """The kinds that carry a file."""

    lctype: ClassVar[int]
    attachment: Attachment
    text: str = ""
    attributes: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image(_Filed):
    """`_lctype` -2."""

    lctype: ClassVar[int] = -2


@dataclass(frozen=True, slots=True)
class Audio(_Filed):
    """`_lctype` -3."""

    lctype: ClassVar[int] = -3


@dataclass(frozen=True, slots=True)
class Video(_Filed):
    """`_lctype` -4."""

    lctype: ClassVar[int] = -4


@dataclass(frozen=True, slots=True)
class Location:
    """`_lctype` -5: degrees."""

    lctype: ClassVar[int] = -5
    latitude: float
    longitude: float
    text: str = ""
    attributes: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File(_Filed):
    """`_lctype` -6."""

    lctype: ClassVar[int] = -6


@dataclass(frozen=True, slots=True)
class Recalled:
    """`_lctype` -127: what a recalled message looks like."""

    lctype: ClassVar[int] = RECALLED_TYPE

    @property
    def text(self) -> str:
        """Nothing is left to read."""
        return ""


@dataclass(frozen=True, slots=True)
class Custom:
    """Any other JSON object: the app's own types, the platform's plug-ins, typed content that is malformed."""

    body: Row

    @property
    def lctype(self) -> int | None:
        """The `_lctype`, where the object has one."""
        return _lctype(self.body)

    @property
    def text(self) -> str:
        """`_lctext`, where the object has one."""
        return wire.optional_text(self.body, "_lctext") or ""


Content: TypeAlias = Plain | Text | Image | Audio | Video | Location | File | Recalled | Custom
Attributed: TypeAlias = Text | Image | Audio | Video | Location | File


def encode(content: Content) -> str:
    """The text to send; ValueError when a number or a text in it cannot be written as JSON."""
    match content:
        case Plain():
            return content.text
        case Custom():
            return wire.dumps(content.body)
        case Recalled():
            return wire.dumps({"_lctype": content.lctype})
        case Location():
            place = {"longitude": content.longitude, "latitude": content.latitude}
            return wire.dumps(_typed(content) | {"_lcloc": place})
        case Text():
            return wire.dumps(_typed(content))
        case _:
            return wire.dumps(_typed(content) | {"_lcfile": _lcfile(content)})


def decode(data: object) -> Content:
    """Read a message's `data`: text, or (seen in the field) the already decoded object. Never fails."""
    if isinstance(data, str):
        try:
            value = wire.loads(data) if data.lstrip().startswith("{") else data
        except wire.Unreadable:
            value = data
    else:
        value = data
    if isinstance(value, dict):
        reader = _READERS.get(_lctype(value) or 0)
        return (reader(value) if reader else None) or Custom(value)
    return Plain(value if isinstance(value, str) else wire.dumps(value))


def size(content: Content) -> int:
    """The length of the body in UTF-8 bytes, as the service counts it."""
    return wire.byte_length(encode(content))


def with_delivery(content: Content, delivery: str) -> Content:
    """The content carrying a delivery id; unchanged when its kind has no `_lcattrs` to carry one."""
    if isinstance(content, Attributed):
        return replace(content, attributes={**content.attributes, DELIVERY: delivery})
    if isinstance(content, Custom) and content.lctype is not None:
        attributes = content.body.get("_lcattrs", {})
        if isinstance(attributes, Mapping):
            return Custom({**content.body, "_lcattrs": {**attributes, DELIVERY: delivery}})
    return content


def delivery_of(content: Content) -> str | None:
    """The delivery id that the content carries."""
    if isinstance(content, Attributed):
        return wire.optional_text(content.attributes, DELIVERY)
    if isinstance(content, Custom):
        attributes = content.body.get("_lcattrs")
        return wire.optional_text(attributes, DELIVERY) if isinstance(attributes, Mapping) else None
    return None


def _typed(content: Attributed) -> dict[str, object]:
    body: dict[str, object] = {"_lctype": content.lctype}
    if content.text or isinstance(content, Text):
        body["_lctext"] = content.text
    if content.attributes:
        body["_lcattrs"] = content.attributes
    return body


def _lcfile(content: Image | Audio | Video | File) -> dict[str, object]:
    attachment = content.attachment
    file: dict[str, object] = {"url": attachment.url}
    if attachment.object_id is not None:
        file["objId"] = attachment.object_id
    if attachment.metadata:
        file["metaData"] = attachment.metadata
    if isinstance(content, File):
        # The documentation puts these two directly into a file's `_lcfile`, the SDKs into `metaData`: give both.
        file |= {key: attachment.metadata[key] for key in ("name", "size") if key in attachment.metadata}
    return file


def _lctype(body: Row) -> int | None:
    value = body.get("_lctype")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _common(body: Row) -> tuple[str, Row] | None:
    text, attributes = body.get("_lctext"), body.get("_lcattrs")
    if isinstance(text, str | None) and isinstance(attributes, dict | None):
        return text or "", attributes or {}
    return None


def _read_text(body: Row) -> Content | None:
    common = _common(body)
    return common and Text(*common)


def _read_location(body: Row) -> Content | None:
    common, place = _common(body), body.get("_lcloc")
    if common is None or not isinstance(place, dict):
        return None
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        return Location(latitude, longitude, *common)
    return None


def _read_filed(kind: type[Image | Audio | Video | File]) -> Callable[[Row], Content | None]:
    def read(body: Row) -> Content | None:
        common, file = _common(body), body.get("_lcfile")
        if common is None or not isinstance(file, dict) or not isinstance(file.get("url"), str):
            return None
        metadata = file.get("metaData")
        direct = {key: file[key] for key in ("name", "size") if key in file}
        attachment = Attachment(
            url=file["url"],
            metadata=direct | (metadata if isinstance(metadata, dict) else {}),
            object_id=wire.optional_text(file, "objId"),
        )
        return kind(attachment, *common)

    return read


_READERS: Mapping[int, Callable[[Row], Content | None]] = {
    Text.lctype: _read_text,
    Location.lctype: _read_location,
    Recalled.lctype: lambda _: Recalled(),
    **{kind.lctype: _read_filed(kind) for kind in (Image, Audio, Video, File)},
}
