"""Endpoints: opening, changing and merging pull requests.

Source: "REST API endpoints for pull requests".
"""

from __future__ import annotations

from sandbox.github import pull_changes
from sandbox.github.git import BRANCHES, Commit, MergeConflict
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, invalid
from sandbox.github.model import Pull
from sandbox.github.pull_views import detailed_pull_json, mergeable
from sandbox.github.pulls import PULL, REPO, known_pull
from sandbox.kit import Json

WRITE, MERGE = ("pull_requests=write",), ("contents=write",)
RESOURCE = "PullRequest"


def create_pull(call: Call) -> Answer:
    """Of a branch of this repository; 422 where it brings nothing, or there is one already."""
    title = call.required_text("title", resource=RESOURCE)
    head_name = call.required_text("head", resource=RESOURCE).removeprefix(f"{call.repo.owner}:")
    base = call.required_text("base", resource=RESOURCE)
    head = _tip(call, head_name, "head")
    _tip(call, base, "base")
    try:
        pull = pull_changes.open_pull(
            call.world,
            call.repo,
            title=title,
            body=call.text("body", resource=RESOURCE, required=False),
            author=call.login,
            head_ref=head_name,
            head=head,
            base_ref=base,
            draft=call.flag("draft", default=False, resource=RESOURCE),
        )
    except ValueError as refusal:
        error = {"resource": RESOURCE, "code": "custom", "message": str(refusal)}
        raise GitHubError(422, "Validation Failed", errors=[error]) from refusal
    shown = _shown(call, pull)
    return Answer(shown, 201, {"location": shown["url"]})


def _tip(call: Call, branch: str, field: str) -> Commit:
    sha = call.repo.git.refs.get(BRANCHES + branch)
    if sha is None:
        raise invalid(RESOURCE, field, "invalid")
    return call.repo.git.commits[sha]


def _shown(call: Call, pull: Pull) -> Json:
    return detailed_pull_json(call.world, call.repo, pull)


def update_pull(call: Call) -> Answer:
    """Its title, body, base and state; what was merged stays closed."""
    pull = known_pull(call)
    changed: dict[str, str | None] = {}
    if "title" in call.body:
        changed["title"] = call.required_text("title", resource=RESOURCE)
    if "body" in call.body:
        changed["body"] = call.text("body", resource=RESOURCE, required=False)
    if "base" in call.body:
        changed["base"] = call.required_text("base", resource=RESOURCE)
        _tip(call, str(changed["base"]), "base")
    state = call.text("state", resource=RESOURCE, required=False) or pull.state
    if state not in {"open", "closed"}:
        raise invalid(RESOURCE, "state", "invalid")
    _change_state(call, pull, state)
    pull_changes.edit(call.world, call.repo, pull, call.login, changed)
    return Answer(_shown(call, pull))


def _change_state(call: Call, pull: Pull, state: str) -> None:
    if state == pull.state:
        return
    if state == "closed":
        pull_changes.close(call.world, call.repo, pull, call.login)
        return
    try:
        pull_changes.reopen(call.world, call.repo, pull, call.login)
    except ValueError as refusal:
        raise invalid(RESOURCE, "state", "invalid", f"state cannot be changed: {refusal}") from refusal


def merge_pull(call: Call) -> Answer:
    """405 where it cannot be merged, 409 where its head is not `sha` any more."""
    pull = known_pull(call)
    method = call.text("merge_method", resource=RESOURCE, required=False) or "merge"
    if method not in pull_changes.MERGE_METHODS:
        raise invalid(RESOURCE, "merge_method", "invalid")
    if call.body.get("sha") not in {None, pull.head_sha}:
        raise GitHubError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft or not mergeable(call.repo, pull):
        raise GitHubError(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
    title = call.text("commit_title", resource=RESOURCE, required=False) or ""
    body = call.text("commit_message", resource=RESOURCE, required=False) or ""
    try:
        sha = pull_changes.merge(call.world, call.repo, pull, call.login, method=method, title=title, body=body)
    except MergeConflict as conflict:
        raise GitHubError(405, "Pull Request is not mergeable") from conflict
    return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


ENDPOINTS = [
    Endpoint("POST", f"{REPO}/pulls", create_pull, WRITE, who="account"),
    Endpoint("PATCH", PULL, update_pull, WRITE, who="account"),
    Endpoint("PUT", f"{PULL}/merge", merge_pull, MERGE, who="account"),
]
