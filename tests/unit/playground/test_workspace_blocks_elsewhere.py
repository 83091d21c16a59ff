"""What slackblocks and slack_sdk believe of Block Kit's limits, and where the stand-in disagrees with them."""

from typing import Any

import pytest
import slackblocks
from slack_sdk.models import blocks as sdk
from slack_sdk.models.basic_objects import JsonObject
from slackblocks import _limits

from bridge.playground import blocks as ours
from bridge.playground.blocks import block_faults, refuse_message
from tests.unit.playground.limits import LIMITS

_SLACKBLOCKS = {
    "section text": _limits.SECTION_TEXT_MAX_LENGTH,
    "section fields": _limits.SECTION_FIELDS_MAX_ITEMS,
    "field text": _limits.SECTION_FIELDS_ITEM_MAX_LENGTH,
    "header": _limits.HEADER_TEXT_MAX_LENGTH,
    "button text": _limits.BUTTON_TEXT_MAX_LENGTH,
    "button value": _limits.BUTTON_VALUE_MAX_LENGTH,
    "button url": _limits.BUTTON_URL_MAX_LENGTH,
    "action_id": _limits.ACTION_ID_MAX_LENGTH,
    "block_id": _limits.BLOCK_ID_MAX_LENGTH,
    "actions": _limits.ACTIONS_ELEMENTS_MAX_ITEMS,
    "context": _limits.CONTEXT_ELEMENTS_MAX_ITEMS,
    "select options": _limits.SELECT_OPTIONS_MAX_ITEMS,
    "placeholder": _limits.SELECT_PLACEHOLDER_MAX_LENGTH,
    "option text": _limits.OPTION_TEXT_MAX_LENGTH,
    "option value": _limits.OPTION_VALUE_MAX_LENGTH,
    "overflow": _limits.OVERFLOW_OPTIONS_MAX_ITEMS,
    "checkboxes": _limits.CHECKBOXES_OPTIONS_MAX_ITEMS,
    "confirm title": _limits.CONFIRMATION_TITLE_MAX_LENGTH,
    "confirm text": _limits.CONFIRMATION_TEXT_MAX_LENGTH,
    "confirm button": _limits.CONFIRMATION_CONFIRM_MAX_LENGTH,
    "image alt": _limits.IMAGE_ALT_TEXT_MAX_LENGTH,
    "markdown": _limits.MARKDOWN_TEXT_MAX_LENGTH,
    "table rows": _limits.TABLE_ROWS_MAX_ITEMS,
    "table columns": _limits.TABLE_COLUMNS_MAX_ITEMS,
    "column settings": _limits.TABLE_COLUMN_SETTINGS_MAX_ITEMS,
    "data table rows": _limits.DATA_TABLE_ROWS_MAX_ITEMS,
    "card title": _limits.CARD_TITLE_MAX_LENGTH,
    "card body": _limits.CARD_BODY_MAX_LENGTH,
    "card actions": _limits.CARD_ACTIONS_MAX_ITEMS,
    "carousel": _limits.CAROUSEL_ELEMENTS_MAX_ITEMS,
    "plan": _limits.PLAN_TASKS_MAX_ITEMS,
    "chart title": _limits.DATA_VISUALIZATION_TITLE_MAX_LENGTH,
    "chart label": _limits.DATA_VISUALIZATION_SEGMENT_LABEL_MAX_LENGTH,
    "chart segments": _limits.DATA_VISUALIZATION_SEGMENTS_MAX_ITEMS,
}


def test_slackblocks_agrees_but_for_the_rows_of_a_data_table_and_the_characters_of_a_table() -> None:
    mine = {name: limit for name, _, limit, _, _ in LIMITS}
    assert {name: limit for name, limit in _SLACKBLOCKS.items() if mine[name] != limit} == {
        "data table rows": 201
    }
    # Slack documents 100 rows and a header for a data table, and 10,000 characters for a table: the stricter holds.
    assert set(mine) - set(_SLACKBLOCKS) == {"table characters"}
    assert ours.TABLE_CHARACTERS["data_table"] == _limits.DATA_TABLE_TOTAL_CONTENT_MAX_LENGTH
    assert ours.MESSAGE_BLOCKS == _limits.MESSAGE_BLOCKS_MAX_ITEMS
    assert ours.VIEW_BLOCKS == _limits.VIEW_BLOCKS_MAX_ITEMS
    assert ours.CHARTS == _limits.MESSAGE_DATA_VISUALIZATIONS_MAX_ITEMS


def _plain(text: str) -> slackblocks.Text:
    return slackblocks.Text(text, type_=slackblocks.TextType.PLAINTEXT)


def test_what_slackblocks_builds_is_accepted() -> None:
    built = [
        slackblocks.HeaderBlock("Saturday"),
        slackblocks.SectionBlock("*hello*", fields=["a", "b"]),
        slackblocks.DividerBlock(),
        slackblocks.ContextBlock([slackblocks.Text("small")]),
        slackblocks.ActionsBlock(
            [
                slackblocks.Button("Send", action_id="a", value="v", style="primary"),
                slackblocks.StaticSelectMenu("b", [slackblocks.Option(_plain("now"), "now")]),
            ]
        ),
        slackblocks.TableBlock([[slackblocks.RawText("a"), slackblocks.RawText("b")]]),
        slackblocks.RichTextBlock(slackblocks.RichTextSection(slackblocks.RichText("t", bold=True))),
    ]
    assert refuse_message([block._resolve() for block in built]) is None


SDK_BLOCKS: list[JsonObject] = [
    sdk.HeaderBlock(text="Saturday"),
    sdk.SectionBlock(
        text="*hello*", fields=["a", "b"], accessory=sdk.ButtonElement(text="Go", action_id="g")
    ),
    sdk.DividerBlock(),
    sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="small")]),
    sdk.ActionsBlock(
        elements=[
            sdk.ButtonElement(
                text="Send",
                action_id="a",
                value="v",
                style="danger",
                confirm=sdk.ConfirmObject(title="Sure?", text="To everyone", confirm="Yes", deny="No"),
            ),
            sdk.StaticSelectElement(
                placeholder="when", action_id="b", options=[sdk.Option(value="n", label="now")]
            ),
            sdk.UserSelectElement(placeholder="who", action_id="c"),
            sdk.DatePickerElement(action_id="d", initial_date="2026-12-31"),
            sdk.CheckboxesElement(action_id="e", options=[sdk.Option(value="n", label="now")]),
        ]
    ),
    sdk.InputBlock(label="Text", element=sdk.PlainTextInputElement(action_id="f", multiline=True)),
    sdk.MarkdownBlock(text="**hi**"),
    sdk.ImageBlock(image_url="https://a.cn/b.png", alt_text="a picture"),
    sdk.TableBlock(rows=[[{"type": "raw_text", "text": "a"}]], column_settings=[{"align": "right"}]),
]


def test_what_slack_sdk_builds_is_accepted() -> None:
    assert block_faults([block.to_dict() for block in SDK_BLOCKS]) == []


@pytest.mark.parametrize(
    "broken",
    [
        sdk.SectionBlock(text="x" * 3001),
        sdk.SectionBlock(fields=["x"] * 11),
        sdk.HeaderBlock(text="x" * 151),
        sdk.ActionsBlock(elements=[sdk.ButtonElement(text="x" * 76, action_id="a")]),
        sdk.ActionsBlock(elements=[sdk.ButtonElement(text="x", action_id="a", value="x" * 2001)]),
        sdk.ActionsBlock(elements=[sdk.ButtonElement(text="x", action_id=str(n)) for n in range(26)]),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="x")] * 11),
        sdk.MarkdownBlock(text="x" * 12001),
        sdk.DividerBlock(block_id="x" * 256),
    ],
)
def test_what_slack_sdk_refuses_is_refused_here_too(broken: JsonObject) -> None:
    with pytest.raises(Exception, match=r"cannot exceed|characters"):
        broken.to_dict()
    raw = _without_checks(broken)
    assert block_faults([raw]), raw


def _without_checks(part: Any) -> Any:
    """The JSON of a model, built without the model's own checks."""
    if isinstance(part, JsonObject):
        return {
            name: _without_checks(getattr(part, name))
            for name in part.attributes | {"type"}
            if getattr(part, name, None) is not None
        }
    return [_without_checks(each) for each in part] if isinstance(part, (list, tuple)) else part


def test_slack_sdk_lets_through_what_slack_refuses() -> None:
    let_through: list[JsonObject] = [
        sdk.SectionBlock(fields=["x" * 2001]),
        sdk.ActionsBlock(elements=[sdk.ButtonElement(text="a", action_id="a")] * 2),
        sdk.TableBlock(rows=[[{"type": "raw_text", "text": "a"}] * 21]),
        sdk.TableBlock(rows=[[{"type": "raw_text", "text": ""}]]),
    ]
    for block in let_through:
        assert block_faults([block.to_dict()])
