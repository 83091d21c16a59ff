"""What the stand-in for Slack holds: people, channels, messages, views, and who is told when one of them changes."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from bridge.clock import Clock, now_ms
from bridge.playground.model import (
    App,
    Change,
    Channel,
    Exchange,
    Json,
    Message,
    ResponseUrl,
    Team,
    TriggerId,
    User,
    UserGroup,
    View,
)

SLACKBOT = "USLACKBOT"


class NotHeardError(AssertionError):
    """No message that matches appeared in time; carries what was there instead."""


class State:
    """Everything in one workspace, and the news of each change."""

    def __init__(self, *, team: Team | None = None, app: App | None = None, clock: Clock = now_ms) -> None:
        self.team = team or Team()
        self.app = app or App()
        self.base_url = "http://slack.test"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, UserGroup] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.triggers: dict[str, TriggerId] = {}
        self.files: dict[str, Json] = {}
        self.suggested: dict[tuple[str, str], dict[str, Json]] = {}
        """What the app offered in each menu that asks it: (block_id, action_id) → value → option."""
        self.exchanges: deque[Exchange] = deque(maxlen=2_000)
        self.position = 0
        self.shift_ms = 0
        self._clock = clock
        self._last_ts = 0
        self._touched: dict[tuple[str, str], int] = {}
        self._listeners: set[asyncio.Queue[Change]] = set()
        self.add_user(User(self.app.user_id, self.app.name, team_id=self.team.id, is_bot=True))
        self.add_user(User(SLACKBOT, "slackbot", "Slackbot", team_id=self.team.id))

    # -- People and places --------------------------------------------------------------------------------------

    def add_user(self, user: User) -> User:
        """Take a person in, or change one who is there."""
        self.users[user.id] = user
        return user

    def add_channel(self, channel: Channel) -> Channel:
        """Take a channel in, or change one that is there."""
        self.channels[channel.id] = channel
        self._tell("channel", channel=channel)
        return channel

    def join(self, channel_id: str, *users: str) -> Channel:
        """Put users into a channel."""
        channel = self.channels[channel_id]
        return self.add_channel(replace(channel, members=channel.members | set(users)))

    def leave(self, channel_id: str, *users: str) -> Channel:
        """Take users out of a channel."""
        channel = self.channels[channel_id]
        return self.add_channel(replace(channel, members=channel.members - set(users)))

    def direct(self, one: str, other: str) -> Channel:
        """The direct message between two users, opened when it isn't yet."""
        for channel in self.channels.values():
            if channel.kind == "direct" and channel.members == {one, other}:
                return channel
        return self.add_channel(Channel(self.new_id("D"), "directmessage", "direct", frozenset({one, other})))

    # -- Time and names -----------------------------------------------------------------------------------------

    def now(self) -> int:
        """UTC milliseconds by this workspace's clock."""
        return self._clock() + self.shift_ms

    def new_id(self, letter: str) -> str:
        """A fresh id in Slack's form: a letter and ten capitals or digits."""
        return letter + "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(10))

    def new_ts(self) -> str:
        """A message timestamp, greater than every earlier one: seconds, a point, microseconds."""
        self._last_ts = max(self.now() * 1000, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    # -- Messages and views -------------------------------------------------------------------------------------

    def post(self, message: Message) -> Message:
        """Put a message where it belongs and tell everyone; blocks without ids are given them, as Slack does."""
        message = replace(message, blocks=tuple(self._named(message.blocks)))
        self.messages[message.channel, message.ts] = message
        self._tell("posted", message=message)
        return message

    def change(self, message: Message, **changes: Any) -> Message:
        """Replace a message by its next version."""
        if "blocks" in changes:
            changes["blocks"] = tuple(self._named(changes["blocks"]))
        message = replace(message, versions=message.versions + 1, **changes)
        self.messages[message.channel, message.ts] = message
        self._tell("updated", message=message)
        return message

    def remember(self, message: Message, block_id: str, action_id: str, chosen: Json) -> Message:
        """Keep what a user chose in a message; the message itself stays the same version."""
        inputs = with_input(message.inputs, block_id, action_id, chosen)
        message = replace(message, inputs=inputs)
        self.messages[message.channel, message.ts] = message
        self._tell("input", message=message)
        return message

    def delete(self, message: Message) -> None:
        """Take a message away."""
        del self.messages[message.channel, message.ts]
        self._tell("deleted", message=message)

    def notice(self, channel: str, user: str, code: str, text: str) -> Message:
        """What Slack itself tells one user when an app fails."""
        return self.post(Message(channel, self.new_ts(), SLACKBOT, text, ephemeral_to=user, notice=code))

    def put_view(self, view: View) -> View:
        """Show a view, or its next version."""
        self.keep_view(view)
        self._tell("view", view=view)
        return view

    def keep_view(self, view: View) -> View:
        """Keep a view that looks as it did."""
        if view.body["type"] == "home":
            self.homes[view.user] = view
        self.views[view.id] = view
        return view

    def close_view(self, view: View) -> None:
        """Take a modal off its user's screen."""
        del self.views[view.id]
        self._tell("closed", view=view)

    def stack(self, user: str) -> list[View]:
        """The modals open before a user, the topmost last."""
        return [view for view in self.views.values() if view.user == user and view.body["type"] == "modal"]

    def visible(self, channel: str, user: str) -> list[Message]:
        """What a user sees in a channel, oldest first."""
        return [
            message
            for message in self.messages.values()
            if message.channel == channel and message.ephemeral_to in (None, user)
        ]

    def add_file(
        self, name: str, size: int, user: str, mimetype: str = "text/plain", content: bytes | None = None
    ) -> Json:
        """Begin a file; it has content once that was uploaded, and is seen in the `channels` where it was shared.

        `kept_at` is the host that keeps it where that is not Slack.
        """
        file: Json = {
            "id": self.new_id("F"),
            "name": name,
            "title": name,
            "size": size,
            "mimetype": mimetype,
            "user": user,
            "channels": [],
            "secret": secrets.token_hex(8),
            "content": content,
            "deleted": False,
            "kept_at": None,
        }
        self.files[file["id"]] = file
        return file

    # -- News ---------------------------------------------------------------------------------------------------

    def record(self, exchange: Exchange) -> None:
        """Keep a request for the raw view; called again when it is answered."""
        if not self.exchanges or exchange.number > self.exchanges[-1].number:
            self.exchanges.append(exchange)
        self._tell("exchange", exchange=exchange)

    def exchange(
        self, direction: Literal["to app", "from app"], target: str, headers: dict[str, str], body: bytes
    ) -> Exchange:
        """Begin the record of a request."""
        entry = Exchange(self.position + 1, direction, target, self.now(), headers, body)
        self.record(entry)
        return entry

    def tell_connections(self) -> None:
        """Say that a Socket Mode connection came or went."""
        self._tell("connection")

    @contextmanager
    def listening(self, limit: int = 1_000) -> Iterator[asyncio.Queue[Change]]:
        """A queue of changes from here on; a reader who falls behind finds one `gap` instead of what it missed."""
        queue: asyncio.Queue[Change] = asyncio.Queue(limit)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def changes(self, limit: int = 1_000) -> AsyncIterator[Change]:
        """Every change from here on, for a live page."""
        with self.listening(limit) as queue:
            while True:
                yield await queue.get()

    async def heard(
        self,
        matches: Callable[[Message], bool],
        channel: str | None = None,
        *,
        since: int = 0,
        within: float = 5,
    ) -> Message:
        """The first message that matches, there already or as soon as it appears or changes so.

        `since` is an earlier `position`: only what was posted or changed after it counts. Raises `NotHeardError`
        after `within` real seconds.
        """

        def fits(message: Message) -> bool:
            return channel in (None, message.channel) and matches(message)

        with self.listening() as queue:
            try:
                async with asyncio.timeout(within):
                    while True:
                        for message in list(self.messages.values()):
                            if self._touched[message.channel, message.ts] > since and fits(message):
                                return message
                        await queue.get()
            except TimeoutError:
                there = "\n".join(f"  {each.ts} {each.shown!r}" for each in self.messages.values())
                raise NotHeardError(f"nothing like it within {within} s; there is:\n{there}") from None

    async def changed(self, matches: Callable[[Change], bool], *, within: float = 5) -> Change:
        """The first change from here on that matches, such as an exchange or a connection."""
        with self.listening() as queue:
            async with asyncio.timeout(within):
                while not matches(change := await queue.get()):
                    pass
        return change

    def _tell(
        self,
        kind: str,
        *,
        message: Message | None = None,
        view: View | None = None,
        exchange: Exchange | None = None,
        channel: Channel | None = None,
    ) -> None:
        self.position += 1
        change = Change(self.position, kind, message, view, exchange, channel)
        if message:
            self._touched[message.channel, message.ts] = self.position
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(Change(self.position, "gap"))
            else:
                queue.put_nowait(change)

    def named(self, blocks: Iterable[Json]) -> list[Json]:
        """The blocks, each with a `block_id` and its elements with an `action_id`, as Slack completes them."""
        return list(self._named(blocks))

    def _named(self, blocks: Iterable[Json]) -> Iterator[Json]:
        for block in blocks:
            named = {"block_id": self.new_id("b"), **block}
            for key in ("elements", "accessory", "element"):
                if key in named and named["type"] in ("actions", "section", "input", "context_actions"):
                    named[key] = self._with_action_ids(named[key])
            yield named

    def _with_action_ids(self, part: Any) -> Any:
        if isinstance(part, list):
            return [self._with_action_ids(each) for each in part]
        return part if part["type"] == "image" else {"action_id": self.new_id("a"), **part}


def with_input(inputs: Json, block_id: str, action_id: str, chosen: Json) -> Json:
    """The inputs with one more choice."""
    return {**inputs, block_id: {**inputs.get(block_id, {}), action_id: chosen}}
