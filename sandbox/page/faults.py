"""Every fault that the page offers, as one table: its name, what it means, what it is aimed at, how it is made.

A row exists as long as its simulator has the kind. Rows with calls are those of the wire, which all simulators have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.calls import NAMES, NamedCall
from sandbox.faults import WIRE_KINDS, Fault
from sandbox.kit import Json, Simulator, copied

SOMEBODY = "eve@reify.example"
SLOW_S, CRAWL_S, LATE_S, RETRY_AFTER_S = 45.0, 8.0, 30.0, 5


@dataclass(frozen=True)
class Row:
    """One fault. `menu` names the list of its targets; `lasts` is one that is there while it is on, uncounted.

    `times` is how often it happens unless the person says otherwise, None always. `makes` is what the fault has
    besides.
    """

    name: str
    kind: str
    simulator: str
    topic: str
    label: str
    meaning: str
    menu: str = ""
    times: int | None = None
    lasts: bool = False
    makes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_calls(self) -> bool:
        return self.kind in WIRE_KINDS

    def made(self, target: str | None, call: NamedCall | None, times: int | None) -> Fault:
        """The fault for this target, or of the wire for this call, of the app `target` where the call names one."""
        aim: Json = {"target": target}
        if call is not None:
            aim = {"method": call.method, "path": call.path_for(target)}
        return Fault(self.kind, times=None if self.lasts else times, **aim, **copied(dict(self.makes)))

    def shown(self) -> Json:
        """What the page knows of it."""
        fields = ("name", "simulator", "topic", "label", "meaning", "menu", "times", "lasts", "has_calls")
        return {name: getattr(self, name) for name in fields}


def _fly(kind: str, label: str, meaning: str, menu: str = "machine", *, name: str = "", **more: Any) -> Row:
    return Row(name or kind, kind, "fly", "Machines", label, meaning, menu, **more)


def _database(kind: str, label: str, meaning: str) -> Row:
    return Row(kind, kind, "fly", "Databases", label, meaning, "machine", lasts=True)


def _github(kind: str, label: str, meaning: str, menu: str = "", **more: Any) -> Row:
    topic = "Webhooks" if kind.startswith("webhook") else "Commits and runs"
    return Row(kind, kind, "github", topic, label, meaning, menu, **more)


def _slack(kind: str, label: str, meaning: str, **more: Any) -> Row:
    return Row(kind, kind, "slack", "What people do", label, meaning, "payload", **more)


FLY = (
    _fly("unhealthy", "Unhealthy checks", "After the next update or creation the checks fail."),
    _fly(
        "unhealthy",
        "Checks fail later",
        "Healthy at first; a minute after the start the checks fail.",
        name="unhealthy_later",
        makes={"detail": {"after": 60.0, "output": "500 Internal Server Error"}},
    ),
    _fly("release_command_fails", "Failing release command", "It exits with 1, as a migration that cannot run.", "app"),
    _fly("release_command_hangs", "Release command hangs", "It runs until somebody stops it.", "app"),
    _fly("crash_loop", "Crash loop", "The Machine exits a second after each start."),
    _fly(
        "slow_boot",
        "Slow boot",
        f"A start takes {SLOW_S:.0f} s longer.",
        makes={"seconds": SLOW_S},
    ),
    _fly(
        "slow_boot",
        "Slow to get healthy",
        f"It starts in time, and answers its checks {SLOW_S:.0f} s late.",
        name="slow_health",
        makes={"seconds": SLOW_S, "detail": {"phase": "healthy"}},
    ),
    _fly("fails_to_start", "Fails to start", "The Machine ends in the state failed."),
    _fly("no_capacity", "No capacity", "There is no room to create, update or start anything.", "place", lasts=True),
    _fly("host_unreachable", "Host unreachable", "The Machine shows no config and can only be destroyed.", lasts=True),
    _fly("image_gone", "Image gone", "The image was pruned: it cannot be found or pulled.", "image", lasts=True),
    _fly(
        "lease_held",
        "Lease held",
        f"{SOMEBODY} takes each lease first, for 13 s.",
        makes={"detail": {"owner": SOMEBODY}},
    ),
    _fly("out_of_memory", "Out of memory", "The kernel kills the process a second after each start."),
    _fly(
        "machine_limit",
        "Machine limit",
        "The organisation may have one Machine per app, and no more.",
        "organization",
        lasts=True,
    ),
    _database("connections_exhausted", "Database out of connections", "No connection is left to anybody."),
    _database("disk_full", "Database disk full", "Above 90 % the database takes no more writes."),
    _database("database_read_only", "Database read-only", "It is locked against writes."),
    _database("zombie", "Zombie database", "A member that lost its primary is fenced off."),
    _database("replication_lag", "Replica behind", "A replica is five minutes behind."),
)
GITHUB = (
    _github("unknown_commit", "Unknown commit", "A commit is as if it had never been pushed.", "commit"),
    _github("files_cut", "Files cut", "A comparison ends after 300 files."),
    _github("step_fails", "A step fails", "A step of a workflow run exits with 1.", "step", times=1),
    _github("no_runner", "No runner", "Runs stay queued.", "workflow", lasts=True),
    _github("approval_required", "CI approval", "The job waits until a person approves it at GitHub.", "environment"),
    _github("no_run_details", "No run details", "A dispatch is answered without saying which run.", "workflow"),
    _github(
        "run_appears_late",
        "Run appears late",
        f"A run shows {LATE_S:.0f} s after it was asked for.",
        "workflow",
        makes={"seconds": LATE_S},
    ),
    _github("actions_disabled", "Actions disabled", "Dispatches are refused, pushes start nothing.", lasts=True),
    _github("webhook_lost", "Webhook lost", "The event is never delivered.", "event", times=1),
    _github("webhook_doubled", "Webhook doubled", "The same event is delivered twice.", "event", times=1),
    _github(
        "webhook_late",
        "Webhook late",
        f"The event is delivered {LATE_S:.0f} s later, after newer ones.",
        "event",
        times=1,
        makes={"seconds": LATE_S},
    ),
    _github("webhook_reordered", "Webhook overtaken", "The next event arrives before it.", "event", times=1),
)
SLACK = (
    _slack("retry", "Retry", "The answer counts as lost, and the same request comes again.", times=1),
    _slack("lost_interaction", "Lost interaction", "The bot never hears of a command or click.", times=1),
    _slack(
        "slow_network",
        "Slow network",
        f"The bot hears of it {CRAWL_S:.0f} s later, when Slack has given up.",
        times=1,
        makes={"seconds": CRAWL_S},
    ),
    _slack("doubled_envelope", "Doubled envelope", "In Socket Mode every open socket gets the same.", times=1),
    _slack("dropped_socket", "Dropped socket", "In Socket Mode the socket closes too early.", times=1),
)
# How each platform words the refusal of too many requests, and its own failure.
REFUSED: Mapping[str, Any] = {
    "fly": {"error": "rate limit exceeded"},
    "github": {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."},
    "slack": {"ok": False, "error": "ratelimited"},
}
DOWN: Mapping[str, Any] = {
    "fly": {"error": "service unavailable"},
    "github": {"message": "Service unavailable"},
    "slack": "<html><body>Service unavailable</body></html>",
}


def _wire(simulator: str) -> Iterable[Row]:
    who, menu = NAMES[simulator], "app" if simulator == "fly" else ""
    too_many = {"status": 429, "headers": {"retry-after": str(RETRY_AFTER_S)}, "body": REFUSED[simulator]}

    def row(name: str, kind: str, label: str, meaning: str, times: int | None, **makes: Any) -> Row:
        return Row(f"{simulator}_{name}", kind, simulator, "Network", label, meaning, menu, times, makes=makes)

    yield row("429", "status", "429", f"Refused as too many requests, for {RETRY_AFTER_S} s.", 3, **too_many)
    yield row("5xx", "status", f"{who} is down (503)", "The call is not worked.", None, body=DOWN[simulator])
    yield row("drop_before", "drop_before", "Dropped before", "The connection breaks, and nothing was done.", 1)
    yield row("drop_after", "drop_after", "Dropped after", "It is done, and the answer is lost.", 1)
    yield row("delay", "delay", "Slow answer", f"The answer takes {CRAWL_S:.0f} s longer.", None, seconds=CRAWL_S)


ROWS = (*FLY, *_wire("fly"), *GITHUB, *_wire("github"), *SLACK, *_wire("slack"))


def rows_of(simulators: Iterable[Simulator]) -> dict[str, Row]:
    """The rows whose kind its simulator has, by name, in the order of the table."""
    kinds = {simulator.name: simulator.faults.kinds for simulator in simulators}
    return {row.name: row for row in ROWS if row.kind in kinds[row.simulator]}
