"""The text of `/rollback`: what was asked, or what is wrong with it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deployment import DeploymentRequest
from bot.errors import BadCommand
from bot.views.deploy_modal import REASON_LIMIT
from commands.deploy import REF_LIMIT
from commands.rollback import HELP, USAGE, RollbackCommand, parse_rollback

SHA = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"


@pytest.mark.parametrize("text", ["", "  ", "help", "Help me", "--plan"])
def test_nothing_to_roll_back_is_help(text: str) -> None:
    """Asked for help, or asked for nothing, the answer is the help."""
    assert parse_rollback(text).request is None


@pytest.mark.parametrize(
    ("text", "release", "why"),
    [
        ("production", "previous", ""),
        ("production previous", "previous", ""),
        ("production Previous", "previous", ""),
        ("production v41", "v41", ""),
        ("production v1.4.1", "v1.4.1", ""),
        (f"production {SHA}", SHA, ""),
        ('production v41 --reason "checkout is down"', "v41", "checkout is down"),
        ("production —reason “checkout is down”", "previous", "checkout is down"),
        ("production preview", "preview", ""),
        ("production " + "r" * REF_LIMIT, "r" * REF_LIMIT, ""),
    ],
)
def test_a_rollback_is_read(text: str, release: str, why: str) -> None:
    """The environment, the release as it was typed or the previous one, the reason."""
    assert parse_rollback(text) == RollbackCommand(DeploymentRequest("production", release, why, release=release))


def test_the_options_are_read() -> None:
    """Only the contract; the configuration of then, too."""
    read = parse_rollback("reify-studio/production v41 --with-configuration --plan")

    wanted = DeploymentRequest("reify-studio/production", "v41", release="v41", with_configuration=True)
    assert read == RollbackCommand(wanted, is_dry_run=True)
    assert read.request is not None
    assert read.request.goes_back


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("production prevoius", "There is no release `prevoius`.", "previous"),
        ("production previus", "There is no release `previus`.", "previous"),
        ("production v41 --with-config", "`--with-config` is not an option", "--with-configuration"),
        ("production v41 --dry-run", "`--dry-run` is not an option", ""),
        ("production v41 checkout down", "`checkout down` is too much; put a reason behind `--reason`", ""),
        ("production --reason --plan", "`--reason` needs a value", ""),
        (f"production --reason {'w' * (REASON_LIMIT + 1)}", f"has {REASON_LIMIT + 1} characters; at most", ""),
        ("production " + "r" * (REF_LIMIT + 1), f"at most {REF_LIMIT} characters", ""),
    ],
)
def test_what_is_wrong_is_said_with_the_usage(text: str, said: str, meant: str) -> None:
    """Too much, too long, misspelt: a sentence, the usage, what was probably meant, and nothing is rolled back."""
    with pytest.raises(BadCommand) as refusal:
        parse_rollback(text)

    assert said in refusal.value.message
    assert refusal.value.usage == USAGE
    assert refusal.value.did_you_mean == meant


def test_the_help_shows_every_option() -> None:
    """What the parser takes stands in the help."""
    words = ("ENVIRONMENT", "RELEASE", "help", "--reason", "--plan", "--with-configuration")
    assert all(word in HELP for word in words)


@given(st.text(max_size=300))
def test_any_text_is_a_command_or_a_refusal(text: str) -> None:
    """Nothing that can be typed raises anything but BadCommand, and what is read always goes back."""
    with contextlib.suppress(BadCommand):
        asked = parse_rollback(text).request
        assert asked is None or (asked.environment and asked.goes_back and len(asked.release) <= REF_LIMIT)
