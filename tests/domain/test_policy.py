"""The policy of deployments: each rule alone, its neighbour that passes, and how a refusal reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.domain.model import Ci, CiState, Policy, RefKind, Relation, Strategy
from bot.domain.policy import RULES, DeploymentFacts, decide_deployment
from bot.errors import Reason
from tests.builders import NEW, NOW, OLD, environment, image, lease, machine


def facts(*, policy: Policy | None = None, **changes: Any) -> DeploymentFacts:
    """Facts that nothing speaks against."""
    made = DeploymentFacts(
        environment=environment(policy=policy),
        ref="v1.4.2",
        ref_kind=RefKind.TAG,
        ci=Ci(CiState.SUCCESS),
        image=NEW,
        machines=(machine("148e01"), machine("9080aa", region="sjc")),
    )
    return dataclasses.replace(made, **changes)


TAGS = Policy(refs=("v*",))
NO_CI = Policy(require_ci=False)
PUSHED = environment(released_by="push", release_ref="main")
# Reason code: facts that raise it and nothing else, words that name the rule, facts right beside it that pass.
RULE_TABLE = [
    (Reason.OPERATION_RUNNING, facts(running="A deployment by <@U0BO> is running."), "is running", facts(running="")),
    (Reason.LEASE_HELD, facts(leases=(lease("9080aa"),)), "9080aa is leased by bo@", facts(leases=())),
    (Reason.REF_NOT_ALLOWED, facts(policy=TAGS, ref="main"), "`v*`", facts(policy=TAGS, ref="v1.4.2")),
    (
        Reason.REF_NOT_ALLOWED,
        facts(policy=TAGS, ref="v-evil", ref_kind=RefKind.BRANCH),
        "takes only tags",
        facts(policy=TAGS, ref="v-fine", ref_kind=RefKind.TAG),
    ),
    (Reason.REF_NOT_ALLOWED, facts(policy=TAGS, ref="V1.4.2"), "production", facts(policy=Policy(), ref="V1.4.2")),
    (Reason.CI_UNKNOWN, facts(ci=Ci(CiState.UNKNOWN)), "GitHub", facts(policy=NO_CI, ci=Ci(CiState.UNKNOWN))),
    (Reason.CI_NOT_GREEN, facts(ci=Ci(CiState.FAILURE)), "CI failed", facts(policy=NO_CI, ci=Ci(CiState.FAILURE))),
    (Reason.CI_NOT_GREEN, facts(ci=Ci(CiState.PENDING)), "still running", facts(policy=NO_CI, ci=Ci(CiState.PENDING))),
    (Reason.CI_NOT_GREEN, facts(ci=Ci(CiState.NONE)), "never ran", facts(ci=Ci(CiState.SUCCESS))),
    (Reason.IMAGE_MISSING, facts(image=None, goes_back=True), "ran before", facts(image=NEW, goes_back=True)),
    (
        Reason.BUILD_IMPOSSIBLE,
        facts(image=None, ref="main", ref_kind=RefKind.BRANCH),
        "`production` is released by tags",
        facts(image=None, ref="v1.5.0", ref_kind=RefKind.TAG),
    ),
    (
        Reason.BUILD_IMPOSSIBLE,
        dataclasses.replace(facts(image=None, ref="0c48c64", ref_kind=RefKind.COMMIT), environment=PUSHED),
        "branches and tags only",
        dataclasses.replace(facts(image=None, ref="main", ref_kind=RefKind.BRANCH), environment=PUSHED),
    ),
    (
        Reason.BUILD_IMPOSSIBLE,
        facts(image=None, skips_release_command=True),
        "CI runs the release command too",
        facts(image=NEW, skips_release_command=True),
    ),
    (Reason.IMAGE_UNKNOWN, facts(image=None, image_problem="HTTP 503"), "HTTP 503", facts(image_problem="")),
    (Reason.NO_MACHINES, facts(machines=()), "no Machines", facts(machines=(machine(),))),
    (
        Reason.HOST_UNREACHABLE,
        facts(machines=(machine(host_status="unreachable"),)),
        "148e01 (iad) is unreachable",
        facts(machines=(machine(host_status="unreachable"), machine("9080aa"))),
    ),
    (
        Reason.STRATEGY_IMPOSSIBLE,
        facts(machines=(machine(config={}),), strategy=Strategy.BLUEGREEN),
        "health checks",
        facts(machines=(machine(config={}),)),
    ),
    (
        Reason.ALREADY_LIVE,
        facts(machines=(machine(image=NEW), machine("9080aa", image=NEW))),
        "2 of 2 Machines",
        facts(machines=(machine(image=NEW), machine("9080aa", image=OLD))),
    ),
]


def reasons(known: DeploymentFacts) -> list[Reason]:
    """The codes of all that speaks against it."""
    return [blocker.reason for blocker in decide_deployment(known).blockers]


def test_nothing_speaks_against_ordinary_facts() -> None:
    """No blocker is yes, and there is nothing to warn of."""
    decision = decide_deployment(facts())

    assert decision.is_allowed
    assert decision.warnings == ()


@pytest.mark.parametrize(("reason", "known"), [(row[0], row[1]) for row in RULE_TABLE])
def test_a_rule_alone_says_no(reason: Reason, known: DeploymentFacts) -> None:
    """Facts that break one rule are refused with its code and no other."""
    assert reasons(known) == [reason]
    assert not decide_deployment(known).is_allowed


@pytest.mark.parametrize("known", [row[3] for row in RULE_TABLE])
def test_the_neighbour_passes(known: DeploymentFacts) -> None:
    """The same facts without the one that breaks the rule are allowed."""
    assert reasons(known) == []


@pytest.mark.parametrize(("known", "words"), [(row[1], row[2]) for row in RULE_TABLE])
def test_a_refusal_names_the_rule_and_its_lift(known: DeploymentFacts, words: str) -> None:
    """Each blocker is a sentence about the very thing, with another on what to do."""
    (blocker,) = decide_deployment(known).blockers

    assert words in blocker.message
    assert blocker.lift.endswith(".")


def test_every_code_of_a_deployment_has_its_row() -> None:
    """The table above leaves out no code that the rules can give; locks and holds are in test_policy_ground.py."""
    assert len(RULES) == 8
    assert {row[0] for row in RULE_TABLE} == {
        Reason.OPERATION_RUNNING,
        Reason.LEASE_HELD,
        Reason.REF_NOT_ALLOWED,
        Reason.CI_UNKNOWN,
        Reason.CI_NOT_GREEN,
        Reason.IMAGE_MISSING,
        Reason.BUILD_IMPOSSIBLE,
        Reason.IMAGE_UNKNOWN,
        Reason.NO_MACHINES,
        Reason.HOST_UNREACHABLE,
        Reason.STRATEGY_IMPOSSIBLE,
        Reason.ALREADY_LIVE,
    }


def test_every_reason_is_told_at_once() -> None:
    """A person does not learn of the second rule after having satisfied the first."""
    known = facts(policy=TAGS, ref="main", ci=Ci(CiState.FAILURE), image=NEW, machines=(), running="Busy.")

    assert reasons(known) == [
        Reason.OPERATION_RUNNING,
        Reason.REF_NOT_ALLOWED,
        Reason.CI_NOT_GREEN,
        Reason.NO_MACHINES,
    ]


def test_a_retry_has_something_to_do_while_a_machine_is_not_well() -> None:
    """All run the image, one is not healthy: the retry may go on; where all are well or asleep nothing is missing."""
    unwell, asleep = machine("9080aa", image=NEW, checks=()), machine("9080aa", image=NEW, state="stopped", checks=())
    retry = facts(machines=(machine(image=NEW), unwell), retries=True)

    assert reasons(retry) == []
    assert reasons(dataclasses.replace(retry, retries=False)) == [Reason.ALREADY_LIVE]
    assert reasons(dataclasses.replace(retry, machines=(machine(image=NEW), asleep))) == [Reason.ALREADY_LIVE]


def test_the_way_through_ci_needs_no_machines() -> None:
    """CI makes them and moves them: neither their number nor their host stands in its way."""
    known = facts(image=None, machines=(machine(host_status="unreachable"),))

    assert reasons(known) == []
    assert reasons(dataclasses.replace(known, machines=())) == []
    assert known.build is not None


def test_going_back_asks_no_rule_for_new_commits() -> None:
    """It ran here already: neither its ref nor its CI is judged again, but another operation is respected."""
    known = facts(policy=TAGS, ref="main", ci=Ci(CiState.FAILURE), image=OLD, goes_back=True, running="Busy.")
    moved = dataclasses.replace(known, machines=(machine(image=NEW),))

    assert reasons(moved) == [Reason.OPERATION_RUNNING]
    assert moved.build is None


def test_an_unknown_image_is_not_built() -> None:
    """The registry did not answer: nobody knows whether there is something to build."""
    assert facts(image=None, image_problem="HTTP 503").build is None


def test_each_machine_in_the_way_is_named() -> None:
    """Two leases are two blockers, each with who holds it and until when."""
    known = facts(leases=(lease("148e01"), lease("9080aa", owner="", expires_at=None)))

    messages = [blocker.message for blocker in decide_deployment(known).blockers]

    assert messages == [
        f"Machine 148e01 is leased by bo@reify.example until {NOW:%H:%M:%S} UTC.",
        "Machine 9080aa is leased by somebody else.",
    ]


def test_one_of_several_patterns_is_enough() -> None:
    """A ref has to match one of the allowed patterns, not all."""
    policy = Policy(refs=("v*", "hotfix/*"))

    assert reasons(facts(policy=policy, ref="hotfix/prices")) == []
    assert reasons(facts(policy=policy, ref="feature/prices")) == [Reason.REF_NOT_ALLOWED]


def test_two_unknown_digests_are_not_the_same_image() -> None:
    """Nothing is called live on the strength of a digest that nobody knows."""
    known = facts(image=image(digest=""), machines=(machine(image=image(digest="")),))

    assert Reason.ALREADY_LIVE not in reasons(known)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"relation": Relation.BEHIND}, "older than what runs"),
        ({"relation": Relation.DIVERGED}, "does not contain what runs"),
        ({"machines": (machine(image=OLD), machine("9080aa", image=NEW))}, "2 different images"),
    ],
)
def test_a_warning_stops_nothing(changes: dict[str, Any], words: str) -> None:
    """Going back in time and Machines on different images are told, and allowed."""
    decision = decide_deployment(facts(**changes))

    assert decision.is_allowed
    assert words in "".join(decision.warnings)
