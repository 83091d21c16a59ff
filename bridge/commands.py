"""Commands as typed specifications: one function signature gives parsing, usage, help and documentation."""

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from bridge.announcement import Announcement
from bridge.context import Context
from bridge.errors import NotUnderstood
from bridge.grammar import Line, fold
from bridge.phrases import Code, Phrase, phrase
from bridge.reply import Reply
from bridge.values import NOUNS, READERS, CommandLine, Text, WholeLine

SLASH = re.compile(r"/[\w-]+")
Handler: TypeAlias = Callable[..., Awaitable[Reply]] | Callable[..., Awaitable[Announcement]]


class Effect(StrEnum):
    """The worst that a command can do; access decides by it where no rule names the command."""

    NONE = "none"
    ANSWERS = "answers"
    """Answers a question of the bridge, which itself knows who may."""
    STOPS = "stops"
    """Stops what others have begun: never too many may."""
    RESUMES = "resumes"
    """Lets go on what somebody has stopped for all."""
    READS = "reads"
    READS_MESSAGES = "reads messages"
    CHANGES = "changes"
    REACHES = "reaches people"
    DESTROYS = "destroys"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a command.

    `kind` is a key of `bridge.values.READERS`, or bool for a flag; `choices` are the only words allowed, if any;
    `called` is what usage lines call it where its kind's noun says too little.
    `option` tells `--name VALUE` from a word by position; `many` gathers into a tuple. `group` is the handler's
    argument that it belongs to, where several commands share their options as one dataclass.
    """

    name: str
    kind: Any
    help: str
    option: bool
    required: bool
    many: bool
    choices: tuple[str, ...] = ()
    group: str | None = None
    called: str = ""

    @property
    def word(self) -> str:
        """How it is typed: `valid-till` for `valid_till`; a trailing underscore hides a Python keyword."""
        return self.name.strip("_").replace("_", "-")

    @property
    def flag(self) -> bool:
        return self.kind is bool

    @property
    def trailing(self) -> bool:
        """It takes the rest of the line as typed."""
        return self.kind in (Text, CommandLine, WholeLine)

    @property
    def noun(self) -> str:
        return "|".join(self.choices) if self.choices else self.called or NOUNS.get(self.kind, "")

    @property
    def usage(self) -> str:
        """As usage lines show it: `CONV`, `[TEXT]`, `ID...`, `[--limit N]`, `[--member ID]...`."""
        body = f"--{self.word}" if self.flag else f"--{self.word} {self.noun}" if self.option else self.noun
        if self.option:
            shown = body if self.required else f"[{body}]"
            return f"{shown}..." if self.many else shown
        if self.kind is CommandLine:
            return f"-- {body}"
        shown = f"{body}..." if self.many else body
        return shown if self.required else f"[{shown}]"


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """One command: its words, what it can do, what it takes, what it says of itself."""

    name: str
    effect: Effect
    handler: Handler
    summary: str
    parameters: tuple[Parameter, ...]
    groups: Mapping[str, Callable[..., object]]
    examples: tuple[str, ...]
    announces: bool = False
    """Its handler does nothing yet: it gives an announcement, which goes out once that is allowed."""

    def call(self, context: Context, arguments: Mapping[str, object]) -> Awaitable[Reply | Announcement]:
        """Run the handler with flat arguments, those of a group gathered into its dataclass."""
        taken: dict[str, object] = {}
        grouped: dict[str, dict[str, object]] = {name: {} for name in self.groups}
        for each in self.parameters:
            if each.name in arguments:
                holder = grouped[each.group] if each.group else taken
                holder[each.name] = arguments[each.name]
        taken.update({name: make(**grouped[name]) for name, make in self.groups.items()})
        return self.handler(context, **taken)

    @property
    def options(self) -> Mapping[str, Parameter]:
        return {each.word: each for each in self.parameters if each.option}

    @property
    def positionals(self) -> tuple[Parameter, ...]:
        return tuple(each for each in self.parameters if not each.option)

    @property
    def usage(self) -> str:
        return " ".join([self.name, *(each.usage for each in self.parameters)])


@dataclass(frozen=True, slots=True)
class Help:
    """What a parameter is for, and what usage lines call it: `Annotated[str, Help("why", "TEXT")]`."""

    text: str
    called: str = ""


def command(name: str, effect: Effect, *examples: str) -> Callable[[Handler], Command]:
    """Make a Command of a handler `async def f(ctx, positional, ..., *, option, ...) -> Reply | Announcement`.

    Keyword-only parameters become options; a bool is a flag; `tuple[T, ...]` gathers; `T | None` or a default
    makes it optional; a dataclass stands for its fields, each an option. The docstring's first line is the summary.
    TypeError: the signature says something else.
    """

    def specify(handler: Handler) -> Command:
        hints = get_type_hints(handler, include_extras=True)
        summary = (inspect.getdoc(handler) or "").partition("\n")[0]
        if not summary:
            raise TypeError(f"{name}: a handler's docstring is its summary")
        parameters: list[Parameter] = []
        groups: dict[str, Callable[..., object]] = {}
        for taken in list(inspect.signature(handler).parameters.values())[1:]:
            hint = hints[taken.name]
            if isinstance(hint, type) and is_dataclass(hint) and hint not in READERS:
                groups[taken.name] = hint
                parameters.extend(_fields(hint, taken.name))
            else:
                option = taken.kind is inspect.Parameter.KEYWORD_ONLY
                required = taken.default is inspect.Parameter.empty
                parameters.append(_parameter(taken.name, hint, option=option, required=required))
        # As they are best typed: by position, options, and last a command line behind its two dashes.
        parameters.sort(key=lambda each: (each.kind is CommandLine, each.option))
        announces = hints["return"] is Announcement
        return Command(name, effect, handler, summary, tuple(parameters), groups, examples, announces)

    return specify


def _fields(group: Any, name: str) -> Iterator[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for each in fields(group):
        parameter = _parameter(each.name, hints[each.name], option=True, required=each.default is MISSING)
        yield replace(parameter, group=name)


def _parameter(name: str, hint: Any, *, option: bool, required: bool) -> Parameter:
    described = Help("")
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        described = next((each for each in extras if isinstance(each, Help)), described)
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    choices = tuple(get_args(hint)) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind is not bool and kind not in READERS:
        raise TypeError(f"{name}: no reader for {hint}")
    return Parameter(
        name, kind, described.text, option, required, many, choices=choices, called=described.called
    )


@dataclass(frozen=True, slots=True)
class Registry:
    """The commands there are, found by their words."""

    commands: Mapping[str, Command]

    @classmethod
    def of(cls, commands: Iterable[Command]) -> "Registry":
        """ValueError: two commands of one name."""
        found: dict[str, Command] = {}
        for each in commands:
            if each.name in found:
                raise ValueError(f"two commands are called {each.name}")
            found[each.name] = each
        return cls(found)

    @property
    def groups(self) -> frozenset[str]:
        """First words of commands of two words."""
        return frozenset(name.partition(" ")[0] for name in self.commands if " " in name)

    def begins(self, line: Line) -> bool:
        """Whether the line's first word is, or begins, the name of a command."""
        first = fold(line.words[0].text).lower() if line.words else ""
        return first in self.commands or first in self.groups

    def find(self, line: Line) -> tuple[Command, int]:
        """The command that a line names, and how many words name it; an empty line asks for help.

        NotUnderstood: there is none; with the nearest.
        """
        if not line.words:
            return self.commands["help"], 0
        typed = [fold(word.text).lower() for word in line.words[:3]]
        # Whoever pastes a whole line has typed the slash command already.
        skipped = 1 if SLASH.fullmatch(typed[0]) else 0
        if len(typed) == skipped:
            return self.commands["help"], skipped
        for count in (2, 1):
            name = " ".join(typed[skipped : skipped + count])
            if len(typed) >= skipped + count and name in self.commands:
                return self.commands[name], skipped + count
        raise self._unknown(typed[skipped:][:2] or typed)

    def _unknown(self, typed: Sequence[str]) -> NotUnderstood:
        first = typed[0]
        if first in self.groups:
            subcommands = [name for name in self.commands if name.partition(" ")[0] == first]
            listing = phrase("There are: {names}.", names=", ".join(subcommands))
            if len(typed) == 1:
                return NotUnderstood(phrase("{word} needs a second word.", word=Code(first)), hint=listing)
            near = get_close_matches(" ".join(typed), subcommands, 1, 0.6)
            return NotUnderstood(
                phrase("{word} is no command of {group}.", word=Code(typed[1]), group=Code(first)),
                hint=did_you_mean(near[0]) if near else listing,
                code="unknown_command",
            )
        of_two = [name for name in self.commands if " " in name]
        of_one = [name for name in self.commands if " " not in name]
        near = get_close_matches(" ".join(typed), of_two, 1, 0.8) or get_close_matches(
            first, [*of_one, *self.groups], 1, 0.6
        )
        return NotUnderstood(
            phrase("There is no command {word}.", word=Code(first)),
            hint=did_you_mean(near[0]) if near else phrase("Type {help} to see all.", help=Code("help")),
            code="unknown_command",
        )


def did_you_mean(near: str) -> Phrase:
    """The question that a misspelt word gets."""
    return phrase("Did you mean {near}?", near=Code(near))
