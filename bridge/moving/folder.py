"""An export's folder: JSON Lines that grow durably, what was done so far, and the manifest that says it is whole."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

FORMAT = 1
MANIFEST = "manifest.json"
PROGRESS = "progress.json"
FILES = "files"
ROWS = ".jsonl"
PART = ".part"

CONVERSATIONS = "_Conversation"
CLASSES = (CONVERSATIONS, "_ConversationMemberInfo", "_SysMessage", "_File")
MESSAGES, THREADS, BROADCASTS = "messages", "threads", "broadcasts"
SUBSCRIPTIONS, SILENCES, BLACKLISTS = "subscriptions", "silences", "blacklists"
MISSING_FILES = "missing-files"

TOGETHER = 200
"""Rows asked for at a time: a page of the largest messages, held three times over, takes less than 8 MB."""

State = dict[str, Any]
"""What is known of one table's growth: `bytes` and `rows` that are safe, and cursors of whoever fills it."""


class Stopped(Exception):
    """The work ended early, and what was done is safe: says why, and what to do."""


def dumps(value: object) -> str:
    """One line of JSON, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file as a whole and durably: after a crash it is the old or the new one."""
    part = path.with_name(path.name + PART)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Table:
    """One file of rows while it grows: rows count once `commit` has returned, the name once `finish` has."""

    def __init__(self, export: "ExportFolder", name: str) -> None:
        self._export = export
        self.name = name
        self.state: State = export.tables.setdefault(name, {"bytes": 0, "rows": 0})
        self._path = export.path / f"{name}{ROWS}"
        self._part = self._path.with_name(self._path.name + PART)
        self._file = self._open()
        self._written = 0

    def _open(self) -> BinaryIO:
        if self.state["bytes"] and not self._part.exists() and self._path.exists():
            self._path.replace(self._part)
        file = self._part.open("ab")
        if file.tell() < self.state["bytes"]:
            file.close()
            raise Stopped(f"{self._part} is shorter than it was: export into an empty folder")
        file.truncate(self.state["bytes"])
        file.seek(0, os.SEEK_END)
        return file

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Adds rows, a line each."""
        for row in rows:
            self._file.write(dumps(row).encode() + b"\n")
            self._written += 1

    def commit(self, **cursors: object) -> None:
        """Makes what was written durable, and with it where to go on."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.state |= {"bytes": self._file.tell(), "rows": self.state["rows"] + self._written, **cursors}
        self._written = 0
        self._export.save()

    def finish(self) -> None:
        """Closes the file under its own name and notes that the step is done."""
        self.commit()
        self._file.close()
        self._part.replace(self._path)
        sync_folder(self._export.path)
        self._export.done(self.name)

    def restart(self) -> None:
        """Forgets every row of this round: its source cannot be gone on with."""
        self._file.flush()
        self._file.truncate(0)
        self._file.seek(0)
        self.state.clear()
        self.state.update(bytes=0, rows=0)
        self._written = 0
        self._export.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class ExportFolder:
    """The folder of one app's export. A round that has ended is whole; the next one picks up what is newer."""

    def __init__(self, path: Path, app_id: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = (path / ".lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Stopped(f"another export is writing into {path}") from None
        try:
            self._progress = self._read(app_id)
        except Stopped:
            self._lock.close()
            raise

    def _read(self, app_id: str) -> State:
        found = self.path / PROGRESS
        if not found.exists():
            ours = (".lock", f"{PROGRESS}{PART}")
            strangers = [one.name for one in self.path.iterdir() if one.name not in ours]
            if strangers:
                raise Stopped(f"{self.path} holds other files ({min(strangers)}, ...): name an empty folder")
            return {"format": FORMAT, "app_id": app_id, "round": 0, "done": [], "tables": {}, "missing": {}}
        try:
            progress = json.loads(found.read_bytes())
            known = (progress["format"], progress["app_id"])
        except (ValueError, KeyError, TypeError):
            raise Stopped(f"{found} is damaged: export into an empty folder") from None
        if known != (FORMAT, app_id):
            raise Stopped(f"{self.path} holds the export of app {known[1]}: name another folder")
        return dict(progress)

    @property
    def tables(self) -> dict[str, State]:
        """How far each table is."""
        tables: dict[str, State] = self._progress["tables"]
        return tables

    @property
    def missing(self) -> dict[str, str]:
        """What could not be had in this round, and why."""
        missing: dict[str, str] = self._progress["missing"]
        return missing

    def begin(self, kept: Mapping[str, State]) -> bool:
        """Goes on with a round that was cut off, and says so, or begins the next, which builds upon `kept`."""
        if self._progress["round"] and not (self.path / MANIFEST).exists():
            return True
        self._progress |= {
            "round": self._progress["round"] + 1,
            "done": [],
            "tables": dict(kept),
            "missing": {},
        }
        self.save()
        (self.path / MANIFEST).unlink(missing_ok=True)
        sync_folder(self.path)
        return False

    def again(self, step: str, kept: State) -> None:
        """Lets a step that has ended go on from an earlier state, since its source may have grown."""
        self._progress["done"].remove(step)
        self.tables[step] = kept
        self.save()

    def is_done(self, step: str) -> bool:
        """Whether a step of this round has ended."""
        return step in self._progress["done"]

    def done(self, step: str) -> None:
        """Notes that a step of this round has ended."""
        self._progress["done"].append(step)
        self.save()

    def cannot(self, what: str, why: str) -> None:
        """Notes what this round could not get."""
        if self.missing.get(what) != why:
            self.missing[what] = why
            self.save()

    def table(self, name: str) -> Table:
        """A table to go on with."""
        return Table(self, name)

    def lines(self, name: str, start: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of a finished table from an offset in bytes on, each with the offset behind it."""
        path = self.path / f"{name}{ROWS}"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                start += len(line)
                yield start, json.loads(line)

    def save(self) -> None:
        """Makes the progress durable."""
        write_atomically(self.path / PROGRESS, dumps(self._progress).encode())

    def conclude(self, manifest: Mapping[str, object]) -> None:
        """Says that the round is whole."""
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        write_atomically(self.path / MANIFEST, text.encode() + b"\n")

    def close(self) -> None:
        """Lets others write here."""
        self._lock.close()
