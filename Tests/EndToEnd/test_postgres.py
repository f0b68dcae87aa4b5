"""Messages in a PostgreSQL database: several persistence processes, a fail-over, a process that was taken over, a move."""

import asyncio
import signal
import subprocess
import time

import pytest

from client import fresh, greeted
from cluster import BIN, PATIENCE, SMALL, Cluster
from postgres import BIN as SERVER_BIN, Pair
from test_backup import fantail, write
from traffic import Traffic

#: From the promotion of a standby until messages are taken again.
BACK_SECONDS_MAX = 5

pytestmark = pytest.mark.skipif(SERVER_BIN is None, reason="NOT TESTED: PostgreSQL. Install the package postgresql")


def settings(pair: Pair) -> tuple:
    return (f"database {pair.url}",)


async def test_several_processes_share_a_database_and_any_may_be_killed(home):
    counts = SMALL | {"persistence": 2}
    with Pair(has_standby=False) as pair, Cluster(home, counts, settings=settings(pair)) as cluster:
        async with Traffic(cluster, pairs=6) as traffic:
            await traffic.moves(5)
            for name in ("persistence-1", "persistence-2"):
                cluster.kill(name)
                cluster.start(name)
                await traffic.moves(5)
            # The database itself is killed, and comes back.
            pair.primary.kill()
            await asyncio.sleep(0.5)
            pair.primary.start("-c", "synchronous_standby_names=")
            await traffic.moves(5)
            await traffic.settle()
            traffic.judge()
        assert not cluster.database_files()
        assert cluster.figure("persistence", "fantail_store_reconnects_total") >= 2
        assert pair.primary.sql("SELECT count(*) FROM fantail.leases") == "2"
        # What every device has is gone, once the last cursors are stored.
        left = time.monotonic() + PATIENCE
        while pair.primary.sql("SELECT count(*) FROM fantail.entries WHERE body IS NOT NULL") != "0":
            assert time.monotonic() < left
            await asyncio.sleep(0.1)


async def test_a_standby_takes_over_and_nothing_is_lost(home):
    await fail_over(home, pairs=6, rounds=5)


@pytest.mark.long
async def test_a_standby_takes_over_under_more_load(home):
    await fail_over(home, pairs=40, rounds=60)


async def fail_over(home, pairs: int, rounds: int):
    with Pair() as pair, Cluster(home, SMALL, settings=settings(pair)) as cluster:
        async with Traffic(cluster, pairs=pairs, pause=0.005) as traffic:
            await traffic.moves(rounds)
            pair.primary.kill()
            # Longer than the process waits: what is asked meanwhile is refused, not kept.
            await asyncio.sleep(4)
            assert cluster.nodes["persistence-1"].get("/readyz")[0] == 503
            pair.promote()
            promoted = time.monotonic()
            while cluster.nodes["persistence-1"].get("/readyz")[0] != 200:
                assert time.monotonic() - promoted < PATIENCE
                await asyncio.sleep(0.05)
            back = time.monotonic() - promoted
            # It takes a tenth of a second; the bound is what we promise.
            assert back < BACK_SECONDS_MAX
            await traffic.moves(rounds)
            await traffic.settle()
            traffic.judge()
        assert cluster.figure("persistence", "fantail_store_connected") == 1
        print(f"back {back:.1f} s after the promotion")


async def test_a_process_that_was_taken_over_says_so_and_writes_nothing(home):
    with Pair(has_standby=False) as pair, Cluster(home, SMALL, settings=settings(pair)) as cluster:
        old = cluster.nodes["persistence-1"]
        text = cluster.file.read_text()
        other = home / "other.conf"
        other.write_text(text.replace(f":{old.rpc} ", f":{old.rpc + 40} ").replace(f":{old.admin}\n", f":{old.admin + 40}\n"))
        async with greeted(cluster, fresh("ana")) as a:
            await a.send(fresh("bob"), "before", id="m0")
            with open(home / "other.log", "wb") as log:
                new = subprocess.Popen(
                    [BIN / "persistence", "--cluster", other, "--node", "persistence-1", "--data", cluster.data],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                deadline = time.monotonic() + PATIENCE
                while pair.primary.sql("SELECT token FROM fantail.leases") != "2":
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
                await a.say("send", id="m1", to=fresh("bob"), body="after")
                assert (await a.expect("error", ref="m1"))["code"] == "unavailable"
                status, why = old.get("/readyz")
                assert status == 503 and "taken this partition over" in why
                assert old.figure("fantail_store_fenced") == 1
                assert pair.primary.sql("SELECT count(*) FROM fantail.entries") == "1"
            finally:
                new.kill()
                new.wait()


async def test_files_are_moved_to_a_database(home):
    ana, bob = fresh("ana"), fresh("bob")
    with Pair(has_standby=False) as pair, Cluster(home, SMALL) as cluster:
        async with greeted(cluster, ana) as a:
            await write(a, bob, range(60), [], size=300)
        words = ["store", "migrate", "--cluster", cluster.file, "--data", cluster.data]
        assert "names no database" in await fantail(*words, expect=1)
        cluster.file.write_text(cluster.file.read_text() + f"database {pair.url}\n")
        assert "stop the cluster first" in await fantail(*words, expect=1)
        cluster.kill("persistence-1", signal.SIGTERM)
        assert "they hold the same" in await fantail(*words)
        assert "holds messages already" in await fantail(*words, expect=1)
        cluster.start("persistence-1")
        cluster.wait_ready()
        async with greeted(cluster, bob, cursor=0) as b:
            for n in range(1, 61):
                await b.expect("message", n=n, id=f"m{n - 1}")
                await b.say("ack", n=n)
