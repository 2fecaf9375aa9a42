"""Webhooks and what was delivered to them, as data.

Sources: "REST API endpoints for repository webhooks", "REST API endpoints for GitHub App webhooks", "Webhook events and
payloads".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.github.model import Happening, Repository, iso
from sandbox.kit import Json

# What the simulated GitHub tells; a hook may name other events of GitHub's, which never come.
EVENTS = frozenset(
    {
        "check_run",
        "check_suite",
        "create",
        "delete",
        "deployment",
        "deployment_status",
        "issue_comment",
        "pull_request",
        "push",
        "release",
        "workflow_job",
        "workflow_run",
    }
)
OTHER_EVENTS = frozenset(
    {
        "branch_protection_rule",
        "commit_comment",
        "deployment_protection_rule",
        "deployment_review",
        "fork",
        "issues",
        "label",
        "member",
        "merge_group",
        "milestone",
        "public",
        "pull_request_review",
        "pull_request_review_comment",
        "repository",
        "repository_dispatch",
        "star",
        "status",
        "watch",
        "workflow_dispatch",
    }
)
# An App hears of these whatever it subscribes to.
ALWAYS = frozenset({"installation", "ping"})
CONTENT_TYPES = ("json", "form")
HIDDEN = "********"


@dataclass(frozen=True)
class Delivery:
    """One attempt to deliver an event, with all that was sent and answered; kept for three days.

    `status` is `OK` for an answer of 200 to 299, else GitHub's word for what went wrong; `status_code` is that of the
    answer, 502 without a connection, 504 after ten seconds. `duration` is in seconds. A redelivery has an id of its
    own and the `guid` of the first.
    """

    id: int
    guid: str
    hook: int
    event: str
    action: str | None
    delivered_at: float
    redelivery: bool
    duration: float
    status: str
    status_code: int
    installation: int | None
    repository: int | None
    url: str
    request_headers: dict[str, str]
    payload: Json
    response_headers: dict[str, str]
    response_payload: str | None

    @property
    def is_ok(self) -> bool:
        return self.status == "OK"


@dataclass
class Hook:
    """Where events go: a hook of `repository`, or with None the App's own."""

    id: int
    repository: int | None
    events: tuple[str, ...]
    created_at: float
    updated_at: float
    url: str = ""
    secret: str = ""
    content_type: str = "form"
    insecure_ssl: str = "0"
    active: bool = True
    deliveries: list[Delivery] = field(default_factory=list)

    def hears(self, happening: Happening) -> bool:
        """Whether it subscribes to this event, and may know of it; without an address it hears nothing."""
        if not self.active or not self.url:
            return False
        if happening.event in ALWAYS:
            return self.repository is None
        here = self.repository is None or (
            happening.repository is not None and happening.repository.id == self.repository
        )
        return here and ("*" in self.events or happening.event in self.events)

    def config(self) -> Json:
        secret = {"secret": HIDDEN} if self.secret else {}
        return {"content_type": self.content_type, "insecure_ssl": self.insecure_ssl, "url": self.url, **secret}

    def change(self, config: Json) -> None:
        """Take what a configuration states; ValueError with the field's name and a sentence where it makes no sense."""
        checked = {name: check(config[name]) for name, check in CHECKS.items() if name in config}
        for name, value in checked.items():
            setattr(self, name, value)

    def last_response(self) -> Json:
        if not self.deliveries:
            return {"code": None, "status": "unused", "message": None}
        last = self.deliveries[-1]
        return {"code": last.status_code, "status": "active" if last.is_ok else "failed", "message": last.status}


def _url(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("url", "url is not a valid URL")
    return str(value)


def _content_type(value: Any) -> str:
    if value not in CONTENT_TYPES:
        raise ValueError("content_type", "content_type must be json or form")
    return str(value)


def _insecure_ssl(value: Any) -> str:
    if str(value) not in {"0", "1"}:
        raise ValueError("insecure_ssl", "insecure_ssl must be 0 or 1")
    return str(value)


def _secret(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("secret", "secret is not a string")  # noqa: TRY004  one kind of error for a bad field
    return value


CHECKS = {"url": _url, "content_type": _content_type, "insecure_ssl": _insecure_ssl, "secret": _secret}


def event_names(value: Any, *, known: frozenset[str] = EVENTS | OTHER_EVENTS | {"*"}) -> tuple[str, ...]:
    """A list of events as a hook names them; ValueError for what is no event."""
    if not isinstance(value, list) or not value:
        raise ValueError("events", "events is not a list of names")
    if unknown := [name for name in value if name not in known]:
        raise ValueError("events", f"These events are not allowed for this hook: {', '.join(map(str, unknown))}")
    return tuple(dict.fromkeys(value))


def hook_json(api_url: str, repo: Repository, hook: Hook) -> Json:
    """A repository's hook; nothing ever tells its secret."""
    url = f"{api_url}/repos/{repo.full_name}/hooks/{hook.id}"
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": hook.config(),
        "updated_at": iso(hook.updated_at),
        "created_at": iso(hook.created_at),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": hook.last_response(),
    }


def app_hook_json(api_url: str, hook: Hook, app_id: int) -> Json:
    """The App's hook, as its ping tells it."""
    url = f"{api_url}/app/hook"
    return {
        "type": "App",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": hook.config(),
        "updated_at": iso(hook.updated_at),
        "created_at": iso(hook.created_at),
        "app_id": app_id,
        "url": url,
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
    }


def delivery_item(item: Delivery) -> Json:
    """A delivery as in lists."""
    return {
        "id": item.id,
        "guid": item.guid,
        "delivered_at": iso(item.delivered_at),
        "redelivery": item.redelivery,
        "duration": round(item.duration, 2),
        "status": item.status,
        "status_code": item.status_code,
        "event": item.event,
        "action": item.action,
        "installation_id": item.installation,
        "repository_id": item.repository,
        "throttled_at": None,
    }


def delivery_json(item: Delivery) -> Json:
    """A delivery by itself, with request and response."""
    return {
        **delivery_item(item),
        "url": item.url,
        "request": {"headers": item.request_headers, "payload": item.payload},
        "response": {"headers": item.response_headers, "payload": item.response_payload},
    }
