"""The cluster changes while people write to each other: nodes join, get another weight, are drained, leave.

What must hold is what holds when nodes die, and more: nobody is touched who need not be.
"""

import asyncio
import json
import subprocess
import time

import pytest

from cluster import BIN, PATIENCE, Cluster, Node
from traffic import Traffic


def page(node: Node) -> dict:
    status, body = node.get("/cluster")
    assert status == 200
    return json.loads(body)


def fantail(cluster: Cluster, *words, home: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BIN / "fantail", *words, "--cluster", cluster.file, "--home", cluster.home], capture_output=True, text=True, timeout=90)


def another_file(cluster: Cluster, epoch: int, *more: str, without: tuple = (), replace: dict | None = None):
    """The cluster file with this epoch, some lines more and some less."""
    lines = [line for line in cluster.file.read_text().splitlines() if not line.startswith("epoch")]
    lines = [line for line in lines if not any(f" {name} " in line for name in without)]
    for old, new in (replace or {}).items():
        assert any(old in line for line in lines)
        lines = [line.replace(old, new) for line in lines]
    path = cluster.home / f"cluster-{epoch}.conf"
    path.write_text("\n".join([*lines, f"epoch {epoch}", *more]) + "\n")
    return path


def newcomer(cluster: Cluster, role: str) -> Node:
    base = max(node.rpc for node in cluster.nodes.values()) + 3
    number = len(cluster.role(role)) + 1
    return Node(f"{role}-{number}", role, base, base + 1, base + 2 if role == "gateway" else None)


async def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def test_a_shard_joins_gets_a_weight_is_drained_and_leaves_and_nothing_is_lost(home):
    with Cluster(home) as cluster:
        async with Traffic(cluster) as traffic:
            await traffic.moves(10)
            visits = [one.visits for one in traffic.clients]
            attaches = cluster.figure("gateway", "fantail_gateway_attaches_total")

            shard = newcomer(cluster, "session")
            path = another_file(cluster, 2, shard.line)
            done = await asyncio.to_thread(fantail, cluster, "cluster", "apply", path)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "join: session-4" in done.stdout and "slots move" in done.stdout
            cluster.nodes[shard.name] = shard
            cluster.start(shard.name)
            await asyncio.to_thread(cluster.wait_ready)
            await traffic.moves()
            assert {page(node)["epoch"] for node in cluster.nodes.values()} == {2}
            # Of twenty people about a quarter belongs to the newcomer now; the others are not touched, and nobody's socket is.
            def moved():
                return cluster.figure("gateway", "fantail_gateway_attaches_total") - attaches

            await until(lambda: 0 < moved() == shard.figure("fantail_session_users"), "the newcomer's people moved, and only they")
            assert moved() <= 14

            path = another_file(cluster, 3, replace={shard.line: shard.line + " weight=4"})
            done = await asyncio.to_thread(fantail, cluster, "cluster", "apply", path)
            assert done.returncode == 0, done.stdout + done.stderr
            await traffic.moves()
            assert [one.visits for one in traffic.clients] == visits, "no client noticed anything"

            done = await asyncio.to_thread(fantail, cluster, "cluster", "drain", "session-1")
            assert done.returncode == 0, done.stdout + done.stderr
            assert "holds nothing any more" in done.stdout
            assert cluster.nodes["session-1"].figure("fantail_session_users") == 0
            await traffic.moves()
            done = await asyncio.to_thread(fantail, cluster, "cluster", "remove", "session-1")
            assert done.returncode == 0, done.stdout + done.stderr
            status, body = cluster.nodes["session-1"].get("/readyz")
            assert status == 503 and "stop it" in body
            await asyncio.to_thread(cluster.kill, "session-1")
            del cluster.nodes["session-1"]
            await traffic.moves()
            assert [one.visits for one in traffic.clients] == visits, "no client noticed anything"
            await traffic.settle()
            traffic.judge()


async def test_a_gateway_sends_its_clients_elsewhere_some_at_a_time(home):
    with Cluster(home) as cluster:
        async with Traffic(cluster, pairs=10) as traffic:
            await traffic.moves(10)
            leaving, staying = cluster.gateways
            drained = asyncio.create_task(asyncio.to_thread(fantail, cluster, "cluster", "drain", leaving.name))
            await until(lambda: page(leaving)["draining"], "it drains")
            before = leaving.figure("fantail_gateway_connections")
            assert leaving.get("/readyz")[0] == 503
            done = await drained
            assert done.returncode == 0, done.stdout + done.stderr
            assert leaving.figure("fantail_gateway_connections") == 0
            assert leaving.figure("fantail_gateway_sent_away_total") >= before - 1
            await asyncio.to_thread(cluster.kill, leaving.name)
            await traffic.moves()
            await traffic.settle()
            traffic.judge()


async def test_who_missed_the_news_reads_the_file_when_a_peer_goes_by_a_newer_one(home):
    with Cluster(home) as cluster:
        path = another_file(cluster, 5)
        cluster.file.write_text(path.read_text())
        # One process is told, by the signal; everybody else hears of it, and of each other.
        cluster.nodes["session-2"].process.send_signal(1)
        await until(lambda: {page(node)["epoch"] for node in cluster.nodes.values()} == {5}, "everybody goes by epoch 5")


@pytest.mark.parametrize("change, reason", [
    ({"epoch": 1, "replace": {"store temporary": "store  archive"}}, "epoch"),
    ({"epoch": 2, "replace": {"store temporary": "store archive"}}, "store"),
    ({"epoch": 2, "without": ("persistence-1",)}, "persistence"),
    ({"epoch": 2, "replace": {"session-1 ": "session_1 "}}, "name"),
])
async def test_a_change_that_cannot_be_made_is_refused_and_nothing_changes(cluster, change, reason):
    path = another_file(cluster, **change)
    before = cluster.file.read_text()
    done = await asyncio.to_thread(fantail, cluster, "cluster", "apply", path)
    assert done.returncode != 0 and reason in done.stderr and "Traceback" not in done.stderr
    assert cluster.file.read_text() == before
    # And the same by hand, behind the tool's back.
    cluster.file.write_text(path.read_text())
    try:
        node = cluster.nodes["parser-1"]
        node.process.send_signal(1)
        await until(lambda: "cluster_file_refused" in cluster.log("parser-1"), "it says so")
        assert page(node)["epoch"] == 1 and reason in page(node)["reason"]
        assert node.get("/readyz")[0] == 200
    finally:
        cluster.file.write_text(before)
        node.process.send_signal(1)
        await until(lambda: "reason" not in page(node), "all is well again")
        cluster.log_path("parser-1").write_text("")


async def test_an_upgrade_node_by_node_loses_nothing_and_old_and_new_talk(home):
    """The next release is played by this one: it says a field more in each message, and messages that nobody knows yet."""
    with Cluster(home) as cluster:
        async with Traffic(cluster, pairs=5) as traffic:
            await traffic.moves(10)
            for name in list(cluster.nodes):
                await asyncio.to_thread(cluster.kill, name, 15)
                cluster.start(name, FANTAIL_REHEARSE_NEXT="1")
                await traffic.moves(2)
            assert "unknown_method" in cluster.log("parser-1"), "somebody said something new"
            await asyncio.to_thread(cluster.wait_ready)
            await traffic.moves()
            await traffic.settle()
            traffic.judge()
