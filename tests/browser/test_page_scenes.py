"""The guided scenes on the page: the list, the steps and their ticks, by the page's own buttons."""

from __future__ import annotations

import asyncio

from playwright.async_api import Locator, Page, expect

from tests.browser.windows import NARROW, Sandbox

# Real milliseconds for what takes a bot and a minute of a clock that runs 20 times faster.
PATIENCE_MS = 30_000


def steps(page: Page) -> Locator:
    return page.locator(".scene-steps > li")


async def starts(page: Page, title: str) -> None:
    """A newcomer presses the scene's button in a world in which nothing has happened yet."""
    await page.get_by_role("button", name=f"Start: {title}").click()
    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    await expect(steps(page).first).to_be_visible(timeout=PATIENCE_MS)


async def has_happened(page: Page, step: int) -> None:
    """The step (from 1) is ticked off, or the scene is over."""
    await expect(steps(page).nth(step - 1)).to_contain_text("Happened:", timeout=PATIENCE_MS)


async def types(page: Page, text: str) -> None:
    box = page.locator("#text")
    await box.fill(text)
    await box.press("Enter")


async def test_a_killed_bot_is_seen_to_finish_its_card(live: Sandbox) -> None:
    """By hand: command, button, Kill in the middle, Start; the same card ends, and every step is ticked off."""
    page = await live.window()
    await starts(page, "The bot dies in the middle")

    await types(page, "/deploy production v1.4.2")
    await has_happened(page, 1)
    await page.get_by_role("button", name="Deploy to production").click()
    await has_happened(page, 2)
    await page.get_by_role("button", name="Kill the bot").click()
    await has_happened(page, 3)
    await page.get_by_role("button", name="Start the bot").click()
    await has_happened(page, 4)

    await expect(page.get_by_role("heading", name="What this showed")).to_be_visible()
    await expect(page.get_by_text("Ship receipt: 2 of 2 Machines on the image.").first).to_be_visible()


async def test_steps_are_done_for_the_person(live: Sandbox) -> None:
    """Do it for me, step by step to the end; then the scene counts as played, and the next one is offered."""
    page = await live.window()
    await starts(page, "An orphaned database")

    for number in (1, 2, 3, 4):
        await page.get_by_role("button", name=f"Do step {number} for me").click()
        await has_happened(page, number)
    await page.get_by_role("button", name="Leave the scene").click()

    entry = page.get_by_role("listitem").filter(has_text="An orphaned database")
    await expect(entry).to_contain_text("played")


async def test_the_keyboard_stays_with_the_steps(live: Sandbox) -> None:
    """The button that did a step goes away with it; the next step has the focus, and its news is announced."""
    page = await live.window()
    await starts(page, "An orphaned database")

    await page.get_by_role("button", name="Do step 1 for me").press("Enter")
    await has_happened(page, 1)

    await expect(page.locator('[aria-current="step"]')).to_be_focused()
    await expect(page.locator(".scenes > [role=status]")).to_contain_text("Step 1 has happened. Step 2 of 4: As ana")


async def test_a_step_makes_one_somebody_else(live: Sandbox) -> None:
    """What bo has to press is offered with his hands: one button, and the window is his."""
    page = await live.window("#user=U0CLEO")
    await starts(page, "Refusals explain themselves")

    await expect(page.locator(".you-are")).to_have_text("You are ana")
    for number in (1, 2, 3, 4):
        await page.get_by_role("button", name=f"Do step {number} for me").click()
        await has_happened(page, number)
    await page.get_by_role("button", name="Be bo").click()
    await page.get_by_role("button", name="Deploy to production").click()
    await has_happened(page, 5)

    await expect(page.get_by_text("not_the_requester").first).to_be_visible()


async def test_a_scene_asks_before_it_takes_the_world_back(live: Sandbox) -> None:
    """Where somebody has said something, Start says what will be lost, and Cancel leaves all as it is."""
    page = await live.window()
    await live.slack.say(user="U0ANA", channel="C0DEPLOYS", text="good morning")
    await expect(page.get_by_text("good morning")).to_be_visible()

    await page.get_by_role("button", name="Start: Your first deployment").click()
    await expect(page.get_by_role("dialog")).to_contain_text("goes back to its beginning")
    await page.get_by_role("button", name="Cancel").click()

    await expect(page.get_by_text("good morning")).to_be_visible()
    await expect(page.get_by_role("heading", name="Guided scenes")).to_be_visible()


async def test_a_scene_fits_a_phone(live: Sandbox) -> None:
    """At 400 pixels nothing of the scene is wider than the window, and it leads to the channel."""
    page = await live.window(size=NARROW)
    await page.get_by_role("navigation", name="Parts of the page").last.get_by_role("button", name="World").click()
    await starts(page, "Your first deployment")

    width = await page.evaluate("document.documentElement.scrollWidth")
    await page.get_by_role("button", name="Go to #deploys").click()

    assert width <= NARROW[0]
    await expect(page.locator("#text")).to_be_visible()


async def test_two_people_press_in_two_windows(live: Sandbox) -> None:
    """Bo and Cleo approve at the same moment: one rollback, and one of them reads that it was decided already."""
    windows = {user: await live.window(f"#user={user}") for user in ("U0BO", "U0CLEO")}
    first = windows["U0BO"]
    await starts(first, "Two approvers at once")
    for step in (1, 2, 3):
        await first.get_by_role("button", name=f"Do step {step} for me").click()
        await has_happened(first, step)
    # A step that is done for somebody leaves the window in their hands.
    await first.get_by_role("button", name="Be bo").click()

    dialogs = []
    for page in windows.values():
        await page.get_by_role("button", name="Approve the rollback of production").click()
        dialogs.append(page.get_by_role("dialog").get_by_role("button", name="Approve"))
    await asyncio.gather(*(dialog.click() for dialog in dialogs))
    for page in windows.values():
        await has_happened(page, 4)

    messages = live.slack.channel_state("C0DEPLOYS")["messages"]
    (slower,) = [m["visible_to"] for m in messages if "decided already" in m["text"]]
    await expect(windows[slower].get_by_text("decided already").first).to_be_visible()
