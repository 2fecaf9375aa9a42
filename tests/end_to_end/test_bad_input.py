"""What people mistype and what attackers send: a clear sentence or a 4xx, and nothing changed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
import structlog

from sandbox.faults import Fault
from tests.world import SHA, World, text_of

SECRET = "sandbox-signing-secret"
OLDER = f"sha-{SHA['v1.4.0']}"
FORM = "application/x-www-form-urlencoded"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None, kind: str = FORM) -> dict[str, str]:
    """The headers with which Slack sends this body."""
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}", "Content-Type": kind}


def command(text: str) -> bytes:
    """A slash command as Slack sends it."""
    fields = {"command": "/deploy", "text": text, "user_id": "U0ANA", "team_id": "T0REIFY", "channel_id": "C0DEPLOYS"}
    return urlencode(fields | {"trigger_id": "1.2.3", "response_url": "http://127.0.0.1:9/response/x"}).encode()


async def post(world: World, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        return await client.post(f"{world.url}/slack/events", content=body, headers=headers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prodction v1.4.2", "Did you mean `production`?"),
        ("production w9.9.9", "has no tag, branch or commit w9.9.9"),
        ("production", "is released by tags"),
        ("production v1.4.2 now please", "is too much"),
        ("production v1.4.2 --raeson x", "Did you mean `--reason`?"),
        ('production v1.4.2 --reason "open', "a quote that is not closed"),
        ("production ../../etc/passwd", "cannot name a tag, a branch or a commit"),
        ("production " + "x" * 10_000, "a command has at most 1000"),
        ("production --reason", "needs a value"),
    ],
)
async def test_what_cannot_be_read_is_answered_in_a_sentence(world: World, text: str, said: str) -> None:
    """A mistyped command gets a private sentence that helps, and leaves no trace at Fly or in the channel."""
    await world.types(f"/deploy {text}")

    assert said in world.private()[-1] or said in " ".join(world.private())
    assert world.messages() == []
    assert world.release_commands() == []


@pytest.mark.parametrize("text", ["help", "  help  "])
async def test_help_is_shown(world: World, text: str) -> None:
    """`help` shows what the command can do."""
    await world.types(f"/deploy {text}")

    assert "brings a commit to an environment" in world.private()[-1]


async def test_a_text_with_the_word_payload_is_a_command_like_any_other(world: World) -> None:
    """Bolt 1.30 loses slash commands whose text contains `payload`; here the command is worked."""
    body = command("staging payload-service")

    answer = await post(world, body, signed(body))
    await world.settle()

    assert answer.status_code == 200
    assert "payload-service" in answer.json()["text"]
    assert [operation.request["ref"] for operation in await world.operations()] == ["payload-service"]


async def test_a_commit_title_with_a_broadcast_pings_nobody(world: World) -> None:
    """`<!channel>` and a lying link in a commit's title stay text in every message."""
    await world.types("/deploy staging hostile")

    assert "&lt;!channel&gt;" in text_of(world.card())
    assert [message["pings"] for message in [*world.messages(), *world.thread()] if message["pings"]] == []
    assert "<https://evil" not in json.dumps([*world.messages(), *world.thread()])
    assert world.labels("reify-studio-staging") == {f"sha-{SHA['hostile']}"}


def _with(headers: dict[str, str], **changes: str) -> dict[str, str]:
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


BODY = command("production v1.4.2")
# Signed when a test runs: a signature is good for five minutes, and the whole suite may take longer.
REFUSED = {
    "forged": (BODY, lambda: signed(BODY, secret="another"), 401),
    "other body": (BODY + b"x", lambda: signed(BODY), 401),
    "stale": (BODY, lambda: signed(BODY, at=time.time() - 900), 401),
    "from the future": (BODY, lambda: signed(BODY, at=time.time() + 900), 401),
    "no signature": (BODY, lambda: {"Content-Type": FORM}, 401),
    "odd timestamp": (BODY, lambda: _with(signed(BODY), X_Slack_Request_Timestamp="soon"), 401),
    "broken JSON": (b"payload=%7Bnope", lambda: signed(b"payload=%7Bnope"), 400),
    "JSON that is a list": (b"[1]", lambda: signed(b"[1]", kind="application/json"), 400),
    "not UTF-8": (b"text=\xff\xfe", lambda: signed(b"text=\xff\xfe"), 400),
    "XML": (b"<a/>", lambda: signed(b"<a/>", kind="application/xml"), 415),
    "2 MB": (b"a" * 2_000_000, lambda: signed(b"a" * 2_000_000), 413),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_is_not_slacks_is_refused(world: World, name: str) -> None:
    """Each gets its 4xx, and nothing is stored."""
    body, headers, status = REFUSED[name]

    answer = await post(world, body, headers())

    assert answer.status_code == status
    assert await world.operations() == []


async def test_a_body_of_30_mb_is_refused_before_it_is_read(world: World) -> None:
    """A huge upload without a length is refused after its first megabyte; the rest is not taken in."""
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(480):
            sent += 65_536
            yield b"x" * 65_536

    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        # The server answers and closes while we still send, which a client may see as a broken connection.
        with contextlib.suppress(httpx.NetworkError):
            await client.post(f"{world.url}/slack/events", content=chunks(), headers={"Content-Type": FORM})

    assert b'flytower_slack_requests_total{result="refused"} 1.0' in world.bot.metrics.text()
    assert sent < 20_000_000


async def test_a_flood_of_forged_requests_is_counted_and_hardly_logged(world: World) -> None:
    """A hundred forged requests leave a hundred in the figures and one line in the log, without their bodies."""
    with structlog.testing.capture_logs() as lines:
        for _ in range(100):
            await post(world, b"text=evil-text", signed(b"text=evil-text", secret="another"))

    assert len([line for line in lines if line["log_level"] in {"warning", "error"}]) == 1
    assert "evil-text" not in json.dumps(lines, default=str)
    assert b'flytower_slack_requests_total{result="refused"} 100.0' in world.bot.metrics.text()


@pytest.mark.parametrize(
    ("user", "reason"), [("U0GUS", "not_a_member"), ("U0EVE", "other_workspace")], ids=["guest", "other workspace"]
)
async def test_a_guest_or_a_stranger_cannot_press_deploy(world: World, user: str, reason: str) -> None:
    """Somebody who may not act presses Deploy: refused with the rule, nothing starts."""
    await world.types("/deploy production v1.4.2")
    await world.clicks("deployment_confirm", by=user)

    assert reason in world.private(user)[-1]
    assert world.release_commands() == []


async def test_a_guest_cannot_deploy_to_staging(world: World) -> None:
    """Where no button is asked for the rule holds too: the guest's command changes nothing."""
    await world.types("/deploy staging main", by="U0GUS")

    assert "not_a_member" in world.private("U0GUS")[-1]
    assert world.labels("reify-studio-staging") == {f"sha-{SHA['v1.4.2']}"}


async def test_membership_that_cannot_be_read_refuses(world: World) -> None:
    """Slack does not answer users.info: nobody is believed."""
    world.slack.faults.add(Fault("status", path="/api/users.info", status=500))
    await world.types("/deploy staging main")

    assert "membership_unknown" in world.private()[-1]
    assert world.labels("reify-studio-staging") == {f"sha-{SHA['v1.4.2']}"}


async def test_only_the_requester_confirms(world: World) -> None:
    """A colleague presses Deploy on Ana's plan: told whose it is, nothing starts."""
    await world.types("/deploy production v1.4.2")
    await world.clicks("deployment_confirm", by="U0BO")

    assert "<@U0ANA>" in world.private("U0BO")[-1]
    assert world.release_commands() == []


async def test_a_stale_button_says_what_happened_since(world: World) -> None:
    """Deploy on a dismissed plan, Cancel on an ended deployment: told so, nothing changes."""
    await world.types("/deploy production v1.4.2")
    old = world.card()
    await world.clicks("deployment_cancel")
    await world.slack.click(
        user="U0ANA", channel=old["channel"], ts=old["ts"], action_id="deployment_confirm", version=0
    )
    await world.settle()

    assert "was cancelled" in world.private()[-1]
    assert world.release_commands() == []


async def test_a_button_of_an_older_flytower_is_answered(world: World) -> None:
    """An action id that nobody knows any more gets words instead of Slack's error."""
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANA", "team_id": "T0REIFY"},
        "team": {"id": "T0REIFY"},
        "channel": {"id": "C0DEPLOYS"},
        "trigger_id": "9.9.9",
        "actions": [{"action_id": "deployment_of_yore", "block_id": "b", "type": "button", "value": "1"}],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()

    answer = await post(world, body, signed(body))
    await world.settle()

    assert answer.status_code == 200
    assert "older message" in world.private()[-1]


async def test_a_plan_that_is_no_longer_true_is_shown_anew_instead_of_run(world: World) -> None:
    """Somebody deployed between plan and button: nothing starts, the card shows what is true now."""
    await world.types("/deploy production v1.4.2")
    await world.fly.control.ci.deploy("reify-studio", OLDER)
    await world.clicks("deployment_confirm")

    assert "the Machines or what they run changed" in world.private()[-1]
    assert "from `v1.4.0`" in text_of(world.card())
    assert world.labels() == {OLDER}
