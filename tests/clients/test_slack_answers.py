"""Response URLs, and answers that are not what Slack says on a good day."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from bot.clients.slack import SlackClient
from bot.clients.slack.connection import response_host
from bot.clock import SystemClock
from bot.errors import (
    RateLimited,
    RemoteError,
    RemoteRejected,
    RemoteUnavailable,
    UnexpectedResponse,
)
from bot.views.blocks import Message
from sandbox.kit import running, serving
from sandbox.slack import SlackSimulator
from tests.clients.slack_side import (
    ANA,
    DEPLOYS,
    HELLO,
    TOKEN,
    Answering,
    client_of,
    messages,
)


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


@pytest.mark.parametrize(("in_channel", "visible_to"), [(False, ANA), (True, None)])
async def test_a_response_goes_to_the_person_or_to_all(
    slack: SlackSimulator, client: SlackClient, in_channel: bool, visible_to: str | None
) -> None:
    """Private, unless the message asks for the channel."""
    url = slack.world.new_response_url(ANA, slack.world.channels[DEPLOYS])

    await client.respond(url, Message("Yes", in_channel=in_channel))

    shown = messages(slack, DEPLOYS)[-1]
    assert (shown["text"], shown["visible_to"]) == ("Yes", visible_to)


async def test_a_response_url_that_is_used_up_is_refused(slack: SlackSimulator, client: SlackClient) -> None:
    """The sixth use fails with Slack's code, and the error does not tell the URL, which is a credential."""
    url = slack.world.new_response_url(ANA, slack.world.channels[DEPLOYS])
    for _ in range(5):
        await client.respond(url, HELLO)

    with pytest.raises(RemoteRejected) as caught:
        await client.respond(url, HELLO)

    assert caught.value.code == "used_url"
    assert url.rpartition("/")[2] not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/commands/1",
        "http://hooks.slack.com/commands/1",
        "https://hooks.slack.com.evil.example/1",
        "https://hooks.slack.com@evil.example/1",
        "https://hooks.slack.com\\@evil.example/1",
        "https://evil.example#@hooks.slack.com/1",
        "https://user@hooks.slack.com/1",
        "https://hooks.slack.com:8443/1",
        "https://hooks.slack.com\t.evil.example/",
        "https://hooks.slаck.com/1",
        "//hooks.slack.com/1",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
async def test_only_slacks_own_addresses_are_answered(client: SlackClient, url: str) -> None:
    """An address of somebody else's is refused before anything is sent."""
    with pytest.raises(RemoteRejected) as caught:
        await client.respond(url, HELLO)

    assert (caught.value.code, caught.value.sent) == ("invalid_response_url", False)


def test_slacks_hook_host_is_accepted_over_https() -> None:
    """The address that real payloads carry."""
    url = "https://hooks.slack.com/commands/T/1/x"

    assert response_host(url, "https://slack.com/api/") == "https://hooks.slack.com"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (JSONResponse({"ok": True}), UnexpectedResponse),
        (JSONResponse({"ok": True, "channel": "C1", "ts": 1.5}), UnexpectedResponse),
        (JSONResponse(["ok"], 502), RemoteUnavailable),
        (JSONResponse({"ok": False}), UnexpectedResponse),
        (JSONResponse({"ok": False, "error": "fatal_error"}), RemoteUnavailable),
        (JSONResponse({"ok": False, "error": "ratelimited"}), RateLimited),
        (JSONResponse({"ok": False, "error": "no_text", "response_metadata": None}), RemoteRejected),
        (Response("<html>", media_type="text/html"), UnexpectedResponse),
        (Response("{broken", media_type="application/json"), UnexpectedResponse),
        (Response("{broken", 500, media_type="application/json"), RemoteUnavailable),
        (PlainTextResponse("upstream connect error", 503), RemoteUnavailable),
        (Response("slow down", 429, media_type="text/html", headers={"Retry-After": "soon"}), RateLimited),
        (JSONResponse({"ok": False, "error": "gone"}, 404), RemoteRejected),
        (RedirectResponse("/elsewhere"), RemoteError),
    ],
)
async def test_odd_answers_become_errors_of_ours(answer: Response, expected: type[RemoteError]) -> None:
    """Whatever stands between us and Slack answers, no foreign exception comes out."""
    async with serving(Answering(answer)) as url, client_of(url) as client:
        with pytest.raises(expected):
            await client.post("C1", HELLO)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (PlainTextResponse("expired_url", 404), "expired_url"),
        (JSONResponse({"ok": False, "error": "used_url"}), "used_url"),
        (JSONResponse({"ok": False, "error": "invalid_blocks"}, 400), "invalid_blocks"),
        (RedirectResponse("http://127.0.0.1:9/elsewhere"), ""),
    ],
)
async def test_a_response_url_refuses_in_many_ways(answer: Response, code: str) -> None:
    """By status, by body, as text or JSON; a redirect is not followed."""
    async with serving(Answering(answer)) as url, client_of(url) as client:
        with pytest.raises(RemoteError) as caught:
            await client.respond(f"{url}/response/1", HELLO)

    assert getattr(caught.value, "code", "") == code


@pytest.mark.parametrize("text", ["ok", '{"ok": true}', " ok\n", "[]"])
async def test_a_response_url_accepts_in_many_ways(text: str) -> None:
    """Slack says `ok`, or JSON."""
    async with serving(Answering(PlainTextResponse(text))) as url, client_of(url) as client:
        await client.respond(f"{url}/response/1", HELLO)


async def test_a_response_whose_connection_broke_is_unknown() -> None:
    """It may have been shown: not repeated, and said."""
    server = Answering(None)
    async with serving(server) as url, client_of(url) as client:
        with pytest.raises(RemoteUnavailable) as caught:
            await client.respond(f"{url}/response/secret", HELLO)

    assert (caught.value.sent, len(server.bodies)) == (True, 1)
    assert "secret" not in str(caught.value)
