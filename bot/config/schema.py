"""What a table of settings is made of: keys with a parser, a default and a meaning; and how one is read.

The same declarations validate the configuration and produce its documentation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast, dataclass_transform

from bot.config.problems import Bad, Problems, suggestion
from bot.domain.toml_lines import Path

T = TypeVar("T")
ABSENT: Any = object()
REQUIRED: Any = object()
SPEC = "spec"


@dataclass(frozen=True)
class Row:
    """One setting as the documentation lists it. `where` is `flytower.toml` or `environment`."""

    name: str
    where: str
    default: str
    required: bool
    meaning: str


class Spec(Protocol):
    """One field of a table: how it is read, and the settings that it stands for."""

    def read(self, raw: Any, path: Path, problems: Problems) -> Any:
        """The value, or a harmless one after reporting what is wrong. `raw` may be ABSENT."""
        ...

    def rows(self, name: str, where: str) -> Iterator[Row]:
        """The settings below this field."""
        ...


@dataclass(frozen=True)
class Key:
    """A single value. `shown` describes a default that depends on other settings."""

    parse: Callable[[Any], Any]
    meaning: str
    default: Any
    shown: str
    empty: Any

    def read(self, raw: Any, path: Path, problems: Problems) -> Any:
        if raw is ABSENT and self.default is not REQUIRED:
            return self.default
        if raw is ABSENT:
            problems.add(path, "is missing", f"Add it: {self.meaning}")
            return self.empty
        try:
            return self.parse(raw)
        except Bad as bad:
            problems.add(path, bad.what, bad.mend)
            return self.empty

    def rows(self, name: str, where: str) -> Iterator[Row]:
        is_required = self.default is REQUIRED
        yield Row(name, where, "" if is_required else self.shown or show(self.default), is_required, self.meaning)


@dataclass(frozen=True)
class Table:
    """A table with known keys. An optional one that is absent is None."""

    of: type[Any]
    is_optional: bool = False

    def read(self, raw: Any, path: Path, problems: Problems) -> Any:
        if raw is ABSENT and self.is_optional:
            return None
        return read(self.of, {} if raw is ABSENT else raw, path, problems)

    def rows(self, name: str, where: str) -> Iterator[Row]:
        return rows(self.of, where, name)


@dataclass(frozen=True)
class Tables:
    """Tables by name, at least one; `parse_name` says what a name may be, `label` stands for it in the docs."""

    of: type[Any]
    label: str
    parse_name: Callable[[Any], str]

    def read(self, raw: Any, path: Path, problems: Problems) -> dict[str, Any]:
        if raw is ABSENT or raw == {}:
            problems.add(path, "has no entry", f"Add a table `[{path[-1]}.{self.label}]`.")
            return {}
        if not isinstance(raw, dict):
            problems.add(path, f"should be tables by name, not {kind(raw)}", f"Write `[{path[-1]}.{self.label}]`.")
            return {}
        return {name: self._entry(name, table, (*path, name), problems) for name, table in raw.items()}

    def _entry(self, name: str, raw: Any, path: Path, problems: Problems) -> Any:
        try:
            self.parse_name(name)
        except Bad as bad:
            problems.add(path, bad.what, bad.mend)
        return read(self.of, raw, path, problems)

    def rows(self, name: str, where: str) -> Iterator[Row]:
        return rows(self.of, where, f"{name}.{self.label}")


@dataclass(frozen=True)
class Array:
    """An array of tables, at least one unless it is optional."""

    of: type[Any]
    is_optional: bool = False

    def read(self, raw: Any, path: Path, problems: Problems) -> tuple[Any, ...]:
        if self.is_optional and (raw is ABSENT or raw == []):
            return ()
        if raw is ABSENT or raw == []:
            problems.add(path, "has no entry", f"Add a table `[[{path[-1]}]]`.")
            return ()
        if not isinstance(raw, list):
            problems.add(path, f"should be a list of tables, not {kind(raw)}", f"Write `[[{path[-1]}]]`.")
            return ()
        return tuple(read(self.of, entry, (*path, index), problems) for index, entry in enumerate(raw))

    def rows(self, name: str, where: str) -> Iterator[Row]:
        return rows(self.of, where, name)


def key(parse: Callable[[Any], T], meaning: str, *, default: Any = REQUIRED, shown: str = "", empty: Any = "") -> T:
    """Declare a value; without a default it is required. `empty` stands in for a bad one until all is checked."""
    safe = empty if default is REQUIRED or isinstance(default, str) else default
    return cast("T", _field(Key(parse, meaning, default, shown, safe)))


def table(of: type[T]) -> T:
    """Declare a table that is always there, if only with its defaults."""
    return cast("T", _field(Table(of)))


def optional_table(of: type[T]) -> T | None:
    """Declare a table that may be absent."""
    return cast("T | None", _field(Table(of, is_optional=True)))


def tables(of: type[T], label: str, parse_name: Callable[[Any], str]) -> dict[str, T]:
    """Declare tables by name."""
    return cast("dict[str, T]", _field(Tables(of, label, parse_name)))


def array(of: type[T]) -> tuple[T, ...]:
    """Declare an array of tables."""
    return cast("tuple[T, ...]", _field(Array(of)))


def optional_array(of: type[T]) -> tuple[T, ...]:
    """Declare an array of tables that may be absent or empty."""
    return cast("tuple[T, ...]", _field(Array(of, is_optional=True)))


def _field(spec: Spec) -> Any:
    return dataclasses.field(metadata={SPEC: spec})


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(key, table, optional_table, tables, array, optional_array),
)
def settings(of: type[T]) -> type[T]:
    """A table of settings: a frozen dataclass whose fields are declared by the functions above."""
    return dataclass(frozen=True, kw_only=True)(of)


def specs(of: type[Any]) -> dict[str, Spec]:
    """The fields of a declared table."""
    return {field.name: field.metadata[SPEC] for field in dataclasses.fields(of)}


def read(of: type[T], raw: Any, path: Path, problems: Problems) -> T:
    """Read a table, reporting unknown keys, missing ones and bad values, and going on after each."""
    if not isinstance(raw, dict):
        problems.add(path, f"should be a table, not {kind(raw)}", "Write its settings as `key = value` below a header.")
        return read(of, {}, path, Problems(lambda _path: (0, "")))
    known = specs(of)
    for name in raw.keys() - known.keys():
        problems.add((*path, name), "is not a setting", suggestion(name, known))
    return of(**{name: spec.read(raw.get(name, ABSENT), (*path, name), problems) for name, spec in known.items()})


def read_variables(of: type[T], environ: Mapping[str, str], problems: Problems) -> T:
    """Read the environment variables that `of` declares, in upper case; a variable set to nothing counts as unset."""
    values = {name: environ.get(name.upper(), "").strip() or ABSENT for name in specs(of)}
    return of(**{name: spec.read(values[name], (name.upper(),), problems) for name, spec in specs(of).items()})


def rows(of: type[Any], where: str, prefix: str = "") -> Iterator[Row]:
    """The settings of a table and of the tables in it."""
    for name, spec in specs(of).items():
        yield from spec.rows(f"{prefix}.{name}" if prefix else name, where)


def kind(raw: Any) -> str:
    """What a TOML value is, in words."""
    kinds = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(raw), "a date or time")


def show(value: Any) -> str:
    """A default as the documentation shows it."""
    if value in {None, "", ()}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
