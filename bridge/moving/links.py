"""Links to files in messages: found, named for where their contents are kept, and turned to there."""

import hashlib
import json
import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from bridge.moving.folder import dumps

LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^\w.\- ]+")


def is_link(url: object) -> bool:
    """Whether it is an http(s) URL that somebody could follow."""
    if not isinstance(url, str) or len(url) > 4096:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def link_in(data: object) -> str | None:
    """The `_lcfile.url` of a message's data, text or (seen in the field) an object; None without a usable one."""
    if isinstance(data, str):
        if "_lcfile" not in data:
            return None
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return None
    file = data.get("_lcfile") if isinstance(data, dict) else None
    url = file.get("url") if isinstance(file, dict) else None
    return url if isinstance(url, str) and is_link(url) else None


def key_of(url: str) -> str:
    """The name of the folder that keeps what a URL led to: 64 hex digits."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def name_of(url: str, extension: str | None) -> str:
    """A harmless file name from a URL's path; the extension is added where the path has none."""
    last = unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")
    stem, dot, suffix = _UNSAFE.sub("_", last).strip(" .").rpartition(".")
    if not (dot and stem and 1 <= len(suffix) <= 8 and suffix.isalnum()):
        stem, suffix = f"{stem}{dot}{suffix}" or "file", (extension or "").lstrip(".")
    # A name holds at most 255 bytes, and a character takes up to four of them.
    stem = stem.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" .") or "file"
    return f"{stem}.{suffix}" if suffix else stem


def relink(data: str, to: Callable[[str], str | None]) -> str:
    """The message's data with its link turned; the rest stays as it was written, character by character."""
    url = link_in(data)
    target = to(url) if url else None
    if url is None or target is None:
        return data
    if (quoted := f'"{url}"') in data:
        return data.replace(quoted, f'"{target}"')
    value = json.loads(data)
    value["_lcfile"]["url"] = target
    return dumps(value)
