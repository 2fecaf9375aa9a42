"""Fly's JSON as domain values. Pure; missing keys are tolerated, words that we do not know are kept raw.

Source: the OpenAPI document of the Machines API, fly-go's `machine_types.go` for what it leaves out (events, labels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.model import Check, Exit, Image, Lease, LogLine, Machine, MachineVersion, Release, Secret, Volume

Json = Mapping[str, Any]

# Checks that flyctl's blue-green deployments add for themselves.
IGNORED_CHECKS = "bg_deployments_compat"
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
LEASE_HELD = re.compile(r"lease currently held by (?P<owner>.+?), expires at (?P<at>\S+)")


def instant(text: object) -> datetime | None:
    """An RFC 3339 text as an aware instant in UTC; nanoseconds are cut to microseconds."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


def from_milliseconds(value: object) -> datetime | None:
    """A Unix time in milliseconds, as events carry it."""
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int | float) and value > 0 else None


def from_seconds(value: object) -> datetime | None:
    """A Unix time in seconds, as leases carry it."""
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) and value > 0 else None


def machine(app: str, body: Json) -> Machine:
    """A Machine. Where its host is unreachable Fly leaves `config` out: it is empty then, never the partial one."""
    config = body.get("config") or {}
    partial = config or body.get("incomplete_config") or {}
    events = body.get("events") or []
    if not isinstance(body["id"], str):
        raise TypeError("a Machine without an id")
    return Machine(
        id=body["id"],
        app=app,
        name=body.get("name") or "",
        state=body.get("state") or "",
        region=body.get("region") or "",
        version=body.get("instance_id") or body.get("version") or "",
        image=image(body.get("image_ref") or {}, partial.get("image") or ""),
        config=config,
        metadata=partial.get("metadata") or {},
        checks=tuple(check(c) for c in body.get("checks") or [] if not is_ignored(c)),
        host_status=body.get("host_status") or "ok",
        exit=next((machine_exit(e) for e in events if e.get("type") == "exit"), None),
        started_at=next((from_milliseconds(e.get("timestamp")) for e in events if e.get("type") == "start"), None),
        created_at=body.get("created_at") or "",
    )


def machine_version(body: Json) -> MachineVersion:
    """A configuration that a Machine has or had."""
    return MachineVersion(body["version"], body.get("user_config") or {})


def volume(body: Json) -> Volume:
    """A volume; Fly leaves the Machine out where it is attached to none."""
    if not isinstance(body["id"], str):
        raise TypeError("a volume without an id")
    return Volume(
        id=body["id"],
        name=body["name"],
        region=body["region"],
        size_gb=int(body["size_gb"]),
        state=body["state"],
        machine_id=body.get("attached_machine_id") or "",
    )


def secret(body: Json) -> Secret:
    """A secret without its value, also where Fly should send one."""
    return Secret(body["name"], body.get("digest") or "", instant(body.get("updated_at")))


def image(ref: Json, configured: str) -> Image:
    """What the Machine runs: Fly's `image_ref`, else what its config asks for."""
    if not ref.get("repository"):
        return Image.parse(configured)
    registry = ref.get("registry") or ""
    repository = f"{registry}/{ref['repository']}" if registry else ref["repository"]
    return Image(repository, ref.get("tag") or "", ref.get("digest") or "")


def is_ignored(check_body: Json) -> bool:
    return str(check_body.get("name", "")).startswith(IGNORED_CHECKS)


def check(body: Json) -> Check:
    """One result; a check that was never run has no status."""
    return Check(body.get("name") or "", body.get("status") or "", body.get("output") or "")


def machine_exit(event: Json) -> Exit:
    """An event of type `exit`: the monitor's report where there is one, as flyctl prefers it."""
    request = event.get("request") or {}
    monitor = request.get("MonitorEvent") or {}
    report = monitor.get("exit_event") or request.get("exit_event") or {}
    return Exit(
        exit_code=report.get("exit_code"),
        requested_stop=bool(report.get("requested_stop")),
        restarting=bool(report.get("restarting")),
        oom_killed=bool(report.get("oom_killed")),
        restart_count=request.get("restart_count") or 0,
        at=instant(report.get("exited_at")) or from_milliseconds(event.get("timestamp")),
    )


def lease(machine_id: str, body: Json) -> Lease:
    """A lease, in or out of the envelope: the OpenAPI document shows it bare, the API wraps it."""
    data = body.get("data") or body
    return Lease(
        machine_id=machine_id,
        nonce=data.get("nonce") or "",
        owner=data.get("owner") or "",
        description=data.get("description") or "",
        expires_at=from_seconds(data.get("expires_at")),
    )


def lease_holder(message: str) -> tuple[str, datetime | None]:
    """Owner and end of a lease, from the text of Fly's refusal."""
    found = LEASE_HELD.search(message)
    return (found["owner"], instant(found["at"].rstrip(".,"))) if found else ("", None)


def release(body: Json) -> Release:
    """A release as `api/v1` tells it."""
    return Release(
        id=str(body["id"]),
        version=int(body["version"]),
        status=body.get("status") or "",
        image=Image.parse(body.get("image_ref") or ""),
        user=body.get("user") or "",
        created_at=instant(body.get("created_at")),
        is_stable=body.get("stable") is True,
    )


def log_line(entry: Json) -> LogLine | None:
    """One line of a log; None where it has no time."""
    attributes = entry.get("attributes") or {}
    at = instant(attributes.get("timestamp"))
    if at is None:
        return None
    instance = attributes.get("instance") or (attributes.get("meta") or {}).get("instance") or ""
    message = ANSI.sub("", attributes.get("message") or "").rstrip()
    return LogLine(at, message, instance, attributes.get("level") or "")
