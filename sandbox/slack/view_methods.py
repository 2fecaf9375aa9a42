"""Web API methods `views.*`.

Source: https://docs.slack.dev/reference/methods/views.open and the pages beside it.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.kit import Json
from sandbox.slack.api import method
from sandbox.slack.arguments import Arguments
from sandbox.slack.blocks import check_view, with_ids
from sandbox.slack.errors import SlackError, invalid_arguments
from sandbox.slack.inputs import state_values
from sandbox.slack.limits import TIER_4
from sandbox.slack.views import View
from sandbox.slack.world import World

VIEW_LIMIT_BYTES = 250_000


def view_object(world: World, view: View) -> Json:
    """The view as the API and the payloads show it, with what the user entered."""
    source = view.source
    return {
        "id": view.id,
        "team_id": world.team["id"],
        "type": source["type"],
        "blocks": view.blocks,
        "private_metadata": source.get("private_metadata", ""),
        "callback_id": source.get("callback_id", ""),
        "external_id": view.external_id,
        "state": {"values": state_values(view.blocks, view.values)},
        "hash": view.hash,
        "title": source.get("title"),
        "submit": source.get("submit"),
        "close": source.get("close"),
        "clear_on_close": source.get("clear_on_close", False),
        "notify_on_close": source.get("notify_on_close", False),
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "app_id": world.app.id,
        "app_installed_team_id": world.team["id"],
        "bot_id": world.app.bot_id,
    }


def checked_view(view: Any, kind: str) -> Json:
    """A view that the app sent, checked as Slack checks it and with all ids filled in."""
    if not isinstance(view, dict):
        raise invalid_arguments("must provide an object [json-pointer:/view]")
    if view.get("type") != kind:
        raise invalid_arguments(f"must be a view of type {kind} [json-pointer:/view/type]")
    if len(json.dumps(view).encode()) > VIEW_LIMIT_BYTES:
        raise SlackError("view_too_large")
    check_view(view)
    return {**view, "blocks": with_ids(view["blocks"])}


def _view_argument(arguments: Arguments, kind: str) -> Json:
    arguments_view = arguments.parsed("view", "invalid_arguments")
    if arguments_view is None:
        raise invalid_arguments("missing required field: view")
    return checked_view(arguments_view, kind)


def _trigger_argument(arguments: Arguments) -> str:
    trigger_id = arguments.text("trigger_id") or arguments.text("interactivity_pointer")
    if trigger_id is None:
        raise invalid_arguments("missing required field: trigger_id")
    return trigger_id


def _refuse_stale(view: View, arguments: Arguments) -> None:
    known = arguments.text("hash")
    if known is not None and known != view.hash:
        raise SlackError("hash_conflict")


@method("views.open", per_minute=TIER_4)
def views_open(world: World, arguments: Arguments) -> Json:
    """Open a modal for whoever the trigger came from."""
    source = _view_argument(arguments, "modal")
    trigger = world.exchange_trigger(_trigger_argument(arguments))
    view = world.views.open(trigger.user, source)
    world.changed()
    return {"view": view_object(world, view)}


@method("views.push", per_minute=TIER_4)
def views_push(world: World, arguments: Arguments) -> Json:
    """Put a modal on top of the one that the trigger came from."""
    source = _view_argument(arguments, "modal")
    trigger = world.exchange_trigger(_trigger_argument(arguments))
    if trigger.view_id not in {view.id for view in world.views.stacks.get(trigger.user, [])}:
        raise SlackError("not_found")
    view = world.views.push(trigger.user, source)
    world.changed()
    return {"view": view_object(world, view)}


@method("views.update", per_minute=TIER_4)
def views_update(world: World, arguments: Arguments) -> Json:
    """Replace an open view."""
    view_id, external_id = arguments.text("view_id"), arguments.text("external_id")
    if view_id is None and external_id is None:
        raise invalid_arguments("missing required field: view_id")
    view = world.views.find(view_id=view_id, external_id=external_id)
    if view is None:
        raise SlackError("not_found")
    source = _view_argument(arguments, view.source["type"])
    _refuse_stale(view, arguments)
    world.views.update(view, source)
    world.changed()
    return {"view": view_object(world, view)}


@method("views.publish", per_minute=TIER_4)
def views_publish(world: World, arguments: Arguments) -> Json:
    """Publish the Home tab of one user."""
    user = world.users.get(arguments.required("user_id"))
    if user is None or user.team_id != world.team["id"]:
        raise SlackError("user_not_found")
    if not world.app.home_tab_enabled:
        raise SlackError("not_enabled")
    source = _view_argument(arguments, "home")
    home = world.views.homes.get(user.id)
    if home is not None:
        _refuse_stale(home, arguments)
    view = world.views.publish(user.id, source)
    world.changed()
    return {"view": view_object(world, view)}
