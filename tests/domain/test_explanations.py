"""Every reason code can be explained."""

from __future__ import annotations

import pytest

from bot.domain.explanations import EXPLANATIONS, SECTIONS
from bot.errors import Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_and_what_lifts_it(reason: Reason) -> None:
    """Both end as sentences do, so that they can stand one after the other."""
    explained = EXPLANATIONS[reason]

    assert explained.what.endswith(".")
    assert explained.lift.endswith(".")


def test_no_reason_is_explained_twice() -> None:
    """A code stands in one section."""
    assert sum(len(section) for section in SECTIONS.values()) == len(EXPLANATIONS)
