"""Pages in the system's Chromium; they fail the test when a script breaks or anything is fetched from elsewhere."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.async_api import BrowserContext, Page, Request, async_playwright

from tests.browser.stage import Stage, staged

CHROMIUM = Path("/usr/bin/chromium")
INSTALLED = CHROMIUM.exists()
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Open: TypeAlias = Callable[..., Awaitable[Page]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A playground being served."""
    async with staged(tmp_path) as made:
        yield made


@pytest.fixture
async def open_page(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a page with a profile of its own: `open_page(url, width=390, height=844, color_scheme="dark")`."""
    if not INSTALLED:
        pytest.skip("needs Chromium at /usr/bin/chromium (Debian's package chromium)")
    contexts: list[BrowserContext] = []
    wrong: list[str] = []
    async with async_playwright() as playwright:

        async def opened(url: str, *, width: int = 1440, height: int = 900, **more: Any) -> Page:
            def watch(request: Request) -> None:
                if not request.url.startswith((url, url.replace("http", "ws", 1), "data:", "blob:")):
                    wrong.append(f"asked for {request.url}")

            context = await playwright.chromium.launch_persistent_context(
                tmp_path / f"profile{len(contexts)}",
                executable_path=CHROMIUM,
                args=ARGUMENTS,
                viewport={"width": width, "height": height},
                **{"locale": "zh-CN", "timezone_id": "Asia/Shanghai", **more},
            )
            contexts.append(context)
            page = context.pages[0]
            page.on("request", watch)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
            await page.goto(url)
            await page.wait_for_selector("body.ready")
            return page

        yield opened
        for context in contexts:
            await context.close()
    assert wrong == []
