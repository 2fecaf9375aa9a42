"""The Slack client against the simulated Slack, over a socket: posts, updates, ephemeral messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from bot.clients.slack import SlackClient
from bot.clock import SystemClock
from bot.domain.operation import Card
from bot.errors import (
    RateLimited,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
)
from bot.views import blocks
from bot.views.blocks import Message
from sandbox.faults import Fault
from sandbox.kit import running, serving
from sandbox.slack import SlackSimulator
from tests.clients.slack_side import (
    ANA,
    BO,
    CLEO,
    DEPLOYS,
    GENERAL,
    GUS,
    HELLO,
    TOKEN,
    Answering,
    SteppingClock,
    client_of,
    messages,
)

CARD = Card(DEPLOYS, "1700000000.000001")


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    """A simulated workspace that listens."""
    simulator = SlackSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(slack: SlackSimulator) -> AsyncIterator[SlackClient]:
    """A client with the bot's token."""
    async with SlackClient(TOKEN, clock=SystemClock(), base_url=f"{slack.url}/api/") as client:
        yield client


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def stepping(slack: SlackSimulator, clock: SteppingClock) -> AsyncIterator[SlackClient]:
    """A client whose waits take no time."""
    async with SlackClient(TOKEN, clock=clock, base_url=f"{slack.url}/api/") as client:
        yield client


async def test_a_message_is_posted_with_its_blocks(slack: SlackSimulator, client: SlackClient) -> None:
    """Text and blocks arrive, and the card says where."""
    card = await client.post(DEPLOYS, HELLO)

    shown = messages(slack, DEPLOYS)[-1]
    assert (card, shown["text"]) == (Card(DEPLOYS, shown["ts"]), "Hello")
    assert shown["blocks"][0]["text"]["text"] == "*Hello*"


async def test_a_reply_stands_in_its_thread(slack: SlackSimulator, client: SlackClient) -> None:
    """Details go below the card."""
    card = await client.post(DEPLOYS, HELLO)

    await client.post(DEPLOYS, Message("Log"), thread_ts=card.ts)

    assert messages(slack, DEPLOYS)[-1]["thread_ts"] == card.ts


async def test_a_post_to_a_person_is_a_direct_message(slack: SlackSimulator, client: SlackClient) -> None:
    """The card names the direct message's own channel, so that it can be updated."""
    card = await client.post(ANA, HELLO)

    await client.update(card, Message("Changed"))

    assert card.channel != ANA
    assert messages(slack, card.channel)[-1]["text"] == "Changed"


async def test_an_update_replaces_text_and_blocks(slack: SlackSimulator, client: SlackClient) -> None:
    """Nothing of the earlier version stays."""
    card = await client.post(DEPLOYS, HELLO)

    await client.update(card, Message("Done", [blocks.section("Done"), blocks.divider()]))

    shown = messages(slack, DEPLOYS)[-1]
    assert (shown["text"], [block["type"] for block in shown["blocks"]]) == ("Done", ["section", "divider"])


async def test_links_never_unfold() -> None:
    """Every message that is sent forbids it, so that Slack fetches nothing and shows no preview."""
    server = Answering(JSONResponse({"ok": True, "channel": "C1", "ts": "1.2"}))
    async with serving(server) as url, client_of(url) as client:
        await client.post("C1", HELLO)
        await client.update(CARD, HELLO)
        await client.ephemeral("C1", ANA, HELLO)
        await client.respond(f"{url}/response/1", HELLO)

    assert [(body["unfurl_links"], body["unfurl_media"]) for body in server.bodies] == [(False, False)] * 4


async def test_slacks_limits_hold_for_the_largest_message(slack: SlackSimulator, client: SlackClient) -> None:
    """A message built from hostile text of any length is accepted, and holds no control sequence."""
    hostile = "<!channel> <@U0ANA> <https://evil.example|login> & *b* `c` ```d``` \u202e\u200b\n> q " * 100
    button = blocks.button(hostile, action="a", value="1", label=hostile, confirm=confirmation(hostile))
    message = Message(
        blocks.escape(hostile, 4000),
        [
            blocks.header(hostile),
            blocks.section(blocks.code_block(hostile)),
            blocks.section(blocks.escape(hostile, 5000)),
            blocks.context(*[blocks.code(hostile)] * 12),
            blocks.divider(),
            blocks.actions(button, block_id="b"),
        ],
    )

    await client.post(DEPLOYS, message)

    shown = messages(slack, DEPLOYS)[-1]
    assert (shown["controls"], shown["pings"]) == ([], [])


def confirmation(text: str) -> blocks.Block:
    return blocks.confirmation(text, blocks.escape(text, 1000), text, text)


@pytest.mark.parametrize("text", ["", "\u200b", " \n"])
async def test_an_empty_text_does_not_lose_the_message(slack: SlackSimulator, client: SlackClient, text: str) -> None:
    """Slack refuses a whole message for one empty block; text that vanishes when it is cleaned does not matter."""
    button = blocks.button(text, action="a", value="1")

    await client.post(DEPLOYS, Message("t", [blocks.header(text), blocks.section(text), blocks.actions(button)]))

    assert len(messages(slack, DEPLOYS)) == 1


@pytest.mark.parametrize(
    ("channel", "code"), [(GENERAL, "not_in_channel"), ("C0NOWHERE", "channel_not_found"), ("", "invalid_arguments")]
)
async def test_a_refusal_has_slacks_code(client: SlackClient, channel: str, code: str) -> None:
    """What Slack says is the code, and the sentence names the method."""
    with pytest.raises(RemoteRejected) as caught:
        await client.post(channel, HELLO)

    assert caught.value.code == code
    assert "chat.postMessage was refused" in caught.value.message


async def test_the_place_of_a_bad_block_is_said(client: SlackClient) -> None:
    """What Slack tells beside its code helps whoever reads the log."""
    with pytest.raises(RemoteRejected) as caught:
        await client.post(DEPLOYS, Message("t", [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]))

    assert caught.value.code == "invalid_blocks"
    assert "/blocks/0" in caught.value.message


async def test_a_missing_scope_is_named(slack: SlackSimulator, client: SlackClient) -> None:
    """Who runs the bot reads which scope to add."""
    slack.world.app.bot_scopes.remove("users:read")

    with pytest.raises(RemoteRejected, match="needs the scope users:read") as caught:
        await client.member(ANA)

    assert caught.value.code == "missing_scope"


async def test_a_deleted_message_is_told_by_its_code(slack: SlackSimulator, client: SlackClient) -> None:
    """The caller can post anew."""
    card = await client.post(DEPLOYS, HELLO)
    slack.world.channels[DEPLOYS].messages[card.ts].deleted = True

    with pytest.raises(RemoteRejected) as caught:
        await client.update(card, HELLO)

    assert caught.value.code == "message_not_found"


async def test_a_closed_edit_window_is_told_by_its_code(slack: SlackSimulator, client: SlackClient) -> None:
    """Some workspaces forbid late edits."""
    card = await client.post(DEPLOYS, HELLO)
    slack.world.edit_window_s = -1

    with pytest.raises(RemoteRejected) as caught:
        await client.update(card, HELLO)

    assert caught.value.code == "edit_window_closed"


async def test_a_post_whose_connection_broke_is_not_repeated(slack: SlackSimulator, client: SlackClient) -> None:
    """Slack may have posted it: the error says so and there is one message."""
    slack.faults.add(Fault("drop_after", path="postMessage"))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.post(DEPLOYS, HELLO)

    assert caught.value.sent
    assert len(messages(slack, DEPLOYS)) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_a_post_that_slack_failed_is_not_repeated(
    slack: SlackSimulator, client: SlackClient, status: int
) -> None:
    """HTML or JSON, a 5xx is unavailable with `sent`."""
    slack.faults.add(Fault("status", status=status, body="<html>oops</html>"))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.post(DEPLOYS, HELLO)

    assert (caught.value.sent, caught.value.status) == (True, status)
    assert len(slack.calls.all()) == 1


async def test_no_connection_is_unsent() -> None:
    """Where nobody listens, the post certainly did nothing."""
    async with client_of("http://127.0.0.1:9") as client:
        with pytest.raises(RemoteUnavailable) as caught:
            await client.post(DEPLOYS, HELLO)

    assert not caught.value.sent


async def test_no_answer_in_time_is_a_timeout(slack: SlackSimulator) -> None:
    """The caller knows that it does not know; the post is not repeated."""
    slack.faults.add(Fault("delay", seconds=5, path="postMessage"))
    async with SlackClient(TOKEN, clock=SystemClock(), base_url=f"{slack.url}/api/", timeout_s=0.1) as client:
        with pytest.raises(RemoteTimeout):
            await client.post(DEPLOYS, HELLO)

    assert len(slack.calls.find("POST", "postMessage")) == 1


async def test_a_limited_post_says_for_how_long(slack: SlackSimulator, stepping: SlackClient) -> None:
    """Retry-After comes with the error, and the next post to that channel waits for its end."""
    fault = Fault("status", status=429, headers={"Retry-After": "7"}, body={"ok": False, "error": "ratelimited"})
    fault.times = 1
    slack.faults.add(fault)

    with pytest.raises(RateLimited) as caught:
        await stepping.post(DEPLOYS, HELLO)
    await stepping.post(DEPLOYS, HELLO)

    assert caught.value.retry_after == timedelta(seconds=7)
    assert stepping._clock.slept == [7.0]  # type: ignore[attr-defined]


async def test_posts_to_one_channel_keep_slacks_pace(slack: SlackSimulator, clock: SteppingClock) -> None:
    """Three at once, then one a second on average; another channel does not wait."""
    slack.rate_limits = False
    async with SlackClient(TOKEN, clock=clock, base_url=f"{slack.url}/api/") as client:
        for _ in range(6):
            await client.post(DEPLOYS, HELLO)
        await client.post(ANA, HELLO)

    assert clock.slept == [3.0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop_after", path="update", times=2),
        Fault("drop_before", path="update", times=2),
        Fault("status", path="update", times=2, body={"ok": False, "error": "internal_error"}, status=200),
        Fault("status", path="update", times=2, status=502, body="<html>bad gateway</html>"),
        Fault("status", path="update", times=2, status=429, headers={"Retry-After": "30"}, body={"ok": False}),
    ],
    ids=["dropped after", "dropped before", "internal error", "bad gateway", "limited"],
)
async def test_an_update_is_repeated(slack: SlackSimulator, stepping: SlackClient, fault: Fault) -> None:
    """The same text twice does no harm, so trouble is waited out."""
    card = await stepping.post(DEPLOYS, HELLO)
    slack.faults.add(Fault(**{**fault.__dict__, "id": 0}))

    await stepping.update(card, Message("Done"))

    assert messages(slack, DEPLOYS)[-1]["text"] == "Done"


async def test_an_update_gives_up_in_the_end(slack: SlackSimulator, stepping: SlackClient) -> None:
    """After three tries the caller hears of it."""
    card = await stepping.post(DEPLOYS, HELLO)
    slack.faults.add(Fault("status", path="update", status=503))

    with pytest.raises(RemoteUnavailable):
        await stepping.update(card, HELLO)

    assert len(slack.calls.find("POST", "update")) == 3


async def test_updates_stay_within_the_workspaces_budget(slack: SlackSimulator, stepping: SlackClient) -> None:
    """A hundred edits of many cards go out, and never more than 45 in a minute."""
    cards = [await stepping.post(user, HELLO) for user in (ANA, BO, CLEO, GUS)]
    slack.rate_limits = False
    stepping._clock.slept.clear()  # type: ignore[attr-defined]
    for number in range(100):
        await stepping.update(cards[number % 4], Message(str(number)), urgent=number % 2 == 0)

    assert len(slack.calls.find("POST", "update")) == 100
    assert sum(stepping._clock.slept) >= 120  # type: ignore[attr-defined]


async def test_the_newest_state_of_a_card_wins(slack: SlackSimulator, client: SlackClient) -> None:
    """Of many edits at a time the last one given stands, and those between are left out."""
    card = await client.post(DEPLOYS, HELLO)

    await asyncio.gather(*(client.update(card, Message(f"step {number}")) for number in range(30)))

    shown = messages(slack, DEPLOYS)[-1]
    assert shown["text"] == "step 29"
    assert len(slack.calls.find("POST", "update")) < 5


async def test_a_final_state_is_not_overwritten_by_earlier_progress(slack: SlackSimulator, client: SlackClient) -> None:
    """Progress is still under way when the final state comes, and even its repetition comes to nothing."""
    card = await client.post(DEPLOYS, HELLO)
    slack.faults.add(Fault("drop_after", path="update", times=1))
    progress = asyncio.create_task(client.update(card, Message("1 of 2")))
    await asyncio.sleep(0)

    await client.update(card, Message("Done"), urgent=True)
    await progress

    assert messages(slack, DEPLOYS)[-1]["text"] == "Done"


async def test_what_is_over_takes_no_room(client: SlackClient) -> None:
    """A thousand cards later nothing is left of them."""
    card = await client.post(DEPLOYS, HELLO)
    await client.update(card, HELLO)

    assert (dict(client._newest), dict(client._locks)) == ({}, {})


async def test_an_ephemeral_message_is_seen_by_one(slack: SlackSimulator, client: SlackClient) -> None:
    """The others see nothing."""
    await client.ephemeral(DEPLOYS, ANA, HELLO)

    assert messages(slack, DEPLOYS)[-1]["visible_to"] == ANA


@pytest.mark.parametrize(
    ("channel", "user"), [(GENERAL, ANA), ("C0NOWHERE", ANA)], ids=["bot not in channel", "no such channel"]
)
async def test_an_ephemeral_message_falls_back_to_a_direct_one(
    slack: SlackSimulator, client: SlackClient, channel: str, user: str
) -> None:
    """Where it cannot be shown in the channel, the person still gets it."""
    await client.ephemeral(channel, user, HELLO)

    assert messages(slack, f"D{user[1:]}")[-1]["text"] == "Hello"


async def test_who_left_the_channel_gets_a_direct_message(slack: SlackSimulator, client: SlackClient) -> None:
    """The person is not in the channel."""
    slack.world.channels[DEPLOYS].members.remove(GUS)

    await client.ephemeral(DEPLOYS, GUS, HELLO)

    assert messages(slack, "D0GUS")[-1]["text"] == "Hello"


async def test_another_refusal_of_an_ephemeral_message_is_an_error(slack: SlackSimulator, client: SlackClient) -> None:
    """What a direct message would not mend is not tried there."""
    with pytest.raises(RemoteRejected) as caught:
        await client.ephemeral(DEPLOYS, ANA, Message("t", [{"type": "nonsense"}]))

    assert caught.value.code == "invalid_blocks"
    assert len(slack.calls.all()) == 1
