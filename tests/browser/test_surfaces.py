"""Home, shortcuts, threads, two people at once and the raw view, in a real browser; and how all of it looks."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bridge.playground import seed
from bridge.playground.blocks import view_faults
from bridge.playground.model import Message
from bridge.playground.site import PAGE
from bridge.realtime.content import Text
from tests.browser.conftest import Open
from tests.browser.stage import Stage
from tests.browser.surfaces import EVERY_FIELD, composer, home, modal
from tests.browser.test_forms import MARKUP, take_shortcut
from tests.browser.test_playground import LOOKS, say

TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((each) => each.checkVisibility() && !each.closest('.shelf, .examples, svg, .rail'))
  .filter((each) => {
    const look = getComputedStyle(each);
    const spills = each.scrollWidth > each.clientWidth + 1 && look.overflowX === 'visible' && look.display !== 'inline';
    const scrolls = each.closest('.table, pre');
    return !scrolls && (spills || each.getBoundingClientRect().right > innerWidth + 1);
  })
  .map((each) => `${each.tagName}.${each.className}`)"""


async def test_home_is_published_when_it_is_opened_and_its_buttons_work(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url, locale="en-GB")
    await page.locator("[data-app]").click()
    at_home = page.locator(".home")
    await expect(at_home.get_by_role("heading", name="Good morning")).to_be_visible()
    await expect(at_home).to_contain_text("1 waits for you")
    await expect(page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")

    await at_home.get_by_role("button", name="Approve").click()
    await expect(at_home).to_contain_text("approved by @林夏")

    await at_home.get_by_role("combobox", name="Pick").or_(at_home.get_by_role("combobox").last).first.click()
    await page.get_by_role("option", name="A few").click()
    await page.get_by_role("tab", name="Messages").click()
    await expect(page.locator(".message").last).to_contain_text("chose A few")

    await page.get_by_role("tab", name="Home").click()
    await at_home.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Never").click()
    await page.get_by_role("tab", name="Messages").click()
    await expect(page.locator(".message").last).to_contain_text("chose Never")

    await page.get_by_role("tab", name="Home").click()
    await at_home.get_by_role("button", name="New").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Compose")


async def test_a_message_is_taken_into_a_form_by_its_menu(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    await say(page, MARKUP)
    message = page.locator(".message").last
    await expect(message).to_contain_text(MARKUP)
    await message.hover()
    await message.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="发给玩家").click()
    await expect(page.get_by_role("dialog").get_by_label("Text")).to_have_value(
        MARKUP.replace("<", "&lt;").replace(">", "&gt;")
    )
    assert await page.title() == "imbridge playground"


async def test_a_reply_stands_in_its_thread(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    first = page.locator(".room .message").first
    await first.hover()
    await first.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Reply in thread").click()
    thread = page.get_by_role("complementary", name="Thread")
    await expect(thread.get_by_label("Reply…")).to_be_focused()
    await page.keyboard.type("我来写")
    await page.keyboard.press("Enter")
    await expect(thread.locator(".message").last).to_contain_text("我来写")
    await expect(page.locator(".room .message")).to_have_count(2)

    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()
    await page.get_by_role("button", name="Replies: 1").click()
    await expect(thread.locator(".message").last).to_contain_text("我来写")
    (reply,) = [each for each in stage.workspace.messages.values() if each.thread_ts]
    bot = stage.workspace.app.user_id
    answer = Message(seed.ANNOUNCEMENTS, stage.workspace.new_ts(), bot, "done", thread_ts=reply.thread_ts)
    stage.workspace.post(answer)
    await expect(thread.locator(".message").last).to_contain_text("done")


async def test_two_people_act_beside_each_other(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    await page.get_by_role("button", name="Two people side by side").click()
    one, other = page.locator(".workspace.first"), page.locator(".workspace.second")
    await expect(other.locator(".person[aria-pressed=true]")).to_contain_text("Sam Okafor")
    await say(page, "needs a second pair of eyes")
    await expect(other.locator(".message").last).to_contain_text("needs a second pair of eyes")

    await one.locator(".bolt").click()
    await page.get_by_role("menuitem", name="Compose").click()
    await expect(one.get_by_role("dialog")).to_be_visible()
    await expect(other.get_by_role("dialog")).to_have_count(0)
    await other.locator("[data-app]").click()
    await other.get_by_role("button", name="Approve").click()
    await expect(other.locator(".home")).to_contain_text("approved by @Sam Okafor")
    await expect(one.get_by_role("dialog")).to_be_visible()

    await page.reload()
    await expect(other.locator(".home")).to_contain_text("approved by @Sam Okafor")
    await expect(one.get_by_role("dialog")).to_be_visible()
    await page.get_by_role("button", name="Two people side by side").click()
    await expect(other.locator("*")).to_have_count(0)


async def test_the_raw_view_has_the_newest_first_and_no_secret(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    await page.locator(".wire > details > summary").click()
    await say(page, "/im broadcast news hello")
    rows = page.locator(".wire li.of-slack")
    await expect(rows.locator(".what")).to_have_text(["auth.test", "/im broadcast news hello"])
    frames = page.locator(".wire li.of-phone")
    await expect(frames.filter(has_text="server → Tom").locator(".what")).to_have_text(["direct"])
    await frames.filter(has_text="server → Tom").locator("summary").click()
    await expect(frames.locator("pre")).to_contain_text('"fromPeerId": "harbor-news"')
    await page.locator("[data-app]").click()
    await expect(page.locator(".home")).to_contain_text("1 waits for you")
    await expect(rows.locator(".what")).to_have_text(
        ["views.publish", "event app_home_opened", "auth.test", "/im broadcast news hello"]
    )
    await rows.last.locator("summary").click()
    bodies = rows.last.locator(".bodies")
    await expect(bodies).to_contain_text("X-Slack-Signature: …")
    await expect(bodies).to_contain_text("token: …")
    await expect(bodies).to_contain_text("text: broadcast news hello")
    await rows.first.locator("summary").click()
    await expect(rows.first.locator(".bodies")).to_contain_text("Good morning")
    shown = await page.locator(".wire").inner_text()
    app = stage.workspace.app
    kept = [app.bot_token, app.app_token, app.signing_secret, app.verification_token]
    kept += [url.rpartition("/")[2] for url in stage.workspace.response_urls]
    assert [secret for secret in kept if secret in shown] == []


def test_the_forms_and_the_home_of_these_tests_are_slacks() -> None:
    for view in (modal("Every element", *EVERY_FIELD), composer(), home()):
        assert view_faults(view) == []


class Gaze:
    """Looks at a page: nothing overflows, and a picture of it is kept."""

    def __init__(self, page: Page, folder: Path, look: str) -> None:
        self.page = page
        self._names = (folder / f"{look}-{number:02}.png" for number in range(30))

    async def __call__(self) -> None:
        wide = await self.page.evaluate(TOO_WIDE)
        assert wide == [], json.dumps(wide)
        await self.page.screenshot(path=next(self._names), animations="disabled")


@pytest.mark.parametrize("look", LOOKS)
async def test_forms_and_their_menus_fit_in_every_light_and_width(
    stage: Stage, open_page: Open, tmp_path: Path, look: str
) -> None:
    page = await open_page(stage.url, **LOOKS[look])
    seen = Gaze(page, tmp_path, look)
    await page.locator(".bolt").click()
    await expect(page.get_by_role("menuitem")).to_have_count(2)
    await seen()
    await page.keyboard.press("Escape")
    form = await take_shortcut(page, "Every element")
    await seen()
    for name in ("external_select", "datepicker", "file_input"):
        await form.locator(f".input[data-block={name}]").scroll_into_view_if_needed()
        await seen()
    await form.locator("[data-block=grouped] input").click()
    await expect(page.get_by_role("option")).to_have_count(3)
    await seen()
    await page.keyboard.press("Escape")
    await form.get_by_role("textbox", name="Mail").fill("me")
    await page.keyboard.press("Control+Enter")
    await expect(form.locator("[aria-invalid]")).to_be_visible()
    await seen()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await take_shortcut(page, "Compose")
    await form.get_by_label("Text").fill("灯笼")
    await form.get_by_role("button", name="Preview").click()
    await expect(form.get_by_role("heading", name="Preview")).to_be_visible()
    await seen()


@pytest.mark.parametrize("look", LOOKS)
async def test_home_threads_and_the_raw_view_fit_in_every_light_and_width(
    stage: Stage, open_page: Open, tmp_path: Path, look: str
) -> None:
    page = await open_page(stage.url, **LOOKS[look])
    seen = Gaze(page, tmp_path, look)
    first = page.locator(".room .message").first
    await first.hover()
    await first.locator(".tools").click()
    await seen()
    await page.get_by_role("menuitem").first.click()
    await page.locator(".thread input").fill("好的，我来写。")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread .message")).to_have_count(2)
    await seen()
    await page.keyboard.press("Escape")
    await page.locator("[data-app]").click()
    await expect(page.locator(".home .header")).to_be_visible()
    await seen()
    await page.locator(".home .table").scroll_into_view_if_needed()
    await page.locator(".home [data-block=menus] input").click()
    await expect(page.get_by_role("option")).to_have_count(3)
    await seen()
    await stage.realtime.broadcast(stage.news, seed.NEWS_SENDER, Text("灯笼节开始啦 " * 20))
    await page.locator(".wire > details > summary").click()
    await expect(page.locator(".wire li.of-phone")).to_have_count(6)
    await seen()
    await page.locator(".wire li.of-slack summary").first.click()
    await expect(page.locator(".wire .bodies pre").first).to_be_visible()
    await seen()


@pytest.mark.parametrize("look", ["desktop-light", "desktop-dark"])
async def test_two_people_fit_beside_each_other(
    stage: Stage, open_page: Open, tmp_path: Path, look: str
) -> None:
    page = await open_page(stage.url, **LOOKS[look])
    seen = Gaze(page, tmp_path, look)
    await page.locator(".pair").click()
    await page.locator(".workspace.second .bolt").click()
    await page.get_by_role("menuitem", name="Compose").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.locator(".first [data-app]").click()
    await expect(page.locator(".home .header")).to_be_visible()
    await seen()
    await page.set_viewport_size({"width": 2200, "height": 1000})
    await expect(page.locator(".phone").first).to_be_visible()
    await seen()


def test_the_page_says_everything_in_both_languages() -> None:
    text = (PAGE / "js" / "words.js").read_text()
    english, chinese = (
        set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in text.split('"zh-CN": {')
    )
    assert english == chinese
    used = set()
    for script in (PAGE / "js").glob("*.js"):
        used |= set(re.findall(r'\bword\("(\w+)"', script.read_text()))
    assert used - english == set()
