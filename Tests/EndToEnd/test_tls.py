"""TLS with clients: versions, ciphers, certificates that change, and whoever does not speak it properly. Python's `ssl` is the other side."""

import asyncio
import contextlib
import hashlib
import http.client
import os
import socket
import ssl
import subprocess
import time
from urllib.parse import urlsplit

import pytest

from client import fresh, greeted
from cluster import BIN, PATIENCE, SMALL, Cluster, within
from papers import DAY, Authority
from raw import TEXT, dial, frame, handshake_bytes, raw
from test_bad_input import MIB, never_reading
from test_media import _http, begin, link

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("secure"), counts={**SMALL, "gateway": 2, "media": 1}, tls="clients") as cluster:
        yield cluster
        assert all(node.is_running for node in cluster.nodes.values())


@pytest.fixture
def own(home):
    """A cluster whose certificates may be spoiled."""
    with Cluster(home, counts=SMALL, tls="clients") as cluster:
        yield cluster


def only(cluster, version, **more) -> ssl.SSLContext:
    context = cluster.ssl
    context.minimum_version = context.maximum_version = version
    return context


def serial(cluster, context=None) -> int:
    """The number of the certificate that a new connection sees."""
    from cryptography import x509

    with socket.create_connection(("127.0.0.1", cluster.gateways[0].client), PATIENCE) as plain:
        with (context or cluster.ssl).wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)).serial_number


def failed(cluster, reason: str) -> float:
    """Handshakes with clients that failed for this reason, at all gateways."""
    total = 0.0
    for node in cluster.gateways:
        for line in node.get("/metrics")[1].splitlines():
            if line.startswith("fantail_tls_handshakes_failed_total{") and 'kind="client"' in line and f'reason="{reason}"' in line:
                total += float(line.rsplit(" ", 1)[1])
    return total


async def rises(look, above: float):
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(look) <= above:
            await asyncio.sleep(0.05)


async def chats(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
        await a.send(bob, "whisper")
        await b.expect("message", body="whisper")


# What is spoken


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
async def test_chat_over_both_versions(secure, version, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    trust = only(secure, version)
    async with greeted(secure, ana, encoding=encoding) as a:
        reader, writer = await dial(secure, gateway=1, ssl=trust)
        spoken = writer.get_extra_info("ssl_object")
        assert spoken.version() == ("TLSv1.2" if version == TLS_1_2 else "TLSv1.3")
        assert spoken.selected_alpn_protocol() == "http/1.1"
        cipher = spoken.cipher()[0]
        assert "GCM" in cipher or "CHACHA20" in cipher
        writer.write(handshake_bytes(secure.token(bob)) + frame(TEXT, b'{"type":"hello"}'))
        await within(PATIENCE, reader.readuntil(b'"welcome"'))
        await a.send(bob, "over there")
        await within(PATIENCE, reader.readuntil(b"over there"))
        writer.transport.abort()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
async def test_older_versions_are_refused(secure, version):
    before = failed(secure, "version")
    trust = only(secure, version)
    trust.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await dial(secure, ssl=trust)
    await rises(lambda: failed(secure, "version"), before)


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"])
async def test_ciphers_without_authentication_or_forward_secrecy_are_refused(secure, ciphers):
    before = failed(secure, "cipher")
    trust = only(secure, TLS_1_2)
    trust.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await dial(secure, ssl=trust)
    await rises(lambda: failed(secure, "cipher"), before)


async def test_who_wants_another_protocol_only_is_refused(secure):
    trust = secure.ssl
    trust.set_alpn_protocols(["h2"])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await dial(secure, ssl=trust)


async def test_sessions_are_resumed(secure):
    """A ticket; nothing is kept for it here."""
    trust = only(secure, TLS_1_2)

    def meet(session=None):
        with socket.create_connection(("127.0.0.1", secure.gateways[0].client), PATIENCE) as plain:
            with trust.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secured:
                return secured.session_reused, secured.session

    reused, session = await asyncio.to_thread(meet)
    assert not reused
    assert (await asyncio.to_thread(meet, session))[0]


async def test_renegotiation_is_refused(secure):
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{secure.gateways[0].client}", "-tls1_2", "-CAfile", secure.ca,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    async with asyncio.timeout(PATIENCE):
        said = await process.stdout.readuntil(b"Verify return code: 0 (ok)")
        process.stdin.write(b"R\n")
        said = await process.stdout.read()
    await process.wait()
    assert b"no renegotiation" in said, said.decode()


# Who does not speak it


async def say(cluster, data: bytes, gateway: int = 0) -> bytes:
    """What is answered to bytes that are not TLS, up to the end."""
    reader, writer = await dial(cluster, gateway, ssl=None)
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_plain_http_is_told_so(secure):
    before = failed(secure, "plain_http")
    answer = (await say(secure, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).decode()
    head, body = answer.split("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ") and "https" in body
    assert f"Content-Length: {len(body)}" in head
    await rises(lambda: failed(secure, "plain_http"), before)
    await chats(secure)


async def test_noise_is_cut(secure):
    for noise in (b"hello?\r\n" * 10, os.urandom(3_000), b"\x16\x03\x01\xff\xff" + bytes(70_000), b"\x16\x03\x03\x00\x00" * 2_000,
                  b"\x80\x2e\x01\x00\x02" + bytes(44)):
        assert len(await say(secure, noise)) < 200
    await chats(secure)


async def test_a_handshake_has_a_limit_in_bytes(secure):
    """A hello that says that it has 100,000 bytes; 32 KiB are the end."""
    before = failed(secure, "too_long")
    bytes_ = b"".join(
        b"\x16\x03\x01\x10\x00" + (b"\x01\x01\x86\xa0\x03\x03" if number == 0 else bytes(6)) + bytes(4_090) for number in range(24))
    assert len(await say(secure, bytes_)) < 200
    await rises(lambda: failed(secure, "too_long"), before)


async def test_slow_handshakes_are_dropped(secure):
    """Silence, half a hello, a byte a second: all end after the ten seconds that every client has for its first request."""
    before = failed(secure, "given_up")
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        secure.ssl.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x").do_handshake()
    hello = hello.read()
    began = time.monotonic()

    async def dawdle(first: bytes, drip: bytes):
        reader, writer = await dial(secure, ssl=None)
        writer.write(first)
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(PATIENCE):
            while not (await asyncio.wait([ended], timeout=1))[0]:
                writer.write(drip[:1])
                drip = drip[1:]
        with contextlib.suppress(ConnectionError):
            assert await ended == b""
        writer.transport.abort()

    await asyncio.gather(dawdle(b"", b""), dawdle(hello[:100], b""), dawdle(b"", hello[:40]), dawdle(b"\x16", hello[1:40]))
    await rises(lambda: failed(secure, "given_up"), before + 3)
    assert time.monotonic() - began > 8, "a phone on a bad network needs a moment"
    await chats(secure)


async def test_a_crowd_of_half_handshakes_does_not_disturb(secure):
    """More than there are places: the oldest make room."""
    crowd = [await dial(secure, ssl=None) for _ in range(2_200)]
    await chats(secure)
    assert secure.gateways[0].figure("fantail_tls_handshakes") <= 2_060
    for _, writer in crowd:
        writer.transport.abort()


async def test_a_goodbye_is_answered(secure):
    """The other side's end is told as TLS tells it, so that a cut cannot pass for one."""

    def meet():
        with socket.create_connection(("127.0.0.1", secure.gateways[0].client), PATIENCE) as plain:
            secured = secure.ssl.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
            secured.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b""
            while part := secured.recv(4_096):
                said += part
            return said

    # `recv` gives b"" for the goodbye, and would raise for an end without one.
    assert (await asyncio.to_thread(meet)).startswith(b"HTTP/1.1 404")

    def leave():
        with socket.create_connection(("127.0.0.1", secure.gateways[0].client), PATIENCE) as plain:
            secured = secure.ssl.wrap_socket(plain, server_hostname="127.0.0.1")
            secured.unwrap()

    await asyncio.to_thread(leave)


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
async def test_a_record_that_was_changed_ends_the_connection(secure, version):
    """Also one that comes in the same read as the end of the handshake."""

    def meet() -> bytes:
        trust, received, sealed = only(secure, version), ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = trust.wrap_bio(received, sealed, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", secure.gateways[0].client), PATIENCE) as plain:
            while True:
                try:
                    secured.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(sealed.read())
                    received.write(plain.recv(65_536))
            rest = sealed.read()
            secured.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            record = bytearray(sealed.read())
            record[-1] ^= 1
            plain.sendall(rest + record)
            said = b""
            with contextlib.suppress(ConnectionError):
                while part := plain.recv(65_536):
                    said += part
            return said

    for _ in range(20):
        assert len(await asyncio.to_thread(meet)) < 1_500, "tickets and an alert, no page"
    async with asyncio.timeout(PATIENCE):
        while secure.gateways[0].figure("fantail_tls_handshakes") > 0:
            await asyncio.sleep(0.1)
    await chats(secure)


async def test_a_stream_comes_through_byte_by_byte(secure):
    """Records of one byte each, and frames over many records."""
    async with raw(secure, fresh("ana")) as connection:
        await connection.write(frame(TEXT, b'{"type":"ping","ref":"r"}'), piece=1)
        assert b'"pong"' in await connection.until(TEXT)


# Certificates that change


async def loaded(cluster, paper):
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(serial, cluster) != paper.serial:
            await asyncio.sleep(0.1)


async def test_a_new_certificate_needs_no_restart(own):
    gateway = own.gateways[0]
    ana, bob = fresh("ana"), fresh("bob")
    first = own.paper
    assert serial(own) == first.serial
    assert gateway.figure("fantail_tls_certificate_expiry_time_seconds") == first.ends
    async with greeted(own, ana) as a, greeted(own, bob) as b:
        second = own.authority.issue("localhost", "127.0.0.1", life=90 * DAY)
        own.install(second)
        await loaded(own, second)
        # Who is there stays.
        await a.send(bob, "still here")
        await b.expect("message", body="still here")
        assert gateway.figure("fantail_tls_certificate_expiry_time_seconds") == second.ends
    await chats(own)


async def test_a_bad_certificate_is_refused_and_the_former_stays(own):
    gateway, good = own.gateways[0], own.paper
    secrets = own.data / "secrets"
    other = own.authority.issue("localhost", "127.0.0.1")

    def spoil_certificate():
        (secrets / "tls.crt").write_text("nonsense")

    def exchange_key():
        (secrets / "tls.key").write_bytes(other.key)

    def let_it_end():
        own.authority.issue("localhost", life=-1 * DAY).install(secrets / "tls.crt", secrets / "tls.key")

    def open_the_key():
        (secrets / "tls.key").chmod(0o644)

    def remove():
        (secrets / "tls.crt").unlink()

    for spoil, word in ((spoil_certificate, "holds no certificate"), (exchange_key, "is not that of the certificate"), (let_it_end, "is over"),
                        (open_the_key, "chmod 600"), (remove, "cannot read")):
        before = gateway.figure("fantail_tls_certificates_refused_total")
        spoil()
        await rises(lambda: gateway.figure("fantail_tls_certificates_refused_total"), before)
        assert any("certificate_refused" in line and word in line for line in own.log(gateway.name).splitlines()), word
        assert serial(own) == good.serial
        await chats(own)
        own.install(good)
        async with asyncio.timeout(PATIENCE):
            while "certificate_loaded" not in own.log_tail(gateway.name, 1):
                await asyncio.sleep(0.05)
    assert serial(own) == good.serial


@pytest.mark.parametrize("spoil,word", [("mode", "chmod 600"), ("missing", "cannot read"), ("expired", "is over"), ("other", "is not that of")])
def test_without_a_good_certificate_nobody_starts(home, spoil, word):
    cluster = Cluster(home, counts=SMALL, tls="clients")
    secrets = cluster.data / "secrets"
    match spoil:
        case "mode":
            (secrets / "tls.key").chmod(0o640)
        case "missing":
            (secrets / "tls.crt").unlink()
        case "expired":
            cluster.install(cluster.authority.issue("localhost", life=-1 * DAY))
        case "other":
            (secrets / "tls.key").write_bytes(cluster.authority.issue("localhost").key)
    ended = subprocess.run(
        [BIN / "gateway", "--cluster", cluster.file, "--node", "gateway-1", "--data", cluster.data], capture_output=True, text=True,
        timeout=PATIENCE)
    assert ended.returncode == 78 and word in ended.stderr, ended.stderr


# Our own clients


def fantail(cluster, home, *words: str, user: str, ca=None, gateway=None) -> subprocess.CompletedProcess:
    command = [BIN / "fantail", *words, "--as", user, "--token", cluster.token(user), "--home", home,
               "--gateway", gateway or f"wss://127.0.0.1:{cluster.gateways[0].client}"]
    return subprocess.run(command + (["--ca", ca] if ca else []), capture_output=True, text=True, timeout=PATIENCE)


async def test_our_client_believes_the_named_authority_only(secure, tmp_path):
    ana, bob = fresh("ana"), fresh("bob")
    stranger = tmp_path / "stranger.crt"
    stranger.write_bytes(Authority("stranger").pem)

    async def send(text: str, *options: str, **more):
        return await asyncio.to_thread(fantail, secure, tmp_path, "send", "--to", bob, *options, text, user=ana, **more)

    for ca in (None, stranger):
        ended = await send("too early", ca=ca)
        assert ended.returncode == 1 and "certificate is not accepted" in ended.stderr, ended.stderr
    ended = await send("now", ca=tmp_path / "missing.crt")
    assert ended.returncode == 1 and "missing.crt" in ended.stderr
    async with greeted(secure, bob) as b:
        ended = await send("now", ca=secure.ca)
        assert ended.returncode == 0, ended.stderr
        # What waited in the outbox meanwhile leaves first; nothing of it had left before.
        bodies = [(await b.expect("message"))["body"] for _ in range(3)]
        assert bodies[-1] == "now" and set(bodies) == {"too early", "now"}, bodies
        # A name that the certificate has, and one that it has not.
        ended = await send("by name", ca=secure.ca, gateway=f"wss://localhost:{secure.gateways[0].client}")
        assert ended.returncode == 0, ended.stderr
        await b.until("message", body="by name")
    plain = await send("in the open", "--timeout", "2s", ca=secure.ca, gateway=f"ws://127.0.0.1:{secure.gateways[0].client}")
    assert plain.returncode == 1 and "400" in plain.stderr, plain.stderr


async def test_our_client_does_not_speak_to_another_name(home, tmp_path):
    with Cluster(home, counts=SMALL, tls="clients") as cluster:
        elsewhere = cluster.authority.issue("elsewhere.example.org")
        cluster.install(elsewhere)
        async with asyncio.timeout(PATIENCE):
            while "certificate_loaded" not in cluster.log_tail("gateway-1", 1):
                await asyncio.sleep(0.05)
        ended = await asyncio.to_thread(
            fantail, cluster, tmp_path, "send", "--to", fresh("bob"), "hello", user=fresh("ana"), ca=cluster.ca)
        assert ended.returncode == 1 and "mismatch" in ended.stderr, ended.stderr


# Files


async def test_files_over_tls(secure, tmp_path):
    data = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000_000)
    trust = secure.ssl
    async with greeted(secure, fresh("ana")) as a:
        url = await begin(a, data)
        assert url.startswith("https://")
        answer = await asyncio.to_thread(_http, "PUT", url, data, {"Upload-Offset": "0"}, trust)
        assert answer.status == 201, answer.body
        url = await link(a, answer.json)
        whole = await asyncio.to_thread(_http, "GET", url, None, None, trust)
        assert whole.status == 200 and whole.body == data
        part = await asyncio.to_thread(_http, "GET", url, None, {"Range": "bytes=1000000-2000000"}, trust)
        assert part.status == 206 and part.body == data[1_000_000:2_000_001]
        # One connection, one file after the other.
        parts = urlsplit(url)

        def twice():
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=trust)
            for _ in range(2):
                connection.request("GET", f"{parts.path}?{parts.query}")
                assert connection.getresponse().read() == data
            connection.close()

        await asyncio.to_thread(twice)
        # A reader that hardly reads: pieces of ciphertext wait, and none is lost.
        assert hashlib.sha256(await asyncio.to_thread(sip, parts, trust)).digest() == hashlib.sha256(data).digest()
    page = secure.gateways[0].client
    status = await asyncio.to_thread(_http, "GET", f"https://127.0.0.1:{page}/?", None, None, trust)
    assert f"https://127.0.0.1:{secure.nodes['media-1'].client}" in status.headers["content-security-policy"]


def sip(parts, trust) -> bytes:
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        plain.settimeout(PATIENCE)
        plain.connect((parts.hostname, parts.port))
        with trust.wrap_socket(plain, server_hostname=parts.hostname) as secured:
            secured.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            time.sleep(0.5)
            said = b""
            while part := secured.recv(65_536):
                said += part
    return said.split(b"\r\n\r\n", 1)[1]


async def test_our_client_sends_and_gets_files(secure, tmp_path):
    fish, back = tmp_path / "fish.png", tmp_path / "back.png"
    fish.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(1_500_000))
    put = await asyncio.to_thread(fantail, secure, tmp_path, "media", "put", str(fish), user=fresh("ana"), ca=secure.ca)
    assert put.returncode == 0, put.stderr
    got = await asyncio.to_thread(fantail, secure, tmp_path, "media", "get", put.stdout.strip(), str(back), user=fresh("bob"), ca=secure.ca)
    assert got.returncode == 0, got.stderr
    assert back.read_bytes() == fish.read_bytes()


async def test_a_client_that_never_reads_is_cut_with_tls_too(home):
    """What waits is plaintext up to the bound of a queue, and 64 KiB of ciphertext; beyond that she is cut."""
    with Cluster(home, counts=SMALL, tls="clients", settings=("limits frames=0 kib=0",)) as cluster:
        gateway = cluster.gateways[0]
        before = gateway.memory()
        deaf = await never_reading(cluster)
        question = frame(TEXT, b'{"type":"ping","ref":"' + b"r" * 64 + b'"}') * 500

        async def ask():
            with contextlib.suppress(ConnectionError):
                while True:
                    deaf.writer.write(question)
                    await deaf.writer.drain()

        asking = asyncio.create_task(ask())
        await rises(lambda: gateway.figure("fantail_sockets_cut_total"), 0)
        asking.cancel()
        deaf.abort()
        assert gateway.memory() - before < 32 * MIB
