"""Tokens in the form that Fly gives them: macaroons, which flyctl decodes, and drops where it cannot.

A token is `fm2_` and the base64 of a MessagePack array: a nonce (key id, random bytes, whether it is a proof), the
location, the caveats as a flat array of type and body, and a tail of chained HMAC-SHA256.
Source: superfly/macaroon, macaroon.go, nonce.go, caveat_set.go and format.go
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

PREFIX = "fm2_"
LOCATION = "https://api.fly.io/v1"
ORGANIZATION, VALIDITY_WINDOW = 0, 4
READ, EVERY_ACTION = 1, 31
# Opens nothing but sandboxes; the same in each, so that a documented token is good in all of them.
KEY = b"a sandbox keeps no secrets"

Packable = bool | int | bytes | str | Sequence["Packable"]


def mint(token_id: str, organization: int, *, window: tuple[int, int] | None = None) -> str:
    """A token without its scheme, for an organisation's number; good from and until a Unix time if there is a window.

    It needs no discharge. The same arguments give the same token.
    """
    nonce = pack((token_id.encode(), hashlib.sha256(token_id.encode()).digest()[:16], False))
    caveats: list[tuple[int, tuple[int, int]]] = [(ORGANIZATION, (organization, EVERY_ACTION))]
    if window is not None:
        caveats.append((VALIDITY_WINDOW, window))
    tail = _sign(KEY, nonce)
    for caveat in caveats:
        tail = _sign(tail, pack(caveat))
    flat = [part for caveat in caveats for part in caveat]
    whole = b"\x94" + nonce + pack(LOCATION) + pack(flat) + pack(tail)
    return PREFIX + base64.b64encode(whole).decode()


def opened(token: str) -> tuple[str, list[tuple[int, list[int]]]] | None:
    """The id and the caveats (type and two numbers) of a token from here, or of one narrowed down since.

    None for any other text: not signed with the sandbox's key, or with caveats that the sandbox does not know.
    """
    try:
        data = base64.b64decode(token.removeprefix(PREFIX), validate=True)
        (nonce, location, flat, tail), rest = _unpack(data)
        caveats = [(int(kind), [int(part) for part in body]) for kind, body in zip(flat[::2], flat[1::2], strict=True)]
        signed = _sign(KEY, pack(nonce))
        for caveat in caveats:
            signed = _sign(signed, pack(caveat))
        is_ours = not rest and location == LOCATION and hmac.compare_digest(signed, tail)
        return (nonce[0].decode(), caveats) if is_ours else None
    except (ValueError, TypeError, IndexError, AttributeError):
        return None


def pack(value: Packable) -> bytes:
    """A value in MessagePack, as short as it can be; ValueError for one that is too long."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _number(value)
    if isinstance(value, bytes):
        return b"\xc4" + _size(len(value), 255) + value
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xA0 | len(text)]) if len(text) < 32 else b"\xd9" + _size(len(text), 255)) + text
    return bytes([0x90 | _size(len(value), 15)[0]]) + b"".join(pack(part) for part in value)


def _unpack(data: bytes) -> tuple[Any, bytes]:
    """The first value of a text in MessagePack, and what follows; ValueError or IndexError if there is none."""
    tag, rest = data[0], data[1:]
    if tag < 0x80:
        return tag, rest
    if tag >> 4 == 0x9:
        values = []
        for _ in range(tag & 15):
            value, rest = _unpack(rest)
            values.append(value)
        return values, rest
    if tag in {0xC2, 0xC3}:
        return tag == 0xC3, rest
    if 0xCC <= tag <= 0xCF:
        width = 1 << tag - 0xCC
        return int.from_bytes(rest[:width], "big"), rest[width:]
    if tag >> 5 != 0x5 and tag not in {0xC4, 0xD9}:
        raise ValueError(f"unknown tag {tag:#x}")
    size, rest = (tag & 31, rest) if tag >> 5 == 0x5 else (rest[0], rest[1:])
    if len(rest) < size:
        raise ValueError("cut off")
    return (rest[:size] if tag == 0xC4 else rest[:size].decode()), rest[size:]


def _number(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes([value])
    for tag, width in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if 0 <= value < 1 << 8 * width:
            return bytes([tag]) + value.to_bytes(width, "big")
    raise ValueError(f"{value} is not an unsigned number of 64 bits")


def _size(length: int, most: int) -> bytes:
    if length > most:
        raise ValueError(f"{length} is more than {most}")
    return bytes([length])


def _sign(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
