"""`/deploy incident` as people type and click it: who may, what every channel hears, one effect for any number."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.incident import Passage
from bot.domain.model import Actor
from bot.errors import BadCommand, RemoteRejected, RemoteUnavailable, StaleAction
from bot.store import Store
from bot.views import incidents as views
from bot.views.blocks import Message
from bot.views.incidents import PASSAGES_SHOWN
from bot.writer import MEMORY
from commands.incidents import HELP, IncidentCommand, parse_incident
from tests.builders import BO, NOW
from tests.incident_room import CHANNELS, WORKSPACE, Room
from tests.views.messages import said

START = 'start "checkout is down"'


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """A lane that nobody has used yet."""
    store = Store(MEMORY)
    await store.open()
    yield Room(store)
    await store.close()


def headlines(room: Room, channel: str) -> list[str]:
    """How each message of a channel begins."""
    return [" ".join(message.text.split()[:2]) for message in room.chat.in_channel(channel)]


def buttons(message: Message) -> list[str]:
    """Which rollbacks can be reviewed from a message."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["value"] for row in rows for element in row if element["action_id"] == views.REVIEWED]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", IncidentCommand()),
        ("help", IncidentCommand("help")),
        ("Help me", IncidentCommand("help")),
        ("END", IncidentCommand("end")),
        ('start "checkout is down"', IncidentCommand("start", "checkout is down")),
        ("Start checkout is down", IncidentCommand("start", "checkout is down")),
        ("start “it's down”", IncidentCommand("start", "it's down")),
    ],
)
def test_what_people_type_is_read(text: str, expected: IncidentCommand) -> None:
    """With or without quotes, from any keyboard."""
    assert parse_incident(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "meant"),
    [
        ("start", "An incident needs a reason", ""),
        ('start ""', "An incident needs a reason", ""),
        ("start " + "x" * 301, "301 characters; at most 300", ""),
        ("end now", "`now` is too much", ""),
        ("strat x", "`strat` is not known here", "start"),
        ("production", "`production` is not known here", ""),
        ("start --force", "`--force` is not an option", ""),
        ('start "x', "a quote that is not closed", ""),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str, meant: str) -> None:
    """With what was probably meant; nothing is declared by a slip."""
    with pytest.raises(BadCommand, match=message) as caught:
        parse_incident(text)

    assert caught.value.did_you_mean == meant


async def test_help_is_private_and_changes_nothing(room: Room) -> None:
    """The text shows each form of the command."""
    assert await room.types("help") == HELP
    assert await room.incidents.current() is None


async def test_every_channel_hears_of_an_incident_once(room: Room) -> None:
    """A channel of two environments gets one message, with who, why and what it means."""
    private = await room.types(START)

    for channel in CHANNELS:
        (message,) = room.chat.in_channel(channel)
        assert "*INCIDENT 1* declared by <@U0ANA>: “checkout is down”" in message.text
        assert "rollbacks need no approval, and deployments need one wherever there is a rollback" in message.text
        assert "rollbacks need no approval" in said(dataclasses.replace(message, text=""))
    assert "Incident 1 goes on" in private


async def test_the_same_command_twice_is_one_incident(room: Room) -> None:
    """Slack sends it again, or somebody presses Enter twice: one message in each channel."""
    await asyncio.gather(room.types(START), room.types(START))

    assert len(room.chat.messages) == len(CHANNELS)
    assert "You have declared it already" in await room.types(START)


async def test_a_second_incident_is_refused_with_the_first(room: Room) -> None:
    """The answer names who declared it and why, and how to end it."""
    await room.types(START)
    answer = await room.types('start "payments fail"', by="U0BO")

    assert "by <@U0ANA>: checkout is down (`incident`)" in answer
    assert "`/deploy incident end`" in answer
    assert len(room.chat.messages) == len(CHANNELS)


@pytest.mark.parametrize("text", [START, "end", ""])
async def test_guests_can_do_nothing(room: Room, text: str) -> None:
    """Not declare, not end, not even look; nobody hears of the try."""
    answer = await room.types(text, by="U0GUEST")

    assert "(`not_a_member`)" in answer
    assert room.chat.messages == {}


async def test_there_is_nothing_to_end_without_an_incident(room: Room) -> None:
    """The answer says so; no channel hears of it."""
    assert "There is no incident. (`no_incident`)" in await room.types("end")
    assert room.chat.messages == {}


async def test_the_end_lists_what_passed_with_a_button_each(room: Room) -> None:
    """Any member may end it; each rollback without approval stands there with its environment, its release, by whom."""
    await room.types(START)
    operation = await room.rolls_back()
    room.clock.at += timedelta(minutes=42)
    private = await room.types("end", by="U0BO")

    for channel in CHANNELS:
        message = room.chat.in_channel(channel)[-1]
        assert "*Incident 1 is over* after 42 min, ended by <@U0BO>: “checkout is down”" in message.text
        assert "1 rollback passed without an approval, 1 not reviewed yet" in message.text
        assert "*reify-studio/production* back to `v1.4.2` by <@U0ANA>" in message.text
        assert buttons(message) == [operation.id]
    assert "Incident 1 is over. 1 rollback passed" in private


async def test_an_incident_without_rollbacks_says_so(room: Room) -> None:
    """Nothing passed, nothing to press."""
    await room.types(START)
    await room.types("end")

    message = room.chat.in_channel(CHANNELS[0])[-1]
    assert "Nothing passed without an approval." in message.text
    assert [block["type"] for block in message.blocks] == ["section"]


async def test_a_review_is_shown_in_place_with_its_note(room: Room) -> None:
    """The button opens a form; afterwards every channel's message says who reviewed, and has no button."""
    await room.types(START)
    operation = await room.rolls_back()
    await room.types("end")
    posted = len(room.chat.messages)
    private = await room.reviews(operation.id, by="U0BO", note="was <!channel> needed")

    assert len(room.chat.messages) == posted
    for channel in CHANNELS:
        message = room.chat.in_channel(channel)[-1]
        assert "✔ reviewed by <@U0BO>" in message.text
        assert "“was &lt;!channel&gt; needed”" in message.text
        assert "1 rollback passed without an approval, and all were reviewed." in message.text
        assert buttons(message) == []
    assert "Your review of *reify-studio/production* back to `v1.4.2` is recorded." in private
    assert room.chat.edits == len(CHANNELS)


async def test_any_number_of_clicks_is_one_review(room: Room) -> None:
    """Two people with the form open: the first counts, the other is told who it was; later clicks open nothing."""
    await room.types(START)
    operation = await room.rolls_back()
    await room.types("end")
    await room.presses(operation.id, by="U0BO")
    await room.presses(operation.id, by="U0CLEO")
    answers = [await room.submits("", by=user) for user in ("U0BO", "U0CLEO", "U0BO")]
    forms = len(room.chat.forms)
    late = await room.presses(operation.id, by="U0DAN")

    assert "is recorded" in answers[0]
    assert all("<@U0BO> has reviewed it already." in answer for answer in [*answers[1:], late])
    assert len(room.chat.forms) == forms
    assert [e["action"] for e in await room.store.audit_events()].count("incident.review") == 1


async def test_of_two_reviews_at_the_same_moment_one_counts(room: Room) -> None:
    """Both have looked when nobody had reviewed yet: the database decides, and the other is told."""
    await room.types(START)
    operation = await room.rolls_back()
    reviews = (room.lane.review(operation.id, "", by=actor) for actor in (BO, Actor("U0CLEO", "T0REIFY")))
    results = await asyncio.gather(*reviews, return_exceptions=True)

    (refused,) = [result for result in results if isinstance(result, StaleAction)]
    (recorded,) = [result for result in results if isinstance(result, Passage)]
    assert recorded.review is not None
    assert refused.message == f"<@{recorded.review.by}> has reviewed it already."
    assert await room.incidents.passed(1) == [recorded]


async def test_who_asked_or_started_does_not_review(room: Room) -> None:
    """Nor does a guest: the form does not even open, and nothing is recorded."""
    await room.types(START)
    operation = await room.rolls_back(starter=BO)
    answers = {user: await room.reviews(operation.id, by=user) for user in ("U0ANA", "U0BO") if not room.chat.forms}
    guest = await room.presses(operation.id, by="U0GUEST")

    assert all("Nobody reviews a rollback that they asked for" in answer for answer in answers.values())
    assert set(answers) == {"U0ANA", "U0BO"}
    assert "(`not_a_member`)" in guest
    assert room.chat.forms == []
    assert (await room.incidents.passed(1))[0].review is None


async def test_the_form_is_checked_when_it_is_sent(room: Room) -> None:
    """Whoever sends another's form is asked again who they are."""
    await room.types(START)
    operation = await room.rolls_back()
    await room.presses(operation.id, by="U0BO")
    answer = await room.submits("fine by me", by="U0ANA")

    assert "(`own_approval`)" in answer
    assert (await room.incidents.passed(1))[0].review is None


async def test_a_form_that_names_nothing_changes_nothing(room: Room) -> None:
    """Its metadata is whatever came back from Slack."""
    await room.types(START)
    await room.presses((await room.rolls_back()).id, by="U0BO")
    room.chat.forms[-1] = dataclasses.replace(room.chat.forms[-1], metadata='{"channel": "C0DEPLOYS"}')

    assert "This form names no rollback." in await room.submits("", by="U0BO")


async def test_a_rollback_that_needed_no_approval_needs_no_review(room: Room) -> None:
    """A made-up or outdated button answers with that."""
    operation = await room.rolls_back(waived="")

    assert "needs no review" in await room.presses(operation.id, by="U0BO")


async def test_the_question_shows_what_goes_on_and_what_waits(room: Room) -> None:
    """Since when, by whom, why; of this incident and earlier ones what nobody has reviewed, with its button."""
    nothing = await room.types("")
    await room.types('start "first"')
    old = await room.rolls_back("incident 1")
    seen = await room.rolls_back("incident 1")
    await room.types("end")
    await room.reviews(seen.id, by="U0BO")
    await room.types('start "second"', by="U0BO")
    new = await room.rolls_back("incident 2")
    answer = await room.types("", by="U0CLEO")
    found = await room.lane.standing(by=BO)

    assert nothing == "There is no incident."
    assert "🔥 *Incident 2* since" in answer
    assert "declared by <@U0BO>: “second”" in answer
    assert answer.count("not reviewed yet\n") + answer.endswith("not reviewed yet") == 2
    assert [passage.operation.id for passage in found.unreviewed] == [old.id, new.id]


async def test_what_was_not_told_before_a_restart_is_told_after_it(room: Room) -> None:
    """The bot stops between the change and the message: nothing is lost, and nothing is told twice."""
    room.is_dying = True
    await room.types(START)
    operation = await room.rolls_back()
    await room.types("end")
    silent = dict(room.chat.messages)
    await room.restarts()
    told = [headlines(room, channel) for channel in CHANNELS]
    room.is_dying = True
    await room.reviews(operation.id, by="U0BO")
    await room.restarts()

    assert silent == {}
    assert told == [["🔥 *INCIDENT", "✅ *Incident"]] * len(CHANNELS)
    assert len(room.chat.messages) == 2 * len(CHANNELS)
    assert all("reviewed by <@U0BO>" in room.chat.in_channel(channel)[-1].text for channel in CHANNELS)


async def test_a_channel_that_does_not_answer_keeps_no_other_waiting(room: Room) -> None:
    """It hears of it when Slack answers again, once, and of the start before the end."""
    room.is_dying = True
    await room.types(START)
    await room.types("end")
    room.chat.troubles[CHANNELS[0]] = [RemoteUnavailable("no answer", service="Slack") for _ in range(3)]
    await room.restarts()

    assert [headlines(room, channel) for channel in CHANNELS] == [["🔥 *INCIDENT", "✅ *Incident"]] * len(CHANNELS)
    first = next(iter(room.chat.messages))
    assert first.channel == CHANNELS[1]
    assert room.clock.now() == NOW + timedelta(seconds=5 + 10 + 20)


async def test_a_channel_that_is_closed_is_given_up(room: Room) -> None:
    """Slack's no stays a no; the others hear of it, and the end goes to those that take it."""
    room.chat.troubles[CHANNELS[0]] = [RemoteRejected("no", service="Slack", code="is_archived") for _ in range(2)]
    await room.types(START)
    await room.types("end")

    assert room.chat.in_channel(CHANNELS[0]) == []
    assert len(room.chat.in_channel(CHANNELS[1])) == 2
    assert await room.incidents.behind() == []


async def test_a_message_that_was_deleted_is_not_edited_for_ever(room: Room) -> None:
    """The review is recorded, and shown where there still is a message."""
    await room.types(START)
    operation = await room.rolls_back()
    await room.types("end")
    room.chat.troubles[CHANNELS[0]] = [RemoteRejected("no", service="Slack", code="message_not_found")]
    await room.reviews(operation.id, by="U0BO")

    assert "reviewed by <@U0BO>" in room.chat.in_channel(CHANNELS[1])[-1].text
    assert await room.incidents.behind() == []


async def test_a_long_incident_fits_a_message(room: Room) -> None:
    """Thirty rollbacks and hostile notes: as many as there is room for, how many more, and the question shows those."""
    await room.types('start "' + "&" * 300 + '"')
    operations = [await room.rolls_back() for _ in range(30)]
    await room.types("end")
    message = room.chat.in_channel(CHANNELS[0])[-1]
    for operation in operations[:PASSAGES_SHOWN]:
        await room.reviews(operation.id, by="U0BO", note="&" * 300)
    edited = room.chat.in_channel(CHANNELS[0])[-1]

    assert "30 rollbacks passed without an approval, 30 not reviewed yet" in message.text
    assert buttons(message) == [operation.id for operation in operations[:PASSAGES_SHOWN]]
    assert "… and 20 more" in said(message)
    assert "30 rollbacks passed without an approval, 20 not reviewed yet" in edited.text
    assert said(dataclasses.replace(edited, text="")).count("✔ reviewed by <@U0BO>") == PASSAGES_SHOWN
    found = await room.lane.standing(by=BO)
    left = views.standing(found.incident, found.passed, found.unreviewed, WORKSPACE)
    assert buttons(left) == [operation.id for operation in operations[PASSAGES_SHOWN : 2 * PASSAGES_SHOWN]]
