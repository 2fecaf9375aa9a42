"""Postgres on the simulated Fly: what its three checks print, what ails it, how it sleeps, and who takes over."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.fly.machine import Machine
from tests.sandbox.fly_client import APP, FIXTURES, STAGING, Fly

fly_stage, fly = FIXTURES
DATABASE, PRIMARY = "reify-studio-production-db", "3287a91b4d0e85"
STAGING_APP, STAGING_DATABASE, SLEEPER = "reify-studio-staging", "reify-studio-staging-db", "e286d3b0c94715"
VOLUME = "vol_4ql7m2xkz9prod01"


async def checks(fly: Fly, machine: str = PRIMARY) -> dict[str, tuple[str, str]]:
    """Status and output of each check of a Machine of the production database."""
    found = await fly.machine(machine, DATABASE)
    return {check["name"]: (check["status"], check["output"]) for check in found["checks"]}


async def add_replicas(fly: Fly, count: int) -> list[str]:
    """More members of the production database, with a volume each, and awake."""
    config = (await fly.machine(PRIMARY, DATABASE))["config"]
    added = []
    for _ in range(count):
        body = {"name": "pg_data", "region": "iad", "size_gb": 1}
        volume = (await fly.call("POST", f"/v1/apps/{DATABASE}/volumes", body)).json()["id"]
        mounts = [{"volume": volume, "path": "/data"}]
        body = {"config": config | {"mounts": mounts}, "region": "iad"}
        added.append((await fly.call("POST", f"/v1/apps/{DATABASE}/machines", body)).json()["id"])
    fly.clock.advance(30)
    fly.sim.world.settle()
    return added


def staging(fly: Fly) -> tuple[Machine, Machine]:
    """The Machines of the staging app and of its database."""
    return fly.sim.machine(STAGING), fly.sim.machine(SLEEPER)


async def test_a_healthy_primary_prints_each_line_as_the_image_does(fly: Fly) -> None:
    """The check pg has three lines, vm five, role one word; the parts of the disk add up."""
    found = await checks(fly)

    assert found["role"] == ("passing", "primary")
    assert found["pg"][1].splitlines() == [
        "[✓] connections: 9 used, 3 reserved, 300 max (4.2ms)",
        "[✓] cluster-locks: No active locks detected (13.1µs)",
        "[✓] disk-capacity: 32.0% - readonly mode will be enabled at 90.0% (19.84µs)",
    ]
    assert found["vm"][1].splitlines() == [
        "[✓] checkDisk: 670.14 MB (68.0%) free space on /data/ (31.9µs)",
        "[✓] checkLoad: load averages: 0.00 0.02 0.05 (68.1µs)",
        "[✓] memory: system spent 0s of the last 60s waiting on memory (41.5µs)",
        "[✓] cpu: system spent 930ms of the last 60s waiting on cpu (26.2µs)",
        "[✓] io: system spent 24ms of the last 60s waiting on io (25.5µs)",
    ]


async def test_connections_follow_the_machines_that_use_the_database(fly: Fly) -> None:
    """An app's Machine holds its connections while it runs, and none when it sleeps."""
    await fly.call("POST", f"/v1/apps/{APP}/machines/148e2d1c6e9789/stop", {})

    fewer = (await checks(fly))["pg"][1]

    assert "connections: 8 used" in fewer


async def test_a_database_that_nobody_names_has_no_clients(fly: Fly) -> None:
    """An app counts by the secret that names the database's host, and no longer once it is gone."""
    await fly.call("DELETE", f"/v1/apps/{APP}", params={"force": "true"})

    assert "connections: 7 used" in (await checks(fly))["pg"][1]


FAULTS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "disk_full": ({}, "pg", "critical", "[✗] disk-capacity: 95.1% - readonly mode enabled, extend your volume"),
    "connections_exhausted": ({}, "pg", "passing", "connections: 297 used, 3 reserved, 300 max"),
    "database_read_only": ({}, "pg", "critical", "[✗] cluster-locks: `readonly.lock` detected"),
    "out_of_memory": ({}, "vm", "critical", "[✗] memory: system spent 4.6s of the last 10 seconds waiting on memory"),
    "zombie": ({}, "pg", "critical", "[✗] cluster-locks: `zombie.lock` detected"),
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_shows_in_the_check_that_the_image_has_for_it(fly: Fly, kind: str) -> None:
    """The other lines go on saying what they said, and all is well when the fault is off."""
    options, check, status, line = FAULTS[kind]
    fly.fault(kind, target=DATABASE, **options)

    ailing = (await checks(fly))[check]
    fly.sim.faults.clear()
    healed = (await checks(fly))[check]

    assert ailing[0] == status
    assert line in ailing[1]
    assert healed[0] == "passing"
    assert line not in healed[1]


async def test_a_zombie_says_so_and_passes(fly: Fly) -> None:
    """The check role reports a fenced member as passing: one has to read the word."""
    fly.fault("zombie", target=DATABASE)

    assert (await checks(fly))["role"] == ("passing", "zombie")


async def test_with_every_connection_taken_the_check_cannot_connect(fly: Fly) -> None:
    """The text has no marks then, since no line of it was worked."""
    fly.fault("connections_exhausted", target=DATABASE, detail={"used": 300})

    status, output = (await checks(fly))["pg"]

    assert status == "critical"
    assert output.startswith("failed to connect with local node: ")
    assert "too many clients already" in output


async def test_a_full_disk_is_read_only_until_it_was_extended_and_restarted(fly: Fly) -> None:
    """The file system grows when the Machine starts again; until then the database stays read-only."""
    fly.fault("disk_full", target=DATABASE)
    before = await checks(fly)
    extended = await fly.call("PUT", f"/v1/apps/{DATABASE}/volumes/{VOLUME}/extend", {"size_gb": 3})
    waiting = await checks(fly)
    await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/restart")
    fly.clock.advance(60)
    after = await checks(fly)

    assert extended.json()["needs_restart"] is True
    assert [found["pg"][0] for found in (before, waiting, after)] == ["critical", "critical", "passing"]
    assert before["vm"][0] == "critical"
    assert "[✓] disk-capacity: 31.7%" in after["pg"][1]


async def test_a_check_keeps_the_time_at_which_its_status_changed(fly: Fly) -> None:
    """The time stands still while the status is the same, whatever the output says meanwhile."""
    fly.fault("database_read_only", target=DATABASE)
    first = (await fly.machine(PRIMARY, DATABASE))["checks"][0]["updated_at"]
    fly.clock.advance(90)
    second = (await fly.machine(PRIMARY, DATABASE))["checks"][0]["updated_at"]
    fly.sim.faults.clear()
    third = (await fly.machine(PRIMARY, DATABASE))["checks"][0]["updated_at"]

    assert first == second
    assert third > second


async def test_a_sleeping_database_wakes_for_the_app_that_uses_it(fly: Fly) -> None:
    """The app's Machine connects through the proxy as soon as it runs, and the proxy starts the database."""
    await fly.do("visit", app=STAGING_APP)
    fly.clock.advance(30)
    app, database = staging(fly)

    assert (app.state, database.state) == ("started", "started")
    assert [event["source"] for event in database.events if event["status"] == "starting"] == ["proxy"]


async def test_a_direct_address_wakes_nobody(fly: Fly) -> None:
    """A name under .internal goes past the proxy."""
    url = f"postgres://u:p@top2.nearest.of.{STAGING_DATABASE}.internal:5432/reify_studio"
    headers = {"Authorization": "FlyV1 fm2_sandbox_staging"}
    await fly.call("POST", f"/v1/apps/{STAGING_APP}/secrets/DATABASE_URL", {"value": url}, headers=headers)
    await fly.do("visit", app=STAGING_APP)
    fly.clock.advance(30)

    assert [machine.state for machine in staging(fly)] == ["started", "stopped"]


async def test_a_database_goes_to_sleep_when_nobody_is_connected(fly: Fly) -> None:
    """It looks once in the time of FLY_SCALE_TO_ZERO, and exits by itself with 0: its checks stay as they were."""
    await fly.do("start_machine", machine=SLEEPER)
    fly.clock.advance(60)
    awake = staging(fly)[1].state
    fly.clock.advance(3600)
    database = staging(fly)[1]

    assert (awake, database.state) == ("started", "stopped")
    assert database.events[0]["request"]["exit_event"]["requested_stop"] is False
    assert [check["name"] for check in database.last_checks] == ["pg", "role", "vm"]


async def test_a_database_with_clients_stays_awake(fly: Fly) -> None:
    """More than one client keeps it from sleeping."""
    fly.sim.world.durations.proxy_pass_s = 0
    await fly.do("visit", app=STAGING_APP)
    fly.clock.advance(3 * 3600)

    assert [machine.state for machine in staging(fly)] == ["started", "started"]


async def test_repmgr_promotes_a_replica_when_the_primary_is_gone(fly: Fly) -> None:
    """With two of three standing one of them becomes the primary; the old one comes back as a replica."""
    await add_replicas(fly, 2)
    await fly.do("stop_machine", machine=PRIMARY)
    fly.clock.advance(60)
    states = fly.sim.state()["apps"][DATABASE]
    await fly.call("POST", f"/v1/apps/{DATABASE}/machines/{PRIMARY}/start")
    fly.clock.advance(60)
    returned = await checks(fly)

    assert states["postgres"]["primary"] != PRIMARY
    assert returned["role"] == ("passing", "replica")
    assert "cluster-locks" not in returned["pg"][1]


async def test_without_a_majority_nobody_is_promoted(fly: Fly) -> None:
    """One of two left cannot know whether the other one still writes."""
    (replica,) = await add_replicas(fly, 1)
    await fly.do("stop_machine", machine=PRIMARY)
    fly.clock.advance(60)

    assert (await checks(fly, replica))["role"] == ("passing", "replica")


async def test_the_state_names_databases_users_and_who_uses_them(fly: Fly) -> None:
    """What a review app with a database in a shared cluster is found by."""
    postgres = fly.sim.state()["apps"][DATABASE]["postgres"]

    assert [database["name"] for database in postgres["databases"]] == ["postgres", "repmgr", "reify_studio"]
    assert [user["name"] for user in postgres["users"]] == ["flypgadmin", "postgres", "repmgr", "reify_studio"]
    assert postgres["attached_apps"] == [APP]
    assert postgres["connections"] == {"used": 9, "reserved": 3, "max": 300}


async def test_a_new_app_with_the_role_of_a_database_is_one(fly: Fly) -> None:
    """Its first Machine is the primary of an empty cluster."""
    body = {"name": "reify-studio-shared-db", "org_slug": "reify-studio-production", "app_role_id": "postgres_cluster"}
    await fly.call("POST", "/v1/apps", body)
    fly.clock.advance(1)
    config = (await fly.machine(PRIMARY, DATABASE))["config"]
    config.pop("mounts")
    made = await fly.call("POST", "/v1/apps/reify-studio-shared-db/machines", {"config": config, "region": "iad"})
    fly.clock.advance(30)
    found = await fly.machine(made.json()["id"], "reify-studio-shared-db")

    assert [check["output"] for check in found["checks"] if check["name"] == "role"] == ["primary"]


async def test_managed_clusters_are_what_the_seed_says(fly_stage: Any) -> None:
    """They are no apps; the older path lists both generations, the newer one its own; by default there are none."""
    row = {"name": "reify", "organization": "reify-studio-production", "region": "iad"}
    clusters = [{**row, "id": "old", "version": 1}, {**row, "id": "new", "attached_apps": [APP]}]
    path = "/api/v1/organizations/reify-studio-production"
    async with fly_stage.fly(managed_postgres=clusters) as fly:
        both = await fly.get(f"{path}/postgres")
        newer = await fly.get(f"{path}/postgresv2")
        deleted = await fly.get(f"{path}/postgres/deleted")
    async with fly_stage.fly() as fly:
        none = await fly.get(f"{path}/postgres")

    assert [cluster["id"] for cluster in both["data"]] == ["old", "new"]
    assert [cluster["attached_apps"] for cluster in newer["data"]] == [[{"name": APP}]]
    assert deleted == none == {"data": []}
