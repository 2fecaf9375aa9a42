"""The panel of faults: switches, what they are aimed at, and the list of what is on."""

from __future__ import annotations

from playwright.async_api import expect

from sandbox.faults import Fault
from tests.browser.windows import NARROW, Sandbox

STAGING = "reify-studio-staging"
PANEL = "#panel=faults"


async def test_a_switch_makes_something_go_wrong(quiet: Sandbox) -> None:
    """Switched on at the page, the fault is on in the simulator; switched off, it is gone."""
    page = await quiet.window(PANEL)
    switch = page.get_by_role("switch", name="Crash loop")

    await switch.click()
    await expect(switch).to_be_checked()
    on = [(fault.kind, fault.target, fault.times) for fault in quiet.workbench.simulators.fly.faults.all()]
    await expect(page.get_by_text("1 fault is on")).to_be_visible()
    await switch.click()
    await expect(switch).not_to_be_checked()

    assert on == [("crash_loop", None, None)]
    assert quiet.workbench.simulators.fly.faults.all() == []


async def test_a_fault_is_aimed_at_one_app_and_once(quiet: Sandbox) -> None:
    """The menus name the apps and Machines that there are; the aim stands at the fault and in the list."""
    page = await quiet.window(PANEL)
    row = page.get_by_role("listitem").filter(has=page.get_by_role("switch", name="Unhealthy checks"))

    await row.get_by_role("button", name="Change").click()
    await row.get_by_label("For", exact=True).select_option(label=STAGING)
    await row.get_by_label("How often").select_option(label="once")
    await row.get_by_role("switch").click()

    listed = page.get_by_role("list", name="Faults that are on")
    await expect(listed).to_contain_text(f"Fly: Unhealthy checks {STAGING} once more")
    on = quiet.workbench.simulators.fly.faults.all()
    assert [(fault.kind, fault.target, fault.times) for fault in on] == [("unhealthy", STAGING, 1)]


async def test_a_fault_of_the_wire_meets_one_call(quiet: Sandbox) -> None:
    """A named call is chosen from a list; the next such call fails, and the switch is off by itself."""
    page = await quiet.window(PANEL)
    await page.get_by_role("button", name="Slack", exact=False).filter(has_text="faults").click()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("switch", name="Slack is down (503)"))
    await row.get_by_role("button", name="Change").click()
    await row.get_by_label("Call", exact=True).select_option(label="chat.update")
    await row.get_by_label("How often").select_option(label="once")
    await row.get_by_role("switch").click()
    await expect(row.get_by_role("switch")).to_be_checked()
    [fault] = quiet.slack.faults.all()

    other = quiet.slack.faults.take_wire("POST", "/api/chat.postMessage")
    meant = quiet.slack.faults.take_wire("POST", "/api/chat.update")

    assert (other, meant, fault.status) == (None, fault, 503)
    await expect(row.get_by_role("switch")).not_to_be_checked()


async def test_faults_from_elsewhere_are_listed_and_can_be_switched_off(quiet: Sandbox) -> None:
    """What a scene or the control API switched on stands in the list too, by the name of its switch."""
    quiet.workbench.simulators.fly.faults.add(Fault("no_capacity", target="iad"))
    quiet.workbench.simulators.github.faults.add(Fault("delay", seconds=1, path="/pulls", times=2))
    page = await quiet.window(PANEL)
    listed = page.get_by_role("list", name="Faults that are on")
    await expect(listed).to_contain_text("Fly: No capacity iad Ashburn, Virginia (US)")
    await expect(listed).to_contain_text("GitHub: Slow answer /pulls 2 more times")
    await expect(page.get_by_role("button", name="2 faults on")).to_be_visible()

    await listed.get_by_role("button", name="Switch off No capacity").click()
    await expect(listed.get_by_role("listitem")).to_have_count(1)
    await page.get_by_role("button", name="Switch all off").click()

    await expect(page.get_by_text("Nothing is wrong on purpose")).to_be_visible()
    assert [simulator.faults.all() for simulator in quiet.workbench.simulators.all()] == [[], [], []]


async def test_the_number_of_faults_leads_to_the_panel(quiet: Sandbox) -> None:
    """From the line above everything, also in a narrow window."""
    quiet.workbench.simulators.fly.faults.add(Fault("unhealthy"))
    page = await quiet.window(size=NARROW)

    await page.get_by_role("button", name="1 fault on").click()

    await expect(page.get_by_role("tabpanel", name="Faults & time")).to_be_visible()
    await expect(page.get_by_role("list", name="Faults that are on")).to_be_visible()


async def test_a_fault_is_switched_by_keyboard_alone(quiet: Sandbox) -> None:
    """Focus and a key; the focus stays, so that the same key takes it back."""
    page = await quiet.window(PANEL)
    switch = page.get_by_role("switch", name="Slow boot")

    await switch.focus()
    await page.keyboard.press("Space")
    await expect(switch).to_be_checked()
    await expect(switch).to_be_focused()
    await page.keyboard.press("Enter")

    await expect(switch).not_to_be_checked()


async def test_two_windows_show_the_same_faults(quiet: Sandbox) -> None:
    """What one person switches on, the other sees on."""
    first, second = await quiet.window(PANEL), await quiet.window("#user=U0BO&panel=faults")

    await first.get_by_role("switch", name="Lease held").click()

    await expect(second.get_by_role("switch", name="Lease held")).to_be_checked()
