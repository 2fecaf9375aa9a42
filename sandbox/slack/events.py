"""The Events API: what the app subscribed to, delivered up to four times.

Source: https://docs.slack.dev/apis/events-api#retries.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from sandbox.kit import ControlError, Json
from sandbox.slack.delivery import Answer, Delivery
from sandbox.slack.messages import Content, Message
from sandbox.slack.payloads import event_payload
from sandbox.slack.people import Desk
from sandbox.slack.view_methods import view_object
from sandbox.slack.world import Channel, User

# Seconds before the first, second and third retry.
RETRY_DELAYS_S = (0.0, 60.0, 300.0)
REASONS = {"operation_timeout": "http_timeout", "http_error": "http_error", "connection_failed": "connection_failed"}
SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "member_joined_channel": "channels:read",
}
MESSAGE_EVENTS = {"public": "message.channels", "private": "message.groups", "im": "message.im"}


async def open_home(desk: Desk, *, user: str, tab: str = "home") -> Json:
    """Open the app's Home (or, with `tab`, Messages) tab."""
    person = desk.world.find_user(user)
    channel = desk.world.open_im(person.id)
    event: Json = {"type": "app_home_opened", "user": person.id, "channel": channel.id, "tab": tab}
    event["event_ts"] = desk.world.next_ts()
    home = desk.world.views.homes.get(person.id)
    if home is not None and tab == "home":
        event["view"] = view_object(desk.world, home)
    return await _publish(desk, "app_home_opened", event, person, None)


async def say(
    desk: Desk, *, user: str, channel: str, text: str, thread_ts: str | None = None, broadcast: bool = False
) -> Json:
    """Write a message as a person, with `thread_ts` as a reply, which `broadcast` shows in the channel too.

    The app hears of it as far as it subscribed.
    """
    world = desk.world
    person, place = world.find_user(user), world.find_channel(channel)
    if thread_ts is not None:
        _refuse_thread(place, thread_ts)
    more: Json = {"thread_ts": thread_ts, "reply_broadcast": broadcast and thread_ts is not None}
    message = world.add_message(place, person.id, Content(text=text), source="person", **more)
    events = [await _publish_message(desk, MESSAGE_EVENTS[place.kind], place, person, message)]
    if f"<@{world.app.bot_user_id}>" in text and place.kind != "im":
        events.append(await _publish_message(desk, "app_mention", place, person, message))
    sent = [event for event in events if event["sent"]]
    return {"ts": message.ts, "channel": place.id, "events": events, **(sent or events)[-1]}


async def mention(desk: Desk, *, user: str, channel: str, text: str, thread_ts: str | None = None) -> Json:
    """Write `@bot text` in a channel or thread."""
    said = f"<@{desk.world.app.bot_user_id}> {text}"
    return await say(desk, user=user, channel=channel, text=said, thread_ts=thread_ts)


def _refuse_thread(channel: Channel, ts: str) -> None:
    parent = channel.messages.get(ts)
    if parent is None or parent.deleted:
        raise ControlError(f"no message {ts} in {channel.id}")
    if parent.is_reply or parent.is_ephemeral:
        raise ControlError(f"nobody can reply to {ts}: it is a reply itself, or visible to one person only")


async def react(desk: Desk, *, user: str, channel: str, ts: str, name: str, remove: bool = False) -> Json:
    """Add an emoji reaction to a message, or take one's own back."""
    world = desk.world
    person, place = world.find_user(user), world.find_channel(channel)
    message = place.messages.get(ts)
    if message is None or message.deleted or message.is_ephemeral:
        raise ControlError(f"no message {ts} in {place.id} to react to")
    name = name.strip(":")
    users = [each for each in message.reactions.get(name, []) if each != person.id]
    users += [] if remove else [person.id]
    message.reactions = {**message.reactions, name: users}
    if not users:
        del message.reactions[name]
    world.changed()
    item = {"type": "message", "channel": place.id, "ts": ts}
    kind = "reaction_removed" if remove else "reaction_added"
    event: Json = {"type": kind, "user": person.id, "reaction": name, "item": item}
    event |= {"item_user": message.user, "event_ts": world.next_ts()}
    return await _publish(desk, kind, event, person, place)


async def join(desk: Desk, *, user: str, channel: str) -> Json:
    """Become a member of a public channel of one's own workspace; guests are invited instead."""
    world = desk.world
    person, place = world.find_user(user), world.find_channel(channel)
    is_guest = person.is_restricted or person.is_ultra_restricted or person.is_stranger
    if place.kind != "public" or is_guest:
        raise ControlError(f"{person.name} cannot join {place.name or place.id} without an invitation")
    if person.id in place.members:
        raise ControlError(f"{person.name} is in #{place.name} already")
    place.members.append(person.id)
    world.changed()
    event: Json = {"type": "member_joined_channel", "user": person.id, "channel": place.id, "channel_type": "C"}
    event |= {"team": world.team["id"], "event_ts": world.next_ts()}
    return await _publish(desk, "member_joined_channel", event, person, place)


async def verify_url(desk: Desk) -> Json:
    """Ask the request URL to prove itself, as saving it in the app's settings does."""
    challenge = secrets.token_urlsafe(32)
    body = {"token": desk.world.app.verification_token, "challenge": challenge, "type": "url_verification"}
    delivery = Delivery("events_api", "url_verification", "url_verification", "", body)
    answer = await desk.courier.http.send(delivery)
    return {**answer.summary(), "is_verified": answer.is_ok and challenge in answer.body}


async def _publish_message(desk: Desk, name: str, channel: Channel, person: User, message: Message) -> Json:
    event: Json = {"type": name.partition(".")[0], "user": person.id, "text": message.content.text}
    event |= {"ts": message.ts, "channel": channel.id, "team": person.team_id, "event_ts": message.ts}
    if message.thread_ts is not None:
        event["thread_ts"] = message.thread_ts
    if message.reply_broadcast and event["type"] == "message":
        event["subtype"] = "thread_broadcast"
    if event["type"] == "message":
        event["channel_type"] = {"public": "channel", "private": "group", "im": "im"}[channel.kind]
    return await _publish(desk, name, event, person, channel)


async def _publish(desk: Desk, name: str, event: Json, person: User, channel: Channel | None) -> Json:
    """Deliver an event that the app subscribed to and may see; retries go on by themselves."""
    app = desk.world.app
    may_see = channel is None or desk.world.is_member(channel)
    if name not in app.bot_events or not may_see or not {SCOPES.get(name)} <= {*app.bot_scopes, None}:
        return {"sent": False, "http_status": None, "outcome": "not_subscribed"}
    payload = event_payload(desk.world, event, person.team_id, channel)
    delivery = Delivery("events_api", "event_callback", event["type"], person.id, payload)
    answer = await desk.courier.deliver(delivery)
    if _is_retried(answer):
        desk.courier.in_background(_retry(desk, delivery, answer))
    return {**answer.summary(), "event_id": payload["event_id"]}


def _is_retried(answer: Answer) -> bool:
    return not answer.is_ok and answer.headers.get("x-slack-no-retry") != "1"


async def _retry(desk: Desk, delivery: Delivery, answer: Answer) -> None:
    for number, delay_s in enumerate(RETRY_DELAYS_S, start=1):
        await desk.world.clock.sleep(delay_s)
        again = replace(delivery, retry_num=number, retry_reason=REASONS[answer.outcome])
        answer = await desk.courier.deliver(again)
        if not _is_retried(answer):
            return
