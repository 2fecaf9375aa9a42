"""Endpoints: deployments and their statuses.

Sources: "REST API endpoints for deployments", "REST API endpoints for deployment statuses".
"""

from __future__ import annotations

from typing import Any

from sandbox.github import happenings
from sandbox.github.checks import failing_contexts
from sandbox.github.git import BRANCHES, Commit, MergeConflict
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, invalid, not_found
from sandbox.github.model import Deployment, DeploymentStatus, Environment, Repository, World
from sandbox.github.pushes import move
from sandbox.github.views import deployment_json, status_json

READ, WRITE = ("deployments=read",), ("deployments=write",)
RESOURCE, STATUS_RESOURCE = "Deployment", "DeploymentStatus"
STATES = frozenset({"error", "failure", "inactive", "in_progress", "queued", "pending", "success"})
LONGEST_DESCRIPTION = 140
FIRST_ID, FIRST_STATUS_ID, FIRST_ENVIRONMENT_ID = 1_800_000_001, 3_600_000_001, 160_000_001


def create_deployment(call: Call) -> Answer:
    """A deployment of a ref; by default GitHub first merges the default branch, then wants every check green.

    202: it merged and made no deployment. 409: the merge conflicts, or a context did not succeed.
    """
    ref = call.required_text("ref", resource=RESOURCE)
    contexts = _contexts(call)
    deployment_fields = _fields(call)
    commit = call.commit(ref)
    if commit is None:
        raise GitHubError(422, f"No ref found for: {ref}")
    if call.flag("auto_merge", default=True, resource=RESOURCE) and _merged(call, ref, commit):
        return Answer({"message": f"Auto-merged {call.repo.default_branch} into {ref} on deployment."}, 202)
    if failing := failing_contexts(call.repo, commit, contexts):
        error = {"resource": RESOURCE, "field": "required_contexts", "code": "invalid", "contexts": failing}
        raise GitHubError(409, f"Conflict: Commit status checks failed for {ref}.", errors=[error])
    deployment = add_deployment(call.world, call.repo, sha=commit.sha, ref=ref, creator=call.login, **deployment_fields)
    shown = deployment_json(call.world, call.repo, deployment)
    return Answer(shown, 201, {"location": shown["url"]})


def add_deployment(world: World, repo: Repository, **fields: Any) -> Deployment:
    """A deployment of now, without a status; `fields` are those of `Deployment`."""
    now = world.clock.now()
    deployment = Deployment(id=world.next_id("deployment", FIRST_ID), created_at=now, updated_at=now, **fields)
    repo.deployments.append(deployment)
    name = deployment.environment
    if name not in repo.environments:
        repo.environments[name] = Environment(world.next_id("environment", FIRST_ENVIRONMENT_ID), name, now)
    happenings.deployment(world, repo, deployment)
    return deployment


def _contexts(call: Call) -> list[str] | None:
    contexts = call.body.get("required_contexts")
    if contexts is None or (isinstance(contexts, list) and all(isinstance(each, str) for each in contexts)):
        return contexts
    raise invalid(RESOURCE, "required_contexts", "invalid", "required_contexts is not an array of strings")


def _fields(call: Call) -> dict[str, Any]:
    environment = call.text("environment", resource=RESOURCE, required=False) or "production"
    payload = call.body.get("payload", {})
    if not isinstance(payload, dict | str):
        raise invalid(RESOURCE, "payload", "invalid", "payload is neither an object nor a string")
    return {
        "task": call.text("task", resource=RESOURCE, required=False) or "deploy",
        "environment": environment,
        "description": _description(call, RESOURCE),
        "payload": payload,
        "transient_environment": call.flag("transient_environment", default=False, resource=RESOURCE),
        "production_environment": call.flag(
            "production_environment", default=environment == "production", resource=RESOURCE
        ),
    }


def _description(call: Call, resource: str) -> str:
    if call.body.get("description") in (None, ""):
        return ""
    return call.required_text("description", resource=resource, longest=LONGEST_DESCRIPTION)


def _merged(call: Call, ref: str, commit: Commit) -> bool:
    """Whether the default branch was merged into `ref`, which lacked some of it.

    Nothing can be merged into a tag or a hash, so one that lies behind conflicts.
    """
    repo, name = call.repo, BRANCHES + ref.removeprefix("refs/").removeprefix("heads/")
    tip = repo.tip()
    if repo.git.contains(commit.sha, tip.sha):
        return False
    conflict = GitHubError(409, f"Conflict merging {repo.default_branch} into {ref}.")
    if name not in repo.git.refs:
        raise conflict
    try:
        tree = repo.git.merged_tree(commit.sha, tip.sha)
    except MergeConflict as error:
        raise conflict from error
    message = f"Merge {repo.default_branch} into {ref}"
    author = call.world.person(call.login)
    merge = repo.git.add_commit(message, author, call.now, parents=(commit.sha, tip.sha), tree=tree)
    move(call.world, repo, name, merge.sha, call.login)
    return True


def list_deployments(call: Call) -> Answer:
    """Newest first, filtered by `sha`, `ref`, `task` and `environment`."""
    names = {"sha", "ref", "task", "environment"} & call.query.keys()
    # `none` is GitHub's documented default and means "do not filter".
    wanted = {name: call.query[name] for name in names if call.query[name] != "none"}
    found = [d for d in reversed(call.repo.deployments) if all(getattr(d, n) == value for n, value in wanted.items())]
    return call.listing(found, lambda deployment: deployment_json(call.world, call.repo, deployment))


def get_deployment(call: Call) -> Answer:
    return Answer(deployment_json(call.world, call.repo, _known(call)))


def _known(call: Call) -> Deployment:
    for deployment in call.repo.deployments:
        if deployment.id == call.params["deployment"]:
            return deployment
    raise not_found()


def list_statuses(call: Call) -> Answer:
    """Newest first."""
    deployment = _known(call)
    return call.listing(
        deployment.statuses[::-1], lambda status: status_json(call.world, call.repo, deployment, status)
    )


def create_status(call: Call) -> Answer:
    """A success makes earlier deployments to the same environment inactive, unless `auto_inactive` is false."""
    deployment = _known(call)
    state = call.required_text("state", resource=STATUS_RESOURCE)
    if state not in STATES:
        raise invalid(STATUS_RESOURCE, "state", "custom", f"state must be one of: {', '.join(sorted(STATES))}")
    description = _description(call, STATUS_RESOURCE)
    log_url, target_url, environment_url = (_url(call, f"{of}_url") for of in ("log", "target", "environment"))
    auto_inactive = call.flag("auto_inactive", default=True, resource=STATUS_RESOURCE)
    deployment.environment = (
        call.text("environment", resource=STATUS_RESOURCE, required=False) or deployment.environment
    )
    status = add_status(
        call.world,
        call.repo,
        deployment,
        state,
        call.login,
        description=description,
        log_url=log_url or target_url,
        url=environment_url,
    )
    if state == "success" and auto_inactive:
        retire_earlier(call.world, call.repo, deployment, call.login)
    shown = status_json(call.world, call.repo, deployment, status)
    return Answer(shown, 201, {"location": shown["url"]})


def _url(call: Call, name: str) -> str:
    """An address that GitHub can link to, as those of commit statuses must be."""
    url = call.text(name, resource=STATUS_RESOURCE, required=False) or ""
    if url and not url.lower().startswith(("http://", "https://")):
        raise invalid(STATUS_RESOURCE, name, "custom", f"{name} must use http(s) scheme")
    return url


def add_status(
    world: World,
    repo: Repository,
    deployment: Deployment,
    state: str,
    creator: str,
    *,
    description: str = "",
    log_url: str = "",
    url: str = "",
) -> DeploymentStatus:
    status = DeploymentStatus(
        id=world.next_id("deployment status", FIRST_STATUS_ID),
        state=state,
        creator=creator,
        description=description,
        environment=deployment.environment,
        environment_url=url,
        log_url=log_url,
        created_at=world.clock.now(),
    )
    deployment.statuses.append(status)
    deployment.updated_at = status.created_at
    happenings.deployment_status(world, repo, deployment, status)
    return status


def retire_earlier(world: World, repo: Repository, newest: Deployment, creator: str) -> None:
    """Make earlier ones inactive: only those that succeeded, are not transient and not of a production environment."""
    for other in repo.deployments:
        if other.id >= newest.id or other.environment != newest.environment:
            continue
        if other.transient_environment or other.production_environment:
            continue
        if other.statuses and other.statuses[-1].state == "success":
            add_status(world, repo, other, "inactive", creator)


def retire_all(world: World, repo: Repository, environment: str, creator: str) -> None:
    """Make every deployment to an environment inactive that is not so yet."""
    for item in repo.deployments:
        if item.environment == environment and item.statuses and item.statuses[-1].state != "inactive":
            add_status(world, repo, item, "inactive", creator)


def get_status(call: Call) -> Answer:
    deployment = _known(call)
    for status in deployment.statuses:
        if status.id == call.params["status"]:
            return Answer(status_json(call.world, call.repo, deployment, status))
    raise not_found()


DEPLOYMENTS = "/repos/{owner}/{repo}/deployments"
ONE = f"{DEPLOYMENTS}/{{deployment:int}}"
ENDPOINTS = [
    Endpoint("GET", DEPLOYMENTS, list_deployments, READ),
    Endpoint("POST", DEPLOYMENTS, create_deployment, WRITE, who="account"),
    Endpoint("GET", ONE, get_deployment, READ),
    Endpoint("GET", f"{ONE}/statuses", list_statuses, READ),
    Endpoint("POST", f"{ONE}/statuses", create_status, WRITE, who="account"),
    Endpoint("GET", f"{ONE}/statuses/{{status:int}}", get_status, READ),
]
