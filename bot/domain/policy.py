"""One policy: facts in, decision out. Used by plans, by buttons, and again right before acting.

What the database must not change between the decision and the act (locks, holds, incidents) is counted there: a start
names the count that its plan has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from bot.domain.approval import ApprovalNeed, Cause
from bot.domain.build import build_for
from bot.domain.deployment import Blocker, Build
from bot.domain.freeze import Frozen
from bot.domain.hold import Contains, HoldFinding
from bot.domain.incident import Incident
from bot.domain.lock import Lock
from bot.domain.model import ASLEEP, Actor, Ci, CiState, Environment, Image, Lease, Machine, RefKind, Relation, Strategy
from bot.domain.rollback import Contract, Risk
from bot.domain.strategies import strategy_blockers
from bot.domain.text import quoted
from bot.errors import Reason


@dataclass(frozen=True)
class Ground:
    """What the rules of people and of the calendar say now, and to whom.

    `actor` is who asked, or for what the bot does by itself the person behind it (`is_automatic`). `lock_problem` says
    why a lock cannot be read. `findings` are the holds, as they lie to the commit.
    """

    now: datetime
    actor: Actor
    is_automatic: bool = False
    locks: tuple[Lock, ...] = ()
    lock_problem: str = ""
    findings: tuple[HoldFinding, ...] = ()
    frozen: Frozen | None = None
    incident: Incident | None = None
    revision: int = 0


# Nobody keeps anything out.
OPEN_GROUND = Ground(now=datetime.min.replace(tzinfo=UTC), actor=Actor(""))


@dataclass(frozen=True)
class DeploymentFacts:
    """What the policy looks at. `image_problem` says why the registry could not be read, if so.

    `leases` are other people's; `running` describes another operation that holds the app. `goes_back`: the image ran
    here before, so the rules for new commits do not ask again; a rollback has its `contract`. `retries`: a Machine that
    is not well is still to do. `skips_release_command`: somebody asked for that.
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
    contract: Contract | None = None
    ground: Ground = OPEN_GROUND

    @property
    def branch(self) -> str:
        """The branch that is deployed, or an empty string."""
        return self.ref if self.ref_kind is RefKind.BRANCH else ""

    @property
    def build(self) -> Build | None:
        """The way through CI, where the image is missing and there is such a way."""
        if self.image is not None or self.image_problem or self.goes_back:
            return None
        return build_for(self.environment, self.ref, self.ref_kind, creates_tag=self.creates_tag)


@dataclass(frozen=True)
class Decision:
    """The policy's answer: no blocker means yes, where there is an `approval`, with that. Warnings never stop anything.

    `waived` is why no approval is needed where one would be.
    """

    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    approval: ApprovalNeed | None = None
    waived: str = ""

    @property
    def is_allowed(self) -> bool:
        return not self.blockers


Rule = Callable[[DeploymentFacts], Iterator[Blocker]]


def decide_deployment(facts: DeploymentFacts) -> Decision:
    """Whether this deployment may run now, and what speaks against it."""
    blockers = tuple(blocker for rule in RULES for blocker in rule(facts))
    causes = tuple(_causes(facts))
    approvers = facts.environment.policy.approvers
    waived = _waiver(facts) if causes else ""
    if not causes or waived:
        return Decision(blockers, tuple(_warnings(facts)), waived=waived)
    if not approvers:
        return Decision((*blockers, _nobody_approves(facts, causes)), tuple(_warnings(facts)))
    need = ApprovalNeed(approvers, causes, tuple(_because(facts, cause) for cause in causes))
    return Decision(blockers, tuple(_warnings(facts)), need)


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


def _is_not_locked(facts: DeploymentFacts) -> Iterator[Blocker]:
    ground = facts.ground
    if ground.lock_problem:
        yield Blocker(
            Reason.LOCK_UNKNOWN,
            f"There is a lock on `{facts.environment.name}` that cannot be read ({quoted(ground.lock_problem)}).",
            "Find out whose it is; `/deploy lock` lists it, with the command that removes it.",
        )
    for lock in ground.locks:
        if lock.holds_at(ground.now) and not lock.lets_through(ground.actor, facts.branch):
            until = f" until {_minute(lock.until)}" if lock.until else ""
            yield Blocker(
                Reason.LOCKED,
                f"{lock.holder.mention} keeps `{lock.scope or 'everything'}` locked since {_minute(lock.since)}"
                f"{until}: {quoted(lock.why)}",
                "Ask the holder, wait for the end, or take the lock over.",
                subject=str(lock.id),
            )


def _is_not_held(facts: DeploymentFacts) -> Iterator[Blocker]:
    for finding in facts.ground.findings:
        hold = finding.hold
        why = f" ({quoted(hold.why)})" if hold.why else ""
        rolled_back = (
            f"{hold.by.mention} rolled `{hold.environment}` back from {quoted(hold.bad_ref)} on {_minute(hold.at)}{why}"
        )
        lift = f'A commit that reverts it or has its fix, or `/deploy hold lift {facts.environment.name} "why"`.'
        if finding.contains in {Contains.ALL, Contains.PART}:
            what = "contains that" if finding.contains is Contains.ALL else "contains a part of that"
            yield Blocker(Reason.HELD, f"{rolled_back}, and this commit {what}.", lift, subject=str(hold.id))
        elif finding.contains is Contains.UNKNOWN and not facts.goes_back:
            message = f"{rolled_back}; whether this commit contains that is not known: {quoted(finding.detail)}."
            yield Blocker(Reason.HOLD_UNKNOWN, message, lift, subject=str(hold.id))


def _causes(facts: DeploymentFacts) -> Iterator[Cause]:
    """What asks for a second person. The bot's own way back was agreed to in the configuration."""
    ground, policy = facts.ground, facts.environment.policy
    if ground.is_automatic:
        return
    if policy.approve_rollbacks if facts.goes_back else policy.approve_deployments:
        yield Cause.ENVIRONMENT
    if facts.contract is not None and facts.contract.risk is Risk.RED:
        yield Cause.RED_ROLLBACK
    if facts.goes_back:
        return
    if ground.frozen is not None:
        yield Cause.FREEZE
    # Where there is no formal rollback nothing serves the public, and a fix is tried out there.
    if ground.incident is not None and policy.rollback:
        yield Cause.INCIDENT


def _waiver(facts: DeploymentFacts) -> str:
    incident = facts.ground.incident
    return f"incident {incident.id}" if incident is not None and facts.goes_back else ""


def _because(facts: DeploymentFacts, cause: Cause) -> str:
    name, frozen = facts.environment.name, facts.ground.frozen
    said = {
        Cause.ENVIRONMENT: f"Every {'rollback' if facts.goes_back else 'deployment'} of `{name}` needs an approval.",
        Cause.RED_ROLLBACK: "The contract of this rollback is red.",
        Cause.FREEZE: f"`{name}` is frozen ({frozen.name}) until {_minute(frozen.until)}." if frozen else "",
        Cause.INCIDENT: "There is an incident: deployments need an approval until it ends.",
    }
    return said[cause]


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _nobody_approves(facts: DeploymentFacts, causes: tuple[Cause, ...]) -> Blocker:
    why = " ".join(_because(facts, cause) for cause in causes)
    if causes == (Cause.FREEZE,):
        return Blocker(
            Reason.FROZEN, why, "Wait for its end; with `policy.approvers` set, an approver lets it through."
        )
    lift = "Set `policy.approvers` in flytower.toml"
    if facts.goes_back:
        lift += '; in an incident (`/deploy incident start "why"`) rollbacks need no approval'
    elif causes == (Cause.INCIDENT,):
        lift += ". `/deploy incident end` ends the incident"
    return Blocker(Reason.APPROVERS_MISSING, f"{why} No approvers are configured.", f"{lift}.")


def _warnings(facts: DeploymentFacts) -> Iterator[str]:
    if facts.relation is Relation.BEHIND:
        yield "This commit is older than what runs: the deployment goes back in time."
    if facts.relation is Relation.DIVERGED:
        yield "This commit does not contain what runs: commits that are live now will be gone."
    digests = {machine.image.digest for machine in facts.machines}
    if len(digests) > 1:
        yield f"The Machines run {len(digests)} different images now."
    yield from _warnings_of_the_ground(facts)


def _warnings_of_the_ground(facts: DeploymentFacts) -> Iterator[str]:
    ground = facts.ground
    for lock in ground.locks:
        if lock.holds_at(ground.now) and lock.lets_through(ground.actor, facts.branch):
            yield f"A lock keeps others out of `{lock.scope or 'everything'}`: {quoted(lock.why)}"
    for finding in ground.findings:
        if finding.contains is Contains.MENDED:
            yield f"The hold on {quoted(finding.hold.bad_ref)} lets this through: {quoted(finding.detail)}."
        elif finding.contains is Contains.UNKNOWN and facts.goes_back:
            yield f"Whether this contains what is held of {quoted(finding.hold.bad_ref)} is not known."


RULES: tuple[Rule, ...] = (
    _nobody_else_is_at_it,
    _is_not_locked,
    _is_not_held,
    _ref_is_allowed,
    _ci_is_green,
    _image_exists,
    _machines_can_move,
    _nothing_to_do,
)
