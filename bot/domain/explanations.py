"""Every reason code in a sentence, and who or what lifts it: for `/deploy why` and for the documentation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import Reason


@dataclass(frozen=True)
class Explanation:
    """What a reason code means, and who or what lifts it."""

    what: str
    lift: str


_COMMAND = {
    Reason.BAD_COMMAND: Explanation(
        "The text could not be read as a command.", "You: the answer has the usage and what you probably meant."
    ),
    Reason.UNKNOWN_ENVIRONMENT: Explanation(
        "There is no such environment, or it left the configuration since the card was posted.",
        "You, by its right name; whoever edits `flytower.toml`.",
    ),
    Reason.AMBIGUOUS_ENVIRONMENT: Explanation(
        "Several pipelines have an environment of this name.", "You: `pipeline/environment`."
    ),
    Reason.UNKNOWN_REF: Explanation(
        "GitHub knows no tag, branch or commit of this name, or the bot cannot see the repository.",
        "You; or whoever gives the bot's token the repository.",
    ),
    Reason.UNKNOWN_OPERATION: Explanation(
        "The button belongs to an operation that the database does not have, for instance after a restored backup.",
        "You: ask again with the command.",
    ),
}
_PERSON = {
    Reason.NOT_A_MEMBER: Explanation(
        "Guests, deactivated accounts and apps cannot act.", "A full member asks instead."
    ),
    Reason.OTHER_WORKSPACE: Explanation(
        "The account belongs to another workspace.", "A colleague of this workspace asks instead."
    ),
    Reason.MEMBERSHIP_UNKNOWN: Explanation("Slack did not say who you are; then the answer is no.", "Time; try again."),
    Reason.NOT_THE_REQUESTER: Explanation(
        "A plan is confirmed by the person who asked for it.",
        "That person; or ask for a deployment of your own.",
    ),
}
_PLAN = {
    Reason.REF_NOT_ALLOWED: Explanation(
        "The environment takes only refs that match `policy.refs`.", "Another ref; whoever edits `policy.refs`."
    ),
    Reason.CI_NOT_GREEN: Explanation(
        "CI failed on the commit, still runs, or never ran.", "A green run; `policy.require_ci`."
    ),
    Reason.CI_UNKNOWN: Explanation(
        "CI gave no verdict: cancelled, skipped, or GitHub did not answer.", "A new run, or time."
    ),
    Reason.IMAGE_MISSING: Explanation(
        "No image in `image_repository` carries this commit's label, or the one that ran before is gone from there.",
        "The environment's workflow, when it has built one.",
    ),
    Reason.IMAGE_UNKNOWN: Explanation("The registry did not say whether it has the image.", "Time; try again."),
    Reason.BUILD_IMPOSSIBLE: Explanation(
        "There is no image, and CI cannot be made to build one of this ref.",
        "What the message names: usually a branch or tag in place of a commit, or a workflow that can be dispatched.",
    ),
    Reason.TAG_TAKEN: Explanation(
        "The tag that was to be made exists already, on another commit.", "Another tag; or deploy the tag as it is."
    ),
    Reason.PROMOTION_UNCLEAR: Explanation(
        "What the other environment runs cannot be told as one commit.",
        "One image on all Machines there, labelled with its commit; or name the ref.",
    ),
    Reason.STRATEGY_IMPOSSIBLE: Explanation(
        "The strategy makes further Machines, and these have volumes; or it needs health checks, and there are none.",
        "Another `--strategy`; `policy.strategy`.",
    ),
    Reason.ALREADY_LIVE: Explanation("Every Machine runs this image.", "Nothing to do."),
    Reason.NO_MACHINES: Explanation(
        "The app has no Machines to deploy to.", "The first deployment of an app is its workflow's."
    ),
    Reason.HOST_UNREACHABLE: Explanation(
        "Fly shows no config of a Machine, because its host is not reachable.",
        "Fly; or clone the Machine and destroy the old one.",
    ),
    Reason.OPERATION_RUNNING: Explanation(
        "Another operation holds the app; the message says whose and since when.", "Its end, or its **Cancel**."
    ),
    Reason.LEASE_HELD: Explanation(
        "Somebody else holds Fly's lease on a Machine, usually a `fly deploy`.",
        "The end of that deployment, or the lease's own.",
    ),
    Reason.PLAN_CHANGED: Explanation(
        "The plan was made anew between what you saw and your click.", "You: look at the card."
    ),
    Reason.STALE_ACTION: Explanation(
        "The button no longer fits: decided already, ended, or an older plan.", "Nobody; look at the card."
    ),
    Reason.INVALID_TRANSITION: Explanation("The operation's state does not allow this.", "Nobody; look at the card."),
}
_SCALING = {
    Reason.GROUP_UNNAMED: Explanation(
        "The app has several process groups, and the command names none.", "You: `web:iad=2`."
    ),
    Reason.GROUP_UNKNOWN: Explanation(
        "The app has no such process group.", "You: one of those that the message names."
    ),
    Reason.REGION_UNKNOWN: Explanation("Fly has no such region.", "You: `fly platform regions` lists them."),
    Reason.SIZE_UNKNOWN: Explanation(
        "Fly has no Machine of that size; the message says which there are.", "You: a size that there is."
    ),
    Reason.BELOW_MINIMUM: Explanation(
        "Fewer Machines would stay than `policy.scale_min`.", "You: ask for more; whoever edits `policy.scale_min`."
    ),
    Reason.ABOVE_MAXIMUM: Explanation(
        "There would be more Machines than `policy.scale_max`.",
        "You: ask for fewer; whoever edits `policy.scale_max`.",
    ),
    Reason.NO_HEALTHY_MODEL: Explanation(
        "No Machine of the process group is healthy, so none can be made like it.",
        "You: see why with `/deploy status`.",
    ),
    Reason.VOLUME_ONLY_COPY: Explanation(
        "The Machine to destroy holds the only copy of its volume.",
        "You: copy the data first, then destroy it with flyctl.",
    ),
    Reason.NOTHING_TO_SCALE: Explanation("The environment is like that already.", "Nothing to do."),
    Reason.NO_CAPACITY: Explanation(
        "Fly has no room for another Machine in that region. Nothing was destroyed.",
        "You: another region, a smaller size, or later.",
    ),
}
_RULES = {
    Reason.ROLLBACK_OFF: Explanation(
        "The environment has no formal rollback: it goes forward with the next push, or `policy.rollback` is off.",
        "A fix or a revert on its branch; `/deploy` of an earlier commit; whoever edits `policy.rollback`.",
    ),
    Reason.UNKNOWN_RELEASE: Explanation(
        "Fly's books know no earlier release of this name, or there is none to go back to.",
        "You: `/rollback` lists the releases.",
    ),
    Reason.RELEASE_NOT_LIVE: Explanation(
        "The release failed, or runs already: there is nothing proven to go back to.",
        "You: another release; `previous` is the last one that was live and healthy.",
    ),
    Reason.CONFIGURATION_UNKNOWN: Explanation(
        "Fly does not show what configuration each Machine had with that release.", "You: roll back the image only."
    ),
    Reason.LOCKED: Explanation(
        "A person keeps deployments out of the environment; the message says who, why and until when.",
        "Its holder, by `/deploy unlock`; its end; or you, by taking it over, which tells the holder.",
    ),
    Reason.LOCK_UNKNOWN: Explanation(
        "A lock is there and cannot be read, so nobody knows whom it keeps out.",
        "Whoever runs the bot: `/deploy unlock` removes it once somebody has looked.",
    ),
    Reason.LOCK_NOT_YOURS: Explanation("The lock is somebody else's.", "Its holder; or you, by taking it over first."),
    Reason.NO_LOCK: Explanation("There is no such lock (any more).", "Nobody; it was released or has ended."),
    Reason.HELD: Explanation(
        "The commit contains what was rolled back: it is held.",
        "A commit that reverts it or carries its declared fix; or a person who lifts the hold with a reason.",
    ),
    Reason.HOLD_UNKNOWN: Explanation(
        "There is a hold, and whether this commit contains what is held cannot be told.",
        "Time, where GitHub does not answer; or a person who lifts the hold with a reason.",
    ),
    Reason.NO_HOLD: Explanation("There is no such hold (any more).", "Nobody; it was lifted."),
    Reason.FROZEN: Explanation(
        "The calendar keeps deployments out now, and nobody is configured who could make an exception.",
        "The end of the window; whoever edits `policy.approvers` or the freeze.",
    ),
    Reason.INCIDENT: Explanation("There is an incident already.", "`/deploy incident end`."),
    Reason.NO_INCIDENT: Explanation("There is no incident.", '`/deploy incident start "why"`.'),
}
_APPROVAL = {
    Reason.APPROVAL_NEEDED: Explanation(
        "A second person has to approve this plan; the card says why and who may.", "An approver, by **Approve**."
    ),
    Reason.APPROVAL_VOID: Explanation(
        "What was to be approved is no longer true; the card says what changed.", "You: **Plan again** on the card."
    ),
    Reason.APPROVERS_MISSING: Explanation(
        "The plan needs an approval, and the environment has no approvers.",
        "Whoever edits `policy.approvers`; for a rollback an incident (`/deploy incident start`).",
    ),
    Reason.APPROVERS_UNKNOWN: Explanation(
        "Slack did not say who is in the group of approvers; then the answer is no.", "Time; try again."
    ),
    Reason.NOT_AN_APPROVER: Explanation(
        "The environment's approvers are other people.", "One of those whom the card names."
    ),
    Reason.OWN_APPROVAL: Explanation("Nobody approves what they asked for themselves.", "Another approver."),
    Reason.REJECTED: Explanation("An approver said no; the card has the reason.", "You, with another plan."),
}
_BUILD = {
    Reason.BUILD_FAILED: Explanation(
        "The workflow that builds and releases did not succeed; the message has the job, its step and a link.",
        "A green run: mend it, or run the job again at GitHub, then deploy again.",
    ),
    Reason.BUILD_TIMEOUT: Explanation(
        "The workflow did not end within `policy.build_timeout`. It was not cancelled and may still deploy.",
        "A quicker workflow, a longer limit; look at the run before you deploy again.",
    ),
    Reason.BUILD_UNKNOWN: Explanation(
        "The workflow was started, or may have been, and GitHub shows no run of it.",
        "You: look at the workflow's runs at GitHub before you deploy again.",
    ),
}
_ROLLOUT = {
    Reason.RELEASE_COMMAND_FAILED: Explanation(
        "It did not exit with 0, or Fly does not tell how it ended. No other Machine was touched.",
        "You: its log is in the thread; look at the database.",
    ),
    Reason.RELEASE_COMMAND_TIMEOUT: Explanation(
        "It did not end within `policy.release_command_timeout` and was stopped.",
        "A quicker command, or a longer limit.",
    ),
    Reason.MACHINE_NOT_STARTED: Explanation(
        "A Machine did not start within `policy.wait_timeout`.", "The app's logs; a longer limit."
    ),
    Reason.MACHINE_CRASHED: Explanation("The app exits again and again on the new image.", "The app's logs."),
    Reason.MACHINE_UNHEALTHY: Explanation(
        "The checks did not pass within `policy.wait_timeout`; the message has their output.",
        "The app's logs; a longer limit.",
    ),
    Reason.MACHINE_GONE: Explanation("A Machine of the plan was destroyed meanwhile.", "You: ask for a new plan."),
    Reason.WRONG_IMAGE: Explanation(
        "Read back at the end, a Machine does not run the image.",
        "You: somebody else changed it; see who, then deploy again.",
    ),
    Reason.CHANGED_OUTSIDE: Explanation(
        "The Machines changed between plan and start, or under the rollout.", "You: ask for a new plan."
    ),
    Reason.LEASE_LOST: Explanation(
        "Fly's lease was lost while the operation ran.", "You: see who took it, then deploy again."
    ),
    Reason.CANCELLED: Explanation(
        "Somebody pressed **Cancel** or **Dismiss**; the message says who.", "You: deploy again."
    ),
}
_PROVIDERS = {
    Reason.REMOTE_UNAVAILABLE: Explanation(
        "No connection, or an error of the provider. A running operation tries again for about a minute.",
        "The provider.",
    ),
    Reason.REMOTE_TIMEOUT: Explanation(
        "No answer in time. A running operation looks at the state before it decides.", "The provider."
    ),
    Reason.RATE_LIMITED: Explanation("Too many requests.", "Time; the bot waits and tries again."),
    Reason.REMOTE_REJECTED: Explanation(
        "The provider says no, in its own words: often a token without the right.",
        "Whoever manages the bot's tokens.",
    ),
    Reason.UNEXPECTED_RESPONSE: Explanation(
        "The answer does not have the shape that is documented.", "A report to us, with the log lines."
    ),
}
_OURS = {
    Reason.CONFIG: Explanation(
        "The configuration has problems; at the start only, all listed at once.",
        "Whoever edits `flytower.toml` or the environment.",
    ),
    Reason.INTERNAL: Explanation(
        "A defect of Flytower.", "A report to us, with the incident's number and the log lines."
    ),
}

# By where a refusal or a failure comes from, in the order of the documentation.
SECTIONS: Mapping[str, Mapping[Reason, Explanation]] = {
    "The command": _COMMAND,
    "The person": _PERSON,
    "The plan": _PLAN,
    "Scaling": _SCALING,
    "Locks, holds, freezes, incidents": _RULES,
    "Approvals": _APPROVAL,
    "The build": _BUILD,
    "The rollout": _ROLLOUT,
    "Fly, GitHub and Slack": _PROVIDERS,
    "Ours": _OURS,
}
EXPLANATIONS: Mapping[Reason, Explanation] = {
    reason: explained for section in SECTIONS.values() for reason, explained in section.items()
}
