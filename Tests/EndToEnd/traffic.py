"""Pairs that write to each other all the time, and the judge of what they saw."""

import asyncio
import time

from client import fresh
from cluster import Cluster
from reference_client import ReferenceClient

#: Letters under way from one client; more only makes retries longer.
WINDOW = 8
#: Until everything has arrived after the last fault. The protocol's own waits add up to some: ack repeats after 5, 10, 20 s.
SETTLE = 60.0


class Traffic:
    """`pairs` times two clients, half of them in each encoding; both of a pair write."""

    def __init__(self, cluster: Cluster, pairs: int = 10, pause: float = 0.02):
        self.clients: list[ReferenceClient] = []
        self.peer: dict[str, ReferenceClient] = {}
        self.written: dict[str, list[str]] = {}
        self.cluster = cluster
        self.pause = pause
        self.faults: list[str] = []
        self._writers: list[asyncio.Task] = []
        for i in range(pairs):
            a = ReferenceClient(cluster, fresh("a"), "json")
            b = ReferenceClient(cluster, fresh("b"), "binary" if i % 2 else "json")
            self.clients += [a, b]
            self.peer[a.user], self.peer[b.user] = b, a
        for one in self.clients:
            self.written[one.user] = []
            one.on_tick = lambda frame, one=one: self._on_tick(one, frame)

    async def __aenter__(self):
        for one in self.clients:
            one.start()
        self._writers = [asyncio.create_task(self._write(one)) for one in self.clients]
        return self

    async def __aexit__(self, *_):
        for task in self._writers:
            task.cancel()
        await asyncio.gather(*self._writers, *(one.stop() for one in self.clients), return_exceptions=True)

    async def _write(self, one: ReferenceClient):
        peer = self.peer[one.user]
        while True:
            await asyncio.sleep(self.pause * one.dice.uniform(0.5, 1.5))
            if len(one.outbox) < WINDOW:
                body = f"{one.user}/{len(self.written[one.user])}"
                self.written[one.user].append(body)
                one.write(peer.user, body)
            if one.dice.random() < 0.05:
                one.mark_read(peer.user)

    def _on_tick(self, one: ReferenceClient, frame: dict):
        """Honest ticks: not before the other side's word."""
        peer = self.peer[one.user]
        said = peer.acked if frame["type"] == "delivered" else peer.said_read
        if frame["at"] > said.get(one.user, 0):
            self.faults.append(f"{frame['type']} of {one.user} up to {frame['at']}, but {peer.user} said {said.get(one.user)}")

    @property
    def progress(self) -> int:
        return sum(len(one.shown) for one in self.clients)

    async def moves(self, count: int = 5, patience: float = 60.0):
        """Until every client has been shown that many more messages."""
        goals = {one.user: len(one.shown) + count for one in self.clients}
        deadline = time.monotonic() + patience
        while waiting := [one for one in self.clients if len(one.shown) < goals[one.user]]:
            assert time.monotonic() < deadline, f"no progress in {patience} s: {[self._state(one) for one in waiting]}"
            await asyncio.sleep(0.05)

    def _state(self, one: ReferenceClient) -> str:
        peer = self.peer[one.user]
        last = max((letter.at for letter in one.sent), default=0)
        return (f"{one.user}: connected {one.connection is not None}, visits {one.visits}, shown {len(one.shown)}, outbox {len(one.outbox)}, "
                f"reads {one.reads}, sent up to {last}, delivered {one.delivered}, read {one.read}, rev {one.revision}, faults {one.faults[:3]}; "
                f"{peer.user}: connected {peer.connection is not None}, visits {peer.visits}, shown {len(peer.shown)} of {len(self.written[one.user])}, "
                f"acked {peer.acked}, said read {peer.said_read}, faults {peer.faults[:3]}")

    async def settle(self):
        """Writes no more, and waits until everybody has everything and every tick."""
        for task in self._writers:
            task.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        deadline = time.monotonic() + SETTLE
        while waiting := [one for one in self.clients if not self._is_complete(one)]:
            assert time.monotonic() < deadline, f"not complete: {[self._state(one) for one in waiting]}"
            for one in self.clients:
                one.mark_read(self.peer[one.user].user)
            await asyncio.sleep(0.1)

    def _is_complete(self, one: ReferenceClient) -> bool:
        peer = self.peer[one.user]
        last = max((letter.at for letter in one.sent), default=0)
        written = len(self.written[one.user])
        # In an archive the author's own inbox has every message too, as a copy.
        copied = not self.cluster.is_archive or len(_entries(one, "copy")) >= written
        return (one.is_settled and len(_entries(peer, "message")) >= written and copied
                and one.delivered.get(peer.user, 0) >= last and one.read.get(peer.user, 0) >= last)

    def judge(self):
        """No loss, no duplicate on screen, order, honest ticks, nobody else."""
        for one in self.clients:
            peer = self.peer[one.user]
            received = _entries(peer, "message")
            bodies = [frame["body"] for frame in received]
            assert bodies == self.written[one.user], f"{one.user} to {peer.user}: " + _difference(self.written[one.user], bodies)
            copies = [frame["body"] for frame in _entries(one, "copy")]
            wanted = self.written[one.user] if self.cluster.is_archive else []
            assert copies == wanted, f"copies of {one.user}: " + _difference(wanted, copies)
            assert all(frame["from"] == one.user for frame in received)
            assert len(received) + len(_entries(peer, "copy")) == len(peer.shown), "nothing else was shown"
            stamps = [frame["at"] for frame in peer.shown]
            assert stamps == sorted(set(stamps)), "stamps of an inbox rise strictly"
            at = {frame["id"]: frame["at"] for frame in received}
            assert all(at[letter.id] == letter.at for letter in one.sent), "`sent` has the stamp of the message"
            assert not one.faults, f"{one.user}: {one.faults[:5]}"
        assert not self.faults, self.faults[:5]


def _entries(one: ReferenceClient, kind: str) -> list[dict]:
    return [frame for frame in one.shown if frame["type"] == kind]


def _difference(wanted: list, found: list) -> str:
    lost = [body for body in wanted if body not in set(found)]
    twice = sorted({body for body in found if found.count(body) > 1})
    strange = [body for body in found if body not in set(wanted)]
    return f"lost {lost[:5]} ({len(lost)}), twice {twice[:5]}, strange {strange[:5]}, or out of order"
