"""Files in `fantail chat`: sent with /file, got with /save; in a window, and in lines."""

import contextlib
import os
import subprocess

import pytest

from client import fresh
from cluster import BIN, PATIENCE, SMALL, Cluster
from test_terminal import connection, window


@pytest.fixture
def media(home):
    with Cluster(home, counts={**SMALL, "media": 1}) as cluster:
        yield cluster


@pytest.fixture
def fish(tmp_path):
    path = tmp_path / "my fish.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(70_000))
    return path


class Lines:
    """`fantail chat --plain`, written to and read line by line, in a folder of its own."""

    def __init__(self, cluster, folder, me: str, peer: str):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen(
            [BIN / "fantail", "chat", "--as", me, "--with", peer, "--plain", *connection(cluster, folder, me)], cwd=folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def say(self, line: str):
        self.process.stdin.write(line + "\n")

    def until(self, part: str) -> str:
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if part in line:
                return line.rstrip("\n")
        raise AssertionError(f"never said: {part}; it said {seen}")

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def lines(cluster, folder, me: str, peer: str):
    one = Lines(cluster, folder, me, peer)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_a_file_goes_from_one_to_the_other(media, tmp_path, fish):
    ana, bob = fresh("ana"), fresh("bob")
    with lines(media, tmp_path / "a", ana, bob) as a, lines(media, tmp_path / "b", bob, ana) as b:
        a.say(f"/file {fish}")
        a.until("sending my fish.png, 69 KiB ...")
        assert b.until(f"{ana}: ") == f"{ana}: [my fish.png, picture, 69 KiB]"
        a.until("✓✓ read")
        for name in ["my fish.png", "my fish (2).png"]:
            b.say("/save")
            b.until(f"saved as {name}")
            assert (b.folder / name).read_bytes() == fish.read_bytes()
        b.say("/save my fish.png")
        b.until("my fish.png is there already")
        b.say("/save 2")
        b.until("there are not so many files in this chat")
        # One's own file too.
        a.say("/save 1 mine.png")
        a.until("saved as mine.png")
        a.say("//file is a word")
        b.until("/file is a word")
        assert a.end() == b.end() == 0
        assert (a.folder / "mine.png").read_bytes() == fish.read_bytes()


def test_what_cannot_be_sent_is_said_and_the_chat_goes_on(media, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    liar = tmp_path / "liar.png"
    liar.write_text("<!doctype html><script>alert(1)</script>")
    (tmp_path / "empty.png").touch()
    with lines(media, tmp_path / "a", ana, bob) as a:
        for order, answer in [
            ("/file", "/file PATH sends a file"), ("/save", "no file was sent in this chat"), ("/file nothing.png", "there is no file nothing.png"),
            (f"/file {tmp_path}", "there is no file"), (f"/file {tmp_path}/empty.png", "is empty, or larger than"), (f"/file {liar}", "media_type"),
        ]:
            a.say(order)
            a.until(answer)
        a.say("hello")
        a.until("✓ sent")
        assert a.end() == 0


def test_a_media_service_that_is_away_is_waited_for(media, tmp_path, fish):
    ana, bob = fresh("ana"), fresh("bob")
    media.kill("media-1")
    with lines(media, tmp_path / "a", ana, bob) as a, lines(media, tmp_path / "b", bob, ana) as b:
        a.say(f"/file {fish}")
        a.say("meanwhile")
        b.until("meanwhile")
        media.start("media-1")
        b.until("[my fish.png, picture, 69 KiB]")
        # The end of input waits for a file that is under way.
        b.say("/save")
        assert b.end() == 0
        assert (b.folder / "my fish.png").read_bytes() == fish.read_bytes()


def test_a_window_shows_files(media, tmp_path, fish):
    ana, bob = fresh("ana"), fresh("bob")
    with window(media, tmp_path, ana, bob) as a, window(media, tmp_path, bob, ana) as b:
        a.until("● connected")
        b.until("● connected")
        a.type(f"/file {fish}\x1b\rlook at this\r")
        a.until(r"\[my fish.png, picture, 69 KiB\]")
        b.until(r"\[my fish.png, picture, 69 KiB\]")
        b.until("look at this")
        b.type(f"/save {tmp_path}/got.png\r")
        b.until("saved as")
        assert (tmp_path / "got.png").read_bytes() == fish.read_bytes()
