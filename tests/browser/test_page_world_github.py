"""The panel of the simulated GitHub, as a person uses it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from sandbox.faults import Fault
from tests.browser.block_kit import serious_problems
from tests.browser.windows import NARROW, Sandbox

# Simulated seconds per second: minutes of CI pass while one looks.
FAST = 200


def pull_of(page: Page, number: int) -> Locator:
    """A pull request in the list."""
    return page.get_by_role("listitem", name=f"Pull request {number}")


async def test_a_pull_request_goes_all_the_way(quiet: Sandbox) -> None:
    """Open it, push to it, merge it, and see the run that follows."""
    page = await quiet.window("#panel=github")
    await page.get_by_role("button", name="Open a pull request…").click()
    await page.get_by_role("textbox", name="Title").fill("Show <b>prices</b> per year")
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(pull_of(page, 13)).to_contain_text("Show <b>prices</b> per year")

    await page.get_by_role("button", name="Push a commit to #13").click()
    await page.get_by_role("textbox", name="Title").fill("Mind the cents")
    await page.get_by_role("textbox", name="Title").press("Enter")
    await expect(pull_of(page, 13)).to_contain_text("2 commits")
    await page.get_by_role("button", name="Merge #13", exact=True).click()

    await expect(pull_of(page, 13)).to_contain_text("merged by ana")
    run = page.get_by_role("listitem", name="CI on main").first
    quiet.workbench.simulators.clock.speed = FAST
    await expect(run.get_by_text("mix test")).to_be_visible()
    await expect(run.get_by_text("success", exact=True).first).to_be_visible()


async def test_a_pull_request_is_closed_and_reopened(quiet: Sandbox) -> None:
    """Its state and its buttons follow."""
    page = await quiet.window("#panel=github")

    await page.get_by_role("button", name="Close #12").click()
    await expect(pull_of(page, 12).get_by_text("closed", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Reopen #12").click()

    await expect(pull_of(page, 12).get_by_text("open", exact=True)).to_be_visible()


async def test_the_next_version_is_offered(quiet: Sandbox) -> None:
    """A tag is pushed with three keys, and the run that releases it begins."""
    page = await quiet.window("#panel=github")

    await page.get_by_role("button", name="Push a tag…").press("Enter")
    name = page.get_by_role("textbox", name="Name")
    await expect(name).to_have_value("v1.4.3")
    await expect(name).to_be_focused()
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("listitem", name="Deploy production on v1.4.3")).to_be_visible()
    await expect(page.get_by_role("tab", name="GitHub")).to_contain_text("running")


async def test_a_form_goes_with_escape(quiet: Sandbox) -> None:
    """And the button that opened it has the focus again."""
    page = await quiet.window("#panel=github")
    opener = page.get_by_role("button", name="Push a commit…", exact=True)
    await opener.click()
    await expect(page.get_by_role("textbox", name="Title")).to_be_focused()

    await page.keyboard.press("Escape")

    await expect(page.get_by_role("form", name="Push a commit")).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_what_is_refused_is_said_beside_the_form(quiet: Sandbox) -> None:
    """A tag that exists is not pushed again."""
    page = await quiet.window("#panel=github")
    await page.get_by_role("button", name="Push a tag…").click()

    await page.get_by_role("textbox", name="Name").fill("v1.4.2")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("form", name="Push a tag").get_by_role("alert")).to_contain_text("exists already")


async def test_a_run_that_waits_is_approved(quiet: Sandbox) -> None:
    """The buttons appear when the environment asks for a yes."""
    quiet.workbench.simulators.clock.speed = FAST
    quiet.workbench.simulators.github.faults.add(Fault("approval_required", target="production", times=1))
    page = await quiet.window("#panel=github")
    await page.get_by_role("button", name="Push a tag…").click()
    await expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    await page.keyboard.press("Enter")

    await page.get_by_role("button", name="Approve Deploy production").click()

    run = page.get_by_role("listitem", name="Deploy production on v1.4.3")
    await expect(run.get_by_text("success", exact=True).first).to_be_visible(timeout=20_000)


async def test_a_failed_job_shows_its_log(quiet: Sandbox) -> None:
    """Where it failed and what it printed, with the buttons to run it again."""
    quiet.workbench.simulators.clock.speed = FAST
    page = await quiet.window("#panel=github")
    await page.get_by_role("button", name="Push a commit…", exact=True).click()
    await page.get_by_role("textbox", name="Title").fill("Break it")
    await page.get_by_role("checkbox", name="Its CI fails").check()
    await page.keyboard.press("Enter")
    run = page.get_by_role("listitem", name="CI on main").first
    await expect(run.get_by_role("button", name="Re-run failed jobs")).to_be_visible(timeout=20_000)

    await run.get_by_role("button", name="Log").click()

    await expect(run.get_by_role("region", name="Log of test")).to_contain_text("12 tests, 1 failure")


async def test_a_branch_is_deleted(quiet: Sandbox) -> None:
    """After a question; a branch's name may hold slashes."""
    page = await quiet.window("#panel=github")
    await page.get_by_role("button", name="Branches").click()

    await page.get_by_role("button", name="Delete branch feature/broken").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await expect(page.get_by_role("button", name="Delete branch feature/broken")).to_be_hidden()


async def test_the_panel_fits_a_phone(quiet: Sandbox) -> None:
    """Nothing is wider than the window, with everything unfolded."""
    page = await quiet.window("#panel=github", size=NARROW)
    await page.evaluate("import('/view.js').then((view) => view.look({ drawer: 'world' }))")
    for name in ("Branches", "Tags", "Deployments"):
        await page.get_by_role("button", name=name).click()

    width = await page.evaluate("document.querySelector('.github').scrollWidth")

    assert width <= NARROW[0]


@pytest.mark.parametrize("is_dark", [False, True])
async def test_nothing_keeps_people_from_using_the_panel(quiet: Sandbox, *, is_dark: bool) -> None:
    """With everything unfolded, axe finds no serious problem, in the light and in the dark."""
    page = await quiet.window("#panel=github", is_dark=is_dark, bypass_csp=True)
    for name in ("Jobs", "Tags", "Branches", "Deployments"):
        await page.get_by_role("button", name=name).first.click()
    await page.get_by_role("button", name="Open a pull request…").click()

    problems = await serious_problems(page, ".world")

    assert problems == []
