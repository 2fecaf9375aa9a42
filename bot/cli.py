"""The command line: `flytower serve | check-config | audit | version`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Coroutine
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click

from bot import audit
from bot.config import Settings, file_problems, promotion_notes
from bot.errors import BotError, ConfigError
from bot.log import configure
from bot.writer import read_only

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("flytower.toml"),
    show_default=True,
    help="The pipelines' description.",
)
DATABASE = click.option(
    "--database",
    envvar="FLYTOWER_DATABASE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The SQLite file; also FLYTOWER_DATABASE.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Flytower runs a team's Fly.io delivery pipeline from Slack."""


@main.command()
@CONFIG
def serve(config_path: Path) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    settings = _settings(config_path)
    # Bolt would find it by itself, and warn at each start that it does not use it.
    os.environ.pop("SLACK_BOT_TOKEN", None)
    configure(settings.log_format, secrets=settings.secrets)
    try:
        asyncio.run(_start(settings))
    except BotError as error:
        raise click.ClickException(str(error)) from None
    finally:
        gc.enable()


def _start(settings: Settings) -> Coroutine[None, None, None]:
    # A start makes objects by the hundred thousand and hardly any garbage; `serve` switches the collector on again.
    gc.disable()
    # The libraries of the bot take half a second, which the other commands need not wait for.
    from bot.serve import serve  # noqa: PLC0415

    return serve(settings)


@main.command("check-config")
@CONFIG
@click.option("--file-only", is_flag=True, help="Check the file alone, where the secrets are not at hand.")
def check_config(config_path: Path, *, file_only: bool) -> None:
    """Report every problem of the configuration at once, each with its place and its mend."""
    if file_only:
        if problems := _file_problems(config_path):
            raise click.ClickException(ConfigError(problems).message)
        click.echo(f"{config_path}: no problems in the file.")
        return
    settings = _settings(config_path)
    for environment in settings.environments:
        regions = ", ".join(f"{region} {count}" for region, count in environment.regions.items())
        click.echo(f"{environment.title}: {environment.app} in {environment.organisation} ({regions})")
    for note in promotion_notes(settings):
        click.echo(f"note: {note}")
    click.echo("No problems.")


@main.group("audit")
def audit_group() -> None:
    """The audit log: who did what to which, when, and how it ended."""


@audit_group.command("verify")
@DATABASE
def audit_verify(database: Path) -> None:
    """Check the chain of hashes; exit 1 where an event was changed, removed or moved."""
    events = _audit_events(database)
    if found := audit.problems(events):
        raise click.ClickException("The audit log was changed:\n" + "\n".join(f"- {line}" for line in found))
    click.echo(f"{len(events)} audit events, the chain is whole.")


@audit_group.command("export")
@DATABASE
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
def audit_export(database: Path, form: str) -> None:
    """Print all audit events, oldest first."""
    events = _audit_events(database)
    click.echo(audit.as_json(events) if form == "json" else audit.as_csv(events), nl=form == "json")


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"flytower {installed_version('flytower')}")


def _file_problems(config_path: Path) -> list[str]:
    try:
        return file_problems(config_path.read_text(encoding="utf-8"), config_path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{config_path} cannot be read: {error}") from None


def _settings(config_path: Path) -> Settings:
    try:
        return Settings.from_environ(os.environ, config_path)
    except ConfigError as error:
        raise click.ClickException(error.message) from None


def _audit_events(database: Path) -> list[dict[str, Any]]:
    with contextlib.closing(read_only(str(database))) as db:
        return list(audit.rows(db))
