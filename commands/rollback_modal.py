"""The modal of a bare `/rollback`: choose, then read the contract on its card. Nothing moves before its button."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Environment
from bot.domain.rollback import EarlierRelease
from bot.errors import NotFound, RemoteError
from bot.operations.deployments import Deployments
from bot.operations.people import People
from bot.operations.releases import Releases
from bot.ports import Chat, Clock
from bot.views import rollback_modal as views
from bot.views.blocks import Block, plain
from bot.views.deploy_modal import REASON_LIMIT
from commands.deploy import REF_LIMIT
from commands.forms import open_form, usual_environment
from commands.interactions import Form, FormReply
from commands.rollback import Prepare, rollback_of
from commands.router import Call, Reply, Router

# Of the 3 s that Slack gives a menu's options; the previous release can be named without Fly.
SEARCH_S = 2.0
# People type on, and every letter asks again.
KEPT = timedelta(seconds=30)


class RollbackModal:
    """The modal and its search. `environments` by the names that people use; those without a rollback are left out.

    `prepare` plans a stored request.
    """

    def __init__(
        self,
        chat: Chat,
        people: People,
        deployments: Deployments,
        releases: Releases,
        clock: Clock,
        *,
        environments: Mapping[str, Environment],
        prepare: Prepare,
    ) -> None:
        self._chat = chat
        self._people = people
        self._deployments = deployments
        self._releases = releases
        self._clock = clock
        self._environments = {name: each for name, each in environments.items() if each.policy.rollback}
        self._prepare = prepare
        self._kept: dict[str, tuple[datetime, list[EarlierRelease]]] = {}

    async def open_modal(self, call: Call) -> Reply:
        """A bare command: acknowledged at once, since the trigger does not live longer than the acknowledgement."""
        if not self._environments:
            return Reply(views.no_rollback())
        return Reply(then=lambda: self._open(call))

    async def _open(self, call: Call) -> None:
        await self._people.require_member(call.actor)
        view = views.ask(
            list(self._environments), channel=call.channel, chosen=usual_environment(self._environments, call.channel)
        )
        await open_form(self._chat, call.trigger_id, view, again="Type `/rollback` again.")

    async def search(self, form: Form) -> Sequence[Block]:
        """What the menu of releases offers for what was typed, in the chosen environment. NotAllowed."""
        await self._people.require_member(form.actor)
        chosen = self._environments.get(form.values.get(views.ENVIRONMENT, ""))
        return views.release_options(form.typed, await self._found(chosen) if chosen else [])

    async def _found(self, environment: Environment) -> list[EarlierRelease]:
        now, kept = self._clock.now(), self._kept.get(environment.title)
        if kept is not None and now - kept[0] < KEPT:
            return kept[1]
        try:
            async with asyncio.timeout(SEARCH_S):
                found = await self._releases.earlier(environment)
        except (TimeoutError, NotFound, RemoteError):
            return []
        self._kept[environment.title] = now, found
        return found

    async def asked(self, form: Form) -> FormReply:
        """The form was submitted: errors beside its inputs, or a stored request whose contract follows in the channel.

        The key is made of the form, so that a submission that comes twice is one rollback.
        """
        request = _request(form)
        if errors := dict(self._errors(request)):
            return FormReply(errors=errors)
        operation, is_new = await self._deployments.request(
            request, by=form.actor, channel=form.channel, key=f"rollback {form.view_id}"
        )
        return FormReply(then=(lambda: self._prepare(operation.id)) if is_new else None)

    def _errors(self, request: DeploymentRequest) -> Iterator[tuple[str, str]]:
        release = request.release
        if request.environment not in self._environments:
            yield views.ENVIRONMENT, "This environment has no rollback, or is not in the configuration any more."
        if not release:
            yield views.RELEASE, "Choose a release."
        elif len(release) > REF_LIMIT:
            yield views.RELEASE, f"A release has at most {REF_LIMIT} characters."
        elif release != plain(release) or " " in release:
            yield views.RELEASE, "This has a space, or a character that cannot be seen; no release is called so."
        if len(request.why) > REASON_LIMIT:
            yield views.REASON, f"{len(request.why)} characters; at most {REASON_LIMIT} are kept."


def _request(form: Form) -> DeploymentRequest:
    return rollback_of(
        form.values.get(views.ENVIRONMENT, ""),
        form.values.get(views.RELEASE, ""),
        why=plain(form.values.get(views.REASON, "")),
        with_configuration=form.values.get(views.WHAT) == views.BOTH,
    )


def register(router: Router, modal: RollbackModal, *, command: str = "/rollback") -> None:
    """Put the modal on the router: a bare command opens it."""
    router.subcommand(command, "", modal.open_modal)
    router.submission(views.ASK, modal.asked)
    router.options(views.SEARCH, modal.search)
