"""The pages of the form of `/scale`, within Slack's limits whatever there is to show."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from bot.domain.scale import Cost, Place, Standing
from bot.views import scale_modal as views
from bot.views.blocks import Message, View
from bot.views.modals import modal_body
from sandbox.slack.blocks import check_view
from tests.domain.scaled import there

HOSTILE = "<!channel> <https://evil.example|x> *b* `c` \u202e" * 20
STANDING = Standing(
    environment="production",
    app="reify-studio",
    places=(Place("app", "iad", 2, 1), Place("app", "sjc", 1, 1)),
    machines=(there("m1"),),
    memory_mb=1024,
    auto_stop="off",
    cost=Cost(1.0, 2.0, "2026-11-24"),
)


def shown(view: View) -> dict[str, Any]:
    """The page, which Slack takes, with its inputs by block id."""
    check_view(modal_body(view))
    return {block["block_id"]: block for block in view.blocks if block["type"] == "input"}


def test_each_place_has_its_number() -> None:
    """As it is now; what the configuration wants is said where that is another one."""
    view = views.ask(STANDING, channel="C1", name="reify-studio/production")
    inputs = shown(view)

    assert inputs["count0"]["element"]["initial_value"] == "2"
    assert "wants 1" in inputs["count0"]["hint"]["text"]
    assert "hint" not in inputs["count1"]
    assert "group" not in inputs
    facts = json.loads(view.metadata)
    assert facts["environment"] == "reify-studio/production"
    assert facts["places"] == [["app", "iad", 2], ["app", "sjc", 1]]


def test_several_groups_are_told_apart() -> None:
    """In the labels, and whose size is meant."""
    both = dataclasses.replace(STANDING, places=(*STANDING.places, Place("worker", "iad", 1, 1)))
    inputs = shown(views.ask(both, channel="C1", name="shop/production"))

    assert inputs["count2"]["label"]["text"] == "worker · iad"
    assert [option["value"] for option in inputs["group"]["element"]["options"]] == ["app", "worker"]


def test_the_largest_and_the_strangest_fit() -> None:
    """A hundred places, hostile names."""
    many = tuple(Place("g" * 60, f"r{number}", 1, 2) for number in range(100))
    large = dataclasses.replace(STANDING, environment=HOSTILE, app=HOSTILE, running=HOSTILE, places=many)

    shown(views.ask(large, channel="C1", name="shop/production"))
    shown(views.looking(HOSTILE))
    shown(views.choose(["a", "b"], channel="C1", chosen="b", trouble=Message(text="Fly does not answer.")))
