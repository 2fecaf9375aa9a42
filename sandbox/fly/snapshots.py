"""Volumes and their snapshots over time: the daily copy, its retention, restoring, and what is left of a destroyed one.

Source: https://fly.io/docs/volumes/snapshots/ and https://fly.io/docs/volumes/volume-states/
"""

from __future__ import annotations

from functools import partial

from sandbox.fly.model import App, Snapshot, Volume
from sandbox.fly.postgres_checks import Member
from sandbox.fly.world import World

# What an incremental snapshot of an idle volume takes.
SMALLEST_BYTES = 1_048_576


def used_bytes(world: World, app: App, volume: Volume) -> int:
    """What is written to a volume; a database's is what its data takes, and stays when its Machine goes."""
    machine = app.machines.get(volume.attached_machine_id or "")
    if machine is not None and machine.vitals is not None:
        volume.used_bytes = int(Member(world, app, machine).disk().used)
    return volume.used_bytes


def find(world: World, organization: str, snapshot_id: str) -> Snapshot | None:
    """A snapshot of any volume of an organisation that is complete and was not removed yet."""
    for app in world.apps.values():
        if app.organization == organization:
            for volume in (*app.volumes.values(), *app.buried_volumes):
                for snapshot in volume.snapshots:
                    if snapshot.id == snapshot_id and snapshot.status == "created":
                        return snapshot
    return None


def take(world: World, app: App, volume: Volume, at: float) -> Snapshot:
    """Begin a snapshot: `waiting`, then `running`, then `created`, and removed at the end of its retention."""
    snapshot = Snapshot(world.ids.snapshot(), at, volume.size_gb, volume.snapshot_retention, "waiting")
    volume.snapshots.append(snapshot)
    each_s = world.durations.snapshot_s
    world.plan(None, at + each_s, partial(_run, snapshot))
    world.plan(None, at + 2 * each_s, partial(_finish, world, app, volume, snapshot))
    return snapshot


def _run(snapshot: Snapshot, _: float) -> None:
    snapshot.status = "running"


def _finish(world: World, app: App, volume: Volume, snapshot: Snapshot, _: float) -> None:
    stored = sum(each.size for each in volume.snapshots)
    snapshot.status = "created"
    # Each stores what changed since the one before.
    snapshot.size = max(used_bytes(world, app, volume) - stored, SMALLEST_BYTES)
    world.plan(None, snapshot.expires_at, partial(_expire, volume, snapshot))


def _expire(volume: Volume, snapshot: Snapshot, _: float) -> None:
    volume.snapshots.remove(snapshot)


def plan_backups(world: World, app: App, volume: Volume, at: float) -> None:
    """From now on a snapshot a day, as long as the volume is there and wants them."""
    for snapshot in volume.snapshots:
        world.plan(None, snapshot.expires_at, partial(_expire, volume, snapshot))
    world.plan(None, at + world.durations.backup_every_s, partial(_back_up, world, app, volume))


def _back_up(world: World, app: App, volume: Volume, at: float) -> None:
    if volume.is_gone or world.apps.get(app.name) is not app:
        return
    if volume.auto_backup_enabled:
        take(world, app, volume, at)
    world.plan(None, at + world.durations.backup_every_s, partial(_back_up, world, app, volume))


def destroy(world: World, app: App, volume: Volume) -> None:
    """Soft-delete a volume: it stays for a day, so that it can be recovered, and its snapshots as long as they last."""
    now = world.now()
    used_bytes(world, app, volume)
    volume.state, volume.updated_at = "scheduling_destroy", now
    world.plan(None, now + world.durations.destroy_s, partial(_rest, volume))
    world.plan(None, now + world.durations.volume_kept_s, partial(_remove, app, volume))


def _rest(volume: Volume, at: float) -> None:
    volume.state, volume.updated_at = "pending_destroy", at


def _remove(app: App, volume: Volume, _: float) -> None:
    if app.volumes.pop(volume.id, None) is not None:
        app.buried_volumes.append(volume)
