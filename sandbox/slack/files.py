"""Files: announced, uploaded, completed, then shared a little later.

Source: https://docs.slack.dev/messaging/working-with-files#upload.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.kit import Json


@dataclass
class File:
    """A file from its announcement on; `state` is `announced`, `uploaded` or `complete`."""

    id: str
    name: str
    length: int
    alt_txt: str = ""
    title: str = ""
    state: str = "announced"
    content: bytes = b""

    def as_api(self, url: str) -> Json:
        """The file object, with a private URL below `url`."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "alt_txt": self.alt_txt,
            "size": self.length,
            "url_private": f"{url}/files/{self.id}",
        }


@dataclass
class PendingShare:
    """The message that shares completed files, due at a Unix time."""

    due_at: float
    file_ids: list[str]
    channel_id: str
    thread_ts: str | None
    comment: str
    blocks: list[Json] = field(default_factory=list)
