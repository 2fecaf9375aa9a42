// The simulated Fly: organisations with their apps. Of many apps only those that are open draw their Machines.
import { html, useCallback, useState } from "../lib.js";
import { table } from "../store.js";
import { App, Cost } from "./fly_app.js";
import { isAwake } from "./machine.js";
import { Fold, Form, Forms, dollars, plural } from "./parts.js";

// With more apps than these, each starts closed.
const FEW = 12;
const REVIEW_DATABASE = /-pr-\d+-db$/;
const toggled = new Map();

/** Organisations, apps, Machines, and the buttons to make things happen there. */
export function FlyPanel() {
  const [wanted, setWanted] = useState("");
  const [, again] = useState(0);
  // Always the same function, so that no row is drawn again for it.
  const toggle = useCallback((name, isOpen) => {
    toggled.set(name, !isOpen);
    again((count) => count + 1);
  }, []);
  const apps = [...table("fly/app").values()];
  const shown = apps.filter((app) => matches(app, wanted.trim().toLowerCase()));
  return html`<div class="fly">
    <h2 class="hidden">Fly</h2>
    <div class="filter">
      <input type="search" aria-label="Filter the apps" placeholder="Filter by name, role, region or state" value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
      <p class="quiet" role="status">${wanted ? `${shown.length} of ${plural(apps.length, "app")}` : summary(apps)}</p>
    </div>
    ${[...table("fly/organization").values()].map((organization) => {
      const inside = shown.filter((app) => app.organization === organization.slug);
      if (wanted && !inside.length) return null;
      return html`<${Organization} key=${organization.slug} organization=${organization} apps=${inside} areFew=${apps.length <= FEW} toggle=${toggle} />`;
    })}
  </div>`;
}

function matches(app, wanted) {
  if (!wanted) return true;
  const words = [app.name, app.role, app.organization, app.status, ...app.machines.flatMap((machine) => [machine.region, machine.state, machine.id])];
  return words.some((word) => word?.toLowerCase().includes(wanted));
}

function summary(apps) {
  const machines = apps.flatMap((app) => app.machines);
  return `${plural(apps.length, "app")} · ${machines.filter(isAwake).length} of ${plural(machines.length, "Machine")} running`;
}

function Organization({ organization, apps, areFew, toggle }) {
  const all = table("fly/app");
  const creating = {
    id: "create",
    title: "Create an app",
    about: `Create an app in ${organization.slug}`,
    form: (close) => html`<${Form} label="Create an app" path="fly/create" submit="Create" onDone=${close}
      fields=${[{ name: "name", label: "Name", hint: "reify-studio-pr-13" }]} body=${({ name }) => ({ name, organization: organization.slug })} />`,
  };
  return html`<section class="organization" aria-label=${organization.slug}>
    <h3>${organization.slug} <span class="quiet">${plural(organization.apps, "app")} · ≈ ${dollars(organization.cost.now)} a month</span></h3>
    ${apps.length
      ? html`<ul class="apps">${apps.map((app) => html`<${App} key=${app.name} app=${app} isOpen=${toggled.get(app.name) ?? (areFew && !app.role)} isOrphan=${isOrphan(app, all)} toggle=${toggle} />`)}</ul>`
      : html`<p class="quiet">No apps here.</p>`}
    <${Fold} id=${`cost/${organization.slug}/`} title="Cost of the organisation" note=${`≈ ${dollars(organization.cost.asleep)} asleep`}>${() => html`<${Cost} cost=${organization.cost} />`}<//>
    <${Forms} forms=${[creating]} label=${`What to do in ${organization.slug}`} />
  </section>`;
}

/** Whether it is a review app's database whose app is gone: it goes on costing until somebody destroys it. */
const isOrphan = ({ name, role }, all) => role === "postgres_cluster" && REVIEW_DATABASE.test(name) && !all.has(name.replace(/-db$/, ""));
