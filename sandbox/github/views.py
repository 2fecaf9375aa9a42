"""Deployments, releases, environments and installations as GitHub's JSON, for the API and for webhooks alike."""

from __future__ import annotations

from urllib.parse import quote

from sandbox.github import render
from sandbox.github.model import (
    Deployment,
    DeploymentStatus,
    Environment,
    Installation,
    Release,
    Repository,
    World,
    iso,
    node_id,
)
from sandbox.kit import Json


def deployment_json(world: World, repo: Repository, item: Deployment) -> Json:
    url = render.api(world, repo, f"/deployments/{item.id}")
    return {
        "url": url,
        "id": item.id,
        "node_id": node_id("Deployment", item.id),
        "sha": item.sha,
        "ref": item.ref,
        "task": item.task,
        "payload": item.payload,
        "original_environment": item.environment,
        "environment": item.environment,
        "description": item.description,
        "creator": render.user(world, item.creator),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "statuses_url": f"{url}/statuses",
        "repository_url": render.api(world, repo),
        "transient_environment": item.transient_environment,
        "production_environment": item.production_environment,
        "performed_via_github_app": None,
    }


def status_json(world: World, repo: Repository, deployment: Deployment, status: DeploymentStatus) -> Json:
    url = render.api(world, repo, f"/deployments/{deployment.id}")
    return {
        "url": f"{url}/statuses/{status.id}",
        "id": status.id,
        "node_id": node_id("DeploymentStatus", status.id),
        "state": status.state,
        "creator": render.user(world, status.creator),
        "description": status.description,
        "environment": status.environment,
        "environment_url": status.environment_url,
        "log_url": status.log_url,
        "target_url": status.log_url,
        "created_at": iso(status.created_at),
        "updated_at": iso(status.created_at),
        "deployment_url": url,
        "repository_url": render.api(world, repo),
        "performed_via_github_app": None,
    }


def release_json(world: World, repo: Repository, item: Release) -> Json:
    url = render.api(world, repo, f"/releases/{item.id}")
    draft_page = f"untagged-{item.id:x}"
    return {
        "url": url,
        "assets_url": f"{url}/assets",
        "upload_url": f"{url}/assets{{?name,label}}",
        "html_url": render.web(repo, f"/releases/tag/{quote(draft_page if item.draft else item.tag)}"),
        "id": item.id,
        "node_id": node_id("Release", item.id),
        "author": render.user(world, item.author),
        "tag_name": item.tag,
        "target_commitish": item.target,
        "name": item.name,
        "body": item.body,
        "draft": item.draft,
        "immutable": False,
        "prerelease": item.prerelease,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.published_at or item.created_at),
        "published_at": iso(item.published_at),
        "assets": [],
        "tarball_url": None if item.draft else render.api(world, repo, f"/tarball/{item.tag}"),
        "zipball_url": None if item.draft else render.api(world, repo, f"/zipball/{item.tag}"),
    }


def environment_json(world: World, repo: Repository, item: Environment) -> Json:
    name, made = quote(item.name, safe=""), iso(item.created_at)
    return {
        "id": item.id,
        "node_id": node_id("Environment", item.id),
        "name": item.name,
        "url": render.api(world, repo, f"/environments/{name}"),
        "html_url": render.web(repo, f"/deployments/activity_log?environments_filter={name}"),
        "created_at": made,
        "updated_at": made,
        "protection_rules": [],
        "deployment_branch_policy": None,
    }


def installation_json(world: World, item: Installation) -> Json:
    app = world.app
    return {
        "id": item.id,
        "account": render.user(world, item.account),
        "access_tokens_url": f"{world.url}/app/installations/{item.id}/access_tokens",
        "repositories_url": f"{world.url}/installation/repositories",
        "html_url": f"https://github.com/organizations/{item.account}/settings/installations/{item.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "client_id": app.client_id,
        "target_id": world.users[item.account.lower()].id,
        "target_type": "Organization",
        "repository_selection": "selected",
        "permissions": {"metadata": "read", **item.permissions},
        "events": list(app.events),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.suspended_at or item.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": render.user(world, item.account) if item.suspended_at else None,
        "suspended_at": iso(item.suspended_at),
    }
