"""Who is made, changed, started and destroyed by a scaling, and what that costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Machine
from bot.domain.scale import Count, Mending, Place, SizeWish
from bot.domain.scale_deeds import (
    Look,
    configured_counts,
    configured_sizes,
    cost,
    creations,
    faced,
    mendings,
    removals,
    sizes_then,
    starts,
)
from bot.domain.size import Size
from tests.builders import NEW, environment
from tests.domain.scaled import FLEET, GB, facts, mounted, sized, volume, worker

BIG = Size("shared", 1, 2048)


def look(*counts: Count, **given: Any) -> Look:
    """What is asked for, made whole."""
    return Look(facts(*counts, **given))


def going(*counts: Count, **given: Any) -> tuple[list[str], list[str]]:
    """Who is destroyed, and who is refused as the only copy."""
    gone, refused = removals(look(*counts, **given))
    return [removal.machine for removal in gone], [machine.id for machine in refused]


def test_what_is_not_named_stays() -> None:
    """Every place where there is something is told, with what is asked for beside it."""
    assert look(Count("iad", 3), Count("fra", 1)).places == (
        Place("app", "fra", 0, 1, is_named=True),
        Place("app", "iad", 1, 3, is_named=True),
        Place("app", "sjc", 1, 1),
    )


def test_new_machines_are_like_a_healthy_one_of_their_region() -> None:
    """On the image of most, in its size, each with a place of its own."""
    machines = (*FLEET, sized("m0", "sjc", image=NEW), sized("m3", "sjc", checks=()))

    made = list(creations(look(Count("sjc", 5), machines=machines)))

    assert [(creation.slot, creation.model) for creation in made] == [("app/sjc/4", "m2"), ("app/sjc/5", "m2")]
    assert {creation.size for creation in made} == {GB}


def test_a_new_machine_gets_a_volume_that_nobody_uses() -> None:
    """Of the same name and region, each only once; then a new one of the model's size."""
    volumes = (volume("vol_1", of="m1"), volume("vol_2"), volume("vol_3", "sjc"), volume("vol_4", name="other"))
    made = list(creations(look(Count("iad", 3), machines=(mounted("m1"),), volumes=volumes)))

    assert [(c.volume, c.volume_id, c.volume_gb) for c in made] == [("data", "vol_2", 3), ("data", "", 3)]


def test_nothing_is_made_where_nobody_is_well() -> None:
    """The policy refuses that; here it is nothing."""
    assert list(creations(look(Count("iad", 2), machines=(sized("m1", state="failed"),)))) == []


def test_the_newest_without_a_volume_goes_first() -> None:
    """Those with a volume only where a copy of it stays."""
    machines = (
        sized("old", created_at="2026-11-01"),
        sized("new", created_at="2026-11-20"),
        mounted("vol", created_at="2026-11-22"),
        mounted("copy", "sjc", created_at="2026-11-23"),
    )

    assert going(Count("iad", 2), machines=machines) == (["new"], [])
    assert going(Count("iad", 1), machines=machines) == (["new", "old"], [])
    assert going(Count("iad", 0), machines=machines) == (["new", "old", "vol"], [])
    assert going(Count("iad", 0), Count("sjc", 0), machines=machines)[1] == ["copy"]


def test_a_removal_knows_the_volume_that_it_leaves() -> None:
    """So that the plan can say that it goes on costing."""
    machines = (mounted("m1", created_at="1"), mounted("m2", created_at="2"))

    gone, _ = removals(look(Count("iad", 1), machines=machines, volumes=(volume("vol_2", of="m2"),)))

    assert [(removal.machine, removal.volume_id) for removal in gone] == [("m2", "vol_2")]


@given(
    st.lists(st.tuples(st.sampled_from(["iad", "sjc"]), st.sampled_from(["", "data", "logs"])), min_size=1, max_size=7),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_no_only_copy_is_ever_destroyed(fleet: list[tuple[str, str]], iad: int, sjc: int) -> None:
    """Whatever is asked for: each volume's name that there was is still mounted somewhere."""
    machines: list[Machine] = [
        mounted(f"m{n}", region, name=name) if name else sized(f"m{n}", region)
        for n, (region, name) in enumerate(fleet)
    ]
    counts = (Count("iad", iad), Count("sjc", sjc))

    gone, refused = going(*counts, machines=tuple(machines))

    names = {f"m{n}": name for n, (_, name) in enumerate(fleet) if name}
    assert {name for machine, name in names.items() if machine not in gone} == set(names.values())
    there = Counter(region for region, _ in fleet)
    too_many = sum(max(0, there[count.region] - count.count) for count in counts)
    assert len(gone) + len(refused) == too_many


def test_a_size_is_changed_where_it_is_another() -> None:
    """Not on whoever goes, nor where Fly shows no config."""
    machines = (*FLEET, sized("m3", "sjc", size=BIG), sized("m4", config={}), sized("m5", size=None))
    asked = {"sizes": (SizeWish(memory_mb=2048),)}

    found = list(mendings(look(machines=machines, asked=asked), {"m2"}))

    assert found == [Mending("m1", BIG)]
    assert sizes_then(facts(machines=machines, asked=asked)) == {"app": BIG}
    assert sizes_then(facts(machines=machines)) == {}


def test_what_sleeps_otherwise_than_configured_is_changed() -> None:
    """Only where the configuration is asked for, and only on Machines that serve people."""
    env = environment(auto_stop="stop", min_machines=1)
    machines = (
        sized("m1", service={"autostop": "stop", "min_machines_running": 1}),
        sized("m2", service={"autostop": True}),
        sized("m3"),
        worker("w1"),
    )

    assert list(mendings(look(machines=machines, env=env), set())) == []
    assert list(mendings(look(machines=machines, env=env, asked={"as_configured": True}), set())) == [
        Mending("m2", min_machines=1),
        Mending("m3", auto_stop="stop", min_machines=1),
    ]


def test_sleepers_are_started_where_nobody_may_sleep() -> None:
    """Not those that go, and not where the configuration lets them sleep."""
    machines = (FLEET[0], sized("m2", "sjc", state="stopped"), sized("m3", "sjc", state="suspended"))
    asked = {"as_configured": True}

    assert list(starts(look(machines=machines, asked=asked), {"m3"})) == ["m2"]
    assert list(starts(look(machines=machines), set())) == []
    assert list(starts(look(machines=machines, asked=asked, env=environment(auto_stop="stop")), set())) == []


def test_the_config_speaks_of_those_that_serve_people() -> None:
    """Of all where nobody has services; standby Machines are not counted."""
    standby = sized("m3", standbys=["m1"])

    assert faced([*FLEET, worker("w1")]) == list(FLEET)
    assert faced([worker("w1")]) == [worker("w1")]
    assert configured_counts(environment(), [*FLEET, standby, sized("m4", "fra")]) == (
        Count("fra", 0, "app"),
        Count("iad", 1, "app"),
        Count("sjc", 1, "app"),
    )
    assert configured_sizes(environment(), FLEET) == (SizeWish("app", 1024),)


def test_a_month_costs_what_runs_and_what_is_kept() -> None:
    """Machines by region and size, volumes by their size; those that stay behind go on costing."""
    machines, volumes = (mounted("m1"), mounted("m2")), (volume("vol_1", of="m1"), volume("vol_2", of="m2"))
    made = look(Count("iad", 3), machines=machines, volumes=volumes)
    fewer = look(Count("iad", 1), machines=machines, volumes=volumes)
    one, disk = 2.0 + 0.75 * 5.0, 3 * 0.15

    assert cost(made, list(creations(made)), set()).now == round(2 * one + 2 * disk, 2)
    assert cost(made, list(creations(made)), set()).then == round(3 * one + 3 * disk, 2)
    assert cost(fewer, [], {"m2"}).then == round(one + 2 * disk, 2)


def test_a_price_that_is_not_known_is_not_guessed() -> None:
    """Neither of a region nor of a size that Fly does not show."""
    elsewhere = look(Count("fra", 1))

    assert cost(elsewhere, list(creations(elsewhere)), set()).then is None
    assert cost(look(machines=(sized("m1", size=None),)), [], set()).now is None
