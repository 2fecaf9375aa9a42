"""The contract of a rollback: everything that a person must know stands on the card, and its buttons fit the risk."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.deployment import Changes, DeploymentPlan
from bot.domain.model import Image, MigrationRisk, Migrations, Relation
from bot.domain.operation import Operation, State
from bot.domain.rollback import Cancelling, PendingRun, Remark, Risk
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import plan_of
from bot.views import deployments as cards
from bot.views import rollbacks as views
from bot.views.blocks import Block, Message
from tests.builders import (
    AMBER,
    ANA,
    NEW,
    NEW_SHA,
    OLD,
    RED,
    blocker,
    commit,
    contract,
    earlier,
    failure,
    image,
    live,
    planned,
    receipt,
    rollback,
    rollback_plan,
    row,
    updated,
)
from tests.views.messages import fits, said

FIRST, SECOND = "148e01", "9080aa"
URL = "https://github.com/reify/x/compare/a...b"
HOSTILE = "<!channel> <@U0CLEO|x> <https://evil.example|login> & *bold* `code` ```fence``` \u202e\n> quote"
RUN = PendingRun(7, "Deploy v1.4.3", "https://github.com/reify/x/actions/runs/7")
LISTED = Migrations(MigrationRisk.LISTED, ("priv/repo/migrations/1_a.exs",))
CUT = Migrations(MigrationRisk.UNKNOWN, ("priv/2_b.exs",), "GitHub did not list every changed file")


def shown(of: DeploymentPlan, **changes: Any) -> Message:
    """The card of a rollback that waits for its button."""
    return cards.card(rollback(of=of, **changes), of)


def buttons(message: Message) -> list[Block]:
    return [each for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


def pressed(message: Message, action: str) -> Block:
    """The button with this action."""
    return next(each for each in buttons(message) if each["action_id"] == action)


@pytest.mark.parametrize(
    "words",
    [
        "back to `v1.4.1`",
        "from `v1.4.2` (844d600) “Better error pages” · Fly release v42 · live since 27 Nov 2026 11:00 UTC, 1 hour, by",
        (
            "to `v1.4.1` (dd085a7) “Better error pages” · Fly release v41 · released 24 Nov 2026 11:00 UTC, ran 3 days"
            ", until 27 Nov 2026 11:00 UTC, by bo@reify.example"
        ),
        f"Undoes <{URL}|1 commit> by ana",
        "• `844d600` Better error pages — ana",
        "is in the registry",
        "✔ no migrations in between",
        "configuration (stays as it is today): no difference known",
        "secrets (stay as they are today): no difference known",
        "scale (stays as it is today): no difference known",
        "release command; it is skipped",
        "no deploy workflow is known to be under way",
        "*Verdict: green*",
        "`v1.4.2` is held",
        f"iad `{FIRST}` started · `sha-844d6008b85…` → this image",
    ],
)
def test_the_contract_answers_every_question(words: str) -> None:
    """From where to where, what is undone, image, database, differences, what runs, the verdict, what holds after."""
    card = shown(rollback_plan())

    assert words in said(card)
    fits(card)


def of_changes(relation: Relation, total: int = 0) -> dict[str, Any]:
    return {"changes": Changes(relation, total, (), ("ana",), URL)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (of_changes(Relation.UNKNOWN), "⚠ Which commits it undoes is unknown"),
        (of_changes(Relation.IDENTICAL), "Undoes no commit: both are built from the same one"),
        (of_changes(Relation.BEHIND), "Undoes no commit: <https://github.com/reify/x/compare/a...b|it goes to a newer"),
        (of_changes(Relation.DIVERGED, 2), "2 commits> by ana, and brings back others: neither contains the other"),
        ({"changes": Changes(Relation.AHEAD, 9, (commit(),), (), URL)}, "… 8 earlier"),
        ({"migrations": LISTED}, "🔴 *the schema stays ahead*: 1 migration (`1_a.exs`) in between"),
        ({"migrations": CUT}, "unknown: GitHub did not list every changed file; seen: 1 migration (`2_b.exs`)"),
        ({"migrations": Migrations(MigrationRisk.UNKNOWN, why="<cut>")}, "in between are unknown: &lt;cut&gt;"),
        ({"of": contract(is_image_seen=False)}, "⚠ the registry does not say whether it is there"),
        ({"image": None}, "✖ the image of then was not found"),
        ({"warnings": ("The Machines run 2 different images now.",)}, "⚠ The Machines run 2 different images"),
        ({"of": contract(configuration=("`LOG_LEVEL` differs",))}, "⚠ configuration (stays as it is today): `LOG_"),
        ({"of": contract(with_configuration=True)}, "configuration (comes back, too): no difference known"),
        ({"of": contract(secrets=tuple("abcdefg"))}, "⚠ secrets (stay as they are today): a; b; c; d; e; and 2 more"),
        ({"of": contract(scale=("sjc: 2 Machines then, 1 now",))}, "⚠ scale (stays as it is today): sjc: 2 Machines"),
        ({"of": contract(pending=(RUN,))}, f"⚠ under way: <{RUN.url}|Deploy v1.4.3>; it may bring back"),
        ({"of": contract(pending=(RUN,) * 5)}, "… and 2 more runs"),
        ({"of": contract(Remark(Risk.GREEN, "The VM is the same."))}, "ℹ The VM is the same."),
        ({"of": contract(AMBER)}, "🟡 *Verdict: amber*"),
        ({"of": contract(RED)}, "🔴 *Verdict: red*"),
        ({"of": contract(*[AMBER] * 8)}, "… and 2 more"),
        (
            {"of": contract(target=earlier(ref="v41", of=Image("r", "deployment-01")))},
            "to `v41` “Better error pages” ·",
        ),
        (
            {"of": contract(target=earlier(released_at=None, ran_s=None, ended_at=None, by="", title=""))},
            "· it is not known that it ever ran\n",
        ),
        ({"of": contract(current=live(released_at=None, ran_s=None, by=""))}, "Fly release v42 · live\n"),
    ],
)
def test_what_differs_is_said(changes: dict[str, Any], words: str) -> None:
    """Whatever is missing, unknown or different has its words, and Slack takes the card."""
    card = shown(rollback_plan(**changes))

    assert words in said(card)
    fits(card)


def test_the_worst_reason_stands_first() -> None:
    """Red before amber, each with its word beside its colour, on the card and in the plain text."""
    card = shown(rollback_plan(AMBER, RED))

    for told in (said(card), card.text):
        assert told.index(RED.message) < told.index(AMBER.message)
    assert f"🔴 red: {RED.message}\n🟡 amber: {AMBER.message}" in said(card)


@pytest.mark.parametrize(
    "held",
    [
        contract(current=live(of=Image("r", "deployment-01"))),
        contract(current=live(of=OLD)),
    ],
    ids=["names no commit", "same commit"],
)
def test_nothing_is_said_to_be_held_where_nothing_will_be(held: Any) -> None:
    """Without a commit, or with the same one on both sides, there is no range to hold."""
    assert "is held" not in said(shown(rollback_plan(of=held)))


def test_where_it_goes_forward_nothing_is_held() -> None:
    """The release that comes back has everything that runs now."""
    assert "is held" not in said(shown(rollback_plan(**of_changes(Relation.BEHIND))))


def test_green_needs_one_press() -> None:
    """No dialog where nothing speaks against it; the button is bound to the contract that was shown."""
    waits = rollback()

    button = pressed(cards.card(waits, plan_of(waits)), cards.CONFIRM)

    assert button["text"]["text"] == "Roll back"
    assert button["value"] == f"{waits.id}:{waits.plan_hash}"
    assert button["accessibility_label"] == "Roll production back to v1.4.1"
    assert "confirm" not in button


@pytest.mark.parametrize("remarks", [(AMBER,), (RED, AMBER)])
def test_a_risk_is_named_before_the_press(remarks: tuple[Remark, ...]) -> None:
    """The dialog has each risk; a red one without an approver is an incident's, and asks just so."""
    button = pressed(shown(rollback_plan(*remarks, waived="incident 3")), cards.CONFIRM)

    assert all(remark.message in button["confirm"]["text"]["text"] for remark in remarks)
    assert button["style"] == "danger"


def test_a_long_risk_fits_the_dialog() -> None:
    """Slack's dialog holds 300 characters: the worst risk is the one that is kept."""
    card = shown(rollback_plan(*[dataclasses.replace(AMBER, message="a" * 300)] * 3, RED))

    assert RED.message in pressed(card, cards.CONFIRM)["confirm"]["text"]["text"]
    fits(card)


@pytest.mark.parametrize(
    ("is_on", "caption", "wanted"), [(False, "Also bring back the configuration", "on"), (True, "Image only", "off")]
)
def test_the_configuration_is_a_choice(is_on: bool, caption: str, wanted: str) -> None:
    """One button says what it would change to; there is none where the configuration of then is not known."""
    known, waits = contract(may_configure=True, with_configuration=is_on), rollback()

    button = pressed(shown(rollback_plan(of=known)), views.CONFIGURATION)

    assert (button["text"]["text"], button["value"]) == (caption, f"{waits.id}:{wanted}")
    assert views.CONFIGURATION not in [each["action_id"] for each in buttons(shown(rollback_plan()))]


def test_a_machine_that_gets_its_configuration_back_says_so() -> None:
    """The line of the Machine has both."""
    machine = dataclasses.replace(planned(FIRST, runs=NEW), config_from="148e01:01A")

    assert "→ this image and its configuration of then" in said(shown(rollback_plan(machines=(machine,))))


def test_runs_under_way_can_be_cancelled() -> None:
    """The button carries the operation's id, and its dialog names the runs."""
    card, waits = shown(rollback_plan(of=contract(pending=(RUN,)))), rollback()

    button = pressed(card, views.CANCEL_RUNS)

    assert button["value"] == waits.id
    assert "Deploy v1.4.3" in button["confirm"]["text"]["text"]
    assert "1 deploy workflow under way." in card.text


def test_a_contract_can_always_be_dismissed() -> None:
    """The last button."""
    assert buttons(shown(rollback_plan(RED)))[-1]["action_id"] == cards.CANCEL


def test_the_text_alone_is_the_contract_in_short() -> None:
    """A screen reader gets what, where, from, to, by whom, what is undone, the database, the verdict, the reasons."""
    card = shown(rollback_plan(AMBER, migrations=CUT))

    for words in (
        "Rollback of reify-studio (production) from v1.4.2 to v1.4.1 (dd085a7), by <@U0ANA>, waiting for confirmation.",
        "|1 commit> by ana.",
        "GitHub did not list every changed file",
        "Verdict: amber. The secret STRIPE_KEY changed since.",
    ):
        assert words in card.text


MOVED = (*updated(FIRST, SECOND), receipt(**{FIRST: OLD, SECOND: OLD}))
HELD = row(Step.HOLD, hold=3, environment="reify-studio/production", bad_ref="v1.4.2")
NOT_HELD = row(Step.HOLD, warning="Nothing is held: both are builds of the same commit.")
BROKEN = {"message": "Machine 9080aa (sjc) is not healthy.", "hint": ""}


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (rollback(state=State.RUNNING), f"iad `{FIRST}`  started · waits"),
        (rollback(state=State.RUNNING), "brings back the image alone; verdict green"),
        (rollback(*MOVED, HELD, state=State.SUCCEEDED), "`v1.4.2` is held"),
        (rollback(*MOVED, NOT_HELD, state=State.SUCCEEDED), "⚠ Nothing is held: both are builds"),
        (
            rollback(failure(), state=State.FAILED, reason=Reason.MACHINE_UNHEALTHY, outcome=BROKEN),
            "is not healthy. (`machine_unhealthy`)",
        ),
    ],
)
def test_a_decided_contract_makes_room_for_what_happens(ended: Operation, words: str) -> None:
    """The Machines, the hold and the ending take the place of the questions."""
    card = cards.card(ended, plan_of(ended))

    assert words in said(card)
    assert "Verdict:" not in said(card)
    assert "Rollback of reify-studio (production)" in card.text
    fits(card)


def test_with_the_configuration_is_remembered() -> None:
    """Whoever looks at the card later sees that the image was not all."""
    of = rollback_plan(of=contract(with_configuration=True))

    assert "image and configuration of then" in said(shown(of, state=State.RUNNING))


def test_cancelling_a_rollback_is_called_so() -> None:
    """The dialog of Cancel does not speak of a deployment."""
    dialog = pressed(shown(rollback_plan(), state=State.RUNNING), cards.CANCEL)["confirm"]

    assert dialog["title"]["text"] == "Cancel this rollback?"
    assert dialog["confirm"]["text"] == "Cancel rollback"


def test_the_end_is_told_as_a_rollback() -> None:
    """What came back where, how long it took, the receipt."""
    over = rollback(*MOVED, state=State.SUCCEEDED)

    message = cards.ended(over, plan_of(over), whom=ANA)

    assert "<@U0ANA> rollback of *production* to `v1.4.1`" in said(message)
    assert "live in iad and sjc, 4 min. Ship receipt:" in said(message)


def test_a_refused_rollback_is_not_called_a_deployment() -> None:
    """Each reason, and the contract in short."""
    message = cards.refused(rollback_plan(blockers=(blocker(Reason.IMAGE_MISSING, "The image is gone."),)))

    assert message.text == "Not rolled back: v1.4.1 to reify-studio (production). The image is gone."
    assert "*production* is not rolled back to `v1.4.1`" in said(message)
    assert "from `v1.4.2`" in said(message)
    assert "deployed" not in said(message)


def test_a_dry_run_shows_the_whole_contract_and_no_button() -> None:
    """Private, with its verdict."""
    preview = cards.plan_preview(rollback_plan(AMBER), by=ANA.mention)

    assert "nothing speaks against it" in preview.text
    assert "*Verdict: amber*" in said(preview)
    assert buttons(preview) == []
    fits(preview)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (Cancelling(asked=(RUN,)), "GitHub was told to cancel 1 run."),
        (Cancelling(ended=(RUN, RUN)), "2 runs had ended already."),
        (
            Cancelling(asked=(RUN, RUN), refused=((RUN, "no <right>"),)),
            f"GitHub was told to cancel 2 runs. GitHub did not cancel <{RUN.url}|Deploy v1.4.3>: no &lt;right&gt;",
        ),
    ],
)
def test_what_became_of_the_runs_is_told(done: Cancelling, words: str) -> None:
    """Asked to stop, ended before, or refused with GitHub's words."""
    assert views.runs_cancelled(done).text == words


@pytest.mark.parametrize("answer", [views.accepted, views.previewing])
def test_the_immediate_answers_name_what_was_asked(answer: Any) -> None:
    """The environment and the release, as text."""
    message = answer("production", "<v41>")

    assert "*production* to `&lt;v41&gt;`" in message.text


def crowded(text: str) -> DeploymentPlan:
    """A contract in which everything that others write is this text, as often as it may stand."""
    release = earlier(ref=text, title=text, by=text, ran_s=1e9)
    remarks = tuple(Remark(risk, text) for risk in Risk for _ in range(9))
    many = (text,) * 30
    of = contract(
        *remarks,
        current=dataclasses.replace(live(), ref=text, title=text, by=text),
        target=release,
        configuration=many,
        secrets=many,
        scale=many,
        pending=(PendingRun(1, text, text),) * 30,
        may_configure=True,
    )
    commits = tuple(commit(f"{n:040x}", text, text, text) for n in range(300))
    return rollback_plan(
        of=of,
        ref=text,
        why=text,
        live_ref=text,
        commit=commit(NEW_SHA, text, text, text),
        changes=Changes(Relation.DIVERGED, 300, commits, (text,) * 300, text),
        migrations=Migrations(MigrationRisk.UNKNOWN, (text,) * 300, text),
        warnings=(text,) * 9,
        notes=(text,) * 9,
        blockers=(blocker(message=text),) * 9,
        machines=tuple(planned(f"m{n}", runs=image()) for n in range(60)),
    )


@pytest.mark.parametrize("text", ["t" * 3000, "<&>" * 1000, "*_~`" * 750, HOSTILE * 40, "🚀é" * 1500, " ", ""])
def test_no_contract_outgrows_slack_or_lets_markup_through(text: str) -> None:
    """Three hundred commits, thirty differences, titles of three thousand characters: taken, and only text."""
    of = crowded(text)
    free = dataclasses.replace(of, blockers=())

    for message in (
        shown(free),
        shown(free, state=State.RUNNING),
        shown(of, state=State.FAILED, started_at=None),
        cards.plan_preview(of, by=ANA.mention),
        cards.plan_preview(free, by=ANA.mention),
        cards.refused(of),
        views.accepted(text, text),
        views.runs_cancelled(Cancelling(of.contract.pending if of.contract else ())),
    ):
        fits(message)
        assert "<!" not in said(message)
        assert "<@U0CLEO" not in said(message)
        assert "<https://evil" not in said(message)


def test_time_since_is_in_people_s_units() -> None:
    """Minutes for what ran for minutes."""
    of = contract(target=earlier(ran_s=timedelta(minutes=12).total_seconds()))

    assert "ran 12 min" in said(shown(rollback_plan(of=of)))
