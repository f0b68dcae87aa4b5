"""Copies of the store: made while it is in use, put back, and compared."""

import asyncio
import collections
import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

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


async def watch_modes(modes: dict, *folders):
    """Remembers the widest mode of each file that is seen while a copy is made."""
    while True:
        for folder in folders:
            for path in [*folder.glob("*.backup"), *folder.glob("*.part")]:
                with contextlib.suppress(FileNotFoundError):
                    modes[path.name] = modes.get(path.name, 0) | path.stat().st_mode & 0o777
        await asyncio.sleep(0.001)


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
            modes = {}
            watcher = asyncio.create_task(watch_modes(modes, cluster.data / "persistence", tmp_path))
            said = await fantail("store", "backup", *of(cluster), copy)
            watcher.cancel()
            assert len(acknowledged) > before, "nothing was written while the copy was made"
            writer.cancel()
            await asyncio.gather(writer, watcher, return_exceptions=True)
        # For their owner only from the first byte, both that of the process and that of the tool.
        assert {name.rsplit(".", 1)[1] for name in modes} == {"backup", "part"} and set(modes.values()) == {0o600}, modes
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


@contextlib.contextmanager
def admin_port_that_says(port: int, path: str):
    """A persistence node that has made its copy at this path of its own machine."""

    class Page(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = json.dumps({"state": "done", "path": path}, separators=(",", ":")).encode() + b"\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_the_copy_of_a_node_in_a_container_is_looked_for_in_its_volume(home, tmp_path):
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await write(a, fresh("bob"), range(20), [])
    file = cluster.data / "persistence" / "persistence-1.db"
    made, target = file.with_name("persistence-1.db.backup"), tmp_path / "copy.db"
    port = cluster.nodes["persistence-1"].admin
    with admin_port_that_says(port, "/nowhere/persistence/persistence-1.db.backup"):
        shutil.copy(file, made)
        await fantail("store", "backup", *of(cluster), target)
        await fantail("store", "compare", file, target)
        assert target.stat().st_mode & 0o777 == 0o600 and not made.exists()

        # It is removed also when it is no good, or there is no room for ours, and nothing is left of ours.
        made.write_bytes(b"\x5a" * 8192)
        await fantail("store", "backup", *of(cluster), tmp_path / "second.db", expect=1)
        assert not made.exists()
        shutil.copy(file, made)
        await fantail("store", "backup", *of(cluster), tmp_path / "no folder" / "second.db", expect=1)
        assert not made.exists()
        said = await fantail("store", "backup", *of(cluster), tmp_path / "second.db", expect=1)
        assert "not on this machine" in said and "--data" in said
        assert not list(tmp_path.glob("second*"))
    # Whoever has the port names a file: it is neither copied nor removed.
    shutil.copy(file, tmp_path / "another.db")
    with admin_port_that_says(port, str(tmp_path / "another.db")):
        assert "no persistence node makes one" in await fantail("store", "backup", *of(cluster), tmp_path / "second.db", expect=1)
    assert (tmp_path / "another.db").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a restore by root for another user; run as root")
async def test_what_root_restores_is_its_service_s(home, tmp_path):
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await write(a, fresh("bob"), range(5), [])
        await fantail("store", "backup", *of(cluster), tmp_path / "copy.db")
    file = cluster.data / "persistence" / "persistence-1.db"
    for leftover in file.parent.glob("persistence-1.db*"):
        leftover.unlink()
    os.chown(file.parent, 10_001, 10_002)
    await fantail("store", "restore", *of(cluster), tmp_path / "copy.db")
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (10_001, 10_002, 0o600)
    # The folder of an empty volume likewise.
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, 10_001, 10_002)
    await fantail("store", "restore", "--cluster", cluster.file, "--data", volume, tmp_path / "copy.db")
    for path in (volume / "persistence", volume / "persistence" / "persistence-1.db"):
        assert (path.stat().st_uid, path.stat().st_gid) == (10_001, 10_002), path


async def test_a_backup_to_a_full_disk_is_told_and_leaves_nothing(home, small_disk):
    directory, _ = small_disk
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await write(a, fresh("bob"), range(120), [], size=40_000)
        said = await fantail("store", "backup", *of(cluster), directory / "copy.db", expect=1)
        assert "full" in said
        assert not list(directory.iterdir())
        assert cluster.nodes["persistence-1"].get("/readyz")[0] == 200
