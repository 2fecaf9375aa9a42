"""A region moves: without room at first, then with it; nothing goes before the new Machine is healthy."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, pressing, typing
from sandbox.scenes.stage import APPROVE, BO, CLEO, GUS, PRODUCTION, RETRY_SCALING, Stage

BEFORE, AFTER = ["iad", "sjc"], ["fra", "iad"]


async def _a_full_region(stage: Stage) -> None:
    stage.goes_wrong("no_capacity", target="fra")


async def _room_again(stage: Stage) -> None:
    stage.fly.faults.clear()
    await stage.presses(CLEO, RETRY_SCALING)


SCENE = Scene(
    name="scaling",
    title="A region moves",
    minutes=3,
    summary="From San Jose to Frankfurt, with a second person, a full region, and nothing destroyed too early.",
    story="Most customers are in Europe by now. Cleo wants the second Machine in `fra` in place of `sjc`. Frankfurt is "
    "full at the moment, which nobody knows yet.",
    shown="Production never scales without a second person. What is new is healthy before anything is destroyed; where "
    "Fly has no room, everything stays as it was.",
    steps=(
        typing(
            CLEO,
            "/scale production fra=1 sjc=0",
            then="The plan: what is made and like which Machine, what is destroyed and when, what a month costs, and "
            "who may approve it.",
            holds=lambda stage: bool(stage.card("fra 0", "sjc 1", "a month")["ts"]),
        ),
        pressing(
            CLEO,
            "Approve",
            APPROVE,
            then="Refused: Cleo is an approver, and nobody decides on their own request.",
            holds=lambda stage: stage.told(CLEO, "own_approval"),
        ),
        pressing(
            GUS,
            "Approve",
            APPROVE,
            then="Refused: Gus is a guest of the workspace.",
            holds=lambda stage: stage.told(GUS, "not_a_member"),
        ),
        pressing(
            BO,
            "Approve",
            APPROVE,
            then="It stops: Fly has no room in `fra`. Nothing was destroyed, `sjc` goes on serving.",
            holds=lambda stage: stage.ended("no_capacity") and stage.regions(PRODUCTION) == BEFORE,
        ),
        Step(
            say="Frankfurt has room again: switch the fault off under *Faults & time*, then, as *cleo*, press *Retry*",
            then="A new plan, of what is missing, which needs an approval of its own.",
            holds=lambda stage: bool(stage.with_button(APPROVE)["ts"]),
            do=_room_again,
            by=(CLEO,),
        ),
        pressing(
            BO,
            "Approve",
            APPROVE,
            then="Now there is room: the new Machine is healthy in `fra`, and only then the one in `sjc` goes.",
            holds=lambda stage: stage.ended("Receipt: fra 1, iad 1") and stage.regions(PRODUCTION) == AFTER,
        ),
    ),
    set_up=_a_full_region,
)
