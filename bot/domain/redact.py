"""Takes out of log lines what must not be shown in a channel: credentials in URLs, tokens, assignments of secrets."""

from __future__ import annotations

import re

MASK = "***"

# What stands between a name and its value: `=`, `:` or `=>`, and quotes, escaped where JSON stands in JSON.
_IS = r"[\\\"']*\s*(?:=>|[=:])\s*"
_VALUE = r"(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\S+)"

# Repetitions are bounded where a pattern may start anywhere: a line made for it would hold the bot up for seconds.
_PATTERNS = (
    # Up to the last `@`: a password may hold `/` and `@` itself, though a URL should have them encoded.
    (
        re.compile(r"(?P<keep>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://)[^\s\"'<>]{1,2000}@", re.IGNORECASE),
        rf"\g<keep>{MASK}@",
    ),
    (re.compile(r"\b(?:FlyV1\s+)?(?:fm1r_|fm1a_|fm2_|fo1_)[\w+/=,.-]+"), MASK),
    (re.compile(r"\b(?:xox[abeoprs]|xapp)-[\w-]+"), MASK),
    (re.compile(r"\b(?:gh[opsur]_|github_pat_)\w+"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), MASK),
    (re.compile(rf"(?P<keep>\bAuthorization{_IS})(?:\w+\s+)?{_VALUE}", re.IGNORECASE), rf"\g<keep>{MASK}"),
    (re.compile(r"(?P<keep>\bBearer\s+)\S+", re.IGNORECASE), rf"\g<keep>{MASK}"),
    (
        re.compile(
            rf"(?P<keep>(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_KEY)\w{{0,50}}{_IS}){_VALUE}", re.IGNORECASE
        ),
        rf"\g<keep>{MASK}",
    ),
)


def redact(text: str) -> str:
    """The text with everything that looks like a credential replaced by `***`."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
