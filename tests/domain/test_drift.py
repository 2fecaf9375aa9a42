"""What counts as drift, what it is told as, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.drift import Drift, drifts, short
from bot.domain.model import Environment, Image, Machine
from tests.builders import NEW, OLD, environment, machine

IAD, SJC = machine("148e01"), machine("9080aa", region="sjc")


def configured(base: Machine, *, memory_mb: int = 1024, **service: Any) -> Machine:
    """The Machine with a size and one service of these settings."""
    config = {"guest": {"memory_mb": memory_mb}, "services": [{"autostop": False} | service]}
    return machine(base.id, region=base.region, config=config)


def found(*machines: Machine, env: Environment | None = None, **facts: Any) -> list[str]:
    """The drifts of these Machines as whole texts."""
    given = [m if m.config.get("guest") or not m.config else configured(m) for m in machines]
    return [f"{d.what} {d.expected} {d.mend}" for d in drifts(env or environment(), given, **facts)]


def only(*machines: Machine, env: Environment | None = None, **facts: Any) -> Drift:
    (drift,) = drifts(env or environment(), machines, **facts)
    return drift


def test_machines_as_the_config_wants_them_are_no_drift() -> None:
    """One image, one Machine in each region, memory and auto stop as configured."""
    assert found(IAD, SJC) == []


def test_two_images_are_told_with_where_each_runs() -> None:
    """Which image is on which Machine, and what to type to bring them together."""
    there = machine("9080aa", region="sjc", image=NEW, config=configured(SJC).config)

    drift = only(configured(IAD), there)

    assert drift.what == "The Machines run 2 different images: `dd085a7` on iad 148e01; `844d600` on sjc 9080aa."
    assert "/deploy reify-studio/production dd085a7" in drift.mend


def test_many_images_on_many_machines_stay_readable() -> None:
    """Three images and three Machines of each are named, the rest is counted."""
    config = configured(IAD).config
    images = [Image("r", f"l{number}", f"sha256:{number}") for number in range(5)]
    many = [machine(f"m{n}", image=images[n // 4], config=config) for n in range(20)]

    text = drifts(environment(regions={"iad": 20}), many)[0].what

    assert "5 different images: `l0` on 4 Machines (iad m0, iad m1, iad m2, …)" in text
    assert text.endswith("; and 2 more.")


def test_while_a_deployment_runs_what_it_changes_is_no_drift() -> None:
    """Images, counts, releases and stopped Machines differ for a reason; sizes do not."""
    moving = machine("9080aa", region="sjc", image=NEW, state="stopped", config=configured(SJC, memory_mb=512).config)

    drift = only(configured(IAD), moving, configured(machine("m3")), is_moving=True)

    assert "512 MB" in drift.what


def test_a_missing_machine_names_region_and_command() -> None:
    """A region without its Machine: what the config says, and how to scale there."""
    drift = only(configured(IAD))

    assert "sjc has 0" in drift.what
    assert drift.expected == "By the config: iad 1, sjc 1."
    assert "`fly scale count app=1 --region sjc -a reify-studio`" in drift.mend


def test_an_app_without_machines_lacks_all_of_them() -> None:
    """Nothing there is a difference in number, and nothing else."""
    assert "iad has 0, sjc has 0" in only().what


def test_a_region_beyond_the_config_is_told() -> None:
    """A Machine where none should be is as wrong as a missing one."""
    assert "fra has 1" in only(configured(IAD), configured(SJC), configured(machine("m3", region="fra"))).what


def test_standby_machines_and_workers_do_not_count() -> None:
    """The config speaks of the Machines that serve people: standbys wait, and groups without services are apart."""
    config = configured(IAD).config | {"standbys": ["148e01"]}
    standby = machine("m3", config=config, state="stopped")
    worker = machine(
        "m4", config={"guest": {"memory_mb": 256}}, metadata=IAD.metadata | {"fly_process_group": "worker"}
    )

    assert found(configured(IAD), configured(SJC), standby, worker) == []


def test_where_no_group_has_services_all_machines_count() -> None:
    """An app of workers alone is compared as a whole."""
    config = {"guest": {"memory_mb": 1024}}

    assert "sjc has 0" in only(machine("m1", config=config)).what


def test_each_group_that_serves_is_counted_apart() -> None:
    """Two groups with services: the one that lacks a Machine is named."""
    web = [configured(IAD), configured(SJC)]
    admin = machine("m3", config=configured(IAD).config, metadata=IAD.metadata | {"fly_process_group": "admin"})

    drift = only(*web, admin)

    assert "of the group admin" in drift.what
    assert "fly scale count admin=1 --region sjc" in drift.mend


@pytest.mark.parametrize(
    ("versions", "newest", "said"),
    [
        (("41", "42"), "42", "different releases: v41, v42"),
        (("41", "41"), "42", "release v41, and Fly's newest is v42"),
        (("41", "41"), "41", ""),
        (("41", "41"), "", ""),
        (("", ""), "42", ""),
    ],
)
def test_releases_that_do_not_fit_are_told(versions: tuple[str, str], newest: str, said: str) -> None:
    """The Machines' release and Fly's newest complete one should be the same, where both are known."""
    machines = [
        machine(m.id, region=m.region, config=configured(m).config, metadata=m.metadata | {"fly_release_version": v})
        for m, v in zip((IAD, SJC), versions, strict=True)
    ]

    texts = found(*machines, newest_release=newest)

    assert said in "".join(texts)
    assert bool(texts) == bool(said)


@pytest.mark.parametrize("memory_mb", [512, 2048])
def test_another_size_is_told(memory_mb: int) -> None:
    """What the Machine has, what the config says, and the command that mends it."""
    drift = only(configured(IAD, memory_mb=memory_mb), configured(SJC))

    assert drift.what == f"iad 148e01: {memory_mb} MB of memory."
    assert drift.expected == "1024 MB."
    assert "fly scale memory 1024 -a reify-studio" in drift.mend


def test_an_unknown_size_is_not_taken_for_the_right_one() -> None:
    """A config without a guest: the size is unknown, and said so."""
    bare = machine("148e01", config={"services": [{"autostop": "off"}]})

    assert "an unknown number of MB" in only(bare, configured(SJC)).what


@pytest.mark.parametrize(
    ("stored", "wanted", "said"),
    [
        (False, "off", ""),
        (None, "off", ""),
        ("off", "off", ""),
        (True, "stop", ""),
        ("suspend", "suspend", ""),
        (True, "off", "auto stop is `stop`"),
        ("suspend", "stop", "auto stop is `suspend`"),
    ],
)
def test_auto_stop_is_compared_in_one_spelling(stored: object, wanted: str, said: str) -> None:
    """Fly stores words and booleans; only another meaning is a difference."""
    machines = [configured(m, autostop=stored) for m in (IAD, SJC)]

    texts = found(*machines, env=environment(auto_stop=wanted))

    assert bool(texts) == bool(said)
    assert said in "".join(texts)


@pytest.mark.parametrize(("auto_stop", "is_drift"), [("stop", True), ("off", False)])
def test_min_machines_counts_only_where_machines_may_stop(auto_stop: str, is_drift: bool) -> None:
    """Fly ignores the number where auto stop is off, and so does the status."""
    machines = [configured(m, autostop=auto_stop, min_machines_running=1) for m in (IAD, SJC)]

    assert (
        any("at least 1 Machines stay awake" in t for t in found(*machines, env=environment(auto_stop=auto_stop)))
        is is_drift
    )


def test_a_stopped_machine_where_nothing_stops_them_is_told() -> None:
    """Auto stop is off and a Machine is stopped: nobody wakes it."""
    stopped = machine("148e01", state="stopped", config=configured(IAD).config)

    drift = only(stopped, configured(SJC))

    assert "iad 148e01: stopped" in drift.what
    assert "fly machine start" in drift.mend


def test_an_unreachable_host_is_told_and_its_machine_not_compared() -> None:
    """Without a config nothing is known of size and auto stop, so nothing is claimed."""
    hidden = machine("148e01", config={}, host_status="unreachable", checks=())

    drift = only(hidden, configured(SJC))

    assert "iad 148e01: the host is unreachable" in drift.what


def test_an_unmanaged_machine_is_told_and_those_of_fly_itself_are_not() -> None:
    """A Machine without a group is passed by; a release command's is Fly's own affair."""
    strange = machine("m3", metadata={})
    command = machine("m4", metadata=IAD.metadata | {"fly_process_group": "fly_app_release_command"})
    gone = machine("m5", metadata={}, state="destroyed")

    drift = only(configured(IAD), configured(SJC), strange, command, gone)

    assert "iad m3: not managed" in drift.what
    assert "m4" not in drift.what


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (OLD, "dd085a7"),
        (Image("r", "by-hand"), "by-hand"),
        (Image("r", "", "sha256:0123456789abcdef"), "0123456789ab"),
        (Image("r"), "an unknown image"),
    ],
)
def test_an_image_is_named_by_what_people_know_it_by(image: Image, said: str) -> None:
    """The commit, else the label, else the digest."""
    assert short(image) == said
