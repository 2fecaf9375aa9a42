"""The text of `/deploy`: what was asked, or what is wrong with it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deployment import DeploymentRequest
from bot.errors import BadCommand
from bot.views.deploy_modal import REASON_LIMIT
from commands.deploy import HELP, REF_LIMIT, USAGE, DeployCommand, parse_deploy

OPTIONS = ("--reason", "--plan", "--on", "--strategy", "--skip-release-command")


@pytest.mark.parametrize("text", ["", "  ", "help", "help me", "--plan"])
def test_nothing_to_deploy_is_help(text: str) -> None:
    """Asked for help, or asked for nothing, the answer is the help."""
    assert parse_deploy(text).request is None


@pytest.mark.parametrize(
    ("text", "environment", "ref", "why", "is_dry_run"),
    [
        ("staging main", "staging", "main", "", False),
        ("reify-studio/production v1.4.2", "reify-studio/production", "v1.4.2", "", False),
        ('production v1.4.2 --reason "pricing fix"', "production", "v1.4.2", "pricing fix", False),
        ("production v1.4.2 —reason “pricing fix” —plan", "production", "v1.4.2", "pricing fix", True),
        ("--plan production v1.4.2", "production", "v1.4.2", "", True),
        ("staging feature/a&amp;b", "staging", "feature/a&b", "", False),
        ("staging help", "staging", "help", "", False),
        ("staging " + "r" * REF_LIMIT, "staging", "r" * REF_LIMIT, "", False),
        (f"staging main --reason {'w' * REASON_LIMIT}", "staging", "main", "w" * REASON_LIMIT, False),
    ],
)
def test_a_deployment_is_read(text: str, environment: str, ref: str, why: str, is_dry_run: bool) -> None:
    """Environment, ref, reason and whether only the plan is wanted."""
    assert parse_deploy(text) == DeployCommand(DeploymentRequest(environment, ref, why), is_dry_run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("production --on main", "`--on` needs the name of the tag to make."),
        ("production v1 --on " + "r" * (REF_LIMIT + 1), f"at most {REF_LIMIT} characters"),
        ("staging main --strategy `x`", "There is no strategy `'x'`. There is `rolling`, `immediate`"),
        ("staging main now please", "`now please` is too much; put a reason behind `--reason`"),
        ("staging main -plan", "`-plan` is too much"),
        ("staging main --dry-run", "`--dry-run` is not an option"),
        ("staging main --reason --plan", "`--reason` needs a value"),
        ("staging main --reason 'pricing fix'", "`fix'` is too much"),
        ("staging " + "r" * (REF_LIMIT + 1), f"at most {REF_LIMIT} characters"),
        (f"staging main --reason {'w' * (REASON_LIMIT + 1)}", f"has {REASON_LIMIT + 1} characters; at most"),
        ("staging " + "r" * 10_000, "10008 characters"),
    ],
)
def test_what_is_wrong_is_said_with_the_usage(text: str, said: str) -> None:
    """Too little, too much, too long, misspelt: a sentence and the usage, and nothing is deployed."""
    with pytest.raises(BadCommand) as refusal:
        parse_deploy(text)

    assert said in refusal.value.message
    assert refusal.value.usage == USAGE


def test_a_ref_may_be_left_out() -> None:
    """Without a ref the request has none, and whoever knows the environment fills it in."""
    read = parse_deploy("staging")

    assert read.request == DeploymentRequest("staging", "")


def test_the_options_of_a_deployment_are_read() -> None:
    """Where a tag is made, which strategy, and whether the release command is left out."""
    read = parse_deploy("production v1.5.0 --on main --strategy BlueGreen --skip-release-command")

    assert read.request == DeploymentRequest(
        "production", "v1.5.0", on="main", strategy="bluegreen", skip_release_command=True
    )


def test_a_misspelt_strategy_is_answered_with_the_one_that_was_meant() -> None:
    """Did you mean."""
    with pytest.raises(BadCommand) as refusal:
        parse_deploy("production v1.5.0 --strategy blue-green")

    assert refusal.value.did_you_mean == "bluegreen"


def test_the_help_shows_every_option() -> None:
    """What the parser takes stands in the help."""
    assert all(word in HELP for word in ("ENVIRONMENT", "REF", "help", *OPTIONS))


@given(st.text(max_size=300))
def test_any_text_is_a_command_or_a_refusal(text: str) -> None:
    """Nothing that can be typed raises anything but BadCommand, and what is read stays within its limits."""
    with contextlib.suppress(BadCommand):
        asked = parse_deploy(text).request
        assert asked is None or (asked.environment and len(asked.ref) <= REF_LIMIT)
