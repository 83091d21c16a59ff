"""Each limit of Block Kit: a block as long as wanted, where its limit lies, and where Slack then points."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(1), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def options(count: int) -> list[Json]:
    return [{"text": plain(1), "value": str(number)} for number in range(count)]


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(1), **more}


def table(rows: int, columns: int, text: int = 1) -> Json:
    cell = {"type": "raw_text", "text": "x" * text}
    return {"type": "table", "rows": [[cell] * columns for _ in range(rows)]}


def data_table(rows: int, **more: Any) -> Json:
    return {**table(rows, 2), "type": "data_table", "caption": "c", **more}


def confirm(title: int = 1, text: int = 1, word: int = 1) -> Json:
    return {"title": plain(title), "text": plain(text), "confirm": plain(word), "deny": plain(1)}


def card(**more: Any) -> Json:
    return {"type": "card", "title": plain(1), **more}


def pie(segments: int = 1, label: int = 1, title: int = 1) -> Json:
    slices = [{"label": "x" * label, "value": 1}] * segments
    return {"type": "data_visualization", "title": "t" * title, "chart": {"type": "pie", "segments": slices}}


def plan(tasks: int) -> Json:
    rows = [{"task_id": str(n), "title": "t", "status": "pending"} for n in range(tasks)]
    return {"type": "plan", "title": "t", "tasks": rows}


def select(**more: Any) -> Json:
    return actions({"type": "static_select", "options": options(1), **more})


LIMITS: list[tuple[str, Callable[[int], Json], int, str, str]] = [
    ("section text", lambda n: {"type": "section", "text": mrkdwn(n)}, 3000, "chars", "/text/text"),
    ("section fields", lambda n: {"type": "section", "fields": [plain(1)] * n}, 10, "items", "/fields"),
    ("field text", lambda n: {"type": "section", "fields": [plain(n)]}, 2000, "chars", "/fields/0/text"),
    ("header", lambda n: {"type": "header", "text": plain(n)}, 150, "chars", "/text/text"),
    ("button text", lambda n: actions(button(text=plain(n))), 75, "chars", "/elements/0/text/text"),
    ("button value", lambda n: actions(button(value="x" * n)), 2000, "chars", "/elements/0/value"),
    ("button url", lambda n: actions(button(url="x" * n)), 3000, "chars", "/elements/0/url"),
    ("action_id", lambda n: actions(button(action_id="x" * n)), 255, "chars", "/elements/0/action_id"),
    ("block_id", lambda n: {"type": "divider", "block_id": "x" * n}, 255, "chars", "/block_id"),
    ("actions", lambda n: actions(*[button()] * n), 25, "items", "/elements"),
    ("context", lambda n: {"type": "context", "elements": [mrkdwn(1)] * n}, 10, "items", "/elements"),
    ("select options", lambda n: select(options=options(n)), 100, "items", "/elements/0/options"),
    ("placeholder", lambda n: select(placeholder=plain(n)), 150, "chars", "/elements/0/placeholder/text"),
    (
        "option text",
        lambda n: select(options=[{"text": plain(n), "value": "v"}]),
        75,
        "chars",
        "/elements/0/options/0/text/text",
    ),
    (
        "option value",
        lambda n: select(options=[{"text": plain(1), "value": "v" * n}]),
        150,
        "chars",
        "/elements/0/options/0/value",
    ),
    (
        "overflow",
        lambda n: section(accessory={"type": "overflow", "options": options(n)}),
        5,
        "items",
        "/accessory/options",
    ),
    (
        "checkboxes",
        lambda n: actions({"type": "checkboxes", "options": options(n)}),
        10,
        "items",
        "/elements/0/options",
    ),
    (
        "confirm title",
        lambda n: actions(button(confirm=confirm(n))),
        100,
        "chars",
        "/elements/0/confirm/title/text",
    ),
    (
        "confirm text",
        lambda n: actions(button(confirm=confirm(1, n))),
        300,
        "chars",
        "/elements/0/confirm/text/text",
    ),
    (
        "confirm button",
        lambda n: actions(button(confirm=confirm(1, 1, n))),
        30,
        "chars",
        "/elements/0/confirm/confirm/text",
    ),
    (
        "image alt",
        lambda n: {"type": "image", "image_url": "u", "alt_text": "x" * n},
        2000,
        "chars",
        "/alt_text",
    ),
    ("markdown", lambda n: {"type": "markdown", "text": "x" * n}, 12000, "chars", "/text"),
    ("table rows", lambda n: table(n, 1), 100, "items", "/rows"),
    ("table columns", lambda n: table(1, n), 20, "items", "/rows/0"),
    ("table characters", lambda n: table(1, 1, n), 10000, "chars", "/rows"),
    (
        "column settings",
        lambda n: {**table(1, 1), "column_settings": [None] * n},
        20,
        "items",
        "/column_settings",
    ),
    ("data table rows", data_table, 101, "items", "/rows"),
    ("card title", lambda n: card(title=plain(n)), 150, "chars", "/title/text"),
    ("card body", lambda n: card(body=plain(n)), 200, "chars", "/body/text"),
    ("card actions", lambda n: card(actions=[button()] * n), 3, "items", "/actions"),
    ("carousel", lambda n: {"type": "carousel", "elements": [card()] * n}, 10, "items", "/elements"),
    ("plan", plan, 50, "items", "/tasks"),
    ("chart title", lambda n: pie(title=n), 50, "chars", "/title"),
    ("chart label", lambda n: pie(label=n), 20, "chars", "/chart/segments/0/label"),
    ("chart segments", pie, 12, "items", "/chart/segments"),
]
