"""What the use cases need from the outside world. Clients implement these; nobody else knows a client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.domain.model import (
    Ci,
    Commit,
    Comparison,
    FoundRef,
    GitHubDeployment,
    Image,
    Lease,
    LogLine,
    Machine,
    MachineVersion,
    Member,
    Release,
    ResolvedRef,
    Secret,
    Volume,
    WorkflowJob,
    WorkflowRun,
)
from bot.domain.operation import Card
from bot.views.blocks import Block, Message, View


class Clock(Protocol):
    """Time as a dependency."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""
        ...


class Fly(Protocol):
    """Fly.io as one organisation's token sees it. All calls may raise RemoteError."""

    async def machines(self, app: str) -> list[Machine]:
        """Every Machine of the app that is not destroyed, reserved process groups included."""
        ...

    async def machine(self, app: str, machine_id: str) -> Machine:
        """One Machine, readable for some time after it was destroyed; NotFound when it is not."""
        ...

    async def marked_machines(self, app: str, key: str, value: str) -> list[Machine]:
        """Machines whose metadata carries `key=value`, destroyed ones included while Fly still lists them."""
        ...

    async def create_machine(
        self,
        app: str,
        *,
        config: Mapping[str, Any],
        region: str,
        skip_launch: bool = False,
        skip_service_registration: bool = False,
    ) -> Machine:
        """Create a Machine. Never repeated by the client: after a RemoteError with `sent`, look for its marker."""
        ...

    async def update_machine(
        self, machine: Machine, *, config: Mapping[str, Any], nonce: str, skip_launch: bool
    ) -> Machine:
        """Replace the Machine's whole config, if it is still the version that was read.

        Repeated only where no answer came and the version still matches.
        """
        ...

    async def start_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None: ...

    async def stop_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None: ...

    async def destroy_machine(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Destroy by force; a Machine that is already gone counts as destroyed."""
        ...

    async def cordon(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Let Fly's proxy send the Machine no more requests; done twice it does no harm."""
        ...

    async def uncordon(self, app: str, machine_id: str, *, nonce: str = "") -> None:
        """Let Fly's proxy send the Machine requests; done twice it does no harm."""
        ...

    async def wait_for_state(
        self, app: str, machine_id: str, state: str, *, version: str = "", timeout_s: float
    ) -> None:
        """Return once the Machine is in `state`; may take several requests, as Fly waits 60 s at most in one.

        Raises RemoteTimeout when it is not there in time, NotFound when the Machine is gone (waiting for
        `destroyed` returns then).
        """
        ...

    async def lease(self, app: str, machine_id: str) -> Lease | None:
        """The lease on the Machine, whoever holds it, or None."""
        ...

    async def acquire_lease(self, app: str, machine_id: str, *, ttl_s: int, description: str) -> Lease:
        """Take the lease; LeaseHeld when somebody else has it."""
        ...

    async def refresh_lease(self, app: str, lease: Lease, *, ttl_s: int) -> Lease:
        """Hold our lease for `ttl_s` more seconds; LeaseHeld when it was lost."""
        ...

    async def release_lease(self, app: str, lease: Lease) -> None:
        """Give the lease back; one that is already gone is fine."""
        ...

    async def definition(self, app: str) -> dict[str, Any] | None:
        """The fly.toml of the newest release as JSON, or None where there is none."""
        ...

    async def definitions(self, app: str, *, limit: int = 25) -> dict[int, dict[str, Any]]:
        """The fly.toml of the newest releases as JSON, by version; those that Fly does not show are left out."""
        ...

    async def machine_versions(self, app: str, machine_id: str) -> list[MachineVersion]:
        """The configurations that a Machine has and had, newest first; NotFound."""
        ...

    async def volumes(self, app: str) -> list[Volume]:
        """The app's volumes that are not being destroyed, by id."""
        ...

    async def create_volume(self, app: str, *, name: str, region: str, size_gb: int) -> Volume:
        """Create an empty volume, encrypted; never repeated by the client."""
        ...

    async def secrets(self, app: str) -> list[Secret]:
        """The app's secrets without their values, by name."""
        ...

    async def releases(self, app: str, *, limit: int = 25) -> list[Release]:
        """The newest releases, newest first."""
        ...

    async def create_release(self, app: str, *, image: Image, definition: Mapping[str, Any], strategy: str) -> Release:
        """Write a release into Fly's books. Never repeated by the client."""
        ...

    async def set_release_status(self, release_id: str, status: str, *, error: str = "") -> None:
        """Set a release to `running`, `complete`, `failed` or `interrupted`."""
        ...

    async def resolve_image(self, repository: str, label: str) -> Image | None:
        """The image with its digest, or None where the registry has no such label."""
        ...

    async def logs(self, app: str, machine_id: str, *, since: datetime) -> list[LogLine]:
        """What the Machine logged since then, oldest first."""
        ...


class GitHub(Protocol):
    """GitHub as far as deployments need it. All calls may raise RemoteError."""

    async def resolve(self, repository: str, ref: str) -> ResolvedRef:
        """What a tag, branch or commit (7 to 40 hex) means now; NotFound, with close matches in its hint."""
        ...

    async def commit(self, repository: str, sha: str) -> Commit:
        """One commit; NotFound."""
        ...

    async def file(self, repository: str, path: str, ref: str) -> str | None:
        """The text of a file at a commit, branch or tag; None where there is none of that name."""
        ...

    async def tag_of(self, repository: str, sha: str) -> str:
        """The tag on a commit, as far as the newest tags tell, or an empty string."""
        ...

    async def ci(self, repository: str, sha: str, workflow: str) -> Ci:
        """CI's answer for the commit: the newest run of `workflow`, else the checks and statuses together."""
        ...

    async def compare(self, repository: str, base: str, head: str) -> Comparison:
        """What lies between two commits; NotFound where one is unknown."""
        ...

    async def deployments(self, repository: str, *, sha: str, environment: str) -> list[GitHubDeployment]:
        """The newest hundred deployments of a commit to an environment, newest first."""
        ...

    async def create_deployment(
        self, repository: str, *, sha: str, environment: str, task: str, operation: str, description: str
    ) -> int:
        """Record a deployment that was not made by a workflow; its id. Never repeated by the client.

        `operation` goes into its payload, so that it is found again after a lost answer. No status checks are asked
        for and nothing is merged.
        """
        ...

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
        """Say how a deployment goes: `in_progress`, `success`, `failure`, `error` or `inactive`.

        Never repeated by the client. `url` leads to more about it, `environment_url` to what was deployed.
        """
        ...

    async def deployment_states(self, repository: str, deployment_id: int) -> list[str]:
        """The states that a deployment was given, newest first."""
        ...

    async def default_branch(self, repository: str) -> str:
        """The branch that the repository starts from, cached."""
        ...

    async def tags(self, repository: str) -> dict[str, str]:
        """The newest hundred tags, as commit by name."""
        ...

    async def search_refs(self, repository: str, typed: str, workflow: str) -> list[FoundRef]:
        """Tags, branches and recent commits that fit what was typed, best first, with CI's answer where known.

        Cheap to call at each keystroke: what GitHub said is kept for some seconds.
        """
        ...

    async def create_tag(self, repository: str, name: str, sha: str) -> None:
        """Make a lightweight tag. RemoteRejected (422) where the name is taken; never repeated by the client."""
        ...

    async def dispatch(self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Start a workflow on a branch or tag; the run's id, or None where GitHub does not tell it.

        Not idempotent and never repeated by the client: after a RemoteError with `sent`, look for the run first.
        RemoteRejected (422) where the workflow of that ref cannot be started this way.
        """
        ...

    async def workflow_runs(
        self, repository: str, workflow: str, *, event: str = "", branch: str = "", since: datetime | None = None
    ) -> list[WorkflowRun]:
        """The newest hundred runs of a workflow, newest first; `branch` may be a tag."""
        ...

    async def workflow_run(self, repository: str, run_id: int) -> WorkflowRun:
        """One run as it stands; NotFound."""
        ...

    async def jobs(self, repository: str, run_id: int, attempt: int) -> list[WorkflowJob]:
        """The jobs of one attempt of a run, in GitHub's order."""
        ...

    async def cancel_run(self, repository: str, run_id: int) -> None:
        """Ask Actions to cancel a run; one that has ended is fine."""
        ...


class Chat(Protocol):
    """Slack as far as the bot speaks there. All calls may raise RemoteError."""

    async def post(self, channel: str, message: Message, *, thread_ts: str = "") -> Card:
        """Post a message. Never repeated by the client, since Slack may have posted it."""
        ...

    async def update(self, card: Card, message: Message, *, urgent: bool = False) -> None:
        """Replace a message of ours, text and blocks; `urgent` final states go before progress."""
        ...

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        """Show a message to one person in a channel; falls back to a direct message."""
        ...

    async def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        """Answer privately through an interaction's response URL (5 uses in 30 minutes).

        `replace` puts the message in the place of the one whose button was pressed.
        """
        ...

    async def open_view(self, trigger_id: str, view: View) -> str:
        """Open a modal; its id. The trigger lives 3 s and is good for one use."""
        ...

    async def update_view(self, view_id: str, view: View) -> None:
        """Replace what an open modal shows; RemoteRejected (`not_found`) where it was closed."""
        ...

    async def publish_home(self, user_id: str, blocks: Sequence[Block]) -> None:
        """Replace what a person sees in the app's Home tab; RemoteRejected for somebody of another workspace."""
        ...

    async def send_file(self, user_id: str, name: str, content: bytes, *, title: str, comment: str) -> None:
        """Send a person a file in the direct message with the app."""
        ...

    async def group_members(self, group_id: str) -> frozenset[str]:
        """The user ids in a user group, cached for a minute or two; RemoteRejected where there is none."""
        ...

    async def member(self, user_id: str) -> Member:
        """What Slack says of a person, cached for a minute or two."""
        ...


FlyByOrganisation = Mapping[str, Fly]
