"""What the page shows, as JSON: a shorter view of the simulators' own states, told apart by a revision."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from sandbox.fly import FlySimulator
from sandbox.github import GitHubSimulator
from sandbox.github.state import run_json
from sandbox.kit import Json
from sandbox.slack import SlackSimulator

RELEASES_SHOWN = 3
RUNS_SHOWN = 3
LOG_LINES_SHOWN = 4
SLACKBOT = "USLACKBOT"
LABEL = re.compile(r"sha-([0-9a-f]{40})")
MESSAGE_FIELDS = (
    "ts",
    "user",
    "is_bot",
    "source",
    "thread_ts",
    "reply_broadcast",
    "visible_to",
    "edited",
    "reactions",
    "text",
    "blocks",
    "attachments",
)
VIEW_FIELDS = ("id", "title", "submit", "close", "blocks", "errors", "trouble")
RUN_FIELDS = ("id", "workflow", "title", "event", "head_branch", "status", "conclusion", "attempt")
MACHINE_FIELDS = ("id", "name", "region", "state", "process_group", "digest", "label", "host_status", "cordoned")


def revision_of(body: Json) -> str:
    """A short text that differs whenever the body does, also from one run of the sandbox to the next."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


class SlackView:
    """People, commands and channels; made anew only when the workspace changed."""

    def __init__(self, slack: SlackSimulator) -> None:
        self._slack = slack
        self._seen = 0
        self._body: Json = {}

    def take(self) -> Json:
        """The workspace as the page shows it. Private messages are in it, with whom they are visible to."""
        self._slack.world.settle()
        if self._slack.world.revision != self._seen:
            state = self._slack.state()
            self._seen, self._body = state["revision"], _slack_json(state)
        return self._body


def _slack_json(state: Json) -> Json:
    groups = {group["id"]: group for group in state["usergroups"] if not group["is_disabled"]}
    files = {file["id"]: {key: file[key] for key in ("id", "name", "size")} for file in state["files"]}
    return {
        "team": state["team"]["name"],
        "commands": state["app"]["commands"],
        "users": [_user_json(user, list(groups.values())) for user in state["users"]],
        "groups": [{"id": group["id"], "handle": group["handle"]} for group in groups.values()],
        "channels": [_channel_json(channel, files) for channel in state["channels"] if not channel["is_archived"]],
        "notices": [notice for notice in state["notices"] if notice["kind"] == "click_failed"],
        # Of a stack of modals its person sees the topmost.
        "views": {user: _view_json(views[-1]) for user, views in state["views"].items() if views},
    }


def is_person(user: Json) -> bool:
    """Whether somebody at the page may act as this user."""
    return not user["is_bot"] and not user["deleted"] and user["id"] != SLACKBOT


def _user_json(user: Json, groups: list[Json]) -> Json:
    notes = [f"@{group['handle']}" for group in groups if user["id"] in group["users"]]
    if user["is_stranger"]:
        notes.append("other workspace")
    if user["is_restricted"] or user["is_ultra_restricted"]:
        notes.append("guest")
    return {
        **{key: user[key] for key in ("id", "name", "real_name", "color", "is_bot")},
        "is_person": is_person(user),
        "note": ", ".join(notes),
    }


def _view_json(view: Json) -> Json:
    return {key: view[key] for key in VIEW_FIELDS} | {"values": view["state"]["values"]}


def _channel_json(channel: Json, files: dict[str, Json]) -> Json:
    shown = [
        {key: message[key] for key in MESSAGE_FIELDS}
        | {"files": [files[f] for f in message["files"]], "version": len(message["earlier"])}
        for message in channel["messages"]
        if not message["deleted"]
    ]
    return {key: channel[key] for key in ("id", "name", "kind", "members", "topic", "user")} | {"messages": shown}


def fly_json(fly: FlySimulator, github: GitHubSimulator) -> list[Json]:
    """Organisations with their apps, Machines and newest releases; commits named as GitHub names them."""
    state = fly.state()
    commits = _commit_names(github)
    return [
        {
            "slug": organization["slug"],
            "apps": [
                _app_json(name, app, commits)
                for name, app in sorted(state["apps"].items())
                if app["organization"] in {organization["slug"], organization["raw_slug"]}
            ],
        }
        for organization in state["organizations"]
    ]


def _commit_names(github: GitHubSimulator) -> dict[str, Json]:
    names: dict[str, Json] = {}
    for repository in github.world.repositories.values():
        git = repository.git
        for commit in git.commits.values():
            names[commit.sha] = {"short": commit.sha[:7], "title": commit.title, "tag": ""}
        for tag, sha in git.tag_refs().items():
            tagged = git.peel(sha)
            if tagged is not None:
                names[tagged.sha]["tag"] = tag
    return names


def _commit_of(text: str | None, commits: dict[str, Json]) -> Json | None:
    found = LABEL.search(text or "")
    unknown: Json = {"short": found[1][:7], "title": "", "tag": ""} if found else {}
    return commits.get(found[1], unknown) if found else None


def _app_json(name: str, app: Json, commits: dict[str, Json]) -> Json:
    return {
        "name": name,
        "role": app["role"],
        "status": app["status"],
        "machines": list(_machines(app["machines"], commits)),
        "releases": [_release_json(release, commits) for release in app["releases"][:RELEASES_SHOWN]],
    }


def _machines(machines: list[Json], commits: dict[str, Json]) -> Iterator[Json]:
    for machine in sorted(machines, key=lambda m: (m["region"], m["id"])):
        if machine["state"] == "destroyed":
            continue
        yield {
            **{key: machine[key] for key in MACHINE_FIELDS},
            "repository": machine["repository"],
            "commit": _commit_of(machine["label"], commits),
            "checks": [{key: check[key] for key in ("name", "status", "output")} for check in machine["checks"]],
            "lease": machine["lease"],
            "restart_count": machine["restart_count"],
        }


def _release_json(release: Json, commits: dict[str, Json]) -> Json:
    shown: dict[str, Any] = {key: release[key] for key in ("version", "status", "user", "created_at", "image_ref")}
    return shown | {"commit": _commit_of(release["image_ref"], commits)}


def runs_json(github: GitHubSimulator) -> list[Json]:
    """The newest workflow runs and all that are under way, newest first, once GitHub shows them."""
    now, repositories = github.clock.now(), github.world.repositories.values()
    runs = [run for repository in repositories for run in repository.runs if run.visible_at <= now]
    runs.sort(key=lambda run: run.created_at, reverse=True)
    return [
        _run_json(run_json(run))
        for position, run in enumerate(runs)
        if position < RUNS_SHOWN or run.latest.status != "completed"
    ]


def _run_json(run: Json) -> Json:
    shown = {key: run[key] for key in RUN_FIELDS}
    return shown | {"short": run["head_sha"][:7], "jobs": [_job_json(job) for job in run["jobs"]]}


def _job_json(job: Json) -> Json:
    """A job with the step at which it is or failed, and the end of its log where it failed."""
    step = next((name for name, state in job["steps"].items() if state in {"in_progress", "failure"}), "")
    log = job["log"][-LOG_LINES_SHOWN:] if job["conclusion"] == "failure" else []
    return {key: job[key] for key in ("name", "status", "conclusion")} | {"step": step, "log": log}
