"""Media: uploads and downloads over HTTP, with links from the chat's socket; by a client written from docs/protocol.md."""

import asyncio
import hashlib
import http.client
import json
import os
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from client import Client, fresh, greeted
from cluster import PATIENCE, SMALL, Cluster

PNG = b"\x89PNG\r\n\x1a\n"


def picture(size: int = 70_000) -> bytes:
    """A file that no other test has; only its beginning is a picture's."""
    return PNG + os.urandom(size - len(PNG))


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("media"), counts={**SMALL, "media": 1}) as cluster:
        yield cluster
        assert cluster.nodes["media-1"].is_running


@pytest.fixture
def own(home):
    """A cluster whose media node may be killed."""
    with Cluster(home, counts={**SMALL, "media": 1}) as cluster:
        yield cluster


class Answer:
    def __init__(self, status: int, headers: dict, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        return self.json["reason"]


def _http(method: str, url: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
    parts = urlsplit(url)
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
        folder = media.data / "media" / "media-1"
        assert [path.name for path in (folder / "files" / hash[:2]).iterdir() if path.name == hash] == [hash]
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
