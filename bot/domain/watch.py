"""The watch after a success: what is trouble, when it is over, when the image from before may come back. Pure.

watching → trouble ⇄ recovered; each ends with the window as quiet, unhealed or healed. Trouble may turn into
restoring → restored. A newer operation or release ends it as superseded; nobody looked: missed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import ASLEEP, Check, Exit, Machine, MigrationRisk
from bot.domain.operation import Card, Kind, Operation
from bot.domain.rollout import Step
from bot.domain.text import quoted

# So long after a crash a Machine must have been well before it counts as recovered: two looks.
STEADY = timedelta(seconds=30)
FAILED_STATES = frozenset({"failed", "launch_failed"})
SLEEPING_ALLOWED = frozenset({True, "stop", "suspend"})
# A look this long after the end of the window comes from a bot that was away then.
LATE = timedelta(minutes=1)


class Phase(StrEnum):
    """Where a watch stands."""

    WATCHING = "watching"
    TROUBLE = "trouble"
    RECOVERED = "recovered"
    RESTORING = "restoring"
    QUIET = "quiet"
    HEALED = "healed"
    UNHEALED = "unhealed"
    SUPERSEDED = "superseded"
    RESTORED = "restored"
    MISSED = "missed"


OPEN = frozenset({Phase.WATCHING, Phase.TROUBLE, Phase.RECOVERED, Phase.RESTORING})
AT_THE_END = {
    Phase.WATCHING: Phase.QUIET,
    Phase.RECOVERED: Phase.HEALED,
    Phase.TROUBLE: Phase.UNHEALED,
}


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one Machine, as the rest of a sentence about it."""

    machine_id: str
    region: str
    what: str


@dataclass(frozen=True)
class Watch:
    """One watch. `failing`: whose checks were critical at the last look; `release`: None before the first look.

    `restore_at` is when the image from before comes back unless somebody stops it; `note` says why it does not.
    `card` is the message about the trouble, `told` the phase that Slack shows, `revision` counts the changes.
    """

    operation_id: str
    until: datetime
    phase: Phase = Phase.WATCHING
    release: int | None = None
    failing: tuple[str, ...] = ()
    is_clean: bool = False
    troubles: tuple[Trouble, ...] = ()
    since: datetime | None = None
    tail: tuple[str, ...] = ()
    restore_at: datetime | None = None
    note: str = ""
    card: Card | None = None
    told: str = Phase.WATCHING
    revision: int = 0

    @property
    def is_open(self) -> bool:
        return self.phase in OPEN

    @property
    def had_trouble(self) -> bool:
        return self.since is not None


@dataclass(frozen=True)
class Seen:
    """A Machine as the receipt of the operation saw it."""

    id: str
    region: str
    state: str
    digest: str


def baseline(operation: Operation) -> Mapping[str, Seen]:
    """The Machines of the operation's receipt by id; none where it has no receipt."""
    row = operation.row(Step.RECEIPT)
    lines = row.detail["machines"] if row else []
    return {line["id"]: Seen(line["id"], line["region"], line["state"], line["digest"]) for line in lines}


def looked(
    watch: Watch, operation: Operation, plan: DeploymentPlan, machines: Sequence[Machine], now: datetime
) -> Watch:
    """The watch after a look at the app's Machines."""
    serving = {machine.id: machine for machine in machines if machine.is_serving}
    before, release = baseline(operation), _newest_release(serving)
    if _is_changed(before, serving) or release > (release if watch.release is None else watch.release):
        return superseded(watch)
    # One bad look at the checks may be a flap: trouble needs a second one.
    failing = tuple(machine.id for machine in serving.values() if machine.is_warm and _critical(machine))
    troubles = tuple(_troubles(before, serving, watch.failing, operation, now))
    was_clean, is_clean = watch.is_clean, not troubles and not failing
    first = release if watch.release is None else watch.release
    watch = dataclasses.replace(watch, release=first, failing=failing, is_clean=is_clean)
    if troubles:
        return _in_trouble(watch, troubles, operation, plan, now)
    if watch.phase is Phase.TROUBLE and was_clean and is_clean:
        return dataclasses.replace(watch, phase=Phase.RECOVERED, restore_at=None)
    return watch


def superseded(watch: Watch) -> Watch:
    """The watch when something newer runs on the app."""
    return dataclasses.replace(watch, phase=Phase.SUPERSEDED, restore_at=None)


def due(watch: Watch, now: datetime) -> Watch:
    """The watch when the countdown is over and the trouble is not: from here the bot restores."""
    if watch.restore_at is None or now < watch.restore_at or watch.is_clean:
        return watch
    return dataclasses.replace(watch, phase=Phase.RESTORING, restore_at=None)


def over(watch: Watch, now: datetime, *, is_seen: bool = True) -> Watch:
    """The watch when its window is over; a countdown is waited for.

    What nobody saw at the end is not called quiet, nor what was first looked at again long after it.
    """
    if now < watch.until or watch.restore_at is not None or watch.phase not in AT_THE_END:
        return watch
    is_missed = watch.phase is Phase.WATCHING and (not is_seen or now > watch.until + LATE)
    return dataclasses.replace(watch, phase=Phase.MISSED if is_missed else AT_THE_END[watch.phase])


def nothing_before(plan: DeploymentPlan) -> str:
    """Why there is nothing to go back to; empty where there is."""
    if plan.live is None:
        return "nothing ran before"
    if plan.image is not None and plan.live.digest == plan.image.digest:
        return "the same image ran before"
    return ""


def restore_refusal(operation: Operation, plan: DeploymentPlan) -> str:
    """Why the image from before does not come back by itself; empty where it does."""
    if operation.kind is Kind.ROLLBACK:
        return "this was itself a going back"
    if refusal := nothing_before(plan):
        return refusal
    if plan.migrations.risk is MigrationRisk.LISTED:
        return "a migration is in range, and the previous image may not fit the schema: a person decides"
    if plan.migrations.risk is MigrationRisk.UNKNOWN:
        return "it is unknown whether a migration is in range: a person decides"
    return ""


def _in_trouble(
    watch: Watch, troubles: tuple[Trouble, ...], operation: Operation, plan: DeploymentPlan, now: datetime
) -> Watch:
    if watch.phase is Phase.TROUBLE:
        return dataclasses.replace(watch, troubles=troubles)
    begun = dataclasses.replace(watch, phase=Phase.TROUBLE, troubles=troubles, since=now)
    if not plan.restore_on_trouble or watch.note:
        return begun
    if refusal := restore_refusal(operation, plan):
        return dataclasses.replace(begun, note=f"Nothing is restored by itself: {refusal}.")
    return dataclasses.replace(begun, restore_at=now + timedelta(seconds=plan.restore_countdown_s))


def _newest_release(serving: Mapping[str, Machine]) -> int:
    versions = (machine.release_version for machine in serving.values())
    return max((int(version) for version in versions if version.isdigit()), default=0)


def _is_changed(before: Mapping[str, Seen], serving: Mapping[str, Machine]) -> bool:
    """Whether a Machine runs what the operation did not bring; one more on the same image is no such thing."""
    known = {seen.digest for seen in before.values()}
    for machine in serving.values():
        expected = {before[machine.id].digest} if machine.id in before else known
        # A Machine whose host does not answer tells no digest.
        if machine.image.digest and machine.image.digest not in expected:
            return True
    return False


def _troubles(
    before: Mapping[str, Seen],
    serving: Mapping[str, Machine],
    failed_before: Sequence[str],
    operation: Operation,
    now: datetime,
) -> Iterator[Trouble]:
    assert operation.finished_at is not None
    for seen in before.values():
        machine = serving.get(seen.id)
        was_warm = seen.state == "started"
        if machine is None:
            what = "is gone" if was_warm else ""
        else:
            what = (
                _crash(machine, operation.finished_at, now)
                or (_stop(machine) if was_warm else "")
                or (_checks(machine) if machine.is_warm and machine.id in failed_before else "")
            )
        if what:
            yield Trouble(seen.id, seen.region, what)


def _crash(machine: Machine, since: datetime, now: datetime) -> str:
    if machine.state in FAILED_STATES:
        return "has failed"
    ended = machine.exit
    if ended is None or ended.at is None or ended.at < since or not _is_crash(ended):
        return ""
    if machine.is_healthy and now - ended.at >= STEADY:
        return ""
    memory = ", out of memory" if ended.oom_killed else ""
    code = "no exit code" if ended.exit_code is None else f"exit code {ended.exit_code}"
    restarts = "1 restart" if ended.restart_count == 1 else f"{ended.restart_count} restarts"
    return f"crashed: {code}{memory}, {restarts}"


def _is_crash(ended: Exit) -> bool:
    return ended.oom_killed or (not ended.requested_stop and ended.exit_code != 0)


def _stop(machine: Machine) -> str:
    if machine.state not in ASLEEP:
        return ""
    # The proxy puts idle Machines to sleep; whatever code a process that is told to stop exits with, it was asked to.
    was_asked = machine.exit is None or machine.exit.requested_stop or machine.state == "suspended"
    if was_asked and _may_sleep(machine):
        return ""
    return f"was {machine.state}" if was_asked else "stopped by itself"


def _may_sleep(machine: Machine) -> bool:
    return any(service.get("autostop") in SLEEPING_ALLOWED for service in machine.config.get("services") or [])


def _checks(machine: Machine) -> str:
    said = [f"{quoted(c.name)} is critical: {quoted(c.output)}".strip(": ") for c in _critical(machine)]
    return "; ".join(said)


def _critical(machine: Machine) -> list[Check]:
    return [check for check in machine.checks if check.status == "critical"]
