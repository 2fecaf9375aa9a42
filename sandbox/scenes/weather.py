"""Fly has a bad day: refusals, lost answers, books that cannot be written, a lease of somebody else."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, deploying, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, IAD, LIVE, PRODUCTION, STAGING, Stage

COLLEAGUE = "cleo@reify.example"
LEASE_S = 3600.0


async def _bad_day(stage: Stage) -> None:
    create = rf"/apps/{PRODUCTION}/machines$"
    stage.goes_wrong("status", method="POST", path=create, status=429, times=2, headers={"retry-after": "1"})
    stage.goes_wrong("drop_after", method="POST", path=rf"/machines/{IAD}$", times=1)
    stage.goes_wrong("status", path=r"^/api/v1/", status=500)
    for machine in stage.running(STAGING):
        await stage.does("fly", "lease", machine=machine, owner=COLLEAGUE, seconds=LEASE_S)


def _has_one_effect(stage: Stage) -> bool:
    happened_once = stage.release_commands() == 1 and stage.updates(PRODUCTION) == [1, 1]
    is_proven = stage.ended(LIVE, "release record could not be written")
    return happened_once and is_proven and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


SCENE = Scene(
    name="weather",
    title="Fly has a bad day",
    minutes=2,
    summary="Too many requests, a lost answer, an API that is down, somebody else's lease: one effect, honest words.",
    story="Fly's status page is yellow. Some requests are refused as too many, the answer to one is lost on the way "
    "after the work was done, and the API for release records is down altogether. Cleo has begun a `fly deploy` to "
    "staging and gone to lunch.",
    shown="What can be waited out is waited out, what may have happened is looked at before it is done again, and "
    "what cannot be known is called unknown.",
    steps=(
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="The plan, with a button, in spite of the weather.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="Live, with a warning: the release record could not be written. Two refusals were waited out. The "
            "first Machine's update was done and its answer lost: it was looked at, and not updated twice.",
            holds=_has_one_effect,
        ),
        typing(
            BO,
            "/deploy status",
            then="The Machines are told as ever; of the releases it says that Fly did not tell them, not that there "
            "are none.",
            holds=lambda stage: stage.told(BO, "Fly did not tell the releases"),
        ),
        typing(
            BO,
            "/deploy staging main",
            then="Refused before anything is touched: who holds the lease, and until when.",
            holds=lambda stage: stage.told(BO, "lease_held", COLLEAGUE),
        ),
    ),
    set_up=_bad_day,
)
