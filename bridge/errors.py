"""What can go wrong, one class for each different reaction.

    BridgeError            carries a phrase, a hint and a code
    ├── NotUnderstood      the words are no command: show the usage, exit 2
    ├── Refused            understood, and we will not: nothing was done, exit 1
    ├── Failed             the service said no or could not be asked: nothing was done, exit 1
    ├── Uncertain          the call may have acted: never again by machine, exit 1
    └── BadConfiguration   the start stops and lists every problem

The messaging service's own errors are in `bridge.realtime.errors`; `bridge.explain` turns one tree into the other.
"""

from dataclasses import dataclass

from bridge.phrases import Phrase


class BridgeError(Exception):
    """What its reader must hear: `message` says what and why, `hint` what to do; `code` is for programs.

    `parameter` is the argument of the command that it is about, where it is about one: a form says it there.
    """

    def __init__(
        self, message: Phrase, *, hint: Phrase | None = None, code: str = "", parameter: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.parameter = parameter

    default_code = "error"


PASSING = frozenset({"not_reached", "ratelimited", "rate_limited"})
"""Codes of refusals that pass by themselves: not reached, or no more taken for now."""


class NotUnderstood(BridgeError):
    """The words could not be read as a command; `command` is the one that they name, if any."""

    default_code = "not_understood"
    command = ""


DENIED = "denied"
"""The code of a refusal because the actor may not."""


class Refused(BridgeError):
    """Understood, but not allowed, not possible or not sensible; nothing was done."""

    default_code = "refused"


class Failed(BridgeError):
    """The service refused it, or certainly never got it; nothing was done."""

    default_code = "failed"


class Uncertain(BridgeError):
    """The service may have done it: it is looked up, and never repeated by machine."""

    default_code = "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: `place` such as `app.yaml:12 schedules[0].when`."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class BadConfiguration(Exception):
    """The configuration cannot be used; every problem is listed, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
