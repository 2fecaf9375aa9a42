"""The page on loopback: people and channels of the simulated Slack, the simulated Fly beside them, faults to switch.

The server gives JSON and static files and never puts a value into markup; the page's modules put what people
typed into text nodes only.
"""

from sandbox.page.server import Page

__all__ = ["Page"]
