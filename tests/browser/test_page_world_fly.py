"""The panel of the simulated Fly, as a person uses it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from sandbox.fly.apps_api import create_app
from tests.browser.block_kit import serious_problems
from tests.browser.windows import NARROW, Sandbox

IAD, ASLEEP = "148e2d1c6e9789", "6e82dd4f7a1c08"
REVIEW, REVIEW_DATABASE = "reify-studio-pr-12", "reify-studio-pr-12-db"
MANY = 200


def machine_of(page: Page, machine_id: str) -> Locator:
    """A Machine in the list of its region."""
    return page.get_by_role("listitem").filter(has_text=machine_id).last


def app_of(page: Page, name: str) -> Locator:
    """An app in the list of its organisation."""
    return page.get_by_role("listitem", name=name, exact=True)


async def confirms(page: Page, label: str) -> None:
    """Press a button that asks first, and mean it."""
    await page.get_by_role("button", name=label).click()
    await page.get_by_role("dialog").get_by_role("button", name="Destroy").click()


async def test_a_machine_is_stopped_and_started(quiet: Sandbox) -> None:
    """Its state changes under the person's eyes."""
    page = await quiet.window("#panel=fly")
    machine = machine_of(page, IAD)

    await page.get_by_role("button", name=f"Stop {IAD}").click()
    await expect(machine.get_by_text("stopped", exact=True)).to_be_visible()
    await page.get_by_role("button", name=f"Start {IAD}").click()

    await expect(machine.get_by_text("started", exact=True)).to_be_visible()


async def test_a_visit_wakes_an_app(quiet: Sandbox) -> None:
    """The staging app sleeps until somebody asks for a page of it."""
    page = await quiet.window("#panel=fly")

    await page.get_by_role("button", name="Visit reify-studio-staging", exact=True).click()

    await expect(machine_of(page, ASLEEP).get_by_text("started", exact=True)).to_be_visible()


async def test_checks_that_fail_show_what_they_say(quiet: Sandbox) -> None:
    """The output of the check stands below its Machine, and the app is in trouble."""
    page = await quiet.window("#panel=fly")
    await machine_of(page, IAD).get_by_role("button", name="More").click()

    await page.get_by_role("button", name=f"Fail its checks {IAD}").click()

    await expect(machine_of(page, IAD).get_by_text("500 Internal Server Error")).to_be_visible()
    await expect(app_of(page, "reify-studio").get_by_text("1 Machine in trouble")).to_be_visible()


async def test_an_orphaned_database_is_destroyed(quiet: Sandbox) -> None:
    """A review app's database outlives it, says so, and goes only when somebody destroys it."""
    page = await quiet.window("#panel=fly")
    await confirms(page, f"Destroy {REVIEW}")
    await expect(app_of(page, REVIEW)).to_be_hidden()
    orphan = app_of(page, REVIEW_DATABASE)
    await expect(orphan.get_by_text("its app is gone")).to_be_visible()

    await orphan.get_by_role("button", expanded=False).click()
    await confirms(page, f"Destroy {REVIEW_DATABASE}")

    await expect(orphan).to_be_hidden()


async def test_a_person_may_think_again(quiet: Sandbox) -> None:
    """A deed that destroys asks first, and does nothing where the answer is no."""
    page = await quiet.window("#panel=fly")

    await page.get_by_role("button", name=f"Destroy {REVIEW}", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    await expect(app_of(page, REVIEW)).to_be_visible()
    assert REVIEW in quiet.workbench.simulators.fly.world.apps


async def test_an_app_is_created(quiet: Sandbox) -> None:
    """A name that Fly does not take is refused beside the form, which keeps what was typed."""
    page = await quiet.window("#panel=fly")
    await page.get_by_role("button", name="Create an app in personal").click()
    name = page.get_by_role("textbox", name="Name")

    await name.fill("Reify_Studio")
    await name.press("Enter")
    await expect(page.get_by_role("form", name="Create an app").get_by_role("alert")).to_contain_text(
        "lowercase letters"
    )
    await name.fill("reify-studio-pr-13")
    await name.press("Enter")

    await expect(app_of(page, "reify-studio-pr-13")).to_be_visible()
    await expect(page.get_by_role("button", name="Create an app in personal")).to_be_focused()


async def test_of_many_apps_the_wanted_ones_are_found(quiet: Sandbox) -> None:
    """With 200 apps each row starts closed, and the filter keeps those that match."""
    world = quiet.workbench.simulators.fly.world
    organization = world.organizations["personal"]
    for number in range(MANY):
        create_app(world, f"review-{number}", organization, role=None)
    page = await quiet.window("#panel=fly")
    await expect(page.get_by_role("listitem", name="review-")).to_have_count(MANY)
    await expect(page.get_by_text(IAD)).to_be_hidden()

    await page.get_by_role("searchbox", name="Filter the apps").fill("review-19")

    await expect(page.get_by_role("listitem", name="review-")).to_have_count(11)
    await expect(page.get_by_role("status").filter(has_text="11 of 206 apps")).to_be_visible()


async def test_the_log_is_there_when_it_is_opened(quiet: Sandbox) -> None:
    """It is read at once, with the newest line last, and by keyboard alone."""
    await quiet.workbench.simulators.fly.actions()["crash"]({"machine": IAD, "line": "<b>boom</b>"})
    page = await quiet.window("#panel=fly")

    await app_of(page, "reify-studio").get_by_role("button", name="Logs").press("Enter")

    await expect(page.get_by_role("region", name="Log of reify-studio")).to_contain_text("<b>boom</b>")


async def test_the_estimate_names_its_source(quiet: Sandbox) -> None:
    """What an app costs stands beside the page that the prices are from."""
    page = await quiet.window("#panel=fly")

    await app_of(page, "reify-studio").get_by_role("button", name="Cost").click()

    await expect(page.get_by_role("link", name="Fly's list prices")).to_have_attribute(
        "href", "https://fly.io/docs/about/pricing/"
    )
    await expect(app_of(page, "reify-studio").get_by_text("With every Machine asleep")).to_be_visible()


async def test_the_panel_fits_a_phone(quiet: Sandbox) -> None:
    """Nothing is wider than the window."""
    page = await quiet.window("#panel=fly", size=NARROW)
    await page.evaluate("import('/view.js').then((view) => view.look({ drawer: 'world' }))")
    await expect(app_of(page, "reify-studio")).to_be_visible()

    widths = await page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.fly').scrollWidth]")

    assert max(widths) <= NARROW[0]


async def test_a_deployment_moves_the_machines_under_ones_eyes(live: Sandbox) -> None:
    """While the bot deploys, the panel shows what it does, up to the new release."""
    page = await live.window("#panel=fly")
    app = app_of(page, "reify-studio-staging")
    await page.get_by_role("button", name="Visit reify-studio-staging", exact=True).click()
    await expect(machine_of(page, ASLEEP).get_by_text("started", exact=True)).to_be_visible()

    await live.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")

    await expect(app.get_by_text("holds its lease")).to_be_visible(timeout=20_000)
    await expect(machine_of(page, ASLEEP).get_by_text("Rename a heading")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("is_dark", [False, True])
async def test_nothing_keeps_people_from_using_the_panel(quiet: Sandbox, *, is_dark: bool) -> None:
    """With everything unfolded, axe finds no serious problem, in the light and in the dark."""
    page = await quiet.window("#panel=fly", is_dark=is_dark, bypass_csp=True)
    await app_of(page, "reify-studio-production-db").get_by_role("button", expanded=False).first.click()
    for name in ("More", "Releases", "Volumes", "Addresses and secrets", "Cost", "Logs"):
        await page.get_by_role("button", name=name).first.click()
    await page.get_by_role("button", name="Create an app in personal").click()

    problems = await serious_problems(page, ".world")

    assert problems == []
