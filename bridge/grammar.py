"""How a line is cut into words: quotes, long dashes, and text kept as it was typed (design.md section 4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

# What each opening quote can be closed by. Phones insert the typographic ones; ” also opens on some keyboards.
PARTNERS = {
    '"': '"',
    "“": "”",
    "”": "”",
    "„": "“”",
    "＂": "＂",
    "＇": "＇",
    "'": "'",
    "‘": "’",
    "’": "’",
    "‚": "‘’",
    "«": "»",
}
LONG_DASHES = "—–―"
OPTION = "--"
WIDE_OPTION = "－－"
QUIET = "quiet"
"""The option that every command takes: its answer is for whoever typed it alone."""
EQUALS = "=＝"
_BEGINNING = re.compile(f"{OPTION}|{WIDE_OPTION}|[{LONG_DASHES}]{{1,2}}")
# Longer than any message may be; it bounds the search for a partner.
QUOTE_REACH = 8192


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `text` without its quotes, and where it stands in the line, quotes included."""

    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def option(self) -> str | None:
        """What follows the two dashes (or what a phone or an input method makes of them), when the word begins so.

        Its name is folded, its value as typed, with a plain equals sign between them.
        """
        begun = None if self.quoted else _BEGINNING.match(self.text)
        if begun is None:
            return None
        rest = self.text[begun.end() :]
        at = min((found for each in EQUALS if (found := rest.find(each)) >= 0), default=None)
        return fold(rest) if at is None else f"{fold(rest[:at])}={rest[at + 1 :]}"

    @property
    def ends_options(self) -> bool:
        """Whether all behind it is text."""
        return not self.quoted and self.text in (OPTION, WIDE_OPTION)

    @property
    def is_long_dash(self) -> bool:
        """Whether it is what a phone or an input method makes of two dashes that stand alone."""
        return not self.quoted and 1 <= len(self.text) <= 2 and not self.text.strip(LONG_DASHES)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as typed, and its words in order."""

    raw: str
    words: tuple[Word, ...]

    def text(self, kept: Sequence[Word]) -> str:
        """The raw text of `kept` (words of this line, in order) with the white space that stood before each.

        What stands between two kept words that are not neighbours, an option with its value, is left out together
        with the white space behind it. A pair of quotes around the whole is left out too.
        """
        if len(kept) == 1 and kept[0].quoted:
            return kept[0].text
        following = {word.start: after for word, after in zip(self.words, self.words[1:], strict=False)}
        pieces = []
        for word in kept:
            pieces.append(self.raw[word.start : word.end])
            after = following.get(word.start)
            if word is not kept[-1] and after is not None:
                pieces.append(self.raw[word.end : after.start])
        return "".join(pieces)


def fold(word: str) -> str:
    """A word that isn't text, with full-width letters, digits and signs as the plain ones that they stand for."""
    return word if word.isascii() else normalize("NFKC", word)


def is_quiet(line: Line) -> bool:
    """Whether its answer is for whoever typed it alone."""
    for word in line.words:
        if word.ends_options:
            return False
        if word.option == QUIET:
            return True
    return False


def split(raw: str) -> Line:
    """Cut a line as a person typed it: words at white space, quotes grouping where one opens and one ends a word."""
    words = []
    searched: dict[str, int] = {}
    at = 0
    while at < len(raw):
        if raw[at].isspace():
            at += 1
            continue
        word = _word(raw, at, searched)
        words.append(word)
        at = word.end
    return Line(raw, tuple(words))


def joined(words: Sequence[str]) -> Line:
    """A line from words that a shell has already cut: their boundaries stay, their quotes are their own."""
    found = []
    at = 0
    for text in words:
        found.append(Word(text, at, at + len(text)))
        at += len(text) + 1
    return Line(" ".join(words), tuple(found))


def _word(raw: str, start: int, searched: dict[str, int]) -> Word:
    if raw[start] in PARTNERS:
        # Where this quote's partner was looked for in vain is not searched again: a line is read in linear time.
        found = _partner(raw, start, max(start + 1, searched.get(raw[start], 0)))
        if found is not None:
            return Word(raw[start + 1 : found], start, found + 1, quoted=True)
        searched[raw[start]] = start + QUOTE_REACH
    at = start
    while at < len(raw) and not raw[at].isspace():
        # --name="two words": behind an option's equals sign a word of its own begins.
        if raw[at] in EQUALS and Word(raw[start:at], start, at).option and at + 1 < len(raw):
            value = _word(raw, at + 1, searched) if not raw[at + 1].isspace() else None
            if value is not None and value.quoted:
                return Word(f"{raw[start:at]}={value.text}", start, value.end)
        at += 1
    return Word(raw[start:at], start, at)


def _partner(raw: str, start: int, after: int) -> int | None:
    """Where the quote at `start` is closed, at or behind `after`: its partner at a word's end, pairs within skipped."""
    opening, partners = raw[start], PARTNERS[raw[start]]
    first = None
    depth = 1
    for at in range(after, min(len(raw), start + QUOTE_REACH)):
        ends_word = at + 1 == len(raw) or raw[at + 1].isspace()
        if raw[at] in partners and ends_word:
            first = at if first is None else first
            depth -= 1
            if depth == 0:
                return at
        elif raw[at] == opening and raw[at - 1].isspace():
            depth += 1
    return first
