"""What the environment variables say together: accounts at Slack, GitHub and Fly, and where those are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.config.problems import Bad, Problems
from bot.config.schema import specs
from bot.config.secret import Secret
from bot.config.tables import OrganisationTable
from bot.config.values import is_loopback
from bot.config.variables import Variables, fly_token

PEM = ("-----BEGIN", "PRIVATE KEY-----")


@dataclass(frozen=True)
class SlackSettings:
    """The Slack app. Without an app token requests come over HTTP and carry a signature."""

    bot_token: Secret
    signing_secret: Secret | None
    app_token: Secret | None
    api_url: str

    @property
    def is_socket_mode(self) -> bool:
        return self.app_token is not None


@dataclass(frozen=True)
class GitHubApp:
    """A GitHub App to act as; `private_key` is PEM text. An empty installation is looked up by repository."""

    app_id: str
    private_key: Secret
    installation_id: str = ""


@dataclass(frozen=True)
class GitHubSettings:
    """How GitHub is reached: by a token or as an App, exactly one of them."""

    api_url: str
    token: Secret | None
    app: GitHubApp | None
    webhook_secrets: tuple[Secret, ...] = field(default=())


@dataclass(frozen=True)
class FlyEndpoints:
    """Fly's four hosts, without trailing slashes: Machines API, GraphQL, `api/v1`, registry."""

    flaps_url: str
    api_url: str
    uiex_url: str
    registry_url: str


def read_key(variables: Variables, read: Callable[[Path], str], problems: Problems) -> Secret | None:
    """The App's private key as text; `read` opens the file where the variable is a path."""
    given = variables.github_app_private_key
    if given is None or given.reveal().startswith(PEM[0]):
        return given
    place = ("GITHUB_APP_PRIVATE_KEY",)
    try:
        text = read(Path(given.reveal())).strip()
    except (OSError, ValueError) as error:
        # The value may be a mangled key: it is not repeated.
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        problems.add(place, f"names a file that cannot be read ({reason})", "Give the key's text or its path.")
        return None
    if not all(mark in text for mark in PEM):
        problems.add(place, "is not a private key in PEM", "Generate one under Private keys in the App's settings.")
        return None
    return Secret(text)


def check_variables(variables: Variables, environ: Mapping[str, str], problems: Problems) -> None:
    """Report what is missing or too much, taken together."""
    given = {name.upper() for name in specs(Variables) if environ.get(name.upper(), "").strip()}
    if not given & {"SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN"}:
        mend = "Set it, or `SLACK_APP_TOKEN` for Socket Mode, which needs none."
        problems.add(("SLACK_SIGNING_SECRET",), "is missing", mend)
    _check_github(given, problems)
    if variables.flytower_clock_speed != 1:
        for name in (
            "slack_api_url",
            "github_api_url",
            *(f"fly_{n}_url" for n in ("flaps_base", "api_base", "registry")),
        ):
            _check_loopback(name, getattr(variables, name), problems)
        _check_loopback("fly_uiex_base_url", uiex_url(variables), problems)


def _check_github(given: set[str], problems: Problems) -> None:
    app = {"GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"}
    if "GITHUB_TOKEN" in given and given & app:
        mend = "Unset one of the two ways to GitHub: the token, or the App's variables."
        problems.add(("GITHUB_TOKEN",), f"is set beside `{min(given & app)}`", mend)
    elif "GITHUB_TOKEN" not in given and not given & app:
        mend = "Set it, or `GITHUB_APP_ID` and `GITHUB_APP_PRIVATE_KEY`."
        problems.add(("GITHUB_TOKEN",), "is missing", mend)
    elif "GITHUB_TOKEN" not in given:
        for name in sorted(app - given):
            problems.add((name,), "is missing", "An App needs its id and its private key.")


def _check_loopback(name: str, url: str, problems: Problems) -> None:
    if url and not is_loopback(url):
        mend = f"Unset it, or point `{name.upper()}` at a simulator on loopback."
        problems.add(("FLYTOWER_CLOCK_SPEED",), f"is for sandboxes only, and `{name.upper()}` is `{url}`", mend)


def uiex_url(variables: Variables) -> str:
    """Fly's `api/v1` lives on GraphQL's host unless it is said otherwise."""
    return variables.fly_uiex_base_url or variables.fly_api_base_url


def read_tokens(
    organisations: Mapping[str, OrganisationTable], environ: Mapping[str, str], problems: Problems
) -> dict[str, Secret]:
    """The token of each organisation, from the variable that the file names."""
    tokens: dict[str, Secret] = {}
    for slug, organisation in organisations.items():
        name = organisation.token_env
        raw = environ.get(name, "").strip()
        if name and not raw:
            problems.add(
                (name,), "is missing", f"It holds the token of organisation `{slug}`: `fly tokens create org`."
            )
        if not raw:
            continue
        try:
            tokens[slug] = fly_token(raw)
        except Bad as bad:
            problems.add((name,), bad.what, bad.mend)
    _check_tokens_differ(organisations, tokens, problems)
    return tokens


def _check_tokens_differ(
    organisations: Mapping[str, OrganisationTable], tokens: Mapping[str, Secret], problems: Problems
) -> None:
    holders: dict[Secret, str] = {}
    for slug, token in tokens.items():
        name = organisations[slug].token_env
        other = holders.setdefault(token, name)
        if other != name:
            mend = f"Create one for `{slug}` alone: `fly tokens create org --org {slug}`."
            problems.add((name,), f"holds the same token as `{other}`", mend)


def accounts(variables: Variables, key: Secret | None) -> tuple[SlackSettings, GitHubSettings, FlyEndpoints]:
    """The accounts, once everything has been checked."""
    v = variables
    app = GitHubApp(v.github_app_id, key, v.github_app_installation_id) if key else None
    return (
        SlackSettings(v.slack_bot_token, v.slack_signing_secret, v.slack_app_token, v.slack_api_url),
        GitHubSettings(v.github_api_url, v.github_token, app, v.github_webhook_secret),
        FlyEndpoints(v.fly_flaps_base_url, v.fly_api_base_url, uiex_url(v), v.fly_registry_url),
    )
