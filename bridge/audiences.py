"""Whom an announcement is for when nobody types it out: named lists of app.yaml, and CSV files."""

import csv
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple, TypeAlias

from bridge.commands import did_you_mean
from bridge.errors import Refused
from bridge.invocation import Invocation
from bridge.phrases import Code, phrase
from bridge.values import CLIENT_ID_LENGTH

ReadText: TypeAlias = Callable[[str], Awaitable[str]]
"""The text of the file at a path. OSError or UnicodeDecodeError: it can't be read."""


class Fetched(NamedTuple):
    """A file from elsewhere, by the name that its uploader gave it."""

    name: str
    content: bytes


Fetch: TypeAlias = Callable[[str, Invocation], Awaitable[Fetched]]
"""The uploaded file behind a link, as far as whoever asks may see it. Refused or Failed: it can't be had."""

HEADER = "client_id"
"""The column of the client ids where a file's first row names it; else ids are what each row begins with."""
PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Audience:
    """Client ids, each once, in the order given; `repeated` counts those that were there again."""

    clients: tuple[str, ...]
    repeated: int

    @classmethod
    def of(cls, clients: Iterable[str]) -> "Audience":
        """From ids as they stand, some perhaps several times."""
        given = tuple(clients)
        once = tuple(dict.fromkeys(given))
        return cls(once, len(given) - len(once))


class Audiences:
    """Finds named lists, reads files by `read` and uploaded ones by `fetch`.

    `lists` map a name to client ids or to the path of a CSV.
    """

    def __init__(self, lists: Mapping[str, tuple[str, ...] | str], read: ReadText, fetch: Fetch) -> None:
        self._lists = lists
        self._read = read
        self._fetch = fetch

    @property
    def names(self) -> tuple[str, ...]:
        """What the lists are called."""
        return tuple(self._lists)

    async def named(self, name: str) -> Audience:
        """A list of app.yaml. Refused: there is none of that name, or it holds what is no client id."""
        found = self._lists.get(name)
        if found is None:
            raise self._unknown(name)
        if isinstance(found, str):
            return await self._of_file(found, called=name)
        entries = enumerate(found, 1)
        return _audience(name, ((number, each.strip()) for number, each in entries))

    async def file(self, path: str) -> Audience:
        """The client ids of a CSV file. Refused: it can't be read, or holds what is no client id, with the lines."""
        return await self._of_file(path, called=path)

    async def uploaded(self, link: str, asked: Invocation) -> Audience:
        """The client ids of a CSV file that was uploaded where it is asked for. Refused and Failed as above."""
        fetched = await self._fetch(link, asked)
        try:
            text = fetched.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _no_text(fetched.name) from None
        return _of_text(fetched.name, text)

    async def _of_file(self, path: str, called: str) -> Audience:
        """`called` names the source to people: where a server keeps its files is not their business."""
        try:
            text = await self._read(path)
        except UnicodeDecodeError:
            raise _no_text(called) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Refused(
                phrase("{file} can't be read: {reason}.", file=Code(called), reason=reason), code="bad_file"
            ) from None
        return _of_text(called, text)

    def _unknown(self, name: str) -> Refused:
        near = get_close_matches(name, self._lists, 1, 0.5)
        known = phrase("There are: {names}.", names=", ".join(self._lists))
        none = phrase("Lists are set in {file}, under {key}.", file=Code("app.yaml"), key=Code("lists"))
        return Refused(
            phrase("There is no list {name}.", name=Code(name)),
            hint=did_you_mean(near[0]) if near else known if self._lists else none,
            code="not_found",
            parameter="to_list",
        )


def _of_text(called: str, text: str) -> Audience:
    try:
        return _audience(called, _ids(text))
    except csv.Error as error:
        raise Refused(
            phrase("{file} is no CSV file: {reason}.", file=Code(called), reason=str(error)),
            code="bad_file",
        ) from None


def _no_text(called: str) -> Refused:
    return Refused(
        phrase("{file} is no UTF-8 text.", file=Code(called)),
        hint=phrase("Save it as CSV in UTF-8."),
        code="bad_file",
    )


def _audience(source: str, entries: Iterable[tuple[int, str]]) -> Audience:
    found: list[str] = []
    wrong: list[tuple[int, str]] = []
    for line, client in entries:
        if 1 <= len(client) <= CLIENT_ID_LENGTH and client.isprintable():
            found.append(client)
        else:
            wrong.append((line, client))
    if wrong:
        raise _invalid(source, wrong)
    if not found:
        raise Refused(phrase("{source} names nobody.", source=Code(source)), code="empty_list")
    return Audience.of(found)


def _invalid(source: str, wrong: list[tuple[int, str]]) -> Refused:
    shown = "; ".join(f"{line}: {client[:20]!r}" for line, client in islice(wrong, PROBLEMS_SHOWN))
    return Refused(
        phrase(
            "{source} holds {count} entry that is no client id; nobody got anything. By line: {lines}",
            plural="{source} holds {count} entries that are no client ids; nobody got anything. By line: {lines}",
            source=Code(source),
            count=len(wrong),
            lines=shown if len(wrong) <= PROBLEMS_SHOWN else f"{shown}; …",
        ),
        hint=phrase("A client id has 1 to {most} characters, one in a line.", most=CLIENT_ID_LENGTH),
        code="bad_file",
    )


def _ids(text: str) -> Iterator[tuple[int, str]]:
    """(line, id) of each row that holds anything."""
    rows = csv.reader(text.splitlines(), strict=True)
    column = 0
    for number, row in enumerate(rows):
        cells = [cell.strip() for cell in row]
        names = [cell.lower() for cell in cells]
        if number == 0 and HEADER in names:
            column = names.index(HEADER)
        elif any(cells):
            yield rows.line_num, cells[column] if column < len(cells) else ""
