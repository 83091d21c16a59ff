"""A drill: the same road, by another command, in another colour, over a server that none of the app's users knows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.playground.model import App, Message, User
from bridge.playground.workspace import Workspace
from tests.scenarios.processes import of_slack, serve, slack
from tests.unit.playground.stage import NEWS, SCOPES, TOM

SETTINGS = f"""
drill: true
slack: {{locale: en-US}}
safety_window: 0s
realtime: {{sender: boss}}
access:
  roles: {{crew: {{users: [{TOM}]}}}}
  rules:
    - {{name: reading, run: [reads, reads messages, conv]}}
    - name: telling-all
      who: crew
      run: broadcast
      drilled: 1d
      confirm: true
      allow: [{{who: crew, line: broadcast news Hi}}]
"""


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    """A workspace whose bridge has drills."""
    (tmp_path / "app.yaml").write_text(SETTINGS)
    installed = App(scopes=SCOPES, commands=frozenset({"/im", "/im-drill"}))
    async with slack(installed) as made, serve(tmp_path, of_slack(made)) as serving:
        made.add_user(User(TOM, "tom", locale="en-US"))
        made.app = replace(made.app, request_url=f"{serving.url}/slack/events")
        yield made


async def says(workspace: Workspace, line: str) -> str:
    outcome = await workspace.command(TOM, NEWS, line)
    assert outcome.error is None, outcome.error
    return outcome.text


async def confirms(workspace: Workspace, words: str) -> Message:
    """Tom confirms the card that holds these words; gives what has become of it."""
    card = await workspace.heard(lambda message: "Proposed" in message.shown and words in message.shown)
    (action,) = [each["action_id"] for _, each in card.elements if each["text"]["text"] == "Confirm"]
    assert action.startswith("drill.") is ("DRILL" in card.shown)
    since = workspace.position
    outcome = await workspace.press(TOM, card, action)
    assert outcome.error is None, outcome.error
    return await workspace.heard(lambda message: "Sent: " in message.shown, since=since)


async def test_a_drill_reaches_nobody_and_opens_the_way_for_the_real_thing(workspace: Workspace) -> None:
    for command in ("/im", "/im-drill"):
        assert "Created" in await says(workspace, f"{command} conv create news --system")

    refused = await says(workspace, "/im broadcast news Hi")
    assert "to have done it in a drill within 1d" in refused

    card = await says(workspace, "/im-drill broadcast news Hi")
    assert "DRILL: nobody of the app gets any of this" in card
    assert "🟧" in card
    drilled = await confirms(workspace, "DRILL")
    assert "DRILL" in drilled.shown
    assert "no messages" in await says(workspace, "/im history news")
    assert "Hi" in await says(workspace, "/im-drill history news")

    live = await says(workspace, "/im broadcast news Hi")
    assert "Proposed" in live
    assert "DRILL" not in live
    sent = await confirms(workspace, "Confirm")
    assert "DRILL" not in sent.shown
    assert "Hi" in await says(workspace, "/im history news")


async def test_drills_are_none_where_they_are_not_switched_on(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(SETTINGS.replace("drill: true\n", ""))
    async with slack() as made:
        with pytest.raises(AssertionError, match="there are no drills: write drill: true"):
            async with serve(tmp_path, of_slack(made)):
                pass
