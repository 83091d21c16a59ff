"""What stands in a form: a command, the words for its parameters, when it runs, and where its result goes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from bridge.commands import Command, Parameter, Registry
from bridge.identifiers import LENGTH
from bridge.realtime.content import (
    Attachment,
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Plain,
    Text,
    Video,
    encode,
    with_delivery,
)
from bridge.realtime.wire import byte_length
from bridge.slack.asker import ResponseUrl
from bridge.slack.elements import State, given
from bridge.slack.labels import CONTENTS
from bridge.slack.timing import NOW, Timing
from bridge.values import READERS, Reading, Unreadable
from bridge.writing import written

COMMAND, CONTENT, FLAGS, CHANNEL = (f"form.{name}" for name in ("command", "content", "flags", "channel"))
FILE = "to_file"
"""The one parameter whose words a file gives."""
SCHEDULE = "schedule add"
KINDS: Mapping[str, type[Image] | type[Audio] | type[Video] | type[File]] = {
    "image": Image,
    "audio": Audio,
    "video": Video,
    "file": File,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a form was opened, which is where its result goes: a channel, or a thread in it.

    It travels as the view's `private_metadata`. Without a channel the form asks for one. `link` is Slack's address for
    late answers, where it gave one; with `composer` the form lets its command be chosen.
    """

    command: str
    channel: str = ""
    thread: str | None = None
    link: ResponseUrl | None = None
    composer: bool = False

    def packed(self) -> str:
        """As text of at most 3,000 characters."""
        link = [self.link.url, self.link.opened_at, self.link.ours] if self.link else None
        return json.dumps([self.command, self.channel, self.thread, link, self.composer])

    @classmethod
    def unpacked(cls, text: str) -> "Origin":
        """Back from `packed`. ValueError or TypeError: it is none."""
        command, channel, thread, link, composer = json.loads(text)
        url, at, ours = link or ("", 0, True)
        kept = ResponseUrl(str(url), int(at), ours=bool(ours)) if url else None
        return cls(str(command), str(channel), str(thread) if thread else None, kept, composer is True)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form is about. `content` is the parameter that says what the message is, empty for text alone.

    `inputs` are the ids of the blocks that were shown for filling in, in their order.
    """

    command: Command
    origin: Origin
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    content: str = ""
    timing: Timing = field(default_factory=Timing)
    inputs: tuple[str, ...] = ()

    @classmethod
    def of_words(
        cls, command: Command, words: Mapping[str, tuple[str, ...]], origin: Origin, zone: str | None
    ) -> "Draft":
        """As somebody has begun to type it."""
        carried = next((each.name for each in contents_of(command) if each.name in words), "")
        return cls(command, origin, words, carried, Timing(zone=zone or "UTC"))

    @classmethod
    def of_view(cls, view: Mapping[str, Any], registry: Registry, zone: str | None) -> "Draft":
        """As it stands on the screen. LookupError, ValueError, TypeError: the view is none of ours."""
        origin = Origin.unpacked(str(view.get("private_metadata", "")))
        state: State = (view.get("state") or {}).get("values") or {}
        chosen = given(state, COMMAND) if origin.composer else ()
        command = registry.commands[next(iter(chosen), origin.command)]
        carried = next(iter(given(state, CONTENT)), "")
        if carried not in {each.name for each in contents_of(command)}:
            carried = ""
        words = {each.name: found for each in command.parameters if (found := _words(each, state))}
        timing = Timing.of(state, zone or "UTC") if command.announces else Timing()
        blocks = [each for each in view.get("blocks") or () if each.get("type") == "input"]
        inputs = tuple(str(each.get("block_id", "")) for each in blocks)
        return cls(command, origin, words, carried, timing, inputs)

    def line(self, registry: Registry) -> str:
        """The command line that it stands for. NotUnderstood: a word can't be written, or a time is missing."""
        hidden = {each.name for each in contents_of(self.command)} - {self.content}
        words = {name: each for name, each in self.words.items() if name not in hidden}
        line = written(self.command, words, registry)
        if self.timing.mode == NOW:
            return line
        later = {"when": (self.timing.when or "",), "tz": (self.timing.zone,), "run": (line,)}
        return written(registry.commands[SCHEDULE], later, registry)

    def size(self, *, typed: bool) -> int:
        """How many bytes of the service's 5 KB the message takes, push included."""
        push = "".join(self.words.get("push", ()))
        try:
            message = encode(with_delivery(self._message(typed=typed), "0" * LENGTH))
        except (ValueError, Unreadable):
            message = "".join(self.words.get(self.content or "text", ()))
        return byte_length(message) + (byte_length(_push(push)) if push else 0)

    def _message(self, *, typed: bool) -> Content:
        text = "".join(self.words.get("text", ()))
        reading = Reading(0, "UTC")
        given_attributes = [_read(self.command, "attr", each, reading) for each in self.words.get("attr", ())]
        attributes = {each.key: each.value for each in given_attributes}
        if not self.content:
            plain = "raw" in self.words or not typed
            return Plain(text) if plain and not attributes else Text(text, attributes)
        word = "".join(self.words.get(self.content, ()))
        if self.content == "json":
            return Custom(_read(self.command, "json", word, reading))
        if self.content == "location":
            where = _read(self.command, "location", word, reading)
            return Location(where.latitude, where.longitude, text, attributes)
        name = unquote(urlsplit(word).path.rpartition("/")[2])
        attachment = Attachment(word, {"name": name} if name else {})
        return KINDS[self.content](attachment, text, attributes)


def contents_of(command: Command) -> tuple[Parameter, ...]:
    """The parameters of which a message has one at most, instead of text alone."""
    if not command.announces:
        return ()
    return tuple(each for each in command.parameters if each.option and each.word in CONTENTS)


def block_of(known: Parameter) -> str:
    """The id of the block that asks for it."""
    return FLAGS if known.flag else f"arg.{known.name}"


def _words(known: Parameter, state: State) -> tuple[str, ...]:
    found = given(state, block_of(known))
    if known.flag:
        return ("",) if known.name in found else ()
    if known.many:
        return tuple(word for each in found for line in each.split("\n") if (word := line.strip()))
    return tuple(each for each in found if each.strip())


def _read(command: Command, name: str, word: str, reading: Reading) -> Any:
    kind = next(each.kind for each in command.parameters if each.name == name)
    return READERS[kind](word, reading)


def _push(typed: str) -> str:
    if not typed.lstrip().startswith("{"):
        return json.dumps({"alert": typed}, ensure_ascii=False)
    try:
        return json.dumps(json.loads(typed), ensure_ascii=False)
    except (ValueError, RecursionError):
        return typed
