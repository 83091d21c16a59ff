"""Quotas: never over what the service allows in any minute, never a wrong no for a day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.realtime.limits import (
    BUSINESS,
    DEVELOPMENT,
    UNLIMITED,
    Family,
    Quota,
    Usage,
    exhausted_until,
    penalise,
    plan_of,
    release,
    reserve,
    wait_ms,
)
from bridge.realtime.pacing import Meter

NOON = 1_800_014_400_000  # 2027-01-15T12:00Z, 20:00 in China
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def used(quota: Quota, *instants: int) -> Usage:
    usage = Usage()
    for now in instants:
        counted = reserve(usage, quota, now)
        assert counted is not None, f"refused at {now - NOON}"
        usage = counted
    return usage


def test_plans_hold_the_documented_totals() -> None:
    table = {
        (plan, family): (plan.quota(family).per_minute, plan.quota(family).per_day)
        for plan in (BUSINESS, DEVELOPMENT, UNLIMITED)
        for family in Family
    }
    assert table == {
        (BUSINESS, Family.MESSAGES): (1800, None),
        (BUSINESS, Family.SUBSCRIPTIONS): (30, 1000),
        (BUSINESS, Family.BROADCASTS): (10, 30),
        (DEVELOPMENT, Family.MESSAGES): (120, None),
        (DEVELOPMENT, Family.SUBSCRIPTIONS): (10, 100),
        (DEVELOPMENT, Family.BROADCASTS): (1, 10),
        **{(UNLIMITED, family): (None, None) for family in Family},
    }


def test_a_plan_is_a_name_or_totals_that_replace_the_business_ones() -> None:
    assert plan_of("development") is DEVELOPMENT
    custom = plan_of({"messages_per_minute": 9000, "broadcasts_per_day": None})
    assert custom.quota(Family.MESSAGES) == Quota(9000, None)
    assert custom.quota(Family.BROADCASTS) == Quota(10, None)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("businness", "businness"),
        ({"mesages_per_minute": 1}, "mesages_per_minute"),
        ({"broadcasts_per_day": 0}, "broadcasts_per_day"),
        ({"broadcasts_per_day": True}, "broadcasts_per_day"),
        ({"broadcasts_per_day": "9"}, "broadcasts_per_day"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(setting: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        plan_of(setting)  # type: ignore[arg-type]


def test_a_burst_may_use_up_the_minute_and_then_waits_for_it_to_pass() -> None:
    quota = Quota(per_minute=3)
    usage = used(quota, NOON, NOON + 500, NOON + 20_000)
    now = NOON + 20_000
    assert reserve(usage, quota, now) is None
    assert exhausted_until(usage, quota, now) == NOON + 61_000, "whole seconds, on the safe side"
    assert reserve(usage, quota, NOON + 60_999) is None
    usage = used(quota, NOON, NOON + 500, NOON + 20_000, NOON + 61_000, NOON + 61_000)
    assert wait_ms(usage, quota, NOON + 61_000) == 20_000


def test_a_quota_that_was_lowered_waits_for_as_many_as_are_too_many() -> None:
    usage = used(Quota(per_minute=9), *(NOON + second * 1000 for second in range(5)))
    assert exhausted_until(usage, Quota(per_minute=2), NOON + 5000) == NOON + 64_000


@given(
    st.integers(1, 5),
    st.lists(st.integers(0, 40_000), max_size=60),
)
def test_no_sixty_seconds_ever_hold_more_than_the_total(total: int, gaps: list[int]) -> None:
    quota, usage, now, taken = Quota(per_minute=total), Usage(), NOON, []
    for gap in gaps:
        now += gap
        counted = reserve(usage, quota, now)
        wait = wait_ms(usage, quota, now)
        assert (counted is None) == (wait > 0)
        if counted is None:
            now += wait
            counted = reserve(usage, quota, now)
            assert counted is not None, "after the wait it fits"
        usage = counted
        taken.append(now)
        assert len(usage.seconds) <= 61
    for start in taken:
        assert sum(start <= at < start + MINUTE for at in taken) <= total


def test_the_day_is_used_up_only_when_it_is_by_every_calendar() -> None:
    quota = Quota(per_day=2)
    usage = used(quota, NOON, NOON + HOUR)
    # 21:00 in China: its midnight is the first that may bring a new day.
    assert exhausted_until(usage, quota, NOON + HOUR) == NOON + 4 * HOUR
    china_midnight = NOON + 4 * HOUR
    usage = used(quota, NOON, NOON + HOUR, china_midnight, china_midnight + 1)
    # Now used up in China's new day and in UTC's old one: UTC's midnight comes first.
    assert exhausted_until(usage, quota, china_midnight + 2) == NOON + 12 * HOUR
    assert usage.today(china_midnight + 2) == 4, "shown by the calendar that counts most"
    assert usage.last_minute(china_midnight + 2) == 2


@pytest.mark.parametrize(("daily", "wait"), [(False, MINUTE), (True, 4 * HOUR)])
def test_a_429_silences_the_family_for_a_minute_or_until_the_day_may_end(daily: bool, wait: int) -> None:
    usage = penalise(Usage(), NOON, daily=daily)
    assert wait_ms(usage, Quota(), NOON) == wait
    assert reserve(usage, Quota(), NOON + wait - 1) is None
    assert reserve(usage, Quota(), NOON + wait) is not None


def test_a_short_penalty_does_not_shorten_a_long_one() -> None:
    usage = penalise(penalise(Usage(), NOON, daily=True), NOON, daily=False)
    assert wait_ms(usage, Quota(), NOON) == 4 * HOUR


def test_what_was_not_sent_gives_its_place_back() -> None:
    quota = Quota(per_minute=2, per_day=2)
    usage = used(quota, NOON, NOON + 1000)
    freed = release(usage, NOON, NOON + 1500)
    assert freed == used(quota, NOON + 1000)
    assert reserve(freed, quota, NOON + 1500) is not None


def test_giving_back_a_place_of_yesterday_does_not_free_one_of_today() -> None:
    quota = Quota(per_day=1)
    usage = used(quota, NOON, NOON + DAY)
    assert reserve(release(usage, NOON, NOON + DAY), quota, NOON + DAY) is None


def test_a_clock_that_is_set_back_blocks_for_no_more_than_a_minute() -> None:
    quota = Quota(per_minute=1)
    usage = used(quota, NOON + HOUR)
    assert 0 < wait_ms(usage, quota, NOON) <= MINUTE + 1000


async def test_a_meter_counts_each_family_by_its_own_plan_and_clock() -> None:
    now = NOON
    meter = Meter(DEVELOPMENT, clock=lambda: now)
    first = await meter.reserve(Family.BROADCASTS)
    assert first.wait_ms == 0
    second = await meter.reserve(Family.BROADCASTS)
    assert (second.wait_ms, second.daily) == (61_000, False)
    assert (await meter.reserve(Family.MESSAGES)).wait_ms == 0
    await meter.release(Family.BROADCASTS, first)
    assert meter.wait_ms(Family.BROADCASTS) == 0
    assert await meter.penalise(Family.BROADCASTS, daily=True) == 4 * HOUR
    now += MINUTE
    assert (await meter.reserve(Family.BROADCASTS)).daily
    assert meter.wait_ms(Family.BROADCASTS) == 4 * HOUR - MINUTE
