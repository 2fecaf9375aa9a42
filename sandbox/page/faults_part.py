"""The faults on the page: what there is, what is on, and the switches."""

from __future__ import annotations

from typing import Any

from sandbox.calls import CALLS, NamedCall, call_named
from sandbox.faults import Fault
from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get, maybe
from sandbox.page.faults import Row, rows_of
from sandbox.page.items import Items
from sandbox.page.menus import Menus
from sandbox.stack import Simulators

MOST_TIMES = 99
Aim = tuple[str, str | None, str | None]


class FaultsPart:
    """All faults that are on are shown, and can be switched off, also those from elsewhere."""

    def __init__(self, simulators: Simulators) -> None:
        self._simulators = {simulator.name: simulator for simulator in simulators.all()}
        self._menus = Menus(simulators)
        # With the fault itself, since after a reset another one may have its number.
        self._made: dict[tuple[str, int], tuple[Fault, Aim]] = {}
        self._rows: dict[str, Row] = rows_of(simulators.all())
        self._fixed: Items = {f"fault/row/{name}": row.shown() for name, row in self._rows.items()}
        self._fixed |= {f"fault/calls/{name}": _calls_of(name) for name in self._simulators}

    def items(self) -> Items:
        return self._fixed | self._on()

    def acts(self) -> dict[str, Act]:
        return {"fault": self.turn, "fault/off": self.off, "fault/clear": self.clear, "fault/menu": self.menu}

    async def menu(self, body: Json) -> Json:
        """The targets of `menu` as they are now: `options` with `value` and `label`."""
        return {"options": self._menus.options(get(body, "menu", str))}

    async def turn(self, body: Json) -> Json:
        """Switch the fault `name` on or off (`on`) for a `target` or a `call`, everything without; `times`: how often.

        It is on once, however often it is switched on; another number of times takes the place of the one before.
        """
        row = self._row(get(body, "name", str))
        target, call, is_on = self._target(row, body), self._call(row, body), get(body, "on", bool)
        times = self._times(body)
        faults = self._simulators[row.simulator].faults
        aim: Aim = (row.name, target, call.name if call else None)
        for fault in faults.all():
            if self._aim(row.simulator, fault) == aim:
                faults.remove(fault.id)
        if is_on:
            added = faults.add(row.made(target, call, times))
            self._made[row.simulator, added.id] = (added, aim)
        return {}

    async def off(self, body: Json) -> Json:
        """Switch off the fault `id` of a `simulator`."""
        simulator = self._simulators.get(get(body, "simulator", str))
        if simulator is None:
            raise ControlError(f"There is no simulator {body['simulator']!r}.")
        simulator.faults.remove(get(body, "id", int))
        return {}

    async def clear(self, _: Json) -> Json:
        """Switch everything off."""
        for simulator in self._simulators.values():
            simulator.faults.clear()
        self._made.clear()
        return {}

    def _row(self, name: str) -> Row:
        if name not in self._rows:
            raise ControlError(f"There is no fault {name!r}; there are {', '.join(self._rows)}.")
        return self._rows[name]

    def _target(self, row: Row, body: Json) -> str | None:
        target = maybe(body, "target", str) or None
        if target is not None and self._menus.label(row.menu, target) is None:
            raise ControlError(f"{row.label} cannot be aimed at {target!r}.")
        return target

    @staticmethod
    def _call(row: Row, body: Json) -> NamedCall | None:
        name = maybe(body, "call", str)
        if not row.has_calls:
            return None
        call = call_named(row.simulator, name or "any")
        if call is None:
            raise ControlError(f"There is no call {name!r}.")
        return call

    @staticmethod
    def _times(body: Json) -> int | None:
        times = maybe(body, "times", int)
        if times is not None and not 1 <= times <= MOST_TIMES:
            raise ControlError(f"`times` is between 1 and {MOST_TIMES}, or left out for always.")
        return times

    def _on(self) -> Items:
        """What is on, in the order in which it was switched on; a fault that is used up is gone by itself."""
        live: dict[tuple[str, int], Fault] = {}
        for name, simulator in self._simulators.items():
            live |= {(name, fault.id): fault for fault in simulator.faults.all()}
        self._made = {key: made for key, made in self._made.items() if live.get(key) is made[0]}
        return {f"fault/on/{name}-{id_}": self._shown(name, fault) for (name, id_), fault in live.items()}

    def _aim(self, simulator: str, fault: Fault) -> Aim | None:
        """What a fault was aimed at here; None for one from elsewhere."""
        made = self._made.get((simulator, fault.id))
        return made[1] if made is not None and made[0] is fault else None

    def _shown(self, simulator: str, fault: Fault) -> Json:
        aim = self._aim(simulator, fault)
        row = self._rows[aim[0]] if aim else self._like(simulator, fault)
        call = call_named(simulator, aim[2]) if aim and aim[2] else None
        words: list[Any] = [call.label if call else fault.path if fault.path != "." else None]
        target = aim[1] if aim else fault.target
        if target is not None:
            words.append((self._menus.label(row.menu, target) if row else None) or target)
        return {
            "simulator": simulator,
            "id": fault.id,
            "name": row.name if row else None,
            "label": row.label if row else fault.kind.replace("_", " "),
            "target": target,
            "call": aim[2] if aim else None,
            "is_ours": aim is not None,
            "where": ", ".join(word for word in words if word),
            "left": fault.times,
        }

    def _like(self, simulator: str, fault: Fault) -> Row | None:
        """The row that comes nearest to a fault from elsewhere."""
        rows = (row for row in self._rows.values() if (row.simulator, row.kind) == (simulator, fault.kind))
        return next((row for row in rows if row.made(None, None, None).status == fault.status), None)


def _calls_of(simulator: str) -> list[Json]:
    return [{"name": call.name, "label": call.label} for call in CALLS if call.simulator == simulator]
