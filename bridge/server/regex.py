"""Matching the patterns of `$regex`: in time linear in the text on SQLite, by PostgreSQL's own engine there."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bridge.server.patterns import WORD, Anchor, Chars, Choice, Node, Repeat, Sequence, parse

MAX_CACHED_STATES = 2000


class _State:
    """Where the search may stand after some characters, and where each further character leads."""

    __slots__ = ("before", "found", "next", "places")

    def __init__(self, places: frozenset[int], before: str | None, found: bool = False) -> None:
        self.places = places
        self.before = before
        self.found = found
        self.next: dict[str, _State] = {}


@dataclass(frozen=True)
class _Consume:
    chars: Chars
    then: int


@dataclass(frozen=True)
class _Check:
    anchor: Anchor
    then: int


@dataclass(frozen=True)
class _Split:
    targets: tuple[int, ...]


_FOUND = _State(frozenset(), None, found=True)
_MATCH = 0


class Matcher:
    """Searches texts for a pattern, one table look-up per character once its states are known."""

    def __init__(self, node: Node) -> None:
        self._program: list[_Consume | _Check | _Split] = [_Split(())]
        self._start = self._emit(node, _MATCH)
        self._states: dict[tuple[frozenset[int], str | None], _State] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern occurs in the text."""
        state = self._state(frozenset({self._start}), None)
        for char in text:
            state = state.next.get(char) or self._step(state, char)
            if state.found:
                return True
        return self._closure(state, None) is None

    def _emit(self, node: Node, then: int) -> int:
        """Writes the instructions of a node; gives where they begin."""
        match node:
            case Chars():
                return self._append(_Consume(node, then))
            case Anchor():
                return self._append(_Check(node, then))
            case Sequence(parts):
                for part in reversed(parts):
                    then = self._emit(part, then)
                return then
            case Choice(options):
                return self._append(_Split(tuple(self._emit(option, then) for option in options)))
            case Repeat(part, low, high):
                entry = then
                if high is None:
                    entry = self._append(_Split(()))
                    self._program[entry] = _Split((self._emit(part, entry), then))
                for _ in range(0 if high is None else high - low):
                    entry = self._append(_Split((self._emit(part, entry), then)))
                for _ in range(low):
                    entry = self._emit(part, entry)
                return entry

    def _append(self, instruction: _Consume | _Check | _Split) -> int:
        self._program.append(instruction)
        return len(self._program) - 1

    def _state(self, places: frozenset[int], before: str | None) -> _State:
        state = self._states.get((places, before))
        if state is None:
            if len(self._states) >= MAX_CACHED_STATES:
                self._states.clear()
            state = self._states[places, before] = _State(places, before)
        return state

    def _step(self, state: _State, char: str) -> _State:
        closure = self._closure(state, char)
        if closure is None:
            following = _FOUND
        else:
            places = {consume.then for consume in closure if consume.chars.accepts(char)}
            # What stood before matters to anchors alone, so one character of each sort stands for all.
            before = "\n" if char == "\n" else "w" if char in WORD else " "
            following = self._state(frozenset(places | {self._start}), before)
        state.next[char] = following
        return following

    def _closure(self, state: _State, after: str | None) -> list[_Consume] | None:
        """What can be consumed next; None when the pattern is matched already."""
        waiting, seen, consuming = list(state.places), set(state.places), list[_Consume]()
        while waiting:
            place = waiting.pop()
            if place == _MATCH:
                return None
            instruction = self._program[place]
            targets: tuple[int, ...] = ()
            match instruction:
                case _Consume():
                    consuming.append(instruction)
                case _Check(anchor, then):
                    targets = (then,) if anchor.holds(state.before, after) else ()
                case _Split():
                    targets = instruction.targets
            for target in targets:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return consuming


@lru_cache(maxsize=256)
def matcher(pattern: str, options: str) -> Matcher:
    """The matcher of a pattern, kept for its next use; PatternError as `parse`."""
    return Matcher(parse(pattern, options))


def to_postgresql(pattern: str, options: str) -> str:
    """The same pattern as an advanced regular expression of PostgreSQL, its meaning independent of locale."""
    return ("(?i)" if "i" in options else "") + _translate(parse(pattern, options))


def _translate(node: Node) -> str:
    match node:
        case Chars():
            return _translate_chars(node)
        case Anchor(kind):
            return _ANCHORS[kind]
        case Sequence(parts):
            return "".join(_translate(part) for part in parts) or "(?:)"
        case Choice(options):
            return f"(?:{'|'.join(_translate(option) for option in options)})"
        case Repeat(part, low, high):
            count = "*" if (low, high) == (0, None) else f"{{{low},{'' if high is None else high}}}"
            return f"(?:{_translate(part)}){count}"


_W = "[A-Za-z0-9_]"
_ANCHORS = {
    "start": r"\A",
    "end": r"\Z",
    "line": r"(?:\A|(?<=\n))",
    "line-end": r"(?:\Z|(?=\n))",
    "edge": f"(?:(?<={_W})(?!{_W})|(?<!{_W})(?={_W}))",
    "inside": f"(?:(?<={_W})(?={_W})|(?<!{_W})(?!{_W}))",
}


def _translate_chars(chars: Chars) -> str:
    ranges = list(chars.ranges)
    for excluded in chars.excluded:
        ranges += _complement(excluded)
    listed = "".join(map(_code, sorted(chars.single)))
    listed += "".join(f"{_code(low)}-{_code(high)}" for low, high in ranges)
    return f"[{'^' if chars.negated else ''}{listed}]" if listed else "."


def _complement(chars: frozenset[str]) -> list[tuple[str, str]]:
    codes = [0, *sorted(map(ord, chars)), 0x10FFFF + 1]
    return [(chr(low + 1), chr(high - 1)) for low, high in pairwise(codes) if high - low > 1]


def _code(char: str) -> str:
    return char if char.isascii() and char.isalnum() else f"\\U{ord(char):08X}"
