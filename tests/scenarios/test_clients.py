"""Dialogues about the app's users and figures, who follows what, and what commands there are."""

import handlers
from bridge.commands import Registry
from bridge.grammar import split
from bridge.parse import understand
from bridge.values import Reading
from tests.scenarios.office import Office

COMMANDS = [command.name for command in handlers.COMMANDS]


async def test_subscribers_come_are_counted_listed_and_go(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    for user in ("tom", "jerry"):
        await office.says("mia", "#ops", f"/im subscriber add News {user}")
        await office.heard(f"{user} subscribes to News.")
    await office.says("mia", "#ops", "/im subscriber count News")
    await office.heard("News has 2 subscribers.")
    await office.says("mia", "#ops", "/im subscriber remove News tom")
    await office.heard("tom does not subscribe to News any more.")
    await office.says("mia", "#ops", "/im subscriber list News")
    await office.heard("1 subscriber of News", "jerry")
    await office.says("mia", "#ops", "/im subscriber remove News jerry")
    await office.says("mia", "#ops", "/im subscriber list News")
    await office.heard("Nobody subscribes to News.")


async def test_more_subscribers_than_a_page_are_all_listed(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    path = f"/1.2/rtm/service-conversations/{await office.id_of('News')}/subscribers"
    for number in range(70):
        await office.asks("POST", path, client_id=f"u{number:02}")
    said = await office.says("mia", "#ops", "/im subscriber list News")
    assert said.startswith("70 subscribers of News")
    assert "u69" in said.splitlines()
    said = await office.says("mia", "#ops", "/im subscriber list News --limit 60")
    assert said.startswith("60 subscribers of News")
    assert "There may be more: --limit" in said


async def test_a_user_is_shown_with_presence_unread_and_subscriptions(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    await office.says("mia", "#ops", "/im subscriber add News tom")
    await office.says("mia", "#ops", "/im publish News hi")
    await office.says("mia", "#ops", "/im client show tom")
    await office.heard("tom is offline.", "Online: no", "Unread messages: 1", "Subscriptions: 1", "News")
    await office.online("tom")
    await office.says("mia", "#ops", "/im client show tom")
    await office.heard("tom is online.", "Online: yes")


async def test_a_reason_that_is_too_long_kicks_nobody(office: Office) -> None:
    await office.online("tom")
    await office.says("mia", "#ops", '/im client kick tom --reason "you have been away too long"')
    await office.heard("The reason has 27 characters; the service takes 20.", "7 characters", to_all=False)
    await office.says("mia", "#ops", "/im client show tom")
    await office.heard("tom is online.")


async def test_the_apps_figures_are_shown(office: Office) -> None:
    await office.online("tom")
    await office.says("mia", "#ops", "/im stats")
    await office.heard("1 user is online.", "Online now: 1", "Today: 1")


async def test_help_lists_every_command_and_explains_each(office: Office) -> None:
    said = await office.says("mia", "#ops", "/im")
    for name in COMMANDS:
        assert name in said.splitlines()
    for name in COMMANDS:
        assert (await office.says("mia", "#ops", f"/im help {name}")).startswith(f"{name}: ")
        await office.heard(f"{name}: ", to_all=False)
    assert "conv show" in await office.says("mia", "#ops", "/im help conv")


def test_every_example_is_understood() -> None:
    registry = Registry.of(handlers.COMMANDS)
    reading = Reading(now=1_800_000_000_000, zone="Asia/Shanghai")
    for command in handlers.COMMANDS:
        for example in command.examples:
            assert understand(split(example), registry, reading).command is command, example
