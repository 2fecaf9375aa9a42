"""What people can make happen at GitHub, as actions of the control API.

Every action takes `repository` (a full name; the first one without it). What is pushed here starts no workflow, so
that a world can be set up at rest, unless `runs` is true: then `commit`, `branch`, `tag`, `force_push` and `merge_pull`
start what GitHub would start, and `set_ci` what follows CI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.github import ci
from sandbox.github.git import BRANCHES, TAGS, Commit, MergeConflict, Tree, valid_ref
from sandbox.github.model import CommitStatus, Installation, Pull, Repository, World, iso
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
            self.open_pull,
            self.merge_pull,
            self.close_pull,
            self.reopen_pull,
            self.suspend_installation,
            self.rename_repository,
            self.rate_limits,
            self.reset,
        ]
        return {deed.__name__: _asynchronous(deed) for deed in deeds}

    def commit(self, body: Json) -> Json:
        """A commit on `branch` (made from `from` or the default branch if new): title, body, author, files, ci."""
        repo, conclusion = self._repo(body), _conclusion(body.get("ci"))
        name = body.get("branch", repo.default_branch)
        message = "\n\n".join(filter(None, [body["title"], body.get("body")]))
        parent = self._parent(repo, name, body)
        author = self.world.person(body.get("author") or {"name": "Somebody", "email": "somebody@example.com"})
        commit = repo.git.add_commit(message, author, self.now, parents=(parent.sha,), files=body.get("files", {}))
        self._point(repo, BRANCHES + name, commit.sha, body)
        if "ci" in body:
            ci.new_run(self.world, repo, repo.workflows[0], commit, conclusion=conclusion, branch=name, at=self.now)
        return {"sha": commit.sha}

    def _parent(self, repo: Repository, branch: str, body: Json) -> Commit:
        tip = repo.git.refs.get(BRANCHES + branch)
        return repo.git.commits[tip] if tip else self._commit(repo, body.get("from", repo.default_branch))

    def many_commits(self, body: Json) -> Json:
        """`count` commits on `branch`, each of which adds `files` (default 1) files under many/."""
        repo, each = self._repo(body), int(body.get("files", 1))
        name = body.get("branch", repo.default_branch)
        sha = ""
        for number in range(int(body["count"])):
            title = f"Change {number}"
            files = {f"many/{len(repo.git.commits)}/{k:04}.txt": f"{number} {k}\n" for k in range(each)}
            sha = str(self.commit({**body, "branch": name, "title": title, "files": files})["sha"])
        return {"sha": sha}

    def branch(self, body: Json) -> Json:
        """A branch `name` at `sha` (any ref; default branch without)."""
        repo = self._repo(body)
        commit = self._commit(repo, body.get("sha", repo.default_branch))
        return self._new_ref(repo, BRANCHES + body["name"], commit.sha, body)

    def tag(self, body: Json) -> Json:
        """A tag `name` at `sha` (any ref), as an object of its own if `annotated`."""
        repo = self._repo(body)
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
        repo, ref = self._repo(body), f"refs/{body['ref'].removeprefix('refs/')}"
        if ref not in repo.git.refs or ref == BRANCHES + repo.default_branch:
            raise ControlError(f"{ref} does not exist, or is the default branch")
        del repo.git.refs[ref]
        repo.ref_moved(ref, self.now)
        return {"ref": ref}

    def force_push(self, body: Json) -> Json:
        """Point `ref` (`heads/NAME`, `tags/NAME`) or `branch` at `sha`, wherever it was."""
        repo = self._repo(body)
        ref = f"refs/{body['ref'].removeprefix('refs/')}" if "ref" in body else BRANCHES + body["branch"]
        commit = self._commit(repo, body["sha"])
        if ref not in repo.git.refs:
            raise ControlError(f"{ref} does not exist")
        before = repo.git.refs[ref]
        self._point(repo, ref, commit.sha, body)
        return {"ref": ref, "before": before, "after": commit.sha}

    def _point(self, repo: Repository, ref: str, sha: str, body: Json) -> None:
        repo.git.refs[ref] = sha
        repo.ref_moved(ref, self.now)
        if body.get("runs"):
            self.world.pushed(repo, ref, body.get("by") or self._commit(repo, ref).author.login or repo.owner)

    def set_ci(self, body: Json) -> Json:
        """Finish (`conclusion`) or begin (None) a run on `sha`; a finished run is run again as another attempt."""
        repo = self._repo(body)
        commit = self._commit(repo, body["sha"])
        file = body.get("workflow", "ci.yml")
        workflow = next((each for each in repo.workflows if each.file == file), None)
        if workflow is None:
            raise ControlError(f"no workflow {file}")
        runs = [run for run in repo.runs if run.head_sha == commit.sha and run.workflow is workflow]
        conclusion, branch = _conclusion(body.get("conclusion")), body.get("branch") or ci.branch_of(repo, commit.sha)
        if not runs:
            runs = [ci.new_run(self.world, repo, workflow, commit, conclusion=None, branch=branch, at=self.now)]
        elif runs[-1].latest.status == "completed":
            ci.start_attempt(self.world, runs[-1], self.now)
        run = runs[-1]
        if conclusion is not None:
            ci.finish(run, conclusion, self.now)
            if body.get("runs"):
                self._simulator.pipeline.ended(repo, run)
        return {"run": run.id, "attempt": run.latest.number, "status": run.latest.status}

    def set_status(self, body: Json) -> Json:
        """A commit status of another tool: `sha`, `context`, `state`."""
        repo = self._repo(body)
        commit = self._commit(repo, body["sha"])
        if body["state"] not in STATUS_STATES:
            raise ControlError(f"unknown state {body['state']!r}; known: {', '.join(sorted(STATUS_STATES))}")
        number = self.world.next_id("status")
        status = CommitStatus(number, body["context"], body["state"], body.get("description"), repo.owner, self.now)
        repo.statuses[commit.sha].append(status)
        return {"id": number}

    def open_pull(self, body: Json) -> Json:
        """A pull request of `branch` into `base` (default branch without): title, body, author, draft."""
        repo = self._repo(body)
        base = body.get("base", repo.default_branch)
        head, target = self._commit(repo, f"heads/{body['branch']}"), self._commit(repo, f"heads/{base}")
        merge_base = repo.git.merge_base(head.sha, target.sha)
        if merge_base is None or merge_base.sha == head.sha:
            raise ControlError(f"no commits between {base} and {body['branch']}")
        number = int(body.get("number") or repo.next_number())
        if number in repo.issues or number in repo.pulls:
            raise ControlError(f"number {number} is taken")
        repo.pulls[number] = Pull(
            number,
            body["title"],
            body.get("body"),
            body["author"],
            body["branch"],
            head.sha,
            base,
            self.now,
            self.now,
            draft=bool(body.get("draft")),
            base_sha=merge_base.sha,
        )
        return {"number": number}

    def merge_pull(self, body: Json) -> Json:
        """Merge `number` as `by`, with a merge commit or by `method` `squash`."""
        repo, pull = self._pull(body, state="open")
        base = repo.git.refs[BRANCHES + pull.base_ref]
        author = self.world.person(body.get("by", pull.author))
        squash = body.get("method") == "squash"
        first = f"{pull.title} (#{pull.number})" if squash else f"Merge pull request #{pull.number}\n\n{pull.title}"
        parents = (base,) if squash else (base, pull.head_sha)
        merge = repo.git.add_commit(
            first, author, self.now, parents=parents, tree=_merged_tree(repo, base, pull.head_sha)
        )
        pull.merged_at, pull.merged_by, pull.merge_commit_sha = self.now, author.login, merge.sha
        self._close(pull)
        self._point(repo, BRANCHES + pull.base_ref, merge.sha, body)
        return {"sha": merge.sha}

    def close_pull(self, body: Json) -> Json:
        """Close `number` unmerged."""
        _, pull = self._pull(body, state="open")
        self._close(pull)
        return {"number": pull.number, "closed_at": iso(pull.closed_at)}

    def _close(self, pull: Pull) -> None:
        pull.closed_at = pull.updated_at = self.now

    def reopen_pull(self, body: Json) -> Json:
        """Open `number` again, if it was not merged and its branch still exists."""
        repo, pull = self._pull(body, state="closed")
        tip = repo.git.refs.get(BRANCHES + pull.head_ref)
        if pull.merged_at is not None or tip is None:
            raise ControlError(f"pull request {pull.number} is merged, or its branch is gone")
        pull.closed_at, pull.updated_at, pull.head_sha = None, self.now, tip
        return {"number": pull.number}

    def suspend_installation(self, body: Json) -> Json:
        """Suspend the App's installation `id` (the first without), or lift it with `suspended` false."""
        installation = self._installation(body)
        installation.suspended_at = self.now if body.get("suspended", True) else None
        return {"id": installation.id, "suspended_at": iso(installation.suspended_at)}

    def _installation(self, body: Json) -> Installation:
        number = body.get("id", next(iter(self.world.installations), 0))
        if number not in self.world.installations:
            raise ControlError(f"no installation {number}")
        return self.world.installations[number]

    def rename_repository(self, body: Json) -> Json:
        """Give the repository the short name `name`; the old one redirects."""
        repo = self._repo(body)
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

    def _repo(self, body: Json) -> Repository:
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

    def _pull(self, body: Json, *, state: str) -> tuple[Repository, Pull]:
        repo = self._repo(body)
        pull = repo.pulls.get(int(body["number"]))
        if pull is None or pull.state != state:
            raise ControlError(f"no {state} pull request {body['number']}")
        return repo, pull


def _conclusion(wanted: str | None) -> str | None:
    if wanted is not None and wanted not in ci.CONCLUSIONS:
        raise ControlError(f"unknown conclusion {wanted!r}; known: {', '.join(sorted(ci.CONCLUSIONS))}")
    return wanted


def _merged_tree(repo: Repository, base: str, head: str) -> Tree:
    try:
        return repo.git.merged_tree(base, head)
    except MergeConflict as error:
        raise ControlError(f"merge conflict in {error}") from error


def _asynchronous(deed: Deed) -> Action:
    async def act(body: Json) -> Json:
        return deed(body)

    return act
