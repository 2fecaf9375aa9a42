"""The explanation of an operation: every ending has its words, and Slack takes them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from bot.domain.approval import Approval, ApprovalState
from bot.domain.deployment import Blocker, DeploymentPlan
from bot.domain.operation import Kind, Operation, State, StepStatus
from bot.domain.rollback import Contract, EarlierRelease
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import to_json
from bot.views import why as views
from bot.views.blocks import ALL_TEXT_LIMIT
from tests.builders import NEW, NOW, OLD, PREPARED, blocker, failure, operation, plan, planned, receipt, row, started
from tests.views.messages import TEAM, fits, said, texts

HOSTILE = "<!channel> *x* `y` ```z``` <https://evil|z>"


def told(of: Operation, its_plan: DeploymentPlan | None = None, **others: Any) -> str:
    """What the message says; Slack takes it."""
    message = views.why(of, its_plan, **({"running": None, "later": None, "now": NOW, "workspace": TEAM} | others))
    fits(message)
    assert sum(map(len, texts(message.blocks))) <= ALL_TEXT_LIMIT
    return said(message)


def test_a_refused_plan_names_each_rule_and_who_lifts_it() -> None:
    """Two blockers: the sentence, the code, its meaning, what lifts it."""
    refused = plan(blockers=(blocker(), blocker(Reason.LEASE_HELD, "Machine m1 is leased by bo.")))
    of = operation(of=refused, state=State.FAILED, started_at=None, reason=Reason.CI_NOT_GREEN)

    words = told(of, refused)

    assert "*refused*" in words
    assert "CI failed on this commit. (`ci_not_green`)" in words
    assert (
        "CI failed on the commit, still runs, or never ran. What lifts it: A green run; `policy.require_ci`." in words
    )
    assert "Machine m1 is leased by bo. (`lease_held`)" in words
    assert "`/deploy reify-studio/production v1.4.2`" in words


def test_a_failure_names_step_machines_and_hint() -> None:
    """Seven Machines failed in one step: five by name, the rest counted; the hint beside the message."""
    machines = [f"m{number}" for number in range(7)]
    outcome = {"message": "Not healthy.", "hint": "Look at the app's logs.", "not_restored": ""}
    seen = receipt(**{"148e01": NEW, "9080aa": OLD})
    of = operation(
        *PREPARED,
        failure(machines=machines),
        seen,
        state=State.FAILED,
        reason=Reason.MACHINE_UNHEALTHY,
        outcome=outcome,
    )

    words = told(of, plan())

    assert "It ended at the step: update at Machine `m0`, `m1`, `m2`, `m3`, `m4` and 2 more" in words
    assert "Look at the app's logs." in words
    assert "Ran from 27 Nov 2026 11:56 UTC for 4 min." in words


def test_a_code_of_another_version_is_shown_as_it_is() -> None:
    """A reason that this version does not know has no explanation, and does no harm."""
    of = operation(failure(), state=State.FAILED, reason="of_tomorrow", outcome={})

    words = told(of, plan())

    assert "failed (`of_tomorrow`)" in words
    assert "What lifts it" not in words


def test_a_release_command_that_logged_nothing_says_so() -> None:
    """No lines is a fact too."""
    command = row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=1, command="/app/bin/migrate")
    of = operation(
        *PREPARED, command, failure(Step.RELEASE_COMMAND), state=State.FAILED, reason="release_command_failed"
    )

    assert "(it logged nothing)" in told(of, plan())


def test_what_runs_now_is_shown_once() -> None:
    """Another operation that holds the environment is named; the explained one is not named again."""
    running = operation(
        *PREPARED,
        started(Step.UPDATE, "148e01"),
        id="f" * 19,
        actor=dataclasses.replace(operation().actor, user_id="U0BO"),
    )
    failed = operation(failure(), state=State.FAILED, reason=Reason.INTERNAL)

    beside = told(failed, plan(), running=running)
    alone = told(running, plan(), running=running)

    assert "Now `v1.4.2` by <@U0BO> is running for 4 min · <https://reify.slack.com/archives/C0DEPLOYS/" in beside
    assert "… At the step: update." in alone
    assert "Now `v1.4.2`" not in alone


def test_what_went_live_since_is_said() -> None:
    """How long ago."""
    failed = operation(failure(), state=State.FAILED, reason=Reason.INTERNAL)
    later = operation(state=State.SUCCEEDED, finished_at=NOW - timedelta(hours=3))

    assert "Since then `v1.4.2` by <@U0ANA> went live, 3 hours ago." in told(failed, plan(), later=later)


def test_an_operation_that_did_not_take_a_step_yet_has_none() -> None:
    """Running since a moment: no step, no failure."""
    assert "step" not in told(operation(), plan())


def test_hostile_and_endless_words_stay_words_and_fit() -> None:
    """Refs, reasons, messages, logs of others: nobody is mentioned, and nothing is too long."""
    blockers = tuple(Blocker(Reason.HOST_UNREACHABLE, HOSTILE * 20, HOSTILE * 20) for _ in range(60))
    refused = plan(ref=HOSTILE, why=HOSTILE, blockers=blockers, machines=tuple(planned(f"m{n}") for n in range(60)))
    tail = [HOSTILE * 50] * 100
    command = row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=1, command=HOSTILE, tail=tail)
    outcome = {"message": HOSTILE * 50, "hint": HOSTILE * 50, "not_restored": HOSTILE * 50}
    failed = operation(
        *PREPARED,
        command,
        failure(Step.RELEASE_COMMAND),
        of=refused,
        state=State.FAILED,
        reason="internal",
        outcome=outcome,
    )

    both = told(failed, refused) + told(dataclasses.replace(failed, started_at=None, journal=()), refused)

    assert "<!channel>" not in both
    assert "<https://evil" not in both


def test_the_first_answer_and_the_empty_one() -> None:
    """Somebody looks; nothing was ever done."""
    assert views.looking().text
    assert "nothing to explain" in views.nothing().text


def test_a_rejection_names_who_said_no_and_why() -> None:
    """The person, the reason, the code and what it means; nothing to type again."""
    outcome = {"by": "U0BO", "note": "not on a Friday"}
    of = operation(state=State.REJECTED, started_at=None, reason=Reason.REJECTED, outcome=outcome)

    words = told(of, plan())

    assert "*rejected*" in words
    assert "<@U0BO> rejected it: not on a Friday (`rejected`)" in words
    assert "To try again" not in words
    assert "<@U0BO> rejected it. (`rejected`)" in told(dataclasses.replace(of, outcome={"by": "U0BO"}), plan())


def test_a_rollback_is_called_one_and_tried_again_as_one() -> None:
    """To which release, who approved it, and the command with Fly's number, which stays what it is."""
    earlier = EarlierRelease(41, OLD, "v1.4.1", "", NOW, "ana")
    made = plan(ref="v1.4.1", contract=Contract(current=earlier, target=earlier))
    approval = Approval(ApprovalState.APPROVED, made.hash, NOW, NOW, "U0BO", NOW)
    request = {"environment": "reify-studio/production", "ref": "previous", "release": "previous"}
    of = operation(
        failure(),
        of=made,
        kind=Kind.ROLLBACK,
        state=State.FAILED,
        reason=Reason.MACHINE_UNHEALTHY,
        request=request,
        approval=approval,
    )

    words = told(of, made, running=dataclasses.replace(of, id="f" * 19, state=State.RUNNING))

    assert "*reify-studio/production* rollback to `v1.4.1` (" in words
    assert "Approved by <@U0BO>." in words
    assert "*To try again*: `/rollback reify-studio/production v41`" in words
    assert "Now rollback to `v1.4.1` by <@U0ANA> is running" in words
    assert "`/rollback reify-studio/production v1.4.1`" in told(
        dataclasses.replace(of, plan=to_json(plan(ref="v1.4.1")))
    )
