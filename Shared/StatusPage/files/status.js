// The status page: asks its own door for the figures of the whole cluster, a second after the last answer, and draws them. While
// nobody sees the page it asks nothing, and then no node does anything for it.

import { drawMap, drawLines } from "/status-map.js";

const EVERY_MS = 1000;
/** How long an answer may take: the node itself waits 0.7 s for the others. */
const ANSWER_MS_MAX = 5000;
/** What the small curves show, looks: two minutes. */
const HISTORY_MAX = 120;
const WARNINGS_MAX = 40;

const byID = (id) => document.getElementById(id);

/** An element with a class and children; text is text and never markup. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`;
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** Seconds, in the unit that reads best. A histogram knows its last bound only: more is more. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds > 27) return "> 26 s";
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  const ms = seconds * 1000;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}

export function bytes(count) {
  if (count >= 1 << 30) return `${(count / (1 << 30)).toFixed(1)} GiB`;
  if (count >= 1 << 20) return `${Math.round(count / (1 << 20))} MiB`;
  return `${Math.round(count / 1024)} KiB`;
}

export function age(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

// --- the head ---------------------------------------------------------------------------------------------------------

function drawHead(status) {
  byID("cluster").textContent = status.cluster;
  byID("about").textContent = `epoch ${status.epoch} · ${status.store} storage · Fantail ${status.release}`;
  byID("seen").textContent = `seen from ${status.viewer}, ${new Date(status.at * 1000).toLocaleTimeString()}`;
  const all = status.nodes.length;
  const down = status.nodes.flatMap((node) => node.links.filter((link) => !link.up)).length;
  let [kind, words] = ["good", `all ${all} nodes are ready`];
  if (status.level > 0) [kind, words] = ["warn", `busy: ${status.meanings[status.level]}`];
  if (down > 0) [kind, words] = ["warn", `${down} ends of links are down`];
  if (status.ready < all) [kind, words] = ["bad", `${status.ready} of ${all} nodes are ready`];
  verdict(kind, words);
  document.title = `${kind === "good" ? "" : "! "}${status.cluster} · Fantail`;
}

function verdict(kind, words) {
  const place = byID("verdict");
  place.className = `verdict ${kind}`;
  if (place.textContent !== words) place.textContent = words;
}

// --- tiles ------------------------------------------------------------------------------------------------------------

const history = { messages: [], deliveries: [], clients: [], wait: [], commit: [] };

function drawTiles(status) {
  const worst = (values) => values.filter((value) => value !== null).reduce((a, b) => Math.max(a, b), -1);
  const wait = worst(status.nodes.map((node) => node.wait99));
  const commit = worst(status.nodes.flatMap((node) => node.work.filter((work) => work.unit === "time").map((work) => work.value)));
  const tiles = [
    ["messages", "Messages", status.messages, figure(status.messages), "a second"],
    ["deliveries", "Deliveries", status.deliveries, figure(status.deliveries), "a second"],
    ["clients", "Clients", status.clients, figure(status.clients), "connected"],
    ["wait", "Longest wait", wait < 0 ? 0 : wait, wait < 0 ? "none" : duration(wait), wait < 0 ? "nothing waits" : "p99 of any node"],
    ["commit", "Commit to disk", commit < 0 ? 0 : commit, commit < 0 ? "none" : duration(commit), commit < 0 ? "nothing to store" : "p99"],
  ];
  for (const [key, , value] of tiles) {
    if (value === null) continue;
    history[key].push(value);
    if (history[key].length > HISTORY_MAX) history[key].shift();
  }
  byID("tiles").replaceChildren(...tiles.map(([key, label, , text, unit]) =>
    element("div", "tile", element("div", "label", label), element("div", "value", text, element("small", "", unit)), curve(history[key]))));
}

function curve(values) {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", `0 0 ${HISTORY_MAX - 1} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (values.length < 2) return svg;
  const top = Math.max(...values) || 1, first = HISTORY_MAX - values.length;
  const points = values.map((value, index) => `${first + index} ${96 - (value / top) * 88}`);
  const [line, area] = ["line", "area"].map((kind) => {
    const path = document.createElementNS(name, "path");
    path.setAttribute("class", kind);
    return path;
  });
  line.setAttribute("d", `M ${points.join(" L ")}`);
  area.setAttribute("d", `M ${first} 100 L ${points.join(" L ")} L ${HISTORY_MAX - 1} 100 Z`);
  svg.append(area, line);
  return svg;
}

// --- answers ----------------------------------------------------------------------------------------------------------

/** From 0.05 ms to 1 s on a scale in which each step is ten times the one before. */
const place = (seconds) => Math.min(100, Math.max(0, (Math.log10(Math.max(seconds, 5e-5)) - Math.log10(5e-5)) / 4.3 * 100));

function drawHops(status) {
  const head = element("tr", "", ...["from", "to", "a second", "p50", "p99", ""].map((word, index) => element("th", index > 1 && index < 5 ? "number" : "", word)));
  const rows = [...status.hops].sort((a, b) => b.rate - a.rate).map((hop) => {
    const range = element("i");
    range.style.left = `${place(hop.median)}%`;
    range.style.width = `${place(hop.p99) - place(hop.median)}%`;
    return element("tr", "", element("td", "", hop.from), element("td", "", hop.to), element("td", "number", figure(hop.rate)),
      element("td", "number", `≤ ${duration(hop.median)}`), element("td", "number", `≤ ${duration(hop.p99)}`),
      element("td", "span", element("div", "range", range)));
  });
  if (rows.length === 0) return byID("hops").replaceChildren(element("tr", "", element("td", "quiet", "no calls since the last look")));
  byID("hops").replaceChildren(head, ...rows);
}

// --- rings ------------------------------------------------------------------------------------------------------------

function drawRings(status) {
  const states = new Map(status.nodes.map((node) => [node.name, node.state]));
  byID("rings").replaceChildren(...status.rings.map((ring) => {
    const parts = ring.shares.map((share) => {
      const part = element("div", states.get(share.node) === "ready" ? "" : "away", `${(share.part * 100).toFixed(1)} %`);
      part.style.flex = `${share.part} 1 0`;
      part.title = `${share.node}: ${(share.part * 100).toFixed(2)} %`;
      part.style.setProperty("--role", `var(--${ring.role})`);
      return part;
    });
    const label = element("div", "label", element("b", "", ring.role), element("span", "", `${ring.shares.length} ${ring.shares.length === 1 ? "node" : "nodes"}`));
    return element("div", "ring", label, element("div", "stack", ...parts));
  }));
}

// --- trouble ----------------------------------------------------------------------------------------------------------

function drawTrouble(status) {
  const sums = new Map();
  for (const node of status.nodes) for (const { name, count } of node.troubles) sums.set(name, (sums.get(name) ?? 0) + count);
  const words = [...sums].map(([name, count]) => element("li", "", element("b", "", figure(count)), ` ${name}`));
  byID("troubles").replaceChildren(...(words.length > 0 ? words : [element("li", "none", "none at all")]));
  const warnings = status.nodes.flatMap((node) => node.warnings.map(parse)).filter(Boolean);
  warnings.sort((a, b) => (a.time < b.time ? 1 : -1));
  byID("warnings").replaceChildren(...warnings.slice(0, WARNINGS_MAX).map((line) => {
    const { time, level, node, event, service, ...fields } = line;
    return element("tr", "", element("td", "", String(time).slice(11, 19)), element("td", "", String(node)),
      element("td", level === "error" ? "error" : "warning", String(event)),
      element("td", "", Object.entries(fields).map(([name, value]) => `${name}=${value}`).join("  ")));
  }));
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

// --- the loop ---------------------------------------------------------------------------------------------------------

async function look() {
  try {
    const answer = await fetch("/status.json", { signal: AbortSignal.timeout(ANSWER_MS_MAX), cache: "no-store" });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    const status = await answer.json();
    document.body.classList.remove("late");
    drawHead(status);
    drawTiles(status);
    drawMap(byID("map"), status);
    drawHops(status);
    drawRings(status);
    drawTrouble(status);
  } catch (error) {
    document.body.classList.add("late");
    verdict("bad", "this node does not answer; what you see is old");
    console.warn(error);
  }
}

async function watch() {
  for (;;) {
    if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    await look();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

new ResizeObserver(() => drawLines(byID("map"))).observe(byID("map"));
watch();
