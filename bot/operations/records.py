"""Record what the bot rolled out itself as deployments at GitHub, so that GitHub's history does not lie.

Nothing waits for this: a record is queued by the operation's own row, and told when GitHub answers. Each attempt is
counted before it is made, so after a lost answer or a kill the deployment is looked for before another one is made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from bot.audit import AuditEvent
from bot.domain.model import Environment
from bot.domain.operation import Card, Kind, Operation
from bot.domain.plan import Plan
from bot.domain.scale import ScalePlan
from bot.errors import BotError, NotFound, RateLimited, RemoteError, RemoteRejected
from bot.operations.people import BOT
from bot.operations.plans import any_plan_of
from bot.ports import Clock, GitHub
from bot.records import Record, Records, Untold

log = structlog.get_logger()

# Between attempts; the last one goes on until the week is over. A minute bridges a deployment of GitHub's own, an hour
# asks little of a GitHub that is down for a day.
PAUSES_S = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
# GitHub wants a second between two writes.
LEAST_PAUSE_S = 1.0
# What GitHub goes on refusing: a commit or a deployment that it does not know.
FOR_GOOD = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
TASKS = {Kind.ROLLBACK: "rollback", Kind.DEPLOYMENT: "deploy", Kind.SCALING: "scale"}
VERBS = {Kind.ROLLBACK: "Roll back", Kind.DEPLOYMENT: "Deploy", Kind.SCALING: "Scale"}
WORDS = {
    "in_progress": "Flytower moves the Machines.",
    "success": "Every Machine runs the image and is healthy.",
    "error": "Cancelled.",
}


class Recorder:
    """Tells GitHub, one thing after the other. `workspace` is Slack's address, as in `https://reify.slack.com/`."""

    def __init__(
        self,
        records: Records,
        github: GitHub,
        clock: Clock,
        environment: Callable[[str], Environment],
        *,
        workspace: str = "",
    ) -> None:
        self._records = records
        self._github = github
        self._clock = clock
        self._environment = environment
        self._workspace = workspace

    async def tick(self) -> float | None:
        """Tell everything that is due; the seconds until something is again, or None where nothing is left to tell."""
        now = self._clock.now()
        for untold in await self._records.untold(now):
            if untold.record.is_due(now):
                await self._attempt(untold)
        left = await self._records.untold(self._clock.now())
        return self._pause_s([untold.record for untold in left]) if left else None

    def _pause_s(self, left: list[Record]) -> float:
        now = self._clock.now()
        waits = [(record.next_at - now).total_seconds() if record.next_at else 0.0 for record in left]
        return max(LEAST_PAUSE_S, min(waits))

    async def _attempt(self, untold: Untold) -> None:
        again_at = self._clock.now() + _pause(untold.record.tries)
        if not await self._records.begin(untold.record, again_at=again_at):
            return
        with structlog.contextvars.bound_contextvars(operation=untold.operation.id):
            if problem := await self._told(untold, again_at):
                log.warning("this operation gets no record at GitHub", problem=problem)
                await self._records.give_up(untold.operation.id, problem)

    async def _told(self, untold: Untold, again_at: datetime) -> str:
        """Tell GitHub now, or else later; why it cannot be told at all, or an empty string."""
        if not _sha(untold.operation):
            return "The image names no commit."
        try:
            await self._tell(untold, self._environment(untold.operation.request["environment"]))
        except (RemoteError, NotFound) as error:
            if isinstance(error, RemoteRejected) and error.status in FOR_GOOD:
                return str(error)
            await self._put_off(untold.record, error, again_at)
        else:
            await self._records.told(untold.operation.id, untold.word, self._clock.now())
        return ""

    async def _tell(self, untold: Untold, environment: Environment) -> None:
        """Make the deployment where there is none, and give it the state that the operation is in now.

        A state that is over is not told any more: it would get the time of now.
        """
        operation, record = untold.operation, untold.record
        number, may_be_known = record.deployment_id, record.tries > 0
        if number is None and may_be_known:
            number = await self._find(operation, environment)
        if number is None:
            number, may_be_known = await self._create(operation, environment), False
        if record.deployment_id is None:
            await self._records.made(operation.id, number, self._event(operation, number))
        repository = environment.repository
        # A newer deployment may have made it inactive since: said is said.
        if may_be_known and untold.word in await self._github.deployment_states(repository, number):
            return
        await self._github.add_deployment_status(
            repository,
            number,
            untold.word,
            description=_status(operation, untold.word),
            url=permalink(self._workspace, operation.card),
            environment_url=environment.url,
        )

    async def _find(self, operation: Operation, environment: Environment) -> int | None:
        sha = _sha(operation)
        known = await self._github.deployments(environment.repository, sha=sha, environment=environment.name)
        return next((each.id for each in known if each.operation == operation.id), None)

    async def _create(self, operation: Operation, environment: Environment) -> int:
        return await self._github.create_deployment(
            environment.repository,
            sha=_sha(operation),
            environment=environment.name,
            task=TASKS[operation.kind],
            operation=operation.id,
            description=_title(operation, any_plan_of(operation)),
        )

    def _event(self, operation: Operation, number: int) -> AuditEvent:
        detail = {"deployment": number, "task": TASKS[operation.kind], "sha": _sha(operation)}
        return AuditEvent(self._clock.now(), BOT.user_id, "github.deployment", operation.id, detail)

    async def _put_off(self, record: Record, error: BotError, again_at: datetime) -> None:
        if record.tries == 0:
            log.warning("the record at GitHub waits", error=str(error), hint=error.hint)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            allowed_at = self._clock.now() + error.retry_after
            await self._records.postpone(record.operation_id, max(again_at, allowed_at))


def permalink(workspace: str, card: Card | None) -> str:
    """The address of an operation's card; empty where it has none, or one in a direct message.

    Source: Slack, "chat.getPermalink".
    """
    if not workspace or card is None or not card.channel.startswith(("C", "G")):
        return ""
    return f"{workspace}archives/{card.channel}/p{card.ts.replace('.', '')}"


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=PAUSES_S[min(tries, len(PAUSES_S) - 1)])


def _sha(operation: Operation) -> str:
    """The commit that runs afterwards; empty where no image names it."""
    plan = any_plan_of(operation)
    if isinstance(plan, ScalePlan):
        return plan.image.sha if plan.image else ""
    return plan.commit.sha


def _title(operation: Operation, plan: Plan) -> str:
    """What was done, without the reason: more people read GitHub than the channel where it was given."""
    return f"{VERBS[operation.kind]} {plan.app} to {plan.ref} by Flytower"


def _status(operation: Operation, word: str) -> str:
    return WORDS.get(word) or f"It failed: {operation.reason or 'unknown'}."
