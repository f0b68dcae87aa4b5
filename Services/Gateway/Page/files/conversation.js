// One chat on the screen: its head, its messages, and the place to write.
//
// Messages are read from the store a page at a time; behind the oldest of them, on a server with an archive, the server is
// asked. What is shown is a window: it grows upwards while somebody reads old messages, and is cut again at the bottom.
//
// Keys: arrows walk through the messages, Enter opens a picture, R replies, I tells who has it; Enter sends, Shift+Enter makes a line; Escape takes
// back a reply, then goes back to the list.

import { listenForFiles, tray } from "/attach.js";
import { avatar } from "/avatar.js";
import { el, iconButton, tickMark, toast } from "/dom.js";
import { FileViews, drawPreview, showPicture } from "/media.js";
import { clock, dayName, eventSentence, hue as hueOf, isGroup, kindOf, milliseconds, pieces, plainText, refusalSentence, splitBody } from "/words.js";

const pageCount = 60;
/// More rows than this are cut to a page when the newest message is in view.
const rowCountMax = 400;
/// Nearer to the end than this counts as being there, pixels.
const endPixels = 80;
/// The field grows with what is written up to this height, pixels.
const inputPixelsMax = 180;
/// The longest body, bytes of UTF-8, as docs/protocol.md has it.
const bodyBytesMax = 65_536;
/// What a quotation may take of that, and a line for a file.
const quoteBytesMax = 2_048;
const fileBytesMax = 8_192;

export class Conversation {
  // Elements.
  #head;
  #log;
  #top;
  #toEnd;
  #quote;
  #input;
  #send;
  #composer;
  #closed;

  #book;
  #client;
  #presence;
  #media;
  #views;
  #actions;
  #abort = new AbortController();
  #id;
  #messages = [];
  #rows = new Map();
  #firstUnread = null;
  #replyTo = null;
  #isLoading = false;
  #isAtStart = false;
  #isClosed = false;
  /// Closes the tray of files that is open.
  #closeTray = null;
  #draftTimer = null;
  /// Rows are being added above what is in view.
  #grewUpwards = false;

  /// `actions`: { back, openInfo, openMessageInfo }.
  constructor(book, client, presence, media, id, actions) {
    this.#book = book;
    this.#client = client;
    this.#presence = presence;
    this.#media = media;
    this.#actions = actions;
    this.#id = id;
    this.#build();
  }

  get id() {
    return this.#id;
  }

  get #chat() {
    return this.#book.chats.get(this.#id);
  }

  get #title() {
    return this.#chat?.title || (isGroup(this.#id) ? "Group" : this.#id);
  }

  #build() {
    this.#head = el("header.chat-head");
    this.#log = el("div.log", { role: "log", "aria-label": "Messages", tabindex: "-1" });
    this.#top = el("div.log-top");
    this.#log.append(this.#top);
    this.#log.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#log.addEventListener("keydown", (event) => this.#onLogKey(event));
    this.#toEnd = iconButton("down", "To the newest message", () => this.#scrollToEnd(true), { class: "round to-end", hidden: true });
    this.#quote = el("div.reply-bar", { hidden: true });
    this.#input = el("textarea.input", {
      rows: 1,
      placeholder: "Message",
      "aria-label": `Message to ${this.#title}`,
      dir: "auto",
      enterkeyhint: "send",
    });
    this.#input.addEventListener("input", () => this.#onInput());
    this.#input.addEventListener("keydown", (event) => this.#onInputKey(event));
    this.#send = iconButton("send", "Send", () => this.submit(), { class: "round send", disabled: true });
    const chooser = el("input.chooser", { type: "file", multiple: true, hidden: true, onchange: () => (this.attach([...chooser.files]), (chooser.value = "")) });
    const attach = iconButton("attach", "Attach pictures, videos or files", () => chooser.click(), { class: "round attach" });
    this.#composer = el("form.composer", { onsubmit: (event) => event.preventDefault() }, this.#quote, el("div.composer-line", {}, chooser, attach, this.#input, this.#send));
    this.#closed = el("p.closed", { hidden: true });
    this.element = el("section.conversation", { "aria-label": `Chat with ${this.#title}` }, this.#head, el("div.log-frame", {}, this.#log, this.#toEnd), this.#composer, this.#closed, el("div.drop-hint", { "aria-hidden": "true" }, el("span", {}, `Drop to send to ${this.#title}`)));
    this.#views = new FileViews({ media: this.#media, client: this.#client, openPicture: (message, file) => this.#openPicture(message, file), root: this.#log });
    listenForFiles(this.element, { signal: this.#abort.signal, mayTake: () => !this.#composer.hidden, take: (files) => this.attach([...files]) });
  }

  /// Loads the newest page and shows it.
  async open() {
    const chat = this.#chat;
    this.#input.value = chat?.draft ?? "";
    this.#fit();
    this.updateHead();
    const messages = await this.#book.page(this.#id, Infinity, pageCount);
    if (this.#isClosed) return;
    this.#isAtStart = messages.length < pageCount;
    // What came in meanwhile is newer than what was read.
    this.#messages = merged(messages, this.#messages);
    if (chat?.unread > 0) {
      const others = messages.filter((message) => message.from !== this.#book.me && !message.event);
      this.#firstUnread = others.at(-Math.min(chat.unread, others.length)) ?? null;
    }
    this.#render();
    const mark = this.#log.querySelector(".unread-mark");
    if (mark) mark.scrollIntoView({ block: "center" });
    else this.#scrollToEnd(false);
    if (this.#isAtStart) this.#askHistory();
  }

  close() {
    // What is written there stands in the field again.
    this.#closeTray?.();
    this.#isClosed = true;
    this.#abort.abort();
    this.#views.close();
    clearTimeout(this.#draftTimer);
    this.#presence.restsTyping();
    this.#book.keepDraft(this.#id, this.#input.value);
    this.element.remove();
  }

  focus() {
    if (!this.#composer.hidden) this.#input.focus({ preventScroll: true });
  }

  // --- news ------------------------------------------------------------------------------------------------------------

  onChange({ messages, removed }) {
    const mine = messages.filter((message) => message.chat === this.#id);
    const gone = removed.filter((message) => message.chat === this.#id);
    const wasAtEnd = this.#isAtEnd;
    const oldest = this.#messages[0]?.sort ?? 0;
    let hasWritten = false;
    const keyed = new Map(this.#messages.map((message) => [keyOf(message), message]));
    for (const message of gone) keyed.delete(keyOf(message));
    for (const message of mine) {
      // What is older than the window is read when somebody scrolls there.
      if (!keyed.has(keyOf(message)) && message.sort < oldest && !this.#isAtStart) continue;
      if (!keyed.has(keyOf(message)) && message.from === this.#book.me) hasWritten = true;
      keyed.set(keyOf(message), message);
      this.#presence.stopsTyping(this.#id, message.from);
    }
    this.#messages = [...keyed.values()].sort((left, right) => left.sort - right.sort);
    if (hasWritten) this.#firstUnread = null;
    if (wasAtEnd && this.#messages.length > rowCountMax) {
      this.#messages = this.#messages.slice(-pageCount);
      this.#isAtStart = false;
    }
    this.updateHead();
    this.#keepPlace(() => this.#render(), wasAtEnd || hasWritten);
  }

  updateHead() {
    const chat = this.#chat;
    const group = isGroup(this.#id);
    const typing = this.#presence.typing(this.#id);
    const status = this.#presence.isOffline ? "Waiting for the connection…" : typing ?? (group ? this.#membersLine() : this.#presence.status(this.#id));
    const signature = JSON.stringify([this.#title, status, chat?.left, chat?.info?.announce, this.#myRole, this.#presence.isOnline(this.#id)]);
    if (this.#head.dataset.signature === signature) return;
    const hadFocus = this.#head.contains(document.activeElement);
    this.#head.dataset.signature = signature;
    const who = [
      avatar(this.#id, this.#title, { isOnline: this.#presence.isOnline(this.#id) }),
      el("span.head-lines", {}, el("bdi.head-name", {}, this.#title), el("span.head-status", { class: `head-status${typing ? " is-typing" : ""}`, role: "status" }, status)),
    ];
    const info = group
      ? el("button.head-who", { type: "button", "aria-label": `About the group ${this.#title}`, onclick: this.#actions.openInfo }, who)
      : el("button.head-who", { type: "button", "aria-label": `About ${this.#title}`, onclick: this.#actions.openInfo }, who);
    this.#head.replaceChildren(iconButton("back", "Back to the chats", this.#actions.back, { class: "round back" }), info);
    if (hadFocus) info.focus();
    const mayWrite = !chat?.left && !(chat?.info?.announce && this.#myRole === "member");
    this.#composer.hidden = !mayWrite;
    this.#closed.hidden = mayWrite;
    this.#closed.replaceChildren(chat?.left ? "You are not in this group any more." : "Only admins write here.");
  }

  get #myRole() {
    return this.#chat?.info?.members.find(({ user }) => user === this.#book.me)?.role ?? "";
  }

  #membersLine() {
    const members = this.#chat?.info?.members;
    if (!members) return "";
    const names = members.slice(0, 12).map(({ user }) => (user === this.#book.me ? "you" : user));
    return members.length > 12 ? `${members.length} members` : names.join(", ");
  }

  // --- rows ------------------------------------------------------------------------------------------------------------

  #render() {
    const rows = [];
    const known = new Set();
    let before = null;
    this.#messages.forEach((message, index) => {
      const day = dayName(shownTime(message));
      if (!before || dayName(shownTime(before)) !== day) {
        rows.push(this.#row(`day ${day} ${new Date(shownTime(message)).toDateString()}`, day, () => el("div.day", {}, el("span", {}, day))));
        before = null;
      }
      if (this.#firstUnread && keyOf(message) === keyOf(this.#firstUnread)) {
        rows.push(this.#row("unread", "", () => el("div.unread-mark", { role: "separator" }, el("span", {}, "New messages"))));
        before = null;
      }
      const isFirst = !before || before.from !== message.from || Boolean(before.event);
      const next = this.#messages[index + 1];
      const isLast = !next || next.from !== message.from || Boolean(next.event);
      const tick = this.#book.tick(message);
      const signature = JSON.stringify([message.at, message.body, message.failed, message.expired, message.late, message.counts, message.upload, tick, isFirst, isLast]);
      rows.push(this.#row(keyOf(message), signature, (former) => this.#messageRow(message, { isFirst, isLast, tick, former })));
      before = message;
    });
    for (const row of rows) known.add(row.dataset.key);
    for (const [key, row] of this.#rows) {
      if (known.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let place = this.#top.nextSibling;
    for (const row of rows) {
      if (place === row) place = row.nextSibling;
      else this.#log.insertBefore(row, place);
    }
    this.#empty(rows.length === 0);
    this.#setFocusable();
  }

  #empty(isEmpty) {
    if (isEmpty && !this.#isLoading) this.#top.replaceChildren(el("p.hello", {}, isGroup(this.#id) ? "Nothing was written here yet." : `Say hello to ${this.#title}.`));
    else if (!this.#isLoading) this.#top.replaceChildren();
  }

  #row(key, signature, make) {
    const before = this.#rows.get(key);
    if (before?.dataset.signature === signature) return before;
    const row = make(before);
    row.dataset.key = key;
    row.dataset.signature = signature;
    if (before && before !== row) {
      const hadFocus = before.contains(document.activeElement);
      before.replaceWith(row);
      if (hadFocus) row.focus();
    }
    this.#rows.set(key, row);
    return row;
  }

  #messageRow(message, { isFirst, isLast, tick, former }) {
    if (message.event) return el("div.event", {}, el("span", { dir: "auto" }, eventSentence(message.event, this.#book.me)));
    const isMine = message.from === this.#book.me;
    const { quote, files, text } = splitBody(message.body ?? "");
    const keptFiles = former?.querySelector(".files");
    const block = files.length > 0 ? this.#views.block(message, files, keptFiles) : null;
    const isKept = block !== null && block === keptFiles;
    const time = message.at ? clock(milliseconds(message.at)) : "";
    const bubble = el(
      "div.bubble",
      {},
      isFirst && !isMine && isGroup(this.#id) ? el("bdi.author", { style: { "--hue": String(hueOf(message.from)) } }, message.from) : null,
      quote ? this.#quoteBlock(quote) : null,
      isKept ? el("div.files") : block,
      el("span.text", { dir: "auto" }, textNodes(text)),
      el("span.meta", {}, el("time", {}, time), this.#counts(message, tick), tick ? tickMark(tick) : null),
    );
    const row = el(
      "article.row",
      { tabindex: "-1", "aria-label": `${isMine ? "You" : message.from}${time ? `, ${time}` : ""}` },
      bubble,
      this.#rowButtons(message),
    );
    row.classList.add(isMine ? "mine" : "theirs");
    row.classList.toggle("first", isFirst);
    row.classList.toggle("last", isLast);
    row.classList.toggle("has-files", block !== null);
    row.classList.toggle("has-words", text !== "" || block === null);
    row.classList.toggle("has-pictures", files.length > 0 && files.every((file) => kindOf(file) !== "file"));
    if (message.failed || message.expired || message.upload?.code) row.append(this.#failure(message));
    else if (message.late && tick === "sent") row.append(el("p.note", {}, `Some members cannot be reached at the moment: ${message.late}. It goes on trying.`));
    if (isKept) return graft(former, row);
    row.addEventListener("dblclick", (event) => event.target.closest(".file") || this.#reply(this.#messageOf(row)));
    return row;
  }

  #messageOf(row) {
    return this.#messages.find((candidate) => keyOf(candidate) === row.dataset.key);
  }

  /// Large, with the others of the chat to its left and right.
  #openPicture(message, file) {
    const list = this.#messages.flatMap((one) => {
      const { files, text } = splitBody(one.body ?? "");
      return one.upload ? [] : files.filter((each) => kindOf(each) === "picture").map((each) => ({ file: each, from: one.from === this.#book.me ? "You" : one.from, words: text, key: keyOf(one) }));
    });
    const index = list.findIndex((one) => one.key === keyOf(message) && one.file.media === file.media);
    if (index === -1) return;
    showPicture({ pictures: this.#media.pictures, list, index, refocus: ({ key }) => this.#rows.get(key)?.focus() });
  }

  /// A file of that message is further on its way.
  onProgress(id) {
    const block = this.#rows.get(`${this.#book.me} ${id}`)?.querySelector(".files");
    if (block) this.#views.onProgress(block);
  }

  /// How many of a group have a message, until all of them do.
  #counts(message, tick) {
    const { got, read, of } = message.counts ?? {};
    if (!of || tick === "read" || got === 0) return null;
    return el("span.counts", { title: `${got} of ${of} have it, ${read} have read it` }, `${tick === "delivered" ? read : got}/${of}`);
  }

  #rowButtons(message) {
    const buttons = [];
    if (!this.#chat?.left) buttons.push(iconButton("reply", "Reply", () => this.#reply(message), { class: "round small", tabindex: "-1" }));
    if (message.at && message.from === this.#book.me) {
      buttons.push(iconButton("info", "Who has it", () => this.#actions.openMessageInfo(message), { class: "round small", tabindex: "-1" }));
    }
    return el("span.row-buttons", {}, buttons);
  }

  #failure(message) {
    if (message.upload?.code) return this.#uploadFailure(message, message.upload.code);
    const why = message.expired ? "It was not fetched in time and is no longer kept." : refusalSentence(message.failed);
    return el(
      "p.note.bad",
      { role: "alert" },
      `Not delivered. ${why} `,
      el("button.link", { type: "button", onclick: () => this.#book.resend(message).catch((error) => cannotKeep("message", error)) }, "Send again"),
      " ",
      el("button.link", { type: "button", onclick: () => this.#book.discard(message) }, "Remove"),
    );
  }

  #uploadFailure(message, code) {
    const { uploads } = this.#media;
    // What is not what it says may still be sent as bytes to save.
    const asFile = ["type_differs", "media_type"].includes(code);
    return el(
      "p.note.bad",
      { role: "alert" },
      `Not sent. ${refusalSentence(code)} `,
      el("button.link", { type: "button", onclick: () => uploads.retry(message, { asFile }) }, asFile ? "Send as a file" : "Send again"),
      " ",
      el("button.link", { type: "button", onclick: () => uploads.cancel(message) }, "Remove"),
    );
  }

  #quoteBlock(quote) {
    const [file] = splitBody(this.#quoted(quote)?.body ?? "").files;
    const canvas = file?.preview ? el("canvas.quote-preview", { "aria-hidden": "true" }) : null;
    if (canvas) drawPreview(canvas, file.preview);
    return el(
      "button.quote",
      { type: "button", tabindex: "-1", "aria-label": `Reply to ${quote.from ?? "a message"}: ${quote.text}`, onclick: () => this.#jumpTo(quote), style: { "--hue": String(hueOf(quote.from ?? "")) } },
      quote.from ? el("bdi.author", {}, quote.from === this.#book.me ? "You" : quote.from) : null,
      el("span.quote-text", { dir: "auto" }, quote.text),
      canvas,
    );
  }

  /// The message that was quoted, if it is in the window.
  #quoted(quote) {
    const start = quote.text.replace(/…$/, "");
    return this.#messages.findLast((message) => message.body && (!quote.from || message.from === quote.from) && plainText(message.body).startsWith(start));
  }

  /// Shows the message that was quoted, if it is in the window.
  #jumpTo(quote) {
    const found = this.#quoted(quote);
    if (!found) return toast("That message is further up.");
    const row = this.#rows.get(keyOf(found));
    row.scrollIntoView({ block: "center" });
    row.classList.remove("flash");
    requestAnimationFrame(() => row.classList.add("flash"));
    row.focus({ preventScroll: true });
  }

  // --- scrolling and history -------------------------------------------------------------------------------------------

  get #isAtEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < endPixels;
  }

  #scrollToEnd(isSmooth) {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior: isSmooth ? "smooth" : "instant" });
  }

  /// Changes rows without the eyes losing their place.
  #keepPlace(change, shallFollow) {
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    const height = this.#log.scrollHeight;
    const top = this.#log.scrollTop;
    const oldest = this.#messages[0];
    change();
    if (shallFollow) this.#scrollToEnd(false);
    else if (this.#grewUpwards) this.#log.scrollTop = this.#log.scrollHeight - fromEnd;
    else if (height !== this.#log.scrollHeight && oldest) this.#log.scrollTop = top;
    this.#onScroll();
  }

  #onScroll() {
    this.#toEnd.hidden = this.#isAtEnd;
    if (this.#log.scrollTop < 200) this.#older();
  }

  async #older() {
    if (this.#isLoading || this.#isClosed || this.#messages.length === 0) return;
    if (this.#isAtStart) return this.#askHistory();
    this.#isLoading = true;
    try {
      const page = await this.#book.page(this.#id, this.#messages[0].sort, pageCount);
      this.#isAtStart = page.length < pageCount;
      this.#prepend(page);
    } finally {
      this.#isLoading = false;
    }
  }

  #prepend(page) {
    if (this.#isClosed || page.length === 0) return;
    this.#messages = merged(page, this.#messages);
    this.#grewUpwards = true;
    this.#keepPlace(() => this.#render(), false);
    this.#grewUpwards = false;
  }

  /// Everything that this browser holds is shown: the archive may have more.
  async #askHistory() {
    const chat = this.#chat;
    // Behind what was for us there is what was there before us, if the group shares it.
    const isLog = chat?.isComplete && chat.info?.history === true && !chat.isLogComplete;
    if (this.#isLoading || !this.#book.isArchive || !this.#client.isLive || (chat?.isComplete && !isLog)) return;
    this.#isLoading = true;
    this.#top.replaceChildren(el("p.hello", { role: "status" }, "Loading older messages…"));
    try {
      const question = isLog ? { type: "group.history", group: this.#id, limit: 50 } : { type: "history", with: this.#id, limit: 50 };
      const oldest = isLog ? chat.oldestSeq : chat?.oldestN;
      if (oldest) question.before = oldest;
      const answer = await this.#client.ask(question);
      const before = this.#messages[0]?.sort ?? Infinity;
      this.#grewUpwards = true;
      await this.#book.keepHistory(this.#id, answer, isLog ? "isLogComplete" : "isComplete");
      this.#grewUpwards = false;
      this.#prepend(await this.#book.page(this.#id, before, pageCount));
    } catch {
      // Asked again when somebody scrolls here again.
    } finally {
      this.#grewUpwards = false;
      this.#isLoading = false;
      this.#empty(this.#messages.length === 0);
    }
    if (this.#log.scrollTop < 200 && this.#chat?.isComplete && !chat?.isComplete) this.#askHistory();
  }

  /// The connection is back: what could not be asked for is asked for now.
  onLive() {
    if (this.#isAtStart && this.#log.scrollTop < 200) this.#askHistory();
    this.#views.onLive(this.#log);
  }

  // --- keys ------------------------------------------------------------------------------------------------------------

  #setFocusable() {
    // One row can be reached by Tab; arrows walk from there.
    const rows = [...this.#log.querySelectorAll("article.row")];
    const current = rows.find((row) => row === document.activeElement) ?? rows.at(-1);
    for (const row of rows) row.tabIndex = row === current ? 0 : -1;
  }

  #onLogKey(event) {
    const row = event.target.closest?.("article.row");
    // A video has keys of its own.
    if (!row || event.target.closest("video") || event.ctrlKey || event.metaKey || event.altKey) return;
    const message = this.#messageOf(row);
    const rows = [...this.#log.querySelectorAll("article.row")];
    const next = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (next) {
      const target = rows[rows.indexOf(row) + next];
      if (target) target.focus();
      else if (next === 1) this.focus();
      this.#setFocusable();
    } else if (event.key === "Enter" && event.target === row && row.querySelector(".files")) {
      this.#views.open(row.querySelector(".files"));
    } else if (event.key === "r" && message) {
      this.#reply(message);
    } else if (event.key === "i" && message?.at && message.from === this.#book.me) {
      this.#actions.openMessageInfo(message);
    } else {
      return;
    }
    event.preventDefault();
  }

  #onInputKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape" && this.#replyTo) {
      event.stopPropagation();
      this.#reply(null);
    } else if (event.key === "ArrowUp" && this.#input.value === "") {
      event.preventDefault();
      [...this.#log.querySelectorAll("article.row")].at(-1)?.focus();
      this.#setFocusable();
    }
  }

  // --- writing ---------------------------------------------------------------------------------------------------------

  #onInput() {
    this.#fit();
    if (this.#input.value.trim() === "") this.#presence.restsTyping();
    else this.#presence.types(this.#id);
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.#book.keepDraft(this.#id, this.#input.value), 500);
  }

  #fit() {
    this.#send.disabled = this.#input.value.trim() === "";
    this.#input.style.height = "auto";
    const height = this.#input.scrollHeight + 2;
    this.#input.style.height = `${Math.min(height, inputPixelsMax)}px`;
    this.#input.style.overflowY = height > inputPixelsMax ? "auto" : "hidden";
  }

  #reply(message) {
    this.#replyTo = message?.event ? null : message;
    this.#quote.hidden = !this.#replyTo;
    if (!this.#replyTo) return;
    const author = this.#replyTo.from;
    this.#quote.replaceChildren(
      el("div.quote", { style: { "--hue": String(hueOf(author)) } }, el("bdi.author", {}, author === this.#book.me ? "You" : author), el("span.quote-text", { dir: "auto" }, plainText(this.#replyTo.body))),
      iconButton("close", "No reply", () => this.#reply(null), { class: "round small" }),
    );
    this.focus();
  }

  async submit() {
    const text = this.#input.value.trim();
    if (text === "") return;
    if (bytesOf(text) > bodyBytesMax - quoteBytesMax) return toast(refusalSentence("body_too_long"));
    const replyTo = this.#replyTo;
    clearTimeout(this.#draftTimer);
    this.#input.value = "";
    this.#fit();
    this.#reply(null);
    this.#presence.restsTyping(true);
    try {
      await this.#book.send(this.#id, text, replyTo);
    } catch (error) {
      this.#takeBack(text, replyTo);
      cannotKeep("message", error);
    }
    this.focus();
  }

  /// Shows files before they are sent; what is written goes with them.
  attach(files) {
    if (files.length === 0) return;
    this.#closeTray?.();
    this.#closeTray = tray({
      files,
      caption: this.#input.value,
      closed: (words) => {
        this.#closeTray = null;
        this.#takeBack(words, this.#replyTo);
        this.focus();
      },
      send: async (chosen, words) => {
        this.#closeTray = null;
        if (bytesOf(words) > bodyBytesMax - quoteBytesMax - fileBytesMax) return this.#takeBack(words, this.#replyTo), toast(refusalSentence("body_too_long"));
        const replyTo = this.#replyTo;
        this.#reply(null);
        this.focus();
        try {
          await this.#media.uploads.send(this.#id, chosen, words, replyTo);
        } catch (error) {
          this.#takeBack(words, replyTo);
          cannotKeep("file", error);
          // Another try, or another choice.
          if (!this.#isClosed && !document.querySelector("dialog[open]")) this.attach(chosen.map(({ blob }) => blob));
        }
      },
    });
    if (!this.#closeTray) return;
    // What was written goes with the files; it stands here again when they are not sent.
    clearTimeout(this.#draftTimer);
    this.#input.value = "";
    this.#fit();
  }

  /// What was not sent stands in the field again, before what was written since.
  #takeBack(words, replyTo) {
    if (this.#isClosed) return this.#book.keepDraft(this.#id, words);
    this.#input.value = [words, this.#input.value].filter((text) => text !== "").join("\n");
    this.#fit();
    if (replyTo !== this.#replyTo) this.#reply(replyTo);
  }
}

function cannotKeep(what, error) {
  toast(`This browser could not keep the ${what}. Is its storage full?`);
  console.error(error);
}

/// A row in its new state, in which the files stay where they are: a video that is moved stops.
function graft(row, fresh) {
  const [bubble, news] = [row.querySelector(".bubble"), fresh.querySelector(".bubble")];
  const files = bubble.querySelector(".files");
  const place = news.querySelector(".files");
  const children = [...news.childNodes];
  for (const child of [...bubble.childNodes]) if (child !== files) child.remove();
  files.before(...children.slice(0, children.indexOf(place)));
  files.after(...children.slice(children.indexOf(place) + 1));
  for (const child of [...row.childNodes]) if (child !== bubble) child.remove();
  const around = [...fresh.childNodes];
  bubble.before(...around.slice(0, around.indexOf(news)));
  bubble.after(...around.slice(around.indexOf(news) + 1));
  row.className = fresh.className;
  row.setAttribute("aria-label", fresh.getAttribute("aria-label"));
  return row;
}

const bytesOf = (text) => new TextEncoder().encode(text).length;

const keyOf = (message) => `${message.from} ${message.id}`;

/// Both in the order of the screen; of two states of one message the newer one.
function merged(older, newer) {
  const keyed = new Map([...older, ...newer].map((message) => [keyOf(message), message]));
  return [...keyed.values()].sort((left, right) => left.sort - right.sort);
}

/// Milliseconds; a message without a stamp is of now.
const shownTime = (message) => (message.at ? milliseconds(message.at) : Date.now());

function textNodes(text) {
  return pieces(text).map((piece) => (piece.link ? el("a", { href: piece.link, target: "_blank", rel: "noopener noreferrer" }, piece.text) : piece.text));
}
