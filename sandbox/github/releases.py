"""Endpoints: releases.

Source: "REST API endpoints for releases".
"""

from __future__ import annotations

from sandbox.github import happenings
from sandbox.github.git import TAGS
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, invalid, not_found
from sandbox.github.model import Release
from sandbox.github.pushes import move
from sandbox.github.views import release_json
from sandbox.kit import Json

READ, WRITE = ("contents=read",), ("contents=write",)
RESOURCE = "Release"
FIRST_ID = 190_000_001


def list_releases(call: Call) -> Answer:
    """Newest first; drafts show only to who may write."""
    found = sorted(call.repo.releases.values(), key=lambda item: item.created_at, reverse=True)
    shown = [item for item in found if not item.draft or _may_write(call)]
    return call.listing(shown, lambda item: release_json(call.world, call.repo, item))


def _may_write(call: Call) -> bool:
    granted = call.caller.permissions
    return granted is None or granted.get("contents") == "write"


def get_release(call: Call) -> Answer:
    return Answer(release_json(call.world, call.repo, _known(call)))


def _known(call: Call) -> Release:
    found = call.repo.releases.get(call.params["release"])
    if found is None or (found.draft and not _may_write(call)):
        raise not_found()
    return found


def latest_release(call: Call) -> Answer:
    """The newest that is neither a draft nor a prerelease."""
    found = [item for item in call.repo.releases.values() if not item.draft and not item.prerelease]
    if not found:
        raise not_found()
    return Answer(release_json(call.world, call.repo, max(found, key=lambda item: item.created_at)))


def release_of_tag(call: Call) -> Answer:
    """A published release by its tag; drafts have none yet."""
    for item in call.repo.releases.values():
        if item.tag == call.params["tag"] and not item.draft:
            return Answer(release_json(call.world, call.repo, item))
    raise not_found()


def create_release(call: Call) -> Answer:
    """Publish a tag, which is made at `target_commitish` where it does not exist; a draft makes none yet."""
    tag = call.required_text("tag_name", resource=RESOURCE)
    draft = call.flag("draft", default=False, resource=RESOURCE)
    target = call.text("target_commitish", resource=RESOURCE, required=False) or call.repo.default_branch
    if any(item.tag == tag and not item.draft for item in call.repo.releases.values()):
        raise invalid(RESOURCE, "tag_name", "already_exists")
    name, body = (call.text(field, resource=RESOURCE, required=False) for field in ("name", "body"))
    if call.flag("generate_release_notes", default=False, resource=RESOURCE):
        name, body = name or tag, "\n\n".join(filter(None, [body, _notes(call, tag, target, None)]))
    item = Release(
        call.world.next_id("release", FIRST_ID),
        tag,
        target,
        name,
        body,
        call.login,
        call.now,
        draft=draft,
        prerelease=call.flag("prerelease", default=False, resource=RESOURCE),
    )
    if not draft:
        _publish(call, item)
    call.repo.releases[item.id] = item
    happenings.release(call.world, call.repo, item, "created", call.login)
    if not draft:
        _tell_published(call, item)
    shown = release_json(call.world, call.repo, item)
    return Answer(shown, 201, {"location": shown["url"]})


def _publish(call: Call, item: Release) -> None:
    if TAGS + item.tag not in call.repo.git.refs:
        commit = call.repo.git.resolve(item.target)
        if commit is None:
            raise invalid(RESOURCE, "target_commitish", "invalid")
        move(call.world, call.repo, TAGS + item.tag, commit.sha, call.login)
    item.draft, item.published_at = False, call.now


def _tell_published(call: Call, item: Release) -> None:
    """Publishing is told twice; that it was created was told when it was first saved."""
    for action in ("published", "prereleased" if item.prerelease else "released"):
        happenings.release(call.world, call.repo, item, action, call.login)


def update_release(call: Call) -> Answer:
    """Its name, text and kind; `draft` false publishes it, and nothing makes it a draft again."""
    item = _known(call)
    before: Json = {name: getattr(item, name) for name in ("name", "body") if name in call.body}
    values = {name: call.text(name, resource=RESOURCE, required=False) for name in before}
    prerelease = call.flag("prerelease", default=item.prerelease, resource=RESOURCE)
    draft = call.flag("draft", default=item.draft, resource=RESOURCE)
    if draft and not item.draft:
        raise GitHubError(422, "Published releases cannot be converted to drafts")
    item.name, item.body = values.get("name", item.name), values.get("body", item.body)
    item.prerelease = prerelease
    if item.draft and not draft:
        _publish(call, item)
        _tell_published(call, item)
    elif changed := {name: {"from": old or ""} for name, old in before.items() if old != values[name]}:
        happenings.release(call.world, call.repo, item, "edited", call.login, {"changes": changed})
    return Answer(release_json(call.world, call.repo, item))


def delete_release(call: Call) -> Answer:
    """The tag stays."""
    item = _known(call)
    del call.repo.releases[item.id]
    happenings.release(call.world, call.repo, item, "deleted", call.login)
    return Answer(status=204)


def generate_notes(call: Call) -> Answer:
    """Name and text of a release, of the pull requests merged since the previous tag; saves nothing."""
    tag = call.required_text("tag_name", resource=RESOURCE)
    target = call.text("target_commitish", resource=RESOURCE, required=False) or call.repo.default_branch
    previous = call.text("previous_tag_name", resource=RESOURCE, required=False)
    return Answer({"name": tag, "body": _notes(call, tag, target, previous)})


def _notes(call: Call, tag: str, target: str, previous: str | None) -> str:
    git = call.repo.git
    head, base = git.resolve(tag) or git.resolve(target), git.resolve(previous) if previous else None
    if head is None or (previous and base is None):
        raise invalid(RESOURCE, "previous_tag_name" if head else "target_commitish", "invalid")
    brought = {commit.sha for commit in (git.between(base.sha, head.sha) if base else git.history(head.sha))}
    merged = [pull for pull in call.repo.pulls.values() if pull.merge_commit_sha in brought]
    lines = [f"* {pull.title} by @{pull.author} in #{pull.number}" for pull in merged]
    return "\n".join(["## What's Changed", *lines, "", f"**Full Changelog**: {previous or ''}...{tag}"])


RELEASES = "/repos/{owner}/{repo}/releases"
ONE = f"{RELEASES}/{{release:int}}"
ENDPOINTS = [
    Endpoint("GET", RELEASES, list_releases, READ),
    Endpoint("POST", RELEASES, create_release, WRITE, who="account"),
    Endpoint("POST", f"{RELEASES}/generate-notes", generate_notes, WRITE, who="account"),
    Endpoint("GET", f"{RELEASES}/latest", latest_release, READ),
    Endpoint("GET", f"{RELEASES}/tags/{{tag:path}}", release_of_tag, READ),
    Endpoint("GET", ONE, get_release, READ),
    Endpoint("PATCH", ONE, update_release, WRITE, who="account"),
    Endpoint("DELETE", ONE, delete_release, WRITE, who="account"),
]
