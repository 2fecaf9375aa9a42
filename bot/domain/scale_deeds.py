"""What a scaling does to which Machine: who is made, changed, started, destroyed. Pure.

Source of what a new Machine is like and of which one goes first: superfly/flyctl, internal/command/scale; Fly.io docs,
"Scale the number of Machines".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.domain.model import ASLEEP, Environment, Lease, Machine, Volume
from bot.domain.policy import OPEN_GROUND, Ground
from bot.domain.proof import crash, is_well
from bot.domain.scale import Cost, Count, Creation, Mending, Place, Removal, ScaleRequest, SizeWish
from bot.domain.size import Prices, Size


@dataclass(frozen=True)
class ScaleFacts:
    """What the policy looks at. `machines` are the app's own, standbys among them; `running` describes another
    operation. `regions` are the codes that Fly has; `leases` are other people's.
    """

    environment: Environment
    request: ScaleRequest
    machines: tuple[Machine, ...]
    volumes: tuple[Volume, ...]
    prices: Prices
    regions: frozenset[str]
    leases: tuple[Lease, ...] = ()
    running: str = ""
    ground: Ground = OPEN_GROUND


class Look:
    """What is asked for, made whole: counts and wishes with their process groups, and the Machines that are meant."""

    def __init__(self, facts: ScaleFacts) -> None:
        self.facts = facts
        self.machines = [machine for machine in facts.machines if not machine.is_standby]
        self.groups = sorted({machine.group for machine in self.machines})
        request = facts.request
        self.counts, self.wishes = request.counts, request.sizes
        named = {count.group for count in self.counts} | {wish.group for wish in self.wishes}
        self.is_ambiguous = "" in named and len(self.groups) > 1
        self.unknown_groups = sorted(named - {"", *self.groups})
        only = self.groups[0] if self.groups else ""
        self.counts = tuple(Count(c.region, c.count, c.group or only) for c in self.counts)
        self.wishes = tuple(SizeWish(w.group or only, w.memory_mb, w.cpus, w.cpu_kind) for w in self.wishes)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place that is named, and every one where there is something."""
        now = Counter((machine.group, machine.region) for machine in self.machines)
        then = now | Counter()
        named = {(count.group, count.region) for count in self.counts}
        for count in self.counts:
            then[count.group, count.region] = count.count
        return tuple(Place(*key, now[key], then[key], is_named=key in named) for key in sorted({*now, *then}))

    def wish(self, group: str) -> SizeWish | None:
        """What is wished for the size of a process group's Machines."""
        return next((wish for wish in self.wishes if wish.group == group), None)

    def size_then(self, machine: Machine) -> Size | None:
        """The size that a Machine has when all is done; None where Fly does not show its size."""
        size, wish = Size.of(machine.config), self.wish(machine.group)
        return wish.of(size) if wish is not None and size is not None else size


def faced(machines: Sequence[Machine]) -> list[Machine]:
    """The Machines that the config speaks of: those that serve people; where no process group has services, all."""
    groups = {machine.group for machine in machines if machine.config.get("services")}
    return [machine for machine in machines if machine.group in groups] or list(machines)


def configured_counts(environment: Environment, machines: Sequence[Machine]) -> tuple[Count, ...]:
    """What the config says of every region that it names, or in which there are Machines."""
    there = [machine for machine in faced(machines) if not machine.is_standby]
    regions = sorted({*environment.regions, *(machine.region for machine in there)})
    groups = sorted({machine.group for machine in there})
    return tuple(Count(region, environment.regions.get(region, 0), group) for group in groups for region in regions)


def configured_sizes(environment: Environment, machines: Sequence[Machine]) -> tuple[SizeWish, ...]:
    """What the config says of the size of those Machines."""
    groups = sorted({machine.group for machine in faced(machines)})
    return tuple(SizeWish(group, memory_mb=environment.memory_mb) for group in groups)


def sizes_then(facts: ScaleFacts) -> dict[str, Size]:
    """The size of each process group for which one is wished, as its Machines have it when all is done."""
    look = Look(facts)
    wanted = {wish.group for wish in look.wishes}
    sized = ((machine.group, look.size_then(machine)) for machine in look.machines if machine.group in wanted)
    return {group: size for group, size in sized if size is not None}


def models(look: Look, group: str, region: str) -> list[Machine]:
    """The Machines that a new one may be like, the best first: well, on the image of most, in the same region."""
    there = [machine for machine in look.machines if machine.group == group and machine.config]
    images = Counter(machine.image.digest for machine in there)
    usual = images.most_common(1)[0][0] if images else ""
    well = [m for m in there if m.image.digest == usual and is_well(m, was_asleep=False)]
    return sorted(well, key=lambda m: (m.region != region, not m.is_healthy, m.id))


def creations(look: Look) -> Iterator[Creation]:
    """The Machines to make; none of a group that has nobody healthy to be like."""
    free = [volume for volume in look.facts.volumes if not volume.machine_id]
    for place in look.places:
        like = models(look, place.group, place.region)
        size = look.size_then(like[0]) if like else None
        if size is None:
            continue
        mounts = like[0].config.get("mounts") or []
        name = str(mounts[0].get("name") or "") if mounts else ""
        for number in range(place.now + 1, place.then + 1):
            volume = next((v for v in free if v.name == name and v.region == place.region), None) if name else None
            if volume is not None:
                free.remove(volume)
            yield Creation(
                slot=f"{place.group}/{place.region}/{number}",
                group=place.group,
                region=place.region,
                model=like[0].id,
                size=size,
                volume=name,
                volume_id=volume.id if volume else "",
                volume_gb=(volume.size_gb if volume else int(mounts[0].get("size_gb") or 1)) if name else 0,
            )


def removals(look: Look) -> tuple[tuple[Removal, ...], list[Machine]]:
    """Who goes: the newest without a volume first; and who would have to go with the only copy of its volume."""
    going: list[Machine] = []
    refused: list[Machine] = []
    for place in look.places:
        too_many = place.now - place.then
        if too_many <= 0:
            continue
        there = [m for m in look.machines if (m.group, m.region) == (place.group, place.region)]
        by_age = sorted(there, key=lambda m: (m.created_at, m.id), reverse=True)
        ordered = [m for m in by_age if not m.has_volume] + [m for m in by_age if m.has_volume]
        for machine in ordered[:too_many]:
            (refused if machine.has_volume and not _has_copy(look, machine, going) else going).append(machine)
    volumes = {volume.machine_id: volume for volume in look.facts.volumes if volume.machine_id}
    removals = (Removal(m.id, volumes[m.id].id if m.id in volumes else "") for m in going)
    return tuple(removals), refused


def _has_copy(look: Look, machine: Machine, going: Sequence[Machine]) -> bool:
    """Whether another Machine of its group that stays has a volume of the same name."""
    names = _volume_names(machine)
    gone = {each.id for each in going} | {machine.id}
    return any(_volume_names(m) == names for m in look.machines if m.group == machine.group and m.id not in gone)


def _volume_names(machine: Machine) -> set[str]:
    return {str(mount.get("name") or mount.get("path")) for mount in machine.config.get("mounts") or []}


def mendings(look: Look, going: set[str]) -> Iterator[Mending]:
    """The Machines that stay and whose config changes."""
    environment, as_configured = look.facts.environment, look.facts.request.as_configured
    served = {machine.id for machine in faced(look.machines)}
    for machine in sorted(look.machines, key=lambda m: m.id):
        if machine.id in going or not machine.config:
            continue
        now, then = Size.of(machine.config), look.size_then(machine)
        size = then if then != now else None
        auto_stop = minimum = None
        if as_configured and machine.id in served:
            auto_stop = environment.auto_stop if auto_stop_differs(environment, machine) else None
            minimum = environment.min_machines if min_machines_differ(environment, machine) else None
        if size is not None or auto_stop is not None or minimum is not None:
            yield Mending(machine.id, size, auto_stop, minimum)


def auto_stop_differs(environment: Environment, machine: Machine) -> bool:
    """Whether a service of the Machine may be put to sleep otherwise than the config says."""
    words = {False: "off", None: "off", True: "stop"}
    services = machine.config.get("services") or []
    said = {words.get(service.get("autostop"), str(service.get("autostop"))) for service in services}
    return bool(said - {environment.auto_stop})


def min_machines_differ(environment: Environment, machine: Machine) -> bool:
    """Whether another number stays awake than the config says; Fly looks at it only where Machines may be stopped."""
    services = machine.config.get("services") or []
    said = {int(service.get("min_machines_running") or 0) for service in services}
    return environment.auto_stop != "off" and bool(said - {environment.min_machines})


def starts(look: Look, going: set[str]) -> Iterator[str]:
    """The Machines that sleep where nothing may put them to sleep."""
    environment = look.facts.environment
    if not look.facts.request.as_configured or environment.auto_stop != "off":
        return
    for machine in sorted(faced(look.machines), key=lambda m: m.id):
        # Starting what crashed mends nothing.
        if machine.state in ASLEEP and crash(machine) is None and machine.id not in going:
            yield machine.id


def cost(look: Look, creations: Sequence[Creation], going: set[str]) -> Cost:
    """USD for a month if all Machines run, with their volumes; a volume that is left behind goes on costing."""
    prices = look.facts.prices
    now = [prices.machine(size, m.region) if (size := Size.of(m.config)) else None for m in look.machines]
    staying = [m for m in look.machines if m.id not in going]
    then = [prices.machine(size, m.region) if (size := look.size_then(m)) else None for m in staying]
    then += [prices.machine(creation.size, creation.region) for creation in creations]
    there = sum(volume.size_gb for volume in look.facts.volumes) * prices.volume_gb
    made = sum(c.volume_gb for c in creations if c.volume and not c.volume_id) * prices.volume_gb
    return Cost(_total(now, there), _total(then, there + made), prices.as_of.isoformat())


def _total(parts: Sequence[float | None], more: float) -> float | None:
    known = [part for part in parts if part is not None]
    return round(sum(known) + more, 2) if len(known) == len(parts) else None
