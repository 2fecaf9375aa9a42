"""CI with flyctl against the simulated Fly: what a deploying job does there, in which order, and how it fails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.fly import FlySimulator
from sandbox.flyctl import Api, Deploy, Flyctl
from sandbox.github import default_seed
from sandbox.kit import Json
from sandbox.stack import CI_TOKENS
from tests.sandbox.actions_stage import HEADING, PRODUCTION, STAGING, V142, Actions, pipeline

APP, STAGING_APP, NEW_APP = "reify-studio", "reify-studio-staging", "reify-studio-new"
MACHINE = re.compile(r"/machines/[0-9a-f]{14}")
LIVE, NEXT = "sha-dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6", f"sha-{HEADING}"
IMAGE = f"registry.fly.io/{APP}:sha-{V142}"
CONFIG: Json = default_seed()["repositories"][0]["workflows"][1]["versions"][0]["jobs"][1]["config"]


@dataclass
class Stage:
    actions: Actions
    fly: FlySimulator
    said: list[str] = field(default_factory=list)

    def fault(self, kind: str, **details: Any) -> None:
        self.fly.faults.add(Fault(kind, **details))

    async def released(self, workflow: str = PRODUCTION) -> tuple[int, Json]:
        """A dispatched run, once it ended."""
        number = await self.actions.dispatch(workflow)
        return number, await self.actions.ended(number)

    async def deploys(self, app: str = APP, image: str = IMAGE, config: Json | None = None, token: str = "") -> int:
        """The exit code of one flyctl alone."""
        headers = {"authorization": token or CI_TOKENS["production"]}
        async with httpx.AsyncClient(base_url=self.fly.url, headers=headers, timeout=90, verify=False) as client:
            return await Deploy(Api(client, self.fly.clock), app, image, config or {}, self.said.append).run()

    def release(self, app: str = APP) -> tuple[int, str]:
        newest = max(self.fly.app(app).releases, key=lambda release: release.version)
        return newest.version, newest.status

    def labels(self, app: str = APP) -> list[str | None]:
        """What each Machine runs, by id."""
        return [machine.image.tag for machine in sorted(self.fly.machines(app), key=lambda machine: machine.id)]

    def is_free(self, app: str = APP) -> bool:
        now = self.fly.clock.now()
        return not any(machine.lease_at(now) for machine in self.fly.machines(app))

    def story(self) -> list[str]:
        """The calls that flyctl made, in order; Machines without their ids, repetitions and leases left out."""
        calls = [(call["method"], call["path"].removeprefix(f"/v1/apps/{APP}")) for call in self.fly.calls.all()]
        steps = [f"{method} {MACHINE.sub('/ID', path)}" for method, path in calls if not path.endswith("/lease")]
        return [step for n, step in enumerate(steps) if n == 0 or step != steps[n - 1]]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with pipeline() as (actions, fly):
        yield Stage(actions, fly)


async def test_a_run_builds_and_deploys(stage: Stage) -> None:
    """Every Machine runs the commit's new image, and Fly has a complete release."""
    number, run = await stage.released()

    assert run["conclusion"] == "success"
    assert (stage.labels(), stage.release()) == ([NEXT, NEXT], (42, "complete"))
    assert {m.config["metadata"]["fly_release_version"] for m in stage.fly.machines(APP)} == {"42"}
    assert [(run["command"], run["exit_code"]) for run in stage.fly.release_commands(APP)] == [("/app/bin/migrate", 0)]
    assert "Visit your newly deployed app" in await stage.actions.log(number, "deploy")


async def test_the_image_says_where_it_comes_from(stage: Stage) -> None:
    """It carries repository and commit as labels."""
    await stage.released()

    (labels,) = {tuple(sorted(m.image_ref["labels"].items())) for m in stage.fly.machines(APP)}
    assert labels == (("GH_REPO", "reify/reify-studio"), ("GH_SHA", HEADING))


async def test_the_order_is_that_of_flyctl(stage: Stage) -> None:
    """App, image, release, release command, the Machines one by one, release, build."""
    await stage.deploys()

    story = stage.story()
    updates = ["POST /ID", "GET /ID/wait", "GET /ID", "GET /ID/ps"]
    release = next(step for step in story if step.startswith("PATCH"))
    assert story == [
        "GET ",
        "POST /graphql",
        "GET /api/v1/organizations/reify-studio-production",
        "POST /api/v1/builds",
        "POST /graphql",
        "GET /machines",
        "POST /api/v1/releases",
        "POST /graphql",
        release,
        "POST /machines",
        "GET /ID/wait",
        "POST /ID/start",
        "GET /ID/wait",
        "GET /ID",
        *updates,
        *updates,
        release,
        "POST /api/v1/builds/finish",
        "GET /ip_assignments",
    ]


async def test_a_sleeping_machine_gets_the_image_and_sleeps_on(stage: Stage) -> None:
    """Staging's stopped Machine is not started for it."""
    _, run = await stage.released(STAGING)

    assert run["conclusion"] == "success"
    assert [(m.image.tag, m.state) for m in stage.fly.machines(STAGING_APP)] == [(NEXT, "stopped")]


async def test_a_push_to_main_reaches_staging(stage: Stage) -> None:
    """CI, image, deployment: nobody but the one who pushed did anything."""
    made = await stage.actions.do("commit", title="New", author="ana", runs=True)
    (ci, *_) = await stage.actions.runs("ci.yml")
    await stage.actions.ended(ci["id"])
    (run,) = await stage.actions.runs(STAGING)
    await stage.actions.ended(run["id"])

    assert stage.labels(STAGING_APP) == [f"sha-{made['sha']}"]


async def test_an_unhealthy_machine_ends_it(stage: Stage) -> None:
    """The first Machine fails, the second is not touched; step, job, run, release and deployment say so."""
    stage.fault("unhealthy", target=NEXT)

    number, run = await stage.released()

    steps = await stage.actions.steps(number, "deploy")
    assert (run["conclusion"], steps["flyctl deploy"]) == ("failure", "failure")
    assert (stage.labels(), stage.release(), stage.is_free()) == ([NEXT, LIVE], (42, "failed"), True)
    assert await stage.actions.deployments() == [("production", ["in_progress", "failure"])]
    assert "Error: timeout reached waiting for health checks to pass" in await stage.actions.log(number, "deploy")


async def test_a_failing_release_command_touches_no_machine(stage: Stage) -> None:
    """The exit code is in the log, production runs what it ran."""
    stage.fault("release_command_fails", target=APP, detail={"exit_code": 3})

    number, run = await stage.released()

    assert (run["conclusion"], stage.labels(), stage.release()) == ("failure", [LIVE, LIVE], (42, "failed"))
    assert "exited with non-zero status of 3" in await stage.actions.log(number, "deploy")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("release_command_hangs", "deadline_exceeded"),
        ("crash_loop", "appears to be crashing"),
        ("fails_to_start", "timeout reached waiting for machine"),
        ("no_capacity", "no capacity available"),
        ("image_gone", "Could not find image"),
    ],
)
async def test_trouble_at_fly_fails_the_deployment(stage: Stage, kind: str, text: str) -> None:
    """The exit code is 1, the log says why, leases are given back, and the other Machine is as it was."""
    target = "iad" if kind == "no_capacity" else None if kind != "image_gone" else f"sha-{V142}"
    stage.fault(kind, target=target)

    code = await stage.deploys()

    assert (code, stage.is_free()) == (1, True)
    assert text in stage.said[-1]
    assert LIVE in stage.labels()


async def test_a_step_that_fails_itself_leaves_fly_untouched(stage: Stage) -> None:
    """The fault `step_fails` at GitHub stops the job before flyctl does anything."""
    stage.actions.fault("step_fails", target="flyctl deploy")

    await stage.released()

    assert (stage.labels(), stage.release()) == ([LIVE, LIVE], (41, "complete"))


async def test_a_cancelled_run_interrupts_flyctl(stage: Stage) -> None:
    """The release ends as interrupted, the leases are given back, and one Machine may have moved."""
    number = await stage.actions.dispatch()
    while NEXT not in stage.labels():
        await stage.fly.clock.sleep(1)

    await stage.actions.do("cancel")
    run = await stage.actions.ended(number)

    assert run["conclusion"] == "cancelled"
    assert (stage.labels(), stage.release(), stage.is_free()) == ([NEXT, LIVE], (42, "interrupted"), True)


async def test_a_run_again_finishes_the_job(stage: Stage) -> None:
    """After a failure the next attempt brings all Machines to the image, as another release."""
    stage.fault("unhealthy", target=NEXT, times=1)
    number, _ = await stage.released()

    await stage.actions.http.post(f"/actions/runs/{number}/rerun-failed-jobs")
    await stage.actions.ended(number)

    assert (stage.labels(), stage.release()) == ([NEXT, NEXT], (43, "complete"))


async def test_it_waits_for_somebody_elses_lease(stage: Stage) -> None:
    """A lease that runs out within a minute is waited for."""
    stage.fly.control.lease(stage.fly.machines(APP)[1].id, seconds=30)

    code = await stage.deploys()

    assert (code, stage.release()) == (0, (42, "complete"))


async def test_a_lease_that_stays_held_stops_it(stage: Stage) -> None:
    """No Machine is updated, and the leases that it had are given back."""
    held = stage.fly.machines(APP)[1].id
    stage.fly.control.lease(held, seconds=600)

    code = await stage.deploys()

    assert (code, stage.labels(), stage.release()) == (1, [LIVE, LIVE], (42, "failed"))
    assert "lease currently held by somebody@example.com" in stage.said[-1]
    assert [m.id for m in stage.fly.machines(APP) if m.lease_at(stage.fly.clock.now())] == [held]


async def test_leases_outlive_a_slow_boot(stage: Stage) -> None:
    """They last 13 s and are refreshed while a Machine takes minutes."""
    stage.fault("slow_boot", target=APP, seconds=120)

    code = await stage.deploys()

    assert (code, stage.labels()) == (0, [f"sha-{V142}"] * 2)


async def test_a_first_deployment_creates_two_machines(stage: Stage) -> None:
    """In the primary region, healthy, with addresses; the size is that of fly.toml."""
    stage.fly.control.create_app(NEW_APP, "reify-studio-production")
    await stage.fly.clock.sleep(1)
    stage.fly.control.push_image("first", NEW_APP)

    code = await stage.deploys(NEW_APP, f"registry.fly.io/{NEW_APP}:first", CONFIG)

    machines = stage.fly.machines(NEW_APP)
    assert (code, stage.release(NEW_APP)) == (0, (1, "complete"))
    assert [(m.region, m.state, m.config["guest"]["memory_mb"]) for m in machines] == [("iad", "started", 1024)] * 2
    assert [address.type for address in stage.fly.app(NEW_APP).addresses] == ["v6", "shared_v4"]


async def test_without_a_config_there_must_be_a_release(stage: Stage) -> None:
    """An app that was never deployed has no config to take."""
    stage.fly.control.create_app(NEW_APP, "reify-studio-production")
    await stage.fly.clock.sleep(1)

    code = await stage.deploys(NEW_APP)

    assert (code, stage.said[-1]) == (1, "Error: the config for your app is missing")


async def test_a_wrong_token_reaches_nothing(stage: Stage) -> None:
    """Staging's token is refused before a release is made."""
    code = await stage.deploys(token=CI_TOKENS["staging"])

    assert (code, stage.said[-1], stage.release()) == (1, "Error: unauthorized", (41, "complete"))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("status", status=429, method="POST", path="/machines", times=2), 0),
        (Fault("status", status=503, path="/api/v1/", times=3), 0),
        (Fault("status", status=503, path="/api/v1/releases$"), 1),
        (Fault("drop_before", method="GET", path="/wait$", times=2), 0),
        (Fault("drop_after", method="POST", path="/machines$", times=1), 1),
        (Fault("drop_after", method="POST", path="/machines/[0-9a-f]{14}$", times=1), 1),
        (Fault("status", status=500, method="PATCH", body="broken"), 1),
        (Fault("status", status=200, path="/graphql$", body={"errors": [{"message": "Could not find App"}]}), 1),
        (Fault("status", status=500, method="DELETE", path="/lease$"), 0),
    ],
)
async def test_only_what_is_safe_is_repeated(stage: Stage, fault: Fault, code: int) -> None:
    """Refusals for a while and lost reads are repeated; a write whose answer is lost ends the deployment."""
    stage.fly.faults.add(fault)

    assert await stage.deploys() == code


async def test_a_registry_out_of_reach_fails_the_build(stage: Stage) -> None:
    """The step that pushes fails, and nothing is deployed."""
    stage.actions.github.pipeline.cloud = Flyctl("http://127.0.0.1:9", CI_TOKENS, stage.fly.clock)

    number, run = await stage.released()

    assert (run["conclusion"], (await stage.actions.jobs(number))["deploy"]["conclusion"]) == ("failure", "skipped")
    assert "Error: failed to push" in await stage.actions.log(number, "build")


async def test_a_push_to_no_app_fails_the_build(stage: Stage) -> None:
    """The registry refuses a path that it cannot read."""
    cloud = Flyctl(stage.fly.url, CI_TOKENS, stage.fly.clock)

    code = await cloud.push_image("", "", {}, stage.said.append)

    assert (code, stage.said[-1].startswith("Error: failed to push")) == (1, True)
