"""What a plan says where Fly, GitHub or the registry do not say everything."""

from __future__ import annotations

import pytest

from sandbox.kit import Fault
from tests.world import PRODUCTION, STAGING, World, text_of

PLAN = "/deploy production v1.4.2 --plan"


async def planned(world: World) -> str:
    """The dry run as Ana reads it."""
    await world.types(PLAN)
    return world.private()[-1]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/actions/runs", "ci_unknown"),
        ("/compare/", "what changes is unknown"),
        ("/compare/", "migrations unknown"),
        (r"/tags\?|/tags$", "from `dd085a7`"),
    ],
)
async def test_what_github_does_not_say_is_called_unknown(world: World, path: str, said: str) -> None:
    """A part of GitHub is down: the plan says what it does not know instead of guessing."""
    world.github.faults.add(Fault("status", path=path, status=500))

    assert said in await planned(world)


async def test_a_comparison_that_github_does_not_know_leaves_migrations_unknown(world: World) -> None:
    """The live commit is gone from GitHub: unknown, never none."""
    world.github.faults.add(Fault("status", path="/compare/", status=404, body={"message": "Not Found"}))

    assert "migrations unknown" in await planned(world)


async def test_a_registry_that_does_not_answer_blocks_with_its_reason(world: World) -> None:
    """Neither the registry nor GraphQL answers: the image is unknown, not missing."""
    world.fault("status", path="/v2/|/graphql", status=500)

    assert "image_unknown" in await planned(world)


async def test_a_commit_without_an_image_is_refused_with_the_workflow_that_builds_it(world: World) -> None:
    """No image for the commit: says so, and what builds one."""
    await world.types("/deploy production main")

    assert "image_missing" in world.private()[-1]
    assert ".github/workflows/deploy-production.yml" in world.private()[-1]


async def test_an_unlabelled_live_image_leaves_changes_and_migrations_unknown(world: World) -> None:
    """What runs was not labelled with a commit: the plan names the label and claims nothing."""
    world.fly.control.push_image(app=PRODUCTION, label="by-hand")
    await world.fly.control.ci.deploy(PRODUCTION, "by-hand")

    plan = await planned(world)

    assert "from `by-hand`" in plan
    assert "the live image is not labelled with a commit" in plan


async def test_an_app_without_machines_is_refused(world: World) -> None:
    """Nothing runs: the first deployment is the workflow's."""
    for machine in world.machines():
        world.fly.app(PRODUCTION).machines.pop(machine["id"])

    plan = await planned(world)

    assert "no_machines" in plan
    assert "nothing runs yet" in plan


async def test_a_machine_on_an_unreachable_host_is_refused(world: World) -> None:
    """Fly shows no config of one Machine: writing it back would destroy it, so nothing starts."""
    world.fault("host_unreachable", target="9080e4f2c51387")

    assert "host_unreachable" in await planned(world)


async def test_what_is_live_already_is_not_deployed_again(world: World) -> None:
    """The image runs everywhere: nothing to do."""
    await world.types("/deploy staging v1.4.2")

    assert "already_live" in world.private()[-1]
    assert world.release_commands(STAGING) == []


async def test_a_commit_older_than_the_live_one_is_called_that(world: World) -> None:
    """Going back is possible, and said, and never called free of migrations."""
    await world.types("/deploy production v1.4.0 --plan")

    assert "older than what runs" in world.private()[-1]
    assert "no migrations" not in world.private()[-1]


async def test_a_failed_ci_and_a_running_one_are_told_apart(world: World) -> None:
    """CI failed, CI still runs, CI never ran: each has its own sentence."""
    act = world.github.actions()
    await world.types("/deploy staging feature/broken --plan")
    await act["commit"]({"branch": "main", "title": "Fresh", "author": "bo", "files": {"a": "b"}, "ci": None})
    await world.types("/deploy staging main --plan")
    await act["commit"]({"branch": "main", "title": "Untested", "author": "bo", "files": {"a": "c"}})
    await world.types("/deploy staging main --plan")

    said = "\n".join(world.private())
    assert "CI failed on this commit" in said
    assert "CI is still running on this commit" in said
    assert "CI never ran on this commit" in said


async def test_fly_being_down_is_told_to_the_asker_alone(world: World) -> None:
    """Fly answers nothing: a private sentence with the provider's name, no card, a failed row."""
    world.fault("status", path="/v1/apps", status=503)
    await world.types("/deploy production v1.4.2")

    assert "Fly Machines API" in world.private()[-1]
    assert world.messages() == []
    assert [operation.reason for operation in await world.operations()] == ["remote_unavailable"]


async def test_the_dry_run_changes_nothing(world: World) -> None:
    """`--plan` stores no operation, posts nothing, asks for nothing to be pressed."""
    plan = await planned(world)

    assert "Plan only" in plan
    assert await world.operations() == []
    assert world.messages() == []


async def test_the_plan_counts_only_the_apps_own_machines(world: World) -> None:
    """A release command's Machine that is still about is no part of the plan."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await world.types("/deploy production v1.4.2")
    await world.press("deployment_confirm")
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.slack.command(user="U0BO", channel="C0DEPLOYS", text=PLAN)
    await world.until(lambda: any("Plan only" in text for text in world.private("U0BO")), "Bo reads a plan")
    await world.clicks("deployment_cancel")

    assert world.private("U0BO")[-1].count("→ this image") == 2
    assert "operation_running" in world.private("U0BO")[-1]
    assert "cancelled" in text_of(world.card())
