"""Block Kit's blocks, messages and views: the limits at which Slack answers `invalid_blocks`, each with its pointer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from bridge.playground.elements import (
    BUTTON,
    CHOICES,
    COMMON,
    CONTEXTUAL,
    ID,
    IMAGE,
    INPUTS,
    MOMENT,
    RICH_TEXT,
    SELECTS,
    SLACK_FILE,
    SLACK_ICON,
    URL,
    URL_SOURCE,
    any_text,
    plain_text,
)
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

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MARKDOWN_CHARACTERS = 12_000
TABLE_CHARACTERS = {"table": 10_000, "data_table": 20_000}
MESSAGE_CHARACTERS = 13_200
"""Measured, not documented: what all blocks of a message may hold together before `msg_blocks_too_long`."""
BLOCK_OVERHEAD = 100
"""Measured for a header block, charged for each block here: what passes this count passes Slack's."""
CHARTS = 2


@dataclass(frozen=True)
class Refusal:
    """Why Slack takes none of it: the error's name and one line per fault, with pointers."""

    error: str
    messages: tuple[str, ...] = ()


def _block(required: dict[str, Check], **optional: Check) -> Check:
    return record(required, {"block_id": string(255), **optional})


# -- Tables ------------------------------------------------------------------------------------------------------

_RAW_TEXT = record({"text": string(None, 1)}, {"emoji": boolean})
_RAW_NUMBER = record({"value": number(), "text": string(None, 1)})
_CELLS: dict[str, Check] = {"raw_text": _RAW_TEXT, "raw_number": _RAW_NUMBER, "rich_text": RICH_TEXT}
_HEADER_CELLS: dict[str, Check] = {"raw_text": _RAW_TEXT, "raw_number": _RAW_NUMBER}


def _nothing_or(rule: Check) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if value is not None:
            yield from rule(value, pointer)

    return check


def _cell_characters(kind: str) -> Check:
    most = TABLE_CHARACTERS[kind]

    def check(value: Any, pointer: str) -> Iterator[str]:
        if sum(len(text) for text in _texts(value["rows"])) > most:
            yield fault(f"must be less than {most + 1} characters", f"{pointer}/rows")

    return check


def _even_rows(value: Any, pointer: str) -> Iterator[str]:
    width = len(value["rows"][0])
    for index, row in enumerate(value["rows"]):
        if len(row) != width:
            yield fault("must have the same number of cells in every row", f"{pointer}/rows/{index}")
    yield from listing(tagged(_HEADER_CELLS))(value["rows"][0], f"{pointer}/rows/0")


_TABLE = together(
    _block(
        {"rows": listing(listing(tagged(_CELLS), 20, 1), 100, 1)},
        column_settings=listing(
            _nothing_or(record({}, {"align": choice("left", "center", "right"), "is_wrapped": boolean})), 20
        ),
    ),
    _cell_characters("table"),
)
_DATA_TABLE = together(
    _block(
        {"rows": listing(listing(tagged(_CELLS), 20, 1), 101, 2), "caption": string(None, 1)},
        page_size=number(1, 100, whole=True),
        row_header_column_index=number(0, 19, whole=True),
    ),
    _even_rows,
    _cell_characters("data_table"),
)

# -- Charts, cards, tasks ----------------------------------------------------------------------------------------

_POINT = record({"label": string(20, 1), "value": number()})
_AXIS = record({"categories": listing(string(20, 1), 20, 1)}, {"x_label": string(50), "y_label": string(50)})


def _every_category_once(value: Any, pointer: str) -> Iterator[str]:
    categories = value["axis_config"]["categories"]
    names = [series["name"] for series in value["series"]]
    if len(set(categories)) < len(categories):
        yield fault("must be unique", f"{pointer}/axis_config/categories")
    if len(set(names)) < len(names):
        yield fault("must be unique", f"{pointer}/series")
    for index, series in enumerate(value["series"]):
        if sorted(point["label"] for point in series["data"]) != sorted(categories):
            yield fault("must match the categories", f"{pointer}/series/{index}/data")


_AXES = together(
    record(
        {
            "series": listing(record({"name": string(20, 1), "data": listing(_POINT, 20, 1)}), 12, 1),
            "axis_config": _AXIS,
        }
    ),
    _every_category_once,
)


def _positive(value: Any, pointer: str) -> Iterator[str]:
    yield from number()(value, pointer)
    if isinstance(value, int | float) and value <= 0:
        yield fault("must be greater than 0", pointer)


_SEGMENT = record({"label": string(20, 1), "value": _positive})
_CHART = tagged(
    {
        "pie": record({"segments": listing(_SEGMENT, 12, 1)}),
        "bar": _AXES,
        "area": _AXES,
        "line": _AXES,
    }
)
_IMAGE_ELEMENT = tagged({"image": IMAGE})
_CARD = together(
    _block(
        {},
        hero_image=_IMAGE_ELEMENT,
        icon=_IMAGE_ELEMENT,
        slack_icon=tagged({"icon": SLACK_ICON}),
        title=any_text(150),
        subtitle=any_text(150),
        body=any_text(200),
        subtext=any_text(200),
        actions=listing(tagged({"button": BUTTON}), 3, 1),
    ),
    needs_one_of("hero_image", "title", "actions", "body"),
    only_one_of("icon", "slack_icon"),
)
_RICH = tagged({"rich_text": RICH_TEXT})
_TASK_FIELDS: dict[str, Check] = {"task_id": string(None, 1), "title": string(None, 1)}
_TASK_DETAILS: dict[str, Check] = {"details": _RICH, "output": _RICH, "sources": listing(URL_SOURCE)}
_PLAN_TASK = record(
    {**_TASK_FIELDS, "status": choice("pending", "in_progress", "complete", "error")}, _TASK_DETAILS
)

# -- The blocks --------------------------------------------------------------------------------------------------

_ACCESSORIES = {**COMMON, **SELECTS, **CHOICES, "image": IMAGE}
_ACTIONS = {**COMMON, **SELECTS, **CHOICES, **MOMENT}
_INPUT_ELEMENTS = {**SELECTS, **CHOICES, **MOMENT, **INPUTS}
_CONTEXT: dict[str, Check] = {"image": IMAGE, "plain_text": any_text(3000), "mrkdwn": any_text(3000)}

_BASIC: dict[str, Check] = {
    "actions": _block({"elements": listing(tagged(_ACTIONS), 25, 1)}),
    "context": _block({"elements": listing(tagged(_CONTEXT), 10, 1)}),
    "divider": _block({}),
    "file": _block({"external_id": string(None, 1), "source": choice("remote")}),
    "header": _block({"text": plain_text(150)}),
    "image": together(
        _block({"alt_text": string(2000, 1)}, image_url=URL, slack_file=SLACK_FILE, title=plain_text(2000)),
        needs_one_of("image_url", "slack_file"),
        only_one_of("image_url", "slack_file"),
    ),
    "input": _block(
        {"label": plain_text(2000), "element": tagged(_INPUT_ELEMENTS)},
        hint=plain_text(2000),
        optional=boolean,
        dispatch_action=boolean,
    ),
    "rich_text": RICH_TEXT,
    "section": together(
        _block(
            {},
            text=any_text(3000),
            fields=listing(any_text(2000), 10, 1),
            accessory=tagged(_ACCESSORIES),
            expand=boolean,
        ),
        needs_one_of("text", "fields"),
    ),
    "table": _TABLE,
    "video": _block(
        {
            "alt_text": string(2000, 1),
            "title": plain_text(199),
            "thumbnail_url": URL,
            "video_url": URL,
        },
        title_url=string(2000),
        description=plain_text(200),
        provider_name=string(50),
        provider_icon_url=string(2000),
        author_name=string(49),
    ),
}


def _container_switches(value: Any, pointer: str) -> Iterator[str]:
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        yield fault("requires is_collapsible", f"{pointer}/default_collapsed")
    if value.get("has_header_divider") and value.get("is_collapsible"):
        yield fault("only one of has_header_divider, is_collapsible is allowed", pointer)


_BLOCKS: dict[str, Check] = {
    **_BASIC,
    "alert": _block({"text": any_text(200)}, level=choice("default", "info", "warning", "error", "success")),
    "card": _CARD,
    "carousel": _block({"elements": listing(tagged({"card": _CARD}), 10, 1)}),
    "container": together(
        _block(
            {"child_blocks": listing(tagged(_BASIC), 10, 1)},
            title=plain_text(150),
            rich_text_title=_RICH,
            subtitle=any_text(150),
            icon=_IMAGE_ELEMENT,
            width=choice("narrow", "standard", "wide", "full"),
            is_collapsible=boolean,
            default_collapsed=boolean,
            has_header_divider=boolean,
        ),
        needs_one_of("title", "rich_text_title"),
        _container_switches,
    ),
    "context_actions": _block({"elements": listing(tagged(CONTEXTUAL), 5, 1)}),
    "data_table": _DATA_TABLE,
    "data_visualization": _block({"title": string(50, 1), "chart": _CHART}),
    "markdown": _block({"text": string(MARKDOWN_CHARACTERS, 1)}),
    "plan": _block({"title": string(None, 1), "tasks": listing(_PLAN_TASK, 50)}),
    "task_card": _block(
        {**_TASK_FIELDS, "status": choice("in_progress", "complete", "error")}, **_TASK_DETAILS
    ),
}
_ONLY_IN_MODALS = {"alert"}
_NOT_IN_MODALS = {
    *("carousel", "container", "context_actions", "data_table", "data_visualization", "file"),
    *("markdown", "plan", "table", "task_card"),
}
_NOT_IN_HOME = {"alert", "context_actions", "file", "markdown", "plan", "task_card"}
_SURFACES = {
    "message": set(_BLOCKS) - _ONLY_IN_MODALS,
    "modal": set(_BLOCKS) - _NOT_IN_MODALS,
    "home": set(_BLOCKS) - _NOT_IN_HOME,
}
_BLOCK_LISTS = {
    surface: listing(
        tagged({kind: _BLOCKS[kind] for kind in kinds}),
        MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS,
    )
    for surface, kinds in _SURFACES.items()
}


def block_faults(blocks: Any, surface: str = "message", pointer: str = "/blocks") -> list[str]:
    """Every fault of a list of blocks on one surface (message, modal, home); none for what Slack accepts."""
    faults = list(_BLOCK_LISTS[surface](blocks, pointer))
    return faults or [*_repeated_ids(blocks, pointer), *_message_totals(blocks, surface)]


def refuse_message(blocks: Any) -> Refusal | None:
    """Why Slack would refuse these blocks as a message, or None."""
    faults = block_faults(blocks)
    if faults:
        return Refusal("invalid_blocks", tuple(faults))
    if sum(block["type"] in TABLE_CHARACTERS for block in _with_children(blocks)) > 1:
        return Refusal("invalid_attachments", ("only_one_table_allowed",))
    if message_size(blocks) > MESSAGE_CHARACTERS:
        return Refusal("msg_blocks_too_long")
    return None


def message_size(blocks: Iterable[dict[str, Any]]) -> int:
    """What the blocks count towards the size of a message: escaped characters and an overhead each, tables apart."""
    size = 0
    for block in blocks:
        size += BLOCK_OVERHEAD
        if block["type"] not in TABLE_CHARACTERS:
            size += sum(len(text) for text in _texts(block))
    return size


def view_faults(view: Any) -> list[str]:
    """Every fault of a modal or Home view, with pointers below `/view`."""
    kinds = {
        "modal": record(
            {"title": plain_text(24), "blocks": _anything},
            {
                "submit": plain_text(24),
                "close": plain_text(24),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
                **_VIEW_FIELDS,
            },
        ),
        "home": record({"blocks": _anything}, _VIEW_FIELDS),
    }
    faults = list(tagged(kinds)(view, "/view"))
    if faults:
        return faults
    faults = block_faults(view["blocks"], view["type"], "/view/blocks")
    if not faults and view["type"] == "modal" and "submit" not in view:
        faults = [
            fault("must define `submit` to use an `input` block in modals", f"/view/blocks/{index}/input")
            for index, block in enumerate(view["blocks"])
            if block["type"] == "input"
        ]
    return faults


def _anything(value: Any, pointer: str) -> Iterator[str]:
    yield from ()


_VIEW_FIELDS: dict[str, Check] = {
    "private_metadata": string(3000),
    "callback_id": string(255),
    "external_id": ID,
}


def _with_children(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        yield block
        yield from block.get("child_blocks", [])


def _repeated_ids(blocks: list[dict[str, Any]], pointer: str) -> Iterator[str]:
    """`block_id` is unique in the message, `action_id` in its block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id:
            if block_id in seen:
                yield fault(f'`block_id` "{block_id}" already exists', f"{pointer}/{index}/block_id")
            seen.add(block_id)
        actions: set[str] = set()
        for position, element in enumerate(block.get("elements", [])):
            action_id = element.get("action_id")
            if action_id and action_id in actions:
                at = f"{pointer}/{index}/elements/{position}/action_id"
                yield fault(f'`action_id` "{action_id}" already exists', at)
            actions.add(action_id)


def _message_totals(blocks: list[dict[str, Any]], surface: str) -> Iterator[str]:
    if surface != "message":
        return
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_CHARACTERS:
        yield fault(
            f"must be less than {MARKDOWN_CHARACTERS + 1} characters in all markdown blocks", "/blocks"
        )
    if sum(block["type"] == "data_visualization" for block in blocks) > CHARTS:
        yield "too many data_visualization blocks"


def _texts(value: Any) -> Iterator[str]:
    """All text that a reader sees, plain text escaped as Slack stores it."""
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(each, str):
                yield from _texts(each)
            elif key in _SEEN:
                yield each if value.get("type") == "mrkdwn" else escape(each, quote=False)


_SEEN = {"text", "title", "caption", "label", "alt_text", "name"}
