"""Certificates, standbys, limits, a big estate at once, and how one tells what changed in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, Fly

fly_stage, fly = FIXTURES
CERTIFICATES = f"/v1/apps/{APP}/certificates"
HOST = "studio.reify.example.com"


async def standby(fly: Fly) -> str:
    """A stopped Machine that stands by for the one in iad."""
    config = (await fly.machine())["config"]
    body = {"config": config | {"standbys": [IAD]}, "region": "iad", "skip_launch": True}
    made = await fly.call("POST", f"/v1/apps/{APP}/machines", body)
    fly.clock.advance(10)
    return str(made.json()["id"])


async def test_a_certificate_is_issued_once_the_dns_points_to_the_app(fly: Fly) -> None:
    """Until then it is pending, and says which records it wants."""
    requested = await fly.call("POST", f"{CERTIFICATES}/acme", {"hostname": HOST})
    waiting = (await fly.call("POST", f"{CERTIFICATES}/{HOST}/check")).json()
    await fly.do("configure_host", app=APP, hostname=HOST)
    before_check = await fly.get(f"{CERTIFICATES}/{HOST}")
    issued = (await fly.call("POST", f"{CERTIFICATES}/{HOST}/check")).json()

    assert requested.status_code == 201
    assert requested.json()["dns_requirements"]["cname"] == f"{APP}.fly.dev"
    assert [each["status"] for each in (waiting, before_check, issued)] == [
        "pending_validation",
        "pending_validation",
        "active",
    ]
    assert issued["certificates"][0]["source"] == "fly"


async def test_a_certificate_goes_when_it_is_removed(fly: Fly) -> None:
    """The list is empty, and asking for it again is possible."""
    await fly.call("POST", f"{CERTIFICATES}/acme", {"hostname": HOST})
    listed = await fly.get(CERTIFICATES)
    removed = await fly.call("DELETE", f"{CERTIFICATES}/{HOST}")

    assert (listed["total_count"], listed["certificates"][0]["hostname"]) == (1, HOST)
    assert removed.status_code == 204
    assert (await fly.get(CERTIFICATES))["certificates"] == []
    assert (await fly.call("POST", f"{CERTIFICATES}/acme", {"hostname": HOST})).status_code == 201


@pytest.mark.parametrize("hostname", ["", "no-dot", "<script>.com", "a..example.com", HOST])
async def test_a_host_name_that_is_none_or_taken_is_refused(fly: Fly, hostname: str) -> None:
    """422, and nothing changes."""
    await fly.call("POST", f"{CERTIFICATES}/acme", {"hostname": HOST})

    refused = await fly.call("POST", f"{CERTIFICATES}/acme", {"hostname": hostname})

    assert refused.status_code == 422
    assert (await fly.get(CERTIFICATES))["total_count"] == 1


async def test_an_unknown_certificate_is_not_found(fly: Fly) -> None:
    """By any of the requests that name it."""
    answers = [
        await fly.call("GET", f"{CERTIFICATES}/{HOST}"),
        await fly.call("DELETE", f"{CERTIFICATES}/{HOST}"),
        await fly.call("POST", f"{CERTIFICATES}/{HOST}/check"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_a_standby_starts_when_the_host_of_its_machine_is_lost(fly: Fly) -> None:
    """And not before."""
    waiting = await standby(fly)
    fly.clock.advance(3600)
    before = fly.sim.machine(waiting).state
    fly.fault("host_unreachable", target=IAD)
    fly.sim.world.settle()
    fly.clock.advance(30)

    assert (before, fly.sim.machine(waiting).state) == ("stopped", "started")


async def test_a_standby_stays_asleep_when_its_machine_merely_stops(fly: Fly) -> None:
    """A Machine that somebody stopped is not lost."""
    waiting = await standby(fly)
    await fly.do("stop_machine", machine=IAD)
    fly.clock.advance(60)

    assert fly.sim.machine(waiting).state == "stopped"


async def test_a_limit_of_machines_refuses_one_too_many(fly: Fly) -> None:
    """In the words that users of flyctl met; other organisations have their own."""
    fly.fault("machine_limit", target="reify-studio-production", detail={"limit": 2})

    refused = await fly.create()

    assert refused.status_code == 422
    assert "To create more than 2 machine per app please add a payment method" in refused.json()["error"]
    assert len(fly.sim.machines(APP)) == 2


async def test_memory_that_runs_out_kills_the_app_after_each_start(fly: Fly) -> None:
    """The exit says so, and so does the log."""
    fly.fault("out_of_memory", target=IAD, times=1)
    await fly.update(IAD)
    fly.clock.advance(6)
    killed = fly.sim.machine(IAD)
    exits = [event["request"]["exit_event"] for event in killed.events if event["status"] == "stopped"]
    lines = [line.message for line in fly.sim.app(APP).logs]

    assert (exits[0]["oom_killed"], exits[0]["exit_code"]) == (True, 137)
    assert "Out of memory: Killed process 323 (beam.smp)" in lines


async def test_a_big_estate_is_made_at_once(fly: Fly) -> None:
    """Review apps that sleep, each with a database of its own, which wakes with its app."""
    made = await fly.do("many_apps", count=20, databases=True)
    await fly.do("visit", app="load-7")
    fly.clock.advance(30)
    apps = fly.sim.state()["apps"]
    woken = [name for name, app in apps.items() if name.startswith("load-") and app["status"] == "deployed"]

    assert made["result"] == {"apps": 40}
    assert woken == ["load-7", "load-7-db"]
    assert apps["load-7-db"]["postgres"]["attached_apps"] == ["load-7"]
    assert apps["load-20"]["organization"] == "personal"


BAD_ESTATES: list[dict[str, Any]] = [
    {"count": 0},
    {"count": 5000},
    {"count": "3"},
    {"count": 3, "organization": "nobody"},
    {"count": 3, "prefix": "Load!"},
    {"count": 12, "prefix": "a" * 61},
    {"count": 3, "prefix": "taken"},
    {},
]


@pytest.mark.parametrize("body", BAD_ESTATES)
async def test_an_estate_that_cannot_be_is_refused_whole(fly: Fly, body: dict[str, Any]) -> None:
    """A sentence, and no app more than before."""
    await fly.do("create_app", name="taken-3", organization="personal")
    before = set(fly.sim.state()["apps"])

    refused = await fly.call("POST", "/_control/do/many_apps", body)

    assert refused.status_code == 400
    assert set(fly.sim.state()["apps"]) == before


async def test_an_app_that_did_not_change_is_shown_as_the_same_object(fly: Fly) -> None:
    """Its revision stands still, and that of one that did change grows."""
    first = fly.sim.state()
    fly.clock.advance(60)
    second = fly.sim.state()
    await fly.do("lease", machine=IAD)
    third = fly.sim.state()

    assert all(second["apps"][name] is app for name, app in first["apps"].items())
    assert second["revision"] == first["revision"]
    assert third["revision"] > second["revision"]
    assert [name for name, app in third["apps"].items() if app is not second["apps"][name]] == [APP]
    assert third["apps"][APP]["revision"] == third["revision"]


CHANGES: dict[str, tuple[str, str, Any]] = {
    "metadata": ("POST", f"machines/{IAD}/metadata/colour", {"value": "blue"}),
    "cordon": ("POST", f"machines/{IAD}/cordon", None),
    "secret": ("POST", "secrets/NAME", {"value": "x"}),
    "address": ("POST", "ip_assignments", {"type": "v6"}),
    "volume": ("POST", "volumes", {"name": "data", "region": "iad"}),
    "certificate": ("POST", "certificates/acme", {"hostname": HOST}),
    "update": ("POST", f"machines/{IAD}/restart", None),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_every_kind_of_change_is_seen(fly: Fly, change: str) -> None:
    """The app's revision grows with it."""
    before = fly.sim.state()["apps"][APP]["revision"]
    method, path, body = CHANGES[change]
    answer = await fly.call(method, f"/v1/apps/{APP}/{path}", body)

    assert answer.is_success
    assert fly.sim.state()["apps"][APP]["revision"] > before


async def test_what_time_alone_changes_is_seen_too(fly: Fly) -> None:
    """Checks that begin to pass, a lease that lapses, a database that runs full."""
    await fly.update(IAD)
    await fly.do("lease", machine=IAD, seconds=600)
    revisions = []
    for _ in range(12):
        fly.clock.advance(1)
        revisions.append(fly.sim.state()["apps"][APP]["revision"])
    fly.clock.advance(900)
    lapsed = fly.sim.state()["apps"][APP]
    database = fly.sim.state()["apps"]["reify-studio-production-db"]["revision"]
    fly.fault("disk_full", target="reify-studio-production-db")

    assert len(set(revisions)) >= 4
    assert lapsed["revision"] > revisions[-1]
    assert lapsed["machines"][0]["lease"] is None
    assert fly.sim.state()["apps"]["reify-studio-production-db"]["revision"] > database


async def test_an_app_that_is_gone_is_a_change_of_the_whole(fly: Fly) -> None:
    """The revision of the whole grows though no app's does."""
    before = fly.sim.state()
    await fly.do("destroy_app", name=APP)
    after = fly.sim.state()

    assert APP not in after["apps"]
    assert after["revision"] > before["revision"]
