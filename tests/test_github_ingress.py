"""GitHub's door: who is believed, what is kept, and that it is kept once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_bolt.response import BoltResponse

from bot.deliveries import Deliveries
from bot.github_ingress import BODY_LIMIT, Delivery, Hooks
from bot.ingress import Refused
from bot.metrics import Metrics
from bot.store import Store
from bot.web import Web
from jobs.deliveries import forget_deliveries
from tests.builders import NOW

SECRET = "It's a Secret to Everybody"
HOOKS = Hooks(["old secret", SECRET], frozenset({"reify/reify-studio"}), app_id="77")
PAYLOAD = {"action": "published", "repository": {"id": 4711, "full_name": "Reify/reify-studio"}}


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers_of(body: bytes, **changes: str | None) -> dict[str, str]:
    """The headers that GitHub sends; a change of None leaves one out."""
    headers: dict[str, str | None] = {
        "content-type": "application/json",
        "x-github-delivery": "0b989ba4-242f-11e5-81e1-c7b6966d2516",
        "x-github-event": "release",
        "x-hub-signature-256": signed(body),
        "x-github-hook-installation-target-type": "repository",
        "x-github-hook-installation-target-id": "4711",
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in headers.items() if value is not None}


def taken(payload: Any = PAYLOAD, **changes: str | None) -> Delivery:
    body = json.dumps(payload).encode()
    return HOOKS.take(body, headers_of(body, **changes))


def test_a_delivery_is_told_by_its_headers_and_its_payload() -> None:
    """Event and id stand in the headers, action and repository in the payload; names are compared without case."""
    delivery = taken()

    assert (delivery.event, delivery.action, delivery.repository) == ("release", "published", "reify/reify-studio")
    assert delivery.guid == "0b989ba4-242f-11e5-81e1-c7b6966d2516"


def test_the_signature_is_the_documented_one() -> None:
    """GitHub publishes a test vector for its signature."""
    documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    with pytest.raises(Refused, match="content type"):
        HOOKS.take(b"Hello, World!", {"x-hub-signature-256": documented})


def test_both_secrets_are_believed_during_a_rotation() -> None:
    """Old and new stand beside each other until GitHub has the new one."""
    body = json.dumps(PAYLOAD).encode()

    assert taken(x_hub_signature_256=signed(body, "old secret")).event == "release"


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"x_hub_signature_256": None}, 401, "signature"),
        ({"x_hub_signature_256": "sha256=" + "0" * 64}, 401, "signature"),
        ({"x_hub_signature_256": "sha1=" + "0" * 40}, 401, "signature"),
        ({"content_type": "application/x-www-form-urlencoded"}, 415, "content type"),
        ({"x_github_event": None}, 400, "x-github-event"),
        ({"x_github_event": "../../etc"}, 400, "x-github-event"),
        ({"x_github_delivery": "short"}, 400, "x-github-delivery"),
        ({"x_github_hook_installation_target_id": "4712"}, 403, "hook target"),
        (
            {"x_github_hook_installation_target_type": "integration", "x_github_hook_installation_target_id": "78"},
            403,
            "hook target",
        ),
    ],
)
def test_what_is_not_ours_is_refused(changes: dict[str, str | None], status: int, why: str) -> None:
    """Each header that says who sent what is checked, the signature before all others."""
    with pytest.raises(Refused, match=why) as refused:
        taken(**changes)

    assert refused.value.status == status


@pytest.mark.parametrize(
    ("payload", "status"),
    [([], 400), ({}, 403), ({"repository": "x"}, 403), ({"repository": {"full_name": "eve/reify-studio"}}, 403)],
)
def test_a_payload_that_names_no_repository_of_ours_is_refused(payload: Any, status: int) -> None:
    """A correct signature is not enough: the same secret may stand at another hook."""
    with pytest.raises(Refused) as refused:
        taken(payload)

    assert refused.value.status == status


def test_a_truncated_body_is_refused_by_its_signature() -> None:
    """Half of a delivery is not what was signed."""
    body = json.dumps(PAYLOAD).encode()

    with pytest.raises(Refused, match="signature"):
        HOOKS.take(body[:-1], headers_of(body))


def test_a_signed_body_that_is_no_json_is_refused() -> None:
    """It changes nothing, however well it is signed."""
    with pytest.raises(Refused, match="json"):
        HOOKS.take(b"{", headers_of(b"{"))


def test_the_ping_of_an_app_names_no_repository_and_may_come() -> None:
    """It leads to nothing; refusing it would show the hook as broken at GitHub."""
    assert taken({"zen": "Design for failure."}, x_github_event="ping").repository == ""


class Door:
    """The web application with a database behind it."""

    def __init__(self, client: httpx.AsyncClient, store: Store, metrics: Metrics) -> None:
        self.client = client
        self.store = store
        self.metrics = metrics

    async def gets(self, payload: Any = PAYLOAD, **changes: str | None) -> httpx.Response:
        body = json.dumps(payload).encode()
        return await self.client.post("/github/webhooks", content=body, headers=headers_of(body, **changes))

    async def kept(self) -> list[tuple[str, str]]:
        rows = await self.store.read(lambda db: list(db.query("SELECT event, state FROM delivery ORDER BY guid")))
        return [(row["event"], row["state"]) for row in rows]


@asynccontextmanager
async def opened(folder: Path, hooks: Hooks = HOOKS) -> AsyncIterator[Door]:
    async def never(_: dict[str, object]) -> BoltResponse:
        raise AssertionError("dispatched")

    store, metrics = Store(str(folder / "flytower.db")), Metrics()
    await store.open()

    async def keep(delivery: Delivery) -> bool:
        return await Deliveries(store).keep(delivery, NOW)

    web = Web(dispatch=never, signing_secret="s", hooks=hooks, keep=keep, metrics=metrics, ready=dict)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web.app()), base_url="http://bot") as client:
        yield Door(client, store, metrics)
    await store.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_delivery_is_kept_before_it_is_acknowledged(door: Door) -> None:
    """202 means that it is in the database."""
    answer = await door.gets()

    assert (answer.status_code, answer.text) == (202, "kept")
    assert await door.kept() == [("release", "received")]


async def test_a_delivery_that_comes_again_is_kept_once(door: Door) -> None:
    """A redelivery has the same id: it is acknowledged, and nothing is added."""
    await door.gets()

    answer = await door.gets()

    assert (answer.status_code, answer.text) == (202, "known")
    assert len(await door.kept()) == 1
    assert b'flytower_github_deliveries_total{result="known"} 1.0' in door.metrics.text()


async def test_an_event_that_leads_to_nothing_is_acknowledged_and_not_kept(door: Door) -> None:
    """GitHub adds events without notice; an error would show the hook as broken."""
    answer = await door.gets(x_github_event="star")

    assert (answer.status_code, answer.text) == (202, "ignored")
    assert await door.kept() == []


async def test_a_body_over_the_limit_is_refused_while_it_is_read(door: Door) -> None:
    """Thirty megabytes are not taken in to find out that nobody signed them."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 65_536 + 2):
            yield b" " * 65_536

    answer = await door.client.post("/github/webhooks", content=endless())

    assert answer.status_code == 413
    assert await door.kept() == []


async def test_a_forged_delivery_changes_nothing(door: Door) -> None:
    """It is refused with a word, counted, and kept nowhere."""
    answer = await door.gets(x_hub_signature_256=signed(b"{}"))

    assert (answer.status_code, answer.text) == (401, "signature")
    assert await door.kept() == []
    assert b'flytower_github_deliveries_total{result="refused"} 1.0' in door.metrics.text()


async def test_what_cannot_be_kept_is_not_acknowledged(door: Door) -> None:
    """Without a database GitHub's log shows a failure, and the delivery can be asked for again."""
    await door.store.close()

    answer = await door.gets()

    assert answer.status_code == 503


async def test_without_a_secret_nothing_is_believed(tmp_path: Path) -> None:
    """A bot that was not told a secret has no such door."""
    async with opened(tmp_path, Hooks([], frozenset({"reify/reify-studio"}))) as door:
        answer = await door.gets()

    assert answer.status_code == 404


async def test_deliveries_are_forgotten_when_github_forgets_them(tmp_path: Path) -> None:
    """After three days; what is younger stays."""
    async with opened(tmp_path) as door:
        await door.gets()
        deliveries = Deliveries(door.store)
        forgotten = [await deliveries.forget(NOW + timedelta(days=days)) for days in (2, 4)]

        assert forgotten == [0, 1]
        assert await door.kept() == []


async def test_the_job_forgets_by_the_bots_clock(tmp_path: Path) -> None:
    """It says how many it deleted."""

    class Later:
        def now(self) -> Any:
            return NOW + timedelta(days=4)

        async def sleep(self, seconds: float) -> None:
            raise AssertionError(seconds)

    async with opened(tmp_path) as door:
        await door.gets()

        assert await forget_deliveries(Deliveries(door.store), Later()).run() == "1 forgotten"
