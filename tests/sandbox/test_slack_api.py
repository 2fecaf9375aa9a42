"""The Web API of the simulated Slack: arguments, tokens, scopes, the directory."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack_workspace import APP_TOKEN, BOT_TOKEN, DEPLOYS, FIXTURES, OpenWorkspace, Workspace

BEARER = {"Authorization": f"Bearer {BOT_TOKEN}"}


slack_stage, open_workspace, slack = FIXTURES


async def test_the_bot_token_says_who_it_is(slack: Workspace) -> None:
    """auth.test answers the identity that the bot compares with every payload."""
    answer = await slack.web.auth_test()

    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == ("T0REIFY", "U0FLYTOWER", "B0FLYTOWER")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


@pytest.mark.parametrize(
    "request_of",
    [
        {"method": "GET", "params": {"user": "U0ANA"}, "headers": BEARER},
        {"method": "GET", "params": {"user": "U0ANA", "token": BOT_TOKEN}},
        {"method": "POST", "params": {"user": "U0ANA"}, "headers": BEARER},
        {"method": "POST", "data": {"user": "U0ANA", "token": BOT_TOKEN}},
        {"method": "POST", "data": {"user": "U0ANA"}, "headers": BEARER},
        {"method": "POST", "data": {"user": "U0ANA"}, "files": {"nothing": b""}, "headers": BEARER},
        {"method": "POST", "json": {"user": "U0ANA"}, "headers": BEARER},
    ],
    ids=["query", "query token", "post query", "form token", "form", "multipart", "json"],
)
async def test_arguments_come_in_every_documented_form(slack: Workspace, request_of: dict[str, Any]) -> None:
    """A query, a form and JSON mean the same."""
    answer = await slack.http.request(url="/api/users.info", **request_of)

    assert answer.json()["user"]["name"] == "ana"


@pytest.mark.parametrize(
    ("headers", "content", "error"),
    [
        ({}, b"{}", "not_authed"),
        ({}, b'{"token": "xoxb-sandbox-bot"}', "not_authed"),
        ({"Authorization": "Bearer xoxb-wrong"}, b"{}", "invalid_auth"),
        ({"Authorization": f"Bearer {APP_TOKEN}"}, b"{}", "not_allowed_token_type"),
        (BEARER, b"{", "invalid_json"),
        (BEARER, rb'{"channel": "C0DEPLOYS", "text": "half a character: \ud83d"}', "invalid_json"),
        (BEARER, b"[]", "json_not_object"),
        (BEARER, b"{}", "invalid_arguments"),
    ],
)
async def test_a_call_that_slack_refuses_is_refused(
    slack: Workspace, headers: dict[str, str], content: bytes, error: str
) -> None:
    """Refusals are HTTP 200 with `ok: false`; a token inside a JSON body does not count."""
    headers = headers | {"Content-Type": "application/json; charset=utf-8"}

    answer = await slack.http.post("/api/users.info", content=content, headers=headers)

    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (200, False, error)


async def test_a_body_of_no_known_type_is_refused(slack: Workspace) -> None:
    """Text is no form."""
    headers = BEARER | {"Content-Type": "text/plain"}

    answer = await slack.http.post("/api/users.info", content=b"user=U0ANA", headers=headers)

    assert answer.json()["error"] == "invalid_post_type"


async def test_an_unknown_method_is_named(slack: Workspace) -> None:
    """A misspelt method is `unknown_method`, not HTTP 404."""
    answer = await slack.call("chat.postMesage")

    assert (answer["error"], answer["req_method"]) == ("unknown_method", "chat.postMesage")


@pytest.mark.parametrize(
    ("method", "arguments", "needed"),
    [
        ("chat.postMessage", {"channel": DEPLOYS, "text": "x"}, "chat:write"),
        ("users.info", {"user": "U0ANA"}, "users:read"),
        ("usergroups.list", {}, "usergroups:read"),
        ("usergroups.users.list", {"usergroup": "S0APPROVERS"}, "usergroups:read"),
        ("conversations.info", {"channel": DEPLOYS}, "channels:read"),
        ("conversations.list", {"types": "private_channel"}, "groups:read"),
        ("reactions.add", {"channel": DEPLOYS, "timestamp": "1", "name": "x"}, "reactions:write"),
        ("files.getUploadURLExternal", {"filename": "a", "length": 1}, "files:write"),
    ],
)
async def test_a_missing_scope_is_named(
    open_workspace: OpenWorkspace, method: str, arguments: dict[str, Any], needed: str
) -> None:
    """The refusal says which scope is needed and which the token has."""
    async with open_workspace(app={"bot_scopes": ["commands"]}) as slack:
        answer = await slack.call(method, **arguments)

        assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", needed, "commands")


async def test_direct_messages_do_not_open_with_the_right_to_post(open_workspace: OpenWorkspace) -> None:
    """conversations.open needs a scope of its own; posting to the user id does not."""
    async with open_workspace(app={"bot_scopes": ["chat:write"]}) as slack:
        answer = await slack.call("conversations.open", users="U0ANA")

        assert answer["error"] == "missing_scope"
        assert "im:write" in answer["needed"]


async def test_direct_messages_open_with_the_scope(open_workspace: OpenWorkspace) -> None:
    """conversations.open gives the channel that a post to the user id goes to."""
    async with open_workspace(app={"bot_scopes": ["im:write", "chat:write"]}) as slack:
        opened = await slack.web.conversations_open(users=["U0ANA"])
        posted = await slack.web.chat_postMessage(channel="U0ANA", text="hi")

        assert opened["channel"]["id"] == posted["channel"] == "D0ANA"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("U0ANA", {"is_restricted": False, "deleted": False, "team_id": "T0REIFY"}),
        ("U0GUS", {"is_restricted": True}),
        ("U0EVE", {"is_stranger": True, "team_id": "T0OTHER"}),
        ("U0FLYTOWER", {"is_bot": True}),
    ],
)
async def test_users_carry_the_flags_that_decide_who_may_approve(
    slack: Workspace, user: str, expected: dict[str, Any]
) -> None:
    """Guests, strangers and bots can be told apart."""
    answer = await slack.web.users_info(user=user)

    assert expected.items() <= answer["user"].items()


async def test_is_stranger_is_only_sent_about_strangers(slack: Workspace) -> None:
    """The flag is absent for members, as with Slack."""
    answer = await slack.web.users_info(user="U0ANA")

    assert "is_stranger" not in answer["user"]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
        ("conversations.info", {"channel": "C0NONE"}, "channel_not_found"),
        ("conversations.list", {"types": "channels"}, "invalid_types"),
        ("conversations.list", {"cursor": "not base64!"}, "invalid_cursor"),
        ("users.list", {"limit": 0}, "invalid_arguments"),
        ("users.conversations", {"user": "U0NOBODY"}, "user_not_found"),
    ],
)
async def test_what_does_not_exist_is_said_so(
    slack: Workspace, method: str, arguments: dict[str, Any], error: str
) -> None:
    """Each method has its own word for what it cannot find."""
    assert (await slack.call(method, **arguments))["error"] == error


async def test_approvers_are_read_from_their_group(slack: Workspace) -> None:
    """The group is listed with its handle, its members by id."""
    groups = await slack.web.usergroups_list()
    members = await slack.web.usergroups_users_list(usergroup="S0APPROVERS")

    assert [(group["handle"], group["user_count"]) for group in groups["usergroups"]] == [("approvers", 2)]
    assert members["users"] == ["U0CLEO", "U0BO"]


async def test_a_disabled_group_has_no_members(open_workspace: OpenWorkspace) -> None:
    """A group that was switched off approves nothing."""
    group = {"id": "S0OLD", "handle": "old", "name": "Old", "users": ["U0BO"], "is_disabled": True}
    async with open_workspace(usergroups=[group]) as slack:
        listed = await slack.web.usergroups_list()
        with pytest.raises(SlackApiError, match="no_such_subteam"):
            await slack.web.usergroups_users_list(usergroup="S0OLD")
        disabled = await slack.web.usergroups_list(include_disabled=True, include_users=True)

        assert listed["usergroups"] == []
        assert disabled["usergroups"][0]["users"] == ["U0BO"]
        assert disabled["usergroups"][0]["date_delete"] > 0


async def test_lists_come_in_pages(slack: Workspace) -> None:
    """The cursor leads through all users, each once."""
    ids: list[str] = []

    async for page in await slack.web.users_list(limit=2):
        assert len(page["members"]) <= 2
        ids += [user["id"] for user in page["members"]]

    assert sorted(ids) == sorted(slack.sim.world.users)


async def test_channels_say_whether_the_bot_is_in_them(slack: Workspace) -> None:
    """Membership is visible in the list, in the info and from the member's side."""
    listed = await slack.web.conversations_list()
    info = await slack.web.conversations_info(channel=DEPLOYS, include_num_members=True)
    joined = await slack.web.users_conversations()
    members = await slack.web.conversations_members(channel=DEPLOYS)

    assert {c["name"]: c["is_member"] for c in listed["channels"]} == {"deploys": True, "general": False}
    assert (info["channel"]["num_members"], info["channel"]["is_ext_shared"]) == (5, True)
    assert [c["id"] for c in joined["channels"]] == [DEPLOYS]
    assert "U0EVE" not in members["members"]


async def test_a_private_channel_of_others_does_not_exist(open_workspace: OpenWorkspace) -> None:
    """A private channel without the bot is neither listed, readable nor writable."""
    private = {"id": "C0SECRET", "name": "secret", "kind": "private", "members": ["U0ANA"]}
    async with open_workspace(channels=[private], app={"bot_scopes": ["groups:read", "chat:write"]}) as slack:
        listed = await slack.call("conversations.list", types="private_channel")
        info = await slack.call("conversations.info", channel="C0SECRET")
        posted = await slack.call("chat.postMessage", channel="C0SECRET", text="x")

        assert listed["channels"] == []
        assert (info["error"], posted["error"]) == ("channel_not_found", "channel_not_found")


async def test_api_test_repeats_its_arguments(slack: Workspace) -> None:
    """The method for trying out a connection answers what it was sent."""
    answer = await slack.web.api_test(foo="bar")

    assert answer["args"]["foo"] == "bar"


async def test_json_that_is_nested_too_deeply_is_no_json(slack: Workspace) -> None:
    """Neither as a body nor as an argument of a form."""
    headers = BEARER | {"Content-Type": "application/json"}
    deep = "[" * 100_000
    answers = [
        await slack.http.post("/api/chat.postMessage", content=deep, headers=headers),
        await slack.http.post("/api/chat.postMessage", data={"channel": DEPLOYS, "blocks": deep}, headers=BEARER),
    ]

    assert [answer.json()["error"] for answer in answers] == ["invalid_json", "invalid_blocks_format"]
