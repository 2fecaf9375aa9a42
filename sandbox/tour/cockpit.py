"""What is where, what was, and the form that opens where nothing is named."""

from __future__ import annotations

from sandbox.tour.stage import ANA, MAIN, STAGING, Tour


async def form(tour: Tour) -> None:
    tour.step("A bare /deploy opens a form: environment, a search for the ref, the plan, one button")
    await tour.types("/deploy")
    await tour.until(lambda: "Deploy" in tour.view()["title"]["text"], "the form is open")
    await tour.slack.select(user=ANA, action_id="environment", value="staging")
    found = await tour.slack.suggest(user=ANA, action_id="deploy_ref", value="v1.5")
    options = [option["text"]["text"] for option in found["options"]]
    print("  ana searches for “v1.5” and finds:", *options, sep="\n    ")
    await tour.slack.submit(user=ANA, values={"deploy_ref": "v1.5.0", "reason": "back to what worked"})
    await tour.until(lambda: tour.view()["title"]["text"] == "Plan", "the plan is shown in the form")
    tour.show(tour.view() | {"text": "", "is_ephemeral": True})
    before = tour.newest()["ts"]
    await tour.slack.submit(user=ANA, values={})
    await tour.until(lambda: tour.newest()["ts"] != before, "the card is posted")
    await tour.ends("live. Ship receipt: 1 of 1")
    tour.all_run(STAGING, MAIN)


async def questions(tour: Tour) -> None:
    tour.step("What is where, what was, how often, and why")
    await tour.types("/deploy status")
    await tour.shown_privately("As of")
    await tour.types("/deploy history production")
    await tour.shown_privately("v1.6.0")
    await tour.types("/deploy stats")
    await tour.shown_privately("Lead time")
    await tour.types("/deploy why production")
    await tour.shown_privately("exited with 1")


SCENES = (form, questions)
