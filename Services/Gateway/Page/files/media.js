// Pictures, videos and files in a chat.
//
// A message brings a preview of a few hundred bytes and the size of the whole, so that the place is there at once and nothing
// jumps. The whole is fetched when it comes into view; it is kept by this browser, so that a reload fetches nothing twice.
//
// A picture is fetched as bytes and shown as a `blob:` of ours, under a type that we chose. A video is played from where it lies,
// in the parts that the browser asks for. Everything else is only ever saved.

import { el, icon, iconButton, toast } from "/dom.js";
import { Refused } from "/fantail.js";
import { frame, jpegSize, kindOf, pictureSize, refusalSentence, savedName, shownName, shownSize } from "/words.js";

/// Larger pictures wait for a tap: bytes, and pixels, which take four bytes each when they are shown.
const unaskedBytesMax = 8_000_000;
const unaskedPixelsMax = 50_000_000;
/// How far the head of a picture is looked for, bytes.
const headBytesMax = 1_000_000;
/// What is held in memory, bytes; what is kept on disk, pictures and bytes of each.
const heldBytesMax = 48_000_000;
const keptCountMax = 300;
const keptBytesMax = 10_000_000;
/// No preview has more pixels on a side.
const previewPixelsMax = 512;
/// The largest place of a picture in a chat, pixels.
const place = { width: 330, height: 380 };
/// How often a video asks for a new link before it gives up.
const linkTriesMax = 3;

/// The bytes of pictures: from memory, from this browser's disk, or from the server.
export class Pictures {
  #client;
  #name;
  #held = new Map();
  #heldBytes = 0;
  #coming = new Map();
  #isStopped = false;

  constructor(client, user) {
    this.#client = client;
    this.#name = cacheName(user);
  }

  /// Throws `Refused`.
  blob(file) {
    const key = keyOf(file);
    const held = this.#held.get(key);
    if (held) {
      this.#held.delete(key);
      this.#held.set(key, held);
      return Promise.resolve(held);
    }
    let coming = this.#coming.get(key);
    if (!coming) {
      coming = this.#find(file, key).finally(() => this.#coming.delete(key));
      this.#coming.set(key, coming);
    }
    return coming;
  }

  /// Bytes that we have already, for we sent them.
  async keep(file, blob) {
    if (kindOf(file) !== "picture") return;
    this.#hold(keyOf(file), blob);
    await this.#store(keyOf(file), blob);
  }

  /// Nothing is kept from here on, also of what is on its way.
  stop() {
    this.#isStopped = true;
    this.#held.clear();
    this.#heldBytes = 0;
  }

  static async forget(user) {
    await globalThis.caches?.delete(cacheName(user));
  }

  async #find(file, key) {
    const cache = this.#isStopped ? null : await globalThis.caches?.open(this.#name).catch(() => null);
    const kept = await cache?.match(key).catch(() => null);
    const blob = new Blob([kept ? await kept.blob() : await this.#fetch(file)], { type: file.mime });
    this.#hold(key, blob);
    if (!kept) this.#store(key, blob);
    return blob;
  }

  async #fetch(file, isStale = false) {
    const { url } = await this.#client.link(file, { isStale });
    let answer;
    try {
      answer = await fetch(url, { credentials: "omit", cache: "no-store" });
      // The link has ended since it was given.
      if (answer.status === 403 && !isStale) return this.#fetch(file, true);
      if (answer.ok && lengthOf(answer, file) === file.size) {
        const blob = await answer.blob();
        if (blob.size === file.size) return blob;
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Refused("unavailable");
    }
    // Who wrote the message said another size than the server: it is another file than was promised.
    if (answer.ok) answer.body?.cancel().catch(() => {});
    throw new Refused(answer.ok ? "size_differs" : answer.status === 404 ? "media_unknown" : "unavailable");
  }

  #hold(key, blob) {
    if (this.#isStopped || this.#held.has(key) || blob.size > heldBytesMax) return;
    this.#held.set(key, blob);
    this.#heldBytes += blob.size;
    for (const [old, { size }] of this.#held) {
      if (this.#heldBytes <= heldBytesMax) break;
      this.#held.delete(old);
      this.#heldBytes -= size;
    }
  }

  async #store(key, blob) {
    if (this.#isStopped || blob.size > keptBytesMax) return;
    try {
      const cache = await globalThis.caches?.open(this.#name);
      if (!cache || this.#isStopped) return;
      await cache.put(key, new Response(blob));
      const keys = await cache.keys();
      for (const old of keys.slice(0, Math.max(0, keys.length - keptCountMax))) await cache.delete(old);
    } catch {
      // Fetched again the next time.
    }
  }
}

/// What the server says of the length of what it sends; what the message says when the server does not.
const lengthOf = (answer, file) => Number(answer.headers.get("Content-Length") ?? file.size);
const cacheName = (user) => `fantail-media:${user}`;
const keyOf = ({ media, secret }) => `/kept/${media}-${secret}`;

/// The files of the messages in one chat, on the screen.
export class FileViews {
  #media;
  #client;
  #openPicture;
  #views = new WeakMap();
  #seen;

  /// `media`: { pictures, uploads }. `openPicture(file)`: somebody wants to see it large. `root`: what scrolls.
  constructor({ media, client, openPicture, root }) {
    this.#media = media;
    this.#client = client;
    this.#openPicture = openPicture;
    this.#seen = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) this.#views.get(target)?.onSeen();
      },
      { root, rootMargin: "400px 0px" },
    );
  }

  close() {
    this.#seen.disconnect();
  }

  /// The files of a message. `before`: those of its former state, which stay as they are, loaded or playing, if they are the same.
  block(message, files, before) {
    const shape = JSON.stringify(files.map(({ name, mime, size, opaque, width, height }) => [name, mime, size, opaque, width, height]));
    let block = before;
    if (block?.dataset.shape !== shape) {
      const parts = { message, media: this.#media, client: this.#client, openPicture: this.#openPicture };
      const views = files.map((file) => new kinds[kindOf(file)](file, parts));
      block = el("div.files", { "data-shape": shape }, views.map((view) => view.element));
      for (const [index, view] of views.entries()) {
        this.#views.set(view.element, view);
        this.#seen.observe(view.element);
        // Enter on the message opens the first; Tab leads to the others.
        if (index > 0) view.button.tabIndex = 0;
      }
    }
    [...block.children].forEach((element, index) => this.#views.get(element)?.update(message, files[index]));
    return block;
  }

  /// Does what a click on the first file does.
  open(block) {
    this.#views.get(block.firstChild)?.open();
  }

  onProgress(block) {
    for (const element of block.children) this.#views.get(element)?.showTransfer();
  }

  /// There is a connection again: what could not be fetched is fetched.
  onLive(log) {
    for (const element of log.querySelectorAll(".file.is-failed")) this.#views.get(element)?.onSeen();
  }
}

/// What pictures, videos and files have in common: how far they are on their way to the server.
class FileView {
  file;
  message;
  parts;
  element;
  #transfer = null;

  constructor(file, parts) {
    this.file = file;
    this.message = parts.message;
    this.parts = parts;
    this.build();
  }

  get isOnItsWay() {
    return Boolean(this.message.upload);
  }

  /// Shown in words: what it is called, unless a camera chose the name.
  get name() {
    return shownName(this.file.name);
  }

  update(message, file) {
    this.message = message;
    this.file = file;
    this.showTransfer();
  }

  onSeen() {}

  showTransfer() {
    const { uploads } = this.parts.media;
    const isMoving = this.isOnItsWay && !this.message.upload.code;
    this.element.classList.toggle("is-uploading", this.isOnItsWay);
    if (!isMoving) {
      this.#transfer?.remove();
      this.#transfer = null;
      return;
    }
    this.#transfer ??= this.#buildTransfer();
    if (!this.#transfer.isConnected) this.transferPlace.append(this.#transfer);
    const fraction = uploads.fraction(this.message.id) ?? 0;
    const percent = Math.round(fraction * 100);
    const ring = this.#transfer.querySelector(".ring");
    this.#transfer.classList.toggle("is-waiting", fraction === 0);
    ring.style.setProperty("--part", String(Math.max(fraction, 0.04)));
    ring.setAttribute("aria-valuenow", String(percent));
    ring.setAttribute("aria-valuetext", fraction === 0 ? "waiting" : `${percent} %`);
  }

  get transferPlace() {
    return this.element;
  }

  #buildTransfer() {
    return el(
      "div.transfer",
      {},
      ring(this.name),
      iconButton("close", `Cancel sending ${this.name}`, () => this.parts.media.uploads.cancel(this.message), { class: "round transfer-stop" }),
    );
  }
}

/// What a picture and a video have in common: a place with a blurred preview in it.
class SeenView extends FileView {
  build() {
    const { width, height } = frame(this.file, place);
    this.canvas = el("canvas.preview", { "aria-hidden": "true" });
    this.button = el("button.file-open", { type: "button", tabindex: "-1", "aria-label": this.label, onclick: () => this.open() });
    this.note = el("span.file-note", { hidden: true });
    this.element = el("div.file.seen", { style: { width: `${width}px`, "aspect-ratio": `${width} / ${height}` } }, this.canvas, this.button, this.note);
    if (this.file.preview) drawPreview(this.canvas, this.file.preview);
  }

  say(sentence) {
    this.note.textContent = sentence ?? "";
    this.note.hidden = !sentence;
    this.element.classList.toggle("is-failed", Boolean(sentence));
  }
}

class PictureView extends SeenView {
  #isLoading = false;
  #isAwaited = false;

  build() {
    super.build();
    this.element.classList.add("picture");
  }

  get label() {
    return `Photo ${this.name}, ${shownSize(this.file.size)}`;
  }

  get isLoaded() {
    return this.element.classList.contains("is-loaded");
  }

  onSeen() {
    if (this.file.size <= unaskedBytesMax || this.parts.media.uploads.blob(this.message.id)) this.#load();
    else if (!this.isLoaded) this.#wait();
  }

  #wait() {
    this.say(null);
    this.note.hidden = !(this.note.textContent = `${shownSize(this.file.size)} – tap to load`);
  }

  open() {
    if (this.isLoaded) this.parts.openPicture(this.message, this.file);
    else this.#load({ isAsked: true });
  }

  update(message, file) {
    const wasOnItsWay = this.isOnItsWay;
    super.update(message, file);
    if (wasOnItsWay && !this.isOnItsWay && !this.isLoaded) this.#load();
  }

  showTransfer() {
    super.showTransfer();
    if (this.#isAwaited && this.parts.media.uploads.blob(this.message.id)) this.#load();
  }

  async #load({ isAsked = false } = {}) {
    const { pictures, uploads } = this.parts.media;
    if (this.#isLoading || this.isLoaded) return;
    this.#isLoading = true;
    this.element.classList.add("is-loading");
    let url;
    try {
      const own = uploads.blob(this.message.id);
      // It came into view before its bytes were at hand.
      this.#isAwaited = this.isOnItsWay && !own;
      if (this.#isAwaited) return;
      const blob = own ?? (await pictures.blob(this.file));
      // A few kilobytes may become a picture of gigabytes.
      if (!isAsked && !own && (await isLarge(blob))) return this.#wait();
      url = URL.createObjectURL(blob);
      const image = el("img.whole", { alt: "", decoding: "async", src: url });
      await image.decode();
      this.canvas.after(image);
      this.element.classList.add("is-loaded");
      this.say(null);
    } catch (error) {
      // A file that a browser cannot show is no trouble of the network.
      this.say(error.code ? `${refusalSentence(error.code)}${["media_unknown", "size_differs"].includes(error.code) ? "" : " Tap to try."}` : "This picture cannot be shown.");
    } finally {
      URL.revokeObjectURL(url);
      this.#isLoading = false;
      this.element.classList.remove("is-loading");
    }
  }
}

/// A picture of very many pixels, or one that does not say how many.
async function isLarge(blob) {
  const size = pictureSize(new Uint8Array(await blob.slice(0, headBytesMax).arrayBuffer()));
  return !size || size.width * size.height > unaskedPixelsMax;
}

class VideoView extends SeenView {
  #video = null;

  build() {
    super.build();
    this.element.classList.add("video");
    this.button.append(el("span.play", {}, icon("play")));
    this.size = el("span.file-badge", {}, icon("video"), shownSize(this.file.size));
    this.element.append(this.size);
  }

  get label() {
    return `Play the video ${this.name}, ${shownSize(this.file.size)}`;
  }

  async open() {
    if (this.isOnItsWay || this.#video) return;
    const video = el("video", { controls: true, playsInline: true, preload: "auto", "aria-label": this.name });
    this.#video = video;
    let tries = 0;
    const show = async (isStale) => {
      try {
        const { url } = await this.parts.client.link(this.file, { isStale });
        video.src = url;
        return true;
      } catch (refused) {
        this.#giveUp(refusalSentence(refused.code ?? "no_answer"));
        return false;
      }
    };
    video.addEventListener("playing", () => (tries = 0));
    video.addEventListener("error", async () => {
      // The link has ended, perhaps in the middle: with a new one it goes on where it was.
      const { currentTime } = video;
      if (this.#video !== video) return;
      // What cannot be decoded stays so, with every link.
      if (video.error?.code === MediaError.MEDIA_ERR_DECODE || ++tries > linkTriesMax) return this.#giveUp("This video cannot be played.");
      if (!(await show(true))) return;
      video.currentTime = currentTime;
      video.play().catch(() => {});
    });
    this.say(null);
    this.element.classList.add("is-playing");
    this.canvas.after(video);
    video.focus();
    if (await show(false)) video.play().catch(() => {});
  }

  #giveUp(sentence) {
    this.#video?.remove();
    this.#video = null;
    this.element.classList.remove("is-playing");
    this.say(sentence);
  }
}

class OtherView extends FileView {
  build() {
    this.mark = el("span.file-mark", {}, icon("file"));
    this.button = el(
      "button.file-open",
      { type: "button", tabindex: "-1", "aria-label": `Save ${this.name}, ${shownSize(this.file.size)}`, onclick: () => this.open() },
      el("span.file-lines", {}, el("bdi.file-name", {}, this.name), el("span.file-size", {}, shownSize(this.file.size))),
      el("span.file-save", {}, icon("download")),
    );
    this.element = el("div.file.other", {}, this.mark, this.button);
  }

  get transferPlace() {
    return this.mark;
  }

  async open() {
    if (this.isOnItsWay) return;
    try {
      const { url } = await this.parts.client.link(this.file);
      // The server gives it out as an attachment; what it says instead, when it cannot, does not take the place of the page.
      el("a", { href: url, target: "_blank", rel: "noopener noreferrer", download: "" }).click();
    } catch (refused) {
      toast(refusalSentence(refused.code ?? "no_answer"));
    }
  }
}

const kinds = { picture: PictureView, video: VideoView, file: OtherView };

/// How far something is, as a ring.
function ring(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 48 48");
  svg.classList.add("ring");
  for (const [key, value] of Object.entries({ role: "progressbar", "aria-label": `Sending ${name}`, "aria-valuemin": "0", "aria-valuemax": "100" })) svg.setAttribute(key, value);
  for (const kind of ["ring-way", "ring-part"]) {
    const circle = document.createElementNS(namespace, "circle");
    for (const [key, value] of Object.entries({ cx: "24", cy: "24", r: "20", pathLength: "1" })) circle.setAttribute(key, value);
    circle.classList.add(kind);
    svg.append(circle);
  }
  return svg;
}

/// Draws the preview that a message brought, if it is one.
export async function drawPreview(canvas, preview) {
  try {
    const bytes = Uint8Array.from(atob(preview), (letter) => letter.charCodeAt(0));
    const size = jpegSize(bytes);
    if (!size || size.width > previewPixelsMax || size.height > previewPixelsMax) return;
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  } catch {
    // No preview, then.
  }
}

/// A picture as large as the screen. `list`: what the arrows lead through, [{ file, from, words }]; `refocus()`: where the focus
/// belongs afterwards.
export function showPicture({ pictures, list, index, refocus }) {
  let at = index;
  let url = null;
  const image = el("img.viewer-image", { alt: "", onerror: () => toast("This picture cannot be shown.") });
  const title = el("bdi.viewer-name");
  const words = el("p.viewer-words", { dir: "auto" });
  const step = (by) => {
    if (!list[at + by]) return;
    at += by;
    show();
  };
  const close = () => box.close();
  const back = iconButton("back", "The picture before", () => step(-1), { class: "round viewer-step viewer-before" });
  const next = iconButton("back", "The picture after", () => step(1), { class: "round viewer-step viewer-after" });
  const stage = el("div.viewer-stage", { onclick: (event) => event.target === stage && close() }, image);
  const box = el(
    "dialog.viewer",
    { "aria-label": "Photo" },
    el("header.viewer-head", {}, title, iconButton("download", "Save", save), iconButton("close", "Close", close)),
    stage, back, next, words,
  );

  async function show() {
    const { file, from, words: text } = list[at];
    title.textContent = `${from} · ${shownName(file.name)}`;
    image.alt = shownName(file.name);
    words.textContent = text;
    words.hidden = text === "";
    // The one before shall not stand under this name.
    image.removeAttribute("src");
    back.disabled = at === 0;
    next.disabled = at === list.length - 1;
    try {
      const blob = await pictures.blob(file);
      if (list[at]?.file !== file || !box.isConnected) return;
      URL.revokeObjectURL(url);
      url = URL.createObjectURL(blob);
      image.src = url;
    } catch (refused) {
      toast(refusalSentence(refused.code ?? "no_answer"));
    }
  }

  async function save() {
    const { file } = list[at];
    const blob = await pictures.blob(file).catch((refused) => void toast(refusalSentence(refused.code ?? "no_answer")));
    if (!blob) return;
    const saved = URL.createObjectURL(blob);
    el("a", { href: saved, download: savedName(file) }).click();
    setTimeout(() => URL.revokeObjectURL(saved), 60_000);
  }

  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) step(by);
  });
  box.addEventListener("close", () => {
    URL.revokeObjectURL(url);
    box.remove();
    refocus(list[at]);
  });
  document.body.append(box);
  box.showModal();
  show();
}
