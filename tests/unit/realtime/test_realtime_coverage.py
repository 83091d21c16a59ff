"""Every call that the documentation of REST 1.2 lists has a method that makes exactly that call."""

from collections.abc import Callable

import pytest

from bridge.realtime.client import RealtimeClient
from tests.unit.realtime.documented import TABLES, V1
from tests.unit.realtime.documented_conversations import Make


@pytest.mark.parametrize("table", TABLES)
def test_no_documented_call_is_missing(table: str) -> None:
    rows, documented = TABLES[table]
    assert len(rows) == documented


@pytest.mark.parametrize(
    ("wire", "make", "body", "answer"),
    [row for rows, _ in TABLES.values() for row in rows] + V1,
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_method_makes_the_documented_call_and_reads_its_answer(
    scripted: Callable[..., tuple[RealtimeClient, object]],
    wire: str,
    make: Make,
    body: object,
    answer: object,
) -> None:
    client, script = scripted(answer)
    await make(client)
    assert script.asked == [wire]  # type: ignore[attr-defined]
    request = script.requests[0]  # type: ignore[attr-defined]
    assert request.headers["X-LC-Id"] == "app-0123"
    assert request.headers["X-LC-Key"] == "the-master-key,master"
    if body is None:
        assert request.content == b""
    else:
        assert request.headers["Content-Type"] == "application/json"
        assert script.body() == body  # type: ignore[attr-defined]


def test_every_method_of_the_client_is_in_a_table_or_builds_on_one_that_is() -> None:
    built_on_others = {
        "ask",
        "conversation",
        *(name for name in dir(RealtimeClient) if name.startswith("iterate_")),
    }
    public = {name for name in dir(RealtimeClient) if not name.startswith("_")} - built_on_others
    called = {
        name
        for rows in [*(rows for rows, _ in TABLES.values()), V1]
        for row in rows
        for name in row[1].__code__.co_names
    }
    assert public <= called, public - called
