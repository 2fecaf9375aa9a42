"""Runs that go by themselves: what starts them, and the tasks in which they advance on the simulated clock.

Sources: "Events that trigger workflows", "Control the concurrency of workflows and jobs", "Re-running workflows and
jobs", "Skipping workflow runs".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sandbox.github import happenings
from sandbox.github.ci import create_run, queue_attempt
from sandbox.github.git import BRANCHES, TAGS, Commit, MergeConflict
from sandbox.github.model import Pull, Repository, Run, World
from sandbox.github.runner import Cloud, Execution, Stage
from sandbox.github.workflows import Workflow, WorkflowFile

LATE_S = 5.0
# "Skipping workflow runs": these in the message of the commit at the head.
SKIPS = re.compile(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: ?true$", re.MULTILINE)


class Pipeline:
    """Starts runs and owns their tasks; `cloud` is what their jobs deploy to, None deploys to nothing."""

    def __init__(self) -> None:
        self.cloud: Cloud | None = None
        self._stage: Stage
        self._tasks: dict[Execution, asyncio.Task[None]] = {}

    @property
    def _world(self) -> World:
        return self._stage.world

    def begin_anew(self, world: World) -> None:
        """Drop every run under way, where it is, and go on in another world."""
        for task in self._tasks.values():
            task.cancel()
        self._stage = Stage(world, lambda: self.cloud)

    async def stop(self) -> None:
        """End all tasks; what went wrong in one of them is raised."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def dispatch(
        self, repo: Repository, workflow: Workflow, *, name: str, commit: Commit, inputs: Mapping[str, str], actor: str
    ) -> Run:
        """A run on a branch or tag called `name`; ValueError where the workflow's file there takes no such dispatch."""
        file = workflow.at(repo.git, commit.sha)
        if file is None or file.inputs is None:
            raise ValueError("Workflow does not have 'workflow_dispatch' trigger")
        if unknown := [each for each in inputs if each not in file.inputs]:
            raise ValueError(f"Unexpected inputs provided: {json.dumps(unknown)}")
        if missing := [each for each, needed in file.inputs.items() if needed and not inputs.get(each)]:
            raise ValueError(f"Required input '{missing[0]}' not provided")
        facts = {f"inputs.{key}": value for key, value in inputs.items()}
        return self._start(repo, workflow, file, commit, "workflow_dispatch", name, actor, facts)

    def pushed(self, repo: Repository, ref: str, actor: str) -> None:
        """Start what a push to a branch or of a tag starts, each workflow by its file in the pushed commit."""
        commit = repo.git.peel(repo.git.refs[ref])
        if commit is None or not self._may_start(commit):
            return
        branch = ref.removeprefix(BRANCHES) if ref.startswith(BRANCHES) else None
        tag = ref.removeprefix(TAGS) if ref.startswith(TAGS) else None
        for workflow in repo.workflows:
            file = workflow.at(repo.git, commit.sha)
            if file is not None and file.starts_on_push(branch, tag):
                self._start(repo, workflow, file, commit, "push", branch or tag or "", actor)

    def pulled(self, repo: Repository, pull: Pull, action: str, actor: str) -> None:
        """Start what happens on a pull request, by the file in its merge with the base; where they conflict nothing."""
        head, base = repo.git.commits[pull.head_sha], repo.git.refs[BRANCHES + pull.base_ref]
        if not self._may_start(head) or _conflicts(repo, base, head.sha):
            return
        facts = {
            "github.event.number": str(pull.number),
            "github.event.action": action,
            "github.event.pull_request.head.sha": head.sha,
            "github.head_ref": pull.head_ref,
        }
        for workflow in repo.workflows:
            file = workflow.at(repo.git, head.sha, base)
            if file is not None and action in file.pull_actions:
                self._start(repo, workflow, file, head, "pull_request", pull.head_ref, actor, facts, pull, action)

    def _may_start(self, commit: Commit) -> bool:
        is_disabled = self._world.faults.peek("actions_disabled") is not None
        return not is_disabled and not SKIPS.search(commit.message)

    def ended(self, repo: Repository, run: Run) -> None:
        """Start what follows the success of a push to the default branch, unless the branch has moved on since.

        A follower (`workflow_run`) goes on the tip of the default branch, so after an older commit's CI it is idle.
        """
        tip, main = repo.tip(), repo.default_branch
        facts = (run.event, run.head_branch, run.head_sha, run.latest.conclusion)
        if facts != ("push", main, tip.sha, "success"):
            return
        for workflow in repo.workflows:
            file = workflow.at(repo.git, tip.sha)
            if file is not None and file.follows == run.workflow.name:
                self._start(repo, workflow, file, tip, "workflow_run", main, run.actor)

    def _start(
        self,
        repo: Repository,
        workflow: Workflow,
        file: WorkflowFile,
        commit: Commit,
        event: str,
        name: str,
        actor: str,
        more: Mapping[str, str] = MappingProxyType({}),
        pull: Pull | None = None,
        action: str = "",
    ) -> Run:
        now = self._world.clock.now()
        # Of a pull request it would be a merge commit, which nobody here makes.
        own = (
            {"github.ref_name": f"{pull.number}/merge"} if pull else {"github.ref_name": name, "github.sha": commit.sha}
        )
        facts = {**own, **more}
        title = file.title(facts) or (pull.title if pull else "" if event == "push" else workflow.name)
        run = create_run(
            self._world,
            repo,
            workflow,
            commit,
            event=event,
            branch=name,
            actor=actor,
            at=now,
            file=file,
            title=title,
            facts=facts,
        )
        run.pull, run.action = pull.number if pull else None, action
        late = self._world.faults.take("run_appears_late", workflow.file, name)
        run.visible_at = now + (late.seconds or LATE_S) if late else 0.0
        self._begin(repo, run, actor)
        return run

    def rerun(self, repo: Repository, run: Run, actor: str, *, only_failed: bool) -> None:
        """Another attempt of a run that ended: of all jobs, or of those that did not succeed."""
        again = [job.name for job in run.latest.jobs if job.conclusion != "success"] if only_failed else ()
        self._begin(repo, run, actor, again)

    def cancel(self, run: Run) -> None:
        """Let a run that is under way end as soon as what it does can be interrupted."""
        for execution, task in self._under_way(run):
            execution.is_cancelled = True
            # Not at once: a task that is cancelled before its first step never runs, and so never ends its run.
            asyncio.get_running_loop().call_soon(task.cancel)

    def decide(self, run: Run, *, approved: bool) -> None:
        """Answer for the environment that a run waits for."""
        for execution, _ in self._under_way(run):
            execution.approved = approved

    def hold(self, run: Run, *, on: bool) -> None:
        """Keep a run from beginning its next step, or let it go on."""
        (self._stage.held.add if on else self._stage.held.discard)(run.id)

    def _under_way(self, run: Run) -> list[tuple[Execution, asyncio.Task[None]]]:
        return [(e, task) for e, task in self._tasks.items() if e.run is run and not task.done()]

    def _begin(self, repo: Repository, run: Run, actor: str, again: Iterable[str] = ()) -> None:
        attempt = queue_attempt(self._world, run, self._world.clock.now(), actor=actor, again=again)
        if attempt.number == 1:
            happenings.run(self._world, repo, run, "requested")
        execution = Execution(self._stage, repo, run)
        self._supersede(execution)
        self._stage.live.append(execution)
        self._tasks = {each: task for each, task in self._tasks.items() if not _ended_well(task)}
        self._tasks[execution] = asyncio.create_task(self._follow(execution), name=f"run-{run.id}")

    def _supersede(self, newest: Execution) -> None:
        """In a concurrency group without a queue one run may wait; a newer one cancels it, or all that go."""
        run, file = newest.run, newest.run.file
        for other in self._stage.live if run.concurrency and file.queue == "single" else []:
            same = other.repo is newest.repo and other.run.concurrency == run.concurrency
            if same and (file.cancel_in_progress or other.attempt.status == "pending"):
                self.cancel(other.run)

    async def _follow(self, execution: Execution) -> None:
        stage = self._stage
        try:
            await execution.go()
        finally:
            stage.live.remove(execution)
        self.ended(execution.repo, execution.run)


def _conflicts(repo: Repository, base: str, head: str) -> bool:
    try:
        repo.git.merged_tree(base, head)
    except MergeConflict:
        return True
    return False


def _ended_well(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is None)
