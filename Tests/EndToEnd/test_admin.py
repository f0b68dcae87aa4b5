"""The pages for operators and their probes."""

import re
import time

import pytest

from client import fresh, greeted
from cluster import PATIENCE, SMALL, Cluster, within

SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)$')


def families(page: str) -> dict:
    """Names and types of a page of metrics; every line is checked against the text format, version 0.0.4."""
    types, helped, current, seen = {}, set(), None, set()
    assert page.endswith("\n")
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name, text = line[7:].split(" ", 1)
            assert name not in helped and text.strip()
            helped.add(name)
            current = name
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current and name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            name, labels, value = match.groups()
            float(value)
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in types else name
            assert family == current, f"{name} stands within {current}"
            assert (name, labels) not in seen, f"{name}{labels} stands twice"
            seen.add((name, labels))
            if types[family] == "counter":
                assert name.endswith("_total"), name
            assert name.startswith(("fantail_", "process_")), name
    assert helped == set(types)
    return types


async def test_every_node_serves_metrics_that_parse(cluster):
    async with greeted(cluster, fresh()):
        for node in cluster.nodes.values():
            status, page, headers = node.page("/metrics")
            assert status == 200 and "version=0.0.4" in headers["content-type"]
            found = families(page)
            word = node.role.replace("-", "_")
            assert any(name.startswith(f"fantail_{word}_") or name == "fantail_build_info" for name in found), node.name


async def test_histograms_add_up(cluster):
    async with greeted(cluster, fresh()) as a:
        await a.send(fresh(), "x")
    node = cluster.role("persistence")[0]
    lines = [line for line in node.get("/metrics")[1].splitlines() if line.startswith("fantail_persistence_commit_seconds")]
    buckets = [float(line.split()[1]) for line in lines if "_bucket" in line]
    count = next(float(line.split()[1]) for line in lines if "_count" in line)
    assert buckets == sorted(buckets) and buckets[-1] == count
    assert 'le="+Inf"' in [line for line in lines if "_bucket" in line][-1]


async def test_no_timer_was_later_than_its_process_is_old(cluster):
    for node in cluster.nodes.values():
        assert node.figure("fantail_loop_lag_seconds_sum") <= node.figure("fantail_loop_lag_seconds_count") * (
            node.figure("fantail_process_uptime_seconds") + 1), node.name


async def test_figures_move_with_the_traffic(cluster):
    stored = cluster.figure("session", "fantail_session_messages_stored_total")
    frames = cluster.figure("parser", "fantail_parser_frames_total")
    async with greeted(cluster, fresh()) as a:
        for _ in range(10):
            await a.send(fresh(), "x")
    assert cluster.figure("session", "fantail_session_messages_stored_total") == stored + 10
    assert cluster.figure("parser", "fantail_parser_frames_total") == frames + 11


@pytest.mark.parametrize(
    "path,method,status",
    [("/healthz", "GET", 200), ("/readyz", "GET", 200), ("/", "GET", 302), ("/peers", "GET", 200), ("/metrics", "HEAD", 200),
     ("/nothing", "GET", 404), ("/metrics/", "GET", 404), ("/../etc/passwd", "GET", 404), ("/healthz", "POST", 405),
     ("/healthz", "DELETE", 405)])
async def test_every_node_answers_with_the_right_status(cluster, path, method, status):
    for node in cluster.nodes.values():
        assert node.get(path, method)[0] == status, node.name


async def test_nonsense_at_the_admin_door_is_answered_or_cut(cluster):
    import asyncio

    node = cluster.nodes["session-1"]
    for data in (b"garbage\r\n\r\n", b"GET " + b"x" * 10_000 + b"\r\n\r\n", bytes(range(256)) * 100, b"\r\n\r\n", b"GET /metrics"):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.admin)
        writer.write(data)
        try:
            answer = await within(PATIENCE, reader.read())
        except ConnectionError:
            answer = b""
        assert answer == b"" or re.match(rb"HTTP/1.1 (4\d\d) ", answer), (data[:20], answer[:60])
        writer.transport.abort()
    assert node.get("/healthz")[0] == 200


async def test_many_callers_at_the_admin_door_do_not_lock_it(cluster):
    import asyncio

    node = cluster.nodes["session-1"]
    idle = [await asyncio.open_connection("127.0.0.1", node.admin) for _ in range(200)]
    async with asyncio.timeout(PATIENCE):
        while (await asyncio.to_thread(node.get, "/healthz"))[0] != 200:
            await asyncio.sleep(0.2)
    for _, writer in idle:
        writer.transport.abort()


async def test_a_node_that_cannot_work_says_why(home):
    def until(node, status: int) -> str:
        deadline = time.monotonic() + PATIENCE
        while True:
            found, body = node.get("/readyz")
            if found == status:
                return body
            assert time.monotonic() < deadline, f"{node.name}: {found} {body}"
            time.sleep(0.05)

    with Cluster(home, SMALL) as cluster:
        nodes = cluster.nodes
        cluster.kill("persistence-1")
        assert "persistence" in until(nodes["session-1"], 503)
        assert nodes["session-1"].get("/healthz")[0] == 200, "alive all the same"
        assert nodes["session-1"].figure("fantail_ready") == 0
        cluster.start("persistence-1")
        cluster.wait_ready()
        cluster.kill("session-1")
        assert "session" in until(nodes["gateway-1"], 503)
        assert "session" in until(nodes["parser-1"], 503)
        cluster.start("session-1")
        cluster.wait_ready()
        cluster.kill("parser-1")
        assert "parser" in until(nodes["gateway-1"], 503)


async def test_the_log_is_a_json_object_a_line(cluster):
    import json

    for node in cluster.nodes.values():
        for line in cluster.log(node.name).splitlines():
            record = json.loads(line)
            assert record["node"] == node.name and record["level"] in ("info", "warning", "error")
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", record["time"]) and record["event"]


async def test_no_log_holds_a_token_or_a_text(cluster):
    text, ana = fresh("private-text"), fresh("ana")
    token = cluster.token(ana)
    async with greeted(cluster, ana, token=token) as a:
        await a.send(fresh(), text)
        await a.raw('{"type":"send","body":"' + text)
        await a.error("malformed")
    for node in cluster.nodes.values():
        log = cluster.log(node.name)
        assert text not in log and token.split(".")[2] not in log


async def test_a_wrong_command_line_is_explained(home):
    import subprocess

    from cluster import BIN

    cluster = Cluster(home, SMALL)
    for role in SMALL:
        run = subprocess.run([BIN / role, "--nonsense"], capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode == 64 and "--nonsense" in run.stderr and "usage" in run.stderr
        run = subprocess.run(
            [BIN / role, "--cluster", cluster.file, "--node", "nobody", "--data", cluster.data],
            capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode == 78 and f"{role}-1" in run.stderr
        run = subprocess.run(
            [BIN / role, "--cluster", "/nowhere", "--node", f"{role}-1", "--data", cluster.data],
            capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode == 78 and "/nowhere" in run.stderr
