"""Fly's proxy, as far as it changes Machines: it wakes one for a request, and stops those that nobody needs.

Source: https://fly.io/docs/reference/fly-proxy-autostop-autostart/
"""

from __future__ import annotations

import re
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from sandbox.fly.machine import Machine
from sandbox.fly.model import App
from sandbox.kit import Json

if TYPE_CHECKING:
    from sandbox.fly.lifecycle import Lifecycle
    from sandbox.fly.world import World

VISITS_KEPT = 10_000
ASLEEP = frozenset({"stopped", "suspended"})
AWAKE = frozenset({"started", "starting"})
# An address behind the proxy. A name under `.internal` goes to a Machine itself and wakes nobody.
FLYCAST = re.compile(r"[@/]([a-z0-9-]+)\.flycast\b")
INTERNAL = re.compile(r"[@/.]([a-z0-9-]+)\.internal\b")


def request(lifecycle: Lifecycle, app: App, at: float) -> Machine | None:
    """Somebody asks for an app; the Machine that was started for it, or None where none was needed or none may be."""
    world = lifecycle.world
    app.visits.append(at)
    del app.visits[:-VISITS_KEPT]
    machines = app.active_machines()
    if any(machine.state in AWAKE and _services(machine) and not machine.cordoned for machine in machines):
        return None
    for machine in machines:
        if machine.state in ASLEEP and not machine.cordoned and _may_start(machine) and _has_room(world, machine):
            world.log(machine, at, "Starting machine", provider="proxy")
            lifecycle.start(machine, at=at, source="proxy")
            return machine
    return None


def reached_by(value: str) -> str | None:
    """The app whose proxy address a text such as a `DATABASE_URL` names."""
    found = FLYCAST.search(value)
    return found[1] if found else None


def named_in(value: str) -> str | None:
    """The app whose private host a text names, behind the proxy or not."""
    found = FLYCAST.search(value) or INTERNAL.search(value)
    return found[1] if found else None


def watch(lifecycle: Lifecycle, app: App, at: float) -> None:
    """See to it that the proxy looks for idle Machines of an app in some minutes."""
    pass_s = lifecycle.world.durations.proxy_pass_s
    if pass_s and not app.has_proxy_pass and any(_may_stop(machine) for machine in app.active_machines()):
        app.has_proxy_pass = True
        lifecycle.world.plan(None, at + pass_s, partial(_pass, lifecycle, app))


def _pass(lifecycle: Lifecycle, app: App, at: float) -> None:
    app.has_proxy_pass = False
    if lifecycle.world.apps.get(app.name) is not app:
        return
    running = [m for m in app.active_machines() if m.state == "started" and _may_stop(m)]
    running.sort(key=lambda m: (m.region, m.process_group))
    for (region, group), found in groupby(running, key=lambda m: (m.region, m.process_group)):
        _stop_one(lifecycle, app, list(found), at, f"region={region}, process group={group}")
    if running:
        watch(lifecycle, app, at)


def _stop_one(lifecycle: Lifecycle, app: App, running: list[Machine], at: float, where: str) -> None:
    """Stop one Machine of a region where there are more than its requests need."""
    world = lifecycle.world
    idle_since = at - world.durations.proxy_pass_s
    busy = bool(app.visits) and app.visits[-1] > idle_since
    # One request at a time never fills a Machine, so that a busy region needs exactly one.
    kept = max(int(busy), _minimum(running[0]))
    idle = [m for m in running if m.started_at is not None and m.started_at <= idle_since and not m.lease_at(at)]
    if not idle or len(running) <= kept:
        return
    machine = idle[-1]
    left = f"{len(running) - 1} out of {len(running)} machines left running ({where})"
    text = f"App {app.name} has excess capacity, autostopping machine {machine.id}. {left}"
    world.log(machine, at, text, provider="proxy")
    act = lifecycle.suspend if _autostop(machine) == "suspend" else lifecycle.stop
    act(machine, at=at, source="proxy")


def _minimum(machine: Machine) -> int:
    """How many Machines stay awake: `min_machines_running` counts in the primary region only."""
    primary = (machine.config.get("env") or {}).get("PRIMARY_REGION")
    if primary not in {None, machine.region}:
        return 0
    return max((int(service.get("min_machines_running") or 0) for service in _services(machine)), default=0)


def _services(machine: Machine) -> list[Json]:
    return list(machine.config.get("services") or [])


def _autostop(machine: Machine) -> str:
    return next((s["autostop"] for s in _services(machine) if s.get("autostop") in {"stop", "suspend"}), "off")


def _may_stop(machine: Machine) -> bool:
    return _autostop(machine) != "off" and not machine.is_job


def _may_start(machine: Machine) -> bool:
    return any(service.get("autostart", True) for service in _services(machine))


def _has_room(world: World, machine: Machine) -> bool:
    targets = (machine.region, machine.id, machine.app)
    return world.faults.peek("no_capacity", *targets) is None and world.host_is_reachable(machine)
