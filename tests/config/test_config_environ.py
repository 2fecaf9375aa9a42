"""The environment variables: what must be there, what it must look like, and what never shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot.config import Secret, load
from bot.errors import ConfigError

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
LOOPBACK = {
    "SLACK_API_URL": "http://127.0.0.1:4001/api",
    "GITHUB_API_URL": "http://localhost:4002/",
    "FLY_FLAPS_BASE_URL": "http://127.0.0.1:4003",
    "FLY_API_BASE_URL": "http://[::1]:4003",
    "FLY_REGISTRY_URL": "http://127.0.0.1:4003",
}

WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN", "is missing"),
    ({"SLACK_BOT_TOKEN": "xapp-1-x"}, "SLACK_BOT_TOKEN", "those begin with `xoxb-`"),
    ({"SLACK_APP_TOKEN": "xoxb-1-x"}, "SLACK_APP_TOKEN", "those begin with `xapp-`"),
    ({"SLACK_SIGNING_SECRET": ""}, "SLACK_SIGNING_SECRET", "or `SLACK_APP_TOKEN`"),
    ({"SLACK_SIGNING_SECRET": "xoxb-1-x"}, "SLACK_SIGNING_SECRET", "is a token"),
    ({"SLACK_SIGNING_SECRET": "'quoted'"}, "SLACK_SIGNING_SECRET", "without quotes"),
    ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN", "or `GITHUB_APP_ID` and `GITHUB_APP_PRIVATE_KEY`"),
    ({"GITHUB_TOKEN": "ghp x"}, "GITHUB_TOKEN", "has blanks"),
    ({"GITHUB_APP_ID": "1"}, "GITHUB_TOKEN", "Unset one of the two ways"),
    ({"GITHUB_TOKEN": "", "GITHUB_APP_ID": "1"}, "GITHUB_APP_PRIVATE_KEY", "is missing"),
    ({"GITHUB_TOKEN": "", "GITHUB_APP_PRIVATE_KEY": KEY}, "GITHUB_APP_ID", "is missing"),
    (
        {"GITHUB_TOKEN": "", "GITHUB_APP_PRIVATE_KEY": KEY, "GITHUB_APP_ID": "my app"},
        "GITHUB_APP_ID",
        "not an App's id",
    ),
    ({"GITHUB_APP_INSTALLATION_ID": "x"}, "GITHUB_APP_INSTALLATION_ID", "is not a number"),
    ({"GITHUB_WEBHOOK_SECRET": "one,two three"}, "GITHUB_WEBHOOK_SECRET", "has blanks"),
    ({"FLY_API_TOKEN_STAGING": ""}, "FLY_API_TOKEN_STAGING", "organisation `reify-studio-staging`"),
    ({"FLY_API_TOKEN_STAGING": "Bearer FlyV1 fm2_x"}, "FLY_API_TOKEN_STAGING", "is not a Fly token"),
    ({"FLY_API_TOKEN_STAGING": '"fm2_abcdef"'}, "FLY_API_TOKEN_STAGING", "is not a Fly token"),
    ({"FLY_API_TOKEN_STAGING": "FlyV1 fm2_sandbox_production"}, "FLY_API_TOKEN_STAGING", "holds the same token"),
    ({"GITHUB_API_URL": "http://github.example"}, "GITHUB_API_URL", "is not https"),
    ({"SLACK_API_URL": "slack"}, "SLACK_API_URL", "is not a URL"),
    ({"FLYTOWER_LOG_FORMAT": "jsn"}, "FLYTOWER_LOG_FORMAT", "Did you mean `json`?"),
    ({"PORT": "65536"}, "PORT", "from 0 to 65535"),
    ({"PORT": "http"}, "PORT", "from 0 to 65535"),
    ({"FLYTOWER_CLOCK_SPEED": "fast"}, "FLYTOWER_CLOCK_SPEED", "is not a speed"),
    ({"FLYTOWER_CLOCK_SPEED": "0"}, "FLYTOWER_CLOCK_SPEED", "is not a speed"),
    ({"FLYTOWER_CLOCK_SPEED": "50"}, "FLYTOWER_CLOCK_SPEED", "`SLACK_API_URL` is `https://slack.com/api/`"),
    (LOOPBACK | {"FLYTOWER_CLOCK_SPEED": "50", "FLY_UIEX_BASE_URL": "https://api.fly.io"}, "CLOCK_SPEED", "UIEX"),
]


@pytest.mark.parametrize(("changes", "place", "sentence"), WRONG, ids=lambda value: str(value)[:50])
def test_each_wrong_variable_is_named_with_its_mend(
    said_of_environ: Callable[..., list[str]], changes: dict[str, str], place: str, sentence: str
) -> None:
    """A variable that is missing or malformed is told of by its name, without its value where that is secret."""
    said = said_of_environ(**changes)

    assert any(place in line and sentence in line for line in said), said


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-sandbox-app"},
        {"FLY_API_TOKEN_STAGING": "fo1_abcdefghijkl"},
        {"GITHUB_APP_INSTALLATION_ID": "4711"},
        {"FLY_API_TOKEN_STAGING": " FlyV1 fm2_lJPECA+/=,fm2_lJPETo,fo1_abcdef\n"},
        {"GITHUB_TOKEN": "", "GITHUB_APP_ID": "Iv23liAbC", "GITHUB_APP_PRIVATE_KEY": KEY.replace("\n", "\\n")},
        LOOPBACK | {"FLYTOWER_CLOCK_SPEED": "50"},
    ],
    ids=str,
)
def test_what_is_right_is_accepted(said_of_environ: Callable[..., list[str]], changes: dict[str, str]) -> None:
    """Each documented way of saying it passes."""
    assert said_of_environ(**changes) == []


@pytest.mark.parametrize("value", ["xoxp-hush-hush-hush", "FlyV1 hush hush", "hush,hush'", "/hush"])
def test_problems_never_repeat_a_secret(said_of_environ: Callable[..., list[str]], value: str) -> None:
    """A malformed secret stays out of the message."""
    names = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GITHUB_WEBHOOK_SECRET", "FLY_API_TOKEN_STAGING", "GITHUB_TOKEN")
    said = said_of_environ(GITHUB_APP_PRIVATE_KEY=value, GITHUB_APP_ID="1", **dict.fromkeys(names, value))

    assert said
    assert "hush" not in "\n".join(said)


def test_defaults_point_at_the_real_providers(example: str, environ: Mapping[str, str]) -> None:
    """Without a word about hosts the bot talks to Slack, GitHub and Fly themselves."""
    settings = load(example, environ)

    assert settings.slack.api_url == "https://slack.com/api/"
    assert settings.github.api_url == "https://api.github.com"
    assert settings.fly.flaps_url == "https://api.machines.dev"
    assert (settings.fly.api_url, settings.fly.uiex_url) == ("https://api.fly.io", "https://api.fly.io")
    assert settings.fly.registry_url == "https://registry.fly.io"
    assert (settings.host, settings.port, settings.clock_speed) == ("127.0.0.1", 8080, 1.0)
    assert (settings.database, settings.log_format) == (Path("flytower.db"), "json")


def test_every_endpoint_can_be_moved(example: str, environ: Mapping[str, str]) -> None:
    """Base URLs come without a trailing slash, but for Slack's, whose library needs one; `api/v1` follows GraphQL."""
    settings = load(example, {**environ, **LOOPBACK, "PORT": "0", "FLYTOWER_DATABASE": "/data/f.db"})

    assert settings.slack.api_url == "http://127.0.0.1:4001/api/"
    assert settings.github.api_url == "http://localhost:4002"
    assert settings.fly.uiex_url == "http://[::1]:4003"
    assert (settings.port, settings.database) == (0, Path("/data/f.db"))


def test_an_app_token_switches_socket_mode_on(example: str, environ: Mapping[str, str]) -> None:
    """Its presence is the switch."""
    settings = load(example, {**environ, "SLACK_APP_TOKEN": "xapp-sandbox-app"})

    assert settings.slack.is_socket_mode
    assert not load(example, environ).slack.is_socket_mode


def test_tokens_go_by_their_organisation(example: str, environ: Mapping[str, str]) -> None:
    """Each organisation's slug leads to the value of its own variable."""
    settings = load(example, environ)

    assert settings.organisations["personal"].reveal() == "FlyV1 fm2_sandbox_personal"
    assert set(settings.organisations) == {"reify-studio-production", "reify-studio-staging", "personal"}


def test_webhook_secrets_rotate(example: str, environ: Mapping[str, str]) -> None:
    """Several secrets may hold at the same time."""
    settings = load(example, {**environ, "GITHUB_WEBHOOK_SECRET": "old-one, new-one,"})

    assert settings.github.webhook_secrets == (Secret("old-one"), Secret("new-one"))


@pytest.mark.parametrize("given", [KEY, KEY.replace("\n", "\\n"), "key.pem"])
def test_an_apps_key_is_text_or_a_path(example: str, environ: Mapping[str, str], given: str) -> None:
    """However it is given, the key arrives as PEM text."""
    app = {"GITHUB_TOKEN": "", "GITHUB_APP_ID": "12", "GITHUB_APP_PRIVATE_KEY": given}
    files = {Path("key.pem"): KEY + "\n"}

    settings = load(example, {**environ, **app}, read_file=files.__getitem__)

    assert settings.github.app
    assert settings.github.app.private_key.reveal() == KEY
    assert settings.github.token is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"not a key", "is not a private key in PEM"), (b"\xff", "not text"), (None, "No such file")],
)
def test_a_key_file_that_is_none_is_told_of(
    tmp_path: Path, said_of_environ: Callable[..., list[str]], content: bytes | None, sentence: str
) -> None:
    """A path that leads to no key is a problem at start, not at the first request."""
    path = tmp_path / "key.pem"
    if content:
        path.write_bytes(content)

    said = said_of_environ(GITHUB_TOKEN="", GITHUB_APP_ID="12", GITHUB_APP_PRIVATE_KEY=str(path))

    assert len(said) == 1
    assert sentence in said[0]


def test_all_secrets_are_known_for_masking(example: str, environ: Mapping[str, str]) -> None:
    """Whatever was given as a secret is listed, once."""
    extra = {"SLACK_APP_TOKEN": "xapp-sandbox-app", "GITHUB_WEBHOOK_SECRET": "hook-secret"}

    revealed = [secret.reveal() for secret in load(example, {**environ, **extra}).secrets]

    assert sorted(revealed) == sorted({**environ, **extra}.values())


def test_settings_print_without_secrets(example: str, environ: Mapping[str, str]) -> None:
    """Printing the whole of the settings shows none of the values that are secret."""
    settings = load(example, environ)

    assert not [value for value in environ.values() if value in repr(settings)]


def test_one_error_lists_everything(example: str) -> None:
    """The message counts the problems and gives each a line."""
    with pytest.raises(ConfigError, match="The configuration has 6 problems:\n- environment variable SLACK_BOT_TOKEN"):
        load(example, {})
