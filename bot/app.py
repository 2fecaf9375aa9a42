"""The composition root: builds everything from the settings, starts it, stops it in reverse order."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bot import wiring
from bot.announce import Announcer
from bot.announce_approvals import ApprovalReminder
from bot.announce_incidents import IncidentAnnouncer
from bot.announce_locks import LockAnnouncer
from bot.announce_time_boxes import TimeBoxAnnouncer
from bot.announce_watch import WatchAnnouncer
from bot.clients.github import GitHubClient
from bot.clients.slack import Identity, SlackClient
from bot.clock import SystemClock
from bot.config import Settings
from bot.deliveries import Deliveries
from bot.domain.operation import Kind, Operation
from bot.errors import BotError
from bot.github_ingress import Delivery
from bot.holds import Holds
from bot.incidents import Incidents
from bot.lock_news import LockNews
from bot.locks import Locks
from bot.metrics import Metrics
from bot.operations.approvals import Approvals
from bot.operations.build import BuildWay, EitherWay
from bot.operations.contracts import Contracts
from bot.operations.deployments import Deployments
from bot.operations.engine import Engine, Procedure
from bot.operations.estate import Estate
from bot.operations.facts import Facts
from bot.operations.history import Histories
from bot.operations.holds import HoldKeeper
from bot.operations.incidents import EmergencyLane
from bot.operations.locks import LockKeeper
from bot.operations.people import BOT, People
from bot.operations.planning import Planner
from bot.operations.records import Recorder
from bot.operations.releases import Releases
from bot.operations.requests import PlanMaker, Requests
from bot.operations.rollback import HoldStep
from bot.operations.rollout import Rollout
from bot.operations.rulebook import RuleBook
from bot.operations.runs import PendingRuns
from bot.operations.scale_planning import ScalePlanner
from bot.operations.scaling import Scaling
from bot.operations.scalings import Scalings
from bot.operations.stats import Statistics
from bot.operations.status import Statuses
from bot.operations.targets import Targets
from bot.operations.time_boxes import TimeBoxing
from bot.operations.watch import Restorer, Returns, Watching
from bot.operations.why import Whys
from bot.ports import Clock
from bot.queries import Queries
from bot.records import Records
from bot.store import Store
from bot.tasks import Tasks
from bot.views import replies
from bot.watches import Watches
from bot.web import Web
from commands import (
    approvals,
    deploy,
    deploy_modal,
    history,
    home,
    rollback,
    rollback_modal,
    scale,
    scale_modal,
    stats,
    status,
    time_boxes,
    watch,
    why,
)
from commands import holds as holds_command
from commands import incidents as incidents_command
from commands import locks as locks_command
from commands.router import Handler, Router, bolt_app, dispatch
from jobs.approvals import remind_approvers, void_stale
from jobs.deliveries import forget_deliveries
from jobs.estate import estate_beat
from jobs.locks import tell_of_locks
from jobs.operations import expire_plans
from jobs.records import record_beat
from jobs.schedule import Schedule
from jobs.time_boxes import time_box_beat
from jobs.watch import watch_beat

log = structlog.get_logger()

GRACE_S = 5.0


class Application:
    """The bot. `start` makes it work, `asgi` takes its requests, `stop` leaves everything resumable."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock(settings.clock_speed, settings.clock_since)
        self.metrics = Metrics()
        self.tasks = Tasks()
        self.store = Store(str(settings.database))
        self.deliveries = Deliveries(self.store)
        self._started = False
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        """Open the database, learn who we are, let unfinished operations go on, begin to listen.

        Raises ConfigError (database in use) and RemoteError (Slack does not know the token); nothing is left
        open then.
        """
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise

    async def _start(self) -> None:
        await self.store.open()
        self._closing.push_async_callback(self.store.close)
        self._connect()
        identity = await self.slack.auth_test()
        self._assemble(identity)
        self._closing.push_async_callback(self.tasks.stop, grace_s=GRACE_S)
        self._closing.push_async_callback(self.engine.stop)
        await self._resume()
        self.schedule.start()
        self._closing.callback(self.schedule.stop)
        for beat in (self.beat, self.estate, self.time_boxes, self.records):
            beat.start()
            self._closing.push_async_callback(beat.stop)
        if self.settings.slack.app_token is not None:
            await self._listen(self.settings.slack.app_token.reveal())
        self._started = True
        log.info("started", team=identity.team_id, socket_mode=self.settings.slack.is_socket_mode)

    async def stop(self) -> None:
        """Stop in reverse order; operations under way stay where they are and go on at the next start."""
        self._started = False
        await self._closing.aclose()
        log.info("stopped")

    async def settle(self) -> None:
        """Return when no operation runs and everything was told."""
        while self.engine.is_busy or self.tasks.is_busy:
            await self.engine.settle()
            await self.tasks.settle()

    @property
    def asgi(self) -> Starlette:
        """The web application; only after `start`."""
        secret = self.settings.slack.signing_secret
        return Web(
            dispatch=self._dispatch,
            signing_secret=secret.reveal() if secret else "",
            hooks=wiring.hooks(self.settings),
            keep=self._keep,
            metrics=self.metrics,
            ready=self.ready,
        ).app()

    def ready(self) -> dict[str, bool]:
        """What readiness depends on, by name."""
        return {
            "started": self._started,
            "database": self.store.is_alive,
            "scheduler": self._started and self.schedule.is_running,
        }

    async def _dispatch(self, body: dict[str, Any]) -> BoltResponse:
        return await dispatch(self._bolt, body)

    async def _keep(self, delivery: Delivery) -> bool:
        is_new = await self.deliveries.keep(delivery, self.clock.now())
        self.released()
        return is_new

    def released(self) -> None:
        """CI may have released something: what runs is compared with what should."""
        self._estate.released()
        self.estate.wake()

    def _connect(self) -> None:
        settings, clock = self.settings, self.clock
        observe = self.metrics.observe_call
        self.slack = SlackClient(
            settings.slack.bot_token.reveal(), clock=clock, base_url=settings.slack.api_url, observe=observe
        )
        self.github = GitHubClient(
            settings.github.api_url, auth=wiring.github_auth(settings), clock=clock, observe=observe
        )
        self.fly = wiring.fly_clients(settings, clock, observe)
        self._closing.push_async_callback(self.slack.aclose)
        self._closing.push_async_callback(self.github.aclose)
        for fly in self.fly.values():
            self._closing.push_async_callback(fly.aclose)

    def _assemble(self, identity: Identity) -> None:
        settings = self.settings
        ci_workflows = {name: pipeline.ci_workflow for name, pipeline in settings.pipelines.items()}
        self.announcer = Announcer(
            self.store, self.slack, self.clock, self.tasks, self.metrics, channel_of=self._channel_of
        )
        self.router = Router(self.slack, self.tasks)
        changed = self._changed
        people = People(self.slack, identity.team_id)
        holds = Holds(self.store)
        keeper = HoldKeeper(holds, self.github, people, self.clock, settings.environment)
        rollout = Rollout(HoldStep(holds, settings.environment))
        procedures: dict[Kind, Procedure] = {
            Kind.DEPLOYMENT: EitherWay(rollout, BuildWay(self.github)),
            Kind.ROLLBACK: rollout,
            Kind.SCALING: Scaling(),
        }
        self.engine = Engine(self.store, self.fly, self.clock, procedures, settings.organisation_of, changed)
        releases = Releases(self.store, self.github, self.fly, self.clock)
        runs = PendingRuns(self.github, self.store, people, self.clock, settings.environment, changed)
        facts = Facts(self.store, self.github, self.fly, settings.pipelines)
        rules = RuleBook(self.store, self.clock, keeper)
        planner = Planner(
            self.store,
            Targets(self.store, self.github, self.fly, settings.pipelines),
            facts,
            contracts=Contracts(self.store, self.github, self.fly, releases, runs.of),
            rules=rules,
            pending=runs,
        )
        scale_planner = ScalePlanner(
            facts, self.github, self.fly, rules=rules, prices=settings.prices, regions=settings.fly_regions
        )
        planners: dict[Kind, PlanMaker] = dict.fromkeys((Kind.DEPLOYMENT, Kind.ROLLBACK), planner)
        planners[Kind.SCALING] = scale_planner
        self.requests = Requests(self.store, self.engine, planners, people, self.clock, settings.environment, changed)
        self.deployments = Deployments(self.store, planner, people, self.clock, settings.environment)
        self.scalings = Scalings(self.store, scale_planner, people, self.clock, settings.environment)
        clock, prices = self.clock, settings.prices
        self._estate = Estate(
            settings.environments, self.store, facts, scale_planner, self.scalings, self.requests, clock, prices
        )
        self.estate = estate_beat(self._estate, clock)
        self._box(people, scale_planner)
        self.deploy = deploy.register(
            self.router, self.deployments, self.requests, command=settings.commands["/deploy"]
        )
        modal = deploy_modal.DeployModal(
            self.slack,
            self.github,
            people,
            self.deployments,
            environments=settings.named_environments,
            workflows=ci_workflows,
            prepare=self.deploy.prepare,
        )
        deploy_modal.register(self.router, modal, command=settings.commands["/deploy"])
        self._scale(people)
        self.approvals = Approvals(self.store, self.requests, people, self.clock, changed)
        approvals.register(self.router, self.approvals, runs, self.slack)
        self._go_back(people, releases)
        self._keep_out(people, keeper, identity.url)
        recorder = Recorder(Records(self.store), self.github, self.clock, settings.environment, workspace=identity.url)
        self.records = record_beat(recorder, self.clock)
        self._watch(people)
        self._look(people, identity.url, modal.open_modal)
        self.schedule = Schedule(self.store, self.clock, speed=settings.clock_speed)
        self.schedule.add(expire_plans(self.requests))
        self.schedule.add(void_stale(self.approvals))
        self.schedule.add(remind_approvers(ApprovalReminder(self.store, self.slack, self.clock)))
        self.schedule.add(tell_of_locks(self.lock_announcer))
        self.schedule.add(forget_deliveries(self.deliveries, self.clock))
        self._bolt = bolt_app(self.router, wiring.authorize_result(identity, settings))

    def _scale(self, people: People) -> None:
        settings, command, prepare = self.settings, self.settings.commands["/scale"], self.deploy.prepare
        form = scale_modal.ScaleModal(self.slack, people, self.scalings, settings, prepare)
        scale.register(self.router, self.scalings, prepare, form.show, command=command)
        scale_modal.register(self.router, form, command=command)

    def _box(self, people: People, planner: ScalePlanner) -> None:
        told = TimeBoxAnnouncer(self.store, self.slack, self.clock, self.tasks)

        def changed(operation_id: str) -> None:
            told.changed(operation_id)
            self.time_boxes.wake()

        environment, clock = self.settings.environment, self.clock
        self.boxing = TimeBoxing(self.store, planner, self.scalings, self.requests, people, clock, environment, changed)
        self.time_boxes = time_box_beat(self.boxing, clock)
        time_boxes.register(self.router, self.boxing)

    def _go_back(self, people: People, releases: Releases) -> None:
        settings, command, prepare = self.settings, self.settings.commands["/rollback"], self.deploy.prepare
        rollback.register(self.router, self.deployments, prepare, command=command)
        modal = rollback_modal.RollbackModal(
            self.slack,
            people,
            self.deployments,
            releases,
            self.clock,
            environments=settings.named_environments,
            prepare=prepare,
        )
        rollback_modal.register(self.router, modal, command=command)

    def _keep_out(self, people: People, keeper: HoldKeeper, workspace: str) -> None:
        settings, command, clock = self.settings, self.settings.commands["/deploy"], self.clock
        holds_command.register(self.router, keeper, self.slack, command=command)
        channels = tuple(dict.fromkeys(environment.channel for environment in settings.environments))
        held, news = Locks(self.store), LockNews(self.store)
        self.lock_announcer = LockAnnouncer(held, news, self.slack, clock, self.tasks)
        locked = LockKeeper(
            held,
            news,
            people,
            self.slack,
            clock,
            settings.environment,
            channel=channels[0],
            changed=self.lock_announcer.changed,
        )
        locks_command.register(self.router, locked, self.slack, clock, command=command)
        incidents = Incidents(self.store)
        self.incident_announcer = IncidentAnnouncer(incidents, self.slack, clock, self.tasks, workspace=workspace)
        lane = EmergencyLane(incidents, people, clock, channels=channels, changed=self.incident_announcer.changed)
        incidents_command.register(self.router, lane, self.slack, workspace=workspace, command=command)

    def _watch(self, people: People) -> None:
        settings, watches = self.settings, Watches(self.store)
        told = WatchAnnouncer(self.store, self.slack, self.clock, self.tasks, channel_of=self._channel_of)
        restorer = Restorer(self.deployments, self.requests)
        self.watching = Watching(
            watches, restorer, people, self.fly, self.clock, settings.organisation_of, told.changed
        )
        self.beat = watch_beat(self.watching, self.clock)
        returns = Returns(self.store, watches, self.deployments, people)
        watch.register(self.router, returns, self.watching, self.deploy.prepare)

    def _look(self, people: People, workspace: str, open_modal: Handler) -> None:
        settings, queries, command = self.settings, Queries(self.store), self.settings.commands["/deploy"]
        statuses = Statuses(settings, queries, self.github, self.fly, people, self.clock)
        status.register(self.router, statuses, self.clock, workspace=workspace, command=command)
        histories = Histories(queries, people, self.slack, self.clock, settings.environment)
        history.register(self.router, histories, self.slack, workspace=workspace, command=command)
        tab = home.HomeHandlers(statuses, histories, self.slack, self.clock, workspace)
        home.register(self.router, tab, deploy=open_modal)
        statistics = Statistics(queries, people, self.clock, settings.environments, settings.environment)
        stats.register(self.router, statistics, self.slack, command=command)
        whys = Whys(queries, people, settings.environment, self.deployments, self.store, self.clock)
        why.register(self.router, whys, self.clock, workspace=workspace, command=command)

    def _changed(self, operation_id: str) -> None:
        self.announcer.changed(operation_id)
        for beat in (self.beat, self.records, self.estate, self.time_boxes):
            beat.wake()

    def _channel_of(self, operation: Operation) -> str:
        return self.settings.environment(operation.request["environment"]).channel

    async def _resume(self) -> None:
        resumed = await self.engine.resume()
        if resumed:
            log.info("operations go on", operations=resumed)
        # What waited too long while the bot was away is not taken up again.
        await self.requests.expire()
        await self.announcer.resume()
        await self.lock_announcer.catch_up()
        self.incident_announcer.changed()
        for operation_id in await self.requests.unplanned():
            self.tasks.spawn(self._prepare_again(operation_id), name=f"plan {operation_id}")

    async def _prepare_again(self, operation_id: str) -> None:
        operation = await self.store.operation(operation_id)
        if operation.actor == BOT:
            # The watch that asked for it goes on with it.
            return
        try:
            message = await self.deploy.prepare(operation_id)
        except BotError as error:
            message = replies.error(error)
        if message is not None:
            await self.slack.ephemeral(operation.channel, operation.actor.user_id, message)

    async def _listen(self, app_token: str) -> None:
        # The socket is asked for with the app-level token, at the same host as everything else.
        web = AsyncWebClient(app_token, base_url=self.settings.slack.api_url)
        handler = AsyncSocketModeHandler(self._bolt, app_token, web_client=web)
        self._closing.push_async_callback(handler.close_async)
        await handler.connect_async()  # type: ignore[no-untyped-call]
