"""Migrations in a range of commits: what counts as one, and when nobody can know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.migrations import matches, migrations
from bot.domain.model import ChangedFile, Comparison, MigrationRisk, Migrations, Relation

ECTO = ("priv/*repo*/migrations/**/*.exs",)
CREATE_PLANS = "priv/repo/migrations/20261101090000_create_plans.exs"


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("priv/repo/migrations/1_a.exs", "priv/*repo*/migrations/*.exs", True),
        ("priv/tenant_repo_2/migrations/1_a.exs", "priv/*repo*/migrations/*.exs", True),
        ("priv/repo/migrations/old/1_a.exs", "priv/*repo*/migrations/*.exs", False),
        ("priv/a/repo/migrations/1_a.exs", "priv/*repo*/migrations/*.exs", False),
        ("apps/web/priv/repo/migrations/1_a.exs", "priv/*repo*/migrations/*.exs", False),
        ("priv/repo/migrations/1_a.exs.bak", "priv/*repo*/migrations/*.exs", False),
        ("priv/repo/migrations/1_aXexs", "priv/*repo*/migrations/*.exs", False),
        ("PRIV/repo/migrations/1_a.exs", "priv/*repo*/migrations/*.exs", False),
        ("priv/repo/migrations/1_a.exs", "priv/repo/migrations/**/*.exs", True),
        ("priv/repo/migrations/a/b/1_a.exs", "priv/repo/migrations/**/*.exs", True),
        ("db/migrate/x/y.rb", "db/**", True),
        ("db", "db/**", False),
        ("dbx/a.rb", "db/**", False),
        ("app/db/migrate/1.sql", "**/migrate/*.sql", True),
        ("migrate/1.sql", "**/migrate/*.sql", True),
        ("notmigrate/1.sql", "**/migrate/*.sql", False),
        ("m/1.sql", "m/?.sql", True),
        ("m//.sql", "m/?.sql", False),
        ("m/[1].sql", "m/[1].sql", True),
        ("m/1.sql", "m/[1].sql", False),
        ("m/a\nb.sql", "m/*.sql", True),
    ],
)
def test_a_glob_stays_in_its_folder_unless_it_has_two_stars(path: str, pattern: str, expected: bool) -> None:
    """One star never crosses a slash, two stars do, and everything else is meant literally."""
    assert matches(path, pattern) is expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (ChangedFile(CREATE_PLANS, "added"), (CREATE_PLANS,)),
        (ChangedFile(CREATE_PLANS, "modified"), (CREATE_PLANS,)),
        (ChangedFile(CREATE_PLANS, "removed"), (CREATE_PLANS,)),
        (ChangedFile("attic/create_plans.exs", "renamed", CREATE_PLANS), (CREATE_PLANS,)),
        (ChangedFile(CREATE_PLANS, "renamed", "attic/create_plans.exs"), (CREATE_PLANS,)),
    ],
)
def test_a_migration_counts_however_it_was_touched(file: ChangedFile, expected: tuple[str, ...]) -> None:
    """Added, changed, removed, moved away or moved in: each is a migration of the range."""
    found = migrations(Comparison(Relation.AHEAD, files=(ChangedFile("lib/a.ex", "added"), file)), ECTO)

    assert found == Migrations(MigrationRisk.LISTED, expected)


def test_files_are_sorted_and_named_once() -> None:
    """A file that two patterns match stands once, and the order is the migrations' own."""
    files = (ChangedFile("m/2.sql", "added"), ChangedFile("m/1.sql", "added"), ChangedFile("m/2.sql", "modified"))

    found = migrations(Comparison(Relation.AHEAD, files=files), ["m/*.sql", "**/*.sql"])

    assert found.files == ("m/1.sql", "m/2.sql")


@pytest.mark.parametrize("relation", [Relation.AHEAD, Relation.IDENTICAL])
def test_a_whole_list_without_migrations_says_none(relation: Relation) -> None:
    """Where every file was seen and none is a migration, the answer is none."""
    comparison = Comparison(relation, files=(ChangedFile("lib/a.ex", "added"),))

    assert migrations(comparison, ECTO) == Migrations(MigrationRisk.NONE)


def test_a_cut_list_is_unknown_and_shows_what_was_seen() -> None:
    """A list that GitHub cut never says none, and the migrations in it are still named."""
    comparison = Comparison(Relation.AHEAD, files=(ChangedFile(CREATE_PLANS, "added"),), files_complete=False)

    found = migrations(comparison, ECTO)

    assert found == Migrations(MigrationRisk.UNKNOWN, (CREATE_PLANS,), "GitHub did not list every changed file")


@pytest.mark.parametrize("relation", sorted(set(Relation) - {Relation.AHEAD, Relation.IDENTICAL}))
def test_other_relations_are_unknown_with_a_reason(relation: Relation) -> None:
    """Backwards, sideways or not compared: unknown, and the reason is in words."""
    found = migrations(Comparison(relation), ECTO)

    assert found.risk is MigrationRisk.UNKNOWN
    assert " commit" in found.why


@given(
    st.sampled_from(Relation),
    st.lists(st.builds(ChangedFile, st.text(), st.just("added"), st.text())),
    st.booleans(),
    st.lists(st.text(alphabet="ab*?/.")),
)
def test_none_is_only_said_of_a_whole_list(
    relation: Relation, files: list[ChangedFile], complete: bool, patterns: list[str]
) -> None:
    """Whatever the comparison, "none" implies that all files were seen in a range that goes forward."""
    found = migrations(Comparison(relation, files=tuple(files), files_complete=complete), patterns)

    assert found.risk is not MigrationRisk.NONE or (complete and relation in {Relation.AHEAD, Relation.IDENTICAL})
