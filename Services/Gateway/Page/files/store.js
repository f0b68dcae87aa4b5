// What this browser keeps, in IndexedDB: one database for each person who signed in here.
//
//     state      by name: cursor, ticks, archive, attempt (how many connections this device has made)
//     chats      by id: what the list of chats shows, and how far ticks have risen
//     messages   by [chat, from, id]; `time` is an index by [chat, sort], the order on the screen
//     outbox     messages without `sent`, by id; `order` is the order in which they were written
//     reads      read marks without `noted`, by chat
//     changes    changes of groups without `group.done`, by ref
//     uploads    files on their way, with their bytes, by the id of their message; `order` likewise
//     keeps      references without `media.kept`, by media
//
// A transaction that completed is on disk (`durability: "strict"`): only then may an entry be acknowledged.

/// 2: files.
const version = 2;
const stores = ["state", "chats", "messages", "outbox", "reads", "changes", "uploads", "keeps"];

/// Resolves with the result of a request.
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  static async open(user) {
    const request = indexedDB.open(`fantail:${user}`, version);
    request.onupgradeneeded = ({ oldVersion }) => {
      const database = request.result;
      if (oldVersion < 1) {
        database.createObjectStore("state");
        database.createObjectStore("chats", { keyPath: "id" });
        const messages = database.createObjectStore("messages", { keyPath: ["chat", "from", "id"] });
        messages.createIndex("time", ["chat", "sort"]);
        database.createObjectStore("outbox", { keyPath: "id" });
        database.createObjectStore("reads", { keyPath: "with" });
        database.createObjectStore("changes", { keyPath: "ref" });
      }
      database.createObjectStore("uploads", { keyPath: "id" });
      database.createObjectStore("keeps", { keyPath: "media" });
    };
    const database = await result(request);
    // Another tab wants to delete it.
    database.onversionchange = () => database.close();
    return new Store(database);
  }

  /// Removes everything that is kept for a person.
  static async remove(user) {
    await result(indexedDB.deleteDatabase(`fantail:${user}`));
  }

  close() {
    this.#database.close();
  }

  /// Runs `work` in one transaction over everything; resolves when it is on disk, throws when nothing of it is.
  /// `work` may wait for requests of the transaction and for nothing else.
  async write(work) {
    const transaction = this.#database.transaction(stores, "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was taken back"));
    });
    let value;
    try {
      value = await work(new Rows(transaction));
    } catch (error) {
      done.catch(() => {});
      try {
        transaction.abort();
      } catch {
        // It has ended by itself.
      }
      throw error;
    }
    await done;
    return value;
  }

  /// Everything that is needed at the start.
  async load() {
    const transaction = this.#database.transaction(stores, "readonly");
    const state = transaction.objectStore("state");
    const [cursor, ticks, archive, attempt, chats, outbox, reads, changes, uploads, keeps] = await Promise.all([
      result(state.get("cursor")),
      result(state.get("ticks")),
      result(state.get("archive")),
      result(state.get("attempt")),
      ...["chats", "outbox", "reads", "changes", "uploads", "keeps"].map((name) => result(transaction.objectStore(name).getAll())),
    ]);
    const byOrder = (left, right) => left.order - right.order;
    return {
      cursor, ticks, archive, attempt, chats, outbox: outbox.sort(byOrder), reads, changes: changes.sort(byOrder),
      uploads: uploads.sort(byOrder), keeps,
    };
  }

  /// A file on its way, as it is kept.
  upload(id) {
    return result(this.#database.transaction("uploads", "readonly").objectStore("uploads").get(id));
  }

  /// Up to `count` messages of a chat, oldest first, that stand before `sort` (all: Infinity).
  async page(chat, before, count) {
    const index = this.#database.transaction("messages", "readonly").objectStore("messages").index("time");
    const range = IDBKeyRange.bound([chat, 0], [chat, before], false, true);
    const rows = [];
    return new Promise((resolve, reject) => {
      const request = index.openCursor(range, "prev");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor || rows.length === count) return resolve(rows.reverse());
        rows.push(cursor.value);
        cursor.continue();
      };
    });
  }
}

/// The rows of a running transaction.
class Rows {
  #transaction;

  constructor(transaction) {
    this.#transaction = transaction;
  }

  get(store, key) {
    return result(this.#transaction.objectStore(store).get(key));
  }

  put(store, value, key) {
    this.#transaction.objectStore(store).put(value, key);
  }

  remove(store, key) {
    this.#transaction.objectStore(store).delete(key);
  }

  /// The message of a chat with that stamp.
  messageAt(chat, at) {
    return result(this.#transaction.objectStore("messages").index("time").get([chat, at]));
  }

  /// The message that stands last in a chat; undefined when there is none.
  async newest(chat) {
    const range = IDBKeyRange.bound([chat, 0], [chat, Infinity]);
    return (await result(this.#transaction.objectStore("messages").index("time").openCursor(range, "prev")))?.value;
  }

  clear() {
    for (const store of stores) this.#transaction.objectStore(store).clear();
  }
}
