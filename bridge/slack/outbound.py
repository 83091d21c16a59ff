"""Posts replies to Slack: in the channel where the bot may, by response_url where it may not, and says so otherwise."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias

from bridge.clock import Clock, now_ms
from bridge.errors import PASSING, BridgeError, Failed
from bridge.invocation import Place
from bridge.phrases import Code, Translate, phrase
from bridge.reply import File, Reply
from bridge.slack.asker import Asker, ResponseUrl
from bridge.slack.render import Reader, Rendered, render
from bridge.slack.runs import Block
from bridge.slack.web import Answer, SlackWeb, Sleep

log = logging.getLogger(__name__)

Translations: TypeAlias = Callable[[str], Translate]
"""A locale such as zh-CN → the translation that is nearest to it."""

SECONDS_BETWEEN_POSTS = 1.0
PLAIN: Block = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
"""Foreign text is neither formatted nor looked up by Slack."""
REFUSED_CONTENT = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_blocks_too_long", "msg_too_long"}
)


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a reply stands: as the message `ts`, or sent by response_url, which can't be read back."""

    place: Place
    asker: Asker | None
    ts: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token it is."""

    team: str
    user: str


class Outbound:
    """Everything that is said in Slack beyond an acknowledgement."""

    def __init__(
        self,
        web: SlackWeb,
        locale: str,
        translations: Translations,
        *,
        clock: Clock = now_ms,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.drill = False
        """Whether none of what is said is real."""
        self._web = web
        self._locale = locale
        self._translations = translations
        self._clock = clock
        self._pace = _Pace(sleep)
        self._identity: Identity | None = None
        self._asking = asyncio.Lock()

    def in_drill(self) -> "Outbound":
        """The same way out, for what is none of it real."""
        there = copy(self)
        there.drill = True
        return there

    def reader(self, asker: Asker | None = None) -> Reader:
        """Whose language a reply is put in: the asker's, else the one of the settings."""
        locale = (asker.locale if asker else None) or self._locale
        return Reader(locale, self._translations(locale), self.drill)

    async def identity(self) -> Identity:
        """The token's own team and bot user. Raises `Failed` or `Uncertain`, and asks again the next time."""
        async with self._asking:
            if self._identity is None:
                if self._web.token is None:
                    raise Failed(phrase("There is no bot token to ask Slack with."), code="not_authed")
                answer = await self._web.call("auth.test")
                self._identity = Identity(str(answer.get("team_id", "")), str(answer.get("user_id", "")))
            return self._identity

    async def post(
        self, place: Place, reply: Reply, asker: Asker | None = None, *, progress: bool = False
    ) -> Posted:
        """Post a reply. Raises `Failed` where it can be said nowhere, `Uncertain` where Slack left it open."""
        rendered = render(reply, self.reader(asker))
        if reply.private and asker is not None:
            await self._whisper(place, rendered, asker)
            posted = Posted(place, asker)
        else:
            posted = await self._say(place, rendered, asker, progress=progress)
        await self.share(place, rendered.files, asker, private=reply.private)
        return posted

    async def say(self, place: Place, rendered: Rendered) -> None:
        """Post what was rendered before, for all to see. Raises as `post` does."""
        await self._say(place, rendered, None, progress=False)

    async def change(self, place: Place, ts: str, rendered: Rendered) -> bool:
        """Put what was rendered in the place of our message `ts`. False: Slack no longer lets it be changed.

        Raises as `post` does; it may be repeated.
        """
        where: Block = {"channel": place.channel, "ts": ts}
        try:
            await self._with_words_alone(
                lambda content: self._web.call("chat.update", {**content, **where}), rendered
            )
        except Failed as refusal:
            if refusal.code in PASSING:
                raise
            log.info("an update becomes a new post: %s", refusal.code)
            return False
        return True

    async def update(self, posted: Posted, reply: Reply, *, progress: bool = False) -> Posted:
        """Put a reply in the place of an earlier one, as a new post where Slack no longer lets it be changed.

        What is for the asker alone never takes the place of what all could read: that is taken back.
        """
        if reply.private and posted.asker is not None:
            await self._withdraw(posted)
            return await self.post(posted.place, reply, posted.asker)
        rendered = render(reply, self.reader(posted.asker))
        posted = await self._replace(posted, rendered, progress=progress)
        await self.share(posted.place, rendered.files, posted.asker)
        return posted

    async def _replace(self, posted: Posted, rendered: Rendered, *, progress: bool) -> Posted:
        if posted.ts is not None and await self.change(posted.place, posted.ts, rendered):
            return posted
        return await self._say(posted.place, rendered, posted.asker, progress=progress)

    async def _withdraw(self, posted: Posted) -> None:
        link = posted.asker.response_url if posted.asker else None
        try:
            if posted.ts is not None:
                await self._web.call("chat.delete", {"channel": posted.place.channel, "ts": posted.ts})
            elif link is not None and link.standing and link.take(self._clock(), progress=False):
                link.standing = False
                await self._web.respond(link.url, {"delete_original": True})
        except BridgeError as error:
            log.info("progress could not be taken back: %s", error.code)

    async def share(
        self, place: Place, files: tuple[File, ...], asker: Asker | None, *, private: bool = False
    ) -> None:
        """Share a reply's files in its channel, or say which were kept back and why."""
        for file in files:
            try:
                if private:
                    raise Failed(phrase("Only you see this, and files are seen by all."), code="private")
                if self._web.token is None:
                    raise Failed(phrase("There is no bot token."), code="not_authed")
                await self._pace.turn(place.channel)
                await self._web.upload(file, place.channel, asker.thread if asker else None)
            except BridgeError as error:
                log.warning("a file was not attached: %s", error.code)
                told = phrase(
                    "The file {name} could not be attached: {why}", name=Code(file.name), why=error.message
                )
                await self.post(place, Reply(told, private=private), asker)

    async def _say(self, place: Place, rendered: Rendered, asker: Asker | None, *, progress: bool) -> Posted:
        try:
            if self._web.token is None:
                raise Failed(phrase("There is no bot token."), code="not_authed")
            await self._pace.turn(place.channel)
            where: Block = {"channel": place.channel, **_below(asker)}
            answer = await self._with_words_alone(
                lambda content: self._web.call("chat.postMessage", {**PLAIN, **content, **where}),
                rendered,
            )
            return Posted(place, asker, str(answer["ts"]))
        except Failed as refusal:
            link = asker.response_url if asker else None
            if (
                refusal.code == "not_reached"
                or link is None
                or not link.take(self._clock(), progress=progress)
            ):
                raise self._unheard(place, refusal) from refusal
        replacing, link.standing = link.standing, link.ours
        how: Block = {"response_type": "in_channel", "replace_original": replacing}
        await self._respond(link, rendered, {**how, **_below(asker)})
        return Posted(place, asker)

    def _unheard(self, place: Place, refusal: Failed) -> Failed:
        return Failed(
            phrase("I can't post in {channel}: {why}", channel=Code(place.channel), why=refusal.message),
            hint=phrase("Invite me to the channel first."),
            code=refusal.code,
        )

    async def _whisper(self, place: Place, rendered: Rendered, asker: Asker) -> None:
        """Say something to one person: by response_url, which works everywhere, else as an ephemeral message."""
        link = asker.response_url
        if link is not None and link.take(self._clock(), progress=False):
            how: Block = {"response_type": "ephemeral", "replace_original": False}
            await self._respond(link, rendered, {**how, **_below(asker)})
            return
        to: Block = {"channel": place.channel, "user": asker.user, **_below(asker)}
        await self._with_words_alone(
            lambda content: self._web.call("chat.postEphemeral", {**content, **to}), rendered
        )

    async def _respond(self, link: ResponseUrl, rendered: Rendered, how: Block) -> None:
        await self._with_words_alone(
            lambda content: self._web.respond(link.url, {**PLAIN, **content, **how}), rendered
        )

    async def _with_words_alone(
        self, send: Callable[[Block], Awaitable[Answer]], rendered: Rendered
    ) -> Answer:
        """Send the blocks, or the text alone where Slack takes no such blocks: a long reply never just vanishes."""
        try:
            return await send({"text": rendered.text, "blocks": rendered.blocks})
        except Failed as refusal:
            if refusal.code not in REFUSED_CONTENT:
                raise
            log.error("Slack refused a reply's blocks (%s): posting its text alone", refusal.code)
            return await send({"text": rendered.text, "blocks": []})


def _below(asker: Asker | None) -> Block:
    """The thread that an answer goes into, if it goes into one."""
    return {"thread_ts": asker.thread} if asker and asker.thread else {}


class _Pace:
    """Slack takes one post a second in each channel, and may drop the excess without a word."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def turn(self, channel: str) -> None:
        """Wait until the channel takes another post."""
        now = asyncio.get_running_loop().time()
        self._next = {each: at for each, at in self._next.items() if at > now}
        turn = self._next.get(channel, now)
        self._next[channel] = turn + SECONDS_BETWEEN_POSTS
        if turn > now:
            await self._sleep(turn - now)
