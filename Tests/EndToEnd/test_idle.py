"""What an idle connection costs: user-space memory of all services together, measured from /proc."""

import asyncio
from pathlib import Path

import pytest

from client import fresh
from cluster import PATIENCE, Cluster, within
from raw import TEXT, Raw, dial, frame, handshake_bytes

#: Bytes per connection, all services together.
BOUND = 4 * 1024
#: What TLS may add to a gateway, which alone speaks it; nearly all of it are OpenSSL's own objects (docs/performance.md).
TLS_BOUND = 12 * 1024


def private(node) -> int:
    """Pages that only this process has, bytes: what it would give back."""
    text = Path(f"/proc/{node.pid}/smaps_rollup").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Dirty", "Private_Clean")) * 1024


async def connect(cluster, gateway: int) -> Raw:
    connection = Raw(*await dial(cluster, gateway))
    await connection.write(handshake_bytes(cluster.token(fresh("idle"))) + frame(TEXT, b'{"type":"hello"}'))
    await within(PATIENCE, connection.reader.readuntil(b"welcome"))
    return connection


async def measure(home, count: int, tls: str = "") -> dict[str, float]:
    """Bytes per connection, of each role and of `all`."""
    with Cluster(home, tls=tls) as cluster:
        # A first crowd brings buffers and tables to their size; what a second one adds is theirs alone.
        connections = []

        async def crowd(size: int):
            for start in range(0, size, 50):
                connections.extend(await asyncio.gather(*(connect(cluster, i % 2) for i in range(start, min(start + 50, size)))))

        await crowd(200)
        before = {node.name: private(node) for node in cluster.nodes.values()}
        await crowd(count)
        after = {node.name: private(node) for node in cluster.nodes.values()}
        print(f"\n{count} idle connections{' with TLS' if tls else ''}, bytes each:")
        cost = {}
        for role in ("gateway", "parser", "session", "group", "last-seen", "persistence"):
            cost[role] = sum(after[node.name] - before[node.name] for node in cluster.role(role)) / count
        cost["all"] = sum(cost.values())
        for name, each in cost.items():
            print(f"  {name:12} {each:8.0f}")
        for connection in connections:
            connection.abort()
        return cost


async def test_two_thousand_idle_connections_are_cheap_with_tls_too(home):
    plain = await measure(home / "plain", 2_000)
    assert plain["all"] <= BOUND
    secured = await measure(home / "tls", 2_000, tls="clients")
    assert secured["gateway"] - plain["gateway"] <= TLS_BOUND


@pytest.mark.long
async def test_ten_thousand_idle_connections_are_cheap(home):
    """With the first crowd 10,200 sockets of this process, which may open 20,000 files."""
    assert (await measure(home, 10_000))["all"] <= BOUND
