"""The switches for faults of the simulated Fly."""

from __future__ import annotations

import pytest

from sandbox.kit import ControlError, Fault
from sandbox.page.switches import REFUSALS, SWITCHES, Switchboard
from tests.sandbox.page_visit import FIXTURES, PRODUCTION, STAGING, Visit, calling

page_stage, bot_stage, visit = FIXTURES
UPDATE = f"/v1/apps/{PRODUCTION}/machines/148e2d1c6e9789"


@pytest.mark.parametrize("name", [switch.name for switch in SWITCHES])
async def test_a_switch_is_on_for_its_app_until_it_is_switched_off(visit: Visit, name: str) -> None:
    """Every switch that is offered is one that the simulator knows, and it can be taken back."""
    on = await visit.post("fault", app=STAGING, fault=name, on=True)
    off = await visit.post("fault", app=STAGING, fault=name, on=False)

    assert on.json()["on"] == [{"app": STAGING, "fault": name}]
    assert off.json()["on"] == []
    assert visit.simulators.fly.faults.all() == []


async def test_switching_on_twice_is_switching_on_once(visit: Visit) -> None:
    """A double click adds no second fault that would stay on."""
    for _ in range(2):
        await visit.post("fault", app=STAGING, fault="unhealthy", on=True)

    assert len(visit.simulators.fly.faults.all()) == 1


async def test_clearing_leaves_faults_from_elsewhere(visit: Visit) -> None:
    """Only what was switched on at the page is switched off there."""
    elsewhere = visit.simulators.fly.faults.add(Fault("no_capacity", target="iad"))
    await visit.post("fault", app=STAGING, fault="unhealthy", on=True)
    await visit.post("fault", app=PRODUCTION, fault="crash_loop", on=True)

    cleared = await visit.post("fault", clear=True)

    assert cleared.json()["on"] == []
    assert visit.simulators.fly.faults.all() == [elsewhere]


async def test_a_fault_that_is_used_up_is_off(visit: Visit) -> None:
    """Changes of the app's Machines are refused the promised number of times, then the switch shows it is off."""
    await visit.post("fault", app=PRODUCTION, fault="rate_limited", on=True)

    async with calling(visit.simulators.fly) as api:
        answers = [await api.post(UPDATE, json={}) for _ in range(REFUSALS + 1)]

    assert [answer.status_code == 429 for answer in answers] == [True] * REFUSALS + [False]
    assert answers[0].headers["retry-after"] == "1"
    assert (await visit.state())["faults"]["on"] == []


@pytest.mark.parametrize(
    ("method", "path", "is_meant"),
    [
        ("POST", f"/v1/apps/{PRODUCTION}/machines", True),
        ("POST", UPDATE, True),
        ("POST", f"{UPDATE}/lease", False),
        ("GET", UPDATE, False),
        ("POST", f"/v1/apps/{STAGING}/machines", False),
    ],
)
@pytest.mark.parametrize("name", ["rate_limited", "dropped"])
async def test_a_fault_of_the_wire_meets_changes_of_one_apps_machines(
    visit: Visit, name: str, method: str, path: str, is_meant: bool
) -> None:
    """Creation and update of this app's Machines, and nothing else."""
    await visit.post("fault", app=PRODUCTION, fault=name, on=True)

    taken = visit.simulators.fly.faults.take_wire(method, path)

    assert (taken is not None) is is_meant


async def test_an_unknown_switch_is_refused_by_name(visit: Visit) -> None:
    """The sentence lists what there is."""
    board = Switchboard(visit.simulators.fly, visit.simulators.github)

    with pytest.raises(ControlError, match=r"There is no fault 'flood'; there are unhealthy,"):
        board.turn(STAGING, "flood", on=True)
