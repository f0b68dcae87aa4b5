// How things are said: times, names, events, refusals, what a body holds. Pure functions; what they return is text and never markup.

import { fileLine, fileLinesMax, mediaTypes, readFileLine } from "/fantail.js";

const day = 86_400_000;

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/// Milliseconds of a stamp, which counts microseconds.
export const milliseconds = (stamp) => stamp / 1000;

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const dateFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export const clock = (ms) => clockFormat.format(ms);

function daysAgo(ms, now) {
  return Math.round((startOfDay(new Date(now)) - startOfDay(new Date(ms))) / day);
}

/// "Today", "Yesterday", "Monday", "3 Feb".
export function dayName(ms, now = Date.now()) {
  const ago = daysAgo(ms, now);
  if (ago <= 0) return "Today";
  if (ago === 1) return "Yesterday";
  if (ago < 7) return weekdayFormat.format(ms);
  return (new Date(ms).getFullYear() === new Date(now).getFullYear() ? dateFormat : yearFormat).format(ms);
}

/// For the list of chats: the clock today, the day before that.
export function listTime(ms, now = Date.now()) {
  return daysAgo(ms, now) <= 0 ? clock(ms) : dayName(ms, now);
}

/// "last seen today at 12:31".
export function lastSeen(stamp, now = Date.now()) {
  const ms = milliseconds(stamp);
  const name = dayName(ms, now);
  return `last seen ${["Today", "Yesterday"].includes(name) ? name.toLowerCase() : name} at ${clock(ms)}`;
}

export const isGroup = (id) => id.startsWith("g:");

/// One or two letters for the round picture of a chat.
export function initials(name) {
  const words = name.split(/[\s._@+:-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[1]] : [words[0] ?? "?"];
  return letters.map((word) => [...word][0].toUpperCase()).join("");
}

/// A colour that belongs to a name, 0...359 degrees.
export function hue(name) {
  let hash = 2166136261;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return (hash >>> 0) % 360;
}

/// "ana, bob and cem"; you are "you".
export function people(users, me) {
  const names = users.map((user) => (user === me ? "you" : user));
  if (names.length <= 1) return names.join("");
  if (names.length > 4) return `${names.slice(0, 3).join(", ")} and ${names.length - 3} others`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/// What a change of a group was.
export function eventSentence(event, me) {
  const who = event.from === me ? "You" : event.from;
  const whom = people(event.users ?? [], me);
  switch (event.change) {
    case "create":
      return `${who} created the group “${event.title}”`;
    case "rename":
      return `${who} renamed the group to “${event.title}”`;
    case "describe":
      return event.text ? `${who} changed the description` : `${who} removed the description`;
    case "add":
      return `${who} added ${whom}`;
    case "remove":
      return `${who} removed ${whom}`;
    case "leave":
      return `${who} left`;
    case "role":
      if (event.role === "owner") return `${who} handed the group over to ${whom}`;
      return event.role === "admin" ? `${who} made ${whom} admin` : `${who} took the admin role from ${whom}`;
    case "settings": {
      const rules = [];
      if (event.announce) rules.push("only admins may write");
      if (event.receipts) rules.push("everybody sees who has read");
      if (event.history) rules.push("newcomers see what was written before");
      return `${who} changed the rules: ${rules.join("; ") || "everybody may write"}`;
    }
    case "delete":
      return `${who} deleted the group`;
    default:
      return `${who} changed the group`;
  }
}

/// Why something was refused, for the person who wanted it.
export function refusalSentence(code) {
  return (
    {
      offline: "You are offline. Try again when the connection is back.",
      no_answer: "There was no answer. Try again.",
      unsupported: "This server does not do that.",
      to_self: "You cannot write to yourself.",
      body_too_long: "The message is too long.",
      no_such_group: "This group no longer exists.",
      not_member: "You are not in this group.",
      not_allowed: "Your role in this group does not allow that.",
      group_full: "The group is full.",
      no_change: "It is so already.",
      bad_users: "One of these names cannot be taken.",
      bad_field: "That is not allowed here.",
      too_many_devices: "You are signed in on 8 devices already.",
      storage_full: "The server has no room left.",
      rate_limited: "That was too fast. Wait a moment.",
      overloaded: "The server is busy. Try again in a moment.",
      unavailable: "A part of the server is away. Try again in a moment.",
      media_too_large: "A file may have 100 MB at most, and must not be empty.",
      media_type: "The server does not show files of this type.",
      media_quota: "You have sent 1 GB today. More goes tomorrow.",
      media_unknown: "This file is no longer kept.",
      too_many_uploads: "32 of your files are on their way. Wait until some have arrived.",
      type_differs: "What is in this file is not what its name says.",
      size_differs: "This is another file than the message says.",
      hash_differs: "The file was changed while it was being sent.",
      longer_than_announced: "The file was changed while it was being sent.",
      unreadable: "This file can no longer be read. Was it moved, changed or removed?",
      not_secure: "Files can be sent only when the page was opened by https, or on this machine as localhost.",
    }[code] ?? `The server said: ${code}`
  );
}

/// What is wrong with a token.
export function tokenSentence(reason) {
  return (
    {
      token_expired: "This token has expired. Get a new one.",
      token_bad_signature: "This token was signed with another key than the server's.",
      token_unknown_key: "The server does not know the key of this token.",
      token_not_yet_valid: "This token is not valid yet. Compare the clocks.",
      token_missing: "Paste a token.",
    }[reason] ?? "This is not a token that the server can read."
  );
}

/// The rule for names of people, as docs/protocol.md has it.
export const isName = (text) => /^[A-Za-z0-9._\-@+:]{1,64}$/.test(text) && !isGroup(text);

const quotePattern = /^> (?:([A-Za-z0-9._\-@+:]{1,64}): )?(.*)$/;

/// A reply is plain text that begins with quoted lines, so that every client shows something sensible:
///
///     > ana: shall we meet?
///     > at noon?
///
///     yes
///
/// Files stand between the two as lines of their own (docs/protocol.md, Media in a message).
///
/// Returns { quote: { from, text } or null, files, text }.
export function splitBody(body) {
  const lines = body.split("\n");
  let count = 0;
  while (count < lines.length && lines[count].startsWith("> ")) count++;
  const quoteCount = count;
  const files = [];
  for (; files.length < fileLinesMax && count < lines.length; count++) {
    const file = readFileLine(lines[count]);
    if (!file) break;
    files.push(file);
  }
  if (count === 0) return { quote: null, files, text: body };
  const text = lines.slice(lines[count] === "" ? count + 1 : count).join("\n");
  if (quoteCount === 0) return { quote: null, files, text };
  if (text === "" && files.length === 0) return { quote: null, files, text: body };
  const first = quotePattern.exec(lines[0]);
  const quoted = [first[2], ...lines.slice(1, quoteCount).map((line) => line.slice(2))];
  return { quote: { from: first[1] ?? null, text: quoted.join("\n") }, files, text };
}

/// A body without files, with these in their place.
export function withFiles(body, files) {
  const lines = body.split("\n");
  let count = 0;
  while (count < lines.length && lines[count].startsWith("> ")) count++;
  // What begins with an empty line has no words behind it, or a quotation before it.
  const text = lines.slice(count > 0 && lines[count] === "" ? count + 1 : count).join("\n");
  const tail = text === "" ? [] : ["", text];
  return [...lines.slice(0, count), ...files.map(fileLine), ...tail].join("\n");
}

/// "picture", "video" or "file": what is shown as what. A file says what it is; the server gives it out as nothing else.
export function kindOf({ mime, opaque }) {
  if (opaque || !mediaTypes.includes(mime)) return "file";
  return mime.startsWith("image/") ? "picture" : "video";
}

/// A name for the eyes: without letters that are not seen, or that turn others around ("gpj.exe" shall not look like "exe.jpg").
export function shownName(name) {
  const seen = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "").trim();
  return seen || "File";
}

/// What a picture is called on the disk: with the ending of its type, whatever else its name ends with.
export function savedName({ name, mime }) {
  const endings = { "image/jpeg": ["jpg", "jpeg"], "image/png": ["png"], "image/gif": ["gif"], "image/webp": ["webp"] }[mime] ?? [];
  const seen = shownName(name);
  return endings.length === 0 || endings.some((ending) => seen.toLowerCase().endsWith(`.${ending}`)) ? seen : `${seen}.${endings[0]}`;
}

/// "1.2 MB".
export function shownSize(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  const [value, unit] = bytes < 999_500 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${unit}`;
}

/// What stands for files where there are only words: "Photo", "2 photos", "plan.pdf".
export function filesLabel(files) {
  if (files.length === 0) return "";
  const kinds = new Set(files.map(kindOf));
  const [kind] = kinds;
  if (files.length === 1) return kind === "file" ? shownName(files[0].name) : { picture: "Photo", video: "Video" }[kind];
  return `${files.length} ${kinds.size > 1 ? "files" : { picture: "photos", video: "videos", file: "files" }[kind]}`;
}

/// A message as words, without what it quotes.
export function plainText(body) {
  const { files, text } = splitBody(body);
  const label = filesLabel(files);
  return label && text ? `${label}: ${text}` : label || text;
}

/// At most so much of a message is quoted.
const quoteLinesMax = 4;
const quoteLettersMax = 280;

export function withQuote(message, text) {
  const own = plainText(message.body);
  let quoted = [...own].slice(0, quoteLettersMax).join("");
  const lines = quoted.split("\n");
  quoted = lines.slice(0, quoteLinesMax).join("\n");
  if (quoted.length < own.length) quoted += "…";
  const [first, ...more] = quoted.split("\n");
  return [`> ${message.from}: ${first}`, ...more.map((line) => `> ${line}`), "", text].join("\n");
}

/// One line of a message, for lists and notifications.
export function oneLine(body) {
  return plainText(body).replace(/\s+/g, " ").trim().slice(0, 160);
}

/// Pixels of a JPEG, { width, height }, from its head alone; null when it is none. Three kilobytes may claim to be a picture of
/// gigabytes: whoever decodes what a stranger sent wants to know before.
export function jpegSize(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return null;
    const mark = bytes[at + 1];
    if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) {
      return { height: (bytes[at + 5] << 8) | bytes[at + 6], width: (bytes[at + 7] << 8) | bytes[at + 8] };
    }
    at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  }
  return null;
}

/// Pixels of a JPEG, PNG, GIF or WebP, { width, height }, from its head alone; null when it does not say.
export function pictureSize(bytes) {
  const has = (at, text) => [...text].every((letter, index) => bytes[at + index] === letter.charCodeAt(0));
  const little = (at, count) => Array.from({ length: count }, (_, index) => bytes[at + index] * 256 ** index).reduce((sum, part) => sum + part);
  const big = (at) => [0, 1, 2, 3].reduce((sum, index) => sum * 256 + bytes[at + index], 0);
  if (bytes.length < 10) return null;
  if (has(0, "GIF8")) return { width: little(6, 2), height: little(8, 2) };
  if (bytes.length < 30) return jpegSize(bytes);
  if (has(1, "PNG") && has(12, "IHDR")) return { width: big(16), height: big(20) };
  if (!has(0, "RIFF") || !has(8, "WEBP")) return jpegSize(bytes);
  if (has(12, "VP8X")) return { width: 1 + little(24, 3), height: 1 + little(27, 3) };
  if (has(12, "VP8 ")) return { width: little(26, 2) & 0x3fff, height: little(28, 2) & 0x3fff };
  if (has(12, "VP8L")) return { width: 1 + (little(21, 4) % 0x4000), height: 1 + (Math.floor(little(21, 4) / 0x4000) % 0x4000) };
  return null;
}

/// The place for a picture on the screen, { width, height } in pixels at most `max` of each; what is very long or very tall is cut.
export function frame({ width, height }, max) {
  if (!width || !height) return { width: Math.min(280, max.width), height: Math.min(210, max.height) };
  const ratio = Math.min(Math.max(width / height, 0.45), 2.6);
  const wide = Math.min(max.width, max.height * ratio, Math.max(width, 160));
  return { width: Math.round(wide), height: Math.round(wide / ratio) };
}

/// Cuts text into pieces: { text } and { text, link }. Only http and https become links.
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'“”]+/g)) {
    let length = match[0].length;
    while (".,;:!?…".includes(match[0][length - 1])) length--;
    let address = match[0].slice(0, length);
    if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
    if (!URL.canParse(address)) continue;
    const url = new URL(address);
    // A name and a password in front of the host make a link look like another one.
    if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, link: url.href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}
