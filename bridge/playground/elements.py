"""Block Kit's composition objects, interactive elements and rich text, with every length that Slack enforces."""

from collections.abc import Iterator
from typing import Any

from bridge.playground.schema import (
    Check,
    boolean,
    choice,
    fault,
    listing,
    needs_one_of,
    number,
    only_one_of,
    record,
    string,
    tagged,
    together,
)

ID = string(255, 1)
URL = string(3000, 1)


def plain_text(longest: int) -> Check:
    """A text object that may not carry mark-up."""
    rule = record({"text": string(longest, 1)}, {"emoji": boolean})
    return tagged({"plain_text": rule})


def any_text(longest: int) -> Check:
    """A text object, plain or mrkdwn."""
    return tagged(
        {
            "plain_text": record({"text": string(longest, 1)}, {"emoji": boolean}),
            "mrkdwn": record({"text": string(longest, 1)}, {"verbatim": boolean}),
        }
    )


CONFIRM = record(
    {"title": plain_text(100), "text": any_text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": choice("primary", "danger")},
)
DISPATCH = record(
    {"trigger_actions_on": listing(choice("on_enter_pressed", "on_character_entered"), 2, 1)},
)
SLACK_FILE = together(record({}, {"id": ID, "url": URL}), needs_one_of("id", "url"), only_one_of("id", "url"))
SLACK_ICON = record({"name": string(255, 1)})

_OPTION_FIELDS: dict[str, Check] = {"value": string(150, 1)}
OPTION = record({**_OPTION_FIELDS, "text": plain_text(75)}, {"description": plain_text(75)})
RICH_OPTION = record({**_OPTION_FIELDS, "text": any_text(75)}, {"description": any_text(75)})
MENU_OPTION = record(
    {"text": plain_text(75)}, {"value": string(150, 1), "description": plain_text(75), "url": URL}
)
OPTION_GROUP = record({"label": plain_text(75), "options": listing(OPTION, 100, 1)})
FILTER = together(
    record(
        {},
        {
            "include": listing(choice("im", "mpim", "private", "public"), None, 1),
            "exclude_external_shared_channels": boolean,
            "exclude_bot_users": boolean,
        },
    ),
    needs_one_of("include", "exclude_external_shared_channels", "exclude_bot_users"),
)

# -- Rich text ---------------------------------------------------------------------------------------------------

_STYLE = record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))
_MENTION_STYLE = record(
    {}, dict.fromkeys(("bold", "italic", "strike", "highlight", "client_highlight", "unlink"), boolean)
)
_INLINE: dict[str, Check] = {
    "text": record({"text": string(None, 1)}, {"style": _STYLE}),
    "link": record({"url": URL}, {"text": string(), "unsafe": boolean, "style": _STYLE}),
    "emoji": record({"name": string(None, 1)}, {"unicode": string(), "skin_tone": number(1, 6, whole=True)}),
    "user": record({"user_id": ID}, {"style": _MENTION_STYLE}),
    "usergroup": record({"usergroup_id": ID}, {"style": _MENTION_STYLE}),
    "channel": record({"channel_id": ID}, {"style": _MENTION_STYLE}),
    "broadcast": record({"range": choice("here", "channel", "everyone")}, {"style": _MENTION_STYLE}),
    "color": record({"value": string(None, 1)}),
    "date": record(
        {"timestamp": number(whole=True), "format": string(None, 1)}, {"url": URL, "fallback": string()}
    ),
}
_INLINES = listing(tagged(_INLINE))
_BORDER = number(0, 1, whole=True)
_SECTION = record({"elements": _INLINES})
RICH_TEXT_PARTS = tagged(
    {
        "rich_text_section": _SECTION,
        "rich_text_list": record(
            {
                "style": choice("bullet", "ordered"),
                "elements": listing(tagged({"rich_text_section": _SECTION})),
            },
            {"indent": number(0, 8, whole=True), "offset": number(0, whole=True), "border": _BORDER},
        ),
        "rich_text_preformatted": record({"elements": _INLINES}, {"border": _BORDER, "language": string()}),
        "rich_text_quote": record({"elements": _INLINES}, {"border": _BORDER}),
    }
)
RICH_TEXT = record({"elements": listing(RICH_TEXT_PARTS)}, {"block_id": string(255)})

# -- Interactive elements ----------------------------------------------------------------------------------------


def _element(required: dict[str, Check], **optional: Check) -> Check:
    return record(required, {"action_id": ID, **optional})


def _input(**optional: Check) -> Check:
    return _element({}, placeholder=plain_text(150), focus_on_load=boolean, **optional)


def _select(**optional: Check) -> Check:
    return _input(confirm=CONFIRM, **optional)


def _static(initial: str, initial_rule: Check, **more: Check) -> Check:
    options: dict[str, Check] = {
        "options": listing(OPTION, 100, 1),
        "option_groups": listing(OPTION_GROUP, 100, 1),
        initial: initial_rule,
    }
    return together(
        _select(**options, **more),
        needs_one_of("options", "option_groups"),
        only_one_of("options", "option_groups"),
        _initial_is_offered,
    )


def _initial_is_offered(value: Any, pointer: str) -> Iterator[str]:
    groups = value.get("option_groups", [])
    offered = value.get("options", []) + [option for group in groups for option in group["options"]]
    initial = value.get("initial_options", [])
    if "initial_option" in value:
        initial = [value["initial_option"]]
    if any(each not in offered for each in initial):
        field = "initial_option" if "initial_option" in value else "initial_options"
        yield fault("must match one of the options", f"{pointer}/{field}")


_MOST: dict[str, Check] = {"max_selected_items": number(1, whole=True)}
_CONVERSATION: dict[str, Check] = {"default_to_current_conversation": boolean, "filter": FILTER}

IMAGE = together(
    record({"alt_text": string(2000, 1)}, {"image_url": URL, "slack_file": SLACK_FILE}),
    needs_one_of("image_url", "slack_file"),
    only_one_of("image_url", "slack_file"),
)

SELECTS: dict[str, Check] = {
    "static_select": _static("initial_option", OPTION),
    "multi_static_select": _static("initial_options", listing(OPTION, 100, 1), **_MOST),
    "external_select": _select(initial_option=OPTION, min_query_length=number(0, whole=True)),
    "multi_external_select": _select(
        initial_options=listing(OPTION, 100, 1), min_query_length=number(0, whole=True), **_MOST
    ),
    "users_select": _select(initial_user=ID),
    "multi_users_select": _select(initial_users=listing(ID), **_MOST),
    "channels_select": _select(initial_channel=ID, response_url_enabled=boolean),
    "multi_channels_select": _select(initial_channels=listing(ID), **_MOST),
    "conversations_select": _select(initial_conversation=ID, response_url_enabled=boolean, **_CONVERSATION),
    "multi_conversations_select": _select(initial_conversations=listing(ID), **_CONVERSATION, **_MOST),
}

BUTTON = _element(
    {"text": plain_text(75)},
    url=URL,
    value=string(2000),
    style=choice("primary", "danger"),
    confirm=CONFIRM,
    accessibility_label=string(75),
    agent_prompt=string(4000),
)
_WORKFLOW_TRIGGER = record(
    {"url": URL},
    {"customizable_input_parameters": listing(record({"name": string(None, 1), "value": string()}))},
)
COMMON: dict[str, Check] = {
    "button": BUTTON,
    "workflow_button": _element(
        {"text": plain_text(75), "workflow": record({"trigger": _WORKFLOW_TRIGGER})},
        style=choice("primary", "danger"),
        accessibility_label=string(75),
    ),
    "overflow": _element({"options": listing(MENU_OPTION, 5, 1)}, confirm=CONFIRM),
}
CHOICES: dict[str, Check] = {
    "checkboxes": together(
        _element(
            {"options": listing(RICH_OPTION, 10, 1)},
            initial_options=listing(RICH_OPTION, 10, 1),
            confirm=CONFIRM,
            focus_on_load=boolean,
        ),
        _initial_is_offered,
    ),
    "radio_buttons": together(
        _element(
            {"options": listing(RICH_OPTION, 10, 1)},
            initial_option=RICH_OPTION,
            confirm=CONFIRM,
            focus_on_load=boolean,
        ),
        _initial_is_offered,
    ),
    "datepicker": _select(initial_date=string(10, 10)),
    "timepicker": _select(initial_time=string(5, 5), timezone=string(None, 1)),
}
MOMENT: dict[str, Check] = {
    "datetimepicker": _element(
        {}, initial_date_time=number(0, 9_999_999_999, whole=True), confirm=CONFIRM, focus_on_load=boolean
    )
}
INPUTS: dict[str, Check] = {
    "plain_text_input": _input(
        initial_value=string(3000),
        multiline=boolean,
        min_length=number(0, 3000, whole=True),
        max_length=number(1, 3000, whole=True),
        dispatch_action_config=DISPATCH,
    ),
    "email_text_input": _input(initial_value=string(), dispatch_action_config=DISPATCH),
    "url_text_input": _input(initial_value=string(), dispatch_action_config=DISPATCH),
    "number_input": record(
        {"is_decimal_allowed": boolean},
        {
            "action_id": ID,
            "placeholder": plain_text(150),
            "focus_on_load": boolean,
            "initial_value": string(),
            "min_value": string(),
            "max_value": string(),
            "dispatch_action_config": DISPATCH,
        },
    ),
    "rich_text_input": _input(
        initial_value=tagged({"rich_text": RICH_TEXT}),
        dispatch_action_config=DISPATCH,
        min_lines=number(1, 100, whole=True),
        max_lines=number(1, 100, whole=True),
    ),
    "file_input": _element(
        {}, filetypes=listing(string(None, 1), None, 1), max_files=number(1, 10, whole=True)
    ),
}
FEEDBACK_BUTTON = record({"text": plain_text(75), "value": string(2000)}, {"accessibility_label": string(75)})
CONTEXTUAL: dict[str, Check] = {
    "feedback_buttons": _element({"positive_button": FEEDBACK_BUTTON, "negative_button": FEEDBACK_BUTTON}),
    "icon_button": _element(
        {"icon": choice("trash"), "text": plain_text(75)},
        value=string(2000),
        confirm=CONFIRM,
        accessibility_label=string(75),
        visible_to_user_ids=listing(ID, 10),
    ),
}
URL_SOURCE = tagged({"url": record({"url": URL, "text": string(None, 1)})})
