"""What people do to pull requests in the web pages of GitHub, as actions of the control API.

With `runs` true they start what GitHub would start: CI and review apps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.github import pull_changes
from sandbox.github.control import Control, Deed, asynchronous
from sandbox.github.git import BRANCHES, Commit, MergeConflict
from sandbox.github.model import Fork, Pull, Repository, World, iso
from sandbox.github.pushes import follow
from sandbox.kit import Action, ControlError, Json

if TYPE_CHECKING:
    from sandbox.github.simulator import GitHubSimulator

FIRST_FORK_ID = 5000


class PullControl:
    """The actions over one simulator; a deed that makes no sense raises ControlError."""

    def __init__(self, simulator: GitHubSimulator, control: Control) -> None:
        self._simulator = simulator
        self._control = control

    @property
    def world(self) -> World:
        return self._simulator.world

    def actions(self) -> dict[str, Action]:
        deeds: list[Deed] = [
            self.open_pull,
            self.push_to_fork,
            self.delete_fork,
            self.edit_pull,
            self.set_draft,
            self.merge_pull,
            self.close_pull,
            self.reopen_pull,
        ]
        return {deed.__name__: asynchronous(deed) for deed in deeds}

    def open_pull(self, body: Json) -> Json:
        """A pull request of `branch` into `base` (default branch without): title, body, author, draft.

        With `fork` (an account) the branch is one of that account's fork, with a commit that changes `files`.
        """
        repo = self._control.repository(body)
        author, number = self._somebody(body["author"]), int(body.get("number") or repo.next_number())
        base = body.get("base", repo.default_branch)
        self._tip(repo, base)
        if number in repo.issues or number in repo.pulls:
            raise ControlError(f"number {number} is taken")
        fork = self._fork(repo, body)
        head = self._forked_commit(repo, body, self._tip(repo, base)) if fork else self._tip(repo, body["branch"])
        try:
            pull = pull_changes.open_pull(
                self.world,
                repo,
                title=body["title"],
                body=body.get("body"),
                author=author,
                head_ref=body["branch"],
                head=head,
                base_ref=base,
                draft=bool(body.get("draft")),
                number=number,
                fork=fork,
                runs=_runs(body),
            )
        except ValueError as refusal:
            raise ControlError(str(refusal)) from refusal
        return {"number": pull.number}

    def _somebody(self, login: str) -> str:
        if self.world.user(login) is None:
            raise ControlError(f"no account {login}")
        return login

    @staticmethod
    def _tip(repo: Repository, branch: str) -> Commit:
        sha = repo.git.refs.get(BRANCHES + branch)
        if sha is None:
            raise ControlError(f"no branch {branch}")
        return repo.git.commits[sha]

    def _fork(self, repo: Repository, body: Json) -> Fork | None:
        if "fork" not in body:
            return None
        owner = self._somebody(body["fork"])
        known = (each.fork for each in repo.pulls.values() if each.fork and each.fork.owner == owner)
        return next(known, None) or Fork(self.world.next_id("fork", FIRST_FORK_ID), owner, repo.name)

    def _forked_commit(self, repo: Repository, body: Json, parent: Commit) -> Commit:
        """What somebody pushed to a fork; GitHub keeps it here too, under no branch of this repository."""
        author, files = self.world.person(body["author"]), body.get("files", {"README.md": "# Reify Studio\n"})
        return repo.git.add_commit(body["title"], author, self.world.clock.now(), parents=(parent.sha,), files=files)

    def push_to_fork(self, body: Json) -> Json:
        """A commit `title` that changes `files`, on the branch of a fork that pull request `number` comes from."""
        repo, pull = self._pull(body, state="open")
        if pull.fork is None:
            raise ControlError(f"pull request {pull.number} comes from no fork")
        commit = self._forked_commit(repo, {"author": pull.author, **body}, repo.git.commits[pull.head_sha])
        follow(self.world, repo, pull, commit.sha, pull.author, runs=_runs(body))
        return {"sha": commit.sha}

    def delete_fork(self, body: Json) -> Json:
        """Delete the fork that pull request `number` comes from; the pull request stays, without a head repository."""
        _, pull = self._pull(body)
        if pull.fork is None:
            raise ControlError(f"pull request {pull.number} comes from no fork")
        pull.fork.is_deleted = True
        return {"number": pull.number}

    def edit_pull(self, body: Json) -> Json:
        """Change `title` or `body` of `number`, as `by`."""
        repo, pull = self._pull(body)
        changed: dict[str, str | None] = {name: body[name] for name in ("title", "body") if name in body}
        pull_changes.edit(self.world, repo, pull, self._by(body, pull), changed)
        return {"number": pull.number}

    def set_draft(self, body: Json) -> Json:
        """Make `number` a draft, or with `draft` false ready for review, as `by`."""
        repo, pull = self._pull(body, state="open")
        draft = bool(body.get("draft", True))
        pull_changes.set_draft(self.world, repo, pull, self._by(body, pull), draft=draft, runs=_runs(body))
        return {"number": pull.number, "draft": pull.draft}

    def merge_pull(self, body: Json) -> Json:
        """Merge `number` as `by`, with a merge commit or by `method` `squash` or `rebase`."""
        repo, pull = self._pull(body, state="open")
        method = body.get("method", "merge")
        if method not in pull_changes.MERGE_METHODS:
            raise ControlError(f"unknown method {method!r}; known: {', '.join(pull_changes.MERGE_METHODS)}")
        try:
            sha = pull_changes.merge(self.world, repo, pull, self._by(body, pull), method=method, runs=_runs(body))
        except MergeConflict as error:
            raise ControlError(f"merge conflict in {error}") from error
        return {"sha": sha}

    def close_pull(self, body: Json) -> Json:
        """Close `number` unmerged, as `by`."""
        repo, pull = self._pull(body, state="open")
        pull_changes.close(self.world, repo, pull, self._by(body, pull), runs=_runs(body))
        return {"number": pull.number, "closed_at": iso(pull.closed_at)}

    def reopen_pull(self, body: Json) -> Json:
        """Open `number` again, if it was not merged and its branch still exists, as `by`."""
        repo, pull = self._pull(body, state="closed")
        try:
            pull_changes.reopen(self.world, repo, pull, self._by(body, pull), runs=_runs(body))
        except ValueError as refusal:
            raise ControlError(str(refusal)) from refusal
        return {"number": pull.number}

    def _by(self, body: Json, pull: Pull) -> str:
        return self._somebody(body["by"]) if body.get("by") else pull.author

    def _pull(self, body: Json, *, state: str = "") -> tuple[Repository, Pull]:
        repo = self._control.repository(body)
        pull = repo.pulls.get(int(body["number"]))
        if pull is None or (state and pull.state != state):
            raise ControlError(f"no {state} pull request {body['number']}".replace("  ", " "))
        return repo, pull


def _runs(body: Json) -> bool:
    return bool(body.get("runs"))
