"""The faults on the page's server: a row for every kind, each makes its fault, and what is on is shown."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.calls import CALLS, NAMES
from sandbox.faults import Fault
from sandbox.page.faults import ROWS, Row
from sandbox.page.menus import Menus
from sandbox.stack import Simulators
from tests.sandbox.page_visit import ANA, FIXTURES, PRODUCTION, STAGING, Visit, calling

page_stage, bot_stage, visit = FIXTURES
UPDATE = f"/v1/apps/{PRODUCTION}/machines/148e2d1c6e9789"
KINDS = [(simulator.name, kind) for simulator in Simulators().all() for kind in sorted(simulator.faults.kinds)]
OFFERED = [row for row in ROWS if (row.simulator, row.kind) in KINDS]


def first_target(visit: Visit, row: Row) -> str | None:
    """Something that the fault can be aimed at."""
    return Menus(visit.simulators).options(row.menu)[0]["value"] if row.menu else None


async def on(visit: Visit) -> list[dict[str, Any]]:
    """What the page shows as on."""
    return list((await visit.table("fault/on")).values())


@pytest.mark.parametrize(("simulator", "kind"), KINDS)
def test_every_kind_has_a_row(simulator: str, kind: str) -> None:
    """Whatever a simulator can do wrong can be switched on at the page."""
    assert [row.name for row in OFFERED if (row.simulator, row.kind) == (simulator, kind)] != []


def test_rows_have_names_of_their_own() -> None:
    """A name means one fault."""
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", OFFERED, ids=lambda row: row.name)
async def test_a_fault_is_on_until_it_is_switched_off(visit: Visit, row: Row) -> None:
    """For everything and for one target; the simulator knows it, the page shows it, and it can be taken back."""
    target = first_target(visit, row)
    faults = next(each for each in visit.simulators.all() if each.name == row.simulator).faults
    await visit.post("fault", name=row.name, on=True)
    await visit.post("fault", name=row.name, target=target, on=True)
    shown, made = await on(visit), faults.all()

    for aim in {None, target}:
        answer = await visit.post("fault", name=row.name, target=aim, on=False)
        assert answer.status_code == 200

    assert {(each["name"], each["target"], each["left"]) for each in shown} == {
        (row.name, None, None),
        (row.name, target, None),
    }
    assert {fault.kind for fault in made} == {row.kind}
    assert faults.all() == []


async def test_switching_on_twice_is_switching_on_once(visit: Visit) -> None:
    """A double click adds no second fault that would stay on; another number of times takes the place of the first."""
    for times in (3, 3, 5):
        await visit.post("fault", name="unhealthy", target=STAGING, times=times, on=True)

    assert [fault.times for fault in visit.simulators.fly.faults.all()] == [5]


async def test_a_fault_that_lasts_is_not_counted(visit: Visit) -> None:
    """What is there while it is on does not happen so many times."""
    await visit.post("fault", name="no_capacity", target="iad", times=1, on=True)

    assert [(fault.target, fault.times) for fault in visit.simulators.fly.faults.all()] == [("iad", None)]


async def test_a_fault_that_is_used_up_is_off(visit: Visit) -> None:
    """Changes of the app's Machines are refused so many times, the page counts down, then the switch is off."""
    call = {"name": "fly_429", "call": "change_machine", "target": PRODUCTION, "times": 2, "on": True}
    await visit.post("fault", **call)

    async with calling(visit.simulators.fly) as api:
        answers = [await api.post(UPDATE, json={})]
        left = [each["left"] for each in await on(visit)]
        answers += [await api.post(UPDATE, json={}) for _ in range(2)]

    assert [answer.status_code == 429 for answer in answers] == [True, True, False]
    assert answers[0].headers["retry-after"] == "5"
    assert left == [1]
    assert await on(visit) == []


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
@pytest.mark.parametrize("name", ["fly_429", "fly_drop_after"])
async def test_a_fault_of_the_wire_meets_one_call_of_one_app(
    visit: Visit, name: str, method: str, path: str, is_meant: bool
) -> None:
    """Creation and update of this app's Machines, and nothing else."""
    await visit.post("fault", name=name, call="change_machine", target=PRODUCTION, on=True)

    taken = visit.simulators.fly.faults.take_wire(method, path)

    assert (taken is not None) is is_meant


@pytest.mark.parametrize(
    ("simulator", "name", "method", "path"),
    [
        ("fly", "release_record", "POST", "/api/v1/releases"),
        ("fly", "manifest", "HEAD", f"/v2/{PRODUCTION}/manifests/sha-1"),
        ("fly", "lease_machine", "POST", f"{UPDATE}/lease"),
        ("github", "compare", "GET", "/repos/reify/reify-studio/compare/a...b"),
        ("github", "dispatch", "POST", "/repos/reify/reify-studio/actions/workflows/deploy-staging.yml/dispatches"),
        ("slack", "chat.update", "POST", "/api/chat.update"),
        ("slack", "any", "POST", "/response/abc"),
    ],
)
def test_a_call_is_known_by_its_name(simulator: str, name: str, method: str, path: str) -> None:
    """The paths are those of the platforms."""
    found = [call.name for call in CALLS if call.simulator == simulator and call.is_meant(method, path)]

    assert name in found


async def test_what_is_on_is_told_in_words(visit: Visit) -> None:
    """Call and target as people call them, not as paths and ids."""
    await visit.post("fault", name="fly_429", call="lease_machine", target=PRODUCTION, on=True)
    await visit.post("fault", name="lost_interaction", target=ANA, on=True)
    await visit.post("fault", name="host_unreachable", target="148e2d1c6e9789", on=True)

    words = {each["label"]: each["where"] for each in await on(visit)}

    assert words == {
        "429": f"lease a Machine, {PRODUCTION}",
        "Lost interaction": "from ana",
        "Host unreachable": f"{PRODUCTION} iad 148e2d1c6e9789",
    }


async def test_faults_from_elsewhere_are_shown_and_switched_off(visit: Visit) -> None:
    """Everything that is on is shown, by the name of the row that comes nearest; all of it can be switched off."""
    known = visit.simulators.fly.faults.add(Fault("no_capacity", target="iad"))
    visit.simulators.slack.faults.add(Fault("status", status=418, path="teapot"))
    shown = [(each["simulator"], each["name"], each["label"], each["where"]) for each in await on(visit)]

    await visit.post("fault/off", simulator="fly", id=known.id)
    left = [each["simulator"] for each in await on(visit)]
    await visit.post("fault/clear")

    assert shown == [
        ("fly", "no_capacity", "No capacity", "iad Ashburn, Virginia (US)"),
        ("slack", None, "status", "teapot"),
    ]
    assert left == ["slack"]
    assert await on(visit) == []


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("fault", {"name": "flood", "on": True}, "There is no fault 'flood'; there are unhealthy,"),
        ("fault", {"name": "unhealthy"}, "`on` is missing or not true or false"),
        ("fault", {"name": "unhealthy", "on": True, "target": "nowhere"}, "cannot be aimed at 'nowhere'"),
        ("fault", {"name": "files_cut", "on": True, "target": PRODUCTION}, "cannot be aimed at"),
        ("fault", {"name": "fly_429", "on": True, "call": "chat.update"}, "There is no call 'chat.update'"),
        ("fault", {"name": "unhealthy", "on": True, "times": 0}, "`times` is between 1 and 99"),
        ("fault/off", {"simulator": "heroku", "id": 1}, "There is no simulator 'heroku'"),
        ("fault/menu", {"menu": "secrets"}, "There is no menu 'secrets'"),
    ],
)
async def test_bad_input_is_answered_with_a_sentence(
    visit: Visit, path: str, body: dict[str, Any], sentence: str
) -> None:
    """400, a sentence that says what is wrong, and no fault is on."""
    answer = await visit.post(path, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert [simulator.faults.all() for simulator in visit.simulators.all()] == [[], [], []]


def test_the_platforms_have_names_for_people() -> None:
    """Each simulator that has calls has one."""
    assert {call.simulator for call in CALLS} == set(NAMES)
