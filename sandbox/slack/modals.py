"""What people do with modals: fill in, submit, close.

Source: https://docs.slack.dev/surfaces/modals#interactions.
"""

from __future__ import annotations

from typing import Any

from sandbox.kit import ControlError, Json
from sandbox.slack.delivery import Answer, Delivery
from sandbox.slack.errors import SlackError
from sandbox.slack.inputs import find_element, missing_inputs, state_values
from sandbox.slack.messages import interactive_elements
from sandbox.slack.payloads import interaction
from sandbox.slack.people import Desk, Place, failure, fill_in, view_for
from sandbox.slack.snapshot import view_state
from sandbox.slack.view_methods import checked_view, view_object
from sandbox.slack.views import View
from sandbox.slack.world import User, World

TROUBLE = "We had some trouble connecting. Try again?"


async def submit(desk: Desk, *, user: str, view_id: str | None = None, values: Json | None = None) -> Json:
    """Fill in inputs and press the submit button; reports what the app's answer made of the view.

    `values` maps `action_id` or `block_id.action_id` to an option's value, text, an id or a list of them.
    """
    world = desk.world
    person = world.find_user(user)
    place, view = _modal(desk, person, view_id)
    _fill_in(desk, person, place, values or {})
    missing = missing_inputs(view.blocks, state_values(view.blocks, view.values))
    if missing:
        raise ControlError(f"inputs to fill in first: {', '.join(missing)}")
    view.errors, view.trouble = {}, None
    body = interaction(world, "view_submission", person)
    body |= {"trigger_id": world.new_trigger(person.id, view.id), "view": view_object(world, view)}
    body["response_urls"] = _response_urls(world, person, view)
    delivery = Delivery("interactive", "view_submission", _callback(view), person.id, body, takes_answer=True)
    answer = await desk.courier.deliver(delivery)
    action = _take_answer(world, view, answer)
    world.changed()
    top = world.views.top(person.id)
    return {
        **answer.summary(),
        "trigger_id": body["trigger_id"],
        "response_action": action,
        "errors": view.errors,
        "trouble": view.trouble,
        "is_closed": world.views.find(view_id=view.id) is None,
        "view": view_state(world, top) if top else None,
    }


def _modal(desk: Desk, person: User, view_id: str | None) -> tuple[Place, View]:
    place = view_for(desk, person, view_id)
    view = place.view
    if view is None or view.source["type"] != "modal":
        raise ControlError("a Home tab can be neither submitted nor closed")
    return place, view


def _callback(view: View) -> str:
    return str(view.source.get("callback_id") or "")


def _fill_in(desk: Desk, person: User, place: Place, values: Json) -> None:
    for name, value in values.items():
        block_id, _, action_id = name.rpartition(".")
        block, element = find_element(place.blocks, action_id, block_id or None)
        fill_in(desk, person, place, block, element, value)


def _response_urls(world: World, person: User, view: View) -> list[Json]:
    urls = []
    values = state_values(view.blocks, view.values)
    for block, element in interactive_elements(view.blocks):
        if element.get("response_url_enabled") and block["type"] == "input":
            state = values[block["block_id"]][element["action_id"]]
            channel_id = state.get("selected_conversation") or state.get("selected_channel")
            if channel_id in world.channels:
                url = world.new_response_url(person.id, world.channels[channel_id])
                ids = {"block_id": block["block_id"], "action_id": element["action_id"]}
                urls.append({**ids, "channel_id": channel_id, "response_url": url})
    return urls


def _take_answer(world: World, view: View, answer: Answer) -> str | None:
    """Do what the app's answer says; returns its `response_action`, `close` for an empty answer."""
    if not answer.is_ok:
        view.trouble = f"{TROUBLE} ({failure(answer)})"
        return None
    body = answer.json()
    if not isinstance(body, dict):
        if answer.body.strip():
            view.trouble = TROUBLE
            return None
        body = {}
    action = str(body.get("response_action") or "close")
    try:
        _apply(world, view, action, body)
    except SlackError as error:
        view.trouble = f"{TROUBLE} ({error.code}: {' '.join(error.messages)})"
        return None
    return action


def _apply(world: World, view: View, action: str, body: Json) -> None:
    match action:
        case "close":
            world.views.close(view)
        case "clear":
            world.views.clear(view.user)
        case "errors":
            view.errors = _checked_errors(view, body.get("errors"))
        case "update":
            world.views.update(view, checked_view(body.get("view"), "modal"))
        case "push":
            world.views.push(view.user, checked_view(body.get("view"), "modal"))
        case _:
            raise SlackError("invalid_arguments", messages=[f"unknown response_action {action}"])


def _checked_errors(view: View, errors: Any) -> dict[str, str]:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or set(errors) - inputs:
        raise SlackError("invalid_arguments", messages=["errors must map the block ids of inputs to texts"])
    return {block_id: str(text) for block_id, text in errors.items()}


async def close_view(desk: Desk, *, user: str, view_id: str | None = None, clear: bool = False) -> Json:
    """Press Close (with `clear` the cross that closes the whole stack); the app hears of it where it asked to."""
    world = desk.world
    person = world.find_user(user)
    _, view = _modal(desk, person, view_id)
    is_clearing = clear or bool(view.source.get("clear_on_close"))
    closed = world.views.clear(person.id) if is_clearing else [view]
    world.views.close(view)
    world.changed()
    answers = [
        await _tell_closed(desk, person, each, is_cleared=is_clearing)
        for each in closed
        if each.source.get("notify_on_close")
    ]
    return {"closed": [each.id for each in closed], "deliveries": [answer.summary() for answer in answers]}


async def _tell_closed(desk: Desk, person: User, view: View, *, is_cleared: bool) -> Answer:
    body = interaction(desk.world, "view_closed", person)
    body |= {"view": view_object(desk.world, view), "is_cleared": is_cleared}
    return await desk.courier.deliver(Delivery("interactive", "view_closed", _callback(view), person.id, body))
