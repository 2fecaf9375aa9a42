"""What the page's server promises: people act, the state shows it, and text stays text."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sandbox.page.bodies import LIMIT
from sandbox.page.server import STATIC
from sandbox.page.slack_part import SlackPart
from sandbox.slack.world import Channel
from tests.sandbox.page_visit import ANA, DEPLOYS, FIXTURES, HOSTILE, Visit

page_stage, bot_stage, visit = FIXTURES
BO, GENERAL = "U0BO", "C0GENERAL"
GO = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go", "value": "7"}
CARD = [{"type": "actions", "block_id": "row", "elements": [GO]}]
WORD = {"user": ANA, "channel": DEPLOYS, "text": "hello"}
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

    notices = await visit.item("slack/workspace/notices")
    assert [(notice["user"], notice["place"]) for notice in notices] == [(ANA, card["ts"])]


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("command", {"user": "U0FLYTOWER", "channel": DEPLOYS, "text": "/deploy"}, "Nobody can act as 'U0FLYTOWER'"),
        ("command", {"user": ANA, "channel": "U0BO", "text": "/deploy"}, "There is no channel 'U0BO'"),
        ("command", {"user": ANA, "channel": DEPLOYS, "text": "  "}, "Type between 1 and 4000 characters"),
        ("command", {"user": ANA, "channel": DEPLOYS, "text": "x" * 4001}, "Type between 1 and 4000 characters"),
        ("command", {"user": ANA, "channel": DEPLOYS}, "`text` is missing or not a text"),
        ("command", {"user": BO, "channel": "D0ANA", "text": "hello"}, "There is no channel 'D0ANA'"),
        ("command", {"user": "U0GUS", "channel": GENERAL, "text": "/deploy"}, "gus is not in #general"),
        ("command", WORD | {"thread_ts": "1.1"}, "no message 1.1"),
        ("command", WORD | {"text": "/deploy status", "thread_ts": "1.1"}, "/deploy is not supported in threads"),
        ("command", WORD | {"broadcast": 1}, "`broadcast` is missing or not true or false"),
        ("home", {"user": ANA, "tab": "about"}, "`tab` is `home` or `messages`"),
        ("home", {"user": "U0EVE", "tab": "home"}, "a workspace that this person is not in"),
        ("join", {"user": ANA, "channel": DEPLOYS}, "ana is in #deploys already"),
        ("join", {"user": "U0GUS", "channel": GENERAL}, "gus cannot join general without an invitation"),
        ("react", {"user": ANA, "channel": DEPLOYS, "ts": "1.1", "name": "eyes"}, "no message 1.1"),
        ("react", {"user": ANA, "channel": DEPLOYS, "ts": "1.1", "name": "<b>"}, "There is no emoji '<b>'"),
        ("click", CLICK | {"ts": "1.1"}, "no message 1.1"),
        ("click", CLICK | {"ts": "1.1", "version": True}, "`version` is missing or not a whole number"),
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


async def test_a_poll_answers_only_what_changed(visit: Visit) -> None:
    """204 while nothing changed; afterwards what is new, and nothing else."""
    before = (await visit.poll()).json()

    same = await visit.poll(before["revision"], before["instance"])
    await visit.types("hello")
    changed = await visit.poll(before["revision"], before["instance"])

    assert (same.status_code, same.content) == (204, b"")
    assert [item["text"] for item in changed.json()["items"].values()] == ["hello"]
    assert (changed.json()["is_complete"], changed.json()["gone"]) == (False, [])


async def test_a_poll_is_answered_as_soon_as_something_happens(visit: Visit) -> None:
    """A request that waits ends with the news, not with its deadline."""
    before = (await visit.poll()).json()

    waiting = asyncio.create_task(visit.poll(before["revision"], before["instance"]))
    await visit.types("hello")

    assert [item["text"] for item in (await waiting).json()["items"].values()] == ["hello"]


async def test_a_poll_tells_the_simulated_time(visit: Visit) -> None:
    """With its speed, so that the page's clocks go on between two answers."""
    answer = (await visit.poll()).json()

    clock = visit.simulators.clock
    assert (answer["speed"], answer["now"] <= clock.now()) == (40, True)


@pytest.mark.parametrize("since", ["x", "-1", "99999999", "1.5", "²"])
async def test_a_poll_from_nowhere_gets_everything(visit: Visit, since: str) -> None:
    """A revision that was never given out is as good as none."""
    answer = await visit.client.get("/api/poll", params={"since": since})

    assert answer.json()["is_complete"]
    assert "slack/channel/C0DEPLOYS" in answer.json()["items"]


async def test_the_people_to_act_as_are_people(visit: Visit) -> None:
    """Bots are no choice; guests, strangers and approvers are marked."""
    users = (await visit.table("slack/user")).values()

    notes = {user["name"]: user["note"] for user in users if user["is_person"]}
    assert notes == {"ana": "", "bo": "@approvers", "cleo": "@approvers", "gus": "guest", "eve": "other workspace"}


@pytest.mark.parametrize(
    ("channel", "people"),
    [
        ({"kind": "public"}, ["U0ANA", "U0BO", "U0CLEO"]),
        ({"kind": "public", "is_ext_shared": True}, ["U0ANA", "U0BO", "U0CLEO", "U0EVE"]),
        ({"kind": "private", "members": ["U0BO", "U0GUS"]}, ["U0BO", "U0GUS"]),
        ({"kind": "im", "user": "U0BO", "members": ["U0BO", "U0FLYTOWER"]}, ["U0BO"]),
    ],
    ids=["public", "shared", "private", "direct"],
)
async def test_a_conversation_is_seen_by_those_who_may(
    visit: Visit, channel: dict[str, Any], people: list[str]
) -> None:
    """Guests see theirs, another workspace what is shared with it, and nobody else's private ones."""
    world = visit.simulators.slack.world
    world.channels["C0OTHER"] = Channel("C0OTHER", "other", **channel)
    world.changed()

    shown = await visit.item("slack/channel/C0OTHER")

    assert shown["seen_by"] == people


async def test_who_joins_is_a_member(visit: Visit) -> None:
    """A public channel takes everybody of the workspace, who may write from then on."""
    visit.simulators.slack.world.channels[GENERAL].members.remove(BO)

    outside = await visit.post("command", user=BO, channel=GENERAL, text="hello")
    await visit.post("join", user=BO, channel=GENERAL)
    inside = await visit.post("command", user=BO, channel=GENERAL, text="hello")

    assert (outside.status_code, inside.status_code) == (400, 200)
    assert [message["user"] for message in await visit.messages(GENERAL)] == [BO]


async def test_a_reply_stands_in_its_thread(visit: Visit) -> None:
    """As Slack marks it: with the parent's ts, and whether the channel shows it too."""
    card = await visit.app_says("chat.postMessage", text="Card")

    await visit.post("command", **WORD, thread_ts=card["ts"])
    await visit.post("command", **WORD, thread_ts=card["ts"], broadcast=True)

    replies = (await visit.messages())[1:]
    assert [(reply["thread_ts"], reply["is_reply"]) for reply in replies] == [(card["ts"], True)] * 2
    assert [reply["reply_broadcast"] for reply in replies] == [False, True]


async def test_nobody_replies_to_a_reply(visit: Visit) -> None:
    """Slack has threads of one level."""
    card = await visit.app_says("chat.postMessage", text="Card")
    await visit.post("command", **WORD, thread_ts=card["ts"])
    reply = (await visit.messages())[1]

    answer = await visit.post("command", **WORD, thread_ts=reply["ts"])

    assert answer.status_code == 400
    assert "nobody can reply to" in answer.json()["error"]


async def test_a_reaction_comes_and_goes(visit: Visit) -> None:
    """Each person's counts once, and taking one's own back leaves the others'."""
    card = await visit.app_says("chat.postMessage", text="Card")
    place = {"channel": DEPLOYS, "ts": card["ts"], "name": "eyes"}
    seen = []

    for user, is_removed in ((ANA, False), (ANA, False), (BO, False), (ANA, True), (BO, True)):
        await visit.post("react", user=user, **place, remove=is_removed)
        seen.append((await visit.messages())[0]["reactions"])

    both = {"eyes": [ANA, BO]}
    assert seen == [{"eyes": [ANA]}, {"eyes": [ANA]}, both, {"eyes": [BO]}, {}]


@pytest.mark.parametrize("tab", ["home", "messages"])
async def test_opening_the_app_tells_the_app(visit: Visit, tab: str) -> None:
    """It hears of both tabs, and the person has a direct message with it from then on."""
    answer = await visit.post("home", user=ANA, tab=tab)

    assert answer.json()["problem"] is None
    assert (await visit.item("slack/channel/D0ANA"))["seen_by"] == [ANA]
    event = json.loads(visit.bot.bodies[-1])["event"]
    assert (event["type"], event["user"], event["tab"]) == ("app_home_opened", ANA, tab)


async def test_a_message_says_whom_it_calls(visit: Visit) -> None:
    """People, groups and many at once; what is written as text calls nobody."""
    await visit.app_says("chat.postMessage", text="<@U0BO> <!subteam^S0APPROVERS> <!here> &lt;!channel&gt;")

    (message,) = await visit.messages()

    assert message["mentions"] == ["S0APPROVERS", "U0BO", "here"]


async def test_what_did_not_change_is_the_same_object(visit: Visit) -> None:
    """An edit makes one message anew and leaves the others, so that a thousand of them cost next to nothing."""
    part = SlackPart(visit.simulators.slack)
    first = await visit.app_says("chat.postMessage", text="One")
    second = await visit.app_says("chat.postMessage", text="Two")
    keys = [f"slack/message/{DEPLOYS}/{each['ts']}" for each in (first, second)]
    before = part.items()

    await visit.app_says("chat.update", ts=second["ts"], text="Three")

    after = part.items()
    assert [after[key] is before[key] for key in keys] == [True, False]
    assert (before[keys[1]]["text"], after[keys[1]]["text"]) == ("Two", "Three")


async def test_what_is_chosen_in_a_message_is_a_change(visit: Visit) -> None:
    """Reactions and choices change in place at the simulator, and are news all the same."""
    card = await visit.app_says("chat.postMessage", text="Card")
    await visit.post("react", user=ANA, channel=DEPLOYS, ts=card["ts"], name="eyes")
    before = (await visit.poll()).json()

    await visit.post("react", user=BO, channel=DEPLOYS, ts=card["ts"], name="eyes")
    news = (await visit.poll(before["revision"], before["instance"])).json()

    assert [item["reactions"] for item in news["items"].values()] == [{"eyes": [ANA, BO]}]


async def test_no_secret_reaches_the_page(visit: Visit) -> None:
    """Tokens and the signing secret stay in the simulators."""
    answer = await visit.poll()

    assert [word for word in ("xoxb-", "xapp-", "signing", "fm2_", "ghp_") if word in answer.text] == []


async def test_hostile_text_stays_data(visit: Visit) -> None:
    """What people typed comes as JSON that no browser takes for a page; every file stays as it is on disk."""
    await visit.types(f"/deploy {HOSTILE}")
    await visit.app_says("chat.postMessage", text=HOSTILE, blocks=[{"type": "divider"}])

    state = await visit.poll()
    files = {path: await visit.client.get(f"/{path.relative_to(STATIC)}") for path in STATIC.rglob("*.*")}
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
