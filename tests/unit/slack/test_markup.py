"""Slack's mark-up, turned back into what was meant, and foreign text that can't be taken for it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.slack.markup import escape, meant, one_line, visible


@pytest.mark.parametrize(
    ("received", "typed"),
    [
        ("send news Tom &amp; Jerry", "send news Tom & Jerry"),
        ("{&quot;a&quot;: 1} &lt;3 &gt;", "{&quot;a&quot;: 1} <3 >"),
        ("--image <https://a.test/b.png|b.png>", "--image https://a.test/b.png"),
        ("<https://a.test/?a=1&amp;b=2>", "https://a.test/?a=1&b=2"),
        ("<mailto:tom@a.test|tom@a.test>", "tom@a.test"),
        ("<tel:+86123|+86 123>", "+86123"),
        ("<@U1|tom> and <@U2> in <#C1|news>, <#C2>", "U1 and U2 in C1, C2"),
        ("<!here> <!channel|channel> <!subteam^S1|@on-call>", "@here @channel S1"),
        ("<!date^1392734382^{date}|18 Feb 2014>", "18 Feb 2014"),
        ("a &lt;b&gt; c", "a <b> c"),
        ("curl says <b>bold</b>", "curl says <b>bold</b>"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_what_slack_marked_up_is_turned_back(received: str, typed: str) -> None:
    assert meant(received) == typed


def test_nothing_is_turned_back_twice() -> None:
    assert meant("&amp;lt;@U1&amp;gt;") == "&lt;@U1&gt;"
    assert meant("&lt;@U1|tom&gt;") == "<@U1|tom>"


@given(st.text())
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    assert meant(escape(text)) == text
    assert "<" not in escape(text)
    assert ">" not in escape(text)


@given(st.text(st.characters()))
def test_no_control_and_no_bidi_control_stays_invisible(text: str) -> None:
    for character in visible(text):
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in [
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        ]


def test_what_reorders_text_is_spelt_out() -> None:
    assert visible("exe.\u202egpj") == "exe.[U+202E]gpj"
    assert visible("nul\x00, lone \ud800") == "nul[U+0000], lone [U+D800]"


def test_arabic_and_emoji_stay_as_they_are() -> None:
    assert visible("مرحبا 👩‍🚀 周六有晚会！") == "مرحبا 👩‍🚀 周六有晚会！"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\v", "\f"])
def test_a_foreign_line_break_can_not_begin_a_line_of_ours(line_break: str) -> None:
    assert one_line(f"Tom {line_break}  Sent to everyone") == "Tom ⏎ Sent to everyone"
