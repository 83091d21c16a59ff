"""Replies as acknowledgements: what Slack shows at once when a command's request is answered in time."""

import json
from collections import OrderedDict
from dataclasses import dataclass

from bridge.reply import File, Reply
from bridge.slack.outbound import PLAIN
from bridge.slack.render import Reader, render

MOST_KEPT = 64
_WRITER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The JSON body, and the files that must follow it."""

    body: str
    files: tuple[File, ...]


class Acknowledgements:
    """Makes acknowledgements, and keeps those of private replies by the identity of their words.

    A private reply is most often help, which is the same object for everyone who may run the same; rendering it would
    cost more than all the rest of its request.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, str], tuple[Reply, Acknowledgement]] = OrderedDict()

    def of(self, reply: Reply, reader: Reader) -> Acknowledgement:
        """The acknowledgement that carries this reply, in the channel or for the asker's eyes alone."""
        if not reply.private:
            return _acknowledgement(reply, reader)
        key = (id(reply.title), id(reply.parts), reader.locale)
        kept = self._kept.get(key)
        if kept is None:
            # The reply is kept along with its acknowledgement, and so its ids stay its own.
            kept = reply, _acknowledgement(reply, reader)
            self._kept[key] = kept
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept[1]


def _acknowledgement(reply: Reply, reader: Reader) -> Acknowledgement:
    rendered = render(reply, reader)
    content = {
        "response_type": "ephemeral" if reply.private else "in_channel",
        "text": rendered.text,
        "blocks": rendered.blocks,
    }
    return Acknowledgement(_WRITER.encode({**PLAIN, **content}), rendered.files)
