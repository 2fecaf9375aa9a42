"""Two people press the same button at the same moment: one deployment, and the other is told."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step
from sandbox.scenes.stage import ANA, BO, CLEO, COMMITS, CONFIRM, LIVE, PRODUCTION, RETRY, Stage

ON_CALL = (BO, CLEO)


async def _a_failure(stage: Stage) -> None:
    """Ana's deployment fails, once."""
    stage.goes_wrong("release_command_fails", target=PRODUCTION, times=1)
    await stage.types(ANA, "/deploy production v1.4.2")
    await stage.presses(ANA, CONFIRM)
    await stage.until(lambda: stage.with_button(RETRY)["ts"] != "", "Ana's deployment failed")


def _quicker(stage: Stage) -> str:
    """Who of the two the new plan belongs to; empty while nobody has one."""
    plan = stage.card("waiting for confirmation") if stage.planned() else stage.card()
    return next((person for person in ON_CALL if f"<@{person}>" in str(plan["blocks"])), "")


def _slower(stage: Stage) -> str:
    return next((person for person in ON_CALL if person != _quicker(stage)), BO)


def _one_was_told(stage: Stage) -> bool:
    told = [person for person in ON_CALL if stage.told(person, "asked for that already")]
    return stage.planned() == 1 and len(told) == 1


def _is_shipped_once(stage: Stage) -> bool:
    happened_once = stage.release_commands() == 1 and stage.updates(PRODUCTION) == [1, 1] and len(stage.cards()) == 1
    return happened_once and stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


SCENE = Scene(
    name="approvers",
    title="Two approvers at once",
    minutes=2,
    summary="Two people press the same button in the same second: one deployment, and the other is told what happened.",
    story="Ana's deployment of `v1.4.2` has failed: the migration ran into a lock. The lock is gone now. Bo and Cleo "
    "are both on call, both see the red card, and neither knows of the other.",
    shown="A button is a question to the database, and one answer wins. Whoever comes second reads what the first one "
    "did, and nothing happens twice.",
    steps=(
        Step(
            say="As *bo* and as *cleo*, in two windows side by side, press *Retry* on the card that failed",
            then="One new plan, that of whoever was quicker. The other one reads: asked for already, look at its card.",
            holds=_one_was_told,
            do=lambda stage: stage.press_together(RETRY, *ON_CALL),
            by=ON_CALL,
        ),
        Step(
            say="As the one who was *not* quicker, press *Deploy to production* on the new plan",
            then="Refused: whoever asked has read the plan and confirms it. Nothing starts.",
            holds=lambda stage: any(stage.told(person, "not_the_requester") for person in ON_CALL),
            do=lambda stage: stage.presses(_slower(stage), CONFIRM),
            by=ON_CALL,
        ),
        Step(
            say="As the quicker one, press *Deploy to production*, in two windows or twice as fast as you can",
            then="One deployment: the release command ran once, each Machine was updated once. A second press is "
            "answered with what the first one began.",
            holds=_is_shipped_once,
            do=lambda stage: stage.presses(_quicker(stage), CONFIRM, times=2),
            by=ON_CALL,
        ),
    ),
    set_up=_a_failure,
)
