"""A lock keeps others out; whoever waits is told, and nothing deploys by itself."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, pressing, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, PRODUCTION, WAIT_FOR_LOCK, Stage


def _is_untouched(stage: Stage) -> bool:
    return stage.updates(PRODUCTION) == [0, 0] and stage.all_run(PRODUCTION, COMMITS["v1.4.1"])


SCENE = Scene(
    name="locked",
    title="Somebody keeps you out",
    minutes=2,
    summary="A lock has a name, a reason and an end. Ask, wait to be told, or take it over: nobody is surprised.",
    story="Bo is about to move production's database. Nobody should change what runs there meanwhile.",
    shown="A lock is a question to the database right before anything starts, for deployments and rollbacks alike. "
    "When it is gone, those who wait are told; whether to deploy is still theirs to say.",
    steps=(
        typing(
            BO,
            '/deploy lock production "moving the database" for 2h',
            then="The channel reads it, with the end in everybody's own time.",
            holds=lambda stage: bool(stage.card("moving the database")["ts"]),
        ),
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="Refused: whose lock, why, until when. Buttons ask the holder, wait, or take it over.",
            holds=lambda stage: stage.told(ANA, "moving the database") and _is_untouched(stage),
        ),
        pressing(
            ANA,
            "Tell me when it is free",
            WAIT_FOR_LOCK,
            then="Noted; and said again: waiting deploys nothing.",
            holds=lambda stage: stage.told(ANA, "Nothing is deployed by itself"),
        ),
        typing(
            BO,
            "/deploy unlock production",
            then="Ana reads in a direct message that production is free. Nothing was deployed by itself.",
            holds=lambda stage: stage.heard(ANA, "is over", "is free") and _is_untouched(stage),
        ),
    ),
)
