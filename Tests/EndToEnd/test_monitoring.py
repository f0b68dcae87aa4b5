"""What Prometheus and Grafana read: pages that keep the format, rules and panels that name what the pages have."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from cluster import SMALL, Cluster

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
NAME = re.compile(r"\bfantail_[a-z0-9_]+")


def promtool(*words: str, text: str | None = None, cwd: Path = FOLDER) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *words], input=text, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """Of a cluster with everything that has figures of its own."""
    def page(node):
        with urllib.request.urlopen(f"http://127.0.0.1:{node.admin}/metrics", timeout=10) as answer:
            return answer.read().decode()

    # Nothing happens of which the webhooks could tell.
    webhooks = "webhooks http://127.0.0.1:9/hook events=offline"
    counts = {**SMALL, "media": 1, "api": 1}
    with Cluster(tmp_path_factory.mktemp("monitored"), counts=counts, tls="clients peers", settings=(webhooks,)) as cluster:
        return {node.name: page(node) for node in cluster.nodes.values()}


def names(text: str) -> set[str]:
    """Without what Prometheus adds to histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(text)}


def served(pages: dict[str, str]) -> set[str]:
    return {line.split()[2] for page in pages.values() for line in page.splitlines() if line.startswith("# TYPE ")}


def test_every_page_keeps_the_format_and_its_customs(pages):
    for node, page in pages.items():
        answer = promtool("check", "metrics", text=page)
        assert answer.returncode == 0 and not answer.stderr, f"{node}: {answer.stdout}{answer.stderr}"


def test_the_alerts_are_rules_and_fire_when_they_should():
    for words in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts-test.yaml")):
        answer = promtool(*words)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_alerts_ask_for_what_there_is(pages):
    asked = names((FOLDER / "alerts.yaml").read_text())
    assert len(asked) > 10 and asked <= served(pages), asked - served(pages)


def test_panels_show_what_there_is(pages):
    board = json.loads((FOLDER / "dashboard.json").read_text())
    asked = names(" ".join(target["expr"] for panel in board["panels"] for target in panel["targets"]))
    assert len(asked) > 10 and asked <= served(pages), asked - served(pages)
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_every_alert_is_in_the_manual():
    alerts = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yaml").read_text())
    manual = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    assert len(alerts) > 10 and [alert for alert in alerts if f"| `{alert}` |" not in manual] == []
