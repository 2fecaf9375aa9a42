"""What Fly asks per month for what an app has: an estimate in US dollars for 30 days, without traffic and discounts.

Source: https://fly.io/docs/about/pricing/, as read in November 2026. A started Machine costs by the second, its
region's mark-up on top; a stopped one costs the space of its root file system; a volume costs whether it is attached
or not; a dedicated IPv4 address costs, the other addresses do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.fly.images import LAYER_BYTES
from sandbox.fly.machine import Machine
from sandbox.fly.model import App
from sandbox.kit import Json

SOURCE = "https://fly.io/docs/about/pricing/"
READ_IN = "November 2026"
MONTH_S = 30 * 24 * 3600
GB = 1024**3
# Dollars per second in Ashburn. The price of a CPU includes some memory; what exceeds it is paid per GB.
CPU_S = {"shared": 0.000_000_75, "performance": 0.000_011_96}
INCLUDED_GB = {"shared": 0.25, "performance": 2.0}
MEMORY_GB_S = 0.000_001_93
# How many times the price of Ashburn a region costs.
MARK_UP = {
    "ams": 1.038461538,
    "arn": 1.038461538,
    "cdg": 1.134615385,
    "dfw": 1.25,
    "ewr": 1.0,
    "fra": 1.153846154,
    "gru": 1.615384615,
    "iad": 1.0,
    "jnb": 1.302884615,
    "lax": 1.199519231,
    "lhr": 1.134615385,
    "nrt": 1.307692308,
    "ord": 1.25,
    "sin": 1.269230769,
    "sjc": 1.192307692,
    "syd": 1.269230769,
    "yyz": 1.115384615,
}
ROOTFS_GB = 0.15
VOLUME_GB = 0.15
SNAPSHOT_GB, SNAPSHOTS_FREE_GB = 0.08, 10.0
DEDICATED_IPV4 = 2.0


@dataclass(frozen=True)
class Month:
    """Dollars per month: as it runs now, with every Machine asleep, and with every Machine awake."""

    now: float
    asleep: float
    awake: float

    def to_json(self) -> Json:
        """In whole cents."""
        return {"now": round(self.now, 2), "asleep": round(self.asleep, 2), "awake": round(self.awake, 2)}


def machine_month(guest: Json, region: str) -> float:
    """A Machine that runs all the time; a region without a published mark-up counts as Ashburn."""
    kind, cpus = guest["cpu_kind"], guest["cpus"]
    extra_gb = max(0.0, guest["memory_mb"] / 1024 - cpus * INCLUDED_GB[kind])
    return float((cpus * CPU_S[kind] + extra_gb * MEMORY_GB_S) * MONTH_S * MARK_UP.get(region, 1.0))


def stopped_month() -> float:
    """A Machine that is stopped all the time, with an image of the size that the simulated ones have."""
    return LAYER_BYTES / GB * ROOTFS_GB


def app_month(app: App) -> Month:
    """An app with its Machines, volumes and addresses; its snapshots are the organisation's."""
    kept = sum(volume.size_gb for volume in app.volumes.values() if not volume.is_gone) * VOLUME_GB
    kept += sum(address.type == "v4" for address in app.addresses) * DEDICATED_IPV4
    machines = app.active_machines()
    stopped = stopped_month()
    return Month(
        kept + sum(_awake(machine) if machine.wants_to_run else stopped for machine in machines),
        kept + stopped * len(machines),
        kept + sum(_awake(machine) for machine in machines),
    )


def _awake(machine: Machine) -> float:
    return machine_month(machine.config["guest"], machine.region)


def snapshots_month(stored_bytes: float) -> float:
    """The snapshots of all volumes of an organisation, the first 10 GB of which are free."""
    return max(0.0, stored_bytes / GB - SNAPSHOTS_FREE_GB) * SNAPSHOT_GB
