"""Browser windows on the sandbox's page, for the tests that look at it as a person does.

They need Debian's `chromium` (or `CHROMIUM` naming another one). Without it they are skipped, unless
`FLYTOWER_BROWSER=required` forbids that, as CI does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, async_playwright, expect

from sandbox.kit import serving
from sandbox.page import Page as PageServer
from sandbox.slack import SlackSimulator
from sandbox.stack import MANIFEST, BotProcess, Simulators
from sandbox.workbench import Workbench

SPEED = 20.0
# A shared machine may be slow: whoever waits in vain fails later, and whoever does not fails never.
expect.set_options(timeout=30_000)
WIDE, NARROW = (1280, 800), (400, 800)
REFUSED = "Failed to load resource: the server responded with a status of 400"
# Nothing of the browser's own may reach for a network.
ARGUMENTS = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def chromium() -> str | None:
    """The browser's program, where there is one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Sandbox:
    """A sandbox with its page, and windows on it."""

    workbench: Workbench
    url: str
    browser: Browser
    open_windows: contextlib.AsyncExitStack

    @property
    def slack(self) -> SlackSimulator:
        return self.workbench.simulators.slack

    async def window(
        self, hash_: str = "", *, size: tuple[int, int] = WIDE, is_dark: bool = False, bypass_csp: bool = False
    ) -> Page:
        """A window of its own, as of another person at another machine; any error of its script fails the test.

        `bypass_csp` lets a test bring a script of its own into the page.
        """
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if is_dark else "light",
            locale="en-GB",
            reduced_motion="reduce",
            bypass_csp=bypass_csp,
        )
        self.open_windows.push_async_callback(context.close)
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
        self.open_windows.callback(_must_be_empty(problems))
        await page.goto(f"{self.url}/{hash_}")
        await page.locator(".frame").wait_for()
        return page

    async def app_says(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The app calls Slack's Web API, about #deploys unless another channel is named."""
        headers = {"Authorization": f"Bearer {self.slack.world.app.bot_token}"}
        transport = httpx.ASGITransport(self.slack.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://slack") as api:
            answer = await api.post(f"/api/{method}", headers=headers, json={"channel": "C0DEPLOYS", **arguments})
        return dict(answer.json())


def _is_problem(message: ConsoleMessage) -> bool:
    """Whether something went wrong: a refused act did not, though the browser notes it; the page says why."""
    is_refusal = message.text.startswith(REFUSED) and urlsplit(message.location["url"]).path.startswith("/api/")
    return message.type == "error" and not is_refusal


def _must_be_empty(problems: list[str]) -> Callable[[], None]:
    def check() -> None:
        assert problems == []

    return check


async def launch(playwright: Playwright) -> Browser | None:
    """A browser; None where this machine has none."""
    program = chromium()
    if program is None:
        return None
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return await playwright.chromium.launch(executable_path=program, args=ARGUMENTS, chromium_sandbox=not is_root)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each window has a profile of its own."""
    async with async_playwright() as playwright:
        started = await launch(playwright)
        if started is None:
            if os.environ.get("FLYTOWER_BROWSER") == "required":
                pytest.fail("There is no chromium, and FLYTOWER_BROWSER=required forbids to skip.")
            pytest.skip("There is no chromium on this machine.")
        yield started
        await started.close()


@contextlib.asynccontextmanager
async def sandbox_of(
    browser: Browser, folder: Path, *, speed: float = SPEED, manifest: Path | None = MANIFEST
) -> AsyncIterator[Sandbox]:
    """The simulators and the page; the bot is there to be started."""
    async with Simulators(speed=speed, manifest=manifest) as simulators, contextlib.AsyncExitStack() as windows:
        workbench = Workbench(simulators, BotProcess(simulators, folder), folder)
        async with serving(PageServer(workbench).asgi()) as url:
            try:
                yield Sandbox(workbench, url, browser, windows)
            finally:
                await windows.aclose()
                await workbench.bot.kill()


@pytest.fixture
async def quiet(browser: Browser, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox without a bot, whose app has several commands: what it says, the test says."""
    async with sandbox_of(browser, tmp_path, manifest=None) as sandbox:
        yield sandbox


@pytest.fixture
async def live(browser: Browser, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with the real bot running."""
    async with sandbox_of(browser, tmp_path) as sandbox:
        await sandbox.workbench.start_bot()
        yield sandbox
