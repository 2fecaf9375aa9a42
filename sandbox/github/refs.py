"""Endpoints: Git references and annotated tags.

Sources: "REST API endpoints for Git references", "REST API endpoints for Git tags".
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.git import BRANCHES, FULL_SHA, TagObject, valid_ref
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, invalid, not_found
from sandbox.github.model import iso, node_id
from sandbox.github.pushes import move
from sandbox.kit import Json

READ, WRITE = ("contents=read",), ("contents=write",)


def get_ref(call: Call) -> Answer:
    """One ref by its exact name without `refs/`; a prefix of a name is not found."""
    name = f"refs/{call.params['ref']}"
    if name not in call.repo.git.refs:
        raise not_found()
    return Answer(_ref(call, name))


def matching_refs(call: Call) -> Answer:
    """Refs whose name starts with the given one; an empty list if none does."""
    prefix = f"refs/{call.params['ref']}"
    return Answer([_ref(call, name) for name in sorted(call.repo.git.refs) if name.startswith(prefix)])


def _ref(call: Call, name: str) -> Json:
    sha = call.repo.git.refs[name]
    return {
        "ref": name,
        "node_id": node_id("Ref", name),
        "url": render.api(call.world, call.repo, f"/git/{name}"),
        "object": _object(call, sha),
    }


def _object(call: Call, sha: str) -> Json:
    kind, folder = ("tag", "tags") if sha in call.repo.git.tags else ("commit", "commits")
    return {"sha": sha, "type": kind, "url": render.api(call.world, call.repo, f"/git/{folder}/{sha}")}


def create_ref(call: Call) -> Answer:
    name = call.required_text("ref", resource="Reference")
    if not valid_ref(name):
        raise GitHubError(422, f"{name} is not a valid ref name.")
    sha = _sha(call)
    if name in call.repo.git.refs:
        raise GitHubError(422, "Reference already exists")
    move(call.world, call.repo, name, sha, call.login)
    return Answer(_ref(call, name), 201, {"location": render.api(call.world, call.repo, f"/git/{name}")})


def _sha(call: Call) -> str:
    sha = call.required_text("sha", resource="Reference")
    if not FULL_SHA.fullmatch(sha):
        raise GitHubError(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    if call.repo.git.peel(sha) is None:
        raise GitHubError(422, "Object does not exist")
    return sha


def update_ref(call: Call) -> Answer:
    """Move a ref; without `force` only to a descendant of where it is."""
    git = call.repo.git
    name = _existing(call)
    sha = _sha(call)
    force = call.flag("force", default=False, resource="Reference")
    before, after = git.peel(git.refs[name]), git.peel(sha)
    if not force and not (before and after and git.contains(after.sha, before.sha)):
        raise GitHubError(422, "Update is not a fast forward")
    move(call.world, call.repo, name, sha, call.login)
    return Answer(_ref(call, name))


def delete_ref(call: Call) -> Answer:
    name = _existing(call)
    if name == BRANCHES + call.repo.default_branch:
        raise GitHubError(422, "Cannot delete the default branch")
    move(call.world, call.repo, name, None, call.login)
    return Answer(status=204)


def _existing(call: Call) -> str:
    name = f"refs/{call.params['ref']}"
    if name not in call.repo.git.refs:
        raise GitHubError(422, "Reference does not exist")
    return name


def get_tag(call: Call) -> Answer:
    """An annotated tag by the hash of the tag object; a lightweight tag has none."""
    tag = call.repo.git.tags.get(call.params["sha"])
    if tag is None:
        raise not_found()
    return Answer(_tag(call, tag))


def create_tag(call: Call) -> Answer:
    """A tag object; the ref that makes it a tag is created apart."""
    name = call.required_text("tag", resource="Tag")
    message = call.required_text("message", resource="Tag")
    target = call.required_text("object", resource="Tag")
    if call.required_text("type", resource="Tag") != "commit" or target not in call.repo.git.commits:
        raise invalid("Tag", "object", "invalid")
    tagger = call.world.person(call.login)
    return Answer(_tag(call, call.repo.git.add_tag(name, target, message, tagger, call.now)), 201)


def _tag(call: Call, tag: TagObject) -> Json:
    return {
        "node_id": node_id("Tag", tag.sha),
        "tag": tag.name,
        "sha": tag.sha,
        "url": render.api(call.world, call.repo, f"/git/tags/{tag.sha}"),
        "message": tag.message,
        "tagger": {"name": tag.tagger.name, "email": tag.tagger.email, "date": iso(tag.at)},
        "object": _object(call, tag.target),
        "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
    }


GIT = "/repos/{owner}/{repo}/git"
ENDPOINTS = [
    Endpoint("GET", f"{GIT}/ref/{{ref:path}}", get_ref, READ),
    # What a ref names as its own `url`; clients follow it.
    Endpoint("GET", f"{GIT}/refs/{{ref:path}}", get_ref, READ),
    Endpoint("GET", f"{GIT}/matching-refs/{{ref:path}}", matching_refs, READ),
    Endpoint("POST", f"{GIT}/refs", create_ref, WRITE, who="account"),
    Endpoint("PATCH", f"{GIT}/refs/{{ref:path}}", update_ref, WRITE, who="account"),
    Endpoint("DELETE", f"{GIT}/refs/{{ref:path}}", delete_ref, WRITE, who="account"),
    Endpoint("GET", f"{GIT}/tags/{{sha}}", get_tag, READ),
    Endpoint("POST", f"{GIT}/tags", create_tag, WRITE, who="account"),
]
