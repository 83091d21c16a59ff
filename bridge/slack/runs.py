"""Sentences as runs of one style each, the safest home for foreign text: Slack interprets nothing in them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from bridge.phrases import Code, Link, Moment, Phrase, Translate, Value, iso_utc, plain, segments
from bridge.reply import Json
from bridge.slack.markup import one_line

Block: TypeAlias = dict[str, Json]
Style: TypeAlias = Literal["", "bold", "code"]

LINKED = re.compile(r"https?://[!-;=?-~]+")
"""An address that can be linked: printable ASCII, of the web, and nothing that Slack reads as mark-up."""
LONGEST_LINK = 1_000
"""Characters; a longer one is there to be read."""
LONGEST_LABEL = 200
RUN_COST = 40
"""What an element counts beside its text: Slack refuses rich text well before its bare characters reach the limit."""
FIXED_KEPT = 1_000
"""Phrases without values, in a language and a style; there are a few hundred."""
LATEST = 253_402_300_799_000
"""The end of the year 9999, UTC milliseconds; beyond it a moment is shown as the number that it is."""


class Run(NamedTuple):
    """Text of one style; `at` (UTC milliseconds) makes it a moment, and the text what shows where dates don't.

    `url` makes it a link. Neither is ever cut in two.
    """

    text: str
    style: Style = ""
    at: int | None = None
    url: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is nothing but text of its style."""
        return self.at is None and not self.url

    @property
    def size(self) -> int:
        """What its characters may count, those of an address too."""
        return measure(self.text) + measure(self.url)

    def element(self) -> Block:
        """As an element of rich text."""
        if self.at is not None:
            shown = "{date_num} {time_secs}"
            return {"type": "date", "timestamp": self.at // 1000, "format": shown, "fallback": self.text}
        if self.url:
            return {"type": "link", "url": self.url, "text": self.text}
        if self.style:
            return {"type": "text", "text": self.text, "style": {self.style: True}}
        return {"type": "text", "text": self.text}


def measure(text: str) -> int:
    """Characters as Slack may count them: escaped, and two for what lies beyond UTF-16's first plane."""
    size = len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
    if "&" in text:
        size += 4 * text.count("&")
    if "<" in text or ">" in text:
        size += 3 * (text.count("<") + text.count(">"))
    return size


def split(text: str, room: int) -> tuple[str, str]:
    """The longest beginning that measures no more than `room`, and the rest; a line break near the end wins."""
    if measure(text) <= room:
        return text, ""
    end = bisect_right(range(1, len(text) + 1), room, key=lambda size: measure(text[:size]))
    newline = text.rfind("\n", end // 2, end)
    end = newline + 1 if newline > 0 else end
    return text[:end], text[end:]


def cut(text: str, room: int) -> str:
    """The text within `room`, its missing end shown by an ellipsis."""
    return text if measure(text) <= room else split(text, room - 1)[0] + "…"


def moment(at: int) -> str:
    """UTC milliseconds as ISO 8601; what is no date stays a number."""
    return iso_utc(at) if 0 <= at <= LATEST else str(at)


def runs(words: Phrase, translate: Translate, style: Style = "") -> list[Run]:
    """The phrase in the reader's language, foreign values as `value_runs` has them."""
    if not words.values and words.plural is None:
        return [*_fixed(words.template, translate, style)]
    line: list[Run] = []
    for text, value in segments(words, translate):
        line += (Run(text, style),) if value is None else value_runs(value, translate, style)
    return joined(line)


@lru_cache(FIXED_KEPT)
def _fixed(template: str, translate: Translate, style: Style) -> tuple[Run, ...]:
    """A phrase of one form and no values: the same runs each time."""
    text = plain(Phrase(template), translate)
    return (Run(text, style),) if text else ()


def value_runs(value: Value, translate: Translate, style: Style = "") -> list[Run]:
    """A foreign value: literal, on one line, its invisible characters spelt out; none where there is no text."""
    match value:
        case str():
            return [Run(one_line(value), style)] if value else []
        case Code(text):
            return [Run(one_line(text), "code")] if text else []
        case Link(url, text):
            return [_link(url, one_line(text), style)]
        case Phrase():
            return runs(value, translate, style)
        case Moment(at):
            return [Run(moment(at), style, at if 0 <= at <= LATEST else None)]
        case _:
            return [Run(str(value), style)]


def _link(url: str, text: str, style: Style) -> Run:
    """A link where the address is one, else what it is, to be read."""
    if LINKED.fullmatch(url) and measure(url) <= LONGEST_LINK:
        return Run(cut(text or url, LONGEST_LABEL), style, url=url)
    return Run(f"{text} {one_line(url)}".strip() or "–", style)


def joined(line: list[Run]) -> list[Run]:
    """The runs, neighbours of one style in one."""
    if len(line) < 2:
        return line
    done: list[Run] = []
    last, texts = line[0], [line[0].text]
    for run in line[1:]:
        if last.style == run.style and last.is_text and run.is_text:
            texts.append(run.text)
            continue
        done.append(last if len(texts) == 1 else Run("".join(texts), last.style))
        last, texts = run, [run.text]
    done.append(last if len(texts) == 1 else Run("".join(texts), last.style))
    return done


def pages(line: Iterable[Run], room: int) -> Iterator[tuple[list[Run], int]]:
    """The runs in portions of no more than `room` (well above `RUN_COST`), each with its count; nothing is lost."""
    page: list[Run] = []
    left = room
    for run in line:
        rest = run
        while (cost := rest.size + RUN_COST) > left:
            head, tail = split(rest.text, left - RUN_COST) if rest.is_text else ("", rest.text)
            if head:
                left -= measure(head) + RUN_COST
                page.append(Run(head, rest.style))
                rest = Run(tail, rest.style)
            yield page, room - left
            page, left = [], room
        page.append(rest)
        left -= cost
    if page:
        yield page, room - left


def text_of(line: Iterable[Run]) -> str:
    """The runs without their styles, addresses behind what is read for them."""
    return "".join(f"{run.text} {run.url}" if run.url not in ("", run.text) else run.text for run in line)
