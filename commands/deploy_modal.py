"""The modal of a bare `/deploy`: choose, read the plan, deploy. Nothing is stored before the last button."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Environment, FoundRef, Strategy
from bot.errors import NotFound, RemoteError, StaleAction
from bot.operations.deployments import Deployments
from bot.operations.people import People
from bot.ports import Chat, GitHub
from bot.views import deploy_modal as views
from bot.views.blocks import Block, Message, View, plain
from commands.deploy import REF_LIMIT
from commands.forms import open_form, usual_environment
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router

# Of the 3 s that Slack gives a menu's options; what needs no GitHub is offered then.
SEARCH_S = 2.0

Prepare = Callable[[str], Awaitable[Message | None]]


class DeployModal:
    """The modal's pages and its search. `environments` by the names that people use, `workflows` by pipeline.

    `prepare` plans a stored request and starts it where its plan is the one that was seen.
    """

    def __init__(
        self,
        chat: Chat,
        github: GitHub,
        people: People,
        deployments: Deployments,
        *,
        environments: Mapping[str, Environment],
        workflows: Mapping[str, str],
        prepare: Prepare,
    ) -> None:
        self._chat = chat
        self._github = github
        self._people = people
        self._deployments = deployments
        self._environments = environments
        self._workflows = workflows
        self._prepare = prepare

    async def open_modal(self, call: Call) -> Reply:
        """A bare command: acknowledged at once, since the trigger does not live longer than the acknowledgement."""
        return Reply(then=lambda: self._open(call))

    async def _open(self, call: Call) -> None:
        await self._people.require_member(call.actor)
        request = DeploymentRequest(usual_environment(self._environments, call.channel), "")
        # A button of the Home tab is in no channel: what is told privately goes to the person then.
        view = views.ask(list(self._environments), request, channel=call.channel or call.actor.user_id)
        await open_form(self._chat, call.trigger_id, view, again="Type `/deploy` again.")

    async def search(self, form: Form) -> Sequence[Block]:
        """What the menu of refs offers for what was typed, in the repository of the chosen environment. NotAllowed."""
        await self._people.require_member(form.actor)
        chosen = self._environments.get(form.values.get(views.ENVIRONMENT, ""))
        scope = [chosen] if chosen else list(self._environments.values())
        pipelines = {environment.pipeline for environment in scope}
        others = [e.name for e in self._environments.values() if e.pipeline in pipelines and e is not chosen]
        return views.ref_options(form.typed, await self._found(scope, form.typed), dict.fromkeys(others))

    async def _found(self, scope: Sequence[Environment], typed: str) -> list[FoundRef]:
        sources = {environment.repository: self._workflows[environment.pipeline] for environment in scope}
        searches = (self._github.search_refs(repository, typed, workflow) for repository, workflow in sources.items())
        try:
            async with asyncio.timeout(SEARCH_S):
                return list(itertools.chain.from_iterable(await asyncio.gather(*searches)))
        except (TimeoutError, NotFound, RemoteError):
            return []

    async def asked(self, form: Form) -> FormReply:
        """The first page was submitted: errors beside its inputs, or the plan, which is made afterwards."""
        request = _request(form)
        if errors := dict(self._errors(request)):
            return FormReply(errors=errors)
        return FormReply(
            view=views.waiting(request),
            then=lambda: self._plan(form, request),
            mend=lambda trouble: views.ask(list(self._environments), request, channel=form.channel, trouble=trouble),
        )

    def _errors(self, request: DeploymentRequest) -> Iterator[tuple[str, str]]:
        if request.environment not in self._environments:
            yield views.ENVIRONMENT, "This environment is not in the configuration any more."
        if not request.ref:
            yield views.REF, "Choose a tag, a branch or a commit."
        elif len(request.ref) > REF_LIMIT:
            yield views.REF, f"A ref has at most {REF_LIMIT} characters."
        elif request.ref != plain(request.ref) or " " in request.ref:
            yield views.REF, "This has a space, or a character that cannot be seen; no ref is called so."
        if len(request.why) > views.REASON_LIMIT:
            yield views.REASON, f"{len(request.why)} characters; at most {views.REASON_LIMIT} are kept."
        if request.strategy and request.strategy not in list(Strategy):
            yield views.STRATEGY, "There is no such strategy."

    async def _plan(self, form: Form, request: DeploymentRequest) -> View:
        plan = await self._deployments.dry_run(request, by=form.actor)
        return views.planned(plan, request, channel=form.channel)

    async def agreed(self, form: Form) -> FormReply:
        """Deploy was pressed below the plan: the request is stored, then the modal closes and the work begins.

        The key is made of the page, so that a submission that comes twice is one deployment.
        """
        facts = {name: str(value) for name, value in form.facts.items()}
        request = DeploymentRequest(
            facts.get("environment", ""),
            facts.get("ref", ""),
            facts.get("why", ""),
            strategy=facts.get("strategy", ""),
            skip_release_command=form.facts.get("skip") is True,
            seen_hash=facts.get("hash", ""),
        )
        if not request.seen_hash:
            raise StaleAction("This page is not one that shows a plan.", hint="Type `/deploy` again.")
        key = f"{form.view_id}:{request.seen_hash}"
        operation, is_new = await self._deployments.request(request, by=form.actor, channel=form.channel, key=key)
        return FormReply(then=(lambda: self._prepare(operation.id)) if is_new else None)


def _request(form: Form) -> DeploymentRequest:
    """What the first page asks for."""
    strategy = form.values.get(views.STRATEGY, "")
    return DeploymentRequest(
        form.values.get(views.ENVIRONMENT, ""),
        form.values.get(views.REF, ""),
        plain(form.values.get(views.REASON, "")),
        strategy="" if strategy == views.AS_CONFIGURED else strategy,
        skip_release_command=bool(form.values.get(views.SKIP)),
    )


def register(router: Router, modal: DeployModal, *, command: str = "/deploy") -> None:
    """Put the modal on the router: a bare command opens it."""
    router.subcommand(command, "", modal.open_modal)
    router.submission(views.ASK, modal.asked)
    router.submission(views.PLAN, modal.agreed)
    router.options(views.SEARCH, modal.search)
