"""Strangers at the door between the services: whatever they say, they are cut, it is in the log, and the cluster goes on.

The frames are made by hand: `length u32 | version u8 | kind u8 | method u16 | call id u32 | payload`, little endian.
"""

import asyncio
import hashlib
import hmac
import os
import struct
import time

import pytest

from binary import varint
from client import fresh, greeted
from cluster import PATIENCE, within

HELLO, PROOF, REQUEST, ANSWER, REFUSAL, ONE_WAY, PING, PONG = range(1, 9)


def rpc(kind: int, payload: bytes = b"", version: int = 1, method: int = 0, call: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<IBBHI", 8 + len(payload) if length is None else length, version, kind, method, call) + payload


def text(value: str) -> bytes:
    return varint(len(value)) + value.encode()


def blob(value: bytes) -> bytes:
    return varint(len(value)) + value


def hello(cluster: str, service: str, node: str, epoch: int = 1) -> bytes:
    return (struct.pack("<H", 0) + text(cluster) + text(service) + text(node) + struct.pack("<QQ", epoch, 42)
            + blob(os.urandom(32)))


def proof(side: str, dialer: bytes, acceptor: bytes, secret: bytes) -> bytes:
    message = text(f"fantail rpc 1 {side}") + blob(dialer) + blob(acceptor)
    return blob(hmac.new(secret, message, hashlib.sha256).digest())


class Stranger:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def write(self, data: bytes):
        self.writer.write(data)
        try:
            await self.writer.drain()
        except ConnectionError:
            pass

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE):
            length, version, kind, _, _ = struct.unpack("<IBBHI", await self.reader.readexactly(12))
            assert version == 1
            return kind, await self.reader.readexactly(length - 8)

    async def cut(self) -> bytes:
        """Waits for the end; what was said before it."""
        try:
            return await within(PATIENCE, self.reader.read(1 << 20))
        except ConnectionError:
            return b""


async def dial(node) -> Stranger:
    return Stranger(*await asyncio.open_connection("127.0.0.1", node.rpc))


async def logged(cluster, name: str, *words: str):
    """A line of that node's log has all these words; it may take a moment."""
    async with asyncio.timeout(PATIENCE):
        while not any(all(word in line for word in words) for line in cluster.log(name).splitlines()):
            await asyncio.sleep(0.05)


async def goes_on(cluster):
    """Chat works, and nobody lost a peer."""
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob, gateway=1) as b:
        await a.send(bob, "still there?")
        await b.expect("message", body="still there?")
    for node in cluster.nodes.values():
        assert node.get("/readyz")[0] == 200


BAD_FRAMES = {
    "length 0": struct.pack("<I", 0) + b"\0" * 8,
    "length below a header": rpc(HELLO, length=7),
    "length of 4 GiB": rpc(HELLO, length=0xFFFF_FFFF),
    "hello above its bound": rpc(HELLO, b"x" * 600),
    "version 0": rpc(HELLO, b"x" * 20, version=0),
    "version 2": rpc(HELLO, b"x" * 20, version=2),
    "kind 0": rpc(0, b"x" * 20),
    "kind 9": rpc(9, b"x" * 20),
    "hello without its fields": rpc(HELLO),
    "hello that is cut": rpc(HELLO, hello("c", "session", "session-1")[:-1]),
    "proof before hello": rpc(PROOF, blob(bytes(32))),
    "request before hello": rpc(REQUEST, b"", method=1, call=1),
    "one-way before hello": rpc(ONE_WAY, b"", method=1),
    "ping before hello": rpc(PING),
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "noise": hashlib.sha512(b"noise").digest() * 20,
}


@pytest.mark.parametrize("role", ["session", "persistence"])
async def test_bad_frames_end_the_connection(cluster, role):
    node = cluster.role(role)[0]
    for what, data in BAD_FRAMES.items():
        stranger = await dial(node)
        await stranger.write(data)
        said = await stranger.cut()
        assert len(said) < 200, f"{what}: a stranger learns nothing"
    await logged(cluster, node.name, "stranger_refused", "badLength")
    await goes_on(cluster)


async def test_a_stranger_of_another_cluster_is_refused(cluster):
    node = cluster.nodes["persistence-1"]
    stranger = await dial(node)
    await stranger.write(rpc(HELLO, hello("elsewhere", "session", "session-1")))
    assert (await stranger.frame())[0] == REFUSAL
    assert await stranger.cut() == b""
    await logged(cluster, node.name, "stranger_refused", "wrongCluster", "elsewhere")


async def shake_hands(cluster, node, service: str, name: str, secret: bytes) -> Stranger:
    stranger = await dial(node)
    mine = hello(cluster.name, service, name)
    await stranger.write(rpc(HELLO, mine))
    kind, theirs = await stranger.frame()
    if kind == REFUSAL:
        return stranger
    assert kind == HELLO
    kind, their_proof = await stranger.frame()
    assert kind == PROOF and their_proof == proof("acceptor", mine, theirs, cluster.secret), "the acceptor proves itself"
    await stranger.write(rpc(PROOF, proof("dialer", mine, theirs, secret)))
    return stranger


async def test_a_peers_name_without_the_secret_is_worth_nothing(cluster):
    node = cluster.nodes["persistence-1"]
    stranger = await shake_hands(cluster, node, "session", "session-1", os.urandom(32))
    kind, _ = await stranger.frame()
    assert kind == REFUSAL
    assert await stranger.cut() == b""
    await logged(cluster, node.name, "stranger_refused", "wrongProof")
    await goes_on(cluster)


async def test_an_acceptors_own_proof_sent_back_is_worth_nothing(cluster):
    """Reflection: the label says which side speaks."""
    node = cluster.nodes["persistence-1"]
    stranger = await dial(node)
    mine = hello(cluster.name, "session", "session-1")
    await stranger.write(rpc(HELLO, mine))
    await stranger.frame()
    _, theirs = await stranger.frame()
    await stranger.write(rpc(PROOF, theirs))
    assert (await stranger.frame())[0] == REFUSAL
    assert await stranger.cut() == b""


@pytest.mark.parametrize(
    "service,name",
    [("session", "session-9"), ("session", "persistence-1"), ("persistence", "persistence-2"), ("gateway", "gateway-1"),
     ("group", "session-1"), ("session", "")])
async def test_the_secret_does_not_help_a_name_that_may_not_connect(cluster, service, name):
    """Unknown; its own; one that does not call persistence; of another service; empty."""
    node = cluster.nodes["persistence-1"]
    # The log keeps back what repeats itself within a second, so the stranger may have to come again.
    async with asyncio.timeout(PATIENCE):
        while True:
            stranger = await shake_hands(cluster, node, service, name, cluster.secret)
            await stranger.cut()
            if any("wrongName" in line and f'\\"{name}\\"' in line for line in cluster.log(node.name).splitlines()):
                break
            await asyncio.sleep(0.5)
    await goes_on(cluster)


async def test_silence_is_cut_after_a_few_seconds(cluster):
    node = cluster.nodes["session-1"]
    began = time.monotonic()
    silent = await dial(node)
    half = await dial(node)
    await half.write(rpc(HELLO, hello(cluster.name, "gateway", "gateway-1"))[:20])
    proofless = await dial(node)
    await proofless.write(rpc(HELLO, hello(cluster.name, "gateway", "gateway-1")))
    await proofless.frame()
    await proofless.frame()
    for stranger in (silent, half, proofless):
        assert await stranger.cut() == b""
    assert time.monotonic() - began > 2, "a handshake over a slow network needs a moment"
    await logged(cluster, node.name, "stranger_refused", "handshakeTimeout")


async def test_a_crowd_of_strangers_does_not_disturb_the_cluster(cluster):
    node = cluster.nodes["session-2"]
    strangers = [await dial(node) for _ in range(300)]
    await goes_on(cluster)
    for stranger in strangers:
        await stranger.cut()
    await goes_on(cluster)
