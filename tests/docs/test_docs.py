"""The documentation says what the code says: nothing is missing in it, and what is generated is current."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from cogapp import Cog

from bot.cli import main
from bot.config import settings_table
from bot.domain.operation import State
from bot.domain.rollout import Step
from bot.errors import Reason
from commands import deploy, history, holds, incidents, locks, rollback, scale, stats, status, why
from sandbox import terminal
from sandbox.fly import FlySimulator
from sandbox.github import GitHubSimulator
from sandbox.slack import SlackSimulator
from tests.world import World

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS, DECISIONS, DESIGN, SANDBOX, CONFIGURATION = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    for name in ("commands", "decisions", "design", "sandbox", "configuration")
)
VIEWS = sorted((ROOT / "bot" / "views").glob("*.py"))
REASONS = COMMANDS.partition("## Reason codes")[2].partition("## The command line")[0]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def rows(page: str) -> set[str]:
    """What stands as code in the first cells of a page's tables."""
    cells = (line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def requirements() -> list[str]:
    """The names of all packages that the project asks for."""
    project = PROJECT["project"]
    extras = [entry for extra in project["optional-dependencies"].values() for entry in extra]
    asked = [*PROJECT["build-system"]["requires"], *project["dependencies"], *extras]
    return sorted({re.split(r"[\[<>=]", entry)[0] for entry in asked})


def cli_commands(command: click.Command, words: tuple[str, ...] = ("flytower",)) -> Iterator[str]:
    """Every command of the command line, as one types it."""
    yield " ".join(words)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from cli_commands(inner, (*words, name))


def modules() -> list[str]:
    """The modules and packages on the first level of each part, as the design names them."""
    parts = (ROOT / part for part in ("bot", "commands", "jobs"))
    found = (path for part in parts for path in part.iterdir() if path.name not in {"__init__.py", "__pycache__"})
    return sorted(f"{p.parent.name}/{p.name}" for p in found if p.suffix == ".py" or (p / "__init__.py").exists())


def anchor(heading: str) -> str:
    """The fragment by which GitHub leads to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def captions(value: Any) -> Iterator[str]:
    """The words on every button in some JSON."""
    if isinstance(value, dict):
        if value.get("type") == "button":
            yield value["text"]["text"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from captions(inner)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_code_is_explained(reason: Reason) -> None:
    """A code that people see has a row with its meaning and what lifts it."""
    (row,) = [line for line in REASONS.splitlines() if line.startswith(f"| `{reason}` |")]

    assert all(len(cell.strip()) > 2 for cell in row.split("|")[2:4])


def test_no_reason_code_is_made_up() -> None:
    """The tables of reasons hold only codes that the code has."""
    assert rows(REASONS) == set(Reason)


@pytest.mark.parametrize("state", State)
def test_every_state_is_explained(state: State) -> None:
    """The states of an operation are among the rows."""
    assert state in rows(COMMANDS)


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.WAITING])
def test_every_step_is_in_the_design(step: Step) -> None:
    """The rollout is described with the words of its journal."""
    assert f"`{step}`" in DESIGN


def test_the_usage_of_deploy_is_current() -> None:
    """The page shows the usage that the bot shows, and explains each of its options."""
    usage = deploy.USAGE.strip("`")

    assert usage in COMMANDS
    assert all(f"**`{option}" in COMMANDS for option in re.findall(r"--\w+", usage))


@pytest.mark.parametrize("example", re.findall(r"`(/deploy [^`]*)`", deploy.HELP.replace(deploy.USAGE, "")))
def test_what_help_shows_is_explained(example: str) -> None:
    """Each example of the help stands in the commands' page and in the README."""
    assert f"`{example}`" in COMMANDS
    assert f"`{example}`" in README


@pytest.mark.parametrize(
    ("heading", "module"),
    {
        "/deploy status": status,
        "/deploy history": history,
        "/deploy why": why,
        "/deploy stats": stats,
        "/deploy lock": locks,
        "/deploy hold": holds,
        "/deploy incident": incidents,
        "/rollback": rollback,
        "/scale": scale,
    }.items(),
)
def test_every_command_is_explained(heading: str, module: ModuleType) -> None:
    """Each has its section with the current usage, and each example of its help stands there."""
    section = COMMANDS.partition(f"\n## `{heading}`\n")[2].partition("\n## ")[0]

    usages = [getattr(module, name) for name in dir(module) if name.endswith("USAGE")]
    assert all(usage.strip("`") in section for said in usages for usage in said.split(" · "))
    assert all(example in section for example in re.findall(r"• (`[^`]+`)", module.HELP))


@pytest.mark.parametrize(
    "caption",
    sorted({caption for path in VIEWS for caption in re.findall(r'button\("([^"]+)"', path.read_text("utf-8"))}),
)
def test_every_caption_is_explained(caption: str) -> None:
    """What stands on a button of any message stands in the commands' page."""
    assert f"**{caption}**" in COMMANDS


async def test_every_slash_command_has_a_section(world: World) -> None:
    """What the bot answers to is a heading."""
    for command in world.bot.router.commands:
        assert f"## `{command}`" in COMMANDS


async def test_every_button_is_explained(world: World) -> None:
    """The buttons of a deployment from plan to end have their rows."""
    await world.types("/deploy production v1.4.2")
    await world.clicks("deployment_confirm")
    card = world.card()

    shown = {caption.replace("production", "ENVIRONMENT") for caption in captions([card["blocks"], card["earlier"]])}
    assert shown == {"Deploy to ENVIRONMENT", "Dismiss", "Cancel"}
    assert all(f"| **{caption}** |" in COMMANDS for caption in shown)


async def test_the_buttons_of_trouble_are_explained(world: World) -> None:
    """A crash loop after a success: its message has buttons with rows of their own."""
    await world.types("/deploy production v1.4.2")
    await world.clicks("deployment_confirm")
    world.fly.control.crash(world.machines()[0]["id"], loops=True)
    await world.simulators.clock.sleep(40)
    await world.settle()

    shown = set(captions(world.card()["blocks"]))
    assert shown == {"Roll back"}
    assert all(f"| **{caption}** |" in COMMANDS for caption in {*shown, "Stop", "Retry"})


@pytest.mark.parametrize("command", [*cli_commands(main)])
def test_every_command_of_the_command_line_is_documented(command: str) -> None:
    """Each has its help under a heading."""
    assert f"### `{command}`" in COMMANDS


@pytest.mark.parametrize("row", settings_table(), ids=lambda row: row.name)
def test_every_setting_is_documented(row: Any) -> None:
    """Each has its row among the settings."""
    assert row.name in rows(CONFIGURATION)


def test_settings_that_the_pages_name_exist() -> None:
    """A policy or a variable that is mentioned is one that the code reads."""
    names = {row.name for row in settings_table()}
    known = {name.rsplit(".", 2)[-2] + "." + name.rsplit(".", 2)[-1] for name in names if name.count(".") > 1}
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    assert {f"policy.{name}" for name in re.findall(r"`policy\.(\w+)`", text)} <= known
    assert set(re.findall(r"`((?:FLYTOWER|SLACK|GITHUB)_[A-Z_]+)`", text)) <= names


@pytest.mark.parametrize("name", requirements())
def test_every_dependency_has_a_reason(name: str) -> None:
    """A package that the project asks for is named where decisions are told."""
    assert f"**{name}**" in DECISIONS or f". {name}**" in DECISIONS


@pytest.mark.parametrize("module", modules())
def test_every_module_is_on_the_map(module: str) -> None:
    """A reader of the design finds each module, or the package that it is in."""
    part, _, name = module.partition("/")
    path = module if name.endswith(".py") else f"{module}/"

    assert f"`{path}`" in DESIGN or (f"`{part}/`" in DESIGN and f"`{name}`" in DESIGN)


@pytest.mark.parametrize("simulator", [FlySimulator, GitHubSimulator, SlackSimulator])
async def test_every_fault_and_action_of_a_simulator_is_listed(simulator: type[Any]) -> None:
    """The sandbox's page has what the control APIs have."""
    made = simulator()

    assert made.faults.kinds <= rows(SANDBOX)
    assert all(f"`{action}`" in SANDBOX for action in made.actions())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """Files exist, and fragments are headings of theirs."""
    for target, _, fragment in (
        link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    ):
        if target.startswith("https://"):
            continue
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        headings = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE) if fragment else []
        assert not fragment or fragment in map(anchor, headings), f"{target}#{fragment}"


def test_every_make_target_that_is_named_exists() -> None:
    """`make demo` and its like can be typed."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = {name for page in PAGES for name in re.findall(r"`make (\w+)`", page.read_text("utf-8"))}

    assert named <= set(targets)


def test_generated_parts_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make cog` would change nothing."""
    monkeypatch.chdir(ROOT)

    assert Cog().main(["cog", "--check", *(str(page.relative_to(ROOT)) for page in PAGES)]) == 0


async def test_the_card_in_the_readme_is_real(world: World) -> None:
    """The first screen shows what the bot posts; only the seconds may differ."""
    await world.types('/deploy production v1.4.2 --reason "pricing fix"')
    await world.clicks("deployment_confirm")
    await world.simulators.clock.sleep(630)
    await world.settle()

    card = terminal.card(world.card(), {"U0ANA": "ana"}).replace(terminal.BAR, "  ")
    assert re.sub(r"\d+ s$", "N s", card, flags=re.MULTILINE) in re.sub(r"\d+ s$", "N s", README, flags=re.MULTILINE)
