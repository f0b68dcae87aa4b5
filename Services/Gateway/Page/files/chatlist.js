// The list of chats: newest first, each with its last message, its tick, and how many are unread.

import { avatar } from "/avatar.js";
import { el, icon, tickMark } from "/dom.js";
import { eventSentence, isGroup, kindOf, listTime, milliseconds, oneLine, splitBody } from "/words.js";

export class ChatList {
  #book;
  #presence;
  #list = el("ul.chats", { role: "list" });
  #rows = new Map();
  #open = null;

  constructor(book, presence) {
    this.#book = book;
    this.#presence = presence;
    this.element = el("nav.chat-list", { "aria-label": "Chats" }, this.#list);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  show(openChat) {
    this.#open = openChat;
    this.update();
  }

  update() {
    const chats = this.#book.list;
    const wanted = chats.map((chat) => this.#row(chat));
    if (wanted.length === 0) {
      this.#rows.clear();
      this.#list.replaceChildren(
        el("li.empty", {}, el("p", {}, "No chats yet."), el("p", {}, "Press + to write to somebody or to make a group.")),
      );
      return;
    }
    // Rows are moved only where they are not in place, so that the focus stays where it is.
    wanted.forEach((row, index) => {
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    });
    while (this.#list.children.length > wanted.length) this.#list.lastChild.remove();
    for (const id of [...this.#rows.keys()]) if (!this.#book.chats.has(id)) this.#rows.delete(id);
  }

  /// The chat that stands above or below the open one.
  neighbour(step) {
    const ids = this.#book.list.map((chat) => chat.id);
    const index = ids.indexOf(this.#open);
    return ids[index === -1 ? 0 : Math.min(Math.max(index + step, 0), ids.length - 1)];
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey) return;
    const links = [...this.#list.querySelectorAll("a")];
    const next = links[links.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  #row(chat) {
    const typist = this.#presence.typing(chat.id);
    const isOnline = this.#presence.isOnline(chat.id);
    const last = chat.last;
    const tick = last ? this.#book.tick(last) : "";
    const isOpen = chat.id === this.#open;
    const time = last?.at ? listTime(milliseconds(last.at)) : last ? listTime(Date.now()) : "";
    const preview = typist ?? (chat.draft && !isOpen ? `Draft: ${oneLine(chat.draft)}` : this.#preview(chat));
    // A drawing says at a glance what the words say.
    const [file] = typist || (chat.draft && !isOpen) ? [] : splitBody(last?.body ?? "").files;
    const mark = file ? { picture: "photo", video: "video", file: "file" }[kindOf(file)] : null;
    const signature = JSON.stringify([chat.title, mark, preview, tick, time, chat.unread, isOpen, isOnline, Boolean(typist)]);
    let row = this.#rows.get(chat.id);
    if (row?.dataset.signature === signature) return row;
    const name = chat.title || "Group";
    const link = el(
      "a.chat",
      { href: `#chat/${encodeURIComponent(chat.id)}`, "aria-current": isOpen ? "page" : null, "data-chat": chat.id },
      avatar(chat.id, chat.title, { isOnline }),
      el(
        "span.chat-lines",
        {},
        el("span.chat-first", {}, el("bdi.chat-name", {}, name), el("time.chat-time", {}, time)),
        el(
          "span.chat-second",
          {},
          tick && !typist && !chat.draft ? tickMark(tick) : null,
          mark ? icon(mark) : null,
          el("span.chat-preview", { dir: "auto", class: `chat-preview${typist ? " is-typing" : ""}` }, preview),
          chat.unread > 0
            ? el("span.unread", { "aria-label": `${chat.unread} unread` }, chat.unread > 999 ? "999+" : String(chat.unread))
            : null,
        ),
      ),
    );
    const hadFocus = row?.contains(document.activeElement);
    if (!row) {
      row = el("li");
      this.#rows.set(chat.id, row);
    }
    row.dataset.signature = signature;
    row.replaceChildren(link);
    if (hadFocus) link.focus();
    return row;
  }

  #preview(chat) {
    const last = chat.last;
    if (!last) return isGroup(chat.id) ? "Group" : "";
    if (last.event) return eventSentence(last.event, this.#book.me);
    const text = oneLine(last.body ?? "");
    if (isGroup(chat.id)) return last.from === this.#book.me ? `You: ${text}` : `${last.from}: ${text}`;
    return text;
  }
}
