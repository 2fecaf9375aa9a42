"""Blocks of every kind that the page shows, and an app that hears what is done with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page
from starlette.types import Receive, Scope, Send

from sandbox.kit import serving
from sandbox.slack.view_methods import checked_view
from tests.browser.windows import Sandbox
from tests.sandbox.page_visit import StandIn

Json = dict[str, Any]
LONGEST_WAIT_S = 10.0
ANA = "U0ANA"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(value: str, text: str) -> Json:
    return {"text": plain(text), "value": value}


def element(kind: str, action_id: str, name: str = "", **more: Any) -> Json:
    """An element with a placeholder, which is its name for those who do not see it."""
    shown = {"placeholder": plain(name)} if name else {}
    return {"type": kind, "action_id": action_id, **shown, **more}


def field_of(block_id: str, of: Json, **more: Any) -> Json:
    """An input block whose label is its id."""
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": of, **more}


IAD, SJC, AMS = option("iad", "Ashburn"), option("sjc", "San Jose"), option("ams", "Amsterdam")
REGIONS = [IAD, SJC, AMS]
GROUPS: list[Json] = [{"label": plain("America"), "options": [IAD, SJC]}, {"label": plain("Europe"), "options": [AMS]}]
STOP = {"title": plain("Stop it?"), "text": mrkdwn("It *stops*."), "confirm": plain("Stop"), "deny": plain("Go on")}
ELEMENTS: list[Json] = [
    {"type": "button", "text": plain("Deploy"), "action_id": "deploy", "value": "1", "style": "primary"},
    {"type": "button", "text": plain("Logs"), "action_id": "logs", "url": "https://example.com/logs"},
    {"type": "button", "text": plain("Stop"), "action_id": "stop", "style": "danger", "confirm": STOP},
    element("static_select", "region", "Region", options=REGIONS),
    element("static_select", "grouped", "Continent", option_groups=GROUPS),
    element("external_select", "ref", "Ref", min_query_length=0),
    element("users_select", "who", "Person", initial_user="U0BO"),
    element("conversations_select", "where", "Conversation"),
    element("channels_select", "channel", "Channel"),
    element("multi_static_select", "regions", "Regions", options=REGIONS, initial_options=[IAD]),
    element("multi_external_select", "refs", "Refs", min_query_length=0),
    element("multi_users_select", "people", "People"),
    element("multi_conversations_select", "places", "Places"),
    element("multi_channels_select", "channels", "Channels"),
    element("overflow", "more", options=[option("hold", "Hold"), option("undo", "Roll back")]),
]
DATES_AND_BOXES: list[Json] = [
    element("datepicker", "day", "Day", initial_date="2026-11-23"),
    element("timepicker", "time", "Hour"),
    element("datetimepicker", "moment"),
    element("checkboxes", "boxes", options=REGIONS),
    element("radio_buttons", "circle", options=REGIONS),
]
RICH: list[Json] = [
    {"type": "rich_text_section", "elements": [{"type": "text", "text": "rich", "style": {"bold": True}}]},
    {
        "type": "rich_text_list",
        "style": "ordered",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji", "name": "rocket"}]}],
    },
    {"type": "rich_text_quote", "elements": [{"type": "user", "user_id": ANA}]},
    {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x = 1"}]},
]
CHART = {
    "type": "bar",
    "series": [{"name": "done", "data": [{"label": "Mon", "value": 3}, {"label": "Tue", "value": 5}]}],
    "axis_config": {"categories": ["Mon", "Tue"]},
}
GALLERY: list[Json] = [
    {"type": "header", "text": plain("A gallery :tada:")},
    {"type": "section", "text": mrkdwn("*bold* `code` <@U0ANA>\n&gt; quoted"), "accessory": ELEMENTS[0]},
    {"type": "section", "fields": [mrkdwn("*Region*\niad"), plain("two")]},
    {"type": "divider"},
    {"type": "actions", "elements": ELEMENTS[1:]},
    {"type": "actions", "elements": DATES_AND_BOXES},
    field_of("reason", element("plain_text_input", "text"), dispatch_action=True),
    {"type": "context", "elements": [mrkdwn("by <@U0BO>"), plain("now")]},
    {"type": "image", "image_url": "https://example.com/graph.png", "alt_text": "A graph", "title": plain("Latency")},
    {"type": "rich_text", "elements": RICH},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "Region"}], [{"type": "raw_text", "text": "iad"}]]},
    {"type": "data_visualization", "title": "Deployments", "chart": CHART},
    {"type": "markdown", "text": "## Notes\n- **one**\n- [two](https://example.com)"},
]
FIELDS: list[Json] = [
    field_of("Where", element("static_select", "a", options=REGIONS)),
    field_of("What", element("external_select", "a", min_query_length=0)),
    field_of("Why", element("plain_text_input", "a", min_length=3, max_length=20), hint=plain("In a few words")),
    field_of("Notes", element("plain_text_input", "a", multiline=True), optional=True),
    field_of("Many", element("multi_static_select", "a", options=REGIONS, max_selected_items=2), optional=True),
    field_of("Count", element("number_input", "a", is_decimal_allowed=False, max_value="9"), optional=True),
    field_of("Mail", element("email_text_input", "a"), optional=True),
    field_of("Page", element("url_text_input", "a"), optional=True),
    field_of("Day", element("datepicker", "a"), optional=True),
    field_of("Boxes", element("checkboxes", "a", options=REGIONS), optional=True),
    field_of("Circle", element("radio_buttons", "a", options=REGIONS), optional=True),
]


def modal(*blocks: Json, title: str = "Deploy", **more: Any) -> Json:
    """A form as an app sends it."""
    return {"type": "modal", "title": plain(title), "submit": plain("Next"), "blocks": list(blocks), **more}


@dataclass
class Listening(StandIn):
    """An app whose requests a test can wait for, one after the other; it answers none before its `gate` opens."""

    heard: asyncio.Queue[dict[str, str]] = field(default_factory=asyncio.Queue)
    gate: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.gate is not None:
            await self.gate.wait()
        await super().__call__(scope, receive, send)
        self.heard.put_nowait(self.received[-1])

    async def hears(self) -> Json:
        """The next interaction; TimeoutError where none comes."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            form = await self.heard.get()
        heard: Json = json.loads(form["payload"])
        return heard

    async def hears_action(self) -> Json:
        """What was pressed or chosen next; a menu may ask more than once while somebody types."""
        heard = await self.hears()
        while "actions" not in heard:
            heard = await self.hears()
        action: Json = heard["actions"][0]
        return action


@contextlib.asynccontextmanager
async def listening(sandbox: Sandbox) -> AsyncIterator[Listening]:
    """An app that hears what is done in this sandbox."""
    app = Listening()
    async with serving(app) as sandbox.slack.request_url:
        yield app


async def posted(sandbox: Sandbox, *blocks: Json) -> str:
    """The app's message in #deploys; its ts."""
    answer = await sandbox.app_says("chat.postMessage", text="card", blocks=list(blocks))
    assert answer["ok"], answer
    return str(answer["ts"])


def opened(sandbox: Sandbox, view: Json, user: str = ANA) -> str:
    """A form in front of somebody; its id."""
    world = sandbox.slack.world
    view_id = world.views.open(user, checked_view(view, "modal")).id
    world.changed()
    return view_id


async def serious_problems(page: Page, where: str) -> list[str]:
    """What axe finds there that keeps people from using it."""
    results = await Axe().run(page, context=where)
    found = [each for each in results.response["violations"] if each["impact"] in {"serious", "critical"}]
    return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]]
