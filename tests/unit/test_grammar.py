"""Lines are cut into words as the people who type them expect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.grammar import Line, joined, split


def words(line: str) -> list[str]:
    return [word.text for word in split(line).words]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('conv create "Game Room"', ["conv", "create", "Game Room"]),
        ("conv create “Game Room”", ["conv", "create", "Game Room"]),
        ("conv create ‘Game Room’", ["conv", "create", "Game Room"]),
        ("conv create 'Game Room'", ["conv", "create", "Game Room"]),
        ("it's five o'clock", ["it's", "five", "o'clock"]),
        ("don't 'do it'", ["don't", "do it"]),
        ('a 5" pipe', ["a", '5"', "pipe"]),
        ('an "open quote', ["an", '"open', "quote"]),
        ('"say "hi" now" twice', ['say "hi" now', "twice"]),
        ('""', [""]),
        ('--name="Game Room"', ["--name=Game Room"]),
        ('say "yes", then', ["say", '"yes",', "then"]),
        ("  spread\tover\n lines ", ["spread", "over", "lines"]),
    ],
)
def test_quotes_group_where_one_opens_a_word_and_its_partner_ends_one(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize(
    ("word", "option"),
    [
        ("--from", "from"),
        ("—from", "from"),
        ("–from", "from"),
        ("-31.2", None),
        ("-abc", None),
        ("--from=tom", "from=tom"),
        ('"--from"', None),
    ],
)
def test_two_dashes_or_a_long_one_begin_an_option(word: str, option: str | None) -> None:
    assert split(word).words[0].option == option


@pytest.mark.parametrize(
    ("line", "dropped", "text"),
    [
        ("hello  big\n world", [], "hello  big\n world"),
        ('"hello  world"', [], "hello  world"),
        ('"hello" and "goodbye"', [], '"hello" and "goodbye"'),
        ("hello --from tom world", [1, 2], "hello world"),
        ("hello\n--from tom\nworld", [1, 2], "hello\nworld"),
        ("“hello world” --from tom", [1, 2], "hello world"),
        ("it is --from tom", [2, 3], "it is"),
    ],
)
def test_text_is_kept_as_typed_less_its_options_and_quotes_around_the_whole(
    line: str, dropped: list[int], text: str
) -> None:
    cut = split(line)
    assert cut.text([word for at, word in enumerate(cut.words) if at not in dropped]) == text


def test_words_that_a_shell_cut_keep_their_boundaries_and_their_quotes() -> None:
    line = joined(["send", "Game Room", '"quoted" text'])
    assert [word.text for word in line.words] == ["send", "Game Room", '"quoted" text']
    assert line.text(line.words[2:]) == '"quoted" text'


@given(st.text(alphabet="ab \n\"'“”‘’—-=", max_size=60))
def test_no_character_outside_white_space_is_lost(raw: str) -> None:
    line: Line = split(raw)
    covered = "".join(raw[word.start : word.end] for word in line.words)
    assert "".join(covered.split()) == "".join(raw.split())
    ends = [word.end for word in line.words]
    assert all(word.start >= end for word, end in zip(line.words[1:], ends, strict=False))


def test_a_long_line_of_open_quotes_is_read_in_linear_time() -> None:
    assert len(split('"a ' * 100_000).words) == 100_000
