"""`fly deploy --image` against the simulated Fly, by every strategy."""

from __future__ import annotations

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, NEXT, SJC, STAGING, Fly, Stage
from tests.sandbox.flyctl_conversation import TOKENS, Conversation
from tests.sandbox.flyctl_deployment import DEFINITION, RESOLVE, Deployment

fly_stage, fly = FIXTURES
NEW_APP = "reify-studio-new"


def digests(fly: Fly, app: str = APP) -> set[str]:
    return {machine.image_ref["digest"] for machine in fly.sim.machines(app)}


def digest_of(fly: Fly, label: str, app: str = APP) -> str:
    return fly.sim.world.registry.repositories[f"registry.fly.io/{app}"].tags[label]


@pytest.mark.parametrize("strategy", ["rolling", "immediate", "canary"])
async def test_a_deployment_moves_every_machine(fly: Fly, strategy: str) -> None:
    """The same Machines run the digest of the label, the release command ran once, and the release is complete."""
    release = await Deployment(Conversation(fly), strategy=strategy).run()
    fly.clock.advance(60)

    assert (release["status"], release["version"], release["strategy"]) == ("complete", 42, strategy.upper())
    assert digests(fly) == {digest_of(fly, NEXT)}
    assert {machine.id for machine in fly.sim.machines(APP)} == {IAD, SJC}
    assert [run["exit_code"] for run in fly.sim.release_commands(APP)] == [0]
    assert not any(machine.lease_at(fly.clock.now()) for machine in fly.sim.machines(APP))


async def test_bluegreen_replaces_every_machine(fly: Fly) -> None:
    """Greens take over where the blues were, and get requests; the blues are gone."""
    release = await Deployment(Conversation(fly), strategy="bluegreen").run()
    fly.clock.advance(60)

    greens = fly.sim.machines(APP)
    assert (release["status"], digests(fly)) == ("complete", {digest_of(fly, NEXT)})
    assert not {machine.id for machine in greens} & {IAD, SJC}
    assert sorted(machine.region for machine in greens) == ["iad", "sjc"]
    assert all(machine.gets_requests for machine in greens)


async def test_it_stays_within_the_rate_limits(fly_stage: Stage) -> None:
    """The documented limits do not stop a deployment that waits as flyctl does."""
    async with fly_stage.fly(rate_limits=True) as limited:
        release = await Deployment(Conversation(limited)).run()

    assert release["status"] == "complete"


@pytest.mark.parametrize(("ha", "count"), [(True, 2), (False, 1)])
async def test_the_first_deployment_of_a_new_app(fly: Fly, *, ha: bool, count: int) -> None:
    """`fly apps create`, then addresses and Machines in the primary region; one of each with `--ha=false`."""
    talk = Conversation(fly)
    body = {"name": NEW_APP, "org_slug": "reify-studio-production", "network": "", "app_role_id": ""}
    created = await talk.flaps("POST", "/apps?wait=true", body)
    fly.clock.advance(1)
    fly.sim.control.push_image("first", NEW_APP)

    definition = {**DEFINITION, "app": NEW_APP, "deploy": {}}
    release = await Deployment(talk, app=NEW_APP, label="first", definition=definition, ha=ha).run()

    assert (created.status_code, release["version"], release["status"]) == (201, 1, "complete")
    assert [machine.region for machine in fly.sim.machines(NEW_APP)] == ["iad"] * count
    assert digests(fly, NEW_APP) == {digest_of(fly, "first", NEW_APP)}
    assert [address.type for address in fly.sim.app(NEW_APP).addresses] == ["v6", "shared_v4"]


async def test_a_sleeping_machine_is_not_woken(fly: Fly) -> None:
    """Staging's stopped Machine gets the image without starting."""
    talk, label = Conversation(fly, TOKENS["reify-studio-staging"]), "sha-0c48c64d2651fd5aef4f3d6a045e0744c0113d27"

    await Deployment(talk, app="reify-studio-staging", label=label).run()
    fly.clock.advance(60)

    machine = fly.sim.machine(STAGING)
    assert (machine.state, machine.image_ref["digest"]) == ("stopped", digest_of(fly, label, machine.app))


async def test_an_image_is_resolved_within_the_organisation(fly: Fly) -> None:
    """The reference that comes back names the digest; an unknown label and another organisation's image are null."""
    talk = Conversation(fly)
    references = [f"{APP}:{LIVE}", f"{APP}:nothing", f"reify-studio-staging:{LIVE}"]

    images = [
        (await talk.graphql(RESOLVE, appName=APP, imageRef=f"registry.fly.io/{reference}"))["app"]["image"]
        for reference in references
    ]

    assert images[0]["ref"] == f"registry.fly.io/{APP}:{LIVE}@{digest_of(fly, LIVE)}"
    assert images[1:] == [None, None]


async def test_the_older_way_to_a_release(fly: Fly) -> None:
    """`createBuild`, `createRelease`, `updateRelease` and `finishBuild` keep the same books."""
    talk = Conversation(fly)
    build = await talk.graphql(
        """mutation ($input: CreateBuildInput!) { createBuild(input: $input) { id status } }""",
        input={"appName": APP, "builderType": "remote", "strategiesAvailable": ["Buildkit"], "imageOpts": {}},
    )
    number = build["createBuild"]["id"]
    image, strategy = f"registry.fly.io/{APP}:{NEXT}", "ROLLING"
    given = {"appId": APP, "image": image, "platformVersion": "machines", "strategy": strategy, "definition": {}}

    created = await talk.graphql(
        "mutation ($input: CreateReleaseInput!) { createRelease(input: $input) { release { id version } } }",
        input=given | {"buildId": number},
    )
    release = created["createRelease"]["release"]
    updated = await talk.graphql(
        "mutation ($input: UpdateReleaseInput!) { updateRelease(input: $input) { release { id status } } }",
        input={"clientMutationId": "", "releaseId": release["id"], "status": "complete"},
    )
    finished = await talk.graphql(
        "mutation ($input: FinishBuildInput!) { finishBuild(input: $input) { id status wallclockTimeMs } }",
        input={"buildId": number, "appName": APP, "machineId": "", "status": "completed"},
    )

    assert (release["version"], updated["updateRelease"]["release"]["status"]) == (42, "complete")
    assert (await talk.uiex("GET", f"/apps/{APP}/releases/current")).json()["id"] == release["id"]
    assert finished["finishBuild"]["status"] == "completed"
