"""What an app says in answer to a person: in the body of its 200, or later at a `response_url`.

Source: https://docs.slack.dev/interactivity/implementing-slash-commands#responding_to_commands and
https://docs.slack.dev/interactivity/handling-user-interaction#message_responses.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit import Json
from sandbox.slack.arguments import Arguments, read_json_object
from sandbox.slack.chat import read_content, thread_parent
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Content, Message
from sandbox.slack.world import Channel, ResponseUrl, World

USES = 5
LIFETIME_S = 30 * 60.0
SLACKBOT = "USLACKBOT"


def say_privately(world: World, channel: Channel, user: str, text: str) -> Message:
    """Slackbot's word to one person, such as that a command failed."""
    return world.add_message(channel, SLACKBOT, Content(text=text), source="slackbot", visible_to=user)


def echo(world: World, channel: Channel, user: str, typed: str) -> Message:
    """The command as its author typed it, visible to all."""
    return world.add_message(channel, user, Content(text=typed, mrkdwn=False), source="command")


def say(world: World, channel: Channel, user: str, body: Json, source: str) -> Message:
    """Show an app's answer: to all where `response_type` is `in_channel`, else to `user` alone."""
    arguments = Arguments(body)
    is_public = arguments.text("response_type") == "in_channel"
    more: Json = {
        "thread_ts": thread_parent(channel, arguments.text("thread_ts")),
        "visible_to": None if is_public else user,
    }
    return world.add_message(channel, world.app.bot_user_id, read_content(arguments), source=source, **more)


async def respond(world: World, request: Request) -> Response:
    """Take one POST to a response_url: five within 30 minutes."""
    entry = world.response_urls.get(request.path_params["id"])
    try:
        _respond(world, entry, await request.body())
    except SlackError as error:
        is_gone = error.code in {"used_url", "expired_url"}
        return JSONResponse(error.body(), status_code=404 if is_gone else 400)
    return JSONResponse({"ok": True})


def _respond(world: World, entry: ResponseUrl | None, raw: bytes) -> None:
    if entry is None or world.clock.now() - entry.issued_at > LIFETIME_S:
        raise SlackError("expired_url")
    if entry.uses >= USES:
        raise SlackError("used_url")
    _apply(world, entry, read_json_object(raw))
    entry.uses += 1


def _apply(world: World, entry: ResponseUrl, body: Json) -> None:
    channel = world.channels[entry.channel_id]
    arguments = Arguments(body)
    if arguments.flag("delete_original"):
        if set(body) != {"delete_original"}:
            raise SlackError("invalid_arguments")
        _original(channel, entry).deleted = True
        world.changed()
    elif arguments.flag("replace_original") and entry.message_ts is not None:
        original = _original(channel, entry)
        content = read_content(arguments)
        content.at = world.clock.now()
        original.replace(content, by=world.app.bot_user_id, ts=world.next_ts())
        world.changed()
    else:
        say(world, channel, entry.user, body, "response_url")


def _original(channel: Channel, entry: ResponseUrl) -> Message:
    message = channel.messages.get(entry.message_ts or "")
    if message is None or message.deleted:
        raise SlackError("message_not_found")
    return message
