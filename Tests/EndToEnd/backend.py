"""A product's backend: asks the API, and receives webhooks. Written from docs/api.md and docs/webhooks.md."""

import hashlib
import hmac
import http.client
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cluster import PATIENCE, Cluster


class Answer:
    def __init__(self, status: int, headers: dict, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Backend:
    def __init__(self, cluster: Cluster, node: str = "api-1", key: str | None = None):
        self.port = cluster.nodes[node].client
        self.key = cluster.api_key if key is None else key

    def ask(self, method: str, path: str, body=None, raw: bytes | None = None, **headers) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.key:
                headers.setdefault("Authorization", f"Bearer {self.key}")
            data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
            if data is not None:
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, path: str, **body) -> Answer:
        return self.ask("POST", path, body)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def delete(self, path: str) -> Answer:
        return self.ask("DELETE", path)


def patiently(look, what: str):
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


class Receiver:
    """Takes webhooks. `refuse`: a status for the next ones instead of a yes. `tls`: it speaks nothing else."""

    def __init__(self, key: str, port: int = 0, tls: ssl.SSLContext | None = None):
        self.key = key
        self.events: list[dict] = []
        self.tries = 0
        self.refuse: int | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tries += 1
                status = receiver.refuse or (204 if receiver.verify(self.headers, body) else 401)
                if status == 204:
                    receiver.events.append(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def verify(self, headers, body: bytes) -> bool:
        """As docs/webhooks.md has it."""
        parts = [part.split("=", 1) for part in headers["Fantail-Signature"].split(",")]
        stamp = next(value for name, value in parts if name == "t")
        if abs(time.time() - int(stamp)) > 300:
            return False
        expected = hmac.new(self.key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return any(hmac.compare_digest(value, expected) for name, value in parts if name == "v1")

    def find(self, **fields) -> list[dict]:
        return [event for event in list(self.events) if all(event.get(name) == value for name, value in fields.items())]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
