"""The settings as documentation, from the declarations that validate them."""

from __future__ import annotations

from bot.config.schema import Row, rows
from bot.config.tables import Document
from bot.config.variables import Variables

FILE = "flytower.toml"
ENVIRONMENT = "environment"


def settings_table() -> list[Row]:
    """Every key of the file and every environment variable, in the order of their declaration."""
    variables = [
        Row(row.name.upper(), row.where, row.default, row.required, row.meaning) for row in rows(Variables, ENVIRONMENT)
    ]
    return [*rows(Document, FILE), *variables]


def settings_markdown(where: str) -> str:
    """The settings of one place as a Markdown table."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{row.name}` | {'*required*' if row.required else _default(row.default)} | {row.meaning} |"
        for row in settings_table()
        if row.where == where
    ]
    return "\n".join(lines) + "\n"


def _default(shown: str) -> str:
    """A literal default as code; one that is explained in words stays as it is."""
    return f"`{shown}`" if shown and " " not in shown and "`" not in shown else shown
