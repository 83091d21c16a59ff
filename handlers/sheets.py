"""Tables as CSV, which spreadsheets open."""

import csv
import io
from collections.abc import Iterable, Sequence


def sheet(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """CSV with a line of headings; texts that a spreadsheet would run as formulas begin with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: str | int) -> str | int:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
