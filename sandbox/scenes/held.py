"""What was rolled back stays out, until a commit that mends it comes."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, typing
from sandbox.scenes.stage import ANA, APPROVE, BO, CLEO, COMMITS, CONFIRM, LIVE, PRODUCTION, Stage

TAG = "v1.4.3"


async def _a_rollback(stage: Stage) -> None:
    """`v1.4.2` was live and went back to `v1.4.1`."""
    await stage.types(ANA, "/deploy production v1.4.2")
    await stage.presses(ANA, CONFIRM)
    await stage.until(lambda: stage.ended(LIVE, "v1.4.2"), "Ana's deployment is live")
    await stage.types(BO, '/rollback production --reason "prices are wrong"')
    await stage.presses(CLEO, APPROVE)
    await stage.until(lambda: stage.ended(LIVE, "prices are wrong"), "production is rolled back")


async def _revert(stage: Stage) -> None:
    body = f"This reverts commit {COMMITS['v1.4.2']}."
    stage.tell("Somebody pushes a revert of v1.4.2 to main.")
    await stage.does("github", "commit", title="Revert the pricing page", body=body, author="bo", ci="success")


def _is_mended(stage: Stage) -> bool:
    return stage.ended(LIVE, TAG) and stage.all_run(PRODUCTION, stage.tags().get(TAG, ""))


SCENE = Scene(
    name="held",
    title="What was rolled back stays out",
    minutes=3,
    summary="After a rollback its commits are held, and what builds on them, but not a commit that reverts them.",
    story="Yesterday `v1.4.2` was rolled back: the prices were wrong. Today somebody who does not know wants to "
    "deploy.",
    shown="A rollback without a hold lasts until the next deployment. The way out is a commit that reverts what is "
    "held or names it in `Fixes:`, or a person who lifts the hold with a reason.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="Refused, with who rolled it back, when and why, and a button for whoever knows better.",
            holds=lambda stage: stage.told(ANA, "held", "prices are wrong"),
        ),
        typing(
            ANA,
            "/deploy why production main",
            then="The newest commit of main contains it, too: everything that speaks against it is listed.",
            holds=lambda stage: stage.told(ANA, "held", "main"),
        ),
        Step(
            say="Wait for somebody to push a revert to main",
            then="Git's own words in its message, “This reverts commit …”, are all it takes.",
            holds=lambda stage: stage.newest_on_main().startswith("Revert"),
            do=_revert,
        ),
        typing(
            ANA,
            f"/deploy production {TAG} --on main",
            then="A plan, and it says which commit lets it through.",
            holds=lambda stage: bool(stage.card("lets this through")["ts"]),
        ),
        deploying(ANA, then="Built, released, and proven on both Machines.", holds=_is_mended),
    ),
    set_up=_a_rollback,
)
