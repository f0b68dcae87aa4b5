"""Copies of the store: made while it is in use, put back, and compared."""

import asyncio
import collections
import signal
import subprocess

from client import fresh, greeted
from cluster import BIN, PATIENCE, SMALL, Cluster, within


async def fantail(*words, expect: int = 0) -> str:
    """What the tool says, on both streams."""
    process = await asyncio.create_subprocess_exec(
        str(BIN / "fantail"), *map(str, words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await within(PATIENCE, process.communicate())
    assert process.returncode == expect, said.decode()
    return said.decode()


def of(cluster: Cluster) -> list:
    return ["--cluster", cluster.file, "--data", cluster.data, "--node", "persistence-1"]


#: Letters on their way at once: those that wait together share a sync, whatever one takes on this disk.
WINDOW = 25


def text(i: int, size: int = 20_000) -> str:
    return f"text {i} ".ljust(size, "x")


async def write(client, to: str, numbers, acknowledged: list, size: int = 20_000):
    """Letters one after the other. What is acknowledged is stored."""
    under_way = collections.deque()
    for i in numbers:
        await client.say("send", id=f"m{i}", to=to, body=text(i, size), after=under_way[-1] if under_way else None)
        under_way.append(f"m{i}")
        if len(under_way) == WINDOW:
            await client.expect("sent", id=under_way[0])
            acknowledged.append(under_way.popleft())
    while under_way:
        await client.expect("sent", id=under_way[0])
        acknowledged.append(under_way.popleft())


async def test_a_backup_under_load_holds_what_was_acknowledged_before(home, tmp_path):
    copy = tmp_path / "copy.db"
    ana, bob = fresh("ana"), fresh("bob")
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, ana) as a:
            # Some megabytes: a copy takes one at a step, and a batch of letters comes between two steps.
            acknowledged = []
            await write(a, bob, range(150), acknowledged)
            before = len(acknowledged)
            writer = asyncio.create_task(write(a, bob, range(before, 1_000_000), acknowledged))
            said = await fantail("store", "backup", *of(cluster), copy)
            assert len(acknowledged) > before, "nothing was written while the copy was made"
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        assert "entries" in said and copy.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == ["copy.db"]
        assert not list(cluster.data.rglob("*.backup*")), "the copy of the process was left behind"

        # Nothing is overwritten, and a node that runs is left alone.
        kept = copy.read_bytes()
        assert "is there already" in await fantail("store", "backup", *of(cluster), copy, expect=1)
        assert "stop the cluster first" in await fantail("store", "restore", *of(cluster), copy, expect=1)
        cluster.kill("persistence-1", signal.SIGTERM)
        assert "overwrites nothing" in await fantail("store", "restore", *of(cluster), copy, expect=1)
        assert copy.read_bytes() == kept

        # The store went on; the copy did not.
        assert "entries differ" in await fantail("store", "compare", copy, cluster.data / "persistence" / "persistence-1.db", expect=1)

    with Cluster(home.with_name("second"), SMALL) as second:
        second.kill("persistence-1", signal.SIGTERM)
        file = second.data / "persistence" / "persistence-1.db"
        file.unlink()
        await fantail("store", "restore", *of(second), copy)
        assert "the same" in await fantail("store", "compare", copy, file)
        second.start("persistence-1")
        second.wait_ready()
        async with greeted(second, bob, cursor=0) as b:
            for n in range(1, before + 1):
                await b.expect("message", n=n, id=f"m{n - 1}", body=text(n - 1))
                await b.say("ack", n=n)


async def test_what_is_no_good_copy_is_told_and_nothing_is_left(home, tmp_path):
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await write(a, fresh("bob"), range(100), [])
        good, bad = tmp_path / "good.db", tmp_path / "bad.db"
        await fantail("store", "backup", *of(cluster), good)
        await fantail("store", "check", good)
        cluster.kill("persistence-1", signal.SIGTERM)
        file = cluster.data / "persistence" / "persistence-1.db"

        # Of a node that does not run, the file itself is copied.
        await fantail("store", "backup", *of(cluster), tmp_path / "stopped.db")
        await fantail("store", "compare", tmp_path / "stopped.db", file)

        data = good.read_bytes()
        bad.write_bytes(data[:8192] + b"\x5a" * 4096 + data[12288:])
        file.unlink()
        for broken, why in ((bad, ""), (tmp_path / "nowhere.db", "there is no")):
            assert why in await fantail("store", "restore", *of(cluster), broken, expect=1)
            assert not file.exists() and not list(file.parent.glob("*.part*"))
        await fantail("store", "check", bad, expect=1)
        good.write_bytes(b"\0" * 200)
        await fantail("store", "check", good, expect=1)


async def test_a_backup_to_a_full_disk_is_told_and_leaves_nothing(home, small_disk):
    directory, _ = small_disk
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await write(a, fresh("bob"), range(120), [], size=40_000)
        said = await fantail("store", "backup", *of(cluster), directory / "copy.db", expect=1)
        assert "full" in said
        assert not list(directory.iterdir())
        assert cluster.nodes["persistence-1"].get("/readyz")[0] == 200
