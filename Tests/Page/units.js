// Unit tests of the page's logic that needs no screen: the protocol's client against a server made of arrays, uploads, and words.
//
// test_units.py runs this in the browser, with the modules that the gateway serves: `modules` is what they export. Each test is
// a sentence; a transcript says what goes out (`>`), and `said` makes the server speak.

const { Fantail, Times } = modules.fantail;
const words = modules.words;
const tests = [];
const test = (name, run) => tests.push({ name, run });

function equal(left, right, what = "") {
  const [found, wanted] = [JSON.stringify(left), JSON.stringify(right)];
  if (found !== wanted) throw new Error(`${what} is ${found}, not ${wanted}`);
}

/// The clock moves when it is told to, the dice show the middle, sockets are arrays.
class World {
  time = 1_000;
  timers = [];
  /// What went by HTTP, and what is answered to it, in order; without an answer it is lost.
  requests = [];
  answers = [];
  sockets = [];
  kept = [];
  notices = [];
  failing = false;
  holding = null;

  constructor(memory = {}, token = "t") {
    this.client = new Fantail({
      url: "ws://here/v1/ws",
      token: async () => token,
      memory,
      keep: async (batch) => {
        if (this.holding) await this.holding;
        if (this.failing) throw new Error("the disk is full");
        this.kept.push(structuredClone(batch));
      },
      notice: (notice) => this.notices.push(notice),
      world: {
        now: () => this.time,
        setTimeout: (call, ms) => {
          const timer = { call, at: this.time + ms };
          this.timers.push(timer);
          return timer;
        },
        clearTimeout: (timer) => (this.timers = this.timers.filter((other) => other !== timer)),
        random: () => 0.5,
        transfer: async (method, url, { headers = {}, body, onProgress } = {}) => {
          this.requests.push([method, url, headers["Upload-Offset"] ?? null, body ? body.size : null]);
          const answer = this.answers.shift();
          if (!answer) throw new Error("the connection was lost");
          const [status, offset, reply] = answer;
          onProgress?.(body.size);
          return { status, header: (name) => (name === "Upload-Offset" && offset !== null ? String(offset) : null), text: method === "HEAD" ? "" : JSON.stringify(reply ?? null) };
        },
        connect: (url, protocols) => {
          const socket = { url, protocols, sent: [], closed: null, send: (text) => socket.sent.push(JSON.parse(text)), close: (code) => (socket.closed = code) };
          this.sockets.push(socket);
          return socket;
        },
      },
    });
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /// Lets everything that waits for nothing but a promise happen.
  async settle() {
    for (let round = 0; round < 20; round++) await null;
    await new Promise((resolve) => setTimeout(resolve));
  }

  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (!next) break;
      this.time = Math.max(this.time, next.at);
      this.timers = this.timers.filter((other) => other !== next);
      next.call();
      await this.settle();
    }
    this.time = end;
    await this.settle();
  }

  async said(...frames) {
    for (const frame of frames) this.socket.onmessage({ data: JSON.stringify(frame) });
    await this.settle();
  }

  /// Everything that went out since the last look.
  out() {
    return this.socket.sent.splice(0);
  }

  async live(welcome = {}) {
    this.client.start();
    await this.settle();
    this.socket.onopen();
    await this.said({ type: "welcome", user: "ana", device: "web", cursor: 0, head: 0, ticks: 0, time: 1, archive: false, ...welcome });
    return this;
  }

  async cut(code = 1006) {
    this.socket.onclose({ code });
    await this.settle();
  }
}

const message = (n, id = `m-${n}`) => ({ type: "message", n, from: "bob", id, at: 100 + n, body: "hi" });
/// What the one frame, a `hello`, says of the cursor and the ticks.
const hello = ([{ type, attempt, ...rest }, ...more]) => (type === "hello" && more.length === 0 ? rest : null);
const sends = (frames) => frames.filter(({ type }) => type === "send").map(({ id, after }) => (after ? `${id} after ${after}` : id));

test("it says hello with what it remembers", async () => {
  const world = new World({ cursor: 41, ticks: 7 });
  world.client.start();
  await world.settle();
  equal(world.socket.protocols, ["fantail.json.v1", "fantail.token.t"]);
  world.socket.onopen();
  equal(world.out(), [{ type: "hello", ticks: 7, attempt: 1_000_001, cursor: 41 }]);
});

test("a new device has no cursor and wants all ticks", async () => {
  const world = await new World().live({ cursor: 12 });
  equal(world.out()[0], { type: "hello", ticks: 0, attempt: 1_000_001 });
  equal(world.kept[0].cursor, 12);
});

test("an entry is acknowledged when it is kept, and not before", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  let release;
  world.holding = new Promise((resolve) => (release = resolve));
  await world.said(message(1));
  equal(world.out(), [], "before the transaction ended, out");
  release();
  await world.settle();
  equal(world.kept.at(-1).items.map(({ n }) => n), [1]);
  equal(world.out(), [{ type: "ack", n: 1 }]);
});

test("entries that come while others are being kept are one batch and one ack", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.said(message(1), message(2), message(3), message(4));
  equal(world.kept.slice(-2).map(({ items }) => items.map(({ n }) => n)), [[1], [2, 3, 4]]);
  // The first ack at once, what follows close behind gathers.
  equal(world.out(), [{ type: "ack", n: 1 }]);
  await world.said(message(5));
  await world.pass(Times.ackPause - 1);
  equal(world.out(), []);
  await world.pass(1);
  equal(world.out(), [{ type: "ack", n: 5 }]);
  await world.pass(Times.ackPause);
  await world.said(message(6));
  equal(world.out(), [{ type: "ack", n: 6 }]);
});

test("fifty entries, or much text, are acknowledged at once", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.said(message(1));
  await world.said(...Array.from({ length: 50 }, (_, number) => message(number + 2)));
  equal(world.out(), [{ type: "ack", n: 1 }, { type: "ack", n: 51 }]);
  await world.said({ ...message(52), body: "x".repeat(8_192) });
  equal(world.out(), [{ type: "ack", n: 52 }]);
});

test("each connection has a higher number than all before it", async () => {
  const world = await new World({ cursor: 0, attempt: 5_000_000 }).live();
  equal(world.out()[0].attempt, 5_000_001);
  await world.cut();
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  equal(world.out()[0].attempt, 5_000_002);
  equal(world.notices.findLast(({ type }) => type === "attempt").attempt, 5_000_002);
});

test("what cannot be kept is not acknowledged, and comes again", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  world.failing = true;
  await world.said(message(1));
  equal(world.out(), []);
  equal(world.socket.closed, 1000);
  world.failing = false;
  await world.pass(Times.troubleFirst);
  world.socket.onopen();
  equal(hello(world.out()), { ticks: 0, cursor: 0 });
});

test("an entry that came before is acknowledged again and not shown again", async () => {
  const world = await new World({ cursor: 5 }).live({ cursor: 5 });
  world.out();
  const before = world.kept.length;
  await world.said(message(5));
  equal(world.kept.length, before);
  equal(world.out(), [{ type: "ack", n: 5 }]);
});

test("a hole means to come again, with what stands before it kept", async () => {
  const world = await new World({ cursor: 0 }).live();
  await world.said(message(1), message(3), message(4));
  equal(world.kept.at(-1).items.map(({ n }) => n), [1]);
  equal(world.socket.closed, 1000);
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  equal(hello(world.out()), { ticks: 0, cursor: 1 });
});

test("a gap moves the cursor and is acknowledged", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.said({ type: "gap", from: 1, to: 40 });
  equal(world.out(), [{ type: "ack", n: 40 }]);
  await world.pass(Times.ackPause);
  await world.said(message(41));
  equal(world.out(), [{ type: "ack", n: 41 }]);
  await world.pass(Times.ackPause);
  await world.said({ type: "gap", from: 1, to: 40 });
  equal(world.out(), [{ type: "ack", n: 41 }]);
});

test("an entry of a later release counts like every other", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.said({ type: "poll", n: 1, question: "?" }, { type: "weather" }, message(2));
  await world.pass(Times.ackPause);
  equal(world.out().at(-1), { type: "ack", n: 2 });
});

test("ticks never go back", async () => {
  const world = await new World({ cursor: 0, ticks: 50 }).live();
  await world.said({ type: "read", with: "bob", at: 9, rev: 60 }, { type: "delivered", with: "bob", at: 5, rev: 40 });
  equal(world.kept.at(-1).items.map(({ type }) => type), ["read"]);
  equal(world.kept.at(-1).ticks, 60);
});

test("messages of one chat name the one before them", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  for (const id of ["a", "b", "c"]) world.client.send({ id, to: "bob", body: id });
  world.client.send({ id: "x", to: "cem", body: "x" });
  equal(sends(world.out()), ["a", "b after a", "c after b", "x"]);
  await world.said({ type: "sent", id: "a", to: "bob", at: 1 }, { type: "sent", id: "b", to: "bob", at: 2 });
  world.client.send({ id: "d", to: "bob", body: "d" });
  equal(sends(world.out()), ["d after c"]);
});

test("a message is repeated after 5 s, oldest first, and says that the app does it", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.client.send({ id: "a", to: "bob", body: "1" });
  world.client.send({ id: "b", to: "bob", body: "2" });
  world.out();
  await world.pass(Times.answer - 1);
  equal(world.out(), []);
  await world.pass(1);
  const repeats = world.out();
  equal(sends(repeats), ["a", "b after a"]);
  equal(repeats.every(({ auto }) => auto === true), true);
});

test("a message survives the connection, and another life of the page", async () => {
  const world = await new World({ cursor: 0, outbox: [{ id: "a", to: "bob", body: "1" }, { id: "b", to: "bob", body: "2" }] }).live();
  equal(sends(world.out()), ["a", "b after a"]);
  await world.said({ type: "sent", id: "a", to: "bob", at: 1 });
  await world.cut();
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  await world.said({ type: "welcome", cursor: 0, head: 0, ticks: 0, time: 1, archive: false });
  equal(sends(world.out()), ["b"]);
});

test("at most 16 messages are on the wire", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  for (let number = 0; number < 20; number++) world.client.send({ id: `m${number}`, to: `user${number}`, body: "" });
  equal(world.out().length, 16);
  await world.said({ type: "sent", id: "m3", to: "user3", at: 1 });
  equal(sends(world.out()), ["m16"]);
});

test("a refusal that passes is retried, what is behind it waits", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  world.client.send({ id: "a", to: "bob", body: "1" });
  world.client.send({ id: "b", to: "bob", body: "2" });
  world.out();
  await world.said({ type: "error", code: "overloaded", text: "", ref: "a", retry_ms: 900 }, { type: "error", code: "overloaded", text: "", ref: "b", retry_ms: 900 });
  equal(world.out(), []);
  await world.pass(899);
  equal(world.out(), []);
  await world.pass(1);
  equal(sends(world.out()), ["a", "b after a"]);
});

test("an ack that may have been dropped is said again, when one was said", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.said({ type: "error", code: "unavailable", text: "", retry_ms: 1_000 });
  await world.pass(1_500);
  equal(world.out(), []);
  await world.said(message(1));
  equal(world.out(), [{ type: "ack", n: 1 }]);
  await world.said({ type: "error", code: "unavailable", text: "", retry_ms: 1_000 });
  equal(world.out(), []);
  await world.pass(1_500);
  equal(world.out(), [{ type: "ack", n: 1 }]);
  await world.pass(10_000);
  equal(world.out(), []);
});

test("without a predecessor the chat goes again from its oldest", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.client.send({ id: "a", to: "bob", body: "1" });
  world.client.send({ id: "b", to: "bob", body: "2" });
  world.out();
  await world.said({ type: "error", code: "predecessor_missing", text: "", ref: "b" });
  await world.pass(Times.retryFirst);
  equal(sends(world.out()), ["a", "b after a"]);
});

test("a refusal for good ends a message", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.client.send({ id: "a", to: "ana", body: "1" });
  await world.said({ type: "error", code: "to_self", text: "no", ref: "a" });
  equal(world.kept.at(-1).items[0], { type: "failed", id: "a", to: "ana", code: "to_self", text: "no" });
  world.out();
  await world.pass(60_000);
  equal(sends(world.out()), []);
});

test("a read mark is repeated until it is noted, and a later one takes its place", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  world.client.markRead("bob", 5);
  world.client.markRead("bob", 9);
  world.client.markRead("bob", 7);
  equal(world.out().map(({ at }) => at), [5, 9]);
  await world.pass(Times.answer);
  equal(world.out(), [{ type: "read", with: "bob", at: 9, auto: true }]);
  await world.said({ type: "noted", with: "bob", at: 9 });
  await world.pass(20_000);
  equal(world.out(), []);
});

test("a mark that a group does not take is forgotten", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.client.markRead("g:x", 5);
  await world.said({ type: "error", code: "not_member", text: "", ref: "g:x" });
  world.out();
  await world.pass(20_000);
  equal(world.out(), []);
});

test("changes of one group wait for each other, and are repeated", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  const first = world.client.change({ ref: "r1", group: "g:x", change: "rename", title: "A", order: 1 });
  world.client.change({ ref: "r2", group: "g:x", change: "rename", title: "B", order: 2 });
  world.client.change({ ref: "r3", change: "create", title: "C", users: [] });
  equal(world.out().map(({ ref }) => ref), ["r1", "r3"]);
  await world.said({ type: "group.done", ref: "r3", group: "g:y", seq: 1, at: 1 });
  await world.pass(Times.answer);
  equal(world.out(), [{ type: "group", ref: "r1", group: "g:x", change: "rename", title: "A" }]);
  await world.said({ type: "group.done", ref: "r1", group: "g:x", seq: 2, at: 2 });
  equal((await first).seq, 2);
  equal(world.out().map(({ ref }) => ref), ["r2"]);
});

test("pauses double up to 30 s and begin anew after a welcome", async () => {
  const world = await new World({ cursor: 0 }).live();
  const pauses = [];
  for (let round = 0; round < 9; round++) {
    await world.cut();
    pauses.push(world.notices.findLast(({ state }) => state === "waiting").retryAt - world.time);
    await world.pass(pauses.at(-1));
  }
  equal(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  world.socket.onopen();
  await world.said({ type: "welcome", cursor: 0, head: 0, ticks: 0, time: 1, archive: false });
  await world.cut();
  equal(world.notices.findLast(({ state }) => state === "waiting").retryAt - world.time, 250);
});

test("pauses jitter from half to one and a half", async () => {
  const world = new World({ cursor: 0 });
  const found = [];
  for (const dice of [0, 0.999999]) {
    const other = new World({ cursor: 0 });
    other.client = null;
    const client = new Fantail({
      url: "", token: async () => "t", keep: async () => {},
      notice: (notice) => notice.retryAt !== undefined && found.push(Math.round(notice.retryAt)),
      world: { now: () => 0, setTimeout: () => 1, clearTimeout: () => {}, random: () => dice, connect: () => (other.last = { close() {} }) },
    });
    client.start();
    await world.settle();
    other.last.onclose({ code: 1006 });
  }
  equal(found, [125, 375]);
});

test("after 1013 the first pause is a second", async () => {
  const world = await new World({ cursor: 0 }).live();
  await world.cut(1013);
  equal(world.notices.findLast(({ state }) => state === "waiting").retryAt - world.time, 1_000);
});

test("after 4003 it does not come back", async () => {
  const world = await new World({ cursor: 0 }).live();
  await world.cut(4003);
  equal(world.notices.findLast(({ type }) => type === "ended"), { type: "ended", reason: "replaced" });
  await world.pass(120_000);
  equal(world.sockets.length, 1);
});

test("without a token it ends", async () => {
  const world = new World({}, null);
  world.client.start();
  await world.settle();
  equal(world.notices.at(-1), { type: "ended", reason: "token" });
});

test("no welcome within 10 s is a failed try", async () => {
  const world = new World({ cursor: 0 });
  world.client.start();
  await world.settle();
  world.socket.onopen();
  await world.pass(Times.welcome);
  equal(world.socket.closed, 1000);
  await world.pass(Times.reconnectFirst);
  equal(world.sockets.length, 2);
});

test("a cursor from another history is forgotten, with everything", async () => {
  const world = new World({ cursor: 99, ticks: 9 });
  world.client.start();
  await world.settle();
  world.socket.onopen();
  await world.said({ type: "error", code: "cursor_ahead", text: "" });
  equal(world.kept.at(-1), { items: [{ type: "cursor.lost" }], cursor: null, ticks: 0 });
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  equal(hello(world.out()), { ticks: 0 });
});

test("silence is asked about, and means to come again when nobody answers", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  await world.pass(Times.silence);
  equal(world.out(), [{ type: "ping" }]);
  await world.said({ type: "pong", time: 1 });
  await world.pass(Times.silence);
  await world.pass(Times.answer);
  equal(world.socket.closed, 1000);
});

test("a question gets its answer, its refusal or none", async () => {
  const world = await new World({ cursor: 0 }).live();
  world.out();
  const outcomes = [];
  for (let number = 0; number < 3; number++) world.client.ask({ type: "group.info", group: "g:x" }).then(() => outcomes.push("answer"), ({ code }) => outcomes.push(code));
  const [first, second] = world.out();
  await world.said({ type: "group.info", ref: first.ref, group: "g:x" }, { type: "error", code: "not_member", text: "", ref: second.ref });
  await world.pass(Times.question);
  equal(outcomes, ["answer", "not_member", "no_answer"]);
});

test("frames of a former connection are nothing", async () => {
  const world = await new World({ cursor: 0 }).live();
  const former = world.socket;
  await world.cut();
  await world.pass(Times.reconnectFirst);
  former.onmessage({ data: JSON.stringify(message(1)) });
  await world.settle();
  equal(world.kept.flatMap(({ items }) => items), []);
});

// --- presence ----------------------------------------------------------------------------------------------------------

/// A presence with a connection that remembers what was said and answers as `answer` says.
function presence(answer) {
  const it = new modules.presence.Presence();
  const said = [];
  it.client = {
    isLive: true,
    say: (frame) => said.push(frame),
    ask: async (frame) => {
      said.push(frame);
      return answer(frame);
    },
  };
  return { it, said };
}

const unsupported = () => {
  throw new modules.fantail.Refused("unsupported");
};

test("a server without presence is asked once for each connection", async () => {
  const { it, said } = presence(unsupported);
  it.onWelcome(["bob"]);
  await new Promise((resolve) => setTimeout(resolve));
  await it.watch(["bob", "cem"]);
  it.onPerson(true);
  equal(said, [{ type: "presence.watch", users: ["bob"] }]);
  equal(it.status("bob"), "");
  it.onWelcome(["bob"]);
  equal(said.length, 2);
});

test("a server with presence is told who is watched and that somebody is here", async () => {
  const { it, said } = presence(() => ({ type: "presence", users: [{ user: "bob", online: true }, { user: "cem", online: false, last: Date.now() * 1000 }] }));
  it.onWelcome(["bob", "g:team", "cem"]);
  await new Promise((resolve) => setTimeout(resolve));
  equal(said[0], { type: "presence.watch", users: ["bob", "cem"] });
  equal(said[1], { type: "active", on: true });
  equal(it.status("bob"), "online");
  equal(it.status("cem").startsWith("last seen today at "), true);
  equal(it.isOnline("cem"), false);
  it.onFrame({ type: "presence", users: [{ user: "bob", online: false }] });
  equal(it.status("bob"), "");
  // The same people are not named again, and nobody is here twice within 20 s.
  await it.watch(["cem", "bob"]);
  it.onPerson(true);
  equal(said.length, 2);
});

test("at most 64 people are watched", async () => {
  const { it, said } = presence(unsupported);
  await it.watch(Array.from({ length: 100 }, (_, number) => `user${number}`));
  equal(said[0].users.length, 64);
});

test("typing is said at once and not at every key", () => {
  const { it, said } = presence(unsupported);
  for (let key = 0; key < 10; key++) it.types("bob");
  equal(said.map(({ to, on }) => [to, on]), [["bob", true]]);
  it.types("cem");
  it.restsTyping();
  equal(said.map(({ to, on }) => [to, on]), [["bob", true], ["cem", true], ["cem", false]]);
  // A message that was sent says it by itself.
  it.types("bob");
  it.restsTyping(true);
  equal(said.length, 4);
});

test("a server without typing is left in peace", () => {
  const { it, said } = presence(unsupported);
  it.types("bob");
  equal(it.onRefused({ ref: "typing", code: "unsupported" }), true);
  it.restsTyping(true);
  it.types("cem");
  equal(said.length, 1);
  equal(it.onRefused({ ref: "other", code: "unsupported" }), false);
});

test("who types is shown until they stop or write", () => {
  const { it } = presence(unsupported);
  it.onTyping({ from: "bob", on: true });
  equal(it.typing("bob"), "typing…");
  it.onTyping({ from: "bob", on: false });
  equal(it.typing("bob"), null);
  it.onTyping({ from: "bob", group: "g:x", on: true });
  it.onTyping({ from: "cem", group: "g:x", on: true });
  equal(it.typing("g:x"), "bob and cem are typing…");
  it.stopsTyping("g:x", "bob");
  equal(it.typing("g:x"), "cem is typing…");
  it.onOffline();
  equal(it.typing("g:x"), null);
});

// --- words -------------------------------------------------------------------------------------------------------------

test("a reply is plain text, and is read back", () => {
  const body = words.withQuote({ from: "ana", body: "shall we meet?\nat noon?" }, "yes\n\nwhere?");
  equal(body, "> ana: shall we meet?\n> at noon?\n\nyes\n\nwhere?");
  equal(words.splitBody(body), { quote: { from: "ana", text: "shall we meet?\nat noon?" }, files: [], text: "yes\n\nwhere?" });
});

test("a reply to a reply quotes the answer only", () => {
  const first = words.withQuote({ from: "ana", body: "one" }, "two");
  equal(words.withQuote({ from: "bob", body: first }, "three"), "> bob: two\n\nthree");
});

test("what only looks like a quote stays text", () => {
  for (const body of ["> alone", "a > b", ">tight\n\nx", ""]) equal(words.splitBody(body), { quote: null, files: [], text: body });
  equal(words.splitBody("> no author\n\nx").quote, { from: null, text: "no author" });
});

test("long quotes are cut", () => {
  const body = words.withQuote({ from: "ana", body: "x".repeat(5_000) }, "y");
  equal(body.length < 320 && body.includes("…"), true);
});

test("only http and https become links", () => {
  const links = (text) => words.pieces(text).filter(({ link }) => link).map(({ link }) => link);
  equal(links("see https://example.org/a?b=c. And http://x.org!"), ["https://example.org/a?b=c", "http://x.org/"]);
  equal(links("(https://example.org/)"), ["https://example.org/"]);
  for (const text of ["javascript:alert(1)", "data:text/html,x", "https://user:pass@evil.example", "https://", "vbscript:x", "JAVASCRIPT:https"]) equal(links(text), []);
  for (const text of ["a https://example.org b", "<https://example.org>", "no link"]) equal(words.pieces(text).map((piece) => piece.text).join(""), text);
});

test("a link is found in a moment, whatever comes behind it", () => {
  const text = `https://example.org/${".".repeat(65_000)}`;
  const started = performance.now();
  const found = words.pieces(`${text}x ${text}`);
  equal(performance.now() - started < 500, true, "what it took");
  equal(found.map(({ text: piece, link }) => [piece.length, Boolean(link)]), [[65_021, true], [1, false], [20, true], [65_000, false]]);
});

test("names are what the protocol says", () => {
  for (const name of ["ana", "a", "A.b_c-d@e+f:1", "x".repeat(64)]) equal(words.isName(name), true, name);
  for (const name of ["", "a b", "é", "x".repeat(65), "g:team", "<b>"]) equal(words.isName(name), false, name);
});

// Files

const reference = { media: "00112233445566778899aabb", secret: "0123456789abcdef0123456789abcdef" };
const fish = { ...reference, name: "fish.png", mime: "image/png", size: 70_000, width: 640, height: 480, preview: "/9j/4AAQ" };

/// An upload that has got so far that it asks for a link, and what it has become: { file } or { code }.
async function uploading(world, more = {}) {
  const got = { links: [], sent: [] };
  got.upload = world.client.upload(new Blob(["0123456789"]), {
    name: "ten.png", mime: "image/png", onLink: (link) => got.links.push(link.url), onProgress: (bytes) => got.sent.push(bytes), ...more,
  }).then((file) => (got.file = file), (refused) => (got.code = refused.code));
  // The digest is made beside us.
  for (let round = 0; round < 50 && !got.question && got.code === undefined; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    got.question = world.socket.sent.find(({ type }) => type === "media.upload");
  }
  return got;
}

const linked = (question, url = "http://media/up/1") => ({ type: "media.upload", ref: question.ref, url, until: 1 });
const there = [201, null, { ...reference, size: 10 }];

test("a file is announced by its hash and goes where the link leads", async () => {
  const world = await new World().live();
  const got = await uploading(world);
  equal(got.question.hash, "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
  equal([got.question.size, got.question.name, got.question.opaque], [10, "ten.png", undefined]);
  world.answers.push(there);
  await world.said(linked(got.question));
  equal(world.requests, [["PUT", "http://media/up/1", "0", 10]]);
  equal(got.file, { ...reference, name: "ten.png", mime: "image/png", size: 10 });
  equal([got.links, got.sent.at(-1)], [["http://media/up/1"], 10]);
});

test("an upload that was lost asks how far it is, and goes on there", async () => {
  const world = await new World().live();
  const got = await uploading(world);
  await world.said(linked(got.question));
  // Lost; asked after a pause, and lost again; then 4 of 10 are there.
  await world.pass(Times.uploadFirst);
  world.answers.push([200, 4], there);
  await world.pass(2 * Times.uploadFirst);
  equal(world.requests.map(([method, , offset, size]) => [method, offset, size]), [["PUT", "0", 10], ["HEAD", null, null], ["HEAD", null, null], ["PUT", "4", 6]]);
  equal(got.file.media, reference.media);
});

test("an upload of a former life goes on with its link", async () => {
  const world = await new World().live();
  world.answers.push([200, 10], there);
  const got = await uploading(world, { link: { url: "http://media/up/old" } });
  await got.upload;
  equal(world.requests.map(([method, url, offset]) => [method, url, offset]), [["HEAD", "http://media/up/old", null], ["PUT", "http://media/up/old", "10"]]);
  equal([got.question, got.file.size], [undefined, 10]);
});

test("a link that has ended is replaced", async () => {
  for (const status of [403, 404]) {
    const world = await new World().live();
    world.answers.push([status, null], there);
    const got = await uploading(world, { link: { url: "http://media/up/old" } });
    await world.said(linked(got.question, "http://media/up/new"));
    equal(world.requests.map(([method, url]) => [method, url]), [["HEAD", "http://media/up/old"], ["PUT", "http://media/up/new"]]);
    equal(got.file.size, 10);
  }
  const world = await new World().live();
  const got = await uploading(world);
  world.answers.push([403, null, { reason: "link_expired" }], there);
  await world.said(linked(got.question));
  await world.said(linked(world.out().findLast(({ type }) => type === "media.upload"), "http://media/up/new"));
  equal(world.requests.map(([method, url]) => [method, url]), [["PUT", "http://media/up/1"], ["PUT", "http://media/up/new"]]);
  equal(got.file.size, 10);
});

test("a refusal that was not heard, again and again, ends an upload", async () => {
  const world = await new World().live();
  const got = await uploading(world);
  const asked = () => world.out().filter(({ type }) => type === "media.upload");
  let [question] = asked();
  for (let round = 0; round < 10 && question; round++) {
    // The server said 415 and closed; the PUT is lost, and what asks for it finds nothing.
    await world.said(linked(question));
    world.answers.push([404, null]);
    await world.pass(Times.uploadFirst * 2 ** round);
    [question] = asked();
  }
  equal(world.requests.map(([method]) => method), Array(4).fill(["PUT", "HEAD"]).flat());
  equal(got.code, "media_unknown");
});

test("what the server does not want is not repeated", async () => {
  for (const [answer, code] of [[[415, null, { reason: "type_differs" }], "type_differs"], [[422, null, { reason: "hash_differs" }], "hash_differs"], [[507, null, { reason: "storage_full" }], "storage_full"]]) {
    const world = await new World().live();
    const got = await uploading(world);
    world.answers.push(answer);
    await world.said(linked(got.question));
    await world.pass(Times.reconnectMax);
    equal([got.code, world.requests.length], [code, 1]);
  }
  const world = await new World().live();
  const got = await uploading(world);
  await world.said({ type: "error", code: "media_quota", text: "", ref: got.question.ref, retry_ms: 60_000 });
  equal(got.code, "media_quota");
});

test("a wrong offset is corrected, and offline is waited for", async () => {
  const world = await new World().live();
  let got = await uploading(world);
  world.answers.push([409, 3, { reason: "offset_differs" }], there);
  await world.said(linked(got.question));
  equal(world.requests.map(([, , offset]) => offset), ["0", "3"]);
  world.out();
  await world.cut();
  got = await uploading(world);
  equal([got.question, got.code], [undefined, undefined]);
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  await world.said({ type: "welcome", user: "ana", device: "web", cursor: 0, head: 0, ticks: 0, time: 1, archive: false });
  equal(world.out().filter(({ type }) => type === "media.upload").length, 1);
});

test("a file is kept until the server says so, also over a loss", async () => {
  const world = await new World({ keeps: [reference] }).live();
  const keep = { type: "media.keep", ref: `keep-${reference.media}`, ...reference };
  equal(world.out().filter(({ type }) => type === "media.keep"), [keep]);
  await world.cut();
  await world.pass(Times.reconnectFirst);
  world.socket.onopen();
  await world.said({ type: "welcome", user: "ana", device: "web", cursor: 0, head: 0, ticks: 0, time: 1, archive: false });
  equal(world.out().filter(({ type }) => type === "media.keep"), [keep]);
  await world.said({ type: "media.kept", ref: keep.ref });
  equal(world.kept.at(-1).items, [{ type: "media.kept", media: reference.media }]);
  await world.pass(4 * Times.answer);
  equal(world.out(), []);
});

test("a link is asked for once, and again when it did not work", async () => {
  const world = await new World().live();
  world.out();
  const first = world.client.link(fish);
  const same = world.client.link(fish);
  const [question, ...more] = world.out();
  equal([question.type, more.length], ["media.link", 0]);
  await world.said({ type: "media.link", ref: question.ref, url: "http://media/get/1", until: 1 });
  equal([(await first).url, (await same).url], ["http://media/get/1", "http://media/get/1"]);
  world.client.link(fish, { isStale: true }).catch(() => {});
  equal(world.out().length, 1);
});

test("a line for a file is read as it was written, and nothing else is one", async () => {
  equal(modules.fantail.readFileLine(modules.fantail.fileLine(fish)), fish);
  const line = (news) => `! ${JSON.stringify({ ...fish, ...news })}`;
  const bad = [
    "", "!", "! ", "! {", "! []", "! 1", line({}).slice(1), `!${line({}).slice(2)}`, line({ media: "../../etc/passwd" }), line({ secret: 5 }), line({ name: null }),
    line({ size: 0 }), line({ size: 1.5 }), line({ size: 1e12 }), line({ mime: {} }), line({ opaque: "no" }),
  ];
  for (const text of bad) equal(modules.fantail.readFileLine(text), null, text);
  const plain = { ...reference, name: "fish.png", mime: "image/png", size: 70_000 };
  for (const news of [{ width: -1 }, { height: "480" }, { width: 1e9 }]) equal(modules.fantail.readFileLine(line({ ...news, preview: undefined })), plain);
  for (const preview of ["x".repeat(5_000), "<svg>", 7]) equal(modules.fantail.readFileLine(line({ preview, width: undefined })), plain);
});

test("a body is a quotation, files, and words", () => {
  const { fileLine } = modules.fantail;
  const body = words.withFiles(words.withQuote({ from: "bob", body: "where?" }, "here"), [fish]);
  equal(body, `> bob: where?\n${fileLine(fish)}\n\nhere`);
  equal(words.splitBody(body), { quote: { from: "bob", text: "where?" }, files: [fish], text: "here" });
  equal(words.splitBody(words.withFiles("", [fish])), { quote: null, files: [fish], text: "" });
  equal(words.splitBody(words.withFiles(words.withQuote({ from: "bob", body: "where?" }, ""), [fish])), { quote: { from: "bob", text: "where?" }, files: [fish], text: "" });
  const many = words.splitBody(words.withFiles("x", Array(12).fill(fish)));
  equal([many.files.length, many.text.split("\n").length], [10, 4]);
  // A line behind an empty one is text.
  equal(words.splitBody(`\n${fileLine(fish)}`).files, []);
});

test("files have words", () => {
  const label = (...files) => words.filesLabel(files.map((news) => ({ ...fish, ...news })));
  equal([label({}), label({ mime: "video/mp4" }), label({ mime: "application/pdf", name: "a.pdf" }), label({ opaque: true })], ["Photo", "Video", "a.pdf", "fish.png"]);
  equal([label({}, {}), label({}, { mime: "video/webm" }), label()], ["2 photos", "2 files", ""]);
  equal(words.oneLine(words.withFiles("at\nnoon", [fish])), "Photo: at noon");
  equal(words.withQuote({ from: "ana", body: words.withFiles("look", [fish]) }, "nice"), "> ana: Photo: look\n\nnice");
  equal([1, 999, 1_000, 12_345, 999_499, 999_600, 104_857_600].map(words.shownSize), ["1 B", "999 B", "1 kB", "12 kB", "999 kB", "1 MB", "105 MB"]);
  equal(["a\u202egpj.exe", "\u0000", " x\n.txt "].map(words.shownName), ["agpj.exe", "File", "x.txt"]);
  equal(words.kindOf({ mime: "image/svg+xml" }), "file");
});

test("a place has the shape of its picture, within bounds", () => {
  const max = { width: 330, height: 380 };
  equal(words.frame({ width: 640, height: 480 }, max), { width: 330, height: 248 });
  equal(words.frame({ width: 1_000, height: 2_000 }, max), { width: 190, height: 380 });
  equal(words.frame({}, max), { width: 280, height: 210 });
  for (const [width, height] of [[1, 60_000], [60_000, 1], [1, 1]]) {
    const found = words.frame({ width, height }, max);
    equal(found.width >= 100 && found.width <= 330 && found.height >= 100 && found.height <= 380, true, JSON.stringify(found));
  }
});

test("a JPEG says how large it is before it is decoded", () => {
  const head = (height, width) => Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc2, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3, 0]);
  equal(words.jpegSize(head(40, 64)), { height: 40, width: 64 });
  equal(words.jpegSize(head(65_535, 65_535)), { height: 65_535, width: 65_535 });
  for (const bytes of [[], [0xff, 0xd8], [0x89, 0x50], [0xff, 0xd8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) equal(words.jpegSize(Uint8Array.from(bytes)), null);
});

test("a picture says how many pixels it has before it is decoded", () => {
  const bytes = (...parts) => Uint8Array.from([...parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : part)), ...Array(30).fill(0)]);
  equal(words.pictureSize(bytes([0x89], "PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 1, 0, 2], [0x80, 0, 0, 1])), { width: 65_538, height: 2_147_483_649 }, "PNG");
  equal(words.pictureSize(bytes("GIF89a", [0x40, 1], [0xf0, 0])), { width: 320, height: 240 }, "GIF");
  equal(words.pictureSize(bytes("RIFF", [0, 0, 0, 0], "WEBPVP8X", [10, 0, 0, 0], [0, 0, 0, 0], [0x3f, 0x9c, 0], [0xff, 0xff, 0xff])), { width: 40_000, height: 16_777_216 }, "VP8X");
  equal(words.pictureSize(bytes("RIFF", [0, 0, 0, 0], "WEBPVP8 ", [10, 0, 0, 0], [0, 0, 0, 0x9d, 1, 0x2a], [0x40, 0x41], [0xf0, 0])), { width: 320, height: 240 }, "VP8");
  equal(words.pictureSize(bytes("RIFF", [0, 0, 0, 0], "WEBPVP8L", [10, 0, 0, 0], [0x2f], [0x3f, 0xc1, 0x3b, 0])), { width: 320, height: 240 }, "VP8L");
  equal(words.pictureSize(bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 40, 0, 64, 3])), { height: 40, width: 64 }, "JPEG");
  for (const what of ["", "<html>", "RIFF    WAVE", "RIFF    WEBPEVIL"]) equal(words.pictureSize(bytes(what)), null, what);
});

test("a picture is saved under the ending of its type", () => {
  const saved = (name, mime) => words.savedName({ name, mime });
  equal([saved("a.JPG", "image/jpeg"), saved("a.jpeg", "image/jpeg"), saved("", "image/png")], ["a.JPG", "a.jpeg", "File.png"]);
  equal([saved("holiday.exe", "image/png"), saved("page.html", "image/webp")], ["holiday.exe.png", "page.html.webp"]);
});

// What is kept

/// A book with a store of its own, and what it gave the protocol's client. `refuse(store, nth)`: the nth row of a transaction that
/// is put there does not fit on the disk.
async function keeping() {
  const user = `unit-${crypto.randomUUID()}`;
  const store = await modules.store.Store.open(user);
  const book = new modules.book.Book(store, "ana");
  await book.load();
  const world = { store, book, sent: [], forgotten: [], cursor: 0 };
  book.client = { send: (message) => world.sent.push(message), forget: (id) => world.forgotten.push(id), markRead() {}, keepMedia() {} };
  world.refuse = (name, nth) => {
    store.write = (work) =>
      modules.store.Store.prototype.write.call(store, (rows) => {
        let count = 0;
        const put = rows.put.bind(rows);
        rows.put = (place, ...row) => {
          if (place === name && ++count === nth) throw new DOMException("the disk is full", "QuotaExceededError");
          put(place, ...row);
        };
        return work(rows);
      });
  };
  world.allow = () => delete store.write;
  world.said = (...items) => book.keep({ items, cursor: ++world.cursor, ticks: 0 });
  world.messages = async () => (await book.page("bob", Infinity, 100)).map(({ body }) => words.splitBody(body).text);
  world.end = async () => (store.close(), await modules.store.Store.remove(user));
  return world;
}

const chosen = (...names) => names.map((name) => ({ blob: new File([name], name), file: { name, mime: "image/png", size: name.length } }));

const failing = (work) => work.then(() => null, (error) => error.name);

test("files of one send are kept all or none, and what was written with them", async () => {
  const world = await keeping();
  const { book, store } = world;
  await book.keepDraft("bob", "look");
  world.refuse("uploads", 2);
  equal(await failing(book.attach("bob", chosen("a.png", "b.png"), "look", null)), "QuotaExceededError");
  let kept = await store.load();
  equal([kept.uploads.length, await world.messages(), kept.chats[0].draft, book.chats.get("bob").draft], [0, [], "look", "look"]);
  world.allow();
  await book.attach("bob", chosen("a.png", "b.png"), "look", null);
  kept = await store.load();
  equal([kept.uploads.map(({ file }) => file.name), await world.messages(), kept.chats[0].draft], [["a.png", "b.png"], ["look", ""], ""]);
  await world.end();
});

test("what is uploaded are the bytes that were kept", async () => {
  const world = await keeping();
  const files = chosen("a.png", "b.png");
  const uploads = await world.book.attach("bob", files, "", null);
  equal(await Promise.all(uploads.map(({ blob }) => blob.text())), ["a.png", "b.png"]);
  equal(uploads.some(({ blob }, index) => blob === files[index].blob), false, "the file on the disk");
  await world.end();
});

test("what is sent again stays when it cannot be kept", async () => {
  const world = await keeping();
  const { book } = world;
  await book.send("bob", "hello", null);
  await world.said({ type: "failed", to: "bob", id: world.sent[0].id, code: "not_allowed" });
  await book.keepDraft("bob", "half a sentence");
  const [message] = await book.page("bob", Infinity, 1);
  world.refuse("outbox", 1);
  equal(await failing(book.resend(message)), "QuotaExceededError");
  equal([await world.messages(), world.sent.length], [["hello"], 1]);
  world.allow();
  // Two clicks send it once.
  await Promise.all([book.resend(message), book.resend(message)]);
  equal([await world.messages(), world.sent.map(({ body }) => body), book.chats.get("bob").draft], [["hello"], ["hello", "hello"], "half a sentence"]);
  await world.end();
});

test("what is taken away is not sent, unless it was", async () => {
  const world = await keeping();
  const { book, store } = world;
  await book.send("bob", "one", null);
  await book.send("bob", "two", null);
  const [one, two] = await book.page("bob", Infinity, 2);
  await world.said({ type: "sent", to: "bob", id: one.id, at: Date.now() * 1000 });
  await book.discard(one);
  await book.discard(two);
  equal([await world.messages(), (await store.load()).outbox, world.forgotten], [["one"], [], [two.id]]);
  equal(book.chats.get("bob").last.id, one.id, "the last");
  await world.end();
});

test("what was refused or waits does not hold its chat in the list", async () => {
  const world = await keeping();
  const { book } = world;
  const chat = () => book.chats.get("bob");
  const now = Date.now() * 1000;
  const news = (n, at) => world.said({ type: "message", n, from: "bob", id: `m${n}`, at, body: `news ${n}` });
  const [upload] = await book.attach("bob", chosen("a.png"), "a file", null);
  await news(1, now + 60_000_000);
  equal([words.splitBody(chat().last.body).text, chat().sort], ["a file", now + 60_000_000], "while it waits");
  await book.amendUpload(upload, { code: "media_quota" }, "media_quota");
  await news(2, now - 60_000_000);
  equal(words.splitBody(chat().last.body).text, "a file", "with something older");
  await news(3, now + 90_000_000);
  equal([chat().last.body, chat().sort], ["news 3", now + 90_000_000], "with something newer");
  equal((await world.messages()).at(-1), "a file", "the last in the chat");
  await world.end();
});

test("an error of the browser is no word of the server", async () => {
  const world = await keeping();
  const client = { upload: async () => { throw new DOMException("the disk is full", "QuotaExceededError"); } };
  const uploads = new modules.uploads.Uploads(world.book, client, { keep: async () => {} });
  const said = console.error;
  console.error = () => {};
  try {
    await uploads.send("bob", chosen("a.png"), "", null);
    for (let round = 0; round < 100 && !(await world.store.load()).uploads[0].code; round++) await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    console.error = said;
  }
  equal((await world.store.load()).uploads[0].code, "no_answer");
  await world.end();
});

const results = {};
for (const { name, run } of tests) {
  try {
    await run();
    results[name] = null;
  } catch (error) {
    results[name] = String(error?.stack ?? error);
  }
}
return results;
