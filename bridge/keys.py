"""The embedded server's own app id and keys: made once, kept where only their owner can read them."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from bridge.errors import BadConfiguration, Problem

FILE = "realtime-keys.json"
NAMES = ("app_id", "app_key", "master_key")


@dataclass(frozen=True, slots=True)
class Keys:
    """An app's identity; the keys show in no representation."""

    app_id: str
    app_key: str = field(repr=False)
    master_key: str = field(repr=False)


def kept(folder: Path) -> Keys:
    """The keys of this folder, made at the first call (mode 0600). BadConfiguration: the file is damaged."""
    path = folder / FILE
    try:
        return _read(path)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    made = Keys(*(secrets.token_urlsafe(length) for length in (18, 18, 32)))
    partial = folder / f".{FILE}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({name: getattr(made, name) for name in NAMES}, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link fails where another process was first; both then use what that one made.
        os.link(partial, path)
    except FileExistsError:
        return _read(path)
    finally:
        partial.unlink()
    return made


def _read(path: Path) -> Keys:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Keys(*(str(found[name]) for name in NAMES))
    except (ValueError, KeyError, TypeError):
        wanted = ", ".join(NAMES)
        raise BadConfiguration(
            (Problem(str(path), f"is damaged: it holds {wanted}; restore or remove it"),)
        ) from None
