"""A scaling in the browser: what stands now, a plan, a click that is refused, an approver's window, the Machines."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.test_rollback import PATIENCE_MS, message, types
from tests.browser.windows import Sandbox

APPROVE = "Approve the scaling of production"


async def test_an_approver_lets_production_scale(live: Sandbox) -> None:
    """Cleo asks, cannot approve it herself; Bo can, in his window; the new Machine is there and the receipt says so."""
    cleo = await live.window("#user=U0CLEO")
    await types(cleo, "/scale production")
    await expect(message(cleo, "The configuration wants 1024 MB")).to_contain_text("Only visible to you")
    await types(cleo, "/scale production fra=1 memory=2gb")
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


async def test_help_and_refusals_are_private(live: Sandbox) -> None:
    """A total is no count, and no outage comes by a slip."""
    ana = await live.window("#user=U0ANA")
    await types(ana, "/scale help")
    await expect(message(ana, "changes how many Machines")).to_contain_text("Only visible to you")
    await types(ana, "/scale production 4")
    await expect(message(ana, "nothing is inferred from a total")).to_contain_text("Only visible to you")
    await types(ana, "/scale production iad=0 sjc=0")
    await expect(message(ana, "below_minimum").last).to_contain_text("Only visible to you", timeout=PATIENCE_MS)
