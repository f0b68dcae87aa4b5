// Who is online, when somebody was last seen, who is typing: what a server may tell, and what is said about ourselves.
//
// A server without these services answers `unsupported`; then nothing is asked any more until the next connection, and
// nothing is shown. All of it is a moment's truth and none of it is kept.

import { isGroup, lastSeen, people } from "/words.js";

/// Milliseconds. A typist repeats herself every 3 s, and is hidden after 6 s without news.
const typingRepeat = 3_000;
const typingShown = 6_000;
/// While the page is in front, `active` is said again this often at most.
const activeRepeat = 20_000;
/// How many people a connection may watch.
const watchCountMax = 64;

export class Presence {
  onChange = () => {};
  /// The connection is away for longer than a blink.
  isOffline = false;
  #client;
  #people = new Map();
  #typists = new Map();
  #canWatch = null;
  #canType = true;
  #watched = "";
  #typingTo = null;
  #typingAt = 0;
  #activeAt = 0;
  #isActive = false;

  set client(client) {
    this.#client = client;
  }

  /// A new connection knows nothing of what was said on the one before.
  onWelcome(users) {
    this.#canWatch = null;
    this.#canType = true;
    this.#watched = "";
    this.#isActive = false;
    this.#activeAt = 0;
    this.watch(users);
  }

  onOffline() {
    this.#people.clear();
    this.#typists.clear();
    this.onChange();
  }

  /// Watches these people and nobody else.
  async watch(users) {
    const wanted = users.filter((user) => !isGroup(user)).slice(0, watchCountMax);
    const key = JSON.stringify([...wanted].sort());
    if (this.#canWatch === false || key === this.#watched || !this.#client?.isLive) return;
    this.#watched = key;
    try {
      const answer = await this.#client.ask({ type: "presence.watch", users: wanted });
      this.#canWatch = true;
      this.onFrame(answer);
      this.onPerson(document.visibilityState === "visible");
    } catch (refused) {
      this.#canWatch = refused.code === "offline" ? null : false;
    }
  }

  onFrame(frame) {
    const users = frame.users ?? (frame.user ? [frame] : []);
    for (const { user, online, last } of users) this.#people.set(user, { online: online === true, last: last ?? null });
    this.onChange();
  }

  /// The person does something, or went away.
  onPerson(isHere) {
    if (!this.#canWatch) return;
    const now = Date.now();
    if (isHere === this.#isActive && (!isHere || now - this.#activeAt < activeRepeat)) return;
    this.#isActive = isHere;
    this.#activeAt = now;
    this.#client.say({ type: "active", on: isHere });
  }

  // --- typing ----------------------------------------------------------------------------------------------------------

  onTyping({ from, group, on }) {
    const chat = group ?? from;
    const typists = this.#typists.get(chat) ?? new Map();
    clearTimeout(typists.get(from));
    if (on) typists.set(from, setTimeout(() => this.stopsTyping(chat, from), typingShown));
    else typists.delete(from);
    this.#typists.set(chat, typists);
    this.onChange();
  }

  /// A message came, or nothing for long.
  stopsTyping(chat, user) {
    const typists = this.#typists.get(chat);
    if (!typists?.has(user)) return;
    clearTimeout(typists.get(user));
    typists.delete(user);
    this.onChange();
  }

  /// We type: said at once and then every 3 s.
  types(chat) {
    if (!this.#canType || !this.#client?.isLive) return;
    const now = Date.now();
    if (this.#typingTo === chat && now - this.#typingAt < typingRepeat) return;
    this.#typingTo = chat;
    this.#typingAt = now;
    this.#client.say({ type: "typing", to: chat, on: true, ref: "typing" });
  }

  /// We stopped: only those who were told hear of it. Sending a message says it by itself.
  restsTyping(hasSent = false) {
    if (this.#typingTo !== null && !hasSent) this.#client?.say({ type: "typing", to: this.#typingTo, on: false, ref: "typing" });
    this.#typingTo = null;
  }

  /// True when the refusal was about us.
  onRefused(frame) {
    if (frame.ref !== "typing") return false;
    if (frame.code === "unsupported" || frame.code === "unknown_type") this.#canType = false;
    return true;
  }

  // --- words -----------------------------------------------------------------------------------------------------------

  isOnline(chat) {
    return this.#people.get(chat)?.online ?? false;
  }

  /// "typing…" or "ana is typing…"; nil when nobody is.
  typing(chat) {
    const typists = [...(this.#typists.get(chat)?.keys() ?? [])];
    if (typists.length === 0) return null;
    if (!isGroup(chat)) return "typing…";
    return `${people(typists)} ${typists.length === 1 ? "is" : "are"} typing…`;
  }

  /// "online", "last seen today at 12:31" or "".
  status(chat) {
    const person = this.#people.get(chat);
    if (!person) return "";
    if (person.online) return "online";
    return person.last ? lastSeen(person.last) : "";
  }
}
