"""Modals, private answers in place of others, and files, against the simulated Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse

from bot.clients.slack import SlackClient
from bot.clock import SystemClock
from bot.errors import RemoteRejected, RemoteUnavailable, UnexpectedResponse
from bot.views import blocks, modals
from bot.views.blocks import Message, View
from sandbox.faults import Fault
from sandbox.kit import running, serving
from sandbox.slack import SlackSimulator
from tests.clients.slack_side import ANA, DEPLOYS, TOKEN, Answering, SteppingClock, client_of, messages

HOSTILE = "<!channel> <@U0ANA> & *b* :boom: \u202e\u200b\n" * 40
VIEW = View("wait", "Wait", [blocks.section("One moment")], submit="Go", metadata="ids")


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    """A simulated workspace that listens, on a clock of its own."""
    simulator = SlackSimulator()
    simulator.world.file_share_s = 0.0
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(slack: SlackSimulator) -> AsyncIterator[SlackClient]:
    """A client whose waits take no time."""
    async with SlackClient(TOKEN, clock=SteppingClock(), base_url=f"{slack.url}/api/") as client:
        yield client


def shown(slack: SlackSimulator) -> dict[str, Any]:
    """The modal that ana sees."""
    view: dict[str, Any] = slack.state()["views"][ANA][-1]
    return view


async def test_a_modal_is_opened_and_replaced(slack: SlackSimulator, client: SlackClient) -> None:
    """The id that opening gives is the one to replace it by; what has no submit has no button."""
    view_id = await client.open_view(slack.world.new_trigger(ANA), VIEW)
    before = shown(slack)

    await client.update_view(view_id, View("done", "Done", [blocks.section("There it is")]))

    after = shown(slack)
    assert (before["id"], before["submit"]["text"], before["private_metadata"]) == (view_id, "Go", "ids")
    assert (after["id"], after["submit"], after["callback_id"]) == (view_id, None, "done")


async def test_slacks_limits_hold_for_a_modal_of_hostile_text(slack: SlackSimulator, client: SlackClient) -> None:
    """Whatever is typed and however long, Slack takes the modal, and nothing in it mentions anybody."""
    choice = modals.option(HOSTILE, "v" * 150, HOSTILE)
    fields = [
        modals.field("menu", HOSTILE, modals.menu("menu", [choice] * 200, chosen="v" * 150), hint=HOSTILE * 3),
        modals.field("search", HOSTILE, modals.search_menu("search", HOSTILE, chosen=choice)),
        modals.field("text", "", modals.text_input("text", limit=9000, value="x")),
        modals.field("box", HOSTILE, modals.checkbox("box", choice, is_ticked=True), optional=True),
    ]

    await client.open_view(slack.world.new_trigger(ANA), View("c", HOSTILE, fields, submit=HOSTILE, close=HOSTILE))

    assert (shown(slack)["controls"], shown(slack)["pings"]) == ([], [])


async def test_a_trigger_is_never_tried_twice(slack: SlackSimulator, client: SlackClient) -> None:
    """Where the answer got lost the modal may be open, and a second try could only fail: the caller is told."""
    slack.faults.add(Fault("drop_after", path="views.open"))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.open_view(slack.world.new_trigger(ANA), VIEW)

    assert (caught.value.sent, len(slack.calls.find("POST", "views.open"))) == (True, 1)


async def test_a_trigger_that_was_used_is_told_by_its_code(slack: SlackSimulator, client: SlackClient) -> None:
    """One trigger opens one modal."""
    trigger = slack.world.new_trigger(ANA)
    await client.open_view(trigger, VIEW)

    with pytest.raises(RemoteRejected) as caught:
        await client.open_view(trigger, VIEW)

    assert caught.value.code == "exchanged_trigger_id"


async def test_replacing_a_modal_is_repeated(slack: SlackSimulator, client: SlackClient) -> None:
    """The same view twice does no harm."""
    view_id = await client.open_view(slack.world.new_trigger(ANA), VIEW)
    slack.faults.add(Fault("drop_after", path="views.update", times=2))

    await client.update_view(view_id, View("done", "Done", [blocks.section("There it is")]))

    assert shown(slack)["callback_id"] == "done"


async def test_a_closed_modal_is_told_by_its_code(slack: SlackSimulator, client: SlackClient) -> None:
    """The caller can say it elsewhere."""
    view_id = await client.open_view(slack.world.new_trigger(ANA), VIEW)
    slack.world.views.clear(ANA)

    with pytest.raises(RemoteRejected) as caught:
        await client.update_view(view_id, VIEW)

    assert caught.value.code == "not_found"


async def test_an_answer_without_a_view_is_unexpected() -> None:
    """Nobody can go on with a modal whose id is not known."""
    async with serving(Answering(JSONResponse({"ok": True, "view": {}}))) as url, client_of(url) as client:
        with pytest.raises(UnexpectedResponse):
            await client.open_view("1.2.3", VIEW)


async def test_a_private_answer_takes_the_place_of_the_one_that_was_clicked(
    slack: SlackSimulator, client: SlackClient
) -> None:
    """Pages of a list turn in place: a private message can be changed in no other way."""
    channel = slack.world.channels[DEPLOYS]
    await client.respond(slack.world.new_response_url(ANA, channel), Message("page 1"))
    first = messages(slack, DEPLOYS)[-1]

    await client.respond(slack.world.new_response_url(ANA, channel, first["ts"]), Message("page 2"), replace=True)

    assert [(m["text"], m["visible_to"]) for m in messages(slack, DEPLOYS)] == [("page 2", ANA)]


async def test_a_file_comes_in_the_direct_message(slack: SlackSimulator, client: SlackClient) -> None:
    """Its bytes, its name, its title as alternative text, and the comment above it."""
    await client.send_file(ANA, "history.csv", b"id\n1\n", title="History", comment="Everything since May")

    (file,) = slack.state()["files"]
    shared = messages(slack, "D0ANA")[-1]
    assert (file["name"], file["title"], file["alt_txt"]) == ("history.csv", "History", "History")
    assert (slack.world.files[file["id"]].content, file["state"]) == (b"id\n1\n", "complete")
    assert (shared["files"], shared["text"]) == ([file["id"]], "Everything since May")


@pytest.mark.parametrize(
    ("path", "error"),
    [("/upload/", RemoteUnavailable), ("completeUploadExternal", RemoteUnavailable)],
    ids=["bytes", "completion"],
)
async def test_a_file_is_not_sent_twice(
    slack: SlackSimulator, client: SlackClient, path: str, error: type[Exception]
) -> None:
    """Where an answer got lost, the caller is told that it is not known."""
    slack.faults.add(Fault("drop_after", path=path))

    with pytest.raises(error):
        await client.send_file(ANA, "history.csv", b"id\n", title="History", comment="")

    assert len(slack.calls.find("POST", path)) == 1


async def test_a_file_that_is_refused_says_so(slack: SlackSimulator, client: SlackClient) -> None:
    """Half a file is none, and the address for its bytes, which needs no token, is not told."""
    slack.faults.add(Fault("status", path="/upload/", status=403, body="denied"))

    with pytest.raises(RemoteRejected) as caught:
        await client.send_file(ANA, "history.csv", b"id\n", title="History", comment="")

    assert "/upload/" not in f"{caught.value} {caught.value.url}"
    assert slack.state()["files"][0]["state"] == "announced"


async def test_without_the_right_the_scope_is_named(slack: SlackSimulator) -> None:
    """Who runs the bot reads which scope to add."""
    slack.world.app.bot_scopes.remove("im:write")
    async with SlackClient(TOKEN, clock=SystemClock(), base_url=f"{slack.url}/api/") as client:
        with pytest.raises(RemoteRejected, match="im:write"):
            await client.send_file(ANA, "a.csv", b"1", title="A", comment="")
