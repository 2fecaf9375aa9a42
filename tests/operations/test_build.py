"""The way through CI against a GitHub and a Fly of a few lines: what the simulators do not do on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.model import Commit, Image, Lease, Machine, RefKind, ResolvedRef, Secret, WorkflowJob, WorkflowRun
from bot.domain.operation import Kind, Operation, State
from bot.domain.rollout import Step
from bot.errors import (
    NotFound,
    RateLimited,
    Reason,
    RemoteRejected,
    RemoteUnavailable,
    UnexpectedResponse,
)
from bot.operations.build import BuildWay
from bot.operations.engine import Engine
from bot.operations.plans import to_json
from bot.store import Store
from tests.builders import ANA, NEW, NEW_SHA, NOW, OLD_SHA, lease, machine, new_operation, plan

BUILD = Build("reify/reify-studio", ".github/workflows/deploy-production.yml", "v1.5.0", image_repository="r/s")
DISPATCHED = plan(build=BUILD, image=None)
TAGGED = plan(build=dataclasses.replace(BUILD, creates_tag=True), image=None)
DOWN = RemoteUnavailable("no answer", service="GitHub", status=502)
UNSENT = RemoteUnavailable("no connection", service="GitHub", sent=False)
LIMITED = RateLimited("too many requests", service="GitHub", retry_after=timedelta(seconds=1))
ODD = UnexpectedResponse("no JSON", service="GitHub")
TAKEN = RemoteRejected("Reference already exists", service="GitHub", status=422)
ABSENT = NotFound("There is no such run.", reason=Reason.BUILD_UNKNOWN)


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class GitHub:
    """Tags, and runs that succeed after ten seconds. `goes_wrong[method]` is raised, in order, None for not."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tags: dict[str, str] = {"v1.5.0": NEW_SHA}
        self.kind = RefKind.TAG
        self.runs: list[WorkflowRun] = []
        self.builds = NEW_SHA
        self.names_runs = True
        self.goes_wrong: dict[str, list[Exception | None]] = {}
        self.sent: list[str] = []
        self.cancelled: set[int] = set()
        self.length_s = 10.0

    def _take(self, method: str) -> None:
        waiting = self.goes_wrong.get(method)
        problem = waiting.pop(0) if waiting else None
        if problem is not None:
            raise problem

    def _begin(self, title: str, event: str) -> int:
        number = len(self.runs) + 1
        run = WorkflowRun(
            number, "queued", "", title, self.builds, "v1.5.0", event, f"https://x/{number}", 1, self.clock.now()
        )
        self.runs.append(run)
        return number

    async def resolve(self, repository: str, ref: str) -> ResolvedRef:
        self._take("resolve")
        if ref not in self.tags:
            raise NotFound(f"{repository} has no {ref}", reason=Reason.UNKNOWN_REF)
        return ResolvedRef(ref, self.kind, Commit(self.tags[ref], "", ""))

    async def create_tag(self, repository: str, name: str, sha: str) -> None:
        self.sent.append(f"tag {repository}")
        self._take("create_tag")
        self.tags[name] = sha
        self._begin("Release", "push")
        self._take("tag_answered")

    async def dispatch(self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        self.sent.append(f"{workflow} on {ref} of {repository}")
        self._take("dispatch")
        number = self._begin(f"Deploy {inputs['request_id']}", "workflow_dispatch")
        self._take("dispatch_answered")
        return number if self.names_runs else None

    async def workflow_runs(
        self, repository: str, workflow: str, *, event: str = "", branch: str = "", since: datetime | None = None
    ) -> list[WorkflowRun]:
        del repository, workflow
        self._take("workflow_runs")
        found = (run for run in self.runs if run.event == event and branch in {"", run.head_branch})
        return [run for run in found if since is None or run.created_at >= since]

    async def workflow_run(self, repository: str, run_id: int) -> WorkflowRun:
        del repository
        self._take("workflow_run")
        run = self.runs[run_id - 1]
        if run_id in self.cancelled:
            return dataclasses.replace(run, status="completed", conclusion="cancelled")
        if self.clock.now() >= run.created_at + timedelta(seconds=self.length_s):
            return dataclasses.replace(run, status="completed", conclusion="success")
        return dataclasses.replace(run, status="in_progress")

    async def jobs(self, repository: str, run_id: int, attempt: int) -> list[WorkflowJob]:
        del repository, attempt
        return [WorkflowJob("deploy", "in_progress", "", f"https://x/{run_id}/1")]

    async def cancel_run(self, repository: str, run_id: int) -> None:
        del repository
        self._take("cancel_run")
        self.cancelled.add(run_id)


class Fly:
    """Two Machines that run what they are given, and a registry that knows it."""

    def __init__(self) -> None:
        self.image: Image | None = NEW
        self.serving = [machine("148e01", image=NEW), machine("9080aa", region="sjc", image=NEW)]
        self.held: Lease | None = None

    async def machines(self, app: str) -> list[Machine]:
        return [dataclasses.replace(each, app=app) for each in self.serving]

    async def lease(self, app: str, machine_id: str) -> Lease | None:
        del app
        return self.held if self.held and self.held.machine_id == machine_id else None

    async def secrets(self, app: str) -> list[Secret]:
        del app
        return []

    async def resolve_image(self, repository: str, label: str) -> Image | None:
        assert (repository, label) == ("r/s", f"sha-{NEW_SHA}")
        return self.image


class Scene:
    """One operation on the way through CI, from its start to its end."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.github, self.fly, self.store = GitHub(self.clock), Fly(), store
        self.changes: list[str] = []
        self.cancels_at = ""

    def _changed(self, operation_id: str) -> None:
        self.changes.append(operation_id)

    async def deploys(self, of: DeploymentPlan = DISPATCHED, *, cancelled: bool = False) -> Operation:
        """Start the operation and let it run to its end."""
        fly: Any = {"org": self.fly}
        github: Any = self.github
        ways: Any = {Kind.DEPLOYMENT: BuildWay(github)}
        engine = Engine(self.store, fly, self.clock, ways, lambda _: "org", self._changed)
        made, _ = await self.store.create_operation(new_operation(), NOW)
        await self.store.set_plan(made.id, to_json(of), of.hash)
        await engine.start(made.id, by=ANA, plan_hash=of.hash)
        if cancelled:
            await self.store.request_cancel(made.id, ANA, NOW)
        await engine.settle()
        return await self.store.operation(made.id)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """An empty database, a GitHub and a Fly in which everything goes well."""
    store = Store(str(tmp_path / "flytower.db"))
    await store.open()
    yield Scene(store)
    await store.close()


async def test_all_goes_well_with_one_dispatch(scene: Scene) -> None:
    """Dispatched once, followed, proven: the receipt has every Machine."""
    ended = await scene.deploys()

    assert ended.state is State.SUCCEEDED
    assert scene.github.sent == [".github/workflows/deploy-production.yml on v1.5.0 of reify/reify-studio"]
    receipt = ended.row(Step.RECEIPT)
    assert receipt is not None
    assert [line["on_image"] for line in receipt.detail["machines"]] == [True, True]


async def test_a_row_is_written_only_for_what_can_be_seen(scene: Scene) -> None:
    """A run of ten minutes in which nothing visible changes leaves two rows: that it runs, and its end."""
    scene.github.length_s = 600.0

    ended = await scene.deploys()

    assert len([row for row in ended.journal if row.step == Step.FOLLOW]) == 2


@pytest.mark.parametrize("problem", [DOWN, ODD])
async def test_a_dispatch_that_was_worked_is_found_and_not_repeated(scene: Scene, problem: Exception) -> None:
    """Whatever came in place of the answer: the run is found by the request's id."""
    scene.github.goes_wrong["dispatch_answered"] = [problem]

    ended = await scene.deploys()

    assert ended.state is State.SUCCEEDED
    assert len(scene.github.sent) == 1


@pytest.mark.parametrize("problem", [UNSENT, LIMITED])
async def test_a_dispatch_that_certainly_did_nothing_is_sent_again_without_counting(
    scene: Scene, problem: Exception
) -> None:
    """No connection, or a limit: sent anew as often as the engine's patience lasts."""
    scene.github.goes_wrong["dispatch"] = [problem] * 3

    ended = await scene.deploys()

    assert ended.state is State.SUCCEEDED
    assert len(scene.github.sent) == 4
    assert len(scene.github.runs) == 1


async def test_a_ref_that_moved_in_the_last_moment_starts_nothing(scene: Scene) -> None:
    """Between plan and start the tag was moved: refused before anything is sent."""
    scene.github.tags["v1.5.0"] = OLD_SHA

    ended = await scene.deploys()

    assert (ended.reason, scene.github.sent) == ("plan_changed", [])


async def test_a_lease_taken_meanwhile_starts_nothing(scene: Scene) -> None:
    """Somebody deploys with flyctl: refused before anything is sent, by whom is said."""
    scene.fly.held = lease("9080aa")

    ended = await scene.deploys()

    assert (ended.reason, scene.github.sent) == ("lease_held", [])
    assert "bo@reify.example" in ended.outcome["message"]


async def test_a_run_of_another_commit_is_stopped(scene: Scene) -> None:
    """The ref was moved between the check and the dispatch: that run is cancelled, and nothing counts as shipped."""
    scene.github.builds = OLD_SHA

    ended = await scene.deploys()

    assert (ended.reason, scene.github.cancelled) == ("changed_outside", {1})
    assert "not 844d600" in ended.outcome["message"]


@pytest.mark.parametrize("problem", [None, DOWN, ODD])
async def test_a_tag_is_made_once_and_its_run_found(scene: Scene, problem: Exception | None) -> None:
    """With its answer or without: one tag, and the run of its push."""
    scene.github.tags.clear()
    scene.github.goes_wrong["tag_answered"] = [problem]

    ended = await scene.deploys(TAGGED)

    assert ended.state is State.SUCCEEDED
    assert scene.github.sent == ["tag reify/reify-studio"]
    assert scene.github.tags == {"v1.5.0": NEW_SHA}


async def test_a_tag_that_somebody_made_on_the_same_commit_is_enough(scene: Scene) -> None:
    """A colleague was quicker: nothing is made, and the run of their tag is followed."""
    scene.github._begin("Release", "push")

    ended = await scene.deploys(TAGGED)

    assert (ended.state, scene.github.sent) == (State.SUCCEEDED, [])


async def test_a_tag_that_somebody_made_elsewhere_is_not_touched(scene: Scene) -> None:
    """A colleague tagged another commit by that name: refused, and nobody's run is cancelled."""
    scene.github.tags["v1.5.0"] = OLD_SHA

    ended = await scene.deploys(TAGGED)

    assert (ended.reason, scene.github.sent) == ("tag_taken", [])


@pytest.mark.parametrize("problem", [TAKEN, UNSENT])
async def test_a_tag_that_cannot_be_made_ends_it(scene: Scene, problem: Exception) -> None:
    """GitHub refuses the tag, or cannot be reached for longer than the engine waits."""
    scene.github.tags.clear()
    scene.github.goes_wrong["create_tag"] = [problem] * 9

    ended = await scene.deploys(TAGGED)

    assert ended.state is State.FAILED
    assert scene.github.tags == {}


async def test_a_branch_of_the_name_is_no_tag(scene: Scene) -> None:
    """A branch is called like the tag to make: the tag is made all the same."""
    scene.github.kind = RefKind.BRANCH
    scene.github.goes_wrong["tag_answered"] = [None]

    ended = await scene.deploys(TAGGED)

    assert ended.state is State.SUCCEEDED
    assert scene.github.sent == ["tag reify/reify-studio"]


async def test_a_tag_without_a_run_is_unknown_and_says_where_to_look(scene: Scene) -> None:
    """The tag starts no workflow within two minutes: said, with the page of the workflow."""
    scene.github.builds = OLD_SHA

    ended = await scene.deploys(TAGGED)

    assert ended.reason == "build_unknown"
    assert ended.outcome["hint"].endswith("/actions/workflows/deploy-production.yml")


async def test_a_run_that_github_shows_late_is_waited_for(scene: Scene) -> None:
    """GitHub named the run, but does not show it for a while."""
    scene.github.goes_wrong["workflow_run"] = [ABSENT] * 4

    ended = await scene.deploys()

    assert ended.state is State.SUCCEEDED


async def test_a_run_that_github_never_shows_ends_it(scene: Scene) -> None:
    """Two minutes later there is still no such run: failed, and nothing is sent again."""
    scene.github.goes_wrong["workflow_run"] = [ABSENT] * 99

    ended = await scene.deploys()

    assert (ended.reason, len(scene.github.sent)) == ("build_unknown", 1)


async def test_a_refused_dispatch_says_what_is_missing(scene: Scene) -> None:
    """The workflow cannot be started this way: GitHub's words and the trigger that it needs."""
    scene.github.goes_wrong["dispatch"] = [RemoteRejected("no trigger", service="GitHub", status=422)]

    ended = await scene.deploys()

    assert ended.reason == "build_impossible"
    assert "no trigger" in ended.outcome["message"]
    assert "workflow_dispatch" in ended.outcome["hint"]


async def test_github_away_for_longer_than_the_run_may_take_ends_it(scene: Scene) -> None:
    """No answer until the limit: failed as unavailable, after one row that says that GitHub does not answer."""
    scene.github.goes_wrong["workflow_run"] = [DOWN] * 999

    ended = await scene.deploys(dataclasses.replace(DISPATCHED, build_timeout_s=120.0))

    assert ended.reason == "remote_unavailable"
    assert ended.finished_at is not None
    assert ended.finished_at - NOW >= timedelta(seconds=120)


async def test_a_cancel_before_anything_was_sent_sends_nothing(scene: Scene) -> None:
    """Cancelled at once: no dispatch, no run to look for, every Machine read back."""
    ended = await scene.deploys(cancelled=True)

    assert (ended.state, scene.github.sent) == (State.CANCELLED, [])
    assert ended.done(Step.RECEIPT)


class CancelledMeanwhile(GitHub):
    """A GitHub during whose answer somebody presses Cancel."""

    store: Store
    at = "dispatch"

    async def dispatch(self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        try:
            return await super().dispatch(repository, workflow, ref, inputs)
        finally:
            await self.store.request_cancel(inputs["request_id"], ANA, NOW)


@pytest.fixture
def interrupted(scene: Scene) -> Scene:
    """Somebody presses Cancel while GitHub works the dispatch."""
    github = CancelledMeanwhile(scene.clock)
    github.store = scene.store
    scene.github = github
    return scene


@pytest.mark.parametrize("names_runs", [True, False])
async def test_a_cancel_during_the_dispatch_stops_the_run(interrupted: Scene, *, names_runs: bool) -> None:
    """Named by GitHub or found by its title: the run is cancelled, and the end says so."""
    interrupted.github.names_runs = names_runs

    ended = await interrupted.deploys()

    assert (ended.state, interrupted.github.cancelled) == (State.CANCELLED, {1})
    stopped = ended.row(Step.CANCEL_RUN)
    assert stopped is not None
    assert stopped.detail["conclusion"] == "cancelled"


async def test_a_cancel_of_what_left_no_run_finds_none(interrupted: Scene) -> None:
    """The dispatch came to nothing and its answer was lost: no run is found, and nothing is sent again."""
    interrupted.github.goes_wrong["dispatch"] = [DOWN] * 2

    ended = await interrupted.deploys()

    assert ended.state is State.CANCELLED
    assert len(interrupted.github.sent) == 1
    stopped = ended.row(Step.CANCEL_RUN)
    assert stopped is not None
    assert stopped.detail == {"run": 0}


async def test_a_run_that_does_not_stop_is_said_as_it_stands(interrupted: Scene) -> None:
    """Three minutes after the cancel the run still goes: the end says that, and does not wait for ever."""
    interrupted.github.length_s = 9999.0
    interrupted.github.cancelled = _Deaf()

    ended = await interrupted.deploys()

    stopped = ended.row(Step.CANCEL_RUN)
    assert stopped is not None
    assert (ended.state, stopped.detail["status"]) == (State.CANCELLED, "in_progress")


class _Deaf(set[int]):
    """Runs that do not listen to a cancel."""

    def add(self, element: int, /) -> None:
        """Take no notice."""


async def test_a_run_that_lies_is_found_out(scene: Scene) -> None:
    """CI says success, one Machine runs something else: failed, and the receipt names it."""
    scene.fly.serving[1] = machine("9080aa", region="sjc")

    ended = await scene.deploys()

    assert (ended.state, ended.reason) == (State.FAILED, "wrong_image")
    assert "9080aa" in ended.outcome["message"]
    assert ended.outcome["not_restored"]


async def test_a_success_without_an_image_is_none(scene: Scene) -> None:
    """CI says success and the registry knows no such label: failed, with the label."""
    scene.fly.image = None

    ended = await scene.deploys()

    assert ended.reason == "wrong_image"
    assert f"sha-{NEW_SHA}" in ended.outcome["message"]


async def test_machines_in_motion_are_waited_for_when_it_is_written_down_where_they_are(scene: Scene) -> None:
    """After a failure a Machine between two states gets some seconds, then it is told as it is."""
    scene.github.builds = OLD_SHA
    scene.fly.serving[0] = machine("148e01", state="replacing")

    ended = await scene.deploys()

    receipt = ended.row(Step.RECEIPT)
    assert receipt is not None
    assert receipt.detail["machines"][0]["state"] == "replacing"
    assert ended.state is State.FAILED
