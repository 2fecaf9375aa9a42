"""Volumes through the client, against the simulated Fly on a socket."""

from __future__ import annotations

import pytest

from bot.clients.fly import FlyClient
from bot.errors import RemoteError, RemoteRejected
from sandbox.faults import Fault
from tests.clients.fly_world import APP, FlyWorld


async def test_a_volume_is_made_and_listed(fly: FlyClient) -> None:
    """Encrypted, of this size, in this region, attached to nobody."""
    made = await fly.create_volume(APP, name="data", region="iad", size_gb=3)

    assert (made.name, made.region, made.size_gb, made.machine_id) == ("data", "iad", 3, "")
    assert made in await fly.volumes(APP)


async def test_a_destroyed_volume_is_not_listed(fly: FlyClient, world: FlyWorld) -> None:
    """It is on its way out, whatever Fly still shows."""
    made = await fly.create_volume(APP, name="data", region="iad", size_gb=3)

    world.simulator.control.destroy_volume(APP, made.id)

    assert await fly.volumes(APP) == []


async def test_a_region_without_room_makes_no_volume(fly: FlyClient, world: FlyWorld) -> None:
    """Refused in Fly's words."""
    world.simulator.faults.add(Fault("no_capacity", target="iad"))

    with pytest.raises(RemoteRejected, match="no capacity"):
        await fly.create_volume(APP, name="data", region="iad", size_gb=3)


async def test_a_lost_answer_makes_no_second_volume(fly: FlyClient, world: FlyWorld) -> None:
    """The client does not repeat what may have been done."""
    world.goes_wrong("drop_after", "POST", "/volumes$")

    with pytest.raises(RemoteError):
        await fly.create_volume(APP, name="data", region="iad", size_gb=3)

    assert len(await fly.volumes(APP)) == 1
