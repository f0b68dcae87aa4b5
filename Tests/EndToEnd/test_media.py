"""Media: uploads and downloads over HTTP, with links from the chat's socket; by a client written from docs/protocol.md."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import threading
import time
from urllib.parse import quote, urlsplit

import pytest

from client import Client, fresh, greeted
from cluster import PATIENCE, SMALL, Cluster
from objects import ObjectStore

PNG = b"\x89PNG\r\n\x1a\n"


def picture(size: int = 70_000) -> bytes:
    """A file that no other test has; only its beginning is a picture's."""
    return PNG + os.urandom(size - len(PNG))


@contextlib.contextmanager
def keeping_files_in(where: str, home, **options):
    """A cluster with media in a folder, or in a bucket of a store of its own (`cluster.objects`)."""
    with contextlib.ExitStack() as stack:
        objects = None
        if where == "bucket":
            objects = stack.enter_context(ObjectStore(home))
            options["media"] = objects.setting
        cluster = stack.enter_context(Cluster(home / "cluster", counts={**SMALL, "media": 1}, **options))
        cluster.objects = objects
        yield cluster


@pytest.fixture(scope="module", params=["folder", "bucket"])
def media(request, tmp_path_factory):
    with keeping_files_in(request.param, tmp_path_factory.mktemp("media")) as cluster:
        yield cluster
        assert cluster.nodes["media-1"].is_running


@pytest.fixture(params=["folder", "bucket"])
def own(request, home):
    """A cluster whose media node may be killed."""
    home.mkdir()
    with keeping_files_in(request.param, home) as cluster:
        yield cluster


@pytest.fixture
def bucket(home):
    """A cluster with a store that may be ended and frozen."""
    home.mkdir()
    with keeping_files_in("bucket", home) as cluster:
        yield cluster


@pytest.fixture(params=["folder", "bucket"])
def hasty(request, home):
    """Nothing lasts."""
    home.mkdir()
    with keeping_files_in(request.param, home, settings=("files upload=3s link=2s orphan=3s day-mib=100",)) as cluster:
        yield cluster


def lying(cluster: Cluster) -> list[str]:
    """Hashes of all files that are stored."""
    if cluster.objects:
        return sorted(key.rsplit("/", 1)[1] for key in cluster.objects.keys())
    return sorted(path.name for path in (cluster.data / "media" / "media-1" / "files").glob("*/*"))


async def becomes(what, wanted):
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(what) != wanted:
            await asyncio.sleep(0.1)


class Answer:
    def __init__(self, status: int, headers: dict, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        return self.json["reason"]


def _http(method: str, url: str, body: bytes | None = None, headers: dict | None = None, trust=None) -> Answer:
    parts = urlsplit(url)
    if trust:
        assert parts.scheme == "https"
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=trust)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


async def http_(method: str, url: str, body: bytes | None = None, **headers) -> Answer:
    return await asyncio.to_thread(_http, method, url, body, {name.replace("_", "-"): value for name, value in headers.items()})


def put(url: str, data: bytes, offset: int = 0):
    return http_("PUT", url, data, Upload_Offset=str(offset))


async def begin(client: Client, data: bytes, name="fish.png", mime="image/png", size=None, hash=None, opaque=False) -> str:
    """A link for an upload."""
    ref = fresh("u")
    await client.say(
        "media.upload", ref=ref, name=name, mime=mime, size=len(data) if size is None else size,
        hash=hash or hashlib.sha256(data).hexdigest(), opaque=opaque)
    return (await client.expect("media.upload", ref=ref))["url"]


async def store(client: Client, data: bytes, **fields) -> dict:
    """Uploads all of it; the reference."""
    answer = await put(await begin(client, data, **fields), data)
    assert answer.status == 201, answer.body
    return answer.json


async def link(client: Client, reference: dict) -> str:
    ref = fresh("l")
    await client.say("media.link", ref=ref, media=reference["media"], secret=reference["secret"])
    return (await client.expect("media.link", ref=ref))["url"]


async def test_a_picture_goes_from_one_to_the_other(media, encoding):
    data = picture()
    async with greeted(media, fresh("ana"), encoding=encoding) as a, greeted(media, fresh("bob"), encoding=encoding) as b:
        reference = await store(a, data)
        assert len(reference["secret"]) == 32 and reference["size"] == len(data)
        await a.say("media.keep", ref="k", media=reference["media"], secret=reference["secret"])
        await a.expect("media.kept", ref="k")
        answer = await http_("GET", await link(b, reference))
        assert answer.status == 200 and answer.body == data
        headers = answer.headers
        assert headers["content-type"] == "image/png"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["content-disposition"] == "inline; filename*=UTF-8''fish.png"
        assert headers["access-control-allow-origin"] == "*"
        assert headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
        await a.quiet()


async def test_parts_of_a_file(media):
    data = picture(300_000)
    async with greeted(media, fresh("ana")) as a:
        url = await link(a, await store(a, data))
        for wanted, first, end in [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=299990-", 299_990, 300_000),
                                   ("bytes=-5", 299_995, 300_000), ("bytes=299999-400000", 299_999, 300_000)]:
            answer = await http_("GET", url, Range=wanted)
            assert answer.status == 206 and answer.body == data[first:end], wanted
            assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/300000"
        answer = await http_("GET", url, Range="bytes=300000-")
        assert answer.status == 416 and answer.headers["content-range"] == "bytes */300000"
        for nonsense in ["bytes=1-0", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"]:
            answer = await http_("GET", url, Range=nonsense)
            assert answer.status == 200 and answer.body == data, nonsense
        tag = f'"{hashlib.sha256(data).hexdigest()}"'
        assert (await http_("GET", url, If_None_Match=tag)).status == 304
        assert (await http_("GET", url, Range="bytes=0-3", If_Range=tag)).status == 206
        assert (await http_("GET", url, Range="bytes=0-3", If_Range='"other"')).status == 200
        answer = await http_("HEAD", url)
        assert answer.status == 200 and answer.body == b"" and answer.headers["content-length"] == "300000"


async def test_one_connection_gives_one_file_after_the_other(media):
    files = [picture(size) for size in (900, 300_000, 2_500_000)]
    async with greeted(media, fresh("ana")) as a:
        urls = [urlsplit(await link(a, await store(a, data))) for data in files]

        def read():
            connection = http.client.HTTPConnection(urls[0].hostname, urls[0].port, timeout=PATIENCE)
            sockets = set()
            for url, data in [*zip(urls, files)] * 2:
                connection.request("GET", f"{url.path}?{url.query}")
                sockets.add(connection.sock.getsockname())
                answer = connection.getresponse()
                assert answer.read() == data and answer.getheader("connection") == "keep-alive"
                connection.request("HEAD", f"{url.path}?{url.query}")
                answer = connection.getresponse()
                assert answer.read() == b"" and answer.getheader("content-length") == str(len(data))
            assert len(sockets) == 1
            connection.request("GET", f"{url.path}?{url.query}", headers={"Connection": "close"})
            assert connection.getresponse().getheader("connection") == "close"
            connection.close()

        await asyncio.to_thread(read)


async def test_an_upload_goes_on_where_it_broke(media):
    data = picture(1_000_000)
    async with greeted(media, fresh("ana")) as a:
        url = await begin(a, data)
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port)) as broken:
            head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            broken.sendall(head.encode() + data[:400_000])
            await arrives(url, 400_000)
        answer = await http_("HEAD", url)
        assert answer.headers["upload-length"] == "1000000"
        offset = int(answer.headers["upload-offset"])
        assert offset == 400_000
        # In the wrong place: told where the right one is.
        answer = await put(url, data[:10], 10)
        assert (answer.status, answer.reason, answer.headers["upload-offset"]) == (409, "offset_differs", "400000")
        answer = await put(url, data[offset:700_000], offset)
        assert answer.status == 204 and answer.headers["upload-offset"] == "700000"
        answer = await put(url, data[700_000:], 700_000)
        assert answer.status == 201
        # The answer was lost: asked again, the same comes back.
        again = await put(url, b"", len(data))
        assert again.status == 201 and again.json == answer.json
        assert (await http_("GET", await link(a, answer.json))).body == data


async def arrives(url: str, offset: int):
    async with asyncio.timeout(PATIENCE):
        while int((await http_("HEAD", url)).headers["upload-offset"]) < offset:
            await asyncio.sleep(0.02)


async def test_a_second_connection_takes_over(media):
    data = picture(200_000)
    async with greeted(media, fresh("ana")) as a:
        url = await begin(a, data)
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port)) as stalled:
            head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            stalled.sendall(head.encode() + data[:1_000])
            await arrives(url, 1_000)
            assert (await put(url, data[1_000:], 1_000)).status == 201
            stalled.settimeout(PATIENCE)
            assert b"taken_over" in stalled.recv(4_096)


async def test_what_was_announced_must_come(media):
    data = picture(5_000)
    async with greeted(media, fresh("ana")) as a:
        answer = await put(await begin(a, data, hash="0" * 64), data)
        assert (answer.status, answer.reason) == (422, "hash_differs")
        url = await begin(a, data)
        answer = await put(url, data + b"x")
        assert (answer.status, answer.reason) == (413, "longer_than_announced")
        # Shorter is not the end, and never stored.
        answer = await put(url, data[:-1])
        assert answer.status == 204 and answer.headers["upload-offset"] == "4999"
        answer = await put(url, b"xy", 4_999)
        assert answer.status == 413
        url = await begin(a, data, hash="0" * 64)
        await put(url, data)
        assert (await put(url, data)).status == 404, "a refused upload is over"


@pytest.mark.parametrize("mime, data", [
    ("image/png", b"<html><script>alert(1)</script></html>"),
    ("image/png", b"\xff\xd8\xff\xe0 a jpeg says that it is a png"),
    ("image/jpeg", PNG + b"and the other way"),
    ("image/gif", b"GIF"),
    ("video/mp4", b"\0\0\0\x18ftypheic...."),
])
async def test_a_type_that_lies_is_refused(media, mime, data):
    async with greeted(media, fresh("ana")) as a:
        answer = await put(await begin(a, data, mime=mime), data)
        assert (answer.status, answer.reason) == (415, "type_differs")


async def test_what_is_opaque_is_only_bytes(media):
    data = b"<html><script>alert(1)</script></html>" + os.urandom(8)
    async with greeted(media, fresh("ana")) as a:
        await a.say("media.upload", ref="u", name="x", mime="text/html", size=len(data), hash="0" * 64, opaque=False)
        await a.error("media_type", ref="u")
        answer = await http_("GET", await link(a, await store(a, data, name="a.html", mime="text/html", opaque=True)))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a\r\nX-Evil: 1", '"; filename="evil.html', "\0", "", "ä/ö", "%2e%2e"])
async def test_names_are_never_paths_nor_headers(media, name):
    data = picture(500)
    async with greeted(media, fresh("ana")) as a:
        answer = await http_("GET", await link(a, await store(a, data, name=name)))
        assert answer.status == 200 and answer.body == data and "x-evil" not in answer.headers
        told = answer.headers["content-disposition"].split("''", 1)[1]
        assert all(letter.isalnum() or letter in "._-%" for letter in told)


async def test_paths_lead_nowhere(media):
    base = f"http://127.0.0.1:{media.nodes['media-1'].client}"
    for path in ["/", "/v1/media/get/../../secrets/cluster.key", "/v1/media/up/%2e%2e", "/v1/media/get/", "//", "/index.db"]:
        assert (await http_("GET", f"{base}{path}")).status == 404, path
    assert (await http_("OPTIONS", f"{base}/v1/media/up/x")).headers["access-control-allow-methods"] == "GET, HEAD, PUT"


async def test_links_are_signed_and_end(media):
    data = picture(900)
    async with greeted(media, "ana+x@example.org") as a:
        reference = await store(a, data)
        url = await link(a, reference)
        assert (await http_("GET", url)).status == 200, "a name with a plus"
        parts = dict(field.split("=", 1) for field in urlsplit(url).query.split("&"))
        for wrong in [
            url.replace(parts["user"], "bob"), url.replace(parts["until"], str(int(parts["until"]) + 1)),
            url.replace(parts["sig"], parts["sig"][::-1]), url.replace(reference["media"], "0" * 24), url.split("?")[0],
        ]:
            answer = await http_("GET", wrong)
            assert (answer.status, answer.reason) == (403, "link_forged"), wrong
        # A link for one thing is none for another.
        assert (await http_("PUT", url.replace("/get/", "/up/"), b"x")).status == 403
        assert (await http_("PUT", url, b"x")).status == 405
        other = await begin(a, data)
        assert (await http_("GET", other.replace("/up/", "/get/"))).status == 403
        assert 0 < int(parts["until"]) - time.time() <= 301


async def test_a_reference_opens_only_with_its_secret(media, encoding):
    async with greeted(media, fresh("ana"), encoding=encoding) as a:
        reference = await store(a, picture(900))
        for id, secret in [(reference["media"], "0" * 32), ("0" * 24, reference["secret"]),
                           (reference["media"][:8] + "0" * 16, reference["secret"])]:
            for type in ["media.link", "media.keep"]:
                await a.say(type, ref="r", media=id, secret=secret)
                await a.error("media_unknown", ref="r")
        await a.say("media.link", ref="r", media="../../../../etc/passwd00", secret=reference["secret"])
        await a.error("bad_field", ref="r")


async def test_one_file_lies_there_once(media):
    data = picture(3_000)
    hash = hashlib.sha256(data).hexdigest()
    async with greeted(media, fresh("ana")) as a, greeted(media, fresh("bob")) as b:
        one, two = await store(a, data, name="one.png"), await store(b, data, name="two.png")
        assert one["media"] != two["media"]
        assert lying(media).count(hash) == 1
        assert (await http_("GET", await link(a, two))).headers["content-disposition"].endswith("two.png")


async def test_bounds_have_names(media, encoding):
    async with greeted(media, fresh("ana"), encoding=encoding) as a:
        fields = {"name": "x", "mime": "image/png", "hash": "0" * 64, "opaque": False}
        for size in [0, 100 * 1024 * 1024 + 1]:
            await a.say("media.upload", ref="r", size=size, **fields)
            await a.error("media_too_large", ref="r")
        for _ in range(32):
            await begin(a, b"", size=1, hash="0" * 64)
        await a.say("media.upload", ref="r", size=1, **fields)
        assert (await a.error("too_many_uploads", ref="r"))["retry_ms"] > 0
        await a.say("media.upload", ref="r", size=1, **{**fields, "hash": "no hash"})
        await a.error("bad_field", ref="r")


async def test_a_day_has_a_quota(media):
    async with greeted(media, fresh("ana")) as a:
        for _ in range(10):
            await begin(a, b"", size=100 * 1024 * 1024, hash="0" * 64)
        await a.say("media.upload", ref="r", name="x", mime="image/png", size=100 * 1024 * 1024, hash="0" * 64, opaque=False)
        assert (await a.error("media_quota", ref="r"))["retry_ms"] > 0
    async with greeted(media, fresh("bob")) as b:
        await begin(b, b"", size=1, hash="0" * 64)


async def test_an_upload_that_stalls_is_ended(media):
    data = picture(200_000)
    async with greeted(media, fresh("ana")) as a:
        url = urlsplit(await begin(a, data))

        def stall() -> bytes:
            with socket.create_connection((url.hostname, url.port)) as stalled:
                stalled.settimeout(PATIENCE)
                stalled.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nabc".encode())
                return stalled.recv(4_096)

        def silent() -> bytes:
            with socket.create_connection((url.hostname, url.port)) as stalled:
                stalled.settimeout(PATIENCE)
                stalled.sendall(b"PUT /")
                return stalled.recv(4_096)

        answers = await asyncio.gather(asyncio.to_thread(stall), asyncio.to_thread(silent))
        assert b" 408 " in answers[0] and b"upload_too_slow" in answers[0]
        assert b" 408 " in answers[1] and b"head_timeout" in answers[1]


async def test_requests_that_are_none(media):
    async with greeted(media, fresh("ana")) as a:
        url = urlsplit(await begin(a, picture(100)))

        def say(head: str) -> bytes:
            with socket.create_connection((url.hostname, url.port)) as wire:
                wire.settimeout(PATIENCE)
                wire.sendall(head.encode())
                return wire.recv(4_096)

        path = f"{url.path}?{url.query}"
        for head, status in [
            (f"PUT {path} HTTP/1.1\r\nHost: x\r\n\r\n", 411),
            (f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
            (f"PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
            (f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nUpload-Offset: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x\r\nA: " + "b" * 9_000 + "\r\n\r\n", 431),
            ("nonsense\r\n\r\n", 400),
        ]:
            assert f" {status} ".encode() in await asyncio.to_thread(say, head), head[:80]


async def test_a_large_file_comes_and_goes_while_the_chat_goes_on(media):
    data = picture(50_000_000)
    async with greeted(media, fresh("ana")) as a:
        url = await begin(a, data)
        sending = asyncio.create_task(put(url, data))
        await asyncio.sleep(0)
        await a.say("media.keep", ref="k", media="0" * 24, secret="0" * 32)
        await a.error("media_unknown", ref="k")
        answer = await sending
        assert answer.status == 201
        got = await http_("GET", await link(a, answer.json))
        assert hashlib.sha256(got.body).digest() == hashlib.sha256(data).digest()


async def test_what_was_acknowledged_outlives_a_kill(own):
    data, other = picture(2_000_000), picture(300_000)
    async with greeted(own, fresh("ana")) as a:
        reference = await store(a, other)
        url = await begin(a, data)
        assert (await put(url, data[:1_500_000])).status == 204
        own.kill("media-1")
        own.start("media-1")
        own.wait_ready()
        assert (await http_("GET", await link(a, reference))).body == other
        offset = int((await http_("HEAD", url)).headers["upload-offset"])
        assert offset == 1_500_000
        answer = await put(url, data[offset:], offset)
        assert answer.status == 201
        own.kill("media-1")
        await a.say("media.link", ref="away", media=reference["media"], secret=reference["secret"])
        await a.error("unavailable", ref="away")
        own.start("media-1")
        own.wait_ready()
        assert (await http_("GET", await link(a, answer.json))).body == data


async def test_killed_again_and_again(own):
    """Whatever the instant: what got its 201 is there, and what did not goes on."""
    data = picture(3_000_000)
    async with greeted(own, fresh("ana")) as a:
        url = await begin(a, data)
        for round in range(4):
            def keep_on():
                try:
                    offset = int(_http("HEAD", url).headers["upload-offset"])
                    _http("PUT", url, data[offset:], {"Upload-Offset": str(offset)})
                except (OSError, http.client.HTTPException, KeyError):
                    pass
            thread = threading.Thread(target=keep_on)
            thread.start()
            await asyncio.sleep(0.002 * (round + 1))
            own.kill("media-1")
            await asyncio.to_thread(thread.join)
            own.start("media-1")
            own.wait_ready()
        offset = int((await http_("HEAD", url)).headers["upload-offset"])
        answer = await put(url, data[offset:], offset)
        assert answer.status == 201, answer.body
        assert (await http_("GET", await link(a, answer.json))).body == data


async def test_a_cluster_without_media_says_so(cluster, encoding):
    async with greeted(cluster, fresh("ana"), encoding=encoding) as a:
        await a.say("media.upload", ref="u", name="x", mime="image/png", size=1, hash="0" * 64, opaque=False)
        await a.error("unsupported", ref="u")
        for type in ["media.link", "media.keep"]:
            await a.say(type, ref="r", media="0" * 24, secret="0" * 32)
            await a.error("unsupported", ref="r")


def test_the_admin_door_knows_media(media):
    node = media.nodes["media-1"]
    assert node.get("/healthz")[0] == 200
    assert node.figure("fantail_media_uploads_total") > 0


# Where clients find it


async def test_links_begin_with_what_clients_reach(home):
    """A proxy's address, of which media itself knows nothing else."""
    with Cluster(home, counts={**SMALL, "media": 1}, media="public=https://files.example.org:8443/of/fantail/") as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            data = picture(10_000)
            begin_with = "https://files.example.org:8443/of/fantail/v1/media/"
            node = f"http://127.0.0.1:{cluster.nodes['media-1'].client}/v1/media/"
            url = await begin(a, data)
            assert url.startswith(begin_with + "up/")
            answer = await put(url.replace(begin_with, node), data)
            assert answer.status == 201
            url = await link(a, answer.json)
            assert url.startswith(begin_with + "get/")
            assert (await http_("GET", url.replace(begin_with, node))).body == data


# The object store


async def test_a_store_that_is_away_costs_patience_and_nothing_else(bucket):
    data, other = picture(3_000_000), picture(200_000)
    async with greeted(bucket, fresh("ana")) as a:
        stored = await store(a, other)
        url, before = await begin(a, data), bucket.objects.contents()
        bucket.objects.stop()
        answer = await put(url, data)
        assert (answer.status, answer.reason) == (503, "store_away") and int(answer.headers["retry-after"]) > 0
        assert (await http_("HEAD", url)).headers["upload-offset"] == str(len(data)), "what came in stays"
        answer = await http_("GET", await link(a, stored))
        assert (answer.status, answer.reason) == (503, "store_away")
        assert bucket.nodes["media-1"].figure("fantail_media_object_store_refusals_total") >= 2
        bucket.objects.start()
        bucket.objects.fill(before)
        reference = await finished(url, len(data))
        assert (await http_("GET", await link(a, reference))).body == data
        assert (await http_("GET", await link(a, stored))).body == other


async def finished(url: str, size: int) -> dict:
    """Asks for the reference until the store is there again."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await put(url, b"", size)).status == 503:
            await asyncio.sleep(0.2)
        assert answer.status == 201, answer.body
        return answer.json


async def test_a_store_that_is_silent_holds_up_nobody_else(bucket):
    data = picture(100_000)
    async with greeted(bucket, fresh("ana")) as a:
        stored = await store(a, picture(50_000))
        url, late = await begin(a, data), await link(a, stored)
        bucket.objects.freeze()
        waiting = [asyncio.create_task(put(url, data)), asyncio.create_task(http_("GET", late))]
        await asyncio.sleep(0.2)
        # The folder's lane goes on: links, uploads of others, offsets.
        async with asyncio.timeout(5):
            other = await begin(a, picture(80_000))
            assert (await put(other, bytes(40_000))).status == 204
            await link(a, stored)
        for answer in await asyncio.gather(*waiting):
            assert (answer.status, answer.reason) == (503, "store_away")
        bucket.objects.thaw()
        assert (await http_("GET", await link(a, await finished(url, len(data))))).body == data


async def test_a_store_that_goes_away_in_the_middle_ends_the_download_too_soon(bucket):
    data = picture(20_000_000)
    async with greeted(bucket, fresh("ana")) as a:
        url = await link(a, await store(a, data))
        parts = urlsplit(url)

        def read() -> bytes:
            with socket.socket() as wire:
                wire.settimeout(PATIENCE)
                # Small, or the kernel would take all of it before anything can go wrong.
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                wire.connect((parts.hostname, parts.port))
                wire.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                got = wire.recv(65_536)
                bucket.objects.stop()
                while piece := wire.recv(1_000_000):
                    got += piece
                return got.split(b"\r\n\r\n", 1)[1]

        got = await asyncio.to_thread(read)
        assert 0 < len(got) < len(data) and data.startswith(got)
        bucket.objects.start()
        bucket.objects.fill({f"{bucket.name}/media-1/{hashlib.sha256(data).hexdigest()}": data})
        async with asyncio.timeout(PATIENCE):
            while (rest := await http_("GET", url, Range=f"bytes={len(got)}-")).status == 503:
                await asyncio.sleep(0.2)
        assert rest.status == 206 and got + rest.body == data


async def test_a_store_that_refuses_says_so(home):
    home.mkdir()
    with ObjectStore(home) as objects:
        with Cluster(home / "cluster", counts={**SMALL, "media": 1}, media=objects.setting.replace("fantail", "other")) as cluster:
            data = picture(5_000)
            async with greeted(cluster, fresh("ana")) as a:
                url = await begin(a, data)
                answer = await put(url, data)
                assert (answer.status, answer.reason) == (503, "store_forbidden")
                assert "NoSuchBucket" in cluster.log("media-1")
                assert objects.ask("PUT", "/other-files")[0] == 200
                assert (await put(url, b"", len(data))).status == 201


async def test_signatures_are_what_a_store_accepts(home, monkeypatch):
    """moto with its guard on: it knows one key, and checks each signature for itself."""
    home.mkdir()
    # The bucket, a user, its key, what it may.
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", "4")
    with ObjectStore(home) as objects:
        def iam(body: str) -> str:
            connection = http.client.HTTPConnection("127.0.0.1", objects.port, timeout=PATIENCE)
            connection.request("POST", "/", body, {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x"})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, text
            return text

        iam("Action=CreateUser&UserName=fantail&Version=2010-05-08")
        keys = iam("Action=CreateAccessKey&UserName=fantail&Version=2010-05-08")
        id, secret = (re.search(f"<{name}>([^<]*)<", keys).group(1) for name in ("AccessKeyId", "SecretAccessKey"))
        policy = quote(json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
        iam(f"Action=PutUserPolicy&UserName=fantail&PolicyName=all&PolicyDocument={policy}&Version=2010-05-08")
        with Cluster(home / "cluster", counts={**SMALL, "media": 1}, media=objects.setting) as cluster:
            def change_keys(text: str):
                cluster.kill("media-1")
                (cluster.data / "secrets" / "s3.keys").write_text(text)
                cluster.start("media-1")
                cluster.wait_ready()

            data = picture(3_000_000)
            async with greeted(cluster, fresh("ana")) as a:
                url = await begin(a, data)
                answer = await put(url, data)
                assert (answer.status, answer.reason) == (503, "store_forbidden"), "a key that it does not know"
                change_keys(f"# of the store\n{id} {secret}\n")
                reference = await finished(url, len(data))
                assert (await http_("GET", await link(a, reference))).body == data
                change_keys(f"{id} {secret[::-1]}\n")
                answer = await http_("GET", await link(a, reference))
                assert (answer.status, answer.reason) == (503, "store_forbidden"), "a wrong signature"


def test_keys_that_others_may_read_are_refused(home):
    home.mkdir()
    with ObjectStore(home) as objects:
        cluster = Cluster(home / "cluster", counts={**SMALL, "media": 1}, media=objects.setting)
        keys = cluster.data / "secrets" / "s3.keys"
        for text, mode, why in [("a b\n", 0o640, "chmod 600"), ("a\n", 0o600, "one line"), (None, 0, "cannot read")]:
            if text is None:
                keys.unlink()
            else:
                keys.write_text(text)
                keys.chmod(mode)
            process = cluster.start("media-1").process
            assert process.wait(PATIENCE) == 78
            assert why in cluster.log_tail("media-1")


# What is over


async def test_a_link_ends(hasty):
    data = picture(5_000)
    async with greeted(hasty, fresh("ana")) as a:
        reference = await store(a, data)
        up, down = await begin(a, data), await link(a, reference)
        assert (await http_("GET", down)).status == 200
        await asyncio.sleep(4)
        for answer in [await http_("GET", down), await put(up, data)]:
            assert (answer.status, answer.reason) == (403, "link_expired")
        assert (await http_("GET", await link(a, reference))).body == data, "a new one is given"


async def test_what_nobody_keeps_is_collected(hasty):
    kept, orphan, shared, partial = (picture(6_000) for _ in range(4))
    async with greeted(hasty, fresh("ana")) as a, greeted(hasty, fresh("bob")) as b:
        keeps, ends = await store(a, kept), await store(a, orphan)
        # Both have the same file, and only Bob keeps his.
        await store(a, shared)
        bobs = await store(b, shared)
        for reference in [keeps, bobs]:
            await b.say("media.keep", ref="k", media=reference["media"], secret=reference["secret"])
            await b.expect("media.kept", ref="k")
        assert (await put(await begin(a, partial), partial[:3_000])).status == 204
        left = sorted(hashlib.sha256(data).hexdigest() for data in [kept, shared])
        await becomes(lambda: lying(hasty), left)
        uploads = hasty.data / "media" / "media-1" / "uploads"
        await becomes(lambda: list(uploads.iterdir()), [])
        await becomes(lambda: hasty.nodes["media-1"].figure("fantail_media_collected_total") >= 3, True)
        await a.say("media.link", ref="gone", media=ends["media"], secret=ends["secret"])
        await a.error("media_unknown", ref="gone")
        for reference, data in [(keeps, kept), (bobs, shared)]:
            assert (await http_("GET", await link(b, reference))).body == data


async def test_a_kill_between_put_and_row_leaves_nothing_behind(home):
    """Uploads that are killed around their end, and never come again: all of it is collected."""
    home.mkdir()
    with keeping_files_in("bucket", home, settings=("files upload=4s orphan=4s",)) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            for round in range(5):
                data = picture(2_000_000)
                url = await begin(a, data)
                assert (await put(url, data[:-1])).status == 204

                def end():
                    with contextlib.suppress(OSError, http.client.HTTPException):
                        _http("PUT", url, data[-1:], {"Upload-Offset": str(len(data) - 1)})

                thread = threading.Thread(target=end)
                thread.start()
                await asyncio.sleep(0.01 * round)
                cluster.kill("media-1")
                await asyncio.to_thread(thread.join)
                cluster.start("media-1")
                cluster.wait_ready()
        await becomes(lambda: lying(cluster), [])
        await becomes(lambda: list((cluster.data / "media" / "media-1" / "uploads").iterdir()), [])


@pytest.mark.long
async def test_kept_files_of_a_temporary_cluster_end_with_their_messages(home):
    home.mkdir()
    with keeping_files_in("folder", home, settings=("files orphan=2s", "expiry 1m")) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            data = picture(4_000)
            reference = await store(a, data)
            await link(a, reference)
            await asyncio.sleep(50)
            assert (await http_("GET", await link(a, reference))).body == data
            await asyncio.sleep(13)
            await a.say("media.link", ref="gone", media=reference["media"], secret=reference["secret"])
            await a.error("media_unknown", ref="gone")
            await becomes(lambda: lying(cluster), [])


# Too much


async def test_a_full_disk_is_told_and_loses_nothing_and_heals(home, small_disk):
    directory, resize = small_disk
    resize(110)
    cluster = Cluster(home, counts={**SMALL, "media": 1})
    (cluster.data / "media").mkdir()
    (cluster.data / "media" / "media-1").symlink_to(directory)
    with cluster:
        data, small = picture(20_000_000), picture(3_000)
        async with greeted(cluster, fresh("ana")) as a:
            reference = await store(a, small)
            url = await begin(a, data)
            assert (await put(url, data[:5_000_000])).status == 204
            filler = directory / "filler"
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(65_536))
            answer = await put(url, data[5_000_000:], 5_000_000)
            assert (answer.status, answer.reason) == (507, "storage_full") and int(answer.headers["retry-after"]) > 0
            await a.say("media.upload", ref="r", name="", mime="image/png", size=10, hash="0" * 64, opaque=False)
            assert (await a.error("storage_full", ref="r"))["retry_ms"] > 0
            assert cluster.nodes["media-1"].is_running
            # Keeping is writing: it may be refused while nothing fits, and then it says so.
            await a.say("media.link", ref="full", media=reference["media"], secret=reference["secret"])
            answer = await a.next()
            assert answer["type"] == "media.link" or answer["code"] == "storage_full" and answer["retry_ms"] > 0, answer
            filler.unlink()
            assert (await http_("GET", await link(a, reference))).body == small
            offset = int((await http_("HEAD", url)).headers["upload-offset"])
            assert 5_000_000 <= offset < len(data)
            answer = await put(url, data[offset:], offset)
            assert answer.status == 201, answer.body
            assert (await http_("GET", await link(a, answer.json))).body == data


async def test_the_quota_is_one_users_and_may_be_set(hasty):
    async with greeted(hasty, fresh("ana")) as a, greeted(hasty, fresh("bob")) as b:
        fields = {"name": "x", "mime": "image/png", "hash": "0" * 64, "opaque": False}
        await begin(a, b"", size=60 * 1024 * 1024, hash="0" * 64)
        await a.say("media.upload", ref="r", size=60 * 1024 * 1024, **fields)
        assert (await a.error("media_quota", ref="r"))["retry_ms"] > 0
        await begin(a, b"", size=40 * 1024 * 1024, hash="0" * 64)
        await a.say("media.upload", ref="r", size=1, **fields)
        await a.error("media_quota", ref="r")
        await begin(b, b"", size=60 * 1024 * 1024, hash="0" * 64)


async def test_tiny_uploads_without_end_are_refused(home):
    """Each counts as 64 KiB: 10 MiB are 160 of them, and not a million."""
    home.mkdir()
    with keeping_files_in("folder", home, settings=("files day-mib=100",)) as cluster:
        async with greeted(cluster, fresh("ana")) as a:
            await begin(a, b"", size=90 * 1024 * 1024, hash="0" * 64)
            count = refused = 0
            while not refused:
                # Some at a time, which wait for the disk together; 32 may be unfinished.
                files = [picture(9 + number % 7) for number in range(30)]
                for data in files:
                    await a.say("media.upload", ref=data.hex(), name="", mime="image/png", size=len(data),
                                hash=hashlib.sha256(data).hexdigest(), opaque=False)
                puts = []
                for _ in files:
                    answer = await a.next()
                    if answer["type"] == "error":
                        assert answer["code"] == "media_quota"
                        refused += 1
                    else:
                        puts.append(put(answer["url"], bytes.fromhex(answer["ref"])))
                assert {put.status for put in await asyncio.gather(*puts)} <= {201}
                count += len(puts)
                assert count <= 160
            assert (count, refused) == (160, 20)
        assert sum(path.is_file() for path in (cluster.data / "media" / "media-1").rglob("*")) <= 160 + 4
