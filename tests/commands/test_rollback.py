"""What `/rollback` and its form do: what is asked of the use cases, what is answered, what is offered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor, Environment, Policy
from bot.domain.operation import Operation
from bot.domain.rollback import EarlierRelease
from bot.errors import BotError, NotAllowed, Reason, RemoteRejected, RemoteUnavailable, StaleAction
from bot.tasks import Tasks
from bot.views.blocks import Message, View
from commands import rollback, rollback_modal
from commands.forms import open_form
from commands.interactions import Form
from commands.rollback_modal import KEPT, SEARCH_S, RollbackModal
from commands.router import Call, Router
from tests.builders import ANA, NOW, earlier, environment, rollback_plan
from tests.builders import rollback as waiting
from tests.views.messages import said
from tests.virtual_time import VirtualLoop

SHOP = environment(pipeline="shop", channel="C0SHOP")
STAGING = environment(name="staging", pipeline="shop", policy=Policy(rollback=False), channel="C0STAGING")
BLOG = environment(pipeline="blog", channel="C0BLOG")
NAMED = {"shop/production": SHOP, "staging": STAGING, "blog/production": BLOG}
CHOSEN = {"environment": "shop/production", "release": "v41", "what": "image", "reason": "checkout is down"}
WANTED = DeploymentRequest("shop/production", "v41", "checkout is down", release="v41")


class Deployments:
    """Keeps what was asked, and knows a request that came before by its key."""

    def __init__(self, refusal: BotError | None = None) -> None:
        self.refusal = refusal
        self.asked: dict[str, DeploymentRequest] = {}

    async def request(self, request: DeploymentRequest, *, by: Actor, channel: str, key: str) -> tuple[Operation, bool]:
        if self.refusal is not None:
            raise self.refusal
        is_new = key not in self.asked
        self.asked[key] = request
        return waiting(channel=channel, actor=by), is_new

    async def dry_run(self, request: DeploymentRequest, *, by: Actor) -> DeploymentPlan:
        return rollback_plan()


class Slack:
    """Opens modals, or refuses to."""

    def __init__(self, refusal: BotError | None = None) -> None:
        self.refusal = refusal
        self.opened: list[View] = []

    async def open_view(self, trigger_id: str, view: View) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.opened.append(view)
        return "V1"


class Releases:
    """Has one release to go back to, or does not answer; counts how often it was asked."""

    def __init__(self, error: BotError | None = None, *, takes_s: float = 0.0) -> None:
        self.error = error
        self.takes_s = takes_s
        self.asked: list[str] = []

    async def earlier(self, of: Environment) -> list[EarlierRelease]:
        self.asked.append(of.title)
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return [earlier()]


class Everybody:
    """All are members, but for strangers."""

    async def require_member(self, actor: Actor) -> None:
        if actor != ANA:
            raise NotAllowed("No.", reason=Reason.NOT_A_MEMBER)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Any:
        return self.at


class Planned:
    """Keeps which operations were planned."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, operation_id: str) -> Message | None:
        self.ids.append(operation_id)
        return None


def call(text: str = "", *, key: str = "k1", channel: str = "C0ELSEWHERE") -> Call:
    return Call(ANA, channel, text, key, trigger_id="1.2.3")


def typed(deployments: Deployments, planned: Planned | None = None) -> rollback.RollbackHandlers:
    return rollback.RollbackHandlers(deployments, planned or Planned())  # type: ignore[arg-type]


async def test_a_rollback_is_stored_and_then_planned() -> None:
    """The answer names the release; the contract is made afterwards."""
    deployments, planned = Deployments(), Planned()

    reply = await typed(deployments, planned).typed(call("production"))

    assert deployments.asked == {"k1": DeploymentRequest("production", "previous", release="previous")}
    assert reply.message is not None
    assert "`previous`" in reply.message.text
    assert reply.then is not None
    await reply.then()
    assert len(planned.ids) == 1


async def test_the_same_command_again_plans_nothing_twice() -> None:
    """Slack delivers a command up to four times."""
    handlers = typed(Deployments())
    await handlers.typed(call("production v41"))

    again = await handlers.typed(call("production v41"))

    assert again.then is None


async def test_the_contract_alone_stores_nothing() -> None:
    """Private, and complete."""
    deployments = Deployments()

    reply = await typed(deployments).typed(call("production --plan"))

    assert reply.message is not None
    assert "only you will see the contract" in reply.message.text
    assert reply.then is not None
    contract = await reply.then()
    assert contract is not None
    assert "*Verdict: green*" in said(contract)
    assert deployments.asked == {}


async def test_help_stores_nothing() -> None:
    """The text of the help."""
    deployments = Deployments()

    reply = await typed(deployments).typed(call("help"))

    assert reply.message is not None
    assert "`/rollback production v41" in reply.message.text
    assert deployments.asked == {}


def modal_of(
    named: dict[str, Environment] | None = None,
    *,
    slack: Slack | None = None,
    releases: Releases | None = None,
    deployments: Deployments | None = None,
    clock: Clock | None = None,
    planned: Planned | None = None,
) -> RollbackModal:
    stand_ins: list[Any] = [
        slack or Slack(),
        Everybody(),
        deployments or Deployments(),
        releases or Releases(),
        clock or Clock(),
    ]
    return RollbackModal(*stand_ins, environments=NAMED if named is None else named, prepare=planned or Planned())


@pytest.mark.parametrize(
    ("named", "channel", "offered", "chosen"),
    [
        (NAMED, "C0BLOG", ["shop/production", "blog/production"], "blog/production"),
        (NAMED, "C0STAGING", ["shop/production", "blog/production"], None),
        ({"production": SHOP, "staging": STAGING}, "C0ELSEWHERE", ["production"], "production"),
    ],
    ids=["its channel", "a channel without rollback", "only one"],
)
async def test_only_environments_with_a_rollback_are_offered(
    named: Any, channel: str, offered: list[str], chosen: str | None
) -> None:
    """The only one there is, or the one whose channel this is, is chosen already."""
    slack = Slack()

    reply = await modal_of(named, slack=slack).open_modal(call(channel=channel))
    assert reply.then is not None
    await reply.then()

    menu = slack.opened[0].blocks[0]["element"]
    assert [option["value"] for option in menu["options"]] == offered
    assert menu.get("initial_option", {}).get("value") == chosen


async def test_where_nothing_has_a_rollback_no_form_opens() -> None:
    """A menu without choices is none; what to do instead is said."""
    reply = await modal_of({"staging": STAGING}).open_modal(call())

    assert reply.then is None
    assert reply.message is not None
    assert "No environment has a formal rollback" in reply.message.text


async def test_a_stranger_opens_and_searches_nothing() -> None:
    """Guests and people of other workspaces."""
    slack, modal = Slack(), modal_of()
    stranger = Actor("U0STRANGER", "T0OTHER")

    reply = await modal.open_modal(Call(stranger, "C1", "", "k", trigger_id="1.2.3"))
    assert reply.then is not None
    with pytest.raises(NotAllowed):
        await reply.then()
    with pytest.raises(NotAllowed):
        await modal.search(Form(stranger, "V1", CHOSEN, {}))

    assert slack.opened == []


def values(groups: Any) -> list[str]:
    return [option["value"] for group in groups for option in group["options"]]


async def test_the_search_is_in_the_chosen_environment() -> None:
    """Nothing is asked while none is chosen that has a rollback."""
    releases = Releases()
    modal = modal_of(releases=releases)

    found = await modal.search(Form(ANA, "V1", {"environment": "blog/production"}, {}))
    nothing = await modal.search(Form(ANA, "V1", {}, {}))
    switched_off = await modal.search(Form(ANA, "V1", {"environment": "staging"}, {}))

    assert values(found) == ["previous", "v41"]
    assert values(nothing) == values(switched_off) == ["previous"]
    assert releases.asked == ["blog/production"]


async def test_typing_on_asks_fly_once() -> None:
    """Each letter is a search; half a minute later the books are read anew."""
    releases, clock = Releases(), Clock()
    modal = modal_of(releases=releases, clock=clock)
    for text in ("v", "v4", "v41"):
        await modal.search(Form(ANA, "V1", CHOSEN, {}, typed=text))

    assert releases.asked == ["shop/production"]
    clock.at += KEPT
    await modal.search(Form(ANA, "V1", CHOSEN, {}))
    assert len(releases.asked) == 2


async def test_where_fly_does_not_answer_the_previous_release_is_offered_all_the_same() -> None:
    """And a release as it is typed; an answer that did not come is not kept."""
    releases = Releases(RemoteUnavailable("down", service="Fly"))
    modal = modal_of(releases=releases)

    assert values(await modal.search(Form(ANA, "V1", CHOSEN, {}))) == ["previous"]
    assert values(await modal.search(Form(ANA, "V1", CHOSEN, {}, typed="v9"))) == ["v9"]
    assert len(releases.asked) == 2


def test_a_slow_fly_does_not_keep_the_menu_waiting() -> None:
    """Slack gives an answer three seconds."""
    modal = modal_of(releases=Releases(takes_s=SEARCH_S * 10))

    with contextlib.closing(VirtualLoop()) as loop, loop.jumping(lambda: False):
        begun = loop.time()
        found = loop.run_until_complete(modal.search(Form(ANA, "V1", CHOSEN, {})))
        lasted = loop.time() - begun

    assert values(found) == ["previous"]
    assert lasted < SEARCH_S * 2


async def test_the_form_asks_for_what_was_chosen() -> None:
    """One request, planned afterwards; the same submission again is the same request."""
    deployments, planned = Deployments(), Planned()
    modal = modal_of(deployments=deployments, planned=planned)
    form = Form(ANA, "V1", CHOSEN, {"channel": "C1"})

    reply = await modal.asked(form)
    again = await modal.asked(form)

    assert list(deployments.asked.values()) == [WANTED]
    assert reply.then is not None
    await reply.then()
    assert len(planned.ids) == 1
    assert again.then is None


async def test_the_configuration_of_then_is_asked_for_by_its_button() -> None:
    """Only where it was chosen."""
    deployments = Deployments()

    await modal_of(deployments=deployments).asked(Form(ANA, "V1", CHOSEN | {"what": "configuration"}, {}))

    assert [request.with_configuration for request in deployments.asked.values()] == [True]


@pytest.mark.parametrize(
    ("changes", "block"),
    [
        ({"environment": "staging"}, "environment"),
        ({"environment": "moon"}, "environment"),
        ({"release": ""}, "release"),
        ({"release": "v" * 251}, "release"),
        ({"release": "v 41"}, "release"),
        ({"release": "v41\u202e"}, "release"),
        ({"reason": "w" * 301}, "reason"),
    ],
)
async def test_what_is_wrong_stands_beside_its_input(changes: dict[str, str], block: str) -> None:
    """And nothing is stored."""
    deployments = Deployments()

    reply = await modal_of(deployments=deployments).asked(Form(ANA, "V1", CHOSEN | changes, {}))

    assert list(reply.errors) == [block]
    assert deployments.asked == {}


async def test_a_refusal_of_the_request_reaches_whoever_asked() -> None:
    """An environment whose rollback was switched off since: the router shows the error."""
    off = NotAllowed("`production` has no formal rollback.", reason=Reason.ROLLBACK_OFF)

    with pytest.raises(NotAllowed):
        await modal_of(deployments=Deployments(off)).asked(Form(ANA, "V1", CHOSEN, {}))


@pytest.mark.parametrize(
    ("code", "error"), [("expired_trigger_id", StaleAction), ("missing_scope", RemoteRejected), ("", RemoteRejected)]
)
async def test_a_form_that_does_not_open_is_said(code: str, error: type[BotError]) -> None:
    """With what to do where time ran out, else with Slack's own word."""
    slack: Any = Slack(RemoteRejected("views.open was refused", service="Slack", code=code))

    with pytest.raises(error) as raised:
        await open_form(slack, "1.2.3", View("x", "X", []), again="Type it again.")

    assert raised.value.hint == ("Type it again." if error is StaleAction else "")


async def test_a_trigger_that_is_used_is_no_error() -> None:
    """The command came twice, and the first has opened the form."""
    slack: Any = Slack(RemoteRejected("views.open was refused", service="Slack", code="exchanged_trigger_id"))

    await open_form(slack, "1.2.3", View("x", "X", []), again="")


async def test_everything_is_on_the_router() -> None:
    """Typed bare it opens the form, with words it asks; under the name that the workspace gave it."""
    slack, deployments = Slack(), Deployments()
    tasks = Tasks()
    router = Router(slack, tasks)  # type: ignore[arg-type]
    rollback.register(router, deployments, Planned(), command="/undo")  # type: ignore[arg-type]
    rollback_modal.register(router, modal_of(slack=slack, deployments=deployments), command="/undo")
    who = {"user_id": ANA.user_id, "team_id": ANA.team_id, "channel_id": "C1", "command": "/undo"}

    await router.run_command({**who, "text": "", "trigger_id": "1"})
    told = await router.run_command({**who, "text": "production v41", "trigger_id": "2"})
    state = {name: {name: {"value": value}} for name, value in CHOSEN.items()}
    user = {"id": ANA.user_id, "team_id": ANA.team_id}
    view = {"id": "V1", "callback_id": "rollback_ask", "state": {"values": state}, "private_metadata": "{}"}
    await router.run_submission({"user": user, "view": view})
    offered = await router.run_options({"user": user, "view": view, "action_id": "rollback_release", "value": "v4"})
    await tasks.settle()

    assert [opened.callback_id for opened in slack.opened] == ["rollback_ask"]
    assert told is not None
    assert "`v41`" in told.text
    assert WANTED in deployments.asked.values()
    assert "v41" in values(offered)
