"""The one thing that leaves: what to say, never how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self, TypeAlias

from bridge.errors import BridgeError, NotUnderstood
from bridge.phrases import Phrase, Value

Json: TypeAlias = str | int | float | bool | Mapping[str, "Json"] | Sequence["Json"] | None


class Tone(StrEnum):
    """How a reply is meant; an edge chooses colours and marks by it."""

    DONE = "done"
    TOLD = "told"
    WORKING = "working"
    DOUBT = "doubt"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or two of ours."""

    words: Phrase


@dataclass(frozen=True, slots=True)
class Heading:
    """What the parts below it are about."""

    words: Phrase


@dataclass(frozen=True, slots=True)
class Hint:
    """What the reader can do next, said quietly."""

    words: Phrase


@dataclass(frozen=True, slots=True)
class Quote:
    """A foreign text, shown exactly as it is and never interpreted."""

    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values of one thing."""

    rows: tuple[tuple[Phrase, Value], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Several things of one kind; `rows` are as wide as `columns`."""

    columns: tuple[Phrase, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Button:
    """Runs `line` as if the presser had typed it; `danger` marks what cannot be undone.

    One that `settles` answers the question that it stands under: what comes of it takes the question's place.
    One that `fills` opens the form of its line instead, with what the line has already.
    """

    label: Phrase
    line: str
    danger: bool = False
    settles: bool = False
    fills: bool = False


@dataclass(frozen=True, slots=True)
class Buttons:
    """A row of buttons."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A text file to hand over, such as an export; `content` is its whole text."""

    name: str
    content: str


Part: TypeAlias = Paragraph | Heading | Hint | Quote | Fields | Table | Buttons | File


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of it; `code` is for programs, `id` finds it in the logs when the fault is ours.

    `understood` is false where the words were no command; `parameter` names the argument that it is about.
    """

    code: str
    message: Phrase
    hint: Phrase | None = None
    id: str | None = None
    understood: bool = True
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an invocation.

    `title` says the result in one sentence, `data` holds it as JSON values under the service's own field names,
    `private` keeps it to the one who asked. `key` names what is to be told once in each place, even if the process
    ends in the middle of it and another tells it.
    """

    title: Phrase
    parts: tuple[Part, ...] = ()
    data: object = None
    tone: Tone = Tone.DONE
    private: bool = False
    command: str = ""
    failure: Failure | None = field(default=None)
    key: str = ""

    @classmethod
    def of_error(cls, error: BridgeError, *, tone: Tone = Tone.PROBLEM) -> Self:
        """The reply that tells the one who typed what went wrong and what to do."""
        understood = not isinstance(error, NotUnderstood)
        return cls.of_failure(
            Failure(error.code, error.message, error.hint, understood=understood, parameter=error.parameter),
            tone=tone,
        )

    @classmethod
    def of_failure(cls, failure: Failure, *, tone: Tone = Tone.PROBLEM) -> Self:
        """As `of_error`, from its parts."""
        hint = (Hint(failure.hint),) if failure.hint else ()
        return cls(failure.message, hint, tone=tone, private=True, failure=failure)

    def key_in(self, channel: str, otherwise: str) -> str:
        """What it is known by once it is told in a channel: by its own key, else by this one."""
        return f"{self.key}:{channel}" if self.key else otherwise

    def named(self, command: str) -> Self:
        """The same reply, knowing which command it answers."""
        return replace(self, command=command)
