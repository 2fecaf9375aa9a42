"""Reads what people type after a slash command, from any keyboard, into words and options."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bot.errors import BadCommand
from bot.views.blocks import plain

TEXT_LIMIT = 1000
# What phones and word processors type in place of quotes.
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})
# And in place of two hyphens; only before an option, since a dash in a sentence is a dash.
_DASH = re.compile(r"(?<!\S)[–—](?=[A-Za-z])")


@dataclass(frozen=True)
class Words:
    """The plain words of a command, its flags and its options with values."""

    words: tuple[str, ...]
    flags: frozenset[str]
    options: dict[str, str]

    @property
    def is_help(self) -> bool:
        """Whether the first word asks for help; phones write it with a capital."""
        return [word.casefold() for word in self.words[:1]] == ["help"]


def read_words(text: str, *, flags: Sequence[str] = (), options: Sequence[str] = (), usage: str = "") -> Words:
    """Split a command's text; BadCommand, with what was probably meant, for what cannot be read.

    Slack escapes `&`, `<` and `>` in the text; they are read back here. All white space separates words, what
    cannot be seen is dropped, and a word that is empty is none.
    """
    if len(text) > TEXT_LIMIT:
        raise BadCommand(f"That is {len(text)} characters; a command has at most {TEXT_LIMIT}.", usage=usage)
    tokens = _split(_DASH.sub("--", plain(html.unescape(text)).translate(_QUOTES)), usage)
    words: list[str] = []
    found_flags: set[str] = set()
    found_options: dict[str, str] = {}
    rest = iter(tokens)
    for token in rest:
        name, has_value, value = token.partition("=")
        if not token.startswith("--"):
            words.extend([token] if token else [])
        elif name in flags and has_value:
            raise BadCommand(f"`{name}` takes no value.", usage=usage)
        elif name in flags:
            found_flags.add(name)
        elif name in options:
            # A flag in the value's place is a value that was forgotten, not a value.
            following = "" if has_value else next(rest, "")
            found_options[name] = value.strip() if has_value else following.strip()
            if not found_options[name] or following.startswith("--"):
                raise BadCommand(f"`{name}` needs a value.", usage=usage)
        else:
            raise BadCommand(
                f"`{shown(name)}` is not an option of this command.",
                usage=usage,
                did_you_mean=closest(name, [*flags, *options]),
            )
    return Words(tuple(words), frozenset(found_flags), found_options)


def closest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, or an empty string."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _split(text: str, usage: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    # An apostrophe within a word is one ("don't"), so only double quotes group words.
    lexer.quotes = '"'
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError:
        raise BadCommand("There is a quote that is not closed.", usage=usage) from None


def shown(word: str) -> str:
    """A typed word as an error may quote it."""
    return word[:40].replace("`", "'")
