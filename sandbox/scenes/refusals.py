"""Refusals explain themselves: which rule, who could lift it, what to do next."""

from __future__ import annotations

from sandbox.scenes.scene import DEPLOY, Scene, Step, pressing, typing
from sandbox.scenes.stage import ANA, BO, CONFIRM, EVE, GUS, PRODUCTION, STAGING, Stage


def _is_untouched(stage: Stage) -> bool:
    return not any(stage.updates(STAGING) + stage.updates(PRODUCTION)) and not stage.release_commands()


async def _outsiders_press(stage: Stage) -> None:
    await stage.presses(GUS, CONFIRM)
    await stage.presses(EVE, CONFIRM)


SCENE = Scene(
    name="refusals",
    title="Refusals explain themselves",
    minutes=2,
    summary="A slip of the finger, a red commit, a guest, a stranger, a colleague: each reads which rule said no.",
    story="A channel has many people in it: Ana types too fast, Gus is a guest, Eve is from another company with which "
    "the channel is shared, and Bo only wants to help.",
    shown="Six refusals, each with its rule, its stable code and what lifts it, each read by the one person whom it "
    "concerns. At Fly nothing has moved.",
    steps=(
        typing(
            ANA,
            "/deploy prodction v1.4.2",
            then="A slip of the finger gets what was probably meant.",
            holds=lambda stage: stage.told(ANA, "Did you mean production"),
        ),
        typing(
            ANA,
            "/deploy staging feature/broken",
            then="CI failed on that commit (`ci_not_green`): mend it, or choose another one. Nothing was deployed.",
            holds=lambda stage: stage.told(ANA, "ci_not_green") and _is_untouched(stage),
        ),
        typing(
            ANA,
            "/deploy production v1.4.2",
            then="This one is right: a plan, with a button that everybody sees.",
            holds=lambda stage: stage.planned() == 1,
        ),
        Step(
            say=f"As *gus*, then as *eve*, press *{DEPLOY}*",
            then="A guest (`not_a_member`) and somebody of another workspace (`other_workspace`) see the button, and "
            "cannot use it.",
            holds=lambda stage: stage.told(GUS, "not_a_member") and stage.told(EVE, "other_workspace"),
            do=_outsiders_press,
            by=(GUS, EVE),
        ),
        pressing(
            BO,
            DEPLOY,
            CONFIRM,
            then="A colleague may deploy, but it is Ana who read this plan (`not_the_requester`). Nothing has started.",
            holds=lambda stage: stage.told(BO, "not_the_requester") and _is_untouched(stage),
        ),
    ),
)
