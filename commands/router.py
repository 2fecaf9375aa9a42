"""From Slack to a feature and back: actor, acknowledgement, work afterwards, errors as answers.

A handler parses, calls one use case and returns a `Reply`; it has no `try`. Bolt appears here and in
bot/app.py only. Bolt runs with `process_before_response`, so the handler is the response time: it talks to
nobody but the database, and what it wants done afterwards (`then`) runs in a task that the application owns.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bot.domain.model import Actor
from bot.errors import BotError, RemoteError
from bot.ports import Chat
from bot.tasks import Tasks
from bot.views import modals, replies
from bot.views.blocks import Block, Message, View
from commands.interactions import (
    Form,
    FormHandler,
    FormReply,
    Later,
    OptionsHandler,
    form_of,
    options_answer,
    part,
    submission_answer,
)

log = structlog.get_logger()

# Slack gives up after 3 s; Bolt's own limit is not applied with process_before_response.
DEADLINE_S = 2.5
# Slack shows two answers as they arrive, on two connections: a quick second one waits until the first is there.
SECOND_ANSWER_S = 0.05
ANY = re.compile(r".*", re.DOTALL)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """One command, click or event: who, where, what. `key` is the same when Slack delivers the same request again.

    `view_id` is the Home tab in which it happened, where it was published before.
    """

    actor: Actor
    channel: str
    text: str
    key: str
    response_url: str = ""
    trigger_id: str = ""
    message_ts: str = ""
    view_id: str = ""


Work = Callable[[], Awaitable[Message | None]]


@dataclass(frozen=True)
class Reply:
    """The immediate private answer, and what to do after it; what `then` returns is told privately too."""

    message: Message | None = None
    then: Work | None = None


Handler = Callable[[Call], Awaitable[Reply]]


class Router:
    """The commands and actions of all features, by name."""

    def __init__(self, chat: Chat, tasks: Tasks) -> None:
        self._chat = chat
        self._tasks = tasks
        self._commands: dict[str, Handler] = {}
        self._subcommands: dict[tuple[str, str], Handler] = {}
        self._actions: dict[str, Handler] = {}
        self._submissions: dict[str, FormHandler] = {}
        self._options: dict[str, OptionsHandler] = {}
        self._events: dict[str, Handler] = {}

    def command(self, name: str, handler: Handler) -> None:
        """Register a slash command, name with its slash."""
        self._commands[name] = handler

    def subcommand(self, name: str, word: str, handler: Handler) -> None:
        """Register what a command does when `word` comes first; `call.text` is what stands behind the word.

        The empty word is the bare command.
        """
        self._subcommands[name, word] = handler

    def action(self, action_id: str, handler: Handler) -> None:
        """Register a button; `call.text` is its value."""
        self._actions[action_id] = handler

    def submission(self, callback_id: str, handler: FormHandler) -> None:
        """Register what takes the submission of a modal."""
        self._submissions[callback_id] = handler

    def options(self, action_id: str, handler: OptionsHandler) -> None:
        """Register what a menu offers as people type."""
        self._options[action_id] = handler

    def event(self, kind: str, handler: Handler) -> None:
        """Register what follows an event of the Events API, which Slack may send up to four times.

        `call.text` is the tab, where the event has one.
        """
        self._events[kind] = handler

    @property
    def commands(self) -> list[str]:
        return sorted(self._commands)

    async def answer(self, call: Call, message: Message) -> None:
        """Tell the asker privately, by the response URL while it lasts, else as an ephemeral message."""
        try:
            if call.response_url:
                await self._chat.respond(call.response_url, message)
                return
        except RemoteError as error:
            log.info("response URL not usable", error=str(error))
        try:
            await self._chat.ephemeral(call.channel, call.actor.user_id, message)
        except RemoteError as error:
            log.warning("private answer not delivered", error=str(error), actor=call.actor.user_id)

    async def run_command(self, body: Mapping[str, Any]) -> Message | None:
        """Work a slash command as far as its immediate answer."""
        call = _command_call(body)
        name = str(body.get("command", ""))
        word, rest = [*call.text.split(maxsplit=1), "", ""][:2]
        if handler := self._subcommands.get((name, word.casefold())):
            return await self._run(handler, dataclasses.replace(call, text=rest))
        handler = self._commands.get(name)
        if handler is None:
            return Message(text=f"Flytower does not know this command. It knows {', '.join(self.commands)}.")
        return await self._run(handler, call)

    async def run_action(self, body: Mapping[str, Any]) -> Message | None:
        """Work a click as far as its immediate answer, which is sent privately since a click has no answer."""
        action = (body.get("actions") or [{}])[0]
        call = _action_call(body, action)
        handler = self._actions.get(str(action.get("action_id", "")))
        message = replies.ended_button() if handler is None else await self._run(handler, call)
        if message is not None:
            self._tasks.spawn(self.answer(call, message), name="answer to a click")
        return None

    async def run_submission(self, body: Mapping[str, Any]) -> FormReply:
        """Work a submitted modal as far as its immediate answer; whatever goes wrong is said in the modal."""
        form = form_of(body)
        handler = self._submissions.get(str(part(body, "view").get("callback_id", "")))
        if handler is None:
            return _noticed(modals.ended())
        with structlog.contextvars.bound_contextvars(actor=form.actor.user_id, request=form.view_id):
            reply = await _guarded(handler(form), _noticed, within_s=DEADLINE_S)
            if reply.then is not None:
                self._tasks.spawn(self._after_submission(form, reply, reply.then), name=f"after {form.view_id}")
            return reply

    async def run_options(self, body: Mapping[str, Any]) -> Sequence[Block]:
        """What a menu offers for what was typed; nothing where that cannot be told."""
        handler = self._options.get(str(body.get("action_id", "")))
        return await _guarded(handler(form_of(body)), lambda _: [], within_s=DEADLINE_S) if handler else []

    async def run_event(self, body: Mapping[str, Any]) -> None:
        """Work an event as far as its acknowledgement; there is nobody to answer but the person it is about."""
        event = part(body, "event")
        handler = self._events.get(str(event.get("type", "")))
        if handler is not None and (message := await self._run(handler, _event_call(body, event))):
            log.info("nobody hears what an event brought", kind=event["type"], said=message.text)

    async def _run(self, handler: Handler, call: Call) -> Message | None:
        with structlog.contextvars.bound_contextvars(actor=call.actor.user_id, request=call.key):
            reply = await _guarded(handler(call), Reply, within_s=DEADLINE_S)
            if reply.then is not None:
                after_s = SECOND_ANSWER_S if reply.message else 0.0
                self._tasks.spawn(self._then(call, reply.then, after_s), name=f"after {call.key}")
            return reply.message

    async def _then(self, call: Call, work: Work, after_s: float) -> None:
        message, _ = await asyncio.gather(_guarded(work(), lambda trouble: trouble), asyncio.sleep(after_s))
        if message is not None:
            await self.answer(call, message)

    async def _after_submission(self, form: Form, reply: FormReply, work: Later) -> None:
        result = await _guarded(work(), reply.mend or (lambda trouble: trouble))
        if isinstance(result, View):
            result = await self._replace(form, result)
        if result is not None:
            await self.answer(Call(form.actor, form.channel, "", form.view_id), result)

    async def _replace(self, form: Form, view: View) -> Message | None:
        """Show the view in the modal; returns what to say where the modal is gone."""
        try:
            await self._chat.update_view(form.view_id, view)
        except RemoteError as error:
            log.info("modal not replaced", error=str(error))
            return modals.lost()
        return None


async def _guarded(
    work: Awaitable[Result], failed: Callable[[Message], Result], *, within_s: float | None = None
) -> Result:
    """What the work returns, else what `failed` makes of the answer: here errors become words, and nowhere else."""
    try:
        async with asyncio.timeout(within_s):
            return await work
    except BotError as error:
        log.info("refused", reason=error.reason, error=str(error))
        return failed(replies.error(error))
    except Exception as error:  # noqa: BLE001  an edge: the person gets an incident id, the log the traceback
        return failed(_incident(error))


def _noticed(message: Message) -> FormReply:
    return FormReply(view=modals.notice(message))


def bolt_app(router: Router, authorize_result: AuthorizeResult) -> AsyncApp:
    """A Bolt application that hands every command, click, submission and search to the router.

    Requests reach it verified and parsed (bot/web.py), so its own verification is off; authorization comes
    from the auth.test of the start, since Bolt would call it within the first request.
    """

    async def authorize() -> AuthorizeResult:
        return authorize_result

    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        await _acknowledge(ack, await router.run_command(body))

    async def action(ack: AsyncAck, body: dict[str, Any]) -> None:
        await _acknowledge(ack, await router.run_action(body))

    async def submission(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack(**submission_answer(await router.run_submission(body)))

    async def options(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack(**options_answer(await router.run_options(body)))

    app = AsyncApp(
        # Without a name Bolt walks the stack for one, which costs a tenth of the start.
        name="flytower",
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=True,
        raise_error_for_unhandled_request=False,
    )

    async def event(ack: AsyncAck, body: dict[str, Any]) -> None:
        # Whatever comes of it, an error would make Slack send it four times.
        await router.run_event(body)
        await ack()

    app.command(ANY)(command)
    app.action(ANY)(action)
    app.view(ANY)(submission)
    app.options(ANY)(options)
    app.event(ANY)(event)
    return app


async def dispatch(app: AsyncApp, body: dict[str, Any]) -> BoltResponse:
    """Work a request that was verified and parsed, of HTTP and of Socket Mode alike.

    `mode="socket_mode"` tells Bolt just that. It also keeps a slash command whose text contains the word
    `payload` from being lost: Bolt 1.30 looks for that word in a raw form body.
    """
    return await app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body, headers={}))


def _incident(error: Exception) -> Message:
    number = secrets.token_hex(4)
    log.error("unexpected error", incident=number, exc_info=error)
    return replies.incident(number)


async def _acknowledge(ack: AsyncAck, message: Message | None) -> None:
    if message is None:
        await ack()
        return
    await ack(text=message.text, blocks=message.blocks or None, response_type="ephemeral")


def _command_call(body: Mapping[str, Any]) -> Call:
    trigger_id = str(body.get("trigger_id", ""))
    return Call(
        actor=Actor(str(body.get("user_id", "")), str(body.get("team_id", ""))),
        channel=str(body.get("channel_id", "")),
        text=str(body.get("text", "")),
        key=trigger_id or _digest(body),
        response_url=str(body.get("response_url", "")),
        trigger_id=trigger_id,
    )


def _action_call(body: Mapping[str, Any], action: Mapping[str, Any]) -> Call:
    user, channel, container = (part(body, key) for key in ("user", "channel", "container"))
    trigger_id = str(body.get("trigger_id", ""))
    return Call(
        # The person's own workspace; Bolt's context may name the app's.
        actor=Actor(str(user.get("id", "")), str(user.get("team_id", ""))),
        channel=str(channel.get("id", "")),
        text=str(action.get("value", "")),
        key=trigger_id or _digest(body),
        response_url=str(body.get("response_url", "")),
        trigger_id=trigger_id,
        message_ts=str(container.get("message_ts", "")),
        view_id=str(container.get("view_id", "")),
    )


def _event_call(body: Mapping[str, Any], event: Mapping[str, Any]) -> Call:
    # `team_id` is the workspace in which it happened; a person's own one stands in `user_team`, where Slack tells it.
    team = str(event.get("user_team") or body.get("team_id", ""))
    return Call(
        actor=Actor(str(event.get("user", "")), team),
        channel=str(event.get("channel", "")),
        text=str(event.get("tab", "")),
        key=str(body.get("event_id", "")) or _digest(body),
        view_id=str(part(event, "view").get("id", "")),
    )


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(body), sort_keys=True, default=str).encode()).hexdigest()
