"""A Machine more for a launch, and an hour later back: said ahead, asked again."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, pressing, typing
from sandbox.scenes.stage import ANA, APPROVE, BO, CLEO, PRODUCTION, Stage

KEEP, NOW = "time_box_keep", "time_box_now"
USUAL, LAUNCH = ["iad", "sjc"], ["iad", "iad", "sjc"]
HOUR_S = 3600.0


def _is_told(stage: Stage) -> bool:
    return any("then it goes back" in str(message["text"]) for message in stage.said())


SCENE = Scene(
    name="launch",
    title="Larger for an hour",
    minutes=3,
    summary="What a launch needs for an afternoon costs money for a year, when nobody remembers it. This one ends.",
    story="There is a launch today: `iad` needs a second Machine, for an hour and a quarter.",
    shown="A scaling for some hours says before its end to what it goes back; whoever agreed to it for hours is asked "
    "before it becomes more, and before anything is taken away.",
    steps=(
        typing(
            ANA,
            '/scale production iad=2 for 75m --reason "launch day"',
            then="The plan says what it costs a month, and that it ends.",
            holds=lambda stage: bool(stage.card("iad 1", "for 1 h 15 min, then back")["ts"]),
        ),
        pressing(
            CLEO,
            "Approve",
            APPROVE,
            then="A second Machine in `iad`, healthy; the card says until when.",
            holds=lambda stage: stage.regions(PRODUCTION) == LAUNCH and bool(stage.card("Until ")["ts"]),
        ),
        Step(
            say="Let an hour pass: press the clock above, then *+1 h*",
            then="A reply below the card: when it ends, to what it goes back, *Keep* and *Now*. It survived the "
            "restart, too.",
            holds=_is_told,
            do=lambda stage: stage.workbench.skip(HOUR_S),
        ),
        pressing(
            ANA,
            "Keep",
            KEEP,
            then="Refused: what a second person agreed to for an hour, Ana does not make permanent alone.",
            holds=lambda stage: stage.told(ANA, "own_approval"),
        ),
        pressing(
            BO,
            "Now",
            NOW,
            then="A card of its own asks for going back, in Bo's name: so Bo cannot approve it.",
            holds=lambda stage: bool(stage.card("back to what was before", "Needs an approval")["ts"]),
        ),
        pressing(
            CLEO,
            "Approve",
            APPROVE,
            then="One Machine in `iad` again.",
            holds=lambda stage: stage.regions(PRODUCTION) == USUAL and stage.ended("Receipt: iad 1, sjc 1"),
        ),
    ),
)
