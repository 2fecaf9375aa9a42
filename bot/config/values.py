"""What values may be: sizes, durations, counts, URLs, regions, patterns, commands.

Sources: Fly, "Machine sizing" (memory in steps of 256 MB), "Regions"; flyctl, `max_unavailable` (a share below 1, a
count from 1); Git, `git-check-ref-format`.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from bot.config.names import LARGEST_NUMBER, NUMBER, approver, text
from bot.config.problems import Bad, did_you_mean, suggestion
from bot.config.schema import kind

T = TypeVar("T")
MEMORY_STEP_MB = 256
DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def flag(raw: Any) -> bool:
    """True or false, and nothing that merely looks like it."""
    if not isinstance(raw, bool):
        raise Bad(f"should be true or false, not {kind(raw)}", "Write `true` or `false`, without quotes.")
    return raw


def count(least: int, most: int) -> Callable[[Any], int]:
    """A whole number between two bounds."""

    def parse(raw: Any) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise Bad(f"should be a whole number, not {kind(raw)}", f"Write a number from {least} to {most}.")
        if not least <= raw <= most:
            raise Bad(f"{raw} is out of range", f"Write a number from {least} to {most}.")
        return raw

    return parse


def choice(*options: str) -> Callable[[Any], str]:
    """One of a few words."""

    def parse(raw: Any) -> str:
        word = text(raw)
        if word not in options:
            raise Bad(f"`{word}` is not one of its values", suggestion(word, options))
        return word

    return parse


def memory(raw: Any) -> int:
    """A Machine's memory as `512mb` or `1gb`, in MB."""
    size_mb = _size_mb(raw, "`512mb` or `1gb`")
    if size_mb % MEMORY_STEP_MB or not size_mb:
        nearest = max(1, round(size_mb / MEMORY_STEP_MB)) * MEMORY_STEP_MB
        raise Bad(f"{size_mb} MB is not a multiple of {MEMORY_STEP_MB} MB", f"Use `{nearest}mb`.")
    return size_mb


def disk(raw: Any) -> int:
    """A volume's size as `1gb`, in GB."""
    size_mb = _size_mb(raw, "`1gb`")
    if size_mb % 1024 or not size_mb:
        raise Bad(f"{size_mb} MB is not a whole number of GB", f"Use `{math.ceil(size_mb / 1024) or 1}gb`.")
    return size_mb // 1024


def _size_mb(raw: Any, examples: str) -> int:
    found = re.fullmatch(r"(\d{1,6}) ?(mb|gb)", raw.strip().lower()) if isinstance(raw, str) else None
    if not found:
        raise Bad(f"`{raw}` is not a size", f"Write a whole number with its unit: {examples}.")
    return int(found.group(1)) * (1024 if found.group(2) == "gb" else 1)


def duration(least: str, most: str) -> Callable[[Any], timedelta]:
    """A duration such as `90s`, `5m` or `1h30m`, between two bounds."""
    low, high = (parse_duration(bound) or timedelta() for bound in (least, most))

    def parse(raw: Any) -> timedelta:
        found = parse_duration(raw) if isinstance(raw, str) else None
        if found is None:
            example = f"{raw}s" if type(raw) is int and raw > 0 else "5m"
            raise Bad(f"`{raw}` is not a duration", f'Write it with its units, for example `"{example}"` or `"1h30m"`.')
        if not low <= found <= high:
            raise Bad(f"`{raw}` is out of range", f"Write a duration from `{least}` to `{most}`.")
        return found

    return parse


def parse_duration(written: str) -> timedelta | None:
    """Read days, hours, minutes and seconds, in this order; None where it is something else."""
    found = DURATION.fullmatch(written.strip())
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def approvers(raw: Any) -> tuple[str, ...]:
    """Ids of Slack user groups and people."""
    return tuple(_each(approver, _list(raw, "ids")))


def weekdays(raw: Any) -> tuple[int, ...]:
    """Weekdays by their first three letters or their English names; Monday is 0."""
    return tuple(sorted(set(_each(_weekday, _list(raw, "weekdays")))))


def _weekday(raw: Any) -> int:
    word = text(raw)
    named = word.casefold()
    found = next((number for number, day in enumerate(WEEKDAYS) if named in {day, day[:3]}), None)
    if found is None:
        raise Bad(f"`{word}` is not a weekday", suggestion(word, [day[:3] for day in WEEKDAYS]))
    return found


def date_ranges(raw: Any) -> tuple[tuple[date, date], ...]:
    """Days (`2026-12-24`) and ranges of days, both included (`2026-12-24/2027-01-02`)."""
    return tuple(_each(_date_range, _list(raw, "days")))


def _date_range(raw: Any) -> tuple[date, date]:
    word = text(raw)
    first, slash, last = word.partition("/")
    try:
        span = (_date(first), _date(last if slash else first))
    except ValueError:
        mend = "Write `2026-12-24`, or `2026-12-24/2027-01-02` for a range."
        raise Bad(f"`{word}` is not a day or a range of days", mend) from None
    if span[1] < span[0]:
        raise Bad(f"`{word}` ends before it begins", "Write the earlier day first.")
    return span


def _date(written: str) -> date:
    # What else ISO 8601 knows (`20261224`, `2026-W52-4`) is more often a slip than meant.
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", written, re.ASCII):
        raise ValueError(written)
    return date.fromisoformat(written)


def time_of_day(raw: Any) -> time:
    """A time of day such as `16:00`."""
    written = text(raw)
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", written, re.ASCII):
        raise Bad(f"`{written}` is not a time of day", "Write hours and minutes, for example `16:00`.")
    hours, _, minutes = written.partition(":")
    return time(int(hours), int(minutes))


def time_zone(raw: Any) -> str:
    """The IANA name of a time zone."""
    name = text(raw)
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise Bad(f"`{name}` is not a time zone", "Write an IANA name such as `Europe/Berlin` or `UTC`.") from None
    return name


def max_unavailable(raw: Any) -> float:
    """How many Machines may be away at once: a share below 1, or a whole number of them."""
    if not isinstance(raw, (int, float)) or isinstance(raw, bool):
        raise Bad(f"should be a number, not {kind(raw)}", "Write a share such as `0.33`, or a number of Machines.")
    is_share = 0 < raw < 1
    is_number = 1 <= raw < math.inf and float(raw).is_integer()
    if not is_share and not is_number:
        raise Bad(f"{raw} is out of range", "Write a share between 0 and 1 such as `0.33`, or a whole number from 1.")
    return float(raw)


@cache
def regions() -> Mapping[str, str]:
    """Fly's regions by code with their cities, as the data file has them."""
    found = json.loads(resources.files("bot.data").joinpath("fly-regions.json").read_text("utf-8"))
    known: Mapping[str, str] = found["regions"]
    return known


def region(raw: Any) -> str:
    """The code of a region; a city's name is answered with its code."""
    code = text(raw)
    if code in regions():
        return code
    by_city = [known for known, city in regions().items() if code.lower() in city.lower() and len(code) > 3]
    hint = f"Did you mean `{by_city[0]}`?" if by_city else did_you_mean(code, regions())
    raise Bad(f"`{code}` is not a region of Fly's", hint or "`fly platform regions` lists them.")


def region_counts(raw: Any) -> Mapping[str, int]:
    """How many Machines each region has."""
    if not isinstance(raw, dict) or not raw:
        given = "an empty table" if raw == {} else kind(raw)
        raise Bad(f"should say how many Machines each region has, not {given}", "Write `{ iad = 1, sjc = 1 }`.")
    return dict(_each(lambda entry: (region(entry[0]), _machines(*entry)), raw.items()))


def _each(parse: Callable[[Any], T], raw: Iterable[Any]) -> list[T]:
    """Parse every entry; several bad ones become one problem that tells of all."""
    parsed: list[T] = []
    bads: list[Bad] = []
    for entry in raw:
        try:
            parsed.append(parse(entry))
        except Bad as bad:
            bads.append(bad)
    if bads:
        raise Bad("; ".join(bad.what for bad in bads), " ".join(dict.fromkeys(bad.mend for bad in bads)))
    return parsed


def _machines(code: str, number: Any) -> int:
    try:
        return count(1, 1000)(number)
    except Bad as bad:
        raise Bad(f"`{code}`: {bad.what}", bad.mend) from None


def url(raw: Any) -> str:
    """An address on the web without a trailing slash: https, or http on loopback."""
    address = text(raw).rstrip("/")
    parts = _split(address)
    if parts is None or not parts.hostname or re.search(r"[\s<>|\"]", address):
        raise Bad(f"`{_without_password(address)}` is not a URL", "Write it whole: `https://example.com`.")
    if parts.username is not None or parts.query or parts.fragment:
        raise Bad("carries a password, a query or a fragment", "Write scheme, host and path only.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(address)):
        raise Bad(f"`{address}` is not https", f"Write `https://{address.partition('://')[2] or address}`.")
    return address


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it is what finds a bad port
    except ValueError:
        return None
    return parts


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)


def is_loopback(address: str) -> bool:
    """Whether a URL points at this very machine."""
    parts = _split(address)
    host = (parts.hostname if parts else "") or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def numbered_url(raw: Any) -> str:
    """A URL with `{number}` in it."""
    pattern = text(raw)
    if NUMBER not in pattern:
        raise Bad(f"`{pattern}` does not contain `{NUMBER}`", f"For example `https://my-app-pr-{NUMBER}.fly.dev`.")
    url(pattern.replace(NUMBER, LARGEST_NUMBER))
    return pattern.rstrip("/")


def release_command(raw: Any) -> str:
    """What runs once before a release, by its absolute path, since Fly starts it without a shell's search path."""
    line = text(raw)
    if not line.startswith("/"):
        raise Bad(f"`{line}` does not start with `/`", f"Write the absolute path in the image: `/app/{line}`, say.")
    return line


def path_patterns(raw: Any) -> tuple[str, ...]:
    """Globs of paths in the repository."""
    forbidden = r"^/|\\|(^|/)\.\.(/|$)"
    return tuple(
        _each(lambda glob: _pattern(text(glob), forbidden, "a path in the repository, such as `db/*.sql`"), _list(raw))
    )


def ref_patterns(raw: Any) -> tuple[str, ...]:
    """Globs of tags, branches or commits, as people type them."""
    return tuple(_each(ref_pattern, _list(raw)))


def ref_pattern(raw: Any) -> str:
    """One glob of a tag or branch, without `refs/heads/`."""
    glob = text(raw)
    if short := re.match(r"refs/(?:heads|tags)/(.+)", glob):
        raise Bad(f"`{glob}` is a full ref", f"Write `{short.group(1)}`, as people type it.")
    return _pattern(glob, r"[\s~^:\\]|\.\.|^/|/$|//|\.lock$", "a tag or a branch, such as `v*`")


def _list(raw: Any, of: str = "patterns") -> list[Any]:
    if not isinstance(raw, list) or not raw:
        given = "an empty one" if raw == [] else kind(raw)
        raise Bad(f"should be a list of {of}, not {given}", 'Write `["…"]`, or leave the key out.')
    return raw


def _pattern(glob: str, forbidden: str, of: str) -> str:
    if re.search(forbidden, glob):
        raise Bad(f"`{glob}` cannot match {of}", "Write names, with `*` and `?` in them.")
    if re.search(r"\[(?![!]?\]?[^\]]*\])", glob):
        raise Bad(f"`{glob}` has a `[` that is never closed", "Close it with `]`, or leave it out.")
    return glob
