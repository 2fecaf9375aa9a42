"""Other people's words inside a sentence of ours."""

from __future__ import annotations

import unicodedata

# What Slack would read as a mention, a link or mark-up, and what it looks like instead.
_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "*": "∗", "~": "∼", "`": "'", "&": "＆"})


def quoted(text: str, limit: int = 300) -> str:
    """A provider's or an app's words in one line that stays text wherever the sentence is shown."""
    line = "".join(c for c in " ".join(text.split()) if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"})
    safe = line.translate(_LOOKALIKES)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
