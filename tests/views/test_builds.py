"""The way through CI on the card: every step has its line, and Slack takes it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.deployment import Build
from bot.domain.operation import JournalRow, Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import plan_of
from bot.views import deployments as views
from tests.builders import ANA, NEW, OLD, failure, operation, plan, planned, receipt, row, started
from tests.views.messages import fits, said

BUILD = Build("reify/reify-studio", ".github/workflows/deploy-production.yml", "v1.5.0")
PLAN = plan(build=BUILD, image=None, ref="v1.5.0", machines=(planned("m1"), planned("m2", region="sjc")))
SENT, STARTED = started(Step.DISPATCH), row(Step.DISPATCH, run=7)
REFUSED = row(Step.DISPATCH, "", StepStatus.FAILED, message="no <trigger>")
TAGGING, TAGGED = started(Step.CREATE_TAG, tag="v1.5.0"), row(Step.CREATE_TAG, tag="v1.5.0")
FAILED = {"state": State.FAILED, "reason": Reason.BUILD_FAILED, "outcome": {"message": "Job deploy failed."}}


def job(name: str = "deploy", status: str = "in_progress", conclusion: str = "", step: str = "") -> dict[str, Any]:
    """A job as the journal keeps it."""
    url = "https://github.com/reify/x/actions/runs/7/job/9"
    return {"name": name, "status": status, "conclusion": conclusion, "url": url, "failed_step": step}


def look(status: str = "in_progress", conclusion: str = "", *jobs: dict[str, Any]) -> dict[str, Any]:
    """How the run stands."""
    url = "https://github.com/reify/x/actions/runs/7"
    return {"run": 7, "url": url, "status": status, "conclusion": conclusion, "jobs": list(jobs)}


def follows(status: str = "in_progress", conclusion: str = "", *jobs: dict[str, Any]) -> JournalRow:
    """The row of a look at the run."""
    return started(Step.FOLLOW, **look(status, conclusion, *jobs))


def shown(*journal: JournalRow, **changes: Any) -> Operation:
    """The operation with this journal."""
    return operation(*journal, of=PLAN, **changes)


BAD = job("deploy", "completed", "failure", "flyctl deploy")
LOOKED = (SENT, STARTED, follows("in_progress", "", job()))
CONDITIONS: dict[str, tuple[Operation, str]] = {
    "plan": (shown(state=State.REQUESTED), "CI builds it (`deploy-production.yml` on `v1.5.0`), then I verify at Fly"),
    "plan's machines": (shown(state=State.REQUESTED), "→ moved by CI"),
    "sending": (shown(SENT), "… `deploy-production.yml` is being started on `v1.5.0`"),
    "sent": (shown(SENT, STARTED), "✔ `deploy-production.yml` was started on `v1.5.0`"),
    "sent, run unknown": (shown(SENT, row(Step.DISPATCH, run=None)), "looking for the run on GitHub"),
    "refused": (shown(REFUSED), "✖ `deploy-production.yml` was not started: no &lt;trigger&gt;"),
    "tagging": (shown(TAGGING), "… tag `v1.5.0` is being made"),
    "tagged": (shown(TAGGED), "✔ tag `v1.5.0` is on the commit"),
    "queued": (shown(*LOOKED, follows("queued")), "|the run on GitHub> is queued"),
    "pending": (shown(*LOOKED, follows("pending")), "waits for another run of its group"),
    "approval": (shown(*LOOKED, follows("waiting")), "|the run on GitHub> waits for an approval on GitHub"),
    "unheard-of": (shown(*LOOKED, follows("dreaming")), "is dreaming"),
    "job runs": (shown(*LOOKED), "job/9|deploy>  in progress"),
    "job done": (shown(follows("in_progress", "", job("build", "completed", "success"))), "✔ <"),
    "job skipped": (shown(follows("in_progress", "", job("lint", "completed", "skipped"))), "• <"),
    "job failed": (shown(follows("completed", "failure", BAD)), "failed in step `flyctl deploy`"),
    "many jobs": (shown(follows("in_progress", "", *[job(f"j{n}") for n in range(15)])), "… and 3 more jobs"),
    "ended well": (shown(*LOOKED, follows("completed", "success"), state=State.VERIFYING), "✔ <https"),
    "live": (
        shown(*LOOKED, follows("completed", "success"), receipt(m1=NEW, m3=NEW), state=State.SUCCEEDED),
        "✔ iad `m3`  started · 1/1 checks · on the image",
    ),
    "failed": (
        shown(*LOOKED, follows("completed", "failure", BAD), failure(), receipt(m1=OLD), **FAILED),
        "The one Machine runs what ran before.",
    ),
    "failed, another machine": (
        shown(failure(), receipt(m1=OLD, m9=NEW), **FAILED),
        "*Mixed*: 1 of 2 Machines run the new image",
    ),
    "failed, nothing runs": (shown(failure(), receipt(), **FAILED), "The app has no Machines."),
    "failed, run goes on": (shown(*LOOKED, failure(), receipt(m1=OLD), **FAILED), "was not over when this ended"),
    "failed, unknown": (shown(SENT, failure(), receipt(m1=OLD), **FAILED), "may have been started on `v1.5.0`, or not"),
    "failed, tag unknown": (shown(TAGGING, failure(), receipt(m1=OLD), **FAILED), "may have been made, or not"),
    "cancelled": (
        shown(
            *LOOKED,
            failure(reason=Reason.CANCELLED),
            row(Step.CANCEL_RUN, **look("completed", "cancelled", job("build", "completed", "cancelled"))),
            receipt(m1=OLD),
            **FAILED | {"state": State.CANCELLED, "reason": Reason.CANCELLED},
        ),
        "• <https://github.com/reify/x/actions/runs/7|the run on GitHub> ended: cancelled",
    ),
    "cancelled, no run": (shown(SENT, failure(), row(Step.CANCEL_RUN, run=0), receipt(m1=OLD), **FAILED), "`m1`"),
}


@pytest.mark.parametrize(("one", "words"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_every_condition_has_its_words(one: Operation, words: str) -> None:
    """Whatever the journal holds, the card says it, and Slack takes the card."""
    card = views.card(one, plan_of(one))

    assert words in said(card)
    fits(card)


@pytest.mark.parametrize("one", [one for one, _ in CONDITIONS.values() if one.is_final])
def test_an_ended_card_claims_nothing_that_goes_on(one: Operation) -> None:
    """No line of an ended deployment says that something is being started, looked for or under way."""
    lines = said(views.card(one, plan_of(one))).splitlines()

    assert not [line for line in lines if line.strip().startswith("… ") and "more" not in line]


def test_an_app_without_machines_says_that_ci_makes_them() -> None:
    """The first deployment of an app: nothing to list before, regions from the receipt afterwards."""
    first = plan(build=BUILD, image=None, machines=())
    waits = operation(of=first, state=State.REQUESTED)
    live = operation(*LOOKED, receipt(m1=NEW), of=first, state=State.SUCCEEDED)

    assert "CI makes them" in said(views.card(waits, first))
    assert "live in iad" in said(views.ended(live, first, whom=ANA))


def test_sixty_machines_are_counted() -> None:
    """Many Machines: the first dozen, and how many more."""
    many = shown(*LOOKED, receipt(**{f"n{n}": NEW for n in range(60)}), state=State.SUCCEEDED)

    card = views.card(many, PLAN)

    assert "… and 48 more Machines" in said(card)
    fits(card)


def test_of_sixty_machines_the_one_that_is_not_on_the_image_is_shown() -> None:
    """The fortieth was not moved: it stands among the dozen that are shown."""
    machines = receipt(**{f"n{n}": NEW for n in range(60)}).detail["machines"]
    machines[40] |= {"state": "stopped"}
    many = shown(*LOOKED, row(Step.RECEIPT, machines=machines), state=State.FAILED)

    assert "`n40`" in said(views.card(many, PLAN))


def test_a_machine_that_ci_lets_sleep_is_well() -> None:
    """Asleep by its config it counts as well; asleep without that it is pointed at."""
    asleep = {"id": "m1", "region": "iad", "state": "stopped", "label": "", "digest": NEW.digest, "on_image": True}
    lines = [asleep | {"checks_passing": 0, "checks": 1, "may_sleep": may} for may in (True, False)]

    cards = [said(views.card(shown(row(Step.RECEIPT, machines=[line]), state=State.SUCCEEDED), PLAN)) for line in lines]

    assert "✔ iad `m1`  stopped ☾ · on the image" in cards[0]
    assert "⚠ iad `m1`  stopped ☾ · on the image" in cards[1]


def test_a_cancel_says_what_it_does_here() -> None:
    """The question before the cancel speaks of the run, not of restoring."""
    (buttons,) = (block for block in views.card(shown(*LOOKED), PLAN).blocks if block["type"] == "actions")

    assert "The run on GitHub is cancelled" in buttons["elements"][0]["confirm"]["text"]["text"]
