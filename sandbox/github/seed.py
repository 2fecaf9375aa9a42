"""The world to start from: a JSON seed becomes a World.

Instants in a seed are hours before the start (`hours_ago`), so that it never grows old.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.github.ci import new_run
from sandbox.github.git import BRANCHES, TAGS
from sandbox.github.hooks import Hook
from sandbox.github.model import App, Installation, Pull, Repository, Token, User, World
from sandbox.github.workflows import workflow
from sandbox.kit import Json

SEEDS = Path(__file__).parent.parent / "seeds"
SEED_FILE = SEEDS / "github.json"
APP_KEY_FILE = SEEDS / "github-app.pem"
HOUR_S = 3600
APP_HOOK_ID = 450_000_001


def default_seed() -> Json:
    """A fresh copy of the seed that stands beside this package, to be changed freely."""
    seed: Json = copy.deepcopy(json.loads(SEED_FILE.read_text(encoding="utf-8")))
    return seed


def build(seed: Json, *, clock: Clock, faults: Faults, url: str) -> World:
    """The world of a seed, as it is at the clock's present moment."""
    world = World(clock, faults, _app(seed["app"]), url)
    for user in seed["users"]:
        world.users[user["login"].lower()] = User(
            user["id"], user["login"], user.get("name"), user.get("email"), user.get("type", "User")
        )
    for repository in seed["repositories"]:
        _repository(world, repository)
    for token in seed["tokens"]:
        allowed = token.get("repositories")
        world.tokens[token["token"]] = Token(
            token["login"], token.get("permissions"), None if allowed is None else _ids(world, allowed)
        )
    for item in seed["app"]["installations"]:
        repositories = _ids(world, item["repositories"])
        permissions = dict(item.get("permissions", world.app.permissions))
        world.installations[item["id"]] = Installation(
            item["id"], item["account"], repositories, permissions, clock.now()
        )
    return world


def hooks(seed: Json, world: World) -> list[Hook]:
    """The hooks of a seed, the App's own first; without an address nothing is delivered."""
    found = [_hook(seed["app"].get("hook", {"id": APP_HOOK_ID, "events": []}), world, None)]
    for repository in seed["repositories"]:
        found += [_hook(item, world, repository["id"]) for item in repository.get("hooks", [])]
    return found


def _hook(seed: Json, world: World, repository: int | None) -> Hook:
    now = world.clock.now()
    hook = Hook(seed["id"], repository, tuple(seed["events"]), now, now, content_type="json")
    hook.change(seed.get("config", {}))
    return hook


def _ids(world: World, names: list[str]) -> frozenset[int]:
    return frozenset(repo.id for repo in world.repositories.values() if repo.full_name in names)


def _app(seed: Json) -> App:
    return App(
        seed["id"],
        seed["client_id"],
        seed["slug"],
        seed["name"],
        seed["owner"],
        seed["public_key"],
        dict(seed["permissions"]),
        tuple(seed.get("hook", {}).get("events", ())),
    )


def _repository(world: World, seed: Json) -> None:
    now = world.clock.now()
    oldest = max(commit["hours_ago"] for commit in seed["commits"])
    repo = Repository(
        id=seed["id"],
        owner=seed["owner"],
        name=seed["name"],
        private=seed["private"],
        default_branch=seed["default_branch"],
        created_at=now - (oldest + 1) * HOUR_S,
        description=seed.get("description"),
        issues=set(seed.get("issues", [])),
    )
    world.repositories[repo.id] = repo
    world.renamed |= {old.lower(): repo.id for old in seed.get("former_names", [])}
    for item in seed["workflows"]:
        repo.workflows.append(workflow(item, repo.created_at))
    for item in seed["commits"]:
        _commit(world, repo, item)
    for item in seed.get("pulls", []):
        _pull(world, repo, item)


def _commit(world: World, repo: Repository, seed: Json) -> None:
    """A commit on its branch's tip, or where `from` branches off; its tag and its CI run come with it."""
    at = world.clock.now() - seed["hours_ago"] * HOUR_S
    ref = BRANCHES + seed.get("branch", repo.default_branch)
    parent = repo.git.refs.get(BRANCHES + seed["from"] if "from" in seed else ref)
    commit = repo.git.add_commit(
        seed["title"],
        world.person(seed["author"]),
        at,
        parents=(parent,) if parent else (),
        files=seed["files"],
        sha=seed["sha"],
    )
    repo.git.refs[ref] = commit.sha
    if tag := seed.get("tag"):
        _tag(repo, tag, commit.sha)
    if conclusion := seed.get("ci"):
        new_run(world, repo, repo.workflows[0], commit, conclusion=conclusion, branch=ref.removeprefix(BRANCHES), at=at)


def _tag(repo: Repository, seed: Json, sha: str) -> None:
    target = sha
    if seed.get("annotated"):
        commit = repo.git.commits[sha]
        target = repo.git.add_tag(seed["name"], sha, f"Release {seed['name']}", commit.author, commit.at).sha
    repo.git.refs[TAGS + seed["name"]] = target


def _pull(world: World, repo: Repository, seed: Json) -> None:
    at = world.clock.now() - seed["hours_ago"] * HOUR_S
    head = repo.git.refs[BRANCHES + seed["branch"]]
    base = repo.git.merge_base(repo.tip().sha, head)
    repo.pulls[seed["number"]] = Pull(
        seed["number"],
        seed["title"],
        seed.get("body"),
        seed["author"],
        seed["branch"],
        head,
        repo.default_branch,
        at,
        at,
        base_sha=base.sha if base else "",
    )
