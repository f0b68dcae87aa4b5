"""The status page: what one node gathers of all others."""

import asyncio
import json
import socket
import threading
import time

from client import fresh, greeted
from cluster import PATIENCE, SMALL, Cluster


def look(node) -> dict:
    status, body = node.get("/status.json")
    assert status == 200, node.name
    return json.loads(body)


def until(node, what, condition) -> dict:
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look(node)
        if condition(found):
            return found
        assert time.monotonic() < deadline, f"{node.name} does not see {what}: {found}"
        time.sleep(0.1)


def named(status: dict, name: str) -> dict:
    return next(node for node in status["nodes"] if node["name"] == name)


async def test_every_node_shows_the_whole_cluster(cluster):
    for role in ("gateway-1", "parser-2", "group-1", cluster.role("persistence")[-1].name):
        status = look(cluster.nodes[role])
        assert status["viewer"] == role and status["ready"] == len(cluster.nodes)
        assert {node["name"] for node in status["nodes"]} == set(cluster.nodes)
        for node in status["nodes"]:
            assert node["state"] == "ready" and node["memory"] > 0, node
            assert all(link["up"] for link in node["links"]), node
        shares = {ring["role"]: sum(share["part"] for share in ring["shares"]) for ring in status["rings"]}
        assert set(shares) == {"session", "group", "last-seen", "persistence"}
        assert all(abs(part - 1) < 1e-6 for part in shares.values())


async def test_rates_and_answers_are_those_of_the_traffic(cluster):
    node = cluster.nodes["parser-1"]
    async with greeted(cluster, fresh()) as a:
        look(node)
        for _ in range(20):
            await a.send(fresh(), "x")
        status = await asyncio.to_thread(until, node, "messages", lambda status: (status["messages"] or 0) > 0)
        assert status["clients"] >= 1
        hops = {(hop["from"], hop["to"]): hop for hop in status["hops"]}
        assert hops["session", "persistence"]["rate"] > 0
        assert 0 < hops["session", "persistence"]["median"] <= hops["session", "persistence"]["p99"]


async def test_the_first_look_knows_no_rates(home):
    with Cluster(home, SMALL) as cluster:
        status = look(cluster.nodes["gateway-1"])
        assert status["messages"] is None and status["hops"] == []


async def test_who_is_away_is_shown_and_keeps_nobody_waiting(home):
    with Cluster(home, SMALL) as cluster:
        node = cluster.nodes["gateway-1"]
        dead = cluster.nodes["group-1"]
        cluster.kill("group-1")
        status = until(node, "the dead one", lambda status: named(status, "group-1")["state"] == "away")
        status = until(node, "broken links", lambda status: any(not link["up"] for link in named(status, "session-1")["links"]))
        assert any(json.loads(line)["event"] == "link_down" for line in named(status, "session-1")["warnings"])
        # Somebody who takes connections where it was, and says nothing, or more than any node would.
        door = socket.create_server(("127.0.0.1", dead.admin))
        held, floods = [], threading.Event()

        def serve():
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                held.append(caller)
                if floods.is_set():
                    try:
                        caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4_000_000)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            for _ in range(3):
                assert named(look(node), "group-1")["state"] == "away"
                floods.set()
                time.sleep(0.5)
        finally:
            door.close()
            for caller in held:
                caller.close()
        assert node.get("/healthz")[0] == 200


async def test_many_who_look_cost_one_round(cluster):
    node, other = cluster.nodes["gateway-2"], cluster.nodes["session-1"]

    def accepted() -> float:
        _, body = other.get("/metrics")
        return float(next(line for line in body.splitlines() if line.startswith('fantail_sockets_accepted_total{kind="admin"}')).split()[1])

    look(node)
    before = accepted()
    answers = await asyncio.gather(*(asyncio.to_thread(look, node) for _ in range(16)))
    # Sixteen looks within a moment: a round or two, and this test's own question.
    assert len({answer["at"] for answer in answers}) <= 8 and accepted() - before <= 9


async def test_nothing_is_asked_while_nobody_looks(cluster):
    other = cluster.nodes["last-seen-1"]

    def accepted() -> float:
        _, body = other.get("/metrics")
        return float(next(line for line in body.splitlines() if line.startswith('fantail_sockets_accepted_total{kind="admin"}')).split()[1])

    look(cluster.nodes["gateway-1"])
    before = accepted()
    time.sleep(1.5)
    assert accepted() - before == 1


async def test_the_page_lets_nothing_in_from_elsewhere(cluster):
    node = cluster.nodes["session-2"]
    status, page, headers = node.page("/status")
    assert status == 200 and "text/html" in headers["content-type"]
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'") and "unsafe" not in policy
    assert "http://" not in page and "https://" not in page
    for path, kind in (("/status.css", "text/css"), ("/status.js", "text/javascript"), ("/status-map.js", "text/javascript")):
        status, _, headers = node.page(path)
        assert status == 200 and kind in headers["content-type"] and headers["x-content-type-options"] == "nosniff"
    status, _, headers = node.page("/")
    assert status == 302 and headers["location"] == "/status"
