// The page: wires session, store, protocol and screen.
//
//     session.js -> who          tabs.js -> may this tab?        store.js, book.js -> what is kept
//     uploads.js -> files on their way
//     fantail.js -> the wire     presence.js -> of the moment    chatlist.js, conversation.js, panels.js -> the screen

import { Book, Elsewhere } from "/book.js";
import { ChatList } from "/chatlist.js";
import { Conversation } from "/conversation.js";
import { dialog, el, icon, iconButton, toast } from "/dom.js";
import { Fantail } from "/fantail.js";
import { Pictures } from "/media.js";
import { Notifier } from "/notifier.js";
import { chatInfo, messageInfo, newChat, privacy } from "/panels.js";
import { Presence } from "/presence.js";
import { askGateway, forgetSession, mint, keepSession, session } from "/session.js";
import { signIn } from "/signin.js";
import { Store } from "/store.js";
import { TabLock } from "/tabs.js";
import { Uploads } from "/uploads.js";
import { avatar } from "/avatar.js";
import { isGroup, isName, refusalSentence, tokenSentence } from "/words.js";

const root = document.getElementById("root");
const tabLock = new TabLock();

/// An offline pause that is shorter than this is not worth a banner, milliseconds.
const bannerDelay = 1_500;
/// Pages of history that a new device fetches so that its list of chats is not empty.
const firstPagesMax = 4;

async function main() {
  applyTheme();
  if ("serviceWorker" in navigator && window.isSecureContext) {
    // The one address that may become a script by name (Trusted Types).
    const policy = window.trustedTypes?.createPolicy("fantail", { createScriptURL: (url) => (url === "/sw.js" ? url : "") });
    navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {});
  }
  let reason = null;
  for (;;) {
    if (!session()) await signIn(root, reason);
    const app = new App(session());
    reason = await app.run();
  }
}

class App {
  #session;
  #book;
  #client;
  #presence = new Presence();
  /// { pictures, uploads }
  #media;
  #list;
  #notifier;
  #conversation = null;
  #state = "waiting";
  #retryAt = 0;
  #bannerTimer = null;
  #countdown = null;
  #asked = new Set();
  #leave;
  #abort = new AbortController();

  constructor(kept) {
    this.#session = kept;
  }

  /// Resolves when somebody has to sign in again, with the reason.
  async run() {
    const { user } = this.#session;
    const left = new Promise((resolve) => (this.#leave = resolve));
    const mayRun = await tabLock.take(user, () => this.#onReplaced());
    if (!mayRun) await this.#askToTakeOver();
    const store = await Store.open(user);
    this.#book = new Book(store, user);
    const memory = await this.#book.load();
    this.#client = new Fantail({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`,
      token: (need) => this.#token(need),
      memory,
      keep: (batch) => this.#book.keep(batch),
      notice: (event) => this.#onNotice(event),
    });
    this.#book.client = this.#client;
    this.#presence.client = this.#client;
    const pictures = new Pictures(this.#client, user);
    this.#media = { pictures, uploads: new Uploads(this.#book, this.#client, pictures) };
    this.#media.uploads.onProgress = (id) => this.#conversation?.onProgress(id);
    this.#book.onCleared = () => this.#media.uploads.stop();
    this.#presence.onChange = () => this.#update();
    this.#book.isSeen = (chat) => this.#conversation?.id === chat && isWatched();
    this.#book.onChange = (draft) => this.#onChange(draft);
    this.#notifier = new Notifier((chat) => this.#go(chat));
    this.#build();
    this.#listen();
    this.#route();
    this.#client.start();
    this.#media.uploads.start(this.#book.uploads);
    const reason = await left;
    this.#abort.abort();
    this.#media.uploads.stop();
    this.#media.pictures.stop();
    this.#client.stop();
    this.#conversation?.close();
    clearTimeout(this.#bannerTimer);
    clearInterval(this.#countdown);
    tabLock.release();
    store.close();
    document.title = "Fantail";
    return reason;
  }

  // --- the screen ------------------------------------------------------------------------------------------------------

  #build() {
    this.#list = new ChatList(this.#book, this.#presence);
    this.#banner = el("div.banner", { role: "status", hidden: true });
    this.#main = el("main.pane");
    const me = this.#book.me;
    const head = el(
      "header.side-head",
      {},
      avatar(me, me),
      el("bdi.side-name", {}, me),
      iconButton("plus", "New chat or group (Alt+N)", () => this.#newChat()),
      iconButton("more", "Menu", () => this.#menu()),
    );
    root.replaceChildren(el("div.app", {}, el("aside.side", {}, head, this.#banner, this.#list.element), this.#main));
    this.#list.update();
    this.#title();
  }

  #banner;
  #main;

  #listen() {
    const on = (target, name, call) => target.addEventListener(name, call, { signal: this.#abort.signal });
    on(window, "hashchange", () => this.#route());
    on(window, "online", () => this.#client.networkReturned());
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "visible") this.#client.check();
      this.#onEyes();
    });
    on(window, "focus", () => this.#onEyes());
    on(window, "blur", () => this.#onEyes());
    for (const name of ["pointerdown", "keydown"]) on(window, name, () => this.#presence.onPerson(true));
    on(window, "keydown", (event) => this.#onKey(event));
    // A file that is dropped beside a chat shall not take the place of the page.
    for (const name of ["dragover", "drop"]) on(window, name, (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  }

  #onEyes() {
    this.#presence.onPerson(document.visibilityState === "visible");
    if (this.#conversation && isWatched()) this.#book.see(this.#conversation.id);
  }

  #onKey(event) {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.#conversation) {
      event.preventDefault();
      this.#go(null);
    } else if (event.altKey && !event.ctrlKey && !event.metaKey) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) this.#go(this.#list.neighbour(step));
      else if (event.code === "KeyN") this.#newChat();
      else return;
      event.preventDefault();
    }
  }

  #newChat() {
    newChat({ book: this.#book, open: (chat) => this.#go(chat) });
  }

  /// Opens a chat, or the list (null); the browser's back button goes back.
  #go(chat) {
    if (chat) location.hash = `#chat/${encodeURIComponent(chat)}`;
    else history.replaceState(null, "", "#"), this.#route();
  }

  #route() {
    const match = /^#chat\/(.+)$/.exec(location.hash);
    let chat = null;
    try {
      chat = match ? decodeURIComponent(match[1]) : null;
    } catch {
      // Somebody else's link.
    }
    const isKnown = chat && (this.#book.chats.has(chat) || isName(chat));
    if (!isKnown || chat === this.#book.me) chat = isGroup(chat ?? "") ? chat : null;
    if (this.#conversation && this.#conversation.id === chat) return;
    const former = this.#conversation?.id;
    this.#conversation?.close();
    this.#conversation = null;
    root.firstChild.classList.toggle("has-chat", chat !== null);
    this.#list.show(chat);
    if (chat === null) {
      this.#main.replaceChildren(
        el("div.nothing", {}, el("img.logo", { src: "/icon.svg", alt: "", width: "96", height: "96" }), el("p", {}, "Choose a chat, or begin a new one.")),
      );
      if (former) this.#list.element.querySelector(`a[data-chat="${CSS.escape(former)}"]`)?.focus();
      return;
    }
    this.#conversation = new Conversation(this.#book, this.#client, this.#presence, this.#media, chat, {
      back: () => this.#go(null),
      openInfo: () => chatInfo({ book: this.#book, client: this.#client, presence: this.#presence, id: chat }),
      openMessageInfo: (message) => messageInfo({ book: this.#book, client: this.#client, message }),
    });
    this.#main.replaceChildren(this.#conversation.element);
    this.#conversation.open().then(() => {
      if (isWatched()) this.#book.see(chat);
    });
    this.#conversation.focus();
    this.#askInfo(chat);
    this.#watch();
  }

  #menu() {
    dialog("Menu", ({ close }) => {
      const item = (name, text, work) => el("button.wide", { type: "button", onclick: () => (close(), work()) }, icon(name), el("span", {}, text));
      return el(
        "div.stack",
        {},
        this.#notifier.canAsk ? item("bell", "Notify me of new messages", () => this.#notifier.ask()) : null,
        item("lock", "Privacy", () => privacy({ client: this.#client })),
        item("theme", `Colours: ${themeName()}`, nextTheme),
        item("leave", `Sign out ${this.#book.me}`, () => this.#signOut()),
        el("p.hint", {}, "Keys: Alt+↑ and Alt+↓ change the chat, Alt+N begins one. In a chat, ↑ walks through the messages; Enter opens a picture, R replies, I tells who has it. Escape goes back."),
        el("p.hint", {}, `This browser is the device ${this.#session.device}.`),
      );
    });
  }

  #signOut() {
    dialog(`Sign out ${this.#book.me}?`, ({ close }) =>
      el(
        "div.stack",
        {},
        el("p", {}, "What this browser keeps is removed: its messages, and what was written and not sent yet."),
        el("button.danger", {
          type: "button",
          onclick: async () => {
            close();
            forgetSession();
            history.replaceState(null, "", "#");
            this.#media.pictures.stop();
            this.#leave(null);
            await Promise.allSettled([Pictures.forget(this.#book.me), Store.remove(this.#book.me)]);
          },
        }, icon("leave"), el("span", {}, "Sign out")),
      ),
    );
  }

  // --- news ------------------------------------------------------------------------------------------------------------

  #onChange(draft) {
    this.#list.update();
    this.#conversation?.onChange(draft);
    this.#book.onInfo?.();
    this.#title();
    if (draft.gap) toast("Some older messages are no longer kept by the server.");
    for (const chat of draft.chats.keys()) if (isGroup(chat)) this.#askInfo(chat);
    for (const message of draft.arrived) {
      this.#presence.stopsTyping(message.chat, message.from);
      if (!this.#book.isSeen(message.chat)) this.#notifier.tell(message, this.#book.chats.get(message.chat));
    }
    if (draft.arrived.length > 0) this.#watch();
  }

  #update() {
    this.#list?.update();
    this.#conversation?.updateHead();
  }

  #title() {
    const count = this.#book.unreadCount;
    document.title = count > 0 ? `(${count}) Fantail` : "Fantail";
    const badge = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
    badge?.catch?.(() => {});
  }

  #onNotice(event) {
    switch (event.type) {
      case "state":
        this.#state = event.state;
        this.#retryAt = event.retryAt ?? 0;
        if (event.state !== "live") this.#presence.onOffline();
        this.#showState();
        return;
      case "attempt":
        return void this.#book.keepAttempt(event.attempt);
      case "welcome":
        return this.#onWelcome(event);
      case "unreachable":
        return this.#checkToken();
      case "ended":
        return event.reason === "replaced" ? this.#onReplaced() : this.#onTokenEnd();
      case "typing":
        return this.#presence.onTyping(event);
      case "presence":
        return this.#presence.onFrame(event);
      case "refused":
        if (this.#presence.onRefused(event.frame)) return;
        console.warn("refused", event.frame);
        // This one keeps us from coming in at all.
        if (event.frame.code === "too_many_devices") toast(refusalSentence(event.frame.code));
        return;
      case "trouble":
        if (event.error instanceof Elsewhere) return this.#onReplaced();
        console.error(event.error);
        toast("This browser could not keep what came in. Is its storage full? It is tried again.");
        return;
    }
  }

  async #onWelcome({ archive }) {
    this.#asked.clear();
    if (archive !== this.#book.isArchive) await this.#book.keepMode(archive);
    this.#presence.onWelcome(this.#watchList());
    this.#conversation?.onLive();
    if (this.#conversation) this.#askInfo(this.#conversation.id);
    try {
      if (this.#book.chats.size === 0 && archive) await this.#fetchFirstPages();
      await this.#fetchGroups();
    } catch {
      // Asked again with the next connection.
    }
  }

  /// A new device of an archive: the newest entries of all chats.
  async #fetchFirstPages() {
    let before;
    for (let page = 0; page < firstPagesMax; page++) {
      const answer = await this.#client.ask({ type: "history", limit: 100, ...(before ? { before } : {}) });
      await this.#book.keepHistory(null, answer);
      before = Math.min(...answer.entries.map((entry) => entry.n));
      if (!answer.more || answer.entries.length === 0) return;
    }
  }

  /// Groups that somebody is in and this device has not heard of.
  async #fetchGroups() {
    let after;
    for (;;) {
      const answer = await this.#client.ask({ type: "group.list", ...(after ? { after } : {}) });
      const news = answer.groups.filter(({ group }) => !this.#book.chats.has(group));
      if (news.length > 0) await this.#book.keepGroups(news);
      if (!answer.more || answer.groups.length === 0) return;
      after = answer.groups.at(-1).group;
    }
  }

  async #askInfo(id) {
    const chat = this.#book.chats.get(id);
    if (!isGroup(id) || chat?.left || (chat?.info && chat.title) || this.#asked.has(id) || !this.#client.isLive) return;
    this.#asked.add(id);
    try {
      await this.#book.keepInfo(await this.#client.ask({ type: "group.info", group: id }));
    } catch (refused) {
      this.#asked.delete(id);
      if (["no_such_group", "not_member"].includes(refused.code)) await this.#book.keepLeft(id);
    }
  }

  /// The person in front first, then those at the top of the list.
  #watchList() {
    const open = this.#conversation?.id;
    return [...new Set([...(open ? [open] : []), ...this.#book.list.map((chat) => chat.id)])].filter((id) => !isGroup(id));
  }

  #watch() {
    this.#presence.watch(this.#watchList());
  }

  // --- the connection --------------------------------------------------------------------------------------------------

  #showState() {
    clearInterval(this.#countdown);
    if (this.#state === "live" || this.#state === "stopped") {
      clearTimeout(this.#bannerTimer);
      this.#bannerTimer = null;
      this.#banner.hidden = true;
      this.#presence.isOffline = false;
      this.#update();
      return;
    }
    const show = () => {
      const seconds = Math.ceil((this.#retryAt - Date.now()) / 1000);
      const words = this.#state === "waiting" && seconds > 1 ? `Offline. Trying again in ${seconds} s.` : "Offline. Connecting…";
      if (this.#words === words && !this.#banner.hidden) return;
      this.#words = words;
      this.#banner.replaceChildren(
        el("span", {}, words),
        this.#state === "waiting" ? el("button.link", { type: "button", onclick: () => this.#client.hurry() }, "Now") : "",
      );
      this.#banner.hidden = false;
      this.#presence.isOffline = true;
      this.#update();
    };
    if (!this.#banner.hidden) show();
    else this.#bannerTimer ??= setTimeout(show, bannerDelay);
    if (this.#state === "waiting") this.#countdown = setInterval(() => this.#banner.hidden || show(), 1_000);
  }

  #words = "";

  async #token({ isStale }) {
    const { isDevelopment, token, user } = this.#session;
    const isOver = () => (this.#expiry ?? Infinity) * 1000 <= Date.now() + 5_000;
    if (!isStale && !isOver()) return token;
    if (!isDevelopment) return null;
    const fresh = await mint(user);
    if (fresh) this.#keepToken(fresh);
    return fresh;
  }

  #keepToken(token) {
    this.#session = { ...this.#session, token };
    keepSession(this.#session);
  }

  get #expiry() {
    try {
      return JSON.parse(atob(this.#session.token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).exp;
    } catch {
      return null;
    }
  }

  /// The connection did not come about. Is it the network, or the token?
  async #checkToken() {
    let answer;
    try {
      answer = await askGateway(this.#session.token);
    } catch {
      return;
    }
    if (answer.token === "ok") return;
    // A cluster that was made anew has new keys.
    const fresh = this.#session.isDevelopment ? await mint(this.#session.user).catch(() => null) : null;
    if (fresh) return this.#keepToken(fresh);
    this.#onTokenEnd(tokenSentence(answer.token));
  }

  #onTokenEnd(reason = tokenSentence("token_expired")) {
    forgetSession();
    this.#leave(reason);
  }

  // --- several tabs ----------------------------------------------------------------------------------------------------

  /// Another tab, or another browser with the same device, is the one now.
  async #onReplaced() {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#media?.uploads.stop();
    this.#media?.pictures.stop();
    this.#client?.stop();
    this.#conversation?.close();
    tabLock.release();
    clearInterval(this.#countdown);
    for (const open of document.querySelectorAll("dialog")) open.remove();
    await this.#elsewhere("Fantail is used in another window now.");
    location.reload();
  }

  async #askToTakeOver() {
    await this.#elsewhere("Fantail is open in another window.");
    await tabLock.take(this.#session.user, () => this.#onReplaced(), { isForced: true });
  }

  #elsewhere(sentence) {
    return new Promise((resolve) => {
      const here = el("button.primary", { type: "button", onclick: resolve }, "Use it here");
      root.replaceChildren(el("main.signin", {}, el("div.signin-card", {}, el("img.logo", { src: "/icon.svg", alt: "", width: "72", height: "72" }), el("h1", {}, "Fantail"), el("p", { role: "status" }, sentence), here)));
      here.focus();
    });
  }
}

/// Somebody is looking at this page.
function isWatched() {
  return document.visibilityState === "visible" && document.hasFocus();
}

// --- colours -----------------------------------------------------------------------------------------------------------

const themes = { system: "as the system", light: "light", dark: "dark" };

function theme() {
  const kept = localStorage.getItem("fantail.theme");
  return kept in themes ? kept : "system";
}

const themeName = () => themes[theme()];

function nextTheme() {
  const names = Object.keys(themes);
  localStorage.setItem("fantail.theme", names[(names.indexOf(theme()) + 1) % names.length]);
  applyTheme();
  toast(`Colours: ${themeName()}`);
}

function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

main();
