"""Where the Machines of an environment are not as the config wants them, or not as one another. Pure.

Source: Fly.io docs, "Autostop/autostart Machines"; Fly Machines API, `fly.MachineConfig`; superfly/flyctl,
internal/machine (which Machines `fly deploy` sees).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.model import ASLEEP, RESERVED_GROUPS, Environment, Image, Machine

NAMED = 3
# Fly stores booleans for two of the three words.
AUTO_STOP_WORDS = {False: "off", None: "off", True: "stop"}


@dataclass(frozen=True)
class Drift:
    """One difference: what is so, what was expected, what to do about it. Whole sentences."""

    what: str
    expected: str
    mend: str


def drifts(
    environment: Environment, machines: Sequence[Machine], *, newest_release: str = "", is_moving: bool = False
) -> tuple[Drift, ...]:
    """Every difference, the one that hurts most first.

    `newest_release` is the version of Fly's newest complete release, where it is known. While `is_moving`, images,
    counts and releases differ for a reason and are left out.
    """
    look = _Look(environment, machines, newest_release)
    passing = [] if is_moving else [_images(look), _counts(look), _releases(look), _asleep(look)]
    standing = [_hosts(look), _memory(look), _auto_stop(look), _min_machines(look), _unmanaged(look)]
    return tuple(drift for found in (*passing, *standing) for drift in found)


class _Look:
    """What the rules look at. `faced` are the Machines that the config speaks of: those that serve people.

    Where no process group has services, all of them are.
    """

    def __init__(self, environment: Environment, machines: Sequence[Machine], newest_release: str) -> None:
        self.environment = environment
        self.machines = machines
        self.newest_release = newest_release
        self.serving = [machine for machine in machines if machine.is_serving]
        groups = {machine.group for machine in self.serving if machine.config.get("services")}
        self.faced = [machine for machine in self.serving if machine.group in groups] or self.serving
        # Of a Machine whose host is away Fly shows no config, which is not the same as a different one.
        self.readable = [machine for machine in self.faced if machine.config]


def _images(look: _Look) -> Iterator[Drift]:
    by_image = _grouped(look.serving, lambda machine: machine.image.digest or machine.image.reference)
    if len(by_image) < 2:
        return
    ordered = sorted(by_image.values(), key=len, reverse=True)
    told = "; ".join(f"`{short(found[0].image)}` on {_named(found)}" for found in ordered[:NAMED])
    more = f"; and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    yield Drift(
        f"The Machines run {len(ordered)} different images: {told}{more}.",
        "One image on all of them.",
        f"Deploy the one that should run, such as `/deploy {look.environment.title} {short(ordered[0][0].image)}`.",
    )


def _counts(look: _Look) -> Iterator[Drift]:
    wanted = dict(look.environment.regions)
    counted = [machine for machine in look.faced if not machine.is_standby]
    by_group = _grouped(counted, lambda machine: machine.group) or {"app": []}
    for group, found in sorted(by_group.items()):
        have = Counter(machine.region for machine in found)
        wrong = sorted(region for region in {*wanted, *have} if have[region] != wanted.get(region, 0))
        if not wrong:
            continue
        told = ", ".join(f"{region} has {have[region]}" for region in wrong)
        named = "" if len(by_group) == 1 else f" of the group {group}"
        counts = " and ".join(
            f"`fly scale count {group}={wanted.get(region, 0)} --region {region} -a {look.environment.app}`"
            for region in wrong[:2]
        )
        yield Drift(
            f"The number of Machines{named} is not the configured one: {told}.",
            "By the config: " + ", ".join(f"{region} {count}" for region, count in wanted.items()) + ".",
            f"Scale with {counts}, or change `regions` in flytower.toml.",
        )


def _releases(look: _Look) -> Iterator[Drift]:
    images = {machine.image.digest or machine.image.reference for machine in look.serving}
    versions = sorted({machine.release_version for machine in look.serving if machine.release_version})
    if len(images) > 1 or not versions:
        return
    if len(versions) > 1:
        what = f"The Machines belong to different releases: {', '.join(f'v{version}' for version in versions)}."
    elif look.newest_release and versions[0] != look.newest_release:
        what = f"The Machines belong to release v{versions[0]}, and Fly's newest is v{look.newest_release}."
    else:
        return
    yield Drift(
        what,
        "The newest complete release on all of them.",
        f"Somebody changed one without the other: see `fly releases -a {look.environment.app}`, then deploy again.",
    )


def _asleep(look: _Look) -> Iterator[Drift]:
    asleep = [machine for machine in look.faced if machine.state in ASLEEP and not machine.is_standby]
    if look.environment.auto_stop != "off" or not asleep:
        return
    yield Drift(
        f"{_named(asleep)}: stopped, and nothing in the config stops them.",
        "Started: `auto_stop` is `off`.",
        f"Start each with `fly machine start ID -a {look.environment.app}`, after a look at its log.",
    )


def _hosts(look: _Look) -> Iterator[Drift]:
    for status, found in _differing(look.serving, lambda machine: machine.host_status, "ok"):
        yield Drift(
            f"{_named(found)}: the host is {status}, and Fly shows no config.",
            "A host that answers.",
            f"Wait for Fly, or replace each with `fly machine clone ID -a {look.environment.app}`.",
        )


def _memory(look: _Look) -> Iterator[Drift]:
    wanted = look.environment.memory_mb
    for memory, found in _differing(look.readable, _memory_mb, wanted):
        yield Drift(
            f"{_named(found)}: {memory} MB of memory.",
            f"{wanted} MB.",
            f"`fly scale memory {wanted} -a {look.environment.app}`, which restarts them, or change `memory` in "
            "flytower.toml.",
        )


def _auto_stop(look: _Look) -> Iterator[Drift]:
    wanted = look.environment.auto_stop
    for words, found in _differing(look.readable, _auto_stop_words, wanted):
        yield Drift(
            f"{_named(found)}: auto stop is `{words}`.",
            f"`{wanted}`.",
            f'Set `auto_stop_machines = "{wanted}"` in the app\'s fly.toml and release it, or change `auto_stop` in '
            "flytower.toml.",
        )


def _min_machines(look: _Look) -> Iterator[Drift]:
    # Fly looks at the number only where Machines may be stopped.
    if look.environment.auto_stop == "off":
        return
    wanted = look.environment.min_machines
    for words, found in _differing(look.readable, _min_machines_words, str(wanted)):
        yield Drift(
            f"{_named(found)}: at least {words} Machines stay awake.",
            f"At least {wanted}.",
            f"Set `min_machines_running = {wanted}` in the app's fly.toml and release it, or change `min_machines` in "
            "flytower.toml.",
        )


def _unmanaged(look: _Look) -> Iterator[Drift]:
    strange = [m for m in look.machines if not m.is_managed and not m.is_gone and m.group not in RESERVED_GROUPS]
    if strange:
        yield Drift(
            f"{_named(strange)}: not managed, so that deployments pass them by.",
            "Every Machine made by a deployment: platform `v2` with a process group.",
            f"See what it is for, then `fly machine destroy ID -a {look.environment.app}`.",
        )


def _memory_mb(machine: Machine) -> int | str:
    return (machine.config.get("guest") or {}).get("memory_mb") or "an unknown number of"


def _auto_stop_words(machine: Machine) -> str:
    return _of_services(machine, lambda service: AUTO_STOP_WORDS.get(service.get("autostop"), service.get("autostop")))


def _min_machines_words(machine: Machine) -> str:
    return _of_services(machine, lambda service: service.get("min_machines_running") or 0)


def _of_services(machine: Machine, read: Callable[[Any], Any]) -> str:
    """One word for all services of a Machine; nothing for one without services, which the proxy leaves alone."""
    return " and ".join(sorted({str(read(service)) for service in machine.config.get("services") or []}))


def _differing(
    machines: Sequence[Machine], read: Callable[[Machine], Hashable], wanted: Hashable
) -> list[tuple[Hashable, list[Machine]]]:
    found = _grouped(machines, read)
    return [(value, those) for value, those in sorted(found.items(), key=str) if value not in {wanted, ""}]


def _grouped(machines: Sequence[Machine], read: Callable[[Machine], Any]) -> dict[Any, list[Machine]]:
    found: dict[Any, list[Machine]] = defaultdict(list)
    for machine in machines:
        found[read(machine)].append(machine)
    return dict(found)


def short(image: Image) -> str:
    """How a person recognises an image: the commit of its label, else the label, else the digest."""
    return image.sha[:7] or image.label or image.digest.removeprefix("sha256:")[:12] or "an unknown image"


def _name(machine: Machine) -> str:
    return f"{machine.region} {machine.id}"


def _named(machines: Sequence[Machine]) -> str:
    if len(machines) <= NAMED:
        return ", ".join(map(_name, machines))
    return f"{len(machines)} Machines ({', '.join(map(_name, machines[:NAMED]))}, …)"
