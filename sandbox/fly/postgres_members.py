"""The Machines of a Postgres cluster over time: who is the primary, who takes over, and when one goes to sleep.

Source: fly-apps/postgres-flex, internal/flypg (repmgr.go) and cmd/start/main.go (FLY_SCALE_TO_ZERO)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sandbox.fly.machine import Machine, seconds_of
from sandbox.fly.model import App
from sandbox.fly.postgres_checks import Member, vitals

if TYPE_CHECKING:
    from sandbox.fly.lifecycle import Lifecycle
    from sandbox.fly.world import World

# It goes on sleeping later while more clients than this are connected.
SLEEPY_CLIENTS = 1


def enlist(world: World, app: App, machine: Machine) -> None:
    """Make a Machine of a database's app a member of its cluster; the first one is the primary."""
    if app.postgres is None or machine.is_job:
        return
    machine.vitals = partial(vitals, world, app, machine)
    if app.postgres.primary not in app.machines:
        app.postgres.primary = machine.id


def started(lifecycle: Lifecycle, app: App, machine: Machine, at: float) -> None:
    """The server runs: settings that waited for it are in force, and it may fall asleep later."""
    if app.postgres is None or machine.vitals is None:
        return
    if app.postgres.primary == machine.id:
        app.postgres.server_starts()
    nap_s = _nap_s(machine)
    if nap_s:
        lifecycle.world.log(machine, at, f"Configured scale to zero with duration of {_go_duration(nap_s)}")
        lifecycle.world.plan(machine, at + nap_s, partial(_consider_sleep, lifecycle, app, machine))


def left(lifecycle: Lifecycle, app: App, machine: Machine, at: float) -> None:
    """A Machine stops running; if it was the primary, repmgr looks for another one."""
    world = lifecycle.world
    if app.postgres is not None and app.postgres.primary == machine.id:
        world.plan(None, at + world.durations.failover_s, partial(_fail_over, lifecycle, app))


def _fail_over(lifecycle: Lifecycle, app: App, at: float) -> None:
    cluster = app.postgres
    assert cluster is not None
    members = [m for m in app.active_machines() if m.vitals is not None]
    primary = next((m for m in members if m.id == cluster.primary), None)
    standing = [m for m in members if m.state == "started"]
    # Without more than half of the members nobody may be promoted: the other half might have a primary of its own.
    if primary in standing or len(standing) * 2 <= len(members):
        return
    found = next((m for m in standing if m.region == _primary_region(m)), None)
    if found is not None:
        cluster.primary = found.id
        lifecycle.world.log(found, at, "INFO: this node is the only available candidate and will now be promoted")
        found.updated_at = at


def _consider_sleep(lifecycle: Lifecycle, app: App, machine: Machine, at: float) -> None:
    clients = Member(lifecycle.world, app, machine).client_sessions()
    lifecycle.world.log(machine, at, f"Current connection count is {clients}")
    if clients <= SLEEPY_CLIENTS:
        lifecycle.exit(machine, at, code=0)
    else:
        lifecycle.world.plan(machine, at + _nap_s(machine), partial(_consider_sleep, lifecycle, app, machine))


def _nap_s(machine: Machine) -> float:
    """Seconds of `FLY_SCALE_TO_ZERO`; 0 where it is not set, or no duration."""
    text = (machine.config.get("env") or {}).get("FLY_SCALE_TO_ZERO")
    try:
        return seconds_of(text or None)
    except ValueError:
        return 0.0


def _go_duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return "".join(
        [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{seconds}s"],
    )


def _primary_region(machine: Machine) -> str:
    return str((machine.config.get("env") or {}).get("PRIMARY_REGION") or machine.region)
