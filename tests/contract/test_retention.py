"""History is kept for so many days: older messages go with everything that belongs to them, younger ones stay."""

from sqlalchemy import func, select

from bridge.server.retention import DAY_MS, TOGETHER, Retention
from bridge.server.store import Draft, Reach, Stored, insert_messages
from bridge.server.tables import hidden, messages, pushes, receipts, recipients
from tests.contract.messaging import RTM, history, make, send, subscribe
from tests.contract.service import Service, running


async def rows(service: Service) -> dict[str, int]:
    async with service.server.engine.read() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (messages, recipients, hidden, receipts, pushes)
        }


async def everything(service: Service) -> tuple[str, str]:
    """Messages of every kind with all that belongs to them; the conversations that they are in."""
    normal, system = await make(service, m=["tom", "jerry"]), await make(service, "service")
    await subscribe(service, system, "jerry")
    await send(service, normal, push_data={"alert": "x"})
    await send(service, system, kind="service", to_clients=["jerry"])
    path = f"{RTM}/service-conversations/{system}"
    body = {"from_client": "tom", "message": "to all"}
    sent = await service.ok("POST", f"{path}/broadcasts", json=body)
    key = {"from_client": "tom", "timestamp": sent["timestamp"]}
    await service.ok("DELETE", f"{path}/subscribers/jerry/messages/{sent['msg-id']}", params=key)
    await service.ok("POST", f"{RTM}/broadcasts", json={**body, "conv_id": system})
    asking = Draft(reach=Reach.NORMAL, conv_id=normal, sender="tom", data="got it?", receipt=True)
    async with service.server.engine.write() as connection:
        now = service.clock()
        await connection.run_sync(insert_messages, [Stored(asking, "a" * 22, now)], now)
    return normal, system


async def test_old_messages_go_with_all_that_belongs_to_them_and_young_ones_stay(
    pair: tuple[str, str],
) -> None:
    async with running(*pair, history_days=180) as service:
        normal, _ = await everything(service)
        assert await rows(service) == {
            "rt_messages": 5,
            "rt_recipients": 1,
            "rt_hidden": 1,
            "rt_receipts": 1,
            "rt_pushes": 1,
        }
        retention = service.server.retention
        assert retention is not None
        service.clock.advance(180 * DAY_MS - 60_000)
        assert await retention.sweep() == 0
        service.clock.advance(120_000)
        young = await send(service, normal, "young", push_data={"alert": "y"})
        assert await retention.sweep() == 5
        assert [row["msg-id"] for row in await history(service, normal)] == [young["msg-id"]]
        assert await rows(service) == {
            "rt_messages": 1,
            "rt_recipients": 0,
            "rt_hidden": 0,
            "rt_receipts": 0,
            "rt_pushes": 1,
        }


async def test_a_pass_deletes_in_portions_and_leaves_nothing_old(service: Service) -> None:
    conv_id, now = await make(service), service.clock()
    draft = Draft(reach=Reach.NORMAL, conv_id=conv_id, sender="tom", data="x")
    many = [Stored(draft, f"{n:022d}", now - DAY_MS * 2 + n) for n in range(TOGETHER + 7)]
    async with service.server.engine.write() as connection:
        await connection.run_sync(insert_messages, many, service.clock())
    retention = Retention(service.server.engine, service.clock, days=1)
    assert await retention.sweep() == TOGETHER + 7
    await retention.close()
    assert await history(service, conv_id) == []


async def test_without_a_setting_nothing_is_ever_deleted(service: Service) -> None:
    assert service.server.retention is None
