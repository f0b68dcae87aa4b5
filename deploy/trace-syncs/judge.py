"""Reads a trace of the system calls of persistence and says whether an append was ever answered before its sync returned.

    judge.py LOG WANTED <TRACE        LOG: the path of the store's log, WANTED: so many messages must be seen

An append is fine when four things come one after the other: its request has been received; a write to the log begins that
carries its text; behind that write a sync of the log begins; that sync has returned, and then the send begins which carries
the answer. Texts must differ and fit in a page, as those of `bench chat` do. What counts is the order of lines. strace lets a call begin only after it has told of it, and lets the thread go
on only after it has told of the end; so when one thing waits for another, their lines stand in that order, whichever threads
they are in, and no clock is asked. A call that began and one that ended elsewhere meanwhile stand in two lines:

    812 1700000000.000001 fdatasync(11</db-wal> <unfinished ...>
    811 1700000000.000002 recvfrom(13<socket:[7]>, "\\x0c", 65536, 0, NULL, NULL) = 1
    812 1700000000.000003 <... fdatasync resumed>) = 0

Paths and bytes are in hexadecimal (-xx) and whole (-s), descriptors have names (-y): a socket's is its own for ever, so it
does not matter which numbers are used again. What the trace does not tell is never taken for fine: a request without an
answer, an answer without a request, bytes that are cut short or are no frames (docs/rpc.md) all break the verdict.

Exit status: 0 no answer was early, and everything was seen; 1 otherwise.
"""

import binascii
import re
import struct
import sys

CALL = re.compile(rb"(\d+) +(\d+\.\d+) (?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)", re.S)
DESCRIPTOR = re.compile(rb"(\d+)<([^>]*)>")
RESULT = re.compile(rb"\) += (-?\d+)(?: [^\"]*)?$")
HEADER = struct.Struct("<IBBHI")
# docs/rpc.md, "Frames" and "Messages".
FRAME_BYTES_MIN, FRAME_BYTES_MAX, VERSION, KINDS = 8, 524_296, 1, range(1, 9)
REQUEST, ANSWER, REFUSAL = 3, 4, 5
APPEND, APPENDED = 32, 65
KIND_MESSAGE, OUTCOME_STORED = 1, 1
# Requests to admin pages come over sockets, too.
HTTP = (b"GET ", b"HEAD", b"POST")
# An early answer is told in full, so many times.
TOLD_MAX = 5


def plain(text: bytes) -> bytes:
    """Of `\\x61\\x62`: ab."""
    return binascii.unhexlify(text.replace(b"\\x", b"")) if text.startswith(b"\\x") else text


class Stream:
    """One direction of a socket: frames, and between which lines their first and last byte travelled."""

    def __init__(self):
        self.bytes, self.began = bytearray(), 0

    def frames(self, chunk: bytes, began: int):
        """Takes a chunk. Yields kind, method, call, payload and where the call began that carried the first byte."""
        if not self.bytes:
            self.began = began
        self.bytes += chunk
        while len(self.bytes) >= HEADER.size:
            length, version, kind, method, call = HEADER.unpack_from(self.bytes)
            if not FRAME_BYTES_MIN <= length <= FRAME_BYTES_MAX or version != VERSION or kind not in KINDS:
                raise ValueError(f"no frame: {self.bytes[:16].hex()}")
            if len(self.bytes) < 4 + length:
                return
            yield kind, method, call, bytes(self.bytes[HEADER.size:4 + length]), self.began
            del self.bytes[:4 + length]
            self.began = began


class Append:
    """A request that waits for its answer. Numbers are those of lines; None: not yet."""

    def __init__(self, payload: bytes, received: int):
        self.received, self.written, self.synced = received, None, None
        self.payload, self.at = payload, 0
        self.owner = self.blob()
        self.kind = self.byte()
        _author, _chat, self.id = self.blob(), self.blob(), self.blob()
        if self.byte():
            self.blob()  # the message before it
        self.text = self.blob()

    def byte(self) -> int:
        self.at += 1
        return self.payload[self.at - 1]

    def blob(self) -> bytes:
        count, shift, more = 0, 0, True
        while more:
            digit = self.byte()
            count, shift, more = count | (digit & 127) << shift, shift + 7, digit >= 128
        self.at += count
        if self.at > len(self.payload):
            raise ValueError("an append that is too short")
        return self.payload[self.at - count:self.at]


class Judge:
    def __init__(self, log: bytes):
        self.log = log
        self.line = 0
        self.began = {}       # thread: a call that has not ended: name, where, arguments
        self.streams = {}     # socket, is sent: its stream; None: no frames, but HTTP
        self.waiting = {}     # socket: call id: append
        self.unwritten = set()
        self.unsynced = []
        self.messages = self.answers = self.others = self.refused = self.syncs = self.writes = 0
        self.first = self.last = None
        self.early, self.lost = [], []

    def read(self, lines):
        for text in lines:
            self.line += 1
            self.take(text.rstrip(b"\n"))
        for socket, calls in self.waiting.items():
            self.lose(f"{len(calls)} appends without an answer at the end", len(calls))

    def lose(self, what: str, count: int = 1):
        if count:
            self.lost.append(f"line {self.line}: {what}")

    def take(self, text: bytes):
        match = CALL.match(text)
        if not match:
            # Signals, and threads that come; a process that goes away is not the one that was to be watched.
            if b"+++ killed" in text or b"+++ exited" in text:
                self.lose(text.decode(errors="replace"))
            return
        thread, clock, name, resumed, rest = match.groups()
        self.first, self.last = self.first or float(clock), float(clock)
        if rest.endswith((b"<unfinished ...>", b"<detached ...>")):
            self.began[thread] = name, self.line, rest.rpartition(b" <")[0]
            return
        began = self.line
        if resumed:
            name, began, before = self.began.pop(thread, (None, 0, b""))
            if name != resumed:
                return self.lose(f"a call of thread {thread.decode()} ends that did not begin")
            rest = before + rest
        result = RESULT.search(rest)
        if not result:
            return self.lose(f"a call without a result: {name.decode()}")
        self.judge(name, rest, int(result[1]), began)

    def judge(self, name: bytes, arguments: bytes, result: int, began: int):
        """A call that has ended now."""
        descriptor = DESCRIPTOR.match(arguments)
        if not descriptor:
            return self.lose(f"{name.decode()} of a descriptor without a name") if result >= 0 else None
        where = plain(descriptor[2])
        if name in (b"recvfrom", b"sendto"):
            if result > 0:
                self.travelled(where, name == b"sendto", self.text_of(arguments)[:result], result, began)
            elif result == 0 and name == b"recvfrom":
                self.ended(where)
        elif name == b"close":
            self.ended(where)
        elif where == self.log and name == b"pwrite64" and result > 0:
            self.wrote(self.text_of(arguments)[:result], result, began)
        elif where == self.log and name == b"fdatasync" and result == 0:
            self.synced(began)

    def text_of(self, arguments: bytes) -> bytes:
        """The bytes between the quotes; there are none inside, for all are in hexadecimal."""
        _, _, behind = arguments.partition(b'"')
        text, _, behind = behind.partition(b'"')
        if behind.startswith(b"..."):
            self.lose("bytes are cut short: strace needs a larger -s")
        return plain(text)

    def ended(self, socket: bytes):
        """Whoever asked over it hears no answer any more."""
        self.streams.pop((socket, False), None)
        self.streams.pop((socket, True), None)
        for append in self.waiting.pop(socket, {}).values():
            self.unwritten.discard(append)

    def travelled(self, socket: bytes, is_sent: bool, chunk: bytes, count: int, began: int):
        if len(chunk) < count:
            self.lose(f"{count} bytes travelled, {len(chunk)} are told")
        key = (socket, is_sent)
        if key not in self.streams:
            is_http = not is_sent and chunk.startswith(HTTP) or self.streams.get((socket, False), self) is None
            self.streams[key] = None if is_http else Stream()
        if self.streams[key] is None:
            return
        try:
            for kind, method, call, payload, first in self.streams[key].frames(chunk, began):
                if not is_sent and (kind, method) == (REQUEST, APPEND):
                    append = Append(payload, self.line)
                    if not append.text:
                        self.lose("an append without a text")
                    self.waiting.setdefault(socket, {})[call] = append
                    self.unwritten.add(append)
                elif is_sent and (kind, method) == (ANSWER, APPENDED):
                    self.answered(self.waiting.get(socket, {}).pop(call, None), payload[0], first)
                elif is_sent and kind == REFUSAL:
                    self.refused += self.forget(self.waiting.get(socket, {}).pop(call, None))
        except (ValueError, IndexError) as error:
            self.lose(f"{socket.decode()}: {error}")
            self.streams[key] = None

    def forget(self, append) -> int:
        self.unwritten.discard(append)
        return append is not None

    def wrote(self, bytes_: bytes, count: int, began: int):
        self.writes += 1
        if len(bytes_) < count:
            self.lose(f"{count} bytes were written, {len(bytes_)} are told")
        carried = [append for append in self.unwritten if append.received < began and append.text in bytes_]
        for append in carried:
            append.written = self.line
        self.unwritten.difference_update(carried)
        self.unsynced += carried

    def synced(self, began: int):
        self.syncs += 1
        for append in self.unsynced:
            if append.written < began:
                append.synced = self.line
        self.unsynced = [append for append in self.unsynced if append.synced is None]

    def answered(self, append, outcome: int, began: int):
        if append is None:
            return self.lose("an answer to an append that was not seen")
        self.forget(append)
        if outcome != OUTCOME_STORED:
            self.others += 1
            return
        self.answers += 1
        self.messages += append.kind == KIND_MESSAGE
        if append.synced is None or append.synced >= began:
            self.early.append(
                f"{append.id.decode(errors='replace')} to {append.owner.decode(errors='replace')}: received in line {append.received}, written in {append.written}, "
                f"synced in {append.synced}, its answer left in {began}")

    def verdict(self, wanted: int) -> bool:
        rows = [
            ("messages stored and answered", f"{self.messages:,}"),
            ("answers to appends that were checked", f"{self.answers:,}"),
            ("other answers to appends: repeats and refusals", f"{self.others + self.refused:,}"),
            ("writes to the log", f"{self.writes:,}"),
            ("syncs of the log", f"{self.syncs:,}"),
            ("messages per sync", f"{self.messages / max(self.syncs, 1):.1f}"),
            ("seconds traced", f"{(self.last or 0) - (self.first or 0):.0f}"),
            ("answers before their sync", f"{len(self.early):,}"),
            ("lost by the trace", f"{len(self.lost):,}"),
        ]
        width = max(len(name) for name, _ in rows)
        for name, figure in rows:
            print(f"{name:{width}}  {figure:>12}")
        for title, found in ("early", self.early), ("lost", self.lost):
            for line in found[:TOLD_MAX]:
                print(f"  {title}: {line}")
        if self.messages < wanted:
            print(f"  too few: {wanted:,} messages were wanted")
        is_kept = not self.early and not self.lost and self.messages >= wanted
        print("kept: no append was answered before its sync had returned" if is_kept else "BROKEN")
        return is_kept


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    judge = Judge(sys.argv[1].encode())
    judge.read(sys.stdin.buffer)
    sys.exit(0 if judge.verdict(int(sys.argv[2])) else 1)
