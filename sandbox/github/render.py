"""Accounts, repositories, commits and files as GitHub's JSON."""

from __future__ import annotations

from sandbox.github.diff import Change
from sandbox.github.git import Commit, Person
from sandbox.github.model import Repository, User, World, iso, node_id
from sandbox.kit import Json

WEB = "https://github.com"


def api(world: World, repo: Repository, rest: str = "") -> str:
    return f"{world.url}/repos/{repo.full_name}{rest}"


def web(repo: Repository, rest: str = "") -> str:
    return f"{WEB}/{repo.full_name}{rest}"


def user(world: World, login: str | None) -> Json | None:
    """A "simple user"; None for an account that does not exist."""
    known = world.user(login) if login else None
    if known is None:
        return None
    return {
        "login": known.login,
        "id": known.id,
        "node_id": node_id("User", known.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{known.id}",
        "url": f"{world.url}/users/{known.login}",
        "html_url": f"{WEB}/{known.login}",
        "type": known.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user(world: World, known: User) -> Json:
    """What `GET /users/{login}` adds."""
    simple = user(world, known.login) or {}
    return {**simple, "name": known.name, "email": known.email, "company": None, "bio": None, "public_repos": 0}


def repository(world: World, repo: Repository) -> Json:
    """A "minimal repository"."""
    return {
        "id": repo.id,
        "node_id": node_id("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": user(world, repo.owner),
        "html_url": web(repo),
        "description": repo.description,
        "fork": False,
        "url": api(world, repo),
        "default_branch": repo.default_branch,
    }


def full_repository(world: World, repo: Repository, version: str) -> Json:
    tip = repo.tip()
    body = {
        **repository(world, repo),
        "clone_url": f"{web(repo)}.git",
        "created_at": iso(repo.created_at),
        "updated_at": iso(tip.at),
        "pushed_at": iso(tip.at),
        "archived": False,
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        "open_issues_count": len(repo.issues) + sum(pull.state == "open" for pull in repo.pulls.values()),
    }
    return body if version >= "2026-03-10" else {**body, "has_downloads": True}


def _signature(person: Person, at: float) -> Json:
    return {"name": person.name, "email": person.email, "date": iso(at)}


def git_commit(world: World, repo: Repository, commit: Commit) -> Json:
    """The `commit` part of a commit: what Git itself knows."""
    return {
        "author": _signature(commit.author, commit.at),
        "committer": _signature(commit.author, commit.at),
        "message": commit.message,
        "tree": {"sha": commit.tree_sha, "url": api(world, repo, f"/git/trees/{commit.tree_sha}")},
        "url": api(world, repo, f"/git/commits/{commit.sha}"),
        "comment_count": 0,
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


def commit(world: World, repo: Repository, item: Commit) -> Json:
    """A commit as in lists; `author` is None where the e-mail belongs to no account."""
    return {
        "sha": item.sha,
        "node_id": node_id("Commit", item.sha),
        "commit": git_commit(world, repo, item),
        "url": api(world, repo, f"/commits/{item.sha}"),
        "html_url": web(repo, f"/commit/{item.sha}"),
        "comments_url": api(world, repo, f"/commits/{item.sha}/comments"),
        "author": user(world, item.author.login),
        "committer": user(world, item.author.login),
        "parents": [
            {"sha": sha, "url": api(world, repo, f"/commits/{sha}"), "html_url": web(repo, f"/commit/{sha}")}
            for sha in item.parents
        ],
    }


def file(world: World, repo: Repository, change: Change, ref: str) -> Json:
    """A changed file of a commit or comparison."""
    body = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": web(repo, f"/blob/{ref}/{change.path}"),
        "raw_url": web(repo, f"/raw/{ref}/{change.path}"),
        "contents_url": api(world, repo, f"/contents/{change.path}?ref={ref}"),
    }
    if change.patch:
        body["patch"] = change.patch
    if change.previous_path is not None:
        body["previous_filename"] = change.previous_path
    return body
