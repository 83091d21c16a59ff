"""Figures as tables that a person reads and as JSON that a program does."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

Cell: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """One subject's figures: a row for each thing measured, its name first; `notes` say what to read them by."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """For the eyes: numbers to three digits, names on the left."""
        cells = [self.columns, *(tuple(map(_shown, row)) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in cells]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, "", lines[0], rule, *lines[1:], "", *self.notes])


def middle(figures: Sequence[float]) -> float:
    """The median; one run that something disturbed moves it little."""
    return median(figures)


def machine() -> dict[str, object]:
    """What the figures were measured on, as far as it bears on them."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
    }


def keep(path: Path, tables: Sequence[Table], seen: dict[str, object]) -> None:
    """Write all figures to a file, each row by the names of its columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": seen,
        "tables": {
            table.title: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            for table in tables
        },
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if cell >= 100:
        return f"{cell:,.0f}"
    return f"{cell:.3g}" if cell >= 1 else f"{cell:.2f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    pairs = zip(row, widths, strict=True)
    return [cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(pairs)]
