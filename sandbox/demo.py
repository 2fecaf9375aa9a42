"""The sandbox as a running thing: simulators, bot and page, until somebody ends it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.kit import ControlError, serving
from sandbox.page import Page
from sandbox.scenes.director import begin
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import FASTEST, SLOWEST, Workbench

PORT = 8600
SPEED = 4.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Demo:
    """A sandbox that runs: where its page is, and its workbench."""

    url: str
    workbench: Workbench


@contextlib.asynccontextmanager
async def demo(
    folder: Path,
    *,
    port: int | None = 0,
    speed: float = SPEED,
    load: Path | None = None,
    saves_folder: Path | None = None,
) -> AsyncIterator[Demo]:
    """Simulators, page and a bot that is ready; leaves no process behind. Without a port the usual one, or a free one.

    OSError where the port is taken, RuntimeError with the end of the bot's log where the bot does not get ready, and
    ControlError where the state to `load` is none.
    """
    async with Simulators(speed=speed) as simulators:
        bot = BotProcess(simulators, folder)
        workbench = Workbench(simulators, bot, folder, saves_folder=saves_folder)
        try:
            async with contextlib.AsyncExitStack() as served:
                url = await _serve(served, workbench, port)
                if load is not None:
                    await workbench.load(load)
                await bot.start()
                yield Demo(url, workbench)
        finally:
            await bot.stop()


async def _serve(served: contextlib.AsyncExitStack, workbench: Workbench, port: int | None) -> str:
    app = Page(workbench).asgi()
    try:
        return await served.enter_async_context(serving(app, port=PORT if port is None else port))
    except OSError as error:
        if port is not None or error.errno != errno.EADDRINUSE:
            raise
    print(f"Port {PORT} is taken, perhaps by another sandbox, so this one takes a free one.", flush=True)
    return await served.enter_async_context(serving(app, port=0))


def options(words: list[str] | None = None) -> argparse.Namespace:
    """The command line; argparse ends the process where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Flytower in a simulated world, on loopback."
    )
    parser.add_argument("--port", type=int, help=f"of the page; 0 takes a free one (default {PORT}, or a free one)")
    parser.add_argument("--speed", type=_speed, default=SPEED, help=f"simulated seconds per second (default {SPEED:g})")
    parser.add_argument("--folder", type=Path, help="for the bot's database and log (default a fresh temporary one)")
    parser.add_argument("--load", type=Path, metavar="FILE", help="begin with a state that was saved at the page")
    parser.add_argument("--scene", metavar="NAME", help="begin with this guided scene")
    parser.add_argument("--open", action="store_true", help="open the page in a browser, where there is one")
    return parser.parse_args(words)


def _speed(text: str) -> float:
    speed = float(text)
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"must be between {SLOWEST:g} and {FASTEST:g}")
    return speed


def main(words: list[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code, 1 where it could not start."""
    chosen = options(words)
    try:
        with _folders(chosen.folder) as (folder, saves_folder):
            asyncio.run(_until_ended(chosen, folder, saves_folder))
    except (OSError, RuntimeError, ControlError) as error:
        print(f"The sandbox cannot run: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _folders(chosen: Path | None) -> Iterator[tuple[Path, Path]]:
    """Where the bot's files go, and the saved states, which outlive a temporary folder."""
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve(), chosen.resolve() / "saves"
        return
    parent = Path.cwd() / ".sandbox"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-", dir=parent) as fresh:
        yield Path(fresh), parent / "saves"


async def _until_ended(chosen: argparse.Namespace, folder: Path, saves_folder: Path) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, ended.set)
    running = asyncio.create_task(_run(chosen, folder, saves_folder))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    # Once only, however often Ctrl-C is pressed: a second cancellation would interrupt the end of the bot.
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _run(chosen: argparse.Namespace, folder: Path, saves_folder: Path) -> None:
    async with demo(
        folder, port=chosen.port, speed=chosen.speed, load=chosen.load, saves_folder=saves_folder
    ) as running:
        if chosen.scene:
            await begin(running.url, chosen.scene)
        print(f"Flytower runs in its sandbox: open {running.url}  (Ctrl-C ends it)", flush=True)
        if chosen.open:
            await asyncio.to_thread(webbrowser.open, running.url)
        await asyncio.Event().wait()
