"""REST rate limits: the three families, their minutes and days, what counts, and that nobody forgets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.server.quotas import DAY_MS, MINUTE_MS, Span, Window, take
from bridge.server.settings import BUSINESS, DEVELOPMENT, UNLIMITED, Plan
from tests.contract.messaging import RTM, make, send, subscribe
from tests.contract.service import Service, running

SMALL = Plan(
    ordinary_per_minute=3,
    subscription_per_minute=2,
    subscription_per_day=3,
    broadcast_per_minute=1,
    broadcast_per_day=2,
)


@pytest.fixture
async def small(pair: tuple[str, str]) -> AsyncIterator[Service]:
    """A service with a small plan, whose day has just begun."""
    async with running(*pair, plan=SMALL) as service:
        service.clock.advance(DAY_MS - service.clock() % DAY_MS)
        yield service


def status_of(service: Service, conv_id: str, kind: str, **fields: Any) -> Any:
    """The status of one send of each family."""
    paths = {
        "ordinary": f"/conversations/{conv_id}/messages",
        "subscription": f"/service-conversations/{conv_id}/broadcasts",
        "broadcast": "/broadcasts",
    }
    body = {
        "from_client": "tom",
        "message": "x",
        **({"conv_id": conv_id} if kind == "broadcast" else {}),
        **fields,
    }

    async def call() -> int:
        response = await service.call("POST", f"{RTM}{paths[kind]}", json=body)
        if response.status_code == 429:
            assert response.json()["code"] == 429
        return response.status_code

    return call()


async def test_the_plans_have_the_documented_figures() -> None:
    assert Plan(1800, 30, 1000, 10, 30) == BUSINESS
    assert Plan(120, 10, 100, 1, 10) == DEVELOPMENT
    assert Plan(None, None, None, None, None) == UNLIMITED


async def test_over_the_minutes_figure_everything_is_refused_for_a_minute(small: Service) -> None:
    conv_id = await make(small)
    assert [await status_of(small, conv_id, "ordinary") for _ in range(5)] == [200, 200, 200, 429, 429]
    small.clock.advance(MINUTE_MS - 2000)
    assert await status_of(small, conv_id, "ordinary") == 429
    small.clock.advance(2000)
    assert await status_of(small, conv_id, "ordinary") == 200


async def test_the_minute_of_a_refusal_begins_with_the_call_that_was_too_many(small: Service) -> None:
    conv_id = await make(small)
    for _ in range(3):
        assert await status_of(small, conv_id, "ordinary") == 200
    small.clock.advance(50_000)
    assert await status_of(small, conv_id, "ordinary") == 429
    small.clock.advance(50_000)
    assert await status_of(small, conv_id, "ordinary") == 429
    small.clock.advance(10_000)
    assert await status_of(small, conv_id, "ordinary") == 200


async def test_over_the_days_figure_everything_is_refused_until_the_utc_day_ends(small: Service) -> None:
    conv_id = await make(small, "service")
    for _ in range(3):
        assert await status_of(small, conv_id, "subscription") == 200
        small.clock.advance(MINUTE_MS)
    for _ in range(3):
        assert await status_of(small, conv_id, "subscription") == 429
        small.clock.advance(6 * 3_600_000)
    small.clock.advance(DAY_MS - small.clock() % DAY_MS)
    assert await status_of(small, conv_id, "subscription") == 200


async def test_families_do_not_use_up_each_others_limits(small: Service) -> None:
    normal, system = await make(small), await make(small, "service")
    assert [await status_of(small, normal, "ordinary") for _ in range(4)][-1] == 429
    assert [await status_of(small, system, "broadcast") for _ in range(2)] == [200, 429]
    assert [await status_of(small, system, "subscription") for _ in range(3)] == [200, 200, 429]


async def test_sends_modifications_and_recalls_of_all_ordinary_kinds_share_one_limit(small: Service) -> None:
    normal, room = await make(small), await make(small, "chatroom")
    sent = await send(small, normal)
    await send(small, room, kind="chatroom")
    body = {"from_client": "tom", "timestamp": sent["timestamp"]}
    path = f"{RTM}/conversations/{normal}/messages/{sent['msg-id']}"
    assert (await small.call("PUT", path, json={**body, "message": "y"})).status_code == 200
    assert (await small.call("PUT", f"{path}/recall", json=body)).status_code == 429
    rows = await small.ok("GET", f"{RTM}/conversations/{normal}/messages")
    assert rows[0]["data"] == "y"
    old = {"from_peer": "tom", "conv_id": normal, "message": "x"}
    assert await small.refused("POST", "/1.1/rtm/messages", json=old) == 429


async def test_a_modified_subscription_message_or_broadcast_counts_in_its_own_family(small: Service) -> None:
    conv_id = await make(small, "service")
    sent = await small.ok(
        "POST", f"{RTM}/broadcasts", json={"from_client": "tom", "message": "x", "conv_id": conv_id}
    )
    body = {"from_client": "tom", "timestamp": sent["timestamp"], "message": "y"}
    path = f"{RTM}/service-conversations/{conv_id}/messages/{sent['msg-id']}"
    assert (await small.call("PUT", path, json=body)).status_code == 429
    small.clock.advance(MINUTE_MS)
    assert (await small.call("PUT", path, json=body)).status_code == 200


async def test_what_is_refused_or_only_read_counts_for_nothing(small: Service) -> None:
    conv_id = await make(small)
    for _ in range(5):
        assert await status_of(small, conv_id, "ordinary", message="x" * 6000) == 400
        assert await status_of(small, "5f00", "ordinary") == 400
        await small.ok("GET", f"{RTM}/messages")
    sent = await send(small, conv_id)
    query = {"from_client": "tom", "timestamp": sent["timestamp"]}
    await small.ok("DELETE", f"{RTM}/conversations/{conv_id}/messages/{sent['msg-id']}", params=query)
    assert [await status_of(small, conv_id, "ordinary") for _ in range(3)] == [200, 200, 429]


async def test_transient_messages_count(small: Service) -> None:
    conv_id = await make(small)
    assert [await status_of(small, conv_id, "ordinary", transient=True) for _ in range(4)] == [
        200,
        200,
        200,
        429,
    ]


async def test_of_many_at_once_exactly_as_many_pass_as_are_allowed(small: Service) -> None:
    conv_id = await make(small)
    statuses = await asyncio.gather(*(status_of(small, conv_id, "ordinary") for _ in range(12)))
    assert sorted(statuses) == [200] * 3 + [429] * 9
    assert len(await small.ok("GET", f"{RTM}/conversations/{conv_id}/messages")) == 3


async def test_a_restart_forgets_neither_the_count_nor_the_refusal(pair: tuple[str, str]) -> None:
    async with running(*pair, plan=SMALL) as first:
        first.clock.advance(DAY_MS - first.clock() % DAY_MS)
        ahead = first.clock.ahead
        conv_id = await make(first, "service")
        assert [await status_of(first, conv_id, "broadcast") for _ in range(2)] == [200, 429]
    async with running(*pair, plan=SMALL) as second:
        second.clock.advance(ahead)
        assert await status_of(second, conv_id, "broadcast") == 429
        second.clock.advance(MINUTE_MS)
        assert await status_of(second, conv_id, "broadcast") == 200
    async with running(*pair, plan=SMALL) as third:
        third.clock.advance(ahead + 2 * MINUTE_MS)
        assert await status_of(third, conv_id, "broadcast") == 429
        third.clock.advance(MINUTE_MS)
        assert await status_of(third, conv_id, "broadcast") == 429


async def test_two_processes_on_one_database_share_the_limits(postgres_url: str) -> None:
    async with (
        running(postgres_url, "inprocess", plan=SMALL) as one,
        running(postgres_url, "inprocess", plan=SMALL) as two,
    ):
        conv_id = await make(one)
        calls = [status_of(service, conv_id, "ordinary") for service in (one, two) for _ in range(6)]
        assert sorted(await asyncio.gather(*calls)) == [200] * 3 + [429] * 9


async def test_a_clock_that_is_set_back_does_not_block_for_long() -> None:
    blocked, granted = take(Window(), Span.DAY, 1, 2, 100 * DAY_MS)
    assert (granted, blocked.blocked_until) == (1, 101 * DAY_MS)
    assert take(blocked, Span.DAY, 1, 1, 50 * DAY_MS)[1] == 1
    assert take(blocked, Span.DAY, 1, 1, 100 * DAY_MS + 5)[1] == 0


async def test_subscribing_is_not_metered(small: Service) -> None:
    conv_id = await make(small, "service")
    await subscribe(small, conv_id, *(f"c{n}" for n in range(20)))
