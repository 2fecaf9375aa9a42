"""A release leaves both Machines in one region: the bot notices and proposes; a second person decides."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, pressing
from sandbox.scenes.stage import APPROVE, BO, CLEO, COMMITS, GUS, PRODUCTION, SJC, Stage

TOGETHER, APART = ["iad", "iad"], ["iad", "sjc"]


async def _release_by_ci(stage: Stage) -> None:
    """Somebody made a Machine in the wrong region by hand; then CI released to whatever was there."""
    stage.fly.machine(SJC).region = "iad"
    label = f"sha-{COMMITS['main']}"
    await stage.does("fly", "push_image", app=PRODUCTION, label=label)
    await stage.does("fly", "deploy", app=PRODUCTION, image=label)
    await stage.does("github", "tag", name="v1.5.0", sha=COMMITS["main"])


def _is_apart_by_one_decision(stage: Stage) -> bool:
    told = [person for person in (BO, CLEO) if stage.told(person, "decided already")]
    return len(told) == 1 and stage.ended("Receipt: iad 1, sjc 1") and stage.regions(PRODUCTION) == APART


SCENE = Scene(
    name="drift",
    title="Both Machines in one region",
    minutes=3,
    summary="CI released, and both Machines are in iad. Nobody typed anything: the bot proposes what the configuration "
    "wants.",
    story="Yesterday somebody replaced a Machine by hand and took the wrong region. Today CI released `v1.5.0` to what "
    "was there. Production should have one Machine in `iad` and one in `sjc`.",
    shown="After a release, and every five minutes, what runs is compared with the configuration. A difference is "
    "proposed once, and nothing happens without a person.",
    steps=(
        Step(
            say="Wait a moment: nobody types anything",
            then="A card by itself: `iad` has two Machines, `sjc` none, what would be made and what would go, and what "
            "that costs.",
            holds=lambda stage: bool(stage.card("sjc has 0 Machines", "should be there")["ts"]),
        ),
        pressing(
            GUS,
            "Approve",
            APPROVE,
            then="Refused: Gus is a guest of the workspace.",
            holds=lambda stage: stage.told(GUS, "not_a_member") and stage.regions(PRODUCTION) == TOGETHER,
        ),
        Step(
            say="As *bo* and as *cleo*, in two windows side by side, press *Approve*",
            then="One decision; the other one reads that. `sjc` comes up healthy, and only then one of `iad` goes.",
            holds=_is_apart_by_one_decision,
            do=lambda stage: stage.press_together(APPROVE, BO, CLEO),
            by=(BO, CLEO),
        ),
    ),
    set_up=_release_by_ci,
)
