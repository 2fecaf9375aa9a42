"""Endpoint: compare two commits.

Source: "REST API endpoints for commits", "Compare two commits".
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.diff import Change, changes
from sandbox.github.git import Commit, blob_sha
from sandbox.github.http import Answer, Call, Endpoint, not_found
from sandbox.kit import Json

MOST_COMMITS_UNPAGED = 250
MOST_FILES = 300


def compare(call: Call) -> Answer:
    """`base...head` from their merge base: status, counts, commits oldest first, files on the first page.

    Without paging parameters the newest 250 commits; with them, pages of all.
    """
    base_name, dots, head_name = call.params["basehead"].partition("...")
    base, head = call.commit(base_name), call.commit(head_name)
    if not dots or base is None or head is None:
        raise not_found()
    merge_base = call.repo.git.merge_base(base.sha, head.sha)
    if merge_base is None:
        raise not_found(f"No common ancestor between {base_name} and {head_name}.")
    ahead = call.repo.git.between(base.sha, head.sha)
    shown, headers = call.page(ahead) if call.paged() else (ahead[-MOST_COMMITS_UNPAGED:], {})
    body = _summary(call, base, head, merge_base, len(ahead))
    body["commits"] = [render.commit(call.world, call.repo, commit) for commit in shown]
    body["files"] = _files(call, merge_base, head) if call.query.get("page", "1") == "1" else []
    return Answer(body, headers=headers)


def _summary(call: Call, base: Commit, head: Commit, merge_base: Commit, ahead: int) -> Json:
    behind = len(call.repo.git.between(head.sha, base.sha))
    url = render.api(call.world, call.repo, f"/compare/{call.params['basehead']}")
    page = render.web(call.repo, f"/compare/{call.params['basehead']}")
    return {
        "url": url,
        "html_url": page,
        "permalink_url": render.web(call.repo, f"/compare/{base.sha}...{head.sha}"),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": render.commit(call.world, call.repo, base),
        "merge_base_commit": render.commit(call.world, call.repo, merge_base),
        "status": _status(ahead, behind),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
    }


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"


def _files(call: Call, merge_base: Commit, head: Commit) -> list[Json]:
    found = changes(call.repo.git, merge_base.tree, head.tree)
    if call.world.faults.take("files_cut", f"{merge_base.sha}...{head.sha}", head.sha, call.params["basehead"]):
        found = sorted([*found, *_many_assets()], key=lambda change: change.path)
    return [render.file(call.world, call.repo, change, head.sha) for change in found[:MOST_FILES]]


def _many_assets() -> list[Change]:
    """So many files early in the alphabet that whatever really changed lies behind the cut."""
    names = [f"assets/vendor/{number:03}.js" for number in range(MOST_FILES)]
    return [Change(name, "added", blob_sha(name), "", f"// {name}\n") for name in names]


ENDPOINTS = [Endpoint("GET", "/repos/{owner}/{repo}/compare/{basehead:path}", compare, ("contents=read",))]
