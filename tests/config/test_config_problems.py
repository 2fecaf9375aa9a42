"""What is wrong with a file is told all at once, each with its line, its place and its mend."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import file_problems, load
from bot.config.checks import check
from bot.config.problems import in_file
from bot.config.schema import read
from bot.config.tables import Document
from bot.domain.toml_lines import lines_of
from bot.errors import ConfigError

PRODUCTION = "pipeline.reify-studio.environments.production"
STAGING = "pipeline.reify-studio.environments.staging"
REVIEW = "pipeline.reify-studio.review_apps"
LONG = "reify-studio-with-a-name-that-goes-on-and-on-until-it-cannot-fit"

SINGLE: list[tuple[str, str, str, str]] = [
    # old, new, place, what must be said
    ('app = "reify-studio"', 'app = "reify_studio"', f"{PRODUCTION}.app", "Use `reify-studio`."),
    ('app = "reify-studio"', 'app = "Reify-Studio"', f"{PRODUCTION}.app", "Use `reify-studio`."),
    ('app = "reify-studio"', 'app = "-reify"', f"{PRODUCTION}.app", "Use `reify`."),
    ('app = "reify-studio"', f'app = "{LONG}"', f"{PRODUCTION}.app", "64 characters, at most 63 fit"),
    ('app = "reify-studio"', 'app = "___"', f"{PRODUCTION}.app", "Use lower-case letters, digits and dashes."),
    ('app = "reify-studio"', "app = 7", f"{PRODUCTION}.app", "should be text, not a number"),
    ('app = "reify-studio"', 'app = ""', f"{PRODUCTION}.app", "is empty"),
    ('app = "reify-studio"\n', "", f"{PRODUCTION}.app", "is missing. Add it: The environment's Fly app."),
    ('app = "reify-studio"', 'ap = "x"\napp = "reify-studio"', f"{PRODUCTION}.ap", "Did you mean `app`?"),
    ("[pipeline.review_apps]", "[pipeline.review_app]", "reify-studio.review_app", "Did you mean `review_apps`?"),
    ('app = "reify-studio-pr-{number}"', 'app = "reify-pr"', f"{REVIEW}.app", "contain `{number}` once"),
    ('app = "reify-studio-pr-{number}"', 'app = "r_pr-{number}"', f"{REVIEW}.app", "Use `r-pr-{number}`."),
    ('app = "reify-studio-pr-{number}"', 'app = "r1{number}"', f"{REVIEW}.app", "1 and 12 stay apart"),
    ('app = "reify-studio-pr-{number}"', f'app = "{"a" * 57}-{{number}}"', f"{REVIEW}.app", "64 characters"),
    ('"reify-studio-pr-{number}-db"', '"reify-db"', f"{REVIEW}.database_app", "contain `{number}` once"),
    ('"reify-studio-pr-{number}-db"', '"reify-studio-pr-{number}"', f"{REVIEW}.database_app", "already"),
    ('database = "cluster"', 'database = "shared"', f"{REVIEW}.database_app", "not a name that Fly accepts"),
    ('database = "cluster"', 'database = "none"', f"{REVIEW}.database", "There is `cluster`, `shared`."),
    ('database = "cluster"\ndatabase_app = "reify-studio-pr-{number}-db"', 'database = "shared"', REVIEW, "is missing"),
    ("{ iad = 1, sjc = 1 }", "{ iad = 1, sjx = 1 }", f"{PRODUCTION}.regions", "Did you mean `sjc`?"),
    ("{ iad = 1, sjc = 1 }", "{ iad = 1, tokyo = 1 }", f"{PRODUCTION}.regions", "Did you mean `nrt`?"),
    ("{ iad = 1, sjc = 1 }", "{ iad = 1, zz = 1 }", f"{PRODUCTION}.regions", "`fly platform regions` lists them."),
    ("{ iad = 1, sjc = 1 }", "{ iad = 0 }", f"{PRODUCTION}.regions", "`iad`: 0 is out of range"),
    ("{ iad = 1, sjc = 1 }", "{}", f"{PRODUCTION}.regions", "not an empty table"),
    ("{ iad = 1, sjc = 1 }", '["iad"]', f"{PRODUCTION}.regions", "not a list"),
    ('primary_region = "iad"', 'primary_region = "lhr"', f"{PRODUCTION}.primary_region", "not one of its regions"),
    ('primary_region = "iad"\n', "", f"{PRODUCTION}.primary_region", "there are several regions"),
    ('auto_stop = "stop"', 'auto_stop = "sleep"', f"{STAGING}.auto_stop", "There is `off`, `stop`, `suspend`."),
    ('auto_stop = "off"', 'auto_stop = "off"\nmin_machines = 1', f"{PRODUCTION}.min_machines", "means nothing"),
    ("min_machines = 0", "min_machines = -1", f"{STAGING}.min_machines", "out of range"),
    ("min_machines = 0", 'min_machines = "0"', f"{STAGING}.min_machines", "should be a whole number, not text"),
    ('"https://reify-studio.fly.dev"', '"http://reify.dev"', f"{PRODUCTION}.url", "Write `https://reify.dev`."),
    ('"https://reify-studio.fly.dev"', '"reify.dev"', f"{PRODUCTION}.url", "is not a URL"),
    ('"https://reify-studio.fly.dev"', '"https://reify.dev:x"', f"{PRODUCTION}.url", "is not a URL"),
    ('"https://reify-studio.fly.dev"', '"https://a:b@reify.dev"', f"{PRODUCTION}.url", "carries a password"),
    ('"https://reify-studio-pr-{number}.fly.dev"', '"https://reify.dev"', f"{REVIEW}.url", "not contain `{number}`"),
    ('memory = "1gb"', 'memory = "300mb"', f"{PRODUCTION}.memory", "Use `256mb`."),
    ('memory = "1gb"', 'memory = "0mb"', f"{PRODUCTION}.memory", "Use `256mb`."),
    ('memory = "1gb"', 'memory = "1.5gb"', f"{PRODUCTION}.memory", "`1.5gb` is not a size"),
    ('memory = "1gb"', "memory = 1024", f"{PRODUCTION}.memory", "with its unit: `512mb` or `1gb`"),
    ('disk = "1gb"', 'disk = "1500mb"', f"{PRODUCTION}.database.disk", "Use `2gb`."),
    ("nodes = 1", "nodes = 0", f"{PRODUCTION}.database.nodes", "Write a number from 1 to 9."),
    ("always_on = true", 'always_on = "true"', f"{PRODUCTION}.database.always_on", "without quotes"),
    ('kind = "postgres"', 'kind = "postgre"', f"{PRODUCTION}.database.kind", "Did you mean `postgres`?"),
    ('"reify-studio-production-db"', '"reify-studio"', f"{PRODUCTION}.database.app", "is the app of"),
    (
        '"reify-studio-production-db"',
        '"reify-studio-pr-7-db"',
        f"{REVIEW}.database_app",
        "matches `reify-studio-pr-7-db`",
    ),
    ('app = "reify-studio-staging"', 'app = "reify-studio-pr-9"', f"{REVIEW}.app", "matches `reify-studio-pr-9`"),
    (
        'app = "reify-studio-staging"',
        'app = "reify-studio"',
        f"{STAGING}.app",
        "is the app of `reify-studio/production`",
    ),
    ('released_by = "tag"', 'released_by = "tags"', f"{PRODUCTION}.released_by", "Did you mean `tag`?"),
    ('ref = "v*"', 'ref = "refs/tags/v*"', f"{PRODUCTION}.ref", "Write `v*`"),
    ('ref = "v*"', 'ref = "v[0-9"', f"{PRODUCTION}.ref", "never closed"),
    ('# refs = ["v*"]  ', "refs = []", f"{PRODUCTION}.policy.refs", "not an empty one"),
    ('# refs = ["v*"]  ', 'refs = ["a b"]', f"{PRODUCTION}.policy.refs", "cannot match a tag or a branch"),
    ('"/app/bin/migrate"', '"bin/migrate"', f"{PRODUCTION}.release_command", "Write the absolute path"),
    ('"/app/bin/migrate"', '" "', f"{PRODUCTION}.release_command", "is empty"),
    ('"/app/bin/migrate"', '"/app/bin/migrate"\nchannel = "#deploys"', f"{PRODUCTION}.channel", "not a channel's id"),
    ('"5m"', '"5 minutes"', f"{PRODUCTION}.policy.release_command_timeout", "is not a duration"),
    ('"5m"', "300", f"{PRODUCTION}.policy.release_command_timeout", '`"300s"`'),
    ('"5m"', '"0s"', f"{PRODUCTION}.policy.release_command_timeout", "from `1s` to `6h`"),
    ('"5m"', '"99999999999d"', f"{PRODUCTION}.policy.release_command_timeout", "is not a duration"),
    ("0.33", "0", f"{PRODUCTION}.policy.max_unavailable", "out of range"),
    ("0.33", "1.5", f"{PRODUCTION}.policy.max_unavailable", "out of range"),
    ("0.33", "inf", f"{PRODUCTION}.policy.max_unavailable", "out of range"),
    ("0.33", "true", f"{PRODUCTION}.policy.max_unavailable", "should be a number, not true or false"),
    ('"reify/reify-studio"', '"reify-studio"', "pipeline.reify-studio.repository", "Write `owner/name`"),
    (
        '"reify/reify-studio"',
        '"https://github.com/reify/reify-studio.git"',
        "pipeline.reify-studio.repository",
        "Write `reify/reify-studio`.",
    ),
    ('"priv/*repo*/migrations/*.exs"', '"/priv/*.exs"', "pipeline.reify-studio.migration_paths", "cannot match a path"),
    ('"priv/*repo*/migrations/*.exs"', '"../*.exs"', "pipeline.reify-studio.migration_paths", "cannot match a path"),
    ('".github/workflows/ci.yml"', '"ci.yml"', "pipeline.reify-studio.ci_workflow", "`.github/workflows/ci.yml`"),
    ('".github/workflows/ci.yml"', '"ci"', "pipeline.reify-studio.ci_workflow", "end in `.yml`"),
    ('name = "reify-studio"', 'name = "Reify Studio"', "pipeline.Reify Studio.name", "Use `reify-studio`."),
    ("environments.staging]", "environments.status]", "environments.status", "is a word of the commands"),
    ('"reify-studio-staging"\nurl', '"reify-studio-stagin"\nurl', f"{STAGING}.organisation", "Did you mean"),
    ('organisation = "personal"', 'organisation = "reify-studio-staging"', f"{REVIEW}.organisation", "of their own"),
    ('organisation = "personal"', 'organisation = "reify-studio-production"', f"{REVIEW}.organisation", "of their own"),
    ('token_env = "FLY_API_TOKEN_STAGING"', 'token_env = "FLY_API_TOKEN_PRODUCTION"', "token_env", "of its own"),
    ('token_env = "FLY_API_TOKEN_STAGING"', 'token_env = "FlyV1 fm2_x"', "token_env", "never stands in this file"),
    ("[organisations.personal]", "[organisations.Personal]", "organisations.Personal", "fly orgs list"),
    ('channel = "C0DEPLOYS"', 'channel = "#deploys"', "slack.channel", "stands at the bottom"),
    ("# [slack.commands]\n# deploy", '[slack.commands]\nrollback = "/ship"\ndeploy', "slack.commands", "already"),
    ("# [slack.commands]\n# deploy", '[slack.commands]\nscale = "scale"\ndeploy', "slack.commands", "Write a slash"),
    (
        'auto_stop = "off"',
        'image_repository = "registry.fly.io/reify-studio-staging"',
        f"{PRODUCTION}.image_repository",
        "cannot read it",
    ),
    ('auto_stop = "off"', 'image_repository = "reify:1"', f"{PRODUCTION}.image_repository", "without a tag"),
    ("[pipeline.environments.staging.database]", "[pipeline.environments.staging.policy]", STAGING, "is not a setting"),
]


@pytest.mark.parametrize(("old", "new", "place", "sentence"), SINGLE, ids=lambda text: str(text)[:40])
def test_each_mistake_is_named_with_its_place_and_its_mend(
    said_of_file: Callable[..., list[str]], old: str, new: str, place: str, sentence: str
) -> None:
    """A mistake in one place is told of there."""
    said = said_of_file((old, new))

    assert any(place in line and sentence in line for line in said), said


def test_the_example_has_no_problems(said_of_file: Callable[..., list[str]]) -> None:
    """What we hand out passes its own check."""
    assert said_of_file() == []


def test_a_problem_reads_as_place_and_sentence_and_mend(said_of_file: Callable[..., list[str]], example: str) -> None:
    """The line comes first, so that an editor can jump to it."""
    said = said_of_file(('app = "reify-studio"', 'app = "reify_studio"'))

    line = example[: example.index('app = "reify-studio"')].count("\n") + 1
    place = f"flytower.toml:{line}: {PRODUCTION}.app"
    assert said == [
        f"{place}: `reify_studio` is not a name that Fly accepts: underscores are not allowed. Use `reify-studio`."
    ]


def test_all_problems_come_at_once_in_the_order_of_the_lines(said_of_file: Callable[..., list[str]]) -> None:
    """Mistakes in several tables, rules between tables included, are told together, from the top."""
    said = said_of_file(
        ('channel = "C0DEPLOYS"', 'channel = "deploys"'),
        ("{ iad = 1, sjc = 1 }", "{ iad = 1, sjx = 1, xxq = 0 }"),
        ('memory = "1gb"', 'memory = "lots"'),
        ('organisation = "personal"', 'organisation = "reify-studio-staging"'),
    )

    assert [line.split(": ")[1].rsplit(".", 1)[-1] for line in said] == ["channel", "regions", "memory", "organisation"]
    assert "`sjx`" in said[1]
    assert "`xxq`" in said[1]


def test_problems_of_file_and_environment_come_together(edited: Callable[..., str]) -> None:
    """A person mends both in one go."""
    with pytest.raises(ConfigError) as caught:
        load(edited(('memory = "1gb"', 'memory = "lots"')), {})

    assert "memory" in caught.value.problems[0]
    missing = [line.split(":")[0].removeprefix("environment variable ") for line in caught.value.problems[1:]]
    assert missing == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "GITHUB_TOKEN",
        "FLY_API_TOKEN_PRODUCTION",
        "FLY_API_TOKEN_STAGING",
        "FLY_API_TOKEN_PERSONAL",
    ]


def test_what_is_not_toml_is_told_with_its_line() -> None:
    """The parser's own words, where it stopped."""
    said = file_problems('[slack]\nchannel = "C0DEPLOYS\n')

    assert len(said) == 1
    assert said[0].startswith("flytower.toml:2: is not TOML: ")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["slack.channel: is missing", "organisations: has no entry", "pipeline: has no entry"]),
        (
            "slack = 1\norganisations = 2\npipeline = 3",
            ["slack: should be a table", "organisations: should be tables by name", "pipeline: should be a list"],
        ),
        (
            "pipeline = [1]\nnew = 2024-01-01",
            ["pipeline.[1]: should be a table, not a number", "new: is not a setting"],
        ),
        ("[organisations]\npersonal = 3", ["organisations.personal: should be a table"]),
        ("[[pipeline]]\nname = 'a'\n[[pipeline]]\nname = 'a'", ["another pipeline is called `a` too"]),
    ],
)
def test_a_file_of_the_wrong_shape_is_told_what_shape_it_needs(text: str, sentences: list[str]) -> None:
    """Nothing in the file makes the check itself fail."""
    said = "\n".join(file_problems(text))

    assert all(sentence in said for sentence in sentences), said


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(max_size=3), max_size=2)


@given(data=st.data())
def test_whatever_stands_in_the_file_is_told_and_not_thrown(data: st.DataObject, example: str) -> None:
    """Any value in any place leads to sentences, never to an exception."""
    raw = tomllib.loads(example)
    for _ in range(3):
        node: Any = raw
        while isinstance(node, dict | list) and node:
            parent, place = node, data.draw(st.sampled_from(list(node if isinstance(node, dict) else range(len(node)))))
            node = parent[place]
            if data.draw(st.integers(0, 4)) == 0:
                break
        parent[place] = data.draw(ODD | st.dictionaries(st.text(max_size=3), ODD, max_size=2))
    problems = in_file("flytower.toml", raw, lines_of(example))

    check(read(Document, raw, (), problems), problems)

    assert all(sentence.startswith("flytower.toml") for sentence in problems.sentences)
