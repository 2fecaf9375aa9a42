"""What GitHub tells by webhook, as the world changes: the events with what of their payload is their own.

Source: "Webhook events and payloads". Building a payload costs nothing where nobody listens.
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.diff import changes
from sandbox.github.git import BRANCHES, TAGS, Commit
from sandbox.github.model import (
    Attempt,
    Comment,
    Deployment,
    DeploymentStatus,
    Happening,
    Installation,
    Job,
    Pull,
    Release,
    Repository,
    Run,
    World,
    iso,
)
from sandbox.github.pull_views import comment_json, detailed_pull_json, issue_json
from sandbox.github.run_views import check_run_json, check_suite_json, job_json, run_json, workflow_json
from sandbox.github.views import deployment_json, installation_json, release_json, status_json
from sandbox.kit import Json

NOTHING = "0" * 40
MOST_COMMITS = 2048
# What a deployment's status tells of the check run that made it.
STATUS_CHECK = (
    "id",
    "name",
    "node_id",
    "head_sha",
    "external_id",
    "url",
    "html_url",
    "details_url",
    "status",
    "conclusion",
    "started_at",
    "completed_at",
)
# Which event of its check run comes with one of a job.
CHECKS_OF_JOBS = {"queued": "created", "completed": "completed"}


def push(world: World, repo: Repository, ref: str, before: str, after: str, actor: str) -> None:
    """A ref moved; `before` or `after` is `NOTHING` where it came or went."""
    created, deleted = before == NOTHING, after == NOTHING
    kind, name = ("branch", ref.removeprefix(BRANCHES)) if ref.startswith(BRANCHES) else ("tag", ref.removeprefix(TAGS))
    if created or deleted:
        fields: Json = {"ref": name, "ref_type": kind, "pusher_type": "user"}
        if created:
            fields |= {"master_branch": repo.default_branch, "description": repo.description}
        world.tell(Happening("create" if created else "delete", None, repo, actor, lambda: fields))
    world.tell(pushed(world, repo, ref, before, after, actor))


def pushed(world: World, repo: Repository, ref: str, before: str, after: str, actor: str) -> Happening:
    """A push as an event that nobody heard yet."""
    return Happening("push", None, repo, actor, lambda: _push(world, repo, ref, before, after, actor))


def _push(world: World, repo: Repository, ref: str, before: str, after: str, actor: str) -> Json:
    git = repo.git
    old, new = git.peel(before), git.peel(after)
    added = _pushed_commits(repo, ref, old, new)
    elsewhere = _elsewhere(repo, ref)
    person = world.person(actor)
    tip = repo.tip()
    # Of all events only this one tells these instants as numbers.
    place = render.full_repository(world, repo) | {"created_at": int(repo.created_at), "pushed_at": int(tip.at)}
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "created": old is None,
        "deleted": new is None,
        "forced": bool(old and new and not git.contains(new.sha, old.sha)),
        "base_ref": _base_ref(repo, ref, new) if old is None else None,
        "compare": render.web(repo, f"/compare/{before[:12]}...{after[:12]}"),
        "commits": [_commit(repo, each, is_distinct=each.sha not in elsewhere) for each in added[:MOST_COMMITS]],
        "head_commit": _commit(repo, new, is_distinct=new.sha not in elsewhere) if new else None,
        "pusher": {"name": person.login or person.name, "email": person.email},
        "repository": place | {"master_branch": repo.default_branch, "stargazers": 0, "organization": repo.owner},
    }


def _pushed_commits(repo: Repository, ref: str, old: Commit | None, new: Commit | None) -> list[Commit]:
    """What a branch gained, oldest first; a tag brings none."""
    if new is None or not ref.startswith(BRANCHES):
        return []
    return repo.git.between((old or repo.tip()).sha, new.sha)


def _elsewhere(repo: Repository, ref: str) -> set[str]:
    """The commits that other branches had already."""
    tips = [sha for other, sha in repo.git.refs.items() if other != ref and other.startswith(BRANCHES)]
    return set().union(*(repo.git.ancestors(sha) for sha in tips))


def _base_ref(repo: Repository, ref: str, new: Commit | None) -> str | None:
    found = [other for other, sha in sorted(repo.git.refs.items()) if new and sha == new.sha and other != ref]
    return next((other for other in found if other.startswith(BRANCHES)), None)


def _commit(repo: Repository, commit: Commit, *, is_distinct: bool) -> Json:
    before = repo.git.commits[commit.parents[0]].tree if commit.parents else {}
    found = changes(repo.git, before, commit.tree)
    kinds = {"added": {"added", "renamed"}, "removed": {"removed"}, "modified": {"modified"}}
    person = {"name": commit.author.name, "email": commit.author.email}
    signature = person | ({"username": commit.author.login} if commit.author.login else {})
    return {
        "id": commit.sha,
        "tree_id": commit.tree_sha,
        "distinct": is_distinct,
        "message": commit.message,
        "timestamp": iso(commit.at),
        "url": render.web(repo, f"/commit/{commit.sha}"),
        "author": signature,
        "committer": signature,
        **{name: [change.path for change in found if change.status in kinds[name]] for name in kinds},
    }


def pull(world: World, repo: Repository, item: Pull, action: str, sender: str, extra: Json | None = None) -> None:
    """Something happened to a pull request; `extra` is what this action alone tells."""

    def body() -> Json:
        shown = detailed_pull_json(world, repo, item, is_fresh=True)
        return {"number": item.number, "pull_request": shown, **(extra or {})}

    world.tell(Happening("pull_request", action, repo, sender, body))


def run(world: World, repo: Repository, item: Run, action: str) -> None:
    """A run of a workflow was requested, is in progress or completed; with its check suite, where that ends."""

    def body() -> Json:
        return {"workflow_run": run_json(world, repo, item), "workflow": workflow_json(world, repo, item.workflow)}

    world.tell(Happening("workflow_run", action, repo, item.latest.actor, body))
    if action == "completed":
        world.tell(Happening("check_suite", action, repo, item.latest.actor, lambda: _suite(world, repo, item)))


def _suite(world: World, repo: Repository, item: Run) -> Json:
    commit = repo.git.commits[item.head_sha]
    person = {"name": commit.author.name, "email": commit.author.email}
    head = {"id": commit.sha, "tree_id": commit.tree_sha, "message": commit.message, "timestamp": iso(commit.at)}
    head_commit = head | {"author": person, "committer": person}
    return {"check_suite": check_suite_json(world, repo, item) | {"head_commit": head_commit}}


def job(
    world: World, repo: Repository, run_of: Run, attempt: Attempt, item: Job, action: str, of: Deployment | None
) -> None:
    """A job was queued, waits, is in progress or completed; a job is a check run too."""

    def body() -> Json:
        shown: Json = {"workflow_job": job_json(world, repo, run_of, attempt, item)}
        return shown | ({"deployment": deployment_json(world, repo, of)} if of else {})

    world.tell(Happening("workflow_job", action, repo, attempt.actor, body))
    if check := CHECKS_OF_JOBS.get(action):
        world.tell(Happening("check_run", check, repo, attempt.actor, lambda: _check_run(world, repo, run_of, item)))


def _check_run(world: World, repo: Repository, run_of: Run, item: Job) -> Json:
    shown = check_run_json(world, repo, run_of, item)
    return {"check_run": shown | {"check_suite": check_suite_json(world, repo, run_of)}}


def deployment(world: World, repo: Repository, item: Deployment) -> None:
    """A deployment was made; of no workflow where an account made it."""

    def body() -> Json:
        shown = {"deployment": deployment_json(world, repo, item)}
        return shown | {"workflow": None, "workflow_run": None} | _made_by(world, repo, item)

    world.tell(Happening("deployment", "created", repo, item.creator, body))


def _made_by(world: World, repo: Repository, item: Deployment) -> Json:
    """The workflow and the run whose job a deployment belongs to."""
    if item.run is None:
        return {}
    return {
        "workflow": workflow_json(world, repo, item.run.workflow),
        "workflow_run": run_json(world, repo, item.run),
    }


def deployment_status(world: World, repo: Repository, item: Deployment, status: DeploymentStatus) -> None:
    """A deployment has a new state; of `inactive` GitHub tells nothing."""
    if status.state == "inactive":
        return

    def body() -> Json:
        shown = {
            "deployment_status": status_json(world, repo, item, status),
            "deployment": deployment_json(world, repo, item),
        }
        if item.run is not None and item.job is not None:
            check = check_run_json(world, repo, item.run, item.job)
            shown["check_run"] = {name: check[name] for name in STATUS_CHECK}
        return shown | _made_by(world, repo, item)

    world.tell(Happening("deployment_status", "created", repo, status.creator, body))


def release(world: World, repo: Repository, item: Release, action: str, sender: str, extra: Json | None = None) -> None:
    def body() -> Json:
        return {"release": release_json(world, repo, item), **(extra or {})}

    world.tell(Happening("release", action, repo, sender, body))


def comment(world: World, repo: Repository, item: Comment, action: str, sender: str, extra: Json | None = None) -> None:
    """Somebody commented on an issue or pull request, or changed or deleted a comment."""

    def body() -> Json:
        issue = issue_json(world, repo, item.issue)
        return {"issue": issue, "comment": comment_json(world, repo, item), **(extra or {})}

    world.tell(Happening("issue_comment", action, repo, sender, body))


def installation(world: World, item: Installation, action: str, sender: str) -> None:
    """The App's installation was suspended or taken up again; the App hears it whatever it subscribes to."""

    def body() -> Json:
        keys = ("id", "node_id", "name", "full_name", "private")
        places = [render.repository(world, world.repositories[number]) for number in sorted(item.repositories)]
        return {
            "installation": installation_json(world, item),
            "repositories": [{key: place[key] for key in keys} for place in places],
            "requester": None,
        }

    world.tell(Happening("installation", action, None, sender, body, installation=item.id))
