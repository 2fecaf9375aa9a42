"""`/deploy`: its text, its help, its buttons."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Strategy
from bot.domain.operation import State
from bot.errors import BadCommand
from bot.operations.deployments import Deployments
from bot.operations.plans import any_plan_of, any_request_of
from bot.operations.requests import Confirmed, Requests
from bot.views import cards
from bot.views import deployments as views
from bot.views.blocks import Message
from bot.views.deploy_modal import REASON_LIMIT
from commands.router import Call, Reply, Router
from commands.text import closest, read_words, shown

USAGE = '`/deploy ENVIRONMENT [REF] [--reason "why"] [--plan] [--on REF] [--strategy NAME] [--skip-release-command]`'
REF_LIMIT = 250

HELP = f"""*`/deploy` brings a commit to an environment and proves that it runs there.*
{USAGE}
• `/deploy` — a form with a search for tags, branches and commits
• `/deploy staging` — the branch that releases to staging
• `/deploy staging main` — the newest commit of a branch
• `/deploy production v1.4.2 --reason "pricing fix"` — a tag; production asks you to confirm the plan
• `/deploy production v1.4.2 --plan` — only show the plan, change nothing
• `/deploy production v1.5.0 --on main` — make the tag, let CI build and release it
• `/deploy production staging` — what staging runs
• `/deploy status` · `/deploy history` · `/deploy stats` · `/deploy why` — what is where, what was, how often, why not
• `/deploy lock` · `/deploy unlock` · `/deploy hold` · `/deploy incident` — keep others out, what is held, an emergency
• `/rollback` — the way back
• `/deploy help` — this text
REF is a tag, a branch, a commit or another environment. Where there is no image of the commit yet, CI builds it."""


@dataclass(frozen=True)
class DeployCommand:
    """What `/deploy …` asked for; without a request it is help."""

    request: DeploymentRequest | None = None
    is_dry_run: bool = False


def parse_deploy(text: str) -> DeployCommand:
    """Read the text of `/deploy`; BadCommand says what is wrong with it. Without a REF the request's is empty."""
    read = read_words(
        text,
        flags=["--plan", "--skip-release-command"],
        options=["--reason", "--on", "--strategy"],
        usage=USAGE,
    )
    if not read.words or read.is_help:
        return DeployCommand()
    if len(read.words) > 2:
        extra = shown(" ".join(read.words[2:]))
        raise BadCommand(f"`{extra}` is too much; put a reason behind `--reason`, in quotes.", usage=USAGE)
    environment, ref = [*read.words, ""][:2]
    why, on = read.options.get("--reason", ""), read.options.get("--on", "")
    if len(ref) > REF_LIMIT or len(on) > REF_LIMIT:
        raise BadCommand(f"A ref has at most {REF_LIMIT} characters.", usage=USAGE)
    if len(why) > REASON_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {REASON_LIMIT} are kept.", usage=USAGE)
    if on and not ref:
        raise BadCommand("`--on` needs the name of the tag to make.", usage=USAGE)
    request = DeploymentRequest(
        environment,
        ref,
        why,
        on=on,
        strategy=_strategy(read.options.get("--strategy", "")),
        skip_release_command="--skip-release-command" in read.flags,
    )
    return DeployCommand(request, "--plan" in read.flags)


def _strategy(name: str) -> str:
    if name and name.casefold() not in set(Strategy):
        known = ", ".join(f"`{strategy}`" for strategy in Strategy)
        raise BadCommand(
            f"There is no strategy `{shown(name)}`. There is {known}.",
            usage=USAGE,
            did_you_mean=closest(name.casefold(), list(Strategy)),
        )
    return name.casefold()


class DeployHandlers:
    """What happens when `/deploy` is typed or a button of its card is pressed."""

    def __init__(self, deployments: Deployments, requests: Requests) -> None:
        self._deployments = deployments
        self._requests = requests

    async def typed(self, call: Call) -> Reply:
        """Plan, and deploy where no confirmation is asked for; or show the plan, or the help."""
        command = parse_deploy(call.text)
        request = command.request
        if request is None:
            return Reply(Message(text=HELP))
        if not request.ref:
            environment = request.environment
            branch = self._deployments.release_branch(environment)
            if not branch:
                return Reply(views.looking_for_tags(environment), lambda: self._newest(call, environment))
            request = dataclasses.replace(request, ref=branch)
        return await self._deploy(call, request, is_dry_run=command.is_dry_run)

    async def _newest(self, call: Call, environment: str) -> Message:
        tag = await self._deployments.newest_release(environment, by=call.actor)
        return views.newest_tag(environment, tag)

    async def _deploy(self, call: Call, request: DeploymentRequest, *, is_dry_run: bool) -> Reply:
        if is_dry_run:
            return Reply(views.previewing(request.environment, request.ref), lambda: self._preview(call, request))
        operation, is_new = await self._deployments.request(request, by=call.actor, channel=call.channel, key=call.key)
        accepted = views.accepted(request.environment, request.ref)
        return Reply(accepted, (lambda: self.prepare(operation.id)) if is_new else None)

    async def _preview(self, call: Call, request: DeploymentRequest) -> Message:
        plan = await self._deployments.dry_run(request, by=call.actor)
        return views.plan_preview(plan, by=call.actor.mention)

    async def prepare(self, operation_id: str) -> Message | None:
        """Plan a stored request; the answer is for its asker, where the card does not say it all."""
        operation = await self._requests.prepare(operation_id)
        if operation.state is State.FAILED and operation.plan is not None:
            return cards.refused(any_plan_of(operation))
        if operation.state is State.REQUESTED and any_request_of(operation).seen_hash:
            return views.plan_moved()
        return None

    async def confirmed(self, call: Call) -> Reply:
        """Deploy was pressed."""
        operation_id, _, plan_hash = call.text.partition(":")
        return Reply(then=lambda: self._confirm(call, operation_id, plan_hash))

    async def _confirm(self, call: Call, operation_id: str, plan_hash: str) -> Message | None:
        confirmation = await self._requests.confirm(operation_id, plan_hash=plan_hash, by=call.actor)
        if confirmation.result is Confirmed.STARTED:
            return None
        return cards.not_started(confirmation.difference, any_plan_of(confirmation.operation))

    async def cancelled(self, call: Call) -> Reply:
        """Cancel or Dismiss was pressed."""
        return Reply(then=lambda: self._cancel(call))

    async def _cancel(self, call: Call) -> None:
        await self._requests.cancel(call.text, by=call.actor)


def register(
    router: Router, deployments: Deployments, requests: Requests, *, command: str = "/deploy"
) -> DeployHandlers:
    """Put `/deploy` and its buttons on the router."""
    handlers = DeployHandlers(deployments, requests)
    router.command(command, handlers.typed)
    router.action(views.CONFIRM, handlers.confirmed)
    router.action(views.CANCEL, handlers.cancelled)
    return handlers
