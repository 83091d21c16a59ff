"""Lines that are written for people read back as exactly the words that they were made of."""

from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.commands import Command, Parameter, Registry
from bridge.errors import NotUnderstood
from bridge.grammar import PARTNERS, split
from bridge.parse import as_typed, understand, words_of
from bridge.slack.drafts import Draft, Origin
from bridge.slack.timing import ONCE, Timing
from bridge.values import READERS, SEVERAL_IN_A_WORD, Reading
from bridge.writing import written
from handlers import COMMANDS

REGISTRY = Registry.of(COMMANDS)
BROADCAST, NOTIFY = REGISTRY.commands["broadcast"], REGISTRY.commands["notify"]
NOON = 1_767_225_600_000 + 12 * 3_600_000  # 2026-01-01T12:00Z
HERE = Origin("", "C0OPS00001")
QUOTES = "".join({*PARTNERS, *"".join(PARTNERS.values())})


nasty = st.text(
    st.sampled_from(f"ab=,，—-－\\ \n\t&<>周{QUOTES}") | st.characters(codec="utf-8"), max_size=30
)


@st.composite
def filled(draw: st.DrawFn, command: Command) -> dict[str, tuple[str, ...]]:
    """Words for a command, each as a form may hold it."""
    found: dict[str, tuple[str, ...]] = {}
    for known in command.parameters:
        if known.option and not draw(st.booleans()):
            continue
        several = st.lists(_word(known), min_size=1, max_size=3 if known.many else 1)
        found[known.name] = ("",) if known.flag else tuple(draw(several))
    return found


def _word(known: Parameter) -> st.SearchStrategy[str]:
    if known.trailing:
        return nasty.map(str.strip).filter(bool)
    if known.kind in SEVERAL_IN_A_WORD:
        return nasty.map(lambda text: text.translate({ord(","): None, ord("，"): None}).strip()).filter(bool)
    return nasty


def _holds_every_quote(words: Mapping[str, tuple[str, ...]]) -> bool:
    return any(
        all(set(word) & {opening, *PARTNERS[opening]} for opening in PARTNERS)
        for several in words.values()
        for word in several
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.name)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_line_that_is_written_reads_back_as_exactly_its_words(
    command: Command, data: st.DataObject
) -> None:
    words = data.draw(filled(command))
    try:
        line = written(command, words, REGISTRY)
    except NotUnderstood:
        assert _holds_every_quote(words)
        return
    typed = as_typed(split(line), REGISTRY)
    assert typed.command is command
    known = {each.name: each for each in command.parameters}
    meant = {name: words_of(known[name], each) for name, each in words.items()}
    assert {name: words_of(known[name], each) for name, each in typed.words.items()} == meant


@given(text=nasty.map(str.strip).filter(bool), push=nasty.filter(bool))
def test_what_a_form_says_is_understood_as_it_stands_there(text: str, push: str) -> None:
    assume(not _holds_every_quote({"text": (text,), "push": (push,)}))
    draft = Draft(
        BROADCAST, HERE, {"conv": ("news",), "text": (text,), "push": (push,), "valid_till": ("2h",)}
    )
    reading = Reading(NOON, "Asia/Shanghai")
    understood = understand(split(draft.line(REGISTRY)), REGISTRY, reading)
    assert understood.arguments == {
        "conv": "news",
        "text": text,
        "push": push,
        "valid_till": READERS[BROADCAST.options["valid-till"].kind]("2h", reading),
    }


@given(text=nasty.map(str.strip).filter(bool))
def test_a_line_for_later_holds_the_whole_line(text: str) -> None:
    assume(not _holds_every_quote({"text": (text,)}))
    at = NOON + 3_600_000
    draft = Draft(
        BROADCAST, HERE, {"conv": ("news",), "text": (text,)}, timing=Timing(ONCE, at, zone="Asia/Shanghai")
    )
    outer = understand(split(draft.line(REGISTRY)), REGISTRY, Reading(NOON, "UTC"))
    assert (outer.command.name, outer.arguments["when"], outer.arguments["tz"]) == (
        "schedule add",
        "2026-01-01T21:00",
        "Asia/Shanghai",
    )
    inner = understand(split(outer.arguments["run"]), REGISTRY, Reading(NOON, "UTC"))
    assert inner.arguments == {"conv": "news", "text": text}


def test_lines_are_easy_to_read_where_they_can_be() -> None:
    def line(command: Command, **words: tuple[str, ...]) -> str:
        return written(command, words, REGISTRY)

    assert line(BROADCAST, conv=("news",), text=("周六有晚会！",), valid_till=("2h",)) == (
        "broadcast news 周六有晚会！ --valid-till 2h"
    )
    assert line(NOTIFY, conv=("my news",), to=("tom", "jerry"), text=("Write --to me",)) == (
        'notify "my news" --to tom,jerry -- Write --to me'
    )
    assert line(BROADCAST, conv=("news",), text=('"hi"',)) == "broadcast news -- '\"hi\"'"
