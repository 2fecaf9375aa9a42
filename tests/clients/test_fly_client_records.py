"""Releases, definitions, logs, apps and tokens through the client, against the simulated Fly on a socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.clients.fly import FlyClient
from bot.domain.model import Image
from bot.errors import NotFound, RemoteError, RemoteRejected, UnexpectedResponse
from tests.clients.fly_world import APP, IAD, SJC, STAGING_APP, V140, V141, V142, FlyWorld

RELEASES = "/api/v1/releases"
IMAGE = Image(f"registry.fly.io/{APP}", V142)


async def test_releases_come_newest_first(fly: FlyClient) -> None:
    """Versions go down; status and image are told, failed ones too."""
    releases = await fly.releases(APP)

    assert [(r.version, r.status) for r in releases] == [
        (41, "complete"),
        (40, "failed"),
        (39, "complete"),
        (38, "complete"),
    ]
    assert (releases[0].image.label, releases[2].image.label) == (V141, V140)
    assert releases[0].created_at is not None


async def test_as_many_releases_as_wanted(fly: FlyClient) -> None:
    """`limit` is Fly's business, so that a long history costs nothing."""
    assert [r.version for r in await fly.releases(APP, limit=2)] == [41, 40]


async def test_a_release_is_written(fly: FlyClient) -> None:
    """The next version, with image, definition and strategy; then its status is set."""
    definition = await fly.definition(APP)
    assert definition is not None

    release = await fly.create_release(APP, image=IMAGE, definition=definition, strategy="rolling")
    await fly.set_release_status(release.id, "running")
    await fly.set_release_status(release.id, "failed", error="the app appears to be crashing")

    newest = (await fly.releases(APP, limit=1))[0]
    assert (newest.id, newest.version, newest.status) == (release.id, 42, "failed")
    assert newest.image.label == V142
    assert await fly.definition(APP) == definition


async def test_a_release_with_a_lost_answer_is_not_written_twice(fly: FlyClient, world: FlyWorld) -> None:
    """The error says that it may be in the books, and it is there once."""
    world.goes_wrong("drop_after", "POST", RELEASES)

    with pytest.raises(RemoteError) as caught:
        await fly.create_release(APP, image=IMAGE, definition={"app": APP}, strategy="rolling")

    assert caught.value.sent
    assert [r.version for r in await fly.releases(APP, limit=2)] == [42, 41]


@pytest.mark.parametrize(("kind", "status"), [("drop_after", 0), ("status", 504)])
async def test_a_status_with_a_lost_answer_is_set_again(
    fly: FlyClient, world: FlyWorld, kind: str, status: int
) -> None:
    """Setting it twice is setting it once; a proxy's HTML page is no obstacle."""
    release = (await fly.releases(APP, limit=1))[0]
    world.goes_wrong(kind, "PATCH", RELEASES, status=status, body="<html>504 Gateway Time-out</html>")

    await fly.set_release_status(release.id, "interrupted")

    assert (await fly.releases(APP, limit=1))[0].status == "interrupted"


async def test_a_refused_release_speaks_flys_words(fly: FlyClient) -> None:
    """An image that does not exist is refused before anything was done."""
    with pytest.raises(RemoteRejected) as caught:
        await fly.create_release(
            APP, image=Image(f"registry.fly.io/{APP}", "none"), definition={"app": APP}, strategy="rolling"
        )

    assert "Could not find image" in caught.value.message


async def test_books_of_another_shape_are_unexpected(fly: FlyClient, world: FlyWorld) -> None:
    """An undocumented API may change: that is told as such, and is no KeyError."""
    world.goes_wrong("status", "GET", "/releases", status=200, body={"data": []})

    with pytest.raises(UnexpectedResponse) as caught:
        await fly.releases(APP)

    assert "another shape" in caught.value.message


async def test_the_definition_is_that_of_the_newest_release(fly: FlyClient) -> None:
    """fly.toml as JSON, its key names kept."""
    definition = await fly.definition(APP)

    assert definition is not None
    assert definition["deploy"]["release_command"] == "/app/bin/migrate"
    assert definition["primary_region"] == "iad"


async def test_an_app_without_releases_has_no_definition(fly: FlyClient, world: FlyWorld) -> None:
    """None, so that the caller can say that there is nothing to go by."""
    world.simulator.control.create_app("fresh", "reify-studio-production")

    assert await fly.definition("fresh") is None


async def test_graphql_refuses_at_status_200(fly: FlyClient) -> None:
    """An error in the body is an error, with its code."""
    with pytest.raises(RemoteRejected) as caught:
        await fly.definition("no-such-app")

    assert (caught.value.code, caught.value.message) == ("NOT_FOUND", "Could not find App")


@pytest.mark.parametrize("definition", ["text", ["list"]])
async def test_a_definition_of_another_shape_is_unexpected(fly: FlyClient, world: FlyWorld, definition: object) -> None:
    """It would be written into the next release."""
    answer = {"data": {"app": {"currentReleaseUnprocessed": {"configDefinition": definition}}}}
    world.goes_wrong("status", "POST", "/graphql", status=200, body=answer)

    with pytest.raises(UnexpectedResponse):
        await fly.definition(APP)


async def test_a_machines_log_is_read(fly: FlyClient, world: FlyWorld) -> None:
    """Only the Machine's lines since then, oldest first, without colours."""
    since = world.time.now() - timedelta(seconds=1)
    world.simulator.control.crash(IAD, exit_code=3)
    world.simulator.control.crash(SJC, exit_code=3)
    await world.time.sleep(20)

    lines = await fly.logs(APP, IAD, since=since)

    assert lines
    assert {line.machine_id for line in lines} == {IAD}
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert all(line.at >= since and "\x1b" not in line.message for line in lines)


async def test_a_long_log_is_read_page_by_page(fly: FlyClient, world: FlyWorld) -> None:
    """Fly sends 100 lines at a time: all pages are fetched, none twice."""
    at = world.time.now()
    for number in range(250):
        world.simulator.world.log(world.simulator.machine(IAD), at.timestamp() + 1, f"line {number}")
    await world.time.sleep(20)

    lines = await fly.logs(APP, IAD, since=at - timedelta(seconds=1))

    assert [line.message for line in lines if line.message.startswith("line")] == [f"line {n}" for n in range(250)]


async def test_a_token_without_logs_is_told(world: FlyWorld) -> None:
    """Deploy tokens may not read logs: 401, so that a caller can show a link instead."""
    world.simulator.control.add_token(
        text="fm2_deploy", organization="reify-studio-production", profile="deploy", app=APP, logs=False
    )

    async with world.client("FlyV1 fm2_deploy") as deploy:
        with pytest.raises(RemoteRejected) as caught:
            await deploy.logs(APP, IAD, since=world.time.now())

    assert caught.value.status == 401


async def test_the_apps_of_an_organisation_are_listed(fly: FlyClient) -> None:
    """Databases are known by their role."""
    apps = {app.name: app for app in await fly.apps("reify-studio-production")}

    assert apps[APP].organisation == "reify-studio-production"
    assert (apps[APP].status, apps[APP].role, apps[APP].machine_count) == ("deployed", "", 2)
    assert apps[f"{APP}-production-db"].role == "postgres_cluster"


async def test_one_app_is_read(fly: FlyClient) -> None:
    """The same value as in the list."""
    assert await fly.app(APP) in await fly.apps("reify-studio-production")


async def test_a_free_name_is_not_found(fly: FlyClient) -> None:
    """404 means that nobody has the name."""
    with pytest.raises(NotFound):
        await fly.app("no-such-app")


async def test_a_name_of_another_organisation_is_refused(fly: FlyClient) -> None:
    """403 means that it is taken, and not ours."""
    with pytest.raises(RemoteRejected) as caught:
        await fly.app(STAGING_APP)

    assert caught.value.status == 403


async def test_the_token_says_what_it_is_for(fly: FlyClient) -> None:
    """The start-up check compares the organisation with the config."""
    assert [token.organisation for token in await fly.token_info()] == ["reify-studio-production"]


async def test_a_bad_token_is_refused(world: FlyWorld) -> None:
    """401 with Fly's words, and without the token."""
    async with world.client("FlyV1 fm2_of_nobody") as nobody:
        with pytest.raises(RemoteRejected) as caught:
            await nobody.token_info()

    assert caught.value.status == 401
    assert "fm2_of_nobody" not in str(caught.value)
