// Notifications of new messages, while nobody looks. The browser asks whether it may; without its leave nothing is shown.

import { isGroup, oneLine } from "/words.js";

export class Notifier {
  #open;

  constructor(open) {
    this.#open = open;
  }

  get canAsk() {
    return "Notification" in window && Notification.permission === "default";
  }

  ask() {
    Notification.requestPermission();
  }

  /// One for each chat: a newer one takes the place of the older.
  tell(message, chat) {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    if (document.visibilityState === "visible" && document.hasFocus()) return;
    const text = oneLine(message.body ?? "");
    const body = isGroup(message.chat) ? `${message.from}: ${text}` : text;
    const options = { body, tag: message.chat, icon: "/icon.svg" };
    try {
      const note = new Notification(chat?.title || message.from, options);
      note.onclick = () => {
        window.focus();
        this.#open(message.chat);
        note.close();
      };
    } catch {
      // Phones want it from the service worker.
      navigator.serviceWorker?.ready.then((worker) => worker.showNotification(chat?.title || message.from, { ...options, data: message.chat }));
    }
  }
}
