"""From a line to a command and its arguments, or to a refusal that says what to type instead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from bridge.commands import Command, Parameter, Registry, did_you_mean
from bridge.errors import NotUnderstood
from bridge.grammar import OPTION, QUIET, Line, Word, fold, joined, split
from bridge.invocation import Invocation
from bridge.phrases import Code, Phrase, phrase
from bridge.values import READERS, SEVERAL_IN_A_WORD, CommandLine, Reading, Unreadable, WholeLine


class Understood(NamedTuple):
    """A command with its arguments by name, those that were left out missing."""

    command: Command
    arguments: Mapping[str, Any]


class Typed(NamedTuple):
    """A command with the words that each of its parameters was given, by name; a flag's word is empty."""

    command: Command
    words: Mapping[str, tuple[str, ...]]


def line_of(invocation: Invocation, registry: Registry) -> Line:
    """The invocation's line. One shell word that begins no command is a whole line (design.md section 5.4)."""
    if not invocation.words:
        return split(invocation.line)
    kept = joined(invocation.words)
    return split(invocation.words[0]) if len(invocation.words) == 1 and not registry.begins(kept) else kept


def understand(line: Line, registry: Registry, reading: Reading) -> Understood:
    """Parse a line. NotUnderstood: with what was wrong and what to type."""
    _refuse_half_characters(line.raw)
    command, named = registry.find(line)
    try:
        sorted_words = _Sorted.of(command, line, named, registry)
        return Understood(command, _arguments(command, line, sorted_words, reading))
    except NotUnderstood as error:
        error.command = command.name
        error.hint = error.hint or phrase("Type {usage}", usage=Code(command.usage))
        raise


def as_typed(line: Line, registry: Registry) -> Typed:
    """The words of a line by parameter, neither read nor complete.

    NotUnderstood: it names no command, or holds an option that is none, or one word too many.
    """
    command, named = registry.find(line)
    given = _given(command, line, _Sorted.of(command, line, named, registry))
    return Typed(command, given)


@dataclass(slots=True)
class _Sorted:
    """The words behind a command's name, sorted into options and the rest."""

    options: dict[str, list[str]] = field(default_factory=dict)
    rest: list[Word] = field(default_factory=list)

    @classmethod
    def of(cls, command: Command, line: Line, named: int, registry: Registry) -> "_Sorted":
        if any(each.kind is WholeLine for each in command.parameters):
            return cls(rest=list(line.words[named:]))
        found = cls()
        words = iter(line.words[named:])
        for word in words:
            if _ends_options(command, word):
                found.rest.extend(words)
                break
            option = word.option
            name, equals, value = (option or "").partition("=")
            known = command.options.get(name)
            if known is None and option == QUIET:
                continue
            if option is None or known is None:
                if option is not None:
                    _refuse_misspelt(command, word, registry)
                found.rest.append(word)
            elif known.flag:
                if equals:
                    raise NotUnderstood(phrase("{option} takes no value.", option=Code(f"--{name}")))
                found.options.setdefault(name, []).append("")
            else:
                found.options.setdefault(name, []).append(value if equals else _value(command, known, words))
        return found


def _refuse_half_characters(raw: str) -> None:
    """A shell hands over bytes that are no UTF-8 as halves of characters, which nobody could be sent."""
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise NotUnderstood(
            phrase("The line is no UTF-8 text."), hint=phrase("Type it again, or save its source in UTF-8.")
        ) from None


def _ends_options(command: Command, word: Word) -> bool:
    """`--`; or, before a command line, the one long dash that a phone makes of it."""
    before_a_command = any(each.kind is CommandLine for each in command.parameters)
    return word.ends_options or (word.is_long_dash and before_a_command)


def _value(command: Command, known: Parameter, words: Iterator[Word]) -> str:
    following = next(words, None)
    if following is None or (following.option or "").partition("=")[0] in command.options:
        raise NotUnderstood(
            phrase("{option} needs a value.", option=Code(f"--{known.word}")),
            hint=phrase("Type {usage}", usage=Code(f"--{known.word} {known.noun}")),
            code="missing_value",
        )
    return following.text


def _refuse_misspelt(command: Command, word: Word, registry: Registry) -> None:
    """A word with two dashes that looks like a slip is refused, never sent to people as text."""
    name = (word.option or "").partition("=")[0]
    if not name or not name[0].isalpha():
        return
    near = get_close_matches(name, command.options, 1, 0.7)
    elsewhere = any(name in each.options for each in registry.commands.values())
    takes_text = any(each.trailing for each in command.parameters)
    if takes_text and not near and not elsewhere:
        return
    hint = did_you_mean(f"--{near[0]}") if near else None
    if takes_text:
        as_text = phrase("To send it as text, put {dashes} before the text.", dashes=Code(OPTION))
        hint = phrase("{question} {otherwise}", question=hint, otherwise=as_text) if hint else as_text
    raise NotUnderstood(
        phrase("{command} has no option {option}.", command=Code(command.name), option=Code(f"--{name}")),
        hint=hint,
        code="unknown_option",
    )


def _arguments(command: Command, line: Line, words: _Sorted, reading: Reading) -> dict[str, Any]:
    given = _given(command, line, words)
    found = {
        known.name: _read_all(known, given[known.name], reading)
        for known in (*command.options.values(), *command.positionals)
        if known.name in given
    }
    _refuse_missing(command, found)
    return found


def _given(command: Command, line: Line, words: _Sorted) -> dict[str, tuple[str, ...]]:
    given = {
        known.name: tuple(words.options[known.word])
        for known in command.parameters
        if known.option and known.word in words.options
    }
    rest = list(words.rest)
    for known in command.positionals:
        if not rest:
            break
        if known.trailing:
            text = line.text(rest).strip()
            rest = []
            if text:
                given[known.name] = (text,)
        elif known.many:
            given[known.name] = tuple(word.text for word in rest)
            rest = []
        else:
            given[known.name] = (rest.pop(0).text,)
    if rest:
        raise NotUnderstood(
            phrase("{word} is one word too many.", word=Code(rest[0].text)),
            hint=phrase(
                "Put quotes around several words that belong together: {usage}", usage=Code(command.usage)
            ),
        )
    return given


def _refuse_missing(command: Command, found: Mapping[str, Any]) -> None:
    missing = [each for each in command.parameters if each.required and each.name not in found]
    if missing:
        first = missing[0]
        what: Phrase = phrase("{command} needs {what}.", command=Code(command.name), what=Code(_asked(first)))
        raise NotUnderstood(what, code="missing_argument", parameter=first.name)


def _asked(known: Parameter) -> str:
    return f"--{known.word} {known.noun}" if known.option else known.noun


def _read_all(known: Parameter, typed: Sequence[str], reading: Reading) -> Any:
    if known.flag:
        return True
    if known.many:
        return _several(known, typed, reading)
    if len(typed) > 1:
        raise NotUnderstood(
            phrase("{option} was given twice.", option=Code(f"--{known.word}")), parameter=known.name
        )
    return _read(known, typed[0], reading)


def words_of(known: Parameter, typed: Sequence[str]) -> tuple[str, ...]:
    """The words that a parameter takes one by one, where one that was typed may list several."""
    if known.kind not in SEVERAL_IN_A_WORD:
        return tuple(typed)
    return tuple(
        each.strip() for word in typed for each in word.replace("，", ",").split(",") if each.strip()
    )


def _several(known: Parameter, typed: Sequence[str], reading: Reading) -> tuple[Any, ...]:
    return tuple(_read(known, word, reading) for word in words_of(known, typed))


def _read(known: Parameter, word: str, reading: Reading) -> Any:
    named = f"--{known.word}" if known.option else known.noun
    if known.choices:
        word = fold(word)
    if known.choices and word not in known.choices:
        near = get_close_matches(word, known.choices, 1, 0.6)
        raise NotUnderstood(
            phrase("{name} is one of {choices}.", name=Code(named), choices=", ".join(known.choices)),
            hint=did_you_mean(near[0]) if near else None,
            code="bad_value",
            parameter=known.name,
        )
    try:
        return READERS[known.kind](word, reading)
    except Unreadable as error:
        raise NotUnderstood(
            phrase(
                "{word} does not fit {name}: it takes {wanted}.",
                word=Code(word),
                name=Code(named),
                wanted=error.wanted,
            ),
            code="bad_value",
            parameter=known.name,
        ) from None
