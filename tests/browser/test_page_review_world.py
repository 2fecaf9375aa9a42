"""What the panels show of databases and of hostile names, and who is meant by a group."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.windows import Sandbox

DATABASE, VOLUME = "reify-studio-production-db", "vol_4ql7m2xkz9prod01"
# What follows reads from right to left, so that a name could pass for another one.
OVERRIDE = "\u202e"


async def opened_database(page: Page) -> Locator:
    await page.get_by_role("button", name=DATABASE).click()
    return page.get_by_role("listitem", name=DATABASE)


async def test_a_database_shows_what_is_in_it(quiet: Sandbox) -> None:
    """Databases with owner and size, connections, users and the apps that use it; fresh when that changes."""
    page = await quiet.window("#panel=fly")
    database = await opened_database(page)
    await expect(database.get_by_role("list", name="Databases")).to_contain_text(
        "reify_studio owner reify_studio · 52.4 MB"
    )
    await expect(database).to_contain_text("9 of 300, 3 reserved")
    await expect(database).to_contain_text("Attached appsreify-studio")
    await expect(database).to_contain_text("flypgadmin (superuser)")

    await quiet.workbench.simulators.fly.actions()["destroy_app"]({"name": "reify-studio"})

    await expect(database).to_contain_text("Attached appsnone")


async def test_a_volume_is_extended(quiet: Sandbox) -> None:
    """A smaller size is refused beside the form; a larger one is there, and says what it waits for."""
    page = await quiet.window("#panel=fly")
    database = await opened_database(page)
    await database.get_by_role("button", name="Volumes").click()
    await page.get_by_role("button", name=f"Extend volume {VOLUME}").click()
    form = page.get_by_role("form", name="Extend the volume")
    size = form.get_by_role("textbox", name="Size in GB")
    await size.fill("0")
    await size.press("Enter")
    await expect(form.get_by_role("alert")).to_contain_text("size_gb must be a whole number from 2 to 500")

    await size.fill("12")
    await size.press("Enter")

    await expect(database).to_contain_text("12 GB in iad")
    await expect(database).to_contain_text("Its file system has 1 GB until the Machine starts again.")
    await expect(page.get_by_role("button", name=f"Extend volume {VOLUME}")).to_be_focused()


async def test_a_machine_leads_to_the_faults(quiet: Sandbox) -> None:
    """Below what can be done to it now stands where to have it go wrong later."""
    page = await quiet.window("#panel=fly")
    await page.locator(".machine").first.get_by_role("button", name="More").click()

    await page.get_by_role("button", name="Faults & time").click()

    await expect(page.get_by_role("tab", name="Faults & time")).to_have_attribute("aria-selected", "true")


async def test_a_name_cannot_turn_the_text_around_it(quiet: Sandbox) -> None:
    """An override of the direction in a branch's name ends where the name ends."""
    branch = f"feature/a{OVERRIDE}gpj"
    opened = {"title": f"Title{OVERRIDE} turned", "branch": branch, "author": "ana", "files": {"a": "b"}}
    await quiet.workbench.simulators.github.actions()["commit"](
        {"branch": branch, "title": "Turned", "author": "ana", "runs": True}
    )
    await quiet.workbench.simulators.github.actions()["open_pull"](opened | {"runs": True})

    page = await quiet.window("#panel=github")

    pull = page.get_by_role("listitem", name="Pull request 13")
    await expect(pull.get_by_text("feature/a")).to_have_css("unicode-bidi", "isolate")
    await expect(pull.locator("strong.title")).to_have_css("unicode-bidi", "isolate")
    await expect(page.locator(".run bdi").filter(has_text="feature/a").first).to_be_visible()


@pytest.mark.parametrize(("user", "colour"), [("U0BO", "rgb(122, 77, 0)"), ("U0ANA", "rgb(21, 89, 176)")])
async def test_a_group_is_marked_for_whoever_is_in_it(quiet: Sandbox, user: str, colour: str) -> None:
    """An approver reads @approvers as their own name, everybody else as any mention."""
    await quiet.app_says("chat.postMessage", text="<!subteam^S0APPROVERS> please look")

    page = await quiet.window(f"#user={user}")

    await expect(page.locator(".mention", has_text="@approvers")).to_have_css("color", colour)
