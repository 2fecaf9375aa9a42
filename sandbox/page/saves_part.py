"""The saved states on the page."""

from __future__ import annotations

from sandbox.kit import Json
from sandbox.page.bodies import Act, get
from sandbox.page.items import Items
from sandbox.workbench import Workbench


class SavesPart:
    """Saved states by name; the folder is read again when it changed."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._read_at = 0
        self._items: Items = {}

    def items(self) -> Items:
        folder = self._bench.saves
        changed_at = folder.stat().st_mtime_ns if folder.exists() else 0
        if changed_at != self._read_at:
            files = {path.stem: path.stat() for path in folder.glob("*.zip")}
            states = {
                name: {"name": name, "saved_at": file.st_mtime, "size": file.st_size} for name, file in files.items()
            }
            self._read_at, self._items = changed_at, {f"save/state/{name}": state for name, state in states.items()}
        return self._items

    def acts(self) -> dict[str, Act]:
        return {"saves/save": self.save, "saves/load": self.load, "saves/remove": self.remove}

    async def save(self, body: Json) -> Json:
        """Save everything as it is under `name`; where the file is."""
        path = await self._bench.save(get(body, "name", str).strip())
        return {"file": str(path)}

    async def load(self, body: Json) -> Json:
        """Go back to the state `name`."""
        await self._bench.load_saved(get(body, "name", str))
        return {}

    async def remove(self, body: Json) -> Json:
        """Delete the state `name`."""
        await self._bench.remove_saved(get(body, "name", str))
        return {}
