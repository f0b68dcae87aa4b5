// The nodes as cards in four columns, and the links between them as curves.
//
// A message goes from left to right: gateway, parser, session, persistence. Links are drawn once for each pair; a pair is down when
// one of the two says so, because a link is only one when both ends have it.

import { element, figure, duration, bytes, age } from "/status.js";

const COLUMNS = [["gateway"], ["parser"], ["session", "group", "last-seen"], ["persistence", "media", "api"]];
const LEVEL_WORST = 4;
const svgName = "http://www.w3.org/2000/svg";

let cards = new Map();
let lines = null;
let pairs = [];
let shape = "";

/** Draws all nodes into `map`; cards stay where they are while the cluster has the same nodes. */
export function drawMap(map, status) {
  const names = status.nodes.map((node) => node.name).join(" ");
  if (names !== shape) build(map, status);
  shape = names;
  for (const node of status.nodes) fill(cards.get(node.name), node, status);
  pairs = links(status);
  drawLines(map);
}

/** Draws the curves anew where the cards are now. */
export function drawLines(map) {
  if (!lines) return;
  const frame = map.getBoundingClientRect();
  const curves = pairs.map(({ a, b, isUp }) => {
    const path = document.createElementNS(svgName, "path");
    path.setAttribute("d", curve(cards.get(a).card.getBoundingClientRect(), cards.get(b).card.getBoundingClientRect(), frame));
    path.dataset.ends = `${a} ${b}`;
    if (!isUp) path.classList.add("down");
    return path;
  });
  lines.replaceChildren(...curves);
}

function build(map, status) {
  cards = new Map();
  lines = document.createElementNS(svgName, "svg");
  lines.setAttribute("aria-hidden", "true");
  const columns = COLUMNS.map((roles) => {
    const column = element("div", "column");
    for (const node of status.nodes.filter((node) => roles.includes(node.role))) column.append(makeCard(node));
    return column;
  });
  map.replaceChildren(lines, ...columns);
}

function makeCard(node) {
  const card = element("article", "node");
  card.dataset.role = node.role;
  card.dataset.node = node.name;
  const level = element("span", "level"), state = element("span", "state");
  const top = element("div", "top", element("span", "dot"), element("span", "", node.name), level, state);
  const work = element("div", "work"), bar = element("i"), cpu = element("span"), vitals = element("span"), few = element("span");
  card.append(top, work, element("div", "vital", element("div", "bar", bar), cpu, vitals, few));
  card.addEventListener("mouseenter", () => light(node.name, true));
  card.addEventListener("mouseleave", () => light(node.name, false));
  cards.set(node.name, { card, level, state, work, bar, cpu, vitals, few });
  return card;
}

function light(name, isLit) {
  for (const path of lines.children) if (path.dataset.ends.split(" ").includes(name)) path.classList.toggle("lit", isLit);
}

function fill(parts, node, status) {
  parts.card.className = `node ${node.state}`;
  const up = node.links.filter((link) => link.up).length;
  const words = { away: "no answer", unready: "not ready", ready: node.started ? `up ${age(status.at - node.started)}` : "ready" };
  parts.state.textContent = words[node.state];
  parts.level.hidden = node.level === 0 && !node.pinned;
  parts.level.textContent = `level ${node.level}${node.pinned ? ", held" : ""}`;
  parts.level.title = status.meanings[node.level];
  parts.level.classList.toggle("worst", node.level === LEVEL_WORST);
  parts.work.replaceChildren(...node.work.flatMap((work) => {
    if (work.value === null) return [];
    const value = { count: figure, rate: (v) => `${figure(v)}/s`, bytes: (v) => `${bytes(v)}/s`, time: duration }[work.unit](work.value);
    return [element("b", "", value), " ", element("span", "", work.name)];
  }));
  parts.bar.style.width = `${Math.min(100, (node.cpu ?? 0) * 100)}%`;
  parts.cpu.textContent = node.state === "away" ? "" : node.cpu === null ? "–" : `${Math.round(node.cpu * 100)} % CPU`;
  parts.vitals.textContent = node.state === "away" ? "" :
    [bytes(node.memory), node.wait99 === null ? null : `waits p99 ${duration(node.wait99)}`].filter(Boolean).join(" · ");
  parts.few.textContent = node.state === "away" ? "" : `${up}/${node.links.length} links`;
  parts.few.className = up < node.links.length ? "few" : "";
  parts.few.title = node.links.filter((link) => !link.up).map((link) => `does not reach ${link.peer}`).join("\n");
}

function links(status) {
  const found = new Map();
  for (const node of status.nodes) {
    for (const link of node.links) {
      const [a, b] = [node.name, link.peer].sort();
      if (!cards.has(a) || !cards.has(b)) continue;
      const key = `${a} ${b}`;
      found.set(key, { a, b, isUp: link.up && (found.get(key)?.isUp ?? true) });
    }
  }
  // Those that are down lie above the others.
  return [...found.values()].sort((x, y) => Number(y.isUp) - Number(x.isUp));
}

function curve(one, other, frame) {
  const [left, right] = one.left <= other.left ? [one, other] : [other, one];
  const y1 = left.top + left.height / 2 - frame.top, y2 = right.top + right.height / 2 - frame.top;
  if (Math.abs(left.left - right.left) < 4) {
    // In one column: a bow at its right side.
    const x = left.right - frame.left, out = x + 16 + Math.abs(y2 - y1) / 14;
    return `M ${x} ${y1} C ${out} ${y1}, ${out} ${y2}, ${x} ${y2}`;
  }
  const x1 = left.right - frame.left, x2 = right.left - frame.left, half = (x1 + x2) / 2;
  return `M ${x1} ${y1} C ${half} ${y1}, ${half} ${y2}, ${x2} ${y2}`;
}
