"""The form of `/scale`: how an environment stands, what is wrong beside its input, and what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.operation import Operation
from bot.domain.scale import ScaleRequest
from bot.errors import BotError, RemoteRejected, StaleAction
from bot.operations.plans import scale_plan_of
from bot.views.deploy_modal import REASON_LIMIT
from bot.views.scale_modal import looking
from commands.forms import open_form
from commands.interactions import Form
from commands.scale_modal import ScaleModal
from sandbox.faults import Fault
from tests.builders import ANA
from tests.commands.test_deploy_modal import Slack
from tests.world import STAGING, World, text_of

ASKER = "U0ANA"


def page(world: World, user: str = ASKER) -> dict[str, Any]:
    """What stands in the person's modal."""
    view: dict[str, Any] = world.slack.state()["views"][user][-1]
    return view


def is_open(world: World, user: str = ASKER) -> bool:
    return bool(world.slack.state()["views"].get(user))


async def submits(world: World, **values: str) -> dict[str, Any]:
    """Somebody fills the form in and sends it; returns when all has come to rest."""
    result = await world.slack.submit(user=ASKER, values=values)
    await world.settle()
    return result


async def test_the_form_shows_how_it_stands_and_asks_for_a_scaling(world: World) -> None:
    """What runs and what is wanted, privately as well; the plan follows on a card."""
    world.fly.control.destroy_machine(next(m["id"] for m in world.machines() if m["region"] == "sjc"))
    await world.types("/scale production")
    assert "sjc 0 (configured *1*)" in text_of(page(world))
    assert any("sjc 0 (configured *1*)" in said for said in world.private())

    await submits(world, count1="1", lasts="14400", reason="launch day")

    assert not is_open(world)
    card = text_of(world.card())
    assert "sjc 0 → *1*" in card
    assert "for 4 h, then back" in card
    assert "launch day" in card
    (operation,) = await world.operations()
    assert operation.request["ref"] == "app:sjc=1"


async def test_a_bare_command_asks_for_the_environment_first(world: World) -> None:
    """Where the channel does not tell it; then its form takes the place of the question."""
    await world.types("/scale")
    await submits(world, environment="staging")
    assert STAGING in text_of(page(world))

    await submits(world, more="sjc=1", memory="512mb", cpus="1", kind="shared")

    plan = await only_plan(world)
    assert [place.region for place in plan.places if place.then > place.now] == ["sjc"]


async def only_plan(world: World) -> Any:
    (operation,) = await world.operations()
    return scale_plan_of(operation)


@pytest.mark.parametrize(
    ("values", "block", "words"),
    [
        ({}, "count0", "Nothing is changed"),
        ({"memory": "lots"}, "memory", "names no memory"),
        ({"cpus": "0"}, "cpus", "no number of CPUs"),
        ({"more": "4"}, "more", "nothing is inferred from a total"),
        ({"more": "memory=2gb"}, "more", "in its own input"),
        ({"count0": "2", "more": "app:iad=3"}, "more", "stands above already"),
    ],
)
async def test_what_is_wrong_stands_beside_its_input(
    world: World, values: dict[str, str], block: str, words: str
) -> None:
    """The form stays open, and nothing is stored."""
    await world.types("/scale production")

    result = await submits(world, **values)

    assert words in result["errors"][block]
    assert is_open(world)
    assert await world.operations() == []


async def test_a_guest_opens_nothing(world: World) -> None:
    """They hear why."""
    for text in ("/scale", "/scale production"):
        await world.types(text, by="U0GUS")

    assert not is_open(world, "U0GUS")
    assert any("not_a_member" in said for said in world.private("U0GUS"))


async def test_an_environment_that_is_not_there_opens_nothing(world: World) -> None:
    """It says which there are."""
    await world.types("/scale prodution")

    assert not is_open(world)
    assert any("production" in said for said in world.private())


async def test_a_fly_that_does_not_answer_is_said_in_the_form(world: World) -> None:
    """By the command, and after the question for the environment, which can be asked again."""
    fault = world.fly.faults.add(Fault("status", path="/v1/apps", status=500))
    await world.types("/scale production")
    assert "Fly" in text_of(page(world))
    await world.slack.close_view(user=ASKER)

    await world.types("/scale")
    await submits(world, environment="staging")
    assert "Fly" in text_of(page(world))
    world.fly.faults.remove(fault.id)
    await submits(world, environment="staging")

    assert "Memory" in str(page(world)["blocks"])


async def test_a_form_that_was_closed_meanwhile_is_no_error(world: World) -> None:
    """What it would have shown is said privately."""
    world.slack.faults.add(Fault("status", path="views.update", status=500))

    await world.types("/scale production")

    assert any("The configuration wants" in said for said in world.private())


class Scalings:
    """Keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[ScaleRequest, str]] = []

    async def request(self, request: ScaleRequest, *, key: str, **_: Any) -> tuple[Operation, bool]:
        is_new = (request, key) not in self.asked
        self.asked.append((request, key))
        return Operation.__new__(Operation), is_new


class Config:
    """No environment at all."""

    named_environments: dict[str, Any] = {}  # noqa: RUF012  a stand-in

    def environment(self, name: str) -> Any:
        raise AssertionError(name)


def modal_of(scalings: Scalings) -> ScaleModal:
    """A form that nobody opens."""
    none: Any = None
    asking: Any = scalings
    return ScaleModal(none, none, asking, Config(), none)


FACTS = {"channel": "C1", "environment": "shop/production", "places": [["web", "iad", 1], ["worker", "iad", 2]]}


async def test_groups_and_sizes_are_those_that_were_chosen() -> None:
    """The numbers that were changed, the size of one group; sent twice, it is one request."""
    scalings = Scalings()
    values = {"count0": "3", "count1": "2", "group": "worker", "memory": "2gb", "kind": "as-it-is", "lasts": "7"}
    for _ in range(2):
        reply = await modal_of(scalings).asked(Form(ANA, "V1", values, FACTS))

    assert reply.then is None
    (first, key), again = scalings.asked
    assert again == (first, "scale V1")
    assert key == "scale V1"
    assert first.ref == "web:iad=3 worker:memory=2048mb"
    assert first.lasts_s == 0


@pytest.mark.parametrize(
    ("values", "block"),
    [({"count0": "many"}, "count0"), ({"count0": "3", "reason": "x" * (REASON_LIMIT + 1)}, "reason")],
)
async def test_what_slack_would_not_send_is_refused_all_the_same(values: dict[str, str], block: str) -> None:
    """Nothing but the server's own look counts."""
    reply = await modal_of(Scalings()).asked(Form(ANA, "V1", values, FACTS))

    assert list(reply.errors) == [block]


async def test_a_place_without_anything_is_told_at_the_other_input() -> None:
    """There is none to stand beside."""
    reply = await modal_of(Scalings()).asked(Form(ANA, "V1", {}, FACTS | {"places": []}))

    assert list(reply.errors) == ["more"]


async def test_an_environment_that_left_the_configuration_is_told() -> None:
    """Between the question and its answer."""
    reply = await modal_of(Scalings()).chosen(Form(ANA, "V1", {"environment": "gone"}, {}))

    assert list(reply.errors) == ["environment"]


async def test_a_page_without_its_facts_is_refused() -> None:
    """A forged one, or one of an older version."""
    with pytest.raises(StaleAction):
        await modal_of(Scalings()).asked(Form(ANA, "V1", {}, {}))


async def test_a_trigger_that_is_used_means_the_form_is_open() -> None:
    """Slack sent the command twice."""
    refusal: BotError = RemoteRejected("no", service="Slack", code="exchanged_trigger_id")
    assert await open_form(Slack(refusal), "1.2.3", looking("production"), again="again") == ""  # type: ignore[arg-type]
