"""One connection, for tests that say and expect frame by frame."""

import asyncio
import contextlib
import itertools
import json
import os
import time

import websockets
from websockets.asyncio.client import connect

import binary
from cluster import PATIENCE, Cluster, within

_serial = itertools.count(1)
_run = f"{os.getpid():x}{int(time.time()) & 0xFFFF:x}"


def fresh(word: str = "u") -> str:
    """A name that no other test uses."""
    return f"{word}-{_run}-{next(_serial)}"


class Closed(Exception):
    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class Client:
    """Frames as dicts, in either encoding."""

    def __init__(self, socket, encoding: str):
        self.socket, self.encoding = socket, encoding

    async def say(self, type: str, **fields):
        if "with_" in fields:
            fields["with"] = fields.pop("with_")
        frame = {"type": type, **{name: value for name, value in fields.items() if value is not None}}
        await self.raw(json.dumps(frame) if self.encoding == "json" else binary.encode(frame))

    async def raw(self, data):
        try:
            await self.socket.send(data)
        except websockets.ConnectionClosed as closed:
            raise _closed(closed) from None

    async def next(self, patience: float = PATIENCE) -> dict:
        """The next frame, whatever it is."""
        try:
            data = await within(patience, self.socket.recv())
        except websockets.ConnectionClosed as closed:
            raise _closed(closed) from None
        assert isinstance(data, str) == (self.encoding == "json"), "text carries JSON, binary the compact encoding"
        return json.loads(data) if self.encoding == "json" else binary.decode(data)

    async def expect(self, type: str, **fields) -> dict:
        """The next frame must be this one, with these fields."""
        frame = await self.next()
        assert frame["type"] == type, f"expected {type} {fields}, got {frame}"
        _compare(frame, fields)
        return frame

    async def until(self, type: str, **fields) -> dict:
        """Passes over others until this one comes."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.next()
                if frame["type"] == type and all(frame.get(_name(name)) == value for name, value in fields.items()):
                    return frame

    async def quiet(self, seconds: float = 0.3):
        """Nothing more is coming: what was said before has been answered, then a ping is."""
        ref = fresh("q")
        await self.say("ping", ref=ref)
        await self.expect("pong", ref=ref)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"unexpected: {await self.next(seconds)}")

    async def hello(self, cursor: int | None = None, ticks: int | None = None, attempt: int | None = None) -> dict:
        await self.say("hello", cursor=cursor, ticks=ticks, attempt=attempt)
        return await self.expect("welcome")

    async def send(self, to: str, body: str, id: str | None = None, after: str | None = None) -> dict:
        """Sends and waits for `sent`."""
        id = id or fresh("m")
        await self.say("send", id=id, to=to, body=body, after=after)
        return await self.expect("sent", id=id, to=to)

    async def error(self, code: str, **fields) -> dict:
        return await self.expect("error", code=code, **fields)

    async def closed(self) -> int | None:
        """The close code, once the server has closed; None when the connection was cut."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.next()
                except Closed as closed:
                    return closed.code

    async def close(self):
        await self.socket.close()


def _closed(error: websockets.ConnectionClosed) -> Closed:
    return Closed(error.rcvd.code, error.rcvd.reason) if error.rcvd else Closed(None, "")


def _name(field: str) -> str:
    return field.rstrip("_")


def _compare(frame: dict, fields: dict):
    for name, value in fields.items():
        assert frame.get(_name(name)) == value, f"{_name(name)} should be {value!r} in {frame}"


async def open_socket(cluster: Cluster, token: str | None, encoding: str = "json", gateway: int = 0, **options):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    options.setdefault("ssl", cluster.ssl)
    return await connect(
        cluster.url(gateway), subprotocols=[f"fantail.{encoding}.v1"], additional_headers=headers, compression=None,
        max_size=524_288, max_queue=None, ping_interval=None, proxy=None, open_timeout=PATIENCE, **options)


@contextlib.asynccontextmanager
async def client(cluster: Cluster, user: str, device: str | None = None, encoding: str = "json", gateway: int = 0, token=None):
    """A connection that has not said hello."""
    socket = await open_socket(cluster, token or cluster.token(user, device), encoding, gateway)
    try:
        yield Client(socket, encoding)
    finally:
        await socket.close()


@contextlib.asynccontextmanager
async def greeted(cluster: Cluster, user: str, device: str | None = None, cursor=None, ticks=None, **options):
    """A connection behind its welcome, which is its attribute `welcome`."""
    async with client(cluster, user, device, **options) as connection:
        connection.welcome = await connection.hello(cursor, ticks)
        yield connection
