"""Forms and a Home tab with every element that Slack has, and an app that opens, checks and answers them."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bridge.playground.model import Shortcut
from tests.browser.gallery import GALLERY, plain

Json = dict[str, Any]

SHORTCUTS = (
    Shortcut("compose", "写公告… Compose", "global", "Opens the composer"),
    Shortcut("everything", "Every element", "global"),
    Shortcut("forward", "发给玩家… Send to the app", "message", "Takes this message"),
)
FISH = ("Tuna 金枪鱼", "Squid 夜光鱿鱼", "Snapper 金色鲷鱼", "Sardine", "Mackerel")


def option(label: str, value: str | None = None, **more: Any) -> Json:
    return {"text": plain(label), "value": value or label, **more}


def field(label: str, element: Json, **more: Any) -> Json:
    action = element.get("action_id") or element["type"]
    block = {"type": "input", "block_id": action, "label": plain(label), "optional": True}
    return {**block, "element": {"action_id": action, **element}, **more}


def modal(title: str, *blocks: Json, **more: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain(title),
        "submit": plain("Send"),
        "close": plain("Not now"),
        "blocks": list(blocks),
        **more,
    }


OPTIONS = [
    option("Everyone", "all", description=plain("every player")),
    option("Subscribers"),
    option("A few"),
]
GROUPS = [
    {"label": plain("Deep sea"), "options": [option("Squid"), option("Angler")]},
    {"label": plain("Harbor"), "options": [option("Sardine")]},
]
EVERY_FIELD: list[Json] = [
    field(
        "Name",
        {"type": "plain_text_input", "placeholder": plain("Harbor News")},
        hint=plain("As players see it."),
    ),
    field(
        "Text",
        {
            "type": "plain_text_input",
            "action_id": "body",
            "multiline": True,
            "initial_value": "周六有晚会！\nBring lanterns.",
        },
    ),
    field(
        "Minutes", {"type": "number_input", "is_decimal_allowed": False, "min_value": "1", "max_value": "60"}
    ),
    field("Link", {"type": "url_text_input", "initial_value": "https://example.com"}),
    field("Mail", {"type": "email_text_input"}),
    field("Rich", {"type": "rich_text_input"}),
    field("Audience", {"type": "static_select", "options": OPTIONS, "initial_option": OPTIONS[1]}),
    field("Bait", {"type": "static_select", "action_id": "grouped", "option_groups": GROUPS}),
    field("Tags", {"type": "multi_static_select", "options": OPTIONS, "initial_options": OPTIONS[:2]}),
    field("Fish", {"type": "external_select", "min_query_length": 1, "placeholder": plain("Search the sea")}),
    field("More fish", {"type": "multi_external_select", "min_query_length": 0}),
    field("Conversation", {"type": "conversations_select", "default_to_current_conversation": True}),
    field("Conversations", {"type": "multi_conversations_select", "filter": {"include": ["public"]}}),
    field("Channel", {"type": "channels_select"}),
    field("Channels", {"type": "multi_channels_select"}),
    field("Person", {"type": "users_select"}),
    field("People", {"type": "multi_users_select", "max_selected_items": 1}),
    field("Day", {"type": "datepicker", "initial_date": "2026-12-31"}),
    field("Time", {"type": "timepicker", "initial_time": "23:55"}),
    field("Moment", {"type": "datetimepicker", "initial_date_time": 1792000000}),
    field("Ways", {"type": "checkboxes", "options": OPTIONS, "initial_options": OPTIONS[2:]}),
    field("Kind", {"type": "radio_buttons", "options": OPTIONS, "initial_option": OPTIONS[0]}),
    field("Pictures", {"type": "file_input", "filetypes": ["csv", "svg"], "max_files": 2}),
]
COUNTED = {
    "type": "plain_text_input",
    "action_id": "counted",
    "multiline": True,
    "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]},
}


def button(label: str, action: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action, "text": plain(label), **more}


def composer(count: int = 0) -> Json:
    """A form whose count follows what is typed."""
    return modal(
        "Compose 公告",
        field("To whom", {"type": "external_select", "min_query_length": 1}, optional=False),
        field("Text", COUNTED, optional=False, dispatch_action=True, hint=plain(f"{count} of 5,120 bytes")),
        {"type": "actions", "block_id": "more", "elements": [button("Preview", "preview")]},
        notify_on_close=True,
    )


def home(approved: str = "") -> Json:
    """A Home tab: buttons, a menu, every block."""
    waiting = f"approved by <@{approved}>" if approved else "*1* waits for you"
    menu = {"type": "static_select", "action_id": "show", "options": OPTIONS, "placeholder": plain("Show")}
    overflow = {"type": "overflow", "action_id": "overflow", "options": [option("Later"), option("Never")]}
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("Good morning · 早上好")},
            {
                "type": "section",
                "block_id": "waiting",
                "text": {"type": "mrkdwn", "text": waiting},
                "accessory": button("Approve", "approve", style="primary"),
            },
            {"type": "actions", "block_id": "menus", "elements": [menu, overflow, button("New", "new")]},
            {
                "type": "section",
                "text": plain("Pick"),
                "block_id": "pick",
                "accessory": {**menu, "action_id": "pick"},
            },
            *[block for block in GALLERY if block["type"] not in ("header", "image")],
        ],
    }


def install(bolt: AsyncApp, submitted: list[Json]) -> None:
    """An app for these forms; what is submitted is kept by block_id."""

    @bolt.shortcut("everything")
    async def everything(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal("Every element", *EVERY_FIELD))

    @bolt.shortcut("compose")
    async def compose(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=composer())

    @bolt.shortcut("forward")
    async def forward(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        taken = field("Text", {"type": "plain_text_input", "initial_value": body["message"]["text"]})
        await client.views_open(trigger_id=body["trigger_id"], view=modal("Forward", taken))

    @bolt.action("counted")
    async def counted(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        typed = body["view"]["state"]["values"]["counted"]["counted"]["value"] or ""
        await client.views_update(view_id=body["view"]["id"], view=composer(len(typed.encode())))

    @bolt.action("preview")
    async def preview(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        typed = body["view"]["state"]["values"]["counted"]["counted"]["value"] or "nothing"
        shown = {"type": "section", "text": plain(typed)}
        view = {"type": "modal", "title": plain("Preview"), "blocks": [shown]}
        await client.views_push(trigger_id=body["trigger_id"], view=view)

    @bolt.options("external_select")
    @bolt.options("multi_external_select")
    async def search(ack: AsyncAck, payload: Json) -> None:
        found = [option(each) for each in FISH if payload["value"].lower() in each.lower()]
        await ack(options=found)

    @bolt.view("form")
    async def submit(ack: AsyncAck, view: Json) -> None:
        values = {block: next(iter(entry.values())) for block, entry in view["state"]["values"].items()}
        if (values.get("counted", {}).get("value") or "").startswith("bad"):
            await ack(response_action="errors", errors={"counted": "This is not kind. 请换个说法。"})
            return
        submitted.append(values)
        await ack()

    @bolt.view_closed("form")
    async def closed(ack: AsyncAck) -> None:
        await ack()
        submitted.append({"closed": {}})

    _install_home(bolt)


def _install_home(bolt: AsyncApp) -> None:
    @bolt.event("app_home_opened")
    async def opened(event: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view=home())

    @bolt.action("approve")
    async def approve(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        user = body["user"]["id"]
        await client.views_publish(user_id=user, view=home(approved=user))

    @bolt.action("show")
    @bolt.action("pick")
    @bolt.action("overflow")
    async def chosen(ack: AsyncAck, action: Json, body: Json, client: AsyncWebClient) -> None:
        await ack()
        text = f"chose {action['selected_option']['value']}"
        await client.chat_postMessage(channel=body["user"]["id"], text=text)

    @bolt.action("new")
    async def new(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=composer())
