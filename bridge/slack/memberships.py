"""Who is in the user groups and channels that access rules name; a look-up that fails leaves it open."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass

from bridge.clock import Clock, now_ms
from bridge.errors import BridgeError
from bridge.reply import Json
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)

KEPT_MS = 60_000
"""How long somebody who was taken out of a group may still count as in it."""
PAGE = "1000"
PAGES = 100


@dataclass(frozen=True, slots=True)
class Circles:
    """The user groups and channels of a person, among those that are asked about."""

    inside: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()


class Memberships:
    """Looks up the members of `groups` (scope `usergroups:read`) and `channels` (`channels:read`, `groups:read`)."""

    def __init__(
        self,
        web: SlackWeb,
        groups: Collection[str] = (),
        channels: Collection[str] = (),
        *,
        clock: Clock = now_ms,
    ) -> None:
        self._web = web
        self._groups = frozenset(groups)
        self._ids = sorted(self._groups | frozenset(channels))
        self._clock = clock
        self._until: dict[str, int] = {}
        self._known: dict[str, asyncio.Task[frozenset[str] | None]] = {}

    async def of(self, user: str) -> Circles:
        """Which of them the user is in, and which not; one that can't be looked up is in neither."""
        members = dict(zip(self._ids, await asyncio.gather(*map(self._members, self._ids)), strict=True))
        return Circles(
            frozenset(each for each, users in members.items() if users is not None and user in users),
            frozenset(each for each, users in members.items() if users is not None and user not in users),
        )

    async def close(self) -> None:
        """Let go of look-ups that still wait for Slack."""
        for task in self._known.values():
            task.cancel()
        await asyncio.gather(*self._known.values(), return_exceptions=True)

    async def _members(self, circle: str) -> frozenset[str] | None:
        now = self._clock()
        if self._until.get(circle, 0) <= now:
            self._until[circle] = now + KEPT_MS
            self._known[circle] = asyncio.create_task(self._look_up(circle))
        # Whoever waits no longer does not end the look-up for the others.
        return await asyncio.shield(self._known[circle])

    async def _look_up(self, circle: str) -> frozenset[str] | None:
        try:
            if circle in self._groups:
                answer = await self._web.call("usergroups.users.list", query={"usergroup": circle})
                return _users(answer.get("users"))
            return await self._in_channel(circle)
        except BridgeError as error:
            log.warning("the members of %s are not known: %s", circle, error.code)
            self._until[circle] = 0
            return None

    async def _in_channel(self, channel: str) -> frozenset[str] | None:
        found: frozenset[str] = frozenset()
        cursor = ""
        for _ in range(PAGES):
            query = {"channel": channel, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
            answer = await self._web.call("conversations.members", query=query)
            page, metadata = _users(answer.get("members")), answer.get("response_metadata")
            if page is None:
                return None
            found |= page
            cursor = str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""
            if not cursor:
                return found
        log.warning("%s has too many members to look through", channel)
        return None


def _users(listed: Json) -> frozenset[str] | None:
    """None: Slack did not say."""
    return frozenset(map(str, listed)) if isinstance(listed, list) else None
