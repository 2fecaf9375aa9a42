"""`make screenshots`: the README's pictures, taken of the sandbox with the real bot."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.browser.windows import NARROW, Sandbox, launch, sandbox_of

FOLDER = Path(__file__).parent.parent.parent / "docs" / "images"
# Slow enough that a picture can be taken while the first Machine is updated.
SPEED = 8.0


async def take(sandbox: Sandbox, folder: Path) -> None:
    """A deployment in the middle on a wide window, and at its end on a phone in the dark."""
    wide = await sandbox.window("#user=U0ANA&panel=fly")
    line = wide.get_by_role("textbox", name="Message #deploys")
    await line.fill('/deploy production v1.4.2 --reason "pricing fix"')
    await line.press("Enter")
    await wide.get_by_role("button", name="Deploy to production").click()
    card = wide.locator("li.message", has_text="reify-studio → production")
    await expect(card).to_contain_text("updating")
    await wide.screenshot(path=folder / "deployment.png")
    await expect(card).to_contain_text("Ship receipt: 2 of 2")
    phone = await sandbox.window("#user=U0BO", size=NARROW, is_dark=True)
    await expect(phone.locator("li.message", has_text="Ship receipt: 2 of 2")).to_be_visible()
    await phone.screenshot(path=folder / "phone.png")


async def main() -> int:
    """Write the pictures; 1 where there is no browser."""
    FOLDER.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        if browser is None:
            sys.stderr.write("There is no chromium on this machine.\n")
            return 1
        with tempfile.TemporaryDirectory(prefix="flytower-pictures-") as folder:
            async with sandbox_of(browser, Path(folder), speed=SPEED) as sandbox:
                await sandbox.workbench.start_bot()
                await take(sandbox, FOLDER)
        await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
