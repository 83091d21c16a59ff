"""What the messaging server and the bridge have written down, read from their files after all is over."""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Part(NamedTuple):
    """One call as the bridge's ledger has it."""

    delivery: str
    text: str
    state: str
    reason: str
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """By the server's own records: how often each text went to everyone, and how often to each client alone."""

    everyone: Counter[str]
    clients: dict[str, Counter[str]]

    def twice(self) -> list[str]:
        """The texts that somebody has got more than once."""
        told = [text for text, times in self.everyone.items() if times > 1]
        return told + [text for text, each in self.clients.items() if max(each.values()) > 1]

    def has(self, part: Part) -> bool:
        """Whether a call has acted; AssertionError: on some of its clients only."""
        if not part.clients:
            return self.everyone[part.text] > 0
        got = {self.clients[part.text][client] > 0 for client in part.clients}
        assert len(got) == 1, f"{part} has reached some of its clients"
        return got.pop()


def reached(file: Path) -> Reached:
    """Read the server's database."""
    everyone: Counter[str] = Counter()
    clients: dict[str, Counter[str]] = defaultdict(Counter)
    with closing(sqlite3.connect(file)) as connection:
        for (data,) in connection.execute("SELECT data FROM rt_messages WHERE reach = 5"):
            everyone[json.loads(data)["_lctext"]] += 1
        individual = "SELECT client_id, m.data FROM rt_recipients r JOIN rt_messages m ON m.msg_id = r.msg_id"
        for client, data in connection.execute(individual):
            clients[json.loads(data)["_lctext"]][client] += 1
    return Reached(everyone, clients)


class Ledger:
    """The bridge's database, read while it runs or after."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def parts(self) -> list[Part]:
        """Every call of every delivery."""
        rows = self._rows(
            "SELECT d.id, d.text, p.state, p.reason, p.clients"
            " FROM imbridge_parts p JOIN imbridge_deliveries d ON d.id = p.delivery"
        )
        return [
            Part(delivery, text, state, reason, tuple(json.loads(clients)))
            for delivery, text, state, reason, clients in rows
        ]

    def requests(self) -> set[str]:
        """The keys of all requests that have a delivery."""
        return {row[0] for row in self._rows("SELECT request FROM imbridge_deliveries")}

    def unsaid(self) -> int:
        """How much is still to be said in Slack."""
        ((count,),) = self._rows("SELECT count(*) FROM imbridge_posts WHERE state IN ('waiting', 'posting')")
        return int(count)

    def fires(self) -> dict[str, str]:
        """The state of each fire, by its schedule: each of these fires once."""
        return dict(self._rows("SELECT schedule, state FROM imbridge_fires"))

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()
