"""Endpoints: the webhooks of a repository and of the App, and their deliveries.

Sources: "REST API endpoints for repository webhooks", "REST API endpoints for GitHub App webhooks".
"""

from __future__ import annotations

from urllib.parse import urlencode

from sandbox.github import happenings
from sandbox.github.git import BRANCHES
from sandbox.github.hooks import Delivery, Hook, delivery_item, delivery_json, event_names, hook_json
from sandbox.github.http import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    Answer,
    Call,
    Endpoint,
    GitHubError,
    invalid,
    not_found,
    positive,
)
from sandbox.github.webhooks import Webhooks
from sandbox.kit import Json

READ, WRITE = ("repository_hooks=read",), ("repository_hooks=write",)
RESOURCE = "Hook"
FIRST_ID = 460_000_001


class HooksApi:
    """The endpoints over one set of webhooks."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def endpoints(self) -> list[Endpoint]:
        """Those of repositories and of the App."""
        hooks = "/repos/{owner}/{repo}/hooks"
        one = f"{hooks}/{{hook:int}}"
        delivery = f"{one}/deliveries/{{delivery:int}}"
        app = "/app/hook"
        return [
            Endpoint("GET", hooks, self.index, READ, who="account"),
            Endpoint("POST", hooks, self.create, WRITE, who="account"),
            Endpoint("GET", one, self.get, READ, who="account"),
            Endpoint("PATCH", one, self.update, WRITE, who="account"),
            Endpoint("DELETE", one, self.delete, WRITE, who="account"),
            Endpoint("GET", f"{one}/config", self.get_config, READ, who="account"),
            Endpoint("PATCH", f"{one}/config", self.update_config, WRITE, who="account"),
            Endpoint("POST", f"{one}/pings", self.ping, READ, who="account"),
            Endpoint("POST", f"{one}/tests", self.test, READ, who="account"),
            Endpoint("GET", f"{one}/deliveries", self.deliveries, READ, who="account"),
            Endpoint("GET", delivery, self.delivery, READ, who="account"),
            Endpoint("POST", f"{delivery}/attempts", self.redeliver, WRITE, who="account"),
            Endpoint("GET", f"{app}/config", self.get_config, who="app"),
            Endpoint("PATCH", f"{app}/config", self.update_config, who="app"),
            Endpoint("GET", f"{app}/deliveries", self.deliveries, who="app"),
            Endpoint("GET", f"{app}/deliveries/{{delivery:int}}", self.delivery, who="app"),
            Endpoint("POST", f"{app}/deliveries/{{delivery:int}}/attempts", self.redeliver, who="app"),
        ]

    def index(self, call: Call) -> Answer:
        return call.listing(self._webhooks.of_repository(call.repo), lambda hook: _shown(call, hook))

    def create(self, call: Call) -> Answer:
        """An active hook for `push` unless asked otherwise; it is pinged at once."""
        if call.body.get("name", "web") != "web":
            raise invalid(RESOURCE, "name", "invalid")
        config = _config(call)
        if "url" not in config:
            raise invalid(RESOURCE, "url", "missing_field", "url cannot be blank")
        number = call.world.next_id("hook", FIRST_ID)
        hook = Hook(number, call.repo.id, ("push",), call.now, call.now)
        _change(call, hook, config)
        self._refuse_same(call, hook)
        self._webhooks.hooks[hook.id] = hook
        self._webhooks.ping(hook, call.login)
        shown = _shown(call, hook)
        return Answer(shown, 201, {"location": shown["url"]})

    def _refuse_same(self, call: Call, hook: Hook) -> None:
        for other in self._webhooks.of_repository(call.repo):
            if (other.url, set(other.events)) == (hook.url, set(hook.events)) and other is not hook:
                error = {"resource": RESOURCE, "code": "custom", "message": "Hook already exists on this repository"}
                raise GitHubError(422, "Validation Failed", errors=[error])

    def get(self, call: Call) -> Answer:
        return Answer(_shown(call, self._known(call)))

    def _known(self, call: Call) -> Hook:
        if "hook" not in call.params:
            return self._webhooks.app_hook()
        hook = self._webhooks.hooks.get(call.params["hook"])
        if hook is None or hook.repository != call.repo.id:
            raise not_found()
        return hook

    def update(self, call: Call) -> Answer:
        """Its configuration, its events (all, or `add_events` and `remove_events`), whether it is active."""
        hook = self._known(call)
        _change(call, hook, _config(call) if "config" in call.body else {})
        return Answer(_shown(call, hook))

    def delete(self, call: Call) -> Answer:
        del self._webhooks.hooks[self._known(call).id]
        return Answer(status=204)

    def get_config(self, call: Call) -> Answer:
        return Answer(self._known(call).config())

    def update_config(self, call: Call) -> Answer:
        hook = self._known(call)
        _change_config(call, hook, call.body)
        return Answer(hook.config())

    def ping(self, call: Call) -> Answer:
        self._webhooks.ping(self._known(call), call.login)
        return Answer(status=204)

    def test(self, call: Call) -> Answer:
        """204: the latest push to the default branch is sent, where the hook subscribes to `push`."""
        hook, repo, tip = self._known(call), call.repo, call.repo.tip()
        if {"push", "*"} & set(hook.events):
            before = tip.parents[0] if tip.parents else happenings.NOTHING
            ref = BRANCHES + repo.default_branch
            self._webhooks.tell(hook, happenings.pushed(call.world, repo, ref, before, tip.sha, call.login))
        return Answer(status=204)

    def deliveries(self, call: Call) -> Answer:
        """Newest first; the next page starts at the `cursor` that the Link header tells."""
        found = [item for item in self._webhooks.log(self._known(call)) if _wanted(call, item)]
        cursor = call.query.get("cursor")
        if cursor is not None:
            found = [item for item in found if f"v1_{item.id}" <= cursor]
        size = min(positive(call.query.get("per_page"), DEFAULT_PAGE), LARGEST_PAGE)
        shown, rest = found[:size], found[size:]
        headers = {}
        if rest:
            query = urlencode({**call.query, "cursor": f"v1_{rest[0].id}"})
            headers["link"] = f'<{call.world.url}{call.path}?{query}>; rel="next"'
        return Answer([delivery_item(item) for item in shown], headers=headers)

    def delivery(self, call: Call) -> Answer:
        return Answer(delivery_json(self._known_delivery(call)))

    def redeliver(self, call: Call) -> Answer:
        """202, and another delivery under the same GUID soon."""
        self._webhooks.redeliver(self._known_delivery(call))
        return Answer({}, 202)

    def _known_delivery(self, call: Call) -> Delivery:
        for item in self._webhooks.log(self._known(call)):
            if item.id == call.params["delivery"]:
                return item
        raise not_found()


def _shown(call: Call, hook: Hook) -> Json:
    return hook_json(call.world.url, call.repo, hook)


def _config(call: Call) -> Json:
    config = call.body.get("config")
    if not isinstance(config, dict):
        raise invalid(RESOURCE, "config", "missing_field")
    return config


def _change(call: Call, hook: Hook, config: Json) -> None:
    active = call.flag("active", default=hook.active, resource=RESOURCE)
    try:
        events = event_names(call.body["events"]) if "events" in call.body else hook.events
        added = event_names(call.body["add_events"]) if call.body.get("add_events") else ()
        gone = set(event_names(call.body["remove_events"])) if call.body.get("remove_events") else set()
    except ValueError as error:
        raise _refusal(error) from error
    _change_config(call, hook, config)
    hook.active, hook.updated_at = active, call.now
    hook.events = tuple(name for name in dict.fromkeys([*events, *added]) if name not in gone)


def _change_config(call: Call, hook: Hook, config: Json) -> None:
    try:
        hook.change(config)
    except ValueError as error:
        raise _refusal(error) from error
    hook.updated_at = call.now


def _refusal(error: ValueError) -> GitHubError:
    field, message = error.args
    return invalid(RESOURCE, field, "custom", message)


def _wanted(call: Call, item: Delivery) -> bool:
    """`status` looks at the code alone: 400 to 599 are failures, 200 to 399 successes."""
    is_failure = 400 <= item.status_code <= 599
    statuses = {"failure": is_failure, "success": 200 <= item.status_code <= 399}
    if not statuses.get(call.query.get("status", ""), True):
        return False
    return call.query.get("redelivery") in {None, str(item.redelivery).lower()}
