"""What goes wrong: greens that never get healthy, a second try, a crash after success, the way back."""

from __future__ import annotations

from sandbox.kit import Fault
from sandbox.tour.stage import BO, CHANNEL, MAIN, PRODUCTION, Tour, text_of


async def bluegreen(tour: Tour) -> None:
    tour.step("Blue-green, and a green that never gets healthy: the blues go on as if nothing had happened")
    before = tour.running(PRODUCTION)
    fault = tour.fly.faults.add(Fault("crash_loop", target="sjc"))
    await tour.types("/deploy production v1.5.0 --strategy bluegreen")
    await tour.confirms()
    await tour.ends("failed")
    tour.expect(tour.running(PRODUCTION) == before, "the same Machines run the same images")
    tour.fly.faults.remove(fault.id)
    print("  The same Machines run the same images as before.")


async def retry(tour: Tour) -> None:
    tour.step("Retry, once the cause is mended: the greens take over")
    blues = set(tour.running(PRODUCTION))
    await tour.clicks("deployment_retry")
    await tour.confirms()
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, MAIN)
    tour.expect(not blues & set(tour.running(PRODUCTION)), "every Machine is a new one")


async def crash(tour: Tour) -> None:
    tour.step("A crash loop after the success: the watch tells it with the log, and a button goes back")
    machine = next(iter(tour.running(PRODUCTION)))
    tour.fly.control.crash(machine, loops=True, line="** (RuntimeError) could not fetch the prices")
    await tour.until(lambda: any("Roll back" in text_of(message) for message in tour.messages()), "the trouble is told")
    told = next(message for message in reversed(tour.messages()) if "Roll back" in text_of(message))
    tour.show(told)
    await tour.slack.click(user=BO, channel=CHANNEL, ts=told["ts"], action_id="watch_roll_back")
    await tour.confirms(by=BO)
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, tour.tags()["v1.6.0"])


SCENES = (bluegreen, retry, crash)
