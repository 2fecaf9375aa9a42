"""`make tour`: a scripted conversation with the real bot, printed as text; fails where a step ends otherwise.

The bot is a process of its own, told nothing but flytower.example.toml and environment variables; the
people's commands and clicks reach it as signed HTTP requests of the simulated Slack.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sandbox.kit import Fault, Json
from sandbox.stack import BotProcess, Simulators, stack
from sandbox.terminal import card, mrkdwn

SPEED = 20.0
WAIT_S = 25.0
CHANNEL = "C0DEPLOYS"
ANA, BO, GUS = "U0ANA", "U0BO", "U0GUS"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
MAIN = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
V1_4_2 = "844d6008b85920b87c9f6767ee5ea0e879305a82"
CONFIRM = "deployment_confirm"


# Before anybody posted.
NOTHING: Json = {"ts": "", "text": "", "blocks": [], "is_ephemeral": False, "thread_ts": None}


class Unexpected(Exception):
    """A step did not end as the tour says it does."""


class Tour:
    """The stage: what people do, what is printed, what is checked."""

    def __init__(self, simulators: Simulators, bot: BotProcess) -> None:
        self.simulators = simulators
        self.slack = simulators.slack
        self.fly = simulators.fly
        self.bot = bot
        self.people = {user["id"]: user["name"] for user in _values(self.slack.state()["users"])}
        self.steps = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n{self.steps}. {title}\n")

    async def types(self, text: str, *, by: str = ANA) -> None:
        """Somebody types a command in #deploys."""
        print(f"  {self.people[by]}: {text}")
        result = await self.slack.command(user=by, channel=CHANNEL, text=text)
        self.expect(result["http_status"] == 200, f"the command is acknowledged, not {result['http_status']}")

    async def clicks(self, action: str, *, by: str = ANA) -> None:
        """Somebody presses a button of the newest card."""
        print(f"  {self.people[by]} presses [ {self._caption(action)} ]")
        await self.slack.click(user=by, channel=CHANNEL, ts=self.newest()["ts"], action_id=action)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something to become true, and give up by its name."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            self.expect(time.monotonic() < deadline, what)
            await asyncio.sleep(0.02)

    def expect(self, is_true: bool, what: str) -> None:
        """Fail the tour unless it is true."""
        if not is_true:
            raise Unexpected(f"Step {self.steps} did not come to this: {what}")

    def show(self, message: Json) -> None:
        """Print a message as a card."""
        only = "  (only visible to the asker)\n" if message["is_ephemeral"] else ""
        print(f"{only}{card(message, self.people)}\n")

    def messages(self) -> list[Json]:
        channels = _values(self.slack.state()["channels"])
        return list(next(c for c in channels if c["id"] == CHANNEL)["messages"])

    def newest(self) -> Json:
        """The newest card that all can see."""
        return next((m for m in reversed(self.messages()) if not m["is_ephemeral"] and not _is_reply(m)), NOTHING)

    def replies(self) -> list[Json]:
        """What was said below the newest card."""
        ts = self.newest()["ts"]
        return [m for m in self.messages() if m["thread_ts"] == ts and m["ts"] != ts]

    def private(self) -> list[Json]:
        """What only one person saw."""
        return [m for m in self.messages() if m["is_ephemeral"]]

    async def shown_privately(self, words: str) -> None:
        """Wait for a private answer with these words, and print it."""
        await self.until(lambda: words in _text(self.private()[-1]), f"somebody reads “{words}”")
        self.show(self.private()[-1])

    async def ends(self, words: str, *, replies: int = 1) -> None:
        """Wait for the newest card to end with these words and its replies, and print all."""
        await self.until(
            lambda: words in _text(self.newest()) and len(self.replies()) >= replies, f"the card says “{words}”"
        )
        self.show(self.newest())
        for reply in self.replies():
            print("  in its thread:")
            self.show(reply)

    def running(self, app: str) -> dict[str, str]:
        """What Fly runs: image label by Machine."""
        machines = self.fly.state()["apps"][app]["machines"]
        return {m["id"]: m["label"] for m in machines if m["process_group"] == "app" and m["state"] != "destroyed"}

    def release_commands(self) -> list[Json]:
        return [run for run in self.fly.state()["release_commands"] if run["app"] == PRODUCTION]

    def all_run(self, app: str, sha: str) -> None:
        """Fail unless every Machine of the app runs the image of this commit."""
        self.expect(set(self.running(app).values()) == {f"sha-{sha}"}, f"all Machines of {app} run {sha[:7]}")
        print(f"  Fly runs sha-{sha[:7]} on {len(self.running(app))} of {len(self.running(app))} Machines of {app}.")

    def _caption(self, action: str) -> str:
        elements = [e for block in self.newest()["blocks"] for e in block.get("elements", [])]
        return str(next(e["text"]["text"] for e in elements if e.get("action_id") == action))


async def help_and_plan(tour: Tour) -> None:
    tour.step("What can it do, and what would happen?")
    await tour.types("/deploy help")
    tour.show(tour.private()[-1])
    await tour.types("/deploy production v1.4.2 --plan")
    await tour.shown_privately("Nothing was changed")
    tour.expect(not tour.release_commands(), "a plan changes nothing")


async def production(tour: Tour) -> None:
    tour.step("A tag goes to production: plan, a button, proof")
    await tour.types('/deploy production v1.4.2 --reason "pricing fix"')
    await tour.until(lambda: "waiting for confirmation" in _text(tour.newest()), "the plan is shown")
    tour.show(tour.newest())
    await tour.clicks(CONFIRM, by=GUS)
    await tour.shown_privately("not_a_member")
    await tour.clicks(CONFIRM)
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, V1_4_2)


async def staging(tour: Tour) -> None:
    tour.step("Staging sleeps: it gets the image, is booted once to prove it, and sleeps on")
    await tour.types("/deploy staging main", by=BO)
    await tour.ends("live. Ship receipt: 1 of 1")
    tour.all_run(STAGING, MAIN)


async def refusals(tour: Tour) -> None:
    tour.step("Refusals explain themselves")
    await tour.types("/deploy prodction v1.4.2")
    await tour.shown_privately("Did you mean")
    await tour.types("/deploy staging feature/broken")
    await tour.shown_privately("image_missing")
    tour.all_run(STAGING, MAIN)


async def failing_migration(tour: Tour) -> None:
    tour.step("The release command fails: no Machine is touched, its log is in the thread")
    tour.fly.control.push_image(app=PRODUCTION, label=f"sha-{MAIN}")
    await tour.simulators.github.actions()["tag"]({"name": "v1.5.0", "sha": MAIN})
    lines = ['** (Postgrex.Error) ERROR 42P07 (duplicate_table) relation "plans" already exists']
    fault = Fault("release_command_fails", target=PRODUCTION, times=1, detail={"exit_code": 1, "lines": lines})
    tour.fly.faults.add(fault)
    await tour.types("/deploy production v1.5.0")
    await tour.until(lambda: "waiting for confirmation" in _text(tour.newest()), "the plan is shown")
    await tour.clicks(CONFIRM)
    await tour.ends("exited with 1", replies=2)
    tour.all_run(PRODUCTION, V1_4_2)


async def killed(tour: Tour) -> None:
    tour.step("kill -9 in the middle of a deployment: the same message goes on, nothing happens twice")
    before = len(tour.release_commands())
    updates = _updates(tour)
    await tour.types("/deploy production v1.5.0")
    await tour.until(lambda: "waiting for confirmation" in _text(tour.newest()), "the plan is shown")
    await tour.clicks(CONFIRM)
    await tour.until(lambda: sum(_updates(tour)) == sum(updates) + 1, "the first Machine is updated")
    await tour.bot.kill()
    print("  The bot is killed while the first Machine is updated…")
    await tour.bot.start()
    print("  …and started again on the same database.")
    await tour.ends("live. Ship receipt: 2 of 2")
    tour.all_run(PRODUCTION, MAIN)
    tour.expect(len(tour.release_commands()) == before + 1, "one release command ran")
    tour.expect(_updates(tour) == [count + 1 for count in updates], "each Machine was updated once")
    print("  One release command ran, each Machine was updated once.")


SCENES: tuple[Callable[[Tour], Awaitable[None]], ...] = (
    help_and_plan,
    production,
    staging,
    refusals,
    failing_migration,
    killed,
)


def _updates(tour: Tour) -> list[int]:
    machines = tour.fly.state()["apps"][PRODUCTION]["machines"]
    return [m["updates"] for m in machines if m["process_group"] == "app"]


def _text(message: Json) -> str:
    return f"{mrkdwn(message['text'], {})}\n{card(message, {})}"


def _is_reply(message: Json) -> bool:
    return bool(message["thread_ts"]) and message["thread_ts"] != message["ts"]


def _values(listing: Any) -> list[Json]:
    return list(listing.values()) if isinstance(listing, dict) else list(listing)


async def play() -> None:
    """Play all scenes; Unexpected where one ends otherwise."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flytower-tour-") as folder:
        async with stack(Path(folder), speed=SPEED) as (simulators, bot):
            print(
                f"The simulated Fly, GitHub and Slack are up, and the bot beside them. Time runs {SPEED:.0f} × faster."
            )
            tour = Tour(simulators, bot)
            for scene in SCENES:
                await scene(tour)
    print(f"\n{tour.steps} steps, each ended as expected, in {time.monotonic() - started:.0f} s.")


def main() -> int:
    """Play the tour; 1 where a step did not end as expected."""
    try:
        asyncio.run(play())
    except Unexpected as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
