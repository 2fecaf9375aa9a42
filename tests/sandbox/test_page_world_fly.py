"""The simulated Fly at the page: what it shows of organisations, apps and Machines, and what a person does there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.page import prices
from tests.sandbox.page_visit import FIXTURES, HOSTILE, PRODUCTION, STAGING, Visit

page_stage, bot_stage, visit = FIXTURES
IAD, SJC, ASLEEP = "148e2d1c6e9789", "9080e4f2c51387", "6e82dd4f7a1c08"
DATABASE, REVIEW_DATABASE = "reify-studio-production-db", "reify-studio-pr-12-db"
OLD_LABEL = "sha-590ac9dad76472ded2c7647731e85dc4f1a34962"
HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
LONGEST_WAIT_S = 20


async def app_of(visit: Visit, name: str = PRODUCTION) -> dict[str, Any]:
    """An app as the page shows it."""
    app: dict[str, Any] = await visit.item(f"fly/app/{name}")
    return app


async def machine_of(visit: Visit, machine_id: str, app: str = PRODUCTION) -> dict[str, Any]:
    """A Machine as the page shows it."""
    return next(each for each in (await app_of(visit, app))["machines"] if each["id"] == machine_id)


async def until(visit: Visit, machine_id: str, app: str = PRODUCTION, **wanted: Any) -> dict[str, Any]:
    """The Machine, once it shows these values."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            machine = await machine_of(visit, machine_id, app)
            if all(machine[key] == value for key, value in wanted.items()):
                return machine


async def test_a_machine_is_shown_with_what_runs_on_it(visit: Visit) -> None:
    """Region, state, size, release, the commit as GitHub names it, and its checks."""
    machine = await machine_of(visit, IAD)

    assert {key: machine[key] for key in ("region", "state", "release", "lease", "restart_count")} == {
        "region": "iad",
        "state": "started",
        "release": "41",
        "lease": None,
        "restart_count": 0,
    }
    assert machine["size"] == {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024}
    assert machine["commit"] == {"short": "dd085a7", "title": "Fix rounding of prices", "tag": "v1.4.1"}
    assert [check["status"] for check in machine["checks"]] == ["passing"]


async def test_releases_are_shown_newest_first(visit: Visit) -> None:
    """Version, status, who, and the commit of each."""
    app = await app_of(visit)

    assert [(each["version"], each["status"], each["commit"]["title"]) for each in app["releases"]] == [
        (41, "complete", "Fix rounding of prices"),
        (40, "failed", "Show prices per month"),
        (39, "complete", "Add billing plans"),
        (38, "complete", "Start the studio"),
    ]


async def test_secrets_show_their_names_only(visit: Visit) -> None:
    """No value of a secret, and no token, is in anything that the page shows."""
    answer = await visit.poll()

    assert "DATABASE_URL" in answer.json()["items"][f"fly/app/{PRODUCTION}"]["secrets"]
    assert "postgres://" not in answer.text
    assert "fm2_sandbox" not in answer.text


async def test_a_database_shows_its_role_and_its_volume(visit: Visit) -> None:
    """A Postgres app has the three checks, and a volume that a Machine has."""
    app = await app_of(visit, DATABASE)

    outputs = {check["name"]: check["output"] for check in app["machines"][0]["checks"]}
    assert (app["role"], outputs["role"]) == ("postgres_cluster", "primary")
    assert outputs.keys() == {"pg", "role", "vm"}
    assert [(each["size_gb"], each["machine"]) for each in app["volumes"]] == [(1, app["machines"][0]["id"])]


async def test_a_commit_gets_its_new_tag_at_once(visit: Visit) -> None:
    """What runs is named as GitHub names it now, though nothing happened at Fly."""
    before = (await machine_of(visit, ASLEEP, STAGING))["commit"]
    await visit.post("github/tag", name="v9.0.0", commit="v1.4.2")

    after = (await machine_of(visit, ASLEEP, STAGING))["commit"]

    assert (before["tag"], after["tag"]) == ("v1.4.2", "v9.0.0")


async def test_what_did_not_change_is_not_sent_again(visit: Visit) -> None:
    """A change of one app brings that app and its organisation, no other."""
    first = (await visit.poll()).json()
    await visit.post("fly/create", name="fresh", organization="personal")

    news = (await visit.poll(first["revision"], first["instance"])).json()

    assert {key for key in news["items"] if key.startswith("fly/")} == {"fly/app/fresh", "fly/organization/personal"}


async def test_a_machine_is_stopped_and_started(visit: Visit) -> None:
    """Its state follows, and its checks come back."""
    await visit.post("fly/machine", machine=IAD, do="stop")
    stopped = await until(visit, IAD, state="stopped")
    await visit.post("fly/machine", machine=IAD, do="start")

    started = await until(visit, IAD, state="started")

    assert (stopped["state"], started["state"]) == ("stopped", "started")
    assert (await machine_of(visit, SJC))["state"] == "started"


@pytest.mark.parametrize("do", ["crash", "crash_loop", "out_of_memory"])
async def test_a_machine_that_crashes_restarts(visit: Visit, do: str) -> None:
    """Its restart policy brings it back, which is counted."""
    answer = await visit.post("fly/machine", machine=IAD, do=do)

    machine = await machine_of(visit, IAD)
    assert answer.status_code == 200
    assert machine["restart_count"] >= 1


async def test_checks_fail_and_heal(visit: Visit) -> None:
    """By hand, as a bad release would make them."""
    await visit.post("fly/machine", machine=IAD, do="fail_checks")
    sick = (await machine_of(visit, IAD))["checks"][0]
    await visit.post("fly/machine", machine=IAD, do="heal_checks")

    well = (await machine_of(visit, IAD))["checks"][0]

    assert (sick["status"], sick["output"], well["status"]) == ("critical", "500 Internal Server Error", "passing")


async def test_a_lease_is_taken_and_broken(visit: Visit) -> None:
    """Somebody else holds it, with the time at which it ends."""
    await visit.post("fly/machine", machine=IAD, do="lease")
    held = (await machine_of(visit, IAD))["lease"]
    await visit.post("fly/machine", machine=IAD, do="release_lease")

    free = (await machine_of(visit, IAD))["lease"]

    assert held["owner"] == "somebody@example.com"
    assert held["expires_at"] > visit.simulators.clock.now()
    assert free is None


async def test_a_destroyed_machine_goes_and_leaves_its_volume(visit: Visit) -> None:
    """The volume goes on costing until it is destroyed, too."""
    machine = (await app_of(visit, DATABASE))["machines"][0]["id"]
    volume = (await app_of(visit, DATABASE))["volumes"][0]["id"]
    refused = await visit.post("fly/volume", app=DATABASE, volume=volume)
    await visit.post("fly/machine", machine=machine, do="destroy")
    await visit.simulators.clock.sleep(visit.simulators.fly.world.durations.destroy_s + 1)
    left = await app_of(visit, DATABASE)

    await visit.post("fly/volume", app=DATABASE, volume=volume)

    assert refused.status_code == 400
    assert "attached" in refused.json()["error"]
    assert left["machines"] == []
    assert [each["machine"] for each in left["volumes"]] == [None]
    assert left["cost"]["now"] == prices.VOLUME_GB
    assert (await app_of(visit, DATABASE))["volumes"] == []


async def test_an_unreachable_host_is_shown_and_refuses(visit: Visit) -> None:
    """A Machine on it can only be destroyed."""
    visit.simulators.fly.faults.add(Fault("host_unreachable", target=IAD))

    answer = await visit.post("fly/machine", machine=IAD, do="stop")

    assert answer.status_code == 400
    assert "can only be destroyed" in answer.json()["error"]
    assert (await machine_of(visit, IAD))["is_reachable"] is False


async def test_a_visit_wakes_an_app(visit: Visit) -> None:
    """A request starts a stopped Machine that may be started by one."""
    await visit.post("fly/visit", app=STAGING)

    machine = await until(visit, ASLEEP, STAGING, state="started")

    assert machine["state"] == "started"


async def test_an_app_is_created_and_destroyed(visit: Visit) -> None:
    """It comes empty, and goes with everything in it."""
    await visit.post("fly/create", name="reify-studio-pr-13", organization="personal")
    created = await app_of(visit, "reify-studio-pr-13")
    await visit.post("fly/destroy", app="reify-studio-pr-13")

    gone = await visit.item("fly/app/reify-studio-pr-13")

    assert (created["organization"], created["status"], created["machines"]) == ("personal", "pending", [])
    assert gone is None


async def test_an_image_is_pushed_and_deployed_as_with_flyctl(visit: Visit) -> None:
    """The newest image is offered first, and a deployment of it moves every Machine."""
    visit.simulators.clock.speed = 500
    await visit.post("fly/image", app=PRODUCTION, commit="main")
    newest = (await app_of(visit))["images"][0]

    answer = await visit.post("fly/deploy", app=PRODUCTION, image=newest["label"])

    app = await app_of(visit)
    assert newest["label"] == f"sha-{HEADING}"
    assert answer.json()["status"] == "complete"
    assert {machine["commit"]["title"] for machine in app["machines"]} == {"Rename a heading"}
    assert (app["releases"][0]["version"], app["releases"][0]["status"]) == (42, "complete")


async def test_a_deployment_that_fails_says_why(visit: Visit) -> None:
    """Beside the button, and in the release."""
    visit.simulators.clock.speed = 500
    visit.simulators.fly.faults.add(Fault("release_command_fails", target=PRODUCTION))

    answer = await visit.post("fly/deploy", app=PRODUCTION, image=OLD_LABEL)

    release = (await app_of(visit))["releases"][0]
    assert answer.status_code == 400
    assert "v42 failed: " in answer.json()["error"]
    assert (release["status"], release["error"] in answer.json()["error"]) == ("failed", True)


async def test_the_log_is_read_when_asked_for(visit: Visit) -> None:
    """Newest lines last, of an app or of one Machine, and not before."""
    await visit.post("fly/machine", machine=IAD, do="crash")

    whole = (await visit.post("fly/logs", app=PRODUCTION)).json()["lines"]
    other = (await visit.post("fly/logs", app=PRODUCTION, machine=SJC)).json()["lines"]

    assert "killed by a person" in whole[0]["message"]
    assert whole[0]["instance"] == IAD
    assert other == []
    assert "killed by a person" not in (await visit.poll()).text


async def test_an_organisation_costs_what_its_apps_cost(visit: Visit) -> None:
    """Asleep it costs no more than now, now no more than awake."""
    organization = await visit.item("fly/organization/reify-studio-production")
    apps = [await app_of(visit), await app_of(visit, DATABASE)]

    assert organization["apps"] == len(apps)
    assert organization["cost"]["now"] == pytest.approx(sum(app["cost"]["now"] for app in apps))
    assert all(app["cost"]["asleep"] <= app["cost"]["now"] <= app["cost"]["awake"] for app in apps)


@pytest.mark.parametrize(
    ("kind", "cpus", "memory_mb", "region", "dollars"),
    [
        ("shared", 1, 256, "iad", 1.94),
        ("shared", 1, 1024, "iad", 5.70),
        ("shared", 1, 1024, "sjc", 6.79),
        ("shared", 4, 1024, "iad", 7.78),
        ("performance", 1, 2048, "iad", 31.00),
        ("performance", 2, 8192, "ams", 85.17),
        ("shared", 1, 256, "xyz", 1.94),
    ],
)
def test_a_machine_costs_what_fly_lists(kind: str, cpus: int, memory_mb: int, region: str, dollars: float) -> None:
    """By its CPUs, the memory beyond what they include, and its region."""
    month = prices.machine_month({"cpu_kind": kind, "cpus": cpus, "memory_mb": memory_mb}, region)

    assert round(month, 2) == dollars


@pytest.mark.parametrize(("stored_gb", "dollars"), [(0, 0), (10, 0), (20, 0.8)])
def test_the_first_snapshots_are_free(stored_gb: int, dollars: float) -> None:
    """What is stored beyond 10 GB costs."""
    assert prices.snapshots_month(stored_gb * prices.GB) == pytest.approx(dollars)


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("fly/machine", {"machine": IAD, "do": "reset"}, "`do` is one of start, stop"),
        ("fly/machine", {"machine": "nope", "do": "stop"}, "There is no Machine nope."),
        ("fly/machine", {"machine": 1, "do": "stop"}, "`machine` is missing or not a text."),
        ("fly/machine", {"machine": IAD, "do": "start"}, "is started already"),
        ("fly/machine", {"machine": ASLEEP, "do": "stop"}, "is stopped, not started"),
        ("fly/machine", {}, "`do` is missing or not a text."),
        ("fly/visit", {"app": HOSTILE}, "There is no app"),
        ("fly/create", {"name": "Reify_Studio", "organization": "personal"}, "may only contain lowercase letters"),
        ("fly/create", {"name": PRODUCTION, "organization": "personal"}, "already been taken"),
        ("fly/create", {"name": "fresh", "organization": "nobody"}, "There is no organization nobody."),
        ("fly/destroy", {}, "`app` is missing"),
        ("fly/image", {"app": PRODUCTION, "commit": "nope"}, "There is no commit nope."),
        ("fly/deploy", {"app": PRODUCTION, "image": "nope"}, "no image"),
        ("fly/volume", {"app": DATABASE, "volume": "nope"}, "no volume nope"),
        ("fly/logs", {"app": PRODUCTION, "machine": 5}, "`machine` is missing or not a text."),
    ],
)
async def test_what_makes_no_sense_is_refused(visit: Visit, name: str, body: dict[str, Any], sentence: str) -> None:
    """400 with a sentence, and the world stays as it was."""
    before = await visit.table("fly/app")

    answer = await visit.post(name, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert await visit.table("fly/app") == before


async def test_an_app_without_services_cannot_be_visited(visit: Visit) -> None:
    """The page says that there is nothing to visit."""
    await visit.post("fly/create", name="fresh", organization="personal")

    answer = await visit.post("fly/visit", app="fresh")

    assert "nobody can visit it" in answer.json()["error"]
