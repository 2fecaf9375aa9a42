"""What a plan says where Fly, GitHub or the registry do not say everything."""

from __future__ import annotations

import dataclasses

import pytest

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor, CiState, Strategy
from bot.domain.operation import Operation
from bot.errors import BotError
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, STAGING, World, text_of

PLAN = "/deploy production v1.4.2 --plan"
CONFIRM = "deployment_confirm"
ANA = Actor("U0ANA", "T0REIFY")
SJC = "9080e4f2c51387"


async def plan_for(world: World, ref: str = "", **asked: object) -> DeploymentPlan:
    """The plan of a request to production, as a value."""
    request = DeploymentRequest("production", ref, **asked)  # type: ignore[arg-type]
    return await world.bot.deployments.dry_run(request, by=ANA)


async def deployed(world: World, ref: str = "v1.4.2") -> Operation:
    """Production was deployed by the bot; its operation."""
    await world.types(f"/deploy production {ref}")
    await world.clicks(CONFIRM)
    return (await world.operations())[-1]


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


async def test_a_machine_on_an_unreachable_host_is_said(world: World) -> None:
    """Fly shows no config of one Machine: the plan names it, and what is done about it."""
    world.fault("host_unreachable", target="9080e4f2c51387")

    assert "9080e4f2c51387 (sjc) is unreachable" in await planned(world)


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


async def test_a_retry_keeps_the_commit_and_does_not_migrate_again(world: World) -> None:
    """The second Machine failed: the retry has the same image, no release command, and keeps what is well."""
    world.fault("unhealthy", target=SJC)
    first = await deployed(world)
    world.fly.faults.clear()

    plan = await plan_for(world, "v1.4.2", retry_of=first.id)

    assert plan.commit.sha == SHA["v1.4.2"]
    assert plan.release_command == ""
    assert "The release command already ran in the first try; it is not run again." in plan.notes
    assert plan.keeps_current


async def test_a_retry_of_a_retry_remembers_the_first_release_command(world: World) -> None:
    """Two tries failed after the command had run once: the third does not run it either."""
    world.fault("unhealthy", target=SJC)
    await deployed(world)
    await world.clicks("deployment_retry")
    await world.clicks(CONFIRM)
    second = (await world.operations())[-1]

    plan = await plan_for(world, "v1.4.2", retry_of=second.id)

    assert second.request["retry_of"]
    assert plan.release_command == ""
    assert len(world.release_commands()) == 1


async def test_a_retry_after_a_failed_release_command_runs_it(world: World) -> None:
    """What did not end well is missing, so it is done."""
    world.fault("release_command_fails", target=PRODUCTION, times=1)
    first = await deployed(world)

    plan = await plan_for(world, "v1.4.2", retry_of=first.id)

    assert plan.release_command == "/app/bin/migrate"


async def test_a_retry_of_another_image_migrates(world: World) -> None:
    """The label means another image by now: what ran for the first one does not count."""
    world.fault("unhealthy", target=SJC)
    first = await deployed(world)
    world.fly.control.delete_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.2']}")
    world.fly.control.push_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.2']}")

    plan = await plan_for(world, "v1.4.2", retry_of=first.id)

    assert plan.release_command == "/app/bin/migrate"


async def test_a_retry_takes_the_first_commit_and_not_the_branch_as_it_is(world: World) -> None:
    """The branch moved on: the retry says which commit it takes, and asks first where that goes back."""
    act = world.github.actions()
    world.fault("unhealthy", target=f"sha-{SHA['heading']}")
    await world.types("/deploy staging main")
    (first,) = await world.operations()
    await act["commit"]({"branch": "main", "title": "Next", "author": "bo", "files": {"a": "b"}, "ci": "success"})

    request = DeploymentRequest("staging", "main", retry_of=first.id)
    plan = await world.bot.deployments.dry_run(request, by=ANA)

    assert plan.commit.sha == SHA["heading"]
    assert "Tries main again, on the commit of the first try: 0c48c64." in plan.notes


async def test_a_retry_that_would_go_back_asks_first(world: World) -> None:
    """Something newer runs by now: an old button does not take it away without a yes."""
    world.fault("unhealthy", target=f"sha-{SHA['v1.4.0']}", times=1)
    world.fly.control.push_image(app=STAGING, label=f"sha-{SHA['v1.4.0']}")
    await world.types("/deploy staging v1.4.0")
    (first,) = await world.operations()
    world.fly.faults.clear()
    await world.types("/deploy staging main")

    plan = await world.bot.deployments.dry_run(DeploymentRequest("staging", "v1.4.0", retry_of=first.id), by=ANA)

    assert plan.needs_confirmation


async def test_a_retry_makes_the_tag_that_the_first_try_did_not(world: World) -> None:
    """GitHub refused the tag the first time: the retry makes it on the same commit, wherever main is by now."""
    refusal = world.github.faults.add(Fault("status", method="POST", path="/git/refs$", status=403))
    first = await deployed(world, "v1.5.0 --on main")
    world.github.faults.remove(refusal.id)
    act = world.github.actions()
    await act["commit"]({"branch": "main", "title": "Next", "author": "bo", "files": {"a": "b"}, "ci": "success"})

    plan = await plan_for(world, "v1.5.0", retry_of=first.id)

    assert plan.build is not None
    assert plan.build.creates_tag
    assert plan.commit.sha == SHA["heading"]


async def test_a_retry_of_a_ref_that_is_gone_still_has_its_image(world: World) -> None:
    """The tag was deleted since: the commit is the first try's, and so is the image."""
    world.fault("unhealthy", target=SJC)
    first = await deployed(world)
    await world.github.actions()["delete_ref"]({"ref": "tags/v1.4.2"})

    plan = await plan_for(world, "v1.4.2", retry_of=first.id)

    assert plan.commit.sha == SHA["v1.4.2"]
    assert not plan.is_blocked


async def test_going_back_takes_what_ran_before_and_leaves_the_migrations(world: World) -> None:
    """The image from before, no release command, the migrations named, and a yes asked for."""
    done = await deployed(world)

    plan = await plan_for(world, back_from=done.id)

    assert plan.image is not None
    assert plan.image.label == f"sha-{SHA['v1.4.1']}"
    assert (plan.ref, plan.release_command, plan.needs_confirmation) == ("v1.4.1", "", True)
    assert plan.contract is not None
    assert (plan.contract.current.ref, plan.contract.target.ref) == ("v1.4.2", "v1.4.1")
    assert "1 migration stays applied: 20261120080000_add_plan_to_accounts.exs." in " ".join(plan.contract.risks)
    assert "it is skipped" in " ".join(plan.notes)
    assert not plan.is_blocked


async def test_going_back_works_without_github(world: World) -> None:
    """GitHub is down when it is needed most: the image is known, and what is not known is called so."""
    done = await deployed(world)
    world.github.faults.add(Fault("status", status=500))

    plan = await plan_for(world, back_from=done.id)

    assert not plan.is_blocked
    assert plan.ci.state is CiState.UNKNOWN
    assert plan.commit.sha == SHA["v1.4.1"]


async def test_going_back_works_while_the_registry_is_silent(world: World) -> None:
    """It ran here a moment ago: that the registry does not answer is no reason to stay broken."""
    done = await deployed(world)
    world.fault("status", path="/v2/|/graphql", status=500)

    plan = await plan_for(world, back_from=done.id)

    assert not plan.is_blocked


async def test_a_pruned_image_is_found_out_before_anything_moves(world: World) -> None:
    """The image from before is gone from the registry: refused by its reason."""
    done = await deployed(world)
    world.fly.control.delete_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.1']}")

    plan = await plan_for(world, back_from=done.id)

    assert [blocker.reason for blocker in plan.blockers] == ["image_missing"]


async def test_going_back_across_an_unknown_range_is_warned_of(world: World) -> None:
    """What ran before carries no commit: it is not known which migrations stay, and the plan warns."""
    world.fly.control.push_image(app=PRODUCTION, label="by-hand")
    await world.fly.control.ci.deploy(PRODUCTION, "by-hand")
    done = await deployed(world)

    plan = await plan_for(world, back_from=done.id)

    assert plan.contract is not None
    assert plan.contract.target.image.label == "by-hand"
    assert "It is not known which migrations stay applied" in " ".join(plan.contract.risks)


async def test_there_is_nothing_before_the_first_deployment(world: World) -> None:
    """The app had no Machines when it was deployed: no way back, and said."""
    machines = world.fly.app(PRODUCTION).machines
    kept = dict(machines)
    machines.clear()
    await world.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
    await world.types("/deploy production v1.5.0")
    (first,) = await world.operations()
    machines.update(kept)

    with pytest.raises(BotError, match="Nothing ran before"):
        await plan_for(world, back_from=first.id)


async def test_the_release_command_can_be_left_out_with_a_warning(world: World) -> None:
    """`--skip-release-command`: nothing runs before the Machines, and the plan warns of it."""
    plan = await plan_for(world, "v1.4.2", skip_release_command=True)

    assert plan.release_command == ""
    assert "is skipped, as you asked" in " ".join(plan.warnings)


async def test_the_policy_and_the_request_choose_the_strategy(world: World) -> None:
    """Without a word the environment's, else the one that was asked for; where CI deploys, its own."""
    ordinary = await plan_for(world, "v1.4.2")
    chosen = await plan_for(world, "v1.4.2", strategy="canary")
    await world.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
    built = await plan_for(world, "v1.5.0", strategy="canary")

    assert (ordinary.strategy, chosen.strategy) == (Strategy.ROLLING, Strategy.CANARY)
    assert "CI deploys with the strategy of its fly.toml." in built.notes
    assert (ordinary.watch_s, ordinary.build_timeout_s, ordinary.restore_countdown_s) == (600.0, 1800.0, 60.0)


async def test_no_ref_offers_the_newest_tag(world: World) -> None:
    """`/deploy production`: tags release, so the newest one is named with its command."""
    await world.types("/deploy production")

    assert "`/deploy production v1.4.2`" in world.private()[-1]


async def test_without_any_tag_the_first_one_is_offered(world: World) -> None:
    """Nothing was ever released: says how to make the first tag."""
    for tag in ("v1.3.0", "v1.4.0", "v1.4.1", "v1.4.2"):
        await world.github.actions()["delete_ref"]({"ref": f"tags/{tag}"})
    await world.types("/deploy production")

    assert "There is none yet." in world.private()[-1]


async def test_tags_that_cannot_be_read_are_not_compared(world: World) -> None:
    """GitHub does not list the tags: a new one is offered all the same, without a question about a slip."""
    world.github.faults.add(Fault("status", path=r"/tags$", status=500))

    plan = await plan_for(world, "v1.4.22", on="main")

    assert plan.build is not None
    assert plan.warnings == ()


@pytest.mark.parametrize("ref", ["x1.5.0", "v1.5.0.lock", "v1 5"])
async def test_what_is_no_release_tag_is_an_unknown_ref(world: World, ref: str) -> None:
    """A name that does not fit the pattern, or that git refuses, is never made."""
    with pytest.raises(BotError) as refusal:
        await plan_for(world, ref)

    assert refusal.value.reason == "unknown_ref"


async def test_an_app_without_a_release_command_has_none_to_leave_out(world: World) -> None:
    """Nothing runs, and nothing is said about it, whatever was asked."""
    environment = dataclasses.replace(world.settings.environment("production"), release_command="")
    request = DeploymentRequest("production", "v1.4.2", skip_release_command=True)

    plan = await world.bot.deployments._planner.plan(environment, request, actor=ANA)

    assert plan.release_command == ""
    assert "release command" not in " ".join([*plan.warnings, *plan.notes])
