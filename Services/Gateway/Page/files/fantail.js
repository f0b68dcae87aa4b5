// Fantail's client protocol (docs/protocol.md) in one file: connect, resume, send, receive, tick. No dependencies.
//
//     const client = new Fantail({
//       url: "wss://chat.example.org/v1/ws",
//       token: async () => "eyJ...",          // null: nobody is signed in
//       memory: await readFromMyDatabase(),   // what `keep` was told before; {} for a new device
//       keep: async (batch) => { ... },       // resolves when the batch is safe on disk
//       notice: (event) => { ... },           // what need not be kept
//     });
//     client.start();
//     client.send({ id: newID(), to: "bob", body: "hi" });
//
// It keeps three promises, as the reference client (Shared/ChatClient) does. An entry of the inbox is handed over once and in
// order, and is acknowledged only after `keep` has resolved. A message is repeated under its id until it is `sent` or refused
// for good, and names the one before it (`after`), so that none overtakes another. After every loss it comes back by itself,
// with a backoff that doubles and jitters, from its cursor.
//
// A batch: { items, cursor, ticks }. Items are, in order: entries (`message`, `copy`, `expired`, `gap`, `group.message`,
// `group.event`, and entries of later releases), `sent`, `delivered`, `read`, `noted`, `group.done`, `group.counts`,
// `group.late`, `media.kept` { media }, and three of our own: `failed` { id, to, code, text }, `change.failed` { ref, code, text } and
// `cursor.lost` (forget everything: the server was set up anew). `cursor` and `ticks` belong into the same transaction as the items.
//
// Notices: { type: "state", state, retryAt }, "attempt" { attempt } (remember the highest, it is part of `memory`), "welcome", "unreachable", "ended" { reason }, "typing", "presence", "settings",
// "refused", "trouble" { error } (`keep` failed; it is tried again).
//
// Pictures, videos and files go by HTTP, round the socket, to where a link leads that the server gives:
//
//     const file = await client.upload(blob, { name: "fish.png", mime: "image/png" });   // goes on by itself after losses
//     client.send({ id: newID(), to: "bob", body: `${fileLine(file)}\n\nlook at this` });
//     client.keepMedia(file);               // when it is `sent`; `media.kept` ends it. Until then it is part of `memory.keeps`
//     const { url } = await client.link(file);   // for a line that came in: readFileLine(line) is the file, or null
//
// `upload` computes a SHA-256 and so needs `crypto.subtle`, which browsers have on https and on localhost only.

/// Milliseconds; the numbers of docs/protocol.md.
export const Times = {
  reconnectFirst: 250,
  reconnectMax: 30_000,
  /// The first pause after close code 1013.
  busyFirst: 1_000,
  /// The first pause after storage failed: it rarely heals in a moment.
  troubleFirst: 5_000,
  welcome: 10_000,
  answer: 5_000,
  /// After a refusal that time can heal and that names no pause itself; doubled each time.
  retryFirst: 250,
  retryMax: 2_000,
  question: 10_000,
  /// Between two acks: what comes close behind the first one gathers.
  ackPause: 50,
  /// A browser does not show the server's pings. After this silence we ask, and then wait for `answer`.
  silence: 45_000,
  /// An upload that broke goes on after this, doubled each time up to `reconnectMax`.
  uploadFirst: 1_000,
  /// A link to a file is used again for so long; it ends after five minutes.
  link: 240_000,
  /// A request by HTTP that moves nothing for so long is lost.
  stall: 60_000,
};

/// The longest file, bytes.
export const mediaBytesMax = 104_857_600;
/// The types that the server looks into and gives out as what they are. Everything else is opaque.
export const mediaTypes = ["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm"];
/// Links that are remembered.
const linkCountMax = 256;
/// Files in one message.
export const fileLinesMax = 10;
/// Letters of a preview: 3 KiB in base64.
const previewLettersMax = 4_096;

/// Messages on the wire at once.
const windowCount = 16;
/// So much without an ack is acknowledged at once, entries and letters of their bodies.
const ackEntryCountMax = 50;
const ackLettersMax = 8 * 1024;

/// Errors after which the same request makes sense again.
const passing = new Set(["overloaded", "unavailable", "storage_full", "hello_missing", "rate_limited"]);

/// 128 random bits, as ids and refs want them.
export function newID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/// The line that stands for a file in the body of a message. `file`: what `upload` gave, and perhaps `width`, `height`, `preview`.
export function fileLine(file) {
  const { media, secret, name, mime, size, opaque, width, height, preview } = file;
  return `! ${JSON.stringify({ media, secret, name, mime, size, opaque: opaque || undefined, width, height, preview })}`;
}

/// The file that a line of a body stands for; null: the line is text. Whatever is in it is checked, for anybody may have written it.
export function readFileLine(line) {
  if (!line.startsWith("! {")) return null;
  let found;
  try {
    found = JSON.parse(line.slice(2));
  } catch {
    return null;
  }
  const { media, secret, name, mime, size, opaque = false, width, height, preview } = found;
  if (!/^[0-9a-f]{24}$/.test(media) || !/^[0-9a-f]{32}$/.test(secret)) return null;
  if (typeof name !== "string" || name.length > 255 || typeof mime !== "string" || mime.length > 100 || typeof opaque !== "boolean") return null;
  if (!Number.isSafeInteger(size) || size < 1 || size > mediaBytesMax) return null;
  const file = { media, secret, name, mime, size };
  if (opaque) file.opaque = true;
  // What is only for the eyes is left away when it is none.
  const isLength = (value) => Number.isSafeInteger(value) && value > 0 && value < 65_536;
  if (isLength(width) && isLength(height)) Object.assign(file, { width, height });
  if (typeof preview === "string" && preview.length <= previewLettersMax && /^[A-Za-z0-9+/]+={0,2}$/.test(preview)) file.preview = preview;
  return file;
}

/// A refusal of the server, or none that came in time (`code` is then "no_answer" or "offline").
export class Refused extends Error {
  constructor(code, text) {
    super(text || code);
    this.code = code;
  }
}

/// One request, with what of its body is on its way. Resolves with { status, header(name), text }; status 0: it was lost.
function transfer(method, url, { headers = {}, body = null, signal, onProgress }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    let timer = setTimeout(() => request.abort(), Times.stall);
    const move = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), Times.stall);
    };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (onProgress) {
      request.upload.onprogress = (event) => {
        move();
        onProgress(event.loaded);
      };
    }
    const abort = () => request.abort();
    request.onloadend = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve({ status: request.status, header: (name) => request.getResponseHeader(name), text: request.responseText });
    };
    signal?.addEventListener("abort", abort);
    request.send(body);
  });
}

/// The word of a refusal by HTTP.
function reasonOf({ text }) {
  try {
    return JSON.parse(text).reason ?? null;
  } catch {
    return null;
  }
}

export class Fantail {
  #url;
  #token;
  #keep;
  #notice;
  #world;
  #socket = null;
  /// "stopped", "waiting", "connecting", "greeting" or "live".
  #phase = "stopped";
  #attempt = 0;
  /// This device's count of its connections, for `hello`: of two connections the server keeps the newer.
  #connection;
  /// What came in and has no ack yet, and when the last one was said on this connection.
  #owed = { entries: 0, letters: 0 };
  #ackedAt = -Infinity;
  #pause = Times.reconnectFirst;
  #timers = {};
  #queue = [];
  #isDraining = false;
  #heardAt = 0;
  #cursor;
  #ticks;
  #outbox;
  #reads;
  #changes;
  /// References that the server shall keep, until it says that it does.
  #keeps;
  /// Links to files, by reference.
  #links = new Map();
  /// Uploads that wait for a connection.
  #wakers = new Set();
  #questions = new Map();
  /// Who waits for the end of a change; that may take several connections.
  #waiters = new Map();
  #tokenIsStale = false;

  /// `world` is the clock, the dice and the WebSocket; tests bring their own.
  constructor({ url, token, memory = {}, keep, notice = () => {}, world = {} }) {
    this.#url = url;
    this.#token = token;
    this.#keep = keep;
    this.#notice = notice;
    this.#world = {
      now: () => Date.now(),
      setTimeout: (call, ms) => setTimeout(call, ms),
      clearTimeout: (timer) => clearTimeout(timer),
      random: () => Math.random(),
      connect: (address, protocols) => new WebSocket(address, protocols),
      transfer,
      ...world,
    };
    // A device that has lost its memory still counts upwards: it begins with the clock, in microseconds.
    this.#connection = Math.max(memory.attempt ?? 0, this.#world.now() * 1000);
    this.#cursor = memory.cursor ?? null;
    this.#ticks = memory.ticks ?? 0;
    this.#outbox = (memory.outbox ?? []).map((message) => this.#pending(message));
    this.#reads = (memory.reads ?? []).map((mark) => ({ ...mark, deadline: null }));
    this.#changes = (memory.changes ?? []).map((change) => this.#pending(change));
    this.#keeps = (memory.keeps ?? []).map(({ media, secret }) => this.#pending({ ref: `keep-${media}`, media, secret }));
  }

  get isLive() {
    return this.#phase === "live";
  }

  // --- what a person wants ---------------------------------------------------------------------------------------------

  start() {
    if (this.#phase === "stopped") this.#connect();
  }

  /// Leaves; what waits in the outbox stays there.
  stop() {
    this.#ackedAt = -Infinity;
    this.#acknowledge();
    this.#leave("stopped");
    this.#closeSocket(1000);
  }

  /// Connects at once if it waits for the next try.
  hurry() {
    if (this.#phase !== "waiting") return this.check();
    this.#disarm("reconnect");
    this.#connect();
  }

  /// The network is said to be back: the pauses begin anew.
  networkReturned() {
    if (this.#phase !== "waiting") return this.check();
    this.#pause = Times.reconnectFirst;
    this.#retryLater();
  }

  /// Finds out soon whether the connection is still one.
  check() {
    if (this.#phase !== "live" || this.#timers.pong) return;
    this.#transmit({ type: "ping" });
    this.#arm("pong", Times.answer, () => this.#giveUp());
  }

  /// `message`: { id, to, body }, kept by the owner already. The id is new for every message.
  send(message) {
    this.#outbox.push(this.#pending(message));
    this.#pump();
  }

  /// Takes back a message that has no `sent` yet. It may be on its way all the same.
  forget(id) {
    this.#outbox = this.#outbox.filter((pending) => pending.what.id !== id);
  }

  /// Everything that `peer` (a user or a group) wrote up to the stamp `at` was seen.
  markRead(peer, at) {
    if (this.#reads.some((mark) => mark.with === peer && mark.at >= at)) return;
    this.#reads = this.#reads.filter((mark) => mark.with !== peer);
    this.#reads.push({ with: peer, at, deadline: null });
    this.#pump();
  }

  /// `change`: { ref, group?, change, ... }, kept by the owner already. Changes of one group go one after the other.
  /// Resolves with `group.done`, however long that takes, or throws `Refused`.
  change(change) {
    return new Promise((resolve, reject) => {
      this.#waiters.set(change.ref, { resolve, reject });
      this.#changes.push(this.#pending(change));
      this.#pump();
    });
  }

  /// Asks once; resolves with the frame that answers, or throws `Refused`.
  ask(frame) {
    if (!this.isLive) return Promise.reject(new Refused("offline"));
    const ref = frame.ref ?? `q-${newID()}`;
    return new Promise((resolve, reject) => {
      const timer = this.#world.setTimeout(() => {
        this.#questions.delete(ref);
        reject(new Refused("no_answer"));
      }, Times.question);
      this.#questions.set(ref, { resolve, reject, timer });
      this.#transmit({ ...frame, ref });
    });
  }

  /// Says something that nobody answers and that may be lost, such as `typing`.
  say(frame) {
    if (this.isLive) this.#transmit(frame);
  }

  // --- files -----------------------------------------------------------------------------------------------------------

  /// Uploads a Blob, and goes on after losses from where it was; resolves with the file for `fileLine`, or throws `Refused`
  /// (codes of docs/protocol.md's errors and of its answers to PUT; "aborted" by `signal`, "not_secure" without `crypto.subtle`).
  /// `link`: what `onLink` was told in a former life of the page, so that it goes on there. `onProgress(bytes)`.
  async upload(blob, { name, mime, opaque = false, signal, link = null, onLink = () => {}, onProgress = () => {} }) {
    if (blob.size < 1 || blob.size > mediaBytesMax) throw new Refused("media_too_large");
    if (!globalThis.crypto?.subtle) throw new Refused("not_secure", "files are sent from https pages and from localhost only: crypto.subtle is missing here");
    let digest;
    try {
      digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    } catch {
      throw new Refused("unreadable", "the file cannot be read (any more)");
    }
    const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const frame = { type: "media.upload", name, mime, size: blob.size, hash, ...(opaque ? { opaque } : {}) };
    let pause = Times.uploadFirst;
    let lostCount = 0;
    // Where the next bytes belong; null: the server has to say.
    let offset = link ? null : 0;
    for (;;) {
      if (signal?.aborted) throw new Refused("aborted");
      if (!link) {
        try {
          const { url, until } = await this.ask(frame);
          if (signal?.aborted) throw new Refused("aborted");
          link = { url, until };
          offset = 0;
          onLink(link);
        } catch (refused) {
          if (!passing.has(refused.code) && !["offline", "no_answer"].includes(refused.code)) throw refused;
          if (refused.code === "storage_full") throw refused;
          pause = await this.#rest(pause, signal);
          continue;
        }
      }
      let answer;
      if (offset === null) {
        answer = await this.#transfer("HEAD", link.url, { signal });
      } else {
        const from = offset;
        answer = await this.#transfer("PUT", link.url, {
          headers: { "Upload-Offset": String(from), "Content-Type": "application/octet-stream" },
          body: blob.slice(from),
          signal,
          onProgress: (bytes) => onProgress(from + bytes),
        });
      }
      const there = answer.header?.("Upload-Offset");
      if (answer.status === 201) {
        const { media, secret } = JSON.parse(answer.text);
        onProgress(blob.size);
        return { media, secret, name, mime, size: blob.size, ...(opaque ? { opaque } : {}) };
      }
      if ([200, 204].includes(answer.status) && there) {
        if (Number(there) > (offset ?? -1)) pause = Times.uploadFirst;
        offset = Number(there);
        onProgress(offset);
        continue;
      }
      const reason = reasonOf(answer);
      if (answer.status === 409 && there) {
        offset = Number(there);
        continue;
      }
      // What answers HEAD has no body, and so no reason.
      if (["media_unknown", "link_expired", "link_forged"].includes(reason) || (reason === null && [403, 404].includes(answer.status))) {
        // The link has had its time. One that goes again and again was refused in a moment when we did not hear it.
        if (++lostCount > 3) throw new Refused("media_unknown");
        link = null;
        continue;
      }
      const isLost = answer.status === 0 || answer.status === 408 || answer.status === 409 || (answer.status >= 500 && answer.status !== 507);
      if (!isLost) throw new Refused(reason ?? "no_answer");
      offset = null;
      pause = await this.#rest(pause, signal);
    }
  }

  async #transfer(method, url, more) {
    try {
      return await this.#world.transfer(method, url, more);
    } catch {
      return { status: 0 };
    }
  }

  /// Waits, but not longer than until there is a connection again; gives the next pause.
  async #rest(pause, signal) {
    if (signal?.aborted) return pause;
    await new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        this.#world.clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#world.setTimeout(wake, this.#jittered(pause));
      signal?.addEventListener("abort", wake);
      this.#wakers.add(wake);
    });
    return Math.min(pause * 2, Times.reconnectMax);
  }

  /// A link to the bytes of a file, { url, until }, good for some minutes; throws `Refused`. `isStale`: the last one did not work.
  link({ media, secret }, { isStale = false } = {}) {
    const key = `${media} ${secret}`;
    const known = this.#links.get(key);
    if (known && !isStale && known.end > this.#world.now()) return known.answer;
    const answer = this.ask({ type: "media.link", media, secret });
    this.#links.delete(key);
    this.#links.set(key, { answer, end: this.#world.now() + Times.link });
    if (this.#links.size > linkCountMax) this.#links.delete(this.#links.keys().next().value);
    answer.catch(() => this.#links.delete(key));
    return answer;
  }

  /// The message with this reference is `sent`: its file shall stay. Kept by the owner until the item `media.kept`.
  keepMedia({ media, secret }) {
    this.#keeps.push(this.#pending({ ref: `keep-${media}`, media, secret }));
    this.#pump();
  }

  // --- the connection --------------------------------------------------------------------------------------------------

  async #connect() {
    const attempt = ++this.#attempt;
    this.#enter("connecting");
    this.#arm("welcome", Times.welcome, () => this.#giveUp());
    let token;
    try {
      token = await this.#token({ isStale: this.#tokenIsStale });
    } catch {
      // The issuer is away: that is a failed try like any other.
      if (attempt === this.#attempt) this.#giveUp();
      return;
    }
    if (attempt !== this.#attempt) return;
    if (!token) return this.#end("token");
    this.#tokenIsStale = false;
    const socket = this.#world.connect(this.#url, ["fantail.json.v1", `fantail.token.${token}`]);
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      wasOpen = true;
      this.#heardAt = this.#world.now();
      this.#enter("greeting");
      const hello = { type: "hello", ticks: this.#ticks, attempt: ++this.#connection };
      this.#notice({ type: "attempt", attempt: this.#connection });
      this.#owed = { entries: 0, letters: 0 };
      this.#ackedAt = -Infinity;
      if (this.#cursor !== null) hello.cursor = this.#cursor;
      this.#transmit(hello);
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket) return;
      this.#heardAt = this.#world.now();
      this.#disarm("pong");
      this.#queue.push({ socket, text: event.data });
      this.#drain();
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#onClose(event.code, wasOpen);
    };
  }

  #onClose(code, wasOpen) {
    if (code === 4003) return this.#end("replaced");
    if (code === 4001) this.#tokenIsStale = true;
    if (code === 1013) this.#pause = Math.max(this.#pause, Times.busyFirst);
    this.#retreat();
    // Why a WebSocket did not come about a browser does not tell: the owner may ask another way.
    if (!wasOpen) this.#notice({ type: "unreachable" });
  }

  /// Closes a connection that is of no use, and comes again.
  #giveUp() {
    this.#closeSocket(1000);
    this.#retreat();
  }

  #retreat() {
    this.#leave("waiting");
    this.#retryLater();
  }

  #retryLater() {
    const wait = this.#jittered(this.#pause);
    this.#pause = Math.min(this.#pause * 2, Times.reconnectMax);
    this.#arm("reconnect", wait, () => this.#connect());
    this.#notice({ type: "state", state: "waiting", retryAt: this.#world.now() + wait });
  }

  #end(reason) {
    this.#closeSocket(1000);
    this.#leave("stopped");
    this.#notice({ type: "ended", reason });
  }

  #enter(phase) {
    this.#phase = phase;
    this.#notice({ type: "state", state: phase });
  }

  #leave(phase) {
    this.#attempt++;
    this.#phase = phase;
    for (const name of Object.keys(this.#timers)) this.#disarm(name);
    for (const pending of [...this.#outbox, ...this.#changes, ...this.#keeps]) pending.deadline = null;
    for (const { reject, timer } of this.#questions.values()) {
      this.#world.clearTimeout(timer);
      reject(new Refused("offline"));
    }
    this.#questions.clear();
    if (phase === "stopped") this.#notice({ type: "state", state: phase });
  }

  #closeSocket(code) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #transmit(frame) {
    this.#socket?.send(JSON.stringify(frame));
  }

  // --- what comes in ---------------------------------------------------------------------------------------------------

  /// Everything that came in meanwhile is one batch, one transaction and one ack.
  async #drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      while (this.#queue.length > 0) await this.#take(this.#queue.splice(0));
    } finally {
      this.#isDraining = false;
    }
  }

  async #take(received) {
    const socket = this.#socket;
    const batch = { items: [], cursor: this.#cursor, ticks: this.#ticks };
    const round = { batch, after: [], owed: { entries: 0, letters: 0 }, mustGiveUp: false };
    for (const { socket: origin, text } of received) {
      if (origin !== socket || round.mustGiveUp) continue;
      let frame;
      try {
        frame = JSON.parse(text);
      } catch {
        round.mustGiveUp = true;
        continue;
      }
      this.#read(frame, round);
    }
    if (batch.items.length > 0 || batch.cursor !== this.#cursor || batch.ticks !== this.#ticks) {
      try {
        await this.#keep(batch);
      } catch (error) {
        // Nothing is safe, so nothing is acknowledged: the server sends it again on the next connection.
        this.#notice({ type: "trouble", error });
        this.#pause = Math.max(this.#pause, Times.troubleFirst);
        if (socket === this.#socket && this.#phase !== "stopped") this.#giveUp();
        return;
      }
      this.#cursor = batch.cursor;
      this.#ticks = batch.ticks;
    }
    for (const call of round.after) call();
    if (socket !== this.#socket) return;
    this.#owed.entries += round.owed.entries;
    this.#owed.letters += round.owed.letters;
    this.#acknowledge();
    if (round.mustGiveUp) return this.#giveUp();
    this.#pump();
  }

  /// The first ack after a quiet moment goes at once, somebody waits for a tick; what follows close behind gathers.
  #acknowledge() {
    if (this.#owed.entries === 0 || !this.isLive) return;
    const now = this.#world.now();
    const isMuch = this.#owed.entries >= ackEntryCountMax || this.#owed.letters >= ackLettersMax;
    const wait = this.#ackedAt + Times.ackPause - now;
    if (wait > 0 && !isMuch) {
      if (this.#timers.ack === undefined) this.#arm("ack", wait, () => this.#acknowledge());
      return;
    }
    this.#disarm("ack");
    this.#owed = { entries: 0, letters: 0 };
    this.#ackedAt = now;
    this.#transmit({ type: "ack", n: this.#cursor });
  }

  /// The server dropped something that has no name, perhaps the last ack: it is said again after the pause.
  #acknowledgeAgain(frame) {
    if (this.#ackedAt === -Infinity) return;
    this.#arm("ackAgain", this.#jittered(frame.retry_ms ?? Times.retryFirst), () => {
      this.#owed.entries += 1;
      this.#acknowledge();
    });
  }

  #read(frame, round) {
    const { batch, after } = round;
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame, round);
      case "gap":
        return this.#onGap(frame, round);
      case "sent":
        batch.items.push(frame);
        after.push(() => {
          this.#outbox = this.#outbox.filter(({ what }) => what.id !== frame.id || what.to !== frame.to);
        });
        return;
      case "delivered":
      case "read":
        // One that is not newer is a repeat, or an echo of a former connection: it would take a tick back.
        if (frame.rev <= batch.ticks) return;
        batch.ticks = frame.rev;
        batch.items.push(frame);
        return;
      case "noted":
        batch.items.push(frame);
        after.push(() => {
          this.#reads = this.#reads.filter((mark) => mark.with !== frame.with || mark.at > frame.at);
        });
        return;
      case "group.done":
        batch.items.push(frame);
        after.push(() => {
          this.#changes = this.#changes.filter(({ what }) => what.ref !== frame.ref);
          this.#waiters.get(frame.ref)?.resolve(frame);
          this.#waiters.delete(frame.ref);
        });
        return;
      case "group.counts":
      case "group.late":
        batch.items.push(frame);
        return;
      case "history":
      case "group.info":
      case "group.list":
      case "receipts":
      case "media.upload":
      case "media.link":
        after.push(() => this.#answer(frame));
        return;
      case "media.kept":
        this.#onKept(frame.ref, round);
        return;
      case "presence":
      case "settings":
        after.push(() => {
          this.#answer(frame);
          this.#notice(frame);
        });
        return;
      case "typing":
        after.push(() => this.#notice(frame));
        return;
      case "pong":
        return;
      case "error":
        return this.#onError(frame, round);
      default:
        // An entry of a later release counts like every other; what else we do not know is nothing to us.
        if (Number.isSafeInteger(frame.n)) this.#onEntry(frame, round);
    }
  }

  #onWelcome(frame, { batch, after }) {
    this.#phase = "live";
    this.#disarm("welcome");
    this.#pause = Times.reconnectFirst;
    batch.cursor ??= frame.cursor;
    after.push(() => {
      for (const pending of [...this.#outbox, ...this.#changes, ...this.#keeps]) {
        pending.deadline = null;
        pending.notBefore = 0;
      }
      for (const mark of this.#reads) mark.deadline = null;
      this.#watchSilence();
      this.#notice({ type: "state", state: "live" });
      this.#notice(frame);
      for (const wake of [...this.#wakers]) wake();
    });
  }

  /// The number rule.
  #onEntry(frame, round) {
    const { batch } = round;
    if (frame.n > batch.cursor + 1) {
      round.mustGiveUp = true;
      return;
    }
    round.owed.entries++;
    round.owed.letters += frame.body?.length ?? 0;
    if (frame.n <= batch.cursor) return;
    batch.cursor = frame.n;
    batch.items.push(frame);
  }

  #onGap(frame, round) {
    const { batch } = round;
    if (frame.from > batch.cursor + 1) {
      round.mustGiveUp = true;
      return;
    }
    round.owed.entries++;
    if (frame.to <= batch.cursor) return;
    batch.cursor = frame.to;
    batch.items.push(frame);
  }

  #onError(frame, round) {
    const { batch, after } = round;
    const { code, text, ref } = frame;
    if (this.#phase === "greeting" && ref === undefined) {
      if (code === "cursor_ahead") {
        batch.items.push({ type: "cursor.lost" });
        batch.cursor = null;
        batch.ticks = 0;
        after.push(() => (this.#reads = []));
      } else {
        after.push(() => this.#notice({ type: "refused", frame }));
      }
      round.mustGiveUp = true;
      return;
    }
    const isPassing = passing.has(code) || frame.retry_ms !== undefined;
    const message = this.#outbox.find(({ what }) => what.id === ref);
    if (message) {
      if (code === "predecessor_missing") {
        // What went before it was lost on the way: the whole chat goes again, oldest first. Repeats are recognised.
        for (const earlier of this.#outbox) {
          if (earlier.what.to === message.what.to) earlier.deadline = null;
          if (earlier === message) break;
        }
        this.#postpone(message, frame);
      } else if (isPassing) {
        this.#postpone(message, frame);
      } else {
        batch.items.push({ type: "failed", id: ref, to: message.what.to, code, text });
        after.push(() => this.forget(ref));
      }
      return;
    }
    const change = this.#changes.find(({ what }) => what.ref === ref);
    if (change) {
      if (isPassing) return this.#postpone(change, frame);
      batch.items.push({ type: "change.failed", ref, code, text });
      after.push(() => {
        this.#changes = this.#changes.filter((other) => other !== change);
        this.#waiters.get(ref)?.reject(new Refused(code, text));
        this.#waiters.delete(ref);
      });
      return;
    }
    const keep = this.#keeps.find(({ what }) => what.ref === ref);
    if (keep) {
      if (isPassing) return this.#postpone(keep, frame);
      return void this.#onKept(ref, round);
    }
    if (["not_member", "no_such_group", "read_ahead"].includes(code) && this.#reads.some((mark) => mark.with === ref)) {
      // A group does not take our mark. The next look at it makes a new one.
      batch.items.push({ type: "noted", with: ref, at: Number.MAX_SAFE_INTEGER });
      after.push(() => (this.#reads = this.#reads.filter((mark) => mark.with !== ref)));
      return;
    }
    after.push(() => {
      if (ref === undefined && isPassing) this.#acknowledgeAgain(frame);
      if (!this.#answer({ ref }, new Refused(code, text))) this.#notice({ type: "refused", frame });
    });
  }

  /// It is kept, or there is nothing to keep any more.
  #onKept(ref, { batch, after }) {
    const keep = this.#keeps.find(({ what }) => what.ref === ref);
    if (!keep) return;
    batch.items.push({ type: "media.kept", media: keep.what.media });
    after.push(() => (this.#keeps = this.#keeps.filter((other) => other !== keep)));
  }

  #answer(frame, refusal) {
    const question = this.#questions.get(frame.ref);
    if (!question) return false;
    this.#questions.delete(frame.ref);
    this.#world.clearTimeout(question.timer);
    if (refusal) question.reject(refusal);
    else question.resolve(frame);
    return true;
  }

  // --- what goes out ---------------------------------------------------------------------------------------------------

  #pending(what) {
    return { what, deadline: null, notBefore: 0, retryWait: Times.retryFirst, tries: 0 };
  }

  #postpone(pending, frame) {
    pending.deadline = null;
    pending.notBefore = this.#world.now() + this.#jittered(frame.retry_ms ?? pending.retryWait);
    if (frame.retry_ms === undefined) pending.retryWait = Math.min(pending.retryWait * 2, Times.retryMax);
  }

  /// Puts on the wire what may go, and sets the timer for what is due next.
  #pump() {
    if (!this.isLive) return;
    const now = this.#world.now();
    let next = Infinity;

    let onWire = this.#outbox.filter(({ deadline }) => deadline !== null && deadline > now).length;
    const before = new Map();
    const blocked = new Set();
    for (const pending of this.#outbox) {
      const { id, to, body } = pending.what;
      if (pending.deadline !== null && pending.deadline <= now) pending.deadline = null;
      if (pending.deadline === null) {
        if (blocked.has(to) || onWire >= windowCount || pending.notBefore > now) {
          // What is behind it in the same chat waits too.
          blocked.add(to);
          if (pending.notBefore > now) next = Math.min(next, pending.notBefore);
          continue;
        }
        pending.deadline = now + Times.answer;
        onWire++;
        const frame = { type: "send", id, to, body };
        if (before.has(to)) frame.after = before.get(to);
        // A repeat comes from the app and not from the person.
        if (pending.tries++ > 0) frame.auto = true;
        this.#transmit(frame);
      }
      before.set(to, id);
      next = Math.min(next, pending.deadline);
    }

    for (const mark of this.#reads) {
      if (mark.deadline === null || mark.deadline <= now) {
        const frame = { type: "read", with: mark.with, at: mark.at };
        if (mark.wasSaid) frame.auto = true;
        mark.wasSaid = true;
        mark.deadline = now + Times.answer;
        this.#transmit(frame);
      }
      next = Math.min(next, mark.deadline);
    }

    const busy = new Set();
    for (const pending of this.#changes) {
      const { group } = pending.what;
      if (group !== undefined && busy.has(group)) continue;
      if (group !== undefined) busy.add(group);
      if (pending.deadline !== null && pending.deadline <= now) pending.deadline = null;
      if (pending.deadline === null && pending.notBefore <= now) {
        pending.deadline = now + Times.answer;
        const { order, ...fields } = pending.what;
        this.#transmit({ type: "group", ...fields });
      }
      next = Math.min(next, pending.deadline ?? pending.notBefore);
    }

    for (const pending of this.#keeps) {
      if (pending.deadline !== null && pending.deadline <= now) pending.deadline = null;
      if (pending.deadline === null && pending.notBefore <= now) {
        pending.deadline = now + Times.answer;
        this.#transmit({ type: "media.keep", ...pending.what });
      }
      next = Math.min(next, pending.deadline ?? pending.notBefore);
    }

    if (next === Infinity) this.#disarm("retry");
    else this.#arm("retry", Math.max(0, next - now), () => this.#pump());
  }

  #watchSilence() {
    this.#arm("silence", Times.silence, () => {
      if (this.#world.now() - this.#heardAt >= Times.silence) this.check();
      this.#watchSilence();
    });
  }

  #jittered(ms) {
    return ms * (0.5 + this.#world.random());
  }

  #arm(name, ms, call) {
    this.#disarm(name);
    this.#timers[name] = this.#world.setTimeout(() => {
      delete this.#timers[name];
      call();
    }, ms);
  }

  #disarm(name) {
    if (this.#timers[name] === undefined) return;
    this.#world.clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}
