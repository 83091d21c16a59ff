"""Files that people have uploaded to Slack: known by their link, read with our token from Slack's own host alone."""

import re
from typing import NoReturn
from urllib.parse import urlsplit

from bridge.audiences import Fetched
from bridge.errors import BridgeError, Failed, Refused, Uncertain
from bridge.invocation import Invocation
from bridge.phrases import Code, Phrase, phrase
from bridge.reply import Json
from bridge.slack.web import SlackWeb

MOST_BYTES = 5_000_000
"""Of a file that is read; some 200,000 client ids."""
_PERMALINK = re.compile(r"/files/[A-Z0-9]+/(F[A-Z0-9]+)(?:/[^/]*)?")
_PRIVATE = re.compile(r"/files-pri/[A-Z0-9]+-(F[A-Z0-9]+)(?:/download)?/[^/]*")
_PLACES = ("channels", "groups", "ims")
_GONE = frozenset({"tombstone", "hidden_by_limit"})
# What Slack answers instead of the file: its page to sign in, or the way there.
_SHUT = frozenset({"302", "401", "403", "404", "sign_in"})
_SHARE = phrase("Upload it in this channel, with me in it, and copy its link.")


class Files:
    """Reads what was uploaded in the workspace of `web`."""

    def __init__(self, web: SlackWeb) -> None:
        self._web = web

    async def fetch(self, link: str, asked: Invocation) -> Fetched:
        """The file that a link names, where whoever asks has uploaded it or it was shared where they ask.

        The bot may see more files than they do. Refused: it can't be had, and why; Failed: Slack can't be asked.
        """
        file = await self._info(self._named(link), link)
        name = str(file.get("name") or link)
        if file.get("user") != asked.actor.id and asked.place.channel not in _places(file):
            raise _refused(
                phrase("{file} was neither uploaded by you nor shared here.", file=Code(name)), _SHARE
            )
        _refuse_unreadable(file, name)
        url = str(file.get("url_private_download") or file.get("url_private") or "")
        if not self._is_slacks(url, anywhere=False):
            raise _refused(phrase("{file} is not kept by Slack itself.", file=Code(name)), _SHARE)
        try:
            content = await self._web.download(url, MOST_BYTES)
        except Failed as failure:
            if failure.code in _SHUT:
                raise _unseen(name) from failure
            raise
        except Uncertain as failure:
            raise Failed(phrase("Slack did not give {file}.", file=Code(name)), code="failed") from failure
        if len(content) > MOST_BYTES:
            raise _too_big(name)
        return Fetched(name, content)

    def _named(self, link: str) -> str:
        """The id of the file that a link of this Slack names; the link itself is never followed."""
        if not self._is_slacks(link, anywhere=True):
            raise _refused(phrase("{link} does not lead to Slack.", link=Code(link)), _SHARE)
        path = urlsplit(link).path
        named = _PERMALINK.fullmatch(path) or _PRIVATE.fullmatch(path)
        if named is None:
            raise _refused(phrase("{link} is no link of a file.", link=Code(link)), _SHARE)
        return named[1]

    async def _info(self, file: str, link: str) -> dict[str, Json]:
        try:
            answer = await self._web.call("files.info", query={"file": file})
        except BridgeError as failure:
            _explain(failure, link)
        found = answer.get("file")
        return found if isinstance(found, dict) else {}

    def _is_slacks(self, address: str, *, anywhere: bool) -> bool:
        """Whether it is at the Slack that we talk to: `anywhere` there, or only where its files are kept."""
        ours = urlsplit(self._web.base_url)
        own = (ours.hostname or "").removeprefix("www.")
        try:
            url = urlsplit(address)
            same = (url.scheme, url.port, url.username) == (ours.scheme, ours.port, None)
        except ValueError:
            return False
        host = url.hostname or ""
        return same and (host in (own, f"files.{own}") or (anywhere and host.endswith(f".{own}")))


def _places(file: dict[str, Json]) -> set[str]:
    """The channels where a file was shared, as far as our token sees them."""
    listed = {str(each) for name in _PLACES for each in _list(file.get(name))}
    shares = file.get("shares")
    kinds = shares.values() if isinstance(shares, dict) else ()
    return listed | {str(each) for kind in kinds if isinstance(kind, dict) for each in kind}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _refuse_unreadable(file: dict[str, Json], name: str) -> None:
    if file.get("mode") in _GONE:
        raise _gone(name)
    size = file.get("size")
    if isinstance(size, int) and size > MOST_BYTES:
        raise _too_big(name)
    if not str(file.get("mimetype") or "").startswith("text/"):
        raise _refused(phrase("{file} is no text.", file=Code(name)), phrase("Save it as CSV in UTF-8."))


def _explain(failure: BridgeError, link: str) -> NoReturn:
    if failure.code == "file_not_found":
        raise _unseen(link) from failure
    if failure.code == "file_deleted":
        raise _gone(link) from failure
    if failure.code == "missing_scope":
        raise Refused(
            phrase("I may not read files: my token lacks the scope {scope}.", scope=Code("files:read")),
            hint=phrase(
                "Put the manifest that {command} prints into the app, and install the app again.",
                command=Code("imbridge manifest"),
            ),
            code="missing_scope",
        ) from failure
    raise failure


def _unseen(name: str) -> Refused:
    return _refused(phrase("{file} is not shared with me.", file=Code(name)), _SHARE)


def _gone(name: str) -> Refused:
    return _refused(phrase("{file} was deleted.", file=Code(name)), _SHARE)


def _too_big(name: str) -> Refused:
    return _refused(
        phrase("{file} has more than {most} MB.", file=Code(name), most=MOST_BYTES // 1_000_000),
        phrase("Cut it into several files."),
    )


def _refused(problem: Phrase, hint: Phrase) -> Refused:
    return Refused(problem, hint=hint, code="bad_file")
