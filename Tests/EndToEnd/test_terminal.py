"""Two terminals: what a person sees of the other, and what `fantail settings` and `fantail presence` say."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from client import fresh
from cluster import BIN, PATIENCE

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[78])")


class Window:
    """`fantail chat` in a terminal of its own."""

    def __init__(self, cluster, home, me: str, peer: str):
        self.terminal, tty = pty.openpty()
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 80, 0, 0))
        self.process = subprocess.Popen(
            [BIN / "fantail", "chat", "--as", me, "--with", peer, *connection(cluster, home, me)],
            stdin=tty, stdout=tty, stderr=tty, env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"}, start_new_session=True)
        os.close(tty)
        self.output, self.text = b"", ""

    def type(self, text: str):
        os.write(self.terminal, text.encode())

    def until(self, pattern: str, patience: float = PATIENCE) -> str:
        """Waits until the window has shown this; what was shown before it counts no more."""
        end = time.monotonic() + patience
        while not (found := re.search(pattern, self.text)):
            rest = end - time.monotonic()
            assert rest > 0, f"never shown: {pattern}; the window has {self.text[-2_000:]!r}"
            if select.select([self.terminal], [], [], rest)[0]:
                self._read()
        self.text = self.text[found.end():]
        return found.group()

    def _read(self):
        """What is painted, without escape sequences; one that is not whole yet, or half a character, waits."""
        with contextlib.suppress(OSError):
            self.output += os.read(self.terminal, 65_536)
        start = self.output.rfind(b"\x1b")
        is_whole = start < 0 or ESCAPES.match(self.output[start:].decode(errors="replace"))
        cut = len(self.output) if is_whole else start
        for end in range(cut, max(-1, cut - 4), -1):
            with contextlib.suppress(UnicodeDecodeError):
                self.text += ESCAPES.sub("", self.output[:end].decode())
                self.output = self.output[end:]
                return

    def leave(self):
        self.type("\x15\x04")
        self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.terminal)


def connection(cluster, home, user: str, device: str | None = None) -> list[str]:
    trust = ["--ca", str(cluster.ca)] if cluster.ssl else []
    return ["--token", cluster.token(user, device), "--gateway", cluster.url().removesuffix("/v1/ws"), "--home", str(home), *trust]


@contextlib.contextmanager
def window(cluster, home, me: str, peer: str):
    one = Window(cluster, home, me, peer)
    try:
        yield one
    finally:
        one.close()


def run(cluster, home, *words: str, as_: str) -> str:
    """A command that must succeed; each is another device than the window."""
    return subprocess.run(
        [BIN / "fantail", *words, "--as", as_, "--device", "cli", *connection(cluster, home, as_, "cli")], capture_output=True, text=True,
        check=True, timeout=PATIENCE).stdout


def test_two_terminals_show_online_typing_and_last_seen(cluster, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    with window(cluster, tmp_path, ana, bob) as a:
        a.until("● connected")
        with window(cluster, tmp_path, bob, ana) as b:
            b.until(f"{ana}  online")
            a.until(f"{bob}  online")
            b.type("he")
            a.until(f"{bob}  typing…")
            b.type("\x15")
            a.until(f"{bob}  online")
            # Whoever changes her mind is told of once in two seconds.
            time.sleep(2)
            b.type("hello")
            a.until(f"{bob}  typing…")
            b.type("\r")
            # The window is painted from the top.
            a.until(f"{bob}  online")
            a.until("hello")
            b.leave()
        a.until(rf"{bob}  last seen \d\d:\d\d")
        a.leave()


def test_typing_is_over_by_itself(cluster, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    with window(cluster, tmp_path, ana, bob) as a, window(cluster, tmp_path, bob, ana) as b:
        a.until(f"{bob}  online")
        b.type("h")
        a.until(f"{bob}  typing…")
        begun = time.monotonic()
        a.until(f"{bob}  online")
        assert 4 < time.monotonic() - begun < 9


def test_presence_and_settings_are_commands(cluster, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    with window(cluster, tmp_path, bob, ana) as b:
        b.until("● connected")
        end = time.monotonic() + PATIENCE
        while "online" not in (shown := run(cluster, tmp_path, "presence", bob, as_=ana)):
            assert time.monotonic() < end, shown
        assert "last-seen      everyone" in run(cluster, tmp_path, "settings", "show", as_=bob)
        shown = run(cluster, tmp_path, "settings", "last-seen", "nobody", as_=bob)
        assert re.search(r"last-seen +nobody", shown)
        assert "not seen" in run(cluster, tmp_path, "presence", bob, as_=ana)
        # Whom she excepts sees her.
        run(cluster, tmp_path, "settings", "last-seen", "nobody", "--except", ana, as_=bob)
        assert "online" in run(cluster, tmp_path, "presence", bob, as_=ana)
        assert ana in run(cluster, tmp_path, "settings", "block", ana, as_=bob)
        assert "not seen" in run(cluster, tmp_path, "presence", bob, as_=ana)
        run(cluster, tmp_path, "settings", "unblock", ana, as_=bob)
        assert "online" in run(cluster, tmp_path, "presence", bob, as_=ana)


def test_lines_tell_who_comes_and_goes(cluster, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    lines = subprocess.Popen(
        [BIN / "fantail", "chat", "--plain", "--as", ana, "--with", bob, *connection(cluster, tmp_path, ana)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        with window(cluster, tmp_path, bob, ana) as b:
            assert lines.stdout.readline() == f"  {bob} is online\n"
            b.type("x")
            assert lines.stdout.readline() == f"  {bob} is typing\n"
            b.leave()
        said = [lines.stdout.readline() for _ in range(2)]
        assert f"  {bob} is not typing any more\n" in said
        assert any(re.fullmatch(rf"  {bob} was last seen \d\d:\d\d\n", line) for line in said)
        lines.stdin.close()
        assert lines.wait(PATIENCE) == 0
    finally:
        lines.kill()
        lines.wait()
