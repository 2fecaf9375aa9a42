"""Four strategies on Machines of every kind: what Fly runs afterwards, and what the card says of it."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from bot.domain.operation import JournalRow, Operation, State
from sandbox.fly import configs
from sandbox.fly.model import Volume
from sandbox.kit import Json
from tests.world import PRODUCTION, SHA, World, text_of

CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
NEW, OLD = f"sha-{SHA['v1.4.2']}", f"sha-{SHA['v1.4.1']}"
DAY_S = 86_400.0
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")


async def adds(world: World, region: str = "ord", *, group: str = "app", asleep: bool = False, **config: Any) -> str:
    """One more Machine of production, like the first; its id, once it is up (or asleep)."""
    control, app = world.fly.control, world.fly.app(PRODUCTION)
    new: Json = copy.deepcopy(world.fly.machine(IAD).config) | config
    new["metadata"] = new["metadata"] | {"fly_process_group": group}
    image = configs.pulled(world.fly.world, app, new)
    made = control.lifecycle.create(
        app, name="", region=region, config=configs.accepted(new), image=image, launch=True, by="ci@tokens.fly.io"
    )
    await world.until(lambda: _state(world, made.id) == "started", "it is up")
    if asleep:
        await world.fly.actions()["stop_machine"]({"machine": made.id})
        await world.until(lambda: _state(world, made.id) == "stopped", "it sleeps")
    made.counts.update(starts=0, stops=0)
    return made.id


def _state(world: World, machine_id: str) -> str:
    return str(seen(world, machine_id)["state"])


def seen(world: World, machine_id: str) -> dict[str, Any]:
    """A Machine as Fly has it, also one that is destroyed."""
    return next(machine for machine in world.all_machines() if machine["id"] == machine_id)


async def deploys(world: World, strategy: str) -> str:
    """Ana deploys to production with a strategy; what the card says in the end."""
    await begins(world, strategy)
    await world.settle()
    return text_of(world.card())


async def begins(world: World, strategy: str) -> None:
    """Ana deploys to production with a strategy, and it is under way."""
    await world.types(f"/deploy production v1.4.2 --strategy {strategy}")
    await world.press(CONFIRM)


def runs(world: World) -> list[str]:
    """What each Machine runs, by id."""
    return ["new" if m["label"] == NEW else "old" for m in sorted(world.machines(), key=lambda m: m["id"])]


def is_public(machine: dict[str, Any]) -> bool:
    return machine["state"] == "started" and not machine["cordoned"]


async def ended(world: World) -> State:
    return (await world.operations())[-1].state


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_strategy_brings_the_image_to_every_machine(world: World, strategy: str) -> None:
    """Three Machines: all are on the image, up and public, none is left over, and the books say how it was done."""
    await adds(world)

    card = await deploys(world, strategy)

    assert "Ship receipt: 3 of 3" in card
    assert world.labels() == {NEW}
    assert [is_public(machine) for machine in world.machines()] == [True] * 3
    assert sorted(machine["region"] for machine in world.machines()) == ["iad", "ord", "sjc"]
    assert (world.releases()[-1]["status"], world.releases()[-1]["strategy"]) == ("complete", strategy.upper())
    assert len(world.release_commands()) == 1


# Where the Machine at a position crashes on the new image: what runs then, in the order in which Machines move.
LEAVES = {
    ("rolling", 0): "new old old",
    ("rolling", 1): "new new old",
    ("rolling", 2): "new new new",
    ("immediate", 0): "new new new",
    ("immediate", 1): "new new new",
    ("immediate", 2): "new new new",
    # The canary boots where the first Machine is, so it is the one that crashes.
    ("canary", 0): "old old old",
    ("canary", 1): "new new old",
    ("canary", 2): "new new new",
    ("bluegreen", 0): "old old old",
    ("bluegreen", 1): "old old old",
    ("bluegreen", 2): "old old old",
}


@pytest.mark.parametrize(("strategy", "position"), LEAVES)
async def test_a_machine_that_crashes_leaves_what_its_strategy_promises(
    world: World, strategy: str, position: int
) -> None:
    """The card says exactly what runs; what the strategy made is gone, and the old Machines serve where they stayed."""
    await adds(world)
    order = sorted(world.machines(), key=lambda machine: machine["id"])
    world.fault("crash_loop", target=order[position]["region"])

    card = await deploys(world, strategy)

    left = LEAVES[strategy, position].split()
    assert runs(world) == left
    assert [m["id"] for m in sorted(world.machines(), key=lambda m: m["id"])] == [m["id"] for m in order]
    assert not any(machine["cordoned"] for machine in world.machines())
    assert "machine_crashed" in card
    assert order[position]["region"] in card
    words = {0: "All 3 Machines run what ran before", 3: "not all Machines are well"}
    assert words.get(left.count("new"), f"*Mixed*: {left.count('new')} of 3") in card
    assert world.releases()[-1]["status"] == "failed"


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
async def test_ten_machines_in_three_regions_of_which_some_sleep(world: World, strategy: str) -> None:
    """All ten are on the image; six are up and public, four sleep as they did before."""
    for number in range(8):
        await adds(world, ("iad", "sjc", "ord")[number % 3], asleep=number >= 4)

    card = await deploys(world, strategy)

    assert "Ship receipt: 10 of 10" in card
    assert world.labels() == {NEW}
    assert sorted(machine["state"] for machine in world.machines()) == ["started"] * 6 + ["stopped"] * 4
    assert not any(machine["cordoned"] for machine in world.machines())
    regions = [machine["region"] for machine in world.machines()]
    assert {region: regions.count(region) for region in set(regions)} == {"iad": 4, "sjc": 4, "ord": 2}


async def test_every_process_group_proves_the_image_for_itself(world: World) -> None:
    """A group that sleeps boots one of its Machines, although another group was seen healthy; the card names groups."""
    workers = [await adds(world, group="worker", asleep=True) for _ in range(2)]

    card = await deploys(world, "rolling")

    assert world.labels() == {NEW}
    assert sorted(seen(world, worker)["starts"] for worker in workers) == [0, 1]
    assert [_state(world, worker) for worker in workers] == ["stopped", "stopped"]
    assert "worker  stopped" in card
    assert "app  started" in card


async def test_process_groups_move_side_by_side(world: World) -> None:
    """The first Machine of one group does not wait for another group's."""
    worker = await adds(world, group="worker")
    world.fault("slow_boot", target=IAD, seconds=60, detail={"phase": "started"})
    await begins(world, "rolling")
    await world.until(lambda: seen(world, IAD)["updates"] == 1, "the app's first Machine is updated")
    await world.simulators.clock.sleep(5)

    assert seen(world, worker)["updates"] == 1
    assert seen(world, SJC)["updates"] == 0
    await world.settle()


async def test_canaries_of_every_group_get_no_requests_and_go(world: World) -> None:
    """One for each process group, cordoned all its life, marked as flyctl does, and destroyed before any update."""
    await adds(world, group="worker")
    before = {machine["id"] for machine in world.all_machines()}
    await begins(world, "canary")
    canaries: dict[str, Any] = {}
    while len(canaries) < 2:
        await world.simulators.clock.sleep(0.5)
        made = [m for m in world.machines() if m["id"] not in before and m["state"] != "destroying"]
        canaries |= {m["id"]: m for m in made}
    assert all(machine["cordoned"] for machine in canaries.values())
    await world.settle()

    assert {machine["process_group"] for machine in canaries.values()} == {"app", "worker"}
    assert all(machine["config"]["metadata"]["fly_canary"] == "true" for machine in canaries.values())
    assert {machine["id"] for machine in world.machines()} <= before
    assert "canary worker" in text_of(world.card())


async def gets_a_volume(world: World, machine_id: str) -> None:
    """A Machine of production has a volume."""
    app, machine = world.fly.app(PRODUCTION), world.fly.machine(machine_id)
    app.volumes["vol_1"] = Volume(
        "vol_1", "data", machine.region, 1, world.simulators.clock.now(), attached_machine_id=machine_id
    )
    machine.config["mounts"] = [{"volume": "vol_1", "path": "/data"}]


@pytest.mark.parametrize("strategy", ["canary", "bluegreen"])
async def test_machines_with_volumes_are_not_doubled(world: World, strategy: str) -> None:
    """Refused, naming the Machine and the way that works; nothing is touched."""
    await gets_a_volume(world, SJC)
    await world.types(f"/deploy production v1.4.2 --strategy {strategy}")

    said = "\n".join(world.private())
    assert "strategy_impossible" in said
    assert f"{SJC} (sjc)" in said
    assert "rolling" in said
    assert world.labels() == {OLD}


async def test_machines_with_volumes_move_where_they_are(world: World) -> None:
    """Rolling keeps the Machine, its mount and the volume's place."""
    await gets_a_volume(world, SJC)

    await deploys(world, "rolling")

    assert world.labels() == {NEW}
    assert seen(world, SJC)["config"]["mounts"] == [{"volume": "vol_1", "path": "/data"}]
    assert world.fly.app(PRODUCTION).volumes["vol_1"].attached_machine_id == SJC


async def test_bluegreen_needs_checks(world: World) -> None:
    """Without checks nobody knows when to switch: refused, naming the Machine."""
    world.fly.machine(SJC).config["services"][0]["checks"] = []
    await world.types("/deploy production v1.4.2 --strategy bluegreen")

    said = "\n".join(world.private())
    assert "strategy_impossible" in said
    assert f"{SJC} (sjc)" in said


@pytest.mark.parametrize(
    ("fault", "strategy"),
    [("host_unreachable", "rolling"), ("host_unreachable", "bluegreen"), ("no_capacity", "rolling")],
)
async def test_a_machine_whose_host_is_lost_is_replaced(world: World, fault: str, strategy: str) -> None:
    """A new Machine in its region is healthy before the old one is destroyed, and has its sibling's config."""
    world.fault(fault, target=SJC)

    card = await deploys(world, strategy)

    assert "Ship receipt: 2 of 2" in card
    assert f"in place of `{SJC}`" in card
    assert seen(world, SJC)["state"] == "destroyed"
    (new,) = [machine for machine in world.machines() if machine["region"] == "sjc"]
    assert is_public(new)
    assert new["label"] == NEW
    assert new["config"]["services"] == seen(world, IAD)["config"]["services"]
    assert "standbys" not in new["config"]


async def test_a_sleeping_machine_whose_host_is_lost_is_replaced_asleep(world: World) -> None:
    """The new Machine is seen healthy once, and sleeps as the old one did."""
    lost = await adds(world, asleep=True)
    world.fault("host_unreachable", target=lost)

    await deploys(world, "rolling")

    (new,) = [machine for machine in world.machines() if machine["region"] == "ord"]
    assert new["id"] != lost
    assert (new["state"], new["starts"], new["cordoned"]) == ("stopped", 1, False)


async def test_a_replacement_that_crashes_is_destroyed_and_the_old_machine_stays(world: World) -> None:
    """The old Machine is all there is until the new one is healthy."""
    world.fault("host_unreachable", target=SJC)
    world.fault("crash_loop", target="sjc")

    card = await deploys(world, "rolling")

    assert {machine["id"] for machine in world.machines()} == {IAD, SJC}
    assert "*Mixed*: 1 of 2" in card


async def test_a_volume_on_a_lost_host_waits_for_a_person(world: World) -> None:
    """No new Machine can take the volume: refused with what to do."""
    await gets_a_volume(world, IAD)
    world.fault("host_unreachable", target=SJC)
    await world.types("/deploy production v1.4.2")

    said = "\n".join(world.private())
    assert "host_unreachable" in said
    assert "snapshot" in said
    assert world.labels() == {OLD}


async def test_an_update_without_room_and_with_a_volume_is_a_failure(world: World) -> None:
    """A volume keeps the Machine where it is: Fly's own words, and nothing is replaced."""
    await gets_a_volume(world, SJC)
    world.fault("no_capacity", target=SJC)

    assert "could not reserve resource" in await deploys(world, "rolling")
    assert {machine["id"] for machine in world.machines()} == {IAD, SJC}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_standby_gets_the_image_and_stays_asleep(world: World, strategy: str) -> None:
    """It is never started, not even for proof; it stands by for the Machine that is there now."""
    standby = await adds(world, "iad", asleep=True, standbys=[IAD])

    card = await deploys(world, strategy)

    machine = seen(world, standby)
    assert (machine["label"], machine["state"], machine["starts"]) == (NEW, "stopped", 0)
    (watched,) = machine["config"]["standbys"]
    assert is_public(seen(world, watched))
    assert "3 of 3" in card


async def test_a_standby_of_a_replaced_machine_stands_by_for_the_new_one(world: World) -> None:
    """Fly would go on watching a Machine that is destroyed."""
    standby = await adds(world, "iad", asleep=True, standbys=[IAD])
    world.fault("host_unreachable", target=IAD)

    await deploys(world, "rolling")

    (new,) = [m for m in world.machines() if m["region"] == "iad" and m["id"] != standby]
    assert seen(world, standby)["config"]["standbys"] == [new["id"]]


async def test_a_standby_without_room_is_replaced_without_being_started(world: World) -> None:
    """No room on its host: the new standby has the same config and image, and nobody boots it."""
    standby = await adds(world, "ord", asleep=True, standbys=[IAD])
    world.fault("no_capacity", target=standby)

    await deploys(world, "rolling")

    (new,) = [machine for machine in world.machines() if machine["region"] == "ord"]
    assert (new["state"], new["starts"], new["config"]["standbys"]) == ("stopped", 0, [IAD])


@pytest.mark.parametrize("moment", ["greens boot", "requests go to both", "requests go to the greens alone"])
async def test_a_cancel_before_the_old_machines_go_undoes_blue_green(world: World, moment: str) -> None:
    """While the greens boot or in the middle of the switch: the blues serve as before, the greens are gone."""
    old = {machine["id"] for machine in world.machines()}

    def is_now() -> bool:
        greens = [machine for machine in world.machines() if machine["id"] not in old]
        blues = [machine for machine in world.machines() if machine["id"] in old]
        return {
            "greens boot": len(greens) == 2,
            "requests go to both": any(is_public(green) for green in greens),
            "requests go to the greens alone": all(blue["cordoned"] for blue in blues),
        }[moment]

    await begins(world, "bluegreen")
    await world.until(is_now, moment)
    await world.clicks(CANCEL)

    assert await ended(world) is State.CANCELLED
    assert {machine["id"] for machine in world.machines()} == old
    assert all(is_public(machine) for machine in world.machines())
    assert "All 2 Machines run what ran before." in text_of(world.card())


async def test_a_cancel_after_the_old_machines_began_to_go_is_too_late(world: World) -> None:
    """The first blue is being stopped: nothing is left to cancel, and the deployment succeeds."""
    await begins(world, "bluegreen")
    await world.until(lambda: _state(world, IAD) == "stopping", "the first blue goes")
    await world.clicks(CANCEL)

    assert "nothing is left to cancel" in "\n".join(world.private())
    assert await ended(world) is State.SUCCEEDED


async def test_greens_that_fail_under_load_give_the_requests_back(world: World) -> None:
    """A green turns unhealthy when requests reach it: the blues serve again before it is destroyed."""
    old = {machine["id"] for machine in world.machines()}
    await begins(world, "bluegreen")
    await world.until(lambda: all(seen(world, blue)["cordoned"] for blue in old), "the blues are cordoned")
    green = next(machine["id"] for machine in world.machines() if machine["id"] not in old)
    world.fly.control.set_health(green, "critical", "overloaded")
    await world.settle()

    assert {machine["id"] for machine in world.machines()} == old
    assert all(is_public(machine) for machine in world.machines())
    assert green in text_of(world.card())


@pytest.mark.parametrize("path", [r"/uncordon$", r"/cordon$"])
async def test_a_switch_that_fly_refuses_is_undone(world: World, path: str) -> None:
    """Uncordon or cordon fails for one Machine: the blues serve, the greens are gone."""
    old = {machine["id"] for machine in world.machines()}
    target = SJC if "un" not in path else ""
    world.fault("status", method="POST", path=f"{target}{path}", status=422, body={"error": "no"}, times=1)
    await deploys(world, "bluegreen")

    assert await ended(world) is State.FAILED
    assert {machine["id"] for machine in world.machines()} == old
    assert all(is_public(machine) for machine in world.machines())


async def test_an_old_machine_that_does_not_go_is_named(world: World) -> None:
    """The greens serve; the blue that Fly refuses to destroy stands on the card with what removes it."""
    world.fault("status", method="DELETE", path=rf"/machines/{SJC}$", status=422, body={"error": "no"})

    card = await deploys(world, "bluegreen")

    assert await ended(world) is State.FAILED
    assert f"fly machine destroy --force {SJC}" in card
    assert "the new Machines serve already" in card
    assert len([machine for machine in world.machines() if is_public(machine)]) == 2


async def test_greens_that_cannot_be_destroyed_are_named(world: World) -> None:
    """Cleaning up is refused: the card says so, and which Machines are left over."""
    world.fault("crash_loop", target="sjc")
    world.fault("status", method="DELETE", path=r"/machines/(?!148e|9080)[^/]+$", status=422, body={"error": "no"})

    card = await deploys(world, "bluegreen")

    assert "Not everything could be put back" in card
    assert card.count("left over") == 2
    assert all(is_public(seen(world, blue)) for blue in (IAD, SJC))


@pytest.mark.parametrize("strategy", ["canary", "bluegreen"])
async def test_a_create_whose_answer_was_lost_makes_no_second_machine(world: World, strategy: str) -> None:
    """The Machine that exists is found by its mark."""
    await begins(world, strategy)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fault("drop_after", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=1)
    await world.settle()

    made = [m for m in world.all_machines() if "flytower_for" in m["config"]["metadata"]]
    assert len(made) == (1 if strategy == "canary" else 2)
    assert "Ship receipt: 2 of 2" in text_of(world.card())


async def test_a_blue_that_somebody_changed_meanwhile_is_respected(world: World) -> None:
    """Another image appears on a blue while the greens boot: it is not destroyed, the greens are."""
    await begins(world, "bluegreen")
    await world.until(lambda: len(world.machines()) == 4, "the greens boot")
    machine = world.fly.machine(SJC)
    machine.image_ref = machine.image_ref | {"digest": "sha256:" + "0" * 64}
    await world.settle()

    assert "changed_outside" in text_of(world.card())
    assert {machine["id"] for machine in world.machines()} == {IAD, SJC}


async def dies_after_every_row(world: World, strategy: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Deploy, and let the bot stop right after each journal row that is new; how often that was."""
    told: set[tuple[str, str, str]] = set()
    died = asyncio.Event()

    def makes_mortal() -> None:
        append = world.bot.store.append_journal

        async def append_and_die(operation_id: str, row: JournalRow) -> Operation:
            operation = await append(operation_id, row)
            if (row.step, row.target, row.status) not in told:
                told.add((row.step, row.target, row.status))
                died.set()
                await asyncio.Event().wait()
            return operation

        monkeypatch.setattr(world.bot.store, "append_journal", append_and_die)

    makes_mortal()
    await begins(world, strategy)
    deaths = 0
    while not (await world.operations())[-1].is_final:
        await world.until(lambda: died.is_set() or not world.bot.engine.is_busy, "it dies or ends")
        if died.is_set():
            died.clear()
            deaths += 1
            await world.bot.stop()
            world.bot = world.new_bot()
            makes_mortal()
            await world.bot.start()
    await world.settle()
    return deaths


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_bot_that_dies_after_every_row_ends_with_one_effect(
    world: World, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a Machine to replace and a standby: every Machine moved once, none made twice, one release command."""
    # What is destroyed must still be there to be counted, however long the many deaths take.
    world.fly.world.durations.destroyed_readable_s = DAY_S
    standby = await adds(world, "iad", asleep=True, standbys=[IAD])
    world.fault("host_unreachable", target=SJC)
    before = {machine["id"] for machine in world.all_machines()}

    deaths = await dies_after_every_row(world, strategy, monkeypatch)

    marks = [machine["config"]["metadata"].get("flytower_for") for machine in world.all_machines()]
    extra = {"rolling": [SJC], "immediate": [SJC], "canary": [SJC, "app"], "bluegreen": [IAD, SJC]}[strategy]
    assert deaths > 12
    assert await ended(world) is State.SUCCEEDED
    assert sorted(mark for mark in marks if mark) == extra
    assert len(world.release_commands()) == 1
    assert max(machine["updates"] for machine in world.all_machines()) == 1
    assert (world.labels(), len(world.machines())) == ({NEW}, len(before))
    assert not any(machine["cordoned"] for machine in world.machines())
    assert _state(world, standby) == "stopped"


@pytest.mark.parametrize("strategy", ["canary", "bluegreen"])
async def test_a_bot_that_dies_after_every_row_cleans_up_after_a_failure(
    world: World, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new image crashes: what was made is destroyed once, and the Machines are as they were."""
    world.fault("crash_loop", target="iad")

    await dies_after_every_row(world, strategy, monkeypatch)

    assert await ended(world) is State.FAILED
    assert {machine["id"] for machine in world.machines()} == {IAD, SJC}
    assert all(is_public(machine) for machine in world.machines())
    assert world.labels() == {OLD}


async def test_a_retry_leaves_alone_what_is_moved_and_well(world: World) -> None:
    """The first Machine was moved before the failure: the second try moves the other one alone."""
    fault = world.fault("crash_loop", target="sjc")
    await deploys(world, "rolling")
    world.fly.faults.remove(fault.id)
    world.fly.control.set_health(IAD, "passing")

    await world.clicks("deployment_retry")
    if "waiting for confirmation" in text_of(world.card()):
        await world.clicks(CONFIRM)

    assert world.labels() == {NEW}
    assert (seen(world, IAD)["updates"], seen(world, SJC)["updates"]) == (1, 2)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_machines_that_crashed_until_fly_gave_up_run_again(world: World, strategy: str) -> None:
    """Stopped by a crash is not asleep: the image that mends it is left running on every Machine."""
    for machine in (IAD, SJC):
        world.fly.machine(machine).config["restart"] = {"policy": "no"}
        await world.fly.actions()["crash"]({"machine": machine})
    assert [machine["state"] for machine in world.machines()] == ["stopped", "stopped"]

    card = await deploys(world, strategy)

    assert "Ship receipt: 2 of 2" in card
    assert [is_public(machine) for machine in world.machines()] == [True, True]


@pytest.mark.parametrize(("moment", "state"), [("boot", State.FAILED), ("switch", State.SUCCEEDED)])
async def test_a_blue_that_somebody_destroys(world: World, moment: str, state: State) -> None:
    """While the greens boot that is a change from outside; after the switch it is what was to be done anyway."""
    old = {machine["id"] for machine in world.machines()}
    await begins(world, "bluegreen")
    await world.until(lambda: len(world.machines()) == 4, "the greens boot")
    if moment == "switch":
        await world.until(lambda: all(seen(world, blue)["cordoned"] for blue in old), "the blues are cordoned")
    world.fly.app(PRODUCTION).machines.pop(SJC)
    await world.settle()

    assert await ended(world) is state
    left = {machine["id"] for machine in world.machines()}
    assert left == {IAD} if moment == "boot" else len(left - old) == len(left) == 2


async def test_a_green_that_somebody_destroys_gives_the_requests_back(world: World) -> None:
    """A green is gone in the middle of the switch: the blues serve again, and the other green goes, too."""
    old = {machine["id"] for machine in world.machines()}
    await begins(world, "bluegreen")
    await world.until(lambda: all(seen(world, blue)["cordoned"] for blue in old), "the blues are cordoned")
    green = next(machine["id"] for machine in world.machines() if machine["id"] not in old)
    world.fly.app(PRODUCTION).machines.pop(green)
    await world.settle()

    assert "machine_gone" in text_of(world.card())
    assert {machine["id"] for machine in world.machines() if is_public(machine)} == old


async def test_a_restart_finds_the_green_that_it_put_to_sleep(world: World) -> None:
    """The blue sleeps, and the bot stops just when its green goes to sleep: seen healthy again, and asleep."""
    blue = await adds(world, asleep=True)
    before = {machine["id"] for machine in world.machines()}

    def green() -> dict[str, Any]:
        made = [m for m in world.machines() if m["region"] == "ord" and m["id"] not in before]
        return made[0] if made else {"state": ""}

    await begins(world, "bluegreen")
    await world.until(lambda: green()["state"] == "stopping", "the green goes to sleep")
    await world.restarts_after(lambda: None)

    assert await ended(world) is State.SUCCEEDED
    assert (green()["state"], green()["cordoned"]) == ("stopped", False)
    assert seen(world, blue)["state"] == "destroyed"


async def test_a_lost_machine_that_is_gone_after_a_restart_is_not_missed(world: World) -> None:
    """Its replacement is proven when the bot stops, and somebody destroys the old one: the rest goes on."""
    world.fault("host_unreachable", target=SJC)
    world.fault("delay", method="DELETE", path=rf"/machines/{SJC}$", seconds=30, times=1)
    await begins(world, "rolling")
    await world.until(lambda: any(m["region"] == "sjc" and is_public(m) for m in world.machines()[2:]), "it serves")
    await world.restarts_after(lambda: world.fly.app(PRODUCTION).machines.pop(SJC))

    assert await ended(world) is State.SUCCEEDED
    assert (len(world.machines()), world.labels()) == (2, {NEW})


async def test_a_host_that_is_lost_after_the_plan_without_a_sibling_is_a_failure(world: World) -> None:
    """Both hosts are lost meanwhile: nobody's config is left to go by, and nothing is touched."""
    world.fault("host_unreachable", target=SJC)
    await begins(world, "rolling")
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fault("host_unreachable", target=IAD)
    await world.settle()

    assert "host_unreachable" in text_of(world.card())
    assert {machine["id"] for machine in world.machines()} == {IAD, SJC}


async def test_a_replaced_machine_is_restored_in_its_new_place(restoring_world: World) -> None:
    """A later Machine fails and the policy restores: the replacement runs the image from before."""
    world = restoring_world
    label = await world.has_release_without_migration()
    world.fault("host_unreachable", target=IAD)
    world.fault("crash_loop", target=SJC, times=1)
    await world.types("/deploy production v1.5.0")
    await world.clicks(CONFIRM)

    assert await ended(world) is State.FAILED
    assert label not in world.labels()
    assert len(world.machines()) == 2
    assert "All 2 Machines run what ran before." in text_of(world.card())


async def test_a_step_that_fly_did_not_answer_goes_on_where_it_was(world: World) -> None:
    """Of two groups that sleep one is proven already when Fly answers again: it is not booted a second time."""
    for machine in (IAD, SJC):
        await world.fly.actions()["stop_machine"]({"machine": machine})
    worker = await adds(world, group="worker", asleep=True)
    fault = world.fault("status", method="POST", path=rf"/machines/{worker}/start$", status=503)
    await begins(world, "rolling")
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert await ended(world) is State.SUCCEEDED
    assert seen(world, IAD)["starts"] == seen(world, worker)["starts"] == 1
