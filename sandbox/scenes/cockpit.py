"""The cockpit: what is where, a form with an error in it, what was, how often, and why not."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, STAGING, Stage
from sandbox.terminal import text_of

WRONG, RIGHT = "no-such-branch", "main"
REASON = "show it to sales"


async def _a_refusal(stage: Stage) -> None:
    """Bo was refused a moment ago."""
    await stage.types(BO, "/deploy staging feature/broken")
    await stage.until(lambda: stage.told(BO, "ci_not_green"), "Bo was refused")


def _form(stage: Stage, title: str, *words: str) -> bool:
    page = stage.view(ANA)
    return page["title"]["text"] == title and all(word in text_of(page) for word in words)


def _is_live(stage: Stage) -> bool:
    return stage.ended("live. Ship receipt: 1 of 1", REASON) and stage.all_run(STAGING, COMMITS["main"])


async def _choose_wrong(stage: Stage) -> None:
    await stage.until(lambda: _form(stage, "Deploy"), "the form is open")
    await stage.fills_in(ANA, environment="staging", ref=WRONG, reason=REASON)


async def _submit(stage: Stage) -> None:
    await stage.submits(ANA, {})


SCENE = Scene(
    name="cockpit",
    title="The cockpit",
    minutes=3,
    summary="What is where, what was, how often, why not, and the form behind a bare /deploy.",
    story="Monday morning. Ana was away for a week and wants to know where things stand. Then she brings the newest "
    "commit to staging, for a demonstration to sales, without remembering how the command goes.",
    shown="Nobody has to remember anything: the form searches, the questions answer from Fly as it is now, and what "
    "was refused can be explained later.",
    steps=(
        typing(
            ANA,
            "/deploy status",
            then="Each environment: what is live, since when, by whom, its Machines, and how far production is behind.",
            holds=lambda stage: stage.told(ANA, "As of"),
        ),
        typing(
            ANA,
            "/deploy production staging --plan",
            then="What staging runs, to production. The plan says that it is another build of the same commit: images "
            "are readable within one Fly organisation only.",
            holds=lambda stage: stage.told(ANA, "Fly organisation"),
        ),
        typing(
            ANA,
            "/deploy",
            then="A form opens, for her alone: the environment, a search for tags, branches and commits, a reason.",
            holds=lambda stage: bool(stage.view(ANA)["title"]["text"]) or _is_live(stage),
        ),
        Step(
            say=f"Choose *staging*, search for `{WRONG}`, take it as it is, give the reason “{REASON}”, and press "
            "*Show the plan*",
            then="There is no such branch: the form says so above its fields, and everything filled in is still there.",
            holds=lambda stage: _form(stage, "Deploy", "has no tag, branch or commit") or _is_live(stage),
            do=_choose_wrong,
            by=(ANA,),
        ),
        Step(
            say=f"Search for `{RIGHT}` instead, and press *Show the plan*",
            then="The plan, in the form. Nothing is stored and nothing has changed until its last button.",
            holds=lambda stage: _form(stage, "Plan") or _is_live(stage),
            do=lambda stage: stage.fills_in(ANA, ref=RIGHT),
            by=(ANA,),
        ),
        Step(
            say="Press *Deploy to staging*",
            then="Who read the plan and pressed has confirmed it: the form closes, the card appears and ends Live.",
            holds=_is_live,
            do=_submit,
            by=(ANA,),
        ),
        typing(
            ANA,
            "/deploy history staging",
            then="What was deployed, by whom, how long it took, how it ended. Bo's refusal stands there too.",
            holds=lambda stage: stage.told(ANA, "History of", "feature/broken"),
        ),
        typing(
            ANA,
            "/deploy why staging",
            then="Which rule said no to Bo, who could lift it, what to type next, and what runs now.",
            holds=lambda stage: stage.told(ANA, "ci_not_green", "What lifts it"),
        ),
        typing(
            ANA,
            "/deploy stats",
            then="DORA's four figures from the bot's own records; each says of how many deployments it is made.",
            holds=lambda stage: stage.told(ANA, "Lead time"),
        ),
    ),
    set_up=_a_refusal,
)
