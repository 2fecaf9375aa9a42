"""The calls of clients that matter, by name: for whoever wants one of them to fail, or the bot to die at it.

`path` is a regular expression; `{app}` in it stands for one app, or any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The simulators, as people call the platforms.
NAMES = {"fly": "Fly", "github": "GitHub", "slack": "Slack"}
APP = "{app}"
MACHINES = rf"^/v1/apps/{APP}/machines"
REPOSITORY = r"^/repos/[^/]+/[^/]+"


@dataclass(frozen=True)
class NamedCall:
    """One kind of request to a simulator; without `method` whichever it is."""

    name: str
    simulator: str
    label: str
    path: str
    method: str | None = None

    def path_for(self, app: str | None = None) -> str:
        """The path, of one app where the call names its app there."""
        return self.path.replace(APP, r"[^/]+" if app is None else re.escape(app))

    def is_meant(self, method: str, path: str) -> bool:
        """Whether a request is such a call."""
        return self.method in {None, method} and re.search(self.path_for(), path) is not None


FLY = (
    NamedCall("any", "fly", "any call", "."),
    NamedCall("change_machine", "fly", "create or update a Machine", rf"{MACHINES}(/[^/]+)?$", "POST"),
    NamedCall("create_machine", "fly", "create a Machine", rf"{MACHINES}$", "POST"),
    NamedCall("update_machine", "fly", "update a Machine", rf"{MACHINES}/[^/]+$", "POST"),
    NamedCall("start_machine", "fly", "start a Machine", rf"{MACHINES}/[^/]+/start$", "POST"),
    NamedCall("stop_machine", "fly", "stop a Machine", rf"{MACHINES}/[^/]+/stop$", "POST"),
    NamedCall("destroy_machine", "fly", "destroy a Machine", rf"{MACHINES}/[^/]+$", "DELETE"),
    NamedCall("lease_machine", "fly", "lease a Machine", rf"{MACHINES}/[^/]+/lease$", "POST"),
    NamedCall("wait_machine", "fly", "wait for a Machine", rf"{MACHINES}/[^/]+/wait$", "GET"),
    NamedCall("list_machines", "fly", "list the Machines", rf"{MACHINES}$", "GET"),
    NamedCall("release_record", "fly", "make the release record", r"^/api/v1/releases$", "POST"),
    NamedCall("release_status", "fly", "write the release's status", r"^/api/v1/releases/[^/]+$", "PATCH"),
    NamedCall("create_app", "fly", "create an app", r"^/v1/apps$", "POST"),
    NamedCall("destroy_app", "fly", "destroy an app", rf"^/v1/apps/{APP}$", "DELETE"),
    NamedCall("create_volume", "fly", "create a volume", rf"^/v1/apps/{APP}/volumes$", "POST"),
    NamedCall("graphql", "fly", "GraphQL", r"^/graphql$", "POST"),
    NamedCall("manifest", "fly", "registry manifest", rf"^/v2/{APP}/manifests/"),
)
GITHUB = (
    NamedCall("any", "github", "any call", "."),
    NamedCall("commit", "github", "read a commit", rf"{REPOSITORY}/commits/", "GET"),
    NamedCall("ref", "github", "read a tag or branch", rf"{REPOSITORY}/(git/ref|branches|tags)", "GET"),
    NamedCall("compare", "github", "compare", rf"{REPOSITORY}/compare/", "GET"),
    NamedCall("create_ref", "github", "create a tag", rf"{REPOSITORY}/git/refs$", "POST"),
    NamedCall(
        "dispatch", "github", "dispatch a workflow", rf"{REPOSITORY}/actions/workflows/[^/]+/dispatches$", "POST"
    ),
    NamedCall("runs", "github", "read workflow runs", rf"{REPOSITORY}/actions/runs", "GET"),
    NamedCall("pulls", "github", "read pull requests", rf"{REPOSITORY}/pulls", "GET"),
    NamedCall("deployments", "github", "record a deployment", rf"{REPOSITORY}/deployments", "POST"),
    NamedCall("comments", "github", "comment", rf"{REPOSITORY}/issues/", "POST"),
)
SLACK_METHODS = (
    "chat.postMessage",
    "chat.update",
    "chat.postEphemeral",
    "views.open",
    "views.update",
    "views.publish",
    "usergroups.users.list",
    "users.info",
    "conversations.open",
    "files.getUploadURLExternal",
    "files.completeUploadExternal",
)
SLACK = (
    NamedCall("any", "slack", "any call", r"^/(api|response)/"),
    *(NamedCall(name, "slack", name, rf"^/api/{re.escape(name)}$") for name in SLACK_METHODS),
    NamedCall("response_url", "slack", "response_url", r"^/response/"),
)
CALLS = (*FLY, *GITHUB, *SLACK)


def call_named(simulator: str, name: str) -> NamedCall | None:
    """The call of a simulator by its name."""
    return next((call for call in CALLS if (call.simulator, call.name) == (simulator, name)), None)
