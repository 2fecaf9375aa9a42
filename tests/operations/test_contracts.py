"""Contracts against the simulated Fly, registry and GitHub: what comes back, what does not, and what is unknown."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.earlier import GONE
from bot.domain.model import Actor, Environment, Image, MigrationRisk, Relation
from bot.domain.operation import Operation
from bot.domain.rollback import PendingRun, Risk
from bot.domain.rollout import Step
from bot.errors import BotError, NotFound, Reason, RemoteUnavailable
from bot.operations.contracts import Contracts, Drawn
from bot.operations.facts import serving_machines
from bot.operations.releases import Releases
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, World

ANA = Actor("U0ANA", "T0REIFY")
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
MIGRATION = "20261120080000_add_plan_to_accounts.exs"
V140, V142 = (f"sha-{SHA[tag]}" for tag in ("v1.4.0", "v1.4.2"))
HEADING = f"sha-{SHA['heading']}"
DOWN = RemoteUnavailable("no answer", service="GitHub", status=502)


class Table:
    """Where contracts are drawn up; `pending` is what GitHub says of running workflows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bot = world.bot
        self.pending: tuple[PendingRun, ...] | BotError = ()
        self.environment: Environment = world.settings.environment("production")
        releases = Releases(self.bot.store, self.bot.github, self.bot.fly, self.bot.clock)
        self.contracts = Contracts(self.bot.store, self.bot.github, self.bot.fly, releases, self._pending)

    async def _pending(self, environment: Environment) -> tuple[PendingRun, ...]:
        assert environment == self.environment
        if isinstance(self.pending, BotError):
            raise self.pending
        return self.pending

    async def draw(self, release: str = "previous", **asked: Any) -> Drawn:
        """The contract of a rollback to this release as of now."""
        machines = await serving_machines(self.bot.fly[self.environment.organisation], PRODUCTION)
        request = DeploymentRequest("production", "", release=release, **asked)
        return await self.contracts.draw_up(self.environment, request, machines)

    async def released(self, label: str) -> None:
        """CI released this to production."""
        await self.world.fly.control.ci.deploy(PRODUCTION, label)

    async def deployed(self, ref: str) -> Operation:
        """The bot deployed this to production; its operation."""
        await self.world.types(f"/deploy production {ref}")
        await self.world.clicks("deployment_confirm")
        return (await self.world.operations())[-1]

    async def configured(self, *machine_ids: str, **sections: Any) -> None:
        """Somebody changed the configuration of Machines, and nothing else."""
        fly = self.bot.fly[self.environment.organisation]
        for machine_id in machine_ids:
            machine = await fly.machine(PRODUCTION, machine_id)
            config = copy.deepcopy(dict(machine.config)) | sections
            await fly.update_machine(machine, config=config, nonce="", skip_launch=False)
            await fly.wait_for_state(PRODUCTION, machine_id, "started", timeout_s=60)
        # Checks need a moment.
        await self.bot.clock.sleep(30)

    async def rolled_back(self, release: str, **asked: Any) -> Operation:
        """Ana rolls production back and confirms it; the operation when it has ended."""
        request = DeploymentRequest("production", "", release=release, **asked)
        made, _ = await self.bot.deployments.request(request, by=ANA, channel="C0DEPLOYS", key=f"roll {release}")
        prepared = await self.bot.requests.prepare(made.id)
        await self.bot.requests.confirm(made.id, plan_hash=prepared.plan_hash, by=ANA)
        await self.world.settle()
        return await self.bot.store.operation(made.id)

    async def env(self, machine_id: str) -> dict[str, str]:
        """The variables that a Machine has now."""
        machine = await self.bot.fly[self.environment.organisation].machine(PRODUCTION, machine_id)
        found: dict[str, str] = machine.config["env"]
        return found


@pytest.fixture
def table(world: World) -> Table:
    """The reference world, where v41 runs and v40 failed."""
    return Table(world)


def said(drawn: Drawn) -> str:
    """Everything that the contract remarks."""
    return "\n".join(f"{remark.risk} {remark.message}" for remark in drawn.contract.remarks)


async def test_a_green_contract_has_nothing_to_remark(table: Table) -> None:
    """From and to, by version, tag and title; pinned by digest; commits undone; nothing changed since."""
    drawn = await table.draw()

    contract = drawn.contract
    assert (contract.current.name, contract.current.ref, contract.current.title) == (
        "v41",
        "v1.4.1",
        "Fix rounding of prices",
    )
    assert (contract.target.name, contract.target.ref, contract.target.title) == ("v39", "v1.4.0", "Add billing plans")
    assert drawn.image is not None
    assert contract.target.image == drawn.image
    assert drawn.image.digest
    assert (drawn.commit.sha, drawn.undone.relation, drawn.undone.total_commits) == (SHA["v1.4.0"], Relation.AHEAD, 2)
    assert drawn.migrations.risk is MigrationRisk.NONE
    assert (contract.remarks, contract.risk, drawn.blockers, drawn.image_problem) == ((), Risk.GREEN, (), "")


async def test_migrations_in_range_are_red_and_listed(table: Table) -> None:
    """They stay applied: the image from before may not fit."""
    await table.deployed("v1.4.2")

    drawn = await table.draw()

    assert drawn.contract.risk is Risk.RED
    assert f"red 1 migration stays applied: {MIGRATION}." in said(drawn)


async def test_a_cut_list_of_files_is_never_called_none(table: Table) -> None:
    """More than 300 files changed: GitHub cut the list, and what lies behind the cut is unknown."""
    made = await table.world.github.actions()["many_commits"]({"branch": "main", "count": 1, "files": 301})
    table.world.fly.control.push_image(app=PRODUCTION, label=f"sha-{made['sha']}")
    await table.released(f"sha-{made['sha']}")

    drawn = await table.draw()

    assert drawn.migrations.risk is MigrationRisk.UNKNOWN
    assert "red It is not known which migrations stay applied (GitHub did not list every changed file)" in said(drawn)


async def test_a_pruned_image_is_said_and_nothing_else_is_taken(table: Table) -> None:
    """Checked now: it is gone, so there is no image to run."""
    table.world.fly.control.delete_image(app=PRODUCTION, label=V140)

    drawn = await table.draw()

    assert (drawn.image, drawn.image_problem, drawn.contract.target.problem) == (None, "", GONE)


async def test_a_pruned_image_blocks_the_rollback(table: Table) -> None:
    """The plan says it before anything moves."""
    table.world.fly.control.delete_image(app=PRODUCTION, label=V140)

    plan = await table.bot.deployments.dry_run(DeploymentRequest("production", "", release="previous"), by=ANA)

    assert [blocker.reason for blocker in plan.blockers] == ["image_missing"]


async def test_a_failed_release_is_no_candidate(table: Table) -> None:
    """`v40` is there, failed, and is refused by its own reason; its secrets are compared since it was made."""
    drawn = await table.draw("v40")

    (blocker,) = drawn.blockers
    assert (blocker.reason, blocker.message) == (Reason.RELEASE_NOT_LIVE, drawn.contract.target.problem)
    assert "v40 was never live" in blocker.message
    assert drawn.contract.secrets == ()


async def test_what_runs_already_is_refused(table: Table) -> None:
    """Nothing to do, as with a deployment."""
    plan = await table.bot.deployments.dry_run(DeploymentRequest("production", "", release="v41"), by=ANA)

    assert [blocker.reason for blocker in plan.blockers] == ["already_live"]


async def test_an_unknown_release_is_not_found(table: Table) -> None:
    """Nothing is taken for what was not named."""
    with pytest.raises(NotFound) as caught:
        await table.draw("v99")

    assert caught.value.reason is Reason.UNKNOWN_RELEASE


async def test_a_name_of_both_kinds_is_noted(table: Table) -> None:
    """There is a tag `v39`, too."""
    await table.world.github.actions()["tag"]({"name": "v39", "sha": SHA["heading"]})

    drawn = await table.draw("v39")

    assert drawn.contract.target.version == 39
    assert said(drawn) == "green There is a tag v39, too; release v39 of Fly's books was taken."


async def test_secrets_that_changed_are_named(table: Table) -> None:
    """By the digests that our receipt noted: changed, added, removed; never a value."""
    await table.deployed("v1.4.2")
    await table.released(V140)
    app = table.world.fly.app(PRODUCTION)
    app.secrets["STRIPE_KEY"] = dataclasses.replace(app.secrets["DATABASE_URL"], name="STRIPE_KEY", digest="beef")
    app.secrets["DATABASE_URL"].digest = "cafe"
    del app.secrets["SECRET_KEY_BASE"]

    drawn = await table.draw("v42")

    assert drawn.contract.secrets == ("DATABASE_URL changed", "STRIPE_KEY added", "SECRET_KEY_BASE removed")
    assert "amber Secrets stay as they are now." in said(drawn)


async def test_secrets_that_were_set_since_are_named(table: Table) -> None:
    """CI made that release, so nothing was noted: by the time at which they were set."""
    table.world.fly.app(PRODUCTION).secrets["DATABASE_URL"].updated_at = table.bot.clock.now().timestamp()

    assert (await table.draw()).contract.secrets == ("DATABASE_URL set",)


async def test_secrets_that_cannot_be_read_are_unknown(table: Table) -> None:
    """Unknown, which is not the same as unchanged."""
    table.world.fault("status", path="/secrets", status=500)

    drawn = await table.draw()

    assert drawn.contract.secrets == ()
    assert "amber Whether secrets changed since is not known" in said(drawn)


async def test_a_receipt_without_secrets_notes_none(table: Table) -> None:
    """Fly did not tell them then: the rollout is none the worse, and times decide later."""
    fault = table.world.fault("status", path="/secrets", status=500)
    deployed = await table.deployed("v1.4.2")
    table.world.fly.faults.remove(fault.id)
    await table.released(V140)

    receipt = deployed.row(Step.RECEIPT)
    assert receipt is not None
    assert "secrets" not in receipt.detail
    assert (await table.draw("v42")).contract.secrets == ()


async def test_configuration_drift_is_told_by_name(table: Table) -> None:
    """Variables, VM: what the Machines have now and had not then."""
    await table.released(V142)
    await table.configured(IAD, SJC, env={"PORT": "4000", "FLAG": "hunter2"}, guest={"cpus": 1, "memory_mb": 2048})

    drawn = await table.draw("v41")

    assert "variables: FLAG added; FLY_PROCESS_GROUP, PHX_HOST, PRIMARY_REGION removed" in drawn.contract.configuration
    assert "VM: memory_mb 1024 → 2048" in drawn.contract.configuration
    assert "amber The configuration stays as it is now." in said(drawn)
    assert "hunter2" not in str(drawn)
    assert drawn.contract.may_configure
    assert drawn.configs == {}


async def test_a_changed_definition_is_told(table: Table) -> None:
    """The Machines of then are forgotten: the fly.toml of both releases is compared."""
    newest = table.world.fly.app(PRODUCTION).releases[-1]
    newest.definition = newest.definition | {"env": {"PORT": "5000", "FLAG": "on"}, "deploy": {}}

    drawn = await table.draw()

    assert drawn.contract.configuration == (
        "deploy: release_command changed",
        "variables: FLAG added; PHX_HOST removed; PORT changed",
    )
    assert not drawn.contract.may_configure


async def test_an_unknown_configuration_is_called_that(table: Table) -> None:
    """Fly shows neither definitions nor versions: not known, and it cannot be brought back."""
    table.world.fault("status", path="/graphql|/versions", status=500)

    drawn = await table.draw(with_configuration=True)

    assert "amber It is not known how the configuration changed since." in said(drawn)
    assert [blocker.reason for blocker in drawn.blockers] == [Reason.CONFIGURATION_UNKNOWN]


async def test_the_configuration_of_then_is_pinned_for_each_machine(table: Table) -> None:
    """Asked for: where each Machine's is read, by its own version."""
    fly = table.bot.fly[table.environment.organisation]
    before = {machine.id: machine.version for machine in await fly.machines(PRODUCTION)}
    await table.released(V142)

    drawn = await table.draw("v41", with_configuration=True)

    assert drawn.configs == {machine_id: f"{machine_id}:{version}" for machine_id, version in before.items()}
    assert drawn.contract.with_configuration


async def test_more_machines_than_then_are_told(table: Table) -> None:
    """By our own plan of that time; then by the config, where we did not deploy it."""
    await table.deployed("v1.4.2")
    world = table.world
    other = world.fly.machine(SJC)
    config = copy.deepcopy(other.config)
    machine = await table.bot.fly[table.environment.organisation].create_machine(
        PRODUCTION, config=config, region="sjc"
    )
    await table.bot.clock.sleep(30)

    by_plan = await table.draw("v41")
    by_config = await table.draw("v39")

    assert machine.region == "sjc"
    assert by_plan.contract.scale == ("sjc 1 then, 2 now",)
    assert by_config.contract.scale == ("sjc 1 by the config, 2 now",)
    assert "amber The Machines are not as they were: sjc 1 then, 2 now." in said(by_plan)


async def test_workflows_under_way_are_named(table: Table) -> None:
    """They would undo it; where GitHub does not say, that is said."""
    table.pending = (PendingRun(7, "Pricing fix", "https://github.com/r/actions/7"),)
    named = await table.draw()
    table.pending = DOWN
    unknown = await table.draw()

    assert [run.id for run in named.contract.pending] == [7]
    assert "would undo this: Pricing fix (https://github.com/r/actions/7)" in said(named)
    assert "amber GitHub does not say whether a workflow that deploys here is under way." in said(unknown)


async def test_a_diverged_history_is_said(table: Table) -> None:
    """The release has commits that what runs does not have: what is undone is not the whole story."""
    act = table.world.github.actions()
    fix = {"branch": "hotfix", "from": SHA["v1.4.0"], "title": "Hot", "author": "bo", "files": {"a": "b"}}
    made = await act["commit"](fix)
    table.world.fly.control.push_image(app=PRODUCTION, label=f"sha-{made['sha']}")
    await table.released(f"sha-{made['sha']}")
    await table.released(V142)

    drawn = await table.draw()

    assert drawn.undone.relation is Relation.DIVERGED
    assert "amber The histories diverged" in said(drawn)
    assert "red It is not known which migrations stay applied (neither of the two commits contains" in said(drawn)


async def test_going_to_a_newer_release_is_called_going_forward(table: Table) -> None:
    """After a rollback somebody takes the newer one again."""
    await table.released(V142)
    await table.released(V140)

    drawn = await table.draw("v42")

    assert drawn.undone.relation is Relation.BEHIND
    assert "amber The commit of the release is newer than what runs: this goes forward." in said(drawn)


async def test_an_image_without_a_commit_leaves_open_what_is_undone(table: Table) -> None:
    """By hand: neither commits nor migrations are known."""
    table.world.fly.control.push_image(app=PRODUCTION, label="by-hand")
    await table.released("by-hand")

    drawn = await table.draw()

    assert (drawn.contract.current.ref, drawn.undone.relation) == ("v42", Relation.UNKNOWN)
    assert "amber What is undone is not known: the image of v42 names no commit." in said(drawn)
    assert "red It is not known which migrations stay applied (the image of v42 is not labelled" in said(drawn)


async def test_a_contract_without_github_is_red_and_possible(table: Table) -> None:
    """GitHub is down when it is needed most: the image is known, the rest is called unknown."""
    table.world.github.faults.add(Fault("status", status=500))

    drawn = await table.draw()

    assert drawn.image is not None
    assert (drawn.commit.sha, drawn.undone.relation) == (SHA["v1.4.0"], Relation.UNKNOWN)
    assert "amber What is undone is not known: the two commits could not be compared." in said(drawn)
    assert "red It is not known which migrations stay applied (the two commits could not be compared)" in said(drawn)


async def test_our_own_plan_knows_what_is_undone_without_github(table: Table) -> None:
    """It was compared when it was deployed: the same commits, the same migrations."""
    await table.deployed("v1.4.2")
    table.world.github.faults.add(Fault("status", status=500))

    drawn = await table.draw()

    assert (drawn.undone.relation, drawn.migrations.risk) == (Relation.AHEAD, MigrationRisk.LISTED)
    assert drawn.contract.current.title == "Better error pages"
    assert f"red 1 migration stays applied: {MIGRATION}." in said(drawn)


async def test_another_plan_does_not_speak_for_this_way(table: Table) -> None:
    """Two steps back at once, and GitHub is silent: unknown, whatever one of them was."""
    await table.deployed("v1.4.2")
    table.world.github.faults.add(Fault("status", status=500))

    drawn = await table.draw("v39")

    assert drawn.migrations.risk is MigrationRisk.UNKNOWN


async def test_a_rollback_does_not_speak_for_the_way_forward(table: Table) -> None:
    """Our own plan that led from the one image to the other was a rollback: it knows nothing of migrations to stay."""
    await table.world.has_release_without_migration()
    await table.deployed("v1.5.0")
    await table.rolled_back("v42")
    table.world.github.faults.add(Fault("status", status=500))

    drawn = await table.draw("v43")

    assert drawn.migrations.risk is MigrationRisk.UNKNOWN


async def test_what_ci_built_was_noted_too(table: Table) -> None:
    """The image came from CI: the receipt at its end noted the secrets, and the plan the Machines."""
    await table.world.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
    await table.deployed("v1.5.0")
    await table.released(V140)
    table.world.fly.app(PRODUCTION).secrets["DATABASE_URL"].digest = "cafe"

    drawn = await table.draw("v1.5.0")

    assert drawn.contract.secrets == ("DATABASE_URL changed",)
    assert drawn.contract.scale == ()


async def test_a_silent_registry_is_amber_where_the_digest_is_known(table: Table) -> None:
    """It ran here: no reason to stay broken. Without a digest there is nothing to run."""
    await table.deployed("v1.4.2")
    await table.released(V140)
    table.world.fault("status", path="/v2/|/graphql", status=500)

    known, unknown = await table.draw("v42"), await table.draw("v38")

    assert known.image == known.contract.target.image
    assert "amber The registry does not say whether the image is still there." in said(known)
    assert (unknown.image, unknown.contract.target.problem) == (None, "")
    assert "Fly" in unknown.image_problem


async def test_fly_without_books_is_an_error(table: Table) -> None:
    """Where a release was named, only Fly's books say what it is."""
    table.world.fault("status", path="/api/v1/", status=500)

    with pytest.raises(BotError, match="Fly"):
        await table.draw()


class TestWayBack:
    """The way back from one of our own operations."""

    async def test_it_goes_to_what_ran_before(self, table: Table) -> None:
        """The release of the books with that image, pinned by the digest that the plan saw."""
        done = await table.deployed("v1.4.2")

        drawn = await table.draw("", back_from=done.id)

        assert (drawn.contract.current.name, drawn.contract.target.name) == ("v42", "v41")
        assert drawn.contract.target.ref == "v1.4.1"
        assert "green Goes back to what ran before the deployment of v1.4.2." in said(drawn)
        assert drawn.blockers == ()

    async def test_it_works_without_flys_books(self, table: Table) -> None:
        """Our journal says what ran before: its image, its ref, its migrations."""
        done = await table.deployed("v1.4.2")
        table.world.fault("status", path="/api/v1/", status=500)

        drawn = await table.draw("", back_from=done.id)

        assert (drawn.contract.target.version, drawn.contract.target.name) == (0, "v1.4.1")
        assert drawn.image is not None
        assert drawn.migrations.files == (f"priv/repo/migrations/{MIGRATION}",)

    async def test_it_goes_to_what_ran_even_if_the_books_call_it_failed(self, table: Table) -> None:
        """What our own plan saw running did run."""
        await table.released(V140)
        table.world.fly.app(PRODUCTION).releases[-1].status = "failed"
        table.world.fly.app(PRODUCTION).releases[1].status = "failed"
        done = await table.deployed("v1.4.2")

        drawn = await table.draw("", back_from=done.id)

        assert (drawn.contract.target.ref, drawn.contract.target.problem, drawn.blockers) == ("v1.4.0", "", ())

    async def test_there_is_nothing_before_the_first_deployment(self, table: Table) -> None:
        """The app had no Machines then."""
        machines = table.world.fly.app(PRODUCTION).machines
        kept = dict(machines)
        machines.clear()
        await table.world.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
        first = await table.deployed("v1.5.0")
        machines.clear()
        machines.update(kept)

        with pytest.raises(BotError, match=r"Nothing ran before the deployment of v1\.5\.0") as caught:
            await table.draw("", back_from=first.id)

        assert caught.value.reason is Reason.IMAGE_MISSING

    async def test_machines_that_differed_before_are_said(self, table: Table) -> None:
        """One image comes back to all of them."""
        await table.configured(SJC, image=f"registry.fly.io/{PRODUCTION}:{V140}")
        done = await table.deployed("v1.4.2")

        drawn = await table.draw("", back_from=done.id)

        assert "amber The Machines ran 2 different images before; all of them get the one" in said(drawn)

    async def test_what_is_left_behind_is_what_was_deployed(self, table: Table) -> None:
        """Most Machines were never moved: the contract still says that the deployment is undone."""
        table.world.fault("unhealthy", target=IAD)
        failed = await table.deployed("v1.4.2")
        table.world.fly.faults.clear()

        drawn = await table.draw("", back_from=failed.id)

        assert (drawn.contract.current.name, drawn.contract.target.name) == ("v42", "v41")
        assert drawn.migrations.risk is MigrationRisk.LISTED

    async def test_what_ran_before_may_run_everywhere_again(self, table: Table) -> None:
        """Somebody was quicker: what was deployed is still what is undone, as far as the plan knows it."""
        done = await table.deployed("v1.4.2")
        await table.released(f"sha-{SHA['v1.4.1']}")

        drawn = await table.draw("", back_from=done.id)

        assert (drawn.contract.current.name, drawn.contract.target.name) == ("v42", "v43")


async def test_a_retry_still_says_what_the_first_try_undid(table: Table) -> None:
    """The first try moved every Machine and failed: what it came from is in its plan."""
    await table.world.has_release_without_migration()
    await table.deployed("v1.5.0")
    first = await table.rolled_back("v42")

    drawn = await table.draw("v42", retry_of=first.id)

    assert (drawn.contract.current.name, drawn.contract.target.name) == ("v43", "v42")
    assert (drawn.undone.relation, drawn.undone.total_commits) == (Relation.AHEAD, 1)


async def test_a_retry_knows_what_the_books_do_not_show(table: Table) -> None:
    """What ran before the first try was made by hand: its plan remembers it, also where nothing else does."""
    await table.world.has_release_without_migration()
    await table.configured(IAD, SJC, image=f"registry.fly.io/{PRODUCTION}:{HEADING}")
    first = await table.rolled_back("v42")

    drawn = await table.draw("v42", retry_of=first.id)

    assert drawn.contract.current.version == 0
    assert drawn.contract.current.image.label == HEADING


async def test_a_machine_that_was_left_behind_is_what_is_undone(table: Table) -> None:
    """Most Machines run the release already: the contract is about the others."""
    await table.configured(SJC, image=f"registry.fly.io/{PRODUCTION}:{V140}")

    drawn = await table.draw("v41")

    assert drawn.contract.target.name == "v41"
    assert drawn.contract.current.image.label == V140
    assert drawn.blockers == ()


async def test_an_app_without_machines_has_a_contract(table: Table) -> None:
    """The policy refuses it by its own reason."""
    table.world.fly.app(PRODUCTION).machines.clear()

    drawn = await table.draw("v41")

    assert drawn.contract.current.image == Image("")
    assert not drawn.contract.may_configure
