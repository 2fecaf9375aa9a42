"""What no client should send to the simulated Fly: it is refused with a sentence, and nothing happens."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.fly.machine import duration_text, seconds_of
from tests.sandbox.fly_client import APP, FIXTURES, IAD, NEXT, Fly

fly_stage, fly = FIXTURES
MACHINES = f"/v1/apps/{APP}/machines"
MACHINE = f"{MACHINES}/{IAD}"
VOLUMES = f"/v1/apps/{APP}-production-db/volumes"
CONFIG = {"image": f"registry.fly.io/{APP}:{NEXT}"}
ODD: dict[str, tuple[str, str, Any]] = {
    "guest": ("POST", MACHINES, {"config": {**CONFIG, "guest": True}}),
    "memory": ("POST", MACHINES, {"config": {**CONFIG, "guest": {"memory_mb": "1gb"}}}),
    "no CPU": ("POST", MACHINES, {"config": {**CONFIG, "guest": {"cpus": 0}}}),
    "services": ("POST", MACHINES, {"config": {**CONFIG, "services": [None]}}),
    "autostop": ("POST", MACHINES, {"config": {**CONFIG, "services": [{"internal_port": 1, "autostop": []}]}}),
    "a port that is true": ("POST", MACHINES, {"config": {**CONFIG, "services": [{"internal_port": True}]}}),
    "checks": ("POST", MACHINES, {"config": {**CONFIG, "checks": {"up": 1}}}),
    "interval": ("POST", MACHINES, {"config": {**CONFIG, "checks": {"up": {"interval": -5}}}}),
    "restart": ("POST", MACHINES, {"config": {**CONFIG, "restart": "always"}}),
    "env": ("POST", MACHINES, {"config": {**CONFIG, "env": {"PORT": 80}}}),
    "name": ("POST", MACHINES, {"config": CONFIG, "name": 7}),
    "lease_ttl": ("POST", MACHINES, {"config": CONFIG, "lease_ttl": "soon"}),
    "min_secrets_version": ("POST", MACHINE, {"config": CONFIG, "min_secrets_version": "1"}),
    "a number beyond 64 bits": ("POST", MACHINE, {"config": CONFIG, "min_secrets_version": 2**63}),
    "signal": ("POST", f"{MACHINE}/signal", {"signal": ["SIGTERM"]}),
    "cmd": ("POST", f"{MACHINE}/exec", {"cmd": "echo 'half"}),
    "machine_version": ("PUT", f"{MACHINE}/metadata", {"metadata": {}, "machine_version": []}),
    "size": ("POST", VOLUMES, {"name": "data", "region": "iad", "size_gb": 1.5}),
    "app": ("POST", "/v1/apps", {"name": 1234, "org_slug": "reify-studio-production"}),
    "hostname": ("POST", f"/v1/apps/{APP}/certificates/acme", {"hostname": 1}),
    "strategy": ("POST", "/api/v1/releases", {"app_name": APP, "strategy": [], "definition": {}}),
    "build_id": ("POST", "/api/v1/builds/finish", {"app_name": APP, "build_id": []}),
    "count": ("POST", "/v1/platform/placements", {"org_slug": "reify-studio-production", "count": "2"}),
    "variables": ("POST", "/graphql", {"query": "{ viewer { email } }", "variables": []}),
}


@pytest.mark.parametrize(("method", "path", "body"), ODD.values(), ids=ODD)
async def test_a_value_of_another_type_is_refused(fly: Fly, method: str, path: str, body: Any) -> None:
    """Go's decoder takes none of these, and no app, Machine or volume came of it."""
    before = fly.sim.state()["apps"]

    answer = await fly.call(method, path, body)

    assert answer.status_code == 400, answer.text
    assert "invalid" in answer.text
    assert fly.sim.state()["apps"] == before


async def test_a_refusal_names_the_field_and_both_types(fly: Fly) -> None:
    """As Go says it."""
    answer = await fly.create({"services": [{"internal_port": "4000"}]})

    sentence = "json: cannot unmarshal string into config.services.internal_port of type number"
    assert answer.json()["error"] == f"invalid JSON body: {sentence}"


@pytest.mark.parametrize("path", [MACHINES, "/graphql", "/api/v1/releases"])
async def test_a_body_that_is_nested_too_deeply_is_refused(fly: Fly, path: str) -> None:
    """A hundred thousand brackets are no request."""
    answer = await fly.http.post(path, content=b"[" * 100_000)

    assert answer.status_code == 400
    assert "nested too deeply" in answer.text


async def test_what_go_decodes_is_taken(fly: Fly) -> None:
    """Null is absent, durations are texts or nanoseconds, `autostop` is of either kind, unknown keys stay."""
    service = {"internal_port": 4000, "autostop": True, "checks": [{"type": "tcp", "interval": 15_000_000_000}]}
    answer = await fly.create({"env": None, "guest": {"cpus": None}, "services": [service], "new": {"key": [1]}})

    config = answer.json()["config"]
    assert answer.status_code == 200
    assert (config["new"], config["guest"]["cpus"], config["services"][0]["autostop"]) == ({"key": [1]}, 1, True)
    assert config["services"][0]["checks"][0]["interval"] == "15s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (1, "1s"), (1.5, "1.5s"), (90, "1m30s"), (3600, "1h0m0s"), (5405, "1h30m5s")],
)
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    """And it is read back as the same."""
    assert duration_text(seconds) == text
    assert seconds_of(text) == seconds


async def test_a_stop_timeout_must_be_a_duration(fly: Fly) -> None:
    """Like that of a check."""
    answers = [await fly.create({"stop_config": {"timeout": each}}) for each in ("ten seconds", 10_000_000_000)]

    assert [answer.status_code for answer in answers] == [400, 200]
    assert answers[1].json()["config"]["stop_config"] == {"timeout": "10s"}


@pytest.mark.parametrize("app", [APP, f"{APP}-production-db"])
async def test_a_shell_says_that_a_quote_is_open(fly: Fly, app: str) -> None:
    """The command runs, and fails as it does in a shell."""
    machine = next(iter(fly.sim.app(app).machines))
    answer = await fly.call("POST", f"/v1/apps/{app}/machines/{machine}/exec", {"command": ["sh", "-c", "echo 'half"]})

    assert (answer.json()["exit_code"], answer.json()["stdout"]) == (2, "")
    assert "unterminated quoted string" in answer.json()["stderr"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_control/faults", []),
        ("POST", "/_control/faults", {"kind": "status", "path": "("}),
        ("POST", "/_control/faults", {"kind": "nothing"}),
        ("POST", "/_control/clock", {"speed": 0}),
        ("POST", "/_control/clock", {"speed": "Infinity"}),
        ("POST", "/_control/clock", {"speed": "NaN"}),
    ],
)
async def test_a_control_that_makes_no_sense_changes_nothing(fly: Fly, method: str, path: str, body: Any) -> None:
    """It is answered 400, and the simulator goes on as it did."""
    answer = await fly.call(method, path, body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert (fly.clock.speed, fly.sim.faults.all()) == (1.0, [])


async def test_a_deploy_token_opens_its_app_alone(fly: Fly) -> None:
    """It is made over REST for as long as asked, comes with its scheme, and makes no other."""
    made = await fly.call("POST", f"/v1/apps/{APP}/deploy_token", {"expiry": "1h"})
    headers = {"Authorization": made.json()["token"]}

    answers = [
        await fly.call("GET", f"/v1/apps/{APP}", headers=headers),
        await fly.call("GET", f"/v1/apps/{APP}-production-db", headers=headers),
        await fly.call("POST", f"/v1/apps/{APP}/deploy_token", {}, headers=headers),
    ]
    fly.clock.advance(3601)
    answers.append(await fly.call("GET", f"/v1/apps/{APP}", headers=headers))

    assert [answer.status_code for answer in answers] == [200, 403, 403, 401]


@pytest.mark.parametrize(("text", "value"), [("1 / 0", "+Inf"), ("(0 - 1) / 0", "-Inf"), ("0 / 0", "NaN")])
async def test_numbers_that_are_not_finite_are_written_as_prometheus_does(fly: Fly, text: str, value: str) -> None:
    """Clients know these three words."""
    answer = await fly.get("/prometheus/reify-studio-production/api/v1/query", query=text)

    assert answer["data"]["result"][0]["value"][1] == value
