// The simulated GitHub: a repository with its pull requests, workflow runs, refs and deployments.
import { html } from "../lib.js";
import { table } from "../store.js";
import { Fold, Form, Forms } from "./parts.js";
import { Deployments } from "./deployments.js";
import { Pull } from "./pulls.js";
import { PushForm, checked, login } from "./push.js";
import { Refs } from "./refs.js";
import { Run, isUnderWay } from "./runs.js";

const RUNS_AT_FIRST = 5;

/** Each repository; usually there is one. */
export function GitHubPanel() {
  const repositories = [...table("github/repository").values()];
  return html`<div class="github">
    <h2 class="hidden">GitHub</h2>
    ${repositories.map((repository) => html`<${Repository} key=${repository.id} repository=${repository} />`)}
    ${!repositories.length && html`<p class="quiet">No repositories.</p>`}
  </div>`;
}

const of = (name, repository) => [...table(name).values()].filter((each) => each.repository === repository.id);

function Repository({ repository }) {
  const pulls = of("github/pull", repository).sort((one, other) => (one.state !== "open") - (other.state !== "open") || other.number - one.number);
  const runs = of("github/run", repository).sort((one, other) => other.id - one.id);
  const open = pulls.filter((pull) => pull.state === "open").length;
  const going = runs.filter(isUnderWay).length;
  const first = runs.filter((run, index) => index < RUNS_AT_FIRST || isUnderWay(run));
  const rest = runs.filter((run) => !first.includes(run));
  const key = repository.id;
  return html`<section class="repository" aria-label=${repository.full_name}>
    <h3>${repository.full_name} <span class="quiet">as ${login()}</span></h3>
    <${RepositoryForms} repository=${repository} />
    <${Fold} id=${`pulls/${key}`} title="Pull requests" note=${`${open} open`} isOpen>${() =>
      pulls.length
        ? html`<ul class="rows">${pulls.map((pull) => html`<${Pull} key=${pull.number} pull=${pull} by=${login()} />`)}</ul>`
        : html`<p class="quiet">No pull requests. Open one: a review app may follow.</p>`}<//>
    <${Fold} id=${`runs/${key}`} title="Workflow runs" note=${going ? `${going} under way` : ""} isOpen>${() =>
      runs.length
        ? html`<ul class="rows">${first.map((run) => html`<${Run} key=${run.id} run=${run} />`)}</ul>
            ${rest.length > 0 && html`<${Fold} id=${`earlier/${key}`} title="Earlier runs" note=${rest.length} level=${5}>${() => html`<ul class="rows">${rest.map((run) => html`<${Run} key=${run.id} run=${run} />`)}</ul>`}<//>`}`
        : html`<p class="quiet">No runs. Push a commit or a tag to start one.</p>`}<//>
    <${Fold} id=${`tags/${key}`} title="Tags" note=${repository.tags.length}>${() => html`<${Refs} kind="tags" refs=${repository.tags} repository=${repository} />`}<//>
    <${Fold} id=${`branches/${key}`} title="Branches" note=${repository.branches.length}>${() => html`<${Refs} kind="heads" refs=${repository.branches} repository=${repository} />`}<//>
    <${Fold} id=${`deployments/${key}`} title="Deployments" note=${table("github/deployment").size}>${() => html`<${Deployments} />`}<//>
  </section>`;
}

function RepositoryForms({ repository }) {
  const { id, default_branch: main, branches, tags, commits } = repository;
  const refs = [...branches, ...tags].map(({ name }) => [name, name]);
  const dispatched = repository.workflows.filter((workflow) => workflow.can_be_dispatched);
  const forms = [
    {
      id: "open",
      title: "Open a pull request",
      form: (close) => html`<${Form} label="Open a pull request" path="github/open" submit="Open" onDone=${close} fields=${[
        { name: "title", label: "Title", hint: "Show prices per year" },
        { name: "branch", label: "Branch (made where it does not exist)", hint: "feature/show-prices-per-year" },
        { name: "migration", label: "It adds a migration", kind: "check" },
        { name: "fails", label: "Its CI fails", kind: "check" },
        { name: "draft", label: "As a draft", kind: "check" },
        { name: "fork", label: "From a fork", kind: "check" },
      ]} body=${(values) => ({ repository: id, author: login(), ...checked(values) })} />`,
    },
    {
      id: "push",
      title: "Push a commit",
      form: (close) => html`<${PushForm} repository=${id} branch=${main} onDone=${close} />`,
    },
    {
      id: "tag",
      title: "Push a tag",
      form: (close) => html`<${Form} label="Push a tag" path="github/tag" submit="Push the tag" onDone=${close} fields=${[
        { name: "name", label: "Name", value: repository.next_tag },
        { name: "commit", label: "Commit", kind: "choice", value: commits[0].sha, options: commits.map(({ sha, short, title }) => [sha, `${short} ${title}`]) },
      ]} body=${(values) => ({ repository: id, author: login(), ...values })} />`,
    },
    {
      id: "dispatch",
      title: "Run a workflow",
      form: (close) => html`<${Form} label="Run a workflow" path="github/dispatch" submit="Run" onDone=${close} fields=${[
        { name: "workflow", label: "Workflow", kind: "choice", value: dispatched[0].file, options: dispatched.map(({ file, name }) => [file, name]) },
        { name: "ref", label: "On", kind: "choice", value: main, options: refs },
      ]} body=${(values) => ({ repository: id, author: login(), ...values })} />`,
    },
  ];
  return html`<${Forms} forms=${dispatched.length ? forms : forms.slice(0, 3)} label=${`What to do in ${repository.full_name}`} />`;
}
