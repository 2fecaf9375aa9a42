"""Volumes of the simulated Fly, their snapshots, and what is left of them when they are destroyed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, Fly

fly_stage, fly = FIXTURES
DATABASE, PRIMARY, VOLUME = "reify-studio-production-db", "3287a91b4d0e85", "vol_4ql7m2xkz9prod01"
DAY_S = 86_400
VOLUMES = f"/v1/apps/{APP}/volumes"


async def make(fly: Fly, **body: Any) -> Any:
    answer = await fly.call("POST", VOLUMES, {"name": "data", "region": "iad", "size_gb": 2, **body})
    assert answer.is_success, answer.text
    return answer.json()


async def snapshots_of(fly: Fly, volume: str, app: str = APP) -> list[Any]:
    found: list[Any] = await fly.get(f"/v1/apps/{app}/volumes/{volume}/snapshots")
    return found


async def test_a_new_volume_has_the_documented_defaults(fly: Fly) -> None:
    """Encrypted, backed up daily, snapshots kept for five days, attached to nothing."""
    volume = await make(fly)

    assert (volume["state"], volume["size_gb"], volume["encrypted"]) == ("created", 2, True)
    assert (volume["snapshot_retention"], volume["auto_backup_enabled"]) == (5, True)
    assert volume["attached_machine_id"] is None


BAD_SIZES = [501, "3", True, -1, 2.5]


@pytest.mark.parametrize("size", BAD_SIZES)
async def test_a_volume_has_from_1_to_500_gb(fly: Fly, size: Any) -> None:
    """Anything else is refused, and nothing is made."""
    refused = await fly.call("POST", VOLUMES, {"name": "data", "region": "iad", "size_gb": size})

    assert refused.status_code == 400
    assert await fly.get(VOLUMES) == []


async def test_a_volume_grows_and_never_shrinks(fly: Fly) -> None:
    """Without a running Machine the larger size is there at once."""
    volume = await make(fly)
    grown = await fly.call("PUT", f"{VOLUMES}/{volume['id']}/extend", {"size_gb": 5})
    refused = [await fly.call("PUT", f"{VOLUMES}/{volume['id']}/extend", {"size_gb": size}) for size in (5, 4, 501)]

    assert (grown.json()["needs_restart"], grown.json()["volume"]["size_gb"]) == (False, 5)
    assert [answer.status_code for answer in refused] == [400, 400, 400]


async def test_a_destroyed_volume_can_be_seen_for_a_day(fly: Fly) -> None:
    """First scheduling_destroy, then pending_destroy, then it is gone."""
    volume = await make(fly)
    answer = await fly.call("DELETE", f"{VOLUMES}/{volume['id']}")
    fly.clock.advance(60)
    pending = await fly.get(f"{VOLUMES}/{volume['id']}")
    counted = (await fly.get(f"/v1/apps/{APP}"))["volume_count"]
    fly.clock.advance(DAY_S)
    gone = await fly.call("GET", f"{VOLUMES}/{volume['id']}")

    assert answer.json()["state"] == "scheduling_destroy"
    assert (pending["state"], counted) == ("pending_destroy", 0)
    assert gone.status_code == 404


async def test_a_destroyed_volume_takes_no_orders(fly: Fly) -> None:
    """It cannot be extended, changed, copied, or destroyed again."""
    volume = await make(fly)
    path = f"{VOLUMES}/{volume['id']}"
    await fly.call("DELETE", path)

    answers = [
        await fly.call("PUT", f"{path}/extend", {"size_gb": 5}),
        await fly.call("PUT", path, {"snapshot_retention": 9}),
        await fly.call("POST", f"{path}/snapshots"),
        await fly.call("DELETE", path),
        await fly.call("POST", VOLUMES, {"name": "copy", "region": "iad", "source_volume_id": volume["id"]}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5


async def test_a_machine_leaves_its_volume_behind(fly: Fly) -> None:
    """Destroying the Machine frees the volume and does not destroy it."""
    await fly.call("DELETE", f"/v1/apps/{DATABASE}/machines/{PRIMARY}", params={"force": "true"})
    fly.clock.advance(10)

    left = await fly.get(f"/v1/apps/{DATABASE}/volumes/{VOLUME}")

    assert (left["state"], left["attached_machine_id"]) == ("created", None)
    assert left["bytes_used"] > 300_000_000


async def test_a_snapshot_is_taken_a_day_and_kept_for_its_retention(fly: Fly) -> None:
    """A new retention counts for the snapshots that come."""
    volume = await make(fly, snapshot_retention=2)
    counts = []
    for _ in range(5):
        fly.clock.advance(DAY_S)
        counts.append(len(await snapshots_of(fly, volume["id"])))
    await fly.call("PUT", f"{VOLUMES}/{volume['id']}", {"snapshot_retention": 3, "auto_backup_enabled": True})
    fly.clock.advance(DAY_S + 60)
    newest = (await snapshots_of(fly, volume["id"]))[-1]

    assert counts == [1, 2, 2, 2, 2]
    assert (newest["retention_days"], newest["volume_size"]) == (3, 2 * 2**30)


async def test_without_backups_no_snapshot_is_taken(fly: Fly) -> None:
    """Those that there are stay to their end."""
    await fly.call("PUT", f"/v1/apps/{DATABASE}/volumes/{VOLUME}", {"auto_backup_enabled": False})
    before = len(await snapshots_of(fly, VOLUME, DATABASE))
    fly.clock.advance(DAY_S + 60)

    assert before == 5
    assert len(await snapshots_of(fly, VOLUME, DATABASE)) == 4


async def test_a_snapshot_on_demand_takes_its_time(fly: Fly) -> None:
    """It is waiting, then running, then created, and stores what changed since the last one."""
    path = f"/v1/apps/{DATABASE}/volumes/{VOLUME}/snapshots"
    statuses = []
    await fly.call("POST", path)
    for _ in range(3):
        statuses.append((await fly.get(path))[-1]["status"])
        fly.clock.advance(5)
    newest = (await fly.get(path))[-1]

    assert statuses == ["waiting", "running", "created"]
    assert 0 < newest["size"] < 200_000_000


@pytest.mark.parametrize("retention", [0, 61, "5", True])
async def test_snapshots_are_kept_from_1_to_60_days(fly: Fly, retention: Any) -> None:
    """Anything else is refused, and the old one stays."""
    volume = await make(fly)
    refused = await fly.call("PUT", f"{VOLUMES}/{volume['id']}", {"snapshot_retention": retention})

    assert refused.status_code == 400
    assert (await fly.get(f"{VOLUMES}/{volume['id']}"))["snapshot_retention"] == 5


async def test_a_snapshot_is_restored_into_a_volume_of_its_size_or_more(fly: Fly) -> None:
    """Also when the volume itself is long gone; a smaller one is refused."""
    volume = await make(fly)
    await fly.call("POST", f"{VOLUMES}/{volume['id']}/snapshots")
    fly.clock.advance(60)
    snapshot = (await snapshots_of(fly, volume["id"]))[0]["id"]
    await fly.call("DELETE", f"{VOLUMES}/{volume['id']}")
    fly.clock.advance(DAY_S + 60)
    body = {"name": "data", "region": "sjc", "snapshot_id": snapshot}
    small = await fly.call("POST", VOLUMES, {**body, "size_gb": 1})
    same = await fly.call("POST", VOLUMES, body)
    unknown = await fly.call("POST", VOLUMES, {**body, "snapshot_id": "vs_nothing"})

    assert small.status_code == 400
    assert (same.json()["size_gb"], same.json()["region"]) == (2, "sjc")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "snapshot not found")


async def test_a_fork_has_the_size_the_region_and_the_data_of_its_source(fly: Fly) -> None:
    """And a life of its own."""
    body = {"name": "copy", "source_volume_id": VOLUME}
    path = f"/v1/apps/{DATABASE}/volumes"
    source = await fly.get(f"{path}/{VOLUME}")
    fork = (await fly.call("POST", path, body)).json()

    assert (fork["size_gb"], fork["region"], fork["bytes_used"]) == (1, "iad", source["bytes_used"])
    assert (fork["attached_machine_id"], source["attached_machine_id"]) == (None, PRIMARY)


async def test_an_organisation_lists_the_volumes_of_all_its_apps(fly: Fly) -> None:
    """In pages; those on their way out only when they are asked for; another organisation's are refused."""
    first, second = [await make(fly) for _ in range(2)]
    await fly.call("DELETE", f"{VOLUMES}/{first['id']}")
    path = "/v1/orgs/reify-studio-production/volumes"
    page = await fly.get(path, limit=1)
    rest = await fly.get(path, limit=1, cursor=page["next_cursor"])
    everything = await fly.get(path, include_deleted="true")
    refused = await fly.call("GET", "/v1/orgs/reify-studio-staging/volumes")

    assert [volume["id"] for volume in page["volumes"] + rest["volumes"]] == [VOLUME, second["id"]]
    assert page["volumes"][0]["app_name"] == DATABASE
    assert len(everything["volumes"]) == 3
    assert refused.status_code == 403
