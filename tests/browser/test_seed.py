"""The demo's world: made once, whatever interrupts it, and described as app.yaml would."""

from datetime import timedelta
from pathlib import Path

from bridge.clock import now_ms
from bridge.config import AppSettings
from bridge.config_access import AccessSettings
from bridge.cron import Schedule, fires_after
from bridge.invocation import Place
from bridge.playground import seed
from bridge.realtime.history import Everything
from bridge.realtime.models import NewConversation
from tests.browser.stage import messaging


async def test_the_seed_is_made_once_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with messaging(tmp_path) as (_, realtime):
        crew = seed.SCENES[0]
        marked = NewConversation(crew.new.name, members=crew.new.members, attributes={seed.KEY: crew.alias})
        begun = await realtime.create_conversation(marked)
        await realtime.send(begun, *crew.lines[0])

        first = await seed.seed(realtime)
        said = [row.msg_id async for row in realtime.iterate_history(Everything())]
        second = await seed.seed(realtime)

        assert second == first
        assert first["crew"] == begun.id
        assert len(await realtime.find_conversations()) == len(seed.SCENES)
        assert len(said) == sum(len(scene.lines) for scene in seed.SCENES)
        assert [row.msg_id async for row in realtime.iterate_history(Everything())] == said


def test_its_settings_are_valid_and_its_schedule_fires_within_a_minute() -> None:
    now = now_ms()
    settings = AppSettings.model_validate(seed.settings(now))
    (each,) = settings.schedules
    schedule = Schedule(each.name, each.when, each.tz, each.run, Place("T", each.channel))
    fire = next(fires_after(schedule, now))
    assert timedelta(seconds=20) < timedelta(milliseconds=fire - now) < timedelta(minutes=1)
    assert isinstance(settings.access, AccessSettings)
    (guarded,) = [rule for rule in settings.access.rules if rule.approve]
    assert guarded.in_ == {seed.TOWN_HALL}
