"""Configuration: flytower.toml and the environment variables, read once and checked as a whole.

Nothing else reads either. `Settings.from_environ` reports every problem in one ConfigError, with place and mend.
"""

from bot.config.accounts import FlyEndpoints, GitHubApp, GitHubSettings, SlackSettings
from bot.config.promotion import promotion_notes, shares_registry
from bot.config.reference import settings_markdown, settings_table
from bot.config.schema import Row
from bot.config.secret import Secret
from bot.config.settings import Settings, file_problems, load

__all__ = [
    "FlyEndpoints",
    "GitHubApp",
    "GitHubSettings",
    "Row",
    "Secret",
    "Settings",
    "SlackSettings",
    "file_problems",
    "load",
    "promotion_notes",
    "settings_markdown",
    "settings_table",
    "shares_registry",
]
