"""The simulated Machines API: Machines and what happens to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, NEXT, SJC, Fly

MACHINES = f"/v1/apps/{APP}/machines"


fly_stage, fly = FIXTURES


async def state(fly: Fly, machine: str = IAD) -> str:
    return str((await fly.machine(machine))["state"])


async def test_the_reference_world_runs_two_healthy_machines(fly: Fly) -> None:
    """Production starts as one Machine each in iad and sjc, started, healthy, on the live image."""
    machines = await fly.get(MACHINES)

    assert {(m["region"], m["state"], m["image_ref"]["tag"]) for m in machines} == {
        ("iad", "started", LIVE),
        ("sjc", "started", LIVE),
    }
    assert [c["status"] for m in machines for c in m["checks"]] == ["passing", "passing"]
    assert machines[0]["image_ref"]["labels"]["GH_SHA"] == LIVE.removeprefix("sha-")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, {IAD, SJC}),
        ({"region": "sjc"}, {SJC}),
        ({"state": "stopped,suspended"}, set()),
        ({"state": "started,stopped"}, {IAD, SJC}),
        ({"metadata.fly_process_group": "app"}, {IAD, SJC}),
        ({"metadata.fly_process_group": "worker"}, set()),
    ],
)
async def test_a_list_is_filtered(fly: Fly, query: dict[str, str], ids: set[str]) -> None:
    """Machines are listed by state, region and metadata."""
    machines = await fly.get(MACHINES, **query)

    assert {machine["id"] for machine in machines} == ids


async def test_a_summary_leaves_out_the_configuration(fly: Fly) -> None:
    """`summary` lists Machines without config, checks and events."""
    machines = await fly.get(MACHINES, summary="true")

    assert not {"config", "checks", "events", "host_status"} & machines[0].keys()


async def test_a_machine_boots_and_becomes_healthy_step_by_step(fly: Fly) -> None:
    """created, starting, started with no results at all, then waiting, then passing."""
    check = {"type": "http", "port": 4000, "path": "/healthz", "interval": "10s", "timeout": "2s"}
    machine = (await fly.create({"checks": {"alive": check}})).json()
    seen = [(machine["state"], machine["checks"])]

    for seconds in (1.5, 1.6, 1.0, 2.0):
        fly.clock.advance(seconds)
        now = await fly.machine(machine["id"])
        seen.append((now["state"], [(c["name"], c["status"]) for c in now["checks"]]))

    assert seen == [
        ("created", []),
        ("starting", []),
        ("started", []),
        ("started", [("alive", "warning")]),
        ("started", [("alive", "passing")]),
    ]


async def test_a_machine_that_skips_its_launch_is_created_then_stopped(fly: Fly) -> None:
    """`start` is refused while it is `created`, and works once it is `stopped`."""
    machine = (await fly.create(skip_launch=True)).json()
    start = f"{MACHINES}/{machine['id']}/start"
    refused = await fly.call("POST", start)
    fly.clock.advance(1)
    started = await fly.call("POST", start)
    fly.clock.advance(5)

    assert (refused.status_code, machine["state"]) == (412, "created")
    assert refused.json()["error"] == "failed_precondition: unable to start machine from current state: 'created'"
    assert started.json() == {"previous_state": "stopped", "migrated": False, "new_host": ""}
    assert await state(fly, machine["id"]) == "started"


async def test_an_update_replaces_the_whole_configuration(fly: Fly) -> None:
    """What is not sent is gone, what Fly does not know is kept, and the version is new."""
    before = await fly.machine()
    config = {"image": f"registry.fly.io/{APP}:{NEXT}", "from_the_future": {"a": [1]}}

    after = (await fly.call("POST", f"{MACHINES}/{IAD}", {"config": config})).json()

    assert "services" not in after["config"]
    assert "metadata" not in after["config"]
    assert after["config"]["from_the_future"] == {"a": [1]}
    assert after["image_ref"]["tag"] == NEXT
    assert after["instance_id"] == after["version"] != before["instance_id"]


async def test_a_running_machine_is_stopped_and_started_by_an_update(fly: Fly) -> None:
    """replacing, starting, started; its checks show the old results until it runs again."""
    updated = (await fly.update()).json()
    states = [(updated["state"], len(updated["checks"]))]
    for seconds in (1.6, 2.0):
        fly.clock.advance(seconds)
        machine = await fly.machine()
        states.append((machine["state"], len(machine["checks"])))

    assert states == [("replacing", 1), ("starting", 1), ("started", 0)]
    kinds = [(e["type"], e["status"], e["source"]) for e in machine["events"][:4]]
    assert kinds == [
        ("start", "started", "flyd"),
        ("launch", "created", "user"),
        ("exit", "replaced", "flyd"),
        ("update", "replacing", "user"),
    ]
    assert machine["events"][2]["request"]["exit_event"]["requested_stop"] is True
    assert fly.sim.machine(IAD).counts["updates"] == 1


@pytest.mark.parametrize("skip_launch", [True, False])
async def test_a_stopped_machine_stays_stopped_through_an_update(fly: Fly, *, skip_launch: bool) -> None:
    """It gets the new image without ever booting it, whatever `skip_launch` says."""
    await fly.call("POST", f"{MACHINES}/{IAD}/stop", {})
    fly.clock.advance(5)

    await fly.update(skip_launch=skip_launch)
    fly.clock.advance(30)
    machine = await fly.machine()

    assert (machine["state"], machine["image_ref"]["tag"]) == ("stopped", NEXT)


async def test_skip_launch_stops_a_running_machine(fly: Fly) -> None:
    """An update with `skip_launch` leaves a Machine that ran stopped."""
    await fly.update(skip_launch=True)
    fly.clock.advance(30)

    assert await state(fly) == "stopped"


async def test_an_update_can_be_repeated_while_it_goes_on(fly: Fly) -> None:
    """A second update of a replacing Machine counts, and the Machine still comes up."""
    await fly.update()
    fly.clock.advance(0.5)
    again = await fly.update()
    fly.clock.advance(30)

    assert again.status_code == 200
    assert await state(fly) == "started"
    assert len(await fly.get(f"{MACHINES}/{IAD}/versions")) == 3


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"current_version": "01AAAAAAAAAAAAAAAAAAAAAAAA"}, 412, "not 01AAAAAAAAAAAAAAAAAAAAAAAA"),
        ({"region": "fra"}, 400, "region of machine"),
        ({"name": "another"}, 400, "name of machine"),
        ({"min_secrets_version": 99}, 412, "secrets version 99"),
        ({"config": None}, 400, "config is required"),
        ({"config": {"env": {}}}, 400, "config.image"),
    ],
)
async def test_an_update_is_refused(fly: Fly, body: Any, status: int, text: str) -> None:
    """A refused update says why and changes nothing."""
    version = (await fly.machine())["instance_id"]

    answer = await fly.update(**body)

    assert answer.status_code == status
    assert text in answer.json()["error"]
    assert (await fly.machine())["instance_id"] == version


async def test_the_expected_version_lets_an_update_through(fly: Fly) -> None:
    """`current_version` as it is, and the same region and name, are no obstacle."""
    machine = await fly.machine()

    answer = await fly.update(current_version=machine["instance_id"], region="iad", name=machine["name"])

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "config",
    [
        {"env": {"PORT": 4000}},
        {"metadata": {"a": None}},
        {"guest": {"memory_mb": 300}},
        {"size": "tiny"},
        {"restart": {"policy": "sometimes"}},
        {"services": [{"internal_port": 0}]},
        {"services": [{"internal_port": 80, "autostop": "pause"}]},
        {"checks": {"a": {"type": "tcp", "interval": "15 seconds"}}},
    ],
)
async def test_a_wrong_configuration_is_refused(fly: Fly, config: Any) -> None:
    """Types, sizes and durations are checked before anything is created."""
    answer = await fly.create(config)

    assert answer.status_code == 400
    assert len(fly.sim.machines(APP)) == 2


@pytest.mark.parametrize(("sent", "answered"), [("off", False), ("stop", True), (True, True), ("suspend", "suspend")])
async def test_autostop_comes_back_as_a_boolean_where_it_can_be_one(fly: Fly, sent: Any, answered: Any) -> None:
    """Older clients read booleans, so `off` and `stop` are answered as such."""
    machine = (await fly.create({"services": [{"internal_port": 80, "protocol": "tcp", "autostop": sent}]})).json()

    assert machine["config"]["services"][0]["autostop"] is answered or sent == "suspend"
    assert machine["config"]["services"][0]["autostop"] == answered


@pytest.mark.parametrize(
    "reference", ["{app}:sha-none", "{app}@sha256:00", "somebody/else:1", "reify-studio-staging:" + LIVE]
)
async def test_an_image_that_cannot_be_pulled_creates_nothing(fly: Fly, reference: str) -> None:
    """Neither a missing tag, a missing digest nor another organisation's image gets a Machine."""
    image = f"registry.fly.io/{reference.format(app=APP)}"

    answers = [
        await fly.create({"image": image}),
        await fly.call("POST", f"{MACHINES}/{IAD}", {"config": {"image": image}}),
    ]

    assert [a.status_code for a in answers] == [400, 400]
    assert answers[0].json()["error"].startswith(f"failed to get manifest {image}: request failed: not found")
    assert fly.sim.machine(IAD).counts["updates"] == 0


async def test_an_image_is_named_by_tag_and_digest(fly: Fly) -> None:
    """With both in the reference the digest decides, and the tag is kept for the reader."""
    digest = fly.sim.world.registry.repositories[f"registry.fly.io/{APP}"].tags[LIVE]

    machine = (await fly.create({"image": f"registry.fly.io/{APP}:{NEXT}@{digest}"})).json()

    assert (machine["image_ref"]["tag"], machine["image_ref"]["digest"]) == (NEXT, digest)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("stopping", "machine still active, refusing to start"),
        ("replacing", "machine getting replaced, refusing to start"),
        ("starting", "machine still attempting to start"),
    ],
)
async def test_a_machine_between_two_states_is_not_started(fly: Fly, state: str, text: str) -> None:
    """412 with the provider's own words."""
    fly.sim.machine(IAD).state = state

    answer = await fly.call("POST", f"{MACHINES}/{IAD}/start")

    assert (answer.status_code, answer.json()["error"]) == (412, f"failed_precondition: {text}")


async def test_a_machine_is_still_active_for_a_moment_after_it_stopped(fly: Fly) -> None:
    """`start` right after `stopped` is refused; a little later it works."""
    await fly.call("POST", f"{MACHINES}/{IAD}/stop", {})
    fly.clock.advance(1.6)
    refused = await fly.call("POST", f"{MACHINES}/{IAD}/start")
    fly.clock.advance(1.0)
    started = await fly.call("POST", f"{MACHINES}/{IAD}/start")

    assert (refused.status_code, started.status_code) == (412, 200)


async def test_stop_needs_a_body_and_keeps_the_last_checks(fly: Fly) -> None:
    """A POST without JSON is refused; a stopped Machine goes on showing what its checks said."""
    refused = await fly.call("POST", f"{MACHINES}/{IAD}/stop")
    stopped = await fly.call("POST", f"{MACHINES}/{IAD}/stop", {"timeout": "10s"})
    fly.clock.advance(60)
    machine = await fly.machine()

    assert (refused.status_code, stopped.status_code) == (400, 200)
    assert (machine["state"], machine["checks"][0]["status"]) == ("stopped", "passing")
    assert machine["events"][0]["request"]["exit_event"]["requested_stop"] is True


@pytest.mark.parametrize(
    ("action", "body", "then"),
    [("restart", None, "started"), ("suspend", None, "suspended"), ("signal", {"signal": "SIGUSR1"}, "started")],
)
async def test_an_action_needs_a_running_machine(fly: Fly, action: str, body: Any, then: str) -> None:
    """restart, suspend and signal work on a started Machine, and answer 412 on a stopped one."""
    done = await fly.call("POST", f"{MACHINES}/{IAD}/{action}", body)
    fly.clock.advance(30)
    after = await state(fly)
    fly.sim.machine(IAD).state = "stopped"
    refused = await fly.call("POST", f"{MACHINES}/{IAD}/{action}", body)

    assert (done.status_code, after) == (200, then)
    assert refused.json()["error"] == "failed_precondition: machine not running"


async def test_a_kill_restarts_the_machine_by_its_policy(fly: Fly) -> None:
    """SIGKILL makes an exit event with the code and a growing count, and the Machine comes back."""
    await fly.call("POST", f"{MACHINES}/{IAD}/signal", {"signal": "SIGKILL"})
    fly.clock.advance(30)
    machine = await fly.machine()
    request = next(e["request"] for e in machine["events"] if e["type"] == "exit")

    assert machine["state"] == "started"
    assert request["restart_count"] == 1
    assert request["MonitorEvent"]["exit_event"]["exit_code"] == 137
    assert request["exit_event"]["restarting"] is True


async def test_cordon_takes_a_machine_out_of_service_and_uncordon_back(fly: Fly) -> None:
    """`cordoned` follows, and the Machine goes on running."""
    await fly.call("POST", f"{MACHINES}/{IAD}/cordon")
    cordoned = await fly.machine()
    await fly.call("POST", f"{MACHINES}/{IAD}/uncordon")

    assert (cordoned["cordoned"], cordoned["state"]) == (True, "started")
    assert (await fly.machine())["cordoned"] is False


async def test_a_destroyed_machine_stays_readable_for_a_while(fly: Fly) -> None:
    """It needs force while it runs, leaves the list, answers GET, and is forgotten in the end."""
    refused = await fly.call("DELETE", f"{MACHINES}/{IAD}")
    await fly.call("DELETE", f"{MACHINES}/{IAD}", params={"force": "true"})
    fly.clock.advance(5)

    assert refused.status_code == 412
    assert await state(fly) == "destroyed"
    assert [m["id"] for m in await fly.get(MACHINES)] == [SJC]
    assert len(await fly.get(MACHINES, include_deleted="true")) == 2
    fly.clock.advance(3600)
    assert (await fly.machine())["error"] == "machine not found"


async def test_exec_runs_in_a_started_machine_only(fly: Fly) -> None:
    """Programs answer as the seed says, a shell knows echo, others are not found; 412 when it is stopped."""
    fly.sim.app(APP).programs = [{"match": "^psql", "stdout": "42\n", "exit_code": 0}]
    bodies = [{"command": ["psql", "-c", "select 42"]}, {"command": ["sh", "-c", "echo a b"]}, {"cmd": "ls -l"}]
    results = [(await fly.call("POST", f"{MACHINES}/{IAD}/exec", body)).json() for body in bodies]
    fly.sim.machine(IAD).state = "stopped"
    refused = await fly.call("POST", f"{MACHINES}/{IAD}/exec", bodies[0])

    assert [(r["exit_code"], r["stdout"]) for r in results] == [(0, "42\n"), (0, "a b\n"), (127, "")]
    assert (refused.status_code, refused.json()["error"]) == (412, "failed_precondition: machine not running")


async def test_processes_show_what_listens(fly: Fly) -> None:
    """A process of the app listens on every service's port."""
    processes = await fly.get(f"{MACHINES}/{IAD}/ps")

    assert processes[0]["listen_sockets"] == [{"proto": "tcp", "address": "0.0.0.0:4000"}]


async def test_metadata_changes_without_restart_or_lease(fly: Fly) -> None:
    """Set, read, remove; the version stays, somebody else's lease is no obstacle."""
    await fly.do("lease", machine=IAD)
    version = (await fly.machine())["instance_id"]
    path = f"{MACHINES}/{IAD}/metadata"

    codes = [
        (await fly.call("POST", f"{path}/pr", {"value": "12"})).status_code,
        (
            await fly.call(
                "PATCH", path, {"metadata": {"owner": "ana", "fly_flyctl_version": None, "fly_release_id": ""}}
            )
        ).status_code,
        (await fly.call("DELETE", f"{path}/fly_release_version")).status_code,
    ]
    metadata = await fly.get(path)

    assert codes == [204, 204, 204]
    assert metadata == {"fly_platform_version": "v2", "fly_process_group": "app", "pr": "12", "owner": "ana"}
    assert await fly.get(f"{path}/pr") == {"value": "12"}
    assert (await fly.machine())["instance_id"] == version


@pytest.mark.parametrize("condition", [{"machine_version": "01A"}, {"updated_at": "2020-01-01T00:00:00Z"}])
async def test_metadata_with_a_wrong_condition_changes_nothing(fly: Fly, condition: dict[str, str]) -> None:
    """412, and the metadata is as before."""
    answer = await fly.call("PUT", f"{MACHINES}/{IAD}/metadata", {"metadata": {"a": "b"}, **condition})

    assert answer.status_code == 412
    assert "a" not in await fly.get(f"{MACHINES}/{IAD}/metadata")


async def test_two_machines_do_not_share_a_name(fly: Fly) -> None:
    """409 names the Machine that has it."""
    answer = await fly.create(name="silent-dawn-8830")

    assert answer.status_code == 409
    assert SJC in answer.json()["error"]


async def test_events_are_newest_first_and_limited(fly: Fly) -> None:
    """The events' own page is as long as it was asked to be."""
    await fly.call("POST", f"{MACHINES}/{IAD}/restart")
    fly.clock.advance(30)

    events = await fly.get(f"{MACHINES}/{IAD}/events", limit=2)

    assert [event["type"] for event in events] == ["start", "exit"]
    assert events[0]["timestamp"] > events[1]["timestamp"]


async def test_a_machine_that_skips_its_registration_gets_no_requests(fly: Fly) -> None:
    """It runs, cordoned from its first moment, until somebody uncordons it."""
    config = (await fly.machine())["config"]
    machine = (await fly.create(config, skip_service_registration=True)).json()
    fly.clock.advance(60)

    assert (await fly.machine(machine["id"]))["state"] == "started"
    assert fly.sim.machine(machine["id"]).gets_requests is False
    await fly.call("POST", f"{MACHINES}/{machine['id']}/uncordon")
    assert fly.sim.machine(machine["id"]).gets_requests is True


async def test_a_volume_is_mounted_in_its_own_region(fly: Fly) -> None:
    """A volume is a piece of a host's disk: no Machine elsewhere mounts it."""
    volume = (await fly.call("POST", f"/v1/apps/{APP}/volumes", {"name": "data", "region": "sjc"})).json()

    refused = await fly.create({"mounts": [{"volume": volume["id"], "path": "/data"}]})

    assert refused.status_code == 400
    assert "is in region sjc" in refused.json()["error"]
