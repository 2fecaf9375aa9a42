"""`/deploy`: its text, its help, its buttons."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.deployment import DeploymentRequest
from bot.domain.operation import State
from bot.errors import BadCommand
from bot.operations.deployments import Confirmed, Deployments
from bot.operations.plans import plan_of
from bot.views import deployments as views
from bot.views.blocks import Message, prose
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = '`/deploy ENVIRONMENT REF [--reason "why"] [--plan]`'
REASON_LIMIT = 300
REF_LIMIT = 250

HELP = f"""*`/deploy` brings a commit to an environment and proves that it runs there.*
{USAGE}
• `/deploy staging main` — the newest commit of a branch
• `/deploy production v1.4.2 --reason "pricing fix"` — a tag; production asks you to confirm the plan
• `/deploy production v1.4.2 --plan` — only show the plan, change nothing
• `/deploy help` — this text
REF is a tag, a branch or a commit. The image must exist: CI builds it and labels it with the commit."""


@dataclass(frozen=True)
class DeployCommand:
    """What `/deploy …` asked for; without a request it is help."""

    request: DeploymentRequest | None = None
    is_dry_run: bool = False


def parse_deploy(text: str) -> DeployCommand:
    """Read the text of `/deploy`; BadCommand says what is wrong with it."""
    read = read_words(text, flags=["--plan"], options=["--reason"], usage=USAGE)
    if not read.words or read.words[0] == "help":
        return DeployCommand()
    if len(read.words) < 2:
        raise BadCommand(f"Which commit? Say what to deploy to `{shown(read.words[0])}`.", usage=USAGE)
    if len(read.words) > 2:
        extra = shown(" ".join(read.words[2:]))
        raise BadCommand(f"`{extra}` is too much; put a reason behind `--reason`, in quotes.", usage=USAGE)
    environment, ref = read.words
    if len(ref) > REF_LIMIT:
        raise BadCommand(f"A ref has at most {REF_LIMIT} characters.", usage=USAGE)
    why = read.options.get("--reason", "")
    if len(why) > REASON_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {REASON_LIMIT} are kept.", usage=USAGE)
    return DeployCommand(DeploymentRequest(environment, ref, why), "--plan" in read.flags)


class DeployHandlers:
    """What happens when `/deploy` is typed or a button of its card is pressed."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    async def typed(self, call: Call) -> Reply:
        """Plan, and deploy where no confirmation is asked for; or show the plan, or the help."""
        command = parse_deploy(call.text)
        request = command.request
        if request is None:
            return Reply(Message(text=HELP))
        if command.is_dry_run:
            return Reply(views.previewing(request.environment, request.ref), lambda: self._preview(call, request))
        operation, is_new = await self._deployments.request(request, by=call.actor, channel=call.channel, key=call.key)
        accepted = views.accepted(request.environment, request.ref)
        return Reply(accepted, (lambda: self.prepare(operation.id)) if is_new else None)

    async def _preview(self, call: Call, request: DeploymentRequest) -> Message:
        plan = await self._deployments.dry_run(request, by=call.actor)
        return views.plan_preview(plan, by=call.actor.mention)

    async def prepare(self, operation_id: str) -> Message | None:
        """Plan a stored request; the answer is for its asker, where the card does not say it all."""
        operation = await self._deployments.prepare(operation_id)
        if operation.state is State.FAILED and operation.plan is not None:
            return views.refused(plan_of(operation))
        return None

    async def confirmed(self, call: Call) -> Reply:
        """Deploy was pressed."""
        operation_id, _, plan_hash = call.text.partition(":")
        return Reply(then=lambda: self._confirm(call, operation_id, plan_hash))

    async def _confirm(self, call: Call, operation_id: str, plan_hash: str) -> Message | None:
        confirmation = await self._deployments.confirm(operation_id, plan_hash=plan_hash, by=call.actor)
        if confirmation.result is Confirmed.STARTED:
            return None
        changed = prose(confirmation.difference).rstrip(".")
        return Message(text=f"Nothing started: {changed}. The card shows the plan as it is now; look again.")

    async def cancelled(self, call: Call) -> Reply:
        """Cancel or Dismiss was pressed."""
        return Reply(then=lambda: self._cancel(call))

    async def _cancel(self, call: Call) -> None:
        await self._deployments.cancel(call.text, by=call.actor)


def register(router: Router, deployments: Deployments, *, command: str = "/deploy") -> DeployHandlers:
    """Put `/deploy` and its buttons on the router."""
    handlers = DeployHandlers(deployments)
    router.command(command, handlers.typed)
    router.action(views.CONFIRM, handlers.confirmed)
    router.action(views.CANCEL, handlers.cancelled)
    return handlers
