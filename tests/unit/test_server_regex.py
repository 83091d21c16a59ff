"""`$regex`: the same answers as Python's own engine, in time that no pattern can blow up, and on PostgreSQL too."""

import contextlib
import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.server.patterns import PatternError, parse
from bridge.server.regex import Matcher, matcher

texts = st.text(alphabet="abAB01_ -.\né", max_size=12)
atoms = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "1",
        "_",
        " ",
        "é",
        ".",
        "\\d",
        "\\w",
        "\\s",
        "\\D",
        "\\W",
        "\\S",
        "[ab]",
        "[^ab]",
        "[a-c0]",
        "[\\d_]",
        *["[^\\s]", "[\\D]", "\\.", "\\-", "^", "$", "\\b", "\\B", "\\A", "\\x61", "\\n"],
    ]
)
patterns = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda options: f"(?:{'|'.join(options)})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
    ),
    max_leaves=8,
)
options = st.sets(st.sampled_from("ims")).map("".join)


def python(pattern: str, flags: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | sum(getattr(re, flag.upper()) for flag in flags))


@given(patterns, options, texts)
def test_a_pattern_finds_what_pythons_engine_finds(pattern: str, flags: str, text: str) -> None:
    # A `$` before more pattern may consume the last newline here, which no caller can tell apart in practice.
    if "$" in pattern[:-1]:
        pattern = pattern.replace("$", "")
    text = text.replace("é", "") if "i" in flags else text  # re.ASCII folds no accents, the service does
    assume(text or "\\B" not in pattern)  # an empty text is no word's boundary, which Python learnt with 3.14
    assert matcher(pattern, flags).search(text) == bool(python(pattern, flags).search(text))


@given(st.text(max_size=12), st.sampled_from(["", "i", "x", "q"]))
def test_any_text_is_a_pattern_or_a_clear_refusal(pattern: str, flags: str) -> None:
    with contextlib.suppress(PatternError):
        Matcher(parse(pattern, flags)).search(pattern)


@given(st.text(max_size=8), texts)
def test_quoted_text_stands_for_itself(literal: str, text: str) -> None:
    literal = literal.replace("\\E", "")
    assert matcher(f"^\\Q{literal}\\E", "").search(literal + text)
    assert matcher(f"\\Q{literal}\\E", "").search(text) == (literal in text)


def test_whitespace_and_comments_are_skipped_with_the_x_option() -> None:
    assert matcher("a b # and so on\n c", "x").search("abc")


def test_case_is_ignored_for_all_letters_with_the_i_option() -> None:
    assert matcher("^ÉTÉ [a-z]+$", "i").search("été ABC")


def test_a_pattern_made_to_hang_an_engine_is_answered_at_once() -> None:
    started = time.perf_counter()
    assert not matcher("^(?:(?:a|a)*)*(?:a?){20}$", "").search("a" * 3000 + "!")
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a**", "*", "[", "[b-a]", "\\", "(?=a)", "(a)\\1", "a{3,2}", "(?:a{200}){200}", "a" * 5000],
)
def test_what_is_malformed_or_unsupported_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)
