// Chats and messages: what each batch of the protocol means for what is kept and shown.
//
// The store is the truth, `chats` is the part of it that the list shows, held in memory. Every change is a transaction: it
// works on copies, and what is in memory follows when the copies are on disk. So the screen never shows what a reload forgets.
//
// A message: { chat, from, id, at, sort, n, seq, body, event, expired, failed, counts, late, upload }. `at` is null until `sent`;
// `sort` is the place on the screen: the stamp, and behind all stamps while there is none. An event of a group is a message
// with `event` in the place of `body`. While its file is on its way, `upload` is { code }: why it does not go on, or null.
//
// A chat: { id, title, last, sort, unread, delivered, read, newestIn, seen, left, info, oldestN, oldestSeq, isComplete,
// isLogComplete, draft }.
// `delivered` and `read` are watermarks over what I wrote, `newestIn` is the newest stamp of the others, `seen` how far I read.

import { newID } from "/fantail.js";
import { isGroup, splitBody, withFiles, withQuote } from "/words.js";

/// Stamps are below this until the year 2200; places of messages without a stamp are above.
const pendingBase = 7_300_000_000_000_000;

/// In the line of a file that is not there yet.
const noReference = { media: "0".repeat(24), secret: "0".repeat(32) };

/// Another tab has written meanwhile: this one has lost its right to.
export class Elsewhere extends Error {}

export class Book {
  chats = new Map();
  isArchive = false;
  /// `isSeen(chat)`: that chat is on the screen before somebody's eyes. `onChange({ chats, messages, arrived })`.
  isSeen = () => false;
  onChange = () => {};
  /// Everything that was kept is gone.
  onCleared = () => {};
  client = null;
  #store;
  #cursor;
  #last = Promise.resolve();
  #orderLast = 0;

  constructor(store, me) {
    this.#store = store;
    this.me = me;
  }

  /// Reads what is kept; returns the memory for the protocol's client.
  async load() {
    const kept = await this.#store.load();
    for (const chat of kept.chats) this.chats.set(chat.id, chat);
    this.#cursor = kept.cursor ?? null;
    this.isArchive = kept.archive ?? false;
    const { cursor, ticks, attempt, outbox, reads, changes, keeps } = kept;
    this.uploads = kept.uploads;
    return {
      cursor,
      ticks,
      attempt,
      outbox: outbox.map(({ id, to, body }) => ({ id, to, body })),
      reads,
      changes,
      keeps,
    };
  }

  page(chat, before, count) {
    return this.#store.page(chat, before, count);
  }

  /// The chats that have something in them, newest first.
  get list() {
    return [...this.chats.values()].filter((chat) => chat.sort > 0).sort((left, right) => right.sort - left.sort);
  }

  get unreadCount() {
    return this.list.reduce((sum, chat) => sum + chat.unread, 0);
  }

  /// "", "clock", "sent", "delivered", "read", "failed": the tick of a message of mine.
  tick(message) {
    if (message.from !== this.me || message.event) return "";
    if (message.failed || message.expired || message.upload?.code) return "failed";
    if (message.at === null) return "clock";
    const chat = this.chats.get(message.chat);
    if (message.at <= (chat?.read ?? 0)) return "read";
    if (message.at <= (chat?.delivered ?? 0)) return "delivered";
    return "sent";
  }

  // --- what the server says --------------------------------------------------------------------------------------------

  /// Keeps a batch of the protocol's client, whole or not at all.
  keep(batch) {
    return this.#change(async (rows, draft) => {
      const kept = (await rows.get("state", "cursor")) ?? null;
      if (kept !== this.#cursor) throw new Elsewhere("the cursor was moved by another tab");
      for (const item of batch.items) {
        if (item.type === "cursor.lost") {
          rows.clear();
          draft.clear();
          draft.afterwards(() => this.onCleared());
        } else {
          await this.#apply(item, rows, draft);
        }
      }
      rows.put("state", batch.cursor, "cursor");
      rows.put("state", batch.ticks, "ticks");
      draft.afterwards(() => (this.#cursor = batch.cursor));
    });
  }

  async #apply(item, rows, draft) {
    switch (item.type) {
      case "message":
        return this.#incoming(item.from, item, rows, draft);
      case "copy":
        return this.#own(item.to, item, rows, draft);
      case "group.message":
        return item.from === this.me
          ? this.#own(item.group, item, rows, draft)
          : this.#incoming(item.group, item, rows, draft);
      case "group.event":
        return this.#event(item, rows, draft);
      case "expired":
        return this.#amend(item.to, item.id, rows, draft, { expired: true });
      case "gap":
        draft.gap = true;
        return;
      case "sent": {
        const kept = await rows.get("outbox", item.id);
        for (const { media, secret } of splitBody(kept?.body ?? "").files) {
          rows.put("keeps", { media, secret });
          draft.afterwards(() => this.client?.keepMedia({ media, secret }));
        }
        rows.remove("outbox", item.id);
        await this.#amend(item.to, item.id, rows, draft, { at: item.at, sort: item.at });
        return;
      }
      case "failed":
        rows.remove("outbox", item.id);
        await this.#amend(item.to, item.id, rows, draft, { failed: item.code });
        return;
      case "delivered":
      case "read": {
        const chat = draft.chat(item.with);
        if (item.type === "read") chat.read = Math.max(chat.read, item.at);
        chat.delivered = Math.max(chat.delivered, item.at);
        return;
      }
      case "noted": {
        const mark = await rows.get("reads", item.with);
        if (mark && mark.at <= item.at) rows.remove("reads", item.with);
        return;
      }
      case "group.done":
      case "change.failed":
        rows.remove("changes", item.ref);
        return;
      case "media.kept":
        rows.remove("keeps", item.media);
        return;
      case "group.counts":
        return this.#amendAt(item.group, item.at, rows, draft, { counts: { got: item.got, read: item.read, of: item.of } });
      case "group.late":
        return this.#amendAt(item.group, item.at, rows, draft, { late: item.count });
      default:
        // An entry of a later release: it is counted by the cursor and not shown.
        return;
    }
  }

  async #incoming(chatID, item, rows, draft) {
    const message = await this.#put(chatID, item, rows, draft);
    const chat = draft.chat(chatID);
    if (item.at <= chat.newestIn) return;
    chat.newestIn = item.at;
    if (this.isSeen(chatID)) this.#markSeen(chat, rows, draft);
    else chat.unread++;
    draft.arrived.push(message);
  }

  async #own(chatID, item, rows, draft) {
    const before = await rows.get("messages", [chatID, this.me, item.id]);
    await this.#put(chatID, { ...item, from: this.me }, rows, draft);
    // Written on another device: there it was read what stood before.
    if (!before) draft.chat(chatID).unread = 0;
  }

  async #event(item, rows, draft) {
    const { type, n, group, seq, from, id, at, ...event } = item;
    await this.#put(group, { n, seq, from, id, at, event: { ...event, from } }, rows, draft);
    const chat = draft.chat(group);
    const touchesMe = (event.users ?? []).includes(this.me);
    if (event.change === "create" || event.change === "rename") chat.title = event.title;
    if (event.change === "create" || (event.change === "add" && touchesMe)) {
      chat.left = false;
      // Others may have been here before: ask who.
      chat.info = null;
    }
    if ((event.change === "remove" && touchesMe) || (event.change === "leave" && from === this.me)) chat.left = true;
    if (event.change === "delete") chat.left = true;
    if (chat.info) chat.info = afterEvent(chat.info, event, from);
    chat.newestIn = Math.max(chat.newestIn, at);
    if (this.isSeen(group)) this.#markSeen(chat, rows, draft);
    else if (from !== this.me && touchesMe) chat.unread++;
  }

  async #put(chatID, item, rows, draft) {
    const key = [chatID, item.from, item.id];
    const before = await rows.get("messages", key);
    const message = {
      chat: chatID,
      from: item.from,
      id: item.id,
      at: item.at,
      sort: item.at,
      // Entries of a group's own log have the number 0: they stand in nobody's inbox.
      n: item.n || before?.n || null,
      seq: item.seq ?? null,
      body: item.body ?? null,
      event: item.event ?? null,
      counts: before?.counts ?? null,
    };
    rows.put("messages", message);
    draft.message(message);
    const chat = draft.chat(chatID);
    if (message.n) chat.oldestN = Math.min(chat.oldestN ?? message.n, message.n);
    if (message.seq) chat.oldestSeq = Math.min(chat.oldestSeq ?? message.seq, message.seq);
    return message;
  }

  async #amend(chatID, id, rows, draft, fields) {
    const before = await rows.get("messages", [chatID, this.me, id]);
    if (!before) return;
    // A copy may have come first, and it has the stamp.
    const message = { ...before, ...fields };
    rows.put("messages", message);
    draft.message(message);
  }

  async #amendAt(chatID, at, rows, draft, fields) {
    const before = await rows.messageAt(chatID, at);
    if (!before || before.from !== this.me) return;
    const message = { ...before, ...fields };
    rows.put("messages", message);
    draft.message(message);
  }

  #markSeen(chat, rows, draft) {
    chat.unread = 0;
    if (chat.newestIn <= chat.seen || chat.left) return;
    chat.seen = chat.newestIn;
    const mark = { with: chat.id, at: chat.newestIn };
    rows.put("reads", mark);
    draft.afterwards(() => this.client?.markRead(mark.with, mark.at));
  }

  // --- what the person does --------------------------------------------------------------------------------------------

  /// Keeps a message in the outbox, then hands it to the protocol's client.
  async send(to, text, replyTo) {
    const body = replyTo ? withQuote(replyTo, text) : text;
    const message = { id: newID(), to, body };
    await this.#change((rows, draft) => {
      this.#putOut(message, rows, draft);
      draft.chat(to).draft = "";
    });
    this.client?.send(message);
  }

  #putOut(message, rows, draft) {
    const order = this.#nextOrder();
    rows.put("outbox", { ...message, order });
    this.#putMine(message, order, rows, draft);
  }

  #putMine({ id, to, body, ...more }, order, rows, draft) {
    const row = { chat: to, from: this.me, id, at: null, sort: pendingBase + order, n: null, seq: null, body, event: null, counts: null, ...more };
    rows.put("messages", row);
    draft.message(row);
    draft.chat(to).unread = 0;
  }

  /// Keeps messages whose files have yet to be uploaded, all or none; the words go with the first. `files`: [{ blob, file }], a file
  /// is { name, mime, size, opaque?, width?, height?, preview? }. Returns what the uploads need to know of each.
  async attach(to, files, caption, replyTo) {
    const uploads = files.map(({ blob, file }, index) => {
      const words = index > 0 ? "" : replyTo ? withQuote(replyTo, caption) : caption;
      return { id: newID(), to, blob, file, words, link: null };
    });
    await this.#change((rows, draft) => {
      for (const upload of uploads) {
        upload.order = this.#nextOrder();
        rows.put("uploads", upload);
        const body = withFiles(upload.words, [{ ...upload.file, ...noReference }]);
        this.#putMine({ id: upload.id, to, body, upload: { code: null } }, upload.order, rows, draft);
      }
      draft.chat(to).draft = "";
    });
    // What is sent is what was kept: the file on the disk may change, or go.
    for (const upload of uploads) upload.blob = (await this.#store.upload(upload.id).catch(() => null))?.blob ?? upload.blob;
    return uploads;
  }

  /// How an upload stands: fields of its row, and why it does not go on (null: it does).
  amendUpload(upload, fields, code = null) {
    Object.assign(upload, fields);
    return this.#change(async (rows, draft) => {
      if (!(await rows.get("uploads", upload.id))) return;
      rows.put("uploads", upload);
      await this.#amend(upload.to, upload.id, rows, draft, { upload: { code } });
    });
  }

  /// The file is there: now its message goes out as every other.
  async uploaded(upload, file) {
    let message = null;
    await this.#change(async (rows, draft) => {
      rows.remove("uploads", upload.id);
      const row = await rows.get("messages", [upload.to, this.me, upload.id]);
      if (!row) return;
      row.body = withFiles(upload.words, [{ ...upload.file, ...file }]);
      delete row.upload;
      message = { id: upload.id, to: upload.to, body: row.body };
      rows.put("outbox", { ...message, order: upload.order });
      rows.put("messages", row);
      draft.message(row);
    });
    if (message) this.client?.send(message);
  }

  /// Sends what failed once more, under a new id.
  async resend(message) {
    let again = null;
    await this.#change(async (rows, draft) => {
      if (!(await rows.get("messages", [message.chat, message.from, message.id]))) return;
      await this.#remove(message, rows, draft);
      again = { id: newID(), to: message.chat, body: message.body };
      this.#putOut(again, rows, draft);
    });
    if (again) this.client?.send(again);
  }

  /// Takes a message that failed, or whose file is on its way, off the screen.
  discard(message) {
    return this.#change(async (rows, draft) => {
      const kept = await rows.get("messages", [message.chat, message.from, message.id]);
      // It was sent in this moment.
      if (kept?.at && !message.at) return;
      await this.#remove(message, rows, draft);
    });
  }

  async #remove(message, rows, draft) {
    rows.remove("messages", [message.chat, message.from, message.id]);
    if (message.from === this.me) {
      rows.remove("uploads", message.id);
      // Its file may have arrived in this moment.
      rows.remove("outbox", message.id);
      draft.afterwards(() => this.client?.forget(message.id));
    }
    draft.removed.push(message);
    const chat = draft.chat(message.chat);
    if (chat.last?.id === message.id) chat.last = (await rows.newest(message.chat)) ?? null;
  }

  /// The chat is before somebody's eyes.
  see(chatID) {
    const chat = this.chats.get(chatID);
    if (!chat || (chat.unread === 0 && (chat.newestIn <= chat.seen || chat.left))) return;
    return this.#change((rows, draft) => this.#markSeen(draft.chat(chatID), rows, draft));
  }

  /// What is written and not sent yet.
  keepDraft(chatID, text) {
    const known = this.chats.get(chatID);
    if ((known?.draft ?? "") === text) return;
    return this.#change((rows, draft) => {
      draft.chat(chatID).draft = text;
    });
  }

  /// Asks for a change of a group; resolves with `group.done`.
  async change(fields) {
    const change = { ref: newID(), ...fields };
    await this.#change((rows) => rows.put("changes", { ...change, order: this.#nextOrder() }));
    return this.client.change(change);
  }

  // --- what was asked for ----------------------------------------------------------------------------------------------

  keepAttempt(attempt) {
    return this.#change((rows) => rows.put("state", attempt, "attempt"));
  }

  keepMode(isArchive) {
    this.isArchive = isArchive;
    return this.#change((rows) => rows.put("state", isArchive, "archive"));
  }

  keepInfo(frame) {
    return this.#change((rows, draft) => {
      const chat = draft.chat(frame.group);
      const { title, text, announce, receipts, history, members } = frame;
      chat.title = title;
      chat.info = { text, announce, receipts, history, members };
      chat.left = false;
    });
  }

  /// The server does not tell us of a group: it is gone, or we are.
  keepLeft(group) {
    return this.#change((rows, draft) => {
      draft.chat(group).left = true;
    });
  }

  /// Groups that this device has not heard of yet.
  keepGroups(groups) {
    return this.#change((rows, draft) => {
      for (const { group, title } of groups) {
        const chat = draft.chat(group);
        chat.title = title;
        chat.left = false;
        chat.sort = Math.max(chat.sort, 1);
      }
    });
  }

  /// Stores a page of history. `chatID`: null when it was asked for all chats. `whole`: what is complete when there is no
  /// more: `isComplete` (what was for us) or `isLogComplete` (what a group had before us, too).
  keepHistory(chatID, frame, whole) {
    return this.#change(async (rows, draft) => {
      for (const entry of frame.entries) {
        const { type, n, group, seq, from, id, at, body, ...event } = entry;
        switch (type) {
          case "message":
            await this.#put(from, entry, rows, draft);
            this.#wasThere(draft.chat(from), at);
            break;
          case "copy":
            await this.#put(entry.to, { ...entry, from: this.me }, rows, draft);
            break;
          case "group.message":
            await this.#put(group, entry, rows, draft);
            if (from !== this.me) this.#wasThere(draft.chat(group), at);
            break;
          case "group.event":
            await this.#put(group, { n, seq, from, id, at, event: { ...event, from } }, rows, draft);
            this.#wasThere(draft.chat(group), at);
            break;
          case "expired":
            await this.#amend(entry.to, id, rows, draft, { expired: true });
            break;
        }
      }
      if (chatID !== null && !frame.more) draft.chat(chatID)[whole] = true;
    });
  }

  #wasThere(chat, at) {
    chat.newestIn = Math.max(chat.newestIn, at);
  }

  // --- transactions ----------------------------------------------------------------------------------------------------

  /// One after the other, so that no copy is older than what is in memory.
  #change(work) {
    const run = this.#last.then(async () => {
      const draft = new Draft(this.chats);
      await this.#store.write(async (rows) => {
        await work(rows, draft);
        for (const chat of draft.chats.values()) rows.put("chats", chat);
      });
      draft.commit();
      this.onChange(draft);
    });
    this.#last = run.catch(() => {});
    return run;
  }

  /// Rises, also over reloads.
  #nextOrder() {
    this.#orderLast = Math.max(this.#orderLast + 1, Date.now() * 64);
    return this.#orderLast;
  }
}

/// When a message of mine was written, microseconds by the clock of this browser; its stamp, if it has one.
const writtenAt = ({ at, sort }) => at ?? ((sort - pendingBase) / 64) * 1000;

/// What a transaction is about to change.
class Draft {
  chats = new Map();
  messages = [];
  removed = [];
  arrived = [];
  gap = false;
  #known;
  #afterwards = [];
  #isCleared = false;

  constructor(known) {
    this.#known = known;
  }

  /// A copy of a chat, made when there is none; it is written back.
  chat(id) {
    let chat = this.chats.get(id);
    if (chat) return chat;
    const known = this.#isCleared ? null : this.#known.get(id);
    chat = known
      ? structuredClone(known)
      : {
          id, title: isGroup(id) ? "" : id, last: null, sort: 0, unread: 0, delivered: 0, read: 0, newestIn: 0, seen: 0,
          left: false, info: null, oldestN: null, oldestSeq: null, isComplete: false, isLogComplete: false,
          draft: "",
        };
    this.chats.set(id, chat);
    return chat;
  }

  message(message) {
    this.messages.push(message);
    const chat = this.chat(message.chat);
    const { last } = chat;
    const isLast = last && last.id === message.id && last.from === message.from;
    // What was refused stands last in the chat; in the list it gives way to what is newer.
    const isPast = last && (last.failed || last.upload?.code) && message.at > writtenAt(last);
    if (last && !isLast && !isPast && message.sort < last.sort) {
      if (message.at) chat.sort = Math.max(chat.sort, message.at);
      return;
    }
    chat.last = message;
    // A message on its way is as new as it can be; its stamp will say the same.
    chat.sort = message.at ?? Math.max(chat.sort, Date.now() * 1000);
  }

  clear() {
    this.chats.clear();
    this.messages.length = 0;
    this.arrived.length = 0;
    this.#isCleared = true;
  }

  afterwards(call) {
    this.#afterwards.push(call);
  }

  commit() {
    if (this.#isCleared) this.#known.clear();
    for (const [id, chat] of this.chats) this.#known.set(id, chat);
    for (const call of this.#afterwards) call();
  }
}

/// What is known of a group, after one of its events.
function afterEvent(info, event, from) {
  const users = event.users ?? [];
  let members = info.members;
  switch (event.change) {
    case "add":
      members = [...members, ...users.filter((user) => !members.some((member) => member.user === user)).map((user) => ({ user, role: "member" }))];
      members.sort((left, right) => (left.user < right.user ? -1 : 1));
      return { ...info, members };
    case "remove":
      return { ...info, members: members.filter(({ user }) => !users.includes(user)) };
    case "leave":
      return { ...info, members: members.filter(({ user }) => user !== from) };
    case "role":
      return {
        ...info,
        members: members.map((member) => {
          if (users.includes(member.user)) return { ...member, role: event.role };
          // Whoever hands the group over becomes an admin.
          if (event.role === "owner" && member.user === from) return { ...member, role: "admin" };
          return member;
        }),
      };
    case "describe":
      return { ...info, text: event.text };
    case "settings":
      return { ...info, announce: event.announce, receipts: event.receipts, history: event.history };
    default:
      return info;
  }
}
