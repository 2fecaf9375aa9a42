"""Fixtures of the browser tests."""

from tests.browser import windows

browser = windows.browser
quiet = windows.quiet
live = windows.live
