"""What happens to Machines over time: create, update, start, stop, exit, restart, destroy.

The order of states and events is that of https://fly.io/docs/machines/machine-states/; how long each takes is
`Durations`. Each public method takes effect now and plans what follows.
"""

from __future__ import annotations

from functools import partial

from sandbox.fly import checks, postgres_members, proxy, snapshots
from sandbox.fly.boots import Job, boot_of, job_of
from sandbox.fly.images import Image, ImageName
from sandbox.fly.machine import Boot, Machine, exit_request
from sandbox.fly.model import App
from sandbox.fly.world import World
from sandbox.kit import Json

LONGEST_RESTART_PAUSE_S = 30.0
# What a shell reports for a process that SIGTERM ended.
TERMINATED = 143
OOM_LINE = "Out of memory: Killed process 323 (beam.smp)"


class Lifecycle:
    """Changes the Machines of a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    # Asked for from outside

    def create(
        self, app: App, *, name: str, region: str, config: Json, image: tuple[ImageName, Image], launch: bool, by: str
    ) -> Machine:
        """A new Machine; `created` until its image is there, then it boots or rests as `stopped`."""
        now = self.world.now()
        machine_id = self.world.ids.machine()
        machine = Machine(
            id=machine_id,
            app=app.name,
            name=name or f"{app.name}-{machine_id[:6]}",
            region=region,
            config=config,
            image=image[0],
            image_ref=image_ref(*image),
            instance_id=self.world.ids.ulid(now),
            private_ip=self.world.ids.ipv6("fdaa:0:4a1b:a7b"),
            created_at=now,
            created_by=by,
            boot=Boot(0, 0),
            wants_to_run=launch,
            secrets_version=app.secrets_version,
        )
        machine.versions.append({"version": machine.instance_id, "user_config": config})
        app.machines[machine.id] = machine
        app.was_deployed = app.was_deployed or not machine.is_job
        self._attach_volumes(app, machine)
        postgres_members.enlist(self.world, app, machine)
        self.world.event(machine, now, "launch", "created", "user")
        ready_at = now + self.world.durations.prepare_s
        self.world.plan(machine, ready_at, partial(self._prepared, machine, launch=launch))
        return machine

    def update(self, machine: Machine, *, config: Json, image: tuple[ImageName, Image], launch: bool) -> None:
        """Replace the whole configuration: a new version, which runs only if the Machine ran (or had failed)."""
        now = self.world.now()
        ran = machine.wants_to_run
        launch = launch and (ran or machine.state == "failed")
        self._leave(machine, now)
        machine.config, machine.image, machine.image_ref = config, image[0], image_ref(*image)
        machine.instance_id = self.world.ids.ulid(now)
        machine.versions.insert(0, {"version": machine.instance_id, "user_config": config})
        machine.counts["updates"] += 1
        machine.state, machine.is_fresh = "replacing", True
        self.world.event(machine, now, "update", "replacing", "user")
        durations = self.world.durations
        done_at = now + (durations.stop_s if ran else durations.update_stopped_s)
        self.world.plan(machine, done_at, partial(self._replaced, machine, ran=ran, launch=launch))

    def start(self, machine: Machine, *, at: float | None = None, source: str = "user") -> None:
        now = self.world.now() if at is None else at
        self._leave(machine, now)
        self.world.event(machine, now, "start", "starting", source)
        self._boot(machine, now)

    def stop(self, machine: Machine, *, at: float | None = None, source: str = "user") -> None:
        now = self.world.now() if at is None else at
        self._leave(machine, now)
        machine.state, machine.wants_to_run = "stopping", False
        machine.counts["stops"] += 1
        self.world.event(machine, now, "stop", "stopping", source)
        done_at = now + self.world.durations.stop_s
        code = TERMINATED if machine.is_job else 0
        self.world.plan(machine, done_at, partial(self.exit, machine, code=code, requested=True))

    def restart(self, machine: Machine) -> None:
        now = self.world.now()
        self._leave(machine, now)
        machine.state = "restarting"
        self.world.event(machine, now, "restart", "restarting", "user")
        self.world.plan(machine, now + self.world.durations.stop_s, partial(self._restarted, machine))

    def suspend(self, machine: Machine, *, at: float | None = None, source: str = "user") -> None:
        now = self.world.now() if at is None else at
        self._leave(machine, now)
        machine.state, machine.wants_to_run = "suspending", False
        self.world.event(machine, now, "suspend", "suspending", source)
        self.world.plan(machine, now + self.world.durations.suspend_s, partial(self._suspended, machine))

    def destroy(self, machine: Machine, *, at: float | None = None, source: str = "user") -> None:
        now = self.world.now() if at is None else at
        self._leave(machine, now)
        machine.state, machine.wants_to_run = "destroying", False
        self.world.event(machine, now, "destroy", "destroying", source)
        self.world.plan(machine, now + self.world.durations.destroy_s, partial(self._destroyed, machine))

    def exit(
        self,
        machine: Machine,
        at: float,
        *,
        code: int,
        requested: bool = False,
        signal: int = -1,
        oom_killed: bool = False,
    ) -> None:
        """The main process ended; the restart policy decides what follows."""
        self._leave(machine, at)
        machine.counts["exits"] += 1
        restarting = not requested and self._restarts(machine, code)
        machine.restart_count += restarting
        request = exit_request(
            at,
            code=code,
            requested=requested,
            restarting=restarting,
            restart_count=machine.restart_count,
            signal=signal,
            oom_killed=oom_killed,
        )
        if oom_killed:
            self.world.log(machine, at, OOM_LINE, provider="app", level="error")
        machine.state, machine.wants_to_run = ("restarting" if restarting else "stopped"), restarting
        self.world.event(machine, at, "exit", "stopped", "flyd", request)
        self._end_job(machine, at, code)
        self.world.log(machine, at, f" INFO Main child exited normally with code: {code}", provider="runner")
        if restarting:
            pause_s = self.world.durations.restart_s * 2 ** (machine.restart_count - 1)
            begin_at = at + min(pause_s, LONGEST_RESTART_PAUSE_S)
            self.world.plan(machine, begin_at, partial(self._begin, machine))
        elif machine.config.get("auto_destroy") is True:
            self.destroy(machine, at=at, source="flyd")
        else:
            machine.stopped_at = at

    # What follows by itself

    def _prepared(self, machine: Machine, at: float, *, launch: bool) -> None:
        if not launch:
            machine.state, machine.updated_at = "stopped", at
            return
        self._boot(machine, at)

    def _replaced(self, machine: Machine, at: float, *, ran: bool, launch: bool) -> None:
        if ran:
            request = exit_request(
                at, code=0, requested=True, restarting=False, restart_count=machine.restart_count, signal=-1
            )
            self.world.event(machine, at, "exit", "replaced", "flyd", request)
        self.world.event(machine, at, "launch", "created", "user")
        machine.restart_count = 0
        machine.wants_to_run = launch
        if launch:
            self._boot(machine, at)
        else:
            machine.state, machine.stopped_at = "stopped", None

    def _restarted(self, machine: Machine, at: float) -> None:
        request = exit_request(
            at, code=0, requested=True, restarting=True, restart_count=machine.restart_count, signal=-1
        )
        self.world.event(machine, at, "exit", "stopped", "flyd", request)
        self._boot(machine, at)

    def _boot(self, machine: Machine, at: float) -> None:
        machine.boot = boot_of(self.world, machine, updated=machine.is_fresh)
        machine.is_fresh = False
        self._begin(machine, at)

    def _begin(self, machine: Machine, at: float) -> None:
        app = self.world.apps[machine.app]
        machine.state, machine.updated_at, machine.wants_to_run = "starting", at, True
        machine.secrets_version = app.secrets_version
        self.world.log(machine, at, f"Pulling container image {machine.image}", provider="runner")
        self.world.plan(machine, at + machine.boot.seconds, partial(self._started, machine))

    def _started(self, machine: Machine, at: float) -> None:
        if machine.boot.fails:
            machine.state, machine.wants_to_run = "failed", False
            self.world.event(machine, at, "launch", "failed", "flyd")
            self.world.log(machine, at, "failed to start the Machine", provider="runner", level="error")
            return
        machine.state, machine.started_at = "started", at
        machine.counts["starts"] += 1
        self.world.event(machine, at, "start", "started", "flyd")
        self.world.log(machine, at, " INFO Starting init (commit: 9a2f8a6)...", provider="runner")
        if machine.is_job:
            self._run_job(machine, at)
        elif machine.boot.exit_after_s is not None:
            boot = machine.boot
            end = partial(self.exit, machine, code=boot.exit_code, oom_killed=boot.oom_killed)
            self.world.plan(machine, at + machine.boot.exit_after_s, end)
        self._settle_in(self.world.apps[machine.app], machine, at)

    def _settle_in(self, app: App, machine: Machine, at: float) -> None:
        """What a Machine that runs brings about elsewhere: a larger disk, databases that wake, a look of the proxy."""
        for volume in app.volumes.values():
            if volume.attached_machine_id == machine.id:
                volume.filesystem_gb = volume.size_gb
        postgres_members.started(self, app, machine, at)
        for secret in app.secrets.values():
            host = self.world.apps.get(secret.reaches or "")
            if host is not None and host.organization == app.organization:
                proxy.request(self, host, at)
        proxy.watch(self, app, at)

    def _run_job(self, machine: Machine, at: float) -> None:
        app = self.world.apps[machine.app]
        job = job_of(self.world, app, machine)
        run = {
            "app": app.name,
            "machine_id": machine.id,
            "image": str(machine.image),
            "command": " ".join(machine.command),
            "started_at": at,
            "finished_at": None,
            "exit_code": None,
        }
        app.release_commands.append(run)
        self.world.log(machine, at, f" INFO Preparing to run: `{run['command']}` as nobody", provider="runner")
        if job.seconds is not None:
            self.world.plan(machine, at + job.seconds, partial(self._finish_job, machine, job))

    def _finish_job(self, machine: Machine, job: Job, at: float) -> None:
        for line in job.lines:
            self.world.log(machine, at, line)
        self.exit(machine, at, code=job.exit_code)

    def _end_job(self, machine: Machine, at: float, code: int) -> None:
        for run in self.world.apps[machine.app].release_commands:
            if run["machine_id"] == machine.id and run["finished_at"] is None:
                run.update(finished_at=at, exit_code=code)

    def _suspended(self, machine: Machine, at: float) -> None:
        machine.state, machine.stopped_at = "suspended", at
        self.world.event(machine, at, "suspend", "suspended", "flyd")

    def _destroyed(self, machine: Machine, at: float) -> None:
        machine.state, machine.destroyed_at, machine.lease = "destroyed", at, None
        self.world.event(machine, at, "destroy", "destroyed", "flyd")
        app = self.world.apps.get(machine.app)
        if app is None:
            return
        for volume in app.volumes.values():
            if volume.attached_machine_id == machine.id:
                snapshots.used_bytes(self.world, app, volume)
                volume.attached_machine_id = None
        forget_at = at + self.world.durations.destroyed_readable_s
        self.world.plan(machine, forget_at, partial(self.world.forget, app, machine))

    def _leave(self, machine: Machine, at: float) -> None:
        """Void what was planned; remember what the checks said if it ran."""
        if machine.state == "started":
            machine.last_checks = checks.results(machine, self.world.durations, at)
            app = self.world.apps.get(machine.app)
            if app is not None:
                postgres_members.left(self, app, machine, at)
        machine.epoch += 1

    def _restarts(self, machine: Machine, code: int) -> bool:
        policy, retries = machine.restart_policy
        if policy == "always":
            return True
        return policy != "no" and code != 0 and machine.restart_count < retries

    def _attach_volumes(self, app: App, machine: Machine) -> None:
        for mount in machine.config.get("mounts") or []:
            volume = app.volumes.get(mount.get("volume", ""))
            if volume is not None:
                volume.attached_machine_id = machine.id


def image_ref(name: ImageName, image: Image) -> Json:
    """What a Machine says about its image."""
    return {
        "registry": name.registry,
        "repository": name.repository,
        "tag": name.tag or "",
        "digest": image.digest,
        "labels": dict(image.labels),
    }


def run_since(world: World, machine: Machine, at: float) -> None:
    """Make it a Machine that has been running since a time."""
    machine.state, machine.started_at, machine.wants_to_run = "started", at, True
    world.event(machine, at, "start", "started", "flyd")


def rest(world: World, machine: Machine, at: float, state: str) -> None:
    """Make it a Machine that came to rest at a time, as the proxy stops an idle one."""
    machine.last_checks = checks.results(machine, world.durations, at)
    machine.state, machine.stopped_at, machine.wants_to_run = state, at, False
    request = exit_request(at, code=0, requested=True, restarting=False, restart_count=0, signal=-1)
    world.event(machine, at, "exit", state, "flyd", request)
