"""Forms as a person fills them in, in a real browser: every element, its errors, the stack, the keyboard."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from bridge.playground import seed
from tests.browser.conftest import Open
from tests.browser.stage import Stage

Json = dict[str, Any]

MARKUP = "<img src=x onerror=\"document.title='broken in'\">"


async def take_shortcut(page: Page, name: str) -> Locator:
    """Open a form by the ⚡ at the composer."""
    await page.locator(".bolt").click()
    await page.get_by_role("menuitem", name=name).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def pick(page: Page, form: Locator, label: str, query: str, option: str) -> None:
    """Choose in a menu as one does by typing."""
    await form.get_by_role("combobox", name=label, exact=True).click()
    await page.keyboard.type(query)
    await page.get_by_role("option", name=option).click()


async def test_every_element_brings_what_was_put_into_it(
    stage: Stage, open_page: Open, tmp_path: Path
) -> None:
    page = await open_page(stage.url, locale="en-GB")
    form = await take_shortcut(page, "Every element")
    await form.get_by_label("Name").fill("港湾日报")
    await form.get_by_label("Minutes").fill("5")
    await form.get_by_label("Mail").fill("lin@example.com")
    await form.get_by_label("Rich").fill("two\nlines")
    await pick(page, form, "Audience (optional)", "every", "Everyone")
    await pick(page, form, "Bait (optional)", "ang", "Angler")
    await pick(page, form, "Fish (optional)", "squ", "Squid 夜光鱿鱼")
    await pick(page, form, "More fish (optional)", "", "Sardine")
    await pick(page, form, "More fish (optional)", "tu", "Tuna")
    await pick(page, form, "Conversations (optional)", "supp", "#support")
    await pick(page, form, "Channel (optional)", "ops", "#ops")
    await pick(page, form, "Person (optional)", "sam", "Sam Okafor")
    await form.get_by_label("Day").fill("2026-12-24")
    await form.get_by_label("Time", exact=False).fill("08:30")
    await form.get_by_label("Moment").fill("2026-10-15T09:46")
    await form.get_by_role("checkbox", name="Subscribers").check()
    await form.get_by_role("radio", name="A few").check()
    (tmp_path / "players.csv").write_text("xiaoyu\ntom\n")
    await form.locator("input[type=file]").set_input_files(tmp_path / "players.csv")
    await expect(form.locator(".uploaded li")).to_contain_text("players.csv")
    await form.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)

    (values,) = stage.submitted
    assert values["conversations_select"]["selected_conversation"] == seed.ANNOUNCEMENTS
    assert values["multi_conversations_select"]["selected_conversations"] == [seed.SUPPORT]
    assert values["channels_select"]["selected_channel"] == seed.OPS
    assert values["users_select"]["selected_user"] == seed.SAM
    check_texts(values)
    check_options(values)
    (file,) = values["file_input"]["files"]
    assert (file["name"], file["size"]) == ("players.csv", 11)
    assert stage.workspace.files[file["id"]]["content"] == b"xiaoyu\ntom\n"


def check_texts(values: Json) -> None:
    got = {name: entry.get("value") for name, entry in values.items() if "value" in entry}
    assert got["plain_text_input"] == "港湾日报"
    assert got["body"] == "周六有晚会！\nBring lanterns."
    assert (got["number_input"], got["email_text_input"]) == ("5", "lin@example.com")
    assert values["datepicker"]["selected_date"] == "2026-12-24"
    assert values["timepicker"]["selected_time"] == "08:30"
    assert values["datetimepicker"]["selected_date_time"] == 1792028760
    assert values["rich_text_input"]["rich_text_value"]["type"] == "rich_text"


def check_options(values: Json) -> None:
    chosen = {
        name: entry["selected_option"]["value"]
        for name, entry in values.items()
        if "selected_option" in entry
    }
    assert chosen == {
        "static_select": "all",
        "grouped": "Angler",
        "external_select": "Squid 夜光鱿鱼",
        "radio_buttons": "A few",
    }
    many = {
        name: [each["value"] for each in entry["selected_options"]]
        for name, entry in values.items()
        if "selected_options" in entry
    }
    assert many == {
        "multi_static_select": ["all", "Subscribers"],
        "multi_external_select": ["Sardine", "Tuna 金枪鱼"],
        "checkboxes": ["Subscribers", "A few"],
    }


async def test_what_is_typed_is_counted_while_it_is_typed_and_errors_stand_at_their_field(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url, locale="en-GB")
    form = await take_shortcut(page, "Compose")
    text = form.get_by_label("Text")
    await text.click()
    await page.keyboard.type("bad 鱼")
    await expect(form.locator(".hint").last).to_have_text("7 of 5,120 bytes")
    await page.keyboard.type("!")
    await expect(form.locator(".hint").last).to_have_text("8 of 5,120 bytes")
    await expect(text).to_be_focused()
    await expect(text).to_have_value("bad 鱼!")

    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_role("alert").first).to_have_text("Please fill this in.")
    await pick(page, form, "To whom", "tun", "Tuna")
    await expect(form.locator(".trouble").first).to_have_text("")
    for _ in range(2):
        await form.get_by_role("button", name="Send").click()
        await expect(form.locator("[data-block=counted] .trouble")).to_have_text(
            "This is not kind. 请换个说法。"
        )
        await expect(text).to_be_focused()
        await expect(text).to_have_attribute("aria-invalid", "true")
        await page.keyboard.press("End")
        await page.keyboard.type("?")
        await expect(form.locator("[data-block=counted] .trouble")).to_have_text("")
    await text.fill("good")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert stage.submitted[0]["counted"]["value"] == "good"


async def test_forms_lie_on_each_other_and_close_one_by_one_or_all_at_once(
    stage: Stage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    form = await take_shortcut(page, "Compose")
    await form.get_by_label("Text").fill(MARKUP)
    await form.get_by_role("button", name="Preview").click()
    await expect(form.get_by_role("heading", name="Preview")).to_be_visible()
    await expect(form).to_contain_text(MARKUP)
    await page.keyboard.press("Escape")
    await expect(form.get_by_role("heading", name="Compose")).to_be_visible()
    await expect(form.get_by_label("Text")).to_have_value(MARKUP)

    await form.get_by_role("button", name="Preview").click()
    await form.get_by_role("button", name="关闭").first.click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".bolt")).to_be_focused()
    assert stage.submitted == [{"closed": {}}]
    assert await page.title() == "imbridge playground"


async def test_a_form_is_worked_by_keyboard_alone_and_keeps_the_focus(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    await page.locator(".bolt").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem").first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog")
    await expect(form.get_by_role("combobox", name="To whom")).to_be_focused()
    await page.keyboard.type("s")
    await expect(page.get_by_role("option")).to_have_count(3)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(form.get_by_role("combobox")).to_have_value("Snapper 金色鲷鱼")
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.querySelector('.modal').contains(document.activeElement)")
    await form.get_by_role("combobox").click()
    await page.keyboard.press("Escape")
    await expect(form).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(page.locator(".bolt")).to_be_focused()


async def test_what_slack_itself_finds_wrong_is_not_sent(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    form = await take_shortcut(page, "Every element")
    await form.get_by_label("Minutes").fill("61")
    await form.get_by_label("Link").fill("nowhere")
    await form.get_by_label("Mail").fill("me")
    await form.get_by_role("button", name="Send").click()
    wrong = form.locator(".trouble").filter(has_text=re.compile(r"\S"))
    await expect(wrong).to_have_text(
        [
            "At most 60, please.",
            "This is no web address: it begins with https://.",
            "This is no email address.",
        ]
    )
    await expect(form.get_by_label("Minutes")).to_be_focused()
    await pick(page, form, "People (optional)", "sam", "Sam")
    await page.keyboard.type("lin")
    await page.get_by_role("option", name="林夏").or_(page.get_by_text("Nothing found")).first.click()
    await expect(page.get_by_text("At most 1, please.")).to_be_visible()
    assert stage.submitted == []


async def test_a_menu_that_the_app_can_not_fill_says_why(stage: Stage, open_page: Open) -> None:
    page = await open_page(stage.url, locale="en-GB")
    form = await take_shortcut(page, "Compose")
    stage.deadline.passed.set()
    await form.get_by_role("combobox", name="To whom").click()
    await expect(page.get_by_text("Type at least 1 characters")).to_be_visible()
    await page.keyboard.type("tuna")
    await expect(page.get_by_role("option", name="Tuna")).to_be_visible()
