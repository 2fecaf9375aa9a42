"""What the modal of `/deploy` begins with, where it searches, and what is said when Slack does not open it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import Actor, Commit, FoundRef, RefKind
from bot.errors import BotError, RemoteRejected, RemoteUnavailable, StaleAction
from bot.views.blocks import View
from commands.deploy_modal import DeployModal
from commands.interactions import Form
from commands.router import Call
from tests.builders import ANA, environment

SHOP = {
    "shop/production": environment(pipeline="shop", name="production", repository="reify/shop", channel="C0SHOP"),
    "shop/staging": environment(pipeline="shop", name="staging", repository="reify/shop", channel="C0STAGING"),
}
BLOG = {"blog/production": environment(pipeline="blog", name="production", repository="reify/blog", channel="C0BLOG")}


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


class GitHub:
    """Finds one branch in each repository, and keeps which were asked."""

    def __init__(self, error: BotError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, str]] = []

    async def search_refs(self, repository: str, typed: str, workflow: str) -> list[FoundRef]:
        self.asked.append((repository, workflow))
        if self.error is not None:
            raise self.error
        return [FoundRef(f"main-of-{repository}", RefKind.BRANCH, Commit("a" * 40, "Title", "Ana"))]


class Everybody:
    """All are members."""

    async def require_member(self, actor: Actor) -> None:
        return


def modal_of(environments: Any, *, slack: Slack | None = None, github: GitHub | None = None) -> DeployModal:
    stand_ins: list[Any] = [slack or Slack(), github or GitHub(), Everybody(), None]
    workflows = {"shop": "ci.yml", "blog": "test.yml"}
    return DeployModal(*stand_ins, environments=environments, workflows=workflows, prepare=None)  # type: ignore[arg-type]


async def opened(modal: DeployModal, channel: str) -> None:
    reply = await modal.open_modal(Call(ANA, channel, "", "key", trigger_id="1.2.3"))
    assert reply.then is not None
    await reply.then()


@pytest.mark.parametrize(
    ("environments", "channel", "chosen"),
    [
        (BLOG, "C0ELSEWHERE", "blog/production"),
        (SHOP, "C0STAGING", "shop/staging"),
        (SHOP, "C0ELSEWHERE", None),
        (SHOP | BLOG, "C0BLOG", "blog/production"),
    ],
    ids=["only one", "its channel", "another channel", "its channel of many"],
)
async def test_the_environment_is_chosen_where_it_is_clear(environments: Any, channel: str, chosen: str | None) -> None:
    """The only one there is, or the one whose channel this is; otherwise its person chooses."""
    slack = Slack()

    await opened(modal_of(environments, slack=slack), channel)

    menu = slack.opened[0].blocks[0]["element"]
    assert menu.get("initial_option", {}).get("value") == chosen


@pytest.mark.parametrize(
    ("chosen", "asked", "offered"),
    [
        ("shop/staging", [("reify/shop", "ci.yml")], ["main-of-reify/shop", "production"]),
        (
            "",
            [("reify/shop", "ci.yml"), ("reify/blog", "test.yml")],
            ["main-of-reify/shop", "main-of-reify/blog", "production", "staging"],
        ),
        (
            "moon",
            [("reify/shop", "ci.yml"), ("reify/blog", "test.yml")],
            ["main-of-reify/shop", "main-of-reify/blog", "production", "staging"],
        ),
    ],
)
async def test_the_search_is_where_the_environment_is(chosen: str, asked: Any, offered: list[str]) -> None:
    """In the repository of the chosen environment, and in all while none is chosen that exists, each asked once."""
    github = GitHub()
    form = Form(ANA, "V1", {"environment": chosen} if chosen else {}, {})

    groups = await modal_of(SHOP | BLOG, github=github).search(form)

    assert github.asked == asked
    assert [option["value"] for group in groups for option in group["options"]] == offered


async def test_a_search_that_fails_still_offers_what_needs_no_github() -> None:
    """One repository that cannot be read takes nothing else away."""
    github = GitHub(RemoteUnavailable("down", service="GitHub"))

    groups = await modal_of(SHOP, github=github).search(Form(ANA, "V1", {}, {}, typed="v9"))

    assert [group["label"]["text"] for group in groups] == ["As typed"]


@pytest.mark.parametrize(("code", "error"), [("expired_trigger_id", StaleAction), ("missing_scope", RemoteRejected)])
async def test_a_modal_that_does_not_open_is_said(code: str, error: type[BotError]) -> None:
    """With what to do where time ran out, else with Slack's own word."""
    slack = Slack(RemoteRejected("views.open was refused", service="Slack", code=code))

    with pytest.raises(error):
        await opened(modal_of(BLOG, slack=slack), "C1")


async def test_a_trigger_that_is_used_is_no_error() -> None:
    """The command came twice, and the first has opened the modal."""
    slack = Slack(RemoteRejected("views.open was refused", service="Slack", code="exchanged_trigger_id"))

    await opened(modal_of(BLOG, slack=slack), "C1")

    assert slack.opened == []
