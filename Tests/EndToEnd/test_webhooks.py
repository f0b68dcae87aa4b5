"""Webhooks: a product's backend is told, signed, until it says yes; as docs/webhooks.md has it."""

import asyncio
import ssl
import subprocess

import pytest

from backend import Backend, Receiver, patiently
from client import fresh, greeted
from cluster import BIN, SMALL, Cluster, _ports
from papers import Authority


def hooked(home, receiver, more="events=offline,stored,delivered,read tries=6 retry-ms=50"):
    return Cluster(
        home, counts={**SMALL, "api": 1}, settings=(f"webhooks http://127.0.0.1:{receiver.port}/hook {more}",))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A receiver and a cluster that tells it."""
    receiver = Receiver("")
    cluster = hooked(tmp_path_factory.mktemp("hooks") / "cluster", receiver)
    receiver.key = cluster.webhook_key
    with receiver, cluster:
        yield receiver, cluster, Backend(cluster)


async def test_who_is_away_is_told_of_and_who_is_here_is_not(stage):
    receiver, cluster, backend = stage
    away, here, id = fresh("away"), fresh("here"), fresh("m")
    text = "Grüße \U0001F41F \"quoted\"\n" + "x" * 5_000
    async with greeted(cluster, here) as h:
        backend.post("/v1/messages", to=here, id=fresh("m"), body="seen")
        await h.until("message")
        sent = backend.post("/v1/messages", to=away, id=id, body=text).json
        event = patiently(lambda: receiver.find(type="message.offline", user=away), "the event")[0]
        assert (event["from"], event["chat"], event["message"], event["at"]) == ("system", "system", id, sent["at"])
        assert event["cut"] and text.startswith(event["body"]) and len(event["body"].encode()) == 4_096
        # Events of one shard are told in turn, so the other one's would have come.
        patiently(lambda: receiver.find(type="message.stored", user=here), "the other event")
        assert not receiver.find(type="message.offline", user=here)


async def test_ticks_are_told(stage):
    receiver, cluster, backend = stage
    bob = fresh("bob")
    sent = backend.post("/v1/messages", to=bob, id="m", body="read me").json
    async with greeted(cluster, bob) as b:
        message = await b.until("message")
        await b.say("ack", n=message["n"])
        event = patiently(lambda: receiver.find(type="message.delivered", chat=bob), "delivered")[0]
        assert (event["from"], event["user"], event["at"]) == ("system", bob, sent["at"])
        await b.say("read", with_="system", at=sent["at"])
        patiently(lambda: receiver.find(type="message.read", chat=bob, at=sent["at"]), "read")


async def test_members_of_a_group_who_are_away_are_told_of(stage):
    receiver, cluster, backend = stage
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana):
        group = backend.post("/v1/groups", id=fresh("g"), title="t", users=[ana, bob]).json["group"]
        id = fresh("m")
        assert backend.post("/v1/messages", to=group, id=id, body="all").status == 200
        event = patiently(lambda: receiver.find(type="message.offline", user=bob, message=id), "the member's event")[0]
        assert (event["chat"], event["from"], event["body"]) == (group, "system", "all")
        assert not receiver.find(type="message.offline", user=ana)


async def test_what_went_into_a_dead_connection_is_told_when_it_ends(stage):
    receiver, cluster, backend = stage
    bob = fresh("bob")
    async with greeted(cluster, bob) as b:
        backend.post("/v1/messages", to=bob, id="m", body="never acknowledged")
        await b.until("message")
        assert not receiver.find(user=bob, type="inbox.waiting")
    event = patiently(lambda: receiver.find(user=bob, type="inbox.waiting"), "the event")[0]
    assert event["count"] == 1


def test_a_no_is_tried_again(stage):
    receiver, cluster, backend = stage
    bob = fresh("bob")
    receiver.refuse, before = 500, receiver.tries
    backend.post("/v1/messages", to=bob, id="m", body="x")
    patiently(lambda: receiver.tries > before + 2, "some tries")
    receiver.refuse = None
    events = patiently(lambda: receiver.find(type="message.offline", user=bob), "the event")
    assert len({event["id"] for event in events}) == 1


def test_what_waits_survives_a_kill(home):
    with Receiver("") as receiver:
        cluster = hooked(home, receiver, "events=offline tries=40 retry-ms=200")
        receiver.key = cluster.webhook_key
        receiver.refuse = 503
        with cluster:
            backend = Backend(cluster)
            users = [fresh("away") for _ in range(20)]
            for user in users:
                assert backend.post("/v1/messages", to=user, id="m", body="x").status == 200
            patiently(lambda: cluster.figure("api", "fantail_api_hooks_waiting") == 20, "all of them in the queue")
            # And what a shard has not handed over waits there while no api node is up.
            cluster.kill("api-1")
            late = fresh("late")

            async def write():
                async with greeted(cluster, fresh("ana")) as a:
                    await a.say("send", id="m", to=late, body="x")
                    await a.until("sent")

            asyncio.run(write())
            receiver.refuse = None
            cluster.start("api-1")
            cluster.wait_ready()
            for user in [*users, late]:
                patiently(lambda: receiver.find(type="message.offline", user=user), f"the event of {user}")
            patiently(lambda: cluster.figure("api", "fantail_api_hooks_waiting") == 0, "an empty queue")


def test_after_the_last_try_it_is_a_dead_letter(home):
    with Receiver("") as receiver:
        cluster = hooked(home, receiver, "tries=3 retry-ms=10")
        receiver.key = cluster.webhook_key
        receiver.refuse = 410
        with cluster:
            backend = Backend(cluster)
            bob, cem = fresh("bob"), fresh("cem")
            for user in (bob, cem):
                backend.post("/v1/messages", to=user, id="m", body="dead")
            patiently(lambda: cluster.figure("api", "fantail_api_hooks_dead") == 2, "two dead letters")
            assert receiver.tries == 6
            dead = backend.get("/v1/webhooks/dead").json
            assert {letter["event"]["user"] for letter in dead["dead"]} == {bob, cem} and not dead["more"]
            assert all(letter["tries"] == 3 and letter["error"] == "status 410" for letter in dead["dead"])
            # They stay over a restart.
            cluster.kill("api-1")
            cluster.start("api-1")
            cluster.wait_ready()
            assert len(patiently(lambda: backend.get("/v1/webhooks/dead").json.get("dead"), "the letters")) == 2
            first, second = (letter["number"] for letter in dead["dead"])
            receiver.refuse = None
            assert backend.ask("POST", f"/v1/webhooks/dead/{first}/retry").status == 200
            patiently(lambda: receiver.events, "the letter that was tried again")
            assert backend.ask("DELETE", f"/v1/webhooks/dead/{second}").status == 200
            assert backend.ask("DELETE", f"/v1/webhooks/dead/{second}").status == 404
            assert backend.get("/v1/webhooks/dead").json["dead"] == []


def test_nobody_listens_and_the_cluster_goes_on(home):
    with Cluster(home, counts={**SMALL, "api": 1}, settings=(f"webhooks http://127.0.0.1:{_ports()}/ retry-ms=10 tries=2",)) as cluster:
        backend = Backend(cluster)
        for number in range(50):
            assert backend.post("/v1/messages", to=fresh("bob"), id=str(number), body="x").status == 200
        patiently(lambda: cluster.figure("api", "fantail_api_hooks_dead") == 50, "fifty dead letters")
        assert backend.get("/v1/cluster").json["health"] == "up"


def secure(folder, authority: Authority, name: str) -> ssl.SSLContext:
    authority.issue(name).install(folder / "receiver.crt", folder / "receiver.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "receiver.crt", folder / "receiver.key")
    return context


@pytest.mark.parametrize("name, is_believed", [("127.0.0.1", True), ("127.0.0.9", False)])
def test_a_receiver_with_tls_is_believed_by_its_certificate(home, tmp_path, name, is_believed):
    authority = Authority("the receiver's")
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    with Receiver("", tls=secure(tmp_path, authority, name)) as receiver:
        cluster = Cluster(
            home, counts={**SMALL, "api": 1}, settings=(f"webhooks https://127.0.0.1:{receiver.port}/hook tries=2 retry-ms=10",))
        receiver.key = cluster.webhook_key
        cluster.nodes["api-1"].options = ["--webhook-ca", str(tmp_path / "authority.pem")]
        with cluster:
            backend = Backend(cluster)
            backend.post("/v1/messages", to="bob", id="m", body="over TLS")
            if is_believed:
                patiently(lambda: receiver.find(type="message.offline", user="bob"), "the event")
            else:
                patiently(lambda: cluster.figure("api", "fantail_api_hooks_dead") == 1, "a dead letter")
                assert "certificate" in backend.get("/v1/webhooks/dead").json["dead"][0]["error"]
                assert receiver.tries == 0


def test_without_any_authority_a_node_that_should_speak_tls_does_not_start(home):
    """As in a container image that has nothing but the executable."""
    cluster = Cluster(home, counts={**SMALL, "api": 1}, settings=("webhooks https://shop.example.org/hook",))
    run = subprocess.run(
        [BIN / "api", "--cluster", cluster.file, "--node", "api-1", "--data", cluster.data], capture_output=True, text=True, timeout=30,
        env={"SSL_CERT_FILE": str(home / "none.pem"), "SSL_CERT_DIR": str(home / "none")})
    assert run.returncode == 78 and "--webhook-ca" in run.stderr, run.stderr


def test_dead_letters_come_in_pages_that_fit(home):
    """Texts of control characters are six times as long in JSON."""
    with Receiver("") as receiver:
        cluster = hooked(home, receiver, "tries=1 retry-ms=10")
        receiver.key = cluster.webhook_key
        receiver.refuse = 500
        with cluster:
            backend = Backend(cluster)
            for number in range(30):
                assert backend.post("/v1/messages", to="bob", id=f"m{number}", body="\x01" * 4_096).status == 200
            patiently(lambda: cluster.figure("api", "fantail_api_hooks_dead") == 30, "thirty dead letters")
            numbers, pages, after = [], 0, 0
            while pages == 0 or page["more"]:
                answer = backend.get(f"/v1/webhooks/dead?after={after}")
                page, pages = answer.json, pages + 1
                assert len(answer.body) < 400_000 and page["dead"]
                numbers += [letter["number"] for letter in page["dead"]]
                after = numbers[-1]
            assert len(numbers) == 30 and numbers == sorted(set(numbers)) and pages > 1
            assert backend.get("/v1/webhooks/dead?after=%zz").json["reason"] == "bad_field"


async def test_a_group_that_the_product_made_has_its_ticks(stage):
    """Its owner is the system, which has no devices that could have got anything."""
    receiver, cluster, backend = stage
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
        group = backend.post("/v1/groups", id=fresh("g"), title="t", users=[ana, bob]).json["group"]
        await a.until("group.event")
        await a.say("send", to=group, id="m1", body="hello")
        message = await b.until("group.message", group=group)
        await b.say("ack", n=message["n"])
        patiently(lambda: receiver.find(type="message.delivered", chat=group, **{"from": ana}), "delivered")
        await b.say("read", with_=group, at=message["at"])
        patiently(lambda: receiver.find(type="message.read", chat=group, **{"from": ana}), "read")
        assert not receiver.find(user="system")
