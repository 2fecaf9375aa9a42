"""The series that Fly's metrics have of an organisation, made of the world as it is.

Source: https://fly.io/docs/monitoring/metrics/#built-in-metrics
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sandbox.fly.machine import Machine
from sandbox.fly.model import App, Organization, Volume
from sandbox.fly.postgres_checks import OWN_SESSIONS, Member
from sandbox.fly.snapshots import used_bytes
from sandbox.fly.world import World

Labels = tuple[tuple[str, str], ...]
MIB = 2**20
# Of a Machine's memory, what its kernel leaves, and of that what an idle app does.
VISIBLE_SHARE, IDLE_SHARE, STARVED_SHARE = 0.94, 0.62, 0.02
LOAD = {"1": 0.05, "5": 0.02, "15": 0.0}


@dataclass(frozen=True)
class Series:
    """One series: its labels, `__name__` among them, and its value at a Unix time (a gauge's is that of now)."""

    labels: Labels
    value: Callable[[float], float]

    @classmethod
    def gauge(cls, name: str, value: float, **labels: str) -> Series:
        return cls.of(name, lambda _: value, **labels)

    @classmethod
    def of(cls, name: str, value: Callable[[float], float], **labels: str) -> Series:
        return cls(tuple(sorted({"__name__": name, **labels}.items())), value)


def series_of(world: World, organization: Organization) -> list[Series]:
    """Every series of an organisation's apps."""
    apps = [app for app in world.apps.values() if app.organization == organization.slug]
    return [series for app in apps for series in _app_series(world, app)]


def _app_series(world: World, app: App) -> Iterator[Series]:
    running = [machine for machine in app.active_machines() if machine.state == "started"]
    for machine in running:
        yield from _machine_series(world, machine)
        if machine.vitals is not None:
            yield from _database_series(Member(world, app, machine), _labels(machine))
    for volume in app.volumes.values():
        if not volume.is_gone:
            yield from _volume_series(world, app, volume)
    if any(machine.config.get("services") for machine in app.machines.values()):
        requests = partial(_requests, app)
        common = {"app": app.name, "region": next(iter(world.regions)), "host": _host(app.name), "status": "200"}
        yield Series.of("fly_edge_http_responses_count", requests, **common)
        yield Series.of("fly_app_http_responses_count", requests, **common)


def _requests(app: App, at: float) -> float:
    return float(bisect.bisect_right(app.visits, at))


def _machine_series(world: World, machine: Machine) -> Iterator[Series]:
    labels = _labels(machine)
    total = machine.config["guest"]["memory_mb"] * MIB * VISIBLE_SHARE
    starved = world.faults.peek("out_of_memory", *machine.fault_targets) is not None
    yield Series.gauge("fly_instance_up", 1, **labels)
    yield Series.gauge("fly_instance_memory_mem_total", total, **labels)
    share = STARVED_SHARE if starved else IDLE_SHARE
    yield Series.gauge("fly_instance_memory_mem_available", total * share, **labels)
    yield Series.gauge("fly_app_concurrency", 0, **labels)
    for minutes, load in LOAD.items():
        yield Series.gauge("fly_instance_load_average", load, minutes=minutes, **labels)
    last = next((event["request"]["exit_event"] for event in machine.events if event["type"] == "exit"), None)
    if last is not None:
        yield Series.gauge("fly_instance_exit_code", last["exit_code"], **labels)
        yield Series.gauge("fly_instance_exit_oom", int(last["oom_killed"]), **labels)


def _volume_series(world: World, app: App, volume: Volume) -> Iterator[Series]:
    labels = {"app": app.name, "region": volume.region, "host": _host(volume.id), "id": volume.id}
    size = volume.size_gb * 2**30
    yield Series.gauge("fly_volume_size_bytes", size, **labels)
    yield Series.gauge("fly_volume_used_pct", used_bytes(world, app, volume) / size * 100, **labels)


def _database_series(member: Member, labels: dict[str, str]) -> Iterator[Series]:
    clients = max(0, member.sessions() - len(OWN_SESSIONS))
    yield Series.gauge("pg_stat_activity_count", clients, state="idle", datname="postgres", **labels)
    yield Series.gauge("pg_stat_activity_count", len(OWN_SESSIONS), state="", datname="", **labels)
    yield Series.gauge("pg_stat_activity_max_tx_duration", 0, state="idle", datname="postgres", **labels)
    yield Series.gauge("pg_replication_lag", member.replication_lag_s, **labels)
    for database in member.cluster.databases.values():
        yield Series.gauge("pg_database_size_bytes", database.size_bytes, datname=database.name, **labels)


def _labels(machine: Machine) -> dict[str, str]:
    return {"app": machine.app, "instance": machine.id, "region": machine.region, "host": _host(machine.id)}


def _host(text: str) -> str:
    """Four hexadecimal characters, as hosts have them."""
    return hashlib.sha256(text.encode()).hexdigest()[:4]
