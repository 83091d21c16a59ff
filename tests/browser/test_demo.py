"""`imbridge demo`, started as a new user would: no account, no settings, an empty folder."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from playwright.async_api import expect

from tests.browser.conftest import Open

ROOT = Path(__file__).parents[2]
PROGRAM = "from bridge.cli import main; main()"
OURS = ("SLACK_", "LEANCLOUD_", "IMBRIDGE_", "HOST")


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """The program on a free port until the block ends; then it has ten seconds to stop."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment |= {"PORT": str(port), "PYTHONPATH": str(ROOT)}
    with (folder / "demo.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "demo", cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=url) as http:
            while process.returncode is None and not await answers(http):  # noqa: ASYNC110 - it has no event for us
                await asyncio.sleep(0.05)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
    assert process.returncode == 0, (folder / "demo.log").read_text()


async def answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/")).status_code == 200
    except httpx.ConnectError:
        return False


async def test_a_broadcast_and_a_schedule_reach_the_phones_and_their_results_the_channel(
    tmp_path: Path, open_page: Open
) -> None:
    async with demo(tmp_path) as url:
        page = await open_page(url, locale="en-GB")
        await page.locator("#composer").fill("/im broadcast news 周六有晚会！")
        await page.locator("#composer").press("Enter")
        await expect(page.locator(".phone .row.unread .line")).to_have_text(["周六有晚会！"] * 3)
        await expect(page.locator(".message").last).to_contain_text("周六有晚会！”")

        tide = page.locator(".message", has_text="早潮来了").last
        await expect(tide).to_be_visible(timeout=60_000)
        await expect(page.locator(".phone .row.unread .line")).to_contain_text(["早潮来了"] * 3)
        await page.screenshot(path=tmp_path / "demo.png")

        await page.reload()
        await expect(page.locator(".message", has_text="早潮来了").last).to_be_visible()
        await expect(page.locator(".phone .row.unread .line")).to_contain_text(["早潮来了"] * 3)
        await page.goto("about:blank")


async def test_a_second_start_finds_the_same_world_with_its_history(tmp_path: Path, open_page: Open) -> None:
    for start in range(2):
        async with demo(tmp_path) as url:
            page = await open_page(url)
            rows = page.locator(".phone[data-client=tom] .row")
            await expect(rows).to_have_count(3)
            await rows.first.click()
            await expect(page.locator(".bulletin")).to_have_count(2 + start)
            await page.locator("#composer").fill("/im broadcast news 又一天")
            await page.locator("#composer").press("Enter")
            await expect(page.locator(".bulletin")).to_have_count(3 + start)
            await page.goto("about:blank")


async def test_what_one_person_proposes_another_approves_beside_them(tmp_path: Path, open_page: Open) -> None:
    async with demo(tmp_path) as url:
        page = await open_page(url, locale="en-GB")
        await page.locator(".pair").click()
        one, other = page.locator(".workspace.first"), page.locator(".workspace.second")
        for pane in (one, other):
            await pane.locator("[data-channel=town-hall]").click()
        await one.locator("textarea").fill("/im broadcast news 灯笼节开始啦")
        await one.locator("textarea").press("Enter")
        await other.locator(".message .actions button").first.click()
        await page.get_by_role("dialog").get_by_role("button").last.click()
        news = page.locator(".phone .row.unread .line", has_text="灯笼节开始啦")
        await expect(news).to_have_count(3, timeout=30_000)
        await page.locator(".pair").click()
        await expect(news.first).to_be_visible()
        await page.goto("about:blank")
