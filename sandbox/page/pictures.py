"""Which files are pictures that a browser may show: by their first bytes, whatever their name says."""

from __future__ import annotations

# No SVG among them: it can hold a script.
# Source: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def picture_type(content: bytes) -> str | None:
    """The media type of a PNG, JPEG or GIF; None for everything else."""
    return next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
