"""GitHub's deployments: records of what went where, for those that no workflow made.

Sources: GitHub REST API, "Deployments" (list, create), "Deployment statuses" (list, create).
"""

from __future__ import annotations

from bot.clients.github import answers
from bot.clients.github.connection import PAGE, Connection
from bot.clients.http import Query, Retry
from bot.domain.model import GitHubDeployment

# "description is too long (maximum is 140 characters)"
LONGEST = 140


class Deployments:
    """The part of the client that keeps GitHub's books. A refusal (404, 422) is RemoteRejected."""

    _connection: Connection

    async def deployments(self, repository: str, *, sha: str, environment: str) -> list[GitHubDeployment]:
        """The newest hundred deployments of a commit (40 hex) to an environment, newest first."""
        params: Query = {"sha": sha, "environment": environment, "per_page": PAGE}
        response = await self._connection.get(repository, "deployments", params=params)
        found = [answers.deployment_of(body) if isinstance(body, dict) else None for body in response.list()]
        if None in found:
            # Whoever looks for a deployment must not miss it for its odd shape.
            raise response.unexpected("The answer is no list of deployments")
        return [deployment for deployment in found if deployment is not None]

    async def create_deployment(
        self, repository: str, *, sha: str, environment: str, task: str, operation: str, description: str
    ) -> int:
        """Record a deployment; its id. Never repeated once it may have been worked: look for it by `operation`.

        RemoteRejected (422) where GitHub does not know the commit.
        """
        body = {
            "ref": sha,
            "environment": environment,
            "task": task,
            "payload": {answers.OPERATION: operation},
            "description": _short(description),
            # By default GitHub would merge the default branch, and refuse a commit with a check that is not green.
            "auto_merge": False,
            "required_contexts": [],
        }
        response = await self._connection.post(repository, "deployments", body=body, retry=Retry.UNSENT)
        made = answers.deployment_of(response.object())
        if made is None:
            raise response.unexpected("GitHub made no deployment")
        return made.id

    async def add_deployment_status(
        self,
        repository: str,
        deployment_id: int,
        state: str,
        *,
        description: str,
        url: str,
        environment_url: str = "",
    ) -> None:
        """Say how a deployment goes. Never repeated once it may have been worked: see `deployment_states`.

        `url` leads to more about it, `environment_url` to what was deployed; empty ones are left out.
        """
        # GitHub takes an address or none, and not an empty one.
        links = {"log_url": url, "environment_url": environment_url}
        body = {"state": state, "description": _short(description), **{name: at for name, at in links.items() if at}}
        segments = "deployments", str(deployment_id), "statuses"
        await self._connection.post(repository, *segments, body=body, retry=Retry.UNSENT)

    async def deployment_states(self, repository: str, deployment_id: int) -> list[str]:
        """The states that a deployment was given, newest first: the newest hundred."""
        segments = "deployments", str(deployment_id), "statuses"
        response = await self._connection.get(repository, *segments, params={"per_page": PAGE})
        return answers.states_of(response.list())


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
