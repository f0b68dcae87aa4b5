"""What gives way when there is too much: levels held by hand, limits of single clients, and a real flood."""

import asyncio
import contextlib
import json
import time

import pytest
import websockets

from client import fresh, greeted, open_socket
from cluster import PATIENCE, SMALL, Cluster, within


def load(node) -> dict:
    status, body = node.get("/load")
    assert status == 200
    return json.loads(body)


def post(node, path: str, **headers) -> int:
    return node.page(path, "POST", **headers)[0]


def pin(node, level):
    assert post(node, f"/load?pin={level}", X_Fantail_Admin="test") == 200


async def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One process of each role, so that a test knows whose level it moves."""
    with Cluster(tmp_path_factory.mktemp("overload"), SMALL, is_shedding=True) as cluster:
        yield cluster


@contextlib.asynccontextmanager
async def held(cluster, name: str, level: int):
    """A level held at one node, until those who send to it have heard of it; and back again. The others are held at calm, whatever
    this machine does to them meanwhile."""
    parser = cluster.nodes["parser-1"]
    for node in cluster.nodes.values():
        pin(node, level if node.name == name else 0)
    await until(lambda: load(parser)["worst_level"] == level, f"the parser hears of level {level}")
    try:
        yield
    finally:
        pin(cluster.nodes[name], 0)
        await until(lambda: load(parser)["worst_level"] == 0, "the parser hears that it is over")
        for node in cluster.nodes.values():
            pin(node, "auto")


async def test_every_node_tells_its_load_and_nothing_is_given_up(small):
    for node in small.nodes.values():
        await until(lambda: load(node)["worst_level"] == 0, node.name)
        page = load(node)
        assert page["node"] == node.name and page["level"] == 0 and page["admit_permille"] == 1000 and page["pinned"] is False


async def test_a_level_is_held_by_a_post_with_our_header_only(small):
    node = small.nodes["session-1"]
    assert post(node, "/load?pin=4") == 403
    assert post(node, "/load?pin=9", X_Fantail_Admin="x") == 400
    assert post(node, "/load", X_Fantail_Admin="x") == 400
    assert post(node, "/metrics", X_Fantail_Admin="x") == 405
    assert load(node)["pinned"] is False
    async with held(small, "session-1", 2):
        assert load(node)["pinned"] is True and load(node)["level"] == 2
        assert node.figure("fantail_load_pinned") == 1 and node.figure("fantail_load_level") == 2


async def test_a_full_store_has_messages_refused_at_the_edge_with_a_time_to_come_back(small, encoding):
    ana, bob = fresh(), fresh()
    async with greeted(small, ana, encoding=encoding) as a, greeted(small, bob) as b:
        await a.send(bob, "before")
        await b.expect("message", n=1)
        appends = small.figure("persistence", "fantail_persistence_appends_total")
        async with held(small, "persistence-1", 4):
            # Who is behind the store hears it from the store, and the parser from them.
            assert load(small.nodes["session-1"])["level"] == 4
            id = fresh("m")
            await a.say("send", id=id, to=bob, body="during")
            error = await a.error("overloaded", ref=id)
            assert 500 <= error["retry_ms"] <= 1500
            # Acks and read marks are never refused.
            await b.say("ack", n=1)
            await b.say("read", with_=ana, at=a_stamp(await a.until("delivered", with_=bob)))
            await b.until("noted")
            assert small.figure("persistence", "fantail_persistence_appends_total") == appends
        await a.say("send", id=id, to=bob, body="during")
        await a.until("sent", id=id, to=bob)
        await b.until("message", body="during")


def a_stamp(frame: dict) -> int:
    return frame["at"]


async def test_who_could_send_nothing_is_not_let_in(small):
    async with held(small, "persistence-1", 4):
        with pytest.raises(websockets.InvalidStatus) as caught:
            await open_socket(small, small.token(fresh()))
        response = caught.value.response
        assert response.status_code == 503 and json.loads(response.body)["reason"] == "overloaded"
        assert 1 <= int(response.headers["Retry-After"]) <= 2
    async with greeted(small, fresh()):
        pass


async def test_typing_is_given_up_at_the_first_level_and_messages_go_on(small):
    ana, bob = fresh(), fresh()
    async with greeted(small, ana) as a, greeted(small, bob) as b:
        async with held(small, "session-1", 1):
            given_up = load(small.nodes["parser-1"])["typing_given_up"]
            await a.say("typing", to=bob, on=True)
            await a.send(bob, "after all")
            # The message went the same way behind it.
            await b.expect("message", n=1)
            assert load(small.nodes["parser-1"])["typing_given_up"] == given_up + 1
        await b.say("ack", n=1)
        await a.say("typing", to=bob, on=True)
        await b.expect("typing", **{"from": ana, "on": True})


async def test_delayed_receipts_are_fewer_and_none_is_lost(small):
    ana, bob = fresh(), fresh()
    async with greeted(small, ana) as a, greeted(small, bob) as b:
        async with held(small, "session-1", 3):
            before = small.figure("session", "fantail_session_receipts_stored_total")
            for number in range(1, 11):
                id = fresh("m")
                await a.say("send", id=id, to=bob, body=f"{number}")
                sent = await a.until("sent", id=id)
                await b.until("message", n=number)
                await b.say("ack", n=number)
            async with asyncio.timeout(PATIENCE):
                while (await a.until("delivered", with_=bob))["at"] < sent["at"]:
                    pass
            stored = small.figure("session", "fantail_session_receipts_stored_total") - before
            assert 1 <= stored < 10, f"{stored} receipts for 10 acknowledgements"
            page = load(small.nodes["session-1"])
            assert page["receipts_delayed"] >= 1 and page["receipts_merged"] >= 1


async def test_fantail_load_shows_and_holds_levels(small):
    from cluster import BIN

    async def fantail(*words: str):
        process = await asyncio.create_subprocess_exec(
            BIN / "fantail", "load", *words, "--cluster", str(small.file), stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        out, err = await within(PATIENCE, process.communicate())
        return process.returncode, out.decode(), err.decode()

    try:
        code, out, _ = await fantail("pin", "1", "last-seen-1")
        assert code == 0 and "typing given up, held by hand" in out
        code, out, _ = await fantail("pin", "3", "all")
        assert code == 0 and out.count("receipts wait, held by hand") == len(small.nodes)
    finally:
        code, out, _ = await fantail("auto", "all")
        assert code == 0
    for node in small.nodes.values():
        await until(lambda: load(node)["worst_level"] == 0, f"{node.name} is calm")
    code, out, _ = await fantail()
    assert code == 0 and "Everything is done at once." in out
    code, _, err = await fantail("pin", "5", "all")
    assert code == 64 and "0" in err and "4" in err
    code, _, err = await fantail("pin", "1", "nobody-1")
    assert code == 1 and "nobody-1" in err


async def test_a_node_that_is_started_again_is_told_what_holds(small):
    async with held(small, "persistence-1", 4):
        small.kill("parser-1")
        small.start("parser-1")
        small.wait_ready()
        await until(lambda: load(small.nodes["parser-1"])["worst_level"] == 4, "the new parser hears of it")


async def test_a_client_that_sends_too_much_is_told_and_the_rest_is_dropped(home):
    with Cluster(home, SMALL, settings=("limits frames=20 connects=0",)) as cluster:
        async with greeted(cluster, fresh()) as a, greeted(cluster, fresh()) as calm:
            for _ in range(200):
                await a.say("ping")
            error = await a.until("error", code="rate_limited")
            assert error["retry_ms"] == 1000 and "ref" not in error
            assert cluster.figure("gateway", "fantail_gateway_rate_limited_total") >= 100
            # Nobody else pays for it, and after a pause she is heard again.
            await calm.say("ping", ref="p")
            await calm.expect("pong", ref="p")
            await asyncio.sleep(1.2)
            await a.say("ping", ref="again")
            await a.until("pong", ref="again")


async def test_an_address_that_connects_too_often_is_told_when_to_come_back(home):
    with Cluster(home, SMALL, settings=("limits connects=1",)) as cluster:
        sockets, statuses = [], []
        for _ in range(12):
            try:
                sockets.append(await open_socket(cluster, cluster.token(fresh())))
            except websockets.InvalidStatus as refused:
                statuses.append((refused.response.status_code, json.loads(refused.response.body)["reason"]))
                assert int(refused.response.headers["Retry-After"]) >= 1
        assert len(sockets) >= 5 and statuses and set(statuses) == {(429, "too_many_connections")}
        for socket in sockets:
            await socket.close()


async def test_after_a_flood_of_messages_everything_is_calm_and_nothing_is_lost(small):
    """Several writers without a pause; whatever the levels do meanwhile, what was acknowledged arrives, and levels come back."""
    pairs = [(fresh(), fresh()) for _ in range(8)]
    count = 150

    async def write(a, to: str) -> set:
        ids = [fresh("m") for _ in range(count)]
        waiting = dict.fromkeys(ids)
        for id in ids:
            await a.say("send", id=id, to=to, body=id)
        async with asyncio.timeout(4 * PATIENCE):
            while waiting:
                frame = await a.next()
                if frame["type"] == "sent":
                    waiting.pop(frame["id"], None)
                elif frame["type"] == "error":
                    assert frame["code"] in ("overloaded", "rate_limited"), frame
                    await asyncio.sleep(frame["retry_ms"] / 1000)
                    for id in ([frame["ref"]] if "ref" in frame else list(waiting)):
                        await a.say("send", id=id, to=to, body=id)
        return set(ids)

    async def read(b) -> set:
        got, n = [], 0
        async with asyncio.timeout(4 * PATIENCE):
            while len(got) < count:
                frame = await b.next()
                if frame["type"] == "message" and frame["n"] == n + 1:
                    n = frame["n"]
                    got.append(frame["body"])
                    if n % 20 == 0 or n == count:
                        await b.say("ack", n=n)
        assert len(set(got)) == count, "twice on screen"
        return set(got)

    async with contextlib.AsyncExitStack() as stack:
        authors = [await stack.enter_async_context(greeted(small, a)) for a, _ in pairs]
        readers = [await stack.enter_async_context(greeted(small, b)) for _, b in pairs]
        results = await asyncio.gather(
            *(write(client, to) for client, (_, to) in zip(authors, pairs)), *(read(client) for client in readers))
        assert results[: len(pairs)] == results[len(pairs):]
    for node in small.nodes.values():
        await until(lambda: load(node)["worst_level"] == 0, f"{node.name} is calm again")
