"""What differs between the time of an earlier release and now: configuration, secrets, Machines. Pure.

Of variables and secrets only names are told, never values. Source: Fly Machines API, `fly.MachineConfig`; Fly.io docs,
"App configuration (fly.toml)".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.drift import AUTO_STOP_WORDS
from bot.domain.earlier import is_same
from bot.domain.model import Environment, Image, Machine, MachineVersion, Secret
from bot.domain.text import quoted

Config = Mapping[str, Any]

# What of a Machine's config goes back with a release. Its image, its metadata and what ties it to its place (mounts,
# standbys, schedule, auto_destroy) do not.
CONFIGURATION = (
    "env",
    "services",
    "checks",
    "guest",
    "init",
    "restart",
    "processes",
    "files",
    "statics",
    "stop_config",
    "dns",
)
# Sections of fly.toml that say nothing of what runs, and those that a Machine's config tells better.
_IDLE = frozenset({"app", "build"})
_IN_MACHINES = frozenset(
    {
        "env",
        "services",
        "http_service",
        "vm",
        "checks",
        "processes",
        "restart",
        "files",
        "statics",
        "kill_signal",
        "kill_timeout",
    }
)
_SECTIONS = {"env": "variables", "guest": "VM", "vm": "VM"}
# Sections whose values people may read, and want to.
_OPEN = frozenset({"guest", "vm"})
NAMED = 6


@dataclass(frozen=True)
class Configuration:
    """How the configuration changed: sentences, or None where nobody knows. `versions` are the Machines' own of then.

    `versions` is by Machine, as `machine:version`; it is complete or empty.
    """

    changes: tuple[str, ...] | None
    versions: Mapping[str, str]


def as_it_was(now: Config, then: Config) -> dict[str, Any]:
    """A Machine's config with the configuration of then; what belongs to the Machine stays as it is now."""
    kept = {key: value for key, value in now.items() if key not in CONFIGURATION}
    return kept | {key: then[key] for key in CONFIGURATION if key in then}


def has_configuration(config: Config, of: Config) -> bool:
    """Whether a config has the configuration of another one, however Fly writes it down."""
    return not _sections(of, config, CONFIGURATION)


def version_of_then(versions: Sequence[MachineVersion], image: Image, release: int) -> MachineVersion | None:
    """The newest configuration that a Machine had with this image, one of this very release before others."""
    found = [each for each in versions if is_same(Image.parse(each.config.get("image") or ""), image)]
    named = [each for each in found if (each.config.get("metadata") or {}).get("fly_release_version") == str(release)]
    return next(iter([*named, *found]), None)


def configuration_drift(
    machines: Sequence[Machine],
    then: Mapping[str, MachineVersion | None],
    definitions: tuple[Config | None, Config | None],
) -> Configuration:
    """How the configuration changed, from the Machines' own where all are known, else from the fly.toml of both.

    `then` is by Machine; `definitions` are the fly.toml of then and of now.
    """
    known = [(machine, version) for machine in machines if machine.config and (version := then.get(machine.id))]
    is_complete = bool(machines) and len(known) == len(machines)
    before, after = definitions
    texts: list[str] = []
    if is_complete:
        texts += _of_machines([(m.id, _sections(v.config, m.config, CONFIGURATION)) for m, v in known])
    if before is not None and after is not None:
        left_out = _IDLE | (_IN_MACHINES if is_complete else frozenset())
        texts += _sections(before, after, sorted({*before, *after} - left_out))
    elif not is_complete:
        return Configuration(None, {})
    versions = {machine.id: f"{machine.id}:{version.version}" for machine, version in known}
    return Configuration(tuple(texts), versions if is_complete else {})


def _of_machines(found: Sequence[tuple[str, list[str]]]) -> list[str]:
    """Each sentence once; with the Machines that it is about where that is not all of them."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for machine_id, texts in found:
        for text in texts:
            by_text[text].append(machine_id)
    return [
        text if len(ids) == len(found) else f"{text} (Machine {_listed(ids)} only)" for text, ids in by_text.items()
    ]


def _sections(then: Config, now: Config, keys: Iterable[str]) -> list[str]:
    return [text for key in keys if (text := _section(key, then.get(key), now.get(key)))]


def _section(key: str, then: Any, now: Any) -> str:
    before, after = dict(_leaves(then)), dict(_leaves(now))
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    title = _SECTIONS.get(key, quoted(key))
    if not changed:
        return ""
    if key == "env":
        return f"{title}: {'; '.join(_by_kind(before, after, changed))}"
    if key in _OPEN:
        told = (f"{_name(p)} {quoted(str(before.get(p, '–')))} → {quoted(str(after.get(p, '–')))}" for p in changed)
        return f"{title}: {_listed(told)}"
    names = [name for name in dict.fromkeys(_name(path) for path in changed) if name]
    return f"{title}: {_listed(names)} changed" if names else f"{title} changed"


def _by_kind(before: Config, after: Config, changed: Sequence[str]) -> Iterator[str]:
    kinds = {
        "added": [path for path in changed if path not in before],
        "removed": [path for path in changed if path not in after],
        "changed": [path for path in changed if path in before and path in after],
    }
    for kind, paths in kinds.items():
        if paths:
            yield f"{_listed(sorted(map(_name, paths)))} {kind}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside with its path; an empty one is as good as none."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    elif path.endswith("autostop"):
        # Fly stores booleans for two of the three words, and shows now the one and now the other.
        yield path, AUTO_STOP_WORDS.get(value, value)
    elif value is not None and value != "":
        yield path, value


def _name(path: str) -> str:
    """A path as people call it, without the numbers of lists."""
    return quoted(".".join(part.partition("[")[0] for part in path.split(".")).strip("."), 60)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more


def secret_drift(now: Sequence[Secret], then: Mapping[str, str] | None, since: datetime | None) -> tuple[str, ...]:
    """The secrets that changed, by name: by the digests that were noted `then`, else by when they were set.

    `since` is when the release was last live.
    """
    found = [text for secret in now if (text := _of_secret(secret, then, since))]
    removed = sorted((then or {}).keys() - {secret.name for secret in now})
    return (*found, *(f"{quoted(name, 80)} removed" for name in removed))


def _of_secret(secret: Secret, then: Mapping[str, str] | None, since: datetime | None) -> str:
    name = quoted(secret.name, 80)
    is_newer = secret.updated_at is None or since is None or secret.updated_at > since
    if then is None:
        return f"{name} set" if is_newer else ""
    if secret.name not in then:
        return f"{name} added"
    return f"{name} changed" if then[secret.name] != secret.digest else ""


Scale = Mapping[tuple[str, str], int]


def scale_of(places: Iterable[tuple[str, str]]) -> Scale:
    """How many Machines there are by process group and region."""
    return Counter(places)


def configured_scale(environment: Environment, machines: Sequence[Machine]) -> Scale:
    """What the config asks for, in the process groups that serve people; the others are as they are."""
    facing = {machine.group for machine in machines if machine.config.get("services")}
    groups = {machine.group for machine in machines}
    wanted = {(group, region): count for group in facing or groups for region, count in environment.regions.items()}
    rest = Counter((m.group, m.region) for m in machines if m.is_standby or (facing and m.group not in facing))
    return Counter(wanted) + rest


def scale_drift(then: Scale, now: Scale, *, said: str = "then") -> tuple[str, ...]:
    """Where the number of Machines is another one; `said` names where the first number comes from."""
    places = sorted(place for place in {*then, *now} if then.get(place, 0) != now.get(place, 0))
    has_groups = len({group for group, _ in (*then, *now)}) > 1
    return tuple(
        f"{quoted(group) + ' in ' if has_groups else ''}{quoted(region)} {then.get((group, region), 0)} {said}, "
        f"{now.get((group, region), 0)} now"
        for group, region in places
    )
