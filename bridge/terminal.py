"""The terminal's edge: its words as an Invocation, a Reply as text for people or one JSON object for programs."""

import getpass
import json
from collections.abc import Iterator, Sequence

from bridge.clock import now_ms
from bridge.identifiers import new_invocation_id
from bridge.invocation import TERMINAL, Actor, Invocation, Place, Standing, Trigger
from bridge.phrases import Phrase, Value, phrase, plain
from bridge.reply import Buttons, Fields, File, Heading, Hint, Paragraph, Part, Quote, Reply, Table


def invocation(words: Sequence[str], actor: str | None) -> Invocation:
    """What `actor`, or whoever is logged in, asks for: somebody who holds the keys."""
    return Invocation(
        id=new_invocation_id(),
        request=f"{TERMINAL}{new_invocation_id()}{new_invocation_id()}",
        actor=Actor(f"{TERMINAL}{actor or getpass.getuser()}", standing=Standing.KEEPER),
        place=Place(),
        trigger=Trigger.TERMINAL,
        at=now_ms(),
        words=tuple(words),
    )


def text(reply: Reply) -> str:
    """The reply as lines; foreign control characters are shown, not obeyed."""
    lines = [plain(reply.title)]
    for part in reply.parts:
        lines.extend(_lines(part))
    return "\n".join(_visible(line) for line in lines)


def document(reply: Reply) -> dict[str, object]:
    """The reply as `imbridge run --json` prints it (design.md section 3)."""
    if reply.failure is None:
        return {"ok": True, "command": reply.command, "data": reply.data, "text": text(reply)}
    failure = reply.failure
    error: dict[str, object] = {
        "code": failure.code,
        "message": plain(failure.message),
        "hint": plain(failure.hint) if failure.hint else "",
    }
    if failure.id:
        error["id"] = failure.id
    found: dict[str, object] = {"ok": False, "command": reply.command, "error": error}
    # A delivery that went wrong in part still says how far it came.
    return found if reply.data is None else {**found, "data": reply.data}


def json_line(reply: Reply) -> str:
    """One JSON object on one line; a file's content is in it once, as text."""
    return json.dumps(document(reply), ensure_ascii=False, separators=(",", ":"))


def _lines(part: Part) -> Iterator[str]:
    match part:
        case Paragraph(words) | Heading(words):
            yield plain(words)
        case Hint(words):
            yield f"  → {plain(words)}"
        case Quote(quoted):
            yield from (f"  {line}" for line in quoted.splitlines())
        case Fields(rows):
            labels = [plain(label) for label, _ in rows]
            width = max(map(len, labels), default=0)
            for label, (_, value) in zip(labels, rows, strict=True):
                yield f"  {label:<{width}}  {_cell(value)}"
        case Table(columns, rows):
            yield from _table(columns, rows)
        case Buttons(buttons):
            for button in buttons:
                yield f"  [{plain(button.label)}] {button.line}"
        case File(name, content):
            yield f"{name}:"
            yield from content.splitlines()


def _table(columns: tuple[Phrase, ...], rows: tuple[tuple[Value, ...], ...]) -> Iterator[str]:
    cells = [[plain(column) for column in columns], *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cell(value: Value) -> str:
    return plain(phrase("{value}", value=value)).replace("\n", " ")


def _visible(line: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in line
    )
