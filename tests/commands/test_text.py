"""What people type after a command, from any keyboard: read as they meant it, or refused in a sentence."""

from __future__ import annotations

import contextlib
import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadCommand, Reason
from commands.text import TEXT_LIMIT, Words, closest, read_words, shown

FLAGS, OPTIONS = ["--plan"], ["--reason", "--for"]


def read(text: str) -> Words:
    return read_words(text, flags=FLAGS, options=OPTIONS, usage="`/deploy …`")


def refused(text: str) -> BadCommand:
    with pytest.raises(BadCommand) as refusal:
        read(text)
    return refusal.value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("   ", ()),
        ("staging main", ("staging", "main")),
        ("  staging \t main\n", ("staging", "main")),
        ("staging\u00a0main", ("staging", "main")),
        ("staging\u202fmain\u3000now\u2007then", ("staging", "main", "now", "then")),
        ("sta\u200bging\ufeff ma\u202ein\x00", ("staging", "main")),
        ('"staging" "two words"', ("staging", "two words")),
        ("“staging” „two words“ «three words»", ("staging", "two words", "three words")),
        ('a"b c"d', ("ab cd",)),
        ("don't can’t ‘quoted’", ("don't", "can't", "'quoted'")),
        ("feature/a#1 C:\\x $(rm) ;|`x`", ("feature/a#1", "C:\\x", "$(rm)", ";|`x`")),
        ("a &amp; b &lt;c&gt;", ("a", "&", "b", "<c>")),
        ("&amp;amp; &amp;lt;", ("&amp;", "&lt;")),
        ("-x - a-b", ("-x", "-", "a-b")),
        ("v1–v2 a—b –", ("v1–v2", "a—b", "–")),
        ('staging "" main', ("staging", "main")),
        ("ветка 分支 🚀", ("ветка", "分支", "🚀")),
    ],
)
def test_words_come_out_as_they_were_meant(text: str, words: tuple[str, ...]) -> None:
    """All white space separates, all double quotes group, Slack's escapes are undone once, nothing is a shell."""
    assert read(text) == Words(words, frozenset(), {})


@pytest.mark.parametrize(
    ("text", "words", "flags", "options"),
    [
        ("--plan", (), {"--plan"}, {}),
        ("a --plan b --plan", ("a", "b"), {"--plan"}, {}),
        ("a —plan", ("a",), {"--plan"}, {}),
        ("a –plan", ("a",), {"--plan"}, {}),
        ('a --reason "pricing fix" b', ("a", "b"), set(), {"--reason": "pricing fix"}),
        ("a —reason “pricing — fix”", ("a",), set(), {"--reason": "pricing — fix"}),
        ("--reason=fix --for=2h", (), set(), {"--reason": "fix", "--for": "2h"}),
        ('--reason="a = b"', (), set(), {"--reason": "a = b"}),
        ("--reason=--plan", (), set(), {"--reason": "--plan"}),
        ("--reason don't", (), set(), {"--reason": "don't"}),
        ("--reason <!channel>", (), set(), {"--reason": "<!channel>"}),
    ],
)
def test_options_are_found_anywhere(
    text: str, words: tuple[str, ...], flags: set[str], options: dict[str, str]
) -> None:
    """Flags and options stand before, between or behind the words, with a space or an equals sign, or as a dash."""
    assert read(text) == Words(words, frozenset(flags), options)


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("a --plam", "`--plam` is not an option", "--plan"),
        ("a --raeson x", "`--raeson` is not an option", "--reason"),
        ("a --Plan", "`--Plan` is not an option", "--plan"),
        ("a --zzz=1", "`--zzz` is not an option", ""),
        ("a --", "`--` is not an option", ""),
        ("a --`rm`", "`--'rm'` is not an option", ""),
        ("a --plan=yes", "`--plan` takes no value", ""),
        ("a --reason", "`--reason` needs a value", ""),
        ("a --reason=", "`--reason` needs a value", ""),
        ('a --reason ""', "`--reason` needs a value", ""),
        ('a --reason "  "', "`--reason` needs a value", ""),
        ("a --reason --plan", "`--reason` needs a value", ""),
        ("a —reason —plan", "`--reason` needs a value", ""),
        ('a "b', "quote that is not closed", ""),
        ("a “b", "quote that is not closed", ""),
        ('a b"', "quote that is not closed", ""),
        ("x" * (TEXT_LIMIT + 1), f"at most {TEXT_LIMIT}", ""),
        ("ä " * 5000, "10000 characters", ""),
    ],
)
def test_what_cannot_be_read_is_said(text: str, said: str, meant: str) -> None:
    """The refusal names the word, shows the usage, and guesses what was meant where it can."""
    refusal = refused(text)

    assert said in refusal.message
    assert (refusal.did_you_mean, refusal.usage) == (meant, "`/deploy …`")
    assert refusal.reason is Reason.BAD_COMMAND
    assert (meant in refusal.hint) if meant else not refusal.hint


def test_the_longest_text_is_still_read() -> None:
    """The limit itself passes."""
    assert read("x" * TEXT_LIMIT).words == ("x" * TEXT_LIMIT,)


@pytest.mark.parametrize(("word", "expected"), [("stagin", "staging"), ("stage", "staging"), ("qa", ""), ("", "")])
def test_a_misspelling_is_recognised(word: str, expected: str) -> None:
    """Near is named, far is not."""
    assert closest(word, ["staging", "production"]) == expected


def test_a_quoted_word_cannot_break_out() -> None:
    """An error shows the first forty characters, and no backtick that would end its code span."""
    assert shown("`a`" + "b" * 99) == "'a'" + "b" * 37


@given(st.text(max_size=1100))
def test_any_text_is_words_or_a_refusal(text: str) -> None:
    """Nothing that can be typed raises anything but BadCommand; no word is empty or holds what cannot be seen."""
    with contextlib.suppress(BadCommand):
        found = read(text)
        assert all(found.words)
        assert {unicodedata.category(char) for word in found.words for char in word}.isdisjoint({"Cc", "Cf", "Zl"})


@given(st.lists(st.text("abc \"“”—–-=&<>;'’\\`\u00a0\n", max_size=12), max_size=8).map("".join))
def test_any_mixture_of_special_characters_is_read_or_refused(text: str) -> None:
    """Quotes, dashes, escapes and spaces in any order, escaped as Slack does it."""
    with contextlib.suppress(BadCommand):
        assert isinstance(read(html.escape(text, quote=False)), Words)


@given(
    st.lists(st.from_regex(r"[\w./#&<>'-]{1,9}", fullmatch=True).filter(lambda w: not w.startswith("--")), max_size=9)
)
def test_plain_words_are_never_changed(words: list[str]) -> None:
    """Refs and names without spaces and quotes arrive character by character, through Slack's escapes."""
    assert read(html.escape(" ".join(words), quote=False)).words == tuple(words)
