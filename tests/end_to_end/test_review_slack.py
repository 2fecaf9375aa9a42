"""What a review tried at the Slack side: forged requests, hostile text, providers away, clicks at bad times."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.domain.operation import Event, State
from bot.views.blocks import Message
from commands.router import Call, Reply
from sandbox.faults import Fault
from sandbox.slack.delivery import signature_headers
from tests.builders import ANA, NOW, new_operation
from tests.end_to_end.test_watch import crashes, deploys, guarded, passes
from tests.world import CHANNEL, PRODUCTION, SHA, STAGING, World, text_of

__all__ = ["guarded"]

BY_ANA = {"id": "U0ANA", "team_id": "T0REIFY"}


async def sends(world: World, **payload: Any) -> dict[str, Any]:
    """An interaction that Slack signed; what the bot answered."""
    body = {"team": {"id": "T0REIFY"}, "user": BY_ANA, "channel": {"id": CHANNEL}} | payload
    slack = world.slack.world
    body["response_url"] = slack.new_response_url(body["user"]["id"], slack.channels[CHANNEL])
    answer: dict[str, Any] = await world.slack.raw(
        body=urlencode({"payload": json.dumps(body)}),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        sign=True,
    )
    await world.settle()
    return answer


def shown(world: World) -> str:
    """The newest private message that Ana sees."""
    return world.private()[-1]


async def has_failed(world: World, count: int, **request: str) -> None:
    """Operations of production that failed while they were planned."""
    for number in range(count):
        at = NOW + timedelta(minutes=number)
        new = dataclasses.replace(new_operation(), request={"environment": "production", "ref": "main"} | request)
        operation, _ = await world.bot.store.create_operation(new, at)
        message = f"There is no tag, branch or commit `{request.get('ref')}`."
        await world.bot.store.transition(
            operation.id, Event.FAIL, by=ANA, at=at, reason="unknown_ref", outcome={"message": message}
        )


async def test_a_window_whose_end_fly_did_not_show_is_not_called_quiet(world: World) -> None:
    """Fly answered the first looks and was silent until the end: nothing is said to be well that was not seen."""
    await deploys(world)
    await passes(world, 60)
    world.fault("status", path=rf"/apps/{PRODUCTION}/machines$", status=500)
    await passes(world, 720)

    assert "no trouble" not in text_of(world.card())
    assert "Not watched" in text_of(world.card())


async def test_the_end_of_a_restore_calls_the_person_who_deployed(guarded: World) -> None:
    """The bot goes back by itself at night: how that ended mentions a person, not the bot."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 200)

    assert "Being restored" in world.messages()[1]["text"]
    assert "<@U0ANA>" in text_of(world.thread()[-1])


async def test_trouble_after_a_restore_calls_the_person_who_deployed(guarded: World) -> None:
    """What came back is not well either: somebody is mentioned."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 200)
    crashes(world, loops=True)
    await passes(world, 120)

    assert "Trouble" in world.card()["text"]
    assert "<@U0ANA>" in world.card()["text"]


async def test_hostile_operations_do_not_make_the_history_unreadable(world: World) -> None:
    """Ten refs and reasons of nothing but ampersands: Slack still takes the page."""
    await has_failed(world, 10, ref="&" * 250, why="*&" * 150)
    await world.types("/deploy history")

    assert "newest first" in world.private()[-1]


async def test_hostile_events_do_not_make_a_search_unreadable(world: World) -> None:
    """The same in what a search finds."""
    await has_failed(world, 10, ref="&" * 250, why="*&" * 150)
    await world.types('/deploy history --search "&&"')

    assert "newest first" in world.private()[-1]


async def test_a_page_of_an_environment_without_its_pipeline_is_no_incident(world: World) -> None:
    """A button's value that names the environment alone."""
    action = {"action_id": "history_older", "value": json.dumps({"environment": "production"})}
    await sends(world, type="block_actions", actions=[action])

    assert "Incident" not in " ".join(world.private())


@pytest.mark.parametrize("text", ["Help", "HELP", "status Help", "history Help", "stats Help", "why Help"])
async def test_help_may_be_written_with_a_capital(world: World, text: str) -> None:
    """Phones begin every sentence with one."""
    await world.types(f"/deploy {text}")

    assert "`/deploy" in world.private()[-1]
    assert "unknown_environment" not in world.private()[-1]


@pytest.mark.parametrize(
    "action", ["watch_roll_back", "deployment_retry", "watch_stop_restore", "deployment_cancel", "deployment_confirm"]
)
async def test_a_button_of_an_operation_without_a_plan_is_no_incident(world: World, action: str) -> None:
    """A request that failed before it was planned has nothing to press; a button that says so all the same is told."""
    await has_failed(world, 1)
    (operation,) = await world.operations()
    await sends(world, type="block_actions", actions=[{"action_id": action, "value": operation.id}])

    assert "stale_action" in world.private()[-1]


@pytest.mark.parametrize(
    "view",
    [
        {"callback_id": "deploy_ask", "state": {"values": {"ref": {"deploy_ref": "main"}}}},
        {"callback_id": "deploy_ask", "state": {"values": {"ref": {"deploy_ref": None}}}},
        {"callback_id": "deploy_ask", "state": {"values": {"ref": None}}},
        {"callback_id": "deploy_ask", "state": {"values": [1]}},
        {"callback_id": "deploy_ask", "state": {"values": {"ref": {"deploy_ref": {"selected_option": "main"}}}}},
        {"callback_id": "deploy_ask", "state": {"values": {"reason": {"reason": {"value": {"a": 1}}}}}},
        {"callback_id": "deploy_plan", "private_metadata": "[]"},
        {"callback_id": "deploy_plan", "private_metadata": '{"environment": ["production"], "skip": "yes"}'},
        {"callback_id": "deploy_plan", "private_metadata": '{"environment": "staging", "ref": {"a": 1}}'},
        {"callback_id": "deploy_plan", "private_metadata": 7},
        {"callback_id": "deploy_wait"},
        {"callback_id": "notice"},
    ],
    ids=repr,
)
async def test_a_view_of_an_odd_shape_is_answered_in_the_modal(world: World, view: Any) -> None:
    """Whatever a view holds, Slack gets an answer that it can show, and nothing is deployed."""
    before = world.labels(STAGING)
    answer = await sends(world, type="view_submission", view={"id": "V0", "type": "modal"} | view)

    assert answer["http_status"] == 200, answer
    assert json.loads(answer["body"] or "{}").get("response_action") in {"errors", "update"}, answer
    assert world.labels(STAGING) == before


@pytest.mark.parametrize("user", [{"id": "U0GUS", "team_id": "T0REIFY"}, {"id": "U0EVE", "team_id": "T0OTHER"}])
async def test_menus_tell_refs_to_full_members_alone(world: World, user: dict[str, str]) -> None:
    """A guest's or a stranger's client asks for options: branches and titles stay here."""
    answer = await sends(
        world,
        type="block_suggestion",
        action_id="deploy_ref",
        block_id="ref",
        value="",
        user=user,
        view={"id": "V0", "type": "modal"},
    )

    assert "main" not in answer["body"]


async def test_the_answer_is_on_its_way_before_the_work_behind_it_begins(world: World) -> None:
    """Else a quick piece of work is told before its acknowledgement: `Looking…` below what was found."""
    order: list[str] = []

    async def work() -> None:
        order.append("work")

    async def handler(_: Call) -> Reply:
        return Reply(Message(text="Looking…"), work)

    async def send(message: Any) -> None:
        order.append(message["type"])

    body = urlencode({"command": "/deploy", "text": "probe", "user_id": "U0ANA", "team_id": "T0REIFY"}).encode()
    signed = signature_headers("sandbox-signing-secret", body)
    headers = signed | {"content-type": "application/x-www-form-urlencoded"}

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    world.bot.router.subcommand("/deploy", "probe", handler)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/slack/events", "headers": raw, "query_string": b""}
    await world.bot.asgi(scope, receive, send)
    await world.settle()

    assert order == ["http.response.start", "http.response.body", "work"]


async def test_what_names_a_card_links_it(world: World) -> None:
    """Status, history and why lead to the message itself, and not only to its channel."""
    await world.types("/deploy production v1.4.2")
    link = f"<https://reify.slack.com/archives/{CHANNEL}/p{world.card()['ts'].replace('.', '')}|card>"

    for question in ("status", "history", "why"):
        await world.types(f"/deploy {question}")
        assert link in shown(world)


async def test_a_slack_whose_answers_are_lost_is_not_flooded_with_trouble(unchecked: World) -> None:
    """Slack posts, and its answers are lost until the watch is over: a few messages, not one for each look."""
    world = unchecked
    await deploys(world)
    world.slack.faults.add(Fault("drop_after", path=r"/api/chat\.postMessage"))
    crashes(world, loops=True)
    await passes(world, 620)

    assert 1 <= len([message for message in world.messages() if "Trouble" in message["text"]]) <= 8


async def test_a_trouble_message_that_was_deleted_comes_again(world: World) -> None:
    """Somebody deleted it: the next change is told in a new one."""
    await deploys(world)
    crashes(world, loops=True)
    await passes(world, 40)
    told = world.card()
    world.slack.faults.add(
        Fault("status", path=r"/api/chat\.update", status=200, body={"ok": False, "error": "message_not_found"})
    )
    crashes(world, machine="9080e4f2c51387", loops=True)
    await passes(world, 60)

    assert world.card()["ts"] != told["ts"]
    assert "9080e4f2c51387" in world.card()["text"]


async def test_a_restore_whose_image_was_pruned_is_left_to_people(guarded: World) -> None:
    """What ran before is gone from the registry: the message says so, and nothing moved."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    world.fly.control.delete_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.2']}")
    before = world.labels()
    await passes(world, 120)

    assert world.labels() == before
    assert "could not be restored" in world.card()["text"]


READING = ["status", "status production", "history", "history --csv", "history --search v1", "why", "stats"]


@pytest.mark.parametrize(("user", "code"), [("U0GUS", "not_a_member"), ("U0EVE", "other_workspace")])
async def test_guests_and_strangers_read_nothing_and_change_nothing(world: World, user: str, code: str) -> None:
    """Every question and every command of theirs is refused with the rule; Fly keeps what it runs."""
    await deploys(world)
    before = world.labels(), world.labels(STAGING), len(world.messages())
    for words in [*READING, "staging main", "staging main --plan", "production", ""]:
        await world.types(f"/deploy {words}".strip(), by=user)
        answer = world.private(user)[-1]
        assert code in answer, words
        assert not any(secret in answer for secret in ("v1.4", "sha-", "iad", "DORA")), words

    assert (world.labels(), world.labels(STAGING), len(world.messages())) == before
    assert world.slack.state()["files"] == []


@pytest.mark.parametrize("user", [{"id": "U0GUS", "team_id": "T0REIFY"}, {"id": "U0EVE", "team_id": "T0OTHER"}])
async def test_guests_and_strangers_press_nothing(world: World, user: dict[str, str]) -> None:
    """Every button there is, with the value that it would carry: refused, and nothing is stored."""
    await deploys(world)
    (operation,) = await world.operations()
    pressed = {
        "deployment_confirm": f"{operation.id}:{operation.plan_hash}",
        "deployment_cancel": operation.id,
        "deployment_retry": operation.id,
        "watch_roll_back": operation.id,
        "watch_stop_restore": operation.id,
        "history_all": "{}",
        "history_older": json.dumps({"before": operation.id + "0"}),
    }
    for action, value in pressed.items():
        seen = len(world.private(user["id"]))
        await sends(world, type="block_actions", user=user, actions=[{"action_id": action, "value": value}])
        (answer,) = world.private(user["id"])[seen:]
        assert "not_a_member" in answer or "other_workspace" in answer, action

    assert len(await world.operations()) == 1


async def test_another_persons_page_is_this_persons_request(world: World) -> None:
    """Bo's client sends Ana's plan page: what is stored is Bo's, and asks nobody but Bo."""
    facts = {"channel": CHANNEL, "environment": "production", "ref": "v1.4.2", "hash": "forged"}
    view = {"id": "V1", "type": "modal", "callback_id": "deploy_plan", "private_metadata": json.dumps(facts)}
    await sends(world, type="view_submission", user=BY_ANA | {"id": "U0BO"}, view=view)

    (operation,) = await world.operations()
    assert (operation.actor.user_id, operation.state) == ("U0BO", State.REQUESTED)
    assert "Nothing started" in world.private("U0BO")[-1]


async def test_a_page_that_asks_to_retry_or_to_go_back_does_neither(world: World) -> None:
    """Facts that no page of ours carries are not taken over."""
    facts = {"channel": CHANNEL, "environment": "production", "ref": "v1.4.2", "hash": "forged"}
    facts |= {"retry_of": "x", "back_from": "y", "on": "main"}
    view = {"id": "V1", "type": "modal", "callback_id": "deploy_plan", "private_metadata": json.dumps(facts)}
    await sends(world, type="view_submission", view=view)

    (operation,) = await world.operations()
    assert [operation.request[name] for name in ("retry_of", "back_from", "on")] == ["", "", ""]


async def test_stop_at_the_last_moment_is_one_decision(guarded: World) -> None:
    """Stop comes in the second in which the countdown ends: stopped or restored, and said as it is."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 20)
    trouble = world.card()
    (watch,) = await world.bot.store.read(
        lambda db: [json.loads(r["facts"]) for r in db.query("SELECT facts FROM watch")]
    )
    left = (datetime.fromisoformat(watch["restore_at"]) - world.bot.clock.now()).total_seconds()
    await world.simulators.clock.sleep(left)
    await world.clicks("watch_stop_restore", card=trouble)
    await passes(world, 120)

    is_restored = world.labels() == {f"sha-{SHA['v1.4.2']}"}
    assert ("stopped the restore" in text_of(world.messages()[1])) is not is_restored
    assert len(await world.operations()) == (2 if is_restored else 1)
