"""WebSocket by hand, so that every rule can be broken on purpose. Source: RFC 6455, section 5."""

import asyncio
import base64
import contextlib
import hashlib
import os
import struct

from cluster import PATIENCE, within

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
HELLO = b'{"type":"hello"}'


def handshake_bytes(token: str | None = None, path: str = "/v1/ws", method: str = "GET", version: str = "HTTP/1.1",
                    subprotocol: str | None = "fantail.json.v1", without: tuple = (), key: str | None = None, **changes) -> bytes:
    """A request for an upgrade. `without` names headers that are left out, `changes` gives others (underscores for dashes)."""
    headers = {
        "Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key or base64.b64encode(os.urandom(16)).decode(),
    }
    if subprotocol:
        headers["Sec-WebSocket-Protocol"] = subprotocol
    if token:
        headers["Authorization"] = f"Bearer {token}"
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [f"{method} {path} {version}"] + [f"{name}: {value}" for name, value in headers.items() if name not in without]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0, mask: bool = True, form: int | None = None) -> bytes:
    """One frame. `form` forces the length's bytes: 0 (in the second byte), 2 or 8."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    length = len(payload)
    if form is None:
        form = 0 if length < 126 else 2 if length < 65_536 else 8
    flag = 0x80 if mask else 0
    match form:
        case 0:
            head = struct.pack("!BB", first, flag | length)
        case 2:
            head = struct.pack("!BBH", first, flag | 126, length)
        case 8:
            head = struct.pack("!BBQ", first, flag | 127, length)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Raw:
    """A connection behind the upgrade."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def write(self, data: bytes, piece: int | None = None):
        """Sends; `piece` bytes at a time when given, each in a packet of its own."""
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(data), piece or len(data) or 1):
                self.writer.write(data[start:start + (piece or len(data))])
                await self.writer.drain()
                if piece:
                    await asyncio.sleep(0)

    async def read(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame; checks that the server keeps the rules itself."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            assert first & 0x70 == 0, "the server sets no reserved bits"
            assert first & 0x80, "the server does not fragment"
            assert second & 0x80 == 0, "a server does not mask"
            length = second
            if second == 126:
                length = struct.unpack("!H", await self.reader.readexactly(2))[0]
                assert length > 125, "shortest form of length"
            elif second == 127:
                length = struct.unpack("!Q", await self.reader.readexactly(8))[0]
                assert length > 65_535, "shortest form of length"
            return first & 0x0F, await self.reader.readexactly(length)

    async def until(self, opcode: int) -> bytes:
        while True:
            found, payload = await self.read()
            if found == opcode:
                return payload

    async def ending(self) -> int | None:
        """The code of the server's close frame, and that the connection really ends; None without such a frame."""
        try:
            payload = await self.until(CLOSE)
            assert len(payload) != 1 and len(payload) <= 125
            payload[2:].decode()
            rest = await within(PATIENCE, self.reader.read())
            assert rest == b"", "nothing follows a close frame"
            return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def abort(self):
        self.writer.transport.abort()


async def dial(cluster, gateway: int = 0, **options):
    options.setdefault("ssl", cluster.ssl)
    return await within(PATIENCE, asyncio.open_connection("127.0.0.1", cluster.gateways[gateway].client, limit=1 << 20, **options))


@contextlib.asynccontextmanager
async def raw(cluster, user: str, subprotocol: str | None = "fantail.json.v1", hello: bool = True, behind: bytes = b"", **options):
    """Upgrades by hand. `behind`: bytes in the same packet as the request."""
    reader, writer = await dial(cluster, **options)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(handshake_bytes(cluster.token(user), subprotocol=subprotocol, key=key) + behind)
    connection = Raw(reader, writer)
    try:
        head = (await within(PATIENCE, reader.readuntil(b"\r\n\r\n"))).decode()
        assert head.startswith("HTTP/1.1 101 "), head
        expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert f"sec-websocket-accept: {expected}".lower() in head.lower()
        assert "sec-websocket-extensions" not in head.lower()
        if hello:
            await connection.write(frame(TEXT, HELLO))
            assert b'"welcome"' in await connection.until(TEXT)
        yield connection
    finally:
        connection.abort()
