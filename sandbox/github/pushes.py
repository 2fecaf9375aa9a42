"""What follows when a ref moves: events, pull requests that go with it, workflows.

Sources: "Webhook events and payloads" (push, create, delete, pull_request), "Events that trigger workflows".
"""

from __future__ import annotations

from sandbox.github import happenings
from sandbox.github.model import Pull, Repository, World


def move(world: World, repo: Repository, ref: str, sha: str | None, actor: str, *, runs: bool = True) -> None:
    """Point `ref` at `sha`, or delete it with None; `runs` starts the workflows that a push starts."""
    before = repo.git.refs.get(ref)
    if sha is None:
        repo.git.refs.pop(ref, None)
    else:
        repo.git.refs[ref] = sha
    if before != sha:
        happenings.push(world, repo, ref, before or happenings.NOTHING, sha or happenings.NOTHING, actor)
    followers = repo.pulls_of(ref)
    for pull in followers:
        follow(world, repo, pull, sha, actor, runs=runs)
    if runs and sha is not None:
        world.pushed(repo, ref, actor)


def follow(world: World, repo: Repository, pull: Pull, sha: str | None, actor: str, *, runs: bool) -> None:
    """Let a pull request go with its head; one whose head is gone is closed."""
    before, pull.updated_at = pull.head_sha, world.clock.now()
    if sha is None:
        pull.closed_at = pull.updated_at
        happen(world, repo, pull, "closed", actor, runs=runs)
    elif sha != before:
        pull.head_sha = sha
        base = repo.git.merge_base(repo.git.refs[f"refs/heads/{pull.base_ref}"], sha)
        pull.base_sha = base.sha if base else pull.base_sha
        happen(world, repo, pull, "synchronize", actor, runs=runs, extra={"before": before, "after": sha})


def happen(
    world: World,
    repo: Repository,
    pull: Pull,
    action: str,
    actor: str,
    *,
    runs: bool,
    extra: dict[str, object] | None = None,
) -> None:
    """Tell what happened to a pull request, and start the workflows that it starts."""
    happenings.pull(world, repo, pull, action, actor, extra)
    if runs:
        world.pulled(repo, pull, action, actor)
