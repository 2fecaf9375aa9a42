"""The next name for a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


def next_version(tags: Iterable[str]) -> str:
    """The patch version after the highest `vX.Y.Z`; `v0.1.0` where there is none. Source: https://semver.org/"""
    found = (VERSION.fullmatch(tag) for tag in tags)
    known = [tuple(int(number) for number in each.groups()) for each in found if each]
    if not known:
        return "v0.1.0"
    major, minor, patch = max(known)
    return f"v{major}.{minor}.{patch + 1}"
