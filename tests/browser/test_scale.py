"""A scaling in the browser: what stands now, a plan, a click that is refused, an approver's window, the Machines."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.test_rollback import PATIENCE_MS, message, types
from tests.browser.windows import Sandbox

APPROVE = "Approve the scaling of production"


async def test_an_approver_lets_production_scale(live: Sandbox) -> None:
    """Cleo asks, cannot approve it herself; Bo can, in his window; the new Machine is there and the receipt says so."""
    cleo = await live.window("#user=U0CLEO")
    await types(cleo, "/scale production")
    form = cleo.get_by_role("dialog", name="Scale")
    await expect(form).to_contain_text("The configuration wants 1024 MB", timeout=PATIENCE_MS)
    await form.get_by_role("button", name="Scale").click()
    await expect(form).to_contain_text("Nothing is changed")
    await form.get_by_label("Other regions").fill("fra=1")
    await form.get_by_label("Memory").fill("2gb")
    await form.get_by_role("button", name="Scale").click()
    await expect(message(cleo, "The configuration wants 1024 MB")).to_contain_text("Only visible to you")
    card = message(cleo, "a month")
    await expect(card.last).to_contain_text("fra 0 → 1")
    await expect(card.last).to_contain_text("The next deployment makes the Machines of app shared-cpu-1x 1 GB again")
    await cleo.get_by_role("button", name=APPROVE).click()
    await cleo.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(message(cleo, "own_approval")).to_contain_text("Only visible to you")

    bo = await live.window("#user=U0BO")
    await bo.get_by_role("button", name=APPROVE).click()
    await bo.get_by_role("dialog").get_by_role("button", name="Approve").click()

    for page in (cleo, bo):
        await expect(message(page, "Receipt: fra 1, iad 1, sjc 1.").first).to_be_visible(timeout=PATIENCE_MS)


async def test_a_scaling_for_an_hour_tells_its_end(live: Sandbox) -> None:
    """Below its card, with two buttons; who asked for an hour does not keep it, an approver does."""
    ana, cleo = await live.window("#user=U0ANA"), await live.window("#user=U0CLEO")
    await types(ana, "/scale production iad=2 for 75m")
    await cleo.get_by_role("button", name=APPROVE).click()
    await cleo.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(message(cleo, "Receipt: iad 2, sjc 1.").first).to_be_visible(timeout=PATIENCE_MS)

    await live.workbench.skip(3600)

    for page in (ana, cleo):
        await page.get_by_role("button", name=re.compile(r"repl(y|ies)")).last.click()
        await expect(page.get_by_text("then it goes back").last).to_be_visible(timeout=PATIENCE_MS)
        await page.get_by_role("button", name="Keep production as it is").click()
    await expect(message(ana, "own_approval").last).to_contain_text("Only visible to you", timeout=PATIENCE_MS)
    await expect(ana.get_by_text("kept it").last).to_be_visible(timeout=PATIENCE_MS)


async def test_help_and_refusals_are_private(live: Sandbox) -> None:
    """A total is no count, and no outage comes by a slip."""
    ana = await live.window("#user=U0ANA")
    await types(ana, "/scale help")
    await expect(message(ana, "changes how many Machines")).to_contain_text("Only visible to you")
    await types(ana, "/scale production 4")
    await expect(message(ana, "nothing is inferred from a total")).to_contain_text("Only visible to you")
    await types(ana, "/scale production iad=0 sjc=0")
    await expect(message(ana, "below_minimum").last).to_contain_text("Only visible to you", timeout=PATIENCE_MS)
