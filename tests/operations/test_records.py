"""Records at GitHub against a GitHub of a few lines, which goes wrong when it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Commit, Environment, GitHubDeployment
from bot.domain.operation import Card, Event, Kind, Operation
from bot.errors import NotFound, RateLimited, Reason, RemoteRejected, RemoteUnavailable
from bot.operations.plans import to_json
from bot.operations.records import PAUSES_S, Recorder, permalink
from bot.records import Records
from bot.store import Store
from bot.writer import MEMORY
from tests.builders import ANA, NEW_SHA, NOW, environment, new_operation, plan

WORKSPACE = "https://reify.slack.com/"
CARD = Card("C0DEPLOYS", "1700000000.000100")
DOWN = RemoteUnavailable("no answer", service="GitHub", status=502)
LIMITED = RateLimited("too many requests", service="GitHub", retry_after=timedelta(hours=2))
LIMITED_UNTOLD = RateLimited("too many requests", service="GitHub")
FORBIDDEN = RemoteRejected("Resource not accessible by integration", service="GitHub", status=403)
UNKNOWN_COMMIT = RemoteRejected("No ref found", service="GitHub", status=422)
GONE = RemoteRejected("Not Found", service="GitHub", status=404)
NOT_INSTALLED = NotFound("The GitHub App is not installed.")


class Killed(Exception):
    """The bot was killed here."""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class GitHub:
    """Deployments with their statuses. `goes_wrong[place]` is raised, in order; `…_answered` after the work."""

    def __init__(self) -> None:
        self.made: list[GitHubDeployment] = []
        self.told: dict[int, list[tuple[str, str, str, str]]] = {}
        self.said: list[str] = []
        self.calls: list[str] = []
        self.goes_wrong: dict[str, list[Exception]] = {}

    def _take(self, place: str) -> None:
        if waiting := self.goes_wrong.get(place):
            raise waiting.pop(0)

    async def deployments(self, repository: str, *, sha: str, environment: str) -> list[GitHubDeployment]:
        self.calls.append(f"look in {repository}")
        self._take("deployments")
        return [each for each in self.made if (each.sha, each.environment) == (sha, environment)][::-1]

    async def create_deployment(
        self, repository: str, *, sha: str, environment: str, task: str, operation: str, description: str
    ) -> int:
        self.calls.append(f"create in {repository}")
        self._take("create")
        self.made.append(GitHubDeployment(len(self.made) + 1, sha, environment, task, operation))
        self.said.append(description)
        self._take("create_answered")
        return len(self.made)

    async def add_deployment_status(
        self, repository: str, deployment_id: int, state: str, *, description: str, url: str, environment_url: str = ""
    ) -> None:
        del repository
        self.calls.append(state)
        self._take("status")
        self.told.setdefault(deployment_id, []).append((state, description, url, environment_url))
        self._take("status_answered")

    async def deployment_states(self, repository: str, deployment_id: int) -> list[str]:
        del repository
        self.calls.append("states")
        return self.states(deployment_id)[::-1]

    def states(self, deployment_id: int = 1) -> list[str]:
        """What was told of a deployment, oldest first."""
        return [state for state, *_ in self.told.get(deployment_id, [])]


class Desk:
    """A recorder with everything that it needs, and operations for it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.github = GitHub()
        self.clock = Clock()
        self.known = True
        self.recorder = Recorder(
            Records(store),
            self.github,  # type: ignore[arg-type]
            self.clock,
            self.environment,
            workspace=WORKSPACE,
        )

    def environment(self, name: str) -> Environment:
        if not self.known:
            raise NotFound(f"There is no environment {name}.", reason=Reason.UNKNOWN_ENVIRONMENT)
        return environment()

    async def starts(self, kind: Kind = Kind.ROLLBACK, of: DeploymentPlan | None = None, app: str = "x") -> Operation:
        of = of or plan()
        operation, _ = await self.store.create_operation(dataclasses.replace(new_operation(app), kind=kind), NOW)
        await self.store.set_plan(operation.id, to_json(of), of.hash)
        await self.store.set_card(operation.id, CARD)
        return await self.moves(operation, Event.START)

    async def moves(self, operation: Operation, *events: Event, reason: str = "") -> Operation:
        for event in events:
            operation = await self.store.transition(operation.id, event, by=ANA, at=self.clock.now(), reason=reason)
        return operation

    async def tick(self, after_s: float = 0.0) -> float | None:
        await self.clock.sleep(after_s)
        return await self.recorder.tick()

    async def ticks(self) -> None:
        """Tick at the right times until nothing is left to tell."""
        while (pause_s := await self.recorder.tick()) is not None:
            await self.clock.sleep(pause_s)

    async def problem(self) -> str:
        """Why the record was given up."""
        rows = await self.store.read(lambda db: list(db.query("SELECT problem FROM github_record")))
        return str(rows[0]["problem"])

    async def audited(self) -> list[str]:
        """The audit events of deployments made."""
        events = await self.store.audit_events()
        return [event["detail"] for event in events if event["action"] == "github.deployment"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = Store(MEMORY)
    await store.open()
    yield Desk(store)
    await store.close()


@pytest.mark.parametrize(
    ("kind", "task", "title"),
    [
        (Kind.ROLLBACK, "rollback", "Roll back reify-studio to v1.4.2 by Flytower"),
        (Kind.DEPLOYMENT, "deploy", "Deploy reify-studio to v1.4.2 by Flytower"),
    ],
)
async def test_an_operation_is_one_deployment_with_its_states(desk: Desk, kind: Kind, task: str, title: str) -> None:
    """Made when it begins, told how it ended, three calls in all, and one audit event."""
    operation = await desk.starts(kind)
    paused = await desk.tick()
    await desk.moves(operation, Event.VERIFY, Event.SUCCEED)
    await desk.tick(after_s=60)

    assert paused is None
    assert desk.github.calls == ["create in reify/reify-studio", "in_progress", "success"]
    assert desk.github.made == [GitHubDeployment(1, NEW_SHA, "production", task, operation.id)]
    assert desk.github.said == [title]
    assert await desk.audited() == [f'{{"deployment": 1, "sha": "{NEW_SHA}", "task": "{task}"}}']


async def test_a_status_leads_to_the_card_and_to_the_app(desk: Desk) -> None:
    """People at GitHub find the message in Slack and what runs, and a short word on it."""
    operation = await desk.starts()
    await desk.moves(operation, Event.FAIL, reason="machine_unhealthy")
    await desk.tick()

    link = "https://reify.slack.com/archives/C0DEPLOYS/p1700000000000100"
    status = ("failure", "It failed: machine_unhealthy.", link, "https://reify-studio.fly.dev")
    assert desk.github.told == {1: [status]}


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ((), ["in_progress"]),
        ((Event.VERIFY, Event.SUCCEED), ["success"]),
        ((Event.FAIL,), ["failure"]),
        ((Event.CANCEL,), ["error"]),
    ],
)
async def test_a_state_that_is_over_is_skipped(desk: Desk, events: tuple[Event, ...], told: list[str]) -> None:
    """Told late it would get the time of now, and so claim that it begins now."""
    operation = await desk.starts()
    await desk.moves(operation, *events)
    await desk.ticks()

    assert desk.github.states() == told


async def test_a_github_that_is_down_only_delays_the_record(desk: Desk) -> None:
    """The rollback succeeds meanwhile; the pauses grow; then the record has the state in which it ended."""
    desk.github.goes_wrong = {"create": [DOWN] * 4, "deployments": [DOWN] * 4}
    operation = await desk.starts()
    pauses = [await desk.tick()]
    operation = await desk.moves(operation, Event.VERIFY, Event.SUCCEED)
    for _ in range(8):
        pauses.append(await desk.tick(after_s=pauses[-1] or 0.0))

    assert operation.state == "succeeded"
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1], None]
    assert desk.github.states() == ["success"]
    assert len(desk.github.made) == 1


async def test_a_github_that_stays_down_is_asked_for_a_week(desk: Desk) -> None:
    """Each hour, and then no more; the log tells of it once."""
    desk.github.goes_wrong = {"create": [FORBIDDEN] * 1000}
    operation = await desk.starts()
    await desk.moves(operation, Event.FAIL)
    with capture_logs() as logs:
        await desk.ticks()

    asked = desk.github.calls.count("create in reify/reify-studio")
    assert 160 < asked < 180
    assert [entry["event"] for entry in logs] == ["the record at GitHub waits"]


async def test_a_limit_is_kept(desk: Desk) -> None:
    """GitHub named two hours: nothing is sent before; where it names no time, our own pauses hold."""
    desk.github.goes_wrong = {"create": [LIMITED, LIMITED_UNTOLD]}
    await desk.starts()
    pauses = [await desk.tick()]
    pauses.append(await desk.tick(after_s=7200))
    await desk.ticks()

    assert pauses == [7200, PAUSES_S[1]]
    assert desk.github.states() == ["in_progress"]


@pytest.mark.parametrize("error", [DOWN, Killed()])
async def test_a_deployment_whose_answer_was_lost_is_found(desk: Desk, error: Exception) -> None:
    """No answer, or a kill before the answer was written down: one deployment, one audit event."""
    desk.github.goes_wrong = {"create_answered": [error]}
    await desk.starts()
    await ticks_or_dies(desk)
    await desk.ticks()

    assert len(desk.github.made) == 1
    assert desk.github.states() == ["in_progress"]
    assert len(await desk.audited()) == 1


async def test_somebody_elses_deployment_is_not_taken_for_ours(desk: Desk) -> None:
    """CI deployed the same commit there: it has another payload, so ours is made beside it."""
    desk.github.made.append(GitHubDeployment(1, NEW_SHA, "production", "deploy"))
    desk.github.goes_wrong = {"create": [DOWN]}
    operation = await desk.starts()
    await desk.ticks()

    assert [each.operation for each in desk.github.made] == ["", operation.id]
    assert (desk.github.states(1), desk.github.states(2)) == ([], ["in_progress"])


@pytest.mark.parametrize("error", [DOWN, Killed()])
async def test_a_status_whose_answer_was_lost_is_not_told_twice(desk: Desk, error: Exception) -> None:
    """It is looked for before it is told again, even where a newer deployment made ours inactive since."""
    desk.github.goes_wrong = {"status_answered": [error]}
    operation = await desk.starts()
    await desk.moves(operation, Event.VERIFY, Event.SUCCEED)
    await ticks_or_dies(desk)
    desk.github.told[1].append(("inactive", "", "", ""))
    await desk.ticks()

    assert desk.github.states() == ["success", "inactive"]


async def test_a_status_that_was_not_told_is_told_later(desk: Desk) -> None:
    """The deployment is known by then: no other is looked for or made."""
    desk.github.goes_wrong = {"status": [DOWN]}
    await desk.starts()
    await desk.ticks()

    assert desk.github.calls == ["create in reify/reify-studio", "in_progress", "states", "in_progress"]


@pytest.mark.parametrize(
    ("goes_wrong", "words"), [({"create": [UNKNOWN_COMMIT]}, "No ref found"), ({"status": [GONE]}, "Not Found")]
)
async def test_what_github_does_not_know_is_given_up(
    desk: Desk, goes_wrong: dict[str, list[Exception]], words: str
) -> None:
    """A commit that was never pushed, a deployment that somebody deleted: said once, asked no more."""
    desk.github.goes_wrong = goes_wrong
    operation = await desk.starts()
    with capture_logs() as logs:
        await desk.ticks()
        calls = list(desk.github.calls)
        await desk.moves(operation, Event.FAIL)
        await desk.ticks()

    assert words in await desk.problem()
    assert desk.github.calls == calls
    assert [entry["event"] for entry in logs] == ["this operation gets no record at GitHub"]


async def test_an_image_that_names_no_commit_has_no_record(desk: Desk) -> None:
    """There is nothing that GitHub could be asked for."""
    await desk.starts(of=plan(commit=Commit("", "", "")))
    await desk.ticks()

    assert await desk.problem() == "The image names no commit."
    assert desk.github.calls == []


@pytest.mark.parametrize("error", [FORBIDDEN, NOT_INSTALLED])
async def test_what_a_person_can_mend_is_tried_again(desk: Desk, error: Exception) -> None:
    """The permission is granted, the App is installed: the record comes."""
    desk.github.goes_wrong = {"create": [error]}
    await desk.starts()
    await desk.ticks()

    assert desk.github.states() == ["in_progress"]


async def test_an_environment_that_left_the_configuration_waits(desk: Desk) -> None:
    """Nobody knows its repository, until it is back."""
    desk.known = False
    await desk.starts()
    paused = await desk.tick()
    desk.known = True
    await desk.ticks()

    assert paused == PAUSES_S[0]
    assert desk.github.states() == ["in_progress"]


async def test_two_ticks_at_once_make_one_deployment(desk: Desk) -> None:
    """The second finds the attempt counted and lets it be."""
    await desk.starts()
    (untold,) = await Records(desk.store).untold(NOW)
    await desk.recorder._attempt(untold)
    await desk.recorder._attempt(untold)

    assert desk.github.calls == ["create in reify/reify-studio", "in_progress"]


async def test_a_defect_in_one_record_does_not_hold_the_others(desk: Desk) -> None:
    """It is tried again later; what is not told yet comes with the next tick."""
    desk.github.goes_wrong = {"create": [Killed()]}
    await desk.starts(app="first")
    await desk.clock.sleep(1)
    second = await desk.starts(app="second")
    await ticks_or_dies(desk)
    await desk.tick()

    assert [each.operation for each in desk.github.made] == [second.id]


@pytest.mark.parametrize(
    ("workspace", "card", "url"),
    [
        (WORKSPACE, CARD, "https://reify.slack.com/archives/C0DEPLOYS/p1700000000000100"),
        (WORKSPACE, Card("D0ANA", "1.2"), ""),
        (WORKSPACE, None, ""),
        ("", CARD, ""),
    ],
)
def test_the_address_of_a_card(workspace: str, card: Card | None, url: str) -> None:
    """In a channel; a direct message is nobody else's business."""
    assert permalink(workspace, card) == url


async def ticks_or_dies(desk: Desk) -> None:
    """One tick, which may be the bot's last."""
    with contextlib.suppress(Killed):
        await desk.tick()
