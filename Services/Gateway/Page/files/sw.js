// Keeps the page itself, so that it opens without the network: messages are in IndexedDB already.
//
// The server is asked first, always; what it answers is kept, and is served when it cannot be reached. So a new release is
// there with the next load, and an old one never hides it.

const cacheName = "fantail";
const patience = 4_000;
const files = [
  "/", "/app.js", "/attach.js", "/avatar.js", "/book.js", "/boot.js", "/chatlist.js", "/conversation.js", "/dom.js", "/fantail.js", "/icon.svg",
  "/manifest.webmanifest", "/media.js", "/notifier.js", "/panels.js", "/presence.js", "/session.js", "/signin.js", "/store.js", "/style.css",
  "/tabs.js", "/uploads.js", "/words.js",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(files)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin || !files.includes(url.pathname)) return;
  event.respondWith(answer(event.request, url.pathname));
});

async function answer(request, path) {
  const cache = await caches.open(cacheName);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(patience) });
    if (fresh.ok) await cache.put(path, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}

// A notification that phones show: open its chat in a window that is there, or in a new one.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = `/#chat/${encodeURIComponent(event.notification.data ?? "")}`;
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then((windows) => (windows.length > 0 ? windows[0].focus().then((window) => window.navigate(address)) : self.clients.openWindow(address))),
  );
});
