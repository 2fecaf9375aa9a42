"""What the Slack client says of people, groups and itself, and what it does not tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse

from bot.clients.slack import Identity, SlackClient, member_of
from bot.clock import SystemClock
from bot.domain.model import Member
from bot.errors import (
    RateLimited,
    RemoteRejected,
    RemoteUnavailable,
    UnexpectedResponse,
)
from sandbox.faults import Fault
from sandbox.kit import running, serving
from sandbox.slack import SlackSimulator
from tests.clients.slack_side import (
    ANA,
    BO,
    BOT,
    CLEO,
    EVE,
    GUS,
    TOKEN,
    Answering,
    SteppingClock,
    client_of,
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


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def stepping(slack: SlackSimulator, clock: SteppingClock) -> AsyncIterator[SlackClient]:
    """A client whose waits take no time."""
    async with SlackClient(TOKEN, clock=clock, base_url=f"{slack.url}/api/") as client:
        yield client


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        (ANA, Member(ANA, "T0REIFY", "ana", time_zone="America/Sao_Paulo")),
        (GUS, Member(GUS, "T0REIFY", "gus", is_guest=True, time_zone="Europe/Madrid")),
        (EVE, Member(EVE, "T0OTHER", "eve", is_stranger=True, time_zone="America/New_York")),
        (BOT, Member(BOT, "T0REIFY", "flytower", is_bot=True, time_zone="Etc/UTC")),
    ],
)
async def test_a_member_is_read(client: SlackClient, user_id: str, expected: Member) -> None:
    """Workspace, name, guest, stranger, bot, time zone."""
    assert await client.member(user_id) == expected


def test_a_single_channel_guest_and_a_leaver_are_told() -> None:
    """Both kinds of guests count, and who left is deleted."""
    found = member_of({"id": "U1", "team_id": "T1", "real_name": "X", "is_ultra_restricted": True, "deleted": True})

    assert found == Member("U1", "T1", "X", is_guest=True, is_deleted=True)


async def test_an_unknown_member_is_refused(client: SlackClient) -> None:
    """Nobody of that id."""
    with pytest.raises(RemoteRejected) as caught:
        await client.member("U0NOBODY")

    assert caught.value.code == "user_not_found"


async def test_a_member_is_asked_for_once_in_90_seconds(slack: SlackSimulator, stepping: SlackClient) -> None:
    """Eight checks at a time are one call; after 90 s Slack is asked again and a change counts."""
    await asyncio.gather(*(stepping.member(ANA) for _ in range(8)))
    slack.world.users[ANA].deleted = True
    before = await stepping.member(ANA)
    stepping._clock.time += timedelta(seconds=90)  # type: ignore[attr-defined]

    after = await stepping.member(ANA)

    assert (before.is_deleted, after.is_deleted) == (False, True)
    assert len(slack.calls.find("GET", "users.info")) == 2


async def test_a_read_is_repeated_and_a_failure_not_kept(slack: SlackSimulator, stepping: SlackClient) -> None:
    """Three tries, then an error; the next one asks again."""
    slack.faults.add(Fault("status", path="users.info", status=503, times=3))

    with pytest.raises(RemoteUnavailable):
        await stepping.member(ANA)

    assert (await stepping.member(ANA)).user_id == ANA
    assert len(slack.calls.find("GET", "users.info")) == 4


async def test_a_read_whose_connection_broke_is_repeated(slack: SlackSimulator, stepping: SlackClient) -> None:
    """Reading twice is reading."""
    slack.faults.add(Fault("drop_after", path="users.info", times=2))

    assert (await stepping.member(ANA)).user_id == ANA


async def test_a_limited_read_does_not_keep_a_person_waiting(slack: SlackSimulator, stepping: SlackClient) -> None:
    """A click has three seconds: a long Retry-After is an error at once."""
    slack.faults.add(Fault("status", status=429, headers={"Retry-After": "20"}, body={"ok": False}))

    with pytest.raises(RateLimited):
        await stepping.group_members("S0APPROVERS")

    assert len(slack.calls.all()) == 1


async def test_a_group_has_its_members(slack: SlackSimulator, client: SlackClient) -> None:
    """Read once, then remembered."""
    first = await client.group_members("S0APPROVERS")
    await client.group_members("S0APPROVERS")

    assert first == frozenset({CLEO, BO})
    assert len(slack.calls.all()) == 1


async def test_a_disabled_group_has_no_members(slack: SlackSimulator, client: SlackClient) -> None:
    """Nobody approves for a group that was switched off."""
    slack.world.usergroups["S0APPROVERS"].is_disabled = True

    with pytest.raises(RemoteRejected) as caught:
        await client.group_members("S0APPROVERS")

    assert caught.value.code == "no_such_subteam"


async def test_the_token_says_who_it_is(client: SlackClient) -> None:
    """Workspace, bot user and bot."""
    assert await client.auth_test() == Identity("T0REIFY", BOT, "B0FLYTOWER", "https://reify.slack.com/")


async def test_a_wrong_token_is_refused_and_never_shown(slack: SlackSimulator) -> None:
    """Neither error nor repr tells the token, and no exception behind the error holds the request."""
    async with SlackClient("xoxb-wrong-secret", clock=SystemClock(), base_url=f"{slack.url}/api/") as client:
        with pytest.raises(RemoteRejected) as caught:
            await client.auth_test()

    assert caught.value.code == "invalid_auth"
    assert caught.value.__cause__ is None
    assert "wrong-secret" not in f"{caught.value} {caught.value!r} {client!r} {vars(caught.value)}"


async def test_a_proxy_of_the_environment_is_not_used(slack: SlackSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would see the token without anybody having said so."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with SlackClient(TOKEN, clock=SystemClock(), base_url=f"{slack.url}/api/") as client:
        assert (await client.auth_test()).team_id == "T0REIFY"


@pytest.mark.parametrize("body", [{"ok": True}, {"ok": True, "users": "U1"}, {"ok": True, "user": []}])
async def test_reads_of_another_shape_are_unexpected(body: dict[str, Any]) -> None:
    """A person or a group without the fields that we know is refused and not taken for an empty one."""
    async with serving(Answering(JSONResponse(body))) as url, client_of(url) as client:
        with pytest.raises(UnexpectedResponse):
            await client.member(ANA)
        with pytest.raises(UnexpectedResponse):
            await client.group_members("S1")
