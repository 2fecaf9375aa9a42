"""What is shipped fits the code: the image, the Machine, Slack's manifests, the workflows."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.world import World, text_of

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
FLY = tomllib.loads((ROOT / "fly.bot.toml").read_text("utf-8"))
HTTP, SOCKET = (json.loads((ROOT / f"manifest{kind}.json").read_text("utf-8")) for kind in ("", ".socket-mode"))
SEED = json.loads((ROOT / "sandbox" / "seeds" / "slack.json").read_text("utf-8"))
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
}
JOBS = [(file, name, job) for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()]
STEPS = [(f"{file}:{name}", step) for file, name, job in JOBS for step in job.get("steps", [])]
# The scope that each method asks for. Source: the methods' pages at docs.slack.dev.
SCOPES = {
    "auth.test": None,
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "conversations.open": "im:write",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "views.open": None,
    "views.update": None,
}


def scopes(manifest: dict[str, Any]) -> list[str]:
    return manifest["oauth_config"]["scopes"]["bot"]


def commands(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return manifest["features"]["slash_commands"]


def without_transport(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with everything taken out that says how requests travel."""
    rest = copy.deepcopy(manifest)
    del rest["settings"]["socket_mode_enabled"]
    for url in ("request_url", "message_menu_options_url"):
        rest["settings"]["interactivity"].pop(url, None)
    rest["settings"]["event_subscriptions"].pop("request_url", None)
    for command in commands(rest):
        command.pop("url", None)
    return rest


def variables_of(image: str) -> dict[str, str]:
    """The variables that the last stage of the Dockerfile sets."""
    last = image.rpartition("\nFROM ")[2].replace("\\\n", " ")
    lines = re.findall(r"^ENV (.+)$", last, re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


async def run(command: list[str], environment: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.fixture
def shipped(world: World) -> World:
    """The world where the Slack app is installed from our manifest."""
    app = world.slack.world.app
    app.bot_scopes[:], app.commands[:] = scopes(HTTP), commands(HTTP)
    return world


def test_the_manifests_differ_in_the_transport_alone() -> None:
    """One app, two ways to reach it."""
    assert without_transport(HTTP) == without_transport(SOCKET)
    assert (HTTP["settings"]["socket_mode_enabled"], SOCKET["settings"]["socket_mode_enabled"]) == (False, True)
    assert "https://" not in json.dumps(SOCKET)


def test_every_address_in_the_manifest_is_the_bots_one() -> None:
    """Commands and clicks go to the path that the bot serves, at the app that fly.bot.toml names."""
    addresses = set(re.findall(r"https://[^\"]+", json.dumps(HTTP)))

    assert addresses == {f"https://{FLY['app']}.fly.dev/slack/events"}


async def test_the_manifests_scopes_suffice_and_none_is_idle(shipped: World) -> None:
    """Deployment, refusal, modal, file and group work with them; each is needed by a method that was called."""
    await shipped.types("/deploy staging main")
    await shipped.types("/deploy production v1.4.2", by="U0GUS")
    await shipped.types("/deploy prod v1.4.2")
    await shipped.types("/deploy")
    await shipped.bot.slack.send_file("U0ANA", "a.csv", b"1", title="A", comment="")
    await shipped.bot.slack.group_members("S0APPROVERS")

    called = {call["path"].removeprefix("/api/") for call in shipped.slack.calls.all() if "/api/" in call["path"]}
    assert "Ship receipt: 1 of 1 Machines on the image." in text_of(shipped.card())
    assert {"commands", *(SCOPES[method] for method in called)} - {None} == set(scopes(HTTP))


async def test_the_manifest_has_the_commands_that_the_bot_answers(world: World) -> None:
    """No command is offered that does nothing, and none is left out."""
    assert [command["command"] for command in commands(HTTP)] == world.bot.router.commands


def test_the_simulated_workspace_knows_the_manifests_commands() -> None:
    """What we ship can be typed in the sandbox."""
    known = {command["command"] for command in SEED["app"]["commands"]}

    assert {command["command"] for command in commands(HTTP)} <= known


def test_the_bots_machine_stays_awake_is_checked_and_keeps_its_database() -> None:
    """One small Machine with a volume where the database is, asked at a path that the bot serves."""
    service, (mount,), (vm,), variables = FLY["http_service"], FLY["mounts"], FLY["vm"], variables_of(DOCKERFILE)

    assert (service["auto_stop_machines"], service["min_machines_running"]) == ("off", 1)
    assert [check["path"] for check in service["checks"]] == ["/healthz"]
    assert str(service["internal_port"]) == variables["PORT"]
    assert str(Path(variables["FLYTOWER_DATABASE"]).parent) == mount["destination"]
    assert (vm["memory"], FLY["deploy"]["strategy"]) == ("256mb", "rolling")


def test_the_image_reads_the_configuration_that_the_deployment_brings() -> None:
    """The file's place in the Machine is the one in the image's command."""
    (file,) = FLY["files"]
    (command,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)

    assert json.loads(command) == ["serve", "--config", file["guest_path"]]


def test_a_stop_is_the_signal_that_the_bot_handles() -> None:
    """Fly and Docker both send SIGTERM, and Fly waits longer than the bot needs."""
    assert FLY["kill_signal"] == "SIGTERM"
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert FLY["kill_timeout"] >= 15


def test_the_image_runs_as_nobody_special() -> None:
    """The last user of the last stage is not root, and is a number that a host can judge."""
    users = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)

    assert users[-1:] == ["10001:10001"]


def test_only_what_the_image_needs_reaches_its_build() -> None:
    """The build sees listed files alone, and everything that it copies is listed and exists."""
    first, *allowed = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and line[0] != "#" and "**" not in line
    ]
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }

    assert first == "*"
    assert copied == {line.removeprefix("!") for line in allowed}
    assert all((ROOT / name).exists() for name in copied)


async def test_the_images_health_check_tells_a_bot_from_none(world: World) -> None:
    """The command in the Dockerfile ends with 0 beside a serving bot, and otherwise not."""
    (check,) = re.findall(r"^    CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    command = [sys.executable, *json.loads(check)[1:]]
    port = world.url.rpartition(":")[2]

    assert await run(command, os.environ | {"PORT": port}) == 0
    assert await run(command, os.environ | {"PORT": "1"}) != 0


@pytest.mark.parametrize(("where", "step"), STEPS)
def test_actions_are_pinned_and_shells_get_no_templates(where: str, step: dict[str, Any]) -> None:
    """A moved tag changes nothing here, and nobody's text becomes part of a script."""
    assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + "0" * 40)), where
    assert "${{" not in step.get("run", "")
    if "actions/checkout" in step.get("uses", ""):
        assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("file", "name", "job"), JOBS)
def test_jobs_may_read_the_code_and_no_more(file: str, name: str, job: dict[str, Any]) -> None:
    """Nothing is granted at the top, `contents: read` to each job, and no job runs for hours."""
    assert WORKFLOWS[file]["permissions"] == {}
    assert job["permissions"] == {"contents": "read"}, name
    assert "uses" in job or job["timeout-minutes"] <= 30


def test_a_tag_deploys_after_ci_and_ci_does_not_run_for_it_twice() -> None:
    """The deployment calls CI and needs it; CI by itself listens to branches and pull requests."""
    deployment, ci = WORKFLOWS["deploy-bot.yml"], WORKFLOWS["ci.yml"]

    assert deployment[True] == {"push": {"tags": ["v*"]}}
    assert deployment["jobs"]["deploy"]["needs"] == "ci"
    assert deployment["jobs"]["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert ci[True]["push"] == {"branches": ["main"]}
    assert "workflow_call" in ci[True]


def test_ci_tests_the_oldest_python_and_the_images() -> None:
    """The matrix has the floor of pyproject.toml and the version in the Dockerfile."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    floor = project["requires-python"].removeprefix(">=")
    shipped_python = set(re.findall(r"^FROM python:(\d+\.\d+)-", DOCKERFILE, re.MULTILINE))

    assert {*WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]} == {floor, *shipped_python}
    assert len(shipped_python) == 1


def test_the_script_of_ci_can_be_run() -> None:
    """`.ci/run` is executable and stops at the first error."""
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text("utf-8")
