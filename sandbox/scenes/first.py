"""Your first deployment: help, a plan that changes nothing, a plan with a button, the proof."""

from __future__ import annotations

from sandbox.scenes.scene import Scene, Step, deploying, typing
from sandbox.scenes.stage import ANA, BO, COMMITS, LIVE, PRODUCTION, STAGING, Stage
from sandbox.terminal import text_of


def _is_shipped(stage: Stage) -> bool:
    return stage.ended(LIVE) and stage.all_run(PRODUCTION, COMMITS["v1.4.2"])


def _sleeps_on(stage: Stage) -> bool:
    is_proven = stage.ended("live. Ship receipt: 1 of 1") and stage.all_run(STAGING, COMMITS["main"])
    return is_proven and stage.states(STAGING) == {"stopped"}


SCENE = Scene(
    name="first",
    title="Your first deployment",
    minutes=2,
    summary="Ask for help, read a plan, press its button, see the proof.",
    story="Ana has made better error pages. They are tagged `v1.4.2`, CI has built the image, and staging runs it; "
    "production still runs `v1.4.1`. She brings them to production from the channel #deploys.",
    shown="A plan before anything happens, one card for the whole deployment, and “Live” only after every Machine was "
    "read back on the new image.",
    steps=(
        typing(
            ANA,
            "/deploy help",
            then="The help is for her alone: questions are answered privately, what changes something is public.",
            holds=lambda stage: stage.told(ANA, "brings a commit to an environment"),
        ),
        typing(
            ANA,
            "/deploy production v1.4.2 --plan",
            then="The plan names the commits, a migration among them, and what each Machine will run. Nothing changed.",
            holds=lambda stage: stage.told(ANA, "Nothing was changed") and not stage.release_commands(),
        ),
        typing(
            ANA,
            '/deploy production v1.4.2 --reason "better error pages"',
            then="The same plan as a card for everybody, with a button: production asks a person first.",
            holds=lambda stage: stage.planned() == 1,
        ),
        deploying(
            ANA,
            then="Migrations run once, the Machines follow one by one, and the same card goes with them. It says Live "
            "when all of them were read back on the image. Edits notify nobody, so its thread tells the end too.",
            holds=_is_shipped,
        ),
        typing(
            BO,
            "/deploy staging main",
            then="Staging asks nobody. It sleeps: it gets the image, is booted once to prove it, and sleeps on.",
            holds=_sleeps_on,
        ),
        Step(
            say="As *ana*, open *Flytower* among the apps, and its tab *Home*",
            then="The dashboard: what runs where, and what was done last. Whoever opens it has one of their own.",
            holds=lambda stage: "Done last" in text_of(stage.home(ANA)),
            do=lambda stage: stage.slack.open_home(user=ANA),
            by=(ANA,),
        ),
    ),
)
