"""Pointing a webhook at somebody and sending a delivery once more, as actions of the control API."""

from __future__ import annotations

from sandbox.github.control import asynchronous
from sandbox.github.hooks import EVENTS, Hook, delivery_json, event_names
from sandbox.github.hooks_api import FIRST_ID
from sandbox.github.model import Repository, World
from sandbox.github.webhooks import Webhooks, is_loopback
from sandbox.kit import Action, ControlError, Json

WHOSE = ("repository", "app")


class HookControl:
    """The actions over one simulator's webhooks; what was configured outlives a reset."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._world: World
        self._configured: dict[str, Json] = {}

    def begin_anew(self, world: World) -> None:
        """Go on in another world, with the hooks as they were configured."""
        self._world = world
        for body in self._configured.values():
            self._apply(body)

    def actions(self) -> dict[str, Action]:
        return {deed.__name__: asynchronous(deed) for deed in (self.configure, self.deliveries, self.redeliver)}

    def configure(self, body: Json) -> Json:
        """Deliver events to `webhook_url` (a loopback address; null stops it), signed with `secret`, and ping it.

        `for` is `repository` (default) or `app`: whose hook it is. `events` are all that there are, `content_type`
        is `json` unless told otherwise.
        """
        whose = body.get("for", "repository")
        if whose not in WHOSE:
            raise ControlError(f"`for` is one of: {', '.join(WHOSE)}")
        url = body.get("webhook_url")
        if url is not None and not is_loopback(str(url)):
            raise ControlError("`webhook_url` is no loopback address: the sandbox calls nobody else")
        hook = self._apply(body)
        self._configured[whose] = body
        if hook.url:
            self._webhooks.ping(hook, self._repository().owner)
        return {"hook": hook.id, "url": hook.url}

    def _apply(self, body: Json) -> Hook:
        hook = self._webhooks.app_hook() if body.get("for") == "app" else self._repository_hook()
        try:
            events = event_names(body.get("events", sorted(EVENTS)))
            if body.get("webhook_url") is None:
                hook.url = ""
            else:
                secret, kind = body.get("secret", ""), body.get("content_type", "json")
                hook.change({"url": body["webhook_url"], "secret": secret, "content_type": kind})
        except ValueError as error:
            raise ControlError(error.args[-1]) from error
        hook.events, hook.updated_at = events, self._world.clock.now()
        self._webhooks.hooks[hook.id] = hook
        return hook

    def _repository(self) -> Repository:
        return next(iter(self._world.repositories.values()))

    def _repository_hook(self) -> Hook:
        repo, now = self._repository(), self._world.clock.now()
        known = next(iter(self._webhooks.of_repository(repo)), None)
        return known or Hook(self._world.next_id("hook", FIRST_ID), repo.id, (), now, now)

    def deliveries(self, body: Json) -> Json:
        """What was delivered, newest first, with request and response; of one `event` if given."""
        found = [item for item in self._webhooks.deliveries() if body.get("event") in {None, item.event}]
        return {"deliveries": [delivery_json(item) | {"hook_id": item.hook} for item in found]}

    def redeliver(self, body: Json) -> Json:
        """Send delivery `id` once more, or the newest with that `guid`; without either the newest of all."""
        wanted = {name: body[name] for name in ("id", "guid") if name in body}
        for item in self._webhooks.deliveries():
            if all(getattr(item, name) == value for name, value in wanted.items()):
                self._webhooks.redeliver(item)
                return {"id": item.id, "guid": item.guid, "event": item.event}
        raise ControlError("no such delivery")
