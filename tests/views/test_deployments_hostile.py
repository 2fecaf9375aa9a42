"""The deployment's messages full of other people's text: they fit into Slack, and the text stays text."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.deployment import Build, Changes, DeploymentPlan
from bot.domain.model import Ci, CiState, MigrationRisk, Migrations, Relation
from bot.domain.operation import Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import plan_of
from bot.views import deployments as views
from bot.views.blocks import Message
from tests.builders import (
    ANA,
    NEW,
    OLD,
    blocker,
    commit,
    failure,
    operation,
    plan,
    planned,
    receipt,
    row,
    started,
    updated,
)
from tests.views.messages import fits, said, texts

HOSTILE = "<!channel> <@U0CLEO|x> <https://evil.example|login> & *bold* `code` ```fence``` \u202e\n> quote"
# What in our own messages may follow an opening angle bracket.
OURS = re.compile(r"<(?:@U0ANA>|@U0BO>|https://github\.com/reify/x/|https://reify-studio\.fly\.dev)")


def all_messages(shown: Operation, of: DeploymentPlan) -> list[Message]:
    """Everything that is ever said about an operation."""
    made = [
        views.card(shown, of),
        views.plan_preview(of, by=ANA.mention),
        views.refused(of),
        views.accepted(of.environment, of.ref),
        views.previewing(of.environment, of.ref),
        views.newest_tag(of.environment, of.ref),
    ]
    if shown.is_final:
        made.append(views.ended(shown, of, whom=ANA))
    log = views.release_command_log(shown)
    return [*made, log] if log else made


def through_ci(of: DeploymentPlan, text: str, machines: int) -> list[Operation]:
    """Operations on the way through CI in which GitHub's and Fly's words are this text."""
    jobs = [{"name": text, "status": text, "conclusion": text, "url": text, "failed_step": text}] * 40
    seen = {"run": 1, "url": text, "status": text, "conclusion": text, "jobs": jobs}
    read = receipt(**dict.fromkeys([f"n{n}" for n in range(machines)], OLD))
    refused = row(Step.DISPATCH, "", StepStatus.FAILED, message=text)
    outcome = {"message": text, "hint": text, "not_restored": text}
    return [
        operation(of=of, state=State.REQUESTED),
        operation(started(Step.FOLLOW, **seen), of=of),
        operation(row(Step.FOLLOW, **seen | {"status": "completed"}), read, of=of, state=State.VERIFYING),
        operation(refused, failure(), read, of=of, outcome=outcome, state=State.FAILED, reason=Reason.BUILD_FAILED),
    ]


def crowded(text: str, *, commits: int, machines: int) -> tuple[DeploymentPlan, list[Operation]]:
    """A plan and operations in which everything that others write is this text, as often as it may stand."""
    ids = [f"m{number}" for number in range(machines)]
    of = plan(
        ref=text,
        why=text,
        live_ref=text[:7].replace("<", ""),
        ci=Ci(CiState.FAILURE, text),
        changes=Changes(
            Relation.AHEAD,
            commits,
            tuple(commit(title=text, author=text, url=text) for _ in range(commits)),
            tuple(f"{text}{n}" for n in range(commits)),
            text,
        ),
        commit=commit(title=text, author=text, url=text),
        migrations=Migrations(MigrationRisk.LISTED, (text,) * 9, text),
        machines=tuple(planned(machine_id) for machine_id in ids),
        blockers=tuple(blocker(message=text[: 3000 // (n + 1)]) for n, _ in enumerate(ids)),
        warnings=(text,) * 9,
        notes=(text,) * 9,
    )
    done = updated(*ids)
    tail = row(Step.RELEASE_COMMAND, "", StepStatus.FAILED, exit_code=1, tail=[text[:300]] * 30, command=text)
    outcome = {"message": text, "hint": text, "not_restored": text}
    waits = started(Step.WAITING, service=text, message=text)
    rows = [row(Step.RESTORE, machine_id, StepStatus.FAILED, message=text) for machine_id in ids]
    built = dataclasses.replace(of, build=Build(text, text, text), image=None)
    return of, [
        *through_ci(built, text, machines),
        operation(of=of, state=State.REQUESTED),
        operation(*done, waits, of=of),
        operation(*done, failure(), *rows, of=of),
        operation(
            tail,
            *done,
            failure(),
            receipt(**dict.fromkeys(ids, OLD)),
            of=of,
            outcome=outcome,
            state=State.FAILED,
            reason=Reason.MACHINE_CRASHED,
        ),
        operation(*done, receipt(**dict.fromkeys(ids, NEW)), of=of, state=State.SUCCEEDED),
        operation(row(Step.RECORD_RELEASE, warning=text, version=0), of=of),
    ]


@pytest.mark.parametrize("text", ["t" * 3000, "<&>" * 1000, "*_~`" * 750, HOSTILE * 40, "🚀é" * 1500, " ", ""])
def test_no_message_outgrows_slack(text: str) -> None:
    """Three hundred commits, sixty Machines, titles of three thousand characters: every message is taken."""
    _, shown = crowded(text, commits=300, machines=60)

    for message in (message for one in shown for message in all_messages(one, plan_of(one))):
        fits(message)


def test_a_long_reason_does_not_push_the_machines_off_the_card() -> None:
    """Three hundred ampersands are a reason, too: what each of twelve Machines does is still there to read."""
    ids = [f"m{number}" for number in range(12)]
    of = plan(why="&" * 300, ref="&" * 250, machines=tuple(planned(machine_id) for machine_id in ids))
    done = operation(*updated(*ids), receipt(**dict.fromkeys(ids, NEW)), of=of, state=State.SUCCEEDED)

    lines = "".join(texts(views.card(done, of).blocks))
    assert all(f"`{machine_id}`" in lines for machine_id in ids)
    assert "Ship receipt: 12 of 12" in lines


def raw_markup(message: Message) -> list[str]:
    """What in a message could be read as mention, broadcast or link, and is not ours."""
    found = re.findall(r"<[!@#h][^>]{0,60}>?", said(message))
    return [each for each in found if not OURS.match(each)]


def test_other_peoples_markup_stays_text() -> None:
    """Titles, refs, reasons, warnings and log lines mention nobody, link nowhere and format nothing of ours."""
    _, shown = crowded(HOSTILE, commits=20, machines=3)

    for message in (message for one in shown for message in all_messages(one, plan_of(one))):
        assert raw_markup(message) == []
        assert "\u202e" not in said(message)


@given(
    st.lists(
        st.sampled_from(["<", "!", "@", "channel", "U0CLEO", ">", "|", "`", "```", "&", ";", "lt", "a"]), max_size=40
    )
)
@settings(max_examples=15, deadline=None)
def test_no_mixture_of_marks_gets_through(parts: list[str]) -> None:
    """However the pieces of a broadcast are put together, none comes out of a view, nor half of one."""
    _, shown = crowded("".join(parts) + "<!channel>" * 30, commits=9, machines=2)

    for message in (message for one in shown for message in all_messages(one, plan_of(one))):
        assert "<!" not in said(message)
        fits(message)


def test_a_cut_text_ends_in_a_whole_character() -> None:
    """Where the summary is too long, no entity and no mention is cut in half."""
    _, shown = crowded("<&>" * 1000, commits=1, machines=1)

    for one in shown:
        text = views.card(one, plan_of(one)).text
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        assert text.count("<") == text.count(">")
