"""Where a rollback may go, what changed since, and how risky that makes it: values in, values out."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.earlier import (
    GONE,
    RUNS_NOW,
    Books,
    Known,
    chosen,
    is_same,
    no_previous,
    read_books,
    was_live,
    with_image,
)
from bot.domain.model import Comparison, Image, MachineVersion, MigrationRisk, Migrations, Relation, Release, Secret
from bot.domain.rollback import (
    Contract,
    EarlierRelease,
    Findings,
    PendingRun,
    Remark,
    Risk,
    highest,
    remarks,
)
from bot.domain.then_and_now import (
    CONFIGURATION,
    as_it_was,
    configuration_drift,
    configured_scale,
    scale_drift,
    scale_of,
    secret_drift,
    version_of_then,
)
from bot.errors import NotFound, Reason
from tests.builders import NEW, NEW_SHA, NOW, OLD, OLD_SHA, REPOSITORY, environment, image, machine

A, B, C = (image(digit * 40) for digit in "abc")
TAGS = {"v1.4.1": OLD_SHA, "v1.4.2": NEW_SHA}


def day(number: float) -> datetime:
    """So many days before now."""
    return NOW - timedelta(days=number)


def release(version: int, of: Image, status: str = "complete", **changes: Any) -> Release:
    """A release that was made 50 - version days ago."""
    made = Release(f"rel_{version}", version, status, of, "ci@tokens.fly.io", day(50 - version))
    return dataclasses.replace(made, **changes)


def books(*releases: Release, live: Image, version: str = "", known: Known | None = None) -> Books:
    """The books as of now."""
    return read_books(releases, live, version=version, now=NOW, known=known)


def versions(releases: object) -> list[int]:
    """Fly's versions of these releases."""
    return [each.version for each in releases]  # type: ignore[attr-defined]


class TestBooks:
    """What Fly's books mean."""

    def test_the_current_release_is_what_most_machines_run(self) -> None:
        """The newest release failed before it moved anything: what ran before still runs."""
        read = books(release(41, A), release(42, B, "failed"), live=A)

        assert (read.current.version, read.current.ended_at) == (41, None)

    def test_a_failed_release_that_runs_is_the_current_one(self) -> None:
        """It moved the Machines and failed afterwards: what runs is what is undone."""
        read = books(release(41, A), release(42, B, "failed"), live=B)

        assert read.current.version == 42
        assert read.current.ran_s == timedelta(days=8).total_seconds()
        assert versions(read.previous()) == [41]

    def test_the_machines_say_which_release_of_an_image_they_belong_to(self) -> None:
        """A restart wrote a release of the same image that failed: the Machines name theirs."""
        of_theirs = books(release(41, A), release(42, A), live=A, version="41")
        of_another = books(release(41, A), release(42, B), live=A, version="42")

        assert of_theirs.current.version == 41
        assert of_another.current.version == 41

    def test_what_the_books_do_not_show_runs_all_the_same(self) -> None:
        """Somebody changed the Machines by themselves: the current release has no version and is called by its ref."""
        read = books(release(41, A), live=C, known=Known(tags={"v9": "c" * 40}))

        assert (read.current.version, read.current.name, read.current.image) == (0, "v9", C)
        assert versions(read.previous()) == [41]

    def test_the_digest_of_what_runs_is_kept(self) -> None:
        """The books know a label, the Machines the digest behind it."""
        read = books(release(41, dataclasses.replace(A, digest="")), live=A)

        assert (read.current.version, read.current.image) == (41, A)

    def test_releases_of_one_image_are_one_place(self) -> None:
        """Secrets and restarts repeat an image: the newest of them stands for all, with the whole time."""
        read = books(release(38, A), release(39, B), release(40, B), release(41, B), release(42, C), live=C)

        assert versions(read.places) == [41, 38]
        assert read.places[0].ran_s == timedelta(days=3).total_seconds()
        assert (read.places[0].released_at, read.places[0].ended_at) == (day(9), day(8))

    def test_time_adds_up_where_an_image_came_back(self) -> None:
        """It ran, something else ran, it ran again: how long altogether, and when last."""
        read = books(release(38, A), release(39, B), release(40, A), release(42, C), live=C)

        (place,) = [each for each in read.places if is_same(each.image, A)]
        assert (place.version, place.ended_at) == (40, day(8))
        assert place.ran_s == timedelta(days=3).total_seconds()

    def test_a_failed_release_is_shown_and_says_so(self) -> None:
        """A person may look for it: it is there, was never live, and cannot be gone back to."""
        read = books(release(39, A), release(40, B, "failed"), release(41, C), live=C)

        assert versions(read.places) == [40, 39]
        assert read.places[0].ran_s is None
        assert read.places[0].problem == "v40 was never live: its status in Fly's books is failed."

    def test_an_image_that_was_live_once_is_not_called_failed(self) -> None:
        """The same image failed later: the place is the release that was live."""
        read = books(release(39, B), release(40, C), release(41, B, "failed"), live=C)

        assert versions(read.places) == [39]
        assert read.places[0].problem == ""

    def test_what_runs_now_is_no_place_to_go_back_to(self) -> None:
        """Neither by another release of the same image."""
        read = books(release(39, A), release(40, B), release(41, A), live=A)

        assert versions(read.places) == [40]
        assert [each.problem for each in read.releases] == [RUNS_NOW, "", RUNS_NOW]

    def test_a_release_that_no_machine_runs_any_more_is_said_to_have_ended_at_once(self) -> None:
        """It ended at an unknown time before now: nothing that changed since may pass for unchanged."""
        read = books(release(41, A), release(42, B), live=A, version="41")

        newest = read.releases[0]
        assert (newest.version, newest.ended_at, newest.ran_s) == (42, newest.released_at, 0.0)
        assert versions(read.previous()) == []

    def test_a_release_without_a_time_counts_for_no_time(self) -> None:
        """Fly did not say when: nothing is guessed."""
        read = books(release(40, A, created_at=None), release(41, B), live=B)

        assert read.places[0].ran_s == 0.0

    def test_books_without_images_hold_no_surprise(self) -> None:
        """An old app's releases name no image, and the app has no Machines."""
        read = books(release(1, Image("")), live=Image(""))

        assert (read.current.version, versions(read.places)) == (0, [1])

    def test_empty_books_say_nothing(self) -> None:
        """No release at all: what runs is known by its image alone."""
        read = books(live=A)

        assert (read.current.image, read.places, read.of(B)) == (A, (), None)

    @pytest.mark.parametrize(
        ("status", "is_stable", "expected"),
        [
            ("complete", False, True),
            ("succeeded", False, True),
            ("dead", True, True),
            ("dead", False, False),
            ("failed", True, False),
            ("running", True, False),
        ],
    )
    def test_live_is_what_ended_well(self, status: str, is_stable: bool, expected: bool) -> None:
        """Fly's words of today, those of older apps, and its own mark beside a word that we do not know."""
        assert was_live(release(41, A, status, is_stable=is_stable)) is expected

    def test_a_release_is_called_as_people_call_it(self) -> None:
        """The tag that releases here, else any tag, else the short commit, else Fly's version."""
        known = Known({"best": OLD_SHA, "v1.4.1": OLD_SHA, "x": NEW_SHA}, {OLD_SHA: "Fix"}, {38: "<@U0ANA>"}, "v*")
        by_hand = Image(REPOSITORY, "by-hand", "sha256:1")
        read = books(release(38, OLD), release(39, NEW), release(40, A), release(41, by_hand), live=C, known=known)

        assert [each.ref for each in read.releases] == ["v41", "aaaaaaa", "x", "v1.4.1"]
        assert (read.releases[-1].title, read.releases[-1].by) == ("Fix", "<@U0ANA>")
        assert read.releases[0].by == "ci@tokens.fly.io"

    def test_the_release_of_an_image_is_the_newest_that_was_live(self) -> None:
        """What runs is the current one; a failed release of an image comes last."""
        read = books(release(38, B), release(39, B, "failed"), release(40, C, "failed"), release(41, A), live=A)

        found = [read.of(each) for each in (A, B, C)]
        assert [each.version for each in found if each] == [41, 38, 40]

    def test_images_are_the_same_by_digest_or_by_label(self) -> None:
        """A label may have moved; where a digest is missing it is all there is."""
        bare = dataclasses.replace(A, digest="")
        moved = dataclasses.replace(A, digest=B.digest)

        assert is_same(A, A)
        assert is_same(A, bare)
        assert not is_same(A, moved)
        assert is_same(B, moved)
        assert not is_same(bare, dataclasses.replace(bare, repository="registry.fly.io/other"))
        assert not is_same(Image("x"), Image("x"))

    def test_an_image_that_is_gone_is_said_of_its_release(self) -> None:
        """One that has a problem already keeps it."""
        place = books(release(40, A), release(41, B), live=B).places[0]
        failed = dataclasses.replace(place, problem="It failed.")

        assert with_image(place, None).problem == GONE
        assert with_image(failed, None).problem == "It failed."
        assert with_image(place, C).image == C


_statuses = st.sampled_from(["complete", "succeeded", "failed", "interrupted", "running"])
_releases = st.lists(st.tuples(st.sampled_from([A, B, C]), _statuses), max_size=12).map(
    lambda drawn: [release(number, of, status) for number, (of, status) in enumerate(drawn, 1)]
)


@given(_releases, st.sampled_from([A, B, C]))
def test_whatever_the_books_say_previous_was_live_and_is_another_image(listed: list[Release], live: Image) -> None:
    """For any books: never what runs, never one that failed, never a later release, and newest first."""
    read = books(*listed, live=live)
    by_version = {each.version: each for each in listed}

    found = list(read.previous())

    for each in found:
        assert was_live(by_version[each.version])
        assert not is_same(each.image, live)
        assert not read.current.version or each.version < read.current.version
    assert all(newer.version > older.version for newer, older in pairwise(found))


@given(_releases, st.sampled_from([A, B, C]))
def test_whatever_the_books_say_times_add_up(listed: list[Release], live: Image) -> None:
    """For any books: no release ran for longer than since the first one, and each place is another image."""
    read = books(*listed, live=live)
    since_first = (NOW - listed[0].created_at).total_seconds() if listed and listed[0].created_at else 0.0

    assert all(0 <= (each.ran_s or 0.0) <= since_first for each in read.releases)
    assert len({each.image for each in read.places}) == len(read.places)


class TestChosen:
    """What a name means."""

    read = books(
        release(38, OLD),
        release(39, OLD, "failed"),
        release(40, C, "failed"),
        release(41, NEW),
        release(42, A),
        live=A,
    )

    @pytest.mark.parametrize(
        ("name", "version"),
        [
            ("previous", 41),
            ("Previous", 41),
            ("v41", 41),
            ("V41", 41),
            ("38", 38),
            ("v40", 40),
            ("v1.4.1", 38),
            (OLD_SHA, 38),
            (OLD_SHA[:7].upper(), 38),
            ("c" * 12, 40),
        ],
    )
    def test_a_name_means_one_release(self, name: str, version: int) -> None:
        """`previous`, Fly's version, a tag, a commit: of several the newest that was live."""
        found, note = chosen(self.read, name, TAGS)

        assert (found.version, note) == (version, "")

    def test_a_name_of_both_kinds_is_flys_version(self) -> None:
        """There is a tag `v41` as well: said, and not guessed."""
        found, note = chosen(self.read, "v41", {"v41": OLD_SHA})

        assert found.version == 41
        assert note == "There is a tag v41, too; release v41 of Fly's books was taken."

    def test_a_tag_may_look_like_a_version_that_the_books_do_not_have(self) -> None:
        """No release 99: the tag of that name is meant."""
        found, _ = chosen(self.read, "v99", {"v99": OLD_SHA})

        assert found.version == 38

    @pytest.mark.parametrize(
        ("name", "said", "hint"),
        [
            ("v14.1", "is v14.1.", "v1.4.1"),
            ("v43", "is v43.", "v42"),
            ("v0", "is v0.", "v40"),
            ("main", "is main.", "`/rollback` lists them."),
            ("f" * 40, f"is {'f' * 40}.", "`/rollback` lists them."),
            ("v1.3.0", "is v1.3.0 (commit 590ac9d).", "v1.4.1"),
        ],
    )
    def test_an_unknown_name_is_refused_with_what_is_close(self, name: str, said: str, hint: str) -> None:
        """Nothing is taken for what was not named."""
        with pytest.raises(NotFound) as caught:
            chosen(self.read, name, {**TAGS, "v1.3.0": "590ac9d" + "0" * 33})

        assert caught.value.reason is Reason.UNKNOWN_RELEASE
        assert caught.value.message.endswith(said)
        assert hint in caught.value.hint

    def test_a_name_that_only_github_could_explain_says_so(self) -> None:
        """GitHub is silent: the hint of whoever asked goes before a guess."""
        with pytest.raises(NotFound) as caught:
            chosen(self.read, "v1.4.9", {}, hint="GitHub does not answer.")

        assert caught.value.hint == "GitHub does not answer."

    def test_there_may_be_nothing_before(self) -> None:
        """One image was ever live: no previous release, and what to do instead."""
        with pytest.raises(NotFound) as caught:
            chosen(books(release(40, B, "failed"), release(41, A), live=A), "previous", {})

        assert (caught.value.reason, caught.value.message) == (Reason.UNKNOWN_RELEASE, no_previous().message)


def then(config: dict[str, Any], *, of: Image = OLD, version: str = "01A", number: int = 0) -> MachineVersion:
    """A configuration that a Machine had with an image, and with a release where one is given."""
    metadata = {"fly_release_version": str(number)} if number else {}
    return MachineVersion(version, {"image": of.reference, "metadata": metadata, **config})


ENV_THEN, ENV_NOW = {"PORT": "4000", "OLD_FLAG": "hunter2"}, {"PORT": "hunter3", "NEW_FLAG": "on"}


class TestConfiguration:
    """What changed in the configuration."""

    def test_variables_are_told_by_name_and_never_by_value(self) -> None:
        """Added, removed, changed."""
        now = machine("m1", config={"env": ENV_NOW})

        found = configuration_drift([now], {"m1": then({"env": ENV_THEN})}, (None, None))

        assert found.changes == ("variables: NEW_FLAG added; OLD_FLAG removed; PORT changed",)
        assert found.versions == {"m1": "m1:01A"}
        assert "hunter" not in str(found.changes)

    def test_the_size_is_told_by_value(self) -> None:
        """A person wants to know how much memory there was."""
        now = machine("m1", config={"guest": {"memory_mb": 1024, "cpus": 1, "gpus": 0}})
        was = then({"guest": {"memory_mb": 512, "cpus": 1}})

        assert configuration_drift([now], {"m1": was}, (None, None)).changes == (
            "VM: memory_mb 512 → 1024, gpus – → 0",
        )

    def test_other_sections_are_told_by_what_differs_in_them(self) -> None:
        """Services, checks and the like: the keys, without their places in lists; empty is as good as absent."""
        now = machine(
            "m1", config={"services": [{"autostop": "off", "ports": [{"port": 81}]}], "init": {}, "dns": None}
        )
        was = then({"services": [{"autostop": "stop", "ports": [{"port": 80}]}], "processes": ["web"]})

        assert configuration_drift([now], {"m1": was}, (None, None)).changes == (
            "services: autostop, ports.port changed",
            "processes changed",
        )

    def test_many_names_are_cut(self) -> None:
        """A hundred new variables are no message."""
        now = machine("m1", config={"env": {f"V{number}": "1" for number in range(9)}})

        (text,) = configuration_drift([now], {"m1": then({})}, (None, None)).changes or ()

        assert text == "variables: V0, V1, V2, V3, V4, V5 and 3 more added"

    def test_one_machine_alone_is_named(self) -> None:
        """What differs on all is said once, what differs on one with that one."""
        machines = [machine("m1", config={"env": {"A": "1", "B": "1"}}), machine("m2", config={"env": {"A": "1"}})]
        was = {each.id: then({"env": {"A": "1"}}, version=f"{each.id}v") for each in machines}

        found = configuration_drift(machines, was, (None, None))

        assert found.changes == ("variables: B added (Machine m1 only)",)
        assert found.versions == {"m1": "m1:m1v", "m2": "m2:m2v"}

    def test_the_definitions_tell_what_machines_do_not_show(self) -> None:
        """Where all Machines are known, fly.toml adds its other sections; app and build say nothing of what runs."""
        before = {"app": "a", "build": {"x": 1}, "env": {"A": "1"}, "deploy": {"release_command": "/app/bin/migrate"}}
        after = {"app": "b", "build": {}, "env": {}, "deploy": {"release_command": "/app/bin/other"}}

        found = configuration_drift([machine("m1", config={"env": {}, "a": 1})], {"m1": then({})}, (before, after))

        assert found.changes == ("deploy: release_command changed",)

    @pytest.mark.parametrize(
        "machines", [[], [machine("m1", config={"env": {}})], [machine("m2", config={}, host_status="unreachable")]]
    )
    def test_without_the_machines_the_definitions_tell_all(self, machines: list[Any]) -> None:
        """No Machines, a forgotten version, a host that is away: compared by fly.toml, and nothing to restore."""
        before = {"env": ENV_THEN, "vm": [{"memory": "512mb"}], "http_service": {"internal_port": 4000}}
        after = {"env": ENV_NOW, "vm": [{"memory": "1gb"}], "http_service": {"internal_port": 4001}}

        found = configuration_drift(machines, {"m1": None, "m2": then({})}, (before, after))

        assert found.changes == (
            "variables: NEW_FLAG added; OLD_FLAG removed; PORT changed",
            "http_service: internal_port changed",
            "VM: memory 512mb → 1gb",
        )
        assert found.versions == {}

    @pytest.mark.parametrize("definitions", [(None, None), ({}, None), (None, {})])
    def test_without_both_it_is_unknown(self, definitions: tuple[Any, Any]) -> None:
        """Unknown, which is not the same as unchanged."""
        found = configuration_drift([machine("m1")], {"m1": None}, definitions)

        assert (found.changes, found.versions) == (None, {})

    def test_the_version_of_then_is_the_releases_own(self) -> None:
        """Of several with its image the newest of that very release, else the newest; another image is not it."""
        had = [
            then({}, of=NEW, version="5", number=41),
            then({}, version="4", number=40),
            then({}, version="3", number=39),
            then({}, version="2", number=39),
            MachineVersion("1", {}),
        ]

        chosen_versions = [version_of_then(had, OLD, number) for number in (39, 38)]

        assert [each.version for each in chosen_versions if each] == ["3", "4"]
        assert version_of_then(had, A, 41) is None

    def test_as_it_was_keeps_what_ties_a_machine_to_its_place(self) -> None:
        """Image, metadata, mounts, standbys, schedule and auto destroy stay; the configuration is that of then."""
        stays = {"image": "new", "metadata": {"a": "b"}, "mounts": [1], "standbys": ["m2"], "schedule": "daily"}
        now = {**stays, "auto_destroy": True, "env": {"A": "2"}, "checks": {"new": {}}}
        was = {"image": "old", "metadata": {}, "mounts": [], "env": {"A": "1"}, "dns": {"skip_registration": True}}

        assert as_it_was(now, was) == {
            **stays,
            "auto_destroy": True,
            "env": {"A": "1"},
            "dns": {"skip_registration": True},
        }


_config = st.dictionaries(st.sampled_from([*CONFIGURATION, "image", "metadata", "mounts"]), st.integers(0, 3))


@given(_config, _config)
def test_as_it_was_goes_there_and_back(now: dict[str, Any], was: dict[str, Any]) -> None:
    """For any two configs: the configuration is that of then, the rest that of now; and the way back undoes it."""
    changed = as_it_was(now, was)

    assert {key: value for key, value in changed.items() if key in CONFIGURATION} == {
        key: value for key, value in was.items() if key in CONFIGURATION
    }
    assert as_it_was(changed, now) == now


class TestSecrets:
    """What changed in the secrets."""

    now = (Secret("KEY", "d1", day(3)), Secret("URL", "d2", day(9)), Secret("ODD", "d3"))

    def test_by_the_digests_that_were_noted(self) -> None:
        """Changed, added and removed by name; one that was set to the same value did not change."""
        noted = {"KEY": "d0", "ODD": "d3", "OLD": "d4"}

        assert secret_drift(self.now, noted, day(5)) == ("KEY changed", "URL added", "OLD removed")

    def test_by_their_time_where_nothing_was_noted(self) -> None:
        """Set after the release was last live; one without a time may have been."""
        assert secret_drift(self.now, None, day(5)) == ("KEY set", "ODD set")

    def test_an_unknown_time_leaves_all_of_them_open(self) -> None:
        """Nobody knows when the release was live: every secret may be another one."""
        assert secret_drift(self.now, None, None) == ("KEY set", "URL set", "ODD set")


class TestScale:
    """How many Machines there were."""

    def test_regions_that_differ_are_told(self) -> None:
        """More, fewer, none."""
        was = scale_of([("app", "iad"), ("app", "sjc")])
        now = scale_of([("app", "iad"), ("app", "iad"), ("app", "ams")])

        assert scale_drift(was, now) == ("ams 0 then, 1 now", "iad 1 then, 2 now", "sjc 1 then, 0 now")
        assert scale_drift(was, was) == ()

    def test_process_groups_are_named_where_there_are_several(self) -> None:
        """Otherwise the region is enough."""
        found = scale_drift({("app", "iad"): 1}, {("app", "iad"): 1, ("worker", "iad"): 2}, said="by the config")

        assert found == ("worker in iad 0 by the config, 2 now",)

    def test_the_config_speaks_of_machines_that_serve_people(self) -> None:
        """Workers and standbys are as they are; without any services all groups count."""
        worker = {"fly_platform_version": "v2", "fly_process_group": "worker"}
        machines = [
            machine("m1"),
            machine("m2", config={}, metadata=worker),
            machine("m3", config={"standbys": ["m1"]}),
        ]

        served = configured_scale(environment(), machines)
        unserved = configured_scale(environment(), [machine("m1", config={})])

        assert served == {("app", "iad"): 2, ("app", "sjc"): 1, ("worker", "iad"): 1}
        assert unserved == {("app", "iad"): 1, ("app", "sjc"): 1}


CURRENT = EarlierRelease(42, NEW, "v1.4.2", "", None, "")
TARGET = EarlierRelease(41, OLD, "v1.4.1", "", None, "")
AHEAD = Comparison(Relation.AHEAD)
NONE = Migrations(MigrationRisk.NONE)
FINDINGS = Findings(CURRENT, TARGET, AHEAD, NONE)


def told(**changes: Any) -> list[Remark]:
    """The remarks of findings in which only this speaks against anything."""
    return list(remarks(dataclasses.replace(FINDINGS, **changes)))


class TestRemarks:
    """What a contract says, and how risky it is."""

    def test_nothing_to_say_is_green(self) -> None:
        """Everything is known and nothing changed."""
        assert told() == []
        assert Contract(CURRENT, TARGET, remarks=tuple(told())).risk is Risk.GREEN

    def test_a_note_is_no_risk(self) -> None:
        """It is told, and a button is enough."""
        (note,) = told(notes=("There is a tag v41, too.",))

        assert note == Remark(Risk.GREEN, "There is a tag v41, too.")
        assert Contract(CURRENT, TARGET, remarks=(note,)).risks == ()

    @pytest.mark.parametrize(
        ("stay", "said"),
        [
            (Migrations(MigrationRisk.LISTED, ("priv/repo/1_a.exs",)), "1 migration stays applied: 1_a.exs."),
            (
                Migrations(MigrationRisk.LISTED, ("p/1_a.exs", "p/2_<b>.exs")),
                "2 migrations stay applied: 1_a.exs, 2_‹b›",
            ),
            (
                Migrations(MigrationRisk.UNKNOWN, why="GitHub did not list every changed file"),
                "It is not known which migrations stay applied (GitHub did not list every changed file)",
            ),
            (Migrations(MigrationRisk.UNKNOWN, ("p/1_a.exs",), "it was cut"), "Seen so far: 1_a.exs."),
        ],
    )
    def test_migrations_are_red(self, stay: Migrations, said: str) -> None:
        """Listed or unknown: the image from before may not fit the schema."""
        (remark,) = told(migrations=stay)

        assert remark.risk is Risk.RED
        assert said in remark.message

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"undone": Comparison(Relation.DIVERGED)}, "The histories diverged"),
            ({"undone": Comparison(Relation.BEHIND)}, "this goes forward"),
            ({"undone": Comparison(Relation.UNKNOWN)}, "could not be compared"),
            ({"target": dataclasses.replace(TARGET, image=Image("r", "x"))}, "the image of v41 names no commit"),
            (
                {
                    "current": dataclasses.replace(CURRENT, image=Image("r", "y")),
                    "target": dataclasses.replace(TARGET, image=Image("r", "x")),
                },
                "the images of v42 and v41 name no commit",
            ),
            ({"is_silent": True}, "The registry does not say"),
            ({"configuration": None}, "It is not known how the configuration changed"),
            ({"configuration": ("VM changed", "env")}, "stays as it is now. Since then: VM changed; env."),
            ({"configuration": ("VM changed",), "with_configuration": True}, "The configuration goes back, too."),
            ({"secrets": None}, "Whether secrets changed since is not known"),
            ({"secrets": ("KEY changed",)}, "Secrets stay as they are now. Since then: KEY changed."),
            ({"scale": ("iad 1 then, 2 now",)}, "The Machines are not as they were: iad 1 then, 2 now."),
            ({"pending": None}, "GitHub does not say whether a workflow"),
            ({"pending": (PendingRun(7, "Deploy <!channel>", "https://x/7"),)}, "Deploy ‹!channel› (https://x/7)"),
            ({"cautions": ("The Machines ran 2 images.",)}, "The Machines ran 2 images."),
        ],
    )
    def test_what_differs_or_is_unknown_is_amber(self, changes: dict[str, Any], said: str) -> None:
        """A person confirms it with its name."""
        (remark,) = told(**changes)

        assert remark.risk is Risk.AMBER
        assert said in remark.message

    def test_the_worst_comes_first(self) -> None:
        """Red before amber before green, and the whole is as risky as its worst part."""
        found = told(migrations=Migrations(MigrationRisk.LISTED, ("1.exs",)), notes=("A note.",), is_silent=True)

        contract = Contract(CURRENT, TARGET, remarks=tuple(found))
        assert [remark.risk for remark in found] == [Risk.RED, Risk.AMBER, Risk.GREEN]
        assert contract.risk is Risk.RED
        assert contract.risks == (found[0].message, found[1].message)
        assert highest([]) is Risk.GREEN
