"""What deploy/trace-syncs.sh believes: traces that were made up, one of them clean, the others with a lie each."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

JUDGE = Path(__file__).resolve().parents[2] / "deploy/trace-syncs/judge.py"
LOG = "/data/p.db-wal"
LOOP, HELPER = 811, 812
ASKED, STORED = 32, 65


def hexadecimal(text) -> str:
    return "".join(f"\\x{byte:02x}" for byte in (text.encode() if isinstance(text, str) else text))


def frame(kind: int, method: int, call: int, payload: bytes) -> bytes:
    return struct.pack("<IBBHI", 8 + len(payload), 1, kind, method, call) + payload


def append(call: int, text: str) -> bytes:
    """Ana wrote it to Ben, and so it goes to Ben's inbox."""
    parts = [b"ben", None, b"ana", b"ana", f"m{call}".encode()]
    payload = b"".join(b"\x01" if part is None else bytes([len(part)]) + part for part in parts)
    return frame(3, ASKED, call, payload + b"\x00" + bytes([len(text)]) + text.encode() + b"\x00")


def answer(call: int, outcome: int = 1) -> bytes:
    return frame(4, STORED, call, bytes([outcome, 7, 9]))


class Trace:
    """A line for each call, as strace has them."""

    def __init__(self):
        self.lines = []

    def say(self, thread: int, text: str):
        self.lines.append(f"{thread} 1700000000.{len(self.lines):06} {text}")
        return self

    def received(self, chunk: bytes, socket: int = 1):
        name = hexadecimal(f"socket:[{socket}]")
        return self.say(LOOP, f'recvfrom({socket + 20}<{name}>, "{hexadecimal(chunk)}", 65536, 0, NULL, NULL) = {len(chunk)}')

    def sent(self, chunk: bytes, socket: int = 1, taken=None):
        name = hexadecimal(f"socket:[{socket}]")
        count = len(chunk) if taken is None else taken
        return self.say(LOOP, f'sendto({socket + 20}<{name}>, "{hexadecimal(chunk)}", {len(chunk)}, MSG_NOSIGNAL, NULL, 0) = {count}')

    def wrote(self, text: str, path: str = LOG):
        return self.say(HELPER, f'pwrite64(11<{hexadecimal(path)}>, "{hexadecimal(text)}", {len(text)}, 4096) = {len(text)}')

    def synced(self, path: str = LOG, result: str = "0"):
        return self.say(HELPER, f"fdatasync(11<{hexadecimal(path)}>) = {result}")

    def judged(self, wanted: int = 1) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, JUDGE, LOG, str(wanted)], input="\n".join(self.lines) + "\n", text=True, capture_output=True, timeout=60)


def is_kept(trace: Trace, wanted: int = 1) -> bool:
    done = trace.judged(wanted)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    assert ("BROKEN" in done.stdout) == (done.returncode == 1), done.stdout
    return done.returncode == 0


def figure(trace: Trace, name: str) -> int:
    [line] = [line for line in trace.judged().stdout.splitlines() if line.startswith(name)]
    return int(line.split()[-1])


def test_an_answer_behind_its_sync_is_fine():
    assert is_kept(Trace().received(append(5, "hello")).wrote("..hello..").synced().sent(answer(5)))


def test_one_sync_may_stand_for_many():
    trace = Trace().received(append(1, "one") + append(2, "two")).received(append(1, "three"), 2)
    trace.wrote("..one..two..three..").synced().sent(answer(1) + answer(2)).sent(answer(1), 2)
    assert is_kept(trace, 3) and figure(trace, "messages stored") == 3 and figure(trace, "syncs") == 1


@pytest.mark.parametrize("early", [
    Trace().received(append(5, "hello")).sent(answer(5)).wrote("..hello..").synced(),
    Trace().received(append(5, "hello")).wrote("..hello..").sent(answer(5)).synced(),
    # The sync was for something else.
    Trace().received(append(5, "hello")).synced().wrote("..hello..").sent(answer(5)),
    Trace().received(append(5, "hello")).wrote("..hullo..").synced().sent(answer(5)),
    Trace().received(append(5, "hello")).wrote("..hello..").synced("/data/p.db").sent(answer(5)),
    Trace().received(append(5, "hello")).wrote("..hello..", "/data/p.db").synced().sent(answer(5)),
    Trace().wrote("..hello..").received(append(5, "hello")).synced().sent(answer(5)),
    # It failed.
    Trace().received(append(5, "hello")).wrote("..hello..").synced(result="-1 EIO (Input/output error)").sent(answer(5)),
])
def test_an_answer_before_its_sync_is_told(early):
    assert not is_kept(early) and figure(early, "answers before") == 1 and figure(early, "lost by") == 0


def crossed(*, returns_first: bool) -> Trace:
    """The sync of the helper returns before, or after, the loop begins to send."""
    trace = Trace().received(append(5, "hello")).wrote("..hello..")
    trace.say(HELPER, f"fdatasync(11<{hexadecimal(LOG)}> <unfinished ...>").received(frame(7, 0, 0, b""))
    name = hexadecimal("socket:[1]")
    begins = f'sendto(21<{name}>, "{hexadecimal(answer(5))}", {len(answer(5))}, MSG_NOSIGNAL, NULL, 0 <unfinished ...>'
    lines = [(HELPER, "<... fdatasync resumed>) = 0"), (LOOP, begins)]
    for line in lines if returns_first else reversed(lines):
        trace.say(*line)
    return trace.say(LOOP, f"<... sendto resumed>) = {len(answer(5))}")


def test_calls_of_two_threads_that_cross_are_put_in_order():
    assert is_kept(crossed(returns_first=True))
    early = crossed(returns_first=False)
    assert not is_kept(early) and figure(early, "answers before") == 1


def test_a_sync_that_began_before_the_write_ended_is_none():
    trace = Trace().received(append(5, "hello"))
    trace.say(LOOP, f'pwrite64(11<{hexadecimal(LOG)}>, "{hexadecimal("hello")}", 5, 0 <unfinished ...>')
    trace.synced().say(LOOP, "<... pwrite64 resumed>) = 5").sent(answer(5))
    assert not is_kept(trace) and figure(trace, "answers before") == 1


def test_frames_may_travel_byte_by_byte():
    trace = Trace()
    for byte in append(5, "hello"):
        trace.received(bytes([byte]))
    trace.wrote("..hello..").synced()
    for byte in answer(5):
        trace.sent(bytes([byte]))
    assert is_kept(trace)


def test_an_answer_whose_first_byte_left_before_the_sync_is_told():
    whole = answer(5)
    trace = Trace().received(append(5, "hello")).wrote("..hello..").sent(whole[:1]).synced().sent(whole[1:])
    assert not is_kept(trace) and figure(trace, "answers before") == 1


def test_what_a_socket_did_not_take_has_not_been_sent():
    whole = answer(5)
    trace = Trace().received(append(5, "hello")).wrote("..hello..").synced().sent(whole, taken=4).sent(whole[4:])
    assert is_kept(trace)


def test_repeats_and_refusals_need_no_sync():
    trace = Trace().received(append(1, "one") + append(2, "two") + append(3, "three")).sent(answer(2, outcome=2))
    trace.sent(frame(5, 0, 3, b"\x03\x00\x00\x00\x00")).wrote("one").synced().sent(answer(1))
    assert is_kept(trace) and figure(trace, "other answers") == 2 and figure(trace, "answers to appends") == 1


def test_admin_pages_and_connections_that_end_are_no_holes():
    trace = Trace().received(b"GET /load HTTP/1.0\r\n\r\n", 3).sent(b"HTTP/1.0 200 OK\r\n\r\n", 3)
    trace.received(append(1, "one"), 2).say(LOOP, f"close(22<{hexadecimal('socket:[2]')}>) = 0")
    assert is_kept(trace.received(append(5, "hello")).wrote("..hello..").synced().sent(answer(5)))


def clean() -> Trace:
    return Trace().received(append(5, "hello")).wrote("..hello..").synced().sent(answer(5))


@pytest.mark.parametrize("hole", [
    clean().received(append(6, "one more")),
    clean().sent(answer(6)),
    clean().received(b"\xff" * 16),
    clean().say(LOOP, "+++ killed by SIGKILL +++"),
    clean().say(HELPER, "<... fdatasync resumed>) = 0"),
    clean().say(LOOP, f'recvfrom(21<{hexadecimal("socket:[1]")}>, "{hexadecimal("abc")}"..., 65536, 0, NULL, NULL) = 900'),
    clean().received(append(6, "")).sent(answer(6, outcome=2)),
])
def test_a_hole_in_the_trace_breaks_the_verdict(hole):
    assert not is_kept(hole) and figure(hole, "lost by") > 0 and figure(hole, "answers before") == 0


def test_fewer_messages_than_wanted_break_the_verdict():
    assert is_kept(clean(), 1) and not is_kept(clean(), 2) and not is_kept(Trace())
