"""The benchmark of the page runs and returns figures."""

from __future__ import annotations

from benchmarks import page
from tests.browser.windows import chromium


async def test_the_page_is_measured() -> None:
    """Each figure is one of this run, however few messages and apps there are."""
    measured = await page.measure(messages=20, apps=5, rounds=2)

    assert (measured is None) is (chromium() is None)
    if measured is not None:
        assert len(measured.news) == 2
        assert min([measured.opened, measured.panel, measured.kilobytes, *measured.news, *measured.keys]) > 0
