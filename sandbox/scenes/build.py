"""CI has to build it first: a tag is made, its run followed through a failure, a second try and an approval."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, pressing, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, LIVE, PRODUCTION, RETRY, STAGING, Stage

TAG = "v1.5.0"


async def _a_new_commit(stage: Stage) -> None:
    """A commit without an image, whose first build fails; production's job waits for a person."""
    files = {"lib/tax.ex": "tax"}
    commit = {"title": "Add a tax table", "author": "bo", "files": files, "ci": "success"}
    await stage.does("github", "commit", **commit)
    lines = ["ERROR: failed to solve: process “mix deps.get” did not complete: hex.pm timed out"]
    stage.goes_wrong("step_fails", at="github", target="build/Build the image", times=1, detail={"lines": lines})
    stage.goes_wrong("approval_required", at="github", target="production")


async def _approve(stage: Stage) -> None:
    await stage.does("github", "approve")
    stage.tell("Somebody approves the run on GitHub.")


def _failed_to_build(stage: Stage) -> bool:
    is_told = stage.ended("Job build failed in step “Build the image”")
    return is_told and TAG in stage.tags() and stage.all_run(PRODUCTION, COMMITS["v1.4.1"])


def _is_shipped(stage: Stage) -> bool:
    return stage.ended(LIVE) and stage.all_run(PRODUCTION, stage.tags().get(TAG, ""))


def _staging_follows(stage: Stage) -> bool:
    return stage.ended("live. Ship receipt: 1 of 1") and stage.all_run(STAGING, stage.tags().get(TAG, ""))


SCENE = Scene(
    name="build",
    title="CI has to build it first",
    minutes=3,
    summary="A tag that does not exist yet: it is made, CI builds, fails, builds again, waits for a person, deploys.",
    story="Bo has added a tax table. CI passed, but nobody has built an image of that commit, and there is no tag for "
    "it. Ana wants it in production as `v1.5.0`; there, GitHub asks for somebody's approval.",
    shown="Where there is no image, the pipeline's own workflow builds and releases. The card follows its run, and "
    "says Live for what it reads at Fly, not for a run that is green.",
    steps=(
        typing(
            ANA,
            f"/deploy production {TAG}",
            then="The plan says what is different: it makes the tag on the newest commit of main, CI builds, and the "
            "result is verified at Fly.",
            holds=lambda stage: bool(stage.planned()),
        ),
        deploying(
            ANA,
            then="The tag is there and its run was followed, until the build failed: which job, which step, a link to "
            "its log. No Machine was touched.",
            holds=_failed_to_build,
        ),
        pressing(
            ANA,
            "Retry",
            RETRY,
            then="The outage is over. A new plan for the very same commit.",
            holds=lambda stage: stage.planned() == 2,
        ),
        deploying(
            ANA,
            then="The image is built. The job that deploys waits for an approval on GitHub, and the card says so.",
            holds=lambda stage: bool(stage.card("waits for an approval on GitHub")["ts"]) or _is_shipped(stage),
        ),
        Step(
            say="Open *GitHub* and approve the run",
            then="CI moves the Machines; then every one of them is read back on the image that it built.",
            holds=_is_shipped,
            do=_approve,
            panel="github",
        ),
        typing(
            BO,
            "/deploy staging main",
            then="Staging's own registry has no image of it either: its workflow is started on the branch, and proven.",
            holds=_staging_follows,
        ),
    ),
    set_up=_a_new_commit,
)
