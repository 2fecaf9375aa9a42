"""What no honest page sends is refused in words, and never stops the page for the others."""

from __future__ import annotations

import json

import pytest

from sandbox.page.bodies import LIMIT
from tests.sandbox.page_visit import ANA, DEPLOYS, FIXTURES, Visit

page_stage, bot_stage, visit = FIXTURES
HALF = "\ud83d"
JSON_HEADERS = {"content-type": "application/json"}


def word(text: str) -> dict[str, str]:
    return {"user": ANA, "channel": DEPLOYS, "text": text}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (json.dumps(word(f"hello {HALF}")), "The body holds half a character (a lone surrogate)."),
        ("[" * 30_000, "The body is not JSON."),
        ('{"a":' * 10_000, "The body is not JSON."),
        ("9" * 5_000, "The body is not JSON."),
        (json.dumps(word("x" * 40 * LIMIT)), f"A request holds at most {LIMIT} bytes."),
    ],
    ids=["half a character", "deep lists", "deep objects", "endless number", "far too long"],
)
async def test_a_broken_body_is_refused_in_words(visit: Visit, body: str, sentence: str) -> None:
    """However it is broken, the answer is a sentence, and nothing is said in the channel."""
    answer = await visit.client.post("/api/command", content=body, headers=JSON_HEADERS)

    assert (answer.status_code, answer.json()) == (400, {"error": sentence})
    assert await visit.messages() == []


async def test_half_a_character_in_the_world_does_not_stop_the_news(visit: Visit) -> None:
    """An emoji that was cut in two somewhere else is shown as it is, and so is everything after it."""
    await visit.simulators.slack.say(user=ANA, channel=DEPLOYS, text=f"cut {HALF}")

    await visit.types("after")

    assert [message["text"] for message in await visit.messages()] == [f"cut {HALF}", "after"]


@pytest.mark.parametrize(
    "since", ["9" * 5_000, "-1", "²", "1e3", ""], ids=["endless", "below zero", "raised", "float", "none"]
)
async def test_a_revision_that_is_none_begins_anew(visit: Visit, since: str) -> None:
    """Whoever asks for news with nonsense gets everything there is."""
    answer = await visit.client.get("/api/poll", params={"since": since})

    assert (answer.status_code, answer.json()["is_complete"]) == (200, True)


async def test_the_direct_message_can_be_named_before_it_is_opened(visit: Visit) -> None:
    """`app` is the person's own direct message with the app; who is of another workspace has none."""
    own = await visit.post("command", user=ANA, channel="app", text="hello")
    stranger = await visit.post("command", user="U0EVE", channel="app", text="hello")

    assert own.json() == {"outcome": "ok", "problem": None}
    assert [message["text"] for message in await visit.messages("D0ANA")] == ["hello"]
    assert (stranger.status_code, stranger.json()["error"]) == (
        400,
        "The app belongs to a workspace that this person is not in.",
    )
