"""What both of the bot's doors share: a request that is refused, and a body that is read no further than it may."""

from __future__ import annotations

from starlette.requests import Request


class Refused(Exception):
    """A request that is not worked: the status to answer and a word for the figures."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


async def read_body(request: Request, *, limit: int) -> bytes:
    """The raw body of at most `limit` bytes; Refused(413) as soon as it is known to be larger."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise Refused(413, "too large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused(413, "too large")
    return bytes(body)
