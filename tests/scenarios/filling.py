"""What people do with forms in dialogues: read them, pick in their menus, change them, send them off."""

from collections.abc import Mapping
from typing import Any

from bridge.playground.model import Outcome, View
from bridge.playground.suggestions import suggest
from bridge.slack.forms import PICK_CONVERSATION
from bridge.slack.timing import PICK_ZONE, ZONE
from tests.scenarios.office import PEOPLE, Office


async def says(office: Office, person: str, channel: str, line: str) -> str:
    """Someone types a command; gives all that they see at once, when whatever it opens is open."""
    told = await office.says(person, channel, line)
    await office.inbound.drain()
    return told


def form(office: Office, person: str) -> View:
    """The form that stands before somebody."""
    (view,) = office.workspace.stack(PEOPLE[person])
    return view


async def drawn(office: Office, person: str) -> View:
    """The form as it stands once every change of it was answered."""
    await office.inbound.drain()
    return form(office, person)


def text_of(view: View) -> str:
    """All that is written in a form, line by line."""
    return "\n".join(_texts([view.body.get("title"), view.body.get("submit"), view.body["blocks"]]))


def _texts(value: Any) -> list[str]:
    match value:
        case {"text": str(text)}:
            return [text]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
        case _:
            return []


def block(view: View, name: str) -> dict[str, Any]:
    (found,) = [each for each in view.body["blocks"] if each.get("block_id") == name]
    return dict(found)


def blocks(view: View) -> set[str]:
    return {each["block_id"] for each in view.body["blocks"]}


async def found(office: Office, person: str, letters: str, what: str = "arg.conv") -> dict[str, str]:
    """What somebody is offered who types these letters into a menu: labels and values."""
    action = PICK_ZONE if what == ZONE else PICK_CONVERSATION
    offered = await suggest(office.workspace, PEOPLE[person], form(office, person), (what, action), letters)
    return {each["text"]["text"]: each["value"] for each in offered["options"]}


async def picks(office: Office, person: str, letters: str) -> str:
    """Somebody types letters and picks the one conversation that is offered; gives its id."""
    (picked,) = (await found(office, person, letters)).values()
    return picked


async def changes(office: Office, person: str, action: str, choice: Any) -> View:
    """Somebody changes what the form depends on; gives the form as it then is."""
    outcome = await office.workspace.press_in_view(PEOPLE[person], form(office, person), action, choice)
    assert outcome.error is None
    return await drawn(office, person)


async def submits(office: Office, person: str, values: Mapping[str, Any]) -> Outcome:
    """Somebody fills the form in and sends it off; everything that it does is done when this returns."""
    office.begins(person)
    outcome = await office.workspace.submit(PEOPLE[person], form(office, person), values)
    assert outcome.error is None, outcome.error
    await office.inbound.drain()
    return outcome


def is_closed(office: Office, person: str) -> bool:
    return office.workspace.stack(PEOPLE[person]) == []


def errors(office: Office, person: str) -> dict[str, str]:
    return dict(form(office, person).errors)
