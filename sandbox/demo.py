"""The sandbox as a running thing: simulators, bot and page, until somebody ends it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sandbox.kit import serving
from sandbox.page import Page
from sandbox.stack import BotProcess, Simulators

PORT = 8600
SPEED = 4.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.asynccontextmanager
async def demo(folder: Path, *, port: int = 0, speed: float = SPEED) -> AsyncIterator[str]:
    """Simulators, page and a bot that is ready; yields the page's address and leaves no process behind.

    OSError where the port is taken, RuntimeError with the end of the bot's log where the bot does not get ready.
    """
    async with Simulators(speed=speed) as simulators:
        bot = BotProcess(simulators, folder)
        try:
            async with serving(Page(simulators, bot).asgi(), port=port) as url:
                await bot.start()
                yield url
        finally:
            await bot.stop()


def options(words: list[str] | None = None) -> argparse.Namespace:
    """The command line; argparse ends the process where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Flytower in a simulated world, on loopback."
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"of the page; 0 takes a free one (default {PORT})")
    parser.add_argument("--speed", type=_speed, default=SPEED, help=f"simulated seconds per second (default {SPEED:g})")
    parser.add_argument("--folder", type=Path, help="for the bot's database and log (default a fresh temporary one)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser, where there is one")
    return parser.parse_args(words)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def main(words: list[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code, 1 where it could not start."""
    chosen = options(words)
    try:
        with _folder(chosen.folder) as folder:
            asyncio.run(_until_ended(chosen, folder))
    except (OSError, RuntimeError) as error:
        print(f"The sandbox cannot run: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    parent = Path.cwd() / ".sandbox"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-", dir=parent) as fresh:
        yield Path(fresh)


async def _until_ended(chosen: argparse.Namespace, folder: Path) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, ended.set)
    running = asyncio.create_task(_run(chosen, folder))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    # Once only, however often Ctrl-C is pressed: a second cancellation would interrupt the end of the bot.
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _run(chosen: argparse.Namespace, folder: Path) -> None:
    async with demo(folder, port=chosen.port, speed=chosen.speed) as url:
        print(f"Flytower runs in its sandbox: open {url}  (Ctrl-C ends it)", flush=True)
        if chosen.open:
            await asyncio.to_thread(webbrowser.open, url)
        await asyncio.Event().wait()
