"""One policy: facts in, decision out. Used by plans, by buttons, and again right before acting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bot.domain.deployment import Blocker
from bot.domain.model import Ci, CiState, Environment, Image, Lease, Machine, RefKind, Relation
from bot.errors import Reason


@dataclass(frozen=True)
class DeploymentFacts:
    """What the policy looks at. `image_problem` says why the registry could not be read, if so.

    `leases` are other people's; `running` describes another operation that holds the app.
    """

    environment: Environment
    ref: str
    ref_kind: RefKind
    ci: Ci
    image: Image | None
    machines: tuple[Machine, ...]
    relation: Relation = Relation.AHEAD
    image_problem: str = ""
    leases: tuple[Lease, ...] = ()
    running: str = ""


@dataclass(frozen=True)
class Decision:
    """The policy's answer: no blocker means yes. Warnings never stop anything."""

    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_allowed(self) -> bool:
        return not self.blockers


Rule = Callable[[DeploymentFacts], Iterator[Blocker]]


def decide_deployment(facts: DeploymentFacts) -> Decision:
    """Whether this deployment may run now, and what speaks against it."""
    blockers = tuple(blocker for rule in RULES for blocker in rule(facts))
    return Decision(blockers, tuple(_warnings(facts)))


def _ref_is_allowed(facts: DeploymentFacts) -> Iterator[Blocker]:
    patterns = facts.environment.policy.refs
    # Where tags release, a branch that is named like one is none.
    is_branch = facts.ref_kind is RefKind.BRANCH and facts.environment.released_by == "tag"
    if patterns and (is_branch or not any(fnmatchcase(facts.ref, pattern) for pattern in patterns)):
        kind = "tags" if facts.environment.released_by == "tag" else "refs"
        allowed = ", ".join(f"`{pattern}`" for pattern in patterns)
        yield Blocker(
            Reason.REF_NOT_ALLOWED,
            f"`{facts.environment.name}` takes only {kind} that match {allowed}.",
            "Deploy such a ref, or change `policy.refs` in flytower.toml.",
        )


def _ci_is_green(facts: DeploymentFacts) -> Iterator[Blocker]:
    if not facts.environment.policy.require_ci or facts.ci.state is CiState.SUCCESS:
        return
    if facts.ci.state is CiState.UNKNOWN:
        yield Blocker(
            Reason.CI_UNKNOWN,
            "CI gave no verdict on this commit: its run was cancelled or skipped, or GitHub did not answer.",
            "Look at the run, let it run again if need be, then ask again.",
        )
        return
    said = {
        CiState.FAILURE: ("CI failed on this commit.", "Mend it, or choose a commit whose CI passed."),
        CiState.PENDING: ("CI is still running on this commit.", "Wait for it to pass, then ask again."),
        CiState.NONE: ("CI never ran on this commit.", "Push it to a branch that CI runs on, then ask again."),
    }
    yield Blocker(Reason.CI_NOT_GREEN, *said[facts.ci.state])


def _image_exists(facts: DeploymentFacts) -> Iterator[Blocker]:
    repository = facts.environment.image_repository
    if facts.image_problem:
        yield Blocker(
            Reason.IMAGE_UNKNOWN,
            f"The registry did not say whether `{repository}` has an image of this commit: {facts.image_problem}",
            "Try again in a moment.",
        )
    elif facts.image is None:
        yield Blocker(
            Reason.IMAGE_MISSING,
            f"`{repository}` has no image labelled with this commit: CI has not built it for this environment (yet).",
            f"Let `{facts.environment.workflow}` build it, then ask again.",
        )


def _machines_can_move(facts: DeploymentFacts) -> Iterator[Blocker]:
    if not facts.machines:
        yield Blocker(
            Reason.NO_MACHINES,
            f"`{facts.environment.app}` has no Machines to deploy to.",
            "The first deployment of an app is made by its workflow, which creates them.",
        )
    for machine in facts.machines:
        if machine.host_status != "ok":
            yield Blocker(
                Reason.HOST_UNREACHABLE,
                f"The host of Machine {machine.id} ({machine.region}) is {machine.host_status}: Fly shows no config.",
                "Wait for the host, or replace the Machine with `fly machine clone` and destroy it.",
            )


def _nothing_to_do(facts: DeploymentFacts) -> Iterator[Blocker]:
    # Two images of which neither digest is known are not the same image.
    if facts.image is None or not facts.image.digest or not facts.machines:
        return
    if all(machine.image.digest == facts.image.digest for machine in facts.machines):
        count = len(facts.machines)
        yield Blocker(
            Reason.ALREADY_LIVE,
            f"Nothing to do: {count} of {count} Machines run this image already.",
            "To restart the app use `fly apps restart`.",
        )


def _nobody_else_is_at_it(facts: DeploymentFacts) -> Iterator[Blocker]:
    if facts.running:
        yield Blocker(Reason.OPERATION_RUNNING, facts.running, "Wait until it ends, or cancel it on its card.")
    for lease in facts.leases:
        until = f" until {lease.expires_at:%H:%M:%S} UTC" if lease.expires_at else ""
        yield Blocker(
            Reason.LEASE_HELD,
            f"Machine {lease.machine_id} is leased by {lease.owner or 'somebody else'}{until}.",
            "A deployment outside Flytower is probably running; ask again when it is over.",
        )


def _warnings(facts: DeploymentFacts) -> Iterator[str]:
    if facts.relation is Relation.BEHIND:
        yield "This commit is older than what runs: the deployment goes back in time."
    if facts.relation is Relation.DIVERGED:
        yield "This commit does not contain what runs: commits that are live now will be gone."
    digests = {machine.image.digest for machine in facts.machines}
    if len(digests) > 1:
        yield f"The Machines run {len(digests)} different images now."


RULES: tuple[Rule, ...] = (
    _nobody_else_is_at_it,
    _ref_is_allowed,
    _ci_is_green,
    _image_exists,
    _machines_can_move,
    _nothing_to_do,
)
