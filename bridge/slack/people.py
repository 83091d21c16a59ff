"""Who someone is: name, language and time zone, from users.info where the app may ask."""

import asyncio
import logging
from dataclasses import dataclass

from bridge.clock import Clock, now_ms
from bridge.errors import BridgeError
from bridge.invocation import Actor
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
PATIENCE = 1.0
"""Seconds that a command waits for a look-up; what comes later serves the next one."""
MOST_KEPT = 10_000
NOT_ALLOWED = frozenset({"missing_scope", "not_allowed_token_type", "no_permission", "unknown_method"})


@dataclass(frozen=True, slots=True)
class _Known:
    until: int
    task: "asyncio.Task[Actor | None]"


class People:
    """Looks people up, keeps them for an hour, and never makes a command fail over it."""

    def __init__(self, web: SlackWeb, *, clock: Clock = now_ms, patience: float = PATIENCE) -> None:
        self._web = web
        self._patience = patience
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._quiet_until = 0

    async def actor(self, user: str, name: str) -> Actor:
        """The person with locale and zone where they can be known, else with neither."""
        stranger = Actor(user, name)
        now = self._clock()
        known = self._known.get(user)
        if known is None or known.until <= now:
            if self._web.token is None or now < self._quiet_until:
                return stranger
            known = self._ask(stranger, now)
        if known.task.done():
            return known.task.result() or stranger
        await asyncio.wait({known.task}, timeout=self._patience)
        return (known.task.result() or stranger) if known.task.done() else stranger

    async def close(self) -> None:
        """Let go of look-ups that still wait for Slack."""
        tasks = [known.task for known in self._known.values() if not known.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, stranger: Actor, now: int) -> _Known:
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        known = _Known(now + HOUR_MS, asyncio.create_task(self._look_up(stranger)))
        self._known[stranger.id] = known
        return known

    async def _look_up(self, stranger: Actor) -> Actor | None:
        try:
            answer = await self._web.call("users.info", query={"user": stranger.id, "include_locale": "true"})
        except BridgeError as error:
            if error.code in NOT_ALLOWED:
                self._quiet_until = self._clock() + HOUR_MS
                log.info("users.info: %s; everyone has the default language and UTC for an hour", error.code)
            else:
                log.warning("users.info of %s: %s", stranger.id, error.code)
                del self._known[stranger.id]
            return None
        found = answer.get("user")
        if not isinstance(found, dict):
            return None
        return Actor(
            stranger.id,
            stranger.name or str(found.get("name", "")),
            str(found["locale"]) if found.get("locale") else None,
            str(found["tz"]) if found.get("tz") else None,
        )
