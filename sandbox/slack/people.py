"""What people do with messages: type commands, press buttons, choose from menus.

Anyone may act anywhere, also outside their channels: it stands for shared channels, where strangers see
the buttons, and an app must not rely on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sandbox.kit import ControlError, Json
from sandbox.slack.blocks import check_options
from sandbox.slack.delivery import Answer, Courier, Delivery
from sandbox.slack.elements import all_options
from sandbox.slack.errors import SlackError
from sandbox.slack.inputs import STATEFUL, choose, find_element, state_values
from sandbox.slack.menus import offered_ids
from sandbox.slack.messages import Message, Values
from sandbox.slack.payloads import command_payload, interaction, message_place, view_place
from sandbox.slack.responses import echo, say, say_privately
from sandbox.slack.snapshot import message_state
from sandbox.slack.typed import ENTER, TYPED, is_dispatched
from sandbox.slack.views import View
from sandbox.slack.world import Channel, User, World

DEFAULT_QUERY_LENGTH = 3
ECHOED = ("text", "value", "style", "url", "placeholder", "confirm", "min_query_length", "timezone")


@dataclass
class Desk:
    """Where people's clients run: the workspace, the way to the app, and what menus offered last."""

    world: World
    courier: Courier
    suggested: dict[tuple[str, str, str, str], list[Json]] = field(default_factory=dict)


@dataclass
class Place:
    """The message or view in which a person acts, as they see it; `payload` is what the app is told of it."""

    id: str
    blocks: list[Json]
    chosen: Values
    payload: Callable[[], Json]
    channel: Channel | None = None
    view: View | None = None


def failure(answer: Answer) -> str:
    """The error that a person's client shows when the app did not answer well."""
    return "operation_timeout" if answer.outcome == "operation_timeout" else "dispatch_failed"


async def command(desk: Desk, *, user: str, channel: str, text: str) -> Json:
    """Type a slash command; reports the answer as the person sees it."""
    world = desk.world
    person, place = world.find_user(user), world.find_channel(channel)
    name, _, rest = text.strip().partition(" ")
    registered = next((entry for entry in world.app.commands if entry["command"] == name), None)
    if registered is None:
        told = say_privately(world, place, person.id, f"`{name}` is not a valid command.")
        return {"sent": False, "http_status": None, "outcome": "unknown_command", **_shown(world, [told])}
    payload = command_payload(world, person, place, registered, rest.strip())
    delivery = Delivery("slash_commands", "slash_command", name, person.id, payload, takes_answer=True)
    answer = await desk.courier.deliver(delivery)
    messages = list(_show_answer(world, place, person, text.strip(), answer))
    ids: Json = {key: payload[key] for key in ("trigger_id", "response_url")}
    return {**answer.summary(), **ids, **_shown(world, messages)}


def _shown(world: World, messages: list[Message]) -> Json:
    states = [message_state(world, message) for message in messages]
    return {"messages": states, "ephemeral": next((state for state in states if state["is_ephemeral"]), None)}


def _show_answer(world: World, channel: Channel, user: User, typed: str, answer: Answer) -> Iterator[Message]:
    name = typed.partition(" ")[0]
    if not answer.is_ok:
        yield say_privately(world, channel, user.id, f'{name} failed with the error "{failure(answer)}"')
        return
    body = answer.json()
    if not isinstance(body, dict):
        body = {"text": answer.body} if answer.body.strip() else {}
    if body.get("response_type") == "in_channel":
        yield echo(world, channel, user.id, typed)
    if set(body) - {"response_type"}:
        try:
            yield say(world, channel, user.id, body, "command_answer")
        except SlackError as error:
            yield say_privately(world, channel, user.id, f'{name} failed with the error "{error.code}"')


def message_for(desk: Desk, person: User, channel: str, ts: str, version: int | None) -> Place:
    """The message that a person acts on, in its current or an earlier version; -1 is the one before."""
    world = desk.world
    place = world.find_channel(channel)
    message = place.messages.get(ts)
    if message is None or message.deleted:
        raise ControlError(f"no message {ts} in {place.id}")
    if message.is_ephemeral and message.visible_to != person.id:
        raise ControlError(f"{person.id} does not see the ephemeral message {ts}")
    try:
        content = message.version(version if version is None or version >= 0 else version - 1)
    except IndexError:
        raise ControlError(f"the message has versions 0 to {len(message.earlier)}") from None
    chosen = message.chosen.setdefault(person.id, {})
    payload = partial(message_place, world, place, message, content, chosen)
    return Place(ts, list(content.all_blocks()), chosen, payload, channel=place)


def view_for(desk: Desk, person: User, view_id: str | None) -> Place:
    """The open view with this id, by default the modal that the person sees, else their Home tab."""
    views = desk.world.views
    view = views.find(view_id=view_id) if view_id else views.top(person.id) or views.homes.get(person.id)
    if view is None or view.user != person.id:
        raise ControlError(f"{person.id} has no open view {view_id or ''}".rstrip())
    return Place(view.id, view.blocks, view.values, partial(view_place, desk.world, view), view=view)


def _place(
    desk: Desk, person: User, channel: str | None, ts: str | None, view_id: str | None, version: int | None
) -> Place:
    if ts is None:
        return view_for(desk, person, view_id)
    if channel is None:
        raise ControlError("a message needs its channel")
    return message_for(desk, person, channel, ts, version)


async def click(
    desk: Desk,
    *,
    user: str,
    action_id: str,
    channel: str | None = None,
    ts: str | None = None,
    view_id: str | None = None,
    block_id: str | None = None,
    value: str | None = None,
    version: int | None = None,
) -> Json:
    """Press a button of a message or view; a confirm dialog counts as confirmed."""
    person = desk.world.find_user(user)
    place = _place(desk, person, channel, ts, view_id, version)
    block, element = find_element(place.blocks, action_id, block_id, value)
    if element["type"] in STATEFUL or element["type"] == "overflow":
        raise ControlError(f"{action_id} is a {element['type']}: use select")
    return await _act(desk, person, place, block, element, {"type": element["type"]})


async def select(
    desk: Desk,
    *,
    user: str,
    action_id: str,
    value: Any = None,
    channel: str | None = None,
    ts: str | None = None,
    view_id: str | None = None,
    block_id: str | None = None,
    version: int | None = None,
    trigger: str = ENTER,
) -> Json:
    """Choose in a menu, a date picker or boxes, or type into an input; None takes a choice back.

    The app hears of it unless it is an input that waits for submit. `trigger` says what made a typed text final:
    `on_enter_pressed`, `on_character_entered`, or nothing that an app could ask for.
    """
    person = desk.world.find_user(user)
    place = _place(desk, person, channel, ts, view_id, version)
    block, element = find_element(place.blocks, action_id, block_id)
    state = fill_in(desk, person, place, block, element, value)
    desk.world.changed()
    if block["type"] == "input" and not (block.get("dispatch_action") and is_dispatched(element, trigger)):
        return {"sent": False, "http_status": None, "outcome": "waits_for_submit", "state": state}
    return await _act(desk, person, place, block, element, state)


def fill_in(desk: Desk, person: User, place: Place, block: Json, element: Json, value: Any) -> Json:
    """Choose `value` in an element of a place, where it stays; the element's new state."""
    block_id, action_id = block["block_id"], element["action_id"]
    offered: list[Any] = [*offered_ids(desk.world, person.id, element)]
    if "external" in element["type"]:
        now = state_values(place.blocks, place.chosen)[block_id][action_id]
        kept = [*(now.get("selected_options") or []), now.get("selected_option")]
        suggested = desk.suggested.get((person.id, place.id, block_id, action_id), [])
        offered = [*suggested, *filter(None, kept)]
    state = choose(element, value, offered)
    if element["type"] in STATEFUL:
        place.chosen.setdefault(block_id, {})[action_id] = state
    return state


def _echo(element: Json) -> Json:
    """What a payload repeats of the element itself."""
    if element["type"] in TYPED:
        return {}
    presets = {key: value for key, value in element.items() if key.startswith("initial_")}
    return presets | {key: element[key] for key in ECHOED if key in element}


async def _act(desk: Desk, person: User, place: Place, block: Json, element: Json, state: Json) -> Json:
    world, action_id = desk.world, element["action_id"]
    body = interaction(world, "block_actions", person) | place.payload()
    body["trigger_id"] = world.new_trigger(person.id, place.view.id if place.view else None)
    ids = {"action_id": action_id, "block_id": block["block_id"], "action_ts": world.next_ts()}
    body["actions"] = [{**_echo(element), **state, **ids}]
    if place.channel is not None:
        body["response_url"] = world.new_response_url(person.id, place.channel, place.id)
    delivery = Delivery("interactive", "block_actions", action_id, person.id, body)
    answer = await desk.courier.deliver(delivery)
    if not answer.is_ok:
        where = {"place": place.id, "action_id": action_id}
        world.notice(person.id, "click_failed", f"The app did not respond ({failure(answer)})", **where)
    given: Json = {key: body[key] for key in ("trigger_id", "response_url") if key in body}
    return {**answer.summary(), **given, "error": None if answer.is_ok else failure(answer)}


async def suggest(
    desk: Desk,
    *,
    user: str,
    action_id: str,
    value: str,
    channel: str | None = None,
    ts: str | None = None,
    view_id: str | None = None,
    block_id: str | None = None,
    version: int | None = None,
) -> Json:
    """Type into an external menu; reports the options that the app offers, and how they are grouped."""
    person = desk.world.find_user(user)
    place = _place(desk, person, channel, ts, view_id, version)
    block, element = find_element(place.blocks, action_id, block_id)
    if "external" not in element["type"]:
        raise ControlError(f"{action_id} is no external menu")
    if len(value) < element.get("min_query_length", DEFAULT_QUERY_LENGTH):
        nothing: Json = {"options": [], "option_groups": [], "problems": []}
        return {"sent": False, "http_status": None, "outcome": "query_too_short", **nothing}
    body = interaction(desk.world, "block_suggestion", person) | place.payload()
    body |= {"action_id": action_id, "block_id": block["block_id"], "value": value}
    delivery = Delivery("interactive", "block_suggestion", action_id, person.id, body, takes_answer=True)
    answer = await desk.courier.deliver(delivery)
    offered: Any = answer.json() if answer.is_ok else None
    problems = check_options(offered)
    options = [] if problems else all_options(offered)
    groups = [] if problems else offered.get("option_groups") or []
    desk.suggested[person.id, place.id, block["block_id"], action_id] = options
    return {**answer.summary(), "options": options, "option_groups": groups, "problems": problems}
