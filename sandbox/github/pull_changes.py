"""What people do to pull requests, through the API or the web pages alike.

Sources: "About pull request merges", "Webhook events and payloads" (pull_request).
"""

from __future__ import annotations

from sandbox.github.git import BRANCHES, Commit, Person, Tree
from sandbox.github.model import Fork, Pull, Repository, World
from sandbox.github.pull_views import commits_of
from sandbox.github.pushes import happen, move

MERGE_METHODS = ("merge", "squash", "rebase")


def open_pull(
    world: World,
    repo: Repository,
    *,
    title: str,
    body: str | None,
    author: str,
    head_ref: str,
    head: Commit,
    base_ref: str,
    draft: bool = False,
    number: int = 0,
    fork: Fork | None = None,
    runs: bool = True,
) -> Pull:
    """A pull request of `head` into a branch; ValueError where it brings no commits, or there is one already."""
    target = repo.git.commits[repo.git.refs[BRANCHES + base_ref]]
    base = repo.git.merge_base(head.sha, target.sha)
    if base is None or base.sha == head.sha:
        raise ValueError(f"No commits between {base_ref} and {head_ref}")
    owner = fork.owner if fork else repo.owner
    if any(each.base_ref == base_ref for each in _open_of(repo, head_ref, fork)):
        raise ValueError(f"A pull request already exists for {owner}:{head_ref}.")
    now = world.clock.now()
    pull = Pull(
        number or repo.next_number(), title, body, author, head_ref, head.sha, base_ref, now, now, draft, fork=fork
    )
    pull.base_sha = base.sha
    repo.pulls[pull.number] = pull
    happen(world, repo, pull, "opened", author, runs=runs)
    return pull


def _open_of(repo: Repository, head_ref: str, fork: Fork | None) -> list[Pull]:
    pulls = [pull for pull in repo.pulls.values() if pull.state == "open" and pull.head_ref == head_ref]
    return [pull for pull in pulls if (pull.fork and pull.fork.full_name) == (fork and fork.full_name)]


def close(world: World, repo: Repository, pull: Pull, by: str, *, runs: bool = True) -> None:
    pull.closed_at = pull.updated_at = world.clock.now()
    happen(world, repo, pull, "closed", by, runs=runs)


def reopen(world: World, repo: Repository, pull: Pull, by: str, *, runs: bool = True) -> None:
    """Open it again at its branch's tip; ValueError where it was merged or its branch is gone."""
    tip = pull.head_sha if pull.fork else repo.git.refs.get(BRANCHES + pull.head_ref)
    if pull.merged_at is not None or tip is None:
        raise ValueError(f"pull request {pull.number} is merged, or its branch is gone")
    pull.closed_at, pull.updated_at, pull.head_sha = None, world.clock.now(), tip
    happen(world, repo, pull, "reopened", by, runs=runs)


def edit(world: World, repo: Repository, pull: Pull, by: str, changed: dict[str, str | None]) -> None:
    """Change `title`, `body` or `base`; the event tells what each was before."""
    before: dict[str, object] = {}
    for name, value in changed.items():
        old = pull.base_ref if name == "base" else getattr(pull, name)
        if old == value:
            continue
        if name == "base":
            before["base"] = {"ref": {"from": old}, "sha": {"from": pull.base_sha}}
            pull.base_ref = str(value)
            base = repo.git.merge_base(repo.git.refs[BRANCHES + pull.base_ref], pull.head_sha)
            pull.base_sha = base.sha if base else pull.base_sha
        else:
            before[name] = {"from": old or ""}
            setattr(pull, name, value)
    if before:
        pull.updated_at = world.clock.now()
        happen(world, repo, pull, "edited", by, runs=True, extra={"changes": before})


def set_draft(world: World, repo: Repository, pull: Pull, by: str, *, draft: bool, runs: bool = True) -> None:
    """Make it a draft, or ready for review; nothing happens where it is that already."""
    if pull.draft == draft:
        return
    pull.draft, pull.updated_at = draft, world.clock.now()
    happen(world, repo, pull, "converted_to_draft" if draft else "ready_for_review", by, runs=runs)


def merge(
    world: World,
    repo: Repository,
    pull: Pull,
    by: str,
    *,
    method: str = "merge",
    title: str = "",
    body: str = "",
    runs: bool = True,
) -> str:
    """Merge it as somebody (a login) with one of `MERGE_METHODS`; the new tip of the base. MergeConflict where not."""
    base = repo.git.refs[BRANCHES + pull.base_ref]
    tree, now, author = repo.git.merged_tree(base, pull.head_sha), world.clock.now(), world.person(by)
    if method == "rebase":
        tip = _replayed(repo, pull, base, now)
    else:
        tip = _joined(repo, pull, base, tree, author, now, squash=method == "squash", title=title, body=body)
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = now, author.login, tip
    close(world, repo, pull, by, runs=runs)
    move(world, repo, BRANCHES + pull.base_ref, tip, by, runs=runs)
    return tip


def _joined(
    repo: Repository,
    pull: Pull,
    base: str,
    tree: Tree,
    author: Person,
    now: float,
    *,
    squash: bool,
    title: str,
    body: str,
) -> str:
    owner = pull.fork.owner if pull.fork else repo.owner
    usual = f"Merge pull request #{pull.number} from {owner}/{pull.head_ref}"
    first = title or (f"{pull.title} (#{pull.number})" if squash else usual)
    rest = body or ("" if squash else pull.title)
    parents = (base,) if squash else (base, pull.head_sha)
    return repo.git.add_commit("\n\n".join(filter(None, [first, rest])), author, now, parents=parents, tree=tree).sha


def _replayed(repo: Repository, pull: Pull, base: str, now: float) -> str:
    """The pull request's commits once more, on top of the base."""
    tip = base
    for commit in commits_of(repo, pull):
        before: Tree = repo.git.commits[commit.parents[0]].tree if commit.parents else {}
        tree = dict(repo.git.commits[tip].tree)
        for path in before.keys() | commit.tree.keys():
            if commit.tree.get(path) != before.get(path):
                tree.pop(path, None)
                tree |= {path: commit.tree[path]} if path in commit.tree else {}
        tip = repo.git.add_commit(commit.message, commit.author, now, parents=(tip,), tree=tree).sha
    return tip
