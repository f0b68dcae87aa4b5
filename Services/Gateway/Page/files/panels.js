// The dialogs: a new chat, a new group, what a group is like and who may do what in it, and who has a message.

import { avatar } from "/avatar.js";
import { dialog, el, icon, tickMark, toast } from "/dom.js";
import { clock, dayName, isGroup, isName, milliseconds, refusalSentence } from "/words.js";

const nameRule = "1 to 64 letters, digits and . _ - @ + :";

/// Runs what a button asks for; a refusal becomes a sentence.
async function attempt(work, button) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    if (!error.code) console.error(error);
    toast(refusalSentence(error.code ?? "no_answer"));
    return null;
  } finally {
    if (button) button.disabled = false;
  }
}

/// Names in a text, by blanks or commas.
const namesIn = (text) => [...new Set(text.split(/[\s,;]+/).filter(Boolean))];

/// Complains under a field in the words of the form.
function complain(field, sentence) {
  field.setCustomValidity(sentence);
  field.reportValidity();
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
}

export function newChat({ book, open }) {
  dialog("New chat", ({ close }) => {
    const field = el("input.field", { type: "text", name: "name", autocomplete: "off", autocapitalize: "none", spellcheck: false, placeholder: "Their name", "aria-label": "Name", required: true, autofocus: true });
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          const name = field.value.trim();
          if (!isName(name)) return complain(field, `A name is ${nameRule}.`);
          if (name === book.me) return complain(field, "That is you.");
          close();
          open(name);
        },
      },
      el("div.field-line", {}, field, el("button.primary", { type: "submit" }, "Chat")),
    );
    const group = el("button.wide", { type: "button", onclick: () => (close(), newGroup({ book, open })) }, icon("group"), el("span", {}, "New group"));
    const known = book.list.filter((chat) => !isGroup(chat.id)).slice(0, 30);
    const people = el(
      "ul.people",
      { role: "list" },
      known.map((chat) => el("li", {}, el("button.person", { type: "button", onclick: () => (close(), open(chat.id)) }, avatar(chat.id, chat.title), el("bdi", {}, chat.title)))),
    );
    return [form, group, people];
  });
}

export function newGroup({ book, open }) {
  dialog("New group", ({ close }) => {
    const title = el("input.field", { type: "text", name: "title", maxlength: "100", autocomplete: "off", placeholder: "Name of the group", "aria-label": "Name of the group", required: true, autofocus: true });
    const users = el("input.field", { type: "text", name: "users", autocomplete: "off", autocapitalize: "none", spellcheck: false, placeholder: "Members, for instance: bob cem", "aria-label": "Members" });
    const create = el("button.primary", { type: "submit" }, "Create");
    return el(
      "form.stack",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          if (title.value.trim() === "") return complain(title, "A group has a name.");
          const names = namesIn(users.value).filter((name) => name !== book.me);
          const wrong = names.find((name) => !isName(name));
          if (wrong) return complain(users, `“${wrong}” is no name: a name is ${nameRule}.`);
          const done = await attempt(() => book.change({ change: "create", title: title.value.trim(), users: names }), create);
          if (!done) return;
          close();
          open(done.group);
        },
      },
      title,
      users,
      el("p.hint", {}, "You will be its owner. Members can be added later."),
      create,
    );
  });
}

/// What a person or a group is like.
export function chatInfo({ book, client, presence, id }) {
  return isGroup(id) ? groupInfo({ book, client, id }) : personInfo({ client, presence, id });
}

function personInfo({ client, presence, id }) {
  dialog("Contact", () => {
    const block = el("button.danger", { type: "button", hidden: true }, icon("close"), el("span"));
    const show = ({ blocked }) => {
      const isBlocked = blocked.includes(id);
      block.hidden = false;
      block.lastChild.textContent = isBlocked ? `Unblock ${id}` : `Block ${id}`;
      block.onclick = async () => {
        const answer = await attempt(() => client.ask({ type: "block", user: id, on: !isBlocked }), block);
        if (answer) show(answer);
      };
    };
    // A server that cannot block shows no button.
    client.ask({ type: "settings" }).then(show, () => {});
    return [el("div.about", {}, avatar(id, id), el("bdi.about-name", {}, id), el("p.hint", {}, presence.status(id))), block];
  });
}

/// Who sees when somebody was here, who learns what she has read, and who is blocked.
export function privacy({ client }) {
  dialog("Privacy", ({ body }) => {
    const ask = (fields, button) => attempt(() => client.ask({ type: "settings", ...fields }), button);
    const show = (answer) => body.replaceChildren(...build(answer));
    const change = async (fields, button) => {
      const answer = await ask(fields, button);
      if (answer) show(answer);
    };
    const build = ({ last_seen: lastSeen, except, read_receipts: receipts, blocked }) => {
      const field = el("input.field", { type: "text", name: "except", autocomplete: "off", autocapitalize: "none", spellcheck: false, "aria-label": "Except", placeholder: "Except: bob cem", value: except.join(" ") });
      const choice = (value, sentence) => {
        const radio = el("input", { type: "radio", name: "last-seen", checked: lastSeen === value });
        radio.addEventListener("change", () => change({ last_seen: value }));
        return el("label", {}, radio, el("span", {}, sentence));
      };
      const read = el("input", { type: "checkbox", name: "receipts", checked: receipts });
      read.addEventListener("change", () => change({ read_receipts: read.checked }));
      return [
        el("fieldset.rules", {}, el("legend", {}, "Who sees when I was here"), choice("everyone", "Everybody"), choice("nobody", "Nobody"),
          el("form.field-line", {
            onsubmit: (event) => {
              event.preventDefault();
              change({ except: namesIn(field.value) }, event.submitter);
            },
          }, field, el("button.primary", { type: "submit" }, "Save")),
          el("p.hint", {}, "Whoever does not see yours shows you none either.")),
        el("fieldset.rules", {}, el("legend", {}, "Read receipts"), el("label", {}, read, el("span", {}, "Others learn what I have read, and I what they have")), el("p.hint", {}, "In groups they are always on.")),
        blocked.length > 0 ? el("h3", {}, "Blocked") : "",
        el("ul.people", { role: "list" }, blocked.map((user) => {
          const end = el("button.link", { type: "button", "aria-label": `Unblock ${user}` }, "Unblock");
          end.addEventListener("click", async () => {
            const answer = await attempt(() => client.ask({ type: "block", user, on: false }), end);
            if (answer) show(answer);
          });
          return el("li.member", {}, avatar(user, user), el("span.member-lines", {}, el("bdi", {}, user)), end);
        })),
      ];
    };
    client.ask({ type: "settings" }).then(show, ({ code }) => body.replaceChildren(el("p.hint", {}, refusalSentence(code))));
    return el("p.hint", { role: "status" }, "Asking the server…");
  });
}

const roleNames = { owner: "Owner", admin: "Admin", member: "" };

function groupInfo({ book, client, id }) {
  const me = book.me;
  const chat = () => book.chats.get(id);
  const change = (fields, button) => attempt(() => book.change({ group: id, ...fields }), button);

  const build = ({ close }) => {
    const { title, info, left } = chat();
    const head = el("div.about", {}, avatar(id, title), el("bdi.about-name", {}, title || "Group"), info?.text ? el("p.about-text", { dir: "auto" }, info.text) : null);
    if (left) return [head, el("p.hint", {}, "You are not in this group any more.")];
    if (!info) return [head, el("p.hint", { role: "status" }, "Asking the server…")];

    const role = info.members.find(({ user }) => user === me)?.role ?? "member";
    const mayManage = role !== "member";
    const parts = [head];

    if (mayManage) {
      const name = el("input.field", { type: "text", name: "rename", "aria-label": "Name of the group", value: title, maxlength: "100" });
      const text = el("input.field", { type: "text", name: "describe", "aria-label": "Description", value: info.text, maxlength: "500", placeholder: "Description" });
      parts.push(
        el(
          "form.field-line",
          {
            onsubmit: async (event) => {
              event.preventDefault();
              const button = event.submitter;
              if (name.value.trim() && name.value.trim() !== title) await change({ change: "rename", title: name.value.trim() }, button);
              if (text.value !== info.text) await change({ change: "describe", text: text.value }, button);
            },
          },
          el("div.stack.grow", {}, name, text),
          el("button.primary", { type: "submit" }, "Save"),
        ),
      );
      const users = el("input.field", { type: "text", name: "add", autocomplete: "off", autocapitalize: "none", spellcheck: false, "aria-label": "Add members", placeholder: "Add members: dan eve" });
      parts.push(
        el(
          "form.field-line",
          {
            onsubmit: async (event) => {
              event.preventDefault();
              const names = namesIn(users.value);
              const wrong = names.find((name) => !isName(name));
              if (wrong) return complain(users, `“${wrong}” is no name: a name is ${nameRule}.`);
              if (names.length === 0 || !(await change({ change: "add", users: names }, event.submitter))) return;
              // Perhaps not the field from before: news of the group draw all of this anew.
              const field = body.querySelector("input[name=add]");
              if (field) field.value = "";
            },
          },
          users,
          el("button.primary", { type: "submit" }, "Add"),
        ),
      );
      const rules = [
        ["announce", "Only admins write"],
        ["receipts", "Everybody sees who has read"],
        ...(book.isArchive ? [["history", "Newcomers see what was written before"]] : []),
      ];
      parts.push(
        el(
          "fieldset.rules",
          {},
          el("legend", {}, "Rules"),
          rules.map(([name, sentence]) => {
            const box = el("input", { type: "checkbox", name, checked: info[name] });
            box.addEventListener("change", async () => {
              const { announce, receipts, history } = chat().info;
              const done = await change({ change: "settings", announce, receipts, history, [name]: box.checked });
              if (!done) box.checked = !box.checked;
            });
            return el("label", {}, box, el("span", {}, sentence));
          }),
        ),
      );
    }

    parts.push(
      el("h3", {}, `${info.members.length} ${info.members.length === 1 ? "member" : "members"}`),
      el("ul.people", { role: "list" }, info.members.map((member) => memberRow(member, role))),
    );

    const isAlone = info.members.length === 1;
    const leave = el("button.danger", { type: "button" }, icon("leave"), el("span", {}, "Leave the group"));
    confirmed(leave, "Leave? Press again", () => change({ change: "leave" }, leave));
    const remove = el("button.danger", { type: "button" }, icon("close"), el("span", {}, "Delete the group for everybody"));
    confirmed(remove, "Delete? Press again", async () => {
      if (await change({ change: "delete" }, remove)) close();
    });
    if (role === "owner") {
      if (!isAlone) parts.push(el("p.hint", {}, "To leave, first make somebody else the owner."));
      else parts.push(leave);
      parts.push(remove);
    } else {
      parts.push(leave);
    }
    return parts;
  };

  const memberRow = (member, myRole) => {
    const { user, role } = member;
    const mayTouch = user !== me && role !== "owner" && myRole !== "member";
    const buttons = [];
    if (mayTouch) {
      const promote = role === "member";
      buttons.push(
        el("button.link", { type: "button", onclick: (event) => change({ change: "role", role: promote ? "admin" : "member", users: [user] }, event.target) }, promote ? "Make admin" : "Not admin"),
      );
      if (myRole === "owner") {
        const hand = el("button.link", { type: "button" }, "Make owner");
        confirmed(hand, "Really? Press again", () => change({ change: "role", role: "owner", users: [user] }, hand));
        buttons.push(hand);
      }
      const remove = el("button.link.bad", { type: "button", "aria-label": `Remove ${user}` }, "Remove");
      confirmed(remove, "Press again", () => change({ change: "remove", users: [user] }, remove));
      buttons.push(remove);
    }
    return el(
      "li.member",
      { "data-user": user },
      avatar(user, user),
      el("span.member-lines", {}, el("bdi", {}, user === me ? `${user} (you)` : user), el("span.role", {}, roleNames[role])),
      el("span.member-buttons", {}, buttons),
    );
  };

  const { box, body } = dialog("Group", build);
  const close = () => box.close();
  const refresh = () => {
    if (!box.open) return;
    // What is being typed stays; everything else is drawn anew.
    const focused = document.activeElement;
    const place = body.contains(focused) ? focused.name || focused.textContent : null;
    const typed = new Map([...body.querySelectorAll("input[type=text]")].map((field) => [field.name, field === focused || field.name === "add" ? field.value : null]));
    body.replaceChildren(...[build({ close })].flat());
    for (const [name, value] of typed) {
      const field = body.querySelector(`input[name="${name}"]`);
      if (field && value !== null) field.value = value;
    }
    if (place) ([...body.querySelectorAll("input, button")].find((element) => (element.name || element.textContent) === place) ?? box).focus();
  };
  book.onInfo = refresh;
  box.addEventListener("close", () => (book.onInfo = null));
  client
    .ask({ type: "group.info", group: id })
    .then((frame) => book.keepInfo(frame))
    .catch((refused) => {
      if (["no_such_group", "not_member"].includes(refused.code)) book.keepLeft(id);
    });
}

/// The first press asks, the second one does it.
function confirmed(button, question, work) {
  const words = button.lastChild;
  const text = words.textContent;
  let isAsked = false;
  let timer;
  button.addEventListener("click", () => {
    if (isAsked) {
      clearTimeout(timer);
      isAsked = false;
      words.textContent = text;
      return work();
    }
    isAsked = true;
    words.textContent = question;
    timer = setTimeout(() => {
      isAsked = false;
      words.textContent = text;
    }, 4_000);
  });
}

/// Who has a message and who has read it.
export function messageInfo({ book, client, message }) {
  const group = isGroup(message.chat);
  const when = (stamp) => `${dayName(milliseconds(stamp))}, ${clock(milliseconds(stamp))}`;
  dialog("Message", ({ body }) => {
    const lines = [el("p.info-line", {}, tickMark("sent"), el("span", {}, `Sent: ${when(message.at)}`))];
    if (!group) {
      const tick = book.tick(message);
      if (tick === "delivered" || tick === "read") lines.push(el("p.info-line", {}, tickMark("delivered"), el("span", {}, `Delivered to ${message.chat}`)));
      if (tick === "read") lines.push(el("p.info-line", {}, tickMark("read"), el("span", {}, `Read by ${message.chat}`)));
      return lines;
    }
    const list = el("div.receipts", {}, el("p.hint", { role: "status" }, "Asking the server…"));
    client
      .ask({ type: "receipts", with: message.chat, at: message.at })
      .then((frame) => list.replaceChildren(...receiptLists(frame.entries, when)))
      .catch((refused) => list.replaceChildren(el("p.hint", {}, refusalSentence(refused.code))));
    return [...lines, list];
  });
}

function receiptLists(entries, when) {
  const parts = [
    ["Read by", "read", entries.filter((entry) => entry.read)],
    ["Delivered to", "delivered", entries.filter((entry) => !entry.read && entry.got)],
    ["Not delivered yet", "sent", entries.filter((entry) => !entry.got && !entry.read)],
  ];
  return parts
    .filter(([, , members]) => members.length > 0)
    .map(([name, tick, members]) =>
      el(
        "section",
        {},
        el("h3", {}, tickMark(tick), ` ${name} ${members.length}`),
        el(
          "ul.people",
          { role: "list" },
          members.map((entry) =>
            el("li.member", {}, avatar(entry.user, entry.user), el("span.member-lines", {}, el("bdi", {}, entry.user), el("span.role", {}, entry.read ? when(entry.read) : entry.got ? when(entry.got) : ""))),
          ),
        ),
      ),
    );
}
