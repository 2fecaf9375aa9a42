"""What the tour prints of a scene: what people do, and what that changed in the conversation."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from sandbox.kit import Json
from sandbox.scenes.scene import NAMES, Scene, Step
from sandbox.scenes.stage import NO_VIEW, Stage, is_reply
from sandbox.terminal import WIDTH, card, mrkdwn

Write = Callable[[str], None]


class Pages:
    """Prints scenes in their order, however they are played: the lines of one wait until those before it are over."""

    def __init__(self, count: int) -> None:
        self._waiting: list[list[str]] = [[] for _ in range(count)]
        self._over = [False] * count
        self._current = 0

    def writer(self, position: int) -> Write:
        """What prints a line of the scene at this position."""

        def write(line: str) -> None:
            if position == self._current:
                print(line, flush=True)
            else:
                self._waiting[position].append(line)

        return write

    def close(self, position: int) -> None:
        """Say that a scene is over: what waited for its end is printed."""
        self._over[position] = True
        while self._current < len(self._over) and self._over[self._current]:
            self._current += 1
            self._flush(self._current)

    def fail(self, position: int) -> None:
        """Print what is known of a scene that ended otherwise than it says, whatever comes before it."""
        self._flush(position)

    def _flush(self, position: int) -> None:
        if position < len(self._waiting):
            print(*self._waiting[position], sep="\n", end="\n" * bool(self._waiting[position]), flush=True)
            self._waiting[position].clear()


class Printer:
    """Tells one scene; of a message that is edited, only where its first line changed."""

    def __init__(self, scene: Scene, number: int, write: Write) -> None:
        self._scene = scene
        self._number = number
        self._write = write
        self._known: dict[str, str] = {}

    def title(self) -> None:
        """The scene's title and story."""
        self._write(f"\n{self._number}. {self._scene.title}\n\n{_text(self._scene.story)}\n")

    def did(self, line: str) -> None:
        """Somebody did something."""
        self._write(f"  {line}")

    def held(self, step: Step, stage: Stage) -> None:
        """What the step changed in the conversation, and what was to be seen in it."""
        for message in stage.said():
            text = card(message, stage.people)
            self._show(message["ts"], text.partition("\n")[0], f"{_place(message, stage.people)}{text}")
        for user in NAMES:
            view = stage.view(user)
            if view is not NO_VIEW:
                text = card(view, stage.people)
                self._show(user, text, f"  ({view['title']['text']}: a form)\n{text}")
        self._write(f"{_text(step.then, mark='✔ ')}\n")

    def shown(self) -> None:
        """What the scene has shown."""
        self._write(_text(self._scene.shown, mark="→ "))

    def _show(self, key: str, gist: str, text: str) -> None:
        if self._known.get(key) != gist:
            self._known[key] = gist
            self._write(text)


def _place(message: Json, people: dict[str, str]) -> str:
    if message["is_ephemeral"]:
        return f"  (only visible to {people[message['visible_to']]})\n"
    return "  in its thread:\n" if is_reply(message) else ""


def _text(text: str, mark: str = "") -> str:
    plain = mrkdwn(text, {})
    return textwrap.fill(plain, WIDTH, initial_indent=f"  {mark}", subsequent_indent=" " * (len(mark) + 2))
