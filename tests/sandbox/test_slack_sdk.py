"""Slack's own SDK for Python against the simulator: what it calls, what it refuses, what it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, InputBlock, PlainTextInputElement, SectionBlock
from slack_sdk.models.views import View
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.sandbox.slack_workspace import (
    APP_TOKEN,
    BOT_TOKEN,
    DEPLOYS,
    FIXTURES,
    Received,
    Workspace,
    actions,
    button,
    modal,
    option,
    text_input,
)

slack_stage, open_workspace, slack = FIXTURES

CARD = [
    SectionBlock(text="*Deploy*"),
    ActionsBlock(block_id="row", elements=[ButtonElement(text="Go", action_id="go", value="7", style="primary")]),
]
FORM = View(
    type="modal",
    title="Deploy",
    submit="Go",
    callback_id="deploy",
    blocks=[InputBlock(block_id="why", label="Why", element=PlainTextInputElement(action_id="text"))],
)


def blocking(slack: Workspace) -> WebClient:
    """The SDK's client that is called from threads."""
    return WebClient(token=BOT_TOKEN, base_url=f"{slack.url}/api/")


async def test_the_blocking_client_posts_and_updates(slack: Workspace) -> None:
    """Arguments go as a form, blocks as JSON inside it, and the answers are what the SDK makes objects of."""
    web = blocking(slack)

    posted = await asyncio.to_thread(web.chat_postMessage, channel=DEPLOYS, text="card", blocks=CARD)
    await asyncio.to_thread(web.chat_update, channel=DEPLOYS, ts=posted["ts"], text="done", blocks=[])

    message = slack.message(posted["ts"])
    assert posted["message"]["blocks"][1]["elements"][0]["value"] == "7"
    assert (message["text"], message["blocks"]) == ("done", [])


async def test_a_refusal_is_the_sdk_s_error(slack: Workspace) -> None:
    """The error's word, what is needed, and what was wrong with the blocks arrive as documented."""
    with pytest.raises(SlackApiError) as unread:
        await slack.web.reactions_add(channel=DEPLOYS, timestamp="1.000001", name="rocket")
    with pytest.raises(SlackApiError) as broken:
        await slack.web.chat_postMessage(channel=DEPLOYS, text="x", blocks=[{"type": "section"}])

    assert (unread.value.response["error"], unread.value.response["needed"]) == ("missing_scope", "reactions:write")
    assert broken.value.response["response_metadata"]["messages"][0].startswith("[ERROR] must have at least one of")


async def test_the_sdk_waits_for_a_rate_limit(slack: Workspace) -> None:
    """The status, the header and the error of a call too many are those that its retry handler looks for."""
    handler = AsyncRateLimitErrorRetryHandler(max_retry_count=0)
    slack.web.retry_handlers.append(handler)

    with pytest.raises(SlackApiError) as refused:
        await asyncio.gather(*(slack.web.usergroups_list() for _ in range(30)))

    assert (refused.value.response["error"], refused.value.response.status_code) == ("ratelimited", 429)
    assert int(refused.value.response.headers["Retry-After"]) >= 1


async def test_pages_are_followed(slack: Workspace) -> None:
    """The SDK's iterator finds every person, a few at a time."""
    pages = [page["members"] async for page in await slack.web.users_list(limit=3)]

    assert [len(page) for page in pages] == [3, 3, 1]


async def test_a_file_is_uploaded_in_three_steps(slack: Workspace) -> None:
    """`files_upload_v2` asks for an address, sends the bytes there, and shares the file."""
    uploaded = await slack.web.files_upload_v2(channel=DEPLOYS, filename="log.txt", content="a line", title="Log")
    slack.clock.advance(5)

    assert uploaded["files"][0]["title"] == "Log"
    assert slack.messages()[-1]["files"] == [uploaded["files"][0]["id"]]


async def test_a_form_is_opened_updated_and_submitted(slack: Workspace) -> None:
    """Views made by the SDK are taken; an update with an old hash is refused."""
    typed = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    opened = await slack.web.views_open(trigger_id=typed["trigger_id"], view=FORM)
    view_id, first_hash = opened["view"]["id"], opened["view"]["hash"]
    updated = await slack.web.views_update(view_id=view_id, hash=first_hash, view=FORM)
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await slack.web.views_update(view_id=view_id, hash=first_hash, view=FORM)

    await slack.sim.submit(user="ana", values={"text": "because"})

    assert updated["view"]["id"] == view_id
    assert slack.app.last["view"]["state"]["values"]["why"]["text"]["value"] == "because"


async def test_a_response_url_takes_what_the_sdk_posts(slack: Workspace) -> None:
    """The message whose button was pressed is replaced through it."""
    ts = await slack.post(blocks=[actions(button())])
    clicked = await slack.sim.click(user="ana", channel="deploys", ts=ts, action_id="go")

    answer = await AsyncWebhookClient(clicked["response_url"]).send(text="pressed", replace_original=True)

    assert (answer.status_code, slack.message(ts)["text"]) == (200, "pressed")


async def test_what_is_sent_has_the_signature_that_the_sdk_verifies(slack: Workspace) -> None:
    """Commands and interactions alike; another secret does not verify."""
    await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    await slack.sim.click(
        user="ana", channel="deploys", ts=await slack.post(blocks=[actions(button())]), action_id="go"
    )

    def verdicts(received: Received) -> tuple[bool, bool]:
        return received.is_signed(), received.is_signed("another")

    assert [verdicts(each) for each in slack.app.received] == [(True, False), (True, False)]


class Listener:
    """Answers each envelope, and keeps its payload."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self.payloads: list[dict[str, Any]] = []
        self._answers = answers

    async def __call__(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.payloads.append(request.payload)
        kind = str(request.payload.get("type", request.type))
        await client.send_socket_mode_response(
            SocketModeResponse(envelope_id=request.envelope_id, payload=self._answers.get(kind))
        )


@contextlib.asynccontextmanager
async def socket_mode(slack: Workspace, **answers: dict[str, Any]) -> AsyncIterator[Listener]:
    """The SDK's Socket Mode client, connected."""
    client = SocketModeClient(app_token=APP_TOKEN, web_client=slack.web)
    listener = Listener(answers)
    client.socket_mode_request_listeners.append(listener)
    await client.connect()  # type: ignore[no-untyped-call]
    try:
        yield listener
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def test_socket_mode_carries_commands_suggestions_submissions_and_events(slack: Workspace) -> None:
    """Each comes through the SDK's socket, and the payload of the acknowledgement is the answer."""
    errors = {"response_action": "errors", "errors": {"why": "no"}}
    answers: dict[str, dict[str, Any]] = {
        "slash_commands": {"text": "on it"},
        "block_suggestion": {"options": [option("main")]},
        "view_submission": errors,
    }
    menu = {"type": "external_select", "action_id": "ref", "min_query_length": 0}

    async with socket_mode(slack, **answers) as heard:
        typed = await slack.sim.command(user="ana", channel="deploys", text="/deploy staging")
        await slack.web.views_open(trigger_id=typed["trigger_id"], view=modal(text_input(), actions(menu)))
        offered = await slack.sim.suggest(user="ana", action_id="ref", value="ma")
        submitted = await slack.sim.submit(user="ana", values={"reason": "x"})
        await slack.sim.mention(user="ana", channel="deploys", text="hello")

    assert typed["ephemeral"]["text"] == "on it"
    assert offered["options"] == [option("main")]
    assert submitted["errors"] == {"why": "no"}
    assert [each.get("type", "command") for each in heard.payloads] == [
        "command",
        "block_suggestion",
        "view_submission",
        "event_callback",
    ]
