"""Whatever is typed, by whichever keyboard, is understood or refused in words; and text arrives as it was typed."""

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.commands import Registry
from bridge.errors import NotUnderstood
from bridge.grammar import fold, is_quiet, split
from bridge.parse import understand
from bridge.phrases import plain
from bridge.slack.markup import escape, meant
from bridge.values import Reading
from handlers import COMMANDS

EXAMPLES = int(os.environ.get("TYPING_EXAMPLES", "250"))
"""Of each property; `make fuzz` tries a hundred thousand in all."""
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
REGISTRY = Registry.of(COMMANDS)
READING = Reading(1_767_225_600_000, "Asia/Shanghai")


def read(line: str) -> Mapping[str, Any]:
    understood = understand(split(line), REGISTRY, READING)
    return {"command": understood.command.name, **understood.arguments}


def wide(text: str) -> str:
    """As a Chinese input method in full-width mode types it."""
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


WORDS = [
    *(word for each in COMMANDS for word in each.name.split()),
    *(f"--{option}" for each in COMMANDS for option in each.options),
]
PIECES = [
    *(
        "--",
        "——",
        "－－",
        "—",
        "–",
        "--=",
        "--limit=",
        "－－limit＝５",
        "--quiet",
        "/im",
        "／im",
        "＝",
        "=",
        "-1",
    ),
    *(
        '"',
        "“",
        "”",
        "‘",
        "’",
        "＂",
        "＇",
        "«",
        "„",
        "'",
        "\\",
        "《",
        "》",
        "（",
        "）",
        "：",
        "，",
        "。",
        "　",
    ),
    *(
        "news",
        "tom",
        "5",
        "５",
        "2h",
        "２ｈ",
        "31.2,121.5",
        "31.2，121.5",
        "topic=news",
        "topic＝news",
        "@all",
    ),
    *('{"a":1}', "{“a”：1}", "{", "}", "null", "NaN", "1e999", "0 10 * * sat", "９９９９", "-0", "٣"),
    *("周六有晚会！", "👩‍🚀", "\u202e", "שלום", "\ud800", "\x00", "\u2028", "ﬁ", "ǅ", "İ", "x" * 5_000),
    *("<@U1>", "<#C1|news>", "<https://a.b|a.b>", "&amp;", "&amp;lt;", "<!here>", "<", ">", "<>", "<|>"),
]
pieces = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(WORDS).map(wide), st.sampled_from(PIECES), st.text(max_size=8)
)
spaces = st.sampled_from([" ", "  ", "　", "\n", "\t", "", "\u00a0"])
lines = st.lists(st.tuples(pieces, spaces), max_size=14).map(
    lambda found: "".join(part for pair in found for part in pair)
)


@given(lines)
@often
def test_every_line_is_understood_or_refused_in_words(line: str) -> None:
    is_quiet(split(line))
    refused: NotUnderstood | None = None
    try:
        understand(split(meant(line)), REGISTRY, READING)
    except NotUnderstood as error:
        refused = error
    if refused is not None:
        assert plain(refused.message)
        assert refused.hint is None or plain(refused.hint)


typed = st.one_of(lines, st.text(max_size=80)).filter(lambda text: text.isprintable() or "\n" in text)


@given(typed)
@often
def test_text_behind_two_dashes_arrives_as_it_was_typed(text: str) -> None:
    words = split(text).words
    around = len(words) == 1 and words[0].quoted
    meant_by_it = words[0].text if around else text
    with contextlib.suppress(NotUnderstood):
        assert read(f"publish news -- {text}").get("text", "") == meant_by_it.strip()


@given(
    st.lists(st.text(st.characters(exclude_characters="-—–―－=＝\"'“”„‚‘’＂＇«»/"), max_size=12), max_size=8)
)
@often
def test_text_without_options_arrives_as_it_was_typed(found: list[str]) -> None:
    text = " ".join(found)
    with contextlib.suppress(NotUnderstood):
        assert read(f"publish news {text}").get("text", "") == text.strip()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@often
def test_what_slack_has_escaped_is_turned_back_once(text: str) -> None:
    assert meant(escape(text)) == text
    assert meant(escape(escape(text))) == escape(text)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("history lobby －－limit＝５", "history lobby --limit=5"),
        ("history lobby ——limit 5", "history lobby --limit 5"),
        ("history lobby –limit ５", "history lobby --limit 5"),
        ("ｈｉｓｔｏｒｙ　lobby　－－ｌｉｍｉｔ　５", "history lobby --limit 5"),
        ("／im history lobby", "history lobby"),
        ("/im history lobby", "history lobby"),
        ("/im", "help"),
        ("／ｉｍ　ｈｅｌｐ", "help"),
        ("conv list －－kind＝ｓｙｓｔｅｍ", "conv list --kind=system"),
        ("history --all --after ２ｈ", "history --all --after 2h"),
        ("send lobby －－from＝tom －－ hi", "send lobby --from=tom -- hi"),
        ("send lobby --from tom --location 31.2，121.5", "send lobby --from tom --location 31.2,121.5"),
        ("conv create x --attr topic＝news", "conv create x --attr topic=news"),
        ("conv list --where {“name”：“新闻，体育”}", 'conv list --where {"name":"新闻，体育"}'),
        ('conv list --where {“a”：“say\\"hi\\"”，“b”：１}', r'conv list --where {"a":"say\"hi\"","b":1}'),
        ("schedule add “０ １０ ＊ ＊ ｓａｔ” —— quota", 'schedule add "0 10 * * sat" -- quota'),
        (
            "schedule add “0 10 * * sat” －－tz＝Asia/Shanghai －－ quota",
            'schedule add "0 10 * * sat" --tz=Asia/Shanghai -- quota',
        ),
        ("conv list --quiet", "conv list"),
        ("publish news --quiet 你好", "publish news 你好"),
        ("publish news 你好 －－quiet", "publish news 你好"),
    ],
)
def test_what_input_methods_make_of_a_command_is_that_command(line: str, same: str) -> None:
    assert read(line) == read(same)


@pytest.mark.parametrize(
    "text",
    [
        "周六——晚会，全场５折：速来！",
        "——来自团队",
        "“重要”：请看",
        "Ａ　Ｂ　Ｃ",
        "／im 是命令",
        "a ＝ b",
        "—— 摘自《论语》",
    ],
)
def test_text_keeps_its_full_width_signs(text: str) -> None:
    assert read(f"publish news {text}") == {"command": "publish", "conv": "news", "text": text}


def test_folding_touches_what_is_full_width_alone() -> None:
    assert fold("ｈｅｌｐ　：，５") == "help :,5"
    assert fold("help") == "help"


@pytest.mark.parametrize(
    ("line", "quiet"),
    [
        ("conv list --quiet", True),
        ("conv list －－quiet", True),
        ("--quiet conv list", True),
        ("publish news -- --quiet", False),
        ('publish news "--quiet"', False),
        ("publish news quiet", False),
    ],
)
def test_quiet_stands_among_the_options(line: str, quiet: bool) -> None:
    assert is_quiet(split(line)) is quiet
