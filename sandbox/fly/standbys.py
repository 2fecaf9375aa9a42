"""Standby Machines: one that is stopped starts when a Machine that it stands by for has lost its host.

Source: https://fly.io/docs/reference/app-availability/#standby-machines-for-process-groups-without-services
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import Machine
from sandbox.fly.world import World


@dataclass(frozen=True)
class Standbys:
    """Called whenever somebody looks at the world: hosts fail by a fault, which plans nothing by itself."""

    world: World
    lifecycle: Lifecycle

    def __call__(self) -> None:
        if not any(fault.kind == "host_unreachable" for fault in self.world.faults.all()):
            return
        for app in self.world.apps.values():
            for machine in app.active_machines():
                watched = machine.config.get("standbys") or []
                if machine.state == "stopped" and any(self._is_lost(app.machines.get(each)) for each in watched):
                    self.lifecycle.start(machine, source="flyd")

    def _is_lost(self, machine: Machine | None) -> bool:
        return machine is not None and machine.is_active and not self.world.host_is_reachable(machine)
