// Organisations, apps, Machines and releases of the simulated Fly.
import { byId, clock, el, keyed, pill, tone } from "./dom.js";

const DIGEST_SHOWN = 12;
const LABEL_SHOWN = 24;

/** Show everything; faults that are on stand beside the app that they are for. */
export function renderFly(organisations, faults) {
  const labels = new Map(faults.offered.map((fault) => [fault.name, fault.label]));
  keyed(byId("organisations"), organisations.map((each) => each.slug), (slug) => slug, (slug) =>
    el("section", { class: "organisation" }, el("h2", {}, slug), el("div", { class: "apps" })),
  );
  organisations.forEach((organisation, index) => {
    const apps = organisation.apps.map((app) => ({ ...app, faults: faults.on.filter((on) => on.app === app.name).map((on) => labels.get(on.fault)) }));
    keyed(byId("organisations").children[index].querySelector(".apps"), apps, (app) => app.name, appCard);
  });
}

function appCard(app) {
  const regions = new Map();
  for (const machine of app.machines) regions.set(machine.region, [...(regions.get(machine.region) ?? []), machine]);
  return el(
    "article",
    { class: "app", "aria-label": app.name },
    el("h3", {}, el("span", { class: "app-name" }, app.name), pill(app.status), app.role ? el("span", { class: "tag" }, app.role) : null),
    app.faults.length ? el("p", { class: "chips" }, app.faults.map((label) => el("span", { class: "chip" }, `⚠ ${label}`))) : null,
    app.machines.length ? null : el("p", { class: "quiet" }, "No Machines"),
    [...regions].map(([region, machines]) => regionPart(region, machines)),
    app.releases.length ? el("ol", { class: "releases", "aria-label": "Newest releases" }, app.releases.map(releaseItem)) : null,
  );
}

function regionPart(region, machines) {
  return el("div", { class: "region" }, el("h4", {}, region), el("ul", { class: "machines" }, machines.map(machineItem)));
}

function machineItem(machine) {
  const extra = [
    machine.process_group && machine.process_group !== "app" ? machine.process_group.replace("fly_app_", "").replace("_", " ") : "",
    machine.cordoned ? "cordoned" : "",
    machine.host_status === "ok" ? "" : `host ${machine.host_status}`,
    machine.restart_count ? `${machine.restart_count} restarts` : "",
  ].filter(Boolean);
  return el(
    "li",
    { class: "machine" },
    el("p", {}, el("code", { title: machine.name }, machine.id), pill(machine.state), checksOf(machine), extra.map((word) => el("span", { class: "tag" }, word))),
    el("p", { class: "image-line" }, commitOf(machine.commit, machine.label), digestOf(machine.digest)),
    machine.lease ? el("p", { class: "lease" }, `🔒 ${machine.lease.owner} until ${clock(machine.lease.expires_at)}`) : null,
    machine.checks.filter((check) => tone(check.status) !== "good").map((check) => el("p", { class: "check-output quiet" }, `${check.name}: ${check.output}`)),
  );
}

function checksOf({ checks, state }) {
  if (!checks.length) return null;
  const passing = checks.filter((check) => check.status === "passing").length;
  const worst = checks.find((check) => check.status === "critical") ?? checks.find((check) => check.status !== "passing");
  const mood = state !== "started" ? "resting" : tone(worst?.status ?? "passing");
  return el("span", { class: `pill ${mood}` }, `${passing}/${checks.length} checks`);
}

function commitOf(commit, label) {
  if (!commit) return el("span", {}, (label ?? "no label").slice(0, LABEL_SHOWN));
  const tag = commit.tag ? el("strong", {}, ` ${commit.tag}`) : null;
  return el("span", { title: label }, el("code", {}, commit.short), tag, ` ${commit.title}`);
}

function digestOf(digest) {
  return el("code", { class: "digest quiet", title: digest }, (digest ?? "").replace("sha256:", "").slice(0, DIGEST_SHOWN));
}

function releaseItem(release) {
  return el(
    "li",
    { title: `${release.image_ref} by ${release.user}, ${new Date(release.created_at).toLocaleString()}` },
    el("strong", {}, `v${release.version}`),
    pill(release.status),
    commitOf(release.commit, release.image_ref.split(":").at(-1)),
  );
}
