"""kill -9, of each process in turn and of all at once, while ten pairs write to each other.

What must hold afterwards: nothing lost, nothing shown twice, everything in order, every tick honest and complete.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess

import pytest

from client import fresh, greeted
from cluster import BIN, PATIENCE, Cluster
from traffic import Traffic


async def test_no_process_is_so_important_that_its_death_loses_anything(home):
    with Cluster(home) as cluster:
        async with Traffic(cluster) as traffic:
            await traffic.moves(10)
            for name in list(cluster.nodes):
                await asyncio.to_thread(cluster.kill, name)
                await asyncio.sleep(0.2)
                cluster.start(name)
                await traffic.moves()
            for name in cluster.nodes:
                cluster.nodes[name].process.kill()
            for name in cluster.nodes:
                await asyncio.to_thread(cluster.kill, name)
            for name in cluster.nodes:
                cluster.start(name)
            await asyncio.to_thread(cluster.wait_ready)
            await traffic.moves()
            await traffic.settle()
            traffic.judge()


async def test_a_shard_that_stays_away_is_done_without(home):
    """Two of three session shards, one of two gateways and of two parsers: nobody waits for their return."""
    with Cluster(home) as cluster:
        async with Traffic(cluster, pairs=5) as traffic:
            await traffic.moves(10)
            for name in ("session-1", "gateway-2", "parser-1", "session-3"):
                await asyncio.to_thread(cluster.kill, name)
                await traffic.moves()
            await traffic.settle()
            traffic.judge()


async def test_a_polite_stop_loses_nothing_either(home):
    with Cluster(home) as cluster:
        async with Traffic(cluster, pairs=5) as traffic:
            await traffic.moves(10)
            for name in list(cluster.nodes):
                await asyncio.to_thread(cluster.kill, name, signal.SIGTERM)
                assert cluster.nodes[name].process.returncode == 0, cluster.log_tail(name)
                cluster.start(name)
                await traffic.moves(2)
            await traffic.settle()
            traffic.judge()


async def test_a_frozen_process_is_done_without_and_does_no_harm_when_it_thaws(home):
    """SIGSTOP: the connections stay, only nobody answers; the peers notice within seconds."""
    import signal

    with Cluster(home) as cluster:
        async with Traffic(cluster, pairs=5) as traffic:
            await traffic.moves(10)
            for name in ("session-2", "parser-2"):
                process = cluster.nodes[name].process
                process.send_signal(signal.SIGSTOP)
                try:
                    await traffic.moves(20)
                finally:
                    process.send_signal(signal.SIGCONT)
                await traffic.moves()
            await traffic.settle()
            traffic.judge()


async def test_a_send_is_idempotent_across_a_restart_of_everything(home):
    with Cluster(home) as cluster:
        ana, bob = fresh("ana"), fresh("bob")
        async with greeted(cluster, ana) as a:
            first = await a.send(bob, "once", id="m")
        for name in cluster.nodes:
            cluster.kill(name)
        for name in cluster.nodes:
            cluster.start(name)
        cluster.wait_ready()
        async with greeted(cluster, ana) as a:
            assert await a.send(bob, "once", id="m") == first
            await a.say("send", id="m", to=bob, body="twice")
            await a.error("id_conflict", ref="m")
            second = await a.send(bob, "next", id="m-2", after="m")
            assert second["at"] > first["at"]
        async with greeted(cluster, bob) as b:
            await b.expect("message", n=1, id="m", body="once")
            await b.expect("message", n=2, id="m-2", body="next")
            await b.quiet()


@pytest.mark.long
@pytest.mark.parametrize("store", ["temporary", "archive"])
async def test_a_hundred_deaths_at_random_moments_lose_nothing(home, store):
    import random

    dice = random.Random(7)
    with Cluster(home, store=store) as cluster:
        async with Traffic(cluster) as traffic:
            await traffic.moves(10)
            for _ in range(100):
                names = dice.sample(list(cluster.nodes), dice.choice([1, 1, 1, 2, 3]))
                await asyncio.gather(*(asyncio.to_thread(cluster.kill, name) for name in names))
                await asyncio.sleep(dice.uniform(0, 1.5))
                for name in names:
                    cluster.start(name)
                await asyncio.sleep(dice.uniform(0, 1.5))
                if dice.random() < 0.2:
                    await traffic.moves(2)
            await asyncio.to_thread(cluster.wait_ready)
            await traffic.moves()
            await traffic.settle()
            traffic.judge()


async def test_a_trace_follows_a_message_through_a_fail_over(home):
    """Bob's shard stands still; the message finds another one, and the trace names both."""
    with Cluster(home) as cluster:
        ana, bob = fresh("ana"), fresh("bob")
        ring = await _fantail("ring", bob, "--cluster", cluster.file)
        owner, deputy = re.search(rf"^{bob}: slot \d+, (\S+) → (\S+)", ring, re.M).groups()
        async with greeted(cluster, ana) as a, greeted(cluster, bob, cursor=0) as b:
            cluster.nodes[owner].process.send_signal(signal.SIGSTOP)
            for _ in range(int(PATIENCE)):
                await a.say("send", id="m1", to=bob, body="hello")
                with contextlib.suppress(TimeoutError):
                    frame = await a.next(1)
                    while frame["type"] != "sent":
                        frame = await a.next(1)
                    break
            cluster.nodes[owner].process.send_signal(signal.SIGCONT)
            await b.until("message", id="m1")
        trace = await _fantail("trace", f"{ana}/m1", "--cluster", cluster.file)
        # First it was for the one, then for the other, who did the work; and it is in the inbox once.
        assert re.search(rf"decoded and checked, for {owner}\n(.*\n)*.* decoded and checked, for {deputy}\n.* {deputy} +asked the store", trace), trace
        assert len(re.findall("number 1 of the inbox", trace)) == len(re.findall("number ", trace)) > 0, trace


async def _fantail(*words) -> str:
    process = await asyncio.create_subprocess_exec(
        str(BIN / "fantail"), *map(str, words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"})
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    return said.decode()

