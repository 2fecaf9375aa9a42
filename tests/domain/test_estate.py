"""What counts as a difference that a scaling mends, and what people decided."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.domain.estate import Difference, difference, is_moving
from bot.domain.model import Environment, Machine
from bot.domain.scale import Count, Mending, Place, ScalePlan, SizeWish
from bot.domain.size import Size
from tests.builders import NEW, environment
from tests.domain.scaled import FLEET, PRICES, scale_plan, sized, there, worker

BIG = Size("shared", 1, 2048)
CONFIGURED = (Count("iad", 1, "app"), Count("sjc", 1, "app"))


def found(*machines: Machine, decided: tuple[ScalePlan, ...] = (), env: Environment | None = None) -> Difference | None:
    """How production differs."""
    return difference(env or environment(), machines, decided, PRICES)


def words(*machines: Machine, **given: Any) -> str:
    """The difference in words; it must be there."""
    seen = found(*machines, **given)
    assert seen is not None
    assert seen.request.differences == seen.words
    return " ".join(seen.words)


def chosen(region: str, then: int, **changes: Any) -> ScalePlan:
    """The plan of a scaling that somebody decided."""
    return scale_plan(places=(Place("app", region, 1, then, is_named=True),), configured=CONFIGURED, **changes)


def test_what_is_as_configured_is_no_difference() -> None:
    """Neither are workers, of which the config does not speak."""
    assert found(*FLEET) is None
    assert found(*FLEET, worker("w1"), worker("w2", "fra")) is None


def test_regions_are_compared_one_by_one() -> None:
    """Two in one region and none in the other is wrong in both; the request names only what is wrong."""
    seen = found(sized("m1"), sized("m2"))

    assert seen is not None
    assert seen.words == (
        "iad has 2 Machines, and 1 should be there.",
        "sjc has 0 Machines, and 1 should be there.",
    )
    assert seen.request.counts == (Count("iad", 1), Count("sjc", 1))
    assert seen.request.as_configured
    assert seen.request.sizes == ()


def test_one_machine_is_told_as_one_and_its_group_where_there_are_several() -> None:
    """As a person would say it."""
    said = words(sized("m1", group="web"), sized("m2", "sjc", group="web"), sized("m3", group="api"))

    assert "sjc has 0 Machines of api" in said
    several = found(sized("m1", group="web", size=BIG), sized("m3", group="api"))
    assert several is not None
    assert {count.group for count in several.request.counts} == {"web", "api"}
    assert several.request.sizes == (SizeWish("web", 1024),)
    assert "iad has 1 Machine," in words(sized("m1"), env=environment(regions={"iad": 2}))


def test_size_sleep_and_what_keeps_awake_are_differences() -> None:
    """Each in a sentence with the Machine."""
    assert "Machine m2 should have shared-cpu-1x 1 GB." in words(FLEET[0], sized("m2", "sjc", size=BIG))
    assert "Auto stop of Machine m2 should be off." in words(FLEET[0], sized("m2", "sjc", service={"autostop": True}))
    assert "Machine m2 sleeps" in words(FLEET[0], sized("m2", "sjc", state="stopped"))
    sleepy = environment(auto_stop="stop", min_machines=1)
    napping = [sized(m.id, m.region, service={"autostop": "stop"}) for m in FLEET]
    assert "stays awake than 1" in words(*napping, env=sleepy)


def test_many_machines_are_named_in_part() -> None:
    """Three, and how many more."""
    big = [sized(f"m{n}", size=BIG) for n in range(5)]

    assert "m0, m1, m2 and 2 more should have" in words(*big, env=environment(regions={"iad": 5}))


def test_what_somebody_decided_is_no_difference() -> None:
    """Until the config says something else, or another scaling decides anew."""
    three = (*FLEET, sized("m3"), sized("m4"))

    assert found(*three, decided=(chosen("iad", 3),)) is None
    assert found(*three, decided=(chosen("iad", 2), chosen("iad", 3))) is not None
    assert found(*three, decided=(chosen("sjc", 1), chosen("iad", 3))) is None
    other = dataclasses.replace(chosen("iad", 3), configured=(Count("iad", 5, "app"),))
    assert found(*three, decided=(other, chosen("iad", 3))) is not None


def test_what_nobody_named_is_no_decision() -> None:
    """A scaling of one region says nothing of the others."""
    plan = dataclasses.replace(chosen("sjc", 1), places=(Place("app", "iad", 2, 2), Place("app", "sjc", 0, 1, True)))

    assert found(sized("m1"), sized("m2"), sized("m3", "sjc"), decided=(plan,)) is not None


def test_a_size_that_somebody_decided_stays() -> None:
    """As long as Machines have it; where a deployment undid it, the config counts again."""
    plan = chosen("iad", 1, machines=(there("m1"),), mendings=(Mending("m1", BIG), Mending("m1", None, "off")))
    big = [sized(m.id, m.region, size=BIG) for m in FLEET]

    assert found(*big, decided=(plan,)) is None
    assert found(*FLEET, decided=(plan,)) is None
    half = found(big[0], FLEET[1], decided=(plan,))
    assert half is not None
    assert half.request.sizes == (SizeWish("", 2048, 1, "shared"),)


def test_the_same_difference_has_the_same_hash() -> None:
    """Another Machine, count or setting is another one."""
    base = found(*FLEET, sized("m3"))
    assert base is not None
    again = found(*FLEET, sized("m3"))
    assert again is not None
    assert again.hash == base.hash
    for fleet in (
        (*FLEET, sized("m3"), sized("m4")),
        (FLEET[0], sized("m2", "sjc", size=BIG), sized("m3")),
        (FLEET[0],),
    ):
        other = found(*fleet)
        assert other is not None
        assert other.hash != base.hash


@pytest.mark.parametrize(
    ("machine", "moves"),
    [
        (sized("m2", "sjc"), False),
        (sized("m2", "sjc", state="stopped"), False),
        (sized("m2", "sjc", state="starting"), True),
        (sized("m2", "sjc", state="starting", host_status="unreachable"), False),
        (sized("m2", "sjc", image=NEW), True),
        (sized("m2", "sjc", image=NEW, standbys=["m1"]), False),
    ],
)
def test_machines_on_their_way_are_left_alone(machine: Machine, *, moves: bool) -> None:
    """States that pass and several images are somebody at work."""
    assert is_moving([FLEET[0], machine]) is moves
