"""What is moved in: an export's folder, or the console's export as a folder or an archive, line by line."""

import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from bridge.moving.folder import (
    BLACKLISTS,
    BROADCASTS,
    CLASSES,
    FILES,
    MANIFEST,
    MESSAGES,
    MISSING_FILES,
    PROGRESS,
    ROWS,
    SILENCES,
    SUBSCRIPTIONS,
    THREADS,
    Stopped,
    sync_folder,
)

ORDER = (SUBSCRIPTIONS, SILENCES, BLACKLISTS, MESSAGES, THREADS, BROADCASTS)
"""Behind the classes: whom a message is for is told from conversations and subscriptions."""

LONGEST_LINE = 20 * 1024 * 1024
"""Bytes; an object has at most 16 MB."""

_BROKEN = (tarfile.TarError, zlib.error, EOFError, OSError)
_CLASS = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,127}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, with its number; no text where it is too long to be a row."""

    number: int
    text: bytes | None


@dataclass(frozen=True, slots=True)
class Rows:
    """One file: what it is called, which class or list it holds, and its lines."""

    label: str
    table: str
    lines: Iterator[Line]

    def batch(self, size: int, most_bytes: int = 4 * 1024 * 1024) -> list[Line]:
        """The next lines, at most so many and of about so many bytes; none at the end."""
        some: list[Line] = []
        total = 0
        for line in islice(self.lines, size):
            some.append(line)
            total += len(line.text or b"")
            if total > most_bytes:
                break
        return some


def check(path: Path) -> None:
    """Stopped: there is nothing there that could be moved in."""
    if path.is_dir():
        if (path / PROGRESS).exists() and not (path / MANIFEST).exists():
            raise Stopped(f"the export in {path} has not ended: run `imbridge export {path}` again first")
        if not any(path.glob(f"*{ROWS}")):
            raise Stopped(f"{path} holds no {ROWS} files")
    elif not path.is_file():
        raise Stopped(f"there is no {path}")
    elif not tarfile.is_tarfile(path):
        raise Stopped(f"{path} is neither a folder nor a tar archive")


def tables(path: Path) -> Iterator[Rows]:
    """Every file in the order in which they have to be loaded; an archive holds classes alone, in any order."""
    if path.is_dir():
        yield from _of_folder(path)
        return
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                table = _table(Path(member.name).name)
                if not member.isreg() or table is None:
                    continue
                if table in ORDER:
                    raise Stopped(f"{path} is a packed export: unpack it, and name the folder")
                content = archive.extractfile(member)
                if content is not None:
                    yield Rows(member.name, table, _lines(content))
    except _BROKEN as error:
        raise Stopped(f"{path} cannot be read: {error}") from error


def _of_folder(path: Path) -> Iterator[Rows]:
    found = [(table, one) for one in path.glob(f"*{ROWS}") if (table := _table(one.name))]
    ranks = {name: rank for rank, name in enumerate((*CLASSES, "", *ORDER))}
    for table, file in sorted(found, key=lambda pair: (ranks.get(pair[0], ranks[""]), pair[1].name)):
        with file.open("rb") as content:
            yield Rows(file.name, table, _lines(content))


def _table(name: str) -> str | None:
    """`_Conversation.jsonl`, and the `_Conversation.0.jsonl` of a large export."""
    if not name.endswith(ROWS) or name.startswith("."):
        return None
    table = name.partition(".")[0]
    known = table in ORDER or _CLASS.match(table)
    return table if known and table != MISSING_FILES else None


def _lines(content: IO[bytes]) -> Iterator[Line]:
    number = 0
    while text := _read(content):
        number += 1
        if len(text) == LONGEST_LINE and not text.endswith(b"\n"):
            while (rest := _read(content)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, None)
        elif text.strip() and not text.startswith(
            b"#"
        ):  # the console's files may open with a line that names the class
            yield Line(number, text)


def _read(content: IO[bytes]) -> bytes:
    try:
        return content.readline(LONGEST_LINE)
    except _BROKEN as error:
        raise Stopped(f"what was to be moved in cannot be read on: {error}") from error


def files(path: Path) -> Iterator[Path]:
    """The folders of an export that hold a file each."""
    folder = path / FILES
    if path.is_dir() and folder.is_dir():
        for one in folder.iterdir():
            if _HASH.match(one.name) and one.is_dir() and not one.is_symlink():
                yield one


def file_in(folder: Path) -> Path | None:
    """The one file of such a folder."""
    return next((one for one in folder.iterdir() if one.is_file() and not one.is_symlink()), None)


def install(folder: Path, target: Path) -> bool:
    """Puts a file where the server serves it from, as a whole, and tells whether it was not there yet."""
    file, final = file_in(folder), target / folder.name
    if file is None or final.exists():
        return False
    made = target / f".{folder.name}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        os.link(file, made / file.name)
    except OSError:  # another file system
        shutil.copyfile(file, made / file.name)
    sync_folder(made)
    made.rename(final)
    return True
