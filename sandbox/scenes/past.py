"""Somebody deployed past the bot: it is noticed, respected, and told."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, LIVE, PRODUCTION, SJC, Stage

BY_HAND_MB = 512


async def _scaled_by_hand(stage: Stage) -> None:
    stage.fly.machine(SJC).config["guest"]["memory_mb"] = BY_HAND_MB


async def _flyctl(stage: Stage) -> None:
    stage.tell("a colleague: fly deploy --image registry.fly.io/reify-studio:sha-282e3e8… (v1.4.0)")
    await stage.does("fly", "deploy", app=PRODUCTION, image=f"sha-{COMMITS['v1.4.0']}")


def _starts_nothing(stage: Stage) -> bool:
    is_told = stage.told(ANA, "Nothing started") and bool(stage.card("from v1.4.0")["ts"])
    return is_told and stage.planned() == 1


def _is_shipped(stage: Stage) -> bool:
    return stage.ended(LIVE, "from v1.4.0") and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


SCENE = Scene(
    name="past",
    title="Somebody deployed past the bot",
    minutes=3,
    summary="A colleague uses flyctl between a plan and its button: the plan is void, and a new one is shown.",
    story="Last week somebody gave one of production's Machines less memory, by hand. And while Ana reads her plan, a "
    "colleague who does not use Slack deploys an older version with flyctl.",
    shown="Nobody has to go through the bot. It reads what is there, says where that differs from the configuration, "
    "and acts on no plan that is not true any more.",
    steps=(
        typing(
            BO,
            "/deploy status production",
            then="A difference: which Machine has how much memory, what was expected, and the command that mends it.",
            holds=lambda stage: stage.told(BO, f"{BY_HAND_MB} MB of memory"),
        ),
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="The plan: from `v1.4.1`, for that is what runs.",
            holds=lambda stage: stage.planned() == 1,
        ),
        Step(
            say="Open *Fly* and release the image of `v1.4.0` to `reify-studio`, as a colleague with flyctl would; "
            "wait for its end",
            then="Fly asks no bot. Both Machines run the older version now, and the plan in the channel is outdated.",
            holds=lambda stage: stage.all_run(PRODUCTION, COMMITS["v1.4.0"]) or _is_shipped(stage),
            do=_flyctl,
            panel="fly",
        ),
        deploying(
            ANA,
            then="Nothing starts: what runs has changed since the plan was read. The card shows the plan as it is "
            "now, from `v1.4.0`.",
            holds=lambda stage: _starts_nothing(stage) or _is_shipped(stage),
        ),
        deploying(
            ANA,
            then="Now the plan is the one that she read: Live, and proven on both Machines.",
            holds=_is_shipped,
        ),
    ),
    set_up=_scaled_by_hand,
)
