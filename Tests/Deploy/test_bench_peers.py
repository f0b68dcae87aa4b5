"""The tables of deploy/bench-peers.sh, from runs that were made up: a goal is kept, missed or not measured, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLES = Path(__file__).resolve().parents[2] / "deploy/bench-peers/tables.py"


def chat(cpu: float, delivered_p50_us: float = 600, **changes) -> dict:
    leg = lambda p50: {"p50": p50, "p99": p50 * 3}
    return {
        "scenario": "chat", "kept": True, "cpu_us_per_exchange": {"all": cpu}, "exchanges_per_second": 1000, "fsyncs_per_message": 0.02,
        "latency_us": {"delivered": leg(delivered_p50_us), "receipt": leg(900)}} | changes


def peer(cpu: float) -> dict:
    return {"errors": 0, "cpu_us_per_exch": cpu, "per_s": 1000, "receipt": {"p50": 0.4, "p99": 0.6}, "deliver": {"p50": 0.3, "p99": 0.5}}


def offline(stored: float, drained: float, lost: int = 0) -> dict:
    return {"kept": lost == 0, "lost": lost, "stored_per_second": stored, "drained_per_second": drained, "cpu_us_per_stored": {"all": 9}, "cpu_us_per_drained": {"all": 9}}


def peer_offline(stored: float, drained: float, delivered: int = 10) -> list:
    return [{"errors": 0, "accepted": 10, "per_s": stored, "cpu_us_per_msg": 9},
            {"errors": 0, "expected": 10, "delivered": delivered, "lost": 10 - delivered, "per_s": drained, "cpu_us_per_msg": 9}]


def tables(tmp_path: Path, runs: list, *words: str) -> str:
    """`runs`: part, setting, server, and what the load tool wrote."""
    listed = []
    for number, (part, setting, server, found) in enumerate(runs):
        path = tmp_path / f"{number}.json"
        path.write_text("\n".join(json.dumps(value, indent=1) for value in (found if isinstance(found, list) else [found])))
        listed.append(f"{part}\t{setting}\t{server}\t{path}\n")
    (tmp_path / "runs.tsv").write_text("".join(listed))
    done = subprocess.run([sys.executable, TABLES, "all", tmp_path / "runs.tsv", *words], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def goal(text: str, name: str) -> list:
    """Figure, bound, verdict and stretch of a line of the Markdown."""
    [line] = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return line.strip("| ").split(" | ")[1:]


def test_what_was_not_measured_is_neither_kept_nor_missed(tmp_path):
    text = tables(tmp_path, [], "markdown")
    verdicts = {line.split(" | ")[3] for line in text.splitlines() if line.startswith(("| exchange", "| open", "| 64", "| group", "| offline", "| 15,000", "| conn"))}
    assert verdicts == {"not measured"}


@pytest.mark.parametrize("cpu, verdict, stretch", [(29, "kept", "0.30: kept"), (50, "kept", "0.30: missed"), (51, "missed", "0.30: missed")])
def test_a_ratio_is_held_against_its_bound_and_its_stretch(tmp_path, cpu, verdict, stretch):
    text = tables(tmp_path, [("chat", "window-1", "fantail", chat(cpu)), ("chat", "window-1", "ejabberd", peer(100))], "markdown")
    assert goal(text, "exchange, window 1: CPU by ejabberd's") == [f"{cpu / 100:.2f}", "at most 0.50", verdict, stretch]
    assert goal(text, "exchange, window 16: CPU by ejabberd's")[2] == "not measured"


def test_the_acknowledging_peer_is_shown_for_information(tmp_path):
    text = tables(tmp_path, [("chat", "window-1", "fantail", chat(60)), ("chat", "window-1", "ejabberd-acks", peer(100))], "markdown")
    assert goal(text, "exchange, window 1: CPU by ejabberd-acks'") == ["0.60", "-", "for information", "-"]


def test_figures_are_medians_over_rounds(tmp_path):
    runs = [("chat", "window-1", "fantail", chat(cpu)) for cpu in (10, 40, 900)] + [("chat", "window-1", "ejabberd", peer(100))]
    assert goal(tables(tmp_path, runs, "markdown"), "exchange, window 1: CPU by ejabberd's")[0] == "0.40"


@pytest.mark.parametrize("delivered_us, verdict", [(690, "kept"), (710, "missed")])
def test_the_open_loop_is_held_against_the_disk_of_the_same_run(tmp_path, delivered_us, verdict):
    runs = [("open", "rate-2000", "fdatasync", {"p50": 0.2, "p99": 0.4}), ("open", "rate-2000", "fantail", chat(60, delivered_us))]
    text = tables(tmp_path, runs, "markdown")
    assert goal(text, "open loop, 2,000 a second: send to delivered, p50 ms")[1:3] == ["at most 0.70 (fdatasync 0.20 + 0.50)", verdict]
    assert goal(text, "open loop, 2,000 a second: send to delivered, p99 ms")[2] == "kept"
    without = tables(tmp_path, runs[1:], "markdown")
    assert goal(without, "open loop, 2,000 a second: send to delivered, p50 ms")[2] == "not measured"


@pytest.mark.parametrize("syncs, verdict", [(0.02, "kept"), (0.05, "missed")])
def test_messages_per_sync(tmp_path, syncs, verdict):
    text = tables(tmp_path, [("syncs", "authors-64-window-1", "fantail", chat(60, fsyncs_per_message=syncs))], "markdown")
    assert goal(text, "64 authors, window 1: messages per sync") == [f"{1 / syncs:.1f}", "at least 30.0", verdict, "-"]


def test_rates_of_the_offline_runs_are_compared_one_by_one(tmp_path):
    runs = [("offline", "messages-100000", "fantail", offline(50_000, 20_000)), ("offline", "messages-100000", "mosquitto", peer_offline(40_000, 40_000))]
    text = tables(tmp_path, runs, "markdown")
    assert goal(text, "offline: store rate by that of mosquitto")[::2] == ["1.25", "kept"]
    assert goal(text, "offline: drain rate by that of mosquitto")[::2] == ["0.50", "missed"]
    assert goal(text, "offline: store rate by that of ejabberd-acks")[2] == "not measured"


def test_who_is_silent_has_four_goals(tmp_path):
    idle = {"kept": True, "bytes_per_connection_gateway": 1_147, "bytes_per_connection_session": 680, "cpu_us_per_connect": 156,
            "connects_per_gateway_core": 13_274, "cpu_percent": 2.01}
    text = tables(tmp_path, [("idle", "connections-15000", "fantail", idle)], "markdown")
    assert goal(text, "15,000 silent: bytes of each in the gateway")[::2] == ["1,147", "kept"]
    assert goal(text, "15,000 silent: bytes of each in the session service")[::2] == ["680", "missed"]
    assert goal(text, "15,000 silent, pinged every 30 s: % of a core")[::2] == ["2.01", "missed"]
    assert goal(text, "connections a second that a core of a gateway is for")[::2] == ["13,274", "kept"]


@pytest.mark.parametrize("lost, verdict", [(0, "kept"), (1, "missed")])
def test_what_a_killed_cluster_has_lost_is_told(tmp_path, lost, verdict):
    text = tables(tmp_path, [("offline", "kill-100000", "fantail", offline(1, 1, lost))], "markdown")
    assert goal(text, "offline: lost when every process is killed behind the last sent") == [str(lost), "at most 0", verdict, "-"]


@pytest.mark.parametrize("part, server, found", [
    ("chat", "fantail", chat(60, kept=False)),
    ("chat", "fantail", chat(60) | {"cpu_us_per_exchange": {"all": None}}),
    ("syncs", "fantail", chat(60, fsyncs_per_message=None)),
    ("chat", "ejabberd", peer(60) | {"errors": 3}),
    ("chat", "ejabberd", {"fatal": "only 3 of 1000 connected"}),
    ("offline", "mosquitto", peer_offline(1, 1, delivered=9)),
    ("offline", "mosquitto", peer_offline(1, 1)[:1]),
    ("offline", "fantail", []),
])
def test_a_run_that_proves_nothing_is_not_taken(tmp_path, part, server, found):
    path = tmp_path / "run.json"
    path.write_text("\n".join(json.dumps(value) for value in (found if isinstance(found, list) else [found])))
    done = subprocess.run([sys.executable, TABLES, "run", part, server, path], text=True, capture_output=True, timeout=60)
    assert done.returncode == 1 and "proves nothing" in done.stderr


def test_the_table_for_the_screen_has_the_same_lines(tmp_path):
    runs = [("chat", "window-1", "fantail", chat(60)), ("chat", "window-1", "mosquitto", peer(100))]
    plain, marked = tables(tmp_path, runs), tables(tmp_path, runs, "markdown")
    assert len([line for line in plain.splitlines() if line]) == len([line for line in marked.splitlines() if line and not line.startswith("|---")])


def test_the_disk_is_asked(tmp_path):
    done = subprocess.run([sys.executable, TABLES, "disk", tmp_path], text=True, capture_output=True, timeout=60)
    found = json.loads(done.stdout)
    assert 0 < found["p50"] <= found["p99"]
