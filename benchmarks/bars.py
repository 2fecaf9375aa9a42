"""The bars that the bot is held to, and tables that say which of them are met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A limit in `unit`: the most that a figure may be, or the least where `is_least`."""

    of: str
    limit: float
    unit: str = ""
    is_least: bool = False

    def allows(self, figure: float) -> bool:
        return figure >= self.limit if self.is_least else figure <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.is_least else "≤"
        return " ".join(part for part in (self.of, sign, f"{self.limit:,g}{self.unit}") if part)


@dataclass(frozen=True)
class Row:
    """Something measured, in words, with the figures that have a bar."""

    what: str
    value: str
    bars: tuple[tuple[float, Bar], ...] = ()

    @property
    def cells(self) -> list[str]:
        if not self.bars:
            return [self.what, self.value, "", ""]
        missed = [str(bar) for figure, bar in self.bars if not bar.allows(figure)]
        met = f"**no**: {', '.join(missed)}" if missed else "yes"
        return [self.what, self.value, ", ".join(str(bar) for _, bar in self.bars), met]


@dataclass(frozen=True)
class Table:
    """A table of the report; the first column says what, the others are short."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """As Markdown, which is good to read in a terminal as well."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def judged(title: str, rows: Iterable[Row]) -> Table:
    """A table of rows with their bars."""
    return Table(title, ("", "measured", "bar", "met"), [row.cells for row in rows])
