"""Hides secrets in text: what is known to be one, in every form that it takes on its way, and what looks like one."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 4
"""Characters of a secret that is looked for; fewer stand in any text."""

_AFTER_A_NAME = r"""["']?\s*(?:[:=,]|%3A|%3D)\s*b?["']?"""
# What stands before a secret is kept: the name and the sign that group 1 holds.
_NAMED = re.compile(
    r"((?:x-(?:lc|avoscloud|uluru)-(?:application-|master-|request-|hook-)?(?:key|sign|session)|trigger_id|ticket)"
    + _AFTER_A_NAME
    + r"|authorization"
    + _AFTER_A_NAME
    + r"(?:bearer|basic)\s+)[^\s\"'&;)\]}]+",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(://[^\s:/@'\"]*:)[^\s/'\"]*(?=@)")
# Slack's tokens, its addresses that let whoever reads them post, its signatures, and LeanCloud's.
_SHAPED = re.compile(
    r"\b(?:xox[a-z]|xapp)[-.][\w.-]+"
    r"|https?(?::|%3A)(?:\\?/|%2F){2}hooks\.slack\.com[^\s\"'&]+"
    r"|\bv0=[0-9a-f]{64}\b"
    r"|\b[0-9a-f]{32},[12]\d{12}(?:,master)?\b",
    re.IGNORECASE,
)
_WORTH_A_LOOK = (
    *("x-", "trigger_id", "ticket", "authorization"),
    *("://", "%3a", ":\\/", "xox", "xapp", "v0=", ",1", ",2"),
)
"""One of these is in whatever the three find; looking for them costs a tenth."""
_PASSWORD_OF_URL = re.compile(r"\A[^:/?#]+://[^:/?#]*:(.*)@|[?&]password=([^&#]*)", re.DOTALL)


class Redactor:
    """Text in, the same text without secrets out."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self.know(*known)

    def know(self, *secrets: str) -> None:
        """Hide these from now on."""
        forms = {form for each in secrets if len(each) >= SHORTEST for form in _forms(each)}
        self._forms = tuple(sorted(forms.union(self._forms), key=len, reverse=True))

    def know_url(self, url: str) -> None:
        """Hide the password of an address from now on."""
        self.know(*passwords(url))

    def __call__(self, text: str) -> str:
        """The text with stars in the place of each secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        lowered = text.lower()
        if any(each in lowered for each in _WORTH_A_LOOK):
            for named in (_NAMED, _IN_ADDRESS):
                text = named.sub(rf"\1{HIDDEN}", text)
            text = _SHAPED.sub(HIDDEN, text)
        return text


redact = Redactor()
"""This process's own: it knows each secret from when that was read."""


def passwords(url: str) -> tuple[str, ...]:
    """What may be the password in an address, as written and as meant; also where the address is none."""
    found = [one or other for one, other in _PASSWORD_OF_URL.findall(url)]
    return tuple(form for each in found for form in (each, unquote(each)))


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield html.escape(secret)
    for written in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield written
        yield re.sub("%..", lambda found: found.group().lower(), written)
    for written in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield written[1:-1]
    yield repr(raw)[2:-1]
    yield raw.hex()
    for encoded in (b64encode(raw).rstrip(b"="), *_within_base64(raw)):
        text = encoded.decode()
        yield text
        yield text.replace("+", "-").replace("/", "_")


def _within_base64(raw: bytes) -> Iterator[bytes]:
    """Inside something longer, such as `user:password`: what its own bits alone make, for each of its places."""
    for before in range(3):
        encoded = b64encode(bytes(before) + raw)
        whole = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(whole) >= SHORTEST:
            yield whole
