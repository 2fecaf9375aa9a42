"""Two people approve at the same moment: one decision, one rollback, and the other is told."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, pressing, typing
from sandbox.scenes.stage import ANA, APPROVE, BO, CLEO, COMMITS, CONFIRM, GUS, LIVE, PRODUCTION, Stage

ON_CALL = (BO, CLEO)


async def _a_release(stage: Stage) -> None:
    """Ana's release is live, with its migration."""
    await stage.types(ANA, "/deploy production v1.4.2")
    await stage.presses(ANA, CONFIRM)
    await stage.until(lambda: stage.ended(LIVE, "v1.4.2"), "Ana's deployment is live")


def _is_rolled_back_once(stage: Stage) -> bool:
    told = [person for person in ON_CALL if stage.told(person, "decided already")]
    happened_once = stage.updates(PRODUCTION) == [1, 1] and stage.release_commands() == 0 and len(told) == 1
    return happened_once and stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.1"])


SCENE = Scene(
    name="approvers",
    title="Two approvers at once",
    minutes=2,
    summary="A red rollback needs a second person. Two press in the same second: one decision, and the other is told.",
    story="`v1.4.2` is live, and customers complain. It brought a migration, so the way back is red: somebody besides "
    "Ana has to agree. Bo and Cleo are approvers; neither knows that the other looks at the card, too.",
    shown="An approval belongs to the very plan that was shown, comes from somebody else, and is used once. Whoever "
    "comes second reads what the first one decided.",
    steps=(
        typing(
            ANA,
            "/rollback production",
            then="The contract: from `v1.4.2` to `v1.4.1`, which commits go, which migration stays, red. The approvers "
            "are mentioned.",
            holds=lambda stage: bool(stage.with_button(APPROVE)["ts"]),
        ),
        pressing(
            ANA,
            "Approve",
            APPROVE,
            then="Refused: nobody decides on their own request.",
            holds=lambda stage: stage.told(ANA, "own_approval"),
        ),
        pressing(
            GUS,
            "Approve",
            APPROVE,
            then="Refused: Gus is a guest of the workspace.",
            holds=lambda stage: stage.told(GUS, "not_a_member"),
        ),
        Step(
            say="As *bo* and as *cleo*, in two windows side by side, press *Approve*",
            then="One rollback: each Machine was updated once, and no release command ran. The other one reads that it "
            "was decided already.",
            holds=_is_rolled_back_once,
            do=lambda stage: stage.press_together(APPROVE, *ON_CALL),
            by=ON_CALL,
        ),
    ),
    set_up=_a_release,
)
