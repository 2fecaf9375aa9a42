"""The way back in the browser: a contract, a choice, an approver's window, a rejection with its form, a lock."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.browser.windows import NARROW, Sandbox

PATIENCE_MS = 30_000
APPROVE = "Approve the rollback of production"


async def types(page: Page, text: str) -> None:
    line = page.get_by_role("textbox", name="Message #deploys")
    await line.fill(text)
    await line.press("Enter")


def message(page: Page, text: str) -> Locator:
    return page.locator("li.message", has_text=text)


async def is_bad(live: Sandbox) -> Page:
    """Production runs the bad release, by Ana; her window."""
    ana = await live.window("#user=U0ANA")
    await types(ana, "/deploy production v1.4.2")
    await ana.get_by_role("button", name="Deploy to production").click()
    await expect(message(ana, "Ship receipt: 2 of 2").first).to_be_visible(timeout=PATIENCE_MS)
    return ana


async def test_an_approver_lets_a_red_rollback_run(live: Sandbox) -> None:
    """Ana reads the contract and cannot approve it; Cleo can, in her window, after a dialog that names the risk."""
    ana = await is_bad(live)
    await types(ana, "/rollback production")
    contract = message(ana, "the schema stays ahead")
    await expect(contract).to_contain_text("@approvers")
    await contract.get_by_role("button", name=APPROVE).click()
    await ana.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(message(ana, "own_approval")).to_contain_text("Only visible to you")

    cleo = await live.window("#user=U0CLEO")
    await cleo.get_by_role("button", name=APPROVE).click()
    dialog = cleo.get_by_role("dialog")
    await expect(dialog).to_contain_text("migration")
    await dialog.get_by_role("button", name="Approve").click()

    for page in (ana, cleo):
        await expect(message(page, "back to v1.4.1").first).to_contain_text("Approved by @cleo", timeout=PATIENCE_MS)
        await expect(message(page, "back to v1.4.1").first).to_contain_text("is held", timeout=PATIENCE_MS)


async def test_a_rejection_asks_for_its_reason(live: Sandbox) -> None:
    """An empty reason keeps the form open; with one, everybody reads it on the card."""
    ana = await is_bad(live)
    await types(ana, "/rollback production")
    cleo = await live.window("#user=U0CLEO")
    await cleo.get_by_role("button", name="Reject the rollback of production").click()
    form = cleo.get_by_role("dialog", name="Reject")
    await form.get_by_role("button", name="Reject").click()
    reason = form.get_by_role("textbox", name="Why not?")
    await expect(reason).to_have_attribute("aria-invalid", "true")
    await reason.fill("the data would not fit")
    await form.get_by_role("button", name="Reject").click()

    await expect(message(ana, "the data would not fit").first).to_be_visible(timeout=PATIENCE_MS)


async def test_the_picker_lists_what_was_live(live: Sandbox) -> None:
    """A bare /rollback opens a form; the release is searched for, and the contract comes to the channel."""
    page = await live.window(size=NARROW)
    await types(page, "/rollback")
    form = page.get_by_role("dialog", name="Roll back")
    release = form.get_by_role("combobox", name="Release")
    await release.fill("v1.4.0")
    await form.get_by_role("option", name="v1.4.0").first.click()
    await form.get_by_role("button").last.click()

    await expect(message(page, "back to v1.4.0").first).to_be_visible(timeout=PATIENCE_MS)


async def test_a_lock_keeps_out_and_can_be_taken_over(live: Sandbox) -> None:
    """Ana is refused with the ways out; she takes the lock over with a reason, and the channel reads it."""
    bo = await live.window("#user=U0BO")
    await types(bo, '/deploy lock production "moving the database" for 2h')
    await expect(message(bo, "moving the database").first).to_be_visible()
    ana = await live.window("#user=U0ANA")
    await types(ana, "/deploy production v1.4.2")
    refusal = message(ana, "is not deployed")
    await expect(refusal).to_contain_text("moving the database")
    await refusal.get_by_role("button", name="Take the lock over").click()
    form = ana.get_by_role("dialog")
    await form.get_by_role("textbox").fill("checkout is down")
    await form.get_by_role("button", name="Take over").click()

    await expect(message(ana, "checkout is down").first).to_be_visible(timeout=PATIENCE_MS)
    await expect(message(bo, "checkout is down").first).to_be_visible(timeout=PATIENCE_MS)
