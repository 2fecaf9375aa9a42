"""Every fault that the sandbox has is seen: in what the bot says, or in that nothing happens twice."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.fly import FlySimulator
from sandbox.github import GitHubSimulator
from sandbox.kit import Simulator
from sandbox.slack import SlackSimulator
from tests.world import CHANNEL, PRODUCTION, SHA, World, text_of

CONFIRM = "deployment_confirm"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
IMAGE_WAY, BUILD_WAY = "v1.4.2", "v1.5.0"
COMMIT = {IMAGE_WAY: SHA["v1.4.2"], BUILD_WAY: SHA["heading"]}
# The bot asks no database and waits for no webhook: a deployment goes on as if these were not there.
DATABASE = f"{PRODUCTION}-production-db"
OF_DATABASES = ("disk_full", "connections_exhausted", "database_read_only", "replication_lag", "zombie")
OF_WEBHOOKS = ("webhook_lost", "webhook_doubled", "webhook_late", "webhook_reordered")
UPDATE, CREATE = rf"/machines/{IAD}$", rf"/apps/{PRODUCTION}/machines$"
# In Socket Mode alone, and shown there.
ELSEWHERE = {
    ("slack", "doubled_envelope"): "test_socket_mode.test_an_envelope_on_two_sockets_has_one_effect",
    ("slack", "dropped_socket"): "test_socket_mode.test_a_socket_that_breaks_under_a_command_loses_nothing",
}


@dataclass(frozen=True)
class Row:
    """A fault, the deployment that meets it, and words that are said of it.

    `is_shipped` is whether the deployment succeeds all the same: then nothing has happened twice.
    """

    at: str
    kind: str
    details: dict[str, Any]
    says: str
    ref: str
    is_shipped: bool

    @property
    def name(self) -> str:
        return f"{self.at} {self.kind} {self.says or 'one effect'}"


def shipped(at: str, kind: str, says: str = "", *, ref: str = IMAGE_WAY, **details: Any) -> Row:
    return Row(at, kind, details, says, ref, is_shipped=True)


def failed(at: str, kind: str, says: str, *, ref: str = IMAGE_WAY, **details: Any) -> Row:
    return Row(at, kind, details, says, ref, is_shipped=False)


TABLE = [
    shipped("fly", "status", method="POST", path=CREATE, status=429, times=2, headers={"retry-after": "1"}),
    shipped("fly", "status", "release record could not be written", path="^/api/v1/", status=500),
    shipped("fly", "drop_before", method="POST", path=UPDATE, times=1),
    shipped("fly", "drop_after", method="POST", path=UPDATE, times=1),
    shipped("fly", "delay", method="POST", path=UPDATE, seconds=5, times=1),
    failed("fly", "unhealthy", "machine_unhealthy", target=IAD),
    shipped("fly", "slow_boot", target=IAD, seconds=60),
    failed("fly", "slow_boot", "machine_not_started", target=IAD, seconds=600),
    failed("fly", "fails_to_start", "machine_not_started", target=IAD),
    failed("fly", "crash_loop", "machine_crashed", target=IAD),
    failed("fly", "release_command_fails", "release_command_failed", target=PRODUCTION),
    failed("fly", "release_command_hangs", "release_command_timeout", target=PRODUCTION),
    failed("fly", "lease_held", "lease_held", target=PRODUCTION),
    shipped("fly", "no_capacity", f"in place of `{SJC}`", target=SJC),
    shipped("fly", "host_unreachable", f"in place of `{SJC}`", target=SJC),
    failed("fly", "image_gone", "no image of this commit yet", target=f"sha-{COMMIT[IMAGE_WAY]}"),
    failed("fly", "machine_limit", "remote_rejected", target=PRODUCTION, detail={"limit": 2}),
    failed("fly", "out_of_memory", "machine_crashed", target=IAD),
    *(shipped("fly", kind, target=DATABASE) for kind in OF_DATABASES),
    shipped("github", "status", "what changes is unknown", path="/compare/", status=500),
    shipped("github", "drop_before", path="/compare/", times=1),
    shipped("github", "drop_after", ref=BUILD_WAY, method="POST", path="/dispatches$", times=1),
    shipped("github", "delay", path="^/repos/", seconds=5, times=1),
    failed("github", "unknown_commit", "unknown_ref", ref=COMMIT[IMAGE_WAY], target=COMMIT[IMAGE_WAY]),
    shipped("github", "files_cut", "migrations unknown"),
    failed("github", "step_fails", "build_failed", ref=BUILD_WAY, target="build/Build the image"),
    failed("github", "no_runner", "build_timeout", ref=BUILD_WAY, target="deploy-production.yml"),
    failed("github", "approval_required", "waits for an approval on GitHub", ref=BUILD_WAY, target="production"),
    shipped("github", "no_run_details", ref=BUILD_WAY),
    shipped("github", "run_appears_late", ref=BUILD_WAY, seconds=20),
    failed("github", "actions_disabled", "build_impossible", ref=BUILD_WAY),
    *(shipped("github", kind) for kind in OF_WEBHOOKS),
    failed("slack", "status", "membership_unknown", path="/users.info$", status=500),
    shipped("slack", "drop_before", path="/chat.update$", times=2),
    shipped("slack", "drop_after", path="/chat.update$", times=2),
    shipped("slack", "delay", path="/chat.postMessage$", seconds=5, times=1),
    shipped("slack", "retry"),
    failed("slack", "lost_interaction", "operation_timeout", target="/deploy"),
    shipped("slack", "slow_network", "operation_timeout", target="/deploy", seconds=4),
]


async def deploys(world: World, ref: str) -> str:
    """Ana deploys to production and confirms where she is asked; all that was said, in all versions of all messages."""
    await world.github.actions()["tag"]({"name": BUILD_WAY, "sha": COMMIT[BUILD_WAY]})
    await world.types(f"/deploy production {ref}")
    # What was slow or lost on its way has arrived by then.
    await world.simulators.clock.sleep(10)
    await world.settle()
    if any("waiting for confirmation" in card["text"] for card in world.messages()):
        await world.clicks(CONFIRM)
    messages = world.slack.channel_state(CHANNEL)["messages"]
    return "\n".join(text_of(version) for message in messages for version in (message, *message["earlier"]))


async def effects(world: World) -> dict[str, Any]:
    """What there is of a deployment: one of each where it was shipped once."""
    runs = await world.github.actions()["runs"]({"workflow": "deploy-production.yml"})
    alive = [machine for machine in world.all_machines() if machine["state"] != "destroyed"]
    return {
        "operations": [operation.state for operation in await world.operations()],
        "cards": len(world.messages()),
        "release commands": len(world.release_commands()),
        "runs": len(runs["runs"]),
        "most updates of a Machine": max(machine["updates"] for machine in alive),
        "labels": world.labels(),
    }


def shipped_once(ref: str) -> dict[str, Any]:
    """The effects of a deployment that nothing went wrong with."""
    labels = {f"sha-{COMMIT[ref]}"}
    once = {"cards": 1, "release commands": 1, "runs": int(ref == BUILD_WAY), "most updates of a Machine": 1}
    return {"operations": ["succeeded"], **once, "labels": labels}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_a_fault_is_said_or_has_one_effect(world: World, row: Row) -> None:
    """What is documented is said; what succeeds all the same has done everything once, and the rest did not succeed."""
    simulator: Simulator = getattr(world, row.at)
    simulator.faults.add(Fault(row.kind, **row.details))

    said = await deploys(world, row.ref)

    found = await effects(world)
    assert row.says in said
    assert (found == shipped_once(row.ref)) if row.is_shipped else ("succeeded" not in found["operations"])


@pytest.mark.parametrize("ref", COMMIT)
async def test_without_a_fault_none_of_it_is_said(world: World, ref: str) -> None:
    """So that the words above are those of the faults."""
    said = await deploys(world, ref)

    assert await effects(world) == shipped_once(ref)
    assert [row.says for row in TABLE if row.ref == ref and row.says and row.says in said] == []


def test_every_fault_is_shown() -> None:
    """Each kind of each simulator has its row, or a test of its own."""
    kinds = {
        (each.name, kind)
        for each in (FlySimulator(), GitHubSimulator(), SlackSimulator())
        for kind in each.faults.kinds
    }

    assert {(row.at, row.kind) for row in TABLE} | set(ELSEWHERE) == kinds


@pytest.mark.parametrize("place", ELSEWHERE.values())
def test_what_is_shown_elsewhere_is_there(place: str) -> None:
    """The test that the table refers to exists."""
    module, _, name = place.partition(".")

    assert callable(getattr(importlib.import_module(f"tests.end_to_end.{module}"), name))
