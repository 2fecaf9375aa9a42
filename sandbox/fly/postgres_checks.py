"""What the three checks of a Postgres Machine say: `pg`, `role` and `vm`, line by line as the image prints them.

A check is `critical` as soon as one of its lines fails; `role` is one word, and `zombie` is a passing one.

Source: fly-apps/postgres-flex, internal/flycheck (pg.go, role.go, vm.go) and superfly/fly-checks, check/check.go
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.fly.machine import Machine
from sandbox.fly.model import App, Volume
from sandbox.fly.postgres import Cluster
from sandbox.fly.world import World

# The server's own processes, the daemon of repmgr and the check itself have a row in pg_stat_activity each.
OWN_SESSIONS = (
    ("autovacuum launcher", ""),
    ("logical replication launcher", "postgres"),
    ("checkpointer", ""),
    ("background writer", ""),
    ("walwriter", ""),
    ("client backend", "repmgr"),
    ("client backend", "flypgadmin"),
)
READ_ONLY_PERCENT = 90.0
FULL_PERCENT = 95.1
# Of a volume's bytes, what its file system has to give.
FILE_SYSTEM_SHARE = 0.9617
PRESSURE_S = 4.6
UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Line:
    name: str
    text: str
    took: str
    passes: bool = True

    def __str__(self) -> str:
        return f"[{'✓' if self.passes else '✗'}] {self.name}: {self.text} ({self.took})"


@dataclass(frozen=True)
class Disk:
    """The file system of the data, in bytes."""

    size: float
    used: float

    @property
    def free(self) -> float:
        return self.size - self.used

    @property
    def used_percent(self) -> float:
        return self.used / self.size * 100


class Member:
    """One Machine of a cluster, as its checks and its SQL see it now."""

    def __init__(self, world: World, app: App, machine: Machine) -> None:
        assert app.postgres is not None
        self.world = world
        self.app = app
        self.machine = machine
        self.cluster: Cluster = app.postgres

    @property
    def is_primary(self) -> bool:
        return self.cluster.primary in {None, self.machine.id}

    @property
    def is_zombie(self) -> bool:
        return self._has_fault("zombie")

    @property
    def is_read_only(self) -> bool:
        """Whether it refuses writes: fenced, locked, too full, or a replica."""
        return not self.is_primary or self.is_zombie or self.has_read_only_lock

    @property
    def has_read_only_lock(self) -> bool:
        is_full = self.disk().used_percent > READ_ONLY_PERCENT
        return self.cluster.locked or is_full or self._has_fault("database_read_only")

    @property
    def replication_lag_s(self) -> float:
        """How far behind a replica is; 0 on the primary."""
        fault = self.world.faults.peek("replication_lag", *self.machine.fault_targets)
        if self.is_primary:
            return 0.0
        return (fault.seconds or 300.0) if fault else 0.0

    def role(self) -> str:
        if self.is_zombie:
            return "zombie"
        return "primary" if self.is_primary else "replica"

    def consumers(self) -> list[Machine]:
        """Running Machines of the apps whose secrets name this cluster."""
        apps = self.world.users_of_app(self.app.name)
        return [m for app in apps for m in app.active_machines() if m.state == "started" and not m.is_job]

    def client_sessions(self) -> int:
        """Connections of apps; they are all on the primary."""
        return len(self.consumers()) * self.cluster.per_machine if self.is_primary else 0

    def sessions(self) -> int:
        """Rows in pg_stat_activity, the server's own among them."""
        fault = self.world.faults.peek("connections_exhausted", *self.machine.fault_targets)
        if fault is not None:
            free = self.cluster.max_connections - self.cluster.reserved_connections
            return int(fault.detail.get("used", free))
        return min(len(OWN_SESSIONS) + self.client_sessions(), self.cluster.max_connections)

    def volume(self) -> Volume | None:
        return next((v for v in self.app.volumes.values() if v.attached_machine_id == self.machine.id), None)

    def disk(self) -> Disk:
        volume = self.volume()
        size = (volume.filesystem_gb if volume else 1) * 2**30 * FILE_SYSTEM_SHARE
        used = float(self.cluster.used_bytes)
        fault = self.world.faults.peek("disk_full", *self.machine.fault_targets)
        if fault is not None:
            percent = float(fault.detail.get("percent", FULL_PERCENT))
            # It filled up once: a larger volume makes room again.
            used = max(used, self.cluster.ballast_bytes.setdefault(fault.id, int(size * percent / 100)))
        return Disk(size, min(used, size))

    def report(self, check: str) -> tuple[str, str]:
        """Status and output of a check by its name; of another check than the three, what a healthy one says."""
        if check == "role":
            return "passing", self.role()
        if check == "vm":
            return _outcome(self._vm_lines())
        if check != "pg":
            return "passing", ""
        if self.sessions() >= self.cluster.max_connections:
            error = "FATAL: sorry, too many clients already (SQLSTATE 53300)"
            return "critical", f"failed to connect with local node: failed to connect: server error ({error})"
        return _outcome(self._pg_lines())

    def _pg_lines(self) -> Iterator[Line]:
        cluster = self.cluster
        text = f"{self.sessions()} used, {cluster.reserved_connections} reserved, {cluster.max_connections} max"
        yield Line("connections", text, "4.2ms")
        if not self.is_primary:
            return
        lock = "zombie.lock" if self.is_zombie else "readonly.lock" if self.has_read_only_lock else None
        yield Line("cluster-locks", f"`{lock}` detected" if lock else "No active locks detected", "13.1µs", not lock)
        percent = self.disk().used_percent
        is_full = percent > READ_ONLY_PERCENT
        rest = "enabled, extend your volume to re-enable writes"
        text = rest if is_full else f"will be enabled at {READ_ONLY_PERCENT:.1f}%"
        yield Line("disk-capacity", f"{percent:.1f}% - readonly mode {text}", "19.84µs", not is_full)

    def _vm_lines(self) -> Iterator[Line]:
        disk = self.disk()
        share = disk.free / disk.size
        yield Line("checkDisk", f"{data_size(disk.free)} ({share:.1%}) free space on /data/", "31.9µs", share >= 0.1)
        yield Line("checkLoad", "load averages: 0.00 0.02 0.05", "68.1µs")
        if self._has_fault("out_of_memory"):
            text = f"system spent {PRESSURE_S}s of the last 10 seconds waiting on memory"
            yield Line("memory", text, "41.5µs", passes=False)
        else:
            yield Line("memory", "system spent 0s of the last 60s waiting on memory", "41.5µs")
        yield Line("cpu", "system spent 930ms of the last 60s waiting on cpu", "26.2µs")
        yield Line("io", "system spent 24ms of the last 60s waiting on io", "25.5µs")

    def _has_fault(self, kind: str) -> bool:
        return self.world.faults.peek(kind, *self.machine.fault_targets) is not None


def _outcome(lines: Iterator[Line]) -> tuple[str, str]:
    found = list(lines)
    status = "passing" if all(line.passes for line in found) else "critical"
    return status, "\n".join(str(line) for line in found)


def data_size(size: float) -> str:
    """Bytes in units of 1,024 with at most two digits after the point: `660.8 MB`."""
    power = 0
    while size >= 1024 and power < len(UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{round(size, 2):g} {UNITS[power]}"


def vitals(world: World, app: App, machine: Machine, check: str) -> tuple[str, str]:
    """What a check of a Postgres Machine says now: its status and its output."""
    return Member(world, app, machine).report(check)
