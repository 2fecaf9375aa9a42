"""Endpoints: reading pull requests.

Sources: "REST API endpoints for pull requests", "... commits" (pull requests of a commit).
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.diff import changes
from sandbox.github.git import Commit
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Pull, Repository
from sandbox.github.pull_views import commits_of, detailed_pull_json, pull_json

READ = ("pull_requests=read",)
MOST_FILES, MOST_COMMITS = 3000, 250
STATES = ("open", "closed", "all")


def list_pulls(call: Call) -> Answer:
    """Open ones by default; newest first when sorted by creation, unless `direction` says otherwise."""
    query = call.query
    state = query.get("state", "open")
    if state not in STATES:
        raise GitHubError(422, "Validation Failed", errors=[{"resource": "PullRequest", "field": "state"}])
    found = [pull for pull in call.repo.pulls.values() if state in (pull.state, "all") and _wanted(call, pull)]
    sort = query.get("sort", "created")
    # Descending only where the sort is `created` or not given at all.
    descending = query.get("direction", "desc" if sort == "created" else "asc") == "desc"
    found.sort(key=lambda pull: _rank(call, pull, sort), reverse=descending)
    home = render.full_repository(call.world, call.repo)
    return call.listing(found, lambda pull: pull_json(call.world, call.repo, pull, home))


def _wanted(call: Call, pull: Pull) -> bool:
    head, base = call.query.get("head"), call.query.get("base")
    owner = pull.fork.owner if pull.fork else call.repo.owner
    return head in (None, f"{owner}:{pull.head_ref}") and base in (None, pull.base_ref)


def _rank(call: Call, pull: Pull, sort: str) -> tuple[float, int]:
    ranks = {
        "updated": pull.updated_at,
        "popularity": sum(comment.issue == pull.number for comment in call.repo.comments.values()),
        "long-running": pull.updated_at - pull.created_at,
    }
    return ranks.get(sort, pull.created_at), pull.number


def get_pull(call: Call) -> Answer:
    return Answer(detailed_pull_json(call.world, call.repo, known_pull(call)))


def known_pull(call: Call) -> Pull:
    """The pull request of the path; 404 also for an issue that is none."""
    pull = call.repo.pulls.get(call.params["number"])
    if pull is None:
        raise not_found()
    return pull


def list_files(call: Call) -> Answer:
    """What it changes, by name; GitHub tells at most 3,000."""
    pull, git = known_pull(call), call.repo.git
    found = changes(git, git.commits[pull.base_sha].tree, git.commits[pull.head_sha].tree)[:MOST_FILES]
    return call.listing(found, lambda change: render.file(call.world, call.repo, change, pull.head_sha))


def list_commits(call: Call) -> Answer:
    """What it brings, oldest first; GitHub tells at most 250."""
    found = commits_of(call.repo, known_pull(call))[:MOST_COMMITS]
    return call.listing(found, lambda commit: render.commit(call.world, call.repo, commit))


def is_merged(call: Call) -> Answer:
    """204 where it was merged, else 404."""
    if known_pull(call).merged_at is None:
        raise not_found()
    return Answer(status=204)


def pulls_of_commit(call: Call) -> Answer:
    """The merged pull request that brought a commit to the default branch; else open and merged ones with it."""
    commit = call.known_commit(call.params["ref"])
    landed = call.repo.git.contains(call.repo.tip().sha, commit.sha)
    pulls = [pull for pull in call.repo.pulls.values() if pull.merged_at is not None or not landed]
    found = [pull for pull in pulls if _brings(call.repo, pull, commit) and (pull.merged_at or pull.state == "open")]
    return call.listing(found, lambda pull: pull_json(call.world, call.repo, pull))


def _brings(repo: Repository, pull: Pull, commit: Commit) -> bool:
    return commit.sha == pull.merge_commit_sha or commit in commits_of(repo, pull)


REPO = "/repos/{owner}/{repo}"
PULL = f"{REPO}/pulls/{{number:int}}"
ENDPOINTS = [
    Endpoint("GET", f"{REPO}/pulls", list_pulls, READ),
    Endpoint("GET", PULL, get_pull, READ),
    Endpoint("GET", f"{PULL}/files", list_files, READ),
    Endpoint("GET", f"{PULL}/commits", list_commits, READ),
    Endpoint("GET", f"{PULL}/merge", is_merged, READ),
    Endpoint("GET", f"{REPO}/commits/{{ref:path}}/pulls", pulls_of_commit, READ),
]
