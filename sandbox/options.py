"""Options of the simulators' command lines: what cannot be used is refused with a sentence and exit code 2."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")
PORTS = range(65536)


def seed_file(text: str) -> Path:
    """The path of a file that holds a JSON object."""
    try:
        seed = json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no JSON: {error}") from None
    if not isinstance(seed, dict):
        raise argparse.ArgumentTypeError(f"{text} holds no JSON object")
    return Path(text)


def port(text: str) -> int:
    """A port, 0 for any."""
    if not text.isdecimal() or int(text) not in PORTS:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, not {text}")
    return int(text)


def speed(text: str) -> float:
    """How fast a clock runs: a number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a speed is a number above 0, not {text}")
    return value


def delay(text: str) -> float:
    """A delay: a number of at least 0."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a delay is a number of at least 0, not {text}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def seeded(parser: argparse.ArgumentParser, make: Callable[[], Made], *refusals: type[Exception]) -> Made:
    """What `make` gives; ends the program where the seed's content, which `make` reads, is not what it should be.

    `refusals` are a simulator's own ways to say so.
    """
    expected: tuple[type[Exception], ...] = (ValueError, TypeError, AttributeError, *refusals)
    try:
        return make()
    except KeyError as error:
        parser.error(f"the seed cannot be used: {error} is missing or unknown")
    except expected as error:
        parser.error(f"the seed cannot be used: {error}")
