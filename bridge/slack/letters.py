"""Replies as they are kept until Slack takes them: rendered when they are said, whatever becomes of this process."""

import json
import logging

from bridge.errors import BridgeError
from bridge.invocation import Place
from bridge.phrases import phrase
from bridge.reply import File, Hint, Reply
from bridge.slack.outbound import Outbound
from bridge.slack.render import MOST_BLOCKS, Rendered, render

log = logging.getLogger(__name__)

AGAIN = Reply(phrase("Posted again"), (Hint(phrase("Slack left open whether this stands here already.")),))


class Letters:
    """Writes and posts for the outbox, in the language of the settings."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def write(self, reply: Reply) -> str:
        """The message as JSON, files and all."""
        rendered = render(reply, self._outbound.reader())
        files = [[file.name, file.content] for file in rendered.files]
        return json.dumps({"text": rendered.text, "blocks": rendered.blocks, "files": files})

    async def post(self, place: Place, letter: str, *, again: bool) -> None:
        """Post it in its channel. Raises Failed or Uncertain; what can't be attached is told there."""
        kept = json.loads(letter)
        files = tuple(File(name, content) for name, content in kept["files"])
        blocks, text = kept["blocks"], kept["text"]
        if again:
            note = render(AGAIN, self._outbound.reader())
            text = f"{text}\n{note.text}"
            if len(blocks) < MOST_BLOCKS:
                blocks = [*blocks, note.blocks[-1]]
        await self._outbound.say(place, Rendered(text, blocks))
        try:
            await self._outbound.share(place, files, None)
        except BridgeError as error:
            log.warning("what could not be attached could not be told either: %s", error.message)
