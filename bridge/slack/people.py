"""Who someone is: name, language, time zone and standing, from users.info where the app may ask."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bridge.clock import Clock, now_ms
from bridge.config import AppSettings
from bridge.errors import BridgeError
from bridge.invocation import Actor, Standing
from bridge.slack.memberships import Memberships
from bridge.slack.outbound import Outbound
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
KEPT_MS = 600_000
PATIENCE = 1.0
"""Seconds that a command waits for a look-up; what comes later serves the next one."""
PATIENCE_OF_RULES = 5.0
"""Where rules decide: who is not known by then is denied."""
MOST_KEPT = 10_000
NOT_ALLOWED = frozenset({"missing_scope", "not_allowed_token_type", "no_permission", "unknown_method"})

Home: TypeAlias = Callable[[], Awaitable[str]]
"""The id of the workspace that is served. Raises a BridgeError where it can't be known."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What access rules ask about people: of which workspace they are, and of which groups and channels.

    `named` are those whom a rule names by user id: they may be of another workspace.
    """

    home: Home
    memberships: Memberships
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    until: int
    task: "asyncio.Task[Actor | None]"


class People:
    """Looks people up, keeps them for ten minutes, and never makes a command fail over it."""

    def __init__(
        self,
        web: SlackWeb,
        *,
        rules: Inquiry | None = None,
        clock: Clock = now_ms,
        patience: float | None = None,
    ) -> None:
        self._web = web
        self._rules = rules
        self._patience = patience or (PATIENCE_OF_RULES if rules else PATIENCE)
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._quiet_until = 0

    @classmethod
    def of(cls, settings: AppSettings, web: SlackWeb, outbound: Outbound) -> "People":
        """The people of a deployment; where access is open, nobody is looked up for it."""
        access = settings.access
        if access == "open":
            return cls(web)
        roles = access.roles.values() if access else ()
        groups = {group for role in roles for group in role.groups}
        channels = {channel for role in roles for channel in role.channels}
        named = frozenset(user for role in roles for user in role.users)

        async def home() -> str:
            return settings.slack.team or (await outbound.identity()).team

        return cls(web, rules=Inquiry(home, Memberships(web, groups, channels), named))

    def is_named(self, user: str) -> bool:
        """Whether a rule names them by user id."""
        return self._rules is not None and user in self._rules.named

    async def actor(self, user: str, name: str = "") -> Actor:
        """The person with whatever can be known in time."""
        stranger = Actor(user, name)
        now = self._clock()
        known = self._known.get(user)
        if known is None or known.until <= now:
            if self._web.token is None or now < self._quiet_until:
                return stranger
            known = self._ask(stranger, now)
        if not known.task.done():
            await asyncio.wait({known.task}, timeout=self._patience)
        actor = (known.task.result() or stranger) if known.task.done() else stranger
        return actor if self._rules is None else await self._with_circles(actor, self._rules.memberships)

    async def owner(self, user: str) -> Actor:
        """The person as rules ask about them; where none do, nobody is asked."""
        return await self.actor(user) if self._rules else Actor(user)

    async def close(self) -> None:
        """Let go of look-ups that still wait for Slack."""
        tasks = [known.task for known in self._known.values() if not known.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._rules is not None:
            await self._rules.memberships.close()

    async def _with_circles(self, actor: Actor, memberships: Memberships) -> Actor:
        try:
            async with asyncio.timeout(self._patience):
                circles = await memberships.of(actor.id)
        except TimeoutError:
            log.warning("the groups and channels of %s are not known in time", actor.id)
            return actor
        return replace(actor, inside=circles.inside, outside=circles.outside)

    def _ask(self, stranger: Actor, now: int) -> _Known:
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        known = _Known(now + KEPT_MS, asyncio.create_task(self._look_up(stranger)))
        self._known[stranger.id] = known
        return known

    async def _look_up(self, stranger: Actor) -> Actor | None:
        try:
            answer = await self._web.call("users.info", query={"user": stranger.id, "include_locale": "true"})
            home = await self._rules.home() if self._rules else None
        except BridgeError as error:
            if error.code in NOT_ALLOWED:
                self._quiet_until = self._clock() + HOUR_MS
                log.info("users.info: %s; everyone has the default language and UTC for an hour", error.code)
            else:
                log.warning("users.info of %s: %s", stranger.id, error.code)
            self._known.pop(stranger.id, None)
            return None
        found = answer.get("user")
        if not isinstance(found, dict):
            return None
        return Actor(
            stranger.id,
            stranger.name or str(found.get("name", "")),
            str(found["locale"]) if found.get("locale") else None,
            str(found["tz"]) if found.get("tz") else None,
            Standing.UNKNOWN if home is None else standing(found, home),
        )


def standing(user: dict[str, Any], home: str) -> Standing:
    """What a user of `users.info` is to the workspace `home`; on Enterprise Grid people are in several."""
    grid = user.get("enterprise_user")
    teams = {user.get("team_id") or home, *((grid.get("teams") or ()) if isinstance(grid, dict) else ())}
    if user.get("deleted"):
        return Standing.GONE
    if user.get("is_stranger") or home not in teams:
        return Standing.FOREIGN
    is_guest = user.get("is_restricted") or user.get("is_ultra_restricted")
    return Standing.GUEST if is_guest else Standing.MEMBER
