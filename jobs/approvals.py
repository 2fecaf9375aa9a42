"""Jobs around approvals: what is no longer true is void before somebody reads it."""

from __future__ import annotations

from datetime import timedelta

from bot.announce_approvals import ApprovalReminder
from bot.operations.approvals import Approvals
from jobs.schedule import Job

LOOK_EVERY = timedelta(minutes=1)


def void_stale(approvals: Approvals) -> Job:
    """Void requests for approval whose plan is no longer true: somebody deployed, a lock came, main moved."""

    async def run() -> str:
        return f"{await approvals.void_stale()} void"

    return Job("void-approvals", LOOK_EVERY, run)


def remind_approvers(reminder: ApprovalReminder) -> Job:
    """Remind approvers once of what expires soon."""

    async def run() -> str:
        return f"{await reminder.remind()} reminded of"

    return Job("remind-approvers", LOOK_EVERY, run)
