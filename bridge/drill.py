"""A drill's world: the same settings over a server of its own, with conversations of the same names.

In 2018 an alert meant for a drill went out to all of Hawaii: live and drill had the same form and the same question.
Here they share neither command nor colour nor words nor server.
"""

from collections.abc import Iterable

from bridge.config import DRILL_SUFFIX, AppSettings, RealtimeSettings
from bridge.config_access import Access, AccessSettings
from bridge.realtime.client import RealtimeClient
from bridge.realtime.models import Kind, NewConversation


def drilled(settings: AppSettings) -> AppSettings:
    """The settings as they are in a drill: the same people, rules and words, nothing else of the live world."""
    live = settings.realtime
    sandbox = RealtimeSettings(sender=live.sender, text=live.text, plan=live.plan)
    slack = settings.slack.model_copy(update={"command": f"{settings.slack.command}{DRILL_SUFFIX}"})
    apart = {"realtime": sandbox, "slack": slack, "schedules": (), "database_url": None, "drill": False}
    return settings.model_copy(update={**apart, "access": _untried(settings.access)})


def _untried(access: Access | None) -> Access | None:
    """The rules, none of which asks for a drill before the drill."""
    if not isinstance(access, AccessSettings):
        return access
    rules = tuple(each.model_copy(update={"drilled": None}) for each in access.rules)
    return access.model_copy(update={"rules": rules})


async def furnish(realtime: RealtimeClient, names: Iterable[str]) -> None:
    """Have a system conversation for each alias, called by it."""
    for name in names:
        if not await realtime.find_conversations({"name": name}, limit=1):
            await realtime.create_conversation(NewConversation(name=name, kind=Kind.SYSTEM))
