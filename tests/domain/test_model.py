"""The values every layer speaks of: references of images, health of Machines, names of people and places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import NO_RELEASE, Actor, Check, Image, Machine
from tests.builders import NEW_SHA, commit, environment, machine

DIGEST = "sha256:" + "9f" * 32
FAILING, PASSING = Check("http", "critical", "503"), Check("http", "passing")
METADATA = {"fly_platform_version": "v2", "fly_process_group": "app"}


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        ("U0ANA", "<@U0ANA>"),
        ("W012AB", "<@W012AB>"),
        ("flytower", "flytower"),
        ("U0ANA> <!channel", "U0ANA> <!channel"),
        ("U0ANA\n", "U0ANA\n"),
        ("", ""),
    ],
)
def test_only_an_id_of_slack_becomes_a_mention(user_id: str, expected: str) -> None:
    """The bot by schedule and everything that is no id stay plain text."""
    assert Actor(user_id).mention == expected


@pytest.mark.parametrize(
    ("reference", "repository", "label", "digest"),
    [
        ("registry.fly.io/reify-studio:sha-1@" + DIGEST, "registry.fly.io/reify-studio", "sha-1", DIGEST),
        ("registry.fly.io/reify-studio@" + DIGEST, "registry.fly.io/reify-studio", "", DIGEST),
        ("registry.fly.io/reify-studio:sha-1", "registry.fly.io/reify-studio", "sha-1", ""),
        ("localhost:5000/app", "localhost:5000/app", "", ""),
        ("localhost:5000/app:v1", "localhost:5000/app", "v1", ""),
        ("flyio/postgres-flex:15.6", "flyio/postgres-flex", "15.6", ""),
        ("nginx:1.27", "nginx", "1.27", ""),
        ("", "", "", ""),
    ],
)
def test_an_image_reference_is_read_and_written_back(reference: str, repository: str, label: str, digest: str) -> None:
    """Host with port, label and digest are told apart, and together give the reference again."""
    read = Image.parse(reference)

    assert (read.repository, read.label, read.digest) == (repository, label, digest)
    assert read.reference == reference


@pytest.mark.parametrize(
    ("label", "sha"),
    [
        (f"sha-{NEW_SHA}", NEW_SHA),
        (f"sha-{NEW_SHA[:7]}", ""),
        (f"sha-{NEW_SHA.upper()}", ""),
        (f"sha-{NEW_SHA}-debug", ""),
        (f"xsha-{NEW_SHA}", ""),
        (f"sha-{NEW_SHA}\n", ""),
        ("deployment-01K", ""),
        ("", ""),
    ],
)
def test_only_a_whole_commit_label_names_a_commit(label: str, sha: str) -> None:
    """A label that merely looks like a commit's is not taken for one."""
    assert Image("registry.fly.io/reify-studio", label).sha == sha


@given(
    st.from_regex(r"[a-z0-9.]{1,9}(:[0-9]{1,4})?/[a-z0-9/_-]{0,9}[a-z]", fullmatch=True),
    st.from_regex(r"[\w.-]{0,9}", fullmatch=True),
)
def test_parsing_undoes_the_reference(repository: str, label: str) -> None:
    """For every repository and label: written and read back, nothing is lost."""
    made = Image(repository, label, DIGEST)

    assert Image.parse(made.reference) == made


@pytest.mark.parametrize(
    ("metadata", "group", "is_managed"),
    [
        (METADATA, "app", True),
        (METADATA | {"fly_process_group": "worker"}, "worker", True),
        ({"fly_platform_version": "v2", "process_group": "app"}, "app", True),
        (METADATA | {"fly_process_group": "fly_app_release_command"}, "fly_app_release_command", False),
        (METADATA | {"fly_process_group": "fly_app_console"}, "fly_app_console", False),
        (METADATA | {"fly_process_group": ""}, "", False),
        ({"fly_platform_version": "v2"}, "", False),
        ({"fly_process_group": "app"}, "app", False),
        ({}, "", False),
    ],
)
def test_only_what_a_deployment_would_see_is_managed(metadata: dict[str, str], group: str, is_managed: bool) -> None:
    """Machines of release commands, consoles and of people's own are no part of the app."""
    seen = machine(metadata=metadata)

    assert (seen.group, seen.is_managed) == (group, is_managed)


@pytest.mark.parametrize(
    ("state", "is_warm", "is_gone"),
    [
        ("started", True, False),
        ("stopped", False, False),
        ("suspended", False, False),
        ("starting", False, False),
        ("failed", False, False),
        ("destroying", False, True),
        ("destroyed", False, True),
        ("replaced", False, True),
        ("migrated", False, True),
    ],
)
def test_states_are_read_as_fly_spells_them(state: str, is_warm: bool, is_gone: bool) -> None:
    """Only started is warm; destroyed, replaced and migrated Machines are gone."""
    seen = machine(state=state)

    assert (seen.is_warm, seen.is_gone) == (is_warm, is_gone)


@pytest.mark.parametrize(
    ("changes", "is_healthy"),
    [
        ({}, True),
        ({"checks": ()}, False),
        ({"checks": (FAILING,)}, False),
        ({"checks": (Check("http", "warning"),)}, False),
        ({"checks": (PASSING, FAILING)}, False),
        ({"config": {"checks": {"a": {}}, "services": [{"checks": [{}]}]}, "checks": (PASSING,)}, False),
        ({"config": {"checks": {"a": {}}, "services": [{"checks": [{}]}]}, "checks": (PASSING, PASSING)}, True),
        ({"config": {}, "checks": ()}, True),
        ({"config": {"checks": None, "services": [{}, {"checks": None}]}, "checks": ()}, True),
        ({"state": "stopped"}, False),
    ],
)
def test_health_needs_a_result_for_every_check(changes: dict[str, Any], is_healthy: bool) -> None:
    """Started, as many results as the config asks for, all passing: an answer that is missing is no yes."""
    assert machine(**changes).is_healthy is is_healthy


def test_checks_are_counted_for_the_card() -> None:
    """How many are expected and how many pass."""
    seen = machine(config={"checks": {"a": {}}, "services": [{"checks": [{}, {}]}]}, checks=(PASSING, FAILING))

    assert (seen.checks_expected, seen.checks_passing) == (3, 1)


@pytest.mark.parametrize(("metadata", "version"), [({"fly_release_version": "41"}, "41"), ({}, "")])
def test_a_machine_knows_its_release(metadata: dict[str, str], version: str) -> None:
    """The release version stands in the metadata, or is empty."""
    assert machine(metadata=metadata).release_version == version


def test_nothing_released_is_an_object() -> None:
    """Nobody has to ask for None: there is no version before the first."""
    assert (NO_RELEASE.version, NO_RELEASE.image.reference) == (0, "")


def test_names_for_people() -> None:
    """A commit is seven characters, an environment carries its pipeline."""
    assert commit(NEW_SHA).short == NEW_SHA[:7]
    assert environment().title == "reify-studio/production"


def test_a_machine_defaults_to_what_fly_says_of_a_new_one() -> None:
    """Without anything reported a Machine has no checks, no exit, a host in order."""
    made = Machine("m", "a", "n", "created", "iad", "01", Image("r"), {})

    assert (made.checks, made.exit, made.host_status, made.group) == ((), None, "ok", "")
