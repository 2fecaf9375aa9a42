"""A bad release and the way back, as the team lives it: contract, approval, proof, hold, fix."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.operation import Kind, State
from bot.views.approvals import REASON
from jobs.approvals import void_stale
from jobs.operations import expire_plans
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, World, replacing, text_of
from tests.world import world as make_world

CONFIRM, CANCEL, APPROVE, REPLAN = "deployment_confirm", "deployment_cancel", "approval_approve", "approval_replan"
REJECT, CONFIGURATION = "approval_reject", "rollback_configuration"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"


@pytest.fixture
async def bad(world: World) -> World:
    """A world whose production runs the bad release, v42, by Ana; a migration came with it."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    assert world.labels() == {NEW}
    return world


@pytest.fixture
async def harmless(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose production went from v1.4.2 to v1.5.0 by Ana, with no migration in between."""
    async with make_world(tmp_path / "flytower.db") as made:
        await made.has_release_without_migration()
        await made.types("/deploy production v1.5.0")
        await made.clicks(CONFIRM)
        yield made


def buttons(world: World) -> str:
    """The blocks of the newest card."""
    return json.dumps(world.card()["blocks"])


async def test_a_red_rollback_is_approved_proven_and_held_until_the_fix(bad: World) -> None:
    """Red by one migration, an approver, both Machines back, v1.4.2 refused, the revert let through."""
    await bad.types('/rollback production --reason "checkout is down"')
    contract = text_of(bad.card())
    before = bad.labels()
    await bad.clicks(APPROVE, by="U0CLEO")
    ended = text_of(bad.card())
    after = bad.labels()
    await bad.types("/deploy production v1.4.2")
    refusal = bad.private()[-1]
    body = f"This reverts commit {SHA['v1.4.2']}."
    actions = bad.github.actions()
    made = await actions["commit"]({"title": "Revert it", "body": body, "author": "bo", "ci": "success"})
    bad.fly.control.push_image(app=PRODUCTION, label=f"sha-{made['sha']}")
    await actions["tag"]({"name": "v1.4.3", "sha": made["sha"]})
    await bad.types("/deploy production v1.4.3")
    plan = text_of(bad.card())
    await bad.clicks(CONFIRM)

    assert "red" in contract
    assert "20261120080000_add_plan_to_accounts.exs" in contract
    assert before == {NEW}
    assert after == {OLD}
    assert "Approved by <@U0CLEO>" in ended
    assert "`held`" in refusal
    assert "checkout is down" in refusal
    assert "lets this through" in plan
    assert bad.labels() == {f"sha-{made['sha']}"}
    assert len(bad.release_commands()) == 2


async def test_previous_is_never_what_is_held(bad: World) -> None:
    """After a rollback the next one goes further back, not to the bad release that ran last."""
    await bad.types("/rollback production")
    await bad.clicks(APPROVE, by="U0CLEO")
    await bad.types("/rollback production")

    assert "to `v1.4.0`" in text_of(bad.card())


async def test_a_green_rollback_goes_by_one_button(harmless: World) -> None:
    """Nothing in between but commits: the requester confirms, no release command runs, both Machines are back."""
    await harmless.types("/rollback production")
    card = text_of(harmless.card())
    commands = len(harmless.release_commands())
    await harmless.clicks(CONFIRM)

    assert "green" in card
    assert harmless.labels() == {NEW}
    assert len(harmless.release_commands()) == commands


async def test_the_old_digest_runs_though_the_tag_names_another_by_now(harmless: World) -> None:
    """A rollback is pinned by digest: who moved the tag meanwhile changes nothing unseen."""
    before = {m["id"]: m["digest"] for m in harmless.machines()}
    await harmless.types("/rollback production v42")
    shown = text_of(harmless.card())
    await harmless.clicks(CONFIRM)

    digests = {m["digest"] for m in harmless.machines()}
    assert len(digests) == 1
    assert not digests & set(before.values())
    assert next(iter(digests))[:19] in shown


async def test_a_deployment_outside_voids_the_approval_in_place(bad: World) -> None:
    """CI deployed meanwhile: the card says what is no longer true and offers a new plan, the old yes starts nothing."""
    await bad.types("/rollback production")
    asked = bad.card()
    await bad.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.0']}")
    await bad.clicks(APPROVE, by="U0CLEO", card=asked)
    void = bad.card()
    (waiting,) = [o for o in await bad.operations() if o.kind is Kind.ROLLBACK]

    assert void["ts"] == asked["ts"]
    assert REPLAN in buttons(bad)
    assert APPROVE not in buttons(bad)
    assert waiting.state is State.REQUESTED
    assert bad.labels() == {f"sha-{SHA['v1.4.0']}"}


async def test_an_approval_that_is_no_longer_true_is_void_before_anybody_presses(bad: World) -> None:
    """Within a minute of a lock the card says so by itself; planned again once it is gone, it can be approved."""
    await bad.types("/rollback production")
    await bad.types('/deploy lock production "moving the database"', by="U0BO")
    await void_stale(bad.bot.approvals).run()
    await bad.settle()
    (card,) = [m for m in bad.messages() if REPLAN in json.dumps(m["blocks"])]
    await bad.types("/deploy unlock production", by="U0BO")
    await bad.clicks(REPLAN, by="U0BO", card=card)
    await bad.clicks(APPROVE, by="U0CLEO", card=card)

    assert "moving the database" in text_of(card)
    assert bad.labels() == {OLD}


async def test_a_rejection_ends_it_with_its_reason(bad: World) -> None:
    """The approver says why in a form; the card and its thread tell everybody, and nothing was changed."""
    await bad.types("/rollback production")
    await bad.clicks(REJECT, by="U0CLEO")
    await bad.slack.submit(user="U0CLEO", values={REASON: "the data would not fit"})
    await bad.settle()

    (rollback,) = [o for o in await bad.operations() if o.kind is Kind.ROLLBACK]
    assert rollback.state is State.REJECTED
    assert "the data would not fit" in text_of(bad.card())
    assert bad.labels() == {NEW}


async def test_nobody_approves_in_time(bad: World) -> None:
    """After `approval_expires` the plan is over, and the button starts nothing."""
    await bad.types("/rollback production")
    card = bad.card()
    bad.simulators.clock.skip(3700)
    await expire_plans(bad.bot.requests).run()
    await bad.settle()

    (rollback,) = [o for o in await bad.operations() if o.kind is Kind.ROLLBACK]
    assert rollback.state is State.EXPIRED
    assert APPROVE not in json.dumps(bad.card()["blocks"])
    assert bad.card()["ts"] == card["ts"]


async def test_a_group_that_cannot_be_read_holds_nobody(bad: World) -> None:
    """Slack does not say who approves: refused by its reason, and nothing starts."""
    await bad.types("/rollback production")
    bad.slack.faults.add(Fault("status", path=r"/api/usergroups\.users\.list", status=503))
    await bad.clicks(APPROVE, by="U0CLEO")

    assert "`approvers_unknown`" in bad.private("U0CLEO")[-1]
    assert bad.labels() == {NEW}


async def test_an_incident_lets_a_red_rollback_pass_loudly(bad: World) -> None:
    """No approver, but everybody reads it, and it waits for a review; a deployment forward needs an approval."""
    await bad.types('/deploy incident start "checkout is down"', by="U0BO")
    await bad.types("/rollback production", by="U0BO")
    card = text_of(bad.card())
    await bad.clicks(CONFIRM, by="U0BO")
    back = bad.labels()
    await bad.types("/deploy incident", by="U0BO")
    standing = bad.private("U0BO")[-1]
    await bad.types("/deploy production v1.4.0")
    forward = buttons(bad)

    assert "incident" in card
    assert back == {OLD}
    assert "v1.4.1" in standing
    assert APPROVE in forward


async def test_staging_says_that_it_only_goes_forward(world: World) -> None:
    """It has no formal rollback: the answer says what to do instead, and the configuration switches it on."""
    await world.types("/rollback staging")

    assert "`rollback_off`" in world.private()[-1]
    assert "main" in world.private()[-1]
    assert await world.operations() == []


async def test_staging_goes_back_where_the_configuration_says_so(tmp_path: Path) -> None:
    """`rollback = true` in its policy is all it takes."""
    on = replacing(("[pipeline.environments.staging.database]", _STAGING_ROLLBACK))
    async with make_world(tmp_path / "flytower.db", change=on) as world:
        await world.types("/rollback staging")

        assert not any("rollback_off" in said for said in world.private())


async def test_the_configuration_of_then_comes_back_with_a_click(harmless: World) -> None:
    """The choice on the card makes the plan anew; the Machines get the variables that they had."""
    for machine in harmless.fly.app(PRODUCTION).machines.values():
        machine.config["env"]["PRICES"] = "new"
    await harmless.types("/rollback production")
    await harmless.clicks(CONFIGURATION)
    chosen = text_of(harmless.card())
    await harmless.clicks(CONFIRM)

    env = [m["config"]["env"] for m in harmless.machines()]
    assert "PRICES" in chosen
    assert harmless.labels() == {NEW}
    assert ["PRICES" in each for each in env] == [False, False]


async def test_github_down_queues_the_record_and_does_not_block(harmless: World) -> None:
    """The rollback is done while GitHub is away; its record arrives when GitHub is back."""
    await harmless.types("/rollback production")
    down = harmless.github.faults.add(Fault("status", path="/deployments", status=500))
    await harmless.clicks(CONFIRM)
    labels = harmless.labels()
    harmless.github.faults.remove(down.id)
    await harmless.later(7200)

    (repository,) = harmless.github.world.repositories.values()
    records = [(d.environment, d.task, d.statuses[-1].state) for d in repository.deployments if d.task == "rollback"]
    assert labels == {NEW}
    assert records == [("production", "rollback", "success")]


_STAGING_ROLLBACK = """[pipeline.environments.staging.policy]
rollback = true

[pipeline.environments.staging.database]"""
