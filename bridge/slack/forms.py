"""A command as a modal, from the same specification as its parsing and its help."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bridge.commands import Command, Parameter
from bridge.phrases import Code, Phrase, phrase
from bridge.realtime.protocol import MESSAGE_BYTES
from bridge.reply import Failure, Reply
from bridge.slack import elements
from bridge.slack.drafts import CHANNEL, COMMAND, CONTENT, FILE, FLAGS, Draft, block_of, contents_of
from bridge.slack.elements import Option, entry, note, said
from bridge.slack.labels import CONTENTS, LASTING, label_of
from bridge.slack.render import DRILL_MARK, Reader, render
from bridge.slack.runs import Block
from bridge.slack.timing import NOW, PICK_ZONE, timing_blocks
from bridge.values import (
    Attribute,
    ClientId,
    CommandLine,
    ConversationRef,
    Coordinates,
    JsonObject,
    Since,
    Text,
    Until,
    Url,
    When,
    WholeLine,
    Zone,
)

FORM = "imbridge.form"
"""The `callback_id` of every form, but for those of drills."""
PICK_CONVERSATION = "imbridge.conversation"
SIZE = "form.size"
TITLE, BUTTON = 24, 24
LISTS = "to_list"

Make: TypeAlias = Callable[["_Asked"], Block]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form can offer its reader: `commands` to choose among, names of lists, a search through conversations.

    `typed` is how text goes out where nothing else is said; `sender` speaks where nobody is named; `now` is UTC ms.
    """

    now: int
    commands: tuple[Command, ...] = ()
    lists: tuple[str, ...] = ()
    searchable: bool = True
    typed: bool = True
    sender: str | None = None


def form_view(draft: Draft, offer: Offer, reader: Reader) -> Block:
    """The modal as it stands with what is filled in."""
    return _Form(draft, offer, reader).view()


def callback_of(*, drill: bool) -> str:
    """The `callback_id` of forms: no form of a drill is ever read as one of the live world, or the other way round."""
    return f"{DRILL_MARK}{FORM}" if drill else FORM


def notice_view(reply: Reply, reader: Reader) -> Block:
    """What is told to somebody who would have got a form."""
    blocks = [each for each in render(reply, reader).blocks if each["type"] in ("rich_text", "context")]
    close = elements.plain_text(said(phrase("Close"), reader.translate), BUTTON)
    title = elements.plain_text("imbridge", TITLE)
    return {"type": "modal", "title": title, "close": close, "blocks": list(blocks)}


def is_fillable(draft: Draft) -> bool:
    """Whether its form can hold all that was typed: nothing of it is ever cut."""
    return all(
        len("\n".join(words)) <= elements.LONGEST_INPUT and (not _is_picked(each) or elements.fits(words[0]))
        for each in draft.command.parameters
        if (words := draft.words.get(each.name))
    )


def errors_of(
    draft: Draft, failure: Failure | None, reader: Reader, *, anywhere: bool = False
) -> dict[str, str]:
    """What went wrong, at the input that it is about.

    Empty where it is about none that is shown; `anywhere` says it at the first one even so.
    """
    if failure is None:
        return {}
    known = {each.name: each for each in draft.command.parameters}.get(failure.parameter)
    timing = draft.timing.block if failure.parameter in ("when", "tz") else ""
    wanted = [
        timing,
        block_of(known) if known else "",
        CONTENT if known in contents_of(draft.command) else "",
    ]
    if failure.parameter == "text":
        wanted.append(CONTENT)
    block = next((each for each in wanted if each in draft.inputs), None)
    if block is None and anywhere:
        block = next(iter(draft.inputs), None)
    if block is None:
        return {}
    hint = f" {said(failure.hint, reader.translate)}" if failure.hint else ""
    return {block: f"{said(failure.message, reader.translate)}{hint}"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One parameter, and what was typed for it."""

    known: Parameter
    action: str
    words: tuple[str, ...]
    form: "_Form"

    @property
    def word(self) -> str:
        return self.words[0] if self.words else ""


class _Form:
    def __init__(self, draft: Draft, offer: Offer, reader: Reader) -> None:
        self.draft = draft
        self.offer = offer
        self._reader = reader

    def words(self, words: Phrase) -> str:
        return said(words, self._reader.translate)

    def view(self) -> Block:
        draft = self.draft
        later = draft.timing.mode != NOW
        doing = phrase("Schedule") if later else phrase("Send") if draft.command.announces else phrase("Run")
        return {
            "type": "modal",
            "callback_id": callback_of(drill=self._reader.drill),
            "private_metadata": replace(draft.origin, command=draft.command.name).packed(),
            "title": elements.plain_text(draft.command.name, TITLE),
            "submit": elements.plain_text(self.words(doing), BUTTON),
            "close": elements.plain_text(self.words(phrase("Cancel")), BUTTON),
            "blocks": list(self._blocks()),
        }

    def _blocks(self) -> Iterator[Block]:
        command = self.draft.command
        if self._reader.drill:
            yield note(self.words(phrase("This is a drill: nobody of the app notices.")))
        yield note(self.words(_summary(command)))
        if self.draft.origin.composer:
            yield self._command()
        if not self.draft.origin.channel:
            yield self._channel()
        for known in ordered(command):
            if known not in contents_of(command):
                yield from self._parameter(known)
            elif known is contents_of(command)[0]:
                yield from self._content()
        yield from self._flags()
        if command.announces:
            yield from timing_blocks(self.draft.timing, self.offer.now, self._reader)

    def _command(self) -> Block:
        options = [(each.name, self.words(_described(each))) for each in self.offer.commands]
        element = elements.menu(COMMAND, options, self.draft.command.name)
        return entry(COMMAND, self.words(phrase("What to do")), element, optional=False, told=True)

    def _channel(self) -> Block:
        element: Block = {
            "type": "conversations_select",
            "action_id": CHANNEL,
            "default_to_current_conversation": True,
            "response_url_enabled": True,
        }
        return entry(CHANNEL, self.words(phrase("Where the result goes")), element, optional=False)

    def _content(self) -> Iterator[Block]:
        kinds = contents_of(self.draft.command)
        options = [("text", self.words(phrase("Text alone")))]
        options += [(each.name, self.words(CONTENTS[each.word])) for each in kinds]
        element = elements.menu(CONTENT, options, self.draft.content or "text")
        yield entry(CONTENT, self.words(phrase("What is sent")), element, optional=False, told=True)
        for each in kinds:
            if each.name == self.draft.content:
                yield from self._parameter(each, required=True)

    def _parameter(self, known: Parameter, *, required: bool = False) -> Iterator[Block]:
        if known.flag or (known.name == LISTS and not any(map(elements.fits, self.offer.lists))):
            return
        counted = self.draft.command.announces and known.kind is Text
        if counted and self.draft.content == "json":
            return
        block = block_of(known)
        asked = _Asked(known, block, self.draft.words.get(known.name, ()), self)
        made = entry(
            block,
            self.words(label_of(known)),
            _made(asked),
            optional=not (known.required or required or (counted and not self.draft.content)),
            told=counted or (self.draft.command.announces and known.name == "push"),
        )
        if hint := self._hint(known):
            made["hint"] = elements.plain_text(hint, elements.HINT)
        yield made
        if counted:
            yield note(self.words(self._size()), SIZE)

    def _hint(self, known: Parameter) -> str:
        if known.name == FILE:
            return self.words(phrase("A CSV file with one client id in each row."))
        told = [self.words(_help(known))] if known.help else []
        if known.name == "from_" and self.draft.command.announces and self.offer.sender:
            told = [self.words(phrase("Left empty, {sender} speaks.", sender=Code(self.offer.sender)))]
        if known.many:
            told.append(self.words(phrase("One in a line.")))
        if example := EXAMPLES.get(known.kind):
            told.append(self.words(phrase("For example: {example}", example=Code(example))))
        return " · ".join(told)

    def _size(self) -> Phrase:
        size = self.draft.size(typed=self.offer.typed)
        if size > MESSAGE_BYTES:
            over = size - MESSAGE_BYTES
            return phrase(
                "{size} of {limit} bytes: shorten it by {over}", size=size, limit=MESSAGE_BYTES, over=over
            )
        return phrase("{size} of {limit} bytes", size=size, limit=MESSAGE_BYTES)

    def _flags(self) -> Iterator[Block]:
        flags = [each for each in self.draft.command.parameters if each.flag]
        if not flags:
            return
        options = [
            elements.option(
                each.name,
                self.words(label_of(each)),
                self.words(_help(each)) if each.help else "",
            )
            for each in flags
        ]
        chosen = [each.name for each in flags if each.name in self.draft.words]
        element = elements.checkboxes(FLAGS, options, chosen)
        told = self.draft.command.announces
        yield entry(FLAGS, self.words(phrase("Options")), element, optional=True, told=told)


def ordered(command: Command) -> tuple[Parameter, ...]:
    """The parameters as a form asks for them: what it is about, whom it reaches, what it says, and the rest."""
    return tuple(sorted(command.parameters, key=lambda each: _rank(command, each)))


def _rank(command: Command, known: Parameter) -> int:
    if not known.option:
        return 4 if known.trailing and command.announces else 0
    if not command.announces:
        return 5
    sharing = next((each.group for each in contents_of(command)), None)
    if known.group not in (None, sharing):
        return 1
    if known in contents_of(command):
        return 3
    if known.kind is ClientId and not known.many:
        return 2
    return 6 if known.kind is Attribute else 5


def _summary(each: Command) -> Phrase:
    return Phrase(each.summary)


def _help(each: Parameter) -> Phrase:
    return Phrase(each.help)


def _described(command: Command) -> Phrase:
    return phrase("{command}: {summary}", command=Code(command.name), summary=_summary(command))


EXAMPLES: dict[Any, str] = {
    Attribute: "topic=news",
    Coordinates: "31.23,121.47",
    JsonObject: '{"_lctype": 1, "_lctext": "…"}',
    Since: "2h",
    When: "0 10 * * sat",
}


def _made(asked: _Asked) -> Block:
    known = asked.known
    if known.name == LISTS:
        return elements.menu(asked.action, [(each, each) for each in asked.form.offer.lists], asked.word)
    if known.name == FILE:
        return {"type": "file_input", "action_id": asked.action, "filetypes": ["csv", "txt"], "max_files": 1}
    if known.choices:
        return elements.menu(asked.action, [(each, each) for each in known.choices], asked.word)
    return ELEMENTS.get(known.kind, _line)(asked)


def _is_picked(known: Parameter) -> bool:
    return known.kind in (ConversationRef, Zone, Until) or bool(known.choices) or known.name == LISTS


def _line(asked: _Asked) -> Block:
    return elements.typed(asked.action, "\n".join(asked.words), multiline=asked.known.many)


def _lines(asked: _Asked) -> Block:
    return elements.typed(asked.action, "\n".join(asked.words), multiline=True)


def _text(asked: _Asked) -> Block:
    counted = asked.form.draft.command.announces
    return elements.typed(asked.action, asked.word, multiline=True, counted=counted)


def _conversation(asked: _Asked) -> Block:
    if not asked.form.offer.searchable:
        return _line(asked)
    chosen: Option | None = (asked.word, asked.word) if asked.word else None
    return elements.picker(PICK_CONVERSATION, asked.form.words(phrase("Type part of its name")), chosen)


def _zone(asked: _Asked) -> Block:
    chosen: Option | None = (asked.word, asked.word) if asked.word else None
    return elements.picker(PICK_ZONE, asked.form.words(phrase("Type part of a city")), chosen)


def _lasting(asked: _Asked) -> Block:
    options = [(value, asked.form.words(name)) for value, name in LASTING.items()]
    return elements.menu(asked.action, options, asked.word)


def _number(asked: _Asked) -> Block:
    element: Block = {"type": "number_input", "action_id": asked.action, "is_decimal_allowed": False}
    whole = asked.word.lstrip("-").isdecimal() and asked.word.isascii()
    return {**element, "initial_value": asked.word} if whole else element


def _address(asked: _Asked) -> Block:
    element: Block = {"type": "url_text_input", "action_id": asked.action}
    return {**element, "initial_value": asked.word} if asked.word else element


ELEMENTS: dict[Any, Make] = {
    ConversationRef: _conversation,
    Zone: _zone,
    Until: _lasting,
    int: _number,
    Url: _address,
    Text: _text,
    JsonObject: _lines,
    CommandLine: _lines,
    WholeLine: _lines,
    Attribute: _lines,
    ClientId: _line,
}
"""How a parameter of each kind is asked for; a line to be typed where its kind is not among them."""


def choices(found: Sequence[Option]) -> Block:
    """The answer to a search, as Slack wants it: at most a hundred."""
    fitting = [each for each in found if elements.fits(each[0])][: elements.MOST_OPTIONS]
    return {"options": [elements.option(value, text) for value, text in fitting]}
