"""Identifiers and times in the shapes that Fly gives them."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ALPHANUMERIC = string.ascii_letters + string.digits


class Numbers:
    """Counts up; unlike `itertools.count` it can be pickled."""

    def __init__(self, start: int = 0) -> None:
        self._next = start

    def __next__(self) -> int:
        self._next += 1
        return self._next - 1


class Ids:
    """A source of identifiers; the same `seed` gives the same sequence."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._newest_ulid = 0

    def ulid(self, at: float) -> str:
        """A ULID for a Unix time; two of one millisecond sort in the order they were made."""
        value = int(at * 1000) << 80 | self._random.getrandbits(79)
        if value >> 80 == self._newest_ulid >> 80:
            value = self._newest_ulid + 1
        self._newest_ulid = value
        return "".join(CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))

    def machine(self) -> str:
        return self.hex(14)

    def volume(self) -> str:
        return f"vol_{self._word(string.ascii_lowercase + string.digits, 16)}"

    def snapshot(self) -> str:
        return f"vs_{self._word(ALPHANUMERIC, 24)}"

    def release(self) -> str:
        return self._word(ALPHANUMERIC, 26)

    def nonce(self) -> str:
        return self.hex(12)

    def hex(self, length: int) -> str:
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def ipv6(self, prefix: str) -> str:
        return f"{prefix}:{self.hex(4)}:{self.hex(4)}::{self.hex(2)}"

    def ipv4(self) -> str:
        return f"66.241.{self._random.randrange(256)}.{self._random.randrange(1, 255)}"

    def _word(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(length))


def rfc3339(at: float) -> str:
    """A Unix time as Fly prints it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> float:
    """The Unix time of an RFC 3339 text; ValueError if it is none."""
    return datetime.fromisoformat(text).timestamp()
