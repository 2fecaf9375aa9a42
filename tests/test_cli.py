"""The command line: `flytower check-config`, `audit`, `version`, and how a start fails."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import main
from sandbox.stack import SECRETS
from tests.world import EXAMPLE, World


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and everything printed."""
    result = CliRunner(env=env or {}).invoke(main, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example's configuration as a file."""
    path = tmp_path / "flytower.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def test_a_sound_configuration_is_listed(config: Path) -> None:
    """Each environment with its app and regions, a note on promotion, no secret, exit 0."""
    code, said = run("check-config", "--config", str(config), env=SECRETS)

    assert code == 0
    assert "reify-studio/production: reify-studio in reify-studio-production (iad 1, sjc 1)" in said
    assert "note:" in said
    assert not [secret for secret in SECRETS.values() if secret in said]


def test_all_problems_are_reported_at_once(config: Path) -> None:
    """A bad name in the file, or missing variables: every one with its mend, exit 1."""
    config.write_text(EXAMPLE.replace('app = "reify-studio"', 'app = "reify_studio"'), encoding="utf-8")
    in_file = run("check-config", "--config", str(config), "--file-only")
    config.write_text(EXAMPLE, encoding="utf-8")
    in_environment = run("check-config", "--config", str(config), env=dict.fromkeys(SECRETS))

    assert in_file[0] == 1
    assert "`reify-studio`" in in_file[1]
    assert in_environment[0] == 1
    assert [name for name in SECRETS if name not in in_environment[1]] == []


def test_the_file_can_be_checked_where_no_secrets_are(config: Path) -> None:
    """CI checks the file alone."""
    assert run("check-config", "--config", str(config), "--file-only")[0] == 0


@pytest.mark.parametrize("command", [["check-config"], ["check-config", "--file-only"], ["serve"]])
def test_a_missing_file_is_a_sentence(command: list[str], tmp_path: Path) -> None:
    """No traceback for a file that is not there."""
    code, said = run(*command, "--config", str(tmp_path / "nowhere.toml"), env=SECRETS)

    assert code == 1
    assert "cannot be read" in said


def test_a_token_that_slack_does_not_know_stops_the_start(config: Path, tmp_path: Path) -> None:
    """The bot does not start half: it says what Slack or the network said, and exits 1."""
    loopback = "http://127.0.0.1:9"
    urls = dict.fromkeys(("GITHUB_API_URL", "FLY_FLAPS_BASE_URL", "FLY_API_BASE_URL", "FLY_REGISTRY_URL"), loopback)
    env = {**SECRETS, **urls, "SLACK_API_URL": f"{loopback}/api/", "FLYTOWER_DATABASE": str(tmp_path / "f.db")}

    code, said = run("serve", "--config", str(config), env=env)

    assert code == 1
    assert "Slack" in said
    assert "Traceback" not in said


async def test_the_audit_log_is_verified_and_exported_beside_the_running_bot(world: World) -> None:
    """Who asked for what and how it ended stands there, as CSV and JSON, and the chain is whole."""
    await world.types("/deploy staging main")
    database = str(world.settings.database)

    verified = run("audit", "verify", "--database", database)
    as_csv = run("audit", "export", "--database", database)[1]
    as_json = json.loads(run("audit", "export", "--database", database, "--format", "json")[1])

    assert verified[0] == 0
    assert re.fullmatch(r"[345] audit events, the chain is whole\.\n", verified[1])
    assert "U0ANA,deployment.request," in as_csv
    assert "deployment.succeed" in [event["action"] for event in as_json]


async def test_a_changed_audit_log_is_found_out(world: World) -> None:
    """Somebody rewrites an event behind the bot's back: exit 1, and which event."""
    await world.types("/deploy staging main")
    with sqlite3.connect(world.settings.database) as db:
        db.execute("DROP TRIGGER audit_is_not_updated")
        db.execute("UPDATE audit SET actor = 'U0BO' WHERE seq = 1")
    db.close()

    code, said = run("audit", "verify", "--database", str(world.settings.database))

    assert code == 1
    assert "event 1 was changed" in said


def test_the_version_is_told() -> None:
    """`flytower version` names itself."""
    assert run("version")[1].startswith("flytower 0.")
