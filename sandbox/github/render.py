"""Accounts, repositories, commits and files as GitHub's JSON."""

from __future__ import annotations

from functools import cache

from sandbox.github.diff import Change
from sandbox.github.git import Commit, Person
from sandbox.github.model import Fork, Repository, User, World, iso, node_id
from sandbox.kit import Json

WEB = "https://github.com"
USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
ORGANIZATION_LINKS = {
    "repos_url": "/repos",
    "events_url": "/events",
    "hooks_url": "/hooks",
    "issues_url": "/issues",
    "members_url": "/members{/member}",
    "public_members_url": "/public_members{/member}",
}
REPOSITORY_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}
# What nobody in the sandbox does with a repository.
UNUSED: Json = {
    "homepage": None,
    "size": 108,
    "stargazers_count": 0,
    "watchers_count": 0,
    "watchers": 0,
    "language": "Elixir",
    "has_issues": True,
    "has_projects": False,
    "has_wiki": False,
    "has_pages": False,
    "has_discussions": False,
    "forks_count": 0,
    "forks": 0,
    "mirror_url": None,
    "archived": False,
    "disabled": False,
    "license": None,
    "allow_forking": True,
    "is_template": False,
    "web_commit_signoff_required": False,
    "topics": [],
    "custom_properties": {},
}


def api(world: World, repo: Repository, rest: str = "") -> str:
    return f"{world.url}/repos/{repo.full_name}{rest}"


def web(repo: Repository, rest: str = "") -> str:
    return f"{WEB}/{repo.full_name}{rest}"


def user(world: World, login: str | None) -> Json | None:
    """A "simple user"; None for an account that does not exist."""
    known = world.user(login) if login else None
    return None if known is None else dict(_user(world.url, known))


@cache
def _user(api_url: str, known: User) -> Json:
    url = f"{api_url}/users/{known.login}"
    return {
        "login": known.login,
        "id": known.id,
        "node_id": node_id("User", known.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{known.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{known.login}",
        **{name: url + path for name, path in USER_LINKS.items()},
        "type": known.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def organization(world: World, login: str) -> Json | None:
    """The organisation that owns a repository, as webhooks tell it; None for a person."""
    known = world.user(login)
    if known is None or known.type != "Organization":
        return None
    url = f"{world.url}/orgs/{known.login}"
    return {
        "login": known.login,
        "id": known.id,
        "node_id": node_id("Organization", known.id),
        "url": url,
        **{name: url + path for name, path in ORGANIZATION_LINKS.items()},
        "avatar_url": f"https://avatars.githubusercontent.com/u/{known.id}",
        "description": "",
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
        **_links(api(world, repo)),
        "default_branch": repo.default_branch,
    }


@cache
def _links(url: str) -> Json:
    return {name: url + path for name, path in REPOSITORY_LINKS.items()}


def full_repository(world: World, repo: Repository, version: str = "") -> Json:
    tip = repo.tip()
    issues = len(repo.issues) + sum(pull.state == "open" for pull in repo.pulls.values())
    body = {
        **repository(world, repo),
        **UNUSED,
        "git_url": f"git://github.com/{repo.full_name}.git",
        "ssh_url": f"git@github.com:{repo.full_name}.git",
        "svn_url": web(repo),
        "clone_url": f"{web(repo)}.git",
        "created_at": iso(repo.created_at),
        "updated_at": iso(tip.at),
        "pushed_at": iso(tip.at),
        "visibility": "private" if repo.private else "public",
        "open_issues_count": issues,
        "open_issues": issues,
    }
    return body if version >= "2026-03-10" else {**body, "has_downloads": True}


def fork(world: World, repo: Repository, item: Fork) -> Json | None:
    """The repository that a pull request comes from; None once it was deleted."""
    if item.is_deleted:
        return None
    url = f"{world.url}/repos/{item.full_name}"
    own = {"id": item.id, "node_id": node_id("Repository", item.id), "name": item.name, "full_name": item.full_name}
    places = {"html_url": f"{WEB}/{item.full_name}", "url": url, "owner": user(world, item.owner), "fork": True}
    return {**full_repository(world, repo), **own, **places, **_links(url), "private": False}


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
