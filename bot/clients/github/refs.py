"""Names of tags, branches and commits: which are legal, and which was probably meant. Pure."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 250
MATCHES = 5
# Below this likeness a name is no help (difflib's own default).
LIKENESS = 0.6

# git-check-ref-format(1), rule by rule.
_RULES = (
    (r"\A\Z", "it is empty"),
    (r"\A-", "it begins with a hyphen"),
    (r"\A/|//|/\Z", "it begins or ends with a slash or has two in a row"),
    (r"\A\.|/\.|\.\.|\.\Z", "it has a dot at the begin of a part, at the end, or two in a row"),
    (r"\.lock(?:/|\Z)", "a part of it ends with .lock"),
    (r"[ ~^:?*\[\\]", "it has a space or one of ~ ^ : ? * [ \\"),
    (r"@\{|\A@\Z", "it is @ or has @{"),
)
WHOLE_HASH = re.compile("[0-9a-f]{40}")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.IGNORECASE)


def problem(ref: str) -> str:
    """Why `ref` cannot name a tag, branch or commit, or an empty string.

    Git's own rules, at most 250 characters, and no character that cannot be seen.
    """
    if len(ref) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if any(unicodedata.category(char) in _HIDDEN for char in ref):
        return "it has characters that cannot be seen"
    return next((why for pattern, why in _RULES if re.search(pattern, ref)), "")


def may_be_commit(ref: str) -> bool:
    """Whether `ref` has the form of a commit's hash or its begin: 7 to 40 hexadecimal digits."""
    return _COMMIT.fullmatch(ref) is not None


def close_matches(ref: str, names: Iterable[str]) -> list[str]:
    """At most five of `names` that were probably meant: the same but for capitals, then alike, then continued."""
    by_fold: dict[str, str] = {}
    for name in names:
        by_fold.setdefault(name.casefold(), name)
    folded = ref.casefold()
    alike = difflib.get_close_matches(folded, by_fold, n=MATCHES, cutoff=LIKENESS)
    continued = [name for name in by_fold if name.startswith(folded)]
    return [by_fold[name] for name in dict.fromkeys([*alike, *continued])][:MATCHES]
