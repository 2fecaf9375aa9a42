"""The migration fails: no Machine is touched, its log is in the thread, and a second try goes on."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, deploying, pressing, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, LIVE, PRODUCTION, RETRY, Stage

LINE = '** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation "plans" already exists'


async def _a_table_too_many(stage: Stage) -> None:
    detail = {"exit_code": 1, "lines": [LINE]}
    stage.goes_wrong("release_command_fails", target=PRODUCTION, times=1, detail=detail)


def _touched_nothing(stage: Stage) -> bool:
    is_untouched = stage.updates(PRODUCTION) == [0, 0] and stage.all_run(PRODUCTION, COMMITS["v1.4.1"])
    return is_untouched and stage.ended("exited with 1", replies=2)


def _is_shipped(stage: Stage) -> bool:
    return stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


SCENE = Scene(
    name="migration",
    title="The migration fails",
    minutes=2,
    summary="The release command exits with 1: no Machine is touched, the log is in the thread, Retry goes on.",
    story="`v1.4.2` brings a migration. Somebody has created the table by hand while looking for a mistake, and "
    "forgotten it. Ana does not know that when she deploys.",
    shown="The release command comes first and alone: where it fails, the old version keeps running. What it printed "
    "is where people talk, without the secrets in it.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="The plan warns: one migration is on the way.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="Failed: the release command exited with 1. Both Machines run what they ran; the last lines of the "
            "log are in the thread.",
            holds=_touched_nothing,
        ),
        typing(
            ANA,
            "/deploy why production",
            then="What was asked, which step said no, what it printed, what to do now. It can be asked next week too.",
            holds=lambda stage: stage.told(ANA, "exited with 1"),
        ),
        pressing(
            BO,
            "Retry",
            RETRY,
            then="Bo has dropped the table and tries again, in his own name: a new plan for the same commit.",
            holds=lambda stage: stage.planned() == 2,
        ),
        deploying(
            BO,
            then="The release command runs to its end this time, and both Machines are proven.",
            holds=_is_shipped,
        ),
    ),
    set_up=_a_table_too_many,
)
