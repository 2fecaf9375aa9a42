"""The things of the simulated Fly other than Machines: plain values, no behaviour over time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sandbox.fly import postgres
from sandbox.fly.postgres import Cluster
from sandbox.kit import Json

if TYPE_CHECKING:
    from sandbox.fly.machine import Machine

RELEASE_COMMAND_GROUP = "fly_app_release_command"
# States of a volume that is on its way out. Source: https://fly.io/docs/volumes/volume-states/
GONE_VOLUME_STATES = frozenset({"scheduling_destroy", "pending_destroy"})


@dataclass
class Durations:
    """How long things take, in simulated seconds. A seed may override each."""

    prepare_s: float = 1.0  # pull the image, until a Machine may be started
    boot_s: float = 2.0  # `starting` until `started`
    first_probe_s: float = 0.5  # `started` until checks have any result
    listen_s: float = 2.0  # `started` until the app answers its checks
    stop_s: float = 1.5
    suspend_s: float = 1.0
    destroy_s: float = 1.0
    update_stopped_s: float = 0.5  # `replacing` of a Machine that does not run
    restart_s: float = 1.0  # first pause of a crash loop; doubles up to 30 s
    still_active_s: float = 1.0  # after `stopped`, while start is still refused
    release_command_s: float = 6.0
    destroyed_readable_s: float = 3600.0
    log_lag_s: float = 2.0
    app_replication_s: float = 0.5  # a created app is not found everywhere at once
    lease_default_s: float = 30.0
    proxy_pass_s: float = 300.0  # between two looks of the proxy for idle Machines; 0: it never looks
    failover_s: float = 20.0  # until repmgr promotes a replica
    snapshot_s: float = 5.0  # a snapshot is `waiting` that long, and then `running` as long again
    backup_every_s: float = 86_400.0
    volume_kept_s: float = 86_400.0  # a destroyed volume is `pending_destroy`

    @classmethod
    def from_json(cls, values: Json) -> Durations:
        """Read a seed's durations; ValueError names a key that does not exist."""
        unknown = values.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"unknown durations: {', '.join(sorted(unknown))}")
        return cls(**values)


@dataclass(frozen=True)
class Organization:
    """`slug` is what flyctl shows (`personal` is an alias), `raw_slug` the unique name."""

    slug: str
    raw_slug: str
    name: str
    number: int
    personal: bool = False


@dataclass(frozen=True)
class ManagedCluster:
    """A cluster of Managed Postgres, which is a service and no app. `version` is its generation, 1 or 2.

    Source: superfly/flyctl, internal/uiex/managed_postgres.go
    """

    id: str
    name: str
    organization: str
    region: str
    status: str = "ready"
    plan: str = "basic"
    disk: int = 10
    replicas: int = 1
    version: int = 2
    address: str = ""
    attached_apps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A token's macaroon text without a scheme, and what it may do.

    `profile` is `org` (everything in one organisation), `deploy` (one app: no list, create or destroy of apps)
    or `readonly`. `logs` is whether the log API takes it. One with a `name` is listed and can be revoked by its `id`.
    Source: https://fly.io/docs/security/tokens/
    """

    text: str
    organization: str
    profile: str = "org"
    app: str | None = None
    user: str = "bot@tokens.fly.io"
    logs: bool = True
    id: str = ""
    name: str = ""
    created_at: float = 0.0
    expires_at: float | None = None


@dataclass
class Release:
    id: str
    version: int
    app: str
    image_ref: str
    strategy: str
    user: str
    created_at: float
    status: str = "pending"
    definition: Json = field(default_factory=dict)
    metadata: Any = None
    updated_at: float = 0.0

    @property
    def in_progress(self) -> bool:
        return self.status in {"pending", "running"}

    @property
    def stable(self) -> bool:
        return self.status == "complete"


@dataclass
class Secret:
    name: str
    digest: str
    created_at: float
    updated_at: float
    # The app whose address behind the proxy the value names: who is given it wakes that app.
    reaches: str | None = None


@dataclass
class Snapshot:
    """A copy of a volume's data. `size` is what it takes beyond the snapshot before, in bytes."""

    id: str
    created_at: float
    volume_gb: int
    retention_days: int
    status: str = "created"
    size: int = 0

    @property
    def expires_at(self) -> float:
        return self.created_at + self.retention_days * 86_400


@dataclass
class Volume:
    id: str
    name: str
    region: str
    size_gb: int
    created_at: float
    encrypted: bool = True
    attached_machine_id: str | None = None
    snapshot_retention: int = 5
    auto_backup_enabled: bool = True
    snapshots: list[Snapshot] = field(default_factory=list)
    state: str = "created"
    updated_at: float = 0.0
    # What was written to it; a database's volume is measured instead.
    used_bytes: int = 0
    # The file system grows when the Machine starts again after an extension.
    filesystem_gb: int = 0

    def __post_init__(self) -> None:
        self.filesystem_gb = self.filesystem_gb or self.size_gb
        self.updated_at = self.updated_at or self.created_at

    @property
    def is_gone(self) -> bool:
        """Whether it was destroyed; Fly keeps it for a while."""
        return self.state in GONE_VOLUME_STATES


@dataclass
class Address:
    ip: str
    type: str
    region: str
    created_at: float
    service_name: str = ""


@dataclass
class Certificate:
    """A certificate for a host name: `configured` once its DNS points here, and issued from then on."""

    hostname: str
    created_at: float
    configured: bool = False
    checked_at: float | None = None


@dataclass(frozen=True)
class LogLine:
    at_ns: int
    id: str
    message: str
    level: str
    instance: str
    region: str
    provider: str


@dataclass
class App:
    """An app with everything in it. Destroyed Machines stay in `machines` until they are forgotten."""

    name: str
    organization: str
    id: str
    number: int
    created_at: float
    network: str = "default"
    role: str | None = None
    was_deployed: bool = False
    machines: dict[str, Machine] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    volumes: dict[str, Volume] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    secrets_version: int = 0
    addresses: list[Address] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    release_commands: list[Json] = field(default_factory=list)
    release_command_lines: list[str] = field(default_factory=list)
    release_command_s: float | None = None
    programs: list[Json] = field(default_factory=list)
    lock_id: str = ""
    locked_until: float = 0.0
    # Volumes that are gone for good: their snapshots can be restored as long as they last.
    buried_volumes: list[Volume] = field(default_factory=list)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    # Set for an app whose role is that of a database.
    postgres: Cluster | None = None
    # When somebody asked the proxy for this app, and whether it is going to look for idle Machines.
    visits: list[float] = field(default_factory=list)
    has_proxy_pass: bool = False
    # Grows whenever `state` finds the app changed.
    revision: int = 0

    def __post_init__(self) -> None:
        if self.role == postgres.ROLE and self.postgres is None:
            self.postgres = Cluster()

    def active_machines(self) -> list[Machine]:
        """Machines that are not destroyed nor being destroyed, by id."""
        return sorted((m for m in self.machines.values() if m.is_active), key=lambda m: m.id)

    @property
    def status(self) -> str:
        """`pending` before the first Machine, `deployed` with a running one, else `suspended`."""
        if not self.was_deployed:
            return "pending"
        return "deployed" if any(m.state == "started" for m in self.machines.values()) else "suspended"
