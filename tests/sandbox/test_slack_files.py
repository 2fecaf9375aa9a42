"""Uploads to the simulated Slack, in three steps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, Workspace

slack_stage, open_workspace, slack = FIXTURES

PNG = b"\x89PNG\r\n\x1a\n not really"


async def announced(slack: Workspace, length: int = len(PNG)) -> dict[str, Any]:
    return await slack.call("files.getUploadURLExternal", filename="graph.png", length=length, alt_txt="CPU")


async def test_the_sdk_uploads_and_the_share_follows(slack: Workspace) -> None:
    """files_upload_v2 works; the message that shares the file appears a moment later, in its thread."""
    parent = await slack.post()

    answer = await slack.web.files_upload_v2(
        filename="graph.png", content=PNG, alt_txt="CPU", channel=DEPLOYS, thread_ts=parent, initial_comment="Load"
    )
    at_once = len(slack.messages())
    slack.clock.advance(1)

    shared = slack.messages()[-1]
    download = await slack.http.get(answer["file"]["url_private"])
    assert (at_once, len(slack.messages())) == (1, 2)
    assert (shared["text"], shared["thread_ts"], shared["files"]) == ("Load", parent, [answer["file"]["id"]])
    assert (answer["file"]["alt_txt"], download.content) == ("CPU", PNG)


async def test_bytes_can_come_as_a_form(slack: Workspace) -> None:
    """A multipart upload counts as well."""
    target = await announced(slack)

    answer = await slack.http.post(target["upload_url"], files={"file": ("graph.png", PNG)})

    assert (answer.status_code, answer.text) == (200, f"OK - {len(PNG)}")


async def test_the_length_must_be_true(slack: Workspace) -> None:
    """Other bytes than announced are refused, and the upload cannot be completed."""
    target = await announced(slack, length=5)

    uploaded = await slack.http.post(target["upload_url"], content=PNG)
    completed = await slack.call("files.completeUploadExternal", files=[{"id": target["file_id"]}])

    assert (uploaded.status_code, completed["error"]) == (400, "file_not_found")


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("files.getUploadURLExternal", {"length": 1}, "invalid_arguments"),
        ("files.getUploadURLExternal", {"filename": "a", "length": 0}, "invalid_arguments"),
        ("files.getUploadURLExternal", {"filename": "a", "length": "many"}, "invalid_arguments"),
        ("files.completeUploadExternal", {}, "invalid_arguments"),
        ("files.completeUploadExternal", {"files": [{"id": "F0NONE"}]}, "file_not_found"),
        ("files.completeUploadExternal", {"files": ["F0NONE"]}, "file_not_found"),
    ],
)
async def test_bad_uploads_are_refused(slack: Workspace, method: str, arguments: dict[str, Any], error: str) -> None:
    """Names, lengths and files are checked."""
    assert (await slack.call(method, **arguments))["error"] == error


async def test_a_file_is_shared_where_the_bot_may_post(slack: Workspace) -> None:
    """Another channel refuses, and the file can still be completed elsewhere."""
    target = await announced(slack)
    await slack.http.post(target["upload_url"], content=PNG)
    files = [{"id": target["file_id"], "title": "Load"}]

    refused = await slack.call("files.completeUploadExternal", files=files, channel_id="C0GENERAL")
    accepted = await slack.call("files.completeUploadExternal", files=files, channel_id=DEPLOYS)

    assert (refused["error"], accepted["files"][0]["title"]) == ("not_in_channel", "Load")


async def test_unknown_files_are_not_there(slack: Workspace) -> None:
    """Neither to upload nor to read."""
    uploaded = await slack.http.post("/upload/v1/F0NONE", content=PNG)
    read = await slack.http.get("/files/F0NONE")

    assert (uploaded.status_code, read.status_code) == (404, 404)
