"""The simulated GitHub: its REST API over one small world, from the provider's side.

Construct `GitHubSimulator(seed, clock=..., delay_ms=...)` and serve it with `sandbox.kit.running`; the base URL
is the API's root (`/repos/...`, `/app/...`, `/rate_limit`, `/meta`). Without a seed it starts from
`sandbox/seeds/github.json`; `default_seed()` gives a copy to change. The private key of the seed's GitHub App
stands beside it, `sandbox/seeds/github-app.pem`: it belongs to the sandbox alone, signs for no App at GitHub and
protects nothing.

Kept, with the page of docs.github.com/rest (or /apps) that says so:

- Authentication: a token after `Bearer` or `token`; a JSON web token only after `Bearer`, RS256, `iat` not ahead,
  `exp` at most 10 minutes ahead, both by the wall clock; installation tokens live an hour of simulated time and
  can be narrowed. "Authenticating to the REST API"; "Generating a JSON Web Token (JWT) for a GitHub App";
  "Generating an installation access token for a GitHub App".
- Permissions per endpoint: 403 with X-Accepted-GitHub-Permissions; a private repository that the caller may not
  see is 404. "Permissions required for GitHub Apps"; "Troubleshooting the REST API".
- A User-Agent is demanded (403), the API version checked (400), the media type too (415). "Getting started with
  the REST API"; "API Versions".
- Pages of 30, at most 100, with Link headers that name the repository by id; ETags tied to the credential, and a
  304 that costs nothing. "Using pagination in the REST API"; "Best practices for using the REST API".
- Primary limits 5,000 and 60 an hour; secondary 100 at a time (429), 900 points a minute, 80 posts a minute and
  500 an hour (403), each with retry-after; switched by the seed's `rate_limits` or the action of that name.
  "Rate limits for the REST API".
- A renamed repository redirects, 301 for reading and 307 for writing. "Best practices for using the REST API".
- A ref resolves to a branch before a tag, full names and hashes of 7 digits or more also; unknown ones are 422
  at a commit, 404 in lists and comparisons. "Commits"; "Git references"; "Git tags".
- Comparison from the merge base over the real graph; 250 commits without paging parameters, pages of all with
  them; files on the first page only and at most 300. "Compare two commits".
- Actions makes check runs, never commit statuses, so the combined status of a commit without any is `pending`;
  a run again keeps its id and counts attempts; filtered lists of runs end at 1,000. "Check runs"; "Commit
  statuses"; "Workflow runs".
- A deployment by default merges the default branch into the ref first (202) and wants every context of statuses
  and check runs to have succeeded (409); a success retires earlier ones of the environment that are neither
  transient nor production. "Deployments"; "Deployment statuses".
- A dispatch wants a branch or tag, a workflow whose file at that ref has the trigger, and inputs that it declares
  (422); 204, or the run with `return_run_details` and from API version 2026-03-10 on. "Workflows"; "Breaking changes".
- Runs go by themselves through queued, pending, waiting, in_progress, completed, with jobs and steps; they are
  cancelled (202, 409 once completed) and run again (201). Pushes of branches and tags start them, pull requests, and
  the success of CI (`workflow_run`). Of a concurrency group one run goes at a time. "Workflow runs"; "Workflow jobs";
  "Events that trigger workflows"; "Control the concurrency of workflows and jobs"; "Skipping workflow runs".
- A job with an environment makes a deployment with statuses, and may wait for reviewers, who are people and no Apps.
  "Managing environments for deployment"; "Deployment environments"; "Workflow runs" (pending deployments).
- Pull requests and issues share numbers; lists are newest first only when sorted by creation. They follow their head,
  merge in three ways (405, 409 where not), and may come from a fork. "Pull requests"; "Issue comments".
- A release makes its tag unless it is a draft. "Releases".
- Webhooks of repositories and of the App: signed, in order, ten seconds, no second attempt, a log of three days with
  redeliveries under the same GUID. "Webhook events and payloads"; "Validating webhook deliveries"; "Handling failed
  webhook deliveries"; "Repository webhooks"; "GitHub App webhooks".

Where the documentation is silent: a tag or hash behind the default branch answers 409 to `auto_merge`, as there
is nothing to merge into; an App's web token used at a repository is 403; a missing Accept header is taken as
`*/*`; a file that is not there yet counts as one without the trigger; the deployment of a cancelled job ends as
`error`, that of a refused approval as `failure`; jobs behind one that did not succeed are skipped. A delivery without
a connection counts as 502, one without an answer as 504. More stands in `docs/sandbox-github.md`.

Faults beside those of the wire: `unknown_commit` hides a commit (`target`: a hash or the name asked for; all
without) from commits, lists, comparisons, checks, contents and deployments, as if it had never been pushed;
`files_cut` makes a comparison (`target`: `base...head` as asked for, or the head's hash) answer 300 files that
end before the real ones. Those of runs: `step_fails` (`target`: a step's name or `job/step`; detail `lines`,
`exit_code`), `no_runner` (a workflow's file or a run's id), `approval_required` (an environment), `no_run_details` (a
workflow's file), `run_appears_late` (a workflow's file or a branch or tag; `seconds`, 5), `actions_disabled`. Those of
webhooks, whose target is an event (`push`, `pull_request.closed`), a hook's id or a GUID: `webhook_lost` (detail
`logged` false: not in the log either), `webhook_doubled` (detail `new_guid`), `webhook_late` (`seconds`, 30),
`webhook_reordered`.

Not kept: workflow files as YAML, jobs side by side, branch rules of environments, blobs and trees for writing, GraphQL,
forks other than as where a pull request comes from, reviews, labels, branch protection, organisation limits above
5,000, Last-Modified, renames of files that also change, merges within a file, CPU-time limits, lock-out after many
bad credentials.
"""

from __future__ import annotations

from sandbox.github.seed import APP_KEY_FILE, default_seed
from sandbox.github.simulator import GitHubSimulator

__all__ = ["APP_KEY_FILE", "GitHubSimulator", "default_seed"]
