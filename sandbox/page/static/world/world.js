import { html } from "../lib.js";
import { table } from "../store.js";
import { Tabs } from "../ui.js";
import { look, view } from "../view.js";
import { FaultsPanel } from "../bench/faults.js";
import { ScenesPanel } from "../bench/scenes.js";
import { FlyPanel } from "./fly.js";
import { GitHubPanel } from "./github.js";
import { isUnderWay } from "./runs.js";

const PANELS = {
  scenes: ["Scenes", ScenesPanel],
  fly: ["Fly", FlyPanel],
  github: ["GitHub", GitHubPanel],
  faults: ["Faults & time", FaultsPanel],
};

/** The world beside the workspace. */
export function World() {
  const chosen = Object.hasOwn(PANELS, view.panel) ? view.panel : "scenes";
  const Panel = PANELS[chosen][1];
  const going = [...table("github/run").values()].filter(isUnderWay).length;
  const tabs = Object.entries(PANELS).map(([id, [title]]) => ({ id, title, note: id === "github" && going ? `${going} running` : "" }));
  return html`<section class="world" aria-label="The world">
    <${Tabs} tabs=${tabs} chosen=${chosen} choose=${(panel) => look({ panel })} label="The world" panelId="world-panel" />
    <div id="world-panel" class="world-panel" role="tabpanel" aria-label=${PANELS[chosen][0]} tabindex="0"><${Panel} /></div>
  </section>`;
}
