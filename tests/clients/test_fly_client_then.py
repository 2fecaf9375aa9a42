"""What was then: definitions of earlier releases, configurations that a Machine had, secrets; through the client."""

from __future__ import annotations

import copy

import pytest

from bot.clients.fly import FlyClient
from bot.domain.model import MachineVersion, Secret
from bot.errors import NotFound, Reason, UnexpectedResponse
from tests.clients.fly_world import APP, IAD, FlyWorld


async def test_definitions_come_by_version(fly: FlyClient) -> None:
    """The fly.toml of each release, failed ones too, its key names kept."""
    found = await fly.definitions(APP)

    assert sorted(found) == [38, 39, 40, 41]
    assert found[41] == await fly.definition(APP)


async def test_only_the_newest_definitions_are_asked_for(fly: FlyClient) -> None:
    """A long history costs nothing."""
    assert sorted(await fly.definitions(APP, limit=2)) == [40, 41]


async def test_a_definition_that_fly_does_not_show_is_left_out(fly: FlyClient, world: FlyWorld) -> None:
    """It is only compared: what is none is unknown, and the others are still good."""
    nodes = [
        {"version": 41, "configDefinition": {"app": APP}},
        {"version": 40, "configDefinition": None},
        {"version": 39, "configDefinition": "text"},
        None,
    ]
    answer = {"data": {"app": {"releasesUnprocessed": {"nodes": nodes}}}}
    world.goes_wrong("status", "POST", "/graphql", status=200, body=answer)

    assert await fly.definitions(APP) == {41: {"app": APP}}


async def test_definitions_of_another_shape_are_unexpected(fly: FlyClient, world: FlyWorld) -> None:
    """An internal API may change: that is told as such."""
    world.goes_wrong("status", "POST", "/graphql", status=200, body={"data": {"app": {}}})

    with pytest.raises(UnexpectedResponse):
        await fly.definitions(APP)


async def test_a_machine_tells_the_configurations_that_it_had(fly: FlyClient) -> None:
    """Newest first; the one that it has is the first, by the Machine's own version."""
    machine = await fly.machine(APP, IAD)
    config = copy.deepcopy(dict(machine.config)) | {"env": {"PORT": "5000"}}
    updated = await fly.update_machine(machine, config=config, nonce="", skip_launch=False)

    now, before = await fly.machine_versions(APP, IAD)

    assert (now.version, before.version) == (updated.version, machine.version)
    assert (now.config["env"], before.config["env"]["PORT"]) == ({"PORT": "5000"}, "4000")


async def test_a_machine_that_fly_does_not_know_has_no_versions(fly: FlyClient) -> None:
    """NotFound, as for the Machine itself."""
    with pytest.raises(NotFound) as caught:
        await fly.machine_versions(APP, "nobody")

    assert caught.value.reason is Reason.MACHINE_GONE


async def test_a_version_whose_config_fly_left_out_is_empty(fly: FlyClient, world: FlyWorld) -> None:
    """Whoever looks for something in it does not find it."""
    world.goes_wrong("status", "GET", "/versions$", status=200, body=[{"version": "01A"}])

    assert await fly.machine_versions(APP, IAD) == [MachineVersion("01A", {})]


async def test_secrets_come_by_name_and_without_values(fly: FlyClient, world: FlyWorld) -> None:
    """Name, digest and time; the values are never asked for."""
    found = await fly.secrets(APP)

    assert [secret.name for secret in found] == ["DATABASE_URL", "SECRET_KEY_BASE"]
    assert all(secret.digest and secret.updated_at for secret in found)
    (call,) = world.calls("GET", "/secrets")
    assert "show_secrets" not in str(call)


async def test_a_value_that_fly_sends_all_the_same_is_not_kept(fly: FlyClient, world: FlyWorld) -> None:
    """Nothing of it is in what the client gives."""
    body = {"secrets": [{"name": "KEY", "digest": "d1", "value": "hunter2"}]}
    world.goes_wrong("status", "GET", "/secrets$", status=200, body=body)

    assert await fly.secrets(APP) == [Secret("KEY", "d1")]
