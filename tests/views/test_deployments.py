"""The deployment's messages: every state reads well, fits into Slack, and lets nobody else's mark-up through."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.deployment import Blocker, Changes, DeploymentPlan
from bot.domain.model import Ci, CiState, MigrationRisk, Migrations, Relation, Strategy
from bot.domain.operation import Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import plan_of as read_plan
from bot.views import cards, holds, locks
from bot.views import deployments as views
from tests.builders import (
    ANA,
    NEW,
    NOW,
    OLD,
    PREPARED,
    RELEASED,
    blocker,
    commit,
    failure,
    fleet,
    image,
    operation,
    plan,
    planned,
    receipt,
    rollback_plan,
    row,
    started,
    updated,
)
from tests.views.messages import fits, said

FIRST, SECOND = "148e01", "9080aa"
CLOSED = row(Step.CLOSE_RELEASE, status="complete")
ALL_MOVED = (*RELEASED, *updated(FIRST, SECOND))
BOTH_NEW, BOTH_OLD = receipt(**{FIRST: NEW, SECOND: NEW}), receipt(**{FIRST: OLD, SECOND: OLD})
ONE_NEW = receipt(**{FIRST: NEW, SECOND: OLD})
ASLEEP_NEW = row(
    Step.RECEIPT, machines=[{"id": FIRST, "state": "stopped", "on_image": True, "label": "", "digest": NEW.digest}]
)
SLEEPER = dataclasses.replace(fleet("stopped")[0], id=FIRST)
UNHEALTHY = {"message": "Machine 9080aa (sjc) is not healthy.", "hint": "Look at its log.", "not_restored": ""}
NOT_RESTORED = UNHEALTHY | {"not_restored": "a migration is in range: a person decides"}
COMMAND_FAILED = row(
    Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=1, seconds=2.0, tail=["boom"], command="/app/bin/migrate"
)
COMMAND_LOST = row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=None, tail=[], command="/app/bin/migrate")
WAITING = started(Step.WAITING, service="Fly", message="no <!channel> answer", step="update")


def failed(*journal: Any, **changes: Any) -> Operation:
    """A deployment that ended badly."""
    changes = {"state": State.FAILED, "reason": Reason.MACHINE_UNHEALTHY, "outcome": UNHEALTHY} | changes
    return operation(*journal, **changes)


# A name for the condition: the operation, and what its card has to say of it.
CONDITIONS: dict[str, tuple[Operation, str]] = {
    "waits": (operation(state=State.REQUESTED), "waiting for confirmation"),
    "begins": (operation(), "release command `/app/bin/migrate`   waits"),
    "recorded": (operation(*PREPARED), "Fly release v42"),
    "books refuse": (operation(PREPARED[0], row(Step.RECORD_RELEASE, warning="HTTP <500>", version=0)), "HTTP &lt;500"),
    "books begun": (operation(PREPARED[0], started(Step.RECORD_RELEASE, after=41)), "running"),
    "command created": (operation(*PREPARED, row(Step.RELEASE_MACHINE, machine="r1")), "migrate`   running"),
    "command runs": (operation(*PREPARED, started(Step.RELEASE_COMMAND)), "migrate`   running"),
    "command done": (operation(*RELEASED), "exit 0 · 6 s"),
    "first machine": (operation(*RELEASED, started(Step.UPDATE, FIRST)), f"`{FIRST}`  updating"),
    "second waits": (operation(*RELEASED, *updated(FIRST)), f"sjc `{SECOND}`  started · waits"),
    "asleep": (operation(*RELEASED, *updated(FIRST, proven=False)), "updated, asleep"),
    "proving": (
        operation(*RELEASED, *updated(FIRST, proven=False), started(Step.PROVE_IMAGE, FIRST)),
        "booting once to prove the image",
    ),
    "proven": (operation(*RELEASED, *updated(FIRST, proven=False), row(Step.PROVE_IMAGE, machine=FIRST)), "asleep"),
    "no answer": (operation(*RELEASED, WAITING), "Fly does not answer (no &lt;!channel&gt; answer); trying again"),
    "being cancelled": (operation(*RELEASED, cancel_requested_by="U0BO"), "<@U0BO>"),
    "verifying": (operation(*ALL_MOVED, CLOSED, state=State.VERIFYING), "verifying"),
    "read back": (operation(*ALL_MOVED, CLOSED, BOTH_NEW, state=State.VERIFYING), "2 of 2 Machines on the image"),
    "books stay open": (
        operation(*ALL_MOVED, row(Step.CLOSE_RELEASE, status="complete", warning="not closed: <HTTP 500>")),
        "not closed: &lt;HTTP 500&gt;",
    ),
    "asleep on the image": (
        operation(*ALL_MOVED, CLOSED, ASLEEP_NEW, state=State.SUCCEEDED, of=plan(machines=(SLEEPER,))),
        f"✔ iad `{FIRST}`  stopped ☾ · on the image",
    ),
    "stopped on the image": (
        operation(*ALL_MOVED, CLOSED, ASLEEP_NEW, state=State.SUCCEEDED),
        f"⚠ iad `{FIRST}`  stopped · on the image",
    ),
    "no release command": (operation(*PREPARED, of=plan(release_command="")), "Fly release v42"),
    "live": (operation(*ALL_MOVED, CLOSED, BOTH_NEW, state=State.SUCCEEDED), "live"),
    "restoring": (operation(*ALL_MOVED, failure(), started(Step.RESTORE, FIRST)), "restoring the previous image"),
    "restored": (operation(*ALL_MOVED, failure(), row(Step.RESTORE, FIRST, image="x")), "previous image restored"),
    "restore fails": (
        operation(*ALL_MOVED, failure(), row(Step.RESTORE, FIRST, StepStatus.FAILED, message="<gone>")),
        "could not be restored: &lt;gone&gt;",
    ),
    "failed, as before": (failed(*ALL_MOVED, failure(), BOTH_OLD), "All 2 Machines run what ran before."),
    "failed, all new": (failed(*ALL_MOVED, failure(), BOTH_NEW), "All 2 Machines run the new image."),
    "failed, mixed": (failed(*ALL_MOVED, failure(), ONE_NEW), "*Mixed*: 1 of 2 Machines run the new image"),
    "failed, not restored": (
        failed(*ALL_MOVED, failure(), ONE_NEW, outcome=NOT_RESTORED),
        "not restored: a migration is in range: a person decides.",
    ),
    "failed, no receipt": (failed(*RELEASED, failure()), "could not be read back"),
    "failed, no release command": (failed(*PREPARED, failure(), BOTH_OLD), "not run"),
    "command failed": (failed(*PREPARED, COMMAND_FAILED, failure(), BOTH_OLD), "exit 1"),
    "command lost": (failed(*PREPARED, COMMAND_LOST, failure(), BOTH_OLD), "no exit code"),
    "defect of ours": (
        failed(*PREPARED, started(Step.RELEASE_COMMAND), reason=Reason.INTERNAL, outcome={}),
        "how it ended is unknown",
    ),
    "cancelled": (
        failed(*ALL_MOVED, failure(reason=Reason.CANCELLED), BOTH_OLD, state=State.CANCELLED, reason=Reason.CANCELLED),
        "cancelled",
    ),
    "withdrawn": (operation(state=State.CANCELLED, started_at=None, reason=Reason.CANCELLED), "cancelled"),
    "expired": (operation(state=State.EXPIRED), "expired unconfirmed"),
    "rejected": (operation(state=State.REJECTED, started_at=None, reason=Reason.REJECTED), "rejected"),
    "refused": (
        operation(of=plan(blockers=(blocker(),)), state=State.FAILED, started_at=None, reason=Reason.CI_NOT_GREEN),
        "CI failed on this commit.",
    ),
}


def plan_of(shown: Operation) -> DeploymentPlan:
    return read_plan(shown)


@pytest.mark.parametrize(("shown", "words"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_every_condition_has_its_words(shown: Operation, words: str) -> None:
    """Whatever the journal holds, the card says it, and Slack takes the card."""
    card = views.card(shown, plan_of(shown))

    assert words in said(card)
    fits(card)


@pytest.mark.parametrize("shown", [pair[0] for pair in CONDITIONS.values()], ids=CONDITIONS.keys())
def test_the_text_alone_is_complete(shown: Operation) -> None:
    """A notification or a screen reader gets what, where, in which state, by whom."""
    card = views.card(shown, plan_of(shown))

    for word in ("Deployment", "v1.4.2", "reify-studio", "production", "<@U0ANA>"):
        assert word in card.text
    state = "being cancelled" if shown.cancel_requested_by else views.STATE_WORDS[shown.state]
    assert state in card.text


def test_every_state_has_an_icon_and_words() -> None:
    """No state is left out, so that no card fails to be drawn."""
    assert set(views.ICON) == set(views.STATE_WORDS) == set(State)
    assert {shown.state for shown, _ in CONDITIONS.values()} == set(State)


@pytest.mark.parametrize("shown", [pair[0] for pair in CONDITIONS.values()], ids=CONDITIONS.keys())
def test_buttons_fit_the_state(shown: Operation) -> None:
    """A plan can be confirmed or dismissed, a running deployment cancelled once, one that did not succeed retried."""
    blocks = views.card(shown, plan_of(shown)).blocks

    offered = [e["action_id"] for block in blocks if block["type"] == "actions" for e in block["elements"]]
    if shown.state is State.REQUESTED:
        assert offered == [views.CONFIRM, views.CANCEL]
    elif shown.is_active:
        assert offered == ([] if shown.cancel_requested_by else [views.CANCEL])
    else:
        can_retry = shown.started_at is not None and shown.state is not State.SUCCEEDED
        assert offered == ([views.RETRY] if can_retry else [])


def test_the_button_carries_the_plan_that_was_shown() -> None:
    """What is pressed is bound to the hash, so that an older card starts nothing."""
    shown = operation(state=State.REQUESTED)

    deploy = views.card(shown, plan_of(shown)).blocks[-1]["elements"][0]

    assert deploy["value"] == f"{shown.id}:{shown.plan_hash}"


@pytest.mark.parametrize("shown", [pair[0] for pair in CONDITIONS.values() if pair[0].is_final])
def test_an_ended_card_claims_nothing_that_goes_on(shown: Operation) -> None:
    """No line of an ended deployment says that something is updating, running, waiting or tried again."""
    lines = said(views.card(shown, plan_of(shown))).splitlines()

    assert not [line for line in lines if line.startswith(views.DOING)]


def test_unchanged_is_only_said_of_what_was_seen_unchanged() -> None:
    """A Machine that is gone, or on a third image, does not run what it ran before."""
    third = image("f" * 40)

    stranger = views.ended(failed(*RELEASED, failure(), receipt(**{FIRST: OLD, SECOND: third})), plan(), whom=ANA)

    assert "0 of 2 Machines run the new image" in said(stranger)
    assert "what ran before" not in said(stranger)


def test_the_end_is_a_message_of_its_own() -> None:
    """Success names regions, duration, receipt and address; failure names reason, hint and where things stand."""
    live = operation(*ALL_MOVED, CLOSED, BOTH_NEW, state=State.SUCCEEDED)
    long = dataclasses.replace(live, finished_at=live.started_at + timedelta(seconds=59) if live.started_at else NOW)
    bad = failed(*ALL_MOVED, failure(), ONE_NEW, outcome=NOT_RESTORED)

    well, soon, badly = (said(views.ended(one, plan(), whom=ANA)) for one in (live, long, bad))

    assert "in iad and sjc, 4 min. Ship receipt: 2 of 2 Machines on the image." in well
    assert "<https://reify-studio.fly.dev|https://reify-studio.fly.dev>" in well
    assert "59 s" in soon
    for words in (
        "is not healthy. (`machine_unhealthy`)",
        "Look at its log.",
        "To go back: `/deploy production dd085a7",
    ):
        assert words in badly


def test_the_log_of_a_failed_release_command_goes_into_the_thread() -> None:
    """Its last lines are shown as they were logged; without failure there is nothing to show."""
    lines = row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, tail=["  one", "<!here>"], command="migrate", exit_code=1)

    log = views.release_command_log(failed(*PREPARED, lines, failure()))
    silent = views.release_command_log(failed(*PREPARED, COMMAND_LOST, failure()))

    assert log is not None
    assert "```\n  one\n&lt;!here&gt;\n```" in said(log)
    assert silent is not None
    assert "it logged nothing" in said(silent)
    assert views.release_command_log(operation(*RELEASED)) is None
    assert views.release_command_log(operation()) is None


LISTED = Migrations(MigrationRisk.LISTED, tuple(f"priv/repo/migrations/{n}_a.exs" for n in range(7)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"changes": Changes(Relation.UNKNOWN)}, "what changes is unknown"),
        ({"changes": Changes(Relation.IDENTICAL)}, "the same commit"),
        ({"changes": Changes(Relation.BEHIND)}, "an older commit"),
        ({"changes": Changes(Relation.AHEAD, 1, (commit(),), ("ana",))}, "1 commit by ana"),
        (
            {"changes": Changes(Relation.AHEAD, 9, (commit(),), tuple("abcdefg"))},
            "9 commits by a, b, c, d, e and 2 more",
        ),
        ({"changes": Changes(Relation.AHEAD, 9, (commit(),), ("ana",))}, "… 8 earlier"),
        ({"migrations": Migrations(MigrationRisk.UNKNOWN, why="<cut>")}, "migrations unknown: &lt;cut&gt;"),
        ({"migrations": Migrations(MigrationRisk.LISTED, ("priv/1_a.exs",))}, "1 migration: `1_a.exs`"),
        ({"migrations": LISTED}, "7 migrations: `0_a.exs`, `1_a.exs`, `2_a.exs`, `3_a.exs`, `4_a.exs` and 2 more"),
        ({"image": None}, "no image of this commit"),
        ({"ci": Ci(CiState.PENDING)}, "CI: pending"),
        ({"warnings": ("This commit is older.",)}, "This commit is older."),
        ({"live": None, "live_ref": ""}, "from nothing"),
        ({"why": "pricing fix"}, "“pricing fix”"),
        ({"strategy": Strategy.CANARY}, "strategy `canary`"),
        ({"notes": ("Goes <back>.",)}, "ℹ Goes &lt;back&gt;."),
        ({"commit": commit("")}, "no commit"),
        ({"machines": tuple(planned(f"m{n}") for n in range(14))}, "… and 2 more Machines"),
    ],
)
def test_the_plan_is_told(changes: dict[str, Any], words: str) -> None:
    """What changes, which migrations, whether there is an image, how CI went, what is warned of."""
    of = plan(**changes)

    card = views.card(operation(of=of, state=State.REQUESTED), of)

    assert words in said(card)
    fits(card)


@pytest.mark.parametrize(
    ("of", "verdict"), [(plan(), "nothing speaks against it"), (plan(blockers=(blocker(),)), "it would be refused")]
)
def test_a_dry_run_shows_the_plan_and_no_button(of: DeploymentPlan, verdict: str) -> None:
    """Private, complete, with its verdict, and nothing to press."""
    preview = views.plan_preview(of, by=ANA.mention)

    assert verdict in preview.text
    assert not [block for block in preview.blocks if block["type"] == "actions"]
    assert ("CI failed" in said(preview)) is of.is_blocked


def test_a_dry_run_of_the_same_commit_lists_no_commits() -> None:
    """Where nothing lies between, there is no empty list."""
    preview = views.plan_preview(plan(changes=Changes(Relation.IDENTICAL)), by=ANA.mention)

    assert "•" not in said(preview).split("→ this image")[-1]
    fits(preview)


def test_a_dry_run_of_an_app_without_release_command_names_none() -> None:
    """What does not run does not stand in the plan."""
    preview = views.plan_preview(plan(release_command=""), by=ANA.mention)

    assert "release command" not in said(preview)


def test_a_refusal_tells_every_reason_and_its_lift() -> None:
    """Each blocker with its code and what lifts it; the text alone says what was refused where, and why."""
    of = plan(blockers=(blocker(), blocker(Reason.IMAGE_MISSING, "`registry` has no image.")))

    message = views.refused(of)

    for words in ("CI failed on this commit. (`ci_not_green`)", "has no image. (`image_missing`)", "Mend it"):
        assert words in said(message)
    assert message.text.startswith("Not deployed: v1.4.2 to reify-studio (production). CI failed on this commit.")


@pytest.mark.parametrize(("tag", "words"), [("v1.4.2", "`/deploy production v1.4.2`"), ("", "There is none yet.")])
def test_a_deployment_without_a_ref_is_told_the_newest_tag(tag: str, words: str) -> None:
    """The newest tag with its command, and how to make another."""
    said_of = views.newest_tag("production", tag)

    assert words in said_of.text
    assert "`/deploy production NAME --on main`" in said_of.text
    assert "production" in views.looking_for_tags("production").text
    assert "Nothing started" in views.plan_moved().text


def test_a_refusal_has_the_ways_out_of_each_lock_and_hold() -> None:
    """A row of buttons for each that a person can lift, with its id; none for a rule that waits for a commit."""
    locked = Blocker(Reason.LOCKED, "Locked.", "Ask.", subject="3")
    held, unknown = (Blocker(reason, "Held.", "Mend.", subject="7") for reason in (Reason.HELD, Reason.HOLD_UNKNOWN))

    message = views.refused(plan(blockers=(locked, held, unknown, blocker())))

    rows = [block for block in message.blocks if block["type"] == "actions"]
    assert rows == [*locks.ways_out("3", "/deploy production v1.4.2"), *holds.ways_out("7"), *holds.ways_out("7")]
    fits(message)


def test_a_lock_on_a_rollback_is_asked_about_with_its_own_command() -> None:
    """Whoever waits for the lock is told how to roll back then, not how to deploy."""
    locked = Blocker(Reason.LOCKED, "Locked.", "Ask.", subject="3")

    message = views.refused(rollback_plan(blockers=(locked,)))

    assert message.blocks[-1:] == locks.ways_out("3", "/rollback production v41")


def test_a_subject_without_ways_out_has_no_buttons() -> None:
    """Whatever else may carry an id some day."""
    other = dataclasses.replace(blocker(), subject="9")

    assert not [block for block in views.refused(plan(blockers=(other,))).blocks if block["type"] == "actions"]


def test_ten_locks_do_not_fill_the_message() -> None:
    """The first few have buttons; all have their sentence."""
    many = tuple(Blocker(Reason.LOCKED, f"Locked {n}.", "Ask.", subject=str(n)) for n in range(60))

    fits(views.refused(plan(blockers=many)))


def test_a_press_that_starts_nothing_says_what_changed_and_what_helps() -> None:
    """With the buttons of the lock that came meanwhile, and none where a look at the card is all."""
    locked = plan(blockers=(Blocker(Reason.LOCKED, "Locked.", "Ask.", subject="3"),))

    kept_out, moved = cards.not_started("Locked.", locked), cards.not_started("the strategy changed", plan())

    assert kept_out.text == "Nothing started: Locked. The card shows the plan as it is now; look again."
    assert [block["type"] for block in kept_out.blocks] == ["section", "actions"]
    assert moved.blocks == []
