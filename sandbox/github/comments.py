"""Endpoints: issues, as far as they are pull requests, and the comments of their conversation.

Sources: "REST API endpoints for issues", "... issue comments".
"""

from __future__ import annotations

from sandbox.github import happenings
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Comment, Repository, World
from sandbox.github.pull_views import comment_json, issue_json
from sandbox.github.search import instant

READ = ("issues=read", "pull_requests=read")
WRITE = ("issues=write", "pull_requests=write")
FIRST_ID = 2_400_000_001
LONGEST_BODY = 65_536
MARKER, ACTIONS_LOGIN = "<!-- review-app -->", "github-actions[bot]"


def get_issue(call: Call) -> Answer:
    return Answer(issue_json(call.world, call.repo, _issue(call)))


def list_comments(call: Call) -> Answer:
    """Oldest first, optionally only those updated at or after `since`."""
    number = _issue(call)
    since = call.query.get("since")
    earliest = _since(since) if since else 0.0
    found = [c for c in call.repo.comments.values() if c.issue == number and int(c.updated_at) >= earliest]
    return call.listing(found, lambda comment: comment_json(call.world, call.repo, comment))


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
    shown = comment_json(call.world, call.repo, add_comment(call.world, call.repo, number, call.login, body))
    return Answer(shown, 201, {"location": shown["url"]})


def add_comment(world: World, repo: Repository, issue: int, author: str, body: str) -> Comment:
    """A comment of now."""
    now = world.clock.now()
    comment = Comment(world.next_id("comment", FIRST_ID), issue, author, body, now, now)
    repo.comments[comment.id] = comment
    happenings.comment(world, repo, comment, "created", author)
    return comment


def stick(world: World, repo: Repository, issue: int, text: str) -> None:
    """What a workflow says of a pull request, in one comment that it finds again by a hidden marker."""
    body = f"{MARKER}\n{text}"
    for comment in repo.comments.values():
        if (comment.issue, comment.author) == (issue, ACTIONS_LOGIN) and comment.body.startswith(MARKER):
            change_comment(world, repo, comment, ACTIONS_LOGIN, body)
            return
    add_comment(world, repo, issue, ACTIONS_LOGIN, body)


def get_comment(call: Call) -> Answer:
    return Answer(comment_json(call.world, call.repo, _known(call)))


def update_comment(call: Call) -> Answer:
    comment = _known(call)
    body = call.required_text("body", resource="IssueComment", longest=LONGEST_BODY)
    change_comment(call.world, call.repo, comment, call.login, body)
    return Answer(comment_json(call.world, call.repo, comment))


def change_comment(world: World, repo: Repository, comment: Comment, by: str, body: str) -> None:
    before, comment.body, comment.updated_at = comment.body, body, world.clock.now()
    happenings.comment(world, repo, comment, "edited", by, {"changes": {"body": {"from": before}}})


def delete_comment(call: Call) -> Answer:
    comment = _known(call)
    del call.repo.comments[comment.id]
    happenings.comment(call.world, call.repo, comment, "deleted", call.login)
    return Answer(status=204)


def _known(call: Call) -> Comment:
    comment = call.repo.comments.get(call.params["comment"])
    if comment is None:
        raise not_found()
    return comment


ISSUES = "/repos/{owner}/{repo}/issues"
ONE = f"{ISSUES}/comments/{{comment:int}}"
ENDPOINTS = [
    Endpoint("GET", f"{ISSUES}/{{number:int}}", get_issue, READ),
    Endpoint("GET", f"{ISSUES}/{{number:int}}/comments", list_comments, READ),
    Endpoint("POST", f"{ISSUES}/{{number:int}}/comments", create_comment, WRITE, who="account"),
    Endpoint("GET", ONE, get_comment, READ),
    Endpoint("PATCH", ONE, update_comment, WRITE, who="account"),
    Endpoint("DELETE", ONE, delete_comment, WRITE, who="account"),
]
