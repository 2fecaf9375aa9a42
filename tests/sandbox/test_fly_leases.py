"""The simulated Machines API: leases, waiting and rate limits."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, NEXT, SJC, Fly, Stage

MACHINE = f"/v1/apps/{APP}/machines/{IAD}"
LEASE, WAIT = f"{MACHINE}/lease", f"{MACHINE}/wait"

fly_stage, fly = FIXTURES


def with_nonce(nonce: str) -> dict[str, str]:
    return {"fly-machine-lease-nonce": nonce}


@pytest.mark.parametrize(
    "options", [{"json": {"ttl": 13}}, {"params": {"ttl": "13"}}, {"json": {"ttl": 13}, "params": {"ttl": "9"}}]
)
async def test_a_lease_is_taken_with_ttl_in_body_or_query(fly: Fly, options: dict[str, Any]) -> None:
    """201 with nonce, owner and the time it ends; whoever asks sees it."""
    answer = await fly.http.post(LEASE, **options)
    lease = answer.json()["data"]

    assert answer.status_code == 201
    assert lease["expires_at"] == int(fly.clock.now() + 13)
    assert lease["owner"] == "5b0f3f0e-production@tokens.fly.io"
    assert (await fly.get(LEASE))["data"] == lease


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"config": {"image": f"registry.fly.io/{APP}:{NEXT}"}}),
        ("POST", "/start", None),
        ("POST", "/stop", {}),
        ("POST", "/restart", None),
        ("POST", "/suspend", None),
        ("POST", "/cordon", None),
        ("POST", "/uncordon", None),
        ("DELETE", "?force=true", None),
    ],
)
@pytest.mark.parametrize("nonce", ["", "0123456789ab"])
async def test_a_leased_machine_is_changed_with_its_nonce_only(
    fly: Fly, method: str, path: str, body: Any, nonce: str
) -> None:
    """Without the nonce, or with another, 409 says who holds the lease and until when; with it, the change is made."""
    held = await fly.lease()

    refused = await fly.call(method, f"{MACHINE}{path}", body, headers=with_nonce(nonce) if nonce else {})
    done = await fly.call(method, f"{MACHINE}{path}", body, headers=with_nonce(held))

    assert refused.status_code == 409
    assert f"machine ID {IAD} lease currently held by 5b0f3f0e-production@tokens.fly.io, expires at " in refused.text
    assert done.status_code == 200


async def test_a_second_lease_is_refused_until_the_first_ends(fly: Fly) -> None:
    """409 while it holds; once it has expired, anybody may take one."""
    first = await fly.lease(ttl=13)
    refused = await fly.call("POST", LEASE, {"ttl": 13})
    fly.clock.advance(14)

    assert refused.status_code == 409
    assert await fly.lease() != first


async def test_a_refresh_needs_the_nonce_and_keeps_it(fly: Fly) -> None:
    """The same nonce, a later end; so a lease outlives its first ttl."""
    nonce = await fly.lease(ttl=13)
    fly.clock.advance(10)
    refreshed = (await fly.call("POST", LEASE, {"ttl": 13}, headers=with_nonce(nonce))).json()["data"]
    fly.clock.advance(10)
    updated = await fly.update(nonce=nonce)

    assert refreshed["nonce"] == nonce
    assert updated.status_code == 200


async def test_a_lapsed_nonce_changes_nothing(fly: Fly) -> None:
    """Who works on with the nonce of an expired lease is told, even when nobody else took it."""
    nonce = await fly.lease(ttl=13)
    fly.clock.advance(14)

    answer = await fly.update(nonce=nonce)

    assert answer.status_code == 409
    assert fly.sim.machine(IAD).counts["updates"] == 0


async def test_release_is_for_the_holder(fly: Fly) -> None:
    """409 without the nonce, 200 with it, 404 when there is no lease."""
    nonce = await fly.lease()

    codes = [
        (await fly.call("DELETE", LEASE)).status_code,
        (await fly.call("DELETE", LEASE, headers=with_nonce(nonce))).status_code,
        (await fly.call("DELETE", LEASE, headers=with_nonce(nonce))).status_code,
        (await fly.http.get(LEASE)).status_code,
    ]

    assert codes == [409, 200, 404, 404]


@pytest.mark.parametrize("ttl", [0, -1, "soon", "1.5"])
async def test_a_ttl_is_a_number_of_seconds(fly: Fly, ttl: Any) -> None:
    """Anything else is 400 and gives no lease."""
    answer = await fly.http.post(LEASE, params={"ttl": ttl})

    assert answer.status_code == 400
    assert fly.sim.machine(IAD).lease is None


async def test_a_create_with_lease_ttl_answers_the_nonce_once(fly: Fly) -> None:
    """The creator gets the lease with the Machine; later answers do not show the nonce."""
    created = (await fly.create(lease_ttl=30)).json()
    machine = f"/v1/apps/{APP}/machines/{created['id']}"
    released = await fly.call("DELETE", f"{machine}/lease", headers=with_nonce(created["nonce"]))

    assert released.status_code == 200
    assert "nonce" not in await fly.get(machine)


async def test_a_lease_of_somebody_else_shows_up_when_it_hurts(fly: Fly) -> None:
    """The fault `lease_held` is seen by whoever asks first, and ends by itself."""
    fly.fault("lease_held", target=IAD, seconds=20.0, times=1, detail={"owner": "bo@example.com"})

    refused = await fly.call("POST", LEASE, {"ttl": 13})
    fly.clock.advance(21)

    assert "held by bo@example.com" in refused.json()["error"]
    assert await fly.lease()


async def test_wait_answers_as_soon_as_the_state_is_there(fly: Fly) -> None:
    """The state is `started` in the new version: not before the update has gone through, and no later."""
    updated = (await fly.update()).json()
    started = fly.clock.now()
    answer = await fly.get(WAIT, state="started", version=updated["instance_id"], timeout=60)

    assert answer["ok"] is True
    assert (answer["state"], answer["version"]) == ("started", updated["instance_id"])
    assert answer["event_id"] == (await fly.machine())["events"][0]["id"]
    assert fly.clock.now() - started == pytest.approx(3.5, abs=0.01)


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"timeout": "61"}, 400, "timeout"),
        ({"timeout": "0"}, 400, "timeout"),
        ({"timeout": "10s"}, 400, "timeout"),
        ({"state": "starting"}, 400, "cannot wait for state 'starting'"),
        ({"state": "stopped"}, 400, "version is required"),
        ({"state": "failed", "timeout": "3"}, 408, "desired state, failed, currently started"),
        ({"state": "started", "timeout": "3", "version": "01A"}, 408, "currently replaced"),
        ({"state": "settled"}, 200, ""),
        ({"state": "stopped,started", "version": "current"}, 200, ""),
    ],
)
async def test_wait_answers(fly: Fly, query: dict[str, str], status: int, text: str) -> None:
    """400 for what cannot be waited for, 408 with state and wish when it did not come in time."""
    version = (await fly.machine())["instance_id"]
    query = {**query, "version": version} if query.get("version") == "current" else query

    answer = await fly.http.get(WAIT, params=query)

    assert answer.status_code == status
    assert text in answer.text


async def test_states_may_be_repeated(fly: Fly) -> None:
    """`state=a&state=b` waits for either."""
    answer = await fly.http.get(WAIT, params=[("state", "failed"), ("state", "started")])

    assert answer.json()["state"] == "started"


async def test_waiting_for_a_destroyed_machine(fly: Fly) -> None:
    """`destroyed` is answered, any other state is 404: it will never come."""
    await fly.call("DELETE", f"{MACHINE}?force=true")

    destroyed = await fly.http.get(WAIT, params={"state": "destroyed"})
    started = await fly.http.get(WAIT, params={"state": "started"})

    assert (destroyed.status_code, started.status_code) == (200, 404)


async def test_wait_from_an_event_asks_for_something_new(fly: Fly) -> None:
    """The state must have been reached after the event; an old one does not count."""
    event_id = (await fly.machine())["events"][0]["id"]
    stale = await fly.http.get(WAIT, params={"from_event_id": event_id, "timeout": 2})
    await fly.call("POST", f"{MACHINE}/restart")
    fresh = await fly.http.get(WAIT, params={"from_event_id": event_id, "timeout": 60})

    assert (stale.status_code, fresh.status_code) == (408, 200)


async def statuses(fly: Fly, method: str, path: str, times: int) -> list[int]:
    answers: list[httpx.Response] = [await fly.call(method, path) for _ in range(times)]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("method", "path", "burst"),
    [("GET", f"/v1/apps/{APP}/machines", 3), ("GET", MACHINE, 10), ("POST", f"{MACHINE}/cordon", 3)],
)
async def test_each_action_has_its_limit(fly_stage: Stage, method: str, path: str, burst: int) -> None:
    """A burst passes, the next request is 429, and a second later one passes again."""
    async with fly_stage.fly(rate_limits=True) as fly:
        first = await statuses(fly, method, path, burst + 1)
        fly.clock.advance(1)
        then = await statuses(fly, method, path, 1)

    assert first == [200] * burst + [429]
    assert then == [200]


async def test_limits_are_per_machine_and_per_action(fly_stage: Stage) -> None:
    """One Machine's exhausted action leaves the other Machine and the other actions alone."""
    async with fly_stage.fly(rate_limits=True) as fly:
        await statuses(fly, "POST", f"{MACHINE}/cordon", 4)
        others = [
            (await fly.call("POST", f"/v1/apps/{APP}/machines/{SJC}/cordon")).status_code,
            (await fly.call("POST", f"{MACHINE}/uncordon")).status_code,
        ]

    assert others == [200, 200]
