"""Objects as JSON and back, with their identity: what two of them shared they share again.

Reading builds data and nothing else: no constructor and no function of a file's choosing runs. An object is of a class
that the vocabulary has; a step of an agenda is a function that it has, or a method of an object that is there already.
"""

from __future__ import annotations

import base64
import dataclasses
import inspect
import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from sandbox.kit import Json

SCALARS = frozenset({type(None), bool, int, float, str})
FACTORIES: Mapping[str, Callable[[], Any]] = MappingProxyType({"list": list, "dict": dict, "set": set, "int": int})
REFERENCE = "@"
# What a file that was not written by this module can make reading it, or looking at what was read, end with.
BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Vocabulary:
    """What may stand in a file: dataclasses and functions of some modules, further classes, and `owners`.

    Owners are objects that are there already, by name: they are referred to, and so are their methods.
    """

    def __init__(
        self, data: Iterable[ModuleType], steps: Iterable[ModuleType], further: Iterable[type], owners: Json
    ) -> None:
        found = [value for module in data for value in vars(module).values() if dataclasses.is_dataclass(value)]
        classes = [each for each in [*found, *further] if isinstance(each, type)]
        self.classes = {_name(each): each for each in classes}
        self.functions = {_name(each): each for module in steps for each in _functions(module)}
        self.owners = owners

    def name_of(self, owner: object) -> str | None:
        """The name under which an object is there already."""
        return next((name for name, each in self.owners.items() if each is owner), None)


def _name(named: type | FunctionType) -> str:
    return f"{named.__module__}.{named.__qualname__}"


def _functions(module: ModuleType) -> list[FunctionType]:
    found = [each for each in vars(module).values() if isinstance(each, FunctionType)]
    return [each for each in found if each.__module__ == module.__name__]


class Writer:
    """Writes values as nodes that refer to each other by number."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers: dict[int, int] = {}
        # An object that was written must not give its identity to another one.
        self._kept: list[object] = []
        self.nodes: list[Any] = []

    def write(self, value: Any) -> Any:
        """A scalar as it is, or a reference to a node; TypeError names what cannot be written."""
        if type(value) in SCALARS:
            return value
        if id(value) not in self._numbers:
            self._kept.append(value)
            self._numbers[id(value)] = number = len(self.nodes)
            self.nodes.append(None)
            self.nodes[number] = self._node(value)
        return {REFERENCE: self._numbers[id(value)]}

    def _node(self, value: Any) -> list[Any]:
        kind = type(value)
        owner = self._vocabulary.name_of(value)
        if owner is not None:
            return ["owner", owner]
        if kind in {list, tuple, set, frozenset}:
            return [kind.__name__, [self.write(each) for each in value]]
        if kind in {dict, MappingProxyType}:
            return ["dict" if kind is dict else "mapping", self._pairs(value)]
        if kind is defaultdict:
            return ["defaultdict", value.default_factory.__name__, self._pairs(value)]
        if kind is deque:
            return ["deque", value.maxlen, [self.write(each) for each in value]]
        if kind is bytes:
            return ["bytes", base64.b64encode(value).decode()]
        if kind is itertools.count:
            # Asking for its next number would use it up, and copying it is deprecated.
            return ["count", int(repr(value).removeprefix("count(").removesuffix(")"))]
        if kind is random.Random:
            return ["random", self.write(value.getstate())]
        if kind is partial:
            return ["partial", self.write(value.func), self.write(value.args), self.write(value.keywords)]
        if kind is MethodType:
            return ["method", self.write(value.__self__), value.__name__]
        if kind is FunctionType and _name(value) in self._vocabulary.functions:
            return ["function", _name(value)]
        if _name(kind) not in self._vocabulary.classes:
            raise TypeError(f"{_name(kind)} cannot be written")
        return ["object", _name(kind), {name: self.write(getattr(value, name)) for name in _fields(value)}]

    def _pairs(self, value: Mapping[Any, Any]) -> list[list[Any]]:
        return [[self.write(key), self.write(each)] for key, each in value.items()]


class Reader:
    """Reads nodes as a `Writer` wrote them; one of `BROKEN` for anything else."""

    def __init__(self, vocabulary: Vocabulary, nodes: list[Any]) -> None:
        self._vocabulary = vocabulary
        self._nodes = nodes
        self._read: dict[int, Any] = {}

    def read(self, value: Any) -> Any:
        """The value behind a scalar or a reference."""
        if type(value) in SCALARS:
            return value
        number = value[REFERENCE]
        if type(number) is not int or number < 0:
            raise ValueError("a reference is a number")
        if number not in self._read:
            kind, *content = self._nodes[number]
            self._made(number, kind, content)
        return self._read[number]

    def _made(self, number: int, kind: str, content: list[Any]) -> None:
        """Build one node. What can be part of itself is there before it is filled."""
        match kind, content:
            case "list", [items]:
                self._keep(number, []).extend(self.read(each) for each in items)
            case "dict", [pairs]:
                self._fill(self._keep(number, {}), pairs)
            case "defaultdict", [factory, pairs]:
                self._fill(self._keep(number, defaultdict(FACTORIES[factory])), pairs)
            case "deque", [longest, items]:
                self._keep(number, deque(maxlen=longest)).extend(self.read(each) for each in items)
            case "set", [items]:
                self._keep(number, set()).update(self.read(each) for each in items)
            case "object", [name, fields]:
                self._object(number, self._vocabulary.classes[name], fields)
            case _:
                self._keep(number, self._closed(kind, content))

    def _closed(self, kind: str, content: list[Any]) -> Any:
        """A value that cannot be part of itself."""
        match kind, content:
            case "tuple", [items]:
                return tuple(self.read(each) for each in items)
            case "frozenset", [items]:
                return frozenset(self.read(each) for each in items)
            case "mapping", [pairs]:
                return MappingProxyType({self.read(key): self.read(each) for key, each in pairs})
            case "bytes", [text]:
                return base64.b64decode(text, validate=True)
            case "count", [number]:
                return itertools.count(number)
            case "random", [state]:
                source = random.Random()
                source.setstate(self.read(state))
                return source
            case "owner", [name]:
                return self._vocabulary.owners[name]
            case "function", [name]:
                return self._vocabulary.functions[name]
            case "method", [owner, name]:
                return self._method(self.read(owner), name)
            case "partial", [function, arguments, keywords]:
                return self._partial(self.read(function), self.read(arguments), self.read(keywords))
        raise ValueError(f"unknown node {kind!r}")

    def _keep(self, number: int, value: Any) -> Any:
        self._read[number] = value
        return value

    def _fill(self, mapping: dict[Any, Any], pairs: list[Any]) -> None:
        for key, value in pairs:
            mapping[self.read(key)] = self.read(value)

    def _object(self, number: int, kind: type, fields: Json) -> None:
        if dataclasses.is_dataclass(kind) and sorted(fields) != sorted(_fields(kind)):
            raise ValueError(f"{kind.__qualname__} has other fields")
        made = self._keep(number, object.__new__(kind))
        for name, value in fields.items():
            # A frozen dataclass refuses its own.
            object.__setattr__(made, name, self.read(value))

    def _method(self, owner: object, name: str) -> Any:
        method = getattr(owner, name)
        if self._vocabulary.name_of(owner) is None or not isinstance(method, MethodType):
            raise ValueError(f"{name!r} is no step")
        return method

    @staticmethod
    def _partial(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if not isinstance(function, MethodType | FunctionType):
            raise TypeError("a step is a function")
        # Each is called with one argument more, a step with its time.
        inspect.signature(function).bind(*arguments, 0.0, **keywords)
        return partial(function, *arguments, **keywords)


def _fields(value: object) -> list[str]:
    return [each.name for each in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else list(vars(value))
