"""What people can do with workflow runs in the web pages of GitHub, as actions of the control API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.github.model import Repository, Run
from sandbox.github.state import run_json
from sandbox.kit import Action, ControlError, Json

if TYPE_CHECKING:
    from sandbox.github.simulator import GitHubSimulator


class RunControl:
    """The actions over one simulator. `run` is an id; without it they mean the newest run that has not ended."""

    def __init__(self, simulator: GitHubSimulator) -> None:
        self._simulator = simulator

    def actions(self) -> dict[str, Action]:
        deeds: list[Callable[[Json], Json]] = [
            self.runs,
            self.approve,
            self.reject,
            self.cancel,
            self.rerun,
            self.hold,
        ]
        return {deed.__name__: _asynchronous(deed) for deed in deeds}

    def runs(self, body: Json) -> Json:
        """The runs, newest first, with their jobs and steps; of one `workflow` (a file) if given."""
        found = [run for _, run in self._all() if body.get("workflow") in {None, run.workflow.file}]
        return {"runs": [run_json(run) for run in found]}

    def approve(self, body: Json) -> Json:
        """Let a run that waits for its environment's approval go on."""
        return self._decide(body, approved=True)

    def reject(self, body: Json) -> Json:
        """Refuse a run that waits for its environment's approval: it fails."""
        return self._decide(body, approved=False)

    def _decide(self, body: Json, *, approved: bool) -> Json:
        _, run = self._find(body)
        if run.latest.status != "waiting":
            raise ControlError(f"run {run.id} is {run.latest.status}, not waiting")
        self._simulator.pipeline.decide(run, approved=approved)
        return {"run": run.id}

    def cancel(self, body: Json) -> Json:
        """Cancel a run."""
        _, run = self._find(body)
        self._simulator.pipeline.cancel(run)
        return {"run": run.id}

    def rerun(self, body: Json) -> Json:
        """Run the run `run` again as `by`: all its jobs, or with `failed` those that did not succeed."""
        found = {run.id: (repo, run) for repo, run in self._all()}
        repo, run = found[int(body["run"])]
        if run.latest.status != "completed":
            raise ControlError(f"run {run.id} is {run.latest.status}")
        actor = body.get("by", run.actor)
        self._simulator.pipeline.rerun(repo, run, actor, only_failed=bool(body.get("failed")))
        return {"run": run.id, "attempt": run.latest.number}

    def hold(self, body: Json) -> Json:
        """Keep a run before its next step, until `on` is false."""
        _, run = self._find(body)
        self._simulator.pipeline.hold(run, on=bool(body.get("on", True)))
        return {"run": run.id}

    def _find(self, body: Json) -> tuple[Repository, Run]:
        for repo, run in self._all():
            if run.latest.status != "completed" and body.get("run") in {None, run.id}:
                return repo, run
        raise ControlError("no such run under way")

    def _all(self) -> list[tuple[Repository, Run]]:
        repositories = self._simulator.world.repositories.values()
        return [(repo, run) for repo in repositories for run in reversed(repo.runs)]


def _asynchronous(deed: Callable[[Json], Json]) -> Action:
    async def act(body: Json) -> Json:
        return deed(body)

    return act
