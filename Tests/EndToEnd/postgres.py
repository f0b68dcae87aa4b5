"""PostgreSQL servers of a test's own: one, or a primary with a synchronous standby that can be promoted."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from cluster import PATIENCE, _die_with_parent, _ports

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
BIN = FOLDERS[-1].parent if FOLDERS else None
SETTINGS = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=64MB", "-c", "max_connections=40",
            # A server that is killed leaves what it wrote to the kernel. A sync is for the power, which these tests leave on, and behind
            # a crash the server would begin with one for each of a thousand files: half a minute on a slow disk.
            "-c", "fsync=off", "-c", "full_page_writes=off"]


def _user():
    """The server does not run as root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


class Server:
    """One server. Ends with the test run, whatever becomes of it."""

    def __init__(self, home: Path, port: int):
        self.home, self.port = home, port
        self.process: subprocess.Popen | None = None

    def _as_server(self):
        user = _user()
        if user:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        _die_with_parent()

    def run(self, *words):
        subprocess.run([str(word) for word in words], check=True, capture_output=True, cwd="/", preexec_fn=self._as_server)

    def start(self, *settings):
        log = open(self.home.with_suffix(".log"), "ab")
        self.process = subprocess.Popen(
            [BIN / "postgres", "-D", self.home, "-p", str(self.port), *SETTINGS, *settings], cwd="/",
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._as_server)
        deadline = time.monotonic() + PATIENCE
        while not self.is_up():
            assert self.process.poll() is None, self.home.with_suffix(".log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.05)

    def is_up(self) -> bool:
        return subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def sql(self, text: str, database: str = "fantail") -> str:
        done = subprocess.run(
            [BIN / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "fantail", "-d", database, "-XAtqc", text],
            check=True, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout.strip()

    def kill(self):
        """The whole server at once: its main process alone would leave children that go on for a moment."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        for pid in [self.process.pid, *map(int, children)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Pair:
    """A primary and, if wanted, its synchronous standby. Trust on loopback: passwords are tested elsewhere."""

    def __init__(self, has_standby: bool = True):
        self.folder = Path(tempfile.mkdtemp(prefix="fantail-pg-", dir="/tmp"))
        if user := _user():
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        base = _ports()
        self.primary = Server(self.folder / "primary", base)
        self.standby = Server(self.folder / "standby", base + 1) if has_standby else None

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby) if server)
        return f"postgresql://fantail@{hosts}/fantail"

    def __enter__(self):
        try:
            primary = self.primary
            primary.run(BIN / "initdb", "-D", primary.home, "-U", "fantail", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
            primary.start("-c", "synchronous_standby_names=")
            primary.sql("CREATE DATABASE fantail", database="postgres")
            if self.standby:
                primary.stop()
                # A copy of the stopped server is a standby as soon as it is told so.
                primary.run("cp", "-a", primary.home, self.standby.home)
                primary.start("-c", "synchronous_standby_names=standby")
                (self.standby.home / "standby.signal").touch()
                self.standby.start(
                    "-c", f"primary_conninfo=host=127.0.0.1 port={primary.port} user=fantail application_name=standby")
                deadline = time.monotonic() + PATIENCE
                while primary.sql("SELECT sync_state FROM pg_stat_replication", database="postgres") != "sync":
                    assert time.monotonic() < deadline, "the standby does not follow"
                    time.sleep(0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def promote(self):
        self.standby.run(BIN / "pg_ctl", "promote", "-w", "-s", "-D", self.standby.home)

    def __exit__(self, *_):
        for server in (self.primary, self.standby):
            if server:
                server.stop()
        _ports.taken.discard(self.primary.port)
        shutil.rmtree(self.folder, ignore_errors=True)
