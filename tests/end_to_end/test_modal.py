"""The modal of a bare `/deploy`, from the first look to the Machines."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.faults import Fault
from tests.world import CHANNEL, SHA, World, running_bot, text_of

ANA = "U0ANA"
V142 = f"sha-{SHA['v1.4.2']}"


def shown(world: World, user: str = ANA) -> dict[str, Any]:
    """The modal that a person sees."""
    view: dict[str, Any] = world.slack.state()["views"][user][-1]
    return view


def is_open(world: World, user: str = ANA) -> bool:
    return bool(world.slack.state()["views"].get(user))


async def searches(world: World, typed: str) -> list[dict[str, Any]]:
    """What the menu of refs offers to ana."""
    found = await world.slack.suggest(user=ANA, action_id="deploy_ref", value=typed)
    assert (found["outcome"], found["problems"]) == ("ok", [])
    options: list[dict[str, Any]] = found["options"]
    return options


async def submits(world: World, **values: str | list[str]) -> dict[str, Any]:
    """Ana submits the page that she sees; returns, when all has come to rest, what became of it."""
    result = await world.slack.submit(user=ANA, values=values)
    await world.settle()
    return result


async def asks(world: World, ref: str, environment: str = "production", **more: str | list[str]) -> dict[str, Any]:
    """Ana types `/deploy`, chooses where, searches for a ref, chooses it and submits; what she sees then."""
    await world.types("/deploy")
    await world.slack.select(user=ANA, action_id="environment", value=environment)
    await searches(world, ref)
    await submits(world, deploy_ref=ref, **more)
    return shown(world)


def forged(view: dict[str, Any], *, values: dict[str, Any]) -> str:
    """A submission's body with values that no client of Slack would send."""
    user = {"id": ANA, "team_id": "T0REIFY"}
    payload = {"type": "view_submission", "team": {"id": "T0REIFY"}, "user": user}
    return urlencode({"payload": json.dumps(payload | {"view": view | {"state": {"values": values}}})})


async def test_the_plan_is_read_and_runs_with_one_button(world: World) -> None:
    """Who pressed the button below the plan has confirmed it: it runs at once, its card in the command's channel."""
    plan = await asks(world, "v1.4.2", reason="pricing fix")
    result = await submits(world)

    assert (plan["submit"]["text"], plan["title"]["text"]) == ("Deploy to production", "Plan")
    assert "v1.4.2" in text_of(plan)
    assert (result["is_closed"], world.labels()) == (True, {V142})
    assert "pricing fix" in text_of(world.card(CHANNEL))
    assert "Ship receipt: 2 of 2" in text_of(world.card())


async def test_reading_the_plan_changes_nothing(world: World) -> None:
    """Two pages later, with Close pressed, nothing is stored and nothing moved."""
    before = world.labels()

    await asks(world, "v1.4.2")
    await world.slack.close_view(user=ANA)
    await world.settle()

    assert (await world.operations(), world.labels(), world.messages()) == ([], before, [])


@pytest.mark.parametrize("target", ["deploy_ask", "deploy_plan"])
async def test_a_submission_that_comes_twice_is_one_deployment(world: World, target: str) -> None:
    """Slack lost the first answer and sends the page again, whichever it is."""
    world.slack.faults.add(Fault("retry", target=target, times=1))

    await asks(world, "v1.4.2")
    await submits(world)

    assert len(await world.operations()) == 1
    assert len(world.messages()) == 1


async def test_a_command_that_comes_twice_opens_one_form(world: World) -> None:
    """The second finds its trigger used, and nothing is said of it."""
    world.slack.faults.add(Fault("retry", target="/deploy", times=1))

    await world.types("/deploy")

    assert len(world.slack.state()["views"][ANA]) == 1
    assert world.private() == []


async def test_everything_that_was_chosen_is_asked_for(world: World) -> None:
    """Strategy and the skipped release command reach the stored request, and the reason in one line."""
    await asks(world, "v1.4.2", reason="a\u202eb  c", strategy="immediate", skip=["skip"])
    await submits(world)

    request = (await world.operations())[0].request
    assert (request["strategy"], request["skip_release_command"], request["why"]) == ("immediate", True, "ab c")


async def test_the_menu_finds_tags_branches_commits_and_environments(world: World) -> None:
    """Each with what CI says of it, and the chosen environment is none to promote from."""
    await world.types("/deploy")
    await world.slack.select(user=ANA, action_id="environment", value="production")

    options = {option["value"]: option for option in await searches(world, "")}

    assert {"v1.4.2", "main", "staging", SHA["heading"]} <= set(options)
    assert "production" not in options
    assert options["v1.4.2"]["text"]["text"] == "✔ v1.4.2"
    assert options["v1.4.2"]["description"]["text"].startswith("CI passed · 844d600")


@pytest.mark.parametrize("typed", ["v9.9.9", SHA["plan"][:20] + "f" * 20, "feature/none"])
async def test_what_nothing_fits_can_be_used_as_it_is(world: World, typed: str) -> None:
    """A tag that does not exist yet, or a commit that no list has."""
    await world.types("/deploy")

    options = await searches(world, typed)

    assert [(option["value"], option["text"]["text"][:5]) for option in options] == [(typed, "Use “")]


@pytest.mark.parametrize("fault", [Fault("status", status=503), Fault("delay", seconds=20)], ids=["down", "slow"])
async def test_the_menu_answers_without_github(world: World, fault: Fault) -> None:
    """Within Slack's three seconds, with what needs no GitHub."""
    await world.types("/deploy")
    world.github.faults.add(Fault(fault.kind, status=fault.status, seconds=fault.seconds))

    options = await searches(world, "stag")

    assert [option["value"] for option in options] == ["staging", "stag"]


async def test_a_ref_that_does_not_exist_leads_back_with_everything_kept(world: World) -> None:
    """The first page again: why, and what was filled in."""
    view = await asks(world, "no-such-branch", "staging", reason="try", skip=["skip"])

    values = view["state"]["values"]
    assert "no-such-branch" in text_of(view)
    assert values["environment"]["environment"]["selected_option"]["value"] == "staging"
    assert values["ref"]["deploy_ref"]["selected_option"]["value"] == "no-such-branch"
    assert values["reason"]["reason"]["value"] == "try"
    assert values["skip"]["skip"]["selected_options"][0]["value"] == "skip"


async def test_a_plan_that_is_refused_has_no_button(world: World) -> None:
    """The rule, what lifts it, and nothing to press."""
    view = await asks(world, "v1.4.1")

    assert view["submit"] is None
    assert "already_live" in text_of(view)


async def test_errors_stand_beside_their_inputs(world: World) -> None:
    """Values that no client sends are refused one by one, and the page stays."""
    await world.types("/deploy")
    values = {
        "environment": {"environment": {"selected_option": {"value": "moon"}}},
        "ref": {"deploy_ref": {"selected_option": {"value": "x" * 251}}},
        "reason": {"reason": {"value": "y" * 301}},
        "strategy": {"strategy": {"selected_option": {"value": "yolo"}}},
    }

    answer = await world.slack.raw(
        body=forged(shown(world), values=values),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        sign=True,
    )

    assert set(json.loads(answer["body"])["errors"]) == {"environment", "ref", "reason", "strategy"}


@pytest.mark.parametrize(
    "ref", [None, {}, {"selected_option": None}, {"selected_option": {"value": "ma\u200bin"}}], ids=repr
)
async def test_a_ref_must_be_there_and_visible(world: World, ref: Any) -> None:
    """Nothing chosen, or a name with a character that hides, is said beside the input."""
    await world.types("/deploy")
    environment = {"environment": {"selected_option": {"value": "staging"}}}
    values = {"environment": environment} | ({} if ref is None else {"ref": {"deploy_ref": ref}})

    answer = await world.slack.raw(
        body=forged(shown(world), values=values),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        sign=True,
    )

    assert set(json.loads(answer["body"])["errors"]) == {"ref"}


@pytest.mark.parametrize(("user", "code"), [("U0GUS", "not_a_member"), ("U0EVE", "other_workspace")])
async def test_guests_and_strangers_get_no_form(world: World, user: str, code: str) -> None:
    """They are told the rule, and see neither branches nor titles."""
    await world.types("/deploy", by=user)

    assert not is_open(world, user)
    assert code in world.private(user)[0]


async def test_a_trigger_that_ran_out_is_said(world: World) -> None:
    """The command reached the bot late: no form, and what to do."""
    world.slack.faults.add(Fault("slow_network", target="/deploy", seconds=4, times=1))

    await world.types("/deploy")
    await world.until(lambda: len(world.private()) == 2, "the late answer is shown")

    assert not is_open(world)
    assert "Type `/deploy` again" in world.private()[-1]


async def test_a_form_that_was_closed_before_the_plan_came(world: World) -> None:
    """Its person is told, and nothing was changed."""
    await world.types("/deploy")
    await searches(world, "v1.4.2")
    world.github.faults.add(Fault("delay", seconds=2))
    await world.slack.submit(user=ANA, values={"environment": "production", "deploy_ref": "v1.4.2"})

    await world.slack.close_view(user=ANA)
    await world.settle()

    assert "closed before its answer came" in world.private()[-1]
    assert await world.operations() == []


async def test_a_page_from_before_the_restart_still_counts(world: World) -> None:
    """The bot was replaced while the plan was read: the button works all the same, once."""
    await asks(world, "v1.4.2")
    await world.bot.stop()
    world.bot = world.new_bot()

    async with running_bot(world):
        await submits(world)

        assert [operation.request["ref"] for operation in await world.operations()] == ["v1.4.2"]
    assert world.labels() == {V142}


async def test_a_plan_that_is_no_longer_true_starts_nothing(world: World) -> None:
    """Somebody deployed meanwhile: the card shows the new plan and asks."""
    await asks(world, "v1.4.2")
    await world.fly.control.ci.deploy("reify-studio", f"registry.fly.io/reify-studio:sha-{SHA['v1.4.0']}")

    await submits(world)

    assert world.labels() == {f"sha-{SHA['v1.4.0']}"}
    assert "Waiting for confirmation" in text_of(world.card())


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("", "Type `/deploy` again"),
        ("[]", "Type `/deploy` again"),
        ("{", "Type `/deploy` again"),
        ('{"environment": "staging", "ref": "main"}', "Type `/deploy` again"),
        ('{"environment": "moon", "ref": "main", "hash": "1"}', "There is no environment"),
    ],
)
async def test_a_page_whose_environment_is_gone_is_answered_in_words(world: World, metadata: str, words: str) -> None:
    """It left the configuration, or the page is of another version: said in the modal, nothing changed."""
    await asks(world, "v1.4.2")
    page = world.slack.world.views.top(ANA)
    assert page is not None
    page.source["private_metadata"] = metadata

    await submits(world)

    assert words in text_of(shown(world))
    assert await world.operations() == []


async def test_a_form_that_nobody_takes_any_more_is_answered_in_words(world: World) -> None:
    """Its feature was renamed since it was opened."""
    await asks(world, "v1.4.2")
    page = world.slack.world.views.top(ANA)
    assert page is not None
    page.source["callback_id"] = "deploy_of_old"

    await submits(world)

    assert "older version" in text_of(shown(world))


async def test_hostile_text_stays_text_in_the_modal(world: World) -> None:
    """A title that mentions everybody is found, planned and shown, and mentions nobody."""
    await world.types("/deploy")
    options = await searches(world, "<!channel>")
    await submits(world, environment="staging", deploy_ref=options[0]["value"], reason="<!here> `x` *y*")

    view = shown(world)
    assert view["pings"] == []
    assert view["callback_id"] in {"deploy_plan", "deploy_ask"}


async def test_a_new_tag_is_planned_and_not_made_by_reading(world: World) -> None:
    """A name that no tag has: the plan says that it will be made, on which commit, and GitHub has it not yet."""
    view = await asks(world, "v1.5.0")

    assert "v1.5.0" in text_of(view)
    assert "tag" in text_of(view)
    assert not world.github.calls.find("POST", "/git/refs")
    assert await world.operations() == []
