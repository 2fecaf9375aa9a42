"""Endpoints: the App, its installations and their tokens, limits and addresses.

Sources: "REST API endpoints for GitHub Apps", "... rate limits", "... meta data".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sandbox.github import render
from sandbox.github.access import LEVELS, covers, refuse_suspended
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.limits import Limits
from sandbox.github.model import App, Installation, InstallationToken, iso, node_id
from sandbox.github.views import installation_json
from sandbox.kit import Json

TOKEN_LIFE_S = 3600


def get_app(call: Call) -> Answer:
    return Answer(_app(call, call.world.app))


def _app(call: Call, app: App) -> Json:
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": node_id("App", app.id),
        "name": app.name,
        "owner": render.user(call.world, app.owner),
        "html_url": f"https://github.com/apps/{app.slug}",
        "permissions": {"metadata": "read", **app.permissions},
        "events": list(app.events),
        "installations_count": len(call.world.installations),
    }


def list_installations(call: Call) -> Answer:
    return call.listing(list(call.world.installations.values()), lambda item: installation_json(call.world, item))


def get_installation(call: Call) -> Answer:
    return Answer(installation_json(call.world, _known(call)))


def repository_installation(call: Call) -> Answer:
    """The installation that may use the repository; 404 where the App is not installed on it."""
    name = f"{call.params['owner']}/{call.params['repo']}"
    repo = call.world.repository(name)
    found = [i for i in call.world.installations.values() if repo is not None and repo.id in i.repositories]
    if not found:
        raise not_found()
    return Answer(installation_json(call.world, found[0]))


def _known(call: Call) -> Installation:
    found = call.world.installations.get(call.params["installation"])
    if found is None:
        raise not_found()
    return found


def create_token(call: Call) -> Answer:
    """A token of one hour, with the permissions and repositories of the installation or fewer."""
    installation = _known(call)
    refuse_suspended(installation)
    repositories, permissions = _repositories(call, installation), _permissions(call, installation)
    token = f"ghs_{secrets.token_hex(18)}"
    expires_at = call.now + TOKEN_LIFE_S
    call.world.installation_tokens[token] = InstallationToken(installation.id, repositories, permissions, expires_at)
    chosen = [call.world.repositories[number] for number in sorted(repositories)]
    return Answer(
        {
            "token": token,
            "expires_at": iso(expires_at),
            "permissions": {"metadata": "read", **permissions},
            "repository_selection": "selected",
            "repositories": [render.repository(call.world, repo) for repo in chosen],
        },
        201,
    )


def _repositories(call: Call, installation: Installation) -> frozenset[int]:
    names, ids = call.body.get("repositories"), call.body.get("repository_ids")
    if names is None and ids is None:
        return installation.repositories
    if not isinstance(names or [], list) or not isinstance(ids or [], list):
        raise GitHubError(422, "Invalid request.\n\nFor 'repositories', the value is not an array.")
    own = {call.world.repositories[number].name.lower(): number for number in installation.repositories}
    wanted = {own.get(str(name).lower(), 0) for name in names or []} | {int(number) for number in ids or []}
    if not wanted <= installation.repositories:
        raise GitHubError(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return frozenset(wanted)


def _permissions(call: Call, installation: Installation) -> dict[str, str]:
    wanted = call.body.get("permissions")
    granted = {"metadata": "read", **installation.permissions}
    # PyGithub asks with an empty object for all that there is, and gets it.
    if wanted is None or wanted == {}:
        return granted
    if not isinstance(wanted, dict):
        raise GitHubError(422, "Invalid request.\n\nFor 'permissions', the value is not an object.")
    for name, level in wanted.items():
        if level not in LEVELS or not covers(granted, f"{name}={level}"):
            raise GitHubError(422, "The permissions requested are not granted to this installation.")
    return dict(wanted)


def own_repositories(call: Call) -> Answer:
    """What an installation's token reaches; 403 for every other credential."""
    if call.caller.kind != "installation":
        raise GitHubError(403, "You must authenticate with an installation access token in order to list repositories")
    found = [call.world.repositories[number] for number in sorted(call.caller.repositories or ())]
    page, headers = call.page(found)
    shown = [render.full_repository(call.world, repo, call.version) for repo in page]
    body = {"total_count": len(found), "repository_selection": "selected", "repositories": shown}
    return Answer(body, headers=headers)


def meta(_: Call) -> Answer:
    """Loopback alone: that is where simulated deliveries come from."""
    return Answer({"verifiable_password_authentication": False, "hooks": ["127.0.0.0/8", "::1/128"]})


def endpoints(limits: Callable[[], Limits]) -> list[Endpoint]:
    """These endpoints; one of them tells the caller's limits."""

    def rate_limit(call: Call) -> Answer:
        core = limits().resource(call.caller)
        body: Json = {"resources": {"core": core}}
        if call.version < "2026-03-10":
            body["rate"] = core
        return Answer(body)

    return [
        Endpoint("GET", "/app", get_app, who="app"),
        Endpoint("GET", "/app/installations", list_installations, who="app"),
        Endpoint("GET", "/app/installations/{installation:int}", get_installation, who="app"),
        Endpoint("POST", "/app/installations/{installation:int}/access_tokens", create_token, who="app"),
        Endpoint("GET", "/repos/{owner}/{repo}/installation", repository_installation, who="app"),
        Endpoint("GET", "/installation/repositories", own_repositories, who="account"),
        Endpoint("GET", "/rate_limit", rate_limit, free=True),
        Endpoint("GET", "/meta", meta),
    ]
