"""A scaling as it is asked for and planned: its words, and when two plans are the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.domain.approval import ApprovalNeed, Cause
from bot.domain.plan import difference
from bot.domain.scale import Cost, Count, Creation, Mending, Removal, ScaleRequest, SizeWish, Standing
from bot.domain.size import Size
from tests import builders
from tests.builders import NEW, blocker
from tests.domain.scaled import GB, scale_plan, there

BIG = Size("shared", 1, 2048)


def test_a_request_reads_as_it_was_typed() -> None:
    """Counts, then sizes, each with its process group where one was named."""
    asked = ScaleRequest(
        "p", (Count("iad", 2), Count("sjc", 1, "web")), (SizeWish("", 512), SizeWish("web", 0, 2, "shared"))
    )

    assert asked.ref == "iad=2 web:sjc=1 memory=512mb web:cpus=2 web:cpu-kind=shared"
    assert ScaleRequest("p", as_configured=True).ref == "as configured"


def test_a_wish_changes_only_what_it_names() -> None:
    """The rest of the size stays."""
    assert SizeWish(memory_mb=2048).of(GB) == BIG
    assert SizeWish(cpus=2, cpu_kind="performance").of(GB) == Size("performance", 2, 1024)


def test_an_environment_has_the_groups_of_its_places() -> None:
    """Each once, in their order."""
    plan = scale_plan()
    standing = Standing("production", "a", plan.places, plan.machines, 1024, "off", Cost(1.0, 1.0, "2026-11-24"))

    assert standing.groups == ("app",)


def test_a_machine_of_the_plan_is_found_by_its_id() -> None:
    """Whoever has the id has its region and size."""
    assert scale_plan().machine("m2") == there("m2")


NEED = ApprovalNeed(("U0DORA",), (Cause.SCALING,), ("because",))
CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"machines": (there("m1"),)}, "the Machines changed"),
    ({"machines": (there("m1"), there("m2", image=NEW))}, "the Machines changed"),
    ({"machines": (there("m1"), there("m2", size=None))}, "the Machines changed"),
    ({"creations": (Creation("app/sjc/1", "app", "sjc", "m1", BIG),)}, "what has to be done changed"),
    ({"mendings": (Mending("m1", BIG),)}, "what has to be done changed"),
    ({"mendings": (Mending("m1", None, "off", 1),)}, "what has to be done changed"),
    ({"starts": ("m1",)}, "what has to be done changed"),
    ({"removals": (Removal("m1"),)}, "what has to be done changed"),
    ({"blockers": (blocker(),)}, "what blocks the scaling changed"),
    ({"warnings": ("careful",)}, "what the plan warns of changed"),
    ({"approval": NEED}, "who has to approve it, or why, changed"),
    ({"lasts_s": 3600.0}, "the plan changed"),
]


@pytest.mark.parametrize(("changes", "said"), CHANGES)
def test_a_plan_that_changed_is_another_one(changes: dict[str, Any], said: str) -> None:
    """Whoever said yes to the one has not said yes to the other, and is told what changed."""
    plan, newer = scale_plan(), scale_plan(**changes)

    assert plan.hash != newer.hash
    assert plan.difference(newer) == said
    assert difference(plan, newer) == said


@pytest.mark.parametrize("changes", [{"state": "stopped"}, {"version": "02B"}, {"is_healthy": False}])
def test_sleep_and_health_make_no_other_plan(changes: dict[str, Any]) -> None:
    """A Machine that fell asleep is no reason to ask again."""
    plan = scale_plan()
    newer = scale_plan(machines=(there("m1", **changes), there("m2")))

    assert plan.hash == newer.hash
    assert plan.difference(newer) == ""


def test_only_a_plan_with_a_blocker_is_blocked() -> None:
    """One is enough."""
    assert not scale_plan().is_blocked
    assert scale_plan(blockers=(blocker(),)).is_blocked


def test_deployments_are_compared_as_before() -> None:
    """The plan of a deployment tells its own differences."""
    plan = builders.plan()

    assert difference(plan, plan) == ""
    assert difference(plan, dataclasses.replace(plan, blockers=(blocker(),)))
