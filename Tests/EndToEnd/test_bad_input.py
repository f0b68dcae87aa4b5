"""Whatever a client says, it gets an answer that helps or a close that is clear, and nobody else notices."""

import asyncio
import json
import socket
import time

import pytest

import binary
from client import Client, client, fresh, greeted
from cluster import PATIENCE, within
from raw import CONTINUATION, TEXT, Raw, dial, frame, handshake_bytes, raw

MIB = 1 << 20


async def others_are_fine(cluster, seconds: float = 0.0):
    """A pair exchanges messages, at least once and for so long."""
    ana, bob = fresh("ana"), fresh("bob")
    deadline = time.monotonic() + seconds
    n = 0
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
        while n == 0 or time.monotonic() < deadline:
            n += 1
            await a.send(bob, "fine")
            await b.expect("message", n=n)
            await b.say("ack", n=n)
            await a.expect("delivered")


# Frames that are wrong

JSON_CASES = [
    ("", "malformed"),
    ("nonsense", "malformed"),
    ("[]", "malformed"),
    ('"hello"', "malformed"),
    ("{", "malformed"),
    ("{}", "unknown_type"),
    ('{"type":"ping"}x', "malformed"),
    ('{"type":"ping"}{"type":"ping"}', "malformed"),
    ('{"type":"ping",}', "malformed"),
    ("{'type':'ping'}", "malformed"),
    ('{"type":"ping","type":"ping"}', "malformed"),
    ('{"type":"ping","x":"\\ud800"}', "malformed"),
    ('{"type":"ping","x":"\t"}', "malformed"),
    ('{"type":"ping","x":01}', "malformed"),
    ('{"type":"ping","x":NaN}', "malformed"),
    ('{"type":"ping",' + ",".join(f'"k{i}":1' for i in range(64)) + "}", "malformed"),
    ('{"type":"ping","x":' + "[" * 20 + "]" * 20 + "}", "malformed"),
    ("[" * 100_000, "malformed"),
    ('{"type":7}', "*"),
    ('{"type":null}', "unknown_type"),
    ('{"type":"PING"}', "*"),
    ('{"type":"dance"}', "unknown_type"),
    ('{"type":"welcome"}', "unknown_type"),
    ('{"type":"send","id":"m","body":"x"}', "missing_field"),
    ('{"type":"send","to":"bob","body":"x"}', "missing_field"),
    ('{"type":"send","id":"m","to":"bob"}', "missing_field"),
    ('{"type":"send","id":"m","to":null,"body":"x"}', "missing_field"),
    ('{"type":"send","id":"m","to":7,"body":"x"}', "bad_field"),
    ('{"type":"send","id":"m","to":"bob","body":{}}', "bad_field"),
    ('{"type":"send","id":"m","to":"","body":"x"}', "bad_field"),
    ('{"type":"send","id":"m","to":"a b","body":"x"}', "bad_field"),
    ('{"type":"send","id":"m","to":"bøb","body":"x"}', "bad_field"),
    ('{"type":"send","id":"m","to":"' + "x" * 65 + '","body":"x"}', "bad_field"),
    ('{"type":"send","id":"' + "x" * 65 + '","to":"bob","body":"x"}', "bad_field"),
    ('{"type":"send","id":"m","to":"bob","body":"x","after":""}', "bad_field"),
    ('{"type":"send","id":"m","to":"bob","body":"' + "x" * 65_537 + '"}', "body_too_long"),
    ('{"type":"send","id":"m","to":"bob","body":"' + "ä" * 32_769 + '"}', "body_too_long"),
    ('{"type":"ack"}', "missing_field"),
    ('{"type":"ack","n":-1}', "bad_field"),
    ('{"type":"ack","n":1.0}', "bad_field"),
    ('{"type":"ack","n":1e3}', "bad_field"),
    ('{"type":"ack","n":"1"}', "bad_field"),
    ('{"type":"ack","n":true}', "bad_field"),
    ('{"type":"ack","n":9007199254740992}', "bad_field"),
    ('{"type":"ack","n":123456789012345678901234567890}', "bad_field"),
    ('{"type":"read","with":"bob"}', "missing_field"),
    ('{"type":"read","with":"bob","at":"now"}', "bad_field"),
    ('{"type":"history","limit":0}', "bad_field"),
    ('{"type":"history","limit":101}', "bad_field"),
    ('{"type":"ping","ref":"' + "x" * 65 + '"}', "bad_field"),
    ('{"type":"group.' + "x" * 40 + '"}', "*"),
]

BINARY_CASES = [
    (b"", "malformed"),
    (b"\0", "unknown_type"),
    (bytes([63]), "unknown_type"),
    (b"\x10", "unknown_type"),
    (b"\xff" * 10, "unknown_type"),
    (b"\x03", "malformed"),
    (b"\x03\x80", "malformed"),
    (b"\x03\x81\x00", "*"),
    (b"\x03" + b"\xff" * 10, "*"),
    (b"\x03\x01\x01", "malformed"),
    (b"\x06\x02", "*"),
    (b"\x06\x01\x00", "bad_field"),
    (b"\x06\x01\x41" + b"x" * 65, "bad_field"),
    (b"\x06\x01\x02\xff\xfe", "*"),
    (b"\x02\x01m\x03bob\x00\x7f", "malformed"),
    (b"\x02\x01m\x03bob\x00\x02\xff\xfe", "malformed"),
    (b"\x02\x01m\x03bob\x00" + binary.varint(65_537) + b"x" * 65_537, "body_too_long"),
    (b"\x02\x01m\x03bob\x00" + binary.varint((1 << 53) - 1), "*"),
    (b"\x0f\x00\x00", "*"),
    (b"\x0f\x05dance\x00", "*"),
]


async def answers(c: Client, cases):
    wrong = []
    for data, expected in cases:
        await c.raw(data)
        answer = await c.next()
        code = answer.get("code")
        if answer["type"] != "error" or (expected != "*" and code != expected):
            wrong.append((data[:80], answer, expected))
        elif not answer["text"]:
            wrong.append((data[:80], answer, "a text"))
    assert not wrong, wrong


async def test_every_wrong_json_frame_gets_its_answer_and_the_connection_stays(cluster):
    for part in range(0, len(JSON_CASES), 10):
        async with greeted(cluster, fresh()) as c:
            await answers(c, JSON_CASES[part:part + 10])
            await c.quiet()
    await others_are_fine(cluster)


async def test_every_wrong_binary_frame_gets_its_answer_and_the_connection_stays(cluster):
    for part in range(0, len(BINARY_CASES), 10):
        async with greeted(cluster, fresh(), encoding="binary") as c:
            await answers(c, BINARY_CASES[part:part + 10])
            await c.quiet()
    await others_are_fine(cluster)


async def test_errors_name_the_frame_they_refuse_when_they_can(cluster):
    async with greeted(cluster, fresh()) as c:
        await c.raw('{"type":"send","id":"m-7","to":"a b","body":"x"}')
        await c.error("bad_field", ref="m-7")
        await c.raw('{"type":"send","id":"m-8","to":"bob","body":"' + "x" * 65_537 + '"}')
        await c.error("body_too_long", ref="m-8")


async def test_unknown_fields_and_nulls_are_ignored(cluster):
    async with greeted(cluster, fresh()) as c:
        await c.raw(' {"later" : [1, {"a": [true, null]}], "type" : "ping" , "ref":null, "x": 1.5e-3}\n')
        assert "ref" not in await c.expect("pong")


async def test_a_client_that_only_talks_nonsense_gets_its_answers_and_disturbs_nobody(cluster):
    # What one user may say in a burst; what becomes of more is in test_overload.py.
    count = 8_000
    async with greeted(cluster, fresh()) as c:
        async def talk():
            for _ in range(count):
                await c.raw("nonsense")

        talking = asyncio.create_task(talk())
        await others_are_fine(cluster)
        for _ in range(count):
            await c.error("malformed")
        await talking
        await c.quiet()


# HTTP that is wrong


async def status_of(cluster, request: bytes) -> int | None:
    """The status of the answer; None when there is none."""
    reader, writer = await dial(cluster)
    writer.write(request)
    try:
        head = await within(PATIENCE, reader.read(65_536))
    except ConnectionError:
        head = b""
    writer.transport.abort()
    return int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else None


async def test_requests_that_cannot_become_a_websocket_are_answered_with_a_status(cluster):
    token = cluster.token("ana")

    def ask(**changes):
        return handshake_bytes(token, **changes)

    cases = {
        "another path": (ask(path="/elsewhere"), 404),
        "path with a slash behind": (ask(path="/v1/ws/"), 404),
        "POST": (ask(method="POST"), 405),
        "HTTP/1.0": (ask(version="HTTP/1.0"), 400),
        "HTTP/2.0": (ask(version="HTTP/2.0"), 400),
        "no upgrade": (ask(without=("Upgrade",)), 426),
        "no connection": (ask(without=("Connection",)), 400),
        "connection that keeps alive": (ask(Connection="keep-alive"), 400),
        "no version": (ask(without=("Sec-WebSocket-Version",)), 426),
        "version 8": (ask(Sec_WebSocket_Version="8"), 426),
        "no key": (ask(without=("Sec-WebSocket-Key",)), 400),
        "short key": (ask(key="AAAA"), 400),
        "key that is no base64": (ask(key="!" * 24), 400),
        "no host": (ask(without=("Host",)), 400),
        "a body": (ask(Content_Length="5") + b"hello", 400),
        "chunks": (ask(Transfer_Encoding="chunked"), 400),
        "a page of elsewhere": (ask(Origin="https://evil.example"), 403),
        "the same subprotocol twice": (ask(subprotocol="fantail.json.v1, fantail.json.v1"), 400),
        "line ends without CR": (ask().replace(b"\r\n", b"\n"), 400),
        "a folded header": (ask().replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n"), 400),
        "a blank before the colon": (ask().replace(b"Host:", b"Host :"), 400),
        "two hosts": (ask().replace(b"\r\n\r\n", b"\r\nHost: other\r\n\r\n"), 400),
        "NUL": (ask().replace(b"localhost", b"local\0host"), 400),
        "head above 8 KiB": (ask(X_Filler="x" * 9_000), 431),
        "200 headers": (ask(**{f"X_{i}": "x" for i in range(200)}), 431),
        "endless first line": (b"GET /" + b"x" * 20_000, 431),
        "garbage": (bytes(range(128, 256)) * 4 + b"\r\n\r\n", 400),
        "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
        "blank page": (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        "front page": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    }
    wrong = []
    for what, (request, expected) in cases.items():
        found = await status_of(cluster, request)
        if found != expected:
            wrong.append(f"{what}: {found} instead of {expected}")
    assert not wrong, wrong
    await others_are_fine(cluster)


async def test_a_request_may_come_a_byte_at_a_time(cluster):
    reader, writer = await dial(cluster)
    for byte in handshake_bytes(cluster.token(fresh())):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    head = await within(PATIENCE, reader.readuntil(b"\r\n\r\n"))
    assert head.startswith(b"HTTP/1.1 101 ")
    writer.transport.abort()


# Those who take their time


async def test_a_handshake_that_dawdles_is_cut_while_others_are_served(cluster):
    async def dawdle():
        reader, writer = await dial(cluster)
        try:
            for byte in handshake_bytes(cluster.token(fresh()), X_Long="x" * 500):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
                if reader.at_eof():
                    return
        except ConnectionError:
            return
        raise AssertionError("a byte a second was let through")

    dawdlers = [asyncio.create_task(dawdle()) for _ in range(20)]
    await others_are_fine(cluster, seconds=2)
    await within(PATIENCE + 30, asyncio.gather(*dawdlers))


@pytest.mark.long
async def test_a_message_of_a_byte_a_second_is_cut_within_minutes(cluster):
    async with raw(cluster, fresh()) as c:
        message = frame(TEXT, b'{"type":"ping","x":"' + b"x" * 300 + b'"}')
        try:
            for byte in message:
                c.writer.write(bytes([byte]))
                await c.writer.drain()
                await asyncio.sleep(1)
                if c.reader.at_eof():
                    break
        except ConnectionError:
            pass
        assert await c.ending() in (1008, None)


async def test_three_thousand_half_open_handshakes_keep_nobody_out(cluster):
    before = cluster.gateways[0].memory()
    idle = []
    try:
        for _ in range(30):
            idle += await asyncio.gather(*(dial(cluster) for _ in range(100)))
        for reader, writer in idle[::2]:
            try:
                writer.write(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-Filler: " + b"x" * 4_000)
            except ConnectionError:
                pass
        await others_are_fine(cluster, seconds=1)
        assert cluster.gateways[0].figure("fantail_gateway_handshakes") <= 2_100
        assert cluster.gateways[0].memory() - before < 64 * MIB
    finally:
        for _, writer in idle:
            writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        while cluster.gateways[0].figure("fantail_gateway_handshakes") > 0:
            await asyncio.sleep(0.1)


def small_window() -> dict:
    """A socket whose kernel buffer is small, so that the sender's side feels that nobody reads."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    plug.setblocking(False)
    return plug


async def never_reading(cluster, gateway: int = 0) -> Raw:
    """Upgraded and greeted; from then on nobody reads."""
    plug = small_window()
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", cluster.gateways[gateway].client))
    reader, writer = await asyncio.open_connection(
        sock=plug, limit=4_096, ssl=cluster.ssl, server_hostname="127.0.0.1" if cluster.ssl else None)
    writer.write(handshake_bytes(cluster.token(fresh())))
    await within(PATIENCE, reader.readuntil(b"\r\n\r\n"))
    connection = Raw(reader, writer)
    await connection.write(frame(TEXT, b'{"type":"hello"}'))
    assert b"welcome" in await connection.until(TEXT)
    writer.transport.pause_reading()
    return connection


async def test_a_client_that_asks_and_never_reads_holds_a_bounded_amount(cluster):
    """It is stalled or cut; the gateway's memory stays, and others are served meanwhile."""
    gateway = cluster.gateways[0]
    before = gateway.memory()
    deaf = [await never_reading(cluster) for _ in range(4)]
    question = frame(TEXT, json.dumps({"type": "ping", "ref": "r" * 64}).encode()) * 500

    async def ask(connection, limit=32 * MIB):
        sent = 0
        while sent < limit:
            connection.writer.write(question)
            try:
                await within(5, connection.writer.drain())
            except (ConnectionError, TimeoutError):
                return sent
            sent += len(question)
        return sent

    asking = [asyncio.create_task(ask(connection)) for connection in deaf]
    await others_are_fine(cluster, seconds=1)
    await asyncio.gather(*asking)
    grown = gateway.memory() - before
    for connection in deaf:
        connection.abort()
    assert grown < 32 * MIB, f"{grown / MIB:.1f} MiB for four clients that do not read"
    await others_are_fine(cluster)


async def test_a_reader_that_stops_gets_no_more_than_one_portion(cluster):
    """Messages for a device that does not read wait in its inbox, not in the gateway."""
    bob, count = fresh("bob"), 300
    plug = small_window()
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", cluster.gateways[0].client))
    reader, writer = await asyncio.open_connection(
        sock=plug, limit=4_096, ssl=cluster.ssl, server_hostname="127.0.0.1" if cluster.ssl else None)
    writer.write(handshake_bytes(cluster.token(bob)))
    await within(PATIENCE, reader.readuntil(b"\r\n\r\n"))
    deaf = Raw(reader, writer)
    await deaf.write(frame(TEXT, b'{"type":"hello"}'))
    await deaf.until(TEXT)
    writer.transport.pause_reading()
    before = sum(node.memory() for node in (*cluster.gateways, *cluster.role("session")))
    async with greeted(cluster, fresh("ana"), gateway=1) as a:
        for i in range(count):
            await a.say("send", id=f"m{i}", to=bob, body="x" * 60_000, after=f"m{i - 1}" if i else None)
            if i % 10 == 9:
                for _ in range(10):
                    await a.expect("sent")
    after = sum(node.memory() for node in (*cluster.gateways, *cluster.role("session")))
    assert after - before < 16 * MIB, f"{(after - before) / MIB:.1f} MiB while 17 MiB waited"
    deaf.abort()
    async with greeted(cluster, bob) as b:
        for n in range(1, count + 1):
            await b.until("message", n=n)
            await b.say("ack", n=n)


async def test_a_half_sent_message_holds_no_more_than_it_sent(cluster):
    before = cluster.gateways[0].memory()
    halves = []
    for _ in range(300):
        c = Raw(*await dial(cluster))
        await c.write(handshake_bytes(cluster.token(fresh())) + frame(TEXT, b"x" * 100, fin=False)
                      + b"\x80\xff" + (390_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 100)
        halves.append(c)
    for c in halves:
        await within(PATIENCE, c.reader.readuntil(b"\r\n\r\n"))
    await others_are_fine(cluster)
    assert cluster.gateways[0].memory() - before < 16 * MIB, "an announced length reserves nothing"
    for c in halves:
        c.abort()


async def test_a_thousand_connections_that_vanish_leave_nothing_behind(cluster):
    before = cluster.figure("gateway", "fantail_gateway_connections")
    for _ in range(5):
        async def visit():
            c = Raw(*await dial(cluster))
            await c.write(handshake_bytes(cluster.token(fresh())) + frame(TEXT, b'{"type":"hello"}'))
            await within(PATIENCE, c.reader.readuntil(b"welcome"))
            c.abort()

        await asyncio.gather(*(visit() for _ in range(200)))
    async with asyncio.timeout(PATIENCE):
        while cluster.figure("gateway", "fantail_gateway_connections") > before:
            await asyncio.sleep(0.1)
        while cluster.figure("session", "fantail_session_users") > before:
            await asyncio.sleep(0.1)


async def test_continuations_for_ever_are_cut(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b"{", fin=False))
        await c.write(frame(CONTINUATION, b" ", fin=False) * 1_000)
        assert await c.ending() == 1009


async def test_a_dead_client_of_the_library_can_come_back(cluster):
    """The library's own closing handshake, ping and reconnection against ours."""
    user = fresh()
    for _ in range(3):
        async with client(cluster, user) as c:
            await c.hello()
            await within(PATIENCE, await c.socket.ping(b"are you there?"))
            await c.socket.close(1000, "bye")
            assert c.socket.close_code == 1000
