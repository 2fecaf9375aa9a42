"""The simulated Fly when things go wrong, and what people do beside the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, NEXT, SJC, Fly

MACHINES = f"/v1/apps/{APP}/machines"
GROUP = {"fly_platform_version": "v2", "fly_process_group": "fly_app_release_command"}

fly_stage, fly = FIXTURES


async def healths(fly: Fly, machine: str = IAD) -> list[str]:
    return [check["status"] for check in (await fly.machine(machine))["checks"]]


async def run_release_command(fly: Fly, seconds: float = 60) -> Any:
    """Create, wait, start and wait, as flyctl does; the Machine as it is at the end."""
    config = {
        "init": {"cmd": ["/app/bin/migrate"]},
        "auto_destroy": True,
        "restart": {"policy": "no"},
        "metadata": GROUP,
    }
    created = (await fly.create(config, skip_launch=True)).json()
    machine = f"{MACHINES}/{created['id']}"
    await fly.get(f"{machine}/wait", state="stopped", version=created["instance_id"])
    await fly.call("POST", f"{machine}/start")
    await fly.http.get(f"{machine}/wait", params={"state": "destroyed", "timeout": int(seconds)})
    return await fly.get(machine)


def exit_of(machine: Any) -> Any:
    kinds = [event["type"] for event in machine["events"]]
    assert kinds.index("exit") < kinds.index("start")
    return machine["events"][kinds.index("exit")]["request"]["exit_event"]


async def test_a_release_command_runs_and_leaves_a_trace(fly: Fly) -> None:
    """It exits 0, destroys itself, stays readable with its exit event, and its lines are in the logs."""
    machine = await run_release_command(fly)
    fly.clock.advance(5)
    logs = await fly.get(f"/api/v1/apps/{APP}/logs", instance=machine["id"])

    assert (machine["state"], exit_of(machine)["exit_code"]) == ("destroyed", 0)
    assert "Main child exited normally with code: 0" in logs["data"][-1]["attributes"]["message"]
    [run] = fly.sim.release_commands(APP)
    assert (run["command"], run["exit_code"]) == ("/app/bin/migrate", 0)
    assert run["finished_at"] - run["started_at"] == pytest.approx(6)


async def test_a_release_command_fails(fly: Fly) -> None:
    """Its exit code and its lines are those of the fault."""
    detail = {"exit_code": 3, "lines": ["** (Postgrex.Error) deadlock"]}
    fly.fault("release_command_fails", target=APP, times=1, detail=detail)

    machine = await run_release_command(fly)
    fly.clock.advance(5)
    logs = await fly.get(f"/api/v1/apps/{APP}/logs", instance=machine["id"])

    assert exit_of(machine)["exit_code"] == 3
    assert "** (Postgrex.Error) deadlock" in [line["attributes"]["message"] for line in logs["data"]]


async def test_a_release_command_hangs_until_it_is_stopped(fly: Fly) -> None:
    """A wait that ran out does not end it; a stop does, and that is no success."""
    fly.fault("release_command_hangs", target=NEXT)

    machine = await run_release_command(fly, seconds=30)
    await fly.call("POST", f"{MACHINES}/{machine['id']}/stop", {})
    fly.clock.advance(5)
    ended = await fly.get(f"{MACHINES}/{machine['id']}")

    assert machine["state"] == "started"
    assert (ended["state"], exit_of(ended)["exit_code"], exit_of(ended)["requested_stop"]) == ("destroyed", 143, True)


@pytest.mark.parametrize("target", [IAD, APP, NEXT, f"{APP}:{NEXT}"])
async def test_checks_fail_after_the_next_update(fly: Fly, target: str) -> None:
    """By Machine, app or image; the running version is not touched, and the next update heals."""
    fly.fault("unhealthy", target=target, times=1, detail={"output": "500 Internal Server Error"})
    before = await healths(fly)
    await fly.update()
    fly.clock.advance(30)
    after = await fly.machine()
    await fly.update()
    fly.clock.advance(30)

    assert before == ["passing"]
    assert after["state"] == "started"
    assert [(c["status"], c["output"]) for c in after["checks"]] == [("critical", "500 Internal Server Error")]
    assert await healths(fly) == ["passing"]


async def test_failures_within_the_grace_period_do_not_count(fly: Fly) -> None:
    """A sick version is waited for first, then critical."""
    fly.fault("unhealthy", target=IAD)
    await fly.update()
    fly.clock.advance(3.5 + 3)
    within = await healths(fly)
    fly.clock.advance(3)

    assert (within, await healths(fly)) == (["warning"], ["critical"])


async def test_a_version_may_turn_bad_later(fly: Fly) -> None:
    """`after` seconds it passes, then it does not: what a watch after a deployment is for."""
    fly.fault("unhealthy", target=APP, detail={"after": 60})
    await fly.update()
    fly.clock.advance(30)
    early = await healths(fly)
    fly.clock.advance(60)

    assert (early, await healths(fly)) == (["passing"], ["critical"])


@pytest.mark.parametrize(("phase", "seen"), [("started", ("starting", 1)), ("healthy", ("started", 1))])
async def test_a_slow_boot_takes_its_time(fly: Fly, phase: str, seen: tuple[str, int]) -> None:
    """It is late to start, or late to answer, and comes up in the end."""
    fly.fault("slow_boot", target=IAD, seconds=90.0, times=1, detail={"phase": phase})
    await fly.update()
    fly.clock.advance(60)
    meanwhile = await fly.machine()
    fly.clock.advance(60)

    assert (meanwhile["state"], len(meanwhile["checks"])) == seen
    assert phase == "started" or meanwhile["checks"][0]["status"] == "warning"
    assert await healths(fly) == ["passing"]


async def test_a_machine_that_does_not_start_is_failed_and_can_be_updated(fly: Fly) -> None:
    """`failed` after the boot; the next update launches it again."""
    fly.fault("fails_to_start", target=NEXT, times=1)
    updated = (await fly.update()).json()
    waited = await fly.http.get(f"{MACHINES}/{IAD}/wait", params={"version": updated["instance_id"], "timeout": 20})
    failed = (await fly.machine())["state"]
    await fly.update(label=LIVE)
    fly.clock.advance(10)

    assert (waited.status_code, failed) == (408, "failed")
    assert "currently failed" in waited.json()["error"]
    assert (await fly.machine())["state"] == "started"


async def test_a_crash_loop_counts_restarts_until_it_stops(fly: Fly) -> None:
    """Exits with the code, restarting, with growing pauses and a growing count; then it stays stopped."""
    fly.fault("crash_loop", target=IAD, times=1, detail={"exit_code": 7, "after": 0.5})
    await fly.update()
    fly.clock.advance(12)
    looping = (await fly.machine())["events"]
    fly.clock.advance(600)
    ended = await fly.machine()

    exits = [e["request"] for e in looping if e["type"] == "exit" and "MonitorEvent" in e["request"]]
    assert len(exits) > 1
    assert [request["restart_count"] for request in exits] == list(range(len(exits), 0, -1))
    assert {(r["exit_event"]["exit_code"], r["exit_event"]["restarting"]) for r in exits} == {(7, True)}
    assert (ended["state"], ended["events"][0]["request"]["exit_event"]["restarting"]) == ("stopped", False)


async def test_a_full_region_takes_no_machines(fly: Fly) -> None:
    """422 with `insufficient_capacity` for a new one, 409 for an update there; other regions work."""
    fly.fault("no_capacity", target="iad")

    created = await fly.create()
    elsewhere = await fly.create(region="sjc")
    updated = await fly.update()

    assert (created.status_code, created.json()["status"]) == (422, "insufficient_capacity")
    assert elsewhere.status_code == 200
    assert updated.status_code == 409
    assert "could not reserve resource for machine" in updated.json()["error"]


async def test_an_unreachable_host_hides_the_configuration(fly: Fly) -> None:
    """No `config`, only an incomplete one; no update, but it can be destroyed."""
    fly.fault("host_unreachable", target=IAD)

    machine = await fly.machine()
    updated = await fly.update()
    destroyed = await fly.call("DELETE", f"{MACHINES}/{IAD}", params={"force": "true"})

    assert machine["host_status"] == "unreachable"
    assert "config" not in machine
    assert machine["incomplete_config"].keys() == {"image", "metadata", "guest"}
    assert (updated.status_code, destroyed.status_code) == (503, 200)


async def test_a_pruned_image_is_gone_everywhere(fly: Fly) -> None:
    """Not in the registry, not in GraphQL, not to be pulled, neither by tag nor by digest."""
    digest = fly.sim.world.registry.repositories[f"registry.fly.io/{APP}"].tags[NEXT]
    fly.fault("image_gone", target=NEXT)

    answers = [
        await fly.http.head(f"/v2/{APP}/manifests/{NEXT}"),
        await fly.http.head(f"/v2/{APP}/manifests/{digest}"),
        await fly.update(),
        await fly.create({"image": f"registry.fly.io/{APP}@{digest}"}),
    ]
    body = {"query": f'{{ app(name: "{APP}") {{ image(ref: "registry.fly.io/{APP}:{NEXT}") {{ ref }} }} }}'}
    resolved = (await fly.call("POST", "/graphql", body)).json()

    assert [answer.status_code for answer in answers] == [404, 404, 400, 400]
    assert resolved["data"]["app"]["image"] is None


async def test_a_fault_of_the_wire_comes_in_any_shape(fly: Fly) -> None:
    """A proxy's HTML instead of JSON, once; the request id is there all the same."""
    fly.fault("status", path="/v1/apps", status=502, body="<html>Bad Gateway</html>", times=1)

    first, second = await fly.http.get(f"/v1/apps/{APP}"), await fly.http.get(f"/v1/apps/{APP}")

    assert (first.status_code, first.text, second.status_code) == (502, "<html>Bad Gateway</html>", 200)


async def test_ci_deploys_as_flyctl_does(fly: Fly) -> None:
    """One release, one release command, every Machine updated once, leases given back."""
    answer = await fly.do("deploy", app=APP, image=NEXT)
    state = fly.sim.state()["apps"][APP]

    assert answer["result"] == {"version": 42, "status": "complete", "error": ""}
    assert {m["id"]: (m["updates"], m["label"], m["lease"]) for m in state["machines"] if m["state"] == "started"} == {
        IAD: (1, NEXT, None),
        SJC: (1, NEXT, None),
    }
    assert [run["exit_code"] for run in fly.sim.release_commands(APP)] == [0]
    assert state["releases"][0]["status"] == "complete"
    assert fly.sim.machine(IAD).config["metadata"]["fly_release_version"] == "42"


@pytest.mark.parametrize(
    ("kind", "target", "error", "labels"),
    [
        ("release_command_fails", APP, "exited with non-zero status of 1", {LIVE}),
        ("unhealthy", IAD, "timeout reached waiting for health checks", {LIVE, NEXT}),
    ],
)
async def test_a_failed_deployment_of_ci_rolls_nothing_back(
    fly: Fly, kind: str, target: str, error: str, labels: set[str]
) -> None:
    """The release is `failed`; Machines stay where they are, be it on two images."""
    fly.fault(kind, target=target)

    result = (await fly.do("deploy", app=APP, image=NEXT))["result"]

    assert result["status"] == "failed"
    assert error in result["error"]
    assert fly.sim.labels(APP) == labels


async def test_ci_gives_up_on_a_lease(fly: Fly) -> None:
    """Somebody who holds a lease for longer than flyctl waits keeps CI out."""
    await fly.do("lease", machine=SJC, owner="ana@example.com", seconds=600)

    result = (await fly.do("deploy", app=APP, image=NEXT))["result"]

    assert (result["status"], fly.sim.labels(APP)) == ("failed", {LIVE})


async def test_ci_creates_the_first_machine_of_an_app(fly: Fly) -> None:
    """A new app gets one Machine from the definition, with release metadata and its service."""
    await fly.do("create_app", name="fresh", organization="reify-studio-production")
    definition = fly.sim.app(APP).releases[-1].definition

    result = (await fly.do("deploy", app="fresh", image=f"registry.fly.io/{APP}:{NEXT}", definition=definition))[
        "result"
    ]

    assert (result["version"], result["status"]) == (1, "complete")
    [machine] = fly.sim.machines("fresh")
    assert machine.config["services"][0]["internal_port"] == 4000
    assert machine.config["metadata"]["fly_process_group"] == "app"


async def test_a_visit_wakes_a_sleeping_app(fly: Fly) -> None:
    """The proxy starts a stopped Machine where autostart allows it."""
    await fly.do("visit", app="reify-studio-staging")
    fly.clock.advance(10)

    assert fly.sim.has_machine("reify-studio-staging", state="started", region="iad")


async def test_people_crash_stop_start_and_sicken_machines(fly: Fly) -> None:
    """Each control action is seen through the API."""
    await fly.do("set_health", machine=IAD, status="critical", output="pool timeout")
    sick = (await fly.machine())["checks"][0]
    await fly.do("set_health", machine=IAD, status="passing")
    healed = await healths(fly)
    await fly.do("crash", machine=SJC, exit_code=9)
    crashed = (await fly.machine(SJC))["state"]
    await fly.do("stop_machine", machine=IAD)
    fly.clock.advance(10)
    stopped = (await fly.machine())["state"]
    await fly.do("start_machine", machine=IAD)
    fly.clock.advance(10)

    assert (sick["status"], sick["output"], healed) == ("critical", "pool timeout", ["passing"])
    assert (crashed, stopped) == ("restarting", "stopped")
    assert [(await fly.machine(machine))["state"] for machine in (IAD, SJC)] == ["started", "started"]


async def test_reset_brings_the_seed_back(fly: Fly) -> None:
    """Machines, releases and images are those of the seed, faults are off."""
    fly.fault("unhealthy")
    await fly.do("deploy", app="reify-studio-staging", image=LIVE)
    await fly.do("destroy_app", name=APP)
    await fly.do("reset")

    assert fly.sim.labels(APP) == {LIVE}
    assert fly.sim.app("reify-studio-staging").releases[-1].version == 117
    assert fly.sim.faults.all() == []


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("deploy", {"app": APP, "image": "none"}),
        ("deploy", {"app": "nobody", "image": "x"}),
        ("lease", {"machine": "none"}),
        ("crash", {"machine": "6e82dd4f7a1c08"}),
        ("create_app", {"name": APP, "organization": "reify-studio-production"}),
        ("create_app", {"name": "a", "organization": "nobody"}),
        ("delete_image", {"app": APP, "label": "none"}),
        ("visit", {"nobody": 1}),
    ],
)
async def test_an_impossible_wish_is_refused(fly: Fly, action: str, arguments: dict[str, Any]) -> None:
    """400 with a sentence, and the world goes on."""
    answer = await fly.call("POST", f"/_control/do/{action}", arguments)

    assert answer.status_code == 400
    assert answer.json()["error"]
