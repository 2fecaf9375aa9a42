"""Endpoints: repositories, branches, tags, commits, contents, users.

Sources: "REST API endpoints for repositories", "... branches", "... commits", "... repository contents",
"... users".
"""

from __future__ import annotations

import base64
import textwrap

from sandbox.github import render
from sandbox.github.diff import changes
from sandbox.github.git import BRANCHES, Commit
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import node_id
from sandbox.kit import Json

READ = ("contents=read",)
FILES_PER_PAGE = 300


def get_repository(call: Call) -> Answer:
    return Answer(render.full_repository(call.world, call.repo, call.version))


def list_branches(call: Call) -> Answer:
    names = list(call.repo.git.branches())
    # No branch of the simulated repositories is protected.
    return call.listing([] if call.query.get("protected") == "true" else names, lambda name: _branch(call, name))


def _branch(call: Call, name: str) -> Json:
    sha = call.repo.git.refs[BRANCHES + name]
    url = render.api(call.world, call.repo, f"/commits/{sha}")
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": False}


def get_branch(call: Call) -> Answer:
    name = call.params["branch"]
    sha = call.repo.git.refs.get(BRANCHES + name)
    if sha is None:
        raise not_found("Branch not found")
    tip = render.commit(call.world, call.repo, call.repo.git.commits[sha])
    links = {
        "self": render.api(call.world, call.repo, f"/branches/{name}"),
        "html": render.web(call.repo, f"/tree/{name}"),
    }
    protection = {
        "enabled": False,
        "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
    }
    return Answer({"name": name, "commit": tip, "_links": links, "protected": False, "protection": protection})


def list_tags(call: Call) -> Answer:
    return call.listing(sorted(call.repo.git.tag_refs(), reverse=True), lambda name: _tag(call, name))


def _tag(call: Call, name: str) -> Json:
    commit = call.repo.git.peel(call.repo.git.tag_refs()[name])
    sha = commit.sha if commit else None
    return {
        "name": name,
        "zipball_url": render.api(call.world, call.repo, f"/zipball/refs/tags/{name}"),
        "tarball_url": render.api(call.world, call.repo, f"/tarball/refs/tags/{name}"),
        "commit": {"sha": sha, "url": render.api(call.world, call.repo, f"/commits/{sha}")},
        "node_id": node_id("Ref", f"refs/tags/{name}"),
    }


def list_commits(call: Call) -> Answer:
    """Newest first from `sha` (a branch, tag or hash; default branch without), optionally those that touch `path`."""
    start = call.commit(call.query.get("sha") or call.repo.default_branch)
    if start is None:
        raise not_found()
    found = call.repo.git.history(start.sha)
    if path := call.query.get("path"):
        found = [commit for commit in found if _touches(call, commit, path)]
    if author := call.query.get("author"):
        found = [commit for commit in found if author in {commit.author.login, commit.author.email}]
    return call.listing(found, lambda commit: render.commit(call.world, call.repo, commit))


def _touches(call: Call, commit: Commit, path: str) -> bool:
    before = call.repo.git.commits[commit.parents[0]].tree if commit.parents else {}
    paths = {p for p in before.keys() | commit.tree.keys() if before.get(p) != commit.tree.get(p)}
    return any(p == path or p.startswith(path.rstrip("/") + "/") for p in paths)


def get_commit(call: Call) -> Answer:
    """One commit with its files against the first parent, 300 a page."""
    commit = call.known_commit(call.params["ref"])
    if call.accept.startswith("application/vnd.github.sha"):
        return Answer(text=commit.sha)
    git = call.repo.git
    before = git.commits[commit.parents[0]].tree if commit.parents else {}
    found = changes(git, before, commit.tree)
    number = int(call.query.get("page", "1")) if call.query.get("page", "1").isdecimal() else 1
    shown = found[(number - 1) * FILES_PER_PAGE : number * FILES_PER_PAGE]
    additions, deletions = sum(c.additions for c in found), sum(c.deletions for c in found)
    body = render.commit(call.world, call.repo, commit)
    body["stats"] = {"total": additions + deletions, "additions": additions, "deletions": deletions}
    body["files"] = [render.file(call.world, call.repo, change, commit.sha) for change in shown]
    return Answer(body)


def get_contents(call: Call) -> Answer:
    """A file with its text in base64, or the entries of a directory."""
    ref = call.query.get("ref") or call.repo.default_branch
    commit = call.commit(ref)
    if commit is None:
        raise not_found(f"No commit found for the ref {ref}")
    path = call.params.get("path", "").strip("/")
    if path in commit.tree:
        return _file(call, commit, path, ref)
    below = {p for p in commit.tree if not path or p.startswith(f"{path}/")}
    if not below:
        raise not_found()
    skip = len(path) + 1 if path else 0
    return Answer([_entry(call, commit, path, name, ref) for name in sorted({p[skip:].split("/")[0] for p in below})])


def _file(call: Call, commit: Commit, path: str, ref: str) -> Answer:
    text = call.repo.git.blobs[commit.tree[path]]
    if "raw" in call.accept:
        return Answer(text=text)
    encoded = base64.b64encode(text.encode()).decode()
    # GitHub breaks the base64 text into lines of 60 characters.
    content = "".join(f"{line}\n" for line in textwrap.wrap(encoded, 60))
    folder, _, name = path.rpartition("/")
    return Answer({**_entry(call, commit, folder, name, ref), "encoding": "base64", "content": content})


def _entry(call: Call, commit: Commit, folder: str, name: str, ref: str) -> Json:
    path = f"{folder}/{name}" if folder else name
    sha = commit.tree.get(path)
    kind = "file" if sha else "dir"
    url = render.api(call.world, call.repo, f"/contents/{path}?ref={ref}")
    html = render.web(call.repo, f"/{'blob' if sha else 'tree'}/{ref}/{path}")
    return {
        "type": kind,
        "name": name,
        "path": path,
        "sha": sha or node_id("Tree", f"{commit.sha}:{path}"),
        "size": len(call.repo.git.blobs[sha].encode()) if sha else 0,
        "url": url,
        "html_url": html,
        "git_url": render.api(call.world, call.repo, f"/git/{'blobs' if sha else 'trees'}/{sha}"),
        "download_url": render.web(call.repo, f"/raw/{ref}/{path}") if sha else None,
        "_links": {"self": url, "html": html},
    }


def get_user(call: Call) -> Answer:
    known = call.world.user(call.params["login"])
    if known is None:
        raise not_found()
    return Answer(render.public_user(call.world, known))


def get_own_user(call: Call) -> Answer:
    if call.caller.kind != "user":
        raise GitHubError(403, "Resource not accessible by integration")
    known = call.world.user(call.login)
    assert known is not None
    return Answer(render.public_user(call.world, known))


REPO = "/repos/{owner}/{repo}"
ENDPOINTS = [
    Endpoint("GET", REPO, get_repository, ("metadata=read",)),
    Endpoint("GET", f"{REPO}/branches", list_branches, READ),
    Endpoint("GET", f"{REPO}/branches/{{branch:path}}", get_branch, READ),
    Endpoint("GET", f"{REPO}/tags", list_tags, ("metadata=read",)),
    Endpoint("GET", f"{REPO}/commits", list_commits, READ),
    Endpoint("GET", f"{REPO}/contents", get_contents, READ),
    Endpoint("GET", f"{REPO}/contents/{{path:path}}", get_contents, READ),
    Endpoint("GET", "/users/{login}", get_user),
    Endpoint("GET", "/user", get_own_user, who="account"),
]
# Last, because a ref may hold slashes and so would swallow every path below a commit.
COMMIT_ENDPOINT = Endpoint("GET", f"{REPO}/commits/{{ref:path}}", get_commit, READ)
