"""Block Kit's limits, one by one: at the limit accepted, one beyond refused with Slack's words and a pointer."""

from collections.abc import Callable

import pytest

from bridge.playground.blocks import block_faults, message_size, refuse_message, view_faults
from tests.unit.playground.limits import (
    LIMITS,
    Json,
    actions,
    button,
    data_table,
    mrkdwn,
    pie,
    plain,
    section,
    select,
    table,
)


@pytest.mark.parametrize(
    ("make", "limit", "unit", "where"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS]
)
def test_a_limit_holds_exactly(make: Callable[[int], Json], limit: int, unit: str, where: str) -> None:
    assert block_faults([make(limit)]) == []
    words = (
        f"must be less than {limit + 1} characters"
        if unit == "chars"
        else f"no more than {limit} items allowed"
    )
    assert block_faults([make(limit + 1)]) == [f"{words} [json-pointer:/blocks/0{where}]"]


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"type": "foo"}, "unsupported type: foo [json-pointer:/blocks/0/type]"),
        ({"text": plain(1)}, "missing required field: type [json-pointer:/blocks/0]"),
        ("text", "must provide an object [json-pointer:/blocks/0]"),
        ({"type": "divider", "text": "x"}, "invalid additional property: text [json-pointer:/blocks/0]"),
        ({"type": "header"}, "missing required field: text [json-pointer:/blocks/0]"),
        ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
        ({"type": "section", "text": "x"}, "must provide an object [json-pointer:/blocks/0/text]"),
        (
            {"type": "section", "text": plain(0)},
            "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            {"type": "header", "text": mrkdwn(1)},
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        (
            {"type": "section", "text": {**mrkdwn(1), "emoji": True}},
            "invalid additional property: emoji [json-pointer:/blocks/0/text]",
        ),
        (actions(), "must provide at least 1 items [json-pointer:/blocks/0/elements]"),
        (
            actions(button(style="loud")),
            "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
        ),
        (actions(button(value=7)), "must provide a string [json-pointer:/blocks/0/elements/0/value]"),
        (
            actions(button(block_id="b")),
            "invalid additional property: block_id [json-pointer:/blocks/0/elements/0]",
        ),
        (
            actions(button(action_id="a"), button(action_id="a")),
            '`action_id` "a" already exists [json-pointer:/blocks/0/elements/1/action_id]',
        ),
        (
            section(accessory={"type": "plain_text_input"}),
            "unsupported type: plain_text_input [json-pointer:/blocks/0/accessory/type]",
        ),
        (
            select(initial_option={"text": plain(1), "value": "other"}),
            "must match one of the options [json-pointer:/blocks/0/elements/0/initial_option]",
        ),
        (table(1, 1, 0), "must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]"),
        (
            {"type": "table", "rows": [[{"type": "raw_number", "text": "1"}]]},
            "missing required field: value [json-pointer:/blocks/0/rows/0/0]",
        ),
        (data_table(1), "must provide at least 2 items [json-pointer:/blocks/0/rows]"),
        (
            data_table(2, page_size=101),
            "must be less than or equal to 100 [json-pointer:/blocks/0/page_size]",
        ),
        (
            {"type": "task_card", "task_id": "1", "title": "t", "status": "pending"},
            "must be a valid enum value [json-pointer:/blocks/0/status]",
        ),
        ({"type": "alert", "text": plain(1)}, "unsupported type: alert [json-pointer:/blocks/0/type]"),
    ],
)
def test_a_wrong_shape_is_named(block: Json, fault: str) -> None:
    assert block_faults([block]) == [fault]


def test_a_message_holds_fifty_blocks_and_a_view_a_hundred() -> None:
    assert block_faults([{"type": "divider"}] * 50) == []
    assert block_faults([{"type": "divider"}] * 51) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert block_faults([{"type": "divider"}] * 100, "modal") == []
    assert len(block_faults([{"type": "divider"}] * 101, "home")) == 1


def test_a_block_id_is_unique_in_a_message_but_an_action_id_only_in_its_block() -> None:
    assert block_faults([actions(button(action_id="a")), actions(button(action_id="a"))]) == []
    twice: list[Json] = [{"type": "divider", "block_id": "b"}] * 2
    assert block_faults(twice) == ['`block_id` "b" already exists [json-pointer:/blocks/1/block_id]']


def test_all_markdown_blocks_share_twelve_thousand_characters() -> None:
    half = {"type": "markdown", "text": "x" * 6_001}
    assert "in all markdown blocks" in block_faults([half, half])[0]


def test_a_message_holds_one_table_and_two_charts() -> None:
    refusal = refuse_message([table(1, 1), data_table(2)])
    assert refusal is not None
    assert (refusal.error, refusal.messages) == ("invalid_attachments", ("only_one_table_allowed",))
    assert refuse_message([pie(), pie()]) is None
    assert refuse_message([pie(), pie(), pie()]) is not None


def test_a_message_as_a_whole_is_limited_too() -> None:
    blocks = [{"type": "section", "text": mrkdwn(2_900)}] * 4
    assert message_size(blocks) == 4 * 3_000
    assert refuse_message(blocks) is None
    refusal = refuse_message([*blocks, {"type": "section", "text": mrkdwn(1_101)}])
    assert refusal is not None
    assert refusal.error == "msg_blocks_too_long"
    assert refuse_message([table(100, 20, 5)]) is None, "a table has a limit of its own"


def test_plain_text_counts_as_slack_escapes_it() -> None:
    assert message_size([{"type": "header", "text": {"type": "plain_text", "text": "<&>"}}]) == 100 + 13


MODAL: Json = {"type": "modal", "title": plain(24), "blocks": [{"type": "divider"}]}
INPUT: Json = {"type": "input", "label": plain(1), "element": {"type": "plain_text_input"}}


@pytest.mark.parametrize(
    ("view", "fault"),
    [
        ({**MODAL, "title": plain(25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({**MODAL, "submit": plain(25)}, "must be less than 25 characters [json-pointer:/view/submit/text]"),
        ({**MODAL, "close": plain(25)}, "must be less than 25 characters [json-pointer:/view/close/text]"),
        (
            {**MODAL, "private_metadata": "x" * 3001},
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        ({**MODAL, "text": "x"}, "invalid additional property: text [json-pointer:/view]"),
        ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
        ({**MODAL, "blocks": [table(1, 1)]}, "unsupported type: table [json-pointer:/view/blocks/0/type]"),
        (
            {**MODAL, "blocks": [INPUT]},
            "must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/0/input]",
        ),
        (
            {"type": "home", "blocks": [], "title": plain(1)},
            "invalid additional property: title [json-pointer:/view]",
        ),
    ],
)
def test_a_view_is_held_to_its_limits(view: Json, fault: str) -> None:
    assert view_faults(view) == [fault]


def test_a_view_within_its_limits_is_accepted() -> None:
    assert (
        view_faults({**MODAL, "submit": plain(24), "blocks": [INPUT], "private_metadata": "x" * 3000}) == []
    )
    assert view_faults({"type": "home", "blocks": [section(), table(1, 1)]}) == []
