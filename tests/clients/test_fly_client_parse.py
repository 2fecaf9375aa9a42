"""Fly's JSON as domain values, odd answers included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.clients.fly import parse
from bot.domain.model import Check, Exit, Image

DIGEST = "sha256:" + "a" * 64
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOON_MS = 1795435200000


def body(**changes: Any) -> dict[str, Any]:
    """A Machine as Fly sends it."""
    whole = {
        "id": "148e1",
        "name": "calm-sea-1",
        "state": "started",
        "region": "iad",
        "instance_id": "01VERSION",
        "created_at": "2026-11-20T08:00:00Z",
        "config": {"image": "registry.fly.io/shop:v1", "metadata": {"fly_process_group": "app"}, "unknown": {"x": 1}},
        "image_ref": {"registry": "registry.fly.io", "repository": "shop", "tag": "v1", "digest": DIGEST},
        "host_status": "ok",
    }
    return whole | changes


def test_a_machine_is_read_whole() -> None:
    """Identity, place, version and image come from Fly's own fields."""
    machine = parse.machine("shop", body())

    assert (machine.id, machine.app, machine.name, machine.state) == ("148e1", "shop", "calm-sea-1", "started")
    assert (machine.region, machine.version, machine.host_status) == ("iad", "01VERSION", "ok")
    assert machine.image == Image("registry.fly.io/shop", "v1", DIGEST)
    assert machine.group == "app"


def test_the_config_is_not_touched() -> None:
    """The very object that came is kept, unknown keys and all: it is written back whole."""
    received = body()

    assert parse.machine("shop", received).config is received["config"]


def test_almost_nothing_is_required() -> None:
    """An id is enough; what is missing is empty and the Machine is not healthy."""
    machine = parse.machine("shop", {"id": "148e1"})

    assert (machine.state, machine.version, machine.image, machine.checks) == ("", "", Image(""), ())
    assert (machine.exit, machine.started_at, machine.is_healthy) == (None, None, False)


def test_an_unknown_state_stays_raw() -> None:
    """A state that Fly invents tomorrow is shown as it is, and is not taken for running."""
    machine = parse.machine("shop", body(state="hibernating"))

    assert (machine.state, machine.is_warm) == ("hibernating", False)


def test_an_unreachable_host_gives_no_config() -> None:
    """The partial config tells metadata and image, and can never be written back."""
    partial = {"image": "registry.fly.io/shop:v1", "metadata": {"fly_process_group": "app"}}
    received = body(config=None, incomplete_config=partial, image_ref=None, host_status="unreachable")

    machine = parse.machine("shop", received)

    assert (machine.config, machine.group) == ({}, "app")
    assert machine.image == Image("registry.fly.io/shop", "v1")


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ({"repository": "flyio/postgres-flex", "tag": "16"}, Image("flyio/postgres-flex", "16")),
        ({"registry": "registry.fly.io", "repository": "shop", "digest": DIGEST, "labels": None},
         Image("registry.fly.io/shop", "", DIGEST)),
        ({"labels": {"GH_SHA": "a" * 40}}, Image("registry.fly.io/shop", "v1")),
    ],
)  # fmt: skip
def test_an_image_ref_may_lack_parts(ref: dict[str, Any], expected: Image) -> None:
    """A missing registry, tag or digest stays empty; without a repository the config tells."""
    assert parse.machine("shop", body(image_ref=ref)).image == expected


def test_checks_of_blue_green_deployments_are_dropped() -> None:
    """What flyctl adds for itself is no part of the app's health."""
    checks = [
        {"name": "servicecheck-00-http-4000", "status": "passing", "output": "ok"},
        {"name": "bg_deployments_compat_http", "status": "critical"},
        {"name": "fresh"},
    ]

    machine = parse.machine("shop", body(checks=checks))

    assert machine.checks == (Check("servicecheck-00-http-4000", "passing", "ok"), Check("fresh", ""))


def test_the_newest_events_count() -> None:
    """Events come newest first: the first exit and the first start are told."""
    events = [
        {"type": "start", "timestamp": NOON_MS},
        {"type": "exit", "timestamp": NOON_MS, "request": {"exit_event": {"exit_code": 1}}},
        {"type": "exit", "timestamp": 1, "request": {"exit_event": {"exit_code": 99}}},
        {"type": "start", "timestamp": 1},
    ]

    machine = parse.machine("shop", body(events=events))

    assert machine.started_at == NOON
    assert machine.exit is not None
    assert machine.exit.exit_code == 1


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        (
            {
                "exit_event": {"exit_code": 0, "requested_stop": True},
                "MonitorEvent": {"exit_event": {"exit_code": 137, "oom_killed": True, "restarting": True}},
                "restart_count": 3,
            },
            Exit(137, requested_stop=False, restarting=True, oom_killed=True, restart_count=3, at=NOON),
        ),
        (
            {"exit_event": {"exit_code": 0, "requested_stop": True, "exited_at": "2026-11-23T11:00:00.123456789Z"}},
            Exit(
                0,
                requested_stop=True,
                restarting=False,
                oom_killed=False,
                restart_count=0,
                at=datetime(2026, 11, 23, 11, 0, 0, 123456, tzinfo=UTC),
            ),
        ),
        (
            {"MonitorEvent": None},
            Exit(None, requested_stop=False, restarting=False, oom_killed=False, restart_count=0, at=NOON),
        ),
        (None, Exit(None, requested_stop=False, restarting=False, oom_killed=False, restart_count=0, at=NOON)),
    ],
)
def test_an_exit_is_read_as_flyctl_does(request_body: Any, expected: Exit) -> None:
    """The monitor's report wins; without a report the exit code is unknown and not zero."""
    event = {"type": "exit", "timestamp": NOON_MS, "request": request_body}

    assert parse.machine_exit(event) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00.000000000Z", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("yesterday", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_instants_are_aware(text: object, expected: datetime | None) -> None:
    """All spellings of RFC 3339 end in UTC; what is none is None."""
    assert parse.instant(text) == expected


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_lease_may_be_wrapped(is_wrapped: bool) -> None:
    """The OpenAPI document shows it bare, the API wraps it: both are read."""
    inner = {"nonce": "n1", "owner": "bot@tokens.fly.io", "description": "d", "expires_at": NOON_MS // 1000}

    lease = parse.lease("148e1", {"status": "success", "data": inner} if is_wrapped else inner)

    assert (lease.nonce, lease.owner, lease.description, lease.expires_at) == ("n1", "bot@tokens.fly.io", "d", NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machine ID 148e lease currently held by ana@x.io, expires at 2026-11-23T12:00:00Z", ("ana@x.io", NOON)),
        ("lease currently held by u-1@tokens.fly.io, expires at soon", ("u-1@tokens.fly.io", None)),
        ("machine 148e is busy", ("", None)),
    ],
)
def test_the_holder_is_read_from_the_refusal(text: str, expected: tuple[str, datetime | None]) -> None:
    """Owner and end of somebody else's lease stand in Fly's sentence."""
    assert parse.lease_holder(text) == expected


def test_a_release_is_read() -> None:
    """Numbers may come as ids; the image as one reference; the status is any word."""
    release = parse.release(
        {"id": 7, "version": 41, "status": "succeeded", "image_ref": f"registry.fly.io/shop:v1@{DIGEST}", "user": None}
    )

    assert (release.id, release.version, release.status, release.user) == ("7", 41, "succeeded", "")
    assert release.image == Image("registry.fly.io/shop", "v1", DIGEST)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[32m[info]\x1b[0m up", "[info] up"),
        ("\x1b[1;38;5;208mbold\x1b[K", "bold"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x07", "link"),
        ("plain \n", "plain"),
        (None, ""),
    ],
)
def test_logs_lose_their_colours(raw: str | None, clean: str) -> None:
    """Colours, cursor moves and hidden links of a terminal do not reach a channel."""
    line = parse.log_line({"attributes": {"timestamp": "2026-11-23T12:00:00Z", "message": raw}})

    assert line is not None
    assert (line.at, line.message) == (NOON, clean)


def test_a_log_lines_machine_may_stand_in_its_meta() -> None:
    """Both places where Fly names the Machine are read."""
    line = parse.log_line(
        {"attributes": {"timestamp": "2026-11-23T12:00:00Z", "level": "info", "meta": {"instance": "148e1"}}}
    )

    assert line is not None
    assert (line.machine_id, line.level) == ("148e1", "info")


def test_a_line_without_a_time_is_left_out() -> None:
    """It could not be put in order."""
    assert parse.log_line({"attributes": {"message": "hm"}}) is None
