"""What somebody does at the app's Home, and reads there."""

from typing import Any

from tests.scenarios.office import PEOPLE, Office


async def opens_home(office: Office, person: str) -> str:
    """Someone opens the app's Home; gives all that they read there."""
    outcome = await office.workspace.open_home(PEOPLE[person])
    assert outcome.error is None, outcome.error
    return await home_of(office, person)


async def home_of(office: Office, person: str) -> str:
    """All that stands on somebody's Home once everything begun is done."""
    await office.inbound.drain()
    return "\n".join(read(office.workspace.homes[PEOPLE[person]].body["blocks"]))


async def presses_at_home(office: Office, person: str, label: str) -> int:
    """Someone presses the first button on their Home that says this, and whatever it does is done.

    Gives the position of what comes of it.
    """
    user, since = PEOPLE[person], office.workspace.position
    view = office.workspace.homes[user]
    pressed = next(
        element["action_id"]
        for _, element in view.elements
        if element["type"] == "button" and element["text"]["text"] == label
    )
    outcome = await office.workspace.press_in_view(user, view, pressed)
    assert outcome.error is None, outcome.error
    await office.inbound.drain()
    return since


def read(value: Any) -> list[str]:
    """All text of blocks, each element's own."""
    if isinstance(value, list):
        return [text for each in value for text in read(each)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ("text", "fallback") if isinstance(value.get(key), str)]
    return own + [text for each in value.values() for text in read(each)]
