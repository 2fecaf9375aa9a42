"""The environment variables: secrets, base URLs, where the bot listens and writes.

Sources: Slack, "Tokens" (prefixes); Fly, "Access tokens", and flyctl (`FLY_FLAPS_BASE_URL`, `FLY_API_BASE_URL`);
GitHub, "Generating a JSON Web Token for a GitHub App".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from bot.config import values
from bot.config.problems import Bad
from bot.config.schema import key, settings
from bot.config.secret import Secret


def token(prefix: str, name: str, found_at: str) -> Callable[[str], Secret]:
    """A token of Slack's that begins with `prefix`."""

    def parse(raw: str) -> Secret:
        value = secret(raw).reveal()
        if not value.startswith(prefix):
            raise Bad(
                f"is not {name}: those begin with `{prefix}`", f"Copy it from {found_at} in the Slack app's settings."
            )
        return Secret(value)

    return parse


def secret(raw: str) -> Secret:
    """A secret in one piece: no blanks, no quotes that a shell left."""
    if re.search(r"[\s'\"]", raw) or not raw.isascii():
        raise Bad(
            "has blanks, quotes or other characters that no token has", "Copy it again, whole and without quotes."
        )
    return Secret(raw)


def signing_secret(raw: str) -> Secret:
    """Slack's signing secret, and not one of the tokens beside it."""
    if raw.startswith(("xox", "xapp-")):
        raise Bad("is a token", "Copy the Signing Secret from Basic Information in the Slack app's settings.")
    return secret(raw)


def secrets(raw: str) -> tuple[Secret, ...]:
    """Several secrets with commas between them."""
    return tuple(secret(part.strip()) for part in raw.split(",") if part.strip())


def fly_token(raw: str) -> Secret:
    """A token of Fly's: an optional scheme word, then macaroons with commas between them or an older single token."""
    body = re.sub(r"^(FlyV1|Bearer)\s+", "", raw.strip())
    if not re.fullmatch(r"[A-Za-z0-9_+/=.-]{6,}(,[A-Za-z0-9_+/=.-]{6,})*", body):
        raise Bad("is not a Fly token", "`fly tokens create org --org SLUG` prints one: copy the whole line.")
    return Secret(raw.strip())


def app_id(raw: str) -> str:
    """A GitHub App's id or client id."""
    if not re.fullmatch(r"\d+|Iv[A-Za-z0-9.]+", raw):
        raise Bad(f"`{raw}` is not an App's id", "It is the number under About in the App's settings.")
    return raw


def digits(raw: str) -> str:
    """An id that is a number."""
    if not raw.isascii() or not raw.isdigit():
        raise Bad(f"`{raw}` is not a number", "It stands at the end of the installation's address on GitHub.")
    return raw


def private_key(raw: str) -> Secret:
    """A private key in PEM, its line ends perhaps escaped, or the path of one."""
    return Secret(raw.replace("\\n", "\n"))


def port(raw: str) -> int:
    """A TCP port; 0 lets the system choose one."""
    if not re.fullmatch(r"\d{1,5}", raw, re.ASCII) or int(raw) > 65535:
        raise Bad(f"`{raw}` is not a port", "Write a number from 0 to 65535.")
    return int(raw)


def speed(raw: str) -> float:
    """How much faster than real time a clock runs."""
    try:
        found = float(raw)
    except ValueError:
        found = math.nan
    if not 0 < found <= 10_000:
        raise Bad(f"`{raw}` is not a speed", "Write a number such as `1` or `50`.")
    return found


def unix_time(raw: str) -> float:
    """An instant as Unix time in seconds."""
    try:
        found = float(raw)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise Bad(f"`{raw}` is not a Unix time", "Write seconds since 1970, such as `1795437982.5`.")
    return found


def slack_url(raw: str) -> str:
    """Slack's Web API with the slash at its end that slack-sdk joins method names to."""
    return values.url(raw) + "/"


@settings
class Variables:
    """What the environment says; the token variables of `[organisations]` are read beside it."""

    slack_bot_token: Secret = key(
        token("xoxb-", "a bot token", "OAuth & Permissions"), "The bot's token, `xoxb-…`.", empty=None
    )
    slack_signing_secret: Secret | None = key(
        signing_secret,
        "Proves that a request comes from Slack. Required unless `SLACK_APP_TOKEN` is set.",
        default=None,
    )
    slack_app_token: Secret | None = key(
        token("xapp-", "an app-level token", "Basic Information, App-Level Tokens,"),
        "An app-level token, `xapp-…`; its presence switches Socket Mode on.",
        default=None,
    )
    slack_api_url: str = key(slack_url, "Slack's Web API.", default="https://slack.com/api/")
    github_token: Secret | None = key(secret, "A token for the repositories; or else a GitHub App.", default=None)
    github_app_id: str = key(app_id, "The GitHub App's id, instead of `GITHUB_TOKEN`.", default="")
    github_app_private_key: Secret | None = key(
        private_key, "The GitHub App's private key (PEM), or the path of its file.", default=None
    )
    github_app_installation_id: str = key(
        digits, "The installation to act as.", default="", shown="looked up by repository"
    )
    github_webhook_secret: tuple[Secret, ...] = key(
        secrets,
        "Proves that a webhook comes from GitHub; several with commas between them during rotation.",
        default=(),
    )
    github_api_url: str = key(values.url, "GitHub's REST API.", default="https://api.github.com")
    fly_flaps_base_url: str = key(values.url, "Fly's Machines API.", default="https://api.machines.dev")
    fly_api_base_url: str = key(values.url, "Fly's GraphQL API.", default="https://api.fly.io")
    fly_uiex_base_url: str = key(values.url, "Fly's `api/v1` (releases, logs).", default="", shown="`FLY_API_BASE_URL`")
    fly_registry_url: str = key(values.url, "Fly's image registry.", default="https://registry.fly.io")
    flytower_database: str = key(str, "Path of the SQLite file that keeps all state.", default="flytower.db")
    flytower_log_format: str = key(values.choice("json", "console"), "How log lines look.", default="json")
    flytower_clock_speed: float = key(
        speed,
        "How much faster the bot's clock runs. For sandboxes: refused unless all base URLs are on loopback.",
        default=1.0,
        shown="1",
    )
    flytower_clock_since: float = key(
        unix_time,
        "The Unix time from which the faster clock counts, so that a restarted bot agrees with its sandbox.",
        default=0.0,
        shown="the start",
    )
    host: str = key(str, "The address that the web server binds.", default="127.0.0.1")
    port: int = key(port, "The port that the web server binds.", default=8080)
