"""The first steps: a plan, a tag to production, a sleeping staging, refusals, a failing migration, a kill."""

from __future__ import annotations

from sandbox.kit import Fault
from sandbox.tour.stage import BO, CONFIRM, GUS, MAIN, PRODUCTION, STAGING, V1_4_2, Tour, text_of


async def help_and_plan(tour: Tour) -> None:
    tour.step("What can it do, and what would happen?")
    await tour.types("/deploy help")
    tour.show(tour.private()[-1])
    await tour.types("/deploy production v1.4.2 --plan")
    await tour.shown_privately("Nothing was changed")
    tour.expect(not tour.release_commands(), "a plan changes nothing")


async def production(tour: Tour) -> None:
    tour.step("A tag goes to production: plan, a button, proof")
    await tour.types('/deploy production v1.4.2 --reason "pricing fix"')
    await tour.until(lambda: "waiting for confirmation" in text_of(tour.newest()), "the plan is shown")
    tour.show(tour.newest())
    await tour.clicks(CONFIRM, by=GUS)
    await tour.shown_privately("not_a_member")
    await tour.clicks(CONFIRM)
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, V1_4_2)


async def staging(tour: Tour) -> None:
    tour.step("Staging sleeps: it gets the image, is booted once to prove it, and sleeps on")
    await tour.types("/deploy staging main", by=BO)
    await tour.ends("live. Ship receipt: 1 of 1")
    tour.all_run(STAGING, MAIN)


async def refusals(tour: Tour) -> None:
    tour.step("Refusals explain themselves")
    await tour.types("/deploy prodction v1.4.2")
    await tour.shown_privately("Did you mean")
    await tour.types("/deploy staging feature/broken")
    await tour.shown_privately("ci_not_green")
    tour.all_run(STAGING, MAIN)


async def failing_migration(tour: Tour) -> None:
    tour.step("The release command fails: no Machine is touched, its log is in the thread")
    tour.fly.control.push_image(app=PRODUCTION, label=f"sha-{MAIN}")
    await tour.simulators.github.actions()["tag"]({"name": "v1.5.0", "sha": MAIN})
    lines = ['** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation "plans" already exists']
    fault = Fault("release_command_fails", target=PRODUCTION, times=1, detail={"exit_code": 1, "lines": lines})
    tour.fly.faults.add(fault)
    await tour.types("/deploy production v1.5.0")
    await tour.until(lambda: "waiting for confirmation" in text_of(tour.newest()), "the plan is shown")
    await tour.clicks(CONFIRM)
    await tour.ends("exited with 1", replies=2)
    tour.all_run(PRODUCTION, V1_4_2)


async def killed(tour: Tour) -> None:
    tour.step("kill -9 in the middle of a deployment: the same message goes on, nothing happens twice")
    before = len(tour.release_commands())
    updates = _updates(tour)
    await tour.types("/deploy production v1.5.0")
    await tour.until(lambda: "waiting for confirmation" in text_of(tour.newest()), "the plan is shown")
    await tour.clicks(CONFIRM)
    await tour.until(lambda: sum(_updates(tour)) == sum(updates) + 1, "the first Machine is updated")
    await tour.bot.kill()
    print("  The bot is killed while the first Machine is updated…")
    await tour.bot.start()
    print("  …and started again on the same database.")
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, MAIN)
    tour.expect(len(tour.release_commands()) == before + 1, "one release command ran")
    tour.expect(_updates(tour) == [count + 1 for count in updates], "each Machine was updated once")
    print("  One release command ran, each Machine was updated once.")


def _updates(tour: Tour) -> list[int]:
    machines = tour.fly.state()["apps"][PRODUCTION]["machines"]
    return [m["updates"] for m in machines if m["process_group"] == "app"]


SCENES = (help_and_plan, production, staging, refusals, failing_migration, killed)
