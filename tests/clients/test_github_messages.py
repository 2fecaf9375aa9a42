"""What a commit's message says that it takes back or mends, and where two histories part."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.github import answers

BAD = "844d6008b85920b87c9f6767ee5ea0e879305a82"
OTHER = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"


def commit_json(message: Any) -> dict[str, Any]:
    """A commit with this message, as GitHub lists it."""
    return {"sha": "a" * 40, "commit": {"message": message}}


@pytest.mark.parametrize(
    ("message", "reverts"),
    [
        (f'Revert "Pricing page"\n\nThis reverts commit {BAD}.\n', (BAD,)),
        (f'Reapply "Pricing page"\n\nThis reverts commit {BAD}.', (BAD,)),
        (f"Revert a merge\n\nThis reverts commit {BAD}, reversing\nchanges made to {OTHER}.", (BAD,)),
        (f"Revert two (#7)\n\nThis reverts commit {BAD}.\n\nThis reverts commit {OTHER}.", (BAD, OTHER)),
        (f"Revert\r\n\r\nThis reverts commit {BAD}.\r\n", (BAD,)),
        (f"Revert twice\n\nThis reverts commit {BAD}.\nThis reverts commit {BAD}.", (BAD,)),
        ("Revert by hand\n\nThis reverts commit 844D600", ("844d600",)),
        ("Revert\n\nThis reverts commit 844d60.", ()),
        (f"Revert\n\nThis reverts commit {BAD}0.", ()),
        ("Revert\n\nThis reverts commit HEAD.", ()),
        (f"Explain\n\nWe decided that nobody says This reverts commit {BAD}.", ()),
        ("Revert\n\nReverts reify/reify-studio#12", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_a_revert_is_what_git_calls_one(message: Any, reverts: tuple[str, ...]) -> None:
    """Git's own sentence on a line of its own, of a merge too, whose parent stays; nothing else is a revert."""
    assert answers.commit_of(commit_json(message)).reverts == reverts


@pytest.mark.parametrize(
    ("message", "fixes"),
    [
        (f'Round prices\n\nFixes: {BAD[:12]} ("Pricing page")\nSigned-off-by: Bo', (BAD[:12],)),
        (f"Round prices\n\nfixes: {BAD}\nFixes: {OTHER}", (BAD, OTHER)),
        ("Round prices\n\nFixes #12", ()),
        ("Round prices\n\nFixes: #12", ()),
        ("Round prices\n\nFixes: https://github.com/reify/reify-studio/issues/12", ()),
        (f"Round prices\n\nThis Fixes: {BAD}", ()),
        ("Round prices\n\nFixes: 844d60", ()),
    ],
)
def test_a_fix_is_declared_by_its_trailer(message: str, fixes: tuple[str, ...]) -> None:
    """`Fixes:` and a commit, as in the kernel; an issue is no commit."""
    assert answers.commit_of(commit_json(message)).fixes == fixes


@given(st.text())
def test_whatever_a_message_says_what_it_names_may_be_a_commit(message: str) -> None:
    """Any text is read, and nothing but 7 to 40 digits in lower case comes out."""
    found = answers.commit_of(commit_json(message))

    for digits in (*found.reverts, *found.fixes):
        assert 7 <= len(digits) <= 40
        assert set(digits) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("body", "merge_base"),
    [({"merge_base_commit": {"sha": BAD}}, BAD), ({"merge_base_commit": None}, ""), ({}, "")],
)
def test_a_comparison_says_where_the_histories_part(body: dict[str, Any], merge_base: str) -> None:
    """The newest commit of both, as far as GitHub tells it."""
    assert answers.comparison_of({"status": "diverged", "files": [], **body}).merge_base == merge_base
