"""Pull requests, the issues that they are, and comments as GitHub's JSON, for the API and for webhooks alike."""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.diff import changes
from sandbox.github.git import BRANCHES, Commit, MergeConflict
from sandbox.github.model import Comment, Pull, Repository, World, iso, node_id
from sandbox.kit import Json

FIRST_PULL_ID = 2_000_000_000
NO_REACTIONS = dict.fromkeys(
    ("total_count", "+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket"),
    0,
)


def pull_json(world: World, repo: Repository, pull: Pull, home: Json | None = None) -> Json:
    """A pull request as in lists: without `merged` and the counts; `home` is its repository, where that is at hand."""
    home = home or render.full_repository(world, repo)
    url = render.api(world, repo, f"/pulls/{pull.number}")
    issue = render.api(world, repo, f"/issues/{pull.number}")
    page = render.web(repo, f"/pull/{pull.number}")
    base = repo.git.refs.get(BRANCHES + pull.base_ref, pull.base_sha)
    links = {
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": render.api(world, repo, "/pulls/comments{/number}"),
        "commits": f"{url}/commits",
        "statuses": render.api(world, repo, f"/statuses/{pull.head_sha}"),
    }
    return {
        "id": FIRST_PULL_ID + pull.number,
        "node_id": node_id("PullRequest", pull.number),
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "active_lock_reason": None,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "user": render.user(world, pull.author),
        "created_at": iso(pull.created_at),
        "updated_at": iso(pull.updated_at),
        "closed_at": iso(pull.closed_at),
        "merged_at": iso(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "labels": [],
        "milestone": None,
        "requested_reviewers": [],
        "requested_teams": [],
        "auto_merge": None,
        "head": _head(world, repo, pull, home),
        "base": _base(world, repo, pull, home, base if pull.state == "open" else pull.base_sha),
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        **{f"{name}_url": link for name, link in links.items() if name not in {"html", "issue"}},
        "_links": {"self": {"href": url}, **{name: {"href": link} for name, link in links.items()}},
        "author_association": "MEMBER" if pull.fork is None else "NONE",
    }


def _head(world: World, repo: Repository, pull: Pull, home: Json) -> Json:
    owner = pull.fork.owner if pull.fork else repo.owner
    place = render.fork(world, repo, pull.fork) if pull.fork else home
    return {
        "label": f"{owner}:{pull.head_ref}",
        "ref": pull.head_ref,
        "sha": pull.head_sha,
        "user": render.user(world, owner),
        "repo": place,
    }


def _base(world: World, repo: Repository, pull: Pull, home: Json, sha: str) -> Json:
    return {
        "label": f"{repo.owner}:{pull.base_ref}",
        "ref": pull.base_ref,
        "sha": sha,
        "user": render.user(world, repo.owner),
        "repo": home,
    }


def detailed_pull_json(world: World, repo: Repository, pull: Pull, *, is_fresh: bool = False) -> Json:
    """A pull request by itself; of a `fresh` one GitHub has not found out yet whether it can be merged."""
    git = repo.git
    found = changes(git, git.commits[pull.base_sha].tree, git.commits[pull.head_sha].tree)
    can_merge = None if is_fresh else mergeable(repo, pull)
    return {
        **pull_json(world, repo, pull),
        "merged": pull.merged_at is not None,
        "mergeable": can_merge,
        "rebaseable": can_merge,
        "mergeable_state": {True: "clean", False: "dirty", None: "unknown"}[can_merge],
        "merged_by": render.user(world, pull.merged_by),
        "comments": sum(comment.issue == pull.number for comment in repo.comments.values()),
        "review_comments": 0,
        "commits": len(commits_of(repo, pull)),
        "additions": sum(change.additions for change in found),
        "deletions": sum(change.deletions for change in found),
        "changed_files": len(found),
        "maintainer_can_modify": False,
    }


def commits_of(repo: Repository, pull: Pull) -> list[Commit]:
    """What the pull request brings, oldest first."""
    return repo.git.between(pull.base_sha, pull.head_sha)


def mergeable(repo: Repository, pull: Pull) -> bool | None:
    """None once it is closed."""
    if pull.state == "closed":
        return None
    try:
        repo.git.merged_tree(repo.git.refs[BRANCHES + pull.base_ref], pull.head_sha)
    except MergeConflict:
        return False
    return True


def issue_json(world: World, repo: Repository, number: int) -> Json:
    """The issue that a pull request is; of an issue that is none the sandbox knows its number alone."""
    pull = repo.pulls.get(number)
    url, page = render.api(world, repo, f"/issues/{number}"), render.web(repo, f"/issues/{number}")
    created = pull.created_at if pull else repo.created_at
    shown = {
        "id": FIRST_PULL_ID + number,
        "node_id": node_id("Issue", number),
        "number": number,
        "title": pull.title if pull else f"Issue {number}",
        "body": pull.body if pull else None,
        "user": render.user(world, pull.author if pull else repo.owner),
        "state": pull.state if pull else "open",
        "state_reason": None,
        "locked": False,
        "active_lock_reason": None,
        "labels": [],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": sum(comment.issue == number for comment in repo.comments.values()),
        "created_at": iso(created),
        "updated_at": iso(pull.updated_at if pull else created),
        "closed_at": iso(pull.closed_at if pull else None),
        "author_association": "MEMBER",
        "reactions": {"url": f"{url}/reactions", **NO_REACTIONS},
        "performed_via_github_app": None,
        "url": url,
        "html_url": page,
        "repository_url": render.api(world, repo),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
    }
    return shown | (_as_pull(world, repo, pull) if pull else {})


def _as_pull(world: World, repo: Repository, pull: Pull) -> Json:
    page = render.web(repo, f"/pull/{pull.number}")
    place = {
        "url": render.api(world, repo, f"/pulls/{pull.number}"),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "merged_at": iso(pull.merged_at),
    }
    return {"html_url": page, "draft": pull.draft, "pull_request": place}


def comment_json(world: World, repo: Repository, comment: Comment) -> Json:
    url = render.api(world, repo, f"/issues/comments/{comment.id}")
    return {
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "url": url,
        "html_url": render.web(repo, f"/pull/{comment.issue}#issuecomment-{comment.id}"),
        "issue_url": render.api(world, repo, f"/issues/{comment.issue}"),
        "body": comment.body,
        "user": render.user(world, comment.author),
        "created_at": iso(comment.created_at),
        "updated_at": iso(comment.updated_at),
        "author_association": "MEMBER",
        "reactions": {"url": f"{url}/reactions", **NO_REACTIONS},
        "performed_via_github_app": None,
    }
