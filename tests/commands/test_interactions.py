"""Submissions and searching menus, from Slack to a feature and back, whatever the feature does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from slack_bolt.authorization import AuthorizeResult

from bot.errors import BadCommand, RemoteRejected
from bot.tasks import Tasks
from bot.views import modals
from bot.views.blocks import Block, Message, View, section
from commands.interactions import Form, FormReply
from commands.router import Router, bolt_app, dispatch
from tests.world import text_of

PAGE = View("page", "Page", [section("hello")])
SUBMISSION: dict[str, Any] = {
    "type": "view_submission",
    "team": {"id": "T0REIFY"},
    "user": {"id": "U0ANA", "team_id": "T0REIFY"},
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "form",
        "private_metadata": '{"channel": "C0DEPLOYS"}',
        "state": {
            "values": {
                "text": {"t": {"type": "plain_text_input", "value": "words"}},
                "menu": {"m": {"type": "static_select", "selected_option": {"value": "one"}}},
                "boxes": {"b": {"type": "checkboxes", "selected_options": [{"value": "x"}, {"value": "y"}]}},
                "empty": {"e": {"type": "plain_text_input", "value": None}},
                "nothing": {"n": {"type": "static_select", "selected_option": None}},
            }
        },
    },
}
SEARCH = SUBMISSION | {"type": "block_suggestion", "action_id": "menu", "block_id": "b", "value": "ma"}


class Modals:
    """A chat that keeps what was shown in a modal and what was told privately; `is_open` says whether one is there."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.views: list[View] = []
        self.told: list[tuple[str, str, str]] = []

    async def update_view(self, view_id: str, view: View) -> None:
        if not self.is_open:
            raise RemoteRejected("views.update was refused: not_found", service="Slack", code="not_found")
        self.views.append(view)

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        self.told.append((channel, user_id, message.text))


async def worked(chat: Modals, body: dict[str, Any], *, form: Any = None, menu: Any = None) -> Any:
    """The immediate answer, after what comes later came to its end."""
    tasks = Tasks()
    router = Router(chat, tasks)  # type: ignore[arg-type]
    if form:
        router.submission("form", form)
    if menu:
        router.options("menu", menu)
    identity = AuthorizeResult(enterprise_id=None, team_id="T0REIFY", bot_token="xoxb-x", bot_id="B", bot_user_id="U")
    answer = await dispatch(bolt_app(router, identity), body)
    await tasks.settle()
    assert answer.status == 200
    return json.loads(answer.body) if answer.body else None


async def answered(reply: FormReply, chat: Modals | None = None) -> Any:
    """The answer to a submission whose handler replies so."""

    async def handler(_: Form) -> FormReply:
        return reply

    return await worked(chat or Modals(), SUBMISSION, form=handler)


async def test_a_form_has_what_its_person_filled_in() -> None:
    """Text, choices and boxes by block, without those left empty; and where it was asked for."""
    seen: list[Form] = []

    async def handler(form: Form) -> FormReply:
        seen.append(form)
        return FormReply()

    assert await worked(Modals(), SUBMISSION, form=handler) is None

    assert (seen[0].actor.user_id, seen[0].view_id, seen[0].channel) == ("U0ANA", "V1", "C0DEPLOYS")
    assert seen[0].values == {"text": "words", "menu": "one", "boxes": "x y"}


async def test_errors_and_pages_answer_a_submission() -> None:
    """Errors by block id, or another page in the place of this one."""
    errors = await answered(FormReply(errors={"text": "No."}))
    page = await answered(FormReply(view=PAGE))

    assert errors == {"response_action": "errors", "errors": {"text": "No."}}
    assert page == {"response_action": "update", "view": modals.modal_body(PAGE)}


async def test_what_comes_later_is_shown_in_the_modal_or_told() -> None:
    """A view takes the modal's place, a message goes to its person where it was asked for."""

    async def shows() -> View:
        return PAGE

    async def tells() -> Message:
        return Message("Done.")

    chat = Modals()
    await answered(FormReply(then=shows), chat)
    await answered(FormReply(then=tells), chat)

    assert (chat.views, chat.told) == ([PAGE], [("C0DEPLOYS", "U0ANA", "Done.")])


async def test_a_modal_that_is_gone_is_said() -> None:
    """Its person closed it before the page came."""

    async def shows() -> View:
        return PAGE

    chat = Modals(is_open=False)
    await answered(FormReply(then=shows), chat)

    assert "closed before its answer came" in chat.told[0][2]


@pytest.mark.parametrize("error", [BadCommand("That was nothing."), RuntimeError("secret detail")], ids=repr)
async def test_an_error_after_the_answer_is_mended_or_told(error: Exception) -> None:
    """With a page for it in the modal, otherwise privately; a defect as an incident, never its text."""

    async def fails() -> View:
        raise error

    def mend(trouble: Message) -> View:
        return View("again", "Again", [section(trouble.text)])

    chat = Modals()
    await answered(FormReply(then=fails, mend=mend), chat)
    await answered(FormReply(then=fails), chat)

    texts = [text_of({"blocks": chat.views[0].blocks}), chat.told[0][2]]
    assert all("bad_command" in text or "Incident" in text for text in texts)
    assert "secret detail" not in "".join(texts)


@pytest.mark.parametrize("error", [BadCommand("That was nothing."), RuntimeError("secret detail")], ids=repr)
async def test_an_error_before_the_answer_stands_in_the_modal(error: Exception) -> None:
    """What was typed is lost, its person is not left alone."""

    async def handler(_: Form) -> FormReply:
        raise error

    answer = await worked(Modals(), SUBMISSION, form=handler)

    assert answer["response_action"] == "update"
    assert "secret detail" not in str(answer)


async def test_a_form_of_another_version_is_answered_in_words() -> None:
    """Nobody takes it any more."""
    answer = await worked(Modals(), SUBMISSION)

    assert "older version" in str(answer["view"]["blocks"])


@pytest.mark.parametrize("metadata", ["", "{", "[1]", None])
async def test_metadata_that_cannot_be_read_is_none(metadata: Any) -> None:
    """A page of another version is no defect."""
    seen: list[Form] = []

    async def handler(form: Form) -> FormReply:
        seen.append(form)
        return FormReply()

    view = SUBMISSION["view"] | {"private_metadata": metadata, "state": None}
    await worked(Modals(), SUBMISSION | {"view": view}, form=handler)

    assert (seen[0].facts, seen[0].channel, seen[0].values) == ({}, "", {})


@pytest.mark.parametrize(
    ("found", "key"),
    [
        ([], "options"),
        ([modals.option("a", "a")], "options"),
        ([modals.option_group("g", [modals.option("a", "a")])], "option_groups"),
    ],
)
async def test_a_menu_offers_options_or_groups(found: list[Block], key: str) -> None:
    """As Slack wants either to be named; the handler hears what was typed."""
    seen: list[Form] = []

    async def handler(form: Form) -> Sequence[Block]:
        seen.append(form)
        return found

    assert await worked(Modals(), SEARCH, menu=handler) == {key: found}
    assert seen[0].typed == "ma"


async def test_a_menu_that_fails_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, a handler that hangs and a menu that nobody knows: an empty list within Slack's time."""
    monkeypatch.setattr("commands.router.DEADLINE_S", 0.01)

    async def breaks(_: Form) -> Sequence[Block]:
        raise RuntimeError("secret detail")

    async def hangs(_: Form) -> Sequence[Block]:
        await asyncio.Event().wait()
        return []

    answers = [await worked(Modals(), SEARCH, menu=handler) for handler in (breaks, hangs, None)]

    assert answers == [{"options": []}] * 3
