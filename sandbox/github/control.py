"""What people can make happen at GitHub, as actions of the control API.

Every action takes `repository` (a full name; the first one without it). What is pushed here starts no workflow, so
that a world can be set up at rest, unless `runs` is true: then `commit`, `branch`, `tag`, `delete_ref` and `force_push`
start what GitHub would start, and `set_ci` what follows CI. Webhooks tell of it either way, where there are any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.github import ci, happenings
from sandbox.github.git import BRANCHES, TAGS, Commit, valid_ref
from sandbox.github.model import CommitStatus, Installation, Repository, Run, World, iso
from sandbox.github.pushes import move
from sandbox.kit import Action, ControlError, Json

if TYPE_CHECKING:
    from sandbox.github.simulator import GitHubSimulator

Deed = Callable[[Json], Json]
STATUS_STATES = frozenset({"error", "failure", "pending", "success"})


class Control:
    """The actions over one simulator; a deed that makes no sense raises ControlError."""

    def __init__(self, simulator: GitHubSimulator) -> None:
        self._simulator = simulator

    @property
    def world(self) -> World:
        return self._simulator.world

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def actions(self) -> dict[str, Action]:
        deeds: list[Deed] = [
            self.commit,
            self.many_commits,
            self.branch,
            self.tag,
            self.delete_ref,
            self.force_push,
            self.set_ci,
            self.set_status,
            self.suspend_installation,
            self.rename_repository,
            self.rate_limits,
            self.reset,
        ]
        return {deed.__name__: asynchronous(deed) for deed in deeds}

    def commit(self, body: Json) -> Json:
        """A commit on `branch` (made from `from` or the default branch if new): title, body, author, files, ci."""
        repo, conclusion = self.repository(body), _conclusion(body.get("ci"))
        name = body.get("branch", repo.default_branch)
        message = "\n\n".join(filter(None, [body["title"], body.get("body")]))
        parent = self._parent(repo, name, body)
        author = self.world.person(body.get("author") or {"name": "Somebody", "email": "somebody@example.com"})
        commit = repo.git.add_commit(message, author, self.now, parents=(parent.sha,), files=body.get("files", {}))
        self._point(repo, BRANCHES + name, commit.sha, body)
        if "ci" in body:
            workflow = repo.workflows[0]
            run = ci.new_run(self.world, repo, workflow, commit, conclusion=None, branch=name, at=self.now)
            self._tell_begun(repo, run)
            self._finish(repo, run, conclusion)
        return {"sha": commit.sha}

    def _parent(self, repo: Repository, branch: str, body: Json) -> Commit:
        tip = repo.git.refs.get(BRANCHES + branch)
        return repo.git.commits[tip] if tip else self._commit(repo, body.get("from", repo.default_branch))

    def many_commits(self, body: Json) -> Json:
        """`count` commits on `branch`, each of which adds `files` (default 1) files under many/."""
        repo, each = self.repository(body), int(body.get("files", 1))
        name = body.get("branch", repo.default_branch)
        sha = ""
        for number in range(int(body["count"])):
            title = f"Change {number}"
            files = {f"many/{len(repo.git.commits)}/{k:04}.txt": f"{number} {k}\n" for k in range(each)}
            sha = str(self.commit({**body, "branch": name, "title": title, "files": files})["sha"])
        return {"sha": sha}

    def branch(self, body: Json) -> Json:
        """A branch `name` at `sha` (any ref; default branch without)."""
        repo = self.repository(body)
        commit = self._commit(repo, body.get("sha", repo.default_branch))
        return self._new_ref(repo, BRANCHES + body["name"], commit.sha, body)

    def tag(self, body: Json) -> Json:
        """A tag `name` at `sha` (any ref), as an object of its own if `annotated`."""
        repo = self.repository(body)
        commit = self._commit(repo, body.get("sha", repo.default_branch))
        target = commit.sha
        if body.get("annotated"):
            message = body.get("message", f"Release {body['name']}")
            target = repo.git.add_tag(body["name"], commit.sha, message, commit.author, self.now).sha
        return self._new_ref(repo, TAGS + body["name"], target, body)

    def _new_ref(self, repo: Repository, ref: str, target: str, body: Json) -> Json:
        if not valid_ref(ref) or ref in repo.git.refs:
            raise ControlError(f"{ref} exists already or is no valid name")
        self._point(repo, ref, target, body)
        return {"ref": ref, "sha": target}

    def delete_ref(self, body: Json) -> Json:
        """Delete `ref`, as `heads/NAME` or `tags/NAME`; open pull requests of a deleted branch close."""
        repo, ref = self.repository(body), f"refs/{body['ref'].removeprefix('refs/')}"
        if ref not in repo.git.refs or ref == BRANCHES + repo.default_branch:
            raise ControlError(f"{ref} does not exist, or is the default branch")
        move(self.world, repo, ref, None, self._by(repo, body), runs=bool(body.get("runs")))
        return {"ref": ref}

    def force_push(self, body: Json) -> Json:
        """Point `ref` (`heads/NAME`, `tags/NAME`) or `branch` at `sha`, wherever it was."""
        repo = self.repository(body)
        ref = f"refs/{body['ref'].removeprefix('refs/')}" if "ref" in body else BRANCHES + body["branch"]
        commit = self._commit(repo, body["sha"])
        if ref not in repo.git.refs:
            raise ControlError(f"{ref} does not exist")
        before = repo.git.refs[ref]
        self._point(repo, ref, commit.sha, body)
        return {"ref": ref, "before": before, "after": commit.sha}

    def _point(self, repo: Repository, ref: str, sha: str, body: Json) -> None:
        commit = repo.git.peel(sha)
        author = (commit.author.login if commit else None) or repo.owner
        move(self.world, repo, ref, sha, self._by(repo, body, author), runs=bool(body.get("runs")))

    def _by(self, repo: Repository, body: Json, default: str = "") -> str:
        """Who does it: `by`, where that is somebody."""
        return self._known_login(body["by"]) if body.get("by") else default or repo.owner

    def _known_login(self, login: str) -> str:
        if self.world.user(login) is None:
            raise ControlError(f"no account {login}")
        return login

    def set_ci(self, body: Json) -> Json:
        """Finish (`conclusion`) or begin (None) a run on `sha`; a finished run is run again as another attempt."""
        repo = self.repository(body)
        commit = self._commit(repo, body["sha"])
        file = body.get("workflow", "ci.yml")
        workflow = next((each for each in repo.workflows if each.file == file), None)
        if workflow is None:
            raise ControlError(f"no workflow {file}")
        runs = [run for run in repo.runs if run.head_sha == commit.sha and run.workflow is workflow]
        conclusion, branch = _conclusion(body.get("conclusion")), body.get("branch") or ci.branch_of(repo, commit.sha)
        if not runs:
            runs = [ci.new_run(self.world, repo, workflow, commit, conclusion=None, branch=branch, at=self.now)]
            self._tell_begun(repo, runs[-1])
        elif runs[-1].latest.status == "completed":
            ci.start_attempt(self.world, runs[-1], self.now)
        run = runs[-1]
        self._finish(repo, run, conclusion)
        if conclusion is not None and body.get("runs"):
            self._simulator.pipeline.ended(repo, run)
        return {"run": run.id, "attempt": run.latest.number, "status": run.latest.status}

    def _tell_begun(self, repo: Repository, run: Run) -> None:
        for action in ("requested", "in_progress"):
            happenings.run(self.world, repo, run, action)

    def _finish(self, repo: Repository, run: Run, conclusion: str | None) -> None:
        if conclusion is not None:
            ci.finish(run, conclusion, self.now)
            happenings.run(self.world, repo, run, "completed")

    def set_status(self, body: Json) -> Json:
        """A commit status of another tool: `sha`, `context`, `state`."""
        repo = self.repository(body)
        commit = self._commit(repo, body["sha"])
        if body["state"] not in STATUS_STATES:
            raise ControlError(f"unknown state {body['state']!r}; known: {', '.join(sorted(STATUS_STATES))}")
        number = self.world.next_id("status")
        status = CommitStatus(number, body["context"], body["state"], body.get("description"), repo.owner, self.now)
        repo.statuses[commit.sha].append(status)
        return {"id": number}

    def suspend_installation(self, body: Json) -> Json:
        """Suspend the App's installation `id` (the first without), or lift it with `suspended` false."""
        installation = self._installation(body)
        suspended = bool(body.get("suspended", True))
        installation.suspended_at = self.now if suspended else None
        action = "suspend" if suspended else "unsuspend"
        happenings.installation(self.world, installation, action, installation.account)
        return {"id": installation.id, "suspended_at": iso(installation.suspended_at)}

    def _installation(self, body: Json) -> Installation:
        number = body.get("id", next(iter(self.world.installations), 0))
        if number not in self.world.installations:
            raise ControlError(f"no installation {number}")
        return self.world.installations[number]

    def rename_repository(self, body: Json) -> Json:
        """Give the repository the short name `name`; the old one redirects."""
        repo = self.repository(body)
        old = repo.full_name
        repo.name = body["name"]
        self.world.renamed.pop(repo.full_name.lower(), None)
        self.world.renamed[old.lower()] = repo.id
        return {"full_name": repo.full_name}

    def rate_limits(self, body: Json) -> Json:
        """Switch refusing `on` or off; `remaining` sets what every known bucket has left."""
        limits = self._simulator.limits
        limits.enforced = bool(body.get("on", limits.enforced))
        if "remaining" in body:
            limits.leave(int(body["remaining"]))
        return {"enforced": limits.enforced}

    def reset(self, _: Json) -> Json:
        """Back to the seed."""
        self._simulator.reset()
        return {}

    def repository(self, body: Json) -> Repository:
        if "repository" not in body:
            return next(iter(self.world.repositories.values()))
        repo = self.world.repository(body["repository"])
        if repo is None:
            raise ControlError(f"no repository {body['repository']}")
        return repo

    def _commit(self, repo: Repository, name: str) -> Commit:
        commit = repo.git.resolve(name)
        if commit is None:
            raise ControlError(f"no commit {name}")
        return commit


def _conclusion(wanted: str | None) -> str | None:
    if wanted is not None and wanted not in ci.CONCLUSIONS:
        raise ControlError(f"unknown conclusion {wanted!r}; known: {', '.join(sorted(ci.CONCLUSIONS))}")
    return wanted


def asynchronous(deed: Deed) -> Action:
    """A deed as an action of the control API."""

    async def act(body: Json) -> Json:
        return deed(body)

    return act
