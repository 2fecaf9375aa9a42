"""Web API methods of the three-step upload, and the address that takes the bytes.

Source: https://docs.slack.dev/reference/methods/files.getUploadURLExternal and
https://docs.slack.dev/reference/methods/files.completeUploadExternal.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox.kit import Json
from sandbox.slack.api import method
from sandbox.slack.arguments import Arguments
from sandbox.slack.blocks import check_message_blocks, with_ids
from sandbox.slack.chat import thread_parent, writable_channel
from sandbox.slack.errors import SlackError, invalid_arguments
from sandbox.slack.files import File, PendingShare
from sandbox.slack.limits import TIER_4
from sandbox.slack.world import World

LARGEST_FILE = 1_000_000_000


@method("files.getUploadURLExternal", scope="files:write", per_minute=TIER_4)
def get_upload_url(world: World, arguments: Arguments) -> Json:
    """Announce a file by name and length in bytes; answers where to send it."""
    name = arguments.required("filename")
    arguments.required("length")
    length = arguments.integer("length", 0, least=1, most=LARGEST_FILE)
    file = File(world.new_id("F"), name, length, alt_txt=arguments.text("alt_txt") or "")
    world.files[file.id] = file
    world.changed()
    return {"upload_url": f"{world.url}/upload/v1/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", scope="files:write", per_minute=TIER_4)
def complete_upload(world: World, arguments: Arguments) -> Json:
    """Finish uploads; the message that shares them appears a little later, not in the answer."""
    entries = arguments.parsed("files", "invalid_arguments")
    if not isinstance(entries, list) or not entries:
        raise invalid_arguments("missing required field: files")
    files = [_uploaded(world, entry) for entry in entries]
    if arguments.text("channel_id"):
        world.pending_shares.append(_share(world, arguments, files))
    for file, entry in zip(files, entries, strict=True):
        file.state, file.title = "complete", str(entry.get("title") or file.name)
    world.changed()
    return {"files": [file.as_api(world.url) for file in files]}


def _uploaded(world: World, entry: Any) -> File:
    file = world.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or file.state != "uploaded":
        raise SlackError("file_not_found")
    return file


def _share(world: World, arguments: Arguments, files: list[File]) -> PendingShare:
    channel = writable_channel(world, arguments.required("channel_id"))
    return PendingShare(
        due_at=world.clock.now() + world.file_share_s,
        file_ids=[file.id for file in files],
        channel_id=channel.id,
        thread_ts=thread_parent(channel, arguments.text("thread_ts")),
        comment=arguments.text("initial_comment") or "",
        blocks=with_ids(check_message_blocks(arguments.parsed("blocks", "invalid_blocks_format") or [])),
    )


async def upload(world: World, request: Request) -> Response:
    """Take the bytes of an announced file, raw or as a form with one file."""
    file = world.files.get(request.path_params["file_id"])
    if file is None or file.state == "complete":
        return PlainTextResponse("file not found", status_code=404)
    content = await _content(request)
    if len(content) != file.length:
        return PlainTextResponse(f"expected {file.length} bytes, got {len(content)}", status_code=400)
    file.content, file.state = content, "uploaded"
    world.changed()
    return PlainTextResponse(f"OK - {len(content)}")


async def _content(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        for part in form.values():
            if isinstance(part, UploadFile):
                return await part.read()
    return b""


def download(world: World, request: Request) -> Response:
    """The bytes of a file, for the page."""
    file = world.files.get(request.path_params["file_id"])
    if file is None or not file.content:
        return PlainTextResponse("file not found", status_code=404)
    media_type = "image/png" if file.name.endswith(".png") else "application/octet-stream"
    return Response(file.content, media_type=media_type)
