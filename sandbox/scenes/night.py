"""A bad release at 3 a.m.: well at first, then it crashes again and again; a button and a second person go back."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, pressing, typing
from sandbox.scenes.stage import ANA, APPROVE, BO, CLEO, COMMITS, IAD, LIVE, PRODUCTION, ROLL_BACK, Stage

LINE = "** (RuntimeError) could not fetch the prices"


def _is_live(stage: Stage) -> bool:
    return stage.ended(LIVE, "v1.4.2")


async def _prices_go_away(stage: Stage) -> None:
    """What the new release needs breaks once the release is live."""
    await stage.whenever(lambda: _is_live(stage))
    await stage.does("fly", "crash", machine=IAD, loops=True, line=LINE)


def _is_back(stage: Stage) -> bool:
    return stage.ended(LIVE, "roll back v1.4.2") and stage.all_run(PRODUCTION, COMMITS["v1.4.1"])


SCENE = Scene(
    name="night",
    title="A bad release at 3 a.m.",
    minutes=3,
    summary="A release is live and proven, then it crashes again and again. Go back, with a second pair of eyes.",
    story="It is late. Ana ships `v1.4.2` to production and goes to bed. A few minutes later the service that the new "
    "prices come from goes away, and the release cannot live without it. Bo is on call, and so is Cleo.",
    shown="A success is watched for ten minutes. Trouble comes to the channel with its cause, and the way back is a "
    "contract: what comes back, what does not, and how risky that is. What was rolled back stays out.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="The plan, with its button.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="Live and proven on both Machines. The last line of the card says until when they are watched.",
            holds=_is_live,
        ),
        Step(
            say="Wait: what happens now happens by itself",
            then="One message mentions Ana, who deployed: which Machine, how it exited, the last lines of its log. "
            "The other Machine goes on.",
            holds=lambda stage: bool(stage.card("Trouble", LINE)["ts"]),
        ),
        pressing(
            BO,
            "Roll back",
            ROLL_BACK,
            then="The contract to go back to `v1.4.1`. It is red, and says why: a migration stays applied. Red needs "
            "an approver, and Bo, who asked, is none for himself.",
            holds=lambda stage: bool(stage.with_button(APPROVE)["ts"]),
        ),
        pressing(
            CLEO,
            "Approve",
            APPROVE,
            then="Both Machines run the image from before and were read back. Everybody can sleep.",
            holds=_is_back,
        ),
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="Refused: `v1.4.2` was rolled back and is held, with who, when and why, and what lifts it.",
            holds=lambda stage: stage.told(ANA, "held"),
        ),
    ),
    fate=_prices_go_away,
)
