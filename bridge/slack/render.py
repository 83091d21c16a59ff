"""A Reply as a Slack message: translated, escaped once, and within every limit that Slack sets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from bridge.phrases import Code, Phrase, Translate, Value, phrase, plain
from bridge.reply import Button, Buttons, Fields, File, Heading, Hint, Paragraph, Part, Quote, Reply, Table
from bridge.slack.markup import escape, one_line, visible
from bridge.slack.runs import (
    Block,
    Run,
    cut,
    joined,
    measure,
    moment,
    pages,
    runs,
    split,
    text_of,
    value_runs,
)

DRILL_MARK = "drill."
"""What stands before every `action_id` of a drill, so that no press ever means the other world."""
DRILL_COLOUR = "🟧"
RUN_ACTION = "imbridge.run"
"""How the `action_id` of every button begins that runs a command line."""
SETTLE_ACTION = f"{RUN_ACTION}.settle"
"""How it begins where the answer takes the place of the message that holds the button."""

FILL_ACTION = "imbridge.form"
"""How the `action_id` of every button begins that opens the form of a command line."""

MOST_BLOCKS = 50
MOST_VIEW_BLOCKS = 100
MOST_ROWS = 100
MOST_COLUMNS = 20
MOST_BUTTONS = 25
BUTTON_LABEL = 75
HEADING = 150
BUTTON_VALUE = 2_000
MESSAGE_ROOM = 12_000
"""For all blocks but tables; Slack refuses somewhere above 13,200 and says nowhere how it counts."""
VIEW_ROOM = 50_000
"""A view holds 250 KB: so many characters are fewer, whatever they are and however they are escaped."""
TABLE_ROOM = 9_500
BLOCK_ROOM = 2_900
TEXT_ROOM = 2_900
CELL_ROOM = 400
BLOCK_COST = 100
NOTE_ROOM = 400

_SEE_FILE = phrase("This is only the beginning: the whole is in the file {name}.", name=Code("reply.txt"))
_SEE_ELSEWHERE = phrase("There is more than fits here: see it by the commands themselves.")
_SEE_MESSAGE = phrase("… the rest is in the message itself.")
_DRILL = phrase("DRILL: nobody of the app gets any of this")
_EMPTY = phrase("(empty)")
_COLON = phrase(": ")
_LINE_BREAK, _NOTHING = Run("\n"), Run("–")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: `locale` such as zh-CN, and the translation that goes with it."""

    locale: str
    translate: Translate
    drill: bool = False
    """Everything says, in words and colour, that it is none of it real."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What to post: `text` stands alone (notifications, screen readers), `files` go with it."""

    text: str
    blocks: list[Block]
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block and what it counts towards the message's size; buttons are seated before all else."""

    block: Block
    cost: int
    first: bool = False


@dataclass(frozen=True, slots=True)
class _Composed:
    """A part as blocks and as lines of text; what is `spoken` belongs into the text that stands alone."""

    pieces: list[_Piece]
    lines: Callable[[], Iterable[str]]
    spoken: bool = True


def render(reply: Reply, reader: Reader) -> Rendered:
    """The reply as Slack shows it. Where it does not fit, the whole goes along as the file `reply.txt`."""
    files = tuple(part for part in reply.parts if isinstance(part, File))
    composer = _Composer(reader.translate, drill=reader.drill, files=not reply.private)
    composed = list(composer.parts(reply))
    pieces = [piece for part in composed for piece in part.pieces]
    blocks = _fitting(pieces)
    is_cut = len(blocks) < len(pieces)
    if is_cut:
        blocks.append(_context(_words(_SEE_FILE, reader.translate)).block)
    if is_cut or composer.has_rows_left:
        files += (File("reply.txt", "\n".join(line for part in composed for line in part.lines())),)
    return Rendered(_text(composed, reader.translate), blocks, files)


def render_view(reply: Reply, reader: Reader) -> list[Block]:
    """The reply as the blocks of a view, which holds no files; its tables become lines."""
    composed = list(_Composer(reader.translate, tables=False).parts(reply))
    pieces = [piece for part in composed for piece in part.pieces]
    blocks = _fitting(pieces, MOST_VIEW_BLOCKS - 1, VIEW_ROOM)
    if len(blocks) < len(pieces):
        blocks.append(_context(_words(_SEE_ELSEWHERE, reader.translate)).block)
    return blocks


def _fitting(pieces: Sequence[_Piece], most: int = MOST_BLOCKS, whole: int = MESSAGE_ROOM) -> list[Block]:
    """What there is room for: buttons, then all else in order up to the first that finds none."""
    seated: set[int] = set()
    blocks, room = most - 1, whole // 2
    for index, piece in enumerate(pieces):
        if piece.first and piece.cost <= room:
            seated.add(index)
            blocks, room = blocks - 1, room - piece.cost
    room += whole - whole // 2 - NOTE_ROOM
    for index, piece in enumerate(pieces):
        if piece.first:
            continue
        if piece.cost > room or not blocks:
            break
        seated.add(index)
        blocks, room = blocks - 1, room - piece.cost
    return [piece.block for index, piece in enumerate(pieces) if index in seated]


def _text(composed: Iterable[_Composed], translate: Translate) -> str:
    """The reply in words, whole where it fits; what follows a cut says where the rest is."""
    room = TEXT_ROOM
    shown: list[str] = []
    for line in (line for part in composed if part.spoken for line in part.lines()):
        head, tail = split(line, room)
        shown.append(head)
        room -= measure(head) + 1
        if tail or room <= 0:
            shown.append(_words(_SEE_MESSAGE, translate))
            break
    return escape("\n".join(shown))


class _Composer:
    """Puts a reply's parts into blocks, numbering its buttons and remembering that a message holds one table."""

    def __init__(
        self, translate: Translate, *, tables: bool = True, drill: bool = False, files: bool = False
    ) -> None:
        self.has_rows_left = False
        self._translate = translate
        self._files = files
        self._drill = drill
        self._buttons = count()
        self._table_is_free = tables

    def parts(self, reply: Reply) -> Iterator[_Composed]:
        if self._drill:
            yield _sentence(
                [Run(f"{DRILL_COLOUR} "), *runs(_DRILL, self._translate, "bold"), Run(f" {DRILL_COLOUR}")]
            )
        yield _sentence(runs(reply.title, self._translate, "bold") or [Run("–", "bold")])
        for part in reply.parts:
            yield self._part(part)

    def _part(self, part: Part) -> _Composed:
        match part:
            case Paragraph(words):
                return _sentence(runs(words, self._translate))
            case Heading(words):
                return self._heading(words)
            case Hint(words):
                return self._hint(words)
            case Quote(text):
                shown = visible(text) or _words(_EMPTY, self._translate)
                return _Composed(list(_rich("rich_text_quote", [Run(shown)])), lambda: (shown,))
            case Fields(rows):
                return self._fields(rows)
            case Table():
                return self._table(part)
            case Buttons(buttons):
                return self._actions(buttons)
            case File(name):
                return _sentence(runs(phrase("File: {name}", name=Code(name)), self._translate))

    def _heading(self, words: Phrase) -> _Composed:
        text = cut(_words(words, self._translate), HEADING) or "–"
        block: Block = {"type": "header", "text": _plain_text(text, HEADING)}
        return _Composed([_Piece(block, BLOCK_COST + measure(text))], lambda: (text,))

    def _hint(self, words: Phrase) -> _Composed:
        """Small and grey, unless it holds a moment, which only rich text shows in the reader's zone."""
        line = runs(words, self._translate)
        text = text_of(line)
        if not text or measure(text) > BLOCK_ROOM or not all(run.is_text for run in line):
            return _sentence(line)
        return _Composed([_context(text)], lambda: (text,))

    def _fields(self, rows: Iterable[tuple[Phrase, Value]]) -> _Composed:
        """One line each, in as few blocks as they need."""
        colon = Run(_words(_COLON, self._translate))
        flow: list[Run] = []
        for label, value in rows:
            if flow:
                flow.append(_LINE_BREAK)
            flow += runs(label, self._translate, "bold")
            flow.append(colon)
            flow += value_runs(value, self._translate) or [_NOTHING]
        return _sentence(joined(flow))

    def _table(self, table: Table) -> _Composed:
        header = [_cell(runs(column, self._translate)) for column in table.columns]
        rows = _rows_that_fit(table, self._translate, sum(cost for _, cost in header))
        if not self._table_is_free or len(table.columns) > MOST_COLUMNS or not rows:
            return self._listing(table)
        self._table_is_free = False
        block: Block = {
            "type": "table",
            "rows": [[cell for cell, _ in header], *rows],
            "column_settings": [_column(table, index) for index in range(len(table.columns))],
        }
        pieces = [_Piece(block, BLOCK_COST)]
        if left := len(table.rows) - len(rows):
            self.has_rows_left = self._files
            more = _further_rows(left, in_file=self._files)
            pieces.append(_context(_words(more, self._translate)))
        return _Composed(pieces, partial(_table_lines, table, self._translate))

    def _listing(self, table: Table) -> _Composed:
        """The rows as lines of text, for what Slack's one table per message can't hold."""
        colon = _words(_COLON, self._translate)
        names = [runs(column, self._translate, "bold") for column in table.columns]
        flow: list[Run] = []
        for row in table.rows:
            flow += [_LINE_BREAK] if flow else []
            for index, (name, value) in enumerate(zip(names, row, strict=True)):
                flow += [Run(" · ")] if index else []
                flow += [*name, Run(colon), *value_runs(value, self._translate)]
        return _Composed(_sentence(joined(flow)).pieces, partial(_table_lines, table, self._translate))

    def _actions(self, buttons: Sequence[Button]) -> _Composed:
        """Buttons in rows; a command line too long for a button is there to be typed."""
        fits = [_is_pressable(each.line) for each in buttons]
        lines = [runs(_typed(each), self._translate) for each in buttons]
        elements = [self._button(each) for each, fit in zip(buttons, fits, strict=True) if fit]
        pieces: list[_Piece] = []
        for start in range(0, len(elements), MOST_BUTTONS):
            row = elements[start : start + MOST_BUTTONS]
            cost = BLOCK_COST + sum(_texts_of(element) for element in row)
            pieces.append(_Piece({"type": "actions", "elements": row}, cost, first=True))
        for line, fit in zip(lines, fits, strict=True):
            pieces += [] if fit else _sentence(line).pieces
        return _Composed(pieces, lambda: map(text_of, lines), spoken=False)

    def _button(self, button: Button) -> Block:
        label = _words(button.label, self._translate)
        element: Block = {
            "type": "button",
            "action_id": f"{_action(button, drill=self._drill)}.{next(self._buttons)}",
            "text": _plain_text(label, BUTTON_LABEL),
            "value": button.line,
        }
        if button.danger:
            told = phrase("This can't be undone. It runs: {line}", line=Code(button.line))
            if self._drill:
                told = phrase(
                    "This is a drill: nobody of the app notices. It runs: {line}", line=Code(button.line)
                )
            element["style"] = "danger"
            element["confirm"] = {
                "title": _plain_text(label, 100),
                "text": _plain_text(_words(told, self._translate), 300),
                "confirm": _plain_text(label, 30),
                "deny": _plain_text(_words(phrase("Go back"), self._translate), 30),
                "style": "danger",
            }
        return element


def _further_rows(count: int, *, in_file: bool) -> Phrase:
    if in_file:
        return phrase(
            "{count} more row: see the file {name}.",
            plural="{count} more rows: see the file {name}.",
            count=count,
            name=Code("reply.txt"),
        )
    return phrase(
        "{count} more row: narrow it with --limit, or --csv.",
        plural="{count} more rows: narrow it with --limit, or --csv.",
        count=count,
    )


def _action(button: Button, *, drill: bool) -> str:
    action = FILL_ACTION if button.fills else SETTLE_ACTION if button.settles else RUN_ACTION
    return f"{DRILL_MARK}{action}" if drill else action


def _words(words: Phrase, translate: Translate) -> str:
    return one_line(plain(words, translate, moment))


def _plain_text(text: str, room: int) -> Block:
    return {"type": "plain_text", "text": cut(text, room) or "–", "emoji": False}


def _texts_of(element: Block) -> int:
    """A button's visible characters: its label, and the dialogue behind it."""
    dialogue = element.get("confirm")
    parts = [element, *(dialogue.values() if isinstance(dialogue, dict) else [])]
    return sum(measure(str(part.get("text"))) for part in parts if isinstance(part, dict)) + 2 * BLOCK_COST


def _context(text: str) -> _Piece:
    return _Piece(
        {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]},
        BLOCK_COST + measure(text),
    )


def _sentence(line: list[Run]) -> _Composed:
    return _Composed(list(_rich("rich_text_section", line)), lambda: (text_of(line),))


def _rich(kind: str, line: Iterable[Run]) -> Iterator[_Piece]:
    for page, cost in pages(line, BLOCK_ROOM):
        section: Block = {"type": kind, "elements": [run.element() for run in page]}
        yield _Piece({"type": "rich_text", "elements": [section]}, BLOCK_COST + cost)


def _is_pressable(line: str) -> bool:
    """Whether it can be a button's value, which comes back as it was sent: short enough, and no half characters."""
    return measure(line) <= BUTTON_VALUE and not any("\ud800" <= each <= "\udfff" for each in line)


def _typed(button: Button) -> Phrase:
    return phrase("{label}: {line}", label=button.label, line=Code(button.line))


def _cell(line: list[Run]) -> tuple[Block, int]:
    """A table's cell and its characters; plain where nothing in it needs a style or the reader's zone."""
    shown = line or [_NOTHING]
    size = sum([run.size for run in shown])
    if len(shown) == 1 and shown[0].is_text and not shown[0].style:
        return {"type": "raw_text", "text": shown[0].text}, size
    section: Block = {"type": "rich_text_section", "elements": [run.element() for run in shown]}
    return {"type": "rich_text", "elements": [section]}, size


def _rows_that_fit(table: Table, translate: Translate, header: int) -> list[list[Block]]:
    fitting: list[list[Block]] = []
    room = TABLE_ROOM - header
    for row in table.rows[: MOST_ROWS - 1]:
        cells = [_cell(_shortened(value_runs(value, translate))) for value in row]
        room -= sum(size for _, size in cells)
        if room < 0:
            break
        fitting.append([cell for cell, _ in cells])
    return fitting


def _shortened(line: list[Run]) -> list[Run]:
    """A long cell's beginning, saying how many characters follow."""
    room = CELL_ROOM
    for index, run in enumerate(line):
        room -= measure(run.text)
        if room < 0 and run.is_text:
            head, tail = split(run.text, room + measure(run.text))
            left = len(tail) + len(text_of(line[index + 1 :]))
            return [*line[:index], Run(f"{head}… (+{left})", run.style)]
    return line


def _column(table: Table, index: int) -> Block:
    numbers = all(isinstance(row[index], int | float) for row in table.rows)
    return {"align": "right"} if numbers else {"is_wrapped": True}


def _table_lines(table: Table, translate: Translate) -> Iterator[str]:
    yield " · ".join(_words(column, translate) for column in table.columns)
    for row in table.rows:
        yield " · ".join(text_of(value_runs(value, translate)) for value in row)
