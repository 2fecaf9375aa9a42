"""The stage of a scene: everybody's hands, and the eyes of somebody who sees all three worlds.

The hands tell what they do in a line each; who prints or shows that is not their business. The eyes see what happened
since the scene began, so that nothing from before counts for it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Fault
from sandbox.kit import Json
from sandbox.terminal import text_of
from sandbox.workbench import Workbench

CHANNEL = "C0DEPLOYS"
ANA, BO, CLEO, GUS, EVE = "U0ANA", "U0BO", "U0CLEO", "U0GUS", "U0EVE"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
COMMITS = {
    "v1.4.0": "282e3e8a6ca27ebb7a2e067595fcc1d52ab5a781",
    "v1.4.1": "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6",
    "v1.4.2": "844d6008b85920b87c9f6767ee5ea0e879305a82",
    "main": "0c48c64d2651fd5aef4f3d6a045e0744c0113d27",
}
WAITING, LIVE = "waiting for confirmation", "live. Ship receipt: 2 of 2"
CONFIRM, RETRY, ROLL_BACK = "deployment_confirm", "deployment_retry", "watch_roll_back"
RETRY_SCALING = "scaling_retry"
APPROVE = "approval_approve"
ASK_HOLDER, WAIT_FOR_LOCK, TAKE_OVER = "lock_ask", "lock_watch", "lock_take_over"
# What stands where nobody has said anything.
NOTHING: Json = {"ts": "", "text": "", "blocks": [], "is_ephemeral": False, "thread_ts": None}
NO_VIEW: Json = {"title": {"text": ""}, "blocks": [], "text": ""}
# Simulated seconds that something may take to come, and the least in real ones: a fast clock makes no fast machine.
PATIENCE_S, PATIENCE_REAL_S = 600.0, 20.0
LOOK_EVERY_S = 0.05

Teller = Callable[[str], None]


class Unexpected(Exception):
    """Something did not come to pass; the message says what."""


@dataclass(frozen=True)
class Before:
    """What there was when the scene began."""

    messages: frozenset[str] = frozenset()
    running: dict[str, dict[str, str]] = field(default_factory=dict)
    updates: dict[str, int] = field(default_factory=dict)
    release_commands: dict[str, int] = field(default_factory=dict)


class Eyes:
    """What can be seen of the three worlds and of the bot's process."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.fly = workbench.simulators.fly
        self.github = workbench.simulators.github
        self.slack = workbench.simulators.slack
        self.before = Before()
        self._seen: tuple[int, list[Json]] = (-1, [])
        self._texts: dict[str, str] = {}

    def begin(self) -> None:
        """The scene begins now: what was said and done until here is its past."""
        self.before = Before(
            messages=frozenset(message["ts"] for message in self._messages()),
            running={app: self.running(app) for app in self.fly.world.apps},
            updates={id_: count for app in self.fly.world.apps for id_, count in self._updates(app).items()},
            release_commands={name: len(app.release_commands) for name, app in self.fly.world.apps.items()},
        )

    def said(self) -> list[Json]:
        """What was said in the channel since the scene began, oldest first: cards, replies, private answers."""
        return [message for message in self._messages() if message["ts"] not in self.before.messages]

    def cards(self) -> list[Json]:
        """The bot's messages since the scene began that all can see, without those in threads."""
        return [message for message in self.said() if _is_card(message)]

    def with_button(self, action: str) -> Json:
        """The newest message of the bot that has this button, also one from before; NOTHING where there is none."""
        found = (message for message in reversed(self._messages()) if _caption(message, action))
        return next(found, NOTHING)

    def replies(self, card: Json) -> list[Json]:
        """What was said in the thread of a card."""
        return [m for m in self._messages() if m["thread_ts"] == card["ts"] and m["ts"] != card["ts"]]

    def told(self, user: str, *words: str) -> bool:
        """Whether this person alone read a message with all these words since the scene began."""
        private = (m for m in self.said() if m["is_ephemeral"] and m["visible_to"] == user)
        return any(self._has(message, words) for message in private)

    def heard(self, user: str, *words: str) -> bool:
        """Whether this person has all these words in a direct message of the bot, since the scene began."""
        direct = [channel for channel in self.slack.world.channels.values() if channel.user == user]
        messages = [m for channel in direct for m in self.slack.channel_state(channel.id)["messages"]]
        return any(m["ts"] not in self.before.messages and all(word in text_of(m) for word in words) for m in messages)

    def card(self, *words: str) -> Json:
        """The newest card of the scene that has all these words; NOTHING where there is none."""
        found = (card for card in reversed(self.cards()) if self._has(card, words))
        return next(found, NOTHING)

    def planned(self) -> int:
        """How many cards of the scene are, or once were, a plan that waits for its button."""
        return sum(any(WAITING in version["text"] for version in (card, *card["earlier"])) for card in self.cards())

    def ended(self, *words: str, replies: int = 1) -> bool:
        """Whether a card of the scene has all these words and its end was told in its thread too."""
        card = self.card(*words)
        return card is not NOTHING and len(self.replies(card)) >= replies

    def running(self, app: str) -> dict[str, str]:
        """What Fly runs: the image's label by Machine; empty for an app that does not exist."""
        return {machine.id: str(machine.image.tag) for machine in self._machines(app)}

    def regions(self, app: str) -> list[str]:
        """Where the app's Machines are, one entry for each."""
        return sorted(machine.region for machine in self._machines(app))

    def all_run(self, app: str, sha: str) -> bool:
        """Whether every Machine of the app is on the image of this commit."""
        return set(self.running(app).values()) == {f"sha-{sha}"}

    def updates(self, app: str) -> list[int]:
        """How often each Machine of the app was updated since the scene began."""
        return [count - self.before.updates.get(id_, 0) for id_, count in self._updates(app).items()]

    def states(self, app: str) -> set[str]:
        """The states of the app's Machines, as Fly spells them."""
        return {machine.state for machine in self._machines(app)}

    def release_commands(self, app: str = PRODUCTION) -> int:
        """How many release commands ran for the app since the scene began."""
        found = self.fly.world.apps.get(app)
        return len(found.release_commands) - self.before.release_commands.get(app, 0) if found else 0

    def tags(self) -> dict[str, str]:
        """GitHub's tags: the commit by name."""
        repository = next(iter(self.github.world.repositories.values()))
        peeled = ((name, repository.git.peel(sha)) for name, sha in repository.git.tag_refs().items())
        return {name: commit.sha for name, commit in peeled if commit is not None}

    def newest_on_main(self) -> str:
        """The message of main's newest commit."""
        repository = next(iter(self.github.world.repositories.values()))
        return str(repository.git.commits[repository.git.refs["refs/heads/main"]].message)

    def view(self, user: str) -> Json:
        """The page of a form that this person has open; NO_VIEW where there is none."""
        stack = self.slack.state()["views"].get(user)
        return dict(stack[-1]) | {"text": ""} if stack else NO_VIEW

    def home(self, user: str) -> Json:
        """What this person's Home tab of the app shows; NO_VIEW where they never opened it."""
        found = self.slack.state()["homes"].get(user)
        return dict(found) | {"text": ""} if found else NO_VIEW

    def is_killed(self) -> bool:
        """Whether the bot was killed and not started since."""
        return self.workbench.bot.exit_code == -signal.SIGKILL

    def _has(self, message: Json, words: Iterable[str]) -> bool:
        # Somebody looks many times a second, and most messages say what they said before.
        ts = message["ts"]
        if ts not in self._texts:
            self._texts[ts] = text_of(message)
        return all(each in self._texts[ts] for each in words)

    def _messages(self) -> list[Json]:
        self.slack.world.settle()
        revision = self.slack.world.revision
        if self._seen[0] != revision:
            messages = [m for m in self.slack.channel_state(CHANNEL)["messages"] if not m["deleted"]]
            self._seen = revision, messages
            self._texts.clear()
        return self._seen[1]

    def _machines(self, app: str) -> list[Any]:
        self.fly.world.settle()
        found = self.fly.world.apps.get(app)
        return [machine for machine in found.active_machines() if not machine.is_job] if found else []

    def _updates(self, app: str) -> dict[str, int]:
        return {machine.id: int(machine.counts["updates"]) for machine in self._machines(app)}


class Stage(Eyes):
    """Eyes and hands; `tell` hears a line for each thing that is done."""

    def __init__(self, workbench: Workbench, tell: Teller = lambda _: None) -> None:
        super().__init__(workbench)
        self.tell = tell

    @property
    def people(self) -> dict[str, str]:
        """Everybody's name by id."""
        return {user.id: user.name for user in self.slack.world.users.values()}

    async def types(self, by: str, text: str) -> None:
        """Somebody types a command in #deploys; Unexpected where the bot does not acknowledge it."""
        self.tell(f"{self.people[by]}: {text}")
        answer = await self.slack.command(user=by, channel=CHANNEL, text=text)
        if answer["outcome"] != "ok":
            raise Unexpected(f"the bot acknowledges {text!r}; it was: {answer['outcome']}")

    async def presses(self, by: str, action: str, *, times: int = 1) -> None:
        """Somebody presses the newest button of this kind, `times` at once, as soon as it is there."""
        await self.press_together(action, *[by] * times)

    async def press_together(self, action: str, *people: str) -> None:
        """Several people press the very same button at the same moment."""
        await self.until(lambda: bool(_caption(self.with_button(action), action)), "the button is there")
        message = self.with_button(action)
        names = list(dict.fromkeys(self.people[by] for by in people))
        press, how = ("press", " at the same moment") if len(names) > 1 else ("presses", " twice" * (len(people) > 1))
        self.tell(f"{' and '.join(names)} {press} [ {_caption(message, action)} ]{how}")
        place = {"channel": CHANNEL, "ts": message["ts"], "action_id": action}
        await asyncio.gather(*(self.slack.click(user=by, **place) for by in people))

    async def fills_in(self, by: str, *, environment: str = "", ref: str = "", reason: str = "") -> None:
        """Somebody fills in the form that is open and submits it; what is left out stays as it is."""
        if environment:
            await self.slack.select(user=by, action_id="environment", value=environment)
        if ref:
            found = await self.slack.suggest(user=by, action_id="deploy_ref", value=ref)
            offered = [option["text"]["text"] for option in found["options"]]
            self.tell(f"{self.people[by]} searches for “{ref}” and finds: {', '.join(offered)}")
        await self.submits(by, {"deploy_ref": ref, "reason": reason})

    async def submits(self, by: str, values: dict[str, str]) -> None:
        """Somebody presses the last button of the form that is open."""
        page = self.view(by)
        if not page.get("submit"):
            raise Unexpected("a form with a button to submit it is open")
        self.tell(f"{self.people[by]} presses [ {page['submit']['text']} ]")
        await self.slack.submit(user=by, values={name: value for name, value in values.items() if value})

    async def does(self, simulator: str, action: str, **body: Any) -> Any:
        """Something that people make happen at `fly` or `github`; ControlError where it makes no sense."""
        actions = {"fly": self.fly, "github": self.github}[simulator].actions()
        return await actions[action](body)

    def goes_wrong(self, kind: str, *, at: str = "fly", **details: Any) -> Fault:
        """Something goes wrong from now on."""
        simulator = {"fly": self.fly, "github": self.github, "slack": self.slack}[at]
        return simulator.faults.add(Fault(kind, **details))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return once it is so; Unexpected with `what` after ten simulated minutes."""
        clock = self.workbench.simulators.clock
        until, until_real = clock.now() + PATIENCE_S, time.monotonic() + PATIENCE_REAL_S
        while not condition():
            if clock.now() > until and time.monotonic() > until_real:
                raise Unexpected(what)
            await asyncio.sleep(LOOK_EVERY_S)

    async def whenever(self, condition: Callable[[], bool]) -> None:
        """Return once it is so, however long that takes."""
        # The worlds ring no bell.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)


def is_reply(message: Json) -> bool:
    """Whether a message stands in a thread, below another one."""
    return bool(message["thread_ts"]) and message["thread_ts"] != message["ts"]


def _is_card(message: Json) -> bool:
    return bool(message["is_bot"]) and not message["is_ephemeral"] and not is_reply(message)


def _buttons(message: Json) -> Iterator[Json]:
    for block in message["blocks"]:
        yield from (element for element in block.get("elements", []) if element.get("type") == "button")


def _caption(message: Json, action: str) -> str:
    """The words on a button; empty where the message does not have it."""
    return next((str(e["text"]["text"]) for e in _buttons(message) if e.get("action_id") == action), "")
