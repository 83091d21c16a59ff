"""Whatever the service does to a call, nobody is told twice, and the ledger never says what the service contradicts.

Over real sockets: the client as it is deployed, against the server behind its control door.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.delivery import Deliveries, Pace
from bridge.ledger import Act, Delivery, Part, Reason, State
from bridge.lookup import Patience
from bridge.realtime.client import Credentials, Effort, RealtimeClient, open_http
from bridge.realtime.limits import UNLIMITED
from bridge.realtime.models import Kind, NewConversation
from bridge.realtime.pacing import Meter
from bridge.reply import Reply
from bridge.server.app import Server
from bridge.server.control import Control, ShiftableClock
from bridge.server.faults import read_fault
from bridge.server.http import Json, Parameters
from bridge.server.settings import ServerSettings
from bridge.server.tables import messages, recipients
from tests.contract.bridge.making import invocation, plan
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, on_a_socket

CLIENTS = 45
TIMEOUT = 0.8
"""Seconds until a call is given up."""
PATIENCE = Patience(settle_ms=1_200, unasked_ms=3_000, first_pause_ms=100, longest_pause_ms=200)
SLEPT_THROUGH = 5.0
"""A longer pause than this, a minute of the quota's, passes at once."""
SENDS = "/1.2/rtm/*"


@dataclass
class Bench:
    """One bridge's deliveries, and the server that does to them what it is told."""

    control: Control
    deliveries: Deliveries
    conversation: str

    def inject(self, kind: str, path: str = SENDS, method: str = "POST", **how: int) -> None:
        fields: dict[str, Json] = {"kind": kind, "path": path, "method": method, **how}
        self.control.faults.add(read_fault(Parameters(fields), kind))

    async def carry_out(self, act: Act, name: str = "d1") -> Delivery:
        made = plan(name, act=act, clients=CLIENTS if act is Act.NOTIFY else 0)
        made = replace(made, conversation=self.conversation)
        return await self.deliveries.carry_out(made, invocation(f"trigger-{name}"), _untold)

    async def times(self, delivery: Delivery, part: Part) -> int:
        """By the server's own records, how often a call has acted; each of its clients has to agree."""
        of_this = messages.c.data == delivery.plan.message
        async with self.control.server.engine.read() as connection:
            if not part.clients:
                found = await connection.execute(select(func.count()).select_from(messages).where(of_this))
                return int(found.scalar_one())
            rows = await connection.execute(
                select(recipients.c.client_id)
                .join(messages, messages.c.msg_id == recipients.c.msg_id)
                .where(of_this, recipients.c.client_id.in_(part.clients))
            )
            counted = Counter(rows.scalars().all())
            (times,) = {counted[client] for client in part.clients}
            return times

    async def judge(self, delivery: Delivery) -> None:
        """The one judgement of every fault."""
        for part in delivery.parts:
            times = await self.times(delivery, part)
            assert times <= 1, f"told {times} times: {part}"
            match part.state:
                case State.SENT:
                    assert times == 1, f"said to be sent: {part}"
                case State.REFUSED:
                    assert times == 0, f"said to be refused: {part}"
                case _:
                    assert part in delivery.questioned, f"neither settled nor asked about: {part}"


async def _untold(_: Reply) -> None:
    """Nobody watches."""


@asynccontextmanager
async def bench(database: Database, folder: Path) -> AsyncIterator[Bench]:
    clock = ShiftableClock()
    url = f"sqlite:///{folder}/realtime.db"
    server = await Server.start(ServerSettings(APP_ID, APP_KEY, MASTER_KEY, url, clock=clock))
    control = Control(server, clock)
    ours = ShiftableClock()

    async def sleep(seconds: float) -> None:
        if seconds > SLEPT_THROUGH:
            ours.shift_ms += round(seconds * 1000)
        await asyncio.sleep(0 if seconds > SLEPT_THROUGH else seconds)

    ledger = Ledger(database, "one", ours)
    async with on_a_socket(control) as base_url, open_http(base_url) as http:
        client = RealtimeClient(
            http,
            Credentials(APP_ID, APP_KEY, MASTER_KEY),
            pacer=Meter(UNLIMITED, ours),
            effort=Effort(exchange_seconds=TIMEOUT, read_backoff_seconds=0.05),
        )
        conversation = await client.create_conversation(NewConversation("news", Kind.SYSTEM))
        await client.subscribe(conversation, "tom")
        deliveries = Deliveries(ledger, client, ours, Pace(first_pause_ms=50, patience=PATIENCE), sleep)
        try:
            yield Bench(control, deliveries, conversation.id)
        finally:
            await ledger.finish()
            await server.close()


PATHS = {
    Act.BROADCAST: "/1.2/rtm/broadcasts",
    Act.NOTIFY: "/1.2/rtm/service-conversations/*/messages",
    Act.PUBLISH: "/1.2/rtm/service-conversations/*/broadcasts",
}
BEFORE, AFTER = 20, 1_000
"""Milliseconds of slowness: answered in time, and after everybody has stopped waiting."""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database is enough here: what the ledger does on the other is proved beside this."""
    return f"sqlite:///{tmp_path}/bridge.db"


@pytest.mark.parametrize(
    ("kind", "delay_ms", "state", "reason"),
    [
        ("refuse", 0, State.REFUSED, Reason.REJECTED),
        ("too-many", 0, State.SENT, Reason.ANSWERED),
        ("fail-before", 0, State.UNKNOWN, Reason.NOT_FOUND),
        ("fail-after", 0, State.SENT, Reason.FOUND),
        ("hang", 0, State.UNKNOWN, Reason.NOT_FOUND),
        ("hang-after", 0, State.SENT, Reason.FOUND),
        ("cut-after", 0, State.SENT, Reason.FOUND),
        ("slow", BEFORE, State.SENT, Reason.ANSWERED),
        ("slow", AFTER, State.UNKNOWN, Reason.NOT_FOUND),
    ],
)
async def test_what_the_service_does_to_one_call_ends_as_it_must(
    database: Database, tmp_path: Path, kind: str, delay_ms: int, state: State, reason: Reason
) -> None:
    async with bench(database, tmp_path) as there:
        for path in PATHS.values():
            there.inject(kind, path, delay_ms=delay_ms)
        carried = await asyncio.gather(*(there.carry_out(act, act) for act in PATHS))
        for delivery in carried:
            await there.judge(delivery)
            assert (state, reason) in {(part.state, part.reason) for part in delivery.parts}
            assert delivery.count(State.SENT) >= len(delivery.parts) - 1


async def test_a_history_that_lags_is_asked_until_it_shows_what_went_out(
    database: Database, tmp_path: Path
) -> None:
    async with bench(database, tmp_path) as there:
        for path in PATHS.values():
            there.inject("fail-after", path)
        there.inject("lag", method="GET", delay_ms=600, times=0)
        for delivery in await asyncio.gather(*(there.carry_out(act, act) for act in PATHS)):
            await there.judge(delivery)
            assert delivery.state is State.SENT


async def test_a_history_that_lags_longer_than_anybody_waits_leaves_a_question_and_repeats_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with bench(database, tmp_path) as there:
        there.inject("fail-after")
        there.inject("lag", method="GET", delay_ms=60_000, times=0)
        delivery = await there.carry_out(Act.NOTIFY)
        await there.judge(delivery)
        assert [part.reason for part in delivery.questioned] == [Reason.NOT_FOUND]


@pytest.mark.parametrize("seed", range(3))
async def test_a_service_in_a_storm_of_faults_is_judged_like_any_other(
    database: Database, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311
    kinds = (
        "refuse",
        "too-many",
        "fail-before",
        "fail-after",
        "hang",
        "hang-after",
        "cut-after",
        "slow",
        "lag",
    )
    async with bench(database, tmp_path) as there:
        for _ in range(12):
            kind = draw.choice(kinds)
            method = "GET" if kind == "lag" else draw.choice(("POST", "POST", "GET"))
            there.inject(
                kind, SENDS, method, skip=draw.randrange(6), delay_ms=draw.choice((BEFORE, 200, AFTER))
            )
        acts = draw.choices(list(PATHS), k=8)
        carried = await asyncio.gather(
            *(there.carry_out(act, f"d{number}") for number, act in enumerate(acts))
        )
        # What was slow might act after everybody has stopped waiting for it.
        await asyncio.sleep(AFTER / 1000)
        for delivery in carried:
            await there.judge(delivery)
