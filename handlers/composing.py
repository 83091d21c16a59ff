"""What a message says and carries: the options that send, notify, publish and broadcast share."""

import json
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import unquote, urlsplit

from bridge.commands import Help
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.identifiers import new_delivery_id
from bridge.ledger import Act, Options, Plan
from bridge.phrases import Code, phrase
from bridge.realtime.content import (
    DELIVERY,
    Attachment,
    Attributed,
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Plain,
    Text,
    Video,
    decode,
    encode,
    with_delivery,
)
from bridge.realtime.models import Conversation
from bridge.realtime.protocol import MESSAGE_BYTES
from bridge.realtime.wire import byte_length
from bridge.reply import Json
from bridge.values import Attribute, ClientId, Coordinates, JsonObject, Url, check_json


@dataclass(frozen=True, slots=True)
class Composing:
    """Who speaks, what beside plain text, and what reaches those who are offline."""

    from_: Annotated[ClientId | None, Help("who speaks; absent, the sender set for announcements")] = None
    image: Annotated[Url | None, Help("an image, with TEXT as its caption")] = None
    audio: Url | None = None
    video: Url | None = None
    file: Url | None = None
    location: Coordinates | None = None
    json: Annotated[JsonObject | None, Help("a message of the app's own kind")] = None
    attr: Annotated[tuple[Attribute, ...], Help("attributes of the message")] = ()
    raw: Annotated[bool, Help("a plain string instead of a typed message")] = False
    push: Annotated[str | None, Help("offline push: its text, or JSON", "TEXT|JSON")] = None


@dataclass(frozen=True, slots=True)
class Saying:
    """Whom a message is for, beside what `Composing` says."""

    act: Act
    conversation: Conversation
    text: str | None
    options: Options = field(default_factory=Options)
    audience: tuple[str, ...] = ()


def plan(ctx: Context, saying: Saying, composing: Composing) -> Plan:
    """The delivery, complete. NotUnderstood: nothing to say, or two things at once. Refused: no sender, or too long."""
    delivery = new_delivery_id()
    content = _content(ctx, saying.text, composing)
    carried = with_delivery(content, delivery)
    push = _push(composing.push)
    message = encode(carried)
    refuse_too_long(message, push)
    return Plan(
        id=delivery,
        act=saying.act,
        conversation=saying.conversation.id,
        kind=saying.conversation.kind,
        name=saying.conversation.name or saying.conversation.id,
        sender=_sender(ctx, composing, saying.act),
        message=message,
        text=_readable(content),
        typed=carried is not content,
        push=push,
        options=saying.options,
        audience=saying.audience,
    )


def tried(plan: Plan, client: str) -> Plan:
    """The same announcement, as a delivery of its own to one user."""
    delivery = new_delivery_id()
    content = with_delivery(decode(plan.message), delivery) if plan.typed else Plain(plan.message)
    return replace(
        plan, id=delivery, act=Act.NOTIFY, message=encode(content), options=Options(), audience=(client,)
    )


def _content(ctx: Context, text: str | None, composing: Composing) -> Content:
    media = _media(composing, text or "")
    if len(media) > 1:
        raise NotUnderstood(
            phrase("A message carries one of these at a time: {names}.", names=", ".join(media))
        )
    attributes = {each.key: each.value for each in composing.attr}
    if DELIVERY in attributes:
        raise NotUnderstood(
            phrase("The attribute {key} is imbridge's own: it finds a message by it.", key=Code(DELIVERY)),
            hint=phrase("Choose another name."),
            parameter="attr",
        )
    plain = composing.raw or not ctx.defaults.typed
    if not media:
        if not text:
            raise NotUnderstood(
                phrase("There is nothing to say: {text} is missing.", text=Code("TEXT")),
                code="missing_argument",
                parameter="text",
            )
        if plain and not attributes:
            return Plain(text)
        if composing.raw:
            raise NotUnderstood(
                phrase(
                    "A plain string carries no attributes: leave out {raw} or {attr}.",
                    raw=Code("--raw"),
                    attr=Code("--attr"),
                ),
                parameter="raw",
            )
        return Text(text, attributes)
    if composing.raw:
        raise NotUnderstood(phrase("{raw} is for text alone.", raw=Code("--raw")), parameter="raw")
    return _with_attributes(next(iter(media.values())), attributes, text)


def _media(composing: Composing, caption: str) -> dict[str, Content]:
    found: dict[str, Content] = {}
    if composing.image:
        found["--image"] = Image(Attachment(composing.image, _named(composing.image)), caption)
    if composing.audio:
        found["--audio"] = Audio(Attachment(composing.audio, _named(composing.audio)), caption)
    if composing.video:
        found["--video"] = Video(Attachment(composing.video, _named(composing.video)), caption)
    if composing.file:
        found["--file"] = File(Attachment(composing.file, _named(composing.file)), caption)
    if composing.location:
        found["--location"] = Location(composing.location.latitude, composing.location.longitude, caption)
    if composing.json is not None:
        found["--json"] = Custom(composing.json)
    return found


def _named(url: str) -> dict[str, str]:
    """A file's name as its address ends, so that phones and histories can show one."""
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return {"name": name} if name else {}


def _with_attributes(content: Content, attributes: dict[str, Json], text: str | None) -> Content:
    if isinstance(content, Custom):
        if text or attributes:
            raise NotUnderstood(
                phrase("{json} is the whole message: no text or attributes beside it.", json=Code("--json")),
                parameter="json",
            )
        return content
    return replace(content, attributes=attributes) if isinstance(content, Attributed) else content


def _push(typed: str | None) -> dict[str, Json] | None:
    if typed is None:
        return None
    if not typed.lstrip().startswith("{"):
        return {"alert": typed}
    try:
        found: dict[str, Json] = json.loads(typed)
        check_json(found)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(
            phrase("{push} begins like JSON and is none: {reason}", push=Code("--push"), reason=str(error)),
            code="bad_value",
            parameter="push",
        ) from None
    return found


def _sender(ctx: Context, composing: Composing, act: Act) -> str:
    if composing.from_:
        return composing.from_
    # An ordinary message speaks as somebody: only announcements have a sender of their own.
    if act is not Act.SEND and ctx.defaults.sender:
        return ctx.defaults.sender
    raise NotUnderstood(
        phrase("Who speaks? {option} is missing.", option=Code("--from ID")),
        code="missing_argument",
        parameter="from_",
    )


def refuse_too_long(message: str, push: dict[str, Json] | None) -> None:
    """Refused: message and push together are more than the service takes; says by how much."""
    size = byte_length(message) + (byte_length(json.dumps(push, ensure_ascii=False)) if push else 0)
    if size > MESSAGE_BYTES:
        raise Refused(
            phrase(
                "The message takes {size} bytes; the service takes 5 KB ({limit} bytes), push included.",
                size=size,
                limit=MESSAGE_BYTES,
            ),
            hint=phrase("Shorten it by {over} bytes.", over=size - MESSAGE_BYTES),
            code="too_long",
            parameter="text",
        )


def _readable(content: Content) -> str:
    """What a person reads of it: its text, or what kind of thing it is."""
    match content:
        case Plain(text) | Text(text):
            return text
        case Location():
            return content.text or f"{content.latitude},{content.longitude}"
        case Image() | Audio() | Video() | File():
            return content.text or content.attachment.url
        case _:
            return encode(content)
