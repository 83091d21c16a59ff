"""Block Kit's inputs within Slack's limits, and what stands in them when they come back."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from bridge.phrases import Phrase, Translate, plain
from bridge.slack.markup import one_line
from bridge.slack.runs import Block, cut, measure

Option: TypeAlias = tuple[str, str]
"""A value, and what people read for it."""
State: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""A view's `state.values`: by block and action."""

LABEL, HINT, PLACEHOLDER, OPTION, OPTION_VALUE = 2_000, 2_000, 150, 75, 150
LONGEST_INPUT = 3_000
"""Characters that an input can begin with or take."""
MOST_OPTIONS, MOST_CHECKBOXES = 100, 10
TYPING = {"trigger_actions_on": ["on_character_entered"]}


def said(words: Phrase, translate: Translate) -> str:
    """A phrase on one line."""
    return one_line(plain(words, translate))


def plain_text(text: str, room: int) -> Block:
    """A text object without mark-up, cut to its room."""
    return {"type": "plain_text", "text": cut(text, room) or "–", "emoji": False}


def option(value: str, text: str, description: str = "") -> Block:
    """One entry of a menu. The value must be no longer than 150 characters: `fits` tells."""
    made: Block = {"value": value, "text": plain_text(text, OPTION)}
    return {**made, "description": plain_text(description, OPTION)} if description else made


def fits(value: str) -> bool:
    """Whether it can be the value of a menu's entry."""
    return bool(value) and measure(value) <= OPTION_VALUE


def menu(action: str, options: Sequence[Option], chosen: str = "") -> Block:
    """A menu of at most 100 options; what is chosen already is among them, else it is added."""
    offered = [each for each in options if fits(each[0])][:MOST_OPTIONS]
    if chosen and fits(chosen) and chosen not in dict(offered):
        offered = [(chosen, chosen), *offered[: MOST_OPTIONS - 1]]
    made = {value: option(value, text) for value, text in offered}
    element: Block = {"type": "static_select", "action_id": action, "options": list(made.values())}
    return {**element, "initial_option": made[chosen]} if chosen in made else element


def picker(action: str, placeholder: str, chosen: Option | None = None) -> Block:
    """A menu whose options are asked for as somebody types."""
    element: Block = {
        "type": "external_select",
        "action_id": action,
        "min_query_length": 0,
        "placeholder": plain_text(placeholder, PLACEHOLDER),
    }
    return {**element, "initial_option": option(*chosen)} if chosen and fits(chosen[0]) else element


def checkboxes(action: str, options: Sequence[Block], chosen: Sequence[str]) -> Block:
    """At most ten things to tick."""
    offered = list(options[:MOST_CHECKBOXES])
    ticked = [each for each in offered if each["value"] in chosen]
    element: Block = {"type": "checkboxes", "action_id": action, "options": list(offered)}
    return {**element, "initial_options": list(ticked)} if ticked else element


def radio(action: str, options: Sequence[Option], chosen: str) -> Block:
    """One of a few."""
    made = {value: option(value, text) for value, text in options}
    element: Block = {"type": "radio_buttons", "action_id": action, "options": list(made.values())}
    return {**element, "initial_option": made[chosen]} if chosen in made else element


def typed(action: str, text: str = "", *, multiline: bool = False, counted: bool = False) -> Block:
    """A text to be typed; `counted` tells us of each character."""
    element: Block = {"type": "plain_text_input", "action_id": action, "multiline": multiline}
    if counted:
        element["dispatch_action_config"] = {**TYPING}
    return {**element, "initial_value": text} if text and len(text) <= LONGEST_INPUT else element


def entry(block: str, label: str, element: Block, *, optional: bool, told: bool = False) -> Block:
    """An input block; `told` has its changes told while the form stands."""
    made: Block = {
        "type": "input",
        "block_id": block,
        "label": plain_text(label, LABEL),
        "element": element,
        "optional": optional,
    }
    return {**made, "dispatch_action": True} if told else made


def note(text: str, block: str = "") -> Block:
    """Small print."""
    made: Block = {"type": "context", "elements": [plain_text(text, LABEL)]}
    return {**made, "block_id": block} if block else made


def given(state: State, block: str) -> tuple[str, ...]:
    """What stands in a block's input, however it is entered; nothing where the block is not there."""
    return tuple(text for found in (state.get(block) or {}).values() for text in _entered(found))


def _entered(found: Mapping[str, Any]) -> Sequence[str]:
    if isinstance(chosen := found.get("selected_option"), Mapping):
        return [str(chosen.get("value", ""))]
    if isinstance(several := found.get("selected_options"), list):
        return [str(each.get("value", "")) for each in several]
    if isinstance(files := found.get("files"), list):
        return [str(each.get("permalink", "")) for each in files]
    names = ("value", "selected_date_time", "selected_time", "selected_conversation")
    return [str(found[name]) for name in names if found.get(name) not in (None, "")]
