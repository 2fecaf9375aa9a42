"""What flyctl's changing commands do to the simulated Fly: Machines, scaling, volumes and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kit import Json
from tests.sandbox.fly_client import APP, FIXTURES, IAD, SJC, Fly
from tests.sandbox.flyctl_conversation import TOKENS, Conversation

fly_stage, fly = FIXTURES
MACHINES = f"/apps/{APP}/machines"
DATABASE = f"{APP}-production-db"


@pytest.fixture
def talk(fly: Fly) -> Conversation:
    return Conversation(fly)


def state(talk: Conversation, machine: str = IAD) -> str:
    return talk.fly.sim.machine(machine).state


async def test_machine_stop_and_start(talk: Conversation) -> None:
    """The body of a stop names the Machine and a time-out; both commands wait for the state."""
    machine = (await talk.machines())[0]
    stopped = await talk.flaps("POST", f"{MACHINES}/{IAD}/stop", {"id": IAD, "signal": "SIGINT", "timeout": "5s"})
    await talk.wait(machine, "stopped")
    was = state(talk)
    talk.fly.clock.advance(2)
    started = await talk.flaps("POST", f"{MACHINES}/{IAD}/start")
    await talk.wait(machine, "started")

    assert (stopped.is_success, was, state(talk)) == (True, "stopped", "started")
    assert started.json()["previous_state"] == "stopped"


async def test_machine_destroy(talk: Conversation) -> None:
    """Without `--force` a running Machine stays; with it it goes, and is still readable as destroyed."""
    refused = await talk.flaps("DELETE", f"{MACHINES}/{IAD}?kill=false")
    killed = await talk.flaps("DELETE", f"{MACHINES}/{IAD}?kill=true")
    talk.fly.clock.advance(5)

    assert (refused.status_code, killed.status_code) == (412, 200)
    assert (await talk.flaps("GET", f"{MACHINES}/{IAD}")).json()["state"] == "destroyed"
    assert [machine["id"] for machine in await talk.machines()] == [SJC]


async def test_machine_update_under_a_lease(talk: Conversation) -> None:
    """The whole configuration goes back with one change; another's lease would have been in the way."""
    lease = await talk.lease(IAD)
    machine = (await talk.flaps("GET", f"{MACHINES}/{IAD}")).json()
    config = machine["config"] | {"metadata": machine["config"]["metadata"] | {"color": "blue"}}
    body = {"id": IAD, "name": machine["name"], "region": "iad", "config": config}

    without = await talk.flaps("POST", f"{MACHINES}/{IAD}", body)
    updated = await talk.flaps("POST", f"{MACHINES}/{IAD}", body, headers=lease)
    await talk.wait(updated.json(), "started")
    await talk.release_lease(IAD, lease)

    assert without.status_code == 409
    assert talk.fly.sim.machine(IAD).config["metadata"]["color"] == "blue"


async def test_machine_clone(talk: Conversation) -> None:
    """A further Machine of the same configuration in another region."""
    source = (await talk.flaps("GET", f"{MACHINES}/{IAD}")).json()
    launched = await talk.flaps("POST", MACHINES, {"name": "", "region": "ord", "config": source["config"]})
    await talk.wait(launched.json(), "started")

    clone = talk.fly.sim.machine(launched.json()["id"])
    assert (clone.region, clone.image, clone.process_group) == ("ord", talk.fly.sim.machine(IAD).image, "app")


async def test_machine_exec(talk: Conversation) -> None:
    """A command line in `cmd`; what it prints, and how it ended."""
    answer = (await talk.flaps("POST", f"{MACHINES}/{IAD}/exec", {"cmd": "echo hello", "timeout": 60})).json()

    assert (answer["exit_code"], answer["stdout"], answer["stderr"]) == (0, "hello\n", "")


async def test_apps_restart(talk: Conversation) -> None:
    """Each Machine under its lease, one by one."""
    for machine in await talk.machines():
        lease = await talk.lease(machine["id"])
        path = f"{MACHINES}/{machine['id']}/restart?force_stop=false&timeout=10000000000"
        assert (await talk.flaps("POST", path, headers=lease)).is_success
        await talk.wait(machine, "started")
        await talk.release_lease(machine["id"], lease)

    assert [machine.counts["starts"] for machine in talk.fly.sim.machines(APP)] == [1, 1]


async def test_the_older_restart_of_an_app(talk: Conversation) -> None:
    """`restartApp` restarts all that run, and leaves alone what sleeps."""
    talk.fly.sim.control.stop_machine(SJC)
    talk.fly.clock.advance(5)
    await talk.graphql(
        "mutation ($input: RestartAppInput!) { restartApp(input: $input) { app { name } } }", input={"appId": APP}
    )
    during = state(talk)
    talk.fly.clock.advance(30)

    assert (during, state(talk), state(talk, SJC)) == ("restarting", "started", "stopped")


async def scale(talk: Conversation, app: str, region: str, count: int) -> list[Json]:
    """`fly scale count`: the group's Machines in a region up to a number, as clones of its first; what was made."""
    machines = await talk.machines(app)
    assert (await talk.uiex("GET", f"/apps/{app}/releases", limit=1)).json()["releases"]
    volumes = (await talk.flaps("GET", f"/apps/{app}/volumes")).json()
    free = [v for v in volumes if v["attached_machine_id"] is None and v["region"] == region]
    config = machines[0]["config"]
    config["env"] = {key: value for key, value in config["env"].items() if key != "FLY_STANDBY_FOR"}
    here = [machine for machine in machines if machine["region"] == region]
    leases = [(machine["id"], await talk.lease(machine["id"], app, 120)) for machine in machines]
    made = [await grow(talk, app, region, config, free) for _ in range(count - len(here))]
    for machine_id, lease in leases:
        if machine_id in [machine["id"] for machine in here[: max(0, len(here) - count)]]:
            await talk.flaps("DELETE", f"/apps/{app}/machines/{machine_id}?kill=true", headers=lease)
        else:
            await talk.release_lease(machine_id, lease, app)
    talk.fly.clock.advance(10)
    return made


async def grow(talk: Conversation, app: str, region: str, config: Json, free: list[Json]) -> Json:
    """One Machine more, on a free volume if it needs one, else on a new one."""
    for mount in config.get("mounts") or []:
        wanted = {"name": mount["name"], "region": region, "size_gb": 1, "encrypted": True}
        volume = free.pop() if free else (await talk.flaps("POST", f"/apps/{app}/volumes", wanted)).json()
        mount["volume"] = volume["id"]
    launched = await talk.flaps("POST", f"/apps/{app}/machines", {"region": region, "config": config})
    machine: Json = launched.json()
    return machine


async def test_scale_count_up_and_down(talk: Conversation) -> None:
    """New Machines have the first one's image, size and metadata; none is left where fewer were wanted."""
    await scale(talk, APP, "iad", 3)
    grown = talk.fly.sim.machines(APP)
    await scale(talk, APP, "iad", 1)
    shrunk = talk.fly.sim.machines(APP)

    assert sorted(machine.region for machine in grown) == ["iad", "iad", "iad", "sjc"]
    assert len({str(machine.image) for machine in grown}) == 1
    assert {machine.config["metadata"]["fly_release_version"] for machine in grown} == {"41"}
    assert sorted(machine.region for machine in shrunk) == ["iad", "sjc"]


async def test_scale_count_brings_volumes(talk: Conversation) -> None:
    """A free volume of the region is used first, and the next Machine gets a new one."""
    app = "reify-studio-files"
    talk.fly.sim.control.create_app(app, "reify-studio-production")
    talk.fly.sim.control.push_image("one", app)
    wanted = {"name": "data", "region": "iad", "size_gb": 1, "encrypted": True}
    first, free = [(await talk.flaps("POST", f"/apps/{app}/volumes", wanted)).json()["id"] for _ in range(2)]
    metadata = {"fly_platform_version": "v2", "fly_process_group": "app", "fly_release_version": "1"}
    config: Any = {"image": f"registry.fly.io/{app}:one", "env": {}, "metadata": metadata}
    config["mounts"] = [{"volume": first, "path": "/data", "name": "data"}]
    await talk.flaps("POST", f"/apps/{app}/machines", {"region": "iad", "config": config})
    release = {"app_name": app, "build_id": 0, "definition": {}, "image": config["image"], "strategy": "ROLLING"}
    await talk.uiex("POST", "/releases", release)

    made = await scale(talk, app, "iad", 3)

    mounted = [talk.fly.sim.machine(machine["id"]).config["mounts"][0]["volume"] for machine in made]
    assert mounted[0] == free
    assert mounted[1] not in {first, free}
    assert {v.attached_machine_id for v in talk.fly.sim.app(app).volumes.values()} == set(
        talk.fly.sim.app(app).machines
    )


async def test_scale_vm_and_memory(talk: Conversation) -> None:
    """Every Machine under its lease gets the size and comes back."""
    for machine in await talk.machines():
        lease = await talk.lease(machine["id"], ttl=120)
        config = machine["config"] | {"guest": {"cpu_kind": "shared", "cpus": 2, "memory_mb": 2048}}
        body = {"config": config, "region": machine["region"]}
        updated = await talk.flaps("POST", f"{MACHINES}/{machine['id']}", body, headers=lease)
        await talk.wait(updated.json(), "started")
        await talk.release_lease(machine["id"], lease)

    guests = [machine.config["guest"] for machine in talk.fly.sim.machines(APP)]
    assert guests == [{"cpu_kind": "shared", "cpus": 2, "memory_mb": 2048}] * 2


async def test_volumes(talk: Conversation) -> None:
    """Create, list, extend, snapshots, destroy."""
    path = f"/apps/{DATABASE}/volumes"
    made = (await talk.flaps("POST", path, {"name": "more", "region": "iad", "size_gb": 1, "encrypted": True})).json()
    extended = (await talk.flaps("PUT", f"{path}/{made['id']}/extend", {"size_gb": 3})).json()
    snapshots = (await talk.flaps("GET", f"{path}/vol_4ql7m2xkz9prod01/snapshots")).json()
    destroyed = await talk.flaps("DELETE", f"{path}/{made['id']}")
    listed = (await talk.flaps("GET", path)).json()

    assert (made["state"], extended["volume"]["size_gb"], destroyed.is_success) == ("created", 3, True)
    assert snapshots[0]["status"] == "created"
    gone = {"scheduling_destroy", "pending_destroy", "destroying"}
    assert [v["id"] for v in listed if v["state"] not in gone] == ["vol_4ql7m2xkz9prod01"]


async def test_another_organisations_token_changes_nothing(fly: Fly) -> None:
    """Staging's token may not touch production's Machines, whatever it asks."""
    stranger = Conversation(fly, TOKENS["reify-studio-staging"])
    paths = [("POST", f"/{IAD}/stop"), ("DELETE", f"/{IAD}?kill=true"), ("POST", f"/{IAD}/lease?ttl=13"), ("POST", "")]

    answers = [(await stranger.flaps(method, MACHINES + path, {})).status_code for method, path in paths]

    assert (answers, fly.sim.machine(IAD).state) == ([403] * 4, "started")
