"""Slack's requests over HTTP: size, signature over the raw bytes, and only then parsing.

Bolt would parse first, and answer 500 to much that is malformed; here everything that is not a signed,
readable request of Slack gets a 4xx and changes nothing.
Source: Slack, "Verifying requests from Slack".
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from bot.ingress import Refused

SIGNATURE_AGE_S = 300
BODY_LIMIT = 1024 * 1024
FIELDS_LIMIT = 200


def verify(body: bytes, headers: Mapping[str, str], *, secret: str, now: float) -> None:
    """Return when the body carries Slack's signature of the last five minutes; Refused(401) otherwise."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused(401, "timestamp")
    if abs(now - int(timestamp)) > SIGNATURE_AGE_S:
        raise Refused(401, "stale")
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise Refused(401, "signature")


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """The request as a dictionary: a command's form fields, a form's `payload` as JSON, or a JSON body.

    Only a field that is really called `payload` is JSON; a command may have that word in its text.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "encoding") from None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _json(text)
    if kind != "application/x-www-form-urlencoded":
        raise Refused(415, "content type")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_LIMIT, errors="strict"))
    except ValueError:
        raise Refused(400, "form") from None
    return _json(fields["payload"]) if "payload" in fields else dict(fields)


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "json") from None
    if not isinstance(value, dict):
        raise Refused(400, "json")
    return value
