"""`/rollback`: its text and its help. The buttons of its card are those of every card, and in commands/approvals.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches

from bot.domain.deployment import DeploymentRequest
from bot.domain.rollback import PREVIOUS
from bot.errors import BadCommand
from bot.operations.deployments import Deployments
from bot.views import deployments as cards
from bot.views import rollbacks as views
from bot.views.blocks import Message
from bot.views.deploy_modal import REASON_LIMIT
from commands.deploy import REF_LIMIT
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = '`/rollback ENVIRONMENT [RELEASE] [--reason "why"] [--plan] [--with-configuration]`'
# Closer than for other words: a release may be called nearly so.
ALMOST = 0.8

HELP = f"""*`/rollback` brings an earlier release back, and says first what comes back and what does not.*
{USAGE}
• `/rollback` — a form with the earlier releases
• `/rollback production` — the last different image that was live and healthy there
• `/rollback production v41 --reason "checkout is down"` — a release by Fly's number; also a tag or a commit
• `/rollback production --plan` — only show the contract, change nothing
• `/rollback production v1.4.1 --with-configuration` — the Machines' configuration of then, too
• `/rollback help` — this text
The release command does not run, and no migration is undone. What was rolled back is held afterwards."""

# Plans a stored request; what it returns is for its asker.
Prepare = Callable[[str], Awaitable[Message | None]]


@dataclass(frozen=True)
class RollbackCommand:
    """What `/rollback …` asked for; without a request it is help."""

    request: DeploymentRequest | None = None
    is_dry_run: bool = False


def parse_rollback(text: str) -> RollbackCommand:
    """Read the text of `/rollback`; BadCommand says what is wrong with it. Without a RELEASE it is the previous one."""
    flags = ["--plan", "--with-configuration"]
    read = read_words(text, flags=flags, options=["--reason"], usage=USAGE)
    if not read.words or read.is_help:
        return RollbackCommand()
    if len(read.words) > 2:
        extra = shown(" ".join(read.words[2:]))
        raise BadCommand(f"`{extra}` is too much; put a reason behind `--reason`, in quotes.", usage=USAGE)
    environment, release = [*read.words, PREVIOUS][:2]
    why = read.options.get("--reason", "")
    if len(why) > REASON_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {REASON_LIMIT} are kept.", usage=USAGE)
    request = rollback_of(
        environment, _release(release), why=why, with_configuration="--with-configuration" in read.flags
    )
    return RollbackCommand(request, "--plan" in read.flags)


def rollback_of(environment: str, release: str, *, why: str, with_configuration: bool) -> DeploymentRequest:
    """The request for a rollback; its ref is what people called the release, for everything that lists requests."""
    return DeploymentRequest(environment, release, why, release=release, with_configuration=with_configuration)


def _release(typed: str) -> str:
    """The release as it was typed; `previous` however it is spelt, and BadCommand where it nearly is."""
    if len(typed) > REF_LIMIT:
        raise BadCommand(f"A release has at most {REF_LIMIT} characters.", usage=USAGE)
    word = typed.casefold()
    if word != PREVIOUS and get_close_matches(word, [PREVIOUS], cutoff=ALMOST):
        raise BadCommand(f"There is no release `{shown(typed)}`.", usage=USAGE, did_you_mean=PREVIOUS)
    return PREVIOUS if word == PREVIOUS else typed


class RollbackHandlers:
    """What happens when `/rollback` is typed. `prepare` plans a stored request, like that of a deployment."""

    def __init__(self, deployments: Deployments, prepare: Prepare) -> None:
        self._deployments = deployments
        self._prepare = prepare

    async def typed(self, call: Call) -> Reply:
        """Show the contract on a card, or privately, or the help."""
        command = parse_rollback(call.text)
        request = command.request
        if request is None:
            return Reply(Message(text=HELP))
        if command.is_dry_run:
            return Reply(views.previewing(request.environment, request.release), lambda: self._preview(call, request))
        operation, is_new = await self._deployments.request(request, by=call.actor, channel=call.channel, key=call.key)
        accepted = views.accepted(request.environment, request.release)
        return Reply(accepted, (lambda: self._prepare(operation.id)) if is_new else None)

    async def _preview(self, call: Call, request: DeploymentRequest) -> Message:
        plan = await self._deployments.dry_run(request, by=call.actor)
        return cards.plan_preview(plan, by=call.actor.mention)


def register(
    router: Router, deployments: Deployments, prepare: Prepare, *, command: str = "/rollback"
) -> RollbackHandlers:
    """Put `/rollback` on the router; commands/rollback_modal.py takes the bare command."""
    handlers = RollbackHandlers(deployments, prepare)
    router.command(command, handlers.typed)
    return handlers
