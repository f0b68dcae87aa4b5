"""A cluster of real processes, started without any of the suite's own scripts.

    with Cluster(path) as cluster:
        cluster.kill("session-2")
        cluster.start("session-2")

Everything a cluster needs is made here: ports, cluster file, secrets, directories. Processes are ended by their own id and die
with the test run, whatever becomes of it.
"""

import asyncio
import ctypes
import http.client
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

from minting import Pair, Secret, mint
from papers import Authority

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FANTAIL_BIN", REPOSITORY / ".build" / "release"))

#: In the order of the suite's documents; the numbers show how work is divided. Partitions of the store: `--partitions` changes their number.
COUNTS = {"gateway": 2, "parser": 2, "session": 3, "group": 1, "last-seen": 1, "persistence": 3}
#: One of each.
SMALL = dict.fromkeys(COUNTS, 1)

#: Generous: no test may fail because a machine is slow. Seconds.
PATIENCE = 30.0


async def within(seconds: float, work):
    """What `work` gives, or TimeoutError. (In Python 3.11 the library's own way of waiting loses a cancellation that comes together
    with a result: whoever was told to stop would go on.)"""
    async with asyncio.timeout(seconds):
        return await work


#: Ephemeral ports begin at 32768. Each cluster takes a block, each test worker has a range of its own: six of them.
PORT_FIRST, PORTS_PER_WORKER, PORTS_PER_CLUSTER, WORKERS_MAX = 16_000, 2_760, 60, 6


def _ports() -> int:
    """The first port of a free block, and not of one that has just become free."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % WORKERS_MAX
    first, blocks = PORT_FIRST + worker * PORTS_PER_WORKER, PORTS_PER_WORKER // PORTS_PER_CLUSTER
    for _ in range(blocks):
        base = first + _ports.next % blocks * PORTS_PER_CLUSTER
        _ports.next += 1
        if base not in _ports.taken and all(_is_free(port) for port in range(base, base + PORTS_PER_CLUSTER)):
            _ports.taken.add(base)
            return base
    raise RuntimeError("no free block of ports")


_ports.taken, _ports.next = set(), 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _die_with_parent():
    """PR_SET_PDEATHSIG: a test run that is killed leaves nobody behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Node:
    def __init__(self, name: str, role: str, rpc: int, admin: int, client: int | None):
        self.name, self.role, self.rpc, self.admin, self.client = name, role, rpc, admin, client
        #: More words of its line.
        self.settings = ""
        #: More words of its command.
        self.options: list[str] = []
        self.process: subprocess.Popen | None = None

    @property
    def line(self) -> str:
        words = [self.role, self.name, f"127.0.0.1:{self.rpc}", f"127.0.0.1:{self.admin}"]
        if self.client:
            words.append(f"client=127.0.0.1:{self.client}")
        if self.settings:
            words.append(self.settings)
        return "  ".join(words)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes, of /proc/PID/status."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and body of an admin page; (0, "") when nobody listens."""
        status, body, _ = self.page(path, method)
        return status, body

    def page(self, path: str, method: str = "GET", **headers) -> tuple[int, str, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
        except (OSError, http.client.HTTPException):
            return 0, "", {}
        finally:
            connection.close()

    def figure(self, name: str) -> float:
        """The sum of a metric's samples."""
        status, body = self.get("/metrics")
        assert status == 200, f"{self.name} gives no metrics"
        samples = [line for line in body.splitlines() if re.match(rf"{name}(\{{|\s)", line)]
        assert samples, f"{self.name} has no figure {name}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples)


class Cluster:
    def __init__(self, home: Path, counts: dict | None = None, store: str = "temporary", settings: tuple = (),
                 media: str = "", tls: str = "", is_shedding: bool = False):
        """
        home: an empty directory; everything is kept below.
        counts: nodes of each role; default `COUNTS`.
        settings: more lines of the cluster file.
        media: more words in the lines of media nodes.
        tls: who speaks it, `clients`, `peers` or both; papers are made for them, by `self.authority` and `self.peers_authority`.
        is_shedding: services give up work when they are behind. Else they do all of it, however long others keep the machine from them:
            a test that waits for a sign of typing would wait in vain on a machine that is slow. A process that is started again
            is told so by the next `wait_ready`.
        """
        self.is_archive = store == "archive"
        self.is_shedding = is_shedding
        self.home = Path(home)
        self.name = f"e2e-{secrets.token_hex(3)}"
        self.data = self.home / "data"
        self.logs = self.home / "logs"
        self.file = self.home / "cluster.conf"
        for directory in (self.data / "secrets", self.logs):
            directory.mkdir(parents=True)

        self._base = base = _ports()
        self.nodes: dict[str, Node] = {}
        for index, (role, count) in enumerate((counts or COUNTS).items()):
            for number in range(1, count + 1):
                place = base + (len(self.nodes) * 3)
                client = place + 2 if role in ("gateway", "media", "api") else None
                node = Node(f"{role}-{number}", role, place, place + 1, client)
                node.settings = media if role == "media" else ""
                self.nodes[node.name] = node
        assert len(self.nodes) * 3 <= PORTS_PER_CLUSTER

        self.secret = secrets.token_bytes(32)
        self.hs, self.ed = Secret("hs-1"), Pair("ed-1")
        #: With which a product's backend asks, and with which webhooks are signed.
        self.api_key, self.webhook_key = secrets.token_hex(32), secrets.token_hex(32)
        self.tls = tls.split()
        if self.tls:
            settings = (*settings, "tls " + " ".join(f"{who}=on" for who in self.tls))
            self._make_papers()
        lines = [f"cluster {self.name}", "epoch 1", f"store {store}", *settings, *(node.line for node in self.nodes.values())]
        self.file.write_text("\n".join(lines) + "\n")
        self._secret_file("cluster.key", self.secret.hex() + "\n")
        self._secret_file("tokens.keys", f"{self.hs.line}\n{self.ed.line}\n")
        if self.role("api"):
            self._secret_file("api.keys", f"# name key\nold-1 {secrets.token_hex(32)}\ntest-1 {self.api_key}\n")
            self._secret_file("webhook.keys", self.webhook_key + "\n")
        if "store=" in media:
            self._secret_file("s3.keys", "fantail not-a-secret\n")

    def _secret_file(self, name: str, text: str):
        path = self.data / "secrets" / name
        path.write_text(text)
        path.chmod(0o600)

    def _make_papers(self):
        self.authority, self.peers_authority = Authority("clients"), Authority("services")
        if "clients" in self.tls:
            self.install(self.authority.issue("localhost", "127.0.0.1"))
            self.ca = self.data / "secrets" / "ca.crt"
            self.ca.write_bytes(self.authority.pem)
        if "peers" in self.tls:
            folder = self.data / "secrets" / "peers"
            folder.mkdir()
            (folder / "ca.crt").write_bytes(self.peers_authority.pem)
            for name in self.nodes:
                self.peers_authority.issue(name).install(folder / f"{name}.crt", folder / f"{name}.key")

    def install(self, paper):
        """Gives gateways and media another certificate."""
        self.paper = paper
        paper.install(self.data / "secrets" / "tls.crt", self.data / "secrets" / "tls.key")

    @property
    def ssl(self) -> ssl.SSLContext | None:
        """What clients need; nothing without TLS."""
        if "clients" not in self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def __enter__(self):
        try:
            self.start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    # Starting and ending

    def role(self, role: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.role == role]

    @property
    def gateways(self) -> list[Node]:
        return self.role("gateway")

    def start_all(self):
        for name in self.nodes:
            self.start(name)
        self.wait_ready()

    def start(self, name: str, **environment) -> Node:
        node = self.nodes[name]
        assert not node.is_running
        with open(self.log_path(name), "ab") as log:
            node.process = subprocess.Popen(
                [BIN / node.role, "--cluster", self.file, "--node", name, "--data", self.data, *node.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent,
                env={**os.environ, **environment})
        return node

    def kill(self, name: str, how: int = signal.SIGKILL):
        """Ends one process and waits until it is gone."""
        process = self.nodes[name].process
        process.send_signal(how)
        process.wait(PATIENCE)

    def stop(self):
        running = [node for node in self.nodes.values() if node.is_running]
        for node in running:
            node.process.terminate()
        deadline = time.monotonic() + 5
        for node in running:
            try:
                node.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()
        _ports.taken.discard(self._base)

    def wait_ready(self):
        """Until every node is ready and sees all its peers: half a mesh would work, with the retries of the protocol."""
        waiting = list(self.nodes.values())
        deadline = time.monotonic() + PATIENCE
        while waiting:
            waiting = [node for node in waiting if node.get("/readyz")[0] != 200 or '"up":false' in node.get("/peers")[1]]
            for node in waiting:
                assert node.is_running, f"{node.name} ended with {node.process.returncode}:\n{self.log_tail(node.name)}"
            assert time.monotonic() < deadline, "not ready: " + "; ".join(f"{n.name} {n.get('/readyz')}" for n in waiting)
            if waiting:
                time.sleep(0.03)
        if not self.is_shedding:
            for node in self.nodes.values():
                assert node.page("/load?pin=0", "POST", X_Fantail_Admin="test")[0] == 200, f"{node.name} takes no level"

    # Looking

    def log_path(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log(self, name: str) -> str:
        return self.log_path(name).read_text(errors="replace")

    def log_tail(self, name: str, lines: int = 10) -> str:
        return "\n".join(self.log(name).splitlines()[-lines:])

    def database_files(self) -> list[Path]:
        return [path for path in self.data.rglob("*") if re.search(r"\.db(-wal|-journal)?$", path.name)]

    def figure(self, role: str, name: str) -> float:
        return sum(node.figure(name) for node in self.role(role))

    # For clients

    def url(self, gateway: int = 0) -> str:
        return f"{'wss' if 'clients' in self.tls else 'ws'}://127.0.0.1:{self.gateways[gateway].client}/v1/ws"

    def token(self, user: str, device: str | None = None, **claims) -> str:
        return mint(self.hs, user, device, **claims)
