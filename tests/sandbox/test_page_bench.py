"""What the page shows of the bot, the clock, deliveries and saved states, and what a person can do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.page.workbench_part import LOG_BYTES
from sandbox.stack import SECRETS
from tests.sandbox.page_visit import FIXTURES, Visit

page_stage, bot_stage, visit = FIXTURES


async def test_a_change_of_the_clock_is_news(visit: Visit) -> None:
    """Who waits for news gets the new speed at once, although nothing else changed."""
    before = (await visit.poll()).json()

    await visit.post("time/speed", speed=60)
    after = (await visit.poll(before["revision"], before["instance"])).json()

    assert (before["speed"], after["speed"]) == (40, 60)
    assert list(after["items"]) == ["workbench/clock"]


async def test_a_clock_that_runs_is_no_news(visit: Visit) -> None:
    """Nothing is sent because time passes."""
    before = (await visit.poll()).json()

    after = await visit.poll(before["revision"], before["instance"])

    assert after.status_code == 204


async def test_the_newest_lines_of_the_log_are_read(visit: Visit, tmp_path: Path) -> None:
    """As objects; what is no JSON stands as it is, and no secret is in it."""
    lines = ['{"event": "old"}' + "x" * LOG_BYTES, '{"event": "started", "team": "T0REIFY"}', "Traceback", "[1]"]
    (tmp_path / "bot.log").write_text("\n".join([*lines, *SECRETS.values()]))

    read = (await visit.post("bot/log")).json()["lines"]

    assert read[1:4] == [{"event": "started", "team": "T0REIFY"}, {"event": "Traceback"}, {"event": "[1]"}]
    assert {line["event"] for line in read[4:]} == {"•••"}


async def test_a_bot_without_a_log_has_no_lines(visit: Visit) -> None:
    """A bot that never started has logged nothing."""
    assert (await visit.post("bot/log")).json() == {"lines": []}


async def test_a_trap_is_shown_until_it_is_taken_away(visit: Visit) -> None:
    """In words, with the platform."""
    await visit.post("bot/kill-at", simulator="slack", call="chat.update", moment="answered")
    laid = (await visit.item("workbench/bot"))["trap"]
    await visit.post("bot/kill-at")

    assert laid == "Slack: chat.update, right after the answer"
    assert (await visit.item("workbench/bot"))["trap"] is None


async def test_a_delivery_is_shown_and_sent_again(visit: Visit) -> None:
    """With event, answer and duration; the second is marked as one."""
    url = f"{visit.simulators.slack.request_url}/github"
    await visit.simulators.github.actions()["configure"]({"webhook_url": url, "secret": "s"})
    first = await _deliveries(visit, 1)

    answer = await visit.post("delivery/again", id=first[0]["id"])
    both = await _deliveries(visit, 2)

    assert (first[0]["event"], first[0]["outcome"], first[0]["status"]) == ("ping", "delivered", 200)
    assert answer.status_code == 200
    assert [each["is_again"] for each in both] == [True, False]


async def _deliveries(visit: Visit, count: int) -> list[Any]:
    """The deliveries, newest first, once there are so many."""
    while True:
        found = await visit.table("delivery/github")
        if len(found) >= count:
            return sorted(found.values(), key=lambda each: -each["id"])


async def test_saved_states_are_listed(visit: Visit) -> None:
    """What is saved appears, what is removed goes, and loading one answers."""
    saved = await visit.post("saves/save", name=" friday ")
    listed = await visit.table("save/state")
    loaded = await visit.post("saves/load", name="friday")
    await visit.post("saves/remove", name="friday")

    assert Path(saved.json()["file"]).name == "friday.zip"
    assert [(name, state["name"]) for name, state in listed.items()] == [("friday", "friday")]
    assert loaded.status_code == 200
    assert await visit.table("save/state") == {}


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("bot", {"do": "dance"}, "`do` is `kill` or `start` or `restart`"),
        ("bot/kill-at", {"simulator": "fly", "call": "graphql", "moment": "worked"}, "There is no moment at the call"),
        ("bot/kill-at", {"call": "change_machine", "moment": "worked"}, "`simulator` is missing"),
        ("time/speed", {"speed": "fast"}, "`speed` is missing or not a number"),
        ("time/speed", {"speed": True}, "`speed` is missing or not a number"),
        ("time/speed", {"speed": 10**400}, "The speed is between 0.1 and 100"),
        ("time/skip", {"seconds": -5}, "A jump goes ahead"),
        ("time/skip", {}, "`seconds` is missing or not a number"),
        ("delivery/again", {"id": 1}, "no such delivery"),
        ("slack/resend", {}, "nothing was sent yet"),
        ("saves/save", {"name": "../x"}, "A name has 1 to 40 letters"),
        ("saves/load", {"name": "nothing"}, "There is no file nothing.zip"),
        ("saves/load", {"name": "../../secret"}, "A name has 1 to 40 letters"),
        ("saves/remove", {"name": "nothing"}, "There is no saved state 'nothing'"),
    ],
)
async def test_bad_input_is_answered_with_a_sentence(
    visit: Visit, path: str, body: dict[str, Any], sentence: str
) -> None:
    """400 with a sentence that says what is wrong; the clock runs as before."""
    answer = await visit.post(path, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert visit.simulators.clock.speed == 40
