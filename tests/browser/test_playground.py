"""The playground as a newcomer uses it, in a real browser: what is typed in Slack arrives on the phones."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bridge.playground import seed
from bridge.playground.blocks import block_faults
from bridge.playground.model import Message
from bridge.realtime.content import Attachment, Custom, Image, Text
from bridge.realtime.messages import BroadcastOptions, Push
from bridge.realtime.models import Kind, Ref
from tests.browser.conftest import Open
from tests.browser.gallery import GALLERY
from tests.browser.stage import Stage

MARKUP = "<img src=x onerror=\"document.title='broken in'\"><script>document.title='broken in'</script>"


async def say(page: Page, line: str) -> None:
    await page.locator("#composer").fill(line)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")


async def test_a_broadcast_typed_in_slack_arrives_on_all_three_phones(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url)
    await page.locator("#composer").click()
    await page.keyboard.type("/im broadcast news 周六有晚会！")
    await page.keyboard.press("Enter")

    for banner in await page.locator(".banner").all():
        await expect(banner).to_be_visible()
        await expect(banner).to_contain_text("周六有晚会！")
    for client in seed.EVERYONE:
        phone = page.locator(f".phone[data-client={client}]")
        await expect(phone.locator(".row").first).to_contain_text("周六有晚会！")
        await expect(phone.locator(".row .dot")).to_have_text("1")
        await phone.locator(".row").first.click()
        await expect(phone.locator(".lines .bulletin").last).to_have_text("周六有晚会！")
        await expect(phone.locator(".banner")).to_be_hidden()
    messages = page.locator(".message")
    await expect(messages.nth(-2)).to_contain_text("/im broadcast news 周六有晚会！")
    await expect(messages.last).to_contain_text("Sent: “周六有晚会！”")


async def test_commands_and_conversations_complete_by_mouse_and_by_keyboard(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    composer = page.locator("#composer")
    await composer.click()
    await page.keyboard.type("/im b")
    await page.get_by_role("option", name="/im broadcast CONV").click()
    await expect(composer).to_have_value("/im broadcast ")
    await expect(page.locator(".usage mark")).to_have_text("CONV")

    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(composer).to_have_value("/im broadcast crew ")

    await composer.fill("/im broadcast ne")
    await page.keyboard.press("Tab")
    await expect(composer).to_have_value("/im broadcast news ")
    await expect(page.locator(".usage mark")).to_have_text("[TEXT]")

    await page.keyboard.type("早 --va")
    await expect(page.get_by_role("option")).to_have_text(["--valid-tillWHEN离线用户在此之前上线仍会收到"])
    await page.keyboard.press("Enter")
    await expect(composer).to_have_value("/im broadcast news 早 --valid-till ")
    assert not stage.workspace.exchanges, "nothing was sent yet"


async def test_a_button_acts_and_a_dangerous_one_asks_first(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url)
    await say(page, "/im broadcast news hello")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".message").last).to_contain_text("done: broadcasts list news")

    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("dialog")).to_contain_text("This can't be undone.")
    await page.get_by_role("button", name="Go back").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert stage.pressed == ["broadcasts list news"]

    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.locator(".message").last).to_contain_text("done: broadcasts delete")


async def test_a_reload_keeps_what_was_there(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url)
    await page.locator("[data-channel=ops]").click()
    await say(page, "/im broadcast news 潮水来了")
    await expect(page.locator(".row.unread")).to_have_count(3)
    await expect(page.locator(".message").last).to_contain_text("Sent: “潮水来了”")
    before = await page.locator(".message").all_text_contents()

    await page.reload()

    await page.wait_for_selector("body.ready")
    await expect(page.locator(".message")).to_have_text(before)
    await expect(page.locator("[data-channel=ops]")).to_have_attribute("aria-current", "page")
    await expect(page.locator(".row.unread")).to_have_count(3)
    await expect(page.locator(".row.unread .line").first).to_have_text("潮水来了")


async def test_slacks_own_errors_are_told_to_the_author_alone(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url)
    stage.deadline.passed.set()
    await say(page, "/im slow")
    slow = page.locator(".message.notice").last
    await expect(slow).to_contain_text('/im failed with the error "operation_timeout"')
    await expect(slow).to_contain_text("仅你可见")
    stage.deadline.passed.clear()

    await say(page, "/im broken")
    await expect(page.locator(".message.notice").last).to_contain_text("invalid_blocks")
    await say(page, "/nobody hears")
    await expect(page.locator(".message.notice").last).to_contain_text("/nobody is not a valid command.")

    await page.get_by_role("button", name="Sam Okafor", exact=False).last.click()
    await expect(page.locator(".message.private")).to_have_count(0)


async def test_foreign_text_stays_text_everywhere(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url)
    await say(page, f"/im broadcast news {MARKUP}")
    await expect(page.locator(".message").last).to_contain_text("Sent: ")
    await say(page, MARKUP)
    await stage.realtime.broadcast(stage.news, MARKUP[:60], Image(Attachment("javascript:alert(1)"), MARKUP))
    await stage.realtime.broadcast(stage.news, "x", Custom({"_lctype": 7, "_lctext": MARKUP}))

    phone = page.locator(".phone").first
    await expect(phone.locator(".dot")).to_have_text("3")
    await phone.locator(".row").first.click()
    await expect(phone.locator(".custom-head")).to_have_text(MARKUP)
    await expect(page.locator(".message").last).to_contain_text(MARKUP)
    assert await page.locator("img[src=x], a[href^=javascript]").count() == 0
    assert await page.title() == "imbridge playground"


async def test_a_phone_that_is_offline_shows_pushes_alone_and_gets_the_rest_later(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    phone = page.locator(".phone[data-client=mary]")
    await phone.get_by_role("switch").click()
    await expect(phone.locator(".lock")).to_be_visible()
    options = BroadcastOptions(push=Push({"alert": "快收衣服"}))
    await stage.realtime.broadcast(stage.news, seed.NEWS_SENDER, Text("下雨了"), options)
    await stage.realtime.broadcast(stage.news, seed.NEWS_SENDER, Text("雨停了"))

    await expect(phone.locator(".lock li")).to_have_count(1)
    await expect(phone.locator(".lock li")).to_contain_text("快收衣服")
    await phone.get_by_role("switch").click()

    await expect(phone.locator(".lock")).to_be_hidden()
    await expect(phone.locator(".row.unread .dot")).to_have_text("2")
    await expect(phone.locator(".row.unread .line")).to_have_text("雨停了")


async def test_what_is_written_on_a_phone_reaches_the_others_in_the_room(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    tom, mary = page.locator(".phone[data-client=tom]"), page.locator(".phone[data-client=mary]")
    room = stage.aliases["pier"]
    await tom.locator(f"[data-conversation='{room}']").click()
    await mary.locator(f"[data-conversation='{room}']").click()
    await tom.locator(".reply input").fill("On my way")
    await tom.locator(".reply input").press("Enter")

    await expect(mary.locator(".theirs").last).to_contain_text("On my way")
    await expect(tom.locator(".mine").last).to_contain_text("On my way")
    sent = await stage.realtime.send(Ref(room, Kind.TRANSIENT), "tom", Text("Oops"))
    await expect(mary.locator(".theirs").last).to_contain_text("Oops")
    assert sent.msg_id


LOOKS = {
    "desktop-light": {"width": 1440, "height": 900, "color_scheme": "light", "locale": "zh-CN"},
    "desktop-dark": {"width": 1440, "height": 900, "color_scheme": "dark", "locale": "en-GB"},
    "phone-light": {"width": 390, "height": 844, "color_scheme": "light", "locale": "en-GB"},
    "phone-dark": {"width": 390, "height": 844, "color_scheme": "dark", "locale": "zh-CN"},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_every_block_is_drawn_and_fits_in_every_light_and_width(
    stage: Stage, open_page: Open, tmp_path: Path, look: str
) -> None:
    assert block_faults(GALLERY) == []
    bot = stage.workspace.app.user_id
    stage.workspace.post(Message(seed.OPS, stage.workspace.new_ts(), bot, "gallery", tuple(GALLERY)))
    page = await open_page(stage.url, **LOOKS[look])
    await page.locator("[data-channel=ops]").click()
    message = page.locator(".message").last
    await expect(message.locator(".body").get_by_role("button")).to_have_count(4)
    assert await message.locator(".unknown").count() == 0
    await expect(message.get_by_role("link")).to_have_text(["a link", "link", "From elsewhere"])
    await expect(message.locator("time").last).to_have_text("2026-10-15 01:46:40")
    await page.screenshot(path=tmp_path / f"{look}-workspace.png")

    if LOOKS[look]["width"] == 390:
        await page.locator(".switcher button").last.click()
    for phone, row in zip(await page.locator(".phone").all(), (2, 0, 2), strict=True):
        await phone.locator(".row").nth(row).click()
    await expect(page.locator(".lines").first).to_be_visible()
    await page.screenshot(path=tmp_path / f"{look}-phones.png")
    wide = await page.evaluate(
        "[...document.querySelectorAll('body, .top, .room, .screen, .screen *')]"
        ".filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === 'visible'"
        " && getComputedStyle(each).display !== 'inline').map((each) => each.className)"
    )
    assert wide == [], json.dumps(wide)
