"""What each strategy asks of the Machines that it moves, and what a person should know before.

Source: Fly.io docs, "Deploy an app: deployment strategy"; superfly/flyctl, internal/command/deploy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from bot.domain.deployment import Blocker, PlannedMachine
from bot.domain.model import Machine, Strategy
from bot.errors import Reason

AnyMachine = TypeVar("AnyMachine", Machine, PlannedMachine)
ROLLING_INSTEAD = "Deploy with the strategy `rolling`, which moves Machines where they are."


def strategy_blockers(strategy: Strategy, machines: Sequence[Machine]) -> Iterator[Blocker]:
    """Why these Machines cannot be moved this way, one blocker for each reason."""
    if strategy in {Strategy.CANARY, Strategy.BLUEGREEN}:
        yield from _no_volumes(strategy, machines)
    if strategy is Strategy.BLUEGREEN:
        yield from _all_checked(machines)
    for machine in machines:
        if machine.host_status != "ok" and model_for(machine, machines) is None:
            yield Blocker(
                Reason.HOST_UNREACHABLE,
                f"The host of Machine {machine.id} ({machine.region}) is {machine.host_status}: Fly shows no config, "
                "and no other Machine of its process group without a volume shows what a new one would need.",
                "Wait for the host. A volume lives on it: restore one from a snapshot with `fly volumes create "
                f"--snapshot-id`, add a Machine with it, then `fly machine destroy --force {machine.id}`.",
            )


def _no_volumes(strategy: Strategy, machines: Sequence[Machine]) -> Iterator[Blocker]:
    if mounted := [machine for machine in machines if machine.has_volume]:
        yield Blocker(
            Reason.STRATEGY_IMPOSSIBLE,
            f"The strategy `{strategy}` makes further Machines, and a volume belongs to one: {_named(mounted)}.",
            ROLLING_INSTEAD,
        )


def _all_checked(machines: Sequence[Machine]) -> Iterator[Blocker]:
    # Without its config nobody knows what checks a Machine has; its sibling's count.
    moved = [machine for machine in machines if machine.host_status == "ok" and not machine.is_standby]
    if unchecked := [machine for machine in moved if machine.checks_expected == 0]:
        yield Blocker(
            Reason.STRATEGY_IMPOSSIBLE,
            f"Without health checks `bluegreen` cannot know when to switch: {_named(unchecked)}.",
            "Give their process group a check in fly.toml, or deploy with the strategy `rolling`.",
        )


def _named(machines: Sequence[Machine]) -> str:
    return ", ".join(f"{machine.id} ({machine.region})" for machine in machines)


def model_for(machine: AnyMachine, machines: Sequence[AnyMachine]) -> AnyMachine | None:
    """Whose config a Machine gets that is made in the place of one that shows none, or None where nobody's fits.

    Siblings with volumes speak for a volume here, too, and that is bound to the host that does not answer.
    """
    siblings = [m for m in machines if m.group == machine.group and m.host_status == "ok"]
    if any(sibling.has_volume for sibling in siblings):
        return None
    return next(iter(sorted(siblings, key=lambda sibling: sibling.is_standby)), None)


def strategy_notes(strategy: Strategy, machines: Sequence[Machine]) -> Iterator[str]:
    """What a person should know of this way before it begins; nothing of it stops the deployment."""
    if strategy is Strategy.IMMEDIATE:
        yield "All Machines move at once: the app does not answer while they boot."
    if strategy is Strategy.CANARY:
        yield "One extra Machine for each process group boots first, without traffic, and is destroyed again."
    if strategy is Strategy.BLUEGREEN:
        count = sum(not machine.is_standby for machine in machines)
        yield f"Doubles the Machines for some minutes: {count} new ones run beside the old until they take over."
    for machine in machines:
        if machine.host_status != "ok" and strategy is not Strategy.BLUEGREEN:
            yield (
                f"The host of Machine {machine.id} ({machine.region}) is {machine.host_status}: a new Machine takes "
                "its place, and this one is destroyed."
            )
