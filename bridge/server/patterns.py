"""The patterns of `$regex`, parsed into trees.

The grammar is what PCRE and the SDKs share: literals, `\\Q..\\E`, classes, groups, alternation, quantifiers,
anchors, `\\b`, and the options i, m, s, x. Look-around and back-references are refused, because they are what lets a
pattern hang a server. `\\d`, `\\w` and `\\s` mean ASCII, as in the service.
"""

import string
from dataclasses import dataclass
from typing import NamedTuple

MAX_PATTERN = 4096
MAX_GROUP_DEPTH = 40
MAX_REPEAT = 255
MAX_PROGRAM = 1000

WORD = frozenset(string.ascii_letters + string.digits + "_")
_DIGIT = frozenset(string.digits)
_SPACE = frozenset(" \t\n\r\f\v")
_CLASSES = {"d": _DIGIT, "w": WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}


class PatternError(ValueError):
    """The pattern is malformed, or asks for what is not supported."""


@dataclass(frozen=True)
class Chars:
    """One character out of a set: single characters, ranges, and nested negated sets such as `\\D`."""

    single: frozenset[str]
    ranges: tuple[tuple[str, str], ...] = ()
    excluded: tuple[frozenset[str], ...] = ()
    negated: bool = False
    fold: bool = False

    def accepts(self, char: str) -> bool:
        """Whether this character is one of them."""
        forms = {char, char.lower(), char.upper()} if self.fold else {char}
        return any(self._holds(form) for form in forms) != self.negated

    def _holds(self, char: str) -> bool:
        return (
            char in self.single
            or any(low <= char <= high for low, high in self.ranges)
            or any(char not in excluded for excluded in self.excluded)
        )


@dataclass(frozen=True)
class Anchor:
    """A place between characters: `start`, `end`, `line`, `line-end`, `edge` of a word, or not (`inside`)."""

    kind: str

    def holds(self, before: str | None, after: str | None) -> bool:
        """Whether the place between these two characters is such a one; None is where the text begins or ends."""
        match self.kind:
            case "start":
                return before is None
            case "end":
                return after is None
            case "line":
                return before is None or before == "\n"
            case "line-end":
                return after is None or after == "\n"
            case _:
                return ((before in WORD) != (after in WORD)) == (self.kind == "edge")


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    options: tuple["Node", ...]


@dataclass(frozen=True)
class Repeat:
    """At least `low`, at most `high` times (None: any number)."""

    part: "Node"
    low: int
    high: int | None


Node = Chars | Anchor | Sequence | Choice | Repeat


_NEWLINE = Chars(frozenset("\n"))
_END = Choice((Anchor("end"), Sequence((_NEWLINE, Anchor("end")))))


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str, options: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise PatternError(f"a pattern has at most {MAX_PATTERN} characters")
        if unknown := set(options) - set("imsx"):
            raise PatternError(f"unknown option '{min(unknown)}'")
        self.text = pattern
        self.at = 0
        self.depth = 0
        self.fold, self.lines = "i" in options, "m" in options
        self.dot_all, self.extended = "s" in options, "x" in options

    def parse(self) -> Node:
        node = self.choice()
        if self.at < len(self.text):
            raise PatternError("a ')' without its '('")
        return node

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise PatternError("the pattern ends too early")
        self.at += 1
        return char

    def eat(self, expected: str) -> bool:
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def choice(self) -> Node:
        options = [self.sequence()]
        while self.eat("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while (char := self.peek()) and char not in "|)":
            if self.extended and self.skip_blank():
                continue
            if self.eat("\\Q"):
                literal, found, rest = self.text[self.at :].partition("\\E")
                self.at = len(self.text) - len(rest) if found else len(self.text)
                parts.extend(self.literal(char) for char in literal)
                if parts and literal:
                    parts.append(self.repeated(parts.pop()))
            elif not self.eat("\\E"):
                parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def skip_blank(self) -> bool:
        if self.peek() in _SPACE:
            self.at += 1
            return True
        if self.peek() == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            return True
        return False

    def literal(self, char: str) -> Chars:
        return Chars(frozenset(char), fold=self.fold and char.lower() != char.upper())

    def atom(self) -> Node:
        char = self.take()
        match char:
            case "(":
                return self.group()
            case "[":
                return self.char_class()
            case "\\":
                return self.escape()
            case ".":
                return Chars(frozenset() if self.dot_all else frozenset("\n"), negated=True)
            case "^":
                return Anchor("line" if self.lines else "start")
            case "$":
                return Anchor("line-end") if self.lines else _END
            case "*" | "+" | "?":
                raise PatternError(f"nothing to repeat before '{char}'")
            case _:
                return self.literal(char)

    def group(self) -> Node:
        if self.peek() == "?" and not self.eat("?:"):
            raise PatternError("look-around, flags inside the pattern and named groups are not supported")
        self.depth += 1
        if self.depth > MAX_GROUP_DEPTH:
            raise PatternError(f"groups nest at most {MAX_GROUP_DEPTH} deep")
        node = self.choice()
        self.depth -= 1
        if not self.eat(")"):
            raise PatternError("a '(' without its ')'")
        return node

    def escape(self) -> Node:
        char = self.take()
        if char.lower() in _CLASSES:
            return Chars(_CLASSES[char.lower()], negated=char.isupper())
        match char:
            case "A":
                return Anchor("start")
            case "z":
                return Anchor("end")
            case "Z":
                return _END
            case "b" | "B":
                return Anchor("edge" if char == "b" else "inside")
            case _:
                return self.literal(self.escaped_char(char))

    def escaped_char(self, char: str) -> str:
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in ("x", "u"):
            return self.hex_char(4 if char == "u" else 2)
        if char.isascii() and char.isalnum():
            raise PatternError(f"'\\{char}' is not supported")
        return char

    def hex_char(self, width: int) -> str:
        if self.eat("{"):
            digits, found, _ = self.text[self.at :].partition("}")
            width = len(digits) + len(found)
        else:
            digits = self.text[self.at : self.at + width]
        self.at += width
        if not digits or len(digits) > 6 or set(digits) - set(string.hexdigits) or int(digits, 16) > 0x10FFFF:
            raise PatternError("a malformed character code")
        if 0xD800 <= (code := int(digits, 16)) <= 0xDFFF or code == 0:
            raise PatternError("a character code that is no character")
        return chr(code)

    def char_class(self) -> Node:
        negated = self.eat("^")
        single: set[str] = set()
        ranges: list[tuple[str, str]] = []
        excluded: list[frozenset[str]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if self.eat("[:"):
                raise PatternError("named classes are not supported")
            member = self.class_member()
            if isinstance(member, Chars):
                if member.negated:
                    excluded.append(member.single)
                else:
                    single |= member.single
            elif self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                high = self.class_member()
                if isinstance(high, Chars) or high < member:
                    raise PatternError("a malformed range")
                ranges.append((member, high))
            else:
                single.add(member)
        self.take()
        return Chars(frozenset(single), tuple(ranges), tuple(excluded), negated, self.fold)

    def class_member(self) -> str | Chars:
        char = self.take()
        if char != "\\":
            return char
        char = self.take()
        if char.lower() in _CLASSES:
            return Chars(_CLASSES[char.lower()], negated=char.isupper())
        return "\b" if char == "b" else self.escaped_char(char)

    def repeated(self, node: Node) -> Node:
        while True:
            low, high = 0, None
            if self.eat("*"):
                pass
            elif self.eat("+"):
                low = 1
            elif self.eat("?"):
                high = 1
            elif (bounds := self.bounds()) is not None:
                low, high = bounds
            else:
                return node
            self.eat("?")  # which of several matches is found makes no difference to whether there is one
            if self.peek() in ("+", "*", "?"):
                raise PatternError("possessive or repeated quantifiers are not supported")
            node = Repeat(node, low, high)

    def bounds(self) -> tuple[int, int | None] | None:
        if self.peek() != "{":
            return None
        inside, found, _ = self.text[self.at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not found or not _is_count(low) or not (not high or _is_count(high)):
            return None
        self.at += len(inside) + 2
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if least > MAX_REPEAT or (most is not None and (most > MAX_REPEAT or most < least)):
            raise PatternError(f"a repetition counts to {MAX_REPEAT} at most, the smaller number first")
        return least, most


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) < 6


def parse(pattern: str, options: str = "") -> Node:
    """The pattern as a tree; PatternError for what is malformed or not supported, too large included."""
    node = _Parser(pattern, options).parse()
    if _size(node) > MAX_PROGRAM:
        raise PatternError("the pattern is too large once its repetitions are counted")
    return node


def _size(node: Node) -> int:
    match node:
        case Chars() | Anchor():
            return 1
        case Sequence(parts) | Choice(parts):
            return 2 + sum(_size(part) for part in parts)
        case Repeat(part, low, high):
            return 2 + _size(part) * max(low + 1, high or 0)


class PlainText(NamedTuple):
    """A pattern that is nothing but text, perhaps at the start only."""

    at_start: bool
    text: str


def as_literal(node: Node) -> PlainText | None:
    """The text that the pattern stands for, when it is plain: a substring search is enough then."""
    parts = node.parts if isinstance(node, Sequence) else (node,)
    at_start = bool(parts) and parts[0] == Anchor("start")
    text = ""
    for part in parts[at_start:]:
        if not isinstance(part, Chars) or part != Chars(part.single) or len(part.single) != 1:
            return None
        text += min(part.single)
    return PlainText(at_start, text)
