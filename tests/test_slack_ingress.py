"""Slack's requests before anybody believes them: signature, age, size, shape."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from starlette.datastructures import Headers

from bot.slack_ingress import FIELDS_LIMIT, SIGNATURE_AGE_S, Refused, parse, verify

SECRET, NOW = "sandbox-signing-secret", 1_800_000_000
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BODY = b"command=%2Fdeploy&text=staging+main"
TIMESTAMP, SIGNATURE = "x-slack-request-timestamp", "x-slack-signature"


def sign(body: bytes, timestamp: str, secret: str = SECRET) -> str:
    """The signature as Slack's documentation computes it."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return f"v0={digest}"


def signed(body: bytes = BODY, at: float = NOW, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(at))
    return {TIMESTAMP: timestamp, SIGNATURE: sign(body, timestamp, secret)}


def refusal(body: bytes, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and word of the refusal, or None where the request is Slack's."""
    try:
        verify(body, headers, secret=SECRET, now=NOW)
    except Refused as refused:
        return refused.status, refused.why
    return None


@pytest.mark.parametrize("age_s", [0, 1, SIGNATURE_AGE_S, -1, -SIGNATURE_AGE_S])
def test_a_signature_of_the_last_minutes_is_believed(age_s: int) -> None:
    """Signed now, five minutes ago, or on a clock that is five minutes ahead."""
    assert refusal(BODY, signed(at=NOW - age_s)) is None


@pytest.mark.parametrize("age_s", [SIGNATURE_AGE_S + 1, -SIGNATURE_AGE_S - 1, 86_400, -86_400, NOW])
def test_a_stale_signature_is_refused(age_s: int) -> None:
    """Right, but from the past or the future: a replay."""
    assert refusal(BODY, signed(at=NOW - age_s)) == (401, "stale")


@pytest.mark.parametrize(
    "headers",
    [
        signed(secret="another"),
        signed(BODY + b"x"),
        signed(at=NOW + 1) | {TIMESTAMP: str(NOW)},
        signed() | {SIGNATURE: ""},
        signed() | {SIGNATURE: "v0="},
        signed() | {SIGNATURE: signed()[SIGNATURE].upper()},
        signed() | {SIGNATURE: signed()[SIGNATURE].removeprefix("v0=")},
        signed() | {SIGNATURE: signed()[SIGNATURE] + " "},
        signed() | {SIGNATURE: signed()[SIGNATURE][:-1]},
        signed() | {SIGNATURE: "v1" + signed()[SIGNATURE][2:]},
        signed() | {SIGNATURE: "v0=" + "é" * 64},
        signed() | {SIGNATURE: "v0=\ud800\udcff"},
        {TIMESTAMP: str(NOW)},
    ],
)
def test_a_forged_signature_is_refused(headers: dict[str, str]) -> None:
    """Another secret, another body, another moment, a part, nothing, or no ASCII at all."""
    assert refusal(BODY, headers) == (401, "signature")


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        " ",
        "soon",
        "-1",
        "+1",
        "1e9",
        f"{NOW}.0",
        f" {NOW}",
        "1_800_000_000",
        "１８００００００００",
        "٣",
        "9" * 13,
        "9" * 9999,
    ],
)
def test_a_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    """Only plain digits of a sensible length are read, even under a right signature."""
    headers = {TIMESTAMP: timestamp, SIGNATURE: sign(BODY, timestamp)}

    assert refusal(BODY, headers) == (401, "timestamp")


def test_missing_headers_are_refused() -> None:
    """A request without a timestamp is not looked at further."""
    assert refusal(BODY, {}) == (401, "timestamp")
    assert refusal(BODY, {SIGNATURE: signed()[SIGNATURE]}) == (401, "timestamp")


def test_a_second_signature_header_does_not_help() -> None:
    """Of a header that stands twice the first counts, whichever is the forged one."""
    right, wrong = signed()[SIGNATURE].encode(), b"v0=" + b"0" * 64
    stamp = (TIMESTAMP.encode(), str(NOW).encode())
    name = SIGNATURE.encode()

    assert refusal(BODY, Headers(raw=[stamp, (name, wrong), (name, right)])) == (401, "signature")
    assert refusal(BODY, Headers(raw=[stamp, (name, right), (name, wrong)])) is None
    assert refusal(BODY, Headers(raw=[(stamp[0], b"1"), stamp, (name, right)])) == (401, "stale")


def test_headers_are_read_in_any_spelling() -> None:
    """The server's headers know no capitals."""
    assert refusal(BODY, Headers({key.title(): value for key, value in signed().items()})) is None


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", "tëxt=✓".encode(), b"x" * 100_000])
def test_the_raw_bytes_are_what_is_signed(body: bytes) -> None:
    """Nothing is decoded before the signature is checked."""
    assert refusal(body, signed(body)) is None


class FixedClock(Clock):
    """The library's clock, standing."""

    def now(self) -> float:
        return NOW


@given(
    body=st.text(max_size=200),
    signed_body=st.none() | st.text(max_size=20),
    offset=st.integers(-400, 400) | st.sampled_from([300, 301, -300, -301]),
    secret=st.sampled_from([SECRET, "another"]),
    spoiled=st.none() | st.text("v0=abcdef123", max_size=70),
)
def test_what_slacks_own_library_accepts_is_accepted(
    body: str, signed_body: str | None, offset: int, secret: str, spoiled: str | None
) -> None:
    """For well-formed requests the answer is that of slack_sdk, right or forged, fresh or stale."""
    headers = signed((signed_body or body).encode(), NOW + offset, secret)
    if spoiled is not None:
        headers[SIGNATURE] = spoiled

    expected = SignatureVerifier(SECRET, FixedClock()).is_valid_request(body.encode(), headers)

    assert (refusal(body.encode(), headers) is None) is expected


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from([TIMESTAMP, SIGNATURE]), st.text() | st.characters()))
@example(b"", {TIMESTAMP: str(NOW), SIGNATURE: "\ud800"})
def test_arbitrary_headers_are_only_ever_refused(body: bytes, headers: dict[str, str]) -> None:
    """Nothing that stands in a header raises anything but Refused."""
    assert refusal(body, headers) is not None


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", FORM.upper(), f" {FORM} ;x"])
def test_a_command_is_its_fields(content_type: str) -> None:
    """Form fields come as they are, empty ones included, plus signs and escapes decoded."""
    body = form(command="/deploy", text="staging main & more ✓", channel_name="")

    assert parse(body, content_type) == {"command": "/deploy", "text": "staging main & more ✓", "channel_name": ""}


@pytest.mark.parametrize("text", ["payload", "payload=1", "payload={}", '&payload={"type":"x"}', "a&payload"])
def test_the_word_payload_in_a_commands_text_is_kept(text: str) -> None:
    """Only a field that is really called so is JSON; what people type is what arrives."""
    body = form(command="/deploy", text=text)

    assert parse(body, FORM) == {"command": "/deploy", "text": text}


def test_a_click_is_its_payload() -> None:
    """The one field of an interaction is read as JSON."""
    click = {"type": "block_actions", "actions": [{"value": "é"}]}

    assert parse(form(payload=json.dumps(click)), FORM) == click


def test_an_event_is_its_body() -> None:
    """A JSON body is read whole."""
    assert parse(b'{"type": "event_callback"}', "application/json; charset=utf-8") == {"type": "event_callback"}


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"\xff\xfe", FORM, (400, "encoding")),
        (b"\xff\xfe", JSON, (400, "encoding")),
        (b"text=%ff%fe", FORM, (400, "form")),
        (b"text=%ED%A0%80", FORM, (400, "form")),
        (b"{", JSON, (400, "json")),
        (b"", JSON, (400, "json")),
        (b"\xef\xbb\xbf{}", JSON, (400, "json")),
        (b"[]", JSON, (400, "json")),
        (b'"text"', JSON, (400, "json")),
        (b"null", JSON, (400, "json")),
        (b"7" * 5000, JSON, (400, "json")),
        (DEEP.encode(), JSON, (400, "json")),
        (b'{"a":' * 100_000, JSON, (400, "json")),
        (b"payload=" + DEEP.encode(), FORM, (400, "json")),
        (b"payload=", FORM, (400, "json")),
        (b"payload=%7B", FORM, (400, "json")),
        (b"payload=%5B%5D", FORM, (400, "json")),
        (b"&".join(b"f%d=x" % n for n in range(10_000)), FORM, (400, "form")),
        (b"a=1", "text/plain", (415, "content type")),
        (b"a=1", "multipart/form-data; boundary=x", (415, "content type")),
        (b"a=1", "", (415, "content type")),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, content_type: str, expected: tuple[int, str]) -> None:
    """Not UTF-8, no JSON, JSON of another shape, too deep, too many fields, another kind: a 4xx and a word."""
    with pytest.raises(Refused) as refused:
        parse(body, content_type)

    assert (refused.value.status, refused.value.why) == expected


def test_as_many_fields_as_slack_would_never_send_are_read() -> None:
    """The limit itself still passes."""
    body = b"&".join(b"f%d=x" % n for n in range(FIELDS_LIMIT))

    assert len(parse(body, FORM)) == FIELDS_LIMIT


CONTENT_TYPES = st.sampled_from([FORM, JSON]) | st.text(max_size=20)


@given(
    st.binary(max_size=300)
    | st.binary(max_size=100).map(lambda raw: b"payload=" + quote_from_bytes(raw).encode())
    | st.recursive(st.none() | st.text() | st.floats() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode()),
    CONTENT_TYPES,
)
def test_arbitrary_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    """Every body gives a dictionary with text for keys, or Refused with a 4xx; nothing else comes out."""
    status, read = 200, dict[str, Any]()
    try:
        read = parse(body, content_type)
    except Refused as refused:
        status = refused.status

    assert status in {200, 400, 415}
    assert all(isinstance(key, str) for key in read)
