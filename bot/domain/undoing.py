"""What the next deployment undoes of a scaling, as the fly.toml of the live commit says. Pure.

`fly deploy` gives every Machine the size and the services of its fly.toml, and leaves their number alone. Source:
Fly.io docs, "App configuration (fly.toml)": `[[vm]]`, `[http_service]`, `[[services]]`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.scale import Mending, Undoing
from bot.domain.size import PRESET_SIZES, Size
from bot.domain.toml_lines import Path, lines_of

MEMORY = re.compile(r"(\d+)\s*(mb|gb|m|g)?", re.IGNORECASE)
SERVICES = ("http_service", "services")
# What fly.toml calls the two settings of a service that a scaling may change.
AUTO_STOP, MIN_MACHINES = "auto_stop_machines", "min_machines_running"
AUTO_STOP_WORDS = {False: "off", None: "off", True: "stop"}


@dataclass(frozen=True)
class _File:
    name: str
    table: Mapping[str, Any]
    lines: Mapping[Path, int]

    def line(self, *path: str | int) -> int:
        """The line of a key, or of the nearest table around it that stands there."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 0)


def undoings(
    name: str, text: str | None, sizes: Mapping[str, Size], mendings: Sequence[Mending]
) -> tuple[Undoing, ...]:
    """What a deployment with this fly.toml would undo: `sizes` are those that each process group shall have.

    Where there is no such file or it cannot be read, that is said, and nothing is guessed.
    """
    if not sizes and not any(m.auto_stop is not None or m.min_machines is not None for m in mendings):
        return ()
    if text is None:
        what = "Whether the next deployment undoes this is not known: there is no such file at the live commit."
        return (Undoing(what, name),)
    try:
        file = _File(name, tomllib.loads(text), lines_of(text))
    except tomllib.TOMLDecodeError:
        return (Undoing("Whether the next deployment undoes this is not known: the file cannot be read.", name),)
    return (*_sizes(file, sizes), *_services(file, mendings))


def _sizes(file: _File, sizes: Mapping[str, Size]) -> Iterator[Undoing]:
    for group, wanted in sorted(sizes.items()):
        index, entry = _vm_of(file, group)
        said = size_in(entry)
        if said == wanted:
            continue
        change = _change(said, wanted)
        if index is None:
            what = f"No [[vm]] names a size for {group}: the next deployment makes it {said.words}."
            yield Undoing(what, file.name, 0, f"[[vm]]\n{change}")
        else:
            what = f"The next deployment makes the Machines of {group} {said.words} again."
            yield Undoing(what, file.name, _line_of_size(file, index, entry, said, wanted), change)


def _vm_of(file: _File, group: str) -> tuple[int | None, Mapping[str, Any]]:
    """The entry that speaks of a process group: the first that names it, else the first that names none."""
    found = file.table.get("vm")
    entries = [(i, each) for i, each in enumerate(found if isinstance(found, list) else []) if isinstance(each, dict)]
    named = [(i, each) for i, each in entries if group in (each.get("processes") or [])]
    for_all = [(i, each) for i, each in entries if not each.get("processes")]
    return next(iter([*named, *for_all]), (None, {}))


def size_in(entry: Mapping[str, Any]) -> Size:
    """The size that an entry of `[[vm]]` means; what it leaves out is Fly's default."""
    base = PRESET_SIZES.get(str(entry.get("size") or "shared-cpu-1x"), Size())
    kind = str(entry.get("cpu_kind") or base.cpu_kind)
    cpus = entry.get("cpus")
    memory = _memory_mb(entry.get("memory", entry.get("memory_mb")))
    return Size(kind, cpus if isinstance(cpus, int) else base.cpus, memory or base.memory_mb)


def _memory_mb(value: Any) -> int:
    found = MEMORY.fullmatch(str(value).strip())
    if found is None:
        return 0
    unit = (found[2] or "mb").lower()
    return int(found[1]) * (1024 if unit.startswith("g") else 1)


def _change(said: Size, wanted: Size) -> str:
    lines = [f'  cpu_kind = "{wanted.cpu_kind}"'] if said.cpu_kind != wanted.cpu_kind else []
    lines += [f"  cpus = {wanted.cpus}"] if said.cpus != wanted.cpus else []
    lines += [f'  memory = "{wanted.memory_mb}mb"'] if said.memory_mb != wanted.memory_mb else []
    return "\n".join(lines)


def _line_of_size(file: _File, index: int, entry: Mapping[str, Any], said: Size, wanted: Size) -> int:
    differing = [key for key in ("cpu_kind", "cpus") if getattr(said, key) != getattr(wanted, key)]
    differing += [key for key in ("memory", "memory_mb") if said.memory_mb != wanted.memory_mb]
    key = next((key for key in differing if key in entry), "size")
    return file.line("vm", index, key)


def _services(file: _File, mendings: Sequence[Mending]) -> Iterator[Undoing]:
    auto_stop = next((m.auto_stop for m in mendings if m.auto_stop is not None), None)
    minimum = next((m.min_machines for m in mendings if m.min_machines is not None), None)
    for path, service in _service_tables(file):
        said = AUTO_STOP_WORDS.get(service.get(AUTO_STOP), service.get(AUTO_STOP))
        if auto_stop is not None and said != auto_stop:
            what = f"The next deployment sets auto stop to {said} again."
            yield Undoing(what, file.name, file.line(*path, AUTO_STOP), f'  {AUTO_STOP} = "{auto_stop}"')
        number = service.get(MIN_MACHINES) or 0
        if minimum is not None and number != minimum:
            what = f"The next deployment keeps {number} Machines awake again."
            yield Undoing(what, file.name, file.line(*path, MIN_MACHINES), f"  {MIN_MACHINES} = {minimum}")


def _service_tables(file: _File) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name in SERVICES:
        found = file.table.get(name)
        if isinstance(found, dict):
            yield (name,), found
        for index, each in enumerate(found if isinstance(found, list) else []):
            if isinstance(each, dict):
                yield (name, index), each
