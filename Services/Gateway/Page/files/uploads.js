// Files on their way: each is kept with its bytes (store.js) from the moment somebody sends it until the server has it, so that a
// reload, a lost connection or a media node that is away costs time and nothing else.
//
// Those of one chat go one after the other, in the order in which they were sent. What the server refuses stays, with the reason,
// until somebody sends it again or takes it away.

import { Refused, mediaTypes } from "/fantail.js";

export class Uploads {
  /// `onProgress(id)`: look at `fraction(id)` again.
  onProgress = () => {};
  #book;
  #client;
  #pictures;
  #running = new Map();
  /// The last of each chat.
  #lines = new Map();
  /// For a place that the browser does not clear by itself.
  #hasAsked = false;

  constructor(book, client, pictures) {
    this.#book = book;
    this.#client = client;
    this.#pictures = pictures;
  }

  /// Goes on with what a former life of the page left. What was refused then stays refused.
  async start(uploads) {
    for (const upload of uploads) {
      if (upload.code) this.#running.set(upload.id, { upload, fraction: 0, abort: null });
      else this.#enqueue(upload);
    }
  }

  /// Sends files, each as a message; the words go with the first. Throws when this browser cannot keep all of them: then it keeps none.
  async send(chat, files, caption, replyTo) {
    for (const upload of await this.#book.attach(chat, files, caption, replyTo)) this.#enqueue(upload);
    // A browser that is short of room shall take it elsewhere first.
    if (!this.#hasAsked) navigator.storage?.persist?.().catch(() => {});
    this.#hasAsked = true;
  }

  /// 0...1; null when nothing is known of it here.
  fraction(id) {
    return this.#running.get(id)?.fraction ?? null;
  }

  /// The bytes of a file that is on its way, or null.
  blob(id) {
    return this.#running.get(id)?.upload.blob ?? null;
  }

  async cancel(message) {
    this.#running.get(message.id)?.abort?.abort();
    this.#running.delete(message.id);
    await this.#book.discard(message);
  }

  /// Once more, from where it was if the server still knows; `asFile`: as bytes to save, whatever is in them.
  async retry(message, { asFile = false } = {}) {
    const upload = this.#running.get(message.id)?.upload;
    if (!upload) return;
    const { width, height, preview, ...file } = upload.file;
    await this.#book.amendUpload(upload, { code: null, ...(asFile ? { file: { ...file, opaque: true }, link: null } : {}) });
    this.#enqueue(upload);
  }

  stop() {
    for (const { abort } of this.#running.values()) abort?.abort();
    this.#running.clear();
  }

  #enqueue(upload) {
    const job = { upload, fraction: 0, abort: new AbortController() };
    this.#running.set(upload.id, job);
    const before = this.#lines.get(upload.to) ?? Promise.resolve();
    const after = before.then(() => this.#run(job));
    this.#lines.set(upload.to, after);
  }

  async #run(job) {
    const { upload, abort } = job;
    if (abort.signal.aborted) return;
    const { name, mime, opaque } = upload.file;
    try {
      const file = await this.#client.upload(upload.blob, {
        name,
        mime,
        opaque,
        signal: abort.signal,
        link: upload.link,
        onLink: (link) => this.#book.amendUpload(upload, { link }).catch(console.error),
        onProgress: (bytes) => {
          job.fraction = bytes / upload.blob.size;
          this.onProgress(upload.id);
        },
      });
      if (abort.signal.aborted) return;
      await this.#pictures.keep(file, upload.blob);
      await this.#book.uploaded(upload, file);
      this.#running.delete(upload.id);
    } catch (error) {
      if (error.code === "aborted" || abort.signal.aborted) return;
      // Errors of the browser have codes of their own, which are numbers.
      const isRefused = error instanceof Refused;
      if (!isRefused) console.error(error);
      const code = isRefused ? error.code : "no_answer";
      // A link to what was refused leads nowhere.
      const isOver = ["type_differs", "hash_differs", "media_unknown", "longer_than_announced"].includes(code);
      job.fraction = 0;
      await this.#book.amendUpload(upload, { code, ...(isOver ? { link: null } : {}) }, code).catch(console.error);
    }
  }
}

/// What a file from the disk or the clipboard is announced as: one of the types that are shown, or bytes to save.
export function announced({ name, type, size }) {
  const mime = (type || "application/octet-stream").slice(0, 100);
  return { name: cut(name || "", 255), mime, size, ...(mediaTypes.includes(mime) ? {} : { opaque: true }) };
}

/// The beginning of a text, at most so many bytes of UTF-8; the ending of a file's name is kept.
function cut(name, bytesMax) {
  const bytes = (text) => new TextEncoder().encode(text).length;
  const ending = /\.[^.]{1,10}$/.exec(name)?.[0] ?? "";
  let letters = [...name];
  if (bytes(name) <= bytesMax) return name;
  letters = letters.slice(0, letters.length - [...ending].length);
  while (bytes(letters.join("") + ending) > bytesMax) letters.pop();
  return letters.join("") + ending;
}
