"""Replies as they are kept until Slack takes them: rendered when they are said, whatever becomes of this process."""

import json
import logging

from bridge.errors import BridgeError
from bridge.invocation import Place
from bridge.phrases import phrase
from bridge.reply import File, Hint, Reply
from bridge.slack.outbound import Outbound, Posted
from bridge.slack.render import MOST_BLOCKS, Rendered, render

log = logging.getLogger(__name__)

AGAIN = Reply(phrase("Posted again"), (Hint(phrase("Slack left open whether this stands here already.")),))


class Letters:
    """Writes and posts for the outbox, in the language of the settings."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def write(self, reply: Reply, standing: str | None = None) -> str:
        """The message as JSON, files and all, with the `ts` of the one whose place it takes."""
        rendered = render(reply, self._outbound.reader())
        files = [[file.name, file.content] for file in rendered.files]
        kept = {"text": rendered.text, "blocks": rendered.blocks, "files": files, "standing": standing}
        return json.dumps(kept)

    async def show(self, place: Place, reply: Reply, standing: str | None) -> str | None:
        """Post progress, or change the message `standing` to it; gives its `ts`. Raises Failed or Uncertain."""
        if standing is None:
            posted = await self._outbound.post(place, reply, progress=True)
        else:
            posted = await self._outbound.update(Posted(place, None, standing), reply, progress=True)
        return posted.ts

    async def post(self, place: Place, letter: str, *, again: bool) -> None:
        """Post it in its channel. Raises Failed or Uncertain; what can't be attached is told there.

        Changing a message may be repeated: only a new one can stand there twice, and says so.
        """
        kept = json.loads(letter)
        files = tuple(File(name, content) for name, content in kept["files"])
        rendered, standing = Rendered(kept["text"], kept["blocks"]), kept.get("standing")
        if standing is None or not await self._outbound.change(place, standing, rendered):
            await self._outbound.say(place, self._repeated(rendered) if again else rendered)
        try:
            await self._outbound.share(place, files, None)
        except BridgeError as error:
            log.warning("what could not be attached could not be told either: %s", error.message)

    def _repeated(self, rendered: Rendered) -> Rendered:
        note = render(AGAIN, self._outbound.reader())
        blocks = rendered.blocks
        if len(blocks) < MOST_BLOCKS:
            blocks = [*blocks, note.blocks[-1]]
        return Rendered(f"{rendered.text}\n{note.text}", blocks)
