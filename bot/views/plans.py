"""What a plan says before it runs: what changes, with which image, what speaks against it, which Machines move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import CiState, MigrationRisk, Relation, Strategy
from bot.views import builds
from bot.views.blocks import clip, code, escape, link, prose
from bot.views.machines import BAD, DONE, MACHINES_SHOWN, WARN

NOTE = "ℹ"
COMMITS_SHOWN = 8
MIGRATIONS_SHOWN = 5
AUTHORS_SHOWN = 5


def ref(plan: DeploymentPlan) -> str:
    """What is to run, with a link to its commit."""
    # What runs may carry no commit, and going back to it is possible all the same.
    return f"{code(plan.ref)} ({link(plan.commit.url, plan.commit.short or 'no commit')})"


def lines(plan: DeploymentPlan) -> Iterator[str]:
    """What a deployment brings, and what a person should know of it."""
    live = code(plan.live_ref) if plan.live_ref else "nothing"
    yield f"from {live} · {_change_count(plan)} · {_migration_words(plan)}"
    if plan.build is not None:
        yield builds.way(plan.build)
    else:
        yield image(plan) or f"{BAD} no image of this commit"
    if plan.ci.state is not CiState.SUCCESS:
        yield f"{WARN} CI: {link(plan.ci.url, plan.ci.state)}"
    yield from remarks(plan)


def image(plan: DeploymentPlan) -> str:
    """The image by its label and its digest; empty where there is none."""
    if plan.image is None:
        return ""
    pin = f"{plan.image.repository}@{clip(plan.image.digest, 20)}"
    return f"{DONE} image {code(clip(plan.image.label, 16))} {code(pin)}"


def remarks(plan: DeploymentPlan) -> Iterator[str]:
    """What is unusual: another strategy, what the plan warns of, what is good to know."""
    if plan.strategy is not Strategy.ROLLING and plan.build is None:
        yield f"{NOTE} strategy {code(plan.strategy)}"
    for warning in plan.warnings:
        yield f"{WARN} {prose(warning)}"
    for note in plan.notes:
        yield f"{NOTE} {prose(note)}"


def _change_count(plan: DeploymentPlan) -> str:
    changes = plan.changes
    if changes.relation is Relation.UNKNOWN:
        return "what changes is unknown"
    if changes.relation is Relation.IDENTICAL:
        return "the same commit"
    if changes.relation is Relation.BEHIND:
        return link(changes.url, "an older commit")
    return commit_count(plan)


def commit_count(plan: DeploymentPlan) -> str:
    """`7 commits by Ana, Bo`, with a link to the comparison."""
    changes = plan.changes
    count = link(changes.url, counted(changes.total, "commit"))
    return f"{count} by {_authors(changes.authors)}" if changes.authors else count


def _authors(authors: Sequence[str]) -> str:
    shown = ", ".join(escape(author, 40) for author in authors[:AUTHORS_SHOWN])
    more = len(authors) - AUTHORS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _migration_words(plan: DeploymentPlan) -> str:
    migrations = plan.migrations
    if migrations.risk is MigrationRisk.NONE:
        return "no migrations"
    if migrations.risk is MigrationRisk.UNKNOWN:
        return f"{WARN} migrations unknown: {escape(migrations.why)}"
    return f"{WARN} {counted(len(migrations.files), 'migration')}: {migration_names(migrations.files)}"


def migration_names(files: Sequence[str]) -> str:
    """The first of some migrations by the names of their files, and how many more there are."""
    names = ", ".join(code(path.rpartition("/")[2], 80) for path in files[:MIGRATIONS_SHOWN])
    more = len(files) - MIGRATIONS_SHOWN
    return f"{names} and {more} more" if more > 0 else names


def counted(count: int, what: str) -> str:
    """`1 commit`, `7 commits`."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def commits(plan: DeploymentPlan, shown: int = COMMITS_SHOWN) -> str:
    """The newest commits of the range, a line each, and how many there are before them."""
    newest = plan.changes.commits[-shown:]
    told = [f"• {code(c.short)} {escape(c.title, 100)} — {escape(c.author, 40)}" for c in newest]
    earlier = plan.changes.total - len(told)
    if earlier > 0 and told:
        told.insert(0, f"… {earlier} earlier")
    return "\n".join(told)


def blockers(plan: DeploymentPlan) -> Iterator[str]:
    """Every rule that says no, and what lifts it."""
    for blocker in plan.blockers:
        yield f"{BAD} {prose(blocker.message)} (`{blocker.reason}`)\n      {prose(blocker.lift)}"


def machines(plan: DeploymentPlan) -> Iterator[str]:
    """What is done with which Machine."""
    if plan.build is not None:
        yield from builds.preview(plan)
    else:
        if plan.release_command:
            yield f"then release command {code(plan.release_command)}, then"
        for machine in plan.machines[:MACHINES_SHOWN]:
            runs = code(clip(machine.image.label or machine.image.digest, 16))
            also = " and its configuration of then" if machine.config_from else ""
            yield f"• {machine.region} {code(machine.id)} {machine.state} · {runs} → this image{also}"
    more = len(plan.machines) - MACHINES_SHOWN
    if more > 0:
        yield f"… and {more} more Machines"
