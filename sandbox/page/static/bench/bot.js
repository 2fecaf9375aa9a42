// The bot's process: kill it, restart it, have it die at an exact moment, read its log.
import { classes, html, useEffect, useId, useRef, useState } from "../lib.js";
import { act } from "../store.js";
import { Deed, Pill } from "../ui.js";
import { Fold } from "../world/parts.js";

const READ_MS = 1500;
const SHOWN_ELSEWHERE = new Set(["timestamp", "level", "event", "logger"]);

/** The bot's process; `offered` are the calls and moments at which it can be made to die. */
export function BotSection({ bot, offered }) {
  const isUp = bot.is_running && !bot.is_starting;
  return html`<div class="bot-section">
    <p class="bot-line"><${Pill} word=${bot.state} /> <span class="quiet">${told(bot)}</span></p>
    <p class="buttons small">
      <${Deed} path="bot" body=${{ do: "kill" }} style="danger" disabled=${!isUp}>Kill (kill -9)<//>
      <${Deed} path="bot" body=${{ do: "restart" }} disabled=${!isUp}>Restart<//>
      <${Deed} path="bot" body=${{ do: "start" }} disabled=${bot.is_running || bot.is_starting}>Start<//>
    </p>
    <${Trap} trap=${bot.trap} offered=${offered} />
    <${Fold} id="bot-log" title="Log of the bot">${() => html`<${BotLog} />`}<//>
  </div>`;
}

function told(bot) {
  if (bot.under_way) return `${bot.under_way} is under way`;
  if (bot.pid) return `process ${bot.pid}`;
  if (bot.state === "failed") return `it ended by itself with exit code ${bot.exit_code}`;
  return bot.state === "off" ? "not started yet" : "its database stays as it was";
}

function Trap({ trap, offered }) {
  const [chosen, choose] = useState({ call: 0, moment: "worked" });
  const ids = [useId(), useId()];
  if (trap) {
    return html`<p class="trap"><span role="status">It will be killed at the next call: ${trap}.</span> <${Deed} path="bot/kill-at">Do not<//></p>`;
  }
  const call = offered.calls[chosen.call];
  return html`<fieldset class="trap">
    <legend>Kill it in the middle, at the next call</legend>
    <p class="fault-choice"><label for=${ids[0]}>Call</label>
      <select id=${ids[0]} onChange=${(event) => choose({ ...chosen, call: Number(event.target.value) })}>${offered.calls.map((each, index) => html`<option key=${index} value=${index} selected=${index === chosen.call}>${each.label}</option>`)}</select>
    </p>
    <p class="fault-choice"><label for=${ids[1]}>When</label>
      <select id=${ids[1]} onChange=${(event) => choose({ ...chosen, moment: event.target.value })}>${Object.entries(offered.moments).map(([name, words]) => html`<option key=${name} value=${name} selected=${name === chosen.moment}>${words}</option>`)}</select>
    </p>
    <${Deed} path="bot/kill-at" body=${{ simulator: call.simulator, call: call.name, moment: chosen.moment }} style="danger">Kill it then<//>
  </fieldset>`;
}

/** The end of the log, read for as long as it is drawn. It stays where the person scrolled to. */
function BotLog() {
  const [lines, setLines] = useState([]);
  const box = useRef();
  useEffect(() => {
    const read = () => act("bot/log").then((answer) => setLines(answer.lines), () => {});
    read();
    const reading = setInterval(read, READ_MS);
    return () => clearInterval(reading);
  }, []);
  const newest = lines.at(-1)?.timestamp;
  useEffect(() => {
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    if (scrollTop === 0 || scrollHeight - scrollTop - clientHeight < clientHeight) box.current.scrollTop = scrollHeight;
  }, [newest]);
  if (!lines.length) return html`<p class="quiet" ref=${box}>It has not logged anything.</p>`;
  return html`<ol class="bot-log" ref=${box} tabindex="0" aria-label="Log of the bot">${lines.map((line, index) => html`<${Line} key=${index} line=${line} />`)}</ol>`;
}

function Line({ line }) {
  const more = Object.entries(line).filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== "");
  return html`<li class=${classes("log-line", line.level)}>
    <time>${line.timestamp?.slice(11, 19)}</time> <span class="log-event">${line.event}</span>
    ${more.map(([name, value]) => html` <span class="log-field" key=${name}>${name}=${typeof value === "string" ? value : JSON.stringify(value)}</span>`)}
  </li>`;
}
