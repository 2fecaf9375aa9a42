"""An engine without a world: it follows `next_action`, writes the rows the real steps write, and crashes at will."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.operation import JournalRow, Operation, StepStatus
from bot.domain.rollout import AFTER_UPDATES, Action, Step, next_action
from bot.errors import Reason
from tests.builders import failure, operation, receipt, row, started

OK, FAIL, CRASH, ASLEEP = "ok", "fail", "crash", "asleep"
Choose = Callable[[Step, str], str]
STEPS_LIMIT = 200


class Crashed(Exception):
    """The process died: the next row was never written."""


class Failed(Exception):
    """The step saw that it cannot succeed."""


@dataclass
class SimulatedEngine:
    """Runs one deployment to its end; `choose` decides before each row whether it succeeds, fails or dies.

    `cancel_after` is the number of rows after which somebody presses Cancel.
    """

    plan: DeploymentPlan
    choose: Choose
    cancel_after: int | None = None
    taken: list[tuple[Action, Operation]] = field(default_factory=list)

    def run(self) -> Operation:
        """The operation once there is nothing left to do; AssertionError where that never comes."""
        self.operation = operation(of=self.plan)
        while (action := next_action(self.operation, self.plan)) is not None:
            self.taken.append((action, self.operation))
            assert len(self.taken) < STEPS_LIMIT, f"it never ends: {[a.step for a, _ in self.taken[-9:]]}"
            self._take(action)
        return self.operation

    def _take(self, action: Action) -> None:
        try:
            for written in self._rows(action):
                self._write(written)
        except Failed:
            self._write(failure(action.step, _reason(action.step), machines=list(action.machines)))
        except Crashed:
            return

    def _write(self, written: JournalRow) -> None:
        journal = (*self.operation.journal, written)
        is_asked = self.cancel_after is not None and len(journal) > self.cancel_after
        by = "U0BO" if is_asked else ""
        self.operation = dataclasses.replace(self.operation, journal=journal, cancel_requested_by=by)

    def _decide(self, step: Step, target: str = "") -> str:
        decision = self.choose(step, target)
        if decision == CRASH:
            raise Crashed
        if decision == FAIL:
            raise Failed
        return decision

    def _rows(self, action: Action) -> Iterator[JournalRow]:
        match action.step:
            case Step.FAILURE:
                raise Failed
            case Step.UPDATE:
                yield from self._side_by_side(self._update, action)
            case Step.RESTORE:
                yield from self._side_by_side(self._restore, action)
            case Step.PROVE_IMAGE:
                yield from self._side_by_side(self._prove, action)
            case Step.CANARY | Step.GREEN | Step.RETIRE:
                yield from self._side_by_side(lambda target: self._begun(action.step, target), action)
            case Step.CUT_OVER:
                yield from self._begun(action.step, "")
            case _:
                self._decide(action.step)
                yield from self._simple(action.step)

    def _simple(self, step: Step) -> Iterator[JournalRow]:
        failed = self.operation.row(Step.FAILURE) is not None
        match step:
            case Step.RECORD_RELEASE:
                yield started(step, after=41)
                self._decide(step)
                yield row(step, release_id="rel_42", version=42)
            case Step.RELEASE_COMMAND:
                yield row(Step.RELEASE_MACHINE, machine="r1")
                yield started(step)
                self._decide(step)
                yield row(step, exit_code=0, seconds=1.0)
            case Step.END_RELEASE_COMMAND:
                self._decide(step)
                yield row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=None)
            case Step.CLOSE_RELEASE:
                yield row(step, status="failed" if failed else "complete")
            case Step.RECEIPT:
                yield receipt()
                if not failed:
                    self._decide(step)
            case _:
                yield row(step)

    def _side_by_side(self, one: Callable[[str], Iterator[JournalRow]], action: Action) -> Iterator[JournalRow]:
        """All come to their end, whichever fails; a crash ends all."""
        failed = False
        for machine in action.machines:
            try:
                yield from one(machine)
            except Failed:
                failed = True
        if failed:
            raise Failed

    def _begun(self, step: Step, target: str) -> Iterator[JournalRow]:
        if self.operation.row(step, target) is None:
            yield started(step, target)
        self._decide(step, target)
        yield row(step, target, machine=f"new-{target}")

    def _prove(self, machine: str) -> Iterator[JournalRow]:
        yield started(Step.PROVE_IMAGE, machine)
        self._decide(Step.PROVE_IMAGE, machine)
        yield row(Step.PROVE_IMAGE, machine)

    def _update(self, machine: str) -> Iterator[JournalRow]:
        if self.operation.row(Step.UPDATE, machine) is None:
            yield started(Step.UPDATE, machine)
        planned = self.plan.machine(machine)
        if planned.host_status != "ok":
            yield from self._replace(planned)
            return
        is_warm = planned.is_warm
        proven = is_warm and self._decide(Step.UPDATE, machine) != ASLEEP
        yield row(Step.UPDATE, machine, launch=proven, proven=proven)

    def _replace(self, planned: PlannedMachine) -> Iterator[JournalRow]:
        if not self.operation.done(Step.REPLACE, planned.id):
            yield from self._begun(Step.REPLACE, planned.id)
        self._decide(Step.REPLACE, planned.id)
        yield row(Step.UPDATE, planned.id, launch=planned.is_warm, proven=not planned.is_standby)

    def _restore(self, machine: str) -> Iterator[JournalRow]:
        yield started(Step.RESTORE, machine)
        if self._decide(Step.RESTORE, machine) == ASLEEP:
            yield row(Step.RESTORE, machine, StepStatus.FAILED, message="no answer")
        else:
            yield row(Step.RESTORE, machine)


def _reason(step: Step) -> Reason:
    """Why a step fails here: once all Machines are moved and well, not because of them."""
    if step is Step.FAILURE:
        return Reason.CANCELLED
    return Reason.CHANGED_OUTSIDE if step in AFTER_UPDATES else Reason.MACHINE_UNHEALTHY
