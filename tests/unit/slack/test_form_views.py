"""Forms: every command has one within Slack's limits, and what is filled in reads back as exactly that."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from slack_sdk.models.views import View as SdkView
from slackblocks import _limits

from bridge.commands import Command, Parameter, Registry
from bridge.context import Context, Defaults
from bridge.grammar import split
from bridge.ledger import Act
from bridge.locale import translation
from bridge.parse import as_typed, understand, words_of
from bridge.phrases import english, phrase
from bridge.playground.blocks import view_faults
from bridge.realtime.models import Conversation, Kind
from bridge.realtime.wire import byte_length
from bridge.reply import Failure
from bridge.slack.asker import ResponseUrl
from bridge.slack.drafts import Draft, Origin, contents_of
from bridge.slack.elements import LONGEST_INPUT
from bridge.slack.forms import Offer, choices, errors_of, form_view, is_fillable, ordered
from bridge.slack.labels import LABELS
from bridge.slack.openings import asked_for
from bridge.slack.render import Reader
from bridge.slack.timing import MODE, ONCE, WEEKLY, Timing, zones_like
from bridge.values import Reading
from handlers import COMMANDS
from handlers.composing import Composing, Saying, plan

REGISTRY = Registry.of(COMMANDS)
BROADCAST, NOTIFY = REGISTRY.commands["broadcast"], REGISTRY.commands["notify"]
ENGLISH = Reader("en", english)
CHINESE = Reader("zh-CN", translation("zh-CN"))
NOON = 1_767_225_600_000 + 12 * 3_600_000  # 2026-01-01T12:00Z
HERE = Origin("", "C0OPS00001")


# -- Every view within every limit -------------------------------------------------------------------------------------

LONG = "晚😀\u202e<&" * 40
LINK = ResponseUrl(f"https://hooks.slack.com/commands/{'x' * 200}", NOON)
FULL = Offer(
    now=NOON,
    commands=tuple(each for each in COMMANDS if each.announces),
    lists=(LONG, *(f"list {number} {LONG[:40]}" for number in range(150))),
    sender=LONG[:64],
)


def drafts(command: Command) -> Iterator[Draft]:
    """A command's form empty, full to its brim, for each kind of content and at each kind of time."""
    longest = {each.name: ("",) if each.flag else (_longest(each),) for each in command.parameters}
    origins = (
        Origin(command.name, "C0OPS00001", "1.2", LINK),
        Origin(command.name, composer=command.announces),
    )
    timings = [Timing()]
    if command.announces:
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        timings += [Timing(ONCE), Timing(ONCE, NOON + 1), Timing(ONCE, NOON - 1), Timing(WEEKLY)]
        timings.append(Timing(WEEKLY, None, days, "10:00", "America/Argentina/ComodRivadavia"))
    for origin in origins:
        for timing in timings:
            yield Draft(command, origin, {}, "", timing)
            for content in ("", *(each.name for each in contents_of(command))):
                yield Draft(command, origin, longest, content, timing)


def _longest(known: Parameter) -> str:
    if known.choices:
        return known.choices[0]
    longest = {"MSGID": 64, "ID": 64, "ZONE": 30, "CONV": 64, "WHEN": 60, "N": 9}.get(
        known.noun, LONGEST_INPUT
    )
    return ("9" if known.kind is int else "晚") * longest


@pytest.mark.parametrize("reader", [ENGLISH, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.name)
def test_every_command_has_a_form_that_slack_takes(command: Command, reader: Reader) -> None:
    for draft in drafts(command):
        view: dict[str, Any] = json.loads(json.dumps(form_view(draft, FULL, reader)))
        assert view_faults(view) == []
        assert list(_breaches(view)) == []
        sdk = SdkView(**view)
        sdk.validate_json()
        for block in sdk.blocks or ():
            block.validate_json()
            if element := getattr(block, "element", None):
                element.validate_json()
        assert len(sdk.blocks or ()) == len(view["blocks"])


LENGTHS = {
    "title": _limits.VIEW_TITLE_MAX_LENGTH,
    "submit": _limits.VIEW_SUBMIT_MAX_LENGTH,
    "close": _limits.VIEW_CLOSE_MAX_LENGTH,
    "label": _limits.INPUT_LABEL_MAX_LENGTH,
    "hint": _limits.INPUT_HINT_MAX_LENGTH,
    "placeholder": _limits.SELECT_PLACEHOLDER_MAX_LENGTH,
    "description": _limits.OPTION_DESCRIPTION_MAX_LENGTH,
    "private_metadata": _limits.VIEW_PRIVATE_METADATA_MAX_LENGTH,
    "callback_id": _limits.VIEW_CALLBACK_ID_MAX_LENGTH,
    "block_id": _limits.BLOCK_ID_MAX_LENGTH,
    "action_id": _limits.ACTION_ID_MAX_LENGTH,
    "initial_value": _limits.PLAIN_TEXT_INPUT_MAX_LENGTH_MAX,
    "value": _limits.OPTION_VALUE_MAX_LENGTH,
}


def _breaches(value: Any, at: str = "view") -> Iterator[str]:
    """Where a view breaks slackblocks' table of limits, counted in UTF-16 as JavaScript does."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _breaches(each, f"{at}[{index}]")
        return
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        text = each.get("text") if isinstance(each, dict) else each
        if (
            name in LENGTHS
            and isinstance(text, str)
            and not 1 <= len(text.encode("utf-16-le")) // 2 <= LENGTHS[name]
        ):
            yield f"{at}.{name}"
        if name == "options":
            checkboxes = value["type"] == "checkboxes"
            most = _limits.CHECKBOXES_OPTIONS_MAX_ITEMS if checkboxes else _limits.SELECT_OPTIONS_MAX_ITEMS
            if not 1 <= len(each) <= most or len({option["value"] for option in each}) < len(each):
                yield f"{at}.options"
            if any(len(option["text"]["text"]) > _limits.OPTION_TEXT_MAX_LENGTH for option in each):
                yield f"{at}.options.text"
        if name == "blocks" and len(each) > _limits.VIEW_BLOCKS_MAX_ITEMS:
            yield f"{at}.blocks"
        yield from _breaches(each, f"{at}.{name}")


def test_a_search_is_answered_with_a_hundred_at_most() -> None:
    found = choices([(str(number), LONG) for number in range(300)])["options"]
    assert isinstance(found, list)
    assert len(found) == 100
    assert list(_breaches({"type": "external_select", "options": found})) == []


def test_no_argument_is_called_by_its_bare_word() -> None:
    words = {each.word for command in COMMANDS for each in command.parameters}
    assert words - LABELS.keys() == set()
    assert LABELS.keys() - words == set()


# -- What a form asks, in which order ----------------------------------------------------------------------------------


def test_an_announcement_is_asked_for_in_the_order_in_which_people_think_of_it() -> None:
    assert [each.name for each in ordered(NOTIFY)][:4] == ["conv", "to", "to_list", "to_file"]
    view = form_view(Draft(NOTIFY, HERE), Offer(NOON, lists=("testers",)), ENGLISH)
    assert [each["block_id"] for each in inputs(view)] == [
        "arg.conv",
        "arg.to",
        "arg.to_list",
        "arg.to_file",
        "arg.from_",
        "form.content",
        "arg.text",
        "arg.push",
        "arg.attr",
        "form.flags",
        MODE,
    ]


def inputs(view: Any) -> list[dict[str, Any]]:
    return [each for each in view["blocks"] if each["type"] == "input"]


def element(view: Any, block: str) -> dict[str, Any]:
    (found,) = [each for each in inputs(view) if each["block_id"] == block]
    return dict(found["element"])


def test_what_was_typed_stands_in_the_form() -> None:
    typed = as_typed(split('notify news --to tom，jerry --raw "Hi there" --push Hi'), REGISTRY)
    view = form_view(Draft.of_words(*typed, HERE, "Asia/Shanghai"), Offer(NOON), ENGLISH)
    assert element(view, "arg.conv")["initial_option"]["value"] == "news"
    assert element(view, "arg.text")["initial_value"] == "Hi there"
    assert element(view, "arg.push")["initial_value"] == "Hi"
    assert [each["value"] for each in element(view, "form.flags")["initial_options"]] == ["raw"]
    assert words_of(NOTIFY.options["to"], (element(view, "arg.to")["initial_value"],)) == ("tom", "jerry")


def test_nothing_that_was_typed_is_cut_to_fit_a_form() -> None:
    words = {"conv": ("news",), "text": ("x" * LONGEST_INPUT,)}
    assert is_fillable(Draft(BROADCAST, HERE, words))
    assert not is_fillable(Draft(BROADCAST, HERE, {**words, "text": ("x" * (LONGEST_INPUT + 1),)}))
    assert not is_fillable(Draft(BROADCAST, HERE, {**words, "conv": ("x" * 151,)}))


def test_where_conversations_may_not_be_listed_they_are_typed() -> None:
    view = form_view(Draft(BROADCAST, HERE), Offer(NOON, searchable=False), ENGLISH)
    assert element(view, "arg.conv")["type"] == "plain_text_input"


# -- Bytes, times, errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", {"text": ("周六有晚会！",), "push": ("晚会",)}),
        ("", {"text": ("hi",), "push": ('{"alert": "hi", "badge": 1}',), "attr": ("topic=news",)}),
        ("", {"text": ("hi",), "raw": ("",)}),
        ("image", {"image": ("https://example.com/a%20map.png",), "text": ("map",)}),
        ("location", {"location": ("31.23,121.47",)}),
        ("json", {"json": ('{"_lctype": 3, "a": "b"}',)}),
    ],
)
def test_the_count_of_bytes_is_that_of_what_goes_out(content: str, words: dict[str, tuple[str, ...]]) -> None:
    draft = Draft(BROADCAST, HERE, {"conv": ("news",), **words}, content)
    arguments = understand(split(draft.line(REGISTRY)), REGISTRY, Reading(NOON, "UTC")).arguments
    shared = {
        each.name: arguments[each.name]
        for each in BROADCAST.parameters
        if each.group and each.name in arguments
    }
    saying = Saying(Act.BROADCAST, Conversation("c1", Kind.SYSTEM), arguments.get("text"))
    context = cast(Context, SimpleNamespace(defaults=Defaults(sender="boss")))
    made = plan(context, saying, Composing(**shared))
    pushed = byte_length(json.dumps(made.push, ensure_ascii=False)) if made.push else 0
    assert draft.size(typed=True) == byte_length(made.message) + pushed


def test_a_size_over_the_limit_says_by_how_much() -> None:
    draft = Draft(BROADCAST, HERE, {"text": ("晚" * 1_800,)})
    view = form_view(draft, Offer(NOON), ENGLISH)
    shown: Any = view["blocks"]
    (told,) = [each for each in shown if each.get("block_id") == "form.size"]
    over = draft.size(typed=True) - 5_120
    assert told["elements"][0]["text"] == f"{5_120 + over} of 5120 bytes: shorten it by {over}"


@pytest.mark.parametrize(
    ("timing", "when"),
    [
        (Timing(), None),
        (Timing(ONCE), None),
        (Timing(ONCE, NOON, zone="Asia/Shanghai"), "2026-01-01T20:00"),
        (Timing(ONCE, NOON + 7_000), "2026-01-01T12:00:07"),
        (Timing(WEEKLY), None),
        (Timing(WEEKLY, clock="09:05"), "5 9 * * *"),
        (Timing(WEEKLY, days=("mon", "sat"), clock="10:00"), "0 10 * * mon,sat"),
    ],
)
def test_a_time_is_written_as_schedules_take_it(timing: Timing, when: str | None) -> None:
    assert timing.when == when
    assert bool(timing.fires(NOON - 1)) is (when is not None)


def test_zones_are_found_by_part_of_a_city() -> None:
    assert zones_like("shang")[0] == "Asia/Shanghai"
    assert "America/New_York" in zones_like("new york")
    assert zones_like("no such place") == []


@pytest.mark.parametrize(
    ("parameter", "content", "block"),
    [
        ("conv", "", "arg.conv"),
        ("raw", "", "form.flags"),
        ("image", "image", "arg.image"),
        ("image", "", "form.content"),
        ("text", "json", "form.content"),
        ("when", "", "form.at"),
        ("name", "", None),
        ("", "", None),
    ],
)
def test_an_error_appears_at_the_input_that_it_is_about(
    parameter: str, content: str, block: str | None
) -> None:
    words: dict[str, tuple[str, ...]] = {"image": ("https://x.example/a.png",), "json": ("{}",)}
    draft = Draft(BROADCAST, HERE, words, content, Timing(ONCE))
    view = form_view(draft, Offer(NOON), ENGLISH)
    shown = Draft.of_view({**view, "state": {"values": {}}}, REGISTRY, "UTC")
    failure = Failure("bad", phrase("No."), phrase("Do that."), parameter=parameter)
    at = {
        "values": {
            "form.content": {"x": {"selected_option": {"value": content or "text"}}},
            MODE: {"x": {"selected_option": {"value": ONCE}}},
        }
    }
    filled_in = Draft.of_view({**view, "state": at}, REGISTRY, "UTC")
    assert shown.inputs == filled_in.inputs
    assert errors_of(filled_in, failure, ENGLISH) == ({block: "No. Do that."} if block else {})


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("broadcast --form", "broadcast"),
        ("broadcast news hi —form", "broadcast news hi"),
        ("conv list --form  ", "conv list"),
        ("broadcast news -- say --form", None),
        ('broadcast news "--form"', None),
        ("broadcast news --form hi", None),
        ("broadcast", None),
        ("", None),
    ],
)
def test_a_form_is_asked_for_at_the_end_of_a_command(line: str, asked: str | None) -> None:
    assert asked_for(line) == asked


def test_where_a_form_was_opened_travels_with_it() -> None:
    origin = Origin(
        "notify", "C1", "1.2", ResponseUrl("https://hooks.slack.test/1", NOON, ours=False), composer=True
    )
    assert Origin.unpacked(origin.packed()) == origin
    assert Origin.unpacked(Origin("help").packed()) == Origin("help")
