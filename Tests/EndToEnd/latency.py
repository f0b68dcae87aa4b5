"""How long a message takes from send to `sent` at window 1, beside the disk's own fdatasync. A measurement, not a test.

    deploy/run.sh --detach
    .build/venv/bin/python3 Tests/EndToEnd/latency.py [HOME]        HOME: the cluster's folder, default .fantail

The client's own time (Python, JSON, two loopback hops) is in the figure. `deploy/test.sh --only e2e` makes the venv.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import websockets

MESSAGES = 1_500
SYNCS = 500
ROOT = Path(__file__).resolve().parents[2]


def report(name: str, seconds: list[float]):
    seconds.sort()
    p50, p99 = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    print(f"{name:12} p50 {p50 * 1e6:7.0f} us   p99 {p99 * 1e6:7.0f} us")


async def connect(home: str, user: str, port: int):
    fantail = ROOT / ".build/release/fantail"
    token = subprocess.check_output([fantail, "token", user, "--home", home], text=True).strip()
    headers = {"Authorization": f"Bearer {token}"}
    socket = await websockets.connect(f"ws://127.0.0.1:{port}/v1/ws", additional_headers=headers, compression=None)
    await socket.send('{"type":"hello"}')
    while json.loads(await socket.recv())["type"] != "welcome":
        pass
    return socket


async def acknowledge(socket):
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "message":
            await socket.send(json.dumps({"type": "ack", "n": frame["n"]}))


async def send_to_sent(home: str) -> list[float]:
    author, reader = await connect(home, "latency-a", 8080), await connect(home, "latency-b", 8081)
    reading = asyncio.create_task(acknowledge(reader))
    taken = []
    for index in range(MESSAGES):
        frame = json.dumps({"type": "send", "id": f"{time.time_ns()}-{index}", "to": "latency-b", "body": "x" * 100})
        began = time.perf_counter()
        await author.send(frame)
        while json.loads(await author.recv())["type"] != "sent":
            pass
        taken.append(time.perf_counter() - began)
    reading.cancel()
    await author.close()
    await reader.close()
    return taken


def syncs(home: str) -> list[float]:
    taken = []
    with tempfile.TemporaryFile(dir=home) as file:
        for index in range(SYNCS):
            os.pwrite(file.fileno(), b"x" * 300, index * 300)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / ".fantail")
    report("send to sent", asyncio.run(send_to_sent(where)))
    report("fdatasync", syncs(where))
