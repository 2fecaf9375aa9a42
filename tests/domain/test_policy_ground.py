"""The policy's rules of people and of the calendar: locks, holds, freezes, incidents, approvals."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import ApprovalNeed, Cause
from bot.domain.freeze import Frozen
from bot.domain.hold import Contains, Hold, HoldFinding
from bot.domain.incident import Incident
from bot.domain.lock import EVERYWHERE, Lock
from bot.domain.model import Actor, Ci, CiState, Policy, RefKind
from bot.domain.policy import DeploymentFacts, Ground, decide_deployment
from bot.domain.rollback import Contract, EarlierRelease, Remark, Risk
from bot.errors import Reason
from tests.builders import NEW, NOW, OLD, environment, machine

ANA, BO, CLEO = Actor("U0ANA", "T0"), Actor("U0BO", "T0"), Actor("U0CLEO", "T0")
LOCK = Lock(7, "reify-studio/production", "", BO, "moving the database", NOW - timedelta(hours=1))
HOLD = Hold(
    id=3,
    environment="reify-studio/production",
    repository="reify/reify-studio",
    operation_id="op",
    good="a" * 40,
    good_ref="v1.4.1",
    bad="b" * 40,
    bad_ref="v1.4.2",
    by=BO,
    why="checkout is down",
    at=NOW,
)
APPROVERS = ("S0APPROVERS", "U0DORA")
FROZEN = Frozen("weekend", NOW + timedelta(days=2))
INCIDENT = Incident(5, "checkout is down", BO, NOW)


def contract(*risks: Risk) -> Contract:
    """A contract whose remarks are this risky."""
    release = EarlierRelease(41, OLD, "v1.4.1", "", NOW, "ci")
    remarks = tuple(Remark(risk, f"a {risk} thing") for risk in risks)
    return Contract(current=dataclasses.replace(release, version=42, image=NEW), target=release, remarks=remarks)


def facts(*, policy: Policy | None = None, by: Actor = ANA, **changes: Any) -> DeploymentFacts:
    """Facts of a deployment that nothing speaks against, with `changes` of the ground."""
    return DeploymentFacts(
        environment=environment(policy=policy),
        ref="v1.4.2",
        ref_kind=RefKind.TAG,
        ci=Ci(CiState.SUCCESS),
        image=NEW,
        machines=(machine("148e01"),),
        ground=Ground(NOW, by, **changes),
    )


def going_back(*risks: Risk, policy: Policy | None = None, **changes: Any) -> DeploymentFacts:
    """Facts of a rollback whose contract has remarks of these risks."""
    made = facts(policy=policy, **changes)
    return dataclasses.replace(made, goes_back=True, contract=contract(*risks))


def reasons(made: DeploymentFacts) -> list[Reason]:
    """The codes that the policy answers with."""
    return [blocker.reason for blocker in decide_deployment(made).blockers]


def finding(contains: Contains, detail: str = "") -> HoldFinding:
    """How the commit lies to the hold."""
    return HoldFinding(HOLD, contains, detail)


def test_a_lock_keeps_others_out_and_says_whose_it_is() -> None:
    """The refusal names holder, scope, since when and why, and carries the lock's id for its buttons."""
    (blocker,) = decide_deployment(facts(locks=(LOCK,))).blockers

    assert blocker.reason is Reason.LOCKED
    assert blocker.message.startswith("<@U0BO> keeps `reify-studio/production` locked since ")
    assert blocker.message.endswith(": moving the database")
    assert blocker.subject == "7"


def test_a_lock_keeps_rollbacks_of_others_out_too() -> None:
    """Whoever moves the database must not have the image changed under them; taking over is one click."""
    assert reasons(going_back(locks=(LOCK,))) == [Reason.LOCKED]


@pytest.mark.parametrize(
    "lock",
    [
        dataclasses.replace(LOCK, holder=ANA),
        dataclasses.replace(LOCK, until=NOW),
        dataclasses.replace(LOCK, until=NOW - timedelta(seconds=1)),
    ],
    ids=["own", "ends now", "ended"],
)
def test_a_lock_of_ones_own_and_one_that_ended_keep_nobody_out(lock: Lock) -> None:
    """No job has to notice the end of a lock."""
    assert reasons(facts(locks=(lock,))) == []


def test_a_lock_with_an_end_says_it() -> None:
    """Who waits knows how long, also where everything is locked."""
    lock = dataclasses.replace(LOCK, scope=EVERYWHERE, until=NOW + timedelta(hours=2))

    (blocker,) = decide_deployment(facts(locks=(lock,))).blockers

    assert "`everything`" in blocker.message
    assert f"until {lock.until:%Y-%m-%d %H:%M} UTC" in blocker.message


@pytest.mark.parametrize(
    ("ref", "kind", "expected"),
    [
        ("checkout", RefKind.BRANCH, []),
        ("checkout", RefKind.TAG, [Reason.LOCKED]),
        ("main", RefKind.BRANCH, [Reason.LOCKED]),
    ],
)
def test_the_branch_that_a_lock_is_for_passes(ref: str, kind: RefKind, expected: list[Reason]) -> None:
    """That branch and nothing else that is called like it."""
    lock = dataclasses.replace(LOCK, branch="checkout")
    by_branch = environment(released_by="push", release_ref="main")
    made = dataclasses.replace(facts(locks=(lock,)), ref=ref, ref_kind=kind, environment=by_branch)

    assert reasons(made) == expected


def test_a_lock_that_lets_one_through_is_a_warning() -> None:
    """Its holder is reminded that others are kept out."""
    decision = decide_deployment(facts(by=BO, locks=(LOCK,)))

    assert decision.is_allowed
    assert decision.warnings == ("A lock keeps others out of `reify-studio/production`: moving the database",)


def test_a_lock_that_cannot_be_read_blocks_everybody() -> None:
    """Nobody knows whom it keeps out."""
    made = facts(by=BO, lock_problem="lock 9: Invalid isoformat string")

    assert reasons(made) == [Reason.LOCK_UNKNOWN]
    assert "lock 9" in decide_deployment(made).blockers[0].message


@pytest.mark.parametrize(("contains", "words"), [(Contains.ALL, "contains that."), (Contains.PART, "a part of that.")])
def test_what_is_held_does_not_ship_in_whole_or_in_part(contains: Contains, words: str) -> None:
    """Neither forward nor as a rollback; the refusal says who rolled back, when and why."""
    for made in (facts(findings=(finding(contains),)), going_back(findings=(finding(contains),))):
        (blocker,) = decide_deployment(made).blockers

        assert blocker.reason is Reason.HELD
        assert blocker.message.startswith("<@U0BO> rolled `reify-studio/production` back from v1.4.2 on ")
        assert "(checkout is down)" in blocker.message
        assert blocker.message.endswith(words)
        assert blocker.subject == "3"


def test_a_hold_without_a_reason_reads_well() -> None:
    """There are no empty brackets."""
    bare = HoldFinding(dataclasses.replace(HOLD, why=""), Contains.ALL)

    assert "()" not in decide_deployment(facts(findings=(bare,))).blockers[0].message


def test_a_deployment_of_which_nobody_knows_whether_it_is_held_is_refused() -> None:
    """The reason why nobody knows is said."""
    (blocker,) = decide_deployment(facts(findings=(finding(Contains.UNKNOWN, "GitHub does not answer"),))).blockers

    assert (blocker.reason, blocker.subject) == (Reason.HOLD_UNKNOWN, "3")
    assert "GitHub does not answer" in blocker.message


def test_a_rollback_does_not_wait_for_github_to_tell_what_is_held() -> None:
    """It is warned of instead: GitHub being down never blocks the way back."""
    decision = decide_deployment(going_back(findings=(finding(Contains.UNKNOWN, "GitHub does not answer"),)))

    assert decision.is_allowed
    assert decision.warnings == ("Whether this contains what is held of v1.4.2 is not known.",)


def test_a_fix_passes_with_the_word_why() -> None:
    """A commit with the way out in its ancestry ships, and one that has nothing of it ships without a word."""
    mended = decide_deployment(facts(findings=(finding(Contains.MENDED, "abc1234 reverts it"),)))

    assert (mended.is_allowed, mended.warnings) == (
        True,
        ("The hold on v1.4.2 lets this through: abc1234 reverts it.",),
    )
    assert decide_deployment(facts(findings=(finding(Contains.NOTHING),))).warnings == ()


# What asks for an approval, and nothing beside it.
NEEDS = [
    (facts(policy=Policy(approvers=APPROVERS, approve_deployments=True)), [Cause.ENVIRONMENT]),
    (facts(policy=Policy(approvers=APPROVERS, approve_rollbacks=True)), []),
    (going_back(policy=Policy(approvers=APPROVERS, approve_rollbacks=True)), [Cause.ENVIRONMENT]),
    (going_back(policy=Policy(approvers=APPROVERS, approve_deployments=True)), []),
    (going_back(Risk.AMBER, policy=Policy(approvers=APPROVERS)), []),
    (going_back(Risk.AMBER, Risk.RED, policy=Policy(approvers=APPROVERS)), [Cause.RED_ROLLBACK]),
    (facts(policy=Policy(approvers=APPROVERS), frozen=FROZEN), [Cause.FREEZE]),
    (going_back(policy=Policy(approvers=APPROVERS), frozen=FROZEN), []),
    (facts(policy=Policy(approvers=APPROVERS), incident=INCIDENT), [Cause.INCIDENT]),
    (facts(policy=Policy(approvers=APPROVERS, rollback=False), incident=INCIDENT), []),
]


@pytest.mark.parametrize(("made", "causes"), NEEDS)
def test_a_second_person_is_asked_for_where_a_rule_says_so(made: DeploymentFacts, causes: list[Cause]) -> None:
    """Each cause has its sentence; nothing is blocked by it."""
    decision = decide_deployment(made)

    need = decision.approval
    assert decision.is_allowed
    assert list(need.causes if need else ()) == causes
    if need is not None:
        assert need.approvers == APPROVERS
        assert all(need.because)
        assert (need.groups, need.people) == (("S0APPROVERS",), ("U0DORA",))


def test_several_causes_are_one_approval() -> None:
    """A frozen environment that always asks has two sentences and one request."""
    made = facts(policy=Policy(approvers=APPROVERS, approve_deployments=True), frozen=FROZEN, incident=INCIDENT)

    decision = decide_deployment(made)

    assert decision.approval is not None
    assert decision.approval.because == (
        "Every deployment of `production` needs an approval.",
        f"`production` is frozen (weekend) until {FROZEN.until:%Y-%m-%d %H:%M} UTC.",
        "There is an incident: deployments need an approval until it ends.",
    )


def test_an_incident_lets_rollbacks_pass_and_says_so() -> None:
    """What would need an approval goes without one, under the incident's name."""
    decision = decide_deployment(going_back(Risk.RED, incident=INCIDENT))

    assert (decision.is_allowed, decision.approval, decision.waived) == (True, None, "incident 5")


def test_a_rollback_that_needs_no_approval_is_not_said_to_be_let_through() -> None:
    """Only what skipped somebody is listed for review."""
    assert decide_deployment(going_back(Risk.GREEN, incident=INCIDENT)).waived == ""


def test_what_the_bot_does_by_itself_was_agreed_to_in_the_configuration() -> None:
    """The restore after trouble waits for nobody."""
    made = going_back(Risk.RED, policy=Policy(approvers=APPROVERS, approve_rollbacks=True), is_automatic=True)

    assert decide_deployment(made).approval is None


@pytest.mark.parametrize(
    ("made", "reason", "lift"),
    [
        (facts(frozen=FROZEN), Reason.FROZEN, "an approver lets it through"),
        (facts(incident=INCIDENT), Reason.APPROVERS_MISSING, "Set `policy.approvers` in flytower.toml."),
        (going_back(Risk.RED), Reason.APPROVERS_MISSING, "/deploy incident start"),
        (facts(policy=Policy(approve_deployments=True)), Reason.APPROVERS_MISSING, "`policy.approvers`"),
    ],
)
def test_without_approvers_what_needs_one_is_refused(made: DeploymentFacts, reason: Reason, lift: str) -> None:
    """Nobody in the channel is an approver by accident; the refusal says what to configure."""
    decision = decide_deployment(made)

    (blocker,) = decision.blockers
    assert (blocker.reason, decision.approval) == (reason, None)
    assert lift in blocker.lift


def test_the_approvers_are_told_as_slack_tells_them() -> None:
    """Groups and people are mentions."""
    assert ApprovalNeed(APPROVERS, (), ()).mentions == "<!subteam^S0APPROVERS>, <@U0DORA>"
