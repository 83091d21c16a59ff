"""One message with every block and element that a message of the bridge can hold, and more that Slack allows."""

from typing import Any

from bridge.playground import seed

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def text(words: str, **style: bool) -> Json:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


def section(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def cell(words: str) -> Json:
    return {"type": "raw_text", "text": words}


def button(label: str, number: int, **more: Any) -> Json:
    action = f"imbridge.run.{number}"
    return {"type": "button", "action_id": action, "text": plain(label), "value": "conv list", **more}


MRKDWN = (
    "*bold* _italic_ ~strike~ `code` <https://example.com/a?b=1&amp;c=2|a link> "
    f"<@{seed.LIN}> <#{seed.OPS}> <!here> <!date^1792000000^{{date_long_pretty}} at {{time}}|then>"
    " a &lt;b&gt; &amp; c\n&gt; quoted\n&gt; lines\n```pre &lt;x&gt;\n  two```"
)
GALLERY: list[Json] = [
    {"type": "header", "text": plain("Header · 一级标题")},
    {"type": "section", "text": {"type": "mrkdwn", "text": MRKDWN}, "accessory": button("Accessory", 9)},
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Name*\n港湾日报"}, plain("plain *no*")]},
    {"type": "divider"},
    rich(
        section(
            text("bold", bold=True),
            text(" plain "),
            text("italic", italic=True),
            text(" strike ", strike=True),
            text("code <b>", code=True),
            {"type": "link", "url": "https://example.com", "text": "link"},
            {"type": "link", "url": "javascript:alert(1)", "text": " no link "},
            {"type": "user", "user_id": seed.SAM},
            {"type": "channel", "channel_id": seed.SUPPORT},
            {"type": "broadcast", "range": "here"},
            {"type": "emoji", "name": "fish"},
            {
                "type": "date",
                "timestamp": 1792000000,
                "format": "{date_num} {time_secs}",
                "fallback": "then",
            },
            {"type": "color", "value": "#0f766e"},
            text("\nsecond line"),
        ),
        {
            "type": "rich_text_list",
            "style": "bullet",
            "indent": 0,
            "elements": [section(text("one")), section(text("two"))],
        },
        {
            "type": "rich_text_list",
            "style": "ordered",
            "indent": 1,
            "elements": [section(text("first"))],
        },
        {"type": "rich_text_quote", "elements": [text("<b>quoted</b>\nas it is")]},
        {"type": "rich_text_preformatted", "elements": [text("def f():\n    return 1")]},
    ),
    {
        "type": "table",
        "rows": [
            [cell("Name"), cell("Count"), cell("A column that is wide")],
            [cell("港湾日报"), cell("12"), cell("word " * 30)],
            [rich(section(text("id", code=True))), cell("1,200"), cell("–")],
        ],
        "column_settings": [{"is_wrapped": True}, {"align": "right"}, {"is_wrapped": True}],
    },
    {"type": "context", "elements": [plain("small and grey"), {"type": "mrkdwn", "text": "with *mrkdwn*"}]},
    {
        "type": "image",
        "image_url": f"{seed.GAME}lanterns.svg",
        "alt_text": "Lanterns",
        "title": plain("A picture"),
    },
    {"type": "image", "image_url": "https://example.com/elsewhere.png", "alt_text": "From elsewhere"},
    {
        "type": "actions",
        "elements": [
            button("Show", 0),
            button("Primary", 1, style="primary"),
            button(
                "删除会话",
                2,
                style="danger",
                confirm={
                    "title": plain("删除会话"),
                    "text": plain("This can't be undone. It runs: conv delete crew"),
                    "confirm": plain("删除会话"),
                    "deny": plain("Go back"),
                    "style": "danger",
                },
            ),
        ],
    },
]
