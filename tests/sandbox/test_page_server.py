"""What the page's server promises: people act, the state shows it, and text stays text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.page.bodies import LIMIT
from sandbox.page.server import STATIC
from tests.sandbox.page_visit import ANA, DEPLOYS, FIXTURES, HOSTILE, PRODUCTION, Visit

page_stage, bot_stage, visit = FIXTURES
GO = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go", "value": "7"}
CARD = [{"type": "actions", "block_id": "row", "elements": [GO]}]
CLICK = {"user": ANA, "channel": DEPLOYS, "action_id": "go", "block_id": "row", "value": "7"}


async def test_a_typed_command_reaches_the_app_as_that_person(visit: Visit) -> None:
    """The app gets the command of the chosen person, and its answer is visible to that person only."""
    answer = await visit.types("/deploy staging main")

    heard = visit.bot.received[0]
    assert (heard["user_id"], heard["command"], heard["text"]) == (ANA, "/deploy", "staging main")
    assert answer.json() == {"outcome": "ok", "problem": None}
    assert [(m["text"], m["visible_to"]) for m in await visit.messages()] == [("Heard staging main", ANA)]


async def test_a_command_that_nobody_answers_is_shown_as_a_problem(visit: Visit) -> None:
    """The person reads a sentence at the line, and Slack's own words in the channel."""
    visit.nobody_listens()

    answer = await visit.types("/deploy staging main")

    assert answer.json()["problem"] == "Nobody listens: is the bot running? (dispatch_failed)"
    assert "dispatch_failed" in (await visit.messages())[0]["text"]


async def test_an_unknown_command_is_shown_as_a_problem(visit: Visit) -> None:
    """The app does not hear of a command that its manifest lacks."""
    answer = await visit.types("/launch rocket")

    assert answer.json()["problem"] == "That is not a command of this workspace."
    assert visit.bot.received == []


async def test_a_message_is_escaped_as_slack_escapes_it(visit: Visit) -> None:
    """What is typed without a slash stands in the channel, and its control sequences are text."""
    await visit.types("<!channel> & hello")

    assert [(m["user"], m["text"]) for m in await visit.messages()] == [(ANA, "&lt;!channel&gt; &amp; hello")]


async def test_a_click_reaches_the_app(visit: Visit) -> None:
    """The app gets the pressed button with its value."""
    card = await visit.app_says("chat.postMessage", text="Card", blocks=CARD)

    answer = await visit.post("click", **CLICK, ts=card["ts"])

    action = json.loads(visit.bot.received[0]["payload"])["actions"][0]
    assert (action["action_id"], action["value"]) == ("go", "7")
    assert answer.json()["problem"] is None


async def test_an_outdated_button_is_pressed_as_the_person_saw_it(visit: Visit) -> None:
    """A button that an edit has taken away still reaches the app when the person saw the version before."""
    card = await visit.app_says("chat.postMessage", text="Card", blocks=CARD)
    await visit.app_says("chat.update", ts=card["ts"], text="Over")

    gone = await visit.post("click", **CLICK, ts=card["ts"], version=1)
    stale = await visit.post("click", **CLICK, ts=card["ts"], version=0)

    assert (gone.status_code, stale.status_code) == (400, 200)
    assert len(visit.bot.received) == 1


async def test_a_click_that_nobody_answers_leaves_a_notice(visit: Visit) -> None:
    """The notice names the message and the person, so that the page can show it at the button."""
    card = await visit.app_says("chat.postMessage", text="Card", blocks=CARD)
    visit.nobody_listens()

    await visit.post("click", **CLICK, ts=card["ts"])

    notices = (await visit.state())["slack"]["notices"]
    assert [(notice["user"], notice["place"]) for notice in notices] == [(ANA, card["ts"])]


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("command", {"user": "U0FLYTOWER", "channel": DEPLOYS, "text": "/deploy"}, "Nobody can act as 'U0FLYTOWER'"),
        ("command", {"user": ANA, "channel": "U0BO", "text": "/deploy"}, "There is no channel 'U0BO'"),
        ("command", {"user": ANA, "channel": DEPLOYS, "text": "  "}, "Type between 1 and 4000 characters"),
        ("command", {"user": ANA, "channel": DEPLOYS, "text": "x" * 4001}, "Type between 1 and 4000 characters"),
        ("command", {"user": ANA, "channel": DEPLOYS}, "`text` is missing or not a text"),
        ("click", CLICK | {"ts": "1.1"}, "no message 1.1"),
        ("click", CLICK | {"ts": "1.1", "version": True}, "`version` is missing or not a whole number"),
        ("fault", {"app": "nowhere", "fault": "unhealthy", "on": True}, "There is no app 'nowhere'"),
        ("fault", {"app": PRODUCTION, "fault": "flood", "on": True}, "There is no fault 'flood'"),
        ("fault", {"app": PRODUCTION, "fault": "unhealthy", "on": 1}, "`on` is missing or not true or false"),
        ("bot", {"do": "dance"}, "`do` is `kill` or `start`"),
    ],
)
async def test_bad_input_is_answered_with_a_sentence(
    visit: Visit, name: str, body: dict[str, Any], sentence: str
) -> None:
    """400, a sentence that says what is wrong, and nothing reaches the app."""
    answer = await visit.post(name, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert visit.bot.received == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"text": "' + b"x" * LIMIT + b'"}'])
async def test_a_body_that_is_no_small_json_object_is_refused(visit: Visit, content: bytes) -> None:
    """Whatever the bytes are, the answer is 400 with a sentence."""
    answer = await visit.client.post("/api/command", content=content, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


async def test_polling_answers_only_what_changed(visit: Visit) -> None:
    """204 while nothing changed, the whole state with a new revision afterwards."""
    before = (await visit.state())["revision"]

    same = await visit.client.get("/api/poll", params={"since": before})
    await visit.types("hello")
    changed = await visit.client.get("/api/poll", params={"since": before})

    assert (same.status_code, same.content) == (204, b"")
    assert changed.status_code == 200
    assert changed.json()["revision"] != before


async def test_a_machine_is_shown_with_the_commit_of_its_image(visit: Visit) -> None:
    """Region, state, checks and digest are Fly's; tag and title of the commit are GitHub's."""
    organisations = {each["slug"]: each["apps"] for each in (await visit.state())["fly"]}

    app = next(app for app in organisations["reify-studio-production"] if app["name"] == PRODUCTION)
    machine = app["machines"][0]
    assert [m["region"] for m in app["machines"]] == ["iad", "sjc"]
    assert machine["commit"] == {"short": "dd085a7", "title": "Fix rounding of prices", "tag": "v1.4.1"}
    assert (machine["state"], machine["checks"][0]["status"]) == ("started", "passing")
    assert machine["digest"].startswith("sha256:")
    assert [(r["version"], r["status"]) for r in app["releases"]] == [
        (41, "complete"),
        (40, "failed"),
        (39, "complete"),
    ]


async def test_an_app_of_the_personal_organisation_stands_under_it(visit: Visit) -> None:
    """Fly's alias and the organisation's real name are the same organisation."""
    organisations = {each["slug"]: each["apps"] for each in (await visit.state())["fly"]}

    assert "reify-studio-pr-12" in {app["name"] for app in organisations["personal"]}


async def test_the_people_to_act_as_are_people(visit: Visit) -> None:
    """Bots are no choice; guests, strangers and approvers are marked."""
    users = (await visit.state())["slack"]["users"]

    notes = {user["name"]: user["note"] for user in users if user["is_person"]}
    assert notes == {"ana": "", "bo": "@approvers", "cleo": "@approvers", "gus": "guest", "eve": "other workspace"}


async def test_no_secret_reaches_the_page(visit: Visit) -> None:
    """Tokens and the signing secret stay in the simulators."""
    answer = await visit.client.get("/api/state")

    assert [word for word in ("xoxb-", "xapp-", "signing", "fm2_", "ghp_") if word in answer.text] == []


async def test_hostile_text_stays_data(visit: Visit) -> None:
    """What people typed comes as JSON that no browser takes for a page; every file stays as it is on disk."""
    await visit.types(f"/deploy {HOSTILE}")
    await visit.app_says("chat.postMessage", text=HOSTILE, blocks=[{"type": "divider"}])

    state = await visit.client.get("/api/state")
    files = {path: await visit.client.get(f"/{path.name}") for path in STATIC.iterdir()}
    index = await visit.client.get("/")
    assert HOSTILE in [message["text"] for message in await visit.messages()]
    assert state.headers["content-type"] == "application/json"
    assert state.headers["x-content-type-options"] == "nosniff"
    assert all(answer.content == path.read_bytes() for path, answer in files.items())
    assert index.content == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/../server.py", "/%2e%2e/server.py", "/nothing.js", "/api/nothing"])
async def test_nothing_but_the_pages_files_is_served(visit: Visit, path: str) -> None:
    """404 for what is not the page's, also outside its folder."""
    answer = await visit.client.get(path)

    assert answer.status_code == 404
