"""Promotion: `/deploy production staging` ships what staging runs, where Fly lets it, and says so where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import PRODUCTION, SHA, STAGING, World, replacing, text_of
from tests.world import world as make_world

CONFIRM = "deployment_confirm"
HEADING, LIVE = f"sha-{SHA['heading']}", f"sha-{SHA['v1.4.2']}"
SHARED = replacing(
    (
        'app = "reify-studio-staging"\norganisation = "reify-studio-staging"',
        'app = "reify-studio-staging"\norganisation = "reify-studio-production"',
    )
)


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[World]:
    """Staging and production are in one organisation."""
    async with make_world(tmp_path / "flytower.db", change=SHARED) as made:
        made.fly.app(STAGING).organization = made.fly.app(PRODUCTION).organization
        yield made


async def test_in_one_organisation_the_very_image_is_shipped(shared: World) -> None:
    """Staging's digest from staging's repository runs in production; nothing is built, and the plan says so."""
    (staging,) = shared.machines(STAGING)
    await shared.types("/deploy production staging")
    plan = text_of(shared.card())
    await shared.clicks(CONFIRM)

    assert f"Ships staging's own image {staging['digest'][:19]}…; nothing is built anew." in plan
    assert {machine["digest"] for machine in shared.machines()} == {staging["digest"]}
    assert shared.github.calls.find("POST", "/dispatches$") == []
    assert "live" in shared.card()["text"]


async def test_across_organisations_production_runs_its_own_build_of_the_commit(world: World) -> None:
    """Production's registry has the commit already: the image way, and a note why it is not staging's image."""
    await world.types("/deploy production staging")
    plan = text_of(world.card())
    await world.clicks(CONFIRM)

    assert "A rebuild of what staging runs (844d600): images are readable within one Fly organisation only" in plan
    assert world.labels() == {LIVE}
    assert {m["digest"] for m in world.machines()} != {m["digest"] for m in world.machines(STAGING)}
    assert world.github.calls.find("POST", "/dispatches$") == []


async def test_across_organisations_a_tagged_commit_is_built(world: World) -> None:
    """Production has no image, but the commit has a tag: CI builds it on that tag."""
    world.fly.control.delete_image(app=PRODUCTION, label=LIVE)
    await world.types("/deploy production staging")
    await world.clicks(CONFIRM)

    (dispatch,) = world.github.calls.find("POST", "/dispatches$")
    assert "deploy-production.yml` was started on `v1.4.2`" in text_of(world.card())
    assert "deploy-production.yml" in dispatch["path"]
    assert world.labels() == {LIVE}


async def test_across_organisations_an_untagged_commit_names_the_way_out(world: World) -> None:
    """Neither image nor tag: refused, with the command that makes the tag on that commit."""
    await world.types("/deploy staging main")
    await world.types("/deploy production staging")

    said = world.private()[-1]
    assert "build_impossible" in said
    assert f"/deploy production vX.Y.Z --on {SHA['heading'][:12]}" in said


async def test_two_images_promote_nothing(world: World) -> None:
    """A deployment to production failed half-way: what it runs is not clear, so staging gets nothing of it."""
    world.fault("unhealthy", target="148e2d1c6e9789")
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    await world.types("/deploy staging production")

    assert "promotion_unclear" in world.private()[-1]
    assert "its Machines run 2 different images" in world.private()[-1]


async def test_an_empty_staging_promotes_nothing(world: World) -> None:
    """Staging has no Machines: there is nothing to promote."""
    world.fly.app(STAGING).machines.clear()
    await world.types("/deploy production staging")

    assert "promotion_unclear" in world.private()[-1]
    assert "it has no Machines" in world.private()[-1]


async def test_an_unlabelled_image_is_not_promoted(world: World) -> None:
    """Nobody knows which commit staging runs: said, and nothing is planned."""
    world.fly.control.push_image(app=STAGING, label="by-hand")
    await world.fly.control.ci.deploy(STAGING, "by-hand")
    await world.types("/deploy production staging")

    assert "not labelled with a commit" in world.private()[-1]


async def test_a_branch_called_like_the_environment_is_named_and_not_taken(world: World) -> None:
    """The environment wins; the note says how to name the branch, and that name works."""
    await world.github.actions()["branch"]({"name": "staging", "sha": SHA["v1.4.0"]})
    await world.types("/deploy production staging --plan")
    await world.types("/deploy production refs/heads/staging --plan")
    await world.types("/deploy production refs/tags/staging --plan")

    environment, branch, tag = world.private()[-5::2]
    assert "`refs/heads/staging` names the other." in environment
    assert "844d600" in environment
    assert "282e3e8" in branch
    assert "is a branch in reify/reify-studio, not a tag" in tag


async def test_a_promotion_makes_no_tag(world: World) -> None:
    """`--on` beside an environment is a misunderstanding, and said."""
    await world.types("/deploy production staging --on main")

    assert "`staging` is an environment" in world.private()[-1]
