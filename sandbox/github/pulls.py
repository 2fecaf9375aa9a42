"""Endpoints: pull requests and the comments of their conversation.

Sources: "REST API endpoints for pull requests", "... issue comments", "... commits" (pull requests of a commit).
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.diff import changes
from sandbox.github.git import BRANCHES, Commit, MergeConflict
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Comment, Pull, Repository, iso, node_id
from sandbox.github.search import instant
from sandbox.kit import Json

READ = ("pull_requests=read",)
COMMENT_READ = ("issues=read", "pull_requests=read")
COMMENT_WRITE = ("issues=write", "pull_requests=write")
FIRST_COMMENT_ID = 2_400_000_001
LONGEST_BODY = 65_536
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
    return call.listing(found, lambda pull: _pull(call, pull))


def _wanted(call: Call, pull: Pull) -> bool:
    head, base = call.query.get("head"), call.query.get("base")
    return head in (None, f"{call.repo.owner}:{pull.head_ref}") and base in (None, pull.base_ref)


def _rank(call: Call, pull: Pull, sort: str) -> tuple[float, int]:
    ranks = {
        "updated": pull.updated_at,
        "popularity": sum(comment.issue == pull.number for comment in call.repo.comments.values()),
        "long-running": pull.updated_at - pull.created_at,
    }
    return ranks.get(sort, pull.created_at), pull.number


def get_pull(call: Call) -> Answer:
    pull = call.repo.pulls.get(call.params["number"])
    if pull is None:
        raise not_found()
    return Answer(_detailed(call, pull))


def _pull(call: Call, pull: Pull) -> Json:
    """A pull request as in lists: without `merged` and the counts."""
    url = render.api(call.world, call.repo, f"/pulls/{pull.number}")
    issue = render.api(call.world, call.repo, f"/issues/{pull.number}")
    page = render.web(call.repo, f"/pull/{pull.number}")
    base = call.repo.git.refs.get(BRANCHES + pull.base_ref, pull.base_sha)
    return {
        "id": 2_000_000_000 + pull.number,
        "node_id": node_id("PullRequest", pull.number),
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "user": render.user(call.world, pull.author),
        "created_at": iso(pull.created_at),
        "updated_at": iso(pull.updated_at),
        "closed_at": iso(pull.closed_at),
        "merged_at": iso(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "labels": [],
        "assignees": [],
        "requested_reviewers": [],
        "head": _side(call, pull.head_ref, pull.head_sha),
        "base": _side(call, pull.base_ref, base if pull.state == "open" else pull.base_sha),
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        "comments_url": f"{issue}/comments",
        "commits_url": f"{url}/commits",
        "statuses_url": render.api(call.world, call.repo, f"/statuses/{pull.head_sha}"),
        "author_association": "MEMBER",
    }


def _side(call: Call, ref: str, sha: str) -> Json:
    return {
        "label": f"{call.repo.owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": render.user(call.world, call.repo.owner),
        "repo": render.repository(call.world, call.repo),
    }


def _detailed(call: Call, pull: Pull) -> Json:
    git = call.repo.git
    base = git.commits[pull.base_sha]
    commits = commits_of(call.repo, pull)
    found = changes(git, base.tree, git.commits[pull.head_sha].tree)
    mergeable = _mergeable(call.repo, pull)
    return {
        **_pull(call, pull),
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "mergeable_state": {True: "clean", False: "dirty", None: "unknown"}[mergeable],
        "merged_by": render.user(call.world, pull.merged_by),
        "comments": sum(comment.issue == pull.number for comment in call.repo.comments.values()),
        "review_comments": 0,
        "commits": len(commits),
        "additions": sum(change.additions for change in found),
        "deletions": sum(change.deletions for change in found),
        "changed_files": len(found),
        "maintainer_can_modify": False,
    }


def commits_of(repo: Repository, pull: Pull) -> list[Commit]:
    """What the pull request brings, oldest first."""
    return repo.git.between(pull.base_sha, pull.head_sha)


def _mergeable(repo: Repository, pull: Pull) -> bool | None:
    """None once it is closed."""
    if pull.state == "closed":
        return None
    try:
        repo.git.merged_tree(repo.git.refs[BRANCHES + pull.base_ref], pull.head_sha)
    except MergeConflict:
        return False
    return True


def pulls_of_commit(call: Call) -> Answer:
    """The merged pull request that brought a commit to the default branch; else open and merged ones with it."""
    commit = call.known_commit(call.params["ref"])
    landed = call.repo.git.contains(call.repo.tip().sha, commit.sha)
    pulls = [pull for pull in call.repo.pulls.values() if pull.merged_at is not None or not landed]
    found = [pull for pull in pulls if _brings(call.repo, pull, commit) and (pull.merged_at or pull.state == "open")]
    return call.listing(found, lambda pull: _pull(call, pull))


def _brings(repo: Repository, pull: Pull, commit: Commit) -> bool:
    return commit.sha == pull.merge_commit_sha or commit in commits_of(repo, pull)


def list_comments(call: Call) -> Answer:
    """Oldest first, optionally only those updated at or after `since`."""
    number = _issue(call)
    since = call.query.get("since")
    earliest = _since(since) if since else 0.0
    found = [c for c in call.repo.comments.values() if c.issue == number and int(c.updated_at) >= earliest]
    return call.listing(found, lambda comment: _comment(call, comment))


def _since(text: str) -> float:
    try:
        return instant(text)
    except ValueError as error:
        raise GitHubError(422, f"Invalid `since`: {error}") from error


def _issue(call: Call) -> int:
    number: int = call.params["number"]
    if number not in call.repo.pulls and number not in call.repo.issues:
        raise not_found()
    return number


def create_comment(call: Call) -> Answer:
    number = _issue(call)
    body = call.required_text("body", resource="IssueComment", longest=LONGEST_BODY)
    comment = Comment(call.world.next_id("comment", FIRST_COMMENT_ID), number, call.login, body, call.now, call.now)
    call.repo.comments[comment.id] = comment
    shown = _comment(call, comment)
    return Answer(shown, 201, {"location": shown["url"]})


def get_comment(call: Call) -> Answer:
    return Answer(_comment(call, _known_comment(call)))


def update_comment(call: Call) -> Answer:
    comment = _known_comment(call)
    comment.body = call.required_text("body", resource="IssueComment", longest=LONGEST_BODY)
    comment.updated_at = call.now
    return Answer(_comment(call, comment))


def _known_comment(call: Call) -> Comment:
    comment = call.repo.comments.get(call.params["comment"])
    if comment is None:
        raise not_found()
    return comment


def _comment(call: Call, comment: Comment) -> Json:
    return {
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "url": render.api(call.world, call.repo, f"/issues/comments/{comment.id}"),
        "html_url": render.web(call.repo, f"/pull/{comment.issue}#issuecomment-{comment.id}"),
        "issue_url": render.api(call.world, call.repo, f"/issues/{comment.issue}"),
        "body": comment.body,
        "user": render.user(call.world, comment.author),
        "created_at": iso(comment.created_at),
        "updated_at": iso(comment.updated_at),
        "author_association": "MEMBER",
    }


REPO = "/repos/{owner}/{repo}"
ENDPOINTS = [
    Endpoint("GET", f"{REPO}/pulls", list_pulls, READ),
    Endpoint("GET", f"{REPO}/pulls/{{number:int}}", get_pull, READ),
    Endpoint("GET", f"{REPO}/commits/{{ref:path}}/pulls", pulls_of_commit, READ),
    Endpoint("GET", f"{REPO}/issues/{{number:int}}/comments", list_comments, COMMENT_READ),
    Endpoint("POST", f"{REPO}/issues/{{number:int}}/comments", create_comment, COMMENT_WRITE, who="account"),
    Endpoint("GET", f"{REPO}/issues/comments/{{comment:int}}", get_comment, COMMENT_READ),
    Endpoint("PATCH", f"{REPO}/issues/comments/{{comment:int}}", update_comment, COMMENT_WRITE, who="account"),
]
