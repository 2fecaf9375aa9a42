"""The way through CI: a new tag is made, built, released and proven; what staging runs goes to production."""

from __future__ import annotations

from sandbox.tour.stage import BO, PRODUCTION, STAGING, Tour


async def new_tag(tour: Tour) -> None:
    tour.step("A tag that does not exist yet: it is made, CI builds and releases it, and Fly is read back")
    made = await tour.simulators.github.actions()["commit"](
        {"title": "Add a tax table", "author": "bo", "files": {"lib/tax.ex": "tax"}, "ci": "success"}
    )
    await tour.types("/deploy production v1.6.0")
    await tour.confirms()
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, made["sha"])
    tour.expect(made["sha"] in tour.tags().values(), "the tag is on that commit")


async def rebuild(tour: Tour) -> None:
    tour.step("The same commit to staging: there is no image of it either, so its workflow is started")
    await tour.types("/deploy staging main", by=BO)
    await tour.ends("live. Ship receipt: 1 of 1")
    tour.all_run(STAGING, tour.tags()["v1.6.0"])


async def promotion(tour: Tour) -> None:
    tour.step("What staging runs, to production: the plan says whether it is the same image")
    await tour.types("/deploy production staging --plan")
    await tour.shown_privately("Fly organisation")


SCENES = (new_tag, rebuild, promotion)
