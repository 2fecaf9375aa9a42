"""A database that nobody owns any more: what a failed clean-up leaves at Fly, and what it costs."""

from __future__ import annotations

from sandbox.kit import Json
from sandbox.scenes.scene import Scene, Step, typing
from sandbox.scenes.stage import ANA, Stage

PULL, APP, DATABASE = 12, "reify-studio-pr-12", "reify-studio-pr-12-db"


async def _a_refused_call(stage: Stage) -> None:
    """Fly refuses the one call that would destroy the database."""
    stage.goes_wrong("status", method="DELETE", path=rf"^/v1/apps/{DATABASE}$", status=500, times=1)


async def _close(stage: Stage) -> None:
    stage.tell(f"Somebody closes pull request {PULL} on GitHub.")
    await stage.does("github", "close_pull", number=PULL, runs=True)


def _is_half_cleaned_up(stage: Stage) -> bool:
    runs = [run for repository in stage.github.world.repositories.values() for run in repository.runs]
    is_over = all(run.latest.status == "completed" for run in runs)
    return is_over and APP not in stage.fly.world.apps and DATABASE in stage.fly.world.apps


def _database(stage: Stage) -> Json:
    """How many Machines and volumes are left of it."""
    found = stage.fly.world.apps.get(DATABASE)
    return {"machines": len(stage.running(DATABASE)), "volumes": len(found.volumes) if found else 0}


async def _destroy_machine(stage: Stage) -> None:
    for machine in stage.running(DATABASE):
        stage.tell(f"The Machine {machine} of {DATABASE} is destroyed.")
        await stage.does("fly", "destroy_machine", machine=machine)


async def _destroy_app(stage: Stage) -> None:
    stage.tell(f"The app {DATABASE} is destroyed, with its volume.")
    await stage.does("fly", "destroy_app", name=DATABASE)


SCENE = Scene(
    name="orphan",
    title="An orphaned database",
    minutes=2,
    summary="A pull request is closed, its app destroyed, its database forgotten. Find it, see its price, destroy it.",
    story="Pull request 12 has an app of its own, with a database. When it is closed, a workflow destroys both. Today "
    "Fly refuses one of the two calls, as it happened to others (fly-pr-review-apps#33).",
    shown="A destroyed Machine leaves its volume, and a volume is paid for until somebody destroys it. Nobody was "
    "told: for that the bot has to know which app belongs to which pull request.",
    steps=(
        Step(
            say=f"Open *GitHub* and close pull request {PULL}",
            then="Its workflow destroys the app; the call for the database fails, and the run is red. Nobody looks "
            "at the runs of a closed pull request.",
            holds=_is_half_cleaned_up,
            do=_close,
            panel="github",
        ),
        typing(
            ANA,
            "/deploy status",
            then="Production and staging are told; the leftover is not. The bot of today knows environments. Review "
            "apps get a command of their own with a later release; until then a person has to look.",
            holds=lambda stage: stage.told(ANA, "As of"),
        ),
        Step(
            say=f"Open *Fly*, find `{DATABASE}` in the organisation *personal*, read what it costs per month, and "
            "destroy its Machine",
            then="The Machine is gone. The volume is not: it is paid for whether a Machine has it or not.",
            holds=lambda stage: _database(stage)["machines"] == 0,
            do=_destroy_machine,
            panel="fly",
        ),
        Step(
            say=f"Destroy the app `{DATABASE}`",
            then="Machine, volume and app are gone, and so is their price.",
            holds=lambda stage: _database(stage)["volumes"] == 0 and DATABASE not in stage.fly.world.apps,
            do=_destroy_app,
            panel="fly",
        ),
    ),
    set_up=_a_refused_call,
)
