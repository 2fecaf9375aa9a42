"""Credentials in log lines: what is taken out, and what stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.redact import MASK, redact

SECRET = "hunter2hunter2"
LEAKS = [
    f"connecting to postgres://app:{SECRET}@db.internal:5432/app",
    f"DATABASE_URL=postgres://app:{SECRET}@db.internal/app?ssl=true",
    f"postgres://app:p@{SECRET}@db.internal/app",
    f"postgres://app:pa/{SECRET}@db.internal/app",
    f"one postgres://a:{SECRET}@h/a two redis://:{SECRET}@h",
    f"https://{SECRET}@registry.example/v2/",
    f"HTTPS://user:{SECRET}@host",
    f"FLY_API_TOKEN=FlyV1 fm2_{SECRET},fm2_{SECRET}==",
    f"using fm2_{SECRET}/ab+c==",
    f"using fo1_{SECRET}",
    f"slack said no to xoxb-12-34-{SECRET}",
    f"socket with xapp-1-A0-{SECRET}",
    f"remote: ghp_{SECRET} and github_pat_11{SECRET}",
    "credentials AKIAIOSFODNN7EXAMPLE",
    f"Authorization: Bearer {SECRET}",
    f"Authorization: Basic {SECRET}==",
    f'{{"authorization", "Bearer {SECRET}"}}',
    f"SECRET_KEY_BASE={SECRET}",
    f"export PGPASSWORD='{SECRET} {SECRET}'",
    f'password: "{SECRET} {SECRET}"',
    f'{{"password": "{SECRET}", "user": "ana"}}',
    f'{{"password":"a\\"{SECRET}"}}',
    f'%{{"password" => "{SECRET}"}}',
    f":api_key => {SECRET}",
    f'{{\\"client_secret\\":\\"{SECRET}\\"}}',
    f"apikey={SECRET}",
    f"STRIPE_API_KEY = {SECRET}",
    f"access_token={SECRET}&user=ana",
    f"Password:{SECRET}",
]


@pytest.mark.parametrize("line", LEAKS)
def test_a_credential_does_not_get_through(line: str) -> None:
    """URLs with passwords, providers' tokens and assignments of secrets lose the secret."""
    shown = redact(line)

    assert MASK in shown
    assert SECRET not in shown
    assert "AKIAIOSFODNN7EXAMPLE" not in shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"postgres://app:{SECRET}@db.internal:5432/app", "postgres://***@db.internal:5432/app"),
        (f'{{"password": "{SECRET}", "user": "ana"}}', '{"password": ***, "user": "ana"}'),
        (f"Authorization: Bearer {SECRET} from 10.0.0.1", "Authorization: *** from 10.0.0.1"),
        (f"TOKEN={SECRET} was used", "TOKEN=*** was used"),
    ],
)
def test_what_stands_around_a_credential_stays(line: str, expected: str) -> None:
    """The reader still sees which host, which name, which user."""
    assert redact(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "== Running 20261120080000 AddPlanToAccounts.change/0 forward",
        '** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation "plans" already exists',
        "listening on http://0.0.0.0:4000",
        "see https://fly.io/docs/reference/configuration/#the-deploy-section",
        "mail from ana@reify.example",
        "Basic authentication is off",
        "3 tokens were read",
        "the password is wrong",
    ],
)
def test_an_ordinary_line_is_left_alone(line: str) -> None:
    """The log of a failed migration reads as it was written."""
    assert redact(line) == line


@given(st.text(), st.sampled_from(LEAKS), st.text(alphabet=st.characters(blacklist_categories=("L", "N", "P", "S"))))
def test_no_text_around_it_brings_a_credential_back(before: str, line: str, gap: str) -> None:
    """Whatever stands before a secret on its own line, it does not appear."""
    assert SECRET not in redact(f"{before}\n{gap} {line}")


@pytest.mark.parametrize(
    "line", ["a." * 20_000, "TOKEN" * 8_000, "https://" * 5_000, '\\"' * 20_000, "password" * 5_000]
)
def test_a_long_line_is_read_in_one_go(line: str) -> None:
    """A line made to be slow to read comes back; the run's time-out is the judge."""
    assert len(redact(line)) <= len(line) + len(MASK) * 20_000
