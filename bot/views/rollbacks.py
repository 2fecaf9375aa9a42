"""The contract of a rollback as a person reads it before the button: what comes back, what does not, how risky it is.

The order is that of the questions: from where to where, what is undone, does the image exist, does the database
fit, what else differs, what may come in between, is it worth it, what holds afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import MigrationRisk, Relation
from bot.domain.operation import Operation
from bot.domain.rollback import Cancelling, Contract, EarlierRelease, PendingRun, Risk, nothing_to_hold
from bot.views import plans
from bot.views.blocks import (
    Block,
    Message,
    button,
    clip_mrkdwn,
    code,
    confirmation,
    context,
    escape,
    link,
    prose,
    section,
)
from bot.views.machines import BAD, DONE, UNTOUCHED, WARN
from bot.views.words import span, stamp

CONFIGURATION = "rollback_configuration"
CANCEL_RUNS = "rollback_cancel_runs"
ON, OFF = "on", "off"

TITLES_SHOWN = 5
DIFFERENCES_SHOWN = 5
RUNS_SHOWN = 3
RISKS_SHOWN = 6
# Together with blockers and approvals, what Slack takes in one message.
COMMITS_LIMIT = 1200
DETAILS_LIMIT = 2300
MACHINES_LIMIT = 1500
VERDICT_LIMIT = 1200
# In words too: a colour alone tells nothing to a screen reader, nor to everybody who sees it.
MARKS = {Risk.GREEN: "🟢", Risk.AMBER: "🟡", Risk.RED: "🔴"}
VERDICTS = {
    Risk.GREEN: "nothing that is known speaks against it.",
    Risk.AMBER: "it goes, and this is its risk:",
    Risk.RED: "it may do harm:",
}


def accepted(environment: str, release: str) -> Message:
    """The immediate answer to the command."""
    return Message(
        text=f"Planning the rollback of *{escape(environment)}* to {code(release)}; its contract follows in this "
        "channel."
    )


def previewing(environment: str, release: str) -> Message:
    """The immediate answer to a dry run."""
    return Message(
        text=f"Planning the rollback of *{escape(environment)}* to {code(release)}; only you will see the contract."
    )


def runs_cancelled(done: Cancelling) -> Message:
    """What became of the runs that somebody wanted to cancel."""
    told = [
        f"GitHub was told to cancel {plans.counted(len(done.asked), 'run')}." if done.asked else "",
        f"{plans.counted(len(done.ended), 'run')} had ended already." if done.ended else "",
        *(f"GitHub did not cancel {link(run.url, run.title)}: {escape(why)}" for run, why in done.refused[:RUNS_SHOWN]),
    ]
    return Message(text=" ".join(text for text in told if text))


def lines(plan: DeploymentPlan, contract: Contract) -> Iterator[str]:
    """From where to where, what is undone, the image and the database: what a card says as long as it stands."""
    yield f"from {_current(contract.current)}"
    yield f"to {_target(contract.target)}"
    yield _undone(plan)
    yield _image(plan, contract)
    yield _migrations(plan)


def in_short(plan: DeploymentPlan, contract: Contract) -> Iterator[str]:
    """What a card says of the contract once it is decided."""
    yield from lines(plan, contract)
    brought = "image and configuration of then" if contract.with_configuration else "the image alone"
    yield f"{plans.NOTE} brings back {brought}; verdict {contract.risk}"
    yield from plans.remarks(plan)


def blocks(head: str, plan: DeploymentPlan, contract: Contract, machines: Iterable[str]) -> list[Block]:
    """The contract in full, in the order of the questions."""
    told = [section("\n".join([head, *lines(plan, contract)]))]
    if commits := plans.commits(plan, TITLES_SHOWN):
        told.append(context(clip_mrkdwn(commits, COMMITS_LIMIT)))
    told += [section(details(plan, contract)), section(verdict(contract)), context(afterwards(plan, contract))]
    here = clip_mrkdwn("\n".join(machines), MACHINES_LIMIT)
    return [*told, section(here)] if here else told


def details(plan: DeploymentPlan, contract: Contract) -> str:
    """What else differs between then and now, what is not done, and what may come in between."""
    kept = "comes back, too" if contract.with_configuration else "stays as it is today"
    told = [
        _differences(f"configuration ({kept})", contract.configuration),
        _differences("secrets (stay as they are today)", contract.secrets),
        _differences("scale (stays as it is today)", contract.scale),
        *plans.remarks(plan),
        *(f"{plans.NOTE} {prose(r.message, mentions=False)}" for r in contract.remarks if r.risk is Risk.GREEN),
        *_pending(contract.pending),
    ]
    return clip_mrkdwn("\n".join(told), DETAILS_LIMIT)


def verdict(contract: Contract) -> str:
    """Green, amber or red, and each reason for it, worst first."""
    head = f"{MARKS[contract.risk]} *Verdict: {contract.risk}*: {VERDICTS[contract.risk]}"
    said = [
        f"{MARKS[risk]} {risk}: {prose(remark.message, 400, mentions=False)}"
        for risk in (Risk.RED, Risk.AMBER)
        for remark in contract.remarks
        if remark.risk is risk
    ]
    more = [f"… and {len(said) - RISKS_SHOWN} more"] if len(said) > RISKS_SHOWN else []
    return clip_mrkdwn("\n".join([head, *said[:RISKS_SHOWN], *more]), VERDICT_LIMIT)


def afterwards(plan: DeploymentPlan, contract: Contract) -> str:
    """What holds when it is done."""
    bad = contract.current
    stays = "Data and schema of the database stay as they are."
    if nothing_to_hold(contract, plan.changes.relation):
        return f"Afterwards: {stays}"
    return (
        f"Afterwards: {code(bad.ref, 80)} is held. No deployment that contains it goes to *{escape(plan.environment)}* "
        f"until a commit reverts or mends it, or somebody lifts the hold. {stays}"
    )


def summary(plan: DeploymentPlan, contract: Contract) -> str:
    """The contract in sentences, for whoever does not see the card: undone, database, under way, verdict."""
    under_way = len(contract.pending)
    told = [
        f"{_undone(plan)}.",
        f"{_migrations(plan)}.",
        f"{plans.counted(under_way, 'deploy workflow')} under way." if under_way else "",
        f"Verdict: {contract.risk}.",
        *(prose(risk, 300, mentions=False) for risk in contract.risks[:RISKS_SHOWN]),
    ]
    return " ".join(text for text in told if text)


def confirm_button(operation: Operation, plan: DeploymentPlan, contract: Contract, *, action: str) -> Block:
    """Roll back; where there is a risk, a dialog names it first."""
    label, value = f"Roll {plan.environment} back to {plan.ref}", f"{operation.id}:{operation.plan_hash}"
    if contract.risk is Risk.GREEN:
        return button("Roll back", action=action, value=value, style="primary", label=label)
    dialog = confirmation(f"{label}?", risk_words(contract), "Roll back")
    return button("Roll back", action=action, value=value, style="danger", confirm=dialog, label=label)


def risk_words(contract: Contract) -> str:
    """The risks in a sentence or two, the worst first: a dialog holds 300 characters."""
    return "*Risk*: " + " ".join(prose(risk, 200, mentions=False) for risk in contract.risks)


def choices(operation: Operation, contract: Contract) -> Iterator[Block]:
    """The buttons that belong to a contract alone: what comes back, and the runs that would undo it."""
    if contract.may_configure:
        is_on = contract.with_configuration
        caption, wanted = ("Image only", OFF) if is_on else ("Also bring back the configuration", ON)
        yield button(caption, action=CONFIGURATION, value=f"{operation.id}:{wanted}")
    if contract.pending:
        runs = "; ".join(escape(run.title, 80) for run in contract.pending[:RUNS_SHOWN])
        dialog = confirmation("Cancel these runs?", f"GitHub cancels: {runs}", "Cancel the runs", "Let them run")
        yield button(
            "Cancel these runs",
            action=CANCEL_RUNS,
            value=operation.id,
            confirm=dialog,
            label="Cancel the deploy workflows that are under way",
        )


def _current(release: EarlierRelease) -> str:
    since = f"live since {stamp(release.released_at)}" if release.released_at else "live"
    ran = f", {_length(release)}" if release.ran_s is not None else ""
    return f"{_named(release)} · {since}{ran}{_by(release)}"


def _target(release: EarlierRelease) -> str:
    ran = f"ran {_length(release)}" if release.ran_s is not None else "it is not known that it ever ran"
    until = f", until {stamp(release.ended_at)}" if release.ended_at else ""
    since = f"released {stamp(release.released_at)}, " if release.released_at else ""
    return f"{_named(release)} · {since}{ran}{until}{_by(release)}"


def _named(release: EarlierRelease) -> str:
    sha, title = release.image.sha[:7], f" “{escape(release.title, 80)}”" if release.title else ""
    commit = f" ({sha})" if sha and sha != release.ref else ""
    number = f" · Fly release {release.name}" if release.version and release.name != release.ref else ""
    return f"{code(release.ref, 80)}{commit}{title}{number}"


def _length(release: EarlierRelease) -> str:
    return span(timedelta(seconds=release.ran_s or 0.0))


def _by(release: EarlierRelease) -> str:
    return f", by {prose(release.by, 60)}" if release.by else ""


def _image(plan: DeploymentPlan, contract: Contract) -> str:
    if plan.image is None:
        return f"{BAD} the image of then was not found"
    where = "is in the registry" if contract.is_image_seen else f"{WARN} the registry does not say whether it is there"
    return f"{plans.image(plan)} {where}"


def _undone(plan: DeploymentPlan) -> str:
    changes = plan.changes
    if changes.relation is Relation.UNKNOWN:
        return f"{WARN} Which commits it undoes is unknown"
    if changes.relation is Relation.IDENTICAL:
        return "Undoes no commit: both are built from the same one"
    if changes.relation is Relation.BEHIND:
        return f"Undoes no commit: {link(changes.url, 'it goes to a newer one')}"
    apart = ", and brings back others: neither contains the other" if changes.relation is Relation.DIVERGED else ""
    return f"Undoes {plans.commit_count(plan)}{apart}"


def _migrations(plan: DeploymentPlan) -> str:
    found = plan.migrations
    if found.risk is MigrationRisk.NONE:
        return f"{DONE} no migrations in between"
    seen = (
        f"{plans.counted(len(found.files), 'migration')} ({plans.migration_names(found.files)})" if found.files else ""
    )
    if found.risk is MigrationRisk.UNKNOWN:
        known = f"; seen: {seen}" if seen else ""
        return f"{WARN} migrations in between are unknown: {escape(found.why)}{known}"
    return f"{MARKS[Risk.RED]} *the schema stays ahead*: {seen} in between, and a rollback undoes none"


def _differences(what: str, found: Sequence[str]) -> str:
    if not found:
        return f"{UNTOUCHED} {what}: no difference known"
    told = "; ".join(prose(difference, 150, mentions=False) for difference in found[:DIFFERENCES_SHOWN])
    more = len(found) - DIFFERENCES_SHOWN
    return f"{WARN} {what}: {told}{f'; and {more} more' if more > 0 else ''}"


def _pending(runs: Sequence[PendingRun]) -> Iterator[str]:
    if not runs:
        yield f"{UNTOUCHED} no deploy workflow is known to be under way"
    for run in runs[:RUNS_SHOWN]:
        yield f"{WARN} under way: {link(run.url, run.title)}; it may bring back what is rolled back"
    if len(runs) > RUNS_SHOWN:
        yield f"{WARN} … and {len(runs) - RUNS_SHOWN} more runs"
