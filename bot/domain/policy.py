"""One policy: facts in, decision out. Used by plans, by buttons, and again right before acting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bot.domain.build import build_for
from bot.domain.deployment import Blocker, Build
from bot.domain.model import ASLEEP, Ci, CiState, Environment, Image, Lease, Machine, RefKind, Relation, Strategy
from bot.domain.strategies import strategy_blockers
from bot.domain.text import quoted
from bot.errors import Reason


@dataclass(frozen=True)
class DeploymentFacts:
    """What the policy looks at. `image_problem` says why the registry could not be read, if so.

    `leases` are other people's; `running` describes another operation that holds the app. `goes_back`: the image ran
    here before, so the rules for new commits do not ask again. `retries`: a Machine that is not well is still to do.
    `skips_release_command`: somebody asked for that.
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
    strategy: Strategy = Strategy.ROLLING
    creates_tag: bool = False
    goes_back: bool = False
    retries: bool = False
    skips_release_command: bool = False

    @property
    def build(self) -> Build | None:
        """The way through CI, where the image is missing and there is such a way."""
        if self.image is not None or self.image_problem or self.goes_back:
            return None
        return build_for(self.environment, self.ref, self.ref_kind, creates_tag=self.creates_tag)


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
    patterns = () if facts.goes_back else facts.environment.policy.refs
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
    if facts.goes_back or not facts.environment.policy.require_ci or facts.ci.state is CiState.SUCCESS:
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
    elif facts.image is None and facts.goes_back:
        yield Blocker(
            Reason.IMAGE_MISSING,
            "The image that ran before is not in the registry any more.",
            "Deploy its commit, so that CI builds it again.",
        )
    elif facts.image is None and facts.build is None:
        yield _build_is_impossible(facts)
    elif facts.build is not None and facts.skips_release_command:
        yield Blocker(
            Reason.BUILD_IMPOSSIBLE,
            "There is no image of this commit yet, and where CI builds it, CI runs the release command too.",
            "Deploy without `--skip-release-command`, or when there is an image.",
        )


def _build_is_impossible(facts: DeploymentFacts) -> Blocker:
    environment = facts.environment
    missing = f"`{environment.image_repository}` has no image of this commit, and"
    if environment.released_by == "tag":
        tag = environment.release_ref.replace("*", "X.Y.Z", 1)
        return Blocker(
            Reason.BUILD_IMPOSSIBLE,
            f"{missing} `{environment.name}` is released by tags: CI builds no {facts.ref_kind} for it.",
            f"`/deploy {environment.name} {tag} --on {quoted(facts.ref)}` makes a tag and releases it.",
        )
    return Blocker(
        Reason.BUILD_IMPOSSIBLE,
        f"{missing} GitHub runs workflows on branches and tags only.",
        "Deploy the branch or the tag that the commit is the newest of.",
    )


def _machines_can_move(facts: DeploymentFacts) -> Iterator[Blocker]:
    if facts.build is not None:
        # The workflow moves them with flyctl, and makes them where there are none.
        return
    if not facts.machines:
        yield Blocker(
            Reason.NO_MACHINES,
            f"`{facts.environment.app}` has no Machines to deploy to.",
            "The first deployment of an app is made by its workflow, which creates them.",
        )
    yield from strategy_blockers(facts.strategy, facts.machines)


def _nothing_to_do(facts: DeploymentFacts) -> Iterator[Blocker]:
    # Two images of which neither digest is known are not the same image.
    if facts.image is None or not facts.image.digest or not facts.machines:
        return
    if all(machine.image.digest == facts.image.digest for machine in facts.machines) and not _is_unproven(facts):
        count = len(facts.machines)
        yield Blocker(
            Reason.ALREADY_LIVE,
            f"Nothing to do: {count} of {count} Machines run this image already.",
            "To restart the app use `fly apps restart`.",
        )


def _is_unproven(facts: DeploymentFacts) -> bool:
    """Whether a second try has Machines that are not well, or a process group that sleeps, still to prove."""
    proven = {machine.group for machine in facts.machines if machine.is_healthy}
    well = (m.is_healthy or (m.state in ASLEEP and m.group in proven) for m in facts.machines)
    return facts.retries and not all(well)


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
