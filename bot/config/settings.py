"""Settings: everything that the bot is told, read once and checked as a whole."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config import checks, prices, values
from bot.config.accounts import (
    FlyEndpoints,
    GitHubSettings,
    SlackSettings,
    accounts,
    check_variables,
    read_key,
    read_tokens,
)
from bot.config.build import build_pipelines
from bot.config.problems import Problems, did_you_mean, in_environment, in_file, of_syntax
from bot.config.schema import read, read_variables, specs
from bot.config.secret import Secret
from bot.config.tables import CommandsTable, Document
from bot.config.variables import Variables
from bot.domain.model import Environment, Pipeline
from bot.domain.operation import Operation
from bot.domain.size import Prices
from bot.domain.toml_lines import lines_of
from bot.errors import ConfigError, NotFound, Reason


@dataclass(frozen=True)
class Settings:
    """What the bot is told. `commands` maps our commands (`/deploy`) to what this workspace calls them.

    `organisations` holds each Fly organisation's token by slug.
    """

    slack: SlackSettings
    github: GitHubSettings
    fly: FlyEndpoints
    organisations: Mapping[str, Secret]
    pipelines: Mapping[str, Pipeline]
    channel: str
    commands: Mapping[str, str]
    database: Path
    log_format: str
    host: str
    port: int
    clock_speed: float
    clock_since: float
    prices: Prices
    fly_regions: frozenset[str]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], config_path: Path) -> Settings:
        """Read the file and, where `GITHUB_APP_PRIVATE_KEY` is a path, the key; nothing else.

        Raises ConfigError with every problem at once.
        """
        try:
            text = config_path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            mend = "Start from `flytower.example.toml`, or name another file with `--config`."
            raise ConfigError([f"{config_path}: cannot be read ({reason}). {mend}"]) from error
        return load(text, environ, file=config_path.name)

    @property
    def environments(self) -> tuple[Environment, ...]:
        """All environments, in the file's order."""
        return tuple(env for pipeline in self.pipelines.values() for env in pipeline.environments.values())

    @property
    def environment_names(self) -> tuple[str, ...]:
        """What to call each environment: its bare name where that is enough, else `pipeline/environment`."""
        times = Counter(env.name for env in self.environments)
        return tuple(env.name if times[env.name] == 1 else env.title for env in self.environments)

    @property
    def named_environments(self) -> dict[str, Environment]:
        """Each environment by what to call it."""
        return dict(zip(self.environment_names, self.environments, strict=True))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret, for what must never let one through."""
        slack, github = self.slack, self.github
        key = github.app.private_key if github.app else None
        known = (slack.bot_token, slack.signing_secret, slack.app_token, github.token, key)
        return tuple(s for s in (*known, *github.webhook_secrets, *self.organisations.values()) if s is not None)

    def organisation_of(self, operation: Operation) -> str:
        """The organisation whose token reaches the operation's app.

        Raises NotFound where the app left the config since the operation began.
        """
        for env in self.environments:
            if env.app == operation.app:
                return env.organisation
        raise NotFound(
            f"The app `{operation.app}` is no longer in the configuration.",
            hint="Put its environment back into `flytower.toml` to let the operation go on.",
            reason=Reason.UNKNOWN_ENVIRONMENT,
        )

    def environment(self, name: str) -> Environment:
        """The environment that `production` or `reify-studio/production` means, whatever the case.

        Raises NotFound: UNKNOWN_ENVIRONMENT with what was probably meant, AMBIGUOUS_ENVIRONMENT with the candidates.
        """
        asked = name.strip().lower()
        found = [env for env in self.environments if asked in {env.title, env.name}]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(
                f"Several pipelines have an environment `{asked}`.",
                hint="Say which one: " + ", ".join(f"`{env.title}`" for env in found) + ".",
                reason=Reason.AMBIGUOUS_ENVIRONMENT,
            )
        listed = "There is " + ", ".join(f"`{known}`" for known in self.environment_names) + "."
        guess = did_you_mean(asked, [*self.environment_names, *(env.title for env in self.environments)])
        raise NotFound(
            f"There is no environment `{asked}`.",
            hint=f"{guess} {listed}".strip(),
            reason=Reason.UNKNOWN_ENVIRONMENT,
        )


def load(
    text: str,
    environ: Mapping[str, str],
    *,
    file: str = "flytower.toml",
    read_file: Callable[[Path], str] = Path.read_text,
) -> Settings:
    """Settings from the file's text and the environment variables. Raises ConfigError with every problem at once."""
    document, in_text = _read_document(text, file)
    problems = in_environment()
    variables = read_variables(Variables, environ, problems)
    check_variables(variables, environ, problems)
    tokens = read_tokens(document.organisations, environ, problems)
    key = read_key(variables, read_file, problems)
    if sentences := [*in_text.sentences, *problems.sentences]:
        raise ConfigError(sentences)
    return _build(document, variables, tokens, key)


def file_problems(text: str, file: str = "flytower.toml") -> list[str]:
    """What is wrong with the file by itself, for places that hold no secrets, such as CI."""
    return _read_document(text, file)[1].sentences


def _read_document(text: str, file: str) -> tuple[Document, Problems]:
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return read(Document, {}, (), Problems(lambda _path: (0, ""))), of_syntax(file, str(error))
    problems = in_file(file, raw, lines_of(text))
    document = read(Document, raw, (), problems)
    checks.check(document, problems)
    return document, problems


def _build(document: Document, variables: Variables, tokens: Mapping[str, Secret], key: Secret | None) -> Settings:
    slack, github, fly = accounts(variables, key)
    commands = document.slack.commands
    return Settings(
        slack=slack,
        github=github,
        fly=fly,
        organisations=tokens,
        pipelines=build_pipelines(document),
        channel=document.slack.channel,
        commands={f"/{name.replace('_', '-')}": getattr(commands, name) for name in specs(CommandsTable)},
        database=Path(variables.flytower_database),
        log_format=variables.flytower_log_format,
        host=variables.host,
        port=variables.port,
        clock_speed=variables.flytower_clock_speed,
        clock_since=variables.flytower_clock_since,
        prices=prices.merged(document.prices),
        fly_regions=frozenset(values.regions()),
    )
