"""Dialogues with forms that change as they are filled in: bytes are counted, pictures asked for, times chosen."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.context import Defaults
from bridge.slack.drafts import CONTENT
from bridge.slack.forms import SIZE
from bridge.slack.timing import AT, CLOCK, DAYS, FIRES, MODE, NOW, ONCE, PICK_ZONE, WEEKLY, ZONE
from tests.scenarios.filling import block, blocks, changes, drawn, errors, form, found, says, submits, text_of
from tests.scenarios.office import PEOPLE, Office, Setup, opened

MIA = PEOPLE["mia"]
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await says(office, "mia", "#ops", "/im conv create News --system")
    return office


# -- A form that changes as it is filled in ----------------------------------------------------------------------------


async def test_the_bytes_of_a_text_are_counted_as_it_is_typed(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    empty = block(form(news, "mia"), SIZE)["elements"][0]["text"]
    view = await changes(news, "mia", "arg.text", "晚会")
    assert empty.endswith(" of 5120 bytes")
    assert int(block(view, SIZE)["elements"][0]["text"].split()[0]) == int(empty.split()[0]) + 6
    view = await changes(news, "mia", "arg.text", "晚" * 2_000)
    assert "shorten it by" in block(view, SIZE)["elements"][0]["text"]
    await submits(news, "mia", {"arg.text": "hi"})
    assert await news.texts("News") == ["hi"]


async def test_of_many_keystrokes_the_last_is_counted_and_none_is_lost(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    text = "It begins at eight."
    view = form(news, "mia")
    # Typed faster than a form is drawn: all of them tell of the form as it stood before the first.
    keystrokes = (text[:end] for end in range(1, len(text) + 1))
    await asyncio.gather(*(news.workspace.press_in_view(MIA, view, "arg.text", each) for each in keystrokes))
    view = await drawn(news, "mia")
    expected = int(block(view, SIZE)["elements"][0]["text"].split()[0])
    await submits(news, "mia", {})
    (row,) = await news.rows("News")
    assert expected == len(row["data"].encode())


async def test_a_picture_asks_for_its_address_and_text_becomes_its_caption(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News hello --form")
    assert "arg.image" not in blocks(form(news, "mia"))
    view = await changes(news, "mia", CONTENT, "image")
    assert "arg.image" in blocks(view)
    await submits(news, "mia", {"arg.image": "https://example.com/map.png", "arg.text": "a map"})
    await news.heard("Sent: “a map”")
    assert '"_lctype":-2' in (await news.rows("News"))[0]["data"].replace(" ", "")


async def test_json_stands_for_the_whole_message(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News --form")
    view = await changes(news, "mia", CONTENT, "json")
    assert "arg.text" not in blocks(view)
    await submits(news, "mia", {"arg.json": "{nope"})
    assert "a JSON object" in errors(news, "mia")["arg.json"]
    await submits(news, "mia", {"arg.json": '{"_lctype": 7, "score": "a \\"b\\" c"}'})
    await news.heard("Sent: “")
    assert '"score"' in (await news.rows("News"))[0]["data"]


async def test_a_form_that_was_drawn_by_somebody_else_meanwhile_is_left_as_it_stands(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News")
    news.workspace.fail("views.update", status=200, error="hash_conflict")
    await changes(news, "mia", "arg.text", "hi")
    view = await changes(news, "mia", "arg.text", "hi there")
    assert int(block(view, SIZE)["elements"][0]["text"].split()[0]) > 0
    await submits(news, "mia", {})
    assert await news.texts("News") == ["hi there"]


# -- Later -------------------------------------------------------------------------------------------------------------


async def test_an_announcement_is_scheduled_with_the_mouse_and_its_next_time_is_shown(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News 周六有晚会！ --form")
    view = await changes(news, "mia", MODE, ONCE)
    assert "The next times are shown here." in text_of(view)
    at = (datetime.now(UTC) + timedelta(days=2)).replace(hour=4, minute=30, second=0, microsecond=0)
    view = await changes(news, "mia", AT, int(at.timestamp()))
    local = at.astimezone(SHANGHAI)
    assert f"{local:%Y-%m-%d %H:%M} in Asia/Shanghai" in text_of(view)
    assert view.body["submit"]["text"] == "Schedule"
    await submits(news, "mia", {})
    await news.heard("Scheduled broadcast-", f"{local:%Y-%m-%d %H:%M}")
    await says(news, "mia", "#ops", "/im schedule list")
    await news.heard("broadcast", "周六有晚会！")
    assert await news.texts("News") == []


async def test_every_week_on_some_days_in_another_zone(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News hi --form")
    await changes(news, "mia", MODE, WEEKLY)
    assert "Europe/Berlin" in await found(news, "mia", "berlin", ZONE)
    await changes(news, "mia", PICK_ZONE, "Europe/Berlin")
    await changes(news, "mia", DAYS, ["mon", "sat"])
    view = await changes(news, "mia", CLOCK, "10:05")
    assert text_of(view).count("10:05 in Europe/Berlin") == 3
    await submits(news, "mia", {})
    await news.heard("Scheduled broadcast-", "Europe/Berlin")
    await says(news, "mia", "#ops", "/im schedule list")
    await news.heard("5 10 * * mon,sat", "Europe/Berlin")


async def test_what_would_fail_at_its_time_is_said_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(defaults=Defaults())) as office:
        await says(office, "mia", "#ops", "/im conv create News --system")
        await says(office, "mia", "#ops", "/im notify News hi")
        await changes(office, "mia", MODE, WEEKLY)
        await changes(office, "mia", CLOCK, "10:00")
        await submits(office, "mia", {})
        assert list(errors(office, "mia")) == ["arg.to"]
        await submits(office, "mia", {"arg.to": "tom"})
        assert "Who speaks?" in errors(office, "mia")["arg.from_"]
        await submits(office, "mia", {"arg.from_": "boss"})
        await office.heard("Scheduled notify-")


async def test_a_time_that_has_passed_is_refused_at_its_field(news: Office) -> None:
    await says(news, "mia", "#ops", "/im broadcast News hi --form")
    await changes(news, "mia", MODE, ONCE)
    view = await changes(news, "mia", AT, int(datetime.now(UTC).timestamp()) - 60)
    assert "This time has passed" in block(view, FIRES)["elements"][0]["text"]
    await submits(news, "mia", {})
    assert "This time has passed." in errors(news, "mia")[AT]
    await changes(news, "mia", MODE, NOW)
    await submits(news, "mia", {})
    assert await news.texts("News") == ["hi"]
