"""An object store of somebody else's (moto), as a process of its own: it may go away, and what it has outlives that, because it is
filled again from a copy that the test took.

    with ObjectStore(path) as store:
        Cluster(path, counts={**SMALL, "media": 1}, media=store.setting)
"""

import http.client
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from cluster import PATIENCE, _die_with_parent, _ports

BUCKET = "fantail-files"
#: moto, its guard off, believes everybody who signs at all; who does not sees no private object.
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"}


class ObjectStore:
    def __init__(self, home: Path):
        self.port = _ports()
        self.log = Path(home) / "moto.log"
        self.process: subprocess.Popen | None = None

    @property
    def setting(self) -> str:
        return f"store=s3:http://127.0.0.1:{self.port}/{BUCKET}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        _ports.taken.discard(self.port)

    def start(self, bucket: bool = True):
        """Empty."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if bucket:
                    assert self.ask("PUT", f"/{BUCKET}")[0] == 200
                else:
                    self.ask("GET", "/")
                return
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)

    def freeze(self):
        """It accepts, and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()

    # Looking

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, SIGNED)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def keys(self) -> list[str]:
        status, text = self.ask("GET", f"/{BUCKET}?list-type=2")
        assert status == 200
        return re.findall(r"<Key>([^<]*)</Key>", text.decode())

    def contents(self) -> dict[str, bytes]:
        return {key: self.ask("GET", f"/{BUCKET}/{key}")[1] for key in self.keys()}

    def fill(self, contents: dict[str, bytes]):
        for key, data in contents.items():
            assert self.ask("PUT", f"/{BUCKET}/{key}", data)[0] == 200
