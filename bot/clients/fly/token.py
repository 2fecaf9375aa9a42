"""A Fly token and the header that each of Fly's hosts wants it in.

Source: Fly docs, "Access tokens", and fly-go's `tokens` package. A token is a list of parts separated by commas,
often printed with its scheme in front. `Bearer FlyV1 fm2_…` is the classic mistake, so it is normalised once.
"""

from __future__ import annotations

import base64
import re

from bot.errors import ConfigError

MACAROON_PREFIXES = ("fm1r_", "fm1a_", "fm2_")
SCHEMES = re.compile(r"^(?:(?:FlyV1|Bearer)(?:\s+|$))+", re.IGNORECASE)
# What a header may carry; httpx and h11 quote an illegal value, and with it the token, in their errors.
LEGAL = re.compile(r"[\x21-\x7e]+")


class Token:
    """A token without its scheme. It never prints; ConfigError where the text cannot be one."""

    def __init__(self, text: str) -> None:
        parts = [part.strip() for part in SCHEMES.sub("", text.strip()).split(",")]
        self._value = ",".join(part for part in parts if part)
        if LEGAL.fullmatch(self._value) is None:
            raise ConfigError(["A Fly token is empty, or has spaces or other characters that no token has."])
        self._is_macaroon = any(part.startswith(MACAROON_PREFIXES) for part in parts)

    def __repr__(self) -> str:
        return "Token(***)"

    @property
    def scheme_header(self) -> str:
        """For the Machines API, GraphQL and the logs: `FlyV1` where there are macaroons."""
        return f"{'FlyV1' if self._is_macaroon else 'Bearer'} {self._value}"

    @property
    def bearer_header(self) -> str:
        """For `api/v1`, which takes all kinds as a bearer."""
        return f"Bearer {self._value}"

    @property
    def basic_header(self) -> str:
        """For the registry: user `x`, the token as the password."""
        return "Basic " + base64.b64encode(f"x:{self._value}".encode()).decode()
