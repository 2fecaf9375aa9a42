"""The Home tab: what waits for the person stands first."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

from bot.domain.approval import Approval, ApprovalState
from bot.domain.history import Page, Wish
from bot.domain.operation import Kind, Operation, State
from bot.views import home as views
from bot.views.blocks import Block, Message
from tests.builders import BO, NOW, operation
from tests.views.messages import TEAM, said
from tests.views.test_status import standing

PENDING = Approval(ApprovalState.PENDING, "hash", NOW, NOW + timedelta(hours=1))


def tab(*yours: Operation) -> list[Block]:
    """The tab of somebody who may approve these."""
    return views.home([standing()], Page(Wish()), yours=yours, now=NOW, workspace=TEAM)


def test_what_a_person_may_approve_stands_first() -> None:
    """Which environment, what, by whom, until when, and where its card is."""
    asked = operation(state=State.REQUESTED, kind=Kind.ROLLBACK, actor=BO, approval=PENDING)

    words = said(Message("", tab(asked)[:2]))

    assert "Waiting for you" in json.dumps(tab(asked)[0])
    assert "*reify-studio/production*: a rollback to `v1.4.2` by <@U0BO> waits for an approval until <!date^" in words
    assert "|card> in <#C0DEPLOYS>" in words


def test_where_nothing_waits_nothing_is_claimed() -> None:
    """The tab begins with what runs where."""
    assert "What runs where" in json.dumps(tab()[0])
    assert "Waiting" not in json.dumps(tab())


def test_of_many_that_wait_the_first_are_shown() -> None:
    """Five, and how many more; Slack takes the tab."""
    asked = [dataclasses.replace(operation(state=State.REQUESTED, approval=PENDING), id=f"op{n}") for n in range(8)]

    blocks = tab(*asked)

    assert json.dumps(blocks).count("waits for an approval") == views.YOURS_SHOWN
    assert "… and 3 more" in said(Message("", blocks))
    assert len(blocks) <= 100
