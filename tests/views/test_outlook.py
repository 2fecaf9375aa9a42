"""What a deployment would meet: each verdict has its words, and Slack takes them beside a whole story."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import ApprovalNeed, Cause
from bot.domain.deployment import Blocker, DeploymentPlan
from bot.domain.outlook import Outlook
from bot.domain.status import Rules
from bot.errors import NotFound, Reason, RemoteUnavailable
from bot.views import outlook as views
from bot.views import why
from bot.views.blocks import ALL_TEXT_LIMIT, Message
from tests.builders import ANA, BO, NOW, blocker, failure, operation, plan
from tests.views.messages import TEAM, fits, said, texts
from tests.views.test_rules import FROZEN, HOSTILE, INCIDENT, hold, lock

TITLE = "reify-studio/production"
NEED = ApprovalNeed(("S0OPS", "U0BO"), (Cause.FREEZE,), ("`production` is frozen (weekend).",))


def shown(**changes: Any) -> Message:
    """The message, which Slack takes."""
    message = views.outlook(
        Outlook(**({"environment": TITLE, "ref": "v1.4.2", "rules": Rules()} | changes)), NOW, reader=ANA
    )
    fits(message)
    return message


def test_every_blocker_is_told_with_what_it_means_and_who_lifts_it() -> None:
    """Two rules say no: sentence, code, meaning, way out; and what the plan warns of."""
    blockers = (blocker(), blocker(Reason.LOCKED, "<@U0BO> keeps `production` locked."))

    words = said(shown(plan=plan(blockers=blockers, warnings=("The Machines run 2 different images now.",))))

    assert "🚫 `v1.4.2` (844d600) to *reify-studio/production* now: *it would be refused*" in words
    assert "CI failed on this commit. (`ci_not_green`)" in words
    assert "What lifts it: A green run" in words
    assert "<@U0BO> keeps `production` locked. (`locked`)" in words
    assert "To lift it: Mend it, or choose a commit whose CI passed." in words
    assert "⚠ The Machines run 2 different images now." in words


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (plan(), "it would start at once"),
        (plan(needs_confirmation=True), "it would ask you to confirm its plan"),
        (plan(needs_confirmation=True, approval=NEED), "an approver would be asked"),
    ],
)
def test_what_nothing_refuses_says_what_would_happen(made: DeploymentPlan, words: str) -> None:
    """At once, after a button, after a second person."""
    assert f"now: *{words}*" in said(shown(plan=made))


def test_an_approval_says_why_and_by_whom() -> None:
    """Its code, the group and the person who may, each cause."""
    words = said(shown(plan=plan(approval=NEED)))

    assert "(`approval_needed`), by one of <!subteam^S0OPS>, <@U0BO>" in words
    assert "• `production` is frozen (weekend)." in words


def test_a_waiver_is_loud() -> None:
    """In an incident rollbacks need none, and it is said that somebody will look at them."""
    assert "No approval is needed now, because of *incident 3*" in said(shown(plan=plan(waived="incident 3")))


def test_without_a_plan_the_rules_are_told_all_the_same() -> None:
    """GitHub is down: why there is no plan, and what the database and the calendar say."""
    problem = RemoteUnavailable("no connection", service="GitHub")
    rules = Rules((lock(),), "lock 7: a time without a time zone", (hold(),), FROZEN, INCIDENT)

    words = said(shown(problem=problem, rules=rules))

    assert "cannot be told" in words
    assert "GitHub: no connection (`remote_unavailable`)" in words
    assert "*In force there*" in words
    assert all(part in words for part in ("database work", "cannot be read", "v1.4.2", "weekend", "all is red"))


def test_where_no_plan_can_be_made_no_rule_is_a_fact_too() -> None:
    """A ref that does not exist, with its hint, and that nothing else is in the way."""
    problem = NotFound("There is no `v9`.", hint="Did you mean `v1.4.2`?", reason=Reason.UNKNOWN_REF)

    words = said(shown(problem=problem))

    assert "There is no `v9`. (`unknown_ref`)" in words
    assert "Did you mean `v1.4.2`?" in words
    assert "No lock, no hold, no freeze, no incident." in words


def test_where_no_tag_was_ever_made_nothing_is_planned() -> None:
    """Production is released by tags and the repository has none."""
    assert "released by tags, and there is none yet" in said(shown(ref=""))


def test_a_lock_of_somebody_else_has_its_ways_out() -> None:
    """The command that it keeps out travels with the buttons; one's own lock has none."""
    message = shown(rules=Rules((lock(),)))
    own = views.outlook(Outlook(TITLE, "v1.4.2", Rules((lock(),))), NOW, reader=BO)

    [row] = [block for block in message.blocks if block["type"] == "actions"]
    assert {element["action_id"] for element in row["elements"]} == {"lock_ask", "lock_watch", "lock_take_over"}
    assert row["elements"][0]["value"] == f"1:/deploy {TITLE} v1.4.2"
    assert not [block for block in own.blocks if block["type"] == "actions"]


def test_both_answers_fit_into_one_message() -> None:
    """Hostile and endless words, sixty blockers and a long story: Slack takes it, and nobody is mentioned."""
    blockers = tuple(Blocker(Reason.HOST_UNREACHABLE, HOSTILE * 20, HOSTILE * 20) for _ in range(60))
    locks = tuple(dataclasses.replace(lock(), why=HOSTILE * 20, until=NOW + timedelta(hours=1)) for _ in range(3))
    made = plan(ref=HOSTILE, blockers=blockers, warnings=(HOSTILE * 50,), approval=NEED, waived=HOSTILE)
    first = shown(ref=HOSTILE, plan=made, rules=Rules(locks, HOSTILE, tuple([hold(bad_ref=HOSTILE)] * 5), FROZEN))
    bad = operation(failure(), of=made, state="failed", reason="internal", outcome={"message": HOSTILE * 50})
    limit = views.STORY_PART_LIMIT
    second = why.why(bad, made, running=None, later=None, now=NOW, workspace=TEAM, part_limit=limit)

    both = views.joined(first, second)

    fits(both)
    assert sum(map(len, texts(both.blocks))) <= ALL_TEXT_LIMIT
    assert "<!channel>" not in said(both)
    assert "<https://evil" not in said(both)
