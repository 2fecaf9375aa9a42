"""How the checks of a commit stand taken together, as GitHub shows it beside the commit.

Source: https://docs.github.com/en/graphql/reference/enums#statusstate and "About status checks"
"""

from __future__ import annotations

from typing import Any

from sandbox.github.model import Repository, Run

GOOD = frozenset({"success", "skipped", "neutral"})


class Rollup:
    """The state of every commit that has workflow runs or statuses, at one moment."""

    def __init__(self, repository: Repository, now: float) -> None:
        # The newest run of a workflow on a commit counts; a run that GitHub does not show yet does not.
        self.runs: list[Run] = [run for run in repository.runs if run.visible_at <= now]
        newest = {(run.head_sha, run.workflow.file): run for run in self.runs}
        words: dict[str, list[str]] = {}
        for (sha, _), run in newest.items():
            words.setdefault(sha, []).append(run.latest.conclusion or "pending")
        for sha, statuses in repository.statuses.items():
            words.setdefault(sha, []).extend({each.context: each.state for each in statuses}.values())
        self._states = {sha: _worst(found) for sha, found in words.items() if found}

    @property
    def print(self) -> Any:
        """Equal to that of another moment where nothing has changed since."""
        return self._states

    def of(self, sha: str) -> str | None:
        """`failure`, `pending` or `success`; None for a commit without checks."""
        return self._states.get(sha)


def _worst(words: list[str]) -> str:
    if any(word not in GOOD and word != "pending" for word in words):
        return "failure"
    return "pending" if "pending" in words else "success"
