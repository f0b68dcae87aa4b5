"""A whole client in a page, written from docs/protocol.md alone: retries, chains, the number rule, receipts, backoff.

It keeps what an app's database would keep (`last`, `revision`, the outbox, the read marks) and survives any end of its
connection. Everything it shows and every tick it draws is kept for the tests to judge.
"""

import asyncio
import contextlib
import random
import time
import traceback

import websockets

from client import Client, Closed, fresh, open_socket
from cluster import Cluster, within

PERMANENT = {"malformed", "unknown_type", "missing_field", "bad_field", "body_too_long", "unsupported", "to_self", "id_conflict",
             "cursor_ahead", "ack_ahead", "read_ahead", "hello_missing", "too_many_devices", "hello_repeated",
             "no_such_group", "not_member", "not_allowed", "group_full", "no_change", "bad_users"}
#: The longest pause is shorter than an app's, for somebody watches: on a slow machine a start takes so long that an app would have
#: come to its longest one, and a test to its end before that is over.
ANSWER_WAIT, WELCOME_WAIT, BACKOFF_FIRST, BACKOFF_MAX = 5.0, 10.0, 0.25, 5.0


class Letter:
    def __init__(self, to: str, body: str, after: str | None):
        self.id, self.to, self.body, self.after = fresh("m"), to, body, after
        self.at: int | None = None
        self.said = 0.0


class ReferenceClient:
    def __init__(self, cluster: Cluster, user: str, encoding: str = "json", device: str | None = None):
        self.cluster, self.user, self.encoding, self.device = cluster, user, encoding, device
        self.dice = random.Random(f"{user}/{device}")
        # What an app keeps on disk.
        self.last = 0
        self.revision = 0
        self.outbox: dict[str, Letter] = {}
        self.reads: dict[str, int] = {}
        # What it shows.
        self.shown: list[dict] = []
        self.sent: list[Letter] = []
        self.delivered: dict[str, int] = {}
        self.read: dict[str, int] = {}
        # What tests look at.
        self.acked: dict[str, int] = {}
        self.said_read: dict[str, int] = {}
        self.faults: list[str] = []
        self.visits = 0
        self.connection: Client | None = None
        self._failures = 0
        self._attempt = 0
        self._gateway = self.dice.randrange(len(cluster.gateways))
        self._retry_at: dict[str, float] = {}
        self._retry_wait: dict[str, float] = {}
        self._task: asyncio.Task | None = None

    # For the person who uses it

    def write(self, to: str, body: str) -> Letter:
        """Into the outbox; sent now or when the way is open."""
        chain = [letter.id for letter in self.outbox.values() if letter.to == to]
        letter = Letter(to, body, chain[-1] if chain else None)
        self.outbox[letter.id] = letter
        if self.connection:
            asyncio.ensure_future(self._say(letter))
        return letter

    def start(self):
        self._task = asyncio.create_task(self._live())

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_settled(self) -> bool:
        return not self.outbox and not self.reads

    # Connections

    async def _live(self):
        while True:
            try:
                await self._visit()
            except (Closed, OSError, TimeoutError, websockets.WebSocketException, EOFError) as end:
                code = getattr(end, "code", None)
                if code in (1002, 1003, 1007, 1009, 4005):
                    self.faults.append(f"closed with {code}")
            except asyncio.CancelledError:
                raise
            except BaseException as fault:
                self.faults.append(f"the client itself: {traceback.format_exception(fault)[-3:]}")
            finally:
                self.connection = None
            wait = min(BACKOFF_FIRST * 2 ** self._failures, BACKOFF_MAX) * self.dice.uniform(0.5, 1.5)
            self._failures += 1
            await asyncio.sleep(wait)

    async def _visit(self):
        # Any of them, and after a failure the next: with chance alone a dead one may be tried again and again.
        gateway = (self._gateway + self._failures) % len(self.cluster.gateways)
        socket = await open_socket(self.cluster, self.cluster.token(self.user, self.device), self.encoding, gateway)
        try:
            connection = Client(socket, self.encoding)
            self._note_acked()
            self._attempt += 1
            await connection.say("hello", cursor=self.last, ticks=self.revision, attempt=self._attempt)
            welcome = await connection.next(WELCOME_WAIT)
            if welcome["type"] == "error":
                if welcome["code"] == "cursor_ahead":
                    self.faults.append(f"cursor_ahead with {self.last}")
                raise TimeoutError("no welcome")
            self._gateway, self._failures = gateway, 0
            self.visits += 1
            self.last = welcome["cursor"]
            self.connection = connection
            for letter in list(self.outbox.values()):
                await self._say(letter)
            for peer, at in list(self.reads.items()):
                await connection.say("read", with_=peer, at=at)
            tasks = [asyncio.create_task(work(connection)) for work in (self._listen, self._acknowledge, self._repeat)]
            try:
                await next(iter((await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))[0]))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            with contextlib.suppress(Exception):
                await within(2, socket.close())

    async def _say(self, letter: Letter):
        letter.said = time.monotonic()
        if self.connection:
            with contextlib.suppress(Closed):
                await self.connection.say("send", id=letter.id, to=letter.to, body=letter.body, after=letter.after)

    # What comes

    async def _listen(self, connection: Client):
        while True:
            frame = await connection.next(120)
            match frame["type"]:
                case "message" | "copy" | "expired" | "group.message" | "group.event":
                    if frame["n"] == self.last + 1:
                        self.last = frame["n"]
                        self.shown.append(frame)
                    elif frame["n"] > self.last + 1:
                        self.faults.append(f"hole: {frame['n']} after {self.last}")
                        raise TimeoutError("a hole")
                    else:
                        self._acked_last = 0
                case "gap":
                    if frame["to"] <= self.last:
                        self._acked_last = 0
                        continue
                    # An app would tell its user; here nobody has a second device, so nothing may be missing.
                    self.faults.append(f"gap {frame} at {self.last}")
                    if frame["from"] > self.last + 1:
                        raise TimeoutError("a hole")
                    self.last = frame["to"]
                case "sent":
                    self._on_sent(frame)
                case "delivered" | "read":
                    ticks = self.delivered if frame["type"] == "delivered" else self.read
                    ticks[frame["with"]] = max(ticks.get(frame["with"], 0), frame["at"])
                    self.revision = max(self.revision, frame["rev"])
                    self.on_tick(frame)
                case "noted":
                    if self.reads.get(frame["with"]) == frame["at"]:
                        del self.reads[frame["with"]]
                case "error":
                    self._on_error(frame)

    def on_tick(self, frame: dict):
        """For tests."""

    def _on_sent(self, frame: dict):
        letter = self.outbox.pop(frame["id"], None)
        if letter:
            letter.at = frame["at"]
            self.sent.append(letter)
            self._retry_at.pop(letter.to, None)
            self._retry_wait.pop(letter.to, None)

    def _on_error(self, frame: dict):
        if frame["code"] in PERMANENT:
            self.faults.append(f"{frame}")
            return
        letter = self.outbox.get(frame.get("ref"))
        if not letter or letter.to in self._retry_at:
            return
        wait = self._retry_wait.get(letter.to, 0.25)
        self._retry_wait[letter.to] = min(wait * 2, BACKOFF_MAX)
        if "retry_ms" in frame:
            wait = frame["retry_ms"] / 1000
        self._retry_at[letter.to] = time.monotonic() + wait * self.dice.uniform(0.5, 1.5)

    # What is due

    _acked_last = 0
    _noted = 0

    async def _acknowledge(self, connection: Client):
        self._acked_last = 0
        while True:
            await asyncio.sleep(0.1)
            if self.last > self._acked_last:
                self._acked_last = self.last
                self._note_acked()
                await connection.say("ack", n=self.last)

    def _note_acked(self):
        """An ack, or the cursor of a hello, is about to say that everything shown is safe."""
        for frame in self.shown[self._noted:]:
            if frame["type"] in ("message", "group.message", "group.event"):
                chat = frame.get("group", frame["from"])
                self.acked[chat] = max(self.acked.get(chat, 0), frame["at"])
        self._noted = len(self.shown)

    async def _repeat(self, connection: Client):
        """Chats whose time has come, oldest letter first; read marks that were not noted."""
        marks_said = time.monotonic()
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            due = {to for to, at in self._retry_at.items() if at <= now}
            due |= {letter.to for letter in self.outbox.values() if letter.said and now - letter.said > ANSWER_WAIT}
            for to in due:
                self._retry_at.pop(to, None)
                for letter in [letter for letter in self.outbox.values() if letter.to == to]:
                    await self._say(letter)
            if self.reads and now - marks_said > 2:
                marks_said = now
                for peer, at in list(self.reads.items()):
                    await connection.say("read", with_=peer, at=at)

    def mark_read(self, peer: str):
        """The person has seen everything that is there from `peer`, who may be a group."""
        stamps = [frame["at"] for frame in self.shown
                  if frame["type"] in ("message", "group.message") and frame.get("group", frame["from"]) == peer]
        if stamps and max(stamps) > self.said_read.get(peer, 0):
            self.said_read[peer] = self.reads[peer] = max(stamps)
            if self.connection:
                asyncio.ensure_future(self._say_read(peer))

    async def _say_read(self, peer: str):
        with contextlib.suppress(Closed):
            if self.connection and peer in self.reads:
                await self.connection.say("read", with_=peer, at=self.reads[peer])
