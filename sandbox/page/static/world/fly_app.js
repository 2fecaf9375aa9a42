// One app of the simulated Fly: a row that opens.
import { html, memo } from "../lib.js";
import { item, table } from "../store.js";
import { Deed, Pill } from "../ui.js";
import { Machine, isAwake, worst } from "./machine.js";
import { Commit, Fold, Form, Forms, Log, dollars, plural, useGlow, when } from "./parts.js";
import { Postgres, databasesNote } from "./postgres.js";

/** The row of an app, and the app itself while `isOpen`. */
export const App = memo(function App({ app, isOpen, isOrphan, toggle }) {
  const glow = useGlow(JSON.stringify([app.status, app.machines.map(({ id, state, digest }) => [id, state, digest])]));
  return html`<li class="app" aria-label=${app.name}>
    <h4 class="app-head" ref=${glow}>
      <button type="button" class="app-button" aria-expanded=${isOpen} onClick=${() => toggle(app.name, isOpen)}>
        <span class="line"><span class="app-name">${app.name}</span><${Pill} word=${app.status} />${app.role && html`<span class="tag">${roleOf(app)}</span>`}${isOrphan && html`<span class="tag">its app is gone</span>`}<${Trouble} app=${app} /></span>
        <span class="quiet facts">${factsOf(app)}</span>
      </button>
    </h4>
    ${isOpen && html`<${Inside} app=${app} />`}
  </li>`;
});

function roleOf({ role, machines }) {
  if (role !== "postgres_cluster") return role.replaceAll("_", " ");
  const said = machines.map(({ checks }) => checks.find(({ name }) => name === "role")?.output).filter(Boolean);
  return ["Postgres", ...new Set(said)].join(" · ");
}

function Trouble({ app }) {
  const sick = app.machines.filter((machine) => worst(machine) === "critical" || machine.state === "failed" || !machine.is_reachable).length;
  return sick ? html`<span class="pill bad">${plural(sick, "Machine")} in trouble</span>` : null;
}

function factsOf(app) {
  const awake = app.machines.filter(isAwake).length;
  const regions = [...new Set(app.machines.map((machine) => machine.region))].join(", ");
  const newest = app.machines.find((machine) => machine.commit)?.commit;
  return [
    newest ? newest.tag || newest.short : "",
    app.machines.length ? `${awake} of ${app.machines.length} running${regions ? ` in ${regions}` : ""}` : "no Machines",
    `≈ ${dollars(app.cost.now)} a month`,
  ].filter(Boolean).join(" · ");
}

function Inside({ app }) {
  return html`<div class="inside">
    <${AppDeeds} app=${app} />
    <${Machines} machines=${app.machines} />
    ${app.postgres && html`<${Fold} id=${`postgres/${app.name}`} title="Postgres" note=${databasesNote(app.postgres)} isOpen>${() => html`<${Postgres} cluster=${app.postgres} />`}<//>`}
    <${Fold} id=${`releases/${app.name}`} title="Releases" note=${app.releases.length}>${() => html`<${Releases} app=${app} />`}<//>
    <${Fold} id=${`volumes/${app.name}`} title="Volumes" note=${app.volumes.length}>${() => html`<${Volumes} app=${app} />`}<//>
    <${Fold} id=${`network/${app.name}`} title="Addresses and secrets" note=${app.addresses.length + app.secrets.length}>${() => html`<${Network} app=${app} />`}<//>
    <${Fold} id=${`cost/${app.name}`} title="Cost" note=${`≈ ${dollars(app.cost.now)} a month`}>${() => html`<${Cost} cost=${app.cost} />`}<//>
    <${Fold} id=${`logs/${app.name}`} title="Logs">${() => html`<${Log} label=${`Log of ${app.name}`} path="fly/logs" body=${{ app: app.name }} print=${app} line=${logLine} />`}<//>
  </div>`;
}

function AppDeeds({ app: { name, images, machines } }) {
  const forms = [
    {
      id: "image",
      title: "Push an image",
      form: (close) => html`<${Form} label="Push an image" path="fly/image" submit="Push" onDone=${close}
        fields=${[{ name: "commit", label: "Commit", kind: "choice", options: commits(), value: commits()[0]?.[0] }]} body=${({ commit }) => ({ app: name, commit })} />`,
    },
    {
      id: "deploy",
      title: "Deploy",
      form: (close) => html`<${Form} label="Deploy" path="fly/deploy" submit="fly deploy --image" onDone=${close}
        fields=${[{ name: "image", label: "Image", kind: "choice", options: images.map(imageChoice), value: images[0]?.label }]} body=${({ image }) => ({ app: name, image })} />`,
    },
  ];
  const destroying = {
    title: `Destroy ${name}?`,
    text: "Its Machines, volumes, addresses and secrets go with it, for good. Its database is an app of its own and stays.",
    confirm: "Destroy",
    style: "danger",
  };
  const destroy = html`<${Deed} path="fly/destroy" body=${{ app: name }} label=${`Destroy ${name}`} style="danger" confirm=${destroying}>Destroy<//>`;
  return html`<${Forms} forms=${images.length ? forms : forms.slice(0, 1)} last=${destroy} label=${`What to do with ${name}`}>
    ${machines.length > 0 && html`<${Deed} path="fly/visit" body=${{ app: name }} label=${`Visit ${name}`}>Visit<//>`}
  <//>`;
}

/** The commits whose image may be pushed: tips of branches, then the newest of the default branch. */
function commits() {
  const found = new Map();
  for (const repository of table("github/repository").values()) {
    const tips = repository.branches.map((branch) => branch.commit);
    for (const { sha, short, title } of [...tips, ...repository.commits]) found.set(sha, `${short} ${title}`);
  }
  return [...found];
}

const imageChoice = ({ label, commit }) => [label, commit ? [commit.tag, commit.short, commit.title].filter(Boolean).join(" ") : label];

function Machines({ machines }) {
  if (!machines.length) return html`<p class="quiet">No Machines yet. A deployment makes the first one.</p>`;
  const regions = new Map();
  for (const machine of machines) regions.set(machine.region, [...(regions.get(machine.region) ?? []), machine]);
  const names = item("fly/platform/platform").regions;
  return [...regions].map(
    ([region, inside]) => html`<div class="region" key=${region}>
      <h5 title=${names[region]}>${region}</h5>
      <ul class="machines" aria-label=${`Machines in ${names[region] ?? region}`}>${inside.map((machine) => html`<${Machine} key=${machine.id} machine=${machine} />`)}</ul>
    </div>`,
  );
}

function Releases({ app }) {
  if (!app.releases.length) return html`<p class="quiet">Nothing has been released yet.</p>`;
  return html`<ol class="rows">
    ${app.releases.map(
      (release) => html`<li key=${release.version}>
        <p class="line"><strong>v${release.version}</strong> <${Pill} word=${release.status} /> <${Commit} commit=${release.commit} label=${release.image_ref} /></p>
        <p class="quiet">${release.user} · ${when(release.created_at)}</p>
        ${release.error && html`<p class="problem">${release.error}</p>`}
      </li>`,
    )}
  </ol>`;
}

function Volumes({ app }) {
  if (!app.volumes.length) return html`<p class="quiet">No volumes: what its Machines write is gone with them.</p>`;
  return html`<ul class="rows">${app.volumes.map((volume) => html`<${Volume} key=${volume.id} app=${app.name} volume=${volume} />`)}</ul>`;
}

function Volume({ app, volume }) {
  const destroying = { title: `Destroy volume ${volume.id}?`, text: "What is on it is gone for good.", confirm: "Destroy", style: "danger" };
  const extending = {
    id: "extend",
    title: "Extend",
    about: `Extend volume ${volume.id}`,
    form: (close) => html`<${Form} label="Extend the volume" path="fly/extend" submit="Extend" onDone=${close}
      fields=${[{ name: "size", label: "Size in GB", value: String(volume.size_gb + 1) }]} body=${({ size }) => ({ app, volume: volume.id, size_gb: Number(size) })} />`,
  };
  const destroy = html`<${Deed} path="fly/volume" body=${{ app, volume: volume.id }} label=${`Destroy volume ${volume.id}`} style="danger" confirm=${destroying} disabled=${Boolean(volume.machine)}>Destroy<//>`;
  return html`<li>
    <p class="line"><strong>${volume.name}</strong> <code>${volume.id}</code> <${Pill} word=${volume.machine ? "attached" : "unattached"} /></p>
    <p class="quiet">${volume.size_gb} GB in ${volume.region} · ${plural(volume.snapshots, "snapshot")}${volume.machine ? ` · at ${volume.machine}` : ""}</p>
    ${volume.filesystem_gb < volume.size_gb && html`<p class="quiet">Its file system has ${volume.filesystem_gb} GB until the Machine starts again.</p>`}
    <${Forms} forms=${[extending]} last=${destroy} label=${`What to do with volume ${volume.id}`} />
  </li>`;
}

function Network({ app }) {
  return html`<ul class="rows">
    ${app.addresses.map(({ ip, type }) => html`<li key=${ip} class="line"><code>${ip}</code> <span class="tag">${type.replaceAll("_", " ")}</span></li>`)}
    ${app.secrets.map((name) => html`<li key=${name} class="line"><code>${name}</code> <span class="tag">secret</span></li>`)}
    ${app.addresses.length + app.secrets.length === 0 && html`<li class="quiet">Neither addresses nor secrets.</li>`}
  </ul>`;
}

/** What an app or an organisation costs, and where the prices come from. */
export function Cost({ cost }) {
  const { source, read_in: readWhen } = item("fly/platform/platform").prices;
  return html`<dl class="cost">
      <div><dt>As it runs now</dt><dd>${dollars(cost.now)}</dd></div>
      <div><dt>With every Machine asleep</dt><dd>${dollars(cost.asleep)}</dd></div>
      <div><dt>With every Machine awake</dt><dd>${dollars(cost.awake)}</dd></div>
    </dl>
    <p class="quiet">An estimate per 30 days by <a href=${source} target="_blank" rel="noreferrer">Fly's list prices</a> (${readWhen}), without traffic.</p>`;
}

function logLine({ at, region, instance, level, message }) {
  const time = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return `${time} ${region} ${instance.slice(0, 6)} [${level}] ${message.trim()}`;
}
