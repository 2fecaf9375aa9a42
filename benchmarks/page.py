"""The sandbox's page with 1,000 messages and 200 apps, in Chromium: what a person at it waits for.

The bot is not there: it is the page that is measured. Times are those of the browser's own clock, from the event to
the frame after it was drawn; news counts from the app's call of Slack's Web API.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.bars import Bar, Row
from sandbox.kit import serving
from sandbox.page import Page as PageServer
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import Workbench

MESSAGES, APPS, ROUNDS = 1_000, 200, 15
CHANNEL = "C0DEPLOYS"
ARGUMENTS = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZE = {"width": 1280, "height": 800}
# From an input event until the browser has drawn what came of it.
LISTEN = """() => {
  window.measured = [];
  document.addEventListener("input", (event) => {
    const began = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => window.measured.push(performance.now() - began)));
  }, true);
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  }).observe({ type: "longtask" });
}"""
# From a click until two frames later, by which what it led to is on the screen.
PRESS = """(node) => new Promise((resolve) => {
  const began = performance.now();
  node.click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
})"""
# The Unix time in milliseconds at which a text first stands in the page.
STANDS = """(text) => new Promise((resolve) => {
  const isThere = () => document.querySelector(".messages").innerText.includes(text);
  const look = () => (isThere() ? resolve(Date.now()) : requestAnimationFrame(look));
  look();
})"""


def chromium() -> str | None:
    """The browser's program, where there is one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Figures:
    """Milliseconds, but for `kilobytes`, the size of all that the page is told when it opens."""

    opened: float
    news: list[float]
    keys: list[float]
    channel: list[float]
    panel: float
    longest_task: float
    kilobytes: float

    def rows(self) -> list[Row]:
        """As lines of a table."""
        return [
            _row("open the page", self.opened, Bar("", 2000, " ms")),
            _row("a new message, from Slack's API to the screen", statistics.median(self.news), Bar("", 300, " ms")),
            _row("a key in the command line, p50", statistics.median(self.keys), Bar("", 16, " ms")),
            _row("a key in the command line, worst", max(self.keys), Bar("", 100, " ms")),
            _row("another channel", statistics.median(self.channel), Bar("", 100, " ms")),
            _row("the Fly panel", self.panel, Bar("", 300, " ms")),
            _row("longest task while messages come in", self.longest_task, Bar("", 200, " ms")),
            Row("told when it opens", f"{self.kilobytes:,.0f} kB", ()),
        ]


def _row(what: str, value: float, bar: Bar) -> Row:
    return Row(what, f"{value:.0f} ms", ((value, bar),))


async def measure(*, messages: int = MESSAGES, apps: int = APPS, rounds: int = ROUNDS) -> Figures | None:
    """The figures; None where this machine has no browser."""
    program = chromium()
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="flytower-page-") as folder:
        async with Simulators() as simulators, async_playwright() as playwright:
            workbench = Workbench(simulators, BotProcess(simulators, Path(folder)), Path(folder))
            await _fill(simulators, messages, apps)
            is_root = os.geteuid() == 0
            browser = await playwright.chromium.launch(
                executable_path=program, args=ARGUMENTS, chromium_sandbox=not is_root
            )
            async with serving(PageServer(workbench).asgi()) as url, _Slack(simulators) as slack:
                try:
                    return await _look(browser, url, slack, rounds)
                finally:
                    await browser.close()


async def _fill(simulators: Simulators, messages: int, apps: int) -> None:
    simulators.slack.rate_limits = False
    async with _Slack(simulators) as slack:
        for number in range(messages):
            await slack.says(f"Deployment {number} of v1.4.2 is live on 2 of 2 Machines")
    await simulators.fly.actions()["many_apps"]({"count": apps, "organization": "personal"})


class _Slack:
    """The app's calls of Slack's Web API over a socket, as a bot makes them."""

    def __init__(self, simulators: Simulators) -> None:
        token = simulators.slack.world.app.bot_token
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.AsyncClient(base_url=simulators.slack.url, headers=headers, trust_env=False, verify=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def says(self, text: str) -> None:
        """Post a card."""
        card = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        more = {"type": "context", "elements": [{"type": "mrkdwn", "text": "iad 148e… started · 2/2 checks"}]}
        body = {"channel": CHANNEL, "text": text, "blocks": [card, more]}
        answer = await self._client.post("/api/chat.postMessage", json=body)
        answer.raise_for_status()
        assert answer.json()["ok"], answer.text


async def _look(browser: Browser, url: str, slack: _Slack, rounds: int) -> Figures:
    context = await browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    page = await context.new_page()
    size = 0

    def count(headers: dict[str, str]) -> None:
        nonlocal size
        size = size or int(headers.get("content-length", "0"))

    page.on("response", lambda response: count(response.headers) if "/api/poll" in response.url else None)
    await page.goto(url)
    await page.locator(".messages li.message").first.wait_for()
    opened = float(await page.evaluate("performance.now()"))
    await page.evaluate(LISTEN)
    news = [await _told(page, slack, f"News {number}") for number in range(rounds)]
    await page.locator("#text").press_sequentially("hello everybody in this channel", delay=30)
    keys = [float(each) for each in await page.evaluate("measured")]
    longest = float(await page.evaluate("longest"))
    other = page.get_by_role("navigation").get_by_role("button", name="general")
    back = page.get_by_role("navigation").get_by_role("button", name="deploys")
    channel = [float(await each.evaluate(PRESS)) for _ in range(3) for each in (other, back)]
    panel = float(await page.get_by_role("tab", name="Fly").evaluate(PRESS))
    await context.close()
    return Figures(opened, news, keys, channel, panel, longest, size / 1000)


async def _told(page: Page, slack: _Slack, text: str) -> float:
    """Milliseconds from before the app's call until its text stands in the page."""
    began = float(await page.evaluate("Date.now()"))
    stands = page.evaluate(STANDS, text)
    await slack.says(text)
    return float(await stands) - began
