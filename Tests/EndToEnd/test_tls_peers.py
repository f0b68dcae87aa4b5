"""TLS between services: each shows a certificate of the authority that names it, beside the secret that all share."""

import asyncio
import contextlib
import os
import ssl
import subprocess

import pytest

from client import fresh, greeted
from cluster import BIN, PATIENCE, SMALL, Cluster
from papers import Authority
from test_rpc_strangers import HELLO, PROOF, Stranger, hello, logged, proof, rpc


@pytest.fixture(scope="module")
def mutual(tmp_path_factory):
    counts = {**SMALL, "gateway": 2, "session": 2}
    with Cluster(tmp_path_factory.mktemp("mutual"), counts=counts, tls="peers") as cluster:
        yield cluster
        assert all(node.is_running for node in cluster.nodes.values())


def paper_of(folder, authority, *names):
    """A context that shows a certificate for these names; none without names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["fantail-rpc/1"])
    if names:
        authority.issue(*names).install(folder / "s.crt", folder / "s.key")
        context.load_cert_chain(folder / "s.crt", folder / "s.key")
    return context


async def dial(node, context) -> Stranger:
    return Stranger(*await asyncio.open_connection("127.0.0.1", node.rpc, ssl=context))


def figure(node, name: str, *labels: str) -> float:
    lines = [line for line in node.get("/metrics")[1].splitlines() if line.startswith(name + "{") and all(label in line for label in labels)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def rises(node, reason: str, above: float):
    async with asyncio.timeout(PATIENCE):
        while figure(node, "fantail_tls_handshakes_failed_total", 'kind="peer"', f'reason="{reason}"') <= above:
            await asyncio.sleep(0.05)


async def goes_on(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob, gateway=1) as b:
        await a.send(bob, "among ourselves")
        await b.expect("message", body="among ourselves")
        ref = fresh("g")
        await a.say("group", ref=ref, change="create", title="We", users=[bob])
        await a.until("group.done", ref=ref)


async def test_a_cluster_chats_over_mutual_tls(mutual):
    await goes_on(mutual)
    for node in mutual.nodes.values():
        assert figure(node, "fantail_tls_handshakes_total", 'kind="peer"') > 0, node.name
        assert figure(node, "fantail_tls_certificate_expiry_time_seconds", 'use="peers"') > 0


async def test_nothing_is_said_in_the_open(mutual):
    node = mutual.nodes["persistence-1"]
    reader, writer = await asyncio.open_connection("127.0.0.1", node.rpc)
    stranger = Stranger(reader, writer)
    await stranger.write(rpc(HELLO, hello(mutual.name, "session", "session-1")))
    assert len(await stranger.cut()) < 20, "an alert at most"
    await logged(mutual, node.name, "tls_failed", '"with":"peer"')
    await goes_on(mutual)


@pytest.mark.parametrize("who", ["nobody", "foreign"])
async def test_a_stranger_without_a_certificate_of_the_authority_is_refused(mutual, tmp_path, who):
    node = mutual.nodes["session-1"]
    before = figure(node, "fantail_tls_handshakes_failed_total", 'kind="peer"', 'reason="certificate"')
    context = paper_of(tmp_path, Authority("foreign"), "gateway-1") if who == "foreign" else paper_of(tmp_path, None)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        # In 1.3 a client believes that it is in before the server has looked at its certificate.
        stranger = await dial(node, context)
        await stranger.write(rpc(HELLO, hello(mutual.name, "gateway", "gateway-1")))
        assert await stranger.cut() == b""
    await rises(node, "certificate", before)
    await logged(mutual, node.name, "tls_failed", "certificate")
    await goes_on(mutual)


async def shake_hands(cluster, node, context, service: str, name: str) -> Stranger:
    stranger = await dial(node, context)
    mine = hello(cluster.name, service, name)
    await stranger.write(rpc(HELLO, mine))
    kind, theirs = await stranger.frame()
    assert kind == HELLO
    kind, _ = await stranger.frame()
    assert kind == PROOF
    await stranger.write(rpc(PROOF, proof("dialer", mine, theirs, cluster.secret)))
    return stranger


async def test_a_node_cannot_pass_for_another(mutual, tmp_path):
    """It knows the secret, and its certificate is of the authority; but it is another's."""
    node = mutual.nodes["persistence-1"]
    for names in (("session-2",), ("session-1.example.org",), ("somebody",)):
        stranger = await shake_hands(mutual, node, paper_of(tmp_path, mutual.peers_authority, *names), "session", "session-1")
        await stranger.cut()
    await logged(mutual, node.name, "stranger_refused", "wrongCertificate", "session-1")
    await goes_on(mutual)


async def test_the_certificate_does_not_help_without_the_secret(mutual, tmp_path):
    node = mutual.nodes["persistence-1"]
    stranger = await dial(node, paper_of(tmp_path, mutual.peers_authority, "session-1"))
    mine = hello(mutual.name, "session", "session-1")
    await stranger.write(rpc(HELLO, mine))
    _, theirs = await stranger.frame()
    await stranger.frame()
    await stranger.write(rpc(PROOF, proof("dialer", mine, theirs, os.urandom(32))))
    await stranger.cut()
    await logged(mutual, node.name, "stranger_refused", "wrongProof")
    await goes_on(mutual)


async def test_certificates_of_services_are_exchanged_while_they_run(home):
    with Cluster(home, counts={**SMALL, "gateway": 2}, tls="peers") as cluster:
        folder = cluster.data / "secrets" / "peers"
        # First everybody believes both authorities, then certificates are of the new one, then the old one goes.
        new = Authority("new")
        believe(folder, cluster.peers_authority.pem + new.pem)
        await everywhere(cluster, 1)
        papers = {name: new.issue(name) for name in cluster.nodes}
        for name, paper in papers.items():
            paper.install(folder / f"{name}.crt", folder / f"{name}.key")
        await everywhere(cluster, 2)
        believe(folder, new.pem)
        await everywhere(cluster, 3)
        for name, paper in papers.items():
            assert figure(cluster.nodes[name], "fantail_tls_certificate_expiry_time_seconds") == paper.ends
        await goes_on(cluster)
        # New links are made with them.
        cluster.kill("session-1")
        cluster.start("session-1")
        await asyncio.to_thread(cluster.wait_ready)
        await goes_on(cluster)


def believe(folder, authorities: bytes):
    (folder / "ca.new").write_bytes(authorities)
    os.replace(folder / "ca.new", folder / "ca.crt")


async def everywhere(cluster, count: int):
    """Each node has read its files so many times since its start."""
    async with asyncio.timeout(PATIENCE):
        for name in cluster.nodes:
            while cluster.log(name).count("certificate_loaded") < count + 1:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("spoil,word", [("name", "does not name session-1"), ("authority", "is none of the authority"), ("mode", "chmod 600")])
def test_a_node_with_a_wrong_certificate_does_not_start(home, spoil, word):
    cluster = Cluster(home, counts=SMALL, tls="peers")
    folder = cluster.data / "secrets" / "peers"
    match spoil:
        case "name":
            cluster.peers_authority.issue("session-2").install(folder / "session-1.crt", folder / "session-1.key")
        case "authority":
            Authority("foreign").issue("session-1").install(folder / "session-1.crt", folder / "session-1.key")
        case "mode":
            (folder / "session-1.key").chmod(0o604)
    ended = subprocess.run(
        [BIN / "session", "--cluster", cluster.file, "--node", "session-1", "--data", cluster.data], capture_output=True, text=True,
        timeout=PATIENCE)
    assert ended.returncode == 78 and word in ended.stderr, ended.stderr
