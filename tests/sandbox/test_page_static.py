"""The page's own files: no build step, nothing from elsewhere, and no way from text to markup."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sandbox.page.server import STATIC

SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|setHTML|DOMParser|srcdoc"
    r"|\beval\(|new Function|javascript:"
)
IMPORT = re.compile(r"^(?:import|export) (?:\{([^}]+)\}|(\w+)) from \"([^\"]+)\";$", re.MULTILINE)
# Written by others, and kept as their authors published them.
VENDORED = STATIC / "vendor"
OURS = sorted(path for path in STATIC.rglob("*.*") if VENDORED not in path.parents)
MODULES = [path for path in OURS if path.suffix == ".js"]
INDEX = (STATIC / "index.html").read_text(encoding="utf-8")


def name(path: Path) -> str:
    return str(path.relative_to(STATIC))


def imports(path: Path) -> list[tuple[list[str], Path]]:
    """The names that a module imports, with the file that they come from."""
    vendored = json.loads(INDEX.partition('<script type="importmap">')[2].partition("</script>")[0])["imports"]
    found = []
    for names, default, source in IMPORT.findall(path.read_text(encoding="utf-8")):
        target = STATIC / vendored[source].removeprefix("/") if source in vendored else (path.parent / source).resolve()
        wanted = ["default"] if default else [each.strip() for each in names.split(",") if each.strip()]
        found.append((wanted, target))
    return found


def exported(module: Path) -> set[str]:
    """The names that a module of ours exports."""
    text = module.read_text(encoding="utf-8")
    listed = [
        each.strip() for names in re.findall(r"^export \{([^}]+)\}", text, re.MULTILINE) for each in names.split(",")
    ]
    return {*re.findall(r"^export (?:async )?(?:function\*?|const|class) (\w+)", text, re.MULTILINE), *listed}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_makes_no_markup_from_text(path: Path) -> None:
    """None of the browser's ways to read text as markup or as a program is used."""
    found = SINKS.findall(path.read_text(encoding="utf-8"))

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_imports_what_is_there(path: Path) -> None:
    """Every import names a file of the page, and what that file exports."""
    found = imports(path)

    missing = [
        (each, target)
        for names, target in found
        if VENDORED not in target.parents
        for each in names
        if not target.is_file() or each not in exported(target)
    ]
    assert missing == []
    assert all(target.is_file() for _, target in found)
    assert len(found) == len(re.findall(r"^import |^export .* from ", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_page_has_no_inline_script_and_no_inline_style() -> None:
    """The import map, which the policy names by its hash, is the only script in the page itself."""
    found = re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)[^>]*>", INDEX)

    assert found == ['<script type="importmap">']


@pytest.mark.parametrize("path", OURS, ids=name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    """Every address in the files is relative; documentation in comments and namespaces aside."""
    lines = path.read_text(encoding="utf-8").splitlines()

    addresses = [line for line in lines if re.search(r"https?://[a-z]", line) and not re.match(r"\s*(//|/?\*)", line)]
    assert [line for line in addresses if "http://www.w3.org/2000/svg" not in line] == []


def test_every_stylesheet_is_linked() -> None:
    """A stylesheet that the page does not name would style nothing, and one that is not there would be an error."""
    linked = re.findall(r'<link rel="stylesheet" href="([^"]+)">', INDEX)

    assert sorted(linked) == [name(path) for path in OURS if path.suffix == ".css"]
