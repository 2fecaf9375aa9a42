"""What a scaling for some hours goes back to, and which later scalings take that from it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.approval import Approval, ApprovalState, reminder_at
from bot.domain.operation import Operation
from bot.domain.scale import Count, Mending, Place, ScalePlan, SizeWish
from bot.domain.size import Size
from bot.domain.time_box import TimeBox, going_back, in_force
from tests.builders import operation
from tests.domain.scaled import GB, scale_plan, there

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOX = TimeBox("op1", "reify-studio/production", NOW)
TWO_GB = Size("shared", 1, 2048)


def places(*found: tuple[str, str, int, int]) -> ScalePlan:
    """A plan that names these places."""
    return scale_plan(places=tuple(Place(*each, is_named=True) for each in found), creations=())


def counts(plan: ScalePlan, *, first: ScalePlan | None = None, **others: list[ScalePlan]) -> tuple[Count, ...]:
    """What going back asks for of counts."""
    around = {"newer": [], "overtaken": []} | others
    request = going_back(BOX, first or plan, plan, **around)
    return request.counts if request else ()


def test_counts_go_back_to_what_was() -> None:
    """Of what was named and changed."""
    plan = scale_plan(places=(Place("app", "iad", 1, 4, is_named=True), Place("app", "sjc", 1, 1)))

    assert counts(plan) == (Count("iad", 1),)


def test_groups_are_named_where_there_are_several() -> None:
    """As one would have to type it."""
    assert counts(places(("app", "iad", 1, 2), ("worker", "iad", 3, 1))) == (
        Count("iad", 1, "app"),
        Count("iad", 3, "worker"),
    )


def test_a_second_try_goes_back_to_what_was_before_the_first() -> None:
    """And to none in a region where there was nobody."""
    first, last = places(("app", "iad", 1, 4)), places(("app", "iad", 3, 4), ("app", "fra", 1, 2))

    assert counts(last, first=first) == (Count("iad", 1), Count("fra", 0))


def test_newer_scalings_decide_of_their_places() -> None:
    """The others go back nevertheless."""
    plan = places(("app", "iad", 1, 4), ("app", "sjc", 1, 3))

    assert counts(plan, newer=[places(("app", "sjc", 3, 2))]) == (Count("iad", 1),)
    assert going_back(BOX, plan, plan, newer=[plan], overtaken=[]) is None


def test_what_was_for_some_hours_itself_is_not_gone_back_to() -> None:
    """Four for some hours, then six: back to the one from before both, in its own group and region alone."""
    earlier = [places(("app", "iad", 1, 4), ("app", "sjc", 2, 4)), places(("worker", "iad", 1, 4))]

    assert counts(places(("app", "iad", 4, 6)), overtaken=earlier) == (Count("iad", 1),)
    assert counts(places(("app", "iad", 5, 6)), overtaken=earlier) == (Count("iad", 5),)


def resized(**changes: Size | None) -> ScalePlan:
    """A plan that gives two Machines another size."""
    machines = (there("m1", **changes), there("m2", "sjc", **changes))
    return scale_plan(
        places=(Place("app", "iad", 1, 1), Place("app", "sjc", 1, 1)),
        machines=machines,
        creations=(),
        mendings=(Mending("m1", TWO_GB), Mending("m2", TWO_GB), Mending("m2", auto_stop="off")),
    )


def test_a_size_goes_back_once_for_its_group() -> None:
    """Whole, since one part of it may have changed the others."""
    request = going_back(BOX, resized(), resized(), newer=[], overtaken=[])

    assert request is not None
    assert request.sizes == (SizeWish("", GB.memory_mb, GB.cpus, GB.cpu_kind),)
    assert (request.back_from, request.environment) == ("op1", "reify-studio/production")


def test_a_size_that_is_not_known_or_decided_since_stays() -> None:
    """There is nothing to go back to."""
    assert going_back(BOX, resized(size=None), resized(), newer=[], overtaken=[]) is None
    assert going_back(BOX, resized(), resized(), newer=[resized()], overtaken=[]) is None


def scaling(operation_id: str, back_from: str = "") -> Operation:
    return dataclasses.replace(operation(), id=operation_id, request={"back_from": back_from})


def test_one_that_went_back_and_its_return_cancel_out() -> None:
    """What is left decides."""
    newer = [scaling("op5"), scaling("op4", "op2"), scaling("op3", "op0"), scaling("op2")]

    assert [each.id for each in in_force(newer)] == ["op5", "op3"]


@pytest.mark.parametrize(("lasts", "before"), [(240, 60), (30, 10), (12, 6)])
def test_approvers_are_reminded_while_there_is_time(lasts: int, before: int) -> None:
    """With a quarter of it left, ten minutes, or half: minutes."""
    asked = Approval(ApprovalState.PENDING, "h", NOW, NOW + timedelta(minutes=lasts))

    assert asked.expires_at - reminder_at(asked) == timedelta(minutes=before)
