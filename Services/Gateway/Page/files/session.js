// Who is signed in here: a person, this browser's device id, and the token.
//
// The token comes from the product's log-in and is pasted, or, on a cluster for development, the gateway mints one for any
// name. It lies in localStorage: nothing but this page's own scripts can read that, and the page runs no others.

const key = "fantail.session";
const deviceKey = "fantail.device";
/// For an answer of the gateway, milliseconds: somebody looks at an empty page meanwhile.
const answerPatience = 10_000;

/// Each browser profile is a device of its own, and stays the same one.
export function device() {
  let id = localStorage.getItem(deviceKey);
  if (!id) {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    id = `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    localStorage.setItem(deviceKey, id);
  }
  return id;
}

/// { user, device, token, isDevelopment } or null.
export function session() {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

export function keepSession(value) {
  localStorage.setItem(key, JSON.stringify(value));
}

export function forgetSession() {
  localStorage.removeItem(key);
}

/// The claims of a token, unchecked: the server checks. Null when it is none.
export function claims(token) {
  try {
    const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    const found = JSON.parse(new TextDecoder().decode(bytes));
    return typeof found.sub === "string" && typeof found.exp === "number" ? found : null;
  } catch {
    return null;
  }
}

/// What the gateway says: { development, token? }; `token` is "ok" or what is wrong with the one that was shown.
export async function askGateway(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("/v1/login", { headers, cache: "no-store", signal: AbortSignal.timeout(answerPatience) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

/// A token for any name, on a cluster for development. Throws when the gateway is away; null when it refuses.
export async function mint(user) {
  const query = new URLSearchParams({ user, device: device() });
  const answer = await fetch(`/v1/login?${query}`, { method: "POST", cache: "no-store", signal: AbortSignal.timeout(answerPatience) });
  if (!answer.ok) return null;
  return (await answer.json()).token;
}
