"""The token as people paste it, and the header for each of Fly's hosts."""

from __future__ import annotations

import base64

import pytest

from bot.clients.fly.token import Token
from bot.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "scheme_header"),
    [
        ("FlyV1 fm2_a,fm2_b", "FlyV1 fm2_a,fm2_b"),
        ("fm2_a", "FlyV1 fm2_a"),
        ("Bearer FlyV1 fm2_a", "FlyV1 fm2_a"),
        ("Bearer fo1_x", "Bearer fo1_x"),
        ("fo1_x", "Bearer fo1_x"),
        ("  FlyV1   fm2_a, fm2_b,\n", "FlyV1 fm2_a,fm2_b"),
        ("fm2_a,fo1_x", "FlyV1 fm2_a,fo1_x"),
        ("fm1r_a", "FlyV1 fm1r_a"),
        ("flyv1 fm1a_a", "FlyV1 fm1a_a"),
    ],
)
def test_a_token_is_normalised_once(text: str, scheme_header: str) -> None:
    """Blanks and schemes in front go; macaroons are sent as FlyV1, everything else as a bearer."""
    token = Token(text)

    assert token.scheme_header == scheme_header


def test_api_v1_takes_all_parts_as_a_bearer() -> None:
    """The host of releases wants `Bearer`, also for macaroons."""
    assert Token("FlyV1 fm2_a,fm2_b").bearer_header == "Bearer fm2_a,fm2_b"


def test_the_registry_takes_the_token_as_a_password() -> None:
    """User `x`, the token without its scheme."""
    scheme, _, encoded = Token("FlyV1 fm2_a").basic_header.partition(" ")

    assert scheme == "Basic"
    assert base64.b64decode(encoded) == b"x:fm2_a"


@pytest.mark.parametrize("text", ["", "FlyV1 ", ",", "fm2_a b", "fm2_a\nx: y", "fm2_\u2019"])
def test_what_cannot_be_a_token_is_a_config_error(text: str) -> None:
    """A text that no header could carry is refused at start, without quoting it."""
    with pytest.raises(ConfigError) as caught:
        Token(text)

    assert "fm2_" not in str(caught.value)


def test_a_token_never_prints() -> None:
    """Neither repr nor str shows it."""
    assert "fm2" not in f"{Token('fm2_a')!r} {Token('fm2_a')}"
