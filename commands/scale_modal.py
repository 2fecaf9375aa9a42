"""The form of `/scale`: how an environment stands, with a number for each place.

What it asks for is planned like a command. A bare `/scale` asks for the environment first, where the channel does not
tell it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from bot.domain.model import Actor, Environment
from bot.domain.scale import Count, ScaleRequest, SizeWish, Standing
from bot.errors import BadCommand, BotError, RemoteError, StaleAction
from bot.operations.people import People
from bot.operations.scalings import Scalings
from bot.ports import Chat
from bot.views import modals, replies
from bot.views import scale_modal as views
from bot.views import scalings as scaling_views
from bot.views.blocks import Message, View, plain
from bot.views.deploy_modal import REASON_LIMIT
from commands.forms import open_form, usual_environment
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router
from commands.scale import Prepare, read_count, read_size, read_wanted

AGAIN = "Type `/scale` again."


class Config(Protocol):
    """What the form needs of the settings."""

    @property
    def named_environments(self) -> dict[str, Environment]: ...

    def environment(self, name: str) -> Environment: ...


class ScaleModal:
    """The pages of the form; `prepare` plans a stored request."""

    def __init__(
        self,
        chat: Chat,
        people: People,
        scalings: Scalings,
        config: Config,
        prepare: Prepare,
    ) -> None:
        self._chat = chat
        self._people = people
        self._scalings = scalings
        self._environment = config.environment
        self._environments = config.named_environments
        self._prepare = prepare

    async def open_modal(self, call: Call) -> Reply:
        """A bare command: acknowledged at once, since the trigger does not live longer than the acknowledgement."""
        usual = usual_environment(self._environments, call.channel)
        return Reply(then=lambda: self.show(call, usual) if usual else self._choose(call))

    async def _choose(self, call: Call) -> None:
        await self._people.require_member(call.actor)
        view = views.choose(list(self._environments), channel=call.channel)
        await open_form(self._chat, call.trigger_id, view, again=AGAIN)

    async def show(self, call: Call, name: str) -> Message:
        """Open the form, and say privately what it shows. NotAllowed, NotFound, StaleAction, RemoteError."""
        environment = self._environment(name)
        await self._people.require_member(call.actor)
        view_id = await open_form(self._chat, call.trigger_id, views.looking(name), again=AGAIN)
        try:
            found = await self._scalings.look(environment.title, by=call.actor)
        except BotError as error:
            await self._replace(view_id, modals.notice(replies.error(error)))
            raise
        await self._replace(view_id, views.ask(found, channel=call.channel, name=environment.title))
        return scaling_views.standing(found)

    async def _replace(self, view_id: str, view: View) -> None:
        # Whoever closed it does not want it, and what it shows is said privately, too.
        with contextlib.suppress(RemoteError):
            await self._chat.update_view(view_id, view)

    async def chosen(self, form: Form) -> FormReply:
        """The environment was chosen: its form takes the place of the question."""
        name = form.values.get(views.ENVIRONMENT, "")
        if name not in self._environments:
            return FormReply(errors={views.ENVIRONMENT: "This environment is not in the configuration any more."})
        return FormReply(
            view=views.looking(name),
            then=lambda: self._form(name, form),
            mend=lambda trouble: views.choose(
                list(self._environments), channel=form.channel, chosen=name, trouble=trouble
            ),
        )

    async def _form(self, name: str, form: Form) -> View:
        environment = self._environments[name]
        found: Standing = await self._scalings.look(environment.title, by=form.actor)
        return views.ask(found, channel=form.channel, name=environment.title)

    async def asked(self, form: Form) -> FormReply:
        """The form was submitted: errors beside its inputs, or a stored request whose plan follows in the channel.

        The key is made of the form, so that a submission that comes twice is one scaling.
        """
        errors: dict[str, str] = {}
        request = _request(form, errors)
        if errors:
            return FormReply(errors=errors)
        return await self._store(request, by=form.actor, form=form)

    async def _store(self, request: ScaleRequest, *, by: Actor, form: Form) -> FormReply:
        operation, is_new = await self._scalings.request(
            request, by=by, channel=form.channel, key=f"scale {form.view_id}"
        )
        return FormReply(then=(lambda: self._prepare(operation.id)) if is_new else None)


def _request(form: Form, errors: dict[str, str]) -> ScaleRequest:
    """What the form asks for; what cannot be read of it stands in `errors`, by input."""
    name = str(form.facts.get("environment", ""))
    places = form.facts.get("places")
    if not name or not isinstance(places, list):
        raise StaleAction("This page is not one that shows an environment.", hint=AGAIN)
    counts = tuple(_counts(form, places, errors))
    size = _size(form, errors)
    more = _more(form, name, counts, errors)
    why = plain(form.values.get(views.REASON, ""))
    if len(why) > REASON_LIMIT:
        errors[views.REASON] = f"{len(why)} characters; at most {REASON_LIMIT} are kept."
    if not (counts or size or more.counts or errors):
        errors[views.block_of(0) if places else views.MORE] = "Nothing is changed: name another number, or a size."
    return replace(
        more,
        counts=(*counts, *more.counts),
        sizes=(size,) if size else (),
        lasts_s=float(form.values.get(views.LASTS) or 0) if form.values.get(views.LASTS) in views.LENGTHS else 0.0,
        why=why,
    )


def _counts(form: Form, places: list[Any], errors: dict[str, str]) -> Iterator[Count]:
    """The places whose number is another one; what is left empty stays."""
    for number, (group, region, now) in enumerate(places):
        block = views.block_of(number)
        typed = form.values.get(block, "")
        try:
            wanted = read_count(region, typed) if typed else now
        except BadCommand as error:
            errors[block] = error.message
            continue
        if wanted != now:
            yield Count(region, wanted, group)


def _size(form: Form, errors: dict[str, str]) -> SizeWish | None:
    group = form.values.get(views.GROUP, "")
    wish = SizeWish(group)
    for block, key in ((views.MEMORY, "memory"), (views.CPUS, "cpus"), (views.KIND, "cpu-kind")):
        typed = plain(form.values.get(block, ""))
        if not typed or typed == views.AS_IT_IS:
            continue
        try:
            wish = read_size(wish, key, typed)
        except BadCommand as error:
            errors[block] = error.message
    return wish if wish != SizeWish(group) else None


def _more(form: Form, name: str, counts: tuple[Count, ...], errors: dict[str, str]) -> ScaleRequest:
    """Places where there is nothing yet, as one types them."""
    try:
        read = read_wanted(name, plain(form.values.get(views.MORE, "")).split())
    except BadCommand as error:
        errors[views.MORE] = error.message
        return ScaleRequest(name)
    if read.sizes:
        errors[views.MORE] = "Name a size in its own input."
    twice = {(count.group, count.region) for count in counts} & {(count.group, count.region) for count in read.counts}
    if twice:
        errors[views.MORE] = "A place stands above already."
    return read


def register(router: Router, modal: ScaleModal, *, command: str = "/scale") -> None:
    """Put the form on the router: a bare command opens it."""
    router.subcommand(command, "", modal.open_modal)
    router.submission(views.CHOOSE, modal.chosen)
    router.submission(views.ASK, modal.asked)
