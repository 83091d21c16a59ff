"""The app's Home tab: made from one Reply, published to whoever opens it, and made anew when it is pressed."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias

from bridge.clock import Clock, now_ms
from bridge.errors import BridgeError
from bridge.invocation import Invocation, Place, Trigger
from bridge.phrases import phrase
from bridge.reply import Reply
from bridge.slack.answer import our_fault
from bridge.slack.arrivals import HOME_OPENED, Body, event_of, team_of
from bridge.slack.asker import Asker
from bridge.slack.elements import plain_text, said
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.render import Reader, render_view
from bridge.slack.runs import Block
from bridge.slack.web import SlackWeb, Sleep

log = logging.getLogger(__name__)

REFRESH_ACTION = "imbridge.home.refresh"
HOME = "home"
SECONDS_BETWEEN = 3.0
"""So often at most is one person's Home made anew: each costs the ledger and the service some questions."""
MOST_REMEMBERED = 1_000

Build: TypeAlias = Callable[[Invocation], Awaitable[Reply]]
"""What somebody's Home says; the invocation says who asks, where the answers to its buttons go, and when."""
Keep: TypeAlias = Callable[[Coroutine[None, None, None]], object]
"""Runs something on after its request was answered."""


class Homes:
    """Everybody's Home."""

    def __init__(  # noqa: PLR0913 - what is shown, how it gets to Slack, and when
        self,
        build: Build,
        web: SlackWeb,
        outbound: Outbound,
        people: People,
        *,
        clock: Clock = now_ms,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._build = build
        self._web = web
        self._outbound = outbound
        self._people = people
        self._clock = clock
        self._sleep = sleep
        self._next: OrderedDict[str, int] = OrderedDict()
        self._waiting: set[str] = set()

    def handles(self, body: Body) -> bool:
        """Whether somebody has opened their Home, or asks to see it anew."""
        if event_of(body).get("type") == HOME_OPENED:
            return True
        pressed = (each.get("action_id") for each in body.get("actions") or ())
        return body.get("type") == "block_actions" and REFRESH_ACTION in pressed

    def begin(self, body: Body, keep: Keep) -> None:
        """Show it, on after the answer."""
        event = event_of(body)
        if event.get("tab", HOME) != HOME:
            return
        user = event.get("user") or (body.get("user") or {}).get("id")
        keep(self.show(str(user or ""), team_of(body)))

    async def after(self, work: "asyncio.Task[Reply | None]", user: str, team: str) -> None:
        """Show it once what was pressed there is done."""
        await asyncio.wait({work})
        await self.show(user, team)

    async def show(self, user: str, team: str) -> None:
        """Publish it as it stands by now, a little later where it was published only just; once for several who ask."""
        if user in self._waiting:
            return
        early = self._next.get(user, 0) - self._clock()
        if early > 0:
            self._waiting.add(user)
            try:
                await self._sleep(early / 1000)
            finally:
                self._waiting.discard(user)
        self._next[user] = self._clock() + int(SECONDS_BETWEEN * 1000)
        self._next.move_to_end(user)
        if len(self._next) > MOST_REMEMBERED:
            self._next.popitem(last=False)
        await self._publish(user, team)

    async def _publish(self, user: str, team: str) -> None:
        name = secrets.token_hex(4)
        actor = await self._people.actor(user)
        # What it offers is asked by button, and answered in the direct message with the bot.
        place = Place(team, user)
        invocation = Invocation(name, f"home:{name}", actor, place, Trigger.BUTTON, self._clock())
        try:
            reply = await self._build(invocation)
        except Exception:
            log.exception("%s: the Home of %s could not be made", name, user)
            reply = our_fault(name)
        view = home_view(reply, self._outbound.reader(Asker(user, actor.locale)))
        try:
            await self._web.call("views.publish", {"user_id": user, "view": view})
        except BridgeError as error:
            log.warning("%s: the Home of %s was not published: %s", name, user, error.code)


def home_view(reply: Reply, reader: Reader) -> Block:
    """The reply as a Home, with a button to see it anew."""
    label = said(phrase("Refresh"), reader.translate)
    again: Block = {"type": "button", "action_id": REFRESH_ACTION, "text": plain_text(label, 75)}
    return {"type": HOME, "blocks": [*render_view(reply, reader), {"type": "actions", "elements": [again]}]}
