// Choosing what to send: a look at it, a few words with it, and the small preview that travels in the message.

import { dialog, el, icon, iconButton, toast } from "/dom.js";
import { mediaBytesMax } from "/fantail.js";
import { announced } from "/uploads.js";
import { kindOf, refusalSentence, shownName, shownSize } from "/words.js";

/// Bytes of a preview, as docs/protocol.md has it; sides and qualities that are tried until it is small enough.
const previewBytesMax = 3 * 1024;
const previewSides = [80, 64, 48, 32];
const previewQualities = [0.7, 0.5, 0.3];
/// How long a video may take until its first picture is there, milliseconds.
const videoMsMax = 8_000;
/// Files that are chosen at once.
const chosenCountMax = 10;

/// Those that may be sent; says why others may not.
function fitting(files, there) {
  const fit = files.filter(({ size }) => size > 0 && size <= mediaBytesMax);
  if (fit.length < files.length) toast(refusalSentence("media_too_large"));
  if (there + fit.length > chosenCountMax) toast(`At most ${chosenCountMax} files at once.`);
  return fit.slice(0, chosenCountMax - there);
}

/// Shows files before they are sent. `send(chosen, caption)` gets [{ blob, file }]; `closed(caption)` what was written, when nothing
/// was sent. Returns what closes it at once; null: there is nothing that could be sent.
export function tray({ files, caption, send, closed }) {
  let chosen = fitting([...files], 0).map(choose);
  if (chosen.length === 0) return null;
  let picked = null;
  // A field to which a dialog gives the focus back takes no letters in Chromium: it gets it from us, afterwards.
  document.activeElement?.blur();
  let fill = () => {};
  const field = el("textarea.field", { rows: 1, name: "caption", placeholder: "Add a caption", "aria-label": "Caption", dir: "auto", autofocus: true, value: "" });
  field.value = caption;
  const more = el("input", { type: "file", multiple: true, hidden: true, onchange: () => {
    add([...more.files]);
    // The same file may be chosen again after it was left out.
    more.value = "";
  } });
  const { box } = dialog("Send", ({ close, box: card }) => {
    const tiles = el("ul.tray", { role: "list" });
    fill = () => {
      card.querySelector("h2").textContent = heading(chosen);
      tiles.classList.toggle("is-single", chosen.length === 1);
      tiles.replaceChildren(
        ...chosen.map((one) =>
          el("li.tray-tile", {}, one.element, iconButton("close", `Leave out ${shownName(one.file.name)}`, () => {
            one.leave();
            chosen = chosen.filter((other) => other !== one);
            if (chosen.length === 0) return close();
            fill();
            field.focus();
          }, { class: "round small tray-out" })),
        ),
      );
    };
    const submit = async () => {
      button.disabled = true;
      let before, all;
      do {
        before = chosen;
        all = await Promise.all(before.map(({ ready }) => ready));
        if (!card.open) return;
        // Meanwhile one may have been left out, or added.
      } while (before !== chosen);
      picked = all;
      close();
    };
    const button = el("button.primary.tray-send", { type: "submit", "aria-label": "Send" }, icon("send"));
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!button.disabled) submit();
    });
    const form = el(
      "form.tray-line",
      { onsubmit: (event) => (event.preventDefault(), submit()) },
      more,
      iconButton("plus", "Add more", () => more.click()),
      field,
      button,
    );
    return el("div.stack", {}, tiles, form);
  });
  const add = (list) => {
    chosen = [...chosen, ...fitting([...list], chosen.length).map(choose)];
    fill();
  };
  box.classList.add("tray-card");
  box.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length > 0) event.preventDefault(), add(event.clipboardData.files);
  });
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    for (const one of chosen) one.leave();
    if (picked) send(picked, field.value.trim());
    else closed(field.value);
  };
  box.addEventListener("close", end);
  fill();
  // A dialog says that it is closed a moment later.
  return () => (box.close(), end());
}

function heading(chosen) {
  const kinds = new Set(chosen.map(({ file }) => kindOf(file)));
  const [kind] = kinds;
  const noun = kinds.size > 1 ? "file" : { picture: "photo", video: "video", file: "file" }[kind];
  return chosen.length === 1 ? `Send a ${noun}` : `Send ${chosen.length} ${noun}s`;
}

/// One file that was chosen: what is shown of it, and a promise of what is sent.
function choose(blob) {
  const file = announced(blob);
  const kind = kindOf(file);
  const url = kind === "file" ? null : URL.createObjectURL(blob);
  const asFile = () => el("div.tray-file", {}, icon("file"), el("bdi", {}, shownName(file.name)), el("span.hint", {}, shownSize(file.size)));
  const one = { file, element: asFile(), leave: () => URL.revokeObjectURL(url) };
  const replace = (element) => {
    one.element.replaceWith(element);
    one.element = element;
  };
  if (kind === "picture") {
    const image = el("img", { alt: shownName(file.name), src: url });
    image.addEventListener("error", () => replace(asFile()));
    one.element = image;
    one.ready = ofPicture(blob);
  } else if (kind === "video") {
    const video = el("video", { src: url, controls: true, muted: true, playsInline: true, preload: "metadata", "aria-label": shownName(file.name) });
    video.addEventListener("error", () => replace(asFile()));
    one.element = video;
    one.ready = ofVideo(blob);
  } else {
    one.ready = Promise.resolve({});
  }
  one.ready = one.ready.catch(() => ({})).then((seen) => ({ blob, file: { ...file, ...seen } }));
  return one;
}

async function ofPicture(blob) {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const preview = await small(bitmap, width, height);
  bitmap.close();
  return { width, height, preview };
}

/// A picture from the beginning of a video.
async function ofVideo(blob) {
  const url = URL.createObjectURL(blob);
  const video = el("video", { muted: true, playsInline: true, preload: "auto", src: url });
  const heard = (name) =>
    new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      setTimeout(reject, videoMsMax);
    });
  try {
    await heard("loadeddata");
    const { videoWidth: width, videoHeight: height } = video;
    const preview = await small(video, width, height);
    return { width, height, preview };
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

/// A JPEG that is small enough to travel in a message, in base64; undefined when there is none.
async function small(source, width, height) {
  for (const side of previewSides) {
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = el("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d");
    // What one could see through is white, as in most chats that it will be seen in.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    for (const quality of previewQualities) {
      const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
      if (!jpeg || jpeg.size > previewBytesMax) continue;
      return btoa(String.fromCharCode(...new Uint8Array(await jpeg.arrayBuffer())));
    }
  }
  return undefined;
}

/// Files that are dropped on an element, or pasted anywhere while no dialog is open, until `signal`.
export function listenForFiles(element, { signal, mayTake, take }) {
  const on = (target, name, call) => target.addEventListener(name, call, { signal });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && mayTake();
  let depth = 0;
  const hover = (by) => {
    depth = by === 0 ? 0 : Math.max(0, depth + by);
    element.classList.toggle("is-dropping", depth > 0);
  };
  on(element, "dragenter", (event) => hasFiles(event) && (event.preventDefault(), hover(1)));
  on(element, "dragleave", (event) => hasFiles(event) && hover(-1));
  on(element, "dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  on(element, "drop", (event) => {
    hover(0);
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) take(event.dataTransfer.files);
  });
  on(document, "paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length || document.querySelector("dialog[open]") || !mayTake()) return;
    event.preventDefault();
    take(files);
  });
}
