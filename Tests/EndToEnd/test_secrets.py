"""Secrets: who may read their files, what happens without them, and where a node listens."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from cluster import BIN, PATIENCE, SMALL, Cluster

MEDIA = {**SMALL, "media": 1}


def start(cluster: Cluster, role: str) -> subprocess.CompletedProcess:
    """A node that is expected not to start."""
    return subprocess.run(
        [BIN / role, "--cluster", cluster.file, "--node", f"{role}-1", "--data", cluster.data],
        capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602, 0o620])
def test_a_secret_that_others_may_read_is_refused_with_what_to_type(home, mode):
    cluster = Cluster(home, MEDIA, media="store=s3:http://127.0.0.1:1/bucket")
    secrets = cluster.data / "secrets"
    for role, name in [*((role, "cluster.key") for role in MEDIA), ("gateway", "tokens.keys"), ("media", "s3.keys")]:
        path = secrets / name
        path.chmod(mode)
        run = start(cluster, role)
        assert run.returncode == 78 and f"type: chmod 600 {path}" in run.stderr, (role, run.stderr)
        path.chmod(0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a secret of another owner; run as root")
def test_what_is_mounted_for_our_group_is_taken(home):
    """As Kubernetes mounts it: another owner, 0440."""
    cluster = Cluster(home, SMALL, tls="clients peers")
    names = ["cluster.key", "tokens.keys", "tls.key", *(f"peers/{role}-1.key" for role in SMALL)]
    for name in names:
        path = cluster.data / "secrets" / name
        os.chown(path, 10_001, 10_001)
        path.chmod(0o440)
    with cluster:
        assert cluster.nodes["gateway-1"].is_running
    (cluster.data / "secrets" / "cluster.key").chmod(0o444)
    run = start(cluster, "session")
    assert run.returncode == 78 and "chmod 440" in run.stderr


@pytest.mark.parametrize("text", ["", "\n", "secret\n", "0" * 62 + "\n", "changeme" * 3 + "\n"])
def test_no_service_starts_without_a_secret_of_its_own(home, text):
    cluster = Cluster(home, SMALL)
    path = cluster.data / "secrets" / "cluster.key"
    path.write_text(text)
    for role in SMALL:
        run = start(cluster, role)
        assert run.returncode == 78 and "openssl rand -hex 32" in run.stderr, (role, run.stderr)
    path.unlink()
    for role in SMALL:
        run = start(cluster, role)
        assert run.returncode == 78 and str(path) in run.stderr, (role, run.stderr)


def test_a_gateway_has_no_keys_of_its_own(home):
    cluster = Cluster(home, SMALL)
    path = cluster.data / "secrets" / "tokens.keys"
    for text in ("", "# none\n"):
        path.write_text(text)
        assert start(cluster, "gateway").returncode == 78
    path.unlink()
    run = start(cluster, "gateway")
    assert run.returncode == 78 and str(path) in run.stderr


def checked(cluster: Cluster) -> subprocess.CompletedProcess:
    """What `fantail cluster check` says, on both streams."""
    return subprocess.run(
        [BIN / "fantail", "cluster", "check", "--home", cluster.data, "--cluster", cluster.file],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)


#: Every kind of key file, whose it is, and a text that its reader refuses.
KEY_FILES = {
    "cluster.key": ("session", "short\n"),
    "tokens.keys": ("gateway", "2025-b HS512 AAAA sign\n"),
    "api.keys": ("api", "shop-1 tooshort\n"),
    "webhook.keys": ("api", "tooshort\n"),
    "s3.keys": ("media", "only-an-id\n"),
}


@pytest.mark.parametrize("name", KEY_FILES)
def test_check_says_of_a_key_file_what_its_service_would_say(home, name):
    cluster = Cluster(
        home, {**MEDIA, "api": 1}, media="store=s3:http://127.0.0.1:1/bucket", settings=("webhooks http://127.0.0.1:1/hook",))
    path, (role, wrong) = cluster.data / "secrets" / name, KEY_FILES[name]
    well = checked(cluster)
    assert well.returncode == 0 and f"{path}: " in well.stdout
    right = path.read_text()

    def refused_alike() -> str:
        service, check = start(cluster, role), checked(cluster)
        assert service.returncode == 78 and check.returncode == 1
        sentence = service.stderr.splitlines()[-1].split(": ", 1)[1]
        assert check.stdout.splitlines()[-1] == f"fantail: {sentence}"
        return sentence

    path.write_text(wrong)
    assert str(path) in refused_alike()
    path.write_text(right)
    path.chmod(0o644)
    assert f"chmod 600 {path}" in refused_alike()
    # Elsewhere, perhaps: a machine has the secrets of its own nodes only.
    path.unlink()
    missing = checked(cluster)
    assert missing.returncode == 0 and f"{path}: not here" in missing.stdout


def test_check_knows_what_the_log_in_for_development_wants(home):
    cluster = Cluster(home, SMALL, settings=("login development",))
    path = cluster.data / "secrets" / "tokens.keys"
    path.write_text(path.read_text().replace(" sign", ""))
    check = checked(cluster)
    assert check.returncode == 1 and "login development" in check.stdout


def test_what_the_repository_shows_is_no_secret():
    example = Path(__file__).parents[2] / "deploy" / "kubernetes" / "secrets.example.yaml"
    values = re.findall(r"^  (?:cluster\.key|tokens\.keys): (.*)$", example.read_text(), re.M)
    assert values == ['""', '""']


def listeners(pid: int) -> set[str]:
    """Addresses on which a process listens, as the kernel writes them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if match := re.match(r"socket:\[(\d+)\]", os.readlink(link)):
            inodes.add(match[1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                found.add(words[1])
    return found


async def test_a_node_listens_where_its_line_says_and_nowhere_else(cluster):
    for node in cluster.nodes.values():
        ports = {node.rpc, node.admin} | ({node.client} if node.client else set())
        assert listeners(node.pid) == {f"0100007F:{port:04X}" for port in ports}, node.name
