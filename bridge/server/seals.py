"""Sealed texts: what the server gives out and believes when it comes back, without keeping it."""

import base64
import binascii
import hashlib
import hmac

from bridge.server.errors import ServiceError
from bridge.server.http import Json, parse_json, to_json
from bridge.server.settings import ServerSettings


def seal(settings: ServerSettings, purpose: str, content: Json) -> str:
    """The text of a content; only this app's master key makes one, and for this purpose alone."""
    raw = to_json(content).encode()
    return f"{_text(raw)}.{_text(_digest(settings, purpose, raw))}"


def unseal(settings: ServerSettings, purpose: str, text: str) -> Json:
    """The content of a text of ours; None for any other text."""
    content, _, digest = text.partition(".")
    try:
        raw, given = _bytes(content), _bytes(digest)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(given, _digest(settings, purpose, raw)):
        return None
    try:
        return parse_json(raw)
    except ServiceError:
        return None


def _digest(settings: ServerSettings, purpose: str, content: bytes) -> bytes:
    return hmac.new(settings.master_key.encode(), f"{purpose}:".encode() + content, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
