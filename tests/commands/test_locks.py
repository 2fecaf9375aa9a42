"""What people type to lock and unlock, and what the buttons of locks carry."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lock_end import After, At, End
from bot.errors import BadCommand, RemoteRejected, StaleAction
from bot.views.blocks import View
from commands.forms import open_form
from commands.interactions import Form
from commands.locks import LockCommand, LockHandlers, parse_lock, parse_unlock, read_value
from tests.builders import ANA

TWO_HOURS, FIVE = After(timedelta(hours=2)), At(time(17))


@pytest.mark.parametrize(
    ("text", "why", "end"),
    [
        ('production "moving the database"', "moving the database", None),
        ('production "moving the database" for 2h', "moving the database", TWO_HOURS),
        ("production “moving the database” until 17:00", "moving the database", FIVE),
        ("production «moving» for 2 hours", "moving", TWO_HOURS),
        ("production moving the database for 2h", "moving the database", TWO_HOURS),
        ("production moving the database until 5pm", "moving the database", FIVE),
        ("production waiting for review", "waiting for review", None),
        ("production waiting for review FOR 2h", "waiting for review", TWO_HOURS),
        ('production "locked until friday 9:00" until 17:00', "locked until friday 9:00", FIVE),
        ('production "x" until friday 9:00', "x", At(time(9), weekday=4)),
        ("production incident", "incident", None),
        ("production don't touch", "don't touch", None),
    ],
)
def test_a_lock_is_read_as_people_type_it(text: str, why: str, end: End | None) -> None:
    """With quotes of any keyboard or without, with an end or without; a reason may hold the same words."""
    assert parse_lock(text) == LockCommand("production", why, end)


def test_a_branch_may_stand_anywhere() -> None:
    """Before the reason or behind the end, with two hyphens or what phones make of them."""
    expected = LockCommand("production", "only the fix", TWO_HOURS, "hotfix/a")

    assert parse_lock('production --branch hotfix/a "only the fix" for 2h') == expected
    assert parse_lock('production "only the fix" for 2h —branch=hotfix/a') == expected


@pytest.mark.parametrize(("text", "environment"), [("", ""), ("   ", ""), ("help", "help"), ("Help me", "help")])
def test_nothing_lists_and_help_helps(text: str, environment: str) -> None:
    """A bare command is a question."""
    assert parse_lock(text) == LockCommand(environment)


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("production", "Say why", ""),
        ('production ""', "Say why", ""),
        ("production for 2h", "Say why", ""),
        ("--branch main", "Say why", ""),
        ('production "x', "a quote that is not closed", ""),
        ('production "x" --branhc main', "not an option", "--branch"),
        ('production "x" --branch', "needs a value", ""),
        ('production "x" for 2x', "`for 2x` is no end", ""),
        ('production "x" until 25:00', "`until 25:00` is no end", ""),
        ('production "x" until noon', "`until noon` is no end", ""),
        ('production "moving it" fort 2h', "`fort 2h` is no end", ""),
        ('production "moving it" 2h', "`2h` is no end", ""),
        ('production "moving it" for 2h until 17:00', "`for 2h` is no end", ""),
        ("production moving it fort 2h", "`fort 2h` is no end", "for 2h"),
        ("production moving it til 17:00", "`til 17:00` is no end", "until 17:00"),
        (f'production "{"x" * 301}"', "301 characters", ""),
        (f'production "x" --branch {"b" * 251}', "at most 250", ""),
    ],
)
def test_what_cannot_be_read_is_said_and_mended(text: str, said: str, meant: str) -> None:
    """Nothing is locked without a reason, or without the end that was meant; what was probably meant is offered."""
    with pytest.raises(BadCommand, match=said) as refusal:
        parse_lock(text)

    assert refusal.value.did_you_mean == meant
    assert refusal.value.usage


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_lock_or_a_refusal(text: str) -> None:
    """No text is a defect of ours, and no lock is without its reason."""
    try:
        command = parse_lock(f"production {text}")
    except BadCommand:
        return
    assert command.environment in {"production", "help"}
    assert command.why


def test_one_environment_is_unlocked() -> None:
    """By its name, or help."""
    assert parse_unlock("production") == "production"
    assert parse_unlock("help") == "help"


@pytest.mark.parametrize(("text", "said"), [("", "Say which"), ("production now", "`now` is too much")])
def test_unlocking_none_or_two_is_refused(text: str, said: str) -> None:
    """With how to say it."""
    with pytest.raises(BadCommand, match=said) as refusal:
        parse_unlock(text)

    assert "/deploy unlock" in refusal.value.usage


def test_a_button_carries_its_lock_and_what_was_wanted() -> None:
    """The number of the lock, then words, which may hold a colon."""
    assert read_value("12") == (12, "")
    assert read_value("12:/deploy production a:b") == (12, "/deploy production a:b")


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "٣", "9" * 19])
def test_a_button_that_is_none_of_ours_does_nothing(value: str) -> None:
    """It says so."""
    with pytest.raises(StaleAction, match="does not fit"):
        read_value(value)


class Shut:
    """A chat that opens no form, for this reason."""

    def __init__(self, code: str) -> None:
        self.code = code

    async def open_view(self, trigger_id: str, view: View) -> str:
        raise RemoteRejected(self.code, service="Slack", code=self.code)


async def test_a_form_that_comes_too_late_says_what_to_do() -> None:
    """After three seconds Slack opens none; a second request for an open one is no error, and all else is told."""
    view = View("x", "X", [])

    with pytest.raises(StaleAction, match="three seconds") as late:
        await open_form(Shut("expired_trigger_id"), "1.2", view, again="Press it again.")  # type: ignore[arg-type]
    await open_form(Shut("exchanged_trigger_id"), "1.2", view, again="")  # type: ignore[arg-type]
    with pytest.raises(RemoteRejected):
        await open_form(Shut("invalid_blocks"), "1.2", view, again="")  # type: ignore[arg-type]
    assert late.value.hint == "Press it again."


async def test_a_reason_that_is_too_long_stays_in_the_form() -> None:
    """Slack counts, too, but whoever goes around it is told beside the input; nothing is taken over."""
    handlers = LockHandlers(None, None, None)  # type: ignore[arg-type]
    reply = await handlers.reasoned(Form(ANA, "V1", {"why": "x" * 301}, {"lock": 1}))

    assert (set(reply.errors), reply.then) == ({"why"}, None)
