"""The bot dies in the middle of a deployment, and the same card goes on after its start."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, typing
from sandbox.scenes.stage import ANA, COMMITS, IAD, LIVE, PRODUCTION, Stage

# So that a person has the time to press the button in the middle.
BOOT_S = 15.0


async def _slow_boot(stage: Stage) -> None:
    stage.goes_wrong("slow_boot", target=IAD, seconds=BOOT_S, times=1)


async def _kill(stage: Stage) -> None:
    await stage.until(lambda: sum(stage.updates(PRODUCTION)) > 0, "the first Machine is updated")
    stage.tell("The bot is killed while the first Machine is updated…")
    await stage.workbench.kill_bot()


async def _start(stage: Stage) -> None:
    await stage.workbench.start_bot()
    stage.tell("…and started again on the same database.")


def _went_on(stage: Stage) -> bool:
    is_proven = stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])
    happened_once = stage.release_commands() == 1 and stage.updates(PRODUCTION) == [1, 1]
    return is_proven and happened_once and len(stage.cards()) == 1


SCENE = Scene(
    name="kill",
    title="The bot dies in the middle",
    minutes=2,
    summary="kill -9 while the first Machine is being updated: the same card finishes, nothing happens twice.",
    story="The machine on which Flytower itself runs loses its power in the middle of a deployment to production. "
    "Half of the work is done, and nobody has said goodbye.",
    shown="Every step is written down before and after it is done, and looks at Fly before it acts. So a start goes on "
    "where the end was: one release command, one update for each Machine, one card.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="The plan, with its button.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="The card goes with the work: the release command runs, then the first Machine is updated.",
            holds=lambda stage: stage.release_commands() == 1,
        ),
        Step(
            say="While the first Machine is updated, press *Kill* beside the bot, at the top of the page",
            then="`kill -9`: no farewell. The card stands still; what Fly has begun goes on without the bot.",
            holds=lambda stage: stage.is_killed(),
            do=_kill,
        ),
        Step(
            say="Press *Start* beside the bot",
            then="The same card goes on and ends Live. One release command ran, each Machine was updated once.",
            holds=_went_on,
            do=_start,
        ),
    ),
    set_up=_slow_boot,
)
