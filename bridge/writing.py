"""Writes a command line that reads back as exactly the words it was made of: the way back of `bridge.parse`."""

from collections.abc import Iterator, Mapping, Sequence

from bridge.commands import Command, Parameter, Registry
from bridge.errors import NotUnderstood
from bridge.grammar import OPTION, PARTNERS, QUOTE_REACH, Word, split
from bridge.parse import as_typed, words_of
from bridge.phrases import phrase
from bridge.values import SEVERAL_IN_A_WORD, CommandLine

PAIRS = (('"', '"'), ("'", "'"), ("“", "”"), ("«", "»"), ("‘", "’"), ("„", "“"), ("＂", "＂"), ("＇", "＇"))
"""Quotes as they are tried, the most usual first."""


def written(command: Command, words: Mapping[str, Sequence[str]], registry: Registry) -> str:
    """The line that runs a command with these words, by parameter; a flag's word is empty.

    NotUnderstood: no line does, because a word holds every kind of quote.
    """
    wanted = _meant(command, words)
    for line in _lines(command, wanted):
        try:
            typed = as_typed(split(line), registry)
        except NotUnderstood:
            continue
        if typed.command is command and _meant(command, typed.words) == wanted:
            return line
    raise _unwritable("")


def _meant(command: Command, words: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The words one by one, without those of white space alone where the rest of the line is meant."""
    found = {}
    for each in command.parameters:
        meant = words_of(each, words.get(each.name, ()))
        if each.trailing:
            meant = tuple(text for word in meant if (text := word.strip()))
        if meant:
            found[each.name] = meant
    return found


def _lines(command: Command, words: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Lines that may do, the best to read first."""
    options = [part for each in command.parameters if each.option for part in _option(each, words)]
    places = [
        _quoted(word, each.name)
        for each in command.positionals
        if not each.trailing
        for word in words.get(each.name, ())
    ]
    rest = next((each for each in command.positionals if each.trailing and each.name in words), None)
    if rest is None:
        yield " ".join([command.name, *places, *options])
        return
    raw = words[rest.name][0]
    if rest.kind is not CommandLine:
        yield " ".join([command.name, *places, raw, *options])
    yield " ".join([command.name, *places, *options, OPTION, raw])
    if rest.kind is not CommandLine:
        yield " ".join([command.name, *places, *options, OPTION, _quoted(raw, rest.name)])


def _option(known: Parameter, words: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    given = words.get(known.name, ())
    if known.flag:
        yield from (f"--{known.word}" for _ in given[:1])
        return
    if known.kind in SEVERAL_IN_A_WORD and given:
        given = (",".join(given),)
    for word in given:
        yield f"--{known.word} {_quoted(word, known.name)}"


def _quoted(word: str, parameter: str) -> str:
    """As one word of a line: bare where that is safe. NotUnderstood: no pair of quotes holds it."""
    plain = not any(each.isspace() for each in word) and word[:1] not in PARTNERS
    if word and plain and Word(word, 0, len(word)).option is None:
        return word
    if len(word) < QUOTE_REACH - 1:
        for opening, closing in PAIRS:
            if not set(word) & {opening, *PARTNERS[opening]}:
                return f"{opening}{word}{closing}"
        for opening, closing in PAIRS:
            found = split(f"{opening}{word}{closing} -").words
            if len(found) > 1 and found[0].quoted and found[0].text == word:
                return f"{opening}{word}{closing}"
    raise _unwritable(parameter)


def _unwritable(parameter: str) -> NotUnderstood:
    return NotUnderstood(
        phrase("It can't be written as a command: it holds quotes of every kind."),
        hint=phrase("Leave some of them out."),
        code="bad_value",
        parameter=parameter,
    )
