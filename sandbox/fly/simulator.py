"""The simulated Fly as one HTTP server: Machines API, `api/v1`, GraphQL and the registry on one port."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.clock import Clock
from sandbox.fly import seeding, state
from sandbox.fly.actions_api import ActionsApi
from sandbox.fly.apps_api import AppsApi
from sandbox.fly.certificates_api import CertificatesApi
from sandbox.fly.control import Control
from sandbox.fly.graphql_api import GraphqlApi
from sandbox.fly.leases_api import LeasesApi
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import Machine
from sandbox.fly.machines_api import MachinesApi
from sandbox.fly.metadata_api import MetadataApi
from sandbox.fly.model import App
from sandbox.fly.platform_api import PlatformApi
from sandbox.fly.prometheus import PrometheusApi
from sandbox.fly.registry_api import RegistryApi
from sandbox.fly.releases_api import ReleasesApi
from sandbox.fly.secrets_api import SecretsApi
from sandbox.fly.uiex_api import UiexApi
from sandbox.fly.volumes_api import VolumesApi
from sandbox.fly.world import World
from sandbox.kit import Action, Json, Simulator


class FlySimulator(Simulator):
    """A stateful Fly; without a seed, the reference world that all simulators agree on.

    Faults beside those of the wire; `target` is an app's name, a Machine's id, an image's label, `repository:label`
    or a region, and None means any. A fault that decides how a start goes counts one of its `times` per start.

    - `unhealthy`: checks fail from the next update (or creation) on; detail `status` (`critical`), `output`,
      `after` (seconds after the start, 0), `check` (one check's name, else all)
    - `slow_boot`: the next start takes `seconds` longer; detail `phase`: `started` (default), or `healthy` if the
      Machine is started in time and only answers its checks late
    - `fails_to_start`: the next start ends in `failed`
    - `crash_loop`: the Machine exits after each start; detail `exit_code` (1), `after` (seconds, 1)
    - `release_command_fails`: detail `exit_code` (1), `lines` (what it prints), `seconds`
    - `release_command_hangs`: it runs until it is stopped
    - `lease_held`: when somebody asks for a lease, or changes a Machine, somebody else has just taken it for
      `seconds` (13); detail `owner`
    - `no_capacity`: while it is on, no Machine or volume is created in a region, none is updated or started there
    - `host_unreachable`: while it is on, a Machine has no `config` and cannot be changed, only destroyed
    - `image_gone`: while it is on, the image cannot be found or pulled
    - `machine_limit`: while it is on, an organisation (the target) may have only so many Machines per app; detail
      `limit` (1)
    - `out_of_memory`: the kernel kills the app's process `after` (1) seconds after each start; a database's check `vm`
      says that it waits for memory

    Of databases (Machines of an app whose role is `postgres_cluster`), while each is on:

    - `disk_full`: its disk filled up to `percent` (95.1) of what it had then: read-only until it is larger
    - `connections_exhausted`: `used` connections are taken (all but those reserved for superusers)
    - `database_read_only`: it has a lock against writes
    - `replication_lag`: its replicas are `seconds` (300) behind
    - `zombie`: it lost sight of most of its cluster and fenced itself
    """

    name = "fly"
    fault_kinds = frozenset(
        {
            "unhealthy",
            "slow_boot",
            "fails_to_start",
            "crash_loop",
            "release_command_fails",
            "release_command_hangs",
            "lease_held",
            "no_capacity",
            "host_unreachable",
            "image_gone",
            "out_of_memory",
            "disk_full",
            "connections_exhausted",
            "database_read_only",
            "replication_lag",
            "zombie",
            "machine_limit",
        }
    )

    def __init__(self, seed: Json | None = None, *, clock: Clock | None = None, delay_ms: float = 0.0) -> None:
        super().__init__(clock=clock, delay_ms=delay_ms)
        self.world = World(self.clock, self.faults)
        self.lifecycle = Lifecycle(self.world)
        self.control = Control(self.world, self.lifecycle, seeding.reference_seed() if seed is None else seed)
        self.control.reset()

    def routes(self) -> list[Any]:
        """Routes of all APIs."""
        apis = (
            MachinesApi(self.world, self.lifecycle),
            LeasesApi(self.world),
            ActionsApi(self.world, self.lifecycle),
            MetadataApi(self.world),
            SecretsApi(self.world),
            VolumesApi(self.world),
            AppsApi(self.world),
            ReleasesApi(self.world),
            UiexApi(self.world),
            PlatformApi(self.world),
            GraphqlApi(self.world, self.lifecycle),
            RegistryApi(self.world),
            CertificatesApi(self.world),
            PrometheusApi(self.world),
        )
        return [route for api in apis for route in api.routes()]

    def asgi(self) -> ASGIApp:
        """The application; every answer, a fault's too, carries a request id."""
        return RequestIds(super().asgi(), self.world)

    def state(self) -> Json:
        """Everything as JSON; see `sandbox.fly.state`."""
        self.world.settle()
        return state.world_json(self.world)

    def app_state(self, app: str) -> Json:
        """What `state()` says of one app, for those who look often."""
        return state.app_json(self.world, self.app(app))

    def actions(self) -> dict[str, Action]:
        """What a person can make happen; see `sandbox.fly.control`."""
        return self.control.actions()

    # Views for tests

    def app(self, name: str) -> App:
        """An app as it is now."""
        self.world.settle()
        return self.control.app(name)

    def machine(self, machine_id: str) -> Machine:
        """A Machine as it is now, destroyed ones included while Fly remembers them."""
        self.world.settle()
        return self.control.machine(machine_id)

    def machines(self, app: str) -> list[Machine]:
        """The Machines of an app that serve it: not destroyed, not for one command."""
        return [machine for machine in self.app(app).active_machines() if not machine.is_job]

    def labels(self, app: str) -> set[str | None]:
        """Labels of the images that the app's Machines are on."""
        return {machine.image.tag for machine in self.machines(app)}

    def has_machine(self, app: str, **wanted: object) -> bool:
        """Whether a Machine of the app has all these values, for example `region`, `state`, `id`."""
        return any(all(getattr(m, key) == value for key, value in wanted.items()) for m in self.machines(app))

    def release_commands(self, app: str) -> list[Json]:
        """Release commands that ran for an app, oldest first."""
        return self.app(app).release_commands


class RequestIds:
    """ASGI middleware: the `fly-request-id` header, whose suffix is the edge region."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                request_id = f"{self._world.ids.ulid(self._world.now())}-iad"
                message["headers"] = [*message.get("headers", []), (b"fly-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, identified)
