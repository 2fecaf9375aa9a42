"""Files that the app sends to a person: listed in their direct messages, and there to be saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.page_visit import ANA, FIXTURES, HOSTILE, Visit, calling

page_stage, bot_stage, visit = FIXTURES
CONTENT = f"who,what\nana,{HOSTILE}\n".encode()


async def announced(visit: Visit, name: str) -> str:
    """The id of a file whose bytes are there."""
    length = len(CONTENT)
    file = await visit.app_says("files.getUploadURLExternal", filename=name, length=length)
    async with calling(visit.simulators.slack) as slack:
        await slack.post(f"/upload/v1/{file['file_id']}", content=CONTENT)
    return str(file["file_id"])


async def shared(visit: Visit, name: str) -> str:
    """The id of a file that the app sent to Ana."""
    file_id = await announced(visit, name)
    conversation = (await visit.app_says("conversations.open", channel=None, users=ANA))["channel"]["id"]
    files = [{"id": file_id, "title": name}]
    await visit.app_says("files.completeUploadExternal", files=files, channel_id=conversation, initial_comment="Here")
    visit.simulators.clock.speed = 10_000
    return file_id


async def direct_messages(visit: Visit) -> list[dict[str, Any]]:
    """What stands between the app and Ana, once something does."""
    while True:
        channels = (await visit.state())["slack"]["channels"]
        found: list[dict[str, Any]] = next(c["messages"] for c in channels if c["kind"] == "im" and c["user"] == ANA)
        if found:
            return found


async def test_a_file_stands_in_the_direct_messages(visit: Visit) -> None:
    """With its name and its size in bytes, in the conversation of the person whom it was sent to."""
    file_id = await shared(visit, "history.csv")

    (message,) = await direct_messages(visit)

    assert message["text"] == "Here"
    assert message["files"] == [{"id": file_id, "name": "history.csv", "size": len(CONTENT)}]


async def test_a_file_is_saved_and_never_shown(visit: Visit) -> None:
    """Byte for byte, as a download that no browser takes for a page, whatever its name is."""
    file_id = await shared(visit, "page.html")

    answer = await visit.client.get(f"/api/files/{file_id}")

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_was_not_shared_cannot_be_read(visit: Visit, is_announced: bool) -> None:
    """404 for an upload that was never completed, and for an id that nobody gave."""
    file_id = await announced(visit, "draft.csv") if is_announced else "F0"

    answer = await visit.client.get(f"/api/files/{file_id}")

    assert (answer.status_code, answer.json()) == (404, {"error": "There is no such file."})
