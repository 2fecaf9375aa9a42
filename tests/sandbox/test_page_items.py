"""The ledger of items: who asks gets what changed since they asked last, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kit import Json
from sandbox.page.items import Items, Ledger


def told(ledger: Ledger, news: Json) -> tuple[Items, list[str]]:
    """What changed and what went after this answer was given."""
    answer = ledger.since(news["revision"], ledger.instance)
    assert not answer["is_complete"]
    return answer["items"], answer["gone"]


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.update({"fly/app/a": {"state": "started"}, "fly/app/b": {"state": "stopped"}})
    return ledger


def test_who_knows_nothing_gets_everything(ledger: Ledger) -> None:
    """All items at once, marked as complete, with the instance and revision to go on from."""
    answer = ledger.since(0, "")

    assert answer["items"] == {"fly/app/a": {"state": "started"}, "fly/app/b": {"state": "stopped"}}
    assert (answer["is_complete"], answer["gone"]) == (True, [])
    assert (answer["instance"], answer["revision"]) == (ledger.instance, ledger.revision)


@pytest.mark.parametrize("fresh", [{"state": "started"}, None], ids=["an equal object", "the same object"])
def test_what_did_not_change_is_not_sent_again(ledger: Ledger, fresh: Any) -> None:
    """Neither a value that was made anew nor one that was kept counts as a change."""
    known = ledger.since(0, "")

    ledger.update(known["items"] | ({"fly/app/a": fresh} if fresh else {}))

    assert told(ledger, known) == ({}, [])
    assert ledger.revision == known["revision"]


def test_only_what_changed_is_sent(ledger: Ledger) -> None:
    """One item of several, and a new one."""
    known = ledger.since(0, "")

    ledger.update(known["items"] | {"fly/app/b": {"state": "started"}, "fly/app/c": {"state": "created"}})

    assert told(ledger, known) == ({"fly/app/b": {"state": "started"}, "fly/app/c": {"state": "created"}}, [])


def test_what_went_away_is_told_once(ledger: Ledger) -> None:
    """A key that is gone is named to those who may know it, until they were told."""
    known = ledger.since(0, "")

    ledger.update({"fly/app/a": {"state": "started"}})

    assert told(ledger, known) == ({}, ["fly/app/b"])
    assert told(ledger, ledger.since(known["revision"], ledger.instance)) == ({}, [])
    assert ledger.since(0, "")["gone"] == []


def test_what_came_back_is_not_gone(ledger: Ledger) -> None:
    """A key that went away and came back is an item, whenever one asked before."""
    known = ledger.since(0, "")
    ledger.update({"fly/app/a": {"state": "started"}})
    between = ledger.since(0, "")

    ledger.update({"fly/app/a": {"state": "started"}, "fly/app/b": {"state": "stopped"}})

    back = {"fly/app/b": {"state": "stopped"}}
    assert [told(ledger, known), told(ledger, between)] == [(back, []), (back, [])]


@pytest.mark.parametrize("revision", [1, 5, -1])
def test_a_revision_of_another_instance_is_worth_nothing(ledger: Ledger, revision: int) -> None:
    """A page that was open before the sandbox was started again gets everything."""
    answer = ledger.since(revision, Ledger().instance)

    assert answer["is_complete"]
    assert len(answer["items"]) == 2


@pytest.mark.parametrize("revision", [2, -1])
def test_a_revision_that_never_was_is_worth_nothing(ledger: Ledger, revision: int) -> None:
    """Numbers beyond ours cannot have come from us."""
    answer = ledger.since(revision, ledger.instance)

    assert answer["is_complete"]
