"""Modals and searching menus: what Slack sends of them, and what it takes as an answer.

Sources: Slack, "Modals", "view_submission payload", "block_suggestion payload".
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.model import Actor
from bot.views.blocks import Block, Message, View
from bot.views.modals import modal_body


@dataclass(frozen=True)
class Form:
    """A modal as its person filled it in.

    `values` has what each input holds, by block id, and nothing for an empty one; `facts` is what the view's
    metadata carried along; `typed` is what stands in the menu that is being searched.
    """

    actor: Actor
    view_id: str
    values: Mapping[str, str]
    facts: Mapping[str, Any]
    typed: str = ""

    @property
    def channel(self) -> str:
        """Where the modal was asked for; a modal itself is in no channel."""
        return str(self.facts.get("channel", ""))


Later = Callable[[], Awaitable[View | Message | None]]


@dataclass(frozen=True)
class FormReply:
    """The answer to a submission; without anything in it the modal closes.

    `errors` stand beside their inputs, by block id. `view` takes the modal's place. `then` runs afterwards: a View
    that it returns takes the modal's place, a Message is told privately. `mend` makes the view that tells of an
    error of `then`; without it the error is told privately.
    """

    errors: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None
    then: Later | None = None
    mend: Callable[[Message], View] | None = None


FormHandler = Callable[[Form], Awaitable[FormReply]]
OptionsHandler = Callable[[Form], Awaitable[Sequence[Block]]]


def form_of(body: Mapping[str, Any]) -> Form:
    """The form in a `view_submission` or a `block_suggestion`."""
    user, view = part(body, "user"), part(body, "view")
    return Form(
        actor=Actor(str(user.get("id", "")), str(user.get("team_id", ""))),
        view_id=str(view.get("id", "")),
        values=_values(part(part(view, "state"), "values")),
        facts=_facts(str(view.get("private_metadata") or "")),
        typed=str(body.get("value") or ""),
    )


def part(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object within what Slack sent; empty where it is missing or something else."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def submission_answer(reply: FormReply) -> dict[str, Any]:
    """The answer as Bolt's `ack` takes it; nothing closes the modal."""
    if reply.errors:
        return {"response_action": "errors", "errors": dict(reply.errors)}
    return {"response_action": "update", "view": modal_body(reply.view)} if reply.view else {}


def options_answer(found: Sequence[Block]) -> dict[str, Any]:
    """Options, or groups of them, as Bolt's `ack` takes them."""
    return {"option_groups" if found and "options" in found[0] else "options": list(found)}


def _values(state: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen or typed, each block having one input."""
    read = {
        block: _value(part(elements, name)) for block in state for elements in [part(state, block)] for name in elements
    }
    return {block: value for block, value in read.items() if value}


def _value(element: Mapping[str, Any]) -> str:
    several = element.get("selected_options")
    chosen = [part(element, "selected_option"), *(several if isinstance(several, list) else [])]
    held = [element, *(option for option in chosen if isinstance(option, dict))]
    return " ".join(value for value in (option.get("value") for option in held) if isinstance(value, str) and value)


def _facts(metadata: str) -> dict[str, Any]:
    try:
        facts = json.loads(metadata)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
