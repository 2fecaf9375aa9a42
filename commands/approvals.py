"""The buttons of a plan that waits for a decision: approve, reject, plan again; and those of a contract alone."""

from __future__ import annotations

from bot.domain.operation import Operation, State
from bot.operations.approvals import Approvals
from bot.operations.plans import any_plan_of
from bot.operations.requests import Confirmed
from bot.operations.runs import PendingRuns
from bot.ports import Chat
from bot.views import approvals as views
from bot.views import cards, rollbacks
from bot.views.blocks import Message, View, plain
from commands.forms import open_form
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router


class ApprovalHandlers:
    """What happens when such a button is pressed."""

    def __init__(self, approvals: Approvals, runs: PendingRuns, chat: Chat) -> None:
        self._approvals = approvals
        self._runs = runs
        self._chat = chat

    async def approved(self, call: Call) -> Reply:
        """Approve was pressed."""
        return Reply(then=lambda: self._approve(call))

    async def _approve(self, call: Call) -> Message | None:
        operation_id, _, plan_hash = call.text.partition(":")
        answer = await self._approvals.approve(operation_id, plan_hash=plan_hash, by=call.actor)
        return None if answer.result is Confirmed.STARTED else views.void(answer.difference)

    async def asked_why(self, call: Call) -> Reply:
        """Reject was pressed: the reason is asked for at once, since the trigger lives no longer than the click."""
        operation_id, _, plan_hash = call.text.partition(":")
        view = views.rejection(operation_id, plan_hash, channel=call.channel)
        return Reply(then=lambda: self._ask_why(call, view))

    async def _ask_why(self, call: Call, view: View) -> None:
        await open_form(self._chat, call.trigger_id, view, again="Press *Reject…* again.")

    async def rejected(self, form: Form) -> FormReply:
        """The reason was given."""
        why = plain(form.values.get(views.REASON, ""))
        if not why:
            return FormReply(errors={views.REASON: "Say why, in a word or two."})
        if len(why) > views.REASON_LIMIT:
            return FormReply(errors={views.REASON: f"{len(why)} characters; at most {views.REASON_LIMIT} are kept."})
        return FormReply(then=lambda: self._reject(form, why))

    async def _reject(self, form: Form, why: str) -> None:
        operation_id, plan_hash = (str(form.facts.get(name, "")) for name in ("operation", "hash"))
        await self._approvals.reject(operation_id, plan_hash=plan_hash, by=form.actor, why=why)

    async def replanned(self, call: Call) -> Reply:
        """Plan again was pressed."""
        return Reply(then=lambda: self._replan(call))

    async def _replan(self, call: Call) -> Message | None:
        return _refusal(await self._approvals.replan(call.text, by=call.actor))

    async def configured(self, call: Call) -> Reply:
        """Whether the configuration comes back, too, was chosen."""
        return Reply(then=lambda: self._configure(call))

    async def _configure(self, call: Call) -> Message | None:
        operation_id, _, wanted = call.text.partition(":")
        return _refusal(
            await self._approvals.choose_configuration(
                operation_id, with_configuration=wanted == rollbacks.ON, by=call.actor
            )
        )

    async def runs_cancelled(self, call: Call) -> Reply:
        """Cancel these runs was pressed."""
        return Reply(then=lambda: self._cancel_runs(call))

    async def _cancel_runs(self, call: Call) -> Message:
        return rollbacks.runs_cancelled(await self._runs.cancel(call.text, by=call.actor))


def _refusal(operation: Operation) -> Message | None:
    """What to say where a new plan ended the operation; otherwise its card says it all."""
    return cards.refused(any_plan_of(operation)) if operation.state is State.FAILED else None


def register(router: Router, approvals: Approvals, runs: PendingRuns, chat: Chat) -> ApprovalHandlers:
    """Put the buttons and the form for a rejection on the router."""
    handlers = ApprovalHandlers(approvals, runs, chat)
    router.action(views.APPROVE, handlers.approved)
    router.action(views.REJECT, handlers.asked_why)
    router.action(views.REPLAN, handlers.replanned)
    router.submission(views.REJECTION, handlers.rejected)
    router.action(rollbacks.CONFIGURATION, handlers.configured)
    router.action(rollbacks.CANCEL_RUNS, handlers.runs_cancelled)
    return handlers
