"""Replies as Slack messages: what they say, and that none of them breaks any limit."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock
from slack_sdk.models.views import View as SdkView

from bridge.errors import Failed
from bridge.phrases import Code, Link, Moment, english, phrase
from bridge.playground.blocks import refuse_message, view_faults
from bridge.reply import (
    Button,
    Buttons,
    Fields,
    File,
    Heading,
    Hint,
    Paragraph,
    Part,
    Quote,
    Reply,
    Table,
    Tone,
)
from bridge.slack.home import home_view
from bridge.slack.markup import visible
from bridge.slack.render import Reader, Rendered, render, render_view

ENGLISH = Reader("en", english)
HOSTILE = "`*_~ <!channel> <@U1> &amp; \u202egnorw\u202c\n• Sent to everyone\r\n```"


def texts(value: Any) -> Iterator[str]:
    """All text of blocks, in order."""
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("text", "fallback") and isinstance(each, str):
                yield each
            else:
                yield from texts(each)


def drawn(rendered: Rendered) -> Any:
    """The blocks as the JSON that they are."""
    return rendered.blocks


def said(*parts: Part) -> Rendered:
    return render(Reply(phrase("Done"), parts), ENGLISH)


def test_the_title_stands_first_and_bold() -> None:
    rendered = render(Reply(phrase("Created {name}", name="party")), ENGLISH)
    (section,) = drawn(rendered)[0]["elements"]
    assert section == {
        "type": "rich_text_section",
        "elements": [{"type": "text", "text": "Created party", "style": {"bold": True}}],
    }
    assert rendered.text == "Created party"


def test_words_are_translated_and_values_are_not() -> None:
    def chinese(template: str, plural: str | None, count: int) -> str:
        return {"{count} member": "{count} 名成员", "Done": "完成"}.get(template, template)

    members = Paragraph(phrase("{count} member", plural="{count} members", count=2))
    rendered = render(Reply(phrase("Done"), (members, Quote("Done"))), Reader("zh-CN", chinese))
    assert rendered.text == "完成\n2 名成员\nDone"


def test_a_plural_is_chosen_by_the_count() -> None:
    members = phrase("{count} member", plural="{count} members", count=3)
    assert said(Paragraph(members)).text == "Done\n3 members"


def test_a_moment_is_shown_in_the_readers_zone_with_utc_where_dates_are_not_known() -> None:
    rendered = said(Paragraph(phrase("Last: {at}", at=Moment(1_700_000_000_123))))
    assert {
        "type": "date",
        "timestamp": 1_700_000_000,
        "format": "{date_num} {time_secs}",
        "fallback": "2023-11-14T22:13:20.123Z",
    } in drawn(rendered)[1]["elements"][0]["elements"]
    assert "2023-11-14T22:13:20.123Z" in rendered.text


def test_a_moment_beyond_all_calendars_is_shown_as_a_number() -> None:
    assert "10000000000000000000" in said(Paragraph(phrase("{at}", at=Moment(10**19)))).text


def test_foreign_text_in_our_sentence_is_literal_on_one_line_and_in_sight() -> None:
    rendered = said(Paragraph(phrase("Name: {name}", name=HOSTILE)))
    (text,) = texts(rendered.blocks[1])
    assert text == "Name: `*_~ <!channel> <@U1> &amp; [U+202E]gnorw[U+202C] ⏎ • Sent to everyone ⏎ ```"
    assert "&lt;!channel&gt; &lt;@U1&gt; &amp;amp;" in rendered.text
    assert "<" not in rendered.text
    assert not any(block["type"] == "section" for block in rendered.blocks)


def test_a_quote_keeps_its_lines_and_its_spaces() -> None:
    rendered = said(Quote("one\n  two `three`"))
    assert rendered.blocks[1] == {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "one\n  two `three`"}]}
        ],
    }


def test_a_value_can_not_pass_for_a_field() -> None:
    rendered = said(Fields(((phrase("Name"), "a\nOwner: root"), (phrase("Owner"), ""))))
    assert "".join(texts(rendered.blocks[1])) == "Name: a ⏎ Owner: root\nOwner: –"


def test_numbers_stand_to_the_right_and_ids_as_code_in_a_table() -> None:
    table = Table(
        (phrase("Id"), phrase("Name"), phrase("Members")), ((Code("5f0"), HOSTILE, 3), (Code("5f1"), "", 0))
    )
    rendered = said(table)
    block = drawn(rendered)[1]
    assert block["type"] == "table"
    assert block["column_settings"] == [{"is_wrapped": True}, {"is_wrapped": True}, {"align": "right"}]
    assert list(texts(block["rows"]))[:3] == ["Id", "Name", "Members"]
    assert "5f1 ·  · 0" in rendered.text


def test_rows_beyond_a_table_are_counted() -> None:
    rows = tuple((str(number),) for number in range(136))
    rendered = said(Table((phrase("Number"),), rows))
    assert len(drawn(rendered)[1]["rows"]) == 100
    assert list(texts(rendered.blocks[2])) == ["37 more rows: see the file reply.txt."]
    (file,) = rendered.files
    assert file.content.splitlines()[-1] == "135"


def test_rows_beyond_a_table_that_one_person_sees_are_counted_for_they_get_no_file() -> None:
    table = Table((phrase("Number"),), tuple((str(number),) for number in range(136)))
    rendered = render(Reply(phrase("Done"), (table,), private=True), ENGLISH)
    assert list(texts(rendered.blocks[2])) == ["37 more rows: narrow it with --limit, or --csv."]
    assert rendered.files == ()


def test_a_long_cell_says_how_much_of_it_is_missing() -> None:
    rendered = said(Table((phrase("Text"),), (("x" * 5_000,),)))
    assert list(texts(rendered.blocks[1]["rows"]))[1] == "x" * 400 + "… (+4600)"


def test_a_second_table_becomes_lines() -> None:
    table = Table((phrase("Id"), phrase("Name")), (("1", "Tom"), ("2", "Jerry")))
    rendered = said(table, table)
    assert [block["type"] for block in rendered.blocks] == ["rich_text", "table", "rich_text"]
    assert "".join(texts(rendered.blocks[2])) == "Id: 1 · Name: Tom\nId: 2 · Name: Jerry"


def test_a_button_runs_its_line_and_asks_again_where_there_is_no_way_back() -> None:
    buttons = Buttons(
        (Button(phrase("Send"), "approve 1"), Button(phrase("Delete"), "conv delete 5f0", danger=True))
    )
    send, delete = drawn(said(buttons))[1]["elements"]
    assert send["value"] == "approve 1"
    assert "confirm" not in send
    assert delete["style"] == "danger"
    assert delete["confirm"]["text"]["text"] == "This can't be undone. It runs: conv delete 5f0"
    assert send["action_id"] != delete["action_id"]


def test_a_line_too_long_for_a_button_is_there_to_be_typed() -> None:
    line = "send news " + "x" * 2_000
    rendered = said(Buttons((Button(phrase("Send"), line),)))
    assert "".join(texts(rendered.blocks[1:])) == f"Send: {line}"


def test_what_does_not_fit_goes_along_as_a_file() -> None:
    quotes = [Quote(f"{number} " + "x" * 4_000) for number in range(5)]
    rendered = said(*quotes, Buttons((Button(phrase("Go"), "approve 1"),)))
    assert list(texts(rendered.blocks[-1])) == [
        "This is only the beginning: the whole is in the file reply.txt."
    ]
    assert rendered.blocks[-2]["type"] == "actions"
    (file,) = rendered.files
    assert file.content == "\n".join(["Done", *(quote.text for quote in quotes), "Go: approve 1"])


def test_nothing_is_shown_out_of_its_order() -> None:
    quotes = [Quote("x" * 4_000) for _ in range(5)]
    rendered = said(*quotes, Paragraph(phrase("And that was all.")))
    assert "And that was all." not in texts(rendered.blocks)
    assert rendered.files[0].content.endswith("And that was all.")


def test_a_reply_that_fits_brings_only_its_own_files() -> None:
    export = File("history.csv", "a,b\n")
    rendered = said(export)
    assert rendered.files == (export,)
    assert rendered.text == "Done\nFile: history.csv"


def test_a_text_that_is_cut_says_where_the_rest_is() -> None:
    rendered = said(Quote("x" * 5_000))
    assert rendered.text.endswith("x\n… the rest is in the message itself.")
    assert rendered.files == ()


def test_an_error_gives_its_hint() -> None:
    error = Failed(
        phrase("No conversation {name}.", name="nwes"), hint=phrase("Did you mean {name}?", name=Code("news"))
    )
    rendered = render(Reply.of_error(error), ENGLISH)
    assert rendered.text == "No conversation nwes.\nDid you mean news?"
    assert rendered.blocks[1]["type"] == "context"


def test_a_hint_with_a_moment_shows_it_in_the_readers_zone() -> None:
    assert said(Hint(phrase("Again at {at}", at=Moment(0)))).blocks[1]["type"] == "rich_text"


def test_a_link_is_read_as_its_words_and_followed_to_its_address() -> None:
    words = phrase("[image] {link}", link=Link("https://files.test/a%20cat.png?a=1&b=2", "cat <1>"))
    rendered = said(Paragraph(words))
    assert drawn(rendered)[1]["elements"][0]["elements"] == [
        {"type": "text", "text": "[image] "},
        {"type": "link", "url": "https://files.test/a%20cat.png?a=1&b=2", "text": "cat <1>"},
    ]
    assert "cat &lt;1&gt; https://files.test/a%20cat.png?a=1&amp;b=2" in rendered.text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://", "https://a b", "https://a|b>", "slack://open", "http://x\u202e", ""],
)
def test_an_address_that_is_none_is_there_to_be_read(url: str) -> None:
    shown = said(Paragraph(phrase("{link}", link=Link(url, "cat")))).blocks[1]
    assert "'link'" not in str(shown)
    assert "cat" in str(shown)


def test_a_button_that_fills_opens_a_form() -> None:
    (button,) = drawn(said(Buttons((Button(phrase("Broadcast"), "broadcast", fills=True),))))[1]["elements"]
    assert button["action_id"] == "imbridge.form.0"
    assert button["value"] == "broadcast"


def test_a_view_holds_no_table_and_names_what_its_parts_are_about() -> None:
    table = Table((phrase("Id"), phrase("Name")), (("1", "Tom"), ("2", "Jerry")))
    blocks: Any = render_view(Reply(phrase("Home"), (Heading(phrase("Users")), table)), ENGLISH)
    assert [block["type"] for block in blocks] == ["rich_text", "header", "rich_text"]
    assert "".join(texts(blocks[2])) == "Id: 1 · Name: Tom\nId: 2 · Name: Jerry"


def test_a_view_that_holds_not_all_says_so() -> None:
    blocks = render_view(Reply(phrase("Home"), (Quote("x" * 5_000),) * 60), ENGLISH)
    assert list(texts(blocks[-1])) == ["There is more than fits here: see it by the commands themselves."]


# -- Any reply at all ------------------------------------------------------------------------------------------------

foreign = st.one_of(
    st.sampled_from(
        [HOSTILE, "", " ", "\n", "x" * 5_000, "&<>" * 1_700, "👩‍🚀" * 1_000, "שלום " * 300, "\ud800\x00"]
    ),
    st.text(st.characters(), max_size=60),
)
simple = st.one_of(
    foreign,
    st.integers(),
    st.floats(),
    foreign.map(Code),
    st.integers(-(10**15), 10**18).map(Moment),
    st.builds(Link, st.one_of(foreign, st.just("https://files.test/" + "x" * 980)), foreign),
)
phrases = st.one_of(
    st.just(phrase("Done")),
    st.builds(lambda value: phrase("Created {name}", name=value), simple),
    st.builds(lambda value: phrase("{value}", value=value), simple),
    st.builds(lambda value: phrase("{outer}", outer=phrase("of {inner}", inner=value)), simple),
)
values = st.one_of(simple, phrases)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    width = draw(st.integers(1, 25))
    columns = draw(st.lists(phrases, min_size=width, max_size=width))
    row = draw(st.lists(values, min_size=width, max_size=width))
    rows = draw(st.sampled_from([0, 1, 2, 99, 100, 1_000]))
    return Table(tuple(columns), (tuple(row),) * rows)


buttons = st.builds(
    Buttons,
    st.lists(
        st.builds(Button, phrases, foreign, st.booleans(), st.booleans(), st.booleans()), max_size=60
    ).map(tuple),
)
parts = st.one_of(
    st.builds(Paragraph, phrases),
    st.builds(Heading, phrases),
    st.builds(Hint, phrases),
    st.builds(Quote, foreign),
    st.builds(Fields, st.lists(st.tuples(phrases, values), max_size=60).map(tuple)),
    tables(),
    buttons,
    st.builds(File, st.just("a.csv"), foreign),
)
replies = st.builds(
    Reply, phrases, st.lists(parts, max_size=12).map(tuple), tone=st.sampled_from(Tone), private=st.booleans()
)


@given(replies)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_no_reply_breaks_a_limit_of_slacks(reply: Reply) -> None:
    rendered = render(reply, ENGLISH)
    assert refuse_message(rendered.blocks) is None
    assert len(rendered.text) <= 4_000
    assert rendered.text
    json.dumps([rendered.text, rendered.blocks], ensure_ascii=False).encode()
    for block in rendered.blocks:
        if block["type"] != "table":
            parsed: Any = SdkBlock.parse(dict(block))
            parsed.validate_json()


@given(replies)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_no_reply_lets_foreign_text_act(reply: Reply) -> None:
    rendered = render(reply, ENGLISH)
    assert "<" not in rendered.text
    assert ">" not in rendered.text
    assert "mrkdwn" not in json.dumps([block["type"] for block in rendered.blocks])
    for text in texts(rendered.blocks):
        assert text == visible(text)


@given(replies)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_no_home_breaks_a_limit_of_slacks(reply: Reply) -> None:
    view: Any = home_view(reply, ENGLISH)
    assert view_faults(view) == []
    assert len(json.dumps(view, ensure_ascii=False).encode()) <= 250_000
    parsed: Any = SdkView(**view)
    parsed.validate_json()
    for block in view["blocks"]:
        parsed = SdkBlock.parse(dict(block))
        parsed.validate_json()
        assert "mrkdwn" not in json.dumps(block["type"])


@given(st.lists(foreign, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_every_quote_is_whole_in_the_message_or_in_its_file(quoted: list[str]) -> None:
    rendered = said(*(Quote(text) for text in quoted))
    whole = "".join(texts(rendered.blocks)) + "".join(file.content for file in rendered.files)
    for text in quoted:
        assert visible(text) in whole
