"""Any order of clicks, expiries, deployments outside the bot, locks and crashes: what must hold in every world.

Hypothesis makes up the order; the world is the whole one, bot and simulators, on a clock that jumps.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.domain.operation import ACTIVE, FINAL, Operation
from tests.virtual_time import VirtualLoop
from tests.world import PRODUCTION, SHA, World
from tests.world import world as make_world

T = TypeVar("T")
CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
APPROVE, REPLAN = "approval_approve", "approval_replan"
MACHINES = ("148e2d1c6e9789", "9080e4f2c51387")
PEOPLE = st.sampled_from(["U0ANA", "U0ANA", "U0BO", "U0CLEO", "U0GUS"])
APPROVERS = {"U0BO", "U0CLEO"}
REGISTRY = f"registry.fly.io/{PRODUCTION}"


class Rollbacks(RuleBasedStateMachine):
    """People and machines that do whatever comes to mind."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.world: World

    def runs(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns, on this world's loop."""
        return self.loop.run_until_complete(work)

    @initialize()
    def begins(self) -> None:
        """v1.4.2 is live by CI, v1.5.0 has its image."""
        database = Path(self.folder.name) / "flytower.db"
        self.world = self.runs(self.stack.enter_async_context(make_world(database)))
        self.runs(self.world.has_release_without_migration())

    def teardown(self) -> None:
        """The world goes, whatever was under way."""
        self.runs(self.stack.aclose())
        self.runs(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.folder.cleanup()

    @rule(by=PEOPLE, ref=st.sampled_from(["v1.4.1", "v1.4.2", "v1.5.0"]))
    def asks_for_a_deployment(self, by: str, ref: str) -> None:
        """Somebody asks for a deployment."""
        self.runs(self.world.slack.command(user=by, channel="C0DEPLOYS", text=f"/deploy production {ref}"))
        self.passes(2)

    @rule(by=PEOPLE, release=st.sampled_from(["", "v1.4.1", "v1.4.2", "v39"]))
    def asks_for_a_rollback(self, by: str, release: str) -> None:
        """Somebody asks for a rollback."""
        self.runs(self.world.slack.command(user=by, channel="C0DEPLOYS", text=f"/rollback production {release}"))
        self.passes(2)

    @rule(by=PEOPLE, release=st.sampled_from(["", "v1.4.1"]), waits=st.sampled_from([0.0, 3.0, 12.0, 90.0]))
    def rolls_back(self, by: str, release: str, waits: float) -> None:
        """Somebody asks for a rollback and others approve it at once."""
        self.asks_for_a_rollback(by, release)
        self.press_together(["U0BO", "U0CLEO"], APPROVE)
        self.passes(waits)

    @rule(by=PEOPLE, action=st.sampled_from([CONFIRM, APPROVE, REPLAN, CANCEL]), newest=st.booleans())
    def presses(self, by: str, action: str, newest: bool) -> None:
        """Somebody presses a button that is there, of the newest card that has it or of the oldest."""
        cards = [card for card in self.world.messages() if action in json.dumps(card["blocks"])]
        if cards:
            self.runs(self.world.press(action, by=by, card=cards[-1 if newest else 0]))
            self.passes(1)

    @rule(people=st.lists(PEOPLE, min_size=2, max_size=3), action=st.sampled_from([CONFIRM, APPROVE]))
    def press_together(self, people: list[str], action: str) -> None:
        """Several people, or one with a quick finger, press the same button at once."""
        cards = [card for card in self.world.messages() if action in json.dumps(card["blocks"])]

        async def all_at_once() -> None:
            await asyncio.gather(*(self.world.press(action, by=by, card=cards[-1]) for by in people))

        if cards:
            self.runs(all_at_once())
            self.passes(1)

    @rule(by=PEOPLE, length=st.sampled_from(["", " for 10m", " for 2h"]))
    def locks(self, by: str, length: str) -> None:
        """Somebody locks production."""
        self.types(by, f'/deploy lock production "careful"{length}')

    @rule(by=PEOPLE)
    def unlocks(self, by: str) -> None:
        """Somebody unlocks production, whose lock it may not be."""
        self.types(by, "/deploy unlock production")

    @rule(by=PEOPLE)
    def lifts_the_hold(self, by: str) -> None:
        """Somebody lifts all holds of production."""
        self.types(by, '/deploy hold lift production "we looked"')

    @rule(ref=st.sampled_from(["v1.4.1", "v1.4.2", "heading"]))
    def deploys_outside(self, ref: str) -> None:
        """CI deploys without the bot, unless it would be kept waiting by leases."""
        if not any(operation.state in ACTIVE for operation in self.operations()):
            self.runs(self.world.fly.control.ci.deploy(PRODUCTION, f"{REGISTRY}:sha-{SHA[ref]}"))

    @rule(seconds=st.sampled_from([1.0, 7.0, 30.0, 120.0, 2400.0]))
    def passes(self, seconds: float) -> None:
        """Time goes by."""
        self.runs(self.world.simulators.clock.sleep(seconds))

    @rule()
    def dies(self) -> None:
        """The bot stops, often in the middle of something; another one goes on."""

        async def again() -> None:
            await self.world.bot.stop()
            self.world.bot = self.world.new_bot()
            await self.world.bot.start()

        self.runs(again())

    def types(self, by: str, text: str) -> None:
        self.runs(self.world.slack.command(user=by, channel="C0DEPLOYS", text=text))
        self.passes(2)

    def operations(self) -> list[Operation]:
        return self.runs(self.world.operations()) if hasattr(self, "world") else []

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.runs(self.world.bot.store.read(lambda db: list(db.query(query))))

    @invariant()
    def no_two_operations_of_an_app_overlap(self) -> None:
        """One ends before the next one starts."""
        spans = sorted((o.started_at, o.finished_at) for o in self.operations() if o.started_at is not None)
        for (_, ended), (started, _) in itertools.pairwise(spans):
            assert ended is not None
            assert ended <= started

    @invariant()
    def an_approval_is_used_once_and_by_somebody_else(self) -> None:
        """What needed an approval started with exactly one, of an approver who did not ask for it."""
        if not hasattr(self, "world"):
            return
        used = self.rows("SELECT operation_id, decided_by FROM approval WHERE state = 'approved'")
        for operation in self.operations():
            approvers = [row["decided_by"] for row in used if row["operation_id"] == operation.id]
            needs = operation.plan is not None and operation.plan["approval"] is not None
            is_started = operation.started_at is not None
            assert len(approvers) == (1 if needs and is_started else 0)
            assert set(approvers) <= APPROVERS - {operation.actor.user_id}

    @invariant()
    def what_has_ended_holds_nothing(self) -> None:
        """Neither the app in the database nor a lease at Fly."""
        if not hasattr(self, "world"):
            return
        operations = self.operations()
        if all(operation.state in FINAL or operation.started_at is None for operation in operations):
            now, apps = self.world.simulators.clock.now(), self.world.fly.world.apps
            held = [apps[PRODUCTION].machines[machine].lease_at(now) for machine in MACHINES]
            assert [lease for lease in held if lease and "flytower" in lease.description] == []

    @invariant()
    def nothing_held_ships(self) -> None:
        """No operation started while a hold was in force that its commit falls under."""
        if not hasattr(self, "world"):
            return
        git = next(iter(self.world.github.world.repositories.values())).git
        for hold in self.rows("SELECT * FROM hold"):
            bad = git.ancestors(hold["bad"]) | {hold["bad"]}
            held = bad - (git.ancestors(hold["good"]) | {hold["good"]})
            for operation in self.operations():
                if operation.started_at is None or not _falls_under(operation, hold):
                    continue
                assert operation.plan is not None
                commit = operation.plan["commit"]["sha"]
                assert not held & (git.ancestors(commit) | {commit})


def _falls_under(operation: Operation, hold: dict[str, Any]) -> bool:
    """Whether the operation started while the hold was in force, and is not the rollback that made it."""
    began, ended = datetime.fromisoformat(hold["at"]), hold["lifted_at"]
    assert operation.started_at is not None
    is_later = operation.started_at > began and operation.id != hold["operation_id"]
    return is_later and (ended is None or operation.started_at < datetime.fromisoformat(ended))


class TestRollbacks(Rollbacks.TestCase):  # type: ignore[misc]
    """The machine above, as a test."""

    settings = settings(
        max_examples=15,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
