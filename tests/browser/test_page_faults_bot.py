"""The bot's process and the clock, from the line above everything and from the panel."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.windows import NARROW, WIDE, Sandbox

ANA, DEPLOYS = "U0ANA", "C0DEPLOYS"
PANEL = "#panel=faults"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
# What a deployment takes on a machine that does other things beside it.
LONG_MS = 30_000


async def test_the_bot_is_killed_and_started(live: Sandbox) -> None:
    """The line says how it is; what can be done next takes the place of what was done."""
    page = await live.window()
    group = page.get_by_role("group", name="The bot")
    await expect(group).to_contain_text("running")
    before = live.workbench.bot.pid

    await group.get_by_role("button", name="Kill the bot").click()
    await expect(group).to_contain_text("killed")
    await group.get_by_role("button", name="Start the bot").click()
    await expect(group).to_contain_text("running", timeout=LONG_MS)

    assert live.workbench.bot.is_running
    assert live.workbench.bot.pid != before


async def test_the_same_card_finishes_after_a_kill_in_the_middle(live: Sandbox) -> None:
    """Killed as soon as Fly has updated a Machine and before it hears of that: started again, it goes on."""
    page = await live.window(PANEL)
    await page.get_by_label("Call", exact=True).select_option(label="Fly: create or update a Machine")
    await page.get_by_role("button", name="Kill it then").click()
    await expect(page.get_by_text("It will be killed at the next call")).to_be_visible()
    await live.slack.command(user=ANA, channel=DEPLOYS, text="/deploy staging main")
    group = page.get_by_role("group", name="The bot")
    await expect(group).to_contain_text("killed", timeout=LONG_MS)
    cards = [message for message in live.slack.channel_state(DEPLOYS)["messages"] if not message["is_ephemeral"]]

    await group.get_by_role("button", name="Start the bot").click()

    await expect(page.locator(f'[data-ts="{cards[0]["ts"]}"]')).to_contain_text("Live", timeout=LONG_MS)
    assert len(live.workbench.simulators.fly.calls.find("POST", r"/api/v1/releases$")) == 1


async def test_the_log_is_read_while_it_is_open(live: Sandbox) -> None:
    """Closed, nobody asks for it; open, the newest lines stand in it, without a secret."""
    page = await live.window(PANEL)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/bot/log") else None)

    await page.get_by_role("button", name="Log of the bot").click()

    log = page.get_by_role("list", name="Log of the bot")
    await expect(log).to_contain_text("started team=T0REIFY")
    assert asked
    assert "fm2_" not in await log.inner_text()


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_clock_is_made_faster_and_skips(quiet: Sandbox, size: tuple[int, int]) -> None:
    """A menu behind the clock; it closes after a choice and gives the focus back."""
    page = await quiet.window(size=size)
    clock = page.get_by_role("button", name="Time in the sandbox")
    before = quiet.workbench.clock.now()

    await clock.click()
    await page.get_by_role("dialog", name="Time in the sandbox").get_by_role("button", name="×60").click()
    await expect(clock).to_contain_text("×60")
    await expect(clock).to_be_focused()
    await clock.click()
    await page.get_by_role("dialog", name="Time in the sandbox").get_by_role("button", name="+1 day").click()
    await expect(page.get_by_role("dialog", name="Time in the sandbox")).to_have_count(0)

    assert quiet.workbench.clock.speed == 60
    assert quiet.workbench.clock.now() > before + 86_400


async def test_the_menu_of_the_clock_closes_by_escape(quiet: Sandbox) -> None:
    """And the focus returns to the clock."""
    page = await quiet.window()
    clock = page.get_by_role("button", name="Time in the sandbox")

    menu = page.get_by_role("dialog", name="Time in the sandbox")
    await clock.click()
    await expect(menu).to_be_visible()

    await page.keyboard.press("Escape")

    await expect(menu).to_have_count(0)
    await expect(clock).to_be_focused()


async def test_a_running_bot_follows_the_clock(live: Sandbox) -> None:
    """It is restarted, and the line says so meanwhile."""
    page = await live.window(PANEL)
    before = live.workbench.bot.pid

    await page.get_by_role("group", name="Speed").get_by_role("button", name="×60").click()

    chosen = page.get_by_role("group", name="Speed").get_by_role("button", name="×60")
    await expect(chosen).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("group", name="The bot")).to_contain_text("running", timeout=LONG_MS)
    assert live.workbench.bot.pid != before
