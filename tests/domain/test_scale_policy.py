"""What speaks against a scaling, what it warns of, and who has to agree."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import Cause
from bot.domain.incident import Incident
from bot.domain.lock import Lock
from bot.domain.model import Actor, Policy
from bot.domain.policy import Ground
from bot.domain.scale import Count, SizeWish
from bot.domain.scale_deeds import ScaleFacts
from bot.domain.scale_policy import ScaleDecision, decide_scaling
from bot.errors import Reason
from tests.builders import ANA, BO, NEW, NOW, environment, lease
from tests.domain.scaled import FLEET, facts, mounted, sized, volume, worker

TWO = Count("iad", 2)


def decided(*counts: Count, **given: Any) -> ScaleDecision:
    """The policy's answer to these counts."""
    return decide_scaling(facts(*counts, **given))


def reasons(decision: ScaleDecision) -> list[Reason]:
    """Why it is refused."""
    return [Reason(blocker.reason) for blocker in decision.blockers]


def test_one_machine_more_is_allowed() -> None:
    """Production needs a second person, and nothing else."""
    decision = decided(TWO)

    assert reasons(decision) == []
    assert decision.approval is not None
    assert (decision.approval.approvers, decision.approval.causes) == (("U0DORA",), (Cause.SCALING,))
    assert [(machine.id, machine.is_healthy) for machine in decision.machines] == [("m1", True), ("m2", True)]


REFUSED: list[tuple[dict[str, Any], tuple[Count, ...], Reason]] = [
    ({"running": "Bo's deployment runs."}, (TWO,), Reason.OPERATION_RUNNING),
    ({"leases": (lease(),)}, (TWO,), Reason.LEASE_HELD),
    ({"leases": (lease(owner="", expires_at=None),)}, (TWO,), Reason.LEASE_HELD),
    ({"machines": ()}, (TWO,), Reason.NO_MACHINES),
    ({"machines": (*FLEET, worker("w1"))}, (TWO,), Reason.GROUP_UNNAMED),
    ({}, (Count("iad", 2, "jobs"),), Reason.GROUP_UNKNOWN),
    ({}, (Count("xyz", 1),), Reason.REGION_UNKNOWN),
    ({"asked": {"sizes": (SizeWish(memory_mb=300),)}}, (), Reason.SIZE_UNKNOWN),
    ({}, (Count("iad", 0), Count("sjc", 0)), Reason.BELOW_MINIMUM),
    ({"policy": Policy(approvers=("U0DORA",), scale_min=2)}, (Count("iad", 0),), Reason.BELOW_MINIMUM),
    ({}, (Count("iad", 21),), Reason.ABOVE_MAXIMUM),
    ({"machines": tuple(sized(f"m{n}", state="failed") for n in (1, 2))}, (Count("sjc", 1),), Reason.NO_HEALTHY_MODEL),
    ({"machines": (sized("m1", size=None),)}, (TWO,), Reason.NO_HEALTHY_MODEL),
    ({"machines": (mounted("m1"), sized("m2", "sjc"))}, (Count("iad", 0),), Reason.VOLUME_ONLY_COPY),
    ({}, (Count("iad", 1),), Reason.NOTHING_TO_SCALE),
    ({"policy": Policy()}, (TWO,), Reason.APPROVERS_MISSING),
]


@pytest.mark.parametrize(("given", "counts", "reason"), REFUSED)
def test_what_must_not_be_is_refused(given: dict[str, Any], counts: tuple[Count, ...], reason: Reason) -> None:
    """With its reason and with what lifts it, and for no other reason."""
    decision = decided(*counts, **given)

    assert reasons(decision) == [reason]
    assert all(blocker.message.endswith(".") and blocker.lift for blocker in decision.blockers)


def test_one_machine_is_one_machine() -> None:
    """The minimum is told in the right number."""
    one, two = (decided(Count("iad", 0), Count("sjc", 0), policy=Policy(scale_min=n)) for n in (1, 2))

    assert "at least 1 Machine," in one.blockers[0].message
    assert "at least 2 Machines," in two.blockers[0].message


def test_too_few_machines_may_become_more() -> None:
    """The minimum keeps nobody from growing towards it."""
    assert reasons(decided(Count("iad", 3), policy=Policy(approvers=("U0DORA",), scale_min=9))) == []


def test_too_many_machines_may_become_fewer() -> None:
    """The most is a limit to growing, and keeps nobody from shrinking."""
    machines = tuple(sized(f"m{n:02}") for n in range(25))

    assert reasons(decided(Count("iad", 23), machines=machines)) == []


def test_a_fleet_that_is_down_already_may_be_left() -> None:
    """The minimum counts the Machines that serve people, and workers are none."""
    machines = (*FLEET, worker("w1"))
    asked = (Count("iad", 0, "app"), Count("sjc", 0, "app"))

    assert reasons(decided(*asked, machines=machines)) == [Reason.BELOW_MINIMUM]
    assert reasons(decided(Count("iad", 0, "worker"), machines=machines)) == []


def test_an_environment_of_a_branch_asks_nobody() -> None:
    """Unless the policy says so, and then who approves has to be known."""
    staging = environment(name="staging", released_by="push", policy=Policy())
    strict = environment(name="staging", released_by="push", policy=Policy(approve_scaling=True, approvers=("U0BO",)))

    assert decided(TWO, env=staging).approval is None
    need = decided(TWO, env=strict).approval
    assert need is not None
    assert "staging" in need.because[0]


LOCK = Lock(7, "reify-studio/production", "", BO, "moving the database", NOW - timedelta(hours=1))
ENDED = dataclasses.replace(LOCK, until=NOW - timedelta(minutes=1))
EVERYWHERE = dataclasses.replace(LOCK, scope="")
WARNED: list[tuple[dict[str, Any], str]] = [
    ({"ground": Ground(NOW, ANA, lock_problem="row 7 is torn")}, "row 7 is torn"),
    ({"ground": Ground(NOW, ANA, locks=(LOCK,))}, "moving the database"),
    ({"ground": Ground(NOW, ANA, locks=(EVERYWHERE,))}, "`everything`"),
    ({"ground": Ground(NOW, ANA, incident=Incident(5, "checkout is down", BO, NOW))}, "checkout is down"),
    ({"machines": (FLEET[0], sized("m2", "sjc", checks=()))}, "m2 (sjc) is started"),
    ({"machines": (FLEET[0], sized("m2", "sjc", image=NEW))}, "2 different images"),
]


@pytest.mark.parametrize(("given", "said"), WARNED)
def test_what_an_approver_should_know_is_a_warning(given: dict[str, Any], said: str) -> None:
    """It keeps nobody out, and stands on the card."""
    decision = decided(TWO, **given)

    assert reasons(decision) == []
    assert any(said in warning for warning in decision.warnings), decision.warnings


def test_a_calm_world_has_no_warnings() -> None:
    """Neither has a lock that is over."""
    assert decided(TWO).warnings == ()
    assert decided(TWO, ground=Ground(NOW, Actor("U0X"), locks=(ENDED,))).warnings == ()


def test_the_only_machine_that_serves_restarts() -> None:
    """For some seconds nobody answers, and that is said; with two there is none of it."""
    asked = {"sizes": (SizeWish(memory_mb=2048),)}

    assert any("nothing answers" in each for each in decided(machines=FLEET[:1], asked=asked).warnings)
    assert decided(asked=asked).warnings == ()


def test_what_is_left_behind_is_noted() -> None:
    """A volume goes on costing, and standby Machines are not touched."""
    machines = (mounted("m1"), mounted("m2"), sized("m3", standbys=["m1"]), sized("m4", "sjc"))
    volumes = (volume("vol_1", of="m1"), volume("vol_2", of="m2"))

    notes = decided(Count("iad", 1), machines=machines, volumes=volumes).notes

    assert any("vol_2 (3 GB)" in note for note in notes)
    assert any("Standby" in note for note in notes)
    assert decided(Count("sjc", 0), machines=machines, volumes=volumes).notes == notes[1:]


def test_many_that_are_unwell_are_named_in_part() -> None:
    """A list nobody reads helps nobody."""
    machines = tuple(sized(f"m{n}", checks=()) for n in range(8))

    (warning,) = decide_scaling(facts(Count("iad", 7), machines=machines)).warnings

    assert warning.count("is started") == 5


def test_the_decision_stands_on_facts_alone() -> None:
    """The same facts give the same decision."""
    given: ScaleFacts = facts(TWO)

    assert decide_scaling(given) == decide_scaling(given)
