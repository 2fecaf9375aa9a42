"""GitHub's deliveries over HTTP: size, signature over the raw bytes, and only then parsing.

Sources: GitHub, "Validating webhook deliveries", "Webhook events and payloads" (delivery headers), "Best practices
for using webhooks".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.ingress import Refused

# GitHub's own limit is 25 MB; what we subscribe to is a hundredth of it.
BODY_LIMIT = 5 * 1024 * 1024
SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
WORD = re.compile(r"[a-z_]{1,64}")
GUID = re.compile(r"[0-9A-Za-z-]{8,64}")
# What a release, a run, or a pull request is told by; GitHub sends more where a hook subscribes to everything.
EVENTS = frozenset({"deployment_status", "pull_request", "push", "release", "workflow_run"})


@dataclass(frozen=True)
class Delivery:
    """One delivery. `guid` is the same when GitHub delivers it again; the signature does not cover it."""

    guid: str
    event: str
    action: str
    repository: str
    body: bytes


@dataclass(frozen=True)
class Hooks:
    """Whose deliveries are taken: proven by one of the secrets, from a hook of these repositories or of the App."""

    secrets: Sequence[str]
    repositories: frozenset[str]
    app_id: str = ""

    def take(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        """The delivery that this request is; Refused with 404, 401, 415, 400 or 403."""
        if not self.secrets:
            # Nothing can be proven, so nothing is believed.
            raise Refused(404, "no secret")
        self._verify(body, headers.get("x-hub-signature-256", ""))
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "content type")
        payload = _object(body)
        event = _header(headers, "x-github-event", WORD)
        told, action = payload.get("repository"), payload.get("action")
        repository = told if isinstance(told, dict) else {}
        # What is about no repository, such as an App's ping, leads to nothing and may come.
        if event in EVENTS or repository:
            self._check(repository, headers)
        return Delivery(
            guid=_header(headers, "x-github-delivery", GUID),
            event=event,
            action=action if isinstance(action, str) else "",
            repository=str(repository.get("full_name", "")).lower(),
            body=body,
        )

    def _verify(self, body: bytes, signature: str) -> None:
        if not SIGNATURE.fullmatch(signature):
            raise Refused(401, "signature")
        for secret in self.secrets:
            expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(expected, signature):
                return
        raise Refused(401, "signature")

    def _check(self, repository: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Refuse another repository, or another hook: the secret may stand there as well."""
        if str(repository.get("full_name", "")).lower() not in self.repositories:
            raise Refused(403, "repository")
        kind = headers.get("x-github-hook-installation-target-type", "")
        target = headers.get("x-github-hook-installation-target-id", "")
        expected = {"repository": str(repository.get("id", "")), "integration": self.app_id}.get(kind, "")
        if expected and target != expected:
            raise Refused(403, "hook target")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "json") from None
    if not isinstance(value, dict):
        raise Refused(400, "json")
    return value


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not form.fullmatch(value):
        raise Refused(400, name)
    return value
