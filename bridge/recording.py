"""What the audit is told of one invocation: a row before anything is done, and one with what came of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from bridge.audit import Entry, Stage
from bridge.authority import Decided
from bridge.clock import Clock
from bridge.commands import Command, Effect
from bridge.invocation import Invocation
from bridge.reply import Reply
from bridge.values import ClientId, ConversationRef

ONLY_READ = frozenset({Effect.NONE, Effect.READS, Effect.READS_MESSAGES})
"""Nothing waits for the record of what only reads."""


class Log(Protocol):
    """Where rows go."""

    async def first(self, entry: Entry) -> None:
        """Durable when this returns. Raises where it could not be written."""
        ...

    def later(self, entry: Entry) -> None:
        """Written soon."""
        ...


class Recording:
    """One invocation's record, growing as more is known of it."""

    def __init__(self, log: Log, invocation: Invocation, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._entry = Entry.of(invocation, Stage.ASKED, invocation.at)
        self._command: Command | None = None

    def decided(self, decided: Decided) -> None:
        """What was understood, and which rule decided."""
        (command, arguments), decision = decided
        self._command = command
        self._entry = replace(
            self._entry,
            command=command.name,
            rule=decision.rule or "",
            verdict=decision.verdict.value,
            conversation=next(_of_kind(command, arguments, ConversationRef), ""),
            clients=tuple(_of_kind(command, arguments, ClientId)),
        )

    async def before(self, conversation: str | None = None) -> None:
        """Have the intent on record before anything is done. Raises where it can't be: nothing may be done then."""
        if conversation is not None:
            self._entry = replace(self._entry, conversation=conversation)
        if self._command is not None and self._command.effect not in ONLY_READ:
            await self._log.first(self._entry)

    def after(self, reply: Reply, outcome: str) -> None:
        """Record what came of it; help alone leaves no trace."""
        if self._command is not None and self._command.effect is Effect.NONE:
            return
        data = reply.data if isinstance(reply.data, Mapping) else {}
        self._log.later(
            replace(
                self._entry,
                stage=Stage.ANSWERED.value,
                at=self._clock(),
                outcome=outcome,
                conversation=self._entry.conversation or str(data.get("objectId") or ""),
                delivery=str(data.get("delivery") or data.get("proposal") or ""),
                msg_ids=tuple(_msg_ids(data)),
            )
        )


def _of_kind(command: Command, arguments: Mapping[str, object], kind: object) -> Iterator[str]:
    for each in command.parameters:
        if each.kind is kind and (value := arguments.get(each.name)) is not None:
            yield from map(str, value if isinstance(value, tuple) else (value,))


def _msg_ids(data: Mapping[str, object]) -> Iterator[str]:
    parts = data.get("parts")
    rows = [each for each in parts if isinstance(each, Mapping)] if isinstance(parts, list) else [data]
    yield from (str(each["msg-id"]) for each in rows if each.get("msg-id"))
