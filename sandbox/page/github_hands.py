"""What a person at the page does at GitHub: push, tag, open and merge pull requests, decide and repeat runs.

What is pushed here starts the workflows that GitHub would start.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.github.git import BRANCHES, Commit, valid_ref
from sandbox.github.model import Pull, Repository
from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get, maybe

TITLE_LIMIT = 200
NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
FAILED_TESTS = ("  1) test rounds prices (Reify.PricesTest)", "12 tests, 1 failure")
PULL_DEEDS: dict[str, tuple[str, Json]] = {
    "merge": ("merge_pull", {"method": "merge"}),
    "squash": ("merge_pull", {"method": "squash"}),
    "close": ("close_pull", {}),
    "reopen": ("reopen_pull", {}),
    "draft": ("set_draft", {"draft": True}),
    "ready": ("set_draft", {"draft": False}),
}
RUN_DEEDS: dict[str, tuple[str, Json]] = {
    "approve": ("approve", {}),
    "reject": ("reject", {}),
    "cancel": ("cancel", {}),
    "rerun": ("rerun", {}),
    "rerun_failed": ("rerun", {"failed": True}),
}


class GitHubHands:
    """The hands of everybody with an account; `repository` (an id) in a body may be left out: the first one.

    What makes no sense is a ControlError with a sentence.
    """

    def __init__(self, github: GitHubSimulator) -> None:
        self._github = github

    def acts(self) -> dict[str, Act]:
        """Each act by its path below `/api/`."""
        return {
            "github/push": self.push,
            "github/tag": self.tag,
            "github/delete": self.delete,
            "github/open": self.open,
            "github/pull": self.pull,
            "github/run": self.run,
            "github/dispatch": self.dispatch,
            "github/log": self.log,
        }

    async def push(self, body: Json) -> Json:
        """`author` pushes a commit `title` to `branch`, made where it does not exist, or to that of `pull` (a number).

        `migration`: it adds a migration. `fails`: its CI will fail.
        """
        repository = self._repository(body)
        if maybe(body, "pull", int) is None:
            return await self._push(repository, body, get(body, "branch", str).strip())
        pull = self._pull(repository, body, "pull")
        if pull.fork is None:
            return await self._push(repository, body, pull.head_ref)
        commit, fails = self._commit_of(repository, body), bool(maybe(body, "fails", bool))
        pushed = await self._do("push_to_fork", repository, number=pull.number, runs=True, **commit)
        self._arm(repository, fails=fails)
        return pushed

    async def _push(self, repository: Repository, body: Json, branch: str, *, is_tested: bool = False) -> Json:
        """Push to a branch of the repository itself; `is_tested`: some workflow will run for it a little later."""
        if not valid_ref(BRANCHES + branch):
            raise ControlError("That is no valid name for a branch.")
        commit, fails = self._commit_of(repository, body), bool(maybe(body, "fails", bool))
        starts_ci = self._starts_ci(repository, branch)
        if fails and not (is_tested or starts_ci):
            commit["ci"] = "failure"
        pushed = await self._do("commit", repository, branch=branch, runs=True, **commit)
        self._arm(repository, fails=fails and starts_ci)
        return pushed

    def _commit_of(self, repository: Repository, body: Json) -> Json:
        title = self._title(body)
        files = _files(repository, title, migration=bool(maybe(body, "migration", bool)))
        return {"title": title, "author": self._author(body), "files": files}

    @staticmethod
    def _starts_ci(repository: Repository, branch: str) -> bool:
        """Whether a push to a branch starts a workflow: by itself, or since a pull request comes from there."""
        if repository.pulls_of(BRANCHES + branch):
            return True
        tip = repository.git.refs.get(BRANCHES + branch, repository.tip().sha)
        files = (workflow.at(repository.git, tip) for workflow in repository.workflows)
        return any(file.starts_on_push(branch, None) for file in files if file is not None)

    def _arm(self, repository: Repository, *, fails: bool) -> None:
        """Let the run of CI that has just been started fail in its last step."""
        if fails:
            job = repository.workflows[0].newest.jobs[0]
            target = f"{job.name}/{job.steps[-1].name}"
            self._github.faults.add(Fault("step_fails", target=target, times=1, detail={"lines": list(FAILED_TESTS)}))

    async def tag(self, body: Json) -> Json:
        """`author` (of the commit, if left out) pushes a tag `name` at `commit` (a hash, branch or tag)."""
        repository, name = self._repository(body), get(body, "name", str).strip()
        by = self._author(body) if maybe(body, "author", str) else ""
        commit = self._commit(repository, get(body, "commit", str))
        return await self._do("tag", repository, name=name, sha=commit.sha, by=by, runs=True)

    async def delete(self, body: Json) -> Json:
        """Delete `ref`: `heads/NAME` or `tags/NAME`."""
        return await self._do("delete_ref", self._repository(body), ref=get(body, "ref", str), runs=True)

    async def open(self, body: Json) -> Json:
        """`author` opens a pull request `title` from `branch`, as a `draft` or from a `fork` of theirs if asked for.

        A branch that does not exist is made, with one commit of that title. `migration` and `fails` are as for `push`.
        """
        repository, commit = self._repository(body), self._commit_of(self._repository(body), body)
        branch = (maybe(body, "branch", str) or "").strip() or f"feature/{_word(commit['title'])}"
        asked: Json = {"title": commit["title"], "author": commit["author"], "branch": branch, "runs": True}
        asked["draft"], fails = bool(maybe(body, "draft", bool)), bool(maybe(body, "fails", bool))
        if maybe(body, "fork", bool):
            asked |= {"fork": commit["author"], "files": commit["files"]}
        elif BRANCHES + branch not in repository.git.refs:
            await self._push(repository, body, branch, is_tested=True)
        opened = await self._do("open_pull", repository, **asked)
        self._arm(repository, fails=fails)
        return opened

    async def pull(self, body: Json) -> Json:
        """`do` (see `PULL_DEEDS`) something, as `by`, with the pull request `number`."""
        do = get(body, "do", str)
        if do not in PULL_DEEDS:
            raise ControlError(f"`do` is one of {', '.join(PULL_DEEDS)}.")
        repository = self._repository(body)
        pull = self._pull(repository, body)
        action, more = PULL_DEEDS[do]
        by = self._author(body, "by") if maybe(body, "by", str) else pull.author
        if pull.draft and action == "merge_pull":
            raise ControlError("A draft cannot be merged: mark it as ready for review first.")
        return await self._do(action, repository, number=pull.number, by=by, runs=True, **more)

    async def run(self, body: Json) -> Json:
        """`do` (see `RUN_DEEDS`) something with the workflow run `run`."""
        do, number = get(body, "do", str), get(body, "run", int)
        if do not in RUN_DEEDS:
            raise ControlError(f"`do` is one of {', '.join(RUN_DEEDS)}.")
        if not any(run.id == number for each in self._repositories() for run in each.runs):
            raise ControlError(f"There is no run {number}.")
        action, more = RUN_DEEDS[do]
        done: Json = await self._github.actions()[action]({"run": number, **more})
        return done

    async def dispatch(self, body: Json) -> Json:
        """`author` starts `workflow` (a file) by hand on `ref` (a branch or tag)."""
        repository, file, ref = self._repository(body), get(body, "workflow", str), get(body, "ref", str)
        workflow = next((each for each in repository.workflows if each.file == file), None)
        if workflow is None:
            raise ControlError(f"There is no workflow {file}.")
        commit, actor = self._commit(repository, ref), self._author(body)
        try:
            run = self._github.pipeline.dispatch(repository, workflow, name=ref, commit=commit, inputs={}, actor=actor)
        except ValueError as error:
            raise ControlError(f"{error}.") from None
        return {"run": run.id}

    async def log(self, body: Json) -> Json:
        """What the job `job` of a run has printed."""
        number = get(body, "job", int)
        for repository in self._repositories():
            for run in repository.runs:
                for job in (job for attempt in run.attempts for job in attempt.jobs):
                    if job.id == number:
                        return {"lines": list(job.log)}
        raise ControlError(f"There is no job {number}.")

    def _repositories(self) -> list[Repository]:
        return list(self._github.world.repositories.values())

    def _repository(self, body: Json) -> Repository:
        number = maybe(body, "repository", int)
        for repository in self._repositories():
            if number in {None, repository.id}:
                return repository
        raise ControlError(f"There is no repository {number}.")

    def _pull(self, repository: Repository, body: Json, field: str = "number") -> Pull:
        number = get(body, field, int)
        if number not in repository.pulls:
            raise ControlError(f"There is no pull request {number}.")
        return repository.pulls[number]

    @staticmethod
    def _commit(repository: Repository, name: str) -> Commit:
        commit = repository.git.resolve(name)
        if commit is None:
            raise ControlError(f"There is no commit {name}.")
        return commit

    @staticmethod
    def _title(body: Json) -> str:
        title = get(body, "title", str).strip()
        if not 0 < len(title) <= TITLE_LIMIT or "\n" in title:
            raise ControlError(f"A title is one line of at most {TITLE_LIMIT} characters.")
        return title

    def _author(self, body: Json, field: str = "author") -> str:
        login = get(body, field, str)
        user = self._github.world.user(login)
        if user is None or user.type != "User":
            raise ControlError(f"Nobody at GitHub is called {login}.")
        return user.login

    async def _do(self, action: str, repository: Repository, **body: Any) -> Json:
        done: Json = await self._github.actions()[action]({"repository": repository.full_name, **body})
        return done


def _word(text: str) -> str:
    """A text as part of a name of a branch or file."""
    return NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:40].strip("-") or "change"


def _files(repository: Repository, title: str, *, migration: bool) -> dict[str, str]:
    """What a commit changes: files of its own, so that no two pull requests are in each other's way."""
    number, name = len(repository.git.commits), _word(title).replace("-", "_")
    files = {f"lib/{name}_{number}.ex": f"# {title}\n"}
    if migration:
        files[f"priv/repo/migrations/{20270101000000 + number}_{name}.exs"] = f"# {title}\n"
    return files
