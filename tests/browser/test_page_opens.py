"""The page opens."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.windows import Sandbox


async def test_the_page_names_the_channels(quiet: Sandbox) -> None:
    """A newcomer sees the workspace's channels at once."""
    page = await quiet.window()

    await expect(page.get_by_role("button", name="deploys")).to_be_visible()
