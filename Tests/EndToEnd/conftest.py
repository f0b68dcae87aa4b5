"""Fixtures: one cluster for most tests, and asyncio without a plugin."""

import asyncio
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import BIN, COUNTS, Cluster  # noqa: E402

#: No test may hang: beyond this something is broken, not slow. Seconds.
TEST_PATIENCE, LONG_TEST_PATIENCE = 240, 1_200


def pytest_addoption(parser):
    parser.addoption("--tls", action="store_true", help="the clusters that tests share speak TLS with clients")
    parser.addoption(
        "--partitions", type=int, metavar="N", help=f"of the store, where a test does not choose: 1 to 9, default {COUNTS['persistence']}")
    parser.addoption("--long", action="store_true", help="also what takes minutes")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; only with --long")
    partitions = config.getoption("--partitions")
    if partitions is not None:
        if not 1 <= partitions <= 9:
            raise pytest.UsageError("--partitions must be a number from 1 to 9")
        COUNTS["persistence"] = partitions


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: give --long"))


def pytest_sessionstart():
    missing = [role for role in COUNTS if not (BIN / role).exists()]
    if missing:
        pytest.exit(f"{BIN} lacks {', '.join(missing)}: run swift build -c release, or set FANTAIL_BIN", 2)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs tests that are coroutines."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    patience = LONG_TEST_PATIENCE if pyfuncitem.get_closest_marker("long") else TEST_PATIENCE

    async def bounded():
        async with asyncio.timeout(patience):
            await pyfuncitem.obj(**arguments)

    asyncio.run(bounded())
    return True


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, pytestconfig):
    """A temporary cluster that tests share; each uses users of its own, and leaves every process running."""
    with Cluster(tmp_path_factory.mktemp("temporary"), tls="clients" if pytestconfig.getoption("--tls") else "") as cluster:
        yield cluster
        ended = [node.name for node in cluster.nodes.values() if not node.is_running]
        assert not ended, f"ended during the tests: {ended}"


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The same, with an archive."""
    with Cluster(tmp_path_factory.mktemp("archive"), store="archive") as cluster:
        yield cluster


@pytest.fixture(params=["json", "binary"])
def encoding(request):
    return request.param


@pytest.fixture
def home(tmp_path):
    """An empty directory for a cluster of the test's own."""
    return tmp_path / "cluster"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes, and a function that changes its size."""
    directory = tmp_path / "disk"
    directory.mkdir()

    def size(megabytes: int):
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", directory], check=True)

    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "none", directory], capture_output=True).returncode:
        pytest.skip("NOT TESTED: a full disk. This user may not mount a small file system; run as root")
    yield directory, size
    subprocess.run(["umount", "-l", directory], check=True)
