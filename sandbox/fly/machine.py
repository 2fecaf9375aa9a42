"""A Machine: its values and what is read from its configuration. What happens to it over time is `lifecycle`.

Source: https://fly.io/docs/machines/api/machines-resource/ and superfly/fly-go, machine_types.go
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.fly.ids import rfc3339
from sandbox.fly.images import ImageName
from sandbox.fly.model import RELEASE_COMMAND_GROUP
from sandbox.kit import Json

SETTLED_STATES = frozenset({"created", "started", "stopped", "suspended", "failed", "destroyed"})
GONE_STATES = frozenset({"destroying", "destroyed"})
JOB_GROUPS = frozenset({RELEASE_COMMAND_GROUP, "fly_app_test_machine_command"})
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass
class Lease:
    nonce: str
    owner: str
    description: str
    expires_at: float

    def to_json(self, version: str) -> Json:
        return {
            "nonce": self.nonce,
            "expires_at": int(self.expires_at),
            "owner": self.owner,
            "description": self.description,
            "version": version,
        }


@dataclass
class Sickness:
    """Checks that fail `after_s` seconds after the start; `check` names one, None means all."""

    status: str = "critical"
    output: str = "connect: connection refused"
    after_s: float = 0.0
    check: str | None = None


@dataclass
class Boot:
    """How one start of a Machine goes, decided when it begins."""

    seconds: float
    listens_after_s: float
    fails: bool = False
    exit_after_s: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    sickness: Sickness | None = None


@dataclass
class Machine:
    id: str
    app: str
    name: str
    region: str
    config: Json
    image: ImageName
    image_ref: Json
    instance_id: str
    private_ip: str
    created_at: float
    created_by: str
    boot: Boot
    state: str = "created"
    updated_at: float = 0.0
    started_at: float | None = None
    stopped_at: float | None = None
    destroyed_at: float | None = None
    cordoned: bool = False
    wants_to_run: bool = False
    # Whether this version has not been started yet.
    is_fresh: bool = True
    lease: Lease | None = None
    events: list[Json] = field(default_factory=list)
    versions: list[Json] = field(default_factory=list)
    # What the checks said when the Machine last ran: a stopped Machine goes on showing it.
    last_checks: list[Json] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    restart_count: int = 0
    secrets_version: int = 0
    # What the image's own checks say, by name: status and output. None where the image has none.
    vitals: Callable[[str], tuple[str, str]] | None = field(default=None, compare=False, repr=False)
    # Since when a check says what it says, by name: status and time.
    said: dict[str, tuple[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("updates", "starts", "stops", "exits"), 0))
    # Steps that were planned for an earlier epoch are void: something else was asked for since.
    epoch: int = 0

    @property
    def is_active(self) -> bool:
        return self.state not in GONE_STATES

    @property
    def gets_requests(self) -> bool:
        """Whether the proxy sends requests here: it runs a service, and is registered for it.

        Source: https://fly.io/docs/machines/api/machines-resource/ (cordon, `skip_service_registration`)
        """
        return self.state == "started" and not self.cordoned and bool(self.config.get("services"))

    @property
    def process_group(self) -> str:
        metadata = self.config.get("metadata") or {}
        return str(metadata.get("fly_process_group", metadata.get("process_group", "")))

    @property
    def is_job(self) -> bool:
        """Whether it runs one command and exits, as a release command does."""
        return bool(self.command) and (self.process_group in JOB_GROUPS or self.config.get("auto_destroy") is True)

    @property
    def command(self) -> list[str]:
        return list((self.config.get("init") or {}).get("cmd") or [])

    @property
    def fault_targets(self) -> tuple[str, ...]:
        """Names under which a fault may mean this Machine."""
        tag = self.image.tag or ""
        return (self.id, self.app, tag, f"{self.image.repository}:{tag}", f"{self.image.path}:{tag}", self.region)

    def lease_at(self, now: float) -> Lease | None:
        """The lease that holds at this time."""
        return self.lease if self.lease and self.lease.expires_at > now else None

    @property
    def restart_policy(self) -> tuple[str, int]:
        """Policy and highest number of retries. Source: https://fly.io/docs/machines/guides-examples/machine-restart-policy/"""
        restart = self.config.get("restart") or {}
        return restart.get("policy") or "on-failure", restart.get("max_retries") or 10


def exit_request(
    at: float,
    *,
    code: int,
    requested: bool,
    restarting: bool,
    restart_count: int,
    signal: int,
    oom_killed: bool = False,
) -> Json:
    """The `request` of an `exit` event; what the Machine's monitor saw is repeated under `MonitorEvent`."""
    event = {
        "requested_stop": requested,
        "restarting": restarting,
        "guest_exit_code": code,
        "guest_signal": signal,
        "guest_error": "",
        "exit_code": code,
        "signal": signal,
        "error": "",
        "oom_killed": oom_killed,
        "exited_at": rfc3339(at),
    }
    request: Json = {"exit_event": event, "restart_count": restart_count}
    if not requested:
        request["MonitorEvent"] = {"exit_event": dict(event)}
    return request


def seconds_of(value: Any, default: float = 0.0) -> float:
    """Seconds of a Go duration text or of an integer of nanoseconds; ValueError for anything else."""
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1e9
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", str(value))
    if "".join(number + unit for number, unit in parts) != str(value) or not parts:
        raise ValueError(f'time: invalid duration "{value}"')
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)


def duration_text(seconds: float) -> str:
    """A duration as Go writes it: `1m30s`, `500ms`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest:g}s"
