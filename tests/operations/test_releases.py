"""What there is to go back to, and what a name means, against the simulated Fly, registry and GitHub."""

from __future__ import annotations

import dataclasses

import pytest

from bot.domain.earlier import GONE, Books
from bot.domain.model import Environment, Image, Machine
from bot.domain.rollback import EarlierRelease
from bot.errors import NotFound, Reason, RemoteError
from bot.operations.facts import serving_machines
from bot.operations.releases import Looked, Releases, Sources
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, World

IMAGE = f"registry.fly.io/{PRODUCTION}"
V140, V141 = (f"sha-{SHA[tag]}" for tag in ("v1.4.0", "v1.4.1"))


@pytest.fixture
def releases(world: World) -> Releases:
    """The releases as the bot of this world reads them."""
    return Releases(world.bot.store, world.bot.github, world.bot.fly, world.bot.clock)


@pytest.fixture
def production(world: World) -> Environment:
    """Production of the example."""
    return world.settings.environment("production")


async def deployed(world: World, ref: str) -> None:
    """Production was deployed by the bot."""
    await world.types(f"/deploy production {ref}")
    await world.clicks("deployment_confirm")


async def machines_of(world: World, environment: Environment) -> list[Machine]:
    """The environment's Machines as they are."""
    return await serving_machines(world.bot.fly[environment.organisation], environment.app)


async def found(world: World, releases: Releases, production: Environment, name: str) -> EarlierRelease:
    """The release that a name means now."""
    sources = await releases.sources(production)
    books = releases.books(sources, await machines_of(world, production))
    release, _ = await releases.find(production, name, books, sources)
    return release


def silent(world: World, path: str = "/v2/|/graphql") -> None:
    """The registry does not answer, and Fly does not in its place."""
    world.fault("status", path=path, status=500)


async def test_earlier_releases_are_told_with_all_that_is_known(releases: Releases, production: Environment) -> None:
    """Tag, title, when, how long, by whom; a failed one says that it failed; what runs is not among them."""
    failed, billing, first = await releases.earlier(production)

    assert (failed.name, failed.ran_s) == ("v40", None)
    assert "its status in Fly's books is failed" in failed.problem
    assert (billing.name, billing.ref, billing.title, billing.by) == (
        "v39",
        "v1.4.0",
        "Add billing plans",
        "ci@tokens.fly.io",
    )
    # Each instant is told to the millisecond, rounded by itself.
    assert billing.ran_s == pytest.approx(6 * 86_400, abs=0.0011)
    assert billing.image.digest
    assert (first.name, first.ref) == ("v38", "v1.3.0")


async def test_our_own_releases_name_the_person(world: World, releases: Releases, production: Environment) -> None:
    """Fly's books know the bot's token; our journal knows who pressed the button."""
    await deployed(world, "v1.4.2")
    await world.fly.control.ci.deploy(PRODUCTION, V140)

    newest = (await releases.earlier(production))[0]

    assert (newest.name, newest.ref, newest.title, newest.by) == (
        "v42",
        "v1.4.2",
        "Better error pages",
        "<@U0ANA>",
    )


async def test_a_pruned_image_is_told_before_anybody_chooses_it(
    world: World, releases: Releases, production: Environment
) -> None:
    """The registry has it no more: nobody can go back to it, and the list says so."""
    world.fly.control.delete_image(app=PRODUCTION, label=V140)

    problems = {each.name: each.problem for each in await releases.earlier(production)}

    assert (problems["v39"], problems["v38"]) == (GONE, "")


async def test_a_silent_registry_is_believed(world: World, releases: Releases, production: Environment) -> None:
    """It does not say that anything is gone: the list is as long as ever."""
    silent(world)

    earlier = await releases.earlier(production)

    assert [each.name for each in earlier] == ["v40", "v39", "v38"]
    assert earlier[1].problem == ""


async def test_earlier_releases_are_told_without_github(
    world: World, releases: Releases, production: Environment
) -> None:
    """GitHub is down when it is needed most: commits instead of tags, no titles."""
    world.github.faults.add(Fault("status", status=500))

    earlier = await releases.earlier(production)

    assert [(each.ref, each.title) for each in earlier[1:]] == [("282e3e8", ""), ("590ac9d", "")]


async def test_a_commit_that_github_does_not_show_has_no_title(
    world: World, releases: Releases, production: Environment
) -> None:
    """The list is told all the same."""
    world.github.faults.add(Fault("status", path="/commits/", status=500))

    assert [each.title for each in await releases.earlier(production)] == ["", "", ""]


async def test_what_we_deployed_is_known_without_github(
    world: World, releases: Releases, production: Environment
) -> None:
    """Our own deployment remembers the tag and the title."""
    await deployed(world, "v1.4.2")
    await world.fly.control.ci.deploy(PRODUCTION, V140)
    world.github.faults.add(Fault("status", status=500))

    release = await found(world, releases, production, "v1.4.2")

    assert (release.name, release.ref, release.title) == ("v42", "v1.4.2", "Better error pages")


async def test_fly_being_down_is_an_error(world: World, releases: Releases, production: Environment) -> None:
    """Without Fly's books nobody knows where to go back to."""
    world.fault("status", path="/api/v1/", status=500)

    with pytest.raises(RemoteError):
        await releases.earlier(production)


async def test_two_labels_of_one_image_are_one_place(world: World, releases: Releases, production: Environment) -> None:
    """The books know labels: previous is what really was another image, and the list shows each image once."""
    for label in ("blue", "green"):
        world.fly.control.push_image(app=PRODUCTION, label=label, content="the same")
        await world.fly.control.ci.deploy(PRODUCTION, label)

    previous = await found(world, releases, production, "previous")

    assert previous.name == "v41"
    assert "v42" not in [each.name for each in await releases.earlier(production)]


async def test_previous_is_the_last_other_image_that_was_live(
    world: World, releases: Releases, production: Environment
) -> None:
    """v40 failed, so it is v39; a release with its digest in the books is not looked up."""
    assert (await found(world, releases, production, "previous")).name == "v39"

    await deployed(world, "v1.4.2")
    await world.fly.control.ci.deploy(PRODUCTION, V140)

    assert (await found(world, releases, production, "Previous")).name == "v42"


async def test_previous_is_also_one_whose_image_is_gone(
    world: World, releases: Releases, production: Environment
) -> None:
    """It is said to be gone, and nothing else is taken in its place."""
    world.fly.control.delete_image(app=PRODUCTION, label=V140)

    assert (await found(world, releases, production, "previous")).name == "v39"


async def test_there_may_be_no_previous(world: World, releases: Releases, production: Environment) -> None:
    """Only one image was ever live."""
    del world.fly.app(PRODUCTION).releases[:2]

    with pytest.raises(NotFound) as caught:
        await found(world, releases, production, "previous")

    assert caught.value.reason is Reason.UNKNOWN_RELEASE


@pytest.mark.parametrize("name", ["v39", "v1.4.0", SHA["v1.4.0"], SHA["v1.4.0"][:7]])
async def test_a_release_has_several_names(
    world: World, releases: Releases, production: Environment, name: str
) -> None:
    """Fly's version, the tag, the commit."""
    assert (await found(world, releases, production, name)).name == "v39"


async def test_a_tag_that_the_list_does_not_show_is_asked_for(
    world: World, releases: Releases, production: Environment
) -> None:
    """GitHub lists a hundred tags; an older one is found by its name."""
    world.github.faults.add(Fault("status", path=r"/tags\?|/tags$", status=500))

    assert (await found(world, releases, production, "v1.4.0")).name == "v39"


async def test_a_branch_names_no_release(world: World, releases: Releases, production: Environment) -> None:
    """A branch moves: its head may be what runs on the day and something else a minute later."""
    await world.github.actions()["branch"]({"name": "hotfix", "sha": SHA["v1.4.0"]})

    with pytest.raises(NotFound) as caught:
        await found(world, releases, production, "hotfix")

    assert caught.value.reason is Reason.UNKNOWN_RELEASE


async def test_without_github_a_tag_is_unknown_and_the_hint_says_why(
    world: World, releases: Releases, production: Environment
) -> None:
    """Fly's own version works at any time."""
    world.github.faults.add(Fault("status", status=500))

    with pytest.raises(NotFound, match=r"is v1\.4\.0") as caught:
        await found(world, releases, production, "v1.4.0")

    assert "name the release by Fly's own version" in caught.value.hint


class TestImage:
    """The image as the registry has it now."""

    async def looked(self, world: World, releases: Releases, production: Environment, image: Image) -> Looked:
        """What the registry says of an image."""
        return await releases.image(production, image, await releases.sources(production))

    async def test_a_label_is_pinned(self, world: World, releases: Releases, production: Environment) -> None:
        """Labels are mutable: what is run has a digest."""
        looked = await self.looked(world, releases, production, Image(IMAGE, V140))

        assert looked.image is not None
        assert looked.image.digest.startswith("sha256:")
        assert (looked.problem, looked.is_silent) == ("", False)

    async def test_a_label_that_moved_does_not_take_its_image_along(
        self, world: World, releases: Releases, production: Environment
    ) -> None:
        """The books know the digest: it is found by that, whatever the label means by now."""
        known = (await machines_of(world, production))[0].image.digest
        world.fly.control.push_image(app=PRODUCTION, label=V141, content="another")

        looked = await self.looked(world, releases, production, Image(IMAGE, V141, known))

        assert looked.image == Image(IMAGE, V141, known)

    async def test_an_image_that_is_gone_is_none(
        self, world: World, releases: Releases, production: Environment
    ) -> None:
        """Neither label nor digest mean anything any more; nor does an image without both."""
        gone = Image(IMAGE, V140, f"sha256:{'0' * 64}")
        world.fly.control.delete_image(app=PRODUCTION, label=V140)

        assert await self.looked(world, releases, production, gone) == Looked(None)
        assert await self.looked(world, releases, production, Image("")) == Looked(None)

    async def test_a_silent_registry_does_not_keep_an_app_broken(
        self, world: World, releases: Releases, production: Environment
    ) -> None:
        """The digest is known from the books, or from a deployment of ours that met the label; else it is a problem."""
        await deployed(world, "v1.4.2")
        met = (await machines_of(world, production))[0].image.digest
        silent(world)
        label = f"sha-{SHA['v1.4.2']}"

        by_books = await self.looked(world, releases, production, Image(IMAGE, V140, "sha256:1"))
        by_journal = await self.looked(world, releases, production, Image(IMAGE, label))
        unknown = await self.looked(world, releases, production, Image(IMAGE, V140))

        assert by_books == Looked(Image(IMAGE, V140, "sha256:1"), is_silent=True)
        assert by_journal == Looked(Image(IMAGE, label, met), is_silent=True)
        assert unknown.image is None
        assert "Fly" in unknown.problem

    async def test_an_image_of_another_registry_cannot_be_looked_up(
        self, world: World, releases: Releases, production: Environment
    ) -> None:
        """Our token is not shown to strangers: it is believed to be there."""
        elsewhere = Image("ghcr.io/reify/studio", "x", "sha256:1")

        assert await self.looked(world, releases, production, elsewhere) == Looked(elsewhere, is_silent=True)


async def test_our_own_journal_is_something_without_flys_books(
    world: World, releases: Releases, production: Environment
) -> None:
    """Fly's books are down: our deployments are known, and what runs is known by its image."""
    await deployed(world, "v1.4.2")

    own = await releases.own_sources(production)
    books = releases.books(own, await machines_of(world, production))

    assert [plan.ref for plan in own.plans] == ["v1.4.2"]
    assert (books.current.version, books.current.ref, books.current.title) == (0, "v1.4.2", "Better error pages")


async def test_an_app_without_machines_runs_nothing(releases: Releases, production: Environment) -> None:
    """The books are read all the same; the policy says that there is nothing to move."""
    books = releases.books(await releases.sources(production), [])

    assert isinstance(books, Books)
    assert books.current.image == Image("")


async def test_what_ci_built_is_known_by_its_label(world: World, releases: Releases, production: Environment) -> None:
    """The plan of a build has no image: nothing is taken for its digest."""
    await world.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
    await deployed(world, "v1.5.0")

    sources: Sources = await releases.sources(production)

    assert sources.known_tags["v1.5.0"] == SHA["heading"]
    assert sources.digest_of(Image(IMAGE, f"sha-{SHA['heading']}")) == ""
    assert dataclasses.replace(sources, tags=None).known_tags == {"v1.5.0": SHA["heading"]}
