"""Where a secret comes from: its variable, a file that is mounted, or a command that prints it."""

import contextlib
import os
import shlex
import signal
import stat
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bridge.errors import Problem

FILE, COMMAND = "_FILE", "_COMMAND"
LARGEST = 16_384
"""Bytes of a file or of what a command prints; no secret is half as long."""
COMMAND_SECONDS = 15.0


class _NoSecretError(Exception):
    """Why a source gives none; never what it gave."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Reads secrets by their names; `environment` is all that may name them, `seconds` is a command's time."""

    environment: Mapping[str, str]
    secrets: Collection[str]
    seconds: float = COMMAND_SECONDS

    def read(self) -> tuple[dict[str, str], tuple[Problem, ...]]:
        """Each secret that has a source, and what is wrong with sources, by the names of their variables."""
        found: dict[str, str] = {}
        problems: list[Problem] = []
        for name in self.secrets:
            given = [each for each in (name, name + FILE, name + COMMAND) if self.environment.get(each)]
            problems += [Problem(each, f"is set beside {given[0]}: keep one of them") for each in given[1:]]
            if not given:
                continue
            try:
                found[name] = self._from(given[0])
            except _NoSecretError as error:
                problems.append(Problem(given[0], str(error)))
        return found, tuple(problems)

    def _from(self, source: str) -> str:
        value = self.environment[source]
        if source.endswith(FILE):
            return _text(_content(Path(value)), f"{value} ")
        if source.endswith(COMMAND):
            return _text(self._said(value), "what it prints ")
        return _one_line(value.strip(), "")

    def _said(self, line: str) -> bytes:
        """What a command prints. It is no shell's, sees none of our secrets, and what it complains of is not kept."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise _NoSecretError(f"is no command line: {error}") from None
        if not words:
            raise _NoSecretError("is no command line: it has no words")
        ours = {each + source for each in self.secrets for source in ("", FILE, COMMAND)}
        theirs = {name: value for name, value in self.environment.items() if name not in ours}
        try:
            running = subprocess.Popen(  # noqa: S603 - whoever sets our environment may run what they like
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=theirs,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _NoSecretError(f"{words[0]} cannot be run: {_reason(error)}") from None
        with running, _ended_after(running, self.seconds) as late:
            said = _at_most(running.stdout)
            if len(said) <= LARGEST:
                running.wait()
        if late.is_set():
            raise _NoSecretError(f"{words[0]} did not end within {self.seconds:g} s")
        if len(said) <= LARGEST and running.returncode:
            raise _NoSecretError(f"{words[0]} failed with {running.returncode}; run it by hand to see why")
        return said


def _content(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _NoSecretError(f"{path} is no file")
        with path.open("rb") as file:
            return _at_most(file)
    except (OSError, ValueError) as error:
        raise _NoSecretError(f"{path} cannot be read: {_reason(error)}") from None


def _at_most(stream: IO[bytes] | None) -> bytes:
    """One byte more than the largest secret, if there is that much."""
    return stream.read(LARGEST + 1) if stream is not None else b""


def _text(content: bytes, what: str) -> str:
    if len(content) > LARGEST:
        raise _NoSecretError(f"{what}is larger than {LARGEST} bytes: that is no secret")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise _NoSecretError(f"{what}is no UTF-8 text") from None
    if not text:
        raise _NoSecretError(f"{what}is empty")
    return _one_line(text, what)


def _one_line(text: str, what: str) -> str:
    if not text.isprintable():
        raise _NoSecretError(f"{what}holds line breaks or other characters that no secret has")
    return text


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@contextlib.contextmanager
def _ended_after(running: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Ends it, and what it has started, when the block ends or the time is up; the event says that it was late."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _end(running)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        if running.poll() is None:
            _end(running)


def _end(running: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGKILL)
