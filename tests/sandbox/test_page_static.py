"""The page's own files: no build step, nothing from elsewhere, and no way from text to markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.page.server import STATIC

SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|setHTML|DOMParser|srcdoc"
    r"|\beval\(|new Function|javascript:"
)
MODULES = sorted(STATIC.glob("*.js"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_makes_no_markup_from_text(path: Path) -> None:
    """None of the browser's ways to read text as markup or as a program is used."""
    found = SINKS.findall(path.read_text(encoding="utf-8"))

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_imports_files_that_are_there(path: Path) -> None:
    """Imports are relative, exist, and name what the other file exports."""
    imports = re.findall(r"import \{([^}]+)\} from \"(\./[a-z]+\.js)\"", path.read_text(encoding="utf-8"))

    missing = [
        name.strip()
        for names, target in imports
        for name in names.split(",")
        if not re.search(rf"export (async )?(function|const) {name.strip()}\b", (STATIC / target).read_text("utf-8"))
    ]
    assert missing == []
    assert len(imports) == len(re.findall(r"^import ", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_page_has_no_inline_script_and_no_inline_style() -> None:
    """The content security policy would refuse them."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")

    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page) == []


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    """Every address in the files is relative; documentation in comments and namespaces aside."""
    lines = path.read_text(encoding="utf-8").splitlines()

    addresses = [line for line in lines if re.search(r"https?://[a-z]", line) and not line.startswith("//")]
    assert [line for line in addresses if '"http://www.w3.org/2000/svg"' not in line] == []


def test_every_element_that_the_modules_look_up_is_in_the_page() -> None:
    """An id that is misspelt in a module would break the page silently."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    wanted = {name for path in MODULES for name in re.findall(r'byId\("([^"]+)"\)', path.read_text(encoding="utf-8"))}

    assert wanted - set(re.findall(r'id="([^"]+)"', page)) == set()
