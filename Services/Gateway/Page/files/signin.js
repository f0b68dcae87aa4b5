// The first thing that somebody sees: who are you?

import { el } from "/dom.js";
import { askGateway, claims, device, keepSession, mint } from "/session.js";
import { isName, tokenSentence } from "/words.js";

/// Shows the form in `place`; resolves when a session is kept. `reason`: why it is asked again.
export async function signIn(place, reason) {
  let login = { development: false };
  try {
    login = await askGateway(null);
  } catch {
    reason ??= "The server cannot be reached at the moment.";
  }
  return new Promise((resolve) => {
    const note = el("p.signin-note", { role: "alert" }, reason ?? "");
    const done = (value) => {
      keepSession(value);
      resolve();
    };
    const byToken = tokenForm(note, done);
    const forms = login.development
      ? [nameForm(note, done), el("details.signin-token", {}, el("summary", {}, "Use a token instead"), byToken)]
      : [byToken];
    place.replaceChildren(
      el(
        "main.signin",
        {},
        el("div.signin-card", {}, el("img.logo", { src: "/icon.svg", alt: "", width: "72", height: "72" }), el("h1", {}, "Fantail"), el("p.signin-lead", {}, "A tick means what it says."), forms, note),
      ),
    );
    place.querySelector("input, textarea")?.focus();
  });
}

function nameForm(note, done) {
  const name = el("input.field", { type: "text", name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: false, placeholder: "ana", "aria-label": "Your name", required: true });
  const start = el("button.primary", { type: "submit" }, "Start chatting");
  return el(
    "form.stack",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const user = name.value.trim();
        if (!isName(user)) return note.replaceChildren("A name is 1 to 64 letters, digits and . _ - @ + :");
        start.disabled = true;
        try {
          const token = await mint(user);
          if (token) return done({ user, device: device(), token, isDevelopment: true });
          note.replaceChildren("The server does not sign in by name.");
        } catch {
          note.replaceChildren("The server cannot be reached. Try again.");
        } finally {
          start.disabled = false;
        }
      },
    },
    el("label.signin-label", {}, "Who are you?", name),
    start,
    el("p.hint", {}, "This cluster is for development: any name will do, and nobody asks for a password."),
  );
}

function tokenForm(note, done) {
  const field = el("textarea.field.token", { name: "token", rows: 4, spellcheck: false, autocapitalize: "none", autocomplete: "off", placeholder: "eyJhbGciOi…", "aria-label": "Token", required: true });
  const start = el("button.primary", { type: "submit" }, "Sign in");
  return el(
    "form.stack",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const token = field.value.trim();
        const found = claims(token);
        if (!found) return note.replaceChildren(tokenSentence("token_malformed"));
        start.disabled = true;
        try {
          const answer = await askGateway(token);
          if (answer.token !== "ok") return note.replaceChildren(tokenSentence(answer.token));
          done({ user: found.sub, device: found.device ?? "main", token, isDevelopment: false });
        } catch {
          note.replaceChildren("The server cannot be reached. Try again.");
        } finally {
          start.disabled = false;
        }
      },
    },
    el("label.signin-label", {}, "Paste the token that your log-in gave you", field),
    start,
  );
}
