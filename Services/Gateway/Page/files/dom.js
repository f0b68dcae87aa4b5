// Making elements. Text becomes text nodes and nothing else: there is no way from a string to markup here, and the page's
// Content-Security-Policy (Trusted Types) closes the ways around it.

/// el("p.note", { title: "x", onclick: f }, "text", child, [children], null)
export function el(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length > 0) element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name in element && !name.includes("-") && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const paths = {
  send: ["M4 12 L20 4 L13.5 20 L11 13 Z"],
  back: ["M15 5 L8 12 L15 19"],
  plus: ["M12 5 V19", "M5 12 H19"],
  more: ["M12 5.5 V5.51", "M12 12 V12.01", "M12 18.5 V18.51"],
  reply: ["M10 6 L4 11.5 L10 17", "M4.5 11.5 H14 C18 11.5 20 14 20 18"],
  info: ["M12 11 V17", "M12 7.5 V7.51", "M12 3 A9 9 0 1 0 12.01 3"],
  close: ["M6 6 L18 18", "M18 6 L6 18"],
  down: ["M6 9 L12 15 L18 9"],
  group: ["M9 11 A3.2 3.2 0 1 0 8.99 11", "M3 19 C3 15.8 5.6 14.2 9 14.2 C12.4 14.2 15 15.8 15 19", "M16 11 A2.7 2.7 0 1 0 15.2 5.8", "M17.4 14.3 C19.7 14.8 21 16.4 21 19"],
  leave: ["M14 4 H6 V20 H14", "M10 12 H21", "M17.5 8.5 L21 12 L17.5 15.5"],
  edit: ["M4 20 L5 15.5 L16.5 4 L20 7.5 L8.5 19 Z"],
  bell: ["M6 16.5 V11 C6 7.5 8.5 5 12 5 C15.5 5 18 7.5 18 11 V16.5 L19.5 18 H4.5 Z", "M10 20.5 H14"],
  lock: ["M6 11 H18 V20 H6 Z", "M8.5 11 V8 C8.5 3.5 15.5 3.5 15.5 8 V11"],
  attach: ["M19.5 11 L11.5 19 C9.2 21.3 5.6 21.3 3.9 19.3 C2.2 17.4 2.5 14.6 4.5 12.6 L12.6 4.5 C14 3.1 16.2 3.1 17.5 4.4 C18.9 5.8 18.8 7.9 17.4 9.3 L9.8 16.9 C9.1 17.6 8.1 17.6 7.4 16.9 C6.8 16.2 6.8 15.3 7.5 14.6 L14.3 7.8"],
  photo: ["M4 6.5 H20 V18.5 H4 Z", "M4 16 L9 11.5 L13 15 L16 12.5 L20 16", "M15.5 9.6 V9.61"],
  video: ["M3.5 6.5 H14.5 V17.5 H3.5 Z", "M14.5 11 L20.5 7.5 V16.5 L14.5 13"],
  file: ["M6 3.5 H13.5 L18.5 8.5 V20.5 H6 Z", "M13.5 3.5 V8.5 H18.5"],
  download: ["M12 4 V15", "M7 10.5 L12 15.5 L17 10.5", "M5 20 H19"],
  play: ["M8 5.5 L19 12 L8 18.5 Z"],
  theme: ["M12 4 A8 8 0 1 0 20 12 A6 6 0 0 1 12 4"],
  retry: ["M19 8 A8 8 0 1 0 20 13", "M20 4 V8.5 H15.5"],
};

/// A line drawing, for the eyes only; what it means stands in the label of its button.
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon", `icon-${name}`);
  for (const d of paths[name]) {
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

const tickPaths = { clock: ["M8 4.8 V8 L10.2 9.4", "M8 2.5 A5.5 5.5 0 1 0 8.01 2.5"], failed: ["M8 4 V9", "M8 11.9 V11.91", "M8 1.8 A6.2 6.2 0 1 0 8.01 1.8"] };
const tickLabels = { clock: "waiting", sent: "sent", delivered: "delivered", read: "read", failed: "not sent" };

/// The tick of a message, and its word for those who do not see it.
export function tickMark(kind) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 20 16");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", tickLabels[kind]);
  svg.classList.add("tick", `tick-${kind}`);
  const shapes = tickPaths[kind] ?? (kind === "sent" ? ["M5 8.6 L8.4 12 L15 4.4"] : ["M1.5 8.6 L4.9 12 L11.5 4.4", "M8.8 11.6 L9.2 12 L16.8 4.4"]);
  for (const d of shapes) {
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/// A round button with a drawing; `label` is its name for everybody.
export function iconButton(name, label, onclick, more = {}) {
  return el("button.round", { type: "button", "aria-label": label, title: label, onclick, ...more }, icon(name));
}

/// A sentence that appears at the bottom and goes by itself.
export function toast(text) {
  const place = document.getElementById("toasts");
  const note = el("div.toast", {}, text);
  place.append(note);
  setTimeout(() => note.remove(), 5_000);
}

/// A dialog over the page: closed by Escape, a click beside it, its cross, or `close()`.
export function dialog(title, build) {
  const box = el("dialog.card", { "aria-label": title });
  const close = () => box.close();
  const body = el("div.card-body");
  box.append(el("header.card-head", {}, el("h2", {}, title), iconButton("close", "Close", close)), body);
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => {
    if (event.target === box) close();
  });
  body.append(...[build({ close, box, body })].flat());
  document.body.append(box);
  box.showModal();
  return { close, box, body };
}
