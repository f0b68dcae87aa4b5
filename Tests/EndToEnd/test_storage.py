"""Files that are not what they should be, and a disk that is full."""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess

import pytest

from client import fresh, greeted
from cluster import BIN, PATIENCE, SMALL, Cluster


async def fill(cluster: Cluster, count: int = 200):
    """Some messages nobody fetches."""
    bob = fresh("bob")
    async with greeted(cluster, fresh("ana")) as a:
        for i in range(count):
            await a.say("send", id=f"m{i}", to=bob, body=f"{i} " + "x" * 500, after=f"m{i - 1}" if i else None)
        await a.until("sent", id=f"m{count - 1}")


def database(cluster: Cluster):
    found = [path for path in cluster.database_files() if path.name.endswith(".db")]
    assert len(found) == 1
    return found[0]


def fingerprints(cluster: Cluster) -> dict:
    """An empty log is none: looking at a database may leave one."""
    contents = {path.name: path.read_bytes() for path in cluster.database_files()}
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items() if data}


def refuses_to_start(cluster: Cluster) -> str:
    """Persistence ends by itself; what it says."""
    before = len(cluster.log("persistence-1"))
    process = cluster.start("persistence-1").process
    try:
        status = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError("it started") from None
    said = cluster.log("persistence-1")[before:]
    assert status > 0, f"status {status}: {said}"
    assert not re.search(r"Fatal error|Stack dump|Backtrace", said), said
    return said



DAMAGES = {
    "head": lambda data: b"This is no database." + data[20:],
    "a page in the middle": lambda data: data[:8192] + os.urandom(4096) + data[12288:],
    "the second half": lambda data: data[:len(data) // 8192 * 4096] + bytes(len(data) - len(data) // 8192 * 4096),
    "cut off": lambda data: data[:len(data) // 8192 * 4096],
}


@pytest.mark.parametrize(
    "damage,how",
    [(damage, signal.SIGTERM) for damage in DAMAGES]
    # After a kill the log holds the pages at the front once more, undamaged.
    + [(damage, signal.SIGKILL) for damage in ("the second half", "cut off")])
async def test_a_damaged_database_is_left_as_it_is(home, damage, how):
    with Cluster(home, SMALL) as cluster:
        await fill(cluster)
        cluster.kill("persistence-1", signal.SIGTERM)
        if how == signal.SIGKILL:
            # A file with pages, and a log with more.
            cluster.start("persistence-1")
            cluster.wait_ready()
            await fill(cluster, 20)
            cluster.kill("persistence-1")
        path = database(cluster)
        assert path.stat().st_size > 5 * 4096
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        before = fingerprints(cluster)
        said = refuses_to_start(cluster)
        assert "damaged" in said and path.name in said
        assert fingerprints(cluster) == before, "nothing is overwritten"
        assert refuses_to_start(cluster)
        assert fingerprints(cluster) == before


def write_version(path, version: int, merged: bool) -> int:
    """Sets the version of the schema, and says which it was; not merged: it stands in the log only, as after a kill."""
    log = path.with_name(path.name + "-wal")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    former = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version}")
    kept = path.read_bytes(), log.read_bytes()
    connection.close()
    if not merged:
        path.write_bytes(kept[0])
        log.write_bytes(kept[1])
    return former


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_database_of_a_newer_release_is_left_as_it_is(home, how):
    with Cluster(home, SMALL) as cluster:
        await fill(cluster)
        cluster.kill("persistence-1", signal.SIGKILL if how == "killed" else signal.SIGTERM)
        path = database(cluster)
        known = write_version(path, 999, merged=how == "stopped")
        before = fingerprints(cluster)
        assert len(before) == (1 if how == "stopped" else 2)
        said = refuses_to_start(cluster)
        assert "newer" in said and "999" in said
        assert fingerprints(cluster) == before, "nothing is overwritten"
        write_version(path, known, merged=True)
        cluster.start("persistence-1")
        cluster.wait_ready()


async def test_somebody_elses_database_is_left_as_it_is(home):
    with Cluster(home, SMALL) as cluster:
        cluster.kill("persistence-1", signal.SIGTERM)
        path = database(cluster)
        for other in cluster.database_files():
            other.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.close()
        before = fingerprints(cluster)
        said = refuses_to_start(cluster)
        assert "another program" in said
        assert fingerprints(cluster) == before


async def test_a_second_process_on_the_same_file_does_not_start(home):
    with Cluster(home, SMALL) as cluster:
        second = cluster.nodes["persistence-1"]
        directory = home / "second"
        directory.mkdir()
        text = cluster.file.read_text()
        other = directory / "cluster.conf"
        other.write_text(text.replace(f":{second.rpc} ", f":{second.rpc + 40} ").replace(f":{second.admin}\n", f":{second.admin + 40}\n"))
        run = subprocess.run(
            [BIN / "persistence", "--cluster", other, "--node", "persistence-1", "--data", cluster.data],
            capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode > 0 and "in use" in run.stderr
        await fill(cluster, 3)


async def test_a_log_that_ends_within_a_record_is_read_up_to_there(home):
    """What a power cut leaves: everything that was promised is before the torn end."""
    with Cluster(home, SMALL) as cluster:
        await fill(cluster, 50)
        cluster.kill("persistence-1")
        path = database(cluster)
        with open(path.with_name(path.name + "-wal"), "ab") as log:
            log.write(os.urandom(1_000))
        cluster.start("persistence-1")
        cluster.wait_ready()
        await fill(cluster, 3)


# The disk is full


async def test_a_full_disk_is_told_and_loses_nothing_and_heals(home, small_disk):
    directory, resize = small_disk
    cluster = Cluster(home, SMALL)
    shutil.rmtree(cluster.data / "persistence", ignore_errors=True)
    (cluster.data / "persistence").symlink_to(directory)
    with cluster:
        ana, bob = fresh("ana"), fresh("bob")
        promised = []
        async with greeted(cluster, bob) as b, greeted(cluster, ana) as a:
            await a.send(bob, "before", id="m-before")
            await b.expect("message", n=1)
            promised.append("m-before")
            codes = set()
            for i in range(400):
                await a.say("send", id=f"m{i}", to=bob, body=f"{i} " + "x" * 40_000)
                answer = await a.next()
                while answer["type"] == "delivered":
                    answer = await a.next()
                if answer["type"] == "sent":
                    promised.append(f"m{i}")
                    continue
                codes.add(answer["code"])
                if answer["code"] == "storage_full":
                    assert answer["ref"] == f"m{i}" and answer["retry_ms"] > 0
                    refused = i
                    break
            else:
                raise AssertionError("3 MiB took 16 MiB of messages")
            assert codes == {"storage_full"}
            status, why = cluster.nodes["persistence-1"].get("/readyz")
            assert status == 503 and "full" in why
            assert cluster.nodes["persistence-1"].figure("fantail_persistence_full") == 1
            assert cluster.nodes["persistence-1"].is_running

            # Reading goes on.
            async with greeted(cluster, bob, "main", cursor=0) as again:
                await again.expect("message", n=1, id="m-before")

            resize(64)
            async with asyncio.timeout(PATIENCE):
                while True:
                    await a.say("send", id=f"m{refused}", to=bob, body=f"{refused} " + "x" * 40_000)
                    answer = await a.next()
                    if answer["type"] == "sent":
                        promised.append(f"m{refused}")
                        break
                    assert answer["code"] in ("storage_full", "unavailable"), answer
                    await asyncio.sleep(0.2)
            cluster.wait_ready()

        async with greeted(cluster, bob, cursor=0) as b:
            found = []
            while len(found) < len(promised):
                frame = await b.expect("message")
                if frame["n"] == len(found) + 1:
                    found.append(frame["id"])
                await b.say("ack", n=frame["n"])
            assert found == promised
            await b.quiet()


async def test_a_disk_that_is_full_at_a_kill_heals_too(home, small_disk):
    directory, resize = small_disk
    cluster = Cluster(home, SMALL)
    shutil.rmtree(cluster.data / "persistence", ignore_errors=True)
    (cluster.data / "persistence").symlink_to(directory)
    with cluster:
        bob = fresh("bob")
        async with greeted(cluster, fresh("ana")) as a:
            count = 0
            while True:
                await a.say("send", id=f"m{count}", to=bob, body=f"{count} " + "x" * 40_000)
                if (await a.next())["type"] != "sent":
                    break
                count += 1
            cluster.kill("persistence-1")
            resize(64)
            cluster.start("persistence-1")
            cluster.wait_ready()
        async with greeted(cluster, bob) as b:
            for n in range(1, count + 1):
                await b.expect("message", n=n, id=f"m{n - 1}")
                await b.say("ack", n=n)
            await b.quiet()
