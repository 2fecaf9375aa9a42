"""The rules of an environment as lines and as words of a sentence."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.freeze import Frozen
from bot.domain.hold import Hold
from bot.domain.incident import Incident
from bot.domain.lock import Lock
from bot.domain.status import Rules
from bot.views import rules as views
from tests.builders import ANA, BO, NEW_SHA, NOW, OLD_SHA

HOSTILE = "<!channel> *x* `y` <https://evil|z>"
TITLE = "reify-studio/production"
FROZEN = Frozen("weekend", NOW + timedelta(days=2))
INCIDENT = Incident(3, "all is red", BO, NOW - timedelta(minutes=5))


def lock(**changes: Any) -> Lock:
    """Bo's lock on production."""
    return dataclasses.replace(Lock(1, TITLE, "", BO, "database work", NOW - timedelta(hours=1)), **changes)


def hold(**changes: Any) -> Hold:
    """What Ana rolled back."""
    made = Hold(4, TITLE, "reify/reify-studio", "op1", OLD_SHA, "v1.4.1", NEW_SHA, "v1.4.2", ANA, "errors", NOW)
    return dataclasses.replace(made, **changes)


def test_each_rule_is_a_line() -> None:
    """A lock with its holder and reason, one that cannot be read, a hold, a freeze with its end."""
    rules = Rules((lock(),), "lock 7: a time without a time zone", (hold(),), FROZEN, INCIDENT)

    told = list(views.rule_lines(rules, NOW))

    assert len(told) == 4
    assert all(part in told[0] for part in ("<@U0BO>", "database work"))
    assert all(part in told[1] for part in ("cannot be read", "lock 7", "nothing is deployed"))
    assert "v1.4.2" in told[2]
    assert "frozen (weekend) until <!date^" in told[3]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(), ""),
        (Rules((lock(),)), "locked"),
        (Rules(lock_problem="lock 7"), "locked"),
        (Rules(holds=(hold(),)), "a hold"),
        (Rules((lock(),), holds=(hold(), hold()), frozen=FROZEN), "locked, 2 holds, frozen (weekend) until <!date^"),
    ],
)
def test_the_rules_are_a_few_words_of_a_sentence(rules: Rules, words: str) -> None:
    """What is in force, for whoever does not see the lines; nothing where nothing is."""
    told = views.rule_words(rules)

    assert told.startswith(words)
    assert bool(told) == bool(words)


def test_words_of_others_stay_words() -> None:
    """Reasons, refs and names mention nobody and link nowhere."""
    rules = Rules((lock(why=HOSTILE),), HOSTILE, (hold(bad_ref=HOSTILE, good_ref=HOSTILE, why=HOSTILE),))

    told = "\n".join(views.rule_lines(rules, NOW))

    assert "<!channel>" not in told
    assert "<https://evil" not in told
