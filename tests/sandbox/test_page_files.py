"""Files that the app sends to a person: listed in their direct messages, and there to be saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.page_visit import ANA, FIXTURES, HOSTILE, Visit, calling

page_stage, bot_stage, visit = FIXTURES
CONTENT = f"who,what\nana,{HOSTILE}\n".encode()


async def announced(visit: Visit, name: str, content: bytes = CONTENT) -> str:
    """The id of a file whose bytes are there."""
    length = len(content)
    file = await visit.app_says("files.getUploadURLExternal", filename=name, length=length)
    async with calling(visit.simulators.slack) as slack:
        await slack.post(f"/upload/v1/{file['file_id']}", content=content)
    return str(file["file_id"])


async def shared(visit: Visit, name: str, content: bytes = CONTENT) -> str:
    """The id of a file that the app sent to Ana."""
    file_id = await announced(visit, name, content)
    conversation = (await visit.app_says("conversations.open", channel=None, users=ANA))["channel"]["id"]
    files = [{"id": file_id, "title": name}]
    await visit.app_says("files.completeUploadExternal", files=files, channel_id=conversation, initial_comment="Here")
    visit.simulators.clock.speed = 10_000
    return file_id


async def direct_messages(visit: Visit) -> list[dict[str, Any]]:
    """What stands between the app and Ana, once something does."""
    while True:
        found = await visit.messages("D0ANA")
        if found:
            return found


async def test_a_file_stands_in_the_direct_messages(visit: Visit) -> None:
    """With its name and its size in bytes, in the conversation of the person whom it was sent to."""
    file_id = await shared(visit, "history.csv")

    (message,) = await direct_messages(visit)

    assert message["text"] == "Here"
    (file,) = message["files"]
    assert (file["id"], file["name"], file["size"]) == (file_id, "history.csv", len(CONTENT))
    assert file["is_picture"] is False


async def test_a_file_is_saved_and_never_shown(visit: Visit) -> None:
    """Byte for byte, as a download that no browser takes for a page, whatever its name is."""
    file_id = await shared(visit, "page.html")

    answer = await visit.client.get(f"/api/files/{file_id}")

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
    ],
)
async def test_a_picture_is_shown(visit: Visit, content: bytes, kind: str) -> None:
    """By what it is, not by its name, and as nothing else."""
    file_id = await shared(visit, "chart.html", content)

    answer = await visit.client.get(f"/api/pictures/{file_id}")

    (message,) = await direct_messages(visit)
    assert message["files"][0]["is_picture"] is True
    assert (answer.content, answer.headers["content-type"]) == (content, kind)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("content", [CONTENT, b'<svg xmlns="http://www.w3.org/2000/svg"/>', b" GIF89a", b"GIF88a"])
async def test_what_is_no_picture_is_not_shown(visit: Visit, content: bytes) -> None:
    """404 for text, for drawings that can hold scripts, and for what only resembles a picture."""
    file_id = await shared(visit, "chart.png", content)

    answer = await visit.client.get(f"/api/pictures/{file_id}")

    assert (answer.status_code, answer.json()) == (404, {"error": "This file is no picture."})


@pytest.mark.parametrize("route", ["files", "pictures"])
@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_was_not_shared_cannot_be_read(visit: Visit, route: str, is_announced: bool) -> None:
    """404 for an upload that was never completed, and for an id that nobody gave."""
    file_id = await announced(visit, "draft.csv") if is_announced else "F0"

    answer = await visit.client.get(f"/api/{route}/{file_id}")

    assert (answer.status_code, answer.json()) == (404, {"error": "There is no such file."})
