"""How things stand, on both databases: what is counted, and what is left out when the database is gone."""

import logging

import pytest

from bridge.cron import Fire, FireState
from bridge.database.engine import Database
from bridge.database.freezing import Freezing
from bridge.database.ledger import Ledger
from bridge.database.posts import Letter, PostStore
from bridge.database.proposals import ProposalStore
from bridge.database.quotas import SharedMeter
from bridge.database.schedules import ScheduleStore
from bridge.database.standing import DAY_MS, read
from bridge.invocation import Place, Trigger
from bridge.ledger import Outcome, PartKey, Reason, State
from bridge.metrics import Metrics
from bridge.overview import Overview
from bridge.proposals import Proposal
from bridge.realtime.limits import BUSINESS, Family
from tests.contract.bridge.making import NOON, Clock, invocation, plan

HERE = Place("T1", "C1")


def proposal(id_: str) -> Proposal:
    return Proposal(
        id=id_,
        line="conv delete news",
        command="conv delete",
        announces=False,
        digest="d" * 64,
        author="U1",
        zone=None,
        place=HERE,
        trigger=Trigger.SLASH,
        at=NOON,
        until=NOON + DAY_MS,
    )


async def sent(ledger: Ledger, name: str, state: State) -> None:
    await ledger.plan(plan(name), invocation(name))
    assert await ledger.begin(PartKey(name, 0))
    await ledger.settle(PartKey(name, 0), Outcome(state, Reason.ANSWERED))


async def test_an_empty_database_has_nothing_to_tell(database: Database) -> None:
    now = await read(database, NOON)
    assert set(now.deliveries.values()) == {0}
    assert (now.proposals, now.posts, now.oldest_post_ms, now.missed, now.behind_ms) == (0, 0, 0, 0, 0)
    assert not now.frozen


async def test_deliveries_are_counted_by_state_and_settled_ones_for_a_day(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    await sent(ledger, "d1", State.SENT)
    await sent(ledger, "d2", State.UNKNOWN)
    await ledger.plan(plan("d3"), invocation("d3"))
    counted = {state: count for state, count in (await read(database, NOON)).deliveries.items() if count}
    assert counted == {State.SENT: 1, State.UNKNOWN: 1, State.PLANNED: 1}
    tomorrow = (await read(database, NOON + DAY_MS + 1)).deliveries
    assert (tomorrow[State.SENT], tomorrow[State.UNKNOWN], tomorrow[State.PLANNED]) == (0, 1, 1)


async def test_what_waits_for_a_word_or_for_slack_is_counted(database: Database, clock: Clock) -> None:
    store, letters = ProposalStore(database, clock), PostStore(database, "one", clock)
    await store.add(proposal("p1"), "r1")
    await letters.keep(Letter("k1", HERE, "Sent."))
    clock.advance(5_000)
    await letters.keep(Letter("k2", HERE, "Sent."))
    now = await read(database, clock())
    assert (now.proposals, now.posts, now.oldest_post_ms) == (1, 2, 5_000)


async def test_missed_fires_and_the_oldest_under_way_are_told(database: Database, clock: Clock) -> None:
    store = ScheduleStore(database, "one", clock)
    await store.claim(Fire("party", NOON - 9_000), FireState.ASKING)
    await store.claim(Fire("party", NOON - 3_000))
    await store.claim(Fire("parade", NOON - 1_000))
    now = await read(database, NOON)
    assert (now.missed, now.behind_ms) == (1, 3_000)
    await store.settle(Fire("party", NOON - 3_000), FireState.DONE, of=FireState.CLAIMED)
    await store.settle(Fire("party", NOON - 9_000), FireState.SKIPPED, of=FireState.ASKING)
    now = await read(database, NOON)
    assert (now.missed, now.behind_ms) == (0, 1_000)


async def test_a_freeze_and_what_is_left_of_the_quotas_are_scraped(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    pacer = SharedMeter(database, BUSINESS, clock)
    metrics = Metrics(Overview(database, pacer, None, clock))
    await pacer.reserve(Family.BROADCASTS)
    await Freezing(database, ledger, clock).freeze("U1")
    lines = (await metrics.text()).decode().splitlines()
    assert "imbridge_frozen 1.0" in lines
    assert 'imbridge_quota_left{family="broadcasts",period="day"} 29.0' in lines
    assert not any(line.startswith("imbridge_sessions") for line in lines)


async def test_without_its_database_a_process_still_tells_of_itself(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics(Overview(database, SharedMeter(database, BUSINESS, clock), None, clock))
    await metrics.text()
    await database.write(lambda connection: connection.exec_driver_sql("DROP TABLE imbridge_switches"))
    with caplog.at_level(logging.ERROR):
        lines = (await metrics.text()).decode().splitlines()
    assert "imbridge_database_readable 0.0" in lines
    assert any(line.startswith("imbridge_database_connections") for line in lines)
    assert not any(line.startswith(("imbridge_deliveries", "imbridge_frozen")) for line in lines)
    assert "could not be read" in caplog.text
