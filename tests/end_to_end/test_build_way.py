"""The way through CI: `/deploy` of what has no image yet, from the command to what Fly runs and GitHub shows."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.operation import State
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, STAGING, World, text_of

CONFIRM, CANCEL, RETRY = "deployment_confirm", "deployment_cancel", "deployment_retry"
HEADING, OLD = f"sha-{SHA['heading']}", f"sha-{SHA['v1.4.1']}"
DISPATCH = "POST", "/dispatches$"
PRODUCTION_FILE = "deploy-production.yml"


def act(world: World, deed: str, /, **body: Any) -> Any:
    """Something that people do at GitHub."""
    return world.github.actions()[deed](body)


def goes_wrong(world: World, kind: str, **details: Any) -> Fault:
    """Let something go wrong at GitHub."""
    return world.github.faults.add(Fault(kind, **details))


async def runs(world: World, file: str = PRODUCTION_FILE) -> list[dict[str, Any]]:
    """The workflow's runs as GitHub shows them, newest first."""
    answer = await act(world, "runs", workflow=file)
    shown: list[dict[str, Any]] = answer["runs"]
    return shown


@pytest.fixture
async def tagged(world: World) -> World:
    """`v1.5.0` is a tag on a commit whose CI passed; production has no image of it."""
    await act(world, "tag", name="v1.5.0", sha=SHA["heading"])
    return world


async def deploys(world: World, ref: str = "v1.5.0") -> None:
    """Ana asks for production, reads the plan, presses the button, and waits for the end."""
    await world.types(f"/deploy production {ref}")
    await world.clicks(CONFIRM)


async def starts(world: World, ref: str = "v1.5.0") -> None:
    """Ana asks for production and presses the button; the run is under way afterwards."""
    await world.types(f"/deploy production {ref}")
    await world.press(CONFIRM)
    await world.until(lambda: "the run on GitHub" in text_of(world.card()), "the run is on the card")


async def test_a_missing_image_is_built_by_ci_and_proven_at_fly(tagged: World) -> None:
    """A tag without an image: the plan says so, one dispatch starts CI, both Machines run what it built."""
    world = tagged
    await world.types("/deploy production v1.5.0")
    plan = text_of(world.card())
    await world.clicks(CONFIRM)

    assert f"CI builds it (`{PRODUCTION_FILE}` on `v1.5.0`), then I verify at Fly" in plan
    assert world.labels() == {HEADING}
    assert len(world.github.calls.find(*DISPATCH)) == 1
    assert [run["conclusion"] for run in await runs(world)] == ["success"]
    assert "Ship receipt: 2 of 2 Machines on the image." in text_of(world.card())
    assert "live in iad and sjc" in text_of(world.thread()[-1])
    assert len(world.messages()) == 1


async def test_a_missing_tag_is_made_and_released(world: World) -> None:
    """`--on main`: the plan warns of what it makes, the tag starts the workflow, nothing is dispatched."""
    await world.types("/deploy production v1.5.0 --on main")
    plan = text_of(world.card())
    await world.clicks(CONFIRM)

    assert "Makes the tag v1.5.0 on 0c48c64 (main)." in plan
    assert world.github.world.repositories[4711].git.refs["refs/tags/v1.5.0"] == SHA["heading"]
    assert world.labels() == {HEADING}
    assert world.github.calls.find(*DISPATCH) == []
    assert [run["event"] for run in await runs(world)] == ["push"]
    assert "Ship receipt: 2 of 2 Machines on the image." in text_of(world.card())


async def test_a_slip_of_the_finger_is_asked_about(world: World) -> None:
    """`v1.4.22` may be meant or not: the plan names the tag that is close, and waits."""
    await world.types("/deploy production v1.4.22")

    assert "There is no tag v1.4.22; close: v1.4.2." in text_of(world.card())
    assert "waiting for confirmation" in world.card()["text"]


async def test_a_tag_that_is_elsewhere_is_not_moved(world: World) -> None:
    """`--on` names another commit than the tag's: refused with both."""
    await world.types("/deploy production v1.4.2 --on main")

    assert "tag_taken" in world.private()[-1]
    assert "844d600 already, not on 0c48c64" in world.private()[-1]


async def test_a_tag_that_is_there_already_is_just_deployed(world: World) -> None:
    """`--on` names the tag's own commit: nothing is made, the image way is taken."""
    await world.types("/deploy production v1.4.2 --on v1.4.2 --plan")

    assert "nothing speaks against it" in world.private()[-1]
    assert "Makes the tag" not in world.private()[-1]


async def test_a_failed_build_touches_no_machine_and_names_the_step(tagged: World) -> None:
    """The image cannot be built: which job, which step, where its log is; both Machines as before."""
    goes_wrong(tagged, "step_fails", target="build/Build the image")
    await deploys(tagged)

    card = text_of(tagged.card())
    assert "Job build failed in step “Build the image”. (`build_failed`)" in card
    assert "/job/" in card
    assert "All 2 Machines run what ran before." in card
    assert tagged.labels() == {OLD}


async def test_a_failed_deploy_step_says_which_machine_is_where(tagged: World) -> None:
    """Over the second Machine flyctl gives up: the card shows the mix, and how to go back."""
    tagged.fault("unhealthy", target="9080e4f2c51387")
    await deploys(tagged)

    card = text_of(tagged.card())
    assert "Job deploy failed in step “flyctl deploy”." in card
    assert "CI moved the Machines, so a person decides" in card
    assert "To go back: `/deploy production v1.4.1`" in card


@pytest.mark.parametrize("kind", ["drop_after", "status"])
async def test_a_lost_answer_to_the_dispatch_gives_one_run(tagged: World, kind: str) -> None:
    """GitHub worked the dispatch, or refused it, and nobody heard: it is looked for, and there is one run."""
    goes_wrong(tagged, kind, method="POST", path="/dispatches$", times=1, status=502)
    await deploys(tagged)

    assert len(await runs(tagged)) == 1
    assert tagged.labels() == {HEADING}
    assert "live" in tagged.card()["text"]


async def test_a_dispatch_that_leaves_no_trace_is_sent_twice_at_most(tagged: World) -> None:
    """GitHub answers neither the first nor the second time, and shows no run: unknown, with the place to look."""
    goes_wrong(tagged, "status", method="POST", path="/dispatches$", status=502)
    await deploys(tagged)

    (operation,) = await tagged.operations()
    assert len(tagged.github.calls.find(*DISPATCH)) == 2
    assert operation.reason == "build_unknown"
    assert f"actions/workflows/{PRODUCTION_FILE}" in text_of(tagged.card())


async def test_a_lost_answer_to_the_tag_makes_one_tag(world: World) -> None:
    """The tag was made and nobody heard: it is looked at, and its run followed."""
    goes_wrong(world, "drop_after", method="POST", path="/git/refs$", times=1)
    await deploys(world, "v1.5.0 --on main")

    assert len(world.github.calls.find("POST", "/git/refs$")) == 1
    assert world.labels() == {HEADING}


async def test_a_run_is_found_where_github_does_not_name_it(tagged: World) -> None:
    """An older GitHub answers without the run, and shows it late: found by the request's id in its title."""
    goes_wrong(tagged, "no_run_details", target=PRODUCTION_FILE)
    goes_wrong(tagged, "run_appears_late", target=PRODUCTION_FILE, seconds=20.0)
    await deploys(tagged)

    (operation,) = await tagged.operations()
    assert operation.state is State.SUCCEEDED
    assert operation.id in (await runs(tagged))[0]["title"]


async def test_an_old_tag_runs_its_old_workflow_and_is_refused_by_github(world: World) -> None:
    """The workflow of that commit cannot be dispatched: GitHub's words, and what is missing."""
    world.fly.control.delete_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.0']}")
    await act(world, "tag", name="v1.3.9", sha="bea63702e867ad7fefbc105706a32db1acf0da07")
    await deploys(world, "v1.3.9")

    (operation,) = await world.operations()
    assert operation.reason == "build_impossible"
    assert "workflow_dispatch" in text_of(world.card())
    assert await runs(world) == []


async def test_cancel_stops_the_run_and_says_where_the_machines_are(tagged: World) -> None:
    """Cancel while CI builds: the run ends as cancelled, no Machine moved, and the card says so."""
    await starts(tagged)
    await tagged.clicks(CANCEL, by="U0BO")

    assert [run["conclusion"] for run in await runs(tagged)] == ["cancelled"]
    assert "cancelled" in tagged.card()["text"]
    assert "All 2 Machines run what ran before." in text_of(tagged.card())
    assert tagged.labels() == {OLD}


async def test_cancel_after_the_run_is_too_late(tagged: World) -> None:
    """CI has moved everything and the result is being read back: nothing is left to cancel."""
    await starts(tagged)
    tagged.fault("status", path="/v2/", status=500)
    await tagged.until(lambda: "ended: success" in text_of(tagged.card()), "the run has ended")
    await tagged.clicks(CANCEL, by="U0BO")

    assert "nothing is left to cancel" in tagged.private("U0BO")[-1]


async def test_a_restart_in_the_middle_of_the_run_goes_on_in_the_same_message(tagged: World) -> None:
    """The bot stops while CI builds and comes back: one dispatch, one run, one message, proven."""
    await starts(tagged)
    await tagged.restarts_after(lambda: None)

    assert len(tagged.github.calls.find(*DISPATCH)) == 1
    assert tagged.labels() == {HEADING}
    assert len(tagged.messages()) == 1
    assert "Ship receipt: 2 of 2 Machines on the image." in text_of(tagged.card())


async def test_a_restart_before_the_answer_to_the_dispatch_starts_nothing_twice(tagged: World) -> None:
    """The bot stops while GitHub takes its time to answer: the run is found by its title."""
    goes_wrong(tagged, "delay", method="POST", path="/dispatches$", seconds=3.0, times=1)
    await tagged.types("/deploy production v1.5.0")
    await tagged.press(CONFIRM)
    await tagged.until(lambda: bool(tagged.github.calls.find(*DISPATCH)), "the dispatch was sent")
    await tagged.restarts_after(lambda: None)

    assert len(await runs(tagged)) == 1
    assert tagged.labels() == {HEADING}


async def test_a_branch_that_moved_before_the_button_is_shown_again(world: World) -> None:
    """Between plan and button somebody pushed to the branch that is tagged: nothing starts, the card is renewed."""
    await world.types("/deploy production v1.6.0 --on main")
    await act(world, "commit", branch="main", title="Second", author="bo", files={"lib/b.ex": "b"}, ci="success")
    await world.clicks(CONFIRM)

    assert "`v1.6.0` now means" in world.private()[-1]
    assert "refs/tags/v1.6.0" not in world.github.world.repositories[4711].git.refs


async def test_staging_builds_a_branch_without_being_asked_twice(world: World) -> None:
    """A push environment: the branch's tip has no image yet, and `/deploy staging` alone lets CI build it."""
    sha = (await act(world, "commit", branch="main", title="New", author="bo", files={"a": "b"}, ci="success"))["sha"]
    await world.types("/deploy staging")

    (machine,) = world.machines(STAGING)
    assert machine["label"] == f"sha-{sha}"
    assert [run["event"] for run in await runs(world, "deploy-staging.yml")] == ["workflow_dispatch"]
    assert "Ship receipt: 1 of 1 Machines on the image." in text_of(world.card())


async def test_an_image_that_ci_only_laid_upon_sleeping_machines_is_booted_once(world: World) -> None:
    """The run is green, since flyctl wakes nobody; the image crashes: that is seen, and called a failure."""
    await act(world, "commit", branch="main", title="New", author="bo", files={"a": "b"}, ci="success")
    world.fault("crash_loop", target=STAGING, detail={"exit_code": 1})
    await world.types("/deploy staging")

    assert [run["conclusion"] for run in await runs(world, "deploy-staging.yml")] == ["success"]
    assert "machine_crashed" in text_of(world.card())
    assert world.machines(STAGING)[0]["state"] == "stopped"


async def test_a_commit_alone_cannot_be_built(world: World) -> None:
    """GitHub runs workflows on branches and tags only: refused, with the way out of each kind of environment."""
    await world.types("/deploy production main")
    production = world.private()[-1]
    await world.types(f"/deploy staging {SHA['v1.4.0']}")

    assert "build_impossible" in production
    assert "/deploy production vX.Y.Z --on main" in production
    assert "branches and tags only" in world.private()[-1]


async def test_an_approval_on_github_is_waited_for_and_linked(tagged: World) -> None:
    """The environment asks for a review: the card says that GitHub waits, and goes on afterwards."""
    goes_wrong(tagged, "approval_required", target="production")
    await starts(tagged)
    await tagged.until(lambda: "waits for an approval on GitHub" in text_of(tagged.card()), "the wait is told")
    await act(tagged, "approve")
    await tagged.settle()

    assert "live" in tagged.card()["text"]
    assert tagged.labels() == {HEADING}


async def test_a_run_that_takes_too_long_is_left_and_said(tagged: World) -> None:
    """No runner comes within the policy's time: failed, the run is not cancelled, and the card says so."""
    goes_wrong(tagged, "no_runner", target=PRODUCTION_FILE)
    await deploys(tagged)

    (operation,) = await tagged.operations()
    assert operation.reason == "build_timeout"
    assert "It was not cancelled and may still deploy" in text_of(tagged.card())
    assert [run["conclusion"] for run in await runs(tagged)] == [None]


async def test_github_being_down_for_a_while_does_not_fail_a_build(tagged: World) -> None:
    """Three minutes without GitHub in the middle of the run: the card says so, and the end is proven."""
    await starts(tagged)
    down = goes_wrong(tagged, "status", path="/actions/runs/", status=503)
    await tagged.until(lambda: "does not answer" in text_of(tagged.card()), "the card says that GitHub is down")
    await tagged.simulators.clock.sleep(180)
    tagged.github.faults.remove(down.id)
    await tagged.settle()

    assert "live" in tagged.card()["text"]


async def test_an_app_without_machines_gets_its_first_ones_from_ci(tagged: World) -> None:
    """The first deployment of an app: the workflow makes the Machines, and the receipt shows them."""
    tagged.fly.app(PRODUCTION).machines.clear()
    await deploys(tagged)

    assert tagged.labels() == {HEADING}
    assert "Ship receipt: 2 of 2 Machines on the image." in text_of(tagged.card())


async def test_somebody_elses_lease_stops_the_build_before_it_starts(tagged: World) -> None:
    """A flyctl deploys from elsewhere: nothing is dispatched."""
    await tagged.types("/deploy production v1.5.0")
    tagged.fly.control.lease("148e2d1c6e9789", owner="bo@example.com", seconds=600)
    await tagged.clicks(CONFIRM)

    assert "bo@example.com" in tagged.private()[-1] + text_of(tagged.card())
    assert tagged.github.calls.find(*DISPATCH) == []


async def test_a_failed_build_is_tried_again_by_a_button(tagged: World) -> None:
    """Retry: a new plan for the same commit, with a build, and this time it succeeds."""
    goes_wrong(tagged, "step_fails", target="build/Build the image", times=1)
    await deploys(tagged)
    await tagged.clicks(RETRY)
    await tagged.clicks(CONFIRM)

    assert "Tries v1.5.0 again" in text_of(tagged.card())
    assert tagged.labels() == {HEADING}
    assert len(tagged.messages()) == 2


async def test_a_build_cannot_leave_out_the_release_command(tagged: World) -> None:
    """CI runs it: asked to skip it, the plan says that this way cannot."""
    await tagged.types("/deploy production v1.5.0 --skip-release-command --plan")

    assert "build_impossible" in tagged.private()[-1]
    assert "CI runs the release command too" in tagged.private()[-1]
