"""Blue and green: new Machines beside the old ones, which go on as if nothing had happened where the new ones fail."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, deploying, pressing, typing
from sandbox.scenes.stage import ANA, COMMITS, LIVE, PRODUCTION, RETRY, Stage


async def _a_bad_host(stage: Stage) -> None:
    stage.goes_wrong("crash_loop", target="sjc")


async def _is_mended(stage: Stage) -> None:
    """The cause goes away once it has done its harm."""
    await stage.whenever(lambda: _left_the_blues(stage))
    stage.fly.faults.clear()


def _left_the_blues(stage: Stage) -> bool:
    return stage.ended("machine_crashed") and stage.running(PRODUCTION) == stage.before.running[PRODUCTION]


def _is_taken_over(stage: Stage) -> bool:
    is_new = not set(stage.running(PRODUCTION)) & set(stage.before.running[PRODUCTION])
    return is_new and stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


SCENE = Scene(
    name="bluegreen",
    title="Blue and green",
    minutes=2,
    summary="New Machines are made beside the old ones; where one of them is not well, nobody has noticed anything.",
    story="The shop has a sale, and no request may be lost. Ana deploys with new Machines (green) beside the old ones "
    "(blue). In San Jose the new one lands where it cannot live.",
    shown="Greens take over only when all of them are well. Before that moment a failure costs nothing, and nobody "
    "sees it but the team.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2 --strategy bluegreen",
            then="The plan says what it takes: twice the Machines for some minutes.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="Failed: the green Machine in San Jose crashes. The greens are gone; the same blue Machines run the "
            "same image as before.",
            holds=_left_the_blues,
        ),
        pressing(
            ANA,
            "Retry",
            RETRY,
            then="The host is mended. A new plan; the release command has run already and is left out.",
            holds=lambda stage: stage.planned() == 2,
        ),
        deploying(
            ANA,
            then="The greens are well and take over. Every Machine is a new one, on the new image.",
            holds=_is_taken_over,
        ),
    ),
    set_up=_a_bad_host,
    fate=_is_mended,
)
