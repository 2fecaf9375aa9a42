"""The example file is the reference pipeline, and it is read as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Settings, load, promotion_notes, shares_registry
from bot.domain.model import Actor, Database, Policy, ReviewApps
from bot.domain.operation import Kind, Operation, State
from bot.errors import ConfigError, NotFound, Reason

SECOND = """
[[pipeline]]
name = "billing"
repository = "reify/billing"

[pipeline.environments.production]
app = "billing"
organisation = "reify-studio-production"
regions = { lhr = 1 }
released_by = "push"
"""


@pytest.fixture
def settings(example: str, environ: Mapping[str, str]) -> Settings:
    """The example, read."""
    return load(example, environ)


@pytest.fixture
def two_pipelines(example: str, environ: Mapping[str, str]) -> Settings:
    """The example and a second pipeline that says as little as it may."""
    return load(example + SECOND, environ)


@pytest.fixture
def operation() -> Operation:
    """A deployment to staging."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return Operation(
        id="op1",
        kind=Kind.DEPLOYMENT,
        state=State.RUNNING,
        app="reify-studio-staging",
        environment="staging",
        pipeline="reify-studio",
        actor=Actor("U0ANA"),
        channel="C0DEPLOYS",
        request={},
        plan=None,
        plan_hash="",
        created_at=now,
        started_at=now,
        finished_at=None,
        card=None,
        cancel_requested_by="",
        reason="",
        outcome={},
        announced=False,
    )


def test_production_of_the_example_is_the_reference_pipelines(settings: Settings) -> None:
    """Everything that the file says of production arrives in the domain's value."""
    production = settings.environment("production")

    assert (production.app, production.organisation) == ("reify-studio", "reify-studio-production")
    assert production.url == "https://reify-studio.fly.dev"
    assert production.regions == {"iad": 1, "sjc": 1}
    assert (production.primary_region, production.auto_stop, production.memory_mb) == ("iad", "off", 1024)
    assert (production.released_by, production.release_command) == ("tag", "/app/bin/migrate")
    assert production.workflow == ".github/workflows/deploy-production.yml"
    assert production.image_repository == "registry.fly.io/reify-studio"
    assert production.channel == "C0DEPLOYS"
    assert production.database == Database(app="reify-studio-production-db")
    assert production.policy == Policy(confirm=True, approvers=("S0APPROVERS",))


def test_staging_of_the_example_sleeps_and_asks_nobody(settings: Settings) -> None:
    """Staging and its database may sleep, and its deployments need no confirmation."""
    staging = settings.environment("staging")

    assert (staging.auto_stop, staging.released_by) == ("stop", "push")
    assert staging.database == Database(app="reify-studio-staging-db", always_on=False)
    assert staging.policy == Policy(confirm=False, rollback=False, scale_min=0)


def test_review_apps_of_the_example_are_the_reference_pipelines(settings: Settings) -> None:
    """Review apps are named by pull request, with a cluster each, in their own organisation."""
    review_apps = settings.pipelines["reify-studio"].review_apps

    assert review_apps == ReviewApps(
        app="reify-studio-pr-{number}",
        organisation="personal",
        url="https://reify-studio-pr-{number}.fly.dev",
        region="iad",
        memory_mb=1024,
        release_command="/app/bin/migrate_and_seed",
        database="cluster",
        database_app="reify-studio-pr-{number}-db",
    )


def test_what_is_left_out_has_its_default(two_pipelines: Settings) -> None:
    """An environment that says only what it must gets the documented defaults."""
    billing = two_pipelines.environment("billing/production")

    assert billing.url == "https://billing.fly.dev"
    assert billing.primary_region == "lhr"
    assert (billing.auto_stop, billing.memory_mb) == ("off", 1024)
    assert billing.workflow == ".github/workflows/deploy-production.yml"
    assert (billing.release_command, billing.database) == ("", None)
    assert billing.migration_paths == ("priv/*repo*/migrations/*.exs",)
    assert two_pipelines.pipelines["billing"].ci_workflow == ".github/workflows/ci.yml"
    assert two_pipelines.pipelines["billing"].review_apps is None
    assert two_pipelines.environment("billing/production").release_ref == "main"


def test_a_policy_says_what_it_says(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """Rules in the file replace the defaults."""
    text = edited(
        ('# refs = ["v*"]  ', 'refs = ["v*", "main"]'),
        ("confirm = true", "confirm = false"),
        ("max_unavailable = 0.33", "max_unavailable = 2"),
        ('plan_expires = "30m"', 'plan_expires = "1h30m"'),
    )

    policy = load(text, environ).environment("production").policy

    assert policy.refs == ("v*", "main")
    assert (policy.confirm, policy.max_unavailable) == (False, 2.0)
    assert policy.plan_expires == timedelta(minutes=90)


def test_an_environment_may_have_a_channel_of_its_own(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """The override holds for its environment and no other."""
    settings = load(edited(('auto_stop = "stop"', 'auto_stop = "stop"\nchannel = "C0STAGING"')), environ)

    assert settings.environment("staging").channel == "C0STAGING"
    assert settings.environment("production").channel == "C0DEPLOYS"


def test_commands_may_be_renamed(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """A renamed command is found under the name that we call it by."""
    settings = load(edited(("# [slack.commands]\n# deploy", "[slack.commands]\ndeploy")), environ)

    assert settings.commands["/deploy"] == "/ship"
    assert settings.commands["/review-apps"] == "/review-apps"


@pytest.mark.parametrize("name", ["production", "reify-studio/production", " Production "])
def test_an_environment_is_found_by_either_name(settings: Settings, name: str) -> None:
    """The bare name and the full one mean the same, however they are typed."""
    found = settings.environment(name)

    assert found.title == "reify-studio/production"


def test_an_unknown_environment_is_answered_with_what_was_meant(settings: Settings) -> None:
    """A misspelling gets the close match and the whole list."""
    with pytest.raises(NotFound) as caught:
        settings.environment("prodution")

    assert caught.value.reason is Reason.UNKNOWN_ENVIRONMENT
    assert caught.value.hint == "Did you mean `production`? There is `production`, `staging`."


def test_an_ambiguous_environment_is_answered_with_the_candidates(two_pipelines: Settings) -> None:
    """Where two pipelines have the name, neither is guessed."""
    with pytest.raises(NotFound) as caught:
        two_pipelines.environment("production")

    assert caught.value.reason is Reason.AMBIGUOUS_ENVIRONMENT
    assert caught.value.hint == "Say which one: `reify-studio/production`, `billing/production`."


def test_an_operations_organisation_is_that_of_its_app(two_pipelines: Settings, operation: Operation) -> None:
    """The token to act with follows from the app, which stands in the config once."""
    assert two_pipelines.organisation_of(operation) == "reify-studio-staging"


def test_an_operation_of_an_app_that_left_the_config_has_no_organisation(
    settings: Settings, operation: Operation
) -> None:
    """An operation from before the change is refused, not run with some other token."""
    with pytest.raises(NotFound) as caught:
        settings.organisation_of(replace(operation, app="gone"))

    assert caught.value.reason is Reason.UNKNOWN_ENVIRONMENT


def test_names_to_offer_are_as_short_as_they_can_be(two_pipelines: Settings) -> None:
    """Only what is ambiguous carries its pipeline."""
    assert two_pipelines.environment_names == ("reify-studio/production", "staging", "billing/production")


def test_images_are_shared_within_an_organisation_only(two_pipelines: Settings) -> None:
    """Promotion is possible exactly where both environments are in one organisation."""
    production = two_pipelines.environment("reify-studio/production")

    assert shares_registry(production, two_pipelines.environment("billing/production"))
    assert not shares_registry(production, two_pipelines.environment("staging"))


@pytest.mark.parametrize(
    ("organisation", "verdict"),
    [
        ("reify-studio-production", "an image can be promoted"),
        ("reify-studio-staging", "CI builds the commit for each"),
    ],
)
def test_the_check_says_whether_images_can_be_promoted(
    edited: Callable[..., str], environ: Mapping[str, str], organisation: str, verdict: str
) -> None:
    """Each pair of environments gets a sentence."""
    text = edited(('\norganisation = "reify-studio-staging"', f'\norganisation = "{organisation}"'))

    notes = promotion_notes(load(text, environ))

    assert len(notes) == 1
    assert verdict in notes[0]


def test_the_file_is_read_from_its_path(tmp_path: Path, example: str, environ: Mapping[str, str]) -> None:
    """`from_environ` gives the same as the text and the variables."""
    path = tmp_path / "flytower.toml"
    path.write_text(example, "utf-8")

    assert Settings.from_environ(environ, path) == load(example, environ)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, content: bytes | None) -> None:
    """The problem names the file and how to begin."""
    path = tmp_path / "flytower.toml"
    if content:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        Settings.from_environ({}, path)

    assert len(caught.value.problems) == 1
    assert "flytower.toml: cannot be read" in caught.value.problems[0]
    assert "flytower.example.toml" in caught.value.problems[0]
