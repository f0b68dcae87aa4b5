"""Last seen, watching, privacy and blocks, seen by a client that was written from docs/protocol.md."""

import asyncio
import time

import pytest

from client import Client, fresh, greeted
from cluster import PATIENCE, SMALL, Cluster


async def ask(client: Client, *users: str) -> list[dict]:
    """The lines about these people, in their order."""
    ref = fresh("p")
    await client.say("presence", ref=ref, users=list(users))
    return (await client.until("presence", ref=ref))["users"]


async def becomes(client: Client, user: str, is_wanted) -> dict:
    """Asks until the line about `user` is as wanted: acts of people travel a moment."""
    async with asyncio.timeout(PATIENCE):
        while True:
            (line,) = await ask(client, user)
            if is_wanted(line):
                return line
            await asyncio.sleep(0.1)


async def pushed(client: Client, user: str, **fields) -> dict:
    """The first push about `user` with these fields."""
    async with asyncio.timeout(PATIENCE):
        while True:
            frame = await client.next()
            if frame["type"] != "presence" or "ref" in frame:
                continue
            for line in frame["users"]:
                if line["user"] == user and all(line.get(name) == value for name, value in fields.items()):
                    return line


async def watch(client: Client, *users: str) -> list[dict]:
    ref = fresh("w")
    await client.say("presence.watch", ref=ref, users=list(users))
    return (await client.until("presence", ref=ref))["users"]


async def change(client: Client, **fields) -> dict:
    """Changes settings and waits for the answer."""
    ref = fresh("s")
    await client.say("settings", ref=ref, **fields)
    return await client.until("settings", ref=ref)


async def block(client: Client, user: str, on: bool) -> dict:
    ref = fresh("b")
    await client.say("block", ref=ref, user=user, on=on)
    return await client.until("settings", ref=ref)


def now() -> int:
    return time.time_ns() // 1000


async def test_a_person_moves_last_seen_and_an_app_does_not(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        async with greeted(cluster, bob, encoding=encoding) as b:
            # What the app does by itself: hello, pings, acks, repeats.
            await b.say("ping", ref="p")
            await b.expect("pong", ref="p")
            await b.say("send", id=fresh("m"), to=ana, body="x", auto=True)
            await b.expect("sent")
            await asyncio.sleep(0.6)
            assert await ask(a, bob) == [{"user": bob, "online": False}]
            before = now()
            await b.send(ana, "a person wrote this")
            line = await becomes(a, bob, lambda line: "last" in line)
            assert not line["online"], "no app of theirs is in front"
            assert before - 1_000_000 < line["last"] <= now() + 1_000_000


async def test_online_while_the_app_is_in_front(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        async with greeted(cluster, bob, encoding=encoding) as b:
            await b.say("active", on=True)
            await becomes(a, bob, lambda line: line["online"])
            await b.say("active", on=False)
            await becomes(a, bob, lambda line: not line["online"])
            await b.say("active", on=True)
            await becomes(a, bob, lambda line: line["online"])
        line = await becomes(a, bob, lambda line: not line["online"])
        assert line["last"] <= now() + 1_000_000


async def test_whoever_does_nothing_for_the_threshold_is_away(home):
    with Cluster(home, SMALL, settings=("presence online-ms=2000",)) as cluster:
        async with greeted(cluster, "ana") as a, greeted(cluster, "bob") as b:
            await b.say("active", on=True)
            await becomes(a, "bob", lambda line: line["online"])
            assert await watch(a, "bob")
            began = time.monotonic()
            await pushed(a, "bob", online=False)
            assert 1 < time.monotonic() - began < 10


async def test_a_watcher_is_told_of_every_coming_and_going(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        assert await watch(a, bob, bob) == [{"user": bob, "online": False}]
        async with greeted(cluster, bob, encoding=encoding) as b:
            await b.say("active", on=True)
            await pushed(a, bob, online=True)
        assert "last" in await pushed(a, bob, online=False)
        # An empty list ends it.
        assert await watch(a) == []
        async with greeted(cluster, bob) as b:
            await b.send(ana, "here")
            await a.until("message")
            await asyncio.sleep(1.5)
            await a.quiet()


async def test_one_person_is_news_once_a_second_at_most(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
        await watch(a, bob)
        began = time.monotonic()
        for round in range(40):
            await b.say("active", on=round % 2 == 0)
            await asyncio.sleep(0.05)
        await b.say("active", on=True)
        await asyncio.sleep(2.5)
        seconds = time.monotonic() - began
        lines = []
        with pytest.raises(TimeoutError):
            while True:
                lines += (await a.next(0.2))["users"]
        assert lines[-1]["online"], "the newest state is told"
        assert 1 <= len(lines) <= seconds + 1


async def test_a_privacy_flip_in_the_middle_of_a_watch(cluster, encoding):
    ana, bob, cem = fresh("ana"), fresh("bob"), fresh("cem")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, cem) as c, greeted(cluster, bob, encoding=encoding) as b:
        await b.say("active", on=True)
        await becomes(a, bob, lambda line: line["online"])
        await watch(a, bob)
        answer = await change(b, last_seen="nobody", **{"except": [cem]})
        assert (answer["last_seen"], answer["except"], answer["rev"]) == ("nobody", [cem], 1)
        assert await pushed(a, bob, online=False) == {"user": bob, "online": False}
        # The answer came: from now on nobody but cem sees anything, and bob sees nobody but cem.
        assert await ask(a, bob) == [{"user": bob, "online": False}]
        assert (await ask(c, bob))[0]["online"]
        await a.send(bob, "x")
        await c.send(bob, "x")
        await becomes(b, cem, lambda line: "last" in line)
        assert (await ask(b, ana)) == [{"user": ana, "online": False}]
        # To and fro: nothing of it leaks to ana.
        await b.say("active", on=False)
        await b.say("active", on=True)
        await asyncio.sleep(1.5)
        await a.quiet()
        await change(b, last_seen="everyone", **{"except": []})
        await pushed(a, bob, online=True)


async def test_settings_hold_on_all_devices_and_after_a_restart(home):
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, "ana", "phone") as phone, greeted(cluster, "ana", "laptop") as laptop:
            changed = await change(phone, read_receipts=False)
            assert changed | {"ref": None} == {
                "type": "settings", "ref": None, "last_seen": "everyone", "except": [], "read_receipts": False, "blocked": [], "rev": 1}
            shown = await laptop.until("settings")
            assert "ref" not in shown and shown["rev"] == 1
            assert (await block(laptop, "eve", True))["blocked"] == ["eve"]
            assert (await phone.until("settings"))["rev"] == 2
            # The same again is no change, and nobody is told.
            assert (await block(laptop, "eve", True))["rev"] == 2
            await phone.quiet()
        for name in list(cluster.nodes):
            await asyncio.to_thread(cluster.kill, name)
            cluster.start(name)
        await asyncio.to_thread(cluster.wait_ready)
        async with greeted(cluster, "ana", "phone") as phone:
            answer = await change(phone)
            assert (answer["read_receipts"], answer["blocked"], answer["rev"]) == (False, ["eve"], 2)


async def test_who_is_blocked_gets_one_tick_and_no_more(cluster, encoding):
    ana, eve = fresh("ana"), fresh("eve")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, eve, encoding=encoding) as e:
        await a.say("active", on=True)
        await becomes(e, ana, lambda line: line["online"])
        await watch(e, ana)
        await block(a, eve, True)
        await pushed(e, ana, online=False)
        stamp = (await e.send(ana, "you will not read this"))["at"]
        assert abs(stamp - now()) < 60_000_000
        await e.send(ana, "nor this")
        assert await ask(e, ana) == [{"user": ana, "online": False}]
        assert await ask(a, eve) == [{"user": eve, "online": False}]
        await a.quiet()
        await e.quiet(1)
        await block(a, eve, False)
        # She is watched again, so news of her may come before the tick.
        id = fresh("m")
        await e.say("send", id=id, to=ana, body="but this")
        await e.until("sent", id=id)
        message = await a.until("message", body="but this")
        assert message["n"] == 1, "nothing was stored in between"


async def test_read_receipts_off_hides_both_ways_and_delivered_comes(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob, encoding=encoding) as b:
        await change(b, read_receipts=False)

        async def exchange(author, reader, name, other):
            await author.send(name, "x")
            message = await reader.until("message", from_=other)
            await reader.say("ack", n=message["n"])
            await author.until("delivered", with_=name)
            await reader.say("read", with_=other, at=message["at"])
            await reader.until("noted", with_=other, at=message["at"])

        await exchange(a, b, bob, ana)
        await a.quiet(0.7)
        await exchange(b, a, ana, bob)
        await b.quiet(0.7)
        await change(b, read_receipts=True)
        await exchange(a, b, bob, ana)
        await a.until("read", with_=bob)


async def test_bad_questions_have_typed_answers(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        names = [f"nobody-{number}" for number in range(10_000)]
        await a.say("presence", ref="r1", users=names)
        await a.error("too_many_users", ref="r1")
        await a.say("presence.watch", ref="r2", users=names)
        await a.error("too_many_users", ref="r2")
        await a.say("presence.watch", ref="r3", users=names[:65])
        await a.error("too_many_users", ref="r3")
        await a.say("settings", ref="r4", **{"except": names[:257]})
        await a.error("too_many_users", ref="r4")
        await a.say("presence", ref="r5", users=[])
        await a.error("bad_field", ref="r5")
        await a.say("presence", ref="r6", users=["g:team"])
        await a.error("bad_field", ref="r6")
        await a.say("block", ref="r7", user=ana, on=True)
        await a.error("to_self", ref="r7")
        assert len(await ask(a, *names[:256])) == 256
        assert len(await watch(a, *names[:64])) == 64
        # Oneself is answered, also by who hides.
        await a.say("active", on=True)
        await change(a, last_seen="nobody")
        await becomes(a, ana, lambda line: line["online"])
        assert await ask(a, bob) == [{"user": bob, "online": False}]


async def test_a_watcher_that_never_reads_holds_up_nobody(cluster):
    ana, bob, cem = fresh("ana"), fresh("bob"), fresh("cem")
    async with greeted(cluster, cem) as deaf:
        await deaf.say("presence.watch", users=[bob])
        deaf.socket.transport.pause_reading()
        async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
            await watch(a, bob)
            for _ in range(3):
                await b.say("active", on=True)
                await pushed(a, bob, online=True)
                await b.say("active", on=False)
                await pushed(a, bob, online=False)
        deaf.socket.transport.resume_reading()


async def test_last_seen_is_killed_and_comes_back(home):
    with Cluster(home, SMALL) as cluster:
        async with greeted(cluster, "ana") as a, greeted(cluster, "bob") as b:
            await b.send("ana", "x")
            line = await becomes(a, "bob", lambda line: "last" in line)
            await asyncio.sleep(6)
            await asyncio.to_thread(cluster.kill, "last-seen-1")
            # Messages do not notice; a question is told to come again.
            await b.send("ana", "y")
            await a.say("presence", ref="gone", users=["bob"])
            await a.until("error", code="unavailable", ref="gone")
            cluster.start("last-seen-1")
            await asyncio.to_thread(cluster.wait_ready)
            again = await becomes(a, "bob", lambda line: "last" in line)
            assert again["last"] >= line["last"], "what was stored is known again"
            await watch(a, "bob")
            await b.say("active", on=True)
            await pushed(a, "bob", online=True)


async def test_a_dead_gateway_is_one_batch(home):
    with Cluster(home, SMALL | {"gateway": 2}) as cluster:
        people = [f"user-{number}" for number in range(50)]
        connections = [greeted(cluster, user, gateway=0) for user in people]
        clients = [await connection.__aenter__() for connection in connections]
        for client in clients:
            await client.say("active", on=True)
        async with greeted(cluster, "ana", gateway=1) as a:
            await becomes(a, people[-1], lambda line: line["online"])
            last_seen = cluster.nodes["last-seen-1"]
            assert last_seen.figure("fantail_last_seen_users_online") == 50
            batches = last_seen.figure("fantail_last_seen_departure_batches_total")
            await asyncio.to_thread(cluster.kill, "gateway-1")
            await becomes(a, people[-1], lambda line: not line["online"])
            assert last_seen.figure("fantail_last_seen_users_online") == 0
            assert last_seen.figure("fantail_last_seen_departure_batches_total") == batches + 1
        for connection in connections:
            await connection.__aexit__(None, None, None)
