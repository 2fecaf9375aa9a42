"""Modals and Home tabs: a stack of at most three modals and one Home per user.

Source: https://docs.slack.dev/surfaces/modals and https://docs.slack.dev/surfaces/app-home.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.kit import Json
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import Values, interactive_elements

STACK_LIMIT = 3


@dataclass
class View:
    """One modal or Home tab of one user. `source` is what the app sent, `values` what the user chose."""

    id: str
    user: str
    source: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Values = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None
    updates: int = 0

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.source["blocks"]
        return blocks

    @property
    def external_id(self) -> str:
        return str(self.source.get("external_id") or "")

    def keep_known_values(self) -> None:
        """Forget what was typed into inputs that are gone; a block keeps its value by its ids."""
        known = {(block["block_id"], element["action_id"]) for block, element in interactive_elements(self.blocks)}
        self.values = {
            block_id: kept
            for block_id, actions in self.values.items()
            if (kept := {action: value for action, value in actions.items() if (block_id, action) in known})
        }


class Views:
    """The open modals, as one stack per user, and the Home tabs."""

    def __init__(self, new_id: Callable[[str], str], clock: Clock) -> None:
        self._new_id = new_id
        self._clock = clock
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def all(self) -> Iterator[View]:
        for stack in self.stacks.values():
            yield from stack
        yield from self.homes.values()

    def find(self, *, view_id: str | None = None, external_id: str | None = None) -> View | None:
        """The view with this id, or else with this external id."""
        for view in self.all():
            if view.id == view_id or (external_id and view.external_id == external_id):
                return view
        return None

    def top(self, user: str) -> View | None:
        """The modal that the user sees."""
        stack = self.stacks.get(user)
        return stack[-1] if stack else None

    def open(self, user: str, source: Json) -> View:
        """Show a modal as the root of a new stack."""
        view = self._create(user, source)
        self.stacks[user] = [view]
        return view

    def push(self, user: str, source: Json) -> View:
        """Show a modal above the present one; three fit."""
        stack = self.stacks.get(user)
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise SlackError("push_limit_reached")
        view = self._create(user, source)
        view.root_id, view.previous_id = stack[0].id, stack[-1].id
        stack.append(view)
        return view

    def update(self, view: View, source: Json) -> None:
        """Replace what a view shows, keeping its id and what was typed into blocks that stay."""
        self._refuse_duplicate(source, besides=view)
        view.source, view.hash = source, self._hash()
        view.errors, view.trouble = {}, None
        view.updates += 1
        view.keep_known_values()

    def publish(self, user: str, source: Json) -> View:
        """Show a Home tab."""
        home = self.homes.get(user)
        if home is None:
            home = self.homes[user] = self._create(user, source)
        else:
            self.update(home, source)
        return home

    def close(self, view: View) -> None:
        """Take one modal off its stack."""
        stack = self.stacks.get(view.user, [])
        if view in stack:
            stack.remove(view)

    def clear(self, user: str) -> list[View]:
        """Close all modals of a user; returns them, the topmost first."""
        return self.stacks.pop(user, [])[::-1]

    def _create(self, user: str, source: Json) -> View:
        self._refuse_duplicate(source)
        view_id = self._new_id("V")
        return View(view_id, user, source, self._hash(), view_id)

    def _refuse_duplicate(self, source: Json, besides: View | None = None) -> None:
        external_id = source.get("external_id")
        holder = self.find(external_id=external_id) if external_id else None
        if holder is not None and holder is not besides:
            raise SlackError("duplicate_external_id")

    def _hash(self) -> str:
        return f"{int(self._clock.now())}.{secrets.token_hex(4)}"
