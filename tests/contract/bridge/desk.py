"""Deliveries over a scripted service, with time that passes at once."""

import asyncio

from bridge.database.ledger import Ledger
from bridge.delivery import Deliveries, Pace
from bridge.invocation import Place
from bridge.ledger import Act, Delivery
from bridge.realtime.limits import Plan as Quotas
from bridge.realtime.pacing import Meter
from bridge.reply import Reply
from tests.contract.bridge.making import Clock, invocation, plan
from tests.contract.bridge.script import Answer, ScriptedService


class Desk:
    """One process: its deliveries, what it told and posted, and how long (ms) it paused."""

    def __init__(self, ledger: Ledger, clock: Clock, service: ScriptedService | None = None) -> None:
        self.service = service or ScriptedService()
        self.ledger = ledger
        self.clock = clock
        self.told: list[Reply] = []
        self.posted: asyncio.Queue[tuple[Place, Reply]] = asyncio.Queue()
        self.paused: list[int] = []
        self.deliveries = self.with_quotas(Quotas())

    def with_quotas(self, quotas: Quotas, pace: Pace | None = None) -> Deliveries:
        client = self.service.client(self.clock, Meter(quotas, self.clock))
        return Deliveries(self.ledger, client, self.clock, pace or Pace(), self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.paused.append(round(seconds * 1000))
        self.clock.advance(round(seconds * 1000))
        await asyncio.sleep(0)

    async def tell(self, reply: Reply) -> None:
        self.told.append(reply)

    async def post(self, place: Place, reply: Reply, key: str) -> None:
        await self.posted.put((place, reply))

    async def carry_out(self, *answers: Answer, act: Act = Act.BROADCAST, clients: int = 0) -> Delivery:
        self.service.answers += answers
        return await self.deliveries.carry_out(plan(act=act, clients=clients), invocation(), self.tell)

    async def stands(self, delivery: str = "d1") -> Delivery:
        found = await self.ledger.show(delivery)
        assert found is not None
        return found
