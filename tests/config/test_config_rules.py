"""Approvers and freezes: what the file may say, what becomes of it, and what is told of a slip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta

import pytest

from bot.config import load
from bot.config.names import RESERVED
from bot.domain.freeze import Freeze
from bot.domain.model import Policy
from tests.config.conftest import EXAMPLE, Edit

STAGING = "[pipeline.environments.staging]\n"
POLICY = "pipeline.reify-studio.environments.production.policy"
FREEZES = "pipeline.reify-studio.environments.production.freezes"
NIGHT = 'starts = "22:00"'
NOBODY = ('approvers = ["S0APPROVERS"]\n', "")


def freeze(*lines: str, name: str = '"weekend"', time_zone: str = '"Europe/Berlin"') -> Edit:
    """An edit that gives production a freeze with these settings."""
    settings = [f"name = {name}", f"time_zone = {time_zone}", *lines]
    return STAGING, "\n".join(["[[pipeline.environments.production.freezes]]", *settings, "", STAGING])


def also(policy: str) -> Edit:
    """An edit that says something of staging's policy."""
    place = "[pipeline.environments.staging.database]\n"
    return place, f"[pipeline.environments.staging.policy]\n{policy}\n\n{place}"


def policy_of(text: str, environ: Mapping[str, str], environment: str = "production") -> Policy:
    return load(text, environ).environment(environment).policy


def test_what_the_file_says_of_approvals_arrives(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """Groups and people, what they approve and how long that may take."""
    text = edited(
        ('approvers = ["S0APPROVERS"]', 'approvers = ["S0APPROVERS", "U0BO", "W012345"]'),
        ("approve_deployments = false", "approve_deployments = true"),
        ("approve_rollbacks = false", "approve_rollbacks = true"),
        ('approval_expires = "1h"', 'approval_expires = "90m"'),
        ("rollback = true  ", "rollback = false "),
    )

    policy = policy_of(text, environ)

    assert policy.approvers == ("S0APPROVERS", "U0BO", "W012345")
    assert (policy.approve_deployments, policy.approve_rollbacks, policy.rollback) == (True, True, False)
    assert policy.approval_expires == timedelta(minutes=90)


def test_without_a_word_nothing_needs_an_approval(example: str, environ: Mapping[str, str]) -> None:
    """Staging of the example: nobody approves, nothing is frozen."""
    policy = policy_of(example, environ, "staging")

    assert (policy.approvers, policy.approve_deployments, policy.approve_rollbacks) == ((), False, False)
    assert (policy.approval_expires, policy.freezes) == (timedelta(hours=1), ())


@pytest.mark.parametrize(
    ("edits", "environment", "has_rollback"),
    [
        ((("rollback = true  ", "# rollback")), "production", True),
        ((("rollback = true  ", "rollback = false ")), "production", False),
        ((STAGING, STAGING), "staging", False),
        (also("rollback = true"), "staging", True),
    ],
)
def test_rollback_is_there_where_tags_release_unless_the_file_says_otherwise(
    edited: Callable[..., str], environ: Mapping[str, str], edits: Edit, environment: str, *, has_rollback: bool
) -> None:
    """The default follows `released_by`; a word of the file goes before it."""
    assert policy_of(edited(edits), environ, environment).rollback is has_rollback


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['days = ["fri"]'], Freeze("weekend", "Europe/Berlin", days=(4,))),
        (['days = ["Sunday", "sat", "Sun"]'], Freeze("weekend", "Europe/Berlin", days=(5, 6))),
        (
            ['starts = "16:00"', 'ends = "6:30"'],
            Freeze("weekend", "Europe/Berlin", starts=time(16), ends=time(6, 30)),
        ),
        (['starts = "23:59"'], Freeze("weekend", "Europe/Berlin", starts=time(23, 59))),
        (['ends = "09:00"'], Freeze("weekend", "Europe/Berlin", ends=time(9))),
        (['starts = "16:00"', 'ends = "00:00"'], Freeze("weekend", "Europe/Berlin", starts=time(16), ends=time())),
        (
            ['dates = ["2026-12-24", "2026-12-31/2027-01-02"]'],
            Freeze(
                "weekend",
                "Europe/Berlin",
                dates=((date(2026, 12, 24),) * 2, (date(2026, 12, 31), date(2027, 1, 2))),
            ),
        ),
        (
            ['days = ["mon"]', 'dates = ["2026-12-22/2026-12-28"]'],
            Freeze("weekend", "Europe/Berlin", days=(0,), dates=((date(2026, 12, 22), date(2026, 12, 28)),)),
        ),
    ],
    ids=str,
)
def test_a_freeze_arrives_as_it_is_written(
    edited: Callable[..., str], environ: Mapping[str, str], lines: list[str], expected: Freeze
) -> None:
    """Days by their names, hours with or without a zero, either border alone, days and ranges of days."""
    assert policy_of(edited(freeze(*lines)), environ).freezes == (expected,)


def test_an_environment_may_have_several_freezes(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """They stay in their order, and the other environment has none."""
    text = edited(freeze('starts = "22:00"', name='"night"'), freeze('days = ["sat", "sun"]'))

    assert [each.name for each in policy_of(text, environ).freezes] == ["night", "weekend"]
    assert policy_of(text, environ, "staging").freezes == ()


def test_the_freeze_in_the_examples_comment_is_one(environ: Mapping[str, str]) -> None:
    """What people are told to write can be read when the marks of the comment are taken away."""
    text = EXAMPLE.read_text("utf-8")
    begin, end = text.index("# [[pipeline.environments.production.freezes]]"), text.index(STAGING)
    active = "\n".join(line.removeprefix("# ") for line in text[begin:end].splitlines())

    (found,) = policy_of(f"{text[:begin]}{active}\n{text[end:]}", environ).freezes

    assert (found.name, found.days, found.starts, found.ends) == ("friday-evening", (4,), time(16), time(6))


def test_an_empty_list_of_freezes_is_none(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """`freezes = []` is no slip."""
    text = edited(('app = "reify-studio"\n', 'app = "reify-studio"\nfreezes = []\n'))

    assert policy_of(text, environ).freezes == ()


@pytest.mark.parametrize(
    ("edit", "place", "sentence"),
    [
        (('["S0APPROVERS"]', '["@release-managers"]'), f"{POLICY}.approvers", "not the id of a Slack user group"),
        (('["S0APPROVERS"]', '["S0APPROVERS", "s0x"]'), f"{POLICY}.approvers", "`s0x` is not the id"),
        (('["S0APPROVERS"]', "[]"), f"{POLICY}.approvers", "should be a list of ids, not an empty one"),
        (('["S0APPROVERS"]', '"S0APPROVERS"'), f"{POLICY}.approvers", "should be a list of ids, not text"),
        (('approval_expires = "1h"', 'approval_expires = "30s"'), f"{POLICY}.approval_expires", "from `1m` to `7d`"),
        (("rollback = true  ", 'rollback = "on" '), f"{POLICY}.rollback", "should be true or false"),
        (freeze('days = ["monkey"]'), f"{FREEZES}.weekend.days", "`monkey` is not a weekday. Did you mean `mon`?"),
        (freeze("days = [1]"), f"{FREEZES}.weekend.days", "should be text, not a number"),
        (freeze("days = []"), f"{FREEZES}.weekend.days", "should be a list of weekdays, not an empty one"),
        (freeze('dates = ["2026-02-30"]'), f"{FREEZES}.weekend.dates", "is not a day or a range of days"),
        (freeze('dates = ["2026-12-24/"]'), f"{FREEZES}.weekend.dates", "is not a day or a range of days"),
        (freeze('dates = ["2026-W52-4"]'), f"{FREEZES}.weekend.dates", "is not a day or a range of days"),
        (freeze('dates = ["20261224"]'), f"{FREEZES}.weekend.dates", "Write `2026-12-24`"),
        (freeze('dates = ["2026-12-24/2026-12-25/2026-12-26"]'), f"{FREEZES}.weekend.dates", "is not a day or a range"),
        (freeze('dates = ["2027-01-02/2026-12-24"]'), f"{FREEZES}.weekend.dates", "ends before it begins"),
        (freeze("dates = [2026-12-24]"), f"{FREEZES}.weekend.dates", "should be text, not a date or time"),
        (freeze('starts = "4pm"'), f"{FREEZES}.weekend.starts", "is not a time of day"),
        (freeze('starts = "24:00"'), f"{FREEZES}.weekend.starts", "is not a time of day"),
        (freeze("ends = 16:00:00"), f"{FREEZES}.weekend.ends", "should be text, not a date or time"),
        (freeze(NIGHT, time_zone='"CEST"'), f"{FREEZES}.weekend.time_zone", "`CEST` is not a time zone"),
        (freeze(NIGHT, time_zone='"Europe"'), f"{FREEZES}.weekend.time_zone", "is not a time zone"),
        (
            freeze(NIGHT, time_zone='"../zone"'),
            f"{FREEZES}.weekend.time_zone",
            "Write an IANA name such as `Europe/Berlin`",
        ),
        (freeze(NIGHT, 'names = ["x"]'), f"{FREEZES}.weekend.names", "Did you mean `name`?"),
        (freeze(NIGHT, name='"Week end"'), f"{FREEZES}.Week end.name", "Use `week-end`."),
        (
            ('app = "reify-studio"\n', 'app = "reify-studio"\nfreezes = 1\n'),
            FREEZES,
            "should be a list of tables, not a number. Write `[[freezes]]`.",
        ),
        (freeze(), f"{FREEZES}.weekend", "would keep deployments out for ever"),
        (freeze('starts = "00:00"'), f"{FREEZES}.weekend", "would keep deployments out for ever"),
        (
            freeze('days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'),
            f"{FREEZES}.weekend",
            "Give it `days`, `dates`, `starts` or `ends`.",
        ),
        (freeze('starts = "16:00"', 'ends = "16:00"'), f"{FREEZES}.weekend.ends", "is 16:00, when the freeze begins"),
        (freeze('ends = "0:00"'), f"{FREEZES}.weekend.ends", "is 00:00, when the freeze begins"),
        (
            freeze('days = ["fri"]', 'dates = ["2026-12-24", "2026-12-26/2026-12-31"]'),
            f"{FREEZES}.weekend.dates",
            "have none of its `days` among them",
        ),
    ],
    ids=str,
)
def test_a_slip_is_told_with_its_place_and_its_mend(
    said_of_file: Callable[..., list[str]], edit: Edit, place: str, sentence: str
) -> None:
    """One slip is one problem, at the line of its setting."""
    (said,) = said_of_file(edit)

    assert f": {place}: " in said
    assert sentence in said


def test_two_freezes_of_one_name_are_told_apart(said_of_file: Callable[..., list[str]]) -> None:
    """People say the name; in another environment it may come again."""
    elsewhere = ("[pipeline.review_apps]\n", freeze('days = ["sun"]')[1].removesuffix(STAGING))
    elsewhere = (elsewhere[0], elsewhere[1].replace("production", "staging") + elsewhere[0])

    (said,) = said_of_file(freeze('days = ["sun"]'), freeze('days = ["sat"]'), elsewhere)

    assert "another freeze is called `weekend` too. Give each freeze a name of its own." in said


@pytest.mark.parametrize("name", ["approve_deployments", "approve_rollbacks"])
def test_an_approval_that_nobody_may_give_is_a_problem(said_of_file: Callable[..., list[str]], name: str) -> None:
    """Who asks for approvals says whose; production with its approvers may."""
    (said,) = said_of_file(also(f"{name} = true"))

    assert f"staging.policy.{name}: asks for an approval that nobody may give. Say who: `approvers = [" in said
    assert said_of_file((f"{name} = false", f"{name} = true")) == []
    assert len(said_of_file((f"{name} = false", f"{name} = true"), NOBODY)) == 1


def test_approvers_that_cannot_be_read_are_one_problem(said_of_file: Callable[..., list[str]]) -> None:
    """The slip in the list is told, not also that the list is empty."""
    said = said_of_file(("approve_rollbacks = false", "approve_rollbacks = true"), ("S0APPROVERS", "release managers"))

    assert ["policy.approvers" in line for line in said] == [True]


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_the_words_of_the_commands_are_no_names_of_environments(
    said_of_file: Callable[..., list[str]], word: str
) -> None:
    """`/deploy incident`, `/deploy lock all`: what stands where an environment stands cannot be one."""
    said = said_of_file(("environments.staging]", f"environments.{word}]"))

    assert any(f"environments.{word}: `{word}` is a word of the commands" in line for line in said)


def test_every_word_of_this_issue_is_reserved() -> None:
    """The subcommands that `/deploy` has, and the scope of a lock on everything."""
    assert {"lock", "unlock", "hold", "incident", "all", "why", "status", "history"} <= RESERVED
