"""How the gateway serves the page, and to whom it mints tokens. No browser: bare HTTP."""

import http.client
import socket
import time
from pathlib import Path

import pytest
from cluster import SMALL, Cluster, Node

FILES = Path(__file__).resolve().parents[2] / "Services" / "Gateway" / "Page" / "files"
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
}
NAMES = sorted(path.name for path in FILES.iterdir())


def ask(node: Node, path: str, method: str = "GET", **headers):
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", node.client, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def gateway(cluster):
    return cluster.gateways[0]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A cluster as it is without a word about log-ins."""
    with Cluster(tmp_path_factory.mktemp("plain"), counts=SMALL) as cluster:
        cluster._secret_file("tokens.keys", f"{cluster.hs.line} sign\n")
        cluster.kill("gateway-1")
        cluster.start("gateway-1")
        cluster.wait_ready()
        yield cluster.gateways[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_served_as_it_is(gateway, name):
    path = "/" if name == "index.html" else f"/{name}"
    status, headers, body = ask(gateway, path)
    assert (status, body) == (200, (FILES / name).read_bytes())
    assert headers["content-type"] == TYPES[Path(name).suffix]
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in headers["content-security-policy"]

    status, head, body = ask(gateway, path, "HEAD")
    assert (status, body) == (200, b"") and head == headers
    for known in (headers["etag"], f'"x", W/{headers["etag"]}', "*"):
        status, again, body = ask(gateway, path, If_None_Match=known)
        assert (status, body, again["etag"]) == (304, b"", headers["etag"])
    assert ask(gateway, path, If_None_Match='"other"')[0] == 200
    assert ask(gateway, path + "?x=1")[0] == 200


def test_the_policy_lets_nothing_in_from_elsewhere(gateway):
    policy = ask(gateway, "/")[1]["content-security-policy"]
    sources = [word for rule in policy.split(";") for word in rule.split()[1:]]
    # What is `blob:` the page made itself. A cluster without media names nobody else.
    assert set(sources) == {"'none'", "'self'", "'script'", "fantail", "blob:"}
    assert "script-src 'self';" in policy and "style-src 'self';" in policy


def test_no_file_names_another_host():
    for name in NAMES:
        text = (FILES / name).read_text()
        for word in ("http://", "https://"):
            for line in text.splitlines():
                if word in line:
                    # A namespace is a name, a comment is no request; the rest would have to be looked at.
                    assert "www.w3.org" in line or "//www" in line or line.strip().startswith("//") or "https?:" in line or "location.protocol" in line, (name, line)


def test_the_service_worker_keeps_every_file():
    text = (FILES / "sw.js").read_text()
    for name in NAMES:
        if name not in ("index.html", "sw.js"):
            assert f'"/{name}"' in text, f"sw.js does not keep {name}"
    assert '"/"' in text


def test_other_paths_and_methods_are_refused(gateway):
    assert ask(gateway, "/nothing.js")[0] == 404
    assert ask(gateway, "/../cluster.conf")[0] == 404
    assert ask(gateway, "/app.js/")[0] == 404
    assert ask(gateway, "/index.html")[0] == 404
    assert ask(gateway, "/nothing.js", "POST")[0] == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, headers, _ = ask(gateway, "/app.js", method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert ask(gateway, "/v1/ws", "POST")[0] == 405
    assert ask(gateway, "/v1/ws")[0] == 426


def test_slow_readers_share_one_copy(gateway):
    """A thousand connections ask for the longest file and read nothing."""
    longest = max(NAMES, key=lambda name: (FILES / name).stat().st_size)
    bytes_each = (FILES / longest).stat().st_size
    ask(gateway, "/")
    before = gateway.memory()
    sockets = []
    for _ in range(1_000):
        connection = socket.socket()
        # A small window, so that the kernel takes as little as it can.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        connection.connect(("127.0.0.1", gateway.client))
        connection.sendall(f"GET /{longest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        sockets.append(connection)
    time.sleep(0.5)
    grown = gateway.memory() - before
    for connection in sockets:
        connection.close()
    assert grown < 1_000 * bytes_each / 4, f"{grown} bytes more for 1,000 readers of {bytes_each}"
    assert ask(gateway, "/")[0] == 200


# The log-in for development


def login(node: Node, query: str = "?user=ana&device=web-1", method: str = "POST", host: str | None = None, **headers):
    headers.setdefault("Host", host or f"127.0.0.1:{node.client}")
    status, _, body = ask(node, f"/v1/login{query}", method, **headers)
    return status, body.decode()


def test_it_is_off_by_default(plain):
    assert login(plain, "", "GET") == (200, '{"development":false}\n')
    status, body = login(plain)
    assert status == 405 and "token" not in body


def test_it_mints_a_token_that_holds(gateway):
    assert login(gateway, "", "GET") == (200, '{"development":true}\n')
    status, body = login(gateway)
    assert status == 200
    token = body.split('"')[3]
    assert login(gateway, "", "GET", Authorization=f"Bearer {token}") == (200, '{"development":true,"token":"ok"}\n')
    status, body = login(gateway, "", "GET", Authorization=f"Bearer {token[:-3]}AAA")
    assert status == 200 and "token_bad_signature" in body


def test_it_refuses_other_origins(gateway):
    own = f"http://127.0.0.1:{gateway.client}"
    assert login(gateway, Origin=own)[0] == 200
    assert login(gateway, host=f"localhost:{gateway.client}", Origin=f"http://localhost:{gateway.client}")[0] == 200
    # Behind a proxy that ends TLS the page of this very host is an https one.
    assert login(gateway, Origin=f"https://127.0.0.1:{gateway.client}")[0] == 200
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{gateway.client + 1}", "http://127.0.0.1"):
        status, body = login(gateway, Origin=origin)
        assert status == 403 and "origin_not_allowed" in body, origin


def test_it_refuses_a_host_that_is_another_s(gateway):
    """A page of evil.example whose name was made to mean 127.0.0.1: its requests come here, from its own origin."""
    for host in ("evil.example", f"evil.example:{gateway.client}", f"127.0.0.1.evil.example:{gateway.client}", "localhost.evil.example", "10.0.0.1"):
        assert login(gateway, host=host, Origin=f"http://{host}")[0] == 403, host
        assert login(gateway, host=host)[0] == 403, host


def test_it_refuses_names_that_nobody_has(gateway):
    for query, reason in (
        ("", "user_invalid"), ("?user=", "user_invalid"), ("?user=a%20b", "user_invalid"), ("?user=g:team", "user_invalid"),
        ("?user=" + "x" * 65, "user_invalid"), ("?user=%", "user_invalid"), ("?user=ana&device=", "device_invalid"),
        ("?user=ana&device=" + "x" * 33, "device_invalid"),
    ):
        status, body = login(gateway, query)
        assert status == 400 and reason in body, query
    assert login(gateway, method="PUT")[0] == 405


def test_a_gateway_that_others_reach_does_not_start_with_it(tmp_path):
    cluster = Cluster(tmp_path, counts=SMALL, settings=("login development",))
    cluster.file.write_text(cluster.file.read_text().replace("client=127.0.0.1:", "client=0.0.0.0:"))
    node = cluster.start("gateway-1")
    assert node.process.wait(10) == 78
    assert "client=127.0.0.1" in cluster.log("gateway-1")


def test_a_key_that_may_sign_is_needed(tmp_path):
    cluster = Cluster(tmp_path, counts=SMALL, settings=("login development",))
    node = cluster.start("gateway-1")
    assert node.process.wait(10) == 78
    assert "sign" in cluster.log("gateway-1")
