"""The stage of the tour: what people do, what is printed, what is checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sandbox.kit import Json
from sandbox.stack import BotProcess, Simulators
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

    async def clicks(self, action: str, *, by: str = ANA, message: Json | None = None) -> None:
        """Somebody presses a button, of the newest card unless another message is named."""
        message = message or self.newest()
        print(f"  {self.people[by]} presses [ {_caption(message, action)} ]")
        await self.slack.click(user=by, channel=CHANNEL, ts=message["ts"], action_id=action)

    async def confirms(self, *, by: str = ANA) -> None:
        """Read the plan on the newest card, and press its button."""
        await self.until(lambda: "waiting for confirmation" in text_of(self.newest()), "the plan is shown")
        self.show(self.newest())
        await self.clicks(CONFIRM, by=by)

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
        return next((m for m in reversed(self.messages()) if not m["is_ephemeral"] and not is_reply(m)), NOTHING)

    def replies(self) -> list[Json]:
        """What was said below the newest card."""
        ts = self.newest()["ts"]
        return [m for m in self.messages() if m["thread_ts"] == ts and m["ts"] != ts]

    def private(self) -> list[Json]:
        """What only one person saw."""
        return [m for m in self.messages() if m["is_ephemeral"]]

    async def shown_privately(self, words: str) -> None:
        """Wait for a private answer with these words, and print it."""

        def found() -> list[Json]:
            # An answer that needed no call may overtake the acknowledgement.
            return [message for message in self.private()[-2:] if words in text_of(message)]

        await self.until(lambda: bool(found()), f"somebody reads “{words}”")
        self.show(found()[-1])

    async def ends(self, words: str, *, replies: int = 1) -> None:
        """Wait for the newest card to end with these words and its replies, and print all."""
        await self.until(
            lambda: words in text_of(self.newest()) and len(self.replies()) >= replies, f"the card says “{words}”"
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

    def tags(self) -> dict[str, str]:
        """GitHub's tags, as commit by name."""
        repository = next(iter(self.simulators.github.world.repositories.values()))
        tags = "refs/tags/"
        return {name[len(tags) :]: sha for name, sha in repository.git.refs.items() if name.startswith(tags)}

    def all_run(self, app: str, sha: str) -> None:
        """Fail unless every Machine of the app runs the image of this commit."""
        self.expect(set(self.running(app).values()) == {f"sha-{sha}"}, f"all Machines of {app} run {sha[:7]}")
        print(f"  Fly runs sha-{sha[:7]} on {len(self.running(app))} of {len(self.running(app))} Machines of {app}.")

    def view(self, user: str = ANA) -> Json:
        """The page of a form that somebody has open; an empty one where there is none."""
        stack = self.slack.state()["views"].get(user)
        return dict(stack[-1]) if stack else {"title": {"text": ""}, "blocks": []}


def _caption(message: Json, action: str) -> str:
    elements = [e for block in message["blocks"] for e in block.get("elements", [])]
    return str(next(e["text"]["text"] for e in elements if e.get("action_id") == action))


def text_of(message: Json) -> str:
    """Everything that a message says."""
    return f"{mrkdwn(message['text'], {})}\n{card(message, {})}"


def is_reply(message: Json) -> bool:
    """Whether a message stands in a thread, below another one."""
    return bool(message["thread_ts"]) and message["thread_ts"] != message["ts"]


def _values(listing: Any) -> list[Json]:
    return list(listing.values()) if isinstance(listing, dict) else list(listing)
